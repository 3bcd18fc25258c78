//! CreateTopics (19): brokers send it for internal topics, and pass on what clients ask for.
//!
//! What versions brought:
//! - 5: flexible; the answer tells the number of partitions, the replication factor and the
//!   configurations (KIP-525); -1 asks for the defaults (since 4, KIP-464).
//! - 6: may be throttled (KIP-599).
//! - 7: the answer tells the topic's id.

use crate::protocol::{NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    CreateTopicsRequest: 2..=7, flexible 5 {
        topics: Vec<CreatableTopic>,
        timeout_ms: i32 = 60000,
        validate_only: bool,
    }
    CreatableTopic {
        name: String,
        num_partitions: i32,
        replication_factor: i16,
        assignments: Vec<CreatableReplicaAssignment>,
        configs: Vec<CreatableTopicConfig>,
    }
    CreatableReplicaAssignment {
        partition_index: i32,
        broker_ids: Vec<NodeId>,
    }
    CreatableTopicConfig {
        name: String,
        value: Option<String> = Some(String::new()) => nullable(2),
    }

    CreateTopicsResponse: 2..=7, flexible 5 {
        throttle_time_ms: i32 => ignorable(),
        topics: Vec<CreatableTopicResult>,
    }
    CreatableTopicResult {
        name: String,
        topic_id: Uuid => since(7) ignorable(),
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(2) ignorable(),
        topic_config_error_code: ErrorCode => since(5) tag(0) ignorable(),
        num_partitions: i32 = -1 => since(5) ignorable(),
        replication_factor: i16 = -1 => since(5) ignorable(),
        configs: Option<Vec<CreatableTopicConfigs>> = Some(Vec::new()) => since(5) nullable(5) ignorable(),
    }
    CreatableTopicConfigs {
        name: String => since(5),
        value: Option<String> = Some(String::new()) => since(5) nullable(5),
        read_only: bool => since(5),
        config_source: i8 = -1 => since(5) ignorable(),
        is_sensitive: bool => since(5),
    }
}
