//! AlterPartitionReassignments (45): moves partitions to other brokers, or calls a move off
//! (KIP-455).
//!
//! What versions brought:
//! - 1: may insist on the replication factor.

use crate::protocol::{NodeId, error_code::ErrorCode, schema::message};

message! {
    AlterPartitionReassignmentsRequest: 0..=1, flexible 0 {
        timeout_ms: i32 = 60000,
        allow_replication_factor_change: bool = true => since(1),
        topics: Vec<ReassignableTopic>,
    }
    ReassignableTopic {
        name: String,
        partitions: Vec<ReassignablePartition>,
    }
    ReassignablePartition {
        partition_index: i32,
        replicas: Option<Vec<NodeId>> => nullable(0),
    }

    AlterPartitionReassignmentsResponse: 0..=1, flexible 0 {
        throttle_time_ms: i32,
        allow_replication_factor_change: bool = true => since(1) ignorable(),
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        responses: Vec<ReassignableTopicResponse>,
    }
    ReassignableTopicResponse {
        name: String,
        partitions: Vec<ReassignablePartitionResponse>,
    }
    ReassignablePartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
    }
}
