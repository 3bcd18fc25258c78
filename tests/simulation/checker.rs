//! What must hold between all nodes, whatever happens. It sees every disk and every answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use kraftd::{
    metadata::{State, topics::TopicIdPartition},
    protocol::{
        Epoch, NodeId, Offset, OffsetAndEpoch, ReplicaKey, record_batch::RecordBatch,
        records::MetadataRecord,
    },
    raft::Raft,
};

use crate::{
    core::Core,
    coverage::{Coverage, Mark},
    node::Node,
};

/// How many batches back two logs are compared at a time.
const COMPARED: usize = 50;

/// All that was ever decided.
#[derive(Default)]
pub struct Checker {
    leaders: BTreeMap<Epoch, NodeId>,
    votes: BTreeMap<(Epoch, NodeId), ReplicaKey>,
    /// Every committed batch by its base offset, without gaps.
    committed: BTreeMap<Offset, RecordBatch>,
    committed_end: Offset,
    /// What was committed by the end of each epoch.
    ends: BTreeMap<Epoch, Offset>,
    snapshots: BTreeMap<OffsetAndEpoch, Bytes>,
    /// What the committed records amount to, after every batch.
    states: BTreeMap<Offset, State>,
    latest: State,
}

impl Checker {
    pub fn committed_end(&self) -> Offset {
        self.committed_end
    }

    /// Leader completeness, and one leader per epoch: `node` has become it, perhaps a while ago.
    pub fn on_leader(&mut self, node: &Node, epoch: Epoch) {
        let first = *self.leaders.entry(epoch).or_insert(node.id);
        assert_eq!(first, node.id, "two leaders of epoch {epoch}");
        // Leaders of later epochs may have committed since what this one never had.
        let earlier = self.ends.range(..epoch).next_back();
        let end = earlier.map_or(Offset(0), |(_, end)| *end);
        assert!(
            node.end() >= end,
            "leader {} of epoch {epoch} ends at {}, {end} is committed",
            node.id,
            node.end(),
        );
        self.compare(node, end);
    }

    /// A vote is given once in an epoch, across restarts.
    pub fn on_vote(&mut self, voter: NodeId, epoch: Epoch, candidate: ReplicaKey) {
        let first = *self.votes.entry((epoch, voter)).or_insert(candidate);
        assert_eq!(
            first.id, candidate.id,
            "{voter} voted twice in epoch {epoch}"
        );
    }

    /// The node has forgotten its votes. In a quorum of five it may give another one in an epoch whose
    /// candidate has given up (see `raft::amnesia`); one leader per epoch holds all the same.
    pub fn on_forgotten(&mut self, voter: NodeId, nodes: i32) {
        if nodes >= 5 {
            self.votes.retain(|(_, other), _| *other != voter);
        }
    }

    /// The node says that everything below `high_watermark` is committed. Says which batches are new
    /// to the world.
    pub fn on_high_watermark(
        &mut self,
        node: &Node,
        high_watermark: Offset,
        coverage: &mut Coverage,
    ) -> Vec<RecordBatch> {
        self.compare(node, high_watermark.min(self.committed_end));
        let mut new: Vec<RecordBatch> = node
            .batches()
            .rev()
            .skip_while(|batch| batch.end_offset() > high_watermark)
            .take_while(|batch| batch.base_offset() >= self.committed_end)
            .cloned()
            .collect();
        new.reverse();
        for batch in &new {
            assert_eq!(
                batch.base_offset(),
                self.committed_end,
                "committed without a gap"
            );
            self.committed_end = batch.end_offset();
            self.committed.insert(batch.base_offset(), batch.clone());
            coverage.reach(Mark::Committed);
            if let Some(Core::Controller(_)) = &node.core {
                self.replay(batch, coverage);
            }
        }
        let epoch = node.raft().map_or(Epoch(i32::MAX), Raft::epoch);
        self.ends.insert(epoch, self.committed_end);
        assert!(
            self.committed_end >= high_watermark,
            "node {} calls {high_watermark} committed, which is no end of a batch it has",
            node.id
        );
        new
    }

    /// A leader commits by counting: only a record of its own epoch, and what lies before it (Raft,
    /// section 5.4.2).
    pub fn on_count(&self, leader: &Node, epoch: Epoch, high_watermark: Offset) {
        let mut batches = leader.batches().rev();
        let last = batches.find(|batch| batch.end_offset() <= high_watermark);
        let last = last.map(RecordBatch::epoch);
        assert!(
            last.is_none_or(|last| last == epoch),
            "leader {} of epoch {epoch} counts a record of epoch {last:?} to commit it",
            leader.id
        );
    }

