//! What a node owes as time goes by: a leader that too few follow resigns, a silent broker is fenced, and
//! nobody wakes up again and again for nothing.

use std::collections::{BTreeMap, BTreeSet};

use kraftd::{
    protocol::{
        BrokerEpoch, Epoch, NodeId, Offset, OffsetAndEpoch, api::Request, records::MetadataRecord,
    },
    raft::Raft,
    time::Time,
};

use crate::{core::Core, leaving::Leaving, world::World};

/// A timer that fires more often in a second is not set anew.
const MAX_WAKES: u32 = 2_000;
/// Whoever asks the same voter for the same more often in a second is not made to wait, and waits not by itself.
const MAX_VAIN_FETCHES: u32 = 100;
/// A silent broker is fenced within two sessions and so many milliseconds, if the controller never stood
/// still meanwhile.
const SLACK_MS: u64 = 1_000;

/// Every request is answered within so many milliseconds, if the node never stood still meanwhile.
const MAX_ANSWER_MS: u64 = 10_000;

/// A leader that has committed nothing for so long, although there is something to commit, is cut off in a way that
/// it cannot see.
const MAX_COMMIT_MS: u64 = 2_000;

/// A log is summed up where its snapshots come at least so often.
const MAX_SUMMED_BYTES: usize = 10_000;
/// More than any batch has.
const LONG_BATCH_BYTES: usize = 20_000;

/// What was seen of one life of a node, by its own clock.
#[derive(Default)]
pub struct Watch {
    /// When a Fetch of each other voter last arrived.
    fetched: BTreeMap<NodeId, Time>,
    leads_since: Option<(Epoch, Time)>,
    /// Unless it was, it leads no second epoch without an input in between: the only voter leads on
    /// (KAFKA-16144).
    pub was_asked_to_resign: bool,
    /// Since when it is the active controller.
    pub active_since: Option<Time>,
    /// Since when it had inputs without a long pause.
    awake_since: Time,
    last_input: Time,
    /// When it last committed something, or had nothing to commit; what it has committed; and since when it
    /// could answer in time.
    committed_at: Time,
    committed: Offset,
    able_since: Time,
    /// Lives of brokers that it has ended, and not begun anew, while it is active.
    pub ended: BTreeSet<BrokerEpoch>,
    /// How often its timer fired in a second.
    wakes: (u64, u32),
    /// What it last asked each other voter for, and how often already.
    asked: BTreeMap<NodeId, (Asked, u32)>,
    pub leaving: Leaving,
}

/// What a Fetch asks for, in which second.
#[derive(Clone, Copy, PartialEq)]
struct Asked {
    second: u64,
    epoch: Epoch,
    from: OffsetAndEpoch,
    high_watermark: Offset,
}

impl World {
    /// A request has arrived.
    pub fn watch_request(&mut self, id: NodeId, from: NodeId, request: &Request) {
        if let Request::Fetch(_) | Request::FetchSnapshot(_) = request {
            let time = self.now;
            let node = self.node(id);
            let now = node.now(time).time;
            node.watch.fetched.insert(from, now);
        }
    }

    /// Its timer has fired.
    pub fn watch_wake(&mut self, id: NodeId) {
        let time = self.now;
        let node = self.node(id);
        let second = node.now(time).time.0 / 1_000_000;
        let (last, count) = node.watch.wakes;
        let count = if last == second { count + 1 } else { 1 };
        node.watch.wakes = (second, count);
        assert!(count <= MAX_WAKES, "node {id} wakes up all the time");
    }

    /// It asks another voter for more of the log, or again for what it did not get.
    pub fn watch_fetch(&mut self, id: NodeId, to: NodeId, request: &Request) {
        let Request::Fetch(fetch) = request else {
            return;
        };
        let partition = &fetch.topics[0].partitions[0];
        let time = self.now;
        let node = self.node(id);
        let asks = Asked {
            second: node.now(time).time.0 / 1_000_000,
            epoch: partition.current_leader_epoch,
            from: OffsetAndEpoch {
                epoch: partition.last_fetched_epoch,
                offset: partition.fetch_offset,
            },
            high_watermark: partition.high_watermark,
        };
        let (asked, times) = node.watch.asked.entry(to).or_insert((asks, 0));
        *times = if *asked == asks { *times + 1 } else { 1 };
        *asked = asks;
        assert!(
            *times <= MAX_VAIN_FETCHES,
            "node {id} asks {to} for the same all the time"
        );
    }

    /// The active controller ends the session, or the whole life, of a broker.
    pub fn watch_append(&mut self, id: NodeId, records: &[(Offset, MetadataRecord)]) {
        let node = self.nodes.get_mut(&id).expect("a node");
        for (_, record) in records {
            let ended = match record {
                // It may be silent again.
                MetadataRecord::BrokerRegistrationChange(change) if change.fenced == -1 => {
                    node.watch.ended.remove(&change.broker_epoch);
                    None
                }
                MetadataRecord::BrokerRegistrationChange(change) if change.fenced == 1 => {
                    Some(change.broker_epoch)
                }
                MetadataRecord::RegisterBroker(new) => {
                    let state = node.core.as_ref().and_then(Core::stable_state);
                    let known = state.and_then(|state| state.brokers.get(new.broker_id));
                    known.map(|known| known.epoch)
                }
                _ => None,
            };
            node.watch.ended.extend(ended);
        }
    }

