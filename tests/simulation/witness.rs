//! Looks at what a node has become and at what it writes, after every event, and shows the checker.

use kraftd::{
    protocol::{NodeId, Offset, api::Request, record_batch::RecordBatch, records::MetadataRecord},
    raft::Raft,
};

use crate::{
    bugs::PlantedBug,
    core::Core,
    coverage::Mark,
    node::Node,
    world::{Event, World},
};

/// Of so many moves of a node's state one is compared in full; of the others, what they touched.
const COMPARED_ONE_IN: u64 = 100;

impl World {
    /// Looks at what a node has become.
    pub fn observe(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a node");
        let Some(raft) = node.core.as_ref().map(Core::raft) else {
            return;
        };
        let (epoch, leads, end) = (raft.epoch(), raft.is_leader(), raft.end_offset());
        let role = raft.role().name();
        let (voted, amnesiac) = (raft.quorum_state().voted, raft.amnesia().is_some());
        assert_eq!(node.end(), end, "raft knows the log");
        if !self.plan.has(PlantedBug::VoteNotSaved) {
            let saved = node.disk.saved_quorum_state();
            assert_eq!(raft.quorum_state(), saved, "saved as it is");
        }
        let became_leader = leads && !node.was_leader;
        let became_amnesiac = amnesiac && !node.was_amnesiac;
        let recovered = !amnesiac && node.was_amnesiac;
        node.was_leader = leads;
        node.was_amnesiac = amnesiac;
        let resigned = role == "resigned" && node.was_role != "resigned";
        node.was_role = role;
        node.has_resigned |= resigned;
        let stable_end = node.core.as_ref().and_then(Core::stable_end);
        let stable_moved = stable_end > node.was_stable;
        node.was_stable = stable_end;
        let marks = [
            (became_amnesiac, Mark::Amnesiac),
            (recovered, Mark::Recovered),
            (resigned, Mark::Resigned),
            (became_leader, Mark::Elected),
        ];
        let reached = marks.into_iter().filter(|(reached, _)| *reached);
        reached.for_each(|(_, mark)| self.coverage.reach(mark));
        if stable_moved {
            self.compare_image(id);
        }
        if let Some(candidate) = voted {
            self.checker.on_vote(id, epoch, candidate);
        }
        if became_leader {
            self.checker.on_leader(&self.nodes[&id], epoch);
        }
        self.observe_high_watermark(id);
        self.note(end.0 as u64 ^ (epoch.0 as u64) << 32);
        if leads && self.plan.has(PlantedBug::OldEpochCommittedByCounting) {
            self.commit_by_counting(id);
        }
    }

    pub fn observe_high_watermark(&mut self, id: NodeId) {
        let node = self.node(id);
        let known = node.raft().and_then(Raft::high_watermark);
        let high_watermark = known.unwrap_or(Offset(0));
        if high_watermark > std::mem::replace(&mut node.committed, high_watermark) {
            self.on_high_watermark(id, high_watermark);
        }
    }

    /// The planted bug: takes whatever a majority has on disk for committed.
    fn commit_by_counting(&mut self, id: NodeId) {
        let ours = &self.nodes[&id];
        let common_end = |theirs: &Node| {
            let pairs = ours.batches().zip(theirs.disk.batches());
            let equal = pairs.take_while(|(a, b)| a.bytes() == b.bytes() && a.epoch() == b.epoch());
            let last = equal.last().map(|(batch, _)| batch.end_offset());
            last.map_or(Offset(0), |end| end.min(theirs.disk.synced_end()))
        };
        let mut ends: Vec<Offset> = self.nodes.values().map(common_end).collect();
        ends.sort_unstable();
        let on_a_majority = ends[(ends.len() - 1) / 2];
        if on_a_majority > self.checker.committed_end() {
            self.on_high_watermark(id, on_a_majority);
        }
    }

