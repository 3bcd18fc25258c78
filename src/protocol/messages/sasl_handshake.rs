//! SaslHandshake (key 17).

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    SaslHandshakeRequest: 0..=1 {
        mechanism: String,
    }

    SaslHandshakeResponse: 0..=1 {
        error_code: ErrorCode,
        mechanisms: Vec<String>,
    }
}
