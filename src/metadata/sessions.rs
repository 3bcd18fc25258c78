//! Who is alive, as the active controller knows it: never written to the log, and begun anew by each new
//! leader (`BrokerHeartbeatManager`, `BrokerHeartbeatTracker`).

use std::collections::BTreeMap;

use super::State;
use crate::{
    protocol::{BrokerEpoch, NodeId, Offset},
    time::Time,
};

/// The leader's own, unreplicated knowledge of its brokers.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// When each broker's present life was last heard of.
    contacts: BTreeMap<(NodeId, BrokerEpoch), Time>,
    progress: BTreeMap<NodeId, Progress>,
    /// When sessions were last looked at: a long pause since then was ours, not the brokers'.
    last_check: Option<Time>,
}

/// How far a broker has come.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// Offset of the newest metadata it has applied.
    metadata_offset: Offset,
    /// Everyone must have seen this offset before the broker may end.
    controlled_shutdown_offset: Option<Offset>,
}

impl Sessions {
    /// What a new leader starts with: every broker that is not fenced gets a full session.
    pub fn activate(state: &State, now: Time) -> Sessions {
        let unfenced = state.brokers.iter().filter(|(_, broker)| !broker.fenced);
        Sessions {
            contacts: unfenced
                .map(|(id, broker)| ((id, broker.epoch), now))
                .collect(),
            progress: BTreeMap::new(),
            last_check: Some(now),
        }
    }

    /// A heartbeat arrived at `at`, whether or not it has been worked on yet.
    pub fn on_contact(&mut self, broker: NodeId, epoch: BrokerEpoch, at: Time) {
        let last = self.contacts.entry((broker, epoch)).or_insert(at);
        *last = (*last).max(at);
    }

    /// Whether this life of a broker was heard of within the session timeout.
    pub fn is_valid(&self, id: NodeId, epoch: BrokerEpoch, now: Time, timeout_ms: u64) -> bool {
        let last = self.contacts.get(&(id, epoch));
        last.is_some_and(|last| now.ms_since(*last) < timeout_ms)
    }

    /// Another life of a broker is about to begin, or none: how far the present one has come says nothing of that. Its
    /// session ends by itself when it is silent, in case its successor's records are refused.
    pub(super) fn begin_anew(&mut self, id: NodeId) {
        self.progress.remove(&id);
    }

    /// The broker that was silent longest, if for longer than `timeout_ms`. After a pause of this process
    /// itself everyone gets a full session first: the heartbeats of that time are still on their way to us.
    pub(super) fn expired(&mut self, now: Time, timeout_ms: u64) -> Option<(NodeId, BrokerEpoch)> {
        let last_check = self.last_check.replace(now).unwrap_or(now);
        if now.ms_since(last_check) > timeout_ms / 2 {
            self.contacts.values_mut().for_each(|last| *last = now);
        }
        let (session, last) = self.contacts.iter().min_by_key(|(_, last)| **last)?;
        (now.ms_since(*last) >= timeout_ms).then_some(*session)
    }

    /// Forgets this life of a broker.
    pub(super) fn end(&mut self, id: NodeId, epoch: BrokerEpoch) {
        self.contacts.remove(&(id, epoch));
    }

    /// A heartbeat told how far its broker has read.
    pub fn on_progress(&mut self, id: NodeId, metadata_offset: Offset, fenced: bool) {
        let fresh = Progress {
            metadata_offset,
            controlled_shutdown_offset: None,
        };
        let progress = self.progress.entry(id).or_insert(fresh);
        progress.metadata_offset = metadata_offset;
        if fenced {
            progress.controlled_shutdown_offset = None;
        }
    }

    /// The broker was fenced for its silence: if it comes back, it begins anew.
    pub(super) fn on_fenced(&mut self, id: NodeId) {
        if let Some(progress) = self.progress.get_mut(&id) {
            progress.controlled_shutdown_offset = None;
        }
    }

    /// Whether this leader has seen the broker ask for a controlled shutdown.
    pub(super) fn is_shutting_down(&self, id: NodeId) -> bool {
        let progress = self.progress.get(&id);
        progress.is_some_and(|progress| progress.controlled_shutdown_offset.is_some())
    }

    /// The broker is on its way out since this offset; later ones do not move it (KAFKA-14292).
    pub(super) fn on_controlled_shutdown(&mut self, id: NodeId, offset: Offset) {
        if let Some(progress) = self.progress.get_mut(&id) {
            progress.controlled_shutdown_offset.get_or_insert(offset);
        }
    }

    /// Whether every active broker has read what moved the leaders away from `id`.
    pub(super) fn all_know_of_shutdown(&self, state: &State, id: NodeId) -> bool {
        let shutdown = self
            .progress
            .get(&id)
            .and_then(|known| known.controlled_shutdown_offset);
        let Some(shutdown) = shutdown else {
            return false;
        };
        let mut active = state
            .brokers
            .iter()
            .filter(|(_, broker)| broker.is_active());
        active.all(|(id, _)| {
            self.progress
                .get(&id)
                .is_some_and(|known| known.metadata_offset >= shutdown)
        })
    }
}
