//! ListPartitionReassignments (46): the moves that go on (KIP-455).

use crate::protocol::{NodeId, error_code::ErrorCode, schema::message};

message! {
    ListPartitionReassignmentsRequest: 0..=0, flexible 0 {
        timeout_ms: i32 = 60000,
        topics: Option<Vec<ListPartitionReassignmentsTopics>> => nullable(0),
    }
    ListPartitionReassignmentsTopics {
        name: String,
        partition_indexes: Vec<i32>,
    }

    ListPartitionReassignmentsResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        topics: Vec<OngoingTopicReassignment>,
    }
    OngoingTopicReassignment {
        name: String,
        partitions: Vec<OngoingPartitionReassignment>,
    }
    OngoingPartitionReassignment {
        partition_index: i32,
        replicas: Vec<NodeId>,
        adding_replicas: Vec<NodeId>,
        removing_replicas: Vec<NodeId>,
    }
}
