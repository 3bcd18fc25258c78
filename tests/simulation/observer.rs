//! A broker's raft client, as strict as Java's: it panics where a Java broker exits or hangs
//! (`KafkaRaftClient` of 4.3.1, tried with a real broker behind a mutating proxy). So every fault of the
//! simulator also tests what a broker would make of the answers.

use bytes::Bytes;
use kraftd::{
    protocol::{
        Epoch, ErrorCode, NodeId, Offset, OffsetAndEpoch, Uuid,
        api::{Request, Response},
        messages::{
            fetch::{
                FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
                ReplicaState,
            },
            fetch_snapshot::{
                FetchSnapshotRequest, FetchSnapshotResponse, RequestPartitionSnapshot,
                RequestSnapshotId, RequestTopicSnapshot,
            },
        },
        record_batch::RecordBatch,
    },
    raft::{SendError, TOPIC, TOPIC_ID},
    time::Time,
};

const MAX_WAIT_MS: i32 = 500;

pub struct Observer {
    id: NodeId,
    version: i16,
    epoch: Epoch,
    leader: Option<NodeId>,
    start: OffsetAndEpoch,
    batches: Vec<RecordBatch>,
    high_watermark: Option<Offset>,
    download: Option<(OffsetAndEpoch, usize)>,
    asked_at: Time,
    /// How many answers in a row came at once and said nothing.
    vain_answers: u32,
}

impl Observer {
    pub fn new(id: NodeId, version: i16) -> Observer {
        Observer {
            id,
            version,
            epoch: Epoch(0),
            leader: None,
            start: OffsetAndEpoch::default(),
            batches: Vec::new(),
            high_watermark: None,
            download: None,
            asked_at: Time(0),
            vain_answers: 0,
        }
    }

    fn end(&self) -> OffsetAndEpoch {
        self.batches
            .last()
            .map_or(self.start, |batch| OffsetAndEpoch {
                offset: batch.end_offset(),
                epoch: batch.epoch(),
            })
    }

    pub fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    /// What it holds of the committed log beyond `known`.
    pub fn committed_from(&self, known: Option<Offset>) -> impl Iterator<Item = &RecordBatch> {
        let (known, end) = (
            known.unwrap_or(Offset(0)),
            self.high_watermark.unwrap_or(Offset(0)),
        );
        let index = |offset| {
            let is_below = |batch: &RecordBatch| batch.end_offset() <= offset;
            self.batches.partition_point(is_below)
        };
        self.batches[index(known)..index(end).max(index(known))].iter()
    }

    /// Whom it asks what next; `any` is a voter to ask when no leader is known.
    pub fn ask(&mut self, now: Time, any: NodeId) -> (NodeId, i16, Request) {
        self.asked_at = now;
        let to = self.leader.unwrap_or(any);
        match self.download.filter(|_| self.leader.is_some()) {
            Some((id, position)) => (to, 1, self.fetch_snapshot(id, position).into()),
            None => (to, self.version, self.fetch().into()),
        }
    }

