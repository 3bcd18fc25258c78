//! Fetch (1): brokers and standby controllers copy the metadata log from its leader with it;
//! brokers copy partitions from each other.
//!
//! What versions brought:
//! - 4: the oldest still served by Kafka 4.
//! - 7: incremental sessions (KIP-227), which this log does not use.
//! - 9: the leader epoch the sender knows, to fence the stale.
//! - 12: flexible; the sender's last epoch, so that the leader finds where logs diverge (KIP-595).
//! - 13: topics by id (KIP-516).
//! - 15: the replica's id and epoch move to `replica_state` (KIP-903).
//! - 16: the answer names where nodes listen (KIP-951).
//! - 17: the directory of the replica (KIP-853).
//! - 18: the high watermark the sender knows, so that a newer one ends the wait (KIP-1166).

use bytes::Bytes;

use crate::protocol::{
    BrokerEpoch, Epoch, NodeId, Offset, Uuid, error_code::ErrorCode, schema::message,
};

message! {
    FetchRequest: 4..=18, flexible 12 {
        cluster_id: Option<String> => since(12) tag(0) nullable(12) ignorable(),
        replica_id: NodeId = NodeId::NONE => until(14),
        replica_state: ReplicaState => since(15) tag(1),
        max_wait_ms: i32,
        min_bytes: i32,
        max_bytes: i32 = i32::MAX => ignorable(),
        isolation_level: i8 => ignorable(),
        session_id: i32 => since(7) ignorable(),
        session_epoch: i32 = -1 => since(7) ignorable(),
        topics: Vec<FetchTopic>,
        forgotten_topics_data: Vec<ForgottenTopic> => since(7),
        rack_id: String => since(11) ignorable(),
    }
    ReplicaState {
        replica_id: NodeId = NodeId::NONE => since(15),
        replica_epoch: BrokerEpoch = BrokerEpoch::NONE => since(15),
    }
    FetchTopic {
        topic: String => until(12) ignorable(),
        topic_id: Uuid => since(13) ignorable(),
        partitions: Vec<FetchPartition>,
    }
    FetchPartition {
        partition: i32,
        current_leader_epoch: Epoch = Epoch::NONE => since(9) ignorable(),
        fetch_offset: Offset,
        last_fetched_epoch: Epoch = Epoch::NONE => since(12),
        log_start_offset: Offset = Offset::NONE => since(5) ignorable(),
        partition_max_bytes: i32,
        replica_directory_id: Uuid => since(17) tag(0) ignorable(),
        high_watermark: Offset = Offset(i64::MAX) => since(18) tag(1) ignorable(),
    }
    ForgottenTopic {
        topic: String => since(7) until(12) ignorable(),
        topic_id: Uuid => since(13) ignorable(),
        partitions: Vec<i32> => since(7),
    }

    FetchResponse: 4..=18, flexible 12 {
        throttle_time_ms: i32 => ignorable(),
        error_code: ErrorCode => since(7) ignorable(),
        session_id: i32 => since(7),
        responses: Vec<FetchableTopicResponse>,
        node_endpoints: Vec<NodeEndpoint> => since(16) tag(0),
    }
    FetchableTopicResponse {
        topic: String => until(12) ignorable(),
        topic_id: Uuid => since(13) ignorable(),
        partitions: Vec<PartitionData>,
    }
    PartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        high_watermark: Offset,
        last_stable_offset: Offset = Offset::NONE => ignorable(),
        log_start_offset: Offset = Offset::NONE => since(5) ignorable(),
        diverging_epoch: EpochEndOffset => since(12) tag(0),
        current_leader: LeaderIdAndEpoch => since(12) tag(1),
        snapshot_id: SnapshotId => since(12) tag(2),
        aborted_transactions: Option<Vec<AbortedTransaction>> = Some(Vec::new()) => nullable(4) ignorable(),
        preferred_read_replica: NodeId = NodeId::NONE => since(11),
        records: Option<Bytes> => nullable(4),
    }
    EpochEndOffset {
        epoch: Epoch = Epoch::NONE => since(12),
        end_offset: Offset = Offset::NONE => since(12),
    }
    LeaderIdAndEpoch {
        leader_id: NodeId = NodeId::NONE => since(12),
        leader_epoch: Epoch = Epoch::NONE => since(12),
    }
    SnapshotId {
        end_offset: Offset = Offset::NONE,
        epoch: Epoch = Epoch::NONE,
    }
    AbortedTransaction {
        producer_id: i64,
        first_offset: Offset,
    }
    NodeEndpoint {
        node_id: NodeId => since(16),
        host: String => since(16),
        port: i32 => since(16),
        rack: Option<String> => since(16) nullable(16),
    }
}

impl FetchRequest {
    /// Who fetches, wherever the version has it. Negative for a consumer.
    pub fn replica(&self) -> NodeId {
        let moved = self.replica_state.replica_id.known();
        moved.unwrap_or(self.replica_id)
    }
}
