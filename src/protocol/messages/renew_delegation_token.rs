//! RenewDelegationToken (39): a token lives on.
//!
//! What versions brought:
//! - 2: flexible.

use bytes::Bytes;

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    RenewDelegationTokenRequest: 1..=2, flexible 2 {
        hmac: Bytes,
        renew_period_ms: i64,
    }

    RenewDelegationTokenResponse: 1..=2, flexible 2 {
        error_code: ErrorCode,
        expiry_timestamp_ms: i64,
        throttle_time_ms: i32,
    }
}
