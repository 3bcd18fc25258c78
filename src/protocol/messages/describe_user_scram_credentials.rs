//! DescribeUserScramCredentials (50): which users have SCRAM credentials, never the credentials
//! (KIP-554).

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    DescribeUserScramCredentialsRequest: 0..=0, flexible 0 {
        users: Option<Vec<UserName>> = Some(Vec::new()) => nullable(0),
    }
    UserName {
        name: String,
    }

    DescribeUserScramCredentialsResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        results: Vec<DescribeUserScramCredentialsResult>,
    }
    DescribeUserScramCredentialsResult {
        user: String,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        credential_infos: Vec<CredentialInfo>,
    }
    CredentialInfo {
        mechanism: i8,
        iterations: i32,
    }
}
