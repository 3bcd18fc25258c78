//! SaslHandshake (17): a client names the SASL mechanism it is about to use.
//!
//! What versions brought:
//! - 1: the tokens that follow travel in SaslAuthenticate requests.

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
