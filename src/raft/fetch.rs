//! Fetch as the leader serves it: check, find where the logs part, send what there is or wait for more;
//! and as everybody else answers it, with the way to the leader.

use super::{Effect, FetchPosition, Raft, TOPIC, TOPIC_ID, Token, role::Role};
use crate::{
    protocol::{
        Epoch, ErrorCode, NodeId, Offset, OffsetAndEpoch, ReplicaKey,
        messages::fetch::{
            EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
            FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData, SnapshotId,
        },
    },
    time::{Now, Time},
};

/// Most bytes in one answer, whatever was asked for: one batch of the largest size.
const MAX_FETCH_BYTES: usize = 8 << 20;
/// First version that can say where the current leader is.
const CURRENT_LEADER_SINCE: i16 = 12;
/// First version whose answers name the leader's endpoint (KIP-853).
const NODE_ENDPOINTS_SINCE: i16 = 17;
/// First version that tells the replica's high watermark (KIP-1166).
const HIGH_WATERMARK_SINCE: i16 = 18;

/// A Fetch that passed the checks of its form.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplicaFetch {
    version: i16,
    replica: ReplicaKey,
    epoch: Epoch,
    offset: Offset,
    last_epoch: Epoch,
    max_bytes: usize,
    /// What the replica knows; a higher one is worth an answer without records.
    high_watermark: Offset,
    /// When it wants an answer even if there is nothing to say.
    pub(super) deadline: Time,
}

