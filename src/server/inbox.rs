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

/// Unbounded in itself: a connection has one request in flight, so there are never more inputs than
/// connections, peers and log jobs.
#[derive(Default)]
pub struct Inbox {
    lanes: Mutex<Lanes<Input>>,
    arrived: Condvar,
}

impl Inbox {
    pub fn push(&self, input: Input) {
        let lane = match &input {
            Input::Request { request, .. } => Lane::of_request(request.api_key()),
            _ => Lane::Quorum,
        };
        self.lanes().push(lane, input);
        self.arrived.notify_one();
    }

    /// The next input; `None` when `patience` ran out first (`None`: wait as long as it takes).
    pub fn next(&self, patience: Option<Duration>) -> Option<Input> {
        let idle = |lanes: &mut Lanes<Input>| lanes.is_empty();
        let lanes = self.lanes();
        let mut lanes = match patience {
            None => self
                .arrived
                .wait_while(lanes, idle)
                .unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let woken = self.arrived.wait_timeout_while(lanes, patience, idle);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        lanes.pop()
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<Input>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
