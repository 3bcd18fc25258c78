//! AlterConfigs (33): replaces all configurations of a resource. Superseded by
//! IncrementalAlterConfigs.
//!
//! What versions brought:
//! - 2: flexible.

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    AlterConfigsRequest: 0..=2, flexible 2 {
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
        value: Option<String> = Some(String::new()) => nullable(0),
    }

    AlterConfigsResponse: 0..=2, flexible 2 {
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
