//! What a topic may be called (`org.apache.kafka.common.internals.Topic`).

use super::ApiError;
use crate::protocol::ErrorCode;

/// Longest name of a topic.
const MAX_LENGTH: usize = 249;

/// Refuses names that could not be a directory's or a metric's.
pub fn validate(name: &str) -> Result<(), ApiError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.encode_utf16().count() > MAX_LENGTH => {
            format!("the length of '{name}' is longer than the max allowed length {MAX_LENGTH}")
        }
        _ if !name.bytes().all(legal) => format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ),
        _ => return Ok(()),
    };
    let message = format!("Topic name is invalid: {reason}");
    Err(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message))
}
