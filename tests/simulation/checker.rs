//! What must hold between all nodes, whatever happens. It sees every disk and every answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use kraftd::{
    protocol::{Epoch, NodeId, Offset, OffsetAndEpoch, ReplicaKey, record_batch::RecordBatch},
    raft::Raft,
};

use crate::{
    core::{Core, load},
    coverage::{Coverage, Mark},
    history::History,
    images::Images,
    node::Node,
};

/// All that was ever decided.
#[derive(Default)]
pub struct Checker {
    leaders: BTreeMap<Epoch, NodeId>,
    votes: BTreeMap<(Epoch, NodeId), ReplicaKey>,
    /// Every committed batch, without gaps.
    committed: Vec<RecordBatch>,
    committed_end: Offset,
    /// Of all batches up to each of them.
    digests: Vec<u64>,
    /// What was committed by the end of each epoch.
    ends: BTreeMap<Epoch, Offset>,
    snapshots: BTreeMap<OffsetAndEpoch, Bytes>,
    pub images: Images,
    pub history: History,
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

    /// The node has forgotten its votes. It may give another one in an epoch whose candidate has given up: itself, since
    /// a candidacy ends with its process, or anybody in a quorum of five (see `raft::amnesia`). One leader per epoch
    /// holds all the same.
    pub fn on_forgotten(&mut self, voter: NodeId, nodes: i32) {
        let of_itself = |candidate: &ReplicaKey| candidate.id == voter;
        self.votes
            .retain(|(_, other), candidate| *other != voter || nodes < 5 && !of_itself(candidate));
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
            let before = self.digests.last().copied().unwrap_or_default();
            let checksum = u64::from(crc32c::crc32c(batch.bytes()));
            self.digests.push(before.rotate_left(7) ^ checksum);
            self.committed.push(batch.clone());
            coverage.reach(Mark::Committed);
            if let Some(Core::Controller(_)) = &node.core {
                if batch.is_control() {
                    coverage.reach(Mark::Activated);
                }
                self.images.replay(batch, &mut self.history, coverage);
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

    /// All copies of committed records are equal. What was compared in this life of the node stays as it
    /// is: logs grow at their ends, and [`Checker::on_truncate`] looks at what is cut off.
    fn compare(&self, node: &Node, end: Offset) {
        let ours = node.batches_from(node.compared);
        let theirs = &self.committed[self.index(node.compared.max(node.disk.start().offset))..];
        let mut ours = ours.take_while(|batch| batch.base_offset() < end);
        for theirs in theirs.iter().take_while(|batch| batch.base_offset() < end) {
            let same = ours
                .next()
                .is_some_and(|ours| ours.bytes() == theirs.bytes());
            assert!(
                same,
                "node {} has another record than was committed at {}",
                node.id,
                theirs.base_offset()
            );
        }
    }

    /// Where in the committed batches the one is that reaches beyond `offset`.
    fn index(&self, offset: Offset) -> usize {
        self.committed
            .partition_point(|batch| batch.end_offset() <= offset)
    }

    fn batch_at(&self, base: Offset) -> Option<&RecordBatch> {
        let batch = self.committed.get(self.index(base));
        batch.filter(|batch| batch.base_offset() == base)
    }

    /// The node is about to cut its log: nothing committed may go.
    pub fn on_truncate(&self, node: NodeId, batches: &[RecordBatch], end: Offset) {
        for batch in batches
            .iter()
            .rev()
            .take_while(|batch| batch.end_offset() > end)
        {
            let committed = self.batch_at(batch.base_offset());
            assert!(
                committed.is_none_or(|committed| committed.bytes() != batch.bytes()),
                "node {node} cuts off {}, which is committed",
                batch.base_offset()
            );
        }
    }

    /// A broker has come to know more of the committed log.
    pub fn on_observed<'a>(&self, broker: NodeId, batches: impl Iterator<Item = &'a RecordBatch>) {
        for batch in batches {
            let committed = self.batch_at(batch.base_offset());
            assert_eq!(
                committed.map(RecordBatch::bytes),
                Some(batch.bytes()),
                "broker {broker} takes something else for committed"
            );
        }
    }

    /// A controller's snapshot is what the log before it amounts to, and two of one offset are the same,
    /// byte for byte.
    pub fn on_snapshot(&mut self, node: NodeId, id: OffsetAndEpoch, content: &Bytes) {
        if let Some(first) = self.snapshots.get(&id) {
            let same = first == content;
            assert!(same, "node {node} has another snapshot {id} than others");
            return;
        }
        let loaded = load(id, content.clone());
        match self.images.agrees(&loaded.state, None, id.offset) {
            Some(agrees) => assert!(agrees, "node {node} has a snapshot {id} unlike the log"),
            None => panic!("node {node} has a snapshot {id}, where no batch ends"),
        }
        self.snapshots.insert(id, content.clone());
    }

    /// A digest of the committed records below `end`: what a snapshot there stands for.
    pub fn digest(&self, end: Offset) -> u64 {
        let below = self
            .committed
            .partition_point(|batch| batch.base_offset() < end);
        let digest = below.checked_sub(1).map(|last| self.digests[last]);
        digest.unwrap_or_default() ^ end.0 as u64
    }
}
