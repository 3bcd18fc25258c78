//! DescribeDelegationToken (41): the tokens of owners.
//!
//! What versions brought:
//! - 2: flexible.
//! - 3: tells who asked for a token (KIP-373).

use bytes::Bytes;

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    DescribeDelegationTokenRequest: 1..=3, flexible 2 {
        owners: Option<Vec<DescribeDelegationTokenOwner>> = Some(Vec::new()) => nullable(1),
    }
    DescribeDelegationTokenOwner {
        principal_type: String,
        principal_name: String,
    }

    DescribeDelegationTokenResponse: 1..=3, flexible 2 {
        error_code: ErrorCode,
        tokens: Vec<DescribedDelegationToken>,
        throttle_time_ms: i32,
    }
    DescribedDelegationToken {
        principal_type: String,
        principal_name: String,
        token_requester_principal_type: String => since(3),
        token_requester_principal_name: String => since(3),
        issue_timestamp: i64,
        expiry_timestamp: i64,
        max_timestamp: i64,
        token_id: String,
        hmac: Bytes,
        renewers: Vec<DescribedDelegationTokenRenewer>,
    }
    DescribedDelegationTokenRenewer {
        principal_type: String,
        principal_name: String,
    }
}