    /// After every input.
    pub fn watch_input(&mut self, id: NodeId) {
        let (time, session_ms) = (self.now, self.plan.session_timeout_ms);
        let node = self.node(id);
        let (now, watch) = (node.now(time).time, &mut node.watch);
        // As much of a pause may be taken for one of our own, after which everyone has a new session.
        if now.ms_since(watch.last_input) * 8 > session_ms * 3 {
            watch.awake_since = now;
        }
        watch.last_input = now;
        let raft = node.core.as_ref().map(Core::raft);
        let end = raft.filter(|raft| raft.is_leader()).map(Raft::end_offset);
        if end.is_none_or(|end| node.committed >= end) || node.committed > watch.committed {
            watch.committed_at = now;
        }
        watch.committed = node.committed;
        // Whoever asks a leader that hears its followers and is not heard by them waits as long as that lasts.
        if now.ms_since(watch.committed_at) > MAX_COMMIT_MS {
            watch.able_since = now;
        }
        if let Some((asker, at)) = node.askers.values().next() {
            let waits_ms = now.ms_since(watch.awake_since.max(watch.able_since).max(*at));
            assert!(
                waits_ms <= MAX_ANSWER_MS,
                "{id} has not answered {} for {waits_ms} ms",
                asker.node
            );
        }
        let leads = node.raft().filter(|raft| raft.is_leader()).map(Raft::epoch);
        match leads {
            Some(epoch) => {
                let known = self.node(id).watch.leads_since;
                let before = known.map_or(epoch, |(before, _)| before);
                assert!(
                    before == epoch || self.node(id).watch.was_asked_to_resign,
                    "{id} led epoch {before} and leads {epoch}, and nobody asked it to resign"
                );
                let since = known.filter(|(known, _)| *known == epoch);
                let since = since.map_or(now, |(_, since)| since);
                self.node(id).watch.leads_since = Some((epoch, since));
                self.check_quorum(id, now, since);
                self.check_sessions(id, now);
            }
            None => self.node(id).watch.leads_since = None,
        }
    }

    /// The log does not grow for ever: in time there is a snapshot (KAFKA-14300). One long batch may call for it, and
    /// another come while it is written.
    pub fn check_log_length(&self, id: NodeId) {
        let (node, limit) = (&self.nodes[&id], self.plan.snapshot_bytes as usize);
        let Some(Core::Controller(controller)) = &node.core else {
            return;
        };
        if limit > MAX_SUMMED_BYTES || controller.stable_state().metadata_version().is_none() {
            return;
        }
        let newest = node
            .disk
            .newest_snapshot()
            .map_or(Offset(0), |id| id.offset);
        let since = node.batches_from(newest);
        let stable_end = controller.stable_end();
        let since = since.take_while(|batch| batch.end_offset() <= stable_end);
        let bytes: usize = since.map(|batch| batch.bytes().len()).sum();
        assert!(
            bytes < limit + 2 * LONG_BATCH_BYTES,
            "node {id} has written no snapshot since {newest}, {bytes} bytes ago"
        );
    }

    /// A leader that has not heard of a majority for one and a half fetch timeouts is none any more
    /// (KAFKA-15489).
    fn check_quorum(&self, id: NodeId, now: Time, since: Time) {
        let watch = &self.nodes[&id].watch;
        let others = self.nodes.keys().filter(|other| **other != id);
        let seen = others.map(|other| watch.fetched.get(other).map_or(since, |at| since.max(*at)));
        let mut seen: Vec<Time> = seen.collect();
        seen.sort_unstable_by(|a, b| b.cmp(a));
        let Some(needed) = seen.len().div_ceil(2).checked_sub(1) else {
            return;
        };
        let alone_ms = now.ms_since(seen[needed]);
        let limit_ms = self.plan.fetch_timeout_ms * 3 / 2;
        assert!(
            alone_ms <= limit_ms,
            "{id} still leads, and a majority was silent for {alone_ms} ms of {limit_ms}"
        );
    }

    /// The active controller fences whoever is silent for long (KAFKA-18138).
    fn check_sessions(&self, id: NodeId, now: Time) {
        let node = &self.nodes[&id];
        let (Some(active_since), Some(Core::Controller(controller))) =
            (node.watch.active_since, &node.core)
        else {
            return;
        };
        let begun = active_since.max(node.watch.awake_since);
        let limit_ms = 2 * self.plan.session_timeout_ms + SLACK_MS;
        let brokers = controller.stable_state().brokers.iter();
        for (broker, known) in brokers.filter(|(_, known)| !known.fenced) {
            let heard = node.heard.get(&(broker, known.epoch)).copied();
            let silent_ms = now.ms_since(heard.unwrap_or_default().max(begun));
            assert!(
                silent_ms <= limit_ms || node.watch.ended.contains(&known.epoch),
                "{id} has not fenced broker {broker}, which is silent for {silent_ms} ms"
            );
        }
    }
}
