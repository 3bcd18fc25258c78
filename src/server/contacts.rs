//! When each broker was last heard from, stamped by the connection that read its heartbeat before
//! the heartbeat waits in any queue: a controller that is busy never takes a broker for dead
//! (Kafka's `BrokerHeartbeatTracker`, KAFKA-15019).

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, PoisonError},
};

use crate::{
    protocol::{BrokerEpoch, NodeId},
    time::Time,
};

/// The stamps since they were last taken, the newest of each broker's lives.
#[derive(Debug, Default)]
pub struct Contacts {
    stamps: Mutex<BTreeMap<(NodeId, BrokerEpoch), Time>>,
}

/// More brokers than any cluster has; a caller that invents broker ids cannot grow the table further.
const MAX_STAMPS: usize = 100_000;

impl Contacts {
    pub fn stamp(&self, broker: NodeId, epoch: BrokerEpoch, at: Time) {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if stamps.len() < MAX_STAMPS || stamps.contains_key(&(broker, epoch)) {
            stamps.insert((broker, epoch), at);
        }
    }

    pub fn take(&self) -> BTreeMap<(NodeId, BrokerEpoch), Time> {
        mem::take(&mut *self.stamps.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
