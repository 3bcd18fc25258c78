//! DescribeAcls (29): which access rules match a filter.
//!
//! What versions brought:
//! - 1: pattern types (KIP-290).
//! - 2: flexible.
//! - 3: user resources, for delegation tokens (KIP-373).

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    DescribeAclsRequest: 1..=3, flexible 2 {
        resource_type_filter: i8,
        resource_name_filter: Option<String> = Some(String::new()) => nullable(1),
        pattern_type_filter: i8 = 3,
        principal_filter: Option<String> = Some(String::new()) => nullable(1),
        host_filter: Option<String> = Some(String::new()) => nullable(1),
        operation: i8,
        permission_type: i8,
    }

    DescribeAclsResponse: 1..=3, flexible 2 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(1),
        resources: Vec<DescribeAclsResource>,
    }
    DescribeAclsResource {
        resource_type: i8,
        resource_name: String,
        pattern_type: i8 = 3,
        acls: Vec<AclDescription>,
    }
    AclDescription {
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }
}