    fn on_high_watermark(&mut self, id: NodeId, high_watermark: Offset) {
        self.note(high_watermark.0 as u64);
        let node = &self.nodes[&id];
        if let Some(leader) = node.raft().filter(|raft| raft.is_leader()) {
            self.checker.on_count(node, leader.epoch(), high_watermark);
        }
        for batch in self
            .checker
            .on_high_watermark(node, high_watermark, &mut self.coverage)
        {
            let holds = |node: &&Node| node.may_have_lost(&batch) || node.holds(&batch);
            let holders = self.nodes.values().filter(holds).count();
            let mut nodes = self.nodes.values();
            if nodes.any(|node| node.disk.is_worn() && node.core.is_none()) {
                self.coverage.reach(Mark::CommittedBesideWornDisk);
            }
            assert!(
                holders > self.nodes.len() / 2,
                "{} is called committed, but only {holders} disks have it",
                batch.base_offset()
            );
        }
        if self.checker.committed_end() > self.healed_at {
            self.owes_commit = None;
        }
        let compared = high_watermark.min(self.checker.committed_end());
        self.node(id).compared = compared;
    }
    /// A node's state has moved: what it serves is what the log says.
    pub fn compare_image(&mut self, id: NodeId) {
        self.state_moves += 1;
        let in_full = self.state_moves.is_multiple_of(COMPARED_ONE_IN);
        let node = &self.nodes[&id];
        let Some(Core::Controller(controller)) = &node.core else {
            return;
        };
        let (ours, at) = (controller.stable_state(), controller.stable_end());
        if at == Offset(0) {
            return;
        }
        let since = node.agreed_at.filter(|_| !in_full);
        let agrees = self.checker.images.agrees(ours, since, at);
        assert_eq!(
            agrees,
            Some(true),
            "node {id} has another state at {at} than the log; it was equal at {since:?}"
        );
        self.coverage.reach(Mark::ImageCompared);
        self.node(id).agreed_at = Some(at);
    }

    /// An active controller writes something.
    pub fn look_at_records(&mut self, id: NodeId, batch: &RecordBatch) {
        let node = &self.nodes[&id];
        let (leads, is_active) = (
            node.raft().is_some_and(Raft::is_leader),
            node.watch.active_since.is_some(),
        );
        if self.plan.controllers && !batch.is_control() && (leads || is_active) {
            let records = batch.metadata_records().expect("our own records");
            // What lingers was decided before.
            if leads && self.plan.append_linger_ms.is_none() {
                self.check_fencing(id, &records);
            }
            if is_active {
                self.watch_append(id, &records);
            }
        }
    }

    /// A leader fences a broker only after a whole session without a heartbeat, or when told to.
    fn check_fencing(&mut self, id: NodeId, records: &[(Offset, MetadataRecord)]) {
        let node = &self.nodes[&id];
        let now = node.now(self.now).time;
        for (_, record) in records {
            let MetadataRecord::BrokerRegistrationChange(change) = record else {
                continue;
            };
            if change.fenced != 1 || self.checker.history.may_be_fenced(change.broker_epoch) {
                continue;
            }
            let heard = node.heard.get(&(change.broker_id, change.broker_epoch));
            // Of whom it never heard it knows nothing of the time before it was active.
            let since = heard.copied().max(node.watch.active_since);
            let silent_ms = since.map_or(0, |since| now.ms_since(since));
            let timeout_ms = self.plan.session_timeout_ms;
            assert!(
                silent_ms >= timeout_ms,
                "{id} fences broker {}, heard from {silent_ms} ms ago",
                change.broker_id
            );
            let is_from = |event: &Event| match event {
                Event::Request {
                    request: Request::BrokerHeartbeat(beat),
                    ..
                } => (beat.broker_id, beat.broker_epoch) == (change.broker_id, change.broker_epoch),
                _ => false,
            };
            assert!(
                !node.inbox.iter().any(is_from),
                "{id} fences broker {}, whose heartbeat waits for it",
                change.broker_id
            );
        }
    }
}
