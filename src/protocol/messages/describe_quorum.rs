//! DescribeQuorum (55): who votes, who observes, and how far each has come (`kafka-metadata-
//! quorum`).
//!
//! What versions brought:
//! - 1: when each replica last fetched and was last caught up (KIP-836).
//! - 2: directories, errors in words, and where the voters listen (KIP-853).

use crate::protocol::{Epoch, NodeId, Offset, Uuid, error_code::ErrorCode, schema::message};

message! {
    DescribeQuorumRequest: 0..=2, flexible 0 {
        topics: Vec<RequestTopicData>,
    }
    RequestTopicData {
        topic_name: String,
        partitions: Vec<RequestPartitionData>,
    }
    RequestPartitionData {
        partition_index: i32,
    }

    DescribeQuorumResponse: 0..=2, flexible 0 {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => since(2) nullable(2) ignorable(),
        topics: Vec<ResponseTopicData>,
        nodes: Vec<Node> => since(2),
    }
    ResponseTopicData {
        topic_name: String,
        partitions: Vec<ResponsePartitionData>,
    }
    ResponsePartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => since(2) nullable(2) ignorable(),
        leader_id: NodeId,
        leader_epoch: Epoch,
        high_watermark: Offset,
        current_voters: Vec<ReplicaState>,
        observers: Vec<ReplicaState>,
    }
    Node {
        node_id: NodeId => since(2),
        listeners: Vec<Listener> => since(2),
    }
    Listener {
        name: String => since(2),
        host: String => since(2),
        port: u16 => since(2),
    }
    ReplicaState {
        replica_id: NodeId,
        replica_directory_id: Uuid => since(2),
        log_end_offset: Offset,
        last_fetch_timestamp: i64 = -1 => since(1) ignorable(),
        last_caught_up_timestamp: i64 = -1 => since(1) ignorable(),
    }
}
