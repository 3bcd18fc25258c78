//! Bugs of others, built into what surrounds the core, to see whether the simulator finds them; see
//! docs/BUG-BANK.md for where they come from.

use kraftd::protocol::{
    ErrorCode, NodeId, Offset, api::Response, record_batch::RecordBatch, records::MetadataRecord,
};

use crate::world::World;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// The quorum state reaches the disk some time after the answer that rests on it.
    VoteNotSaved,
    /// A record counts as durable when it is handed to the disk.
    EndCountedBeforeSync,
    /// A leader takes records of earlier epochs for committed once a majority has them.
    OldEpochCommittedByCounting,
    /// A sync that failed is taken for one that succeeded.
    FailedSyncIgnored,
    /// What a killed process had written counts as durable after the restart, without a sync.
    PageCacheTrusted,
    /// A log that was cut short by rot is taken for whole.
    DamageCutSilently,
    /// A voter with a new disk votes at once.
    BlankDiskVotes,
    /// A node starts with whatever disk it finds.
    WrongDiskAccepted,
    /// A leader that has no record of an epoch takes a follower that has one for consistent.
    UnknownEpochTakenForAgreement,
    /// A vote goes to candidates with shorter logs, too.
    VoteForShorterLog,
    /// A snapshot names an offset one below what it holds.
    SnapshotOffByOne,
    /// Installing a snapshot leaves the old log in place.
    LogKeptUnderSnapshot,
    /// Followers are told to cut more than the logs differ in.
    TruncationTooFar,
    /// The high watermark that is told is the end of the leader's log.
    HighWatermarkTooHigh,
    /// Who asked is answered before the records are committed.
    AnsweredBeforeCommit,
    /// Heartbeats count from when they are handled, not from when they arrived.
    HeartbeatsWaitInLine,
}

impl World {
    /// What a node with a planted bug answers instead.
    pub fn twist(&self, from: NodeId, response: &mut Response) {
        match response {
            Response::Vote(answer) if self.plan.has(PlantedBug::VoteForShorterLog) => {
                let voted = self.nodes[&from]
                    .raft()
                    .map(|raft| raft.quorum_state().voted);
                let Some(topic) = answer.topics.first_mut() else {
                    return;
                };
                let partition = &mut topic.partitions[0];
                let free = voted == Some(None) && partition.leader_id.known().is_none();
                partition.vote_granted |= free && partition.error_code == ErrorCode::NONE;
            }
            Response::Fetch(answer) if self.plan.has(PlantedBug::UnknownEpochTakenForAgreement) => {
                let (Some(asked), Some(topic)) = (self.on_fetch, answer.responses.first_mut())
                else {
                    return;
                };
                let partition = &mut topic.partitions[0];
                let node = &self.nodes[&from];
                let diverging = partition.diverging_epoch.epoch.known();
                let unknown = diverging.is_some_and(|epoch| epoch != asked.epoch);
                if unknown && asked.offset < node.end() {
                    partition.diverging_epoch = Default::default();
                    partition.records = Some(node.read(asked.offset, self.plan.fetch_max_bytes));
                }
            }
            Response::Fetch(answer) if self.plan.has(PlantedBug::TruncationTooFar) => {
                let topic = answer.responses.first_mut();
                let diverging = topic.map(|topic| &mut topic.partitions[0].diverging_epoch);
                let diverging = diverging.filter(|end| end.epoch.known().is_some());
                if let Some(end) = diverging {
                    end.end_offset = Offset((end.end_offset.0 - 3).max(0));
                }
            }
            Response::Fetch(answer) if self.plan.has(PlantedBug::HighWatermarkTooHigh) => {
                let topic = answer.responses.first_mut();
                let partition = topic.map(|topic| &mut topic.partitions[0]);
                let told = partition.filter(|partition| partition.high_watermark.known().is_some());
                if let Some(partition) = told {
                    partition.high_watermark = self.nodes[&from].end();
                }
            }
            _ => {}
        }
    }

    /// What an administrator is told too early by a node with that bug.
    pub fn promise_early(&mut self, batch: &RecordBatch) {
        if !self.plan.has(PlantedBug::AnsweredBeforeCommit) || batch.is_control() {
            return;
        }
        for (_, record) in batch.metadata_records().expect("our own records") {
            if let MetadataRecord::Topic(topic) = record {
                self.promises.create(topic.name, topic.topic_id);
            }
        }
    }
}
