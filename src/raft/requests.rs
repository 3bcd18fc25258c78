//! What we have asked of whom: one request to each peer that the present role waits for, and a pause after each
//! failure (`org.apache.kafka.raft.RequestManager`).

use std::collections::BTreeMap;

use super::RequestId;
use crate::{
    protocol::NodeId,
    time::{Now, Time},
};

#[derive(Debug)]
pub(super) struct Requests {
    next_id: u64,
    peers: BTreeMap<NodeId, Peer>,
    retry_backoff_ms: u64,
    max_backoff_ms: u64,
}

#[derive(Debug, Default)]
struct Peer {
    /// The request that the present role waits for.
    in_flight: Option<RequestId>,
    retry_at: Time,
    failures: u32,
}

impl Requests {
    pub fn new(retry_backoff_ms: u64, max_backoff_ms: u64) -> Requests {
        Requests {
            next_id: 0,
            peers: BTreeMap::new(),
            retry_backoff_ms,
            max_backoff_ms,
        }
    }

    /// Whether the peer can be sent a request now.
    pub fn ready(&self, peer: NodeId, now: Time) -> bool {
        self.ready_at(peer).is_some_and(|at| at <= now)
    }

    /// When the peer can be sent a request; `None` while one is in flight.
    pub fn ready_at(&self, peer: NodeId) -> Option<Time> {
        match self.peers.get(&peer) {
            None => Some(Time::default()),
            Some(peer) => peer.in_flight.is_none().then_some(peer.retry_at),
        }
    }

    /// A request to the peer is on its way.
    pub fn sent(&mut self, peer: NodeId) -> RequestId {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.peers.entry(peer).or_default().in_flight = Some(id);
        id
    }

    /// The request came back. Says whether the present role still waits for it.
    pub fn finished(&mut self, peer: NodeId, id: RequestId) -> bool {
        let Some(peer) = self.peers.get_mut(&peer) else {
            return false;
        };
        let awaited = peer.in_flight == Some(id);
        if awaited {
            peer.in_flight = None;
        }
        awaited
    }

    /// The peer answered well.
    pub fn succeeded(&mut self, peer: NodeId) {
        self.peers.entry(peer).or_default().failures = 0;
    }

    /// The peer did not answer, or uselessly: it is left alone for a while, longer each time.
    pub fn back_off(&mut self, peer: NodeId, now: Now) {
        let peer = self.peers.entry(peer).or_default();
        let pause_ms = pause_ms(peer.failures, self.retry_backoff_ms, self.max_backoff_ms);
        peer.failures += 1;
        peer.retry_at = now.time.plus_ms(pause_ms);
    }

    /// What the peer was asked counts no more, and it may be asked at once.
    pub fn forget_one(&mut self, peer: NodeId) {
        self.peers.remove(&peer);
    }

    /// The role changed: it waits for nothing yet, and may ask everybody at once.
    pub fn forget(&mut self) {
        self.peers.clear();
    }
}

/// The pause after so many failures before: doubled each time, up to a limit.
pub(super) fn pause_ms(failures: u32, first_ms: u64, max_ms: u64) -> u64 {
    let doubled = first_ms.saturating_mul(1 << failures.min(20));
    doubled.min(max_ms.max(first_ms))
}