    /// All copies of committed records are equal. Looks at the last ones below `end`: the earlier ones
    /// were compared when they were the last.
    fn compare(&self, node: &Node, end: Offset) {
        let ours = node.batches().rev();
        let ours = ours.skip_while(|batch| batch.base_offset() >= end);
        let theirs = self.committed.range(..end).rev();
        for (ours, (_, theirs)) in ours.zip(theirs).take(COMPARED) {
            assert_eq!(
                (ours.base_offset(), ours.epoch(), ours.bytes()),
                (theirs.base_offset(), theirs.epoch(), theirs.bytes()),
                "node {} has another record than was committed",
                node.id
            );
        }
    }

    /// The node is about to cut its log: nothing committed may go.
    pub fn on_truncate(&self, node: NodeId, batches: &[RecordBatch], end: Offset) {
        for batch in batches.iter().filter(|batch| batch.end_offset() > end) {
            let committed = self.committed.get(&batch.base_offset());
            assert!(
                committed.is_none_or(|committed| committed.bytes() != batch.bytes()),
                "node {node} cuts off {}, which is committed",
                batch.base_offset()
            );
        }
    }

    /// A broker has come to know more of the committed log; `batches` are the newest first.
    pub fn on_observed<'a>(&self, broker: NodeId, batches: impl Iterator<Item = &'a RecordBatch>) {
        for batch in batches.take(COMPARED) {
            let committed = self.committed.get(&batch.base_offset());
            let committed = committed.map(|committed| (committed.epoch(), committed.bytes()));
            assert_eq!(
                committed,
                Some((batch.epoch(), batch.bytes())),
                "broker {broker} takes something else for committed"
            );
        }
    }

    /// Two snapshots of one offset are the same, byte for byte.
    pub fn on_snapshot(&mut self, node: NodeId, id: OffsetAndEpoch, content: Bytes) {
        let first = self.snapshots.entry(id).or_insert_with(|| content.clone());
        assert!(
            *first == content,
            "node {node} has another snapshot {id} than others"
        );
    }

    fn replay(&mut self, batch: &RecordBatch, coverage: &mut Coverage) {
        if !batch.is_control() {
            coverage.on_committed(&self.latest, batch);
            for (offset, record) in batch.metadata_records().expect("our own records") {
                let replayed = self.latest.replay(offset, &record);
                replayed.unwrap_or_else(|error| panic!("committed, but: {error}"));
                check_partitions(&self.latest, &record);
            }
        } else {
            coverage.reach(Mark::Activated);
        }
        self.states.insert(batch.end_offset(), self.latest.clone());
    }

    /// What all committed records amount to.
    pub fn latest_state(&self) -> &State {
        &self.latest
    }

    /// What those below an offset amount to, if a batch ends there.
    pub fn state_at(&self, end: Offset) -> Option<&State> {
        self.states.get(&end)
    }

    /// A digest of the committed records below `end`: what a snapshot there stands for.
    pub fn digest(&self, end: Offset) -> u64 {
        let below = self.committed.range(..end);
        below.fold(end.0 as u64, |digest, (_, batch)| {
            digest.rotate_left(7) ^ u64::from(crc32c::crc32c(batch.bytes()))
        })
    }
}

/// What holds of a partition after each of its records: who is in sync is a replica, a leader is in
/// sync, and nobody is both in sync and eligible.
fn check_partitions(state: &State, record: &MetadataRecord) {
    let (topic_id, partition_id) = match record {
        MetadataRecord::Partition(record) => (record.topic_id, record.partition_id),
        MetadataRecord::PartitionChange(record) => (record.topic_id, record.partition_id),
        _ => return,
    };
    let id = TopicIdPartition {
        topic_id,
        partition_id,
    };
    let partition = state.topics.partition(id).expect("it was just written");
    let is_replica = |broker: &NodeId| partition.replicas.contains(broker);
    assert!(partition.isr.iter().all(is_replica), "{record:?}");
    assert!(partition.elr.iter().all(is_replica), "{record:?}");
    assert!(
        !partition
            .elr
            .iter()
            .any(|broker| partition.isr.contains(broker)),
        "{record:?}"
    );
    assert!(
        partition
            .leader
            .is_none_or(|leader| partition.isr.contains(&leader)),
        "{record:?}"
    );
}
