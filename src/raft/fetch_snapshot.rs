//! FetchSnapshot (KIP-630), both directions: a replica that is too far behind copies a snapshot of the
//! leader, piece by piece and byte for byte.

use super::{
    Effect, Raft, TOPIC, Token,
    role::{Download, Role},
};
use crate::{
    protocol::{
        ErrorCode, NodeId, Offset, OffsetAndEpoch,
        messages::fetch_snapshot::{
            FetchSnapshotRequest, FetchSnapshotResponse, LeaderIdAndEpoch, NodeEndpoint,
            RequestPartitionSnapshot, RequestSnapshotId, RequestTopicSnapshot,
            ResponsePartitionSnapshot, ResponseSnapshotId, ResponseTopicSnapshot,
        },
    },
    time::Now,
};

/// Most bytes in one answer, whatever was asked for.
const MAX_CHUNK_BYTES: usize = 8 << 20;

impl Raft {
    /// The checks in Kafka's order (`KafkaRaftClient.handleFetchSnapshotRequest`).
    pub(super) fn on_fetch_snapshot(
        &mut self,
        now: Now,
        token: Token,
        version: i16,
        request: FetchSnapshotRequest,
    ) {
        if self.is_foreign(Some(request.replica_id), request.cluster_id.as_deref()) {
            return self.refuse_snapshot(token, ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let [
            RequestTopicSnapshot {
                name, partitions, ..
            },
        ] = request.topics.as_slice()
        else {
            return self.refuse_snapshot(token, ErrorCode::INVALID_REQUEST);
        };
        let [partition] = partitions.as_slice() else {
            return self.refuse_snapshot(token, ErrorCode::INVALID_REQUEST);
        };
        if (name.as_str(), partition.partition) != (TOPIC, 0) {
            let answer = ResponsePartitionSnapshot {
                index: partition.partition,
                error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ..Default::default()
            };
            let response = self.snapshot_response(version, name, answer);
            return self.reply_snapshot(token, response);
        }
        match self.locate_chunk(partition) {
            Err(error_code) => {
                let answer = self.snapshot_answer(error_code);
                let response = self.snapshot_response(version, TOPIC, answer);
                self.reply_snapshot(token, response);
            }
            Ok((id, size, position)) => {
                if let Role::Leader(leader) = &mut self.role {
                    leader.progress.on_fetch_snapshot(now, request.replica_id);
                }
                let mut answer = self.snapshot_answer(ErrorCode::NONE);
                answer.size = size as i64;
                answer.position = position as i64;
                answer.snapshot_id = ResponseSnapshotId {
                    end_offset: id.offset,
                    epoch: id.epoch,
                    ..Default::default()
                };
                let asked = usize::try_from(request.max_bytes).unwrap_or(0);
                self.effects.push_back(Effect::ReplyFetchSnapshot {
                    token,
                    response: self.snapshot_response(version, TOPIC, answer),
                    id,
                    position,
                    max_bytes: asked.clamp(1, MAX_CHUNK_BYTES),
                });
            }
        }
    }

    /// The snapshot asked for, its size, and the position in it.
    fn locate_chunk(
        &self,
        request: &RequestPartitionSnapshot,
    ) -> Result<(OffsetAndEpoch, u64, u64), ErrorCode> {
        self.check_leader_epoch(request.current_leader_epoch)?;
        let id = OffsetAndEpoch {
            epoch: request.snapshot_id.epoch,
            offset: request.snapshot_id.end_offset,
        };
        // The bootstrap snapshot 0-0 is each node's own.
        let size = self.snapshots.get(&id).filter(|_| id.offset > Offset(0));
        let size = *size.ok_or(ErrorCode::SNAPSHOT_NOT_FOUND)?;
        let position = u64::try_from(request.position)
            .ok()
            .filter(|position| *position < size);
        let position = position.ok_or(ErrorCode::POSITION_OUT_OF_RANGE)?;
        Ok((id, size, position))
    }

    fn snapshot_answer(&self, error_code: ErrorCode) -> ResponsePartitionSnapshot {
        ResponsePartitionSnapshot {
            error_code,
            current_leader: LeaderIdAndEpoch {
                leader_id: self.state.leader.unwrap_or(NodeId::NONE),
                leader_epoch: self.state.epoch,
                ..Default::default()
            },
            ..Default::default()
        }
    }

    fn snapshot_response(
        &self,
        version: i16,
        topic: &str,
        partition: ResponsePartitionSnapshot,
    ) -> FetchSnapshotResponse {
        FetchSnapshotResponse {
            topics: vec![ResponseTopicSnapshot {
                name: topic.to_owned(),
                partitions: vec![partition],
                ..Default::default()
            }],
            node_endpoints: self.node_endpoints(version >= 1, |node_id, endpoint| NodeEndpoint {
                node_id,
                host: endpoint.host.clone(),
                port: endpoint.port,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn refuse_snapshot(&mut self, token: Token, error_code: ErrorCode) {
        let response = FetchSnapshotResponse {
            error_code,
            ..Default::default()
        };
        self.reply_snapshot(token, response);
    }

    fn reply_snapshot(&mut self, token: Token, response: FetchSnapshotResponse) {
        let response = response.into();
        self.effects.push_back(Effect::Reply { token, response });
    }

    pub(super) fn fetch_snapshot_request(&self, download: Download) -> FetchSnapshotRequest {
        FetchSnapshotRequest {
            cluster_id: Some(self.options.cluster_id.clone()),
            replica_id: self.options.node_id,
            max_bytes: i32::try_from(self.options.fetch_snapshot_max_bytes).unwrap_or(i32::MAX),
            topics: vec![RequestTopicSnapshot {
                name: TOPIC.to_owned(),
                partitions: vec![RequestPartitionSnapshot {
                    current_leader_epoch: self.state.epoch,
                    snapshot_id: RequestSnapshotId {
                        end_offset: download.id.offset,
                        epoch: download.id.epoch,
                        ..Default::default()
                    },
                    position: download.position as i64,
                    replica_directory_id: self.options.directory_id,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    pub(super) fn on_fetch_snapshot_response(
        &mut self,
        now: Now,
        from: NodeId,
        response: FetchSnapshotResponse,
    ) {
        let topics = response.topics.into_iter();
        let chunk = topics.flat_map(|topic| topic.partitions).next();
        if let Some(chunk) = chunk.filter(|_| self.state.leader == Some(from)) {
            self.on_chunk(now, from, chunk);
        }
    }

    fn on_chunk(&mut self, now: Now, leader: NodeId, chunk: ResponsePartitionSnapshot) {
        let Role::Follower(follower) = &mut self.role else {
            return;
        };
        let Some(download) = &mut follower.download else {
            return;
        };
        let id = OffsetAndEpoch {
            epoch: chunk.snapshot_id.epoch,
            offset: chunk.snapshot_id.end_offset,
        };
        let bytes = chunk.unaligned_records;
        let size = u64::try_from(chunk.size).unwrap_or(0);
        let (position, end) = (download.position, download.position + bytes.len() as u64);
        let expected = (id, chunk.position) == (download.id, position as i64);
        if !expected || bytes.is_empty() || end > size {
            tracing::warn!(%id, position = chunk.position, "the leader sent a wrong piece of a snapshot");
            self.drop_download();
            self.requests.back_off(leader, now);
            return;
        }
        download.position = end;
        self.writing_chunk = true;
        self.effects.push_back(Effect::WriteSnapshotChunk {
            id,
            position,
            bytes,
        });
        self.on_good_answer(now);
        if end == size {
            self.drop_download();
            self.install(id, size);
        }
    }

    /// [`Effect::WriteSnapshotChunk`] was performed.
    pub fn on_snapshot_chunk_written(&mut self, now: Now) {
        assert!(self.writing_chunk, "a piece of a snapshot is being written");
        self.writing_chunk = false;
        self.after_input(now);
    }

    pub(super) fn drop_download(&mut self) {
        if let Role::Follower(follower) = &mut self.role {
            follower.download = None;
        }
    }

    /// The log begins anew after the snapshot; nothing of the old one is kept (KIP-630).
    fn install(&mut self, id: OffsetAndEpoch, size: u64) {
        assert_eq!(
            self.durable_end, self.log.end,
            "no append is under way here"
        );
        self.effects.push_back(Effect::InstallSnapshot { id });
        self.snapshots = [(id, size)].into();
        self.log.restart_at(id);
        self.durable_end = id.offset;
        self.installing = Some(id);
    }

    /// [`Effect::InstallSnapshot`] was performed.
    pub fn on_snapshot_installed(&mut self, now: Now, id: OffsetAndEpoch) {
        assert_eq!(
            self.installing,
            Some(id),
            "the snapshot that is being installed"
        );
        self.installing = None;
        self.advance_high_watermark(id.offset);
        self.after_input(now);
    }

    /// A snapshot of our own state was written; its end is committed.
    pub fn on_snapshot_written(&mut self, now: Now, id: OffsetAndEpoch, bytes: u64) {
        // It may come from before an installed one.
        if id.offset >= self.log.start.offset {
            self.snapshots.insert(id, bytes);
        }
        self.after_input(now);
    }

    /// Everything before the snapshot `id` was removed, older snapshots too.
    pub fn on_log_start(&mut self, now: Now, id: OffsetAndEpoch) {
        if id.offset > self.log.start.offset {
            assert!(
                self.snapshots.contains_key(&id),
                "a log starts at a snapshot"
            );
            self.log.advance_start(id);
            self.snapshots = self.snapshots.split_off(&id);
        }
        self.after_input(now);
    }

    /// The snapshot to send a replica that is too far behind.
    pub(super) fn latest_snapshot(&self) -> Option<OffsetAndEpoch> {
        let (id, _) = self.snapshots.last_key_value()?;
        (id.offset > Offset(0)).then_some(*id)
    }
}
