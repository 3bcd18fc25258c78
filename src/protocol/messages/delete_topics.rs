//! DeleteTopics (20): a client's wish, passed on by a broker.
//!
//! What versions brought:
//! - 4: flexible.
//! - 5: the answer tells the reason in words; may be throttled (KIP-599).
//! - 6: topics by name or by id.

use crate::protocol::{Uuid, error_code::ErrorCode, schema::message};

message! {
    DeleteTopicsRequest: 1..=6, flexible 4 {
        topics: Vec<DeleteTopicState> => since(6),
        topic_names: Vec<String> => until(5) ignorable(),
        timeout_ms: i32,
    }
    DeleteTopicState {
        name: Option<String> => since(6) nullable(6),
        topic_id: Uuid => since(6),
    }

    DeleteTopicsResponse: 1..=6, flexible 4 {
        throttle_time_ms: i32 => ignorable(),
        responses: Vec<DeletableTopicResult>,
    }
    DeletableTopicResult {
        name: Option<String> = Some(String::new()) => nullable(6),
        topic_id: Uuid => since(6) ignorable(),
        error_code: ErrorCode,
        error_message: Option<String> => since(5) nullable(5) ignorable(),
    }
}
