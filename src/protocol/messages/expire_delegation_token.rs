//! ExpireDelegationToken (40): a token ends earlier, or now.
//!
//! What versions brought:
//! - 2: flexible.

use bytes::Bytes;

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    ExpireDelegationTokenRequest: 1..=2, flexible 2 {
        hmac: Bytes,
        expiry_time_period_ms: i64,
    }

    ExpireDelegationTokenResponse: 1..=2, flexible 2 {
        error_code: ErrorCode,
        expiry_timestamp_ms: i64,
        throttle_time_ms: i32,
    }
}
