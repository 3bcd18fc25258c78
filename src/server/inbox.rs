//! The one way to the controller thread: inputs in three lanes, so that an admin who creates ten
//! thousand topics delays neither the quorum nor the brokers' sessions.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    controller::{Caller, LogEvent, RequestId},
    protocol::{
        NodeId,
        api::{ApiKey, Request, Response},
    },
    raft::{self, SendError},
};

/// What can happen to a node.
pub enum Input {
    Request {
        caller: Caller,
        request: Request,
        reply: oneshot::Sender<Response>,
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

/// Served in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The quorum itself, and what keeps brokers alive.
    Quorum,
    /// Brokers at work.
    Broker,
    /// People and their tools.
    Admin,
}

impl Lane {
    fn of(input: &Input) -> Lane {
        match input {
            Input::Request { request, .. } => Lane::of_request(request.api_key()),
            _ => Lane::Quorum,
        }
    }

    pub fn of_request(api_key: ApiKey) -> Lane {
        match api_key {
            ApiKey::FETCH
            | ApiKey::FETCH_SNAPSHOT
            | ApiKey::VOTE
            | ApiKey::BEGIN_QUORUM_EPOCH
            | ApiKey::END_QUORUM_EPOCH
            | ApiKey::BROKER_HEARTBEAT => Lane::Quorum,
            ApiKey::BROKER_REGISTRATION
            | ApiKey::CONTROLLER_REGISTRATION
            | ApiKey::ALTER_PARTITION
            | ApiKey::ASSIGN_REPLICAS_TO_DIRS
            | ApiKey::ALLOCATE_PRODUCER_IDS
            | ApiKey::API_VERSIONS => Lane::Broker,
            _ => Lane::Admin,
        }
    }
}

/// What waits, in its lanes.
pub struct Lanes<T>([VecDeque<T>; 3]);

impl<T> Default for Lanes<T> {
    fn default() -> Lanes<T> {
        Lanes(Default::default())
    }
}

impl<T> Lanes<T> {
    pub fn push(&mut self, lane: Lane, input: T) {
        self.0[lane as usize].push_back(input);
    }

    pub fn pop(&mut self) -> Option<T> {
        self.0.iter_mut().find_map(VecDeque::pop_front)
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(VecDeque::is_empty)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
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
        self.lanes().push(Lane::of(&input), input);
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
