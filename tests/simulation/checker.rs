//! What must hold between all nodes, whatever happens. It sees every disk and every answer.

use std::collections::BTreeMap;

use kraftd::protocol::{Epoch, NodeId, Offset, ReplicaKey, record_batch::RecordBatch};

/// All that was ever decided.
#[derive(Default)]
pub struct Checker {
    leaders: BTreeMap<Epoch, NodeId>,
    votes: BTreeMap<(Epoch, NodeId), ReplicaKey>,
    /// Every committed batch by its base offset, without gaps.
    committed: BTreeMap<Offset, RecordBatch>,
    committed_end: Offset,
    pub counts: Counts,
}

/// How much was reached: a run in which nothing happens proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub elections: u64,
    pub committed_batches: u64,
    pub truncations: u64,
    pub snapshots_installed: u64,
    pub amnesiacs: u64,
    pub recovered: u64,
    pub crashes: u64,
}

impl Checker {
    pub fn committed_end(&self) -> Offset {
        self.committed_end
    }

    /// Leader completeness, and one leader per epoch: `batches` is the log of one that just became it.
    pub fn on_leader(&mut self, node: NodeId, epoch: Epoch, start: Offset, batches: &[RecordBatch]) {
        self.counts.elections += 1;
        let first = *self.leaders.entry(epoch).or_insert(node);
        assert_eq!(first, node, "two leaders of epoch {epoch}");
        let end = batches.last().map_or(start, RecordBatch::end_offset);
        assert!(
            end >= self.committed_end,
            "leader {node} of epoch {epoch} ends at {end}, {} is committed",
            self.committed_end
        );
        self.compare(node, start, batches, self.committed_end);
    }

    /// A vote is given once in an epoch, across restarts.
    pub fn on_vote(&mut self, voter: NodeId, epoch: Epoch, candidate: ReplicaKey) {
        let first = *self.votes.entry((epoch, voter)).or_insert(candidate);
        assert_eq!(first.id, candidate.id, "{voter} voted twice in epoch {epoch}");
    }

    /// The node says that everything below `high_watermark` is committed. Says which batches are new
    /// to the world.
    pub fn on_high_watermark(
        &mut self,
        node: NodeId,
        start: Offset,
        batches: &[RecordBatch],
        high_watermark: Offset,
    ) -> Vec<RecordBatch> {
        self.compare(node, start, batches, high_watermark.min(self.committed_end));
        let from = self.committed_end;
        let new = batches
            .iter()
            .filter(|batch| batch.base_offset() >= from && batch.end_offset() <= high_watermark);
        let new: Vec<RecordBatch> = new.cloned().collect();
        for batch in &new {
            assert_eq!(batch.base_offset(), self.committed_end, "committed without a gap");
            self.committed_end = batch.end_offset();
            self.committed.insert(batch.base_offset(), batch.clone());
            self.counts.committed_batches += 1;
        }
        assert!(
            self.committed_end >= high_watermark,
            "node {node} calls {high_watermark} committed, which is no end of a batch it has"
        );
        new
    }

    /// All copies of committed records are equal.
    fn compare(&self, node: NodeId, start: Offset, batches: &[RecordBatch], end: Offset) {
        let below = batches.partition_point(|batch| batch.base_offset() < end);
        for (ours, theirs) in batches[..below].iter().rev().take(50).zip(
            self.committed
                .range(start..end)
                .rev()
                .map(|(_, batch)| batch),
        ) {
            assert_eq!(
                (ours.base_offset(), ours.epoch(), ours.bytes()),
                (theirs.base_offset(), theirs.epoch(), theirs.bytes()),
                "node {node} has another record than was committed"
            );
        }
    }

    /// The node is about to cut its log: nothing committed may go.
    pub fn on_truncate(&mut self, node: NodeId, batches: &[RecordBatch], end: Offset) {
        self.counts.truncations += 1;
        for batch in batches.iter().filter(|batch| batch.end_offset() > end) {
            let committed = self.committed.get(&batch.base_offset());
            assert!(
                committed.is_none_or(|committed| committed.bytes() != batch.bytes()),
                "node {node} cuts off {}, which is committed",
                batch.base_offset()
            );
        }
    }

    /// A digest of the committed records below `end`: what a snapshot there stands for.
    pub fn digest(&self, end: Offset) -> u64 {
        let below = self.committed.range(..end);
        below.fold(end.0 as u64, |digest, (_, batch)| {
            digest.rotate_left(7) ^ u64::from(crc32c::crc32c(batch.bytes()))
        })
    }
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.elections += other.elections;
        self.committed_batches += other.committed_batches;
        self.truncations += other.truncations;
        self.snapshots_installed += other.snapshots_installed;
        self.amnesiacs += other.amnesiacs;
        self.recovered += other.recovered;
        self.crashes += other.crashes;
    }
}
