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
enum Lane {
    /// The quorum itself, and what keeps brokers alive.
    Quorum,
    /// Brokers at work.
    Broker,
    /// People and their tools.
    Admin,
}

impl Lane {
    fn of(input: &Input) -> Lane {
        let Input::Request { request, .. } = input else {
            return Lane::Quorum;
        };
        match request.api_key() {
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

/// Unbounded in itself: a connection has one request in flight, so there are never more inputs than
/// connections, peers and log jobs.
#[derive(Default)]
pub struct Inbox {
    lanes: Mutex<[VecDeque<Input>; 3]>,
    arrived: Condvar,
}

impl Inbox {
    pub fn push(&self, input: Input) {
        let lane = Lane::of(&input);
        self.lanes()[lane as usize].push_back(input);
        self.arrived.notify_one();
    }

    /// The next input; `None` when `patience` ran out first (`None`: wait as long as it takes).
    pub fn next(&self, patience: Option<Duration>) -> Option<Input> {
        let idle = |lanes: &mut [VecDeque<Input>; 3]| lanes.iter().all(VecDeque::is_empty);
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
        lanes.iter_mut().find_map(VecDeque::pop_front)
    }

    fn lanes(&self) -> MutexGuard<'_, [VecDeque<Input>; 3]> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
