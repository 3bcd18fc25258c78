//! CreateDelegationToken (38): a token that stands for a principal.
//!
//! What versions brought:
//! - 2: flexible.
//! - 3: for another owner than the requester (KIP-373).

use bytes::Bytes;

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    CreateDelegationTokenRequest: 1..=3, flexible 2 {
        owner_principal_type: Option<String> = Some(String::new()) => since(3) nullable(3),
        owner_principal_name: Option<String> = Some(String::new()) => since(3) nullable(3),
        renewers: Vec<CreatableRenewers>,
        max_lifetime_ms: i64,
    }
    CreatableRenewers {
        principal_type: String,
        principal_name: String,
    }

    CreateDelegationTokenResponse: 1..=3, flexible 2 {
        error_code: ErrorCode,
        principal_type: String,
        principal_name: String,
        token_requester_principal_type: String => since(3),
        token_requester_principal_name: String => since(3),
        issue_timestamp_ms: i64,
        expiry_timestamp_ms: i64,
        max_timestamp_ms: i64,
        token_id: String,
        hmac: Bytes,
        throttle_time_ms: i32,
    }
}
