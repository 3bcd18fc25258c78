//! AlterUserScramCredentials (51): sets and deletes SCRAM credentials (KIP-554).

use bytes::Bytes;

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    AlterUserScramCredentialsRequest: 0..=0, flexible 0 {
        deletions: Vec<ScramCredentialDeletion>,
        upsertions: Vec<ScramCredentialUpsertion>,
    }
    ScramCredentialDeletion {
        name: String,
        mechanism: i8,
    }
    ScramCredentialUpsertion {
        name: String,
        mechanism: i8,
        iterations: i32,
        salt: Bytes,
        salted_password: Bytes,
    }

    AlterUserScramCredentialsResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        results: Vec<AlterUserScramCredentialsResult>,
    }
    AlterUserScramCredentialsResult {
        user: String,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
    }
}
