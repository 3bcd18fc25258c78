//! The one way to the controller thread: inputs in their lanes.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::underway::Share;
use crate::{
    controller::{Caller, Lane, Lanes, LogEvent, RequestId},
    protocol::{
        NodeId,
        api::{Request, Response},
    },
    raft::{self, SendError},
};

/// What can happen to a node.
pub enum Input {
    Request {
        caller: Caller,
        request: Request,
        reply: oneshot::Sender<Answer>,
    },
    Response {
        from: NodeId,
        id: RequestId,
        outcome: Result<Response, SendError>,
    },
    /// A controller closed the connection on which we fetch from it.
    Disconnected {
        peer: NodeId,
    },
    Log(LogEvent),
    /// Somebody wants to know how the quorum is doing.
    Status(oneshot::Sender<raft::Status>),
    /// Stop cleanly: hand leadership over, then end.
    Shutdown,
}

/// What goes back to who asked.
#[derive(Debug)]
pub struct Answer {
    pub response: Response,
    /// Of what is under way, if it is a part of the log or of a snapshot; given back when it has been sent.
    pub share: Option<Share>,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Answer {
        Answer {
            response,
            share: None,
        }
    }
}

impl Input {
    /// Whether something shall come of it: what brokers and people ask, or voters fetch, is for nobody when they have
    /// hung up. What voters and brokers say of themselves counts, also of one that has ended since.
    pub fn is_awaited(&self) -> bool {
        match self {
            Input::Request {
                request:
                    Request::Vote(_)
                    | Request::BeginQuorumEpoch(_)
                    | Request::EndQuorumEpoch(_)
                    | Request::BrokerHeartbeat(_),
                ..
            } => true,
            Input::Request { reply, .. } => !reply.is_closed(),
            Input::Status(reply) => !reply.is_closed(),
            Input::Response { .. } | Input::Disconnected { .. } => true,
            Input::Log(_) | Input::Shutdown => true,
        }
    }
}

/// Unbounded in itself: a connection has one request in flight, so there are never more inputs than
/// connections, peers and log jobs. Those that nobody waits for any more are dropped before there are many: while the
/// controller waits for the disk, clients may give up and come again as often as they like. (What voters and brokers say
/// of themselves is kept all the same: a node says it once an interval, and not for longer than its disk hangs.)
#[derive(Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    lanes: Lanes<Input>,
    /// As many waited, and were wanted, when they were last looked through.
    wanted: usize,
}

/// Fewer are not worth a look.
const FEW: usize = 64;

impl Inbox {
    pub fn push(&self, input: Input) {
        let lane = match &input {
            Input::Request { request, .. } => Lane::of_request(request.api_key()),
            _ => Lane::Quorum,
        };
        let mut waiting = self.waiting();
        waiting.lanes.push(lane, input);
        if waiting.lanes.len() > FEW.max(2 * waiting.wanted) {
            waiting.lanes.retain(Input::is_awaited);
            waiting.wanted = waiting.lanes.len();
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// The next input; `None` when `patience` ran out first (`None`: wait as long as it takes).
    pub fn next(&self, patience: Option<Duration>) -> Option<Input> {
        let idle = |waiting: &mut Waiting| waiting.lanes.is_empty();
        let waiting = self.waiting();
        let mut waiting = match patience {
            None => self
                .arrived
                .wait_while(waiting, idle)
                .unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let woken = self.arrived.wait_timeout_while(waiting, patience, idle);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        waiting.lanes.pop()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{protocol::messages::describe_cluster::DescribeClusterRequest, raft::Token};

    fn request() -> (Input, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let caller = Caller {
            token: Token(0),
            api_version: 0,
            listener_name: String::new(),
            received: Default::default(),
        };
        let request = DescribeClusterRequest::default().into();
        let input = Input::Request {
            caller,
            request,
            reply,
        };
        (input, answer)
    }

    #[test]
    fn what_nobody_waits_for_does_not_pile_up() {
        let inbox = Inbox::default();
        let mut waiting = Vec::new();
        for n in 0..100 * FEW {
            let (input, answer) = request();
            inbox.push(input);
            if n % 100 == 0 {
                waiting.push(answer);
            }
        }
        let left = inbox.waiting().lanes.len();
        assert!(left <= 3 * FEW, "{left}");
        let taken = std::iter::from_fn(|| inbox.next(Some(Duration::ZERO)));
        let wanted = taken
            .filter(|input| matches!(input, Input::Request { reply, .. } if !reply.is_closed()));
        assert_eq!(wanted.count(), waiting.len());
    }
}
