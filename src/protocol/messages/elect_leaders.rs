//! ElectLeaders (43): elect the preferred leaders of partitions, or any replica where none is left.
//!
//! What versions brought:
//! - 1: unclean elections (KIP-460).
//! - 2: flexible.

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    ElectLeadersRequest: 0..=2, flexible 2 {
        election_type: i8 => since(1),
        topic_partitions: Option<Vec<TopicPartitions>> = Some(Vec::new()) => nullable(0),
        timeout_ms: i32 = 60000,
    }
    TopicPartitions {
        topic: String,
        partitions: Vec<i32>,
    }

    ElectLeadersResponse: 0..=2, flexible 2 {
        throttle_time_ms: i32,
        error_code: ErrorCode => since(1),
        replica_election_results: Vec<ReplicaElectionResult>,
    }
    ReplicaElectionResult {
        topic: String,
        partition_result: Vec<PartitionResult>,
    }
    PartitionResult {
        partition_id: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
    }
}