impl Raft {
    /// The checks in Kafka's order (`KafkaRaftClient.handleFetchRequest`).
    pub(super) fn on_fetch(&mut self, now: Now, token: Token, version: i16, request: FetchRequest) {
        let replica_id = request.replica();
        if self.is_foreign(Some(replica_id), request.cluster_id.as_deref()) {
            return self.refuse_fetch(token, ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let [
            FetchTopic {
                topic,
                topic_id,
                partitions,
                ..
            },
        ] = request.topics.as_slice()
        else {
            return self.refuse_fetch(token, ErrorCode::INVALID_REQUEST);
        };
        let is_ours = match version >= 13 {
            true => *topic_id == TOPIC_ID,
            false => topic == TOPIC,
        };
        let [partition @ FetchPartition { partition: 0, .. }] = partitions.as_slice() else {
            return self.refuse_fetch(token, ErrorCode::INVALID_REQUEST);
        };
        let is_namesake = replica_id == self.options.node_id;
        if is_namesake {
            self.on_namesake();
        }
        // An error at the partition would stop a Java broker.
        if !is_ours || is_namesake {
            return self.refuse_fetch(token, ErrorCode::INVALID_REQUEST);
        }
        let malformed = request.max_wait_ms < 0
            || partition.fetch_offset.known().is_none()
            || partition.last_fetched_epoch.known().is_none()
            || partition.last_fetched_epoch > partition.current_leader_epoch;
        if malformed {
            let response = self.fetch_response(version, ErrorCode::INVALID_REQUEST, None);
            return self.reply(token, response);
        }
        let replica = ReplicaKey {
            id: replica_id,
            directory_id: partition.replica_directory_id,
        };
        let mut fetch = ReplicaFetch {
            version,
            replica,
            epoch: partition.current_leader_epoch,
            offset: partition.fetch_offset,
            last_epoch: partition.last_fetched_epoch,
            max_bytes: usize::try_from(request.max_bytes)
                .unwrap_or(0)
                .min(MAX_FETCH_BYTES),
            high_watermark: partition.high_watermark,
            deadline: now.time.plus_ms(request.max_wait_ms as u64),
        };
        if let Err(error) = self.check_leader_epoch(fetch.epoch) {
            let response = self.fetch_response(version, error, None);
            return self.reply(token, response);
        }
        let position = self.fetch_position(&fetch);
        if let (Role::Leader(leader), FetchPosition::Valid) = (&mut self.role, position) {
            leader
                .progress
                .on_fetch(now, replica, fetch.offset, self.log.end);
            self.raise_high_watermark(now);
        }
        // Who is not kept track of hears of a higher one when it has waited long enough, as with Java.
        if let Role::Leader(leader) = &self.role
            && version < HIGH_WATERMARK_SINCE
            && let Some(told) = leader.progress.told_high_watermark(replica)
        {
            fetch.high_watermark = told;
        }
        self.answer_or_park(now, token, fetch);
    }

    /// Whether this node leads `epoch` (`KafkaRaftClient.validateLeaderOnlyRequest`).
    pub(super) fn check_leader_epoch(&self, epoch: Epoch) -> Result<(), ErrorCode> {
        if epoch < self.state.epoch {
            Err(ErrorCode::FENCED_LEADER_EPOCH)
        } else if epoch > self.state.epoch {
            Err(ErrorCode::UNKNOWN_LEADER_EPOCH)
        } else if !self.is_leader() {
            Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
        } else {
            Ok(())
        }
    }

    fn fetch_position(&self, fetch: &ReplicaFetch) -> FetchPosition {
        let latest = self.latest_snapshot();
        self.log
            .check_position(fetch.offset, fetch.last_epoch, latest)
    }

    /// Answers when there is something to say, and lets the replica wait otherwise.
    fn answer_or_park(&mut self, now: Now, token: Token, fetch: ReplicaFetch) {
        let position = self.fetch_position(&fetch);
        let nothing_new = position == FetchPosition::Valid
            && fetch.offset == self.log.end
            && !self.has_risen_above(fetch.high_watermark);
        if nothing_new && fetch.deadline > now.time {
            self.parked.insert(token, fetch);
        } else {
            self.answer_fetch(token, fetch, position);
        }
    }

    fn has_risen_above(&self, known: Offset) -> bool {
        let own = self.leader_high_watermark();
        own.is_some_and(|high_watermark| high_watermark > known)
    }

    fn answer_fetch(&mut self, token: Token, fetch: ReplicaFetch, position: FetchPosition) {
        let response = self.fetch_response(fetch.version, ErrorCode::NONE, Some(position));
        if let Role::Leader(leader) = &mut self.role {
            leader.progress.tell_high_watermark(fetch.replica);
        }
        if position == FetchPosition::Valid && fetch.offset < self.log.end {
            self.effects.push_back(Effect::ReplyFetch {
                token,
                response,
                from: fetch.offset,
                max_bytes: fetch.max_bytes,
            });
        } else {
            self.reply(token, response);
        }
    }

    /// Something was appended, or the high watermark rose: answers whom that concerns.
    pub(super) fn wake_parked_fetches(&mut self) {
        let concerned = |fetch: &ReplicaFetch| {
            fetch.offset < self.log.end || self.has_risen_above(fetch.high_watermark)
        };
        let parked = self.parked.iter();
        let tokens: Vec<Token> = parked
            .filter(|(_, fetch)| concerned(fetch))
            .map(|(token, _)| *token)
            .collect();
        self.answer_parked(tokens);
    }

    /// Answers, empty, those who have waited as long as they wanted.
    pub(super) fn expire_parked_fetches(&mut self, now: Now) {
        let parked = self.parked.iter();
        let tokens: Vec<Token> = parked
            .filter(|(_, fetch)| fetch.deadline <= now.time)
            .map(|(token, _)| *token)
            .collect();
        self.answer_parked(tokens);
    }

    fn answer_parked(&mut self, tokens: Vec<Token>) {
        for token in tokens {
            if let Some(fetch) = self.parked.remove(&token) {
                let position = self.fetch_position(&fetch);
                self.answer_fetch(token, fetch, position);
            }
        }
    }

    /// We lead no more: who waits learns what we know of the new leader.
    pub(super) fn refuse_parked_fetches(&mut self) {
        for (token, fetch) in std::mem::take(&mut self.parked) {
            let error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
            let response = self.fetch_response(fetch.version, error, None);
            self.reply(token, response);
        }
    }

    fn refuse_fetch(&mut self, token: Token, error_code: ErrorCode) {
        let response = FetchResponse {
            error_code,
            ..Default::default()
        };
        self.reply(token, response);
    }

    fn reply(&mut self, token: Token, response: FetchResponse) {
        let response = response.into();
        self.effects.push_back(Effect::Reply { token, response });
    }

    /// An answer without records. It always names the current leader: a Java replica drops an answer
    /// that does not, without a word (KIP-595).
    fn fetch_response(
        &self,
        version: i16,
        error_code: ErrorCode,
        position: Option<FetchPosition>,
    ) -> FetchResponse {
        let mut partition = PartitionData {
            error_code,
            high_watermark: Offset::NONE,
            log_start_offset: self.log.start.offset,
            records: Some(Default::default()),
            ..Default::default()
        };
        if position.is_some() {
            partition.high_watermark = self.leader_high_watermark().unwrap_or(Offset::NONE);
        }
        match position {
            Some(FetchPosition::Diverging(OffsetAndEpoch { offset, epoch })) => {
                partition.diverging_epoch = EpochEndOffset {
                    epoch,
                    end_offset: offset,
                    ..Default::default()
                };
            }
            Some(FetchPosition::Snapshot(OffsetAndEpoch { offset, epoch })) => {
                partition.snapshot_id = SnapshotId {
                    end_offset: offset,
                    epoch,
                    ..Default::default()
                };
            }
            Some(FetchPosition::Valid) | None => {}
        }
        if version >= CURRENT_LEADER_SINCE {
            partition.current_leader = LeaderIdAndEpoch {
                leader_id: self.state.leader.unwrap_or(NodeId::NONE),
                leader_epoch: self.state.epoch,
                ..Default::default()
            };
        }
        FetchResponse {
            responses: vec![FetchableTopicResponse {
                topic: TOPIC.to_owned(),
                topic_id: TOPIC_ID,
                partitions: vec![partition],
                ..Default::default()
            }],
            node_endpoints: self.node_endpoints(
                version >= NODE_ENDPOINTS_SINCE,
                |node_id, endpoint| NodeEndpoint {
                    node_id,
                    host: endpoint.host.clone(),
                    port: i32::from(endpoint.port),
                    ..Default::default()
                },
            ),
            ..Default::default()
        }
    }
}
