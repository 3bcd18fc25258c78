//! DeleteAcls (31): removes the access rules that match filters.
//!
//! What versions brought:
//! - 1: pattern types (KIP-290).
//! - 2: flexible.
//! - 3: user resources (KIP-373).

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    DeleteAclsRequest: 1..=3, flexible 2 {
        filters: Vec<DeleteAclsFilter>,
    }
    DeleteAclsFilter {
        resource_type_filter: i8,
        resource_name_filter: Option<String> = Some(String::new()) => nullable(1),
        pattern_type_filter: i8 = 3,
        principal_filter: Option<String> = Some(String::new()) => nullable(1),
        host_filter: Option<String> = Some(String::new()) => nullable(1),
        operation: i8,
        permission_type: i8,
    }

    DeleteAclsResponse: 1..=3, flexible 2 {
        throttle_time_ms: i32,
        filter_results: Vec<DeleteAclsFilterResult>,
    }
    DeleteAclsFilterResult {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(1),
        matching_acls: Vec<DeleteAclsMatchingAcl>,
    }
    DeleteAclsMatchingAcl {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(1),
        resource_type: i8,
        resource_name: String,
        pattern_type: i8 = 3,
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }
}
