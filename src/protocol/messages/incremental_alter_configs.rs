//! IncrementalAlterConfigs (44): sets, deletes, appends to or subtracts from single configurations
//! (KIP-339).
//!
//! What versions brought:
//! - 1: flexible.

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    IncrementalAlterConfigsRequest: 0..=1, flexible 1 {
        resources: Vec<AlterConfigsResource>,
        validate_only: bool,
    }
    AlterConfigsResource {
        resource_type: i8,
        resource_name: String,
        configs: Vec<AlterableConfig>,
    }
    AlterableConfig {
        name: String,
        config_operation: i8,
        value: Option<String> = Some(String::new()) => nullable(0),
    }

    IncrementalAlterConfigsResponse: 0..=1, flexible 1 {
        throttle_time_ms: i32,
        responses: Vec<AlterConfigsResourceResponse>,
    }
    AlterConfigsResourceResponse {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        resource_type: i8,
        resource_name: String,
    }
}
