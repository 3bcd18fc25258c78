//! SaslAuthenticate (36): one token of a SASL exchange.
//!
//! What versions brought:
//! - 1: how long the session lasts (KIP-368).
//! - 2: flexible.

use bytes::Bytes;

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    SaslAuthenticateRequest: 0..=2, flexible 2 {
        auth_bytes: Bytes,
    }

    SaslAuthenticateResponse: 0..=2, flexible 2 {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        auth_bytes: Bytes,
        session_lifetime_ms: i64 => since(1) ignorable(),
    }
}
