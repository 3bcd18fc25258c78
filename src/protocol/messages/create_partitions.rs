//! CreatePartitions (37): more partitions for a topic.
//!
//! What versions brought:
//! - 2: flexible.
//! - 3: may be throttled (KIP-599).

use crate::protocol::{NodeId, error_code::ErrorCode, schema::message};

message! {
    CreatePartitionsRequest: 0..=3, flexible 2 {
        topics: Vec<CreatePartitionsTopic>,
        timeout_ms: i32,
        validate_only: bool,
    }
    CreatePartitionsTopic {
        name: String,
        count: i32,
        assignments: Option<Vec<CreatePartitionsAssignment>> = Some(Vec::new()) => nullable(0),
    }
    CreatePartitionsAssignment {
        broker_ids: Vec<NodeId>,
    }

    CreatePartitionsResponse: 0..=3, flexible 2 {
        throttle_time_ms: i32,
        results: Vec<CreatePartitionsTopicResult>,
    }
    CreatePartitionsTopicResult {
        name: String,
        error_code: ErrorCode,
        error_message: Option<String> => nullable(0),
    }
}