    fn fetch(&self) -> FetchRequest {
        let end = self.end();
        FetchRequest {
            replica_state: ReplicaState {
                replica_id: self.id,
                ..Default::default()
            },
            max_wait_ms: MAX_WAIT_MS,
            max_bytes: 1 << 20,
            topics: vec![FetchTopic {
                topic: TOPIC.to_owned(),
                topic_id: TOPIC_ID,
                partitions: vec![FetchPartition {
                    current_leader_epoch: self.epoch,
                    fetch_offset: end.offset,
                    last_fetched_epoch: end.epoch,
                    replica_directory_id: Uuid([self.id.0 as u8; 16]),
                    high_watermark: self.high_watermark.unwrap_or(Offset::NONE),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn fetch_snapshot(&self, id: OffsetAndEpoch, position: usize) -> FetchSnapshotRequest {
        FetchSnapshotRequest {
            replica_id: self.id,
            max_bytes: 1 << 20,
            topics: vec![RequestTopicSnapshot {
                name: TOPIC.to_owned(),
                partitions: vec![RequestPartitionSnapshot {
                    current_leader_epoch: self.epoch,
                    snapshot_id: RequestSnapshotId {
                        end_offset: id.offset,
                        epoch: id.epoch,
                        ..Default::default()
                    },
                    position: position as i64,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    pub fn on_answer(&mut self, now: Time, from: NodeId, outcome: Result<Response, SendError>) {
        match outcome {
            Ok(Response::Fetch(response)) => self.on_fetch(now, from, response),
            Ok(Response::FetchSnapshot(response)) => self.on_fetch_snapshot(response),
            Ok(other) => panic!("answered with {other:?}"),
            // It asks the bootstrap servers who leads.
            Err(_) => (self.leader, self.download) = (None, None),
        }
    }

    /// What a Java replica makes of epoch and leader in any answer. Says whether the rest is read.
    fn adopt(
        &mut self,
        error: ErrorCode,
        leader: NodeId,
        epoch: Epoch,
        endpoints: &[NodeId],
    ) -> bool {
        let me = self.id;
        assert_ne!(
            error,
            ErrorCode::INVALID_REQUEST,
            "broker {me} exits: invalid request"
        );
        assert!(
            epoch.known().is_some(),
            "broker {me} hangs: an answer without CurrentLeader"
        );
        let leader = leader.known();
        assert_ne!(
            leader,
            Some(me),
            "broker {me} exits: it is called the leader"
        );
        if let Some(leader) = leader {
            assert!(
                endpoints.contains(&leader),
                "broker {me} exits: no endpoint of leader {leader}"
            );
        }
        if epoch < self.epoch || error == ErrorCode::UNKNOWN_LEADER_EPOCH {
            return false;
        }
        let known = self.leader.filter(|_| epoch == self.epoch);
        if let (Some(known), Some(leader)) = (known, leader) {
            assert_eq!(
                known, leader,
                "broker {me} exits: two leaders of epoch {epoch}"
            );
        }
        if epoch > self.epoch {
            (self.epoch, self.leader, self.download) = (epoch, leader, None);
        } else if self.leader.is_none() {
            self.leader = leader;
        }
        if !error.is_ok() {
            // Keep asking around; a resigned leader still answers with its own name.
            (self.leader, self.download) = (None, None);
        }
        error.is_ok()
    }

    fn on_fetch(&mut self, now: Time, from: NodeId, response: FetchResponse) {
        assert_eq!(
            response.error_code,
            ErrorCode::NONE,
            "broker {} waits for ever",
            self.id
        );
        let endpoints: Vec<NodeId> = response
            .node_endpoints
            .iter()
            .map(|node| node.node_id)
            .collect();
        let topic = response.responses.into_iter().next().expect("the topic");
        assert_eq!((topic.topic_id, topic.partitions.len()), (TOPIC_ID, 1));
        let partition = topic.partitions.into_iter().next().expect("the partition");
        let current = &partition.current_leader;
        let (leader, epoch) = (current.leader_id, current.leader_epoch);
        let before = (self.end(), self.high_watermark, self.leader, self.epoch);
        if self.adopt(partition.error_code, leader, epoch, &endpoints) && self.leader == Some(from)
        {
            self.on_partition(&partition);
            let after = (self.end(), self.high_watermark, self.leader, self.epoch);
            let waited_ms = now.ms_since(self.asked_at);
            let useful = before != after
                || self.download.is_some()
                || Some(partition.high_watermark) > before.1;
            let patient = waited_ms >= MAX_WAIT_MS as u64 * 7 / 10;
            // A leader that does not know what we know may answer once for nothing.
            self.vain_answers = if useful || patient {
                0
            } else {
                self.vain_answers + 1
            };
            assert!(
                self.vain_answers < 3,
                "broker {} is kept busy with nothing",
                self.id
            );
        }
    }

    fn on_partition(&mut self, partition: &PartitionData) {
        let me = self.id;
        let known = self.high_watermark.unwrap_or(Offset(0));
        let diverging = &partition.diverging_epoch;
        let snapshot = &partition.snapshot_id;
        if diverging.epoch.known().is_some() {
            assert!(
                diverging.end_offset >= known,
                "broker {me} exits: cut to {} below its high watermark {known}",
                diverging.end_offset
            );
            let keep = |batch: &RecordBatch| {
                batch.epoch() < diverging.epoch
                    || (batch.epoch() == diverging.epoch
                        && batch.end_offset() <= diverging.end_offset)
            };
            self.batches.retain(keep);
            assert!(
                self.end().offset >= known,
                "broker {me} exits: cut below its high watermark"
            );
            return;
        }
        if snapshot.epoch.known().is_some() || snapshot.end_offset.known().is_some() {
            let id = OffsetAndEpoch {
                epoch: snapshot.epoch,
                offset: snapshot.end_offset,
            };
            assert!(
                id > self.end(),
                "broker {me} exits: snapshot {id} below its end {}",
                self.end()
            );
            self.download = Some((id, 0));
            return;
        }
        self.append(partition.records.clone().unwrap_or_default());
        if let Some(told) = partition.high_watermark.known() {
            let reached = told.min(self.end().offset);
            assert!(
                reached >= known,
                "broker {me} exits: high watermark {reached} after {known}"
            );
            self.high_watermark = Some(reached);
        }
    }

    fn append(&mut self, mut records: Bytes) {
        let me = self.id;
        while let Some(batch) = RecordBatch::split_off(&mut records).expect("a whole batch") {
            let end = self.end();
            assert_eq!(
                batch.base_offset(),
                end.offset,
                "broker {me} exits: gap or overlap"
            );
            assert!(
                batch.epoch() >= end.epoch,
                "broker {me} exits: the epoch falls in the log"
            );
            assert!(batch.epoch() <= self.epoch, "a record of an epoch to come");
            // Others are read where they are committed, once for all who see them.
            if batch.is_control() {
                batch.control_records().expect("a record that Java reads");
            }
            self.batches.push(batch);
        }
        assert!(records.is_empty(), "answers hold whole batches");
    }

    fn on_fetch_snapshot(&mut self, response: FetchSnapshotResponse) {
        let me = self.id;
        assert_eq!(response.error_code, ErrorCode::NONE);
        let endpoints: Vec<NodeId> = response
            .node_endpoints
            .iter()
            .map(|node| node.node_id)
            .collect();
        let partition = &response.topics[0].partitions[0];
        let current = &partition.current_leader;
        let gone = partition.error_code == ErrorCode::SNAPSHOT_NOT_FOUND;
        let (leader, epoch) = (current.leader_id, current.leader_epoch);
        let read = self.adopt(partition.error_code, leader, epoch, &endpoints);
        let Some((id, position)) = self.download.filter(|_| read && !gone) else {
            return;
        };
        let told = OffsetAndEpoch {
            epoch: partition.snapshot_id.epoch,
            offset: partition.snapshot_id.end_offset,
        };
        assert_eq!(
            (told, partition.position),
            (id, position as i64),
            "broker {me} exits"
        );
        let end = position + partition.unaligned_records.len();
        assert!(end > position, "broker {me} fetches the snapshot for ever");
        if end as i64 == partition.size {
            self.download = None;
            self.batches.clear();
            self.start = id;
            self.high_watermark = self.high_watermark.max(Some(id.offset));
        } else {
            self.download = Some((id, end));
        }
    }
}
