//! How far each replica has come, as its leader knows it, and what follows from that: the high
//! watermark, whether a majority is still there, who should succeed, what DescribeQuorum tells
//! (`org.apache.kafka.raft.LeaderState`).

use std::collections::BTreeMap;

use super::voters::{VoterSet, majority};
use crate::{
    protocol::{NodeId, Offset, ReplicaKey, Uuid},
    time::{Now, Time},
};

/// An observer that has not fetched for so long is forgotten.
const OBSERVER_SESSION_MS: u64 = 5 * 60 * 1000;
/// More observers than any cluster has brokers; ids beyond are served, but not listed.
const MAX_OBSERVERS: usize = 10_000;

/// One replica of the log, fetching from us.
#[derive(Clone, Debug, Default)]
pub(super) struct Replica {
    /// Everything below is durable there. `Offset::NONE` before its first Fetch.
    pub end: Offset,
    pub directory_id: Uuid,
    pub last_fetch: Option<Time>,
    /// Milliseconds since 1970, -1 for never.
    pub last_fetch_ms: i64,
    /// When it last had all that we had, in milliseconds since 1970; -1 for never.
    pub last_caught_up_ms: i64,
    /// Our log end at its last Fetch.
    leader_end: Offset,
    /// The last high watermark in an answer to it.
    pub told_high_watermark: Offset,
}

impl Replica {
    fn unseen() -> Replica {
        Replica {
            end: Offset::NONE,
            last_fetch_ms: -1,
            last_caught_up_ms: -1,
            leader_end: Offset::NONE,
            told_high_watermark: Offset::NONE,
            ..Replica::default()
        }
    }

    fn fetched(&mut self, now: Now, directory_id: Uuid, end: Offset, leader_end: Offset) {
        if end >= leader_end {
            self.last_caught_up_ms = now.wall_clock_ms;
        } else if self.last_fetch.is_some() && end >= self.leader_end {
            // It has by now what we had when it last asked.
            self.last_caught_up_ms = self.last_caught_up_ms.max(self.last_fetch_ms);
        }
        self.directory_id = directory_id;
        self.end = end;
        self.leader_end = leader_end;
        self.seen(now);
    }

    fn seen(&mut self, now: Now) {
        self.last_fetch = Some(now.time);
        self.last_fetch_ms = now.wall_clock_ms;
    }
}

/// All replicas of a leader but itself.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    voters: BTreeMap<NodeId, Replica>,
    observers: BTreeMap<ReplicaKey, Replica>,
    high_watermark: Option<Offset>,
    since: Time,
}

impl Progress {
    /// Of a leader elected just now: nothing is known of anybody.
    pub fn new(voters: &VoterSet, own: NodeId, now: Now) -> Progress {
        let others = voters.ids().filter(|id| *id != own);
        Progress {
            voters: others.map(|id| (id, Replica::unseen())).collect(),
            observers: BTreeMap::new(),
            high_watermark: None,
            since: now.time,
        }
    }

    pub fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    pub fn voters(&self) -> impl Iterator<Item = (NodeId, &Replica)> {
        self.voters.iter().map(|(id, replica)| (*id, replica))
    }

    pub fn observers(&self) -> impl Iterator<Item = (ReplicaKey, &Replica)> {
        self.observers.iter().map(|(key, replica)| (*key, replica))
    }

    /// The replica fetched from `end` on, so everything below is durable there. The directory of a voter
    /// is not compared: a static quorum (kraft.version 0) knows none.
    pub fn on_fetch(&mut self, now: Now, replica: ReplicaKey, end: Offset, leader_end: Offset) {
        if let Some(known) = self.replica_mut(now, replica) {
            known.fetched(now, replica.directory_id, end, leader_end);
        }
    }

    /// The replica fetched a piece of a snapshot, which counts as a sign of life.
    pub fn on_fetch_snapshot(&mut self, now: Now, voter: NodeId) {
        if let Some(replica) = self.voters.get_mut(&voter) {
            replica.seen(now);
        }
    }

    /// The last high watermark that the replica was told by us, if we keep track of it.
    pub fn told_high_watermark(&self, replica: ReplicaKey) -> Option<Offset> {
        let known = self.voters.get(&replica.id);
        let known = known.or_else(|| self.observers.get(&replica))?;
        Some(known.told_high_watermark)
    }

    pub fn tell_high_watermark(&mut self, replica: ReplicaKey) {
        let told = self.high_watermark.unwrap_or(Offset::NONE);
        if let Some(voter) = self.voters.get_mut(&replica.id) {
            voter.told_high_watermark = told;
        } else if let Some(observer) = self.observers.get_mut(&replica) {
            observer.told_high_watermark = told;
        }
    }

    fn replica_mut(&mut self, now: Now, key: ReplicaKey) -> Option<&mut Replica> {
        if self.voters.contains_key(&key.id) {
            return self.voters.get_mut(&key.id);
        }
        let known = self.observers.contains_key(&key);
        if !known && self.observers.len() >= MAX_OBSERVERS {
            self.forget_silent_observers(now.time);
        }
        if key.id.known().is_none() || (!known && self.observers.len() >= MAX_OBSERVERS) {
            return None;
        }
        Some(self.observers.entry(key).or_insert_with(Replica::unseen))
    }

    /// Drops observers whose session is over.
    pub fn forget_silent_observers(&mut self, now: Time) {
        self.observers.retain(|_, replica| {
            let last_fetch = replica.last_fetch;
            last_fetch.is_some_and(|at| now.ms_since(at) < OBSERVER_SESSION_MS)
        });
    }

    /// Raises the high watermark to what a majority has on disk, ourselves counted with `durable_end`,
    /// and says whether it rose.
    ///
    /// Only once the majority has a record of our own epoch: records of earlier epochs are committed by
    /// what follows them, never by counting (Raft, section 5.4.2; `LeaderState.maybeUpdateHighWatermark`).
    pub fn raise_high_watermark(&mut self, durable_end: Offset, epoch_start: Offset) -> bool {
        let mut ends: Vec<Offset> = self.voters.values().map(|replica| replica.end).collect();
        ends.push(durable_end);
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let on_a_majority = ends[majority(ends.len()) - 1];
        let risen = on_a_majority > epoch_start
            && self
                .high_watermark
                .is_none_or(|known| on_a_majority > known);
        if risen {
            self.high_watermark = Some(on_a_majority);
        }
        risen
    }

    /// When a majority of the voters will have been silent for `timeout_ms` (KAFKA-15489). `None` for
    /// the only voter, which needs nobody.
    pub fn quorum_lost_at(&self, timeout_ms: u64) -> Option<Time> {
        let mut seen: Vec<Time> = self
            .voters
            .values()
            .map(|replica| replica.last_fetch.unwrap_or(self.since))
            .collect();
        seen.sort_unstable_by(|a, b| b.cmp(a));
        // So many of the others make a majority with ourselves.
        let needed = majority(seen.len() + 1) - 1;
        let decisive = seen.get(needed.checked_sub(1)?)?;
        Some(decisive.plus_ms(timeout_ms))
    }

    /// The other voters, the most complete log first.
    pub fn successors(&self) -> Vec<ReplicaKey> {
        let mut voters: Vec<(NodeId, &Replica)> = self.voters().collect();
        voters.sort_by_key(|(_, replica)| std::cmp::Reverse(replica.end));
        let key = |(id, replica): (NodeId, &Replica)| ReplicaKey {
            id,
            directory_id: replica.directory_id,
        };
        voters.into_iter().map(key).collect()
    }
}
