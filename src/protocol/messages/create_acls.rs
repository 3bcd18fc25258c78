//! CreateAcls (30): new access rules.
//!
//! What versions brought:
//! - 1: pattern types (KIP-290).
//! - 2: flexible.
//! - 3: user resources (KIP-373).

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    CreateAclsRequest: 1..=3, flexible 2 {
        creations: Vec<AclCreation>,
    }
    AclCreation {
        resource_type: i8,
        resource_name: String,
        resource_pattern_type: i8 = 3,
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }

    CreateAclsResponse: 1..=3, flexible 2 {
        throttle_time_ms: i32,
        results: Vec<AclCreationResult>,
    }
    AclCreationResult {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(1),
    }
}
