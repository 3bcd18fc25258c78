//! DescribeConfigs (32): configurations with where each value comes from. A controller answers for
//! itself, for topics, groups and client metrics.
//!
//! What versions brought:
//! - 1: synonyms and sources (KIP-226).
//! - 3: types and documentation (KIP-569).
//! - 4: flexible.

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    DescribeConfigsRequest: 1..=4, flexible 4 {
        resources: Vec<DescribeConfigsResource>,
        include_synonyms: bool,
        include_documentation: bool => since(3),
    }
    DescribeConfigsResource {
        resource_type: i8,
        resource_name: String,
        configuration_keys: Option<Vec<String>> = Some(Vec::new()) => nullable(1),
    }

    DescribeConfigsResponse: 1..=4, flexible 4 {
        throttle_time_ms: i32,
        results: Vec<DescribeConfigsResult>,
    }
    DescribeConfigsResult {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(1),
        resource_type: i8,
        resource_name: String,
        configs: Vec<DescribeConfigsResourceResult>,
    }
    DescribeConfigsResourceResult {
        name: String,
        value: Option<String> = Some(String::new()) => nullable(1),
        read_only: bool,
        config_source: i8 = -1 => ignorable(),
        is_sensitive: bool,
        synonyms: Vec<DescribeConfigsSynonym> => ignorable(),
        config_type: i8 => since(3) ignorable(),
        documentation: Option<String> = Some(String::new()) => since(3) nullable(1) ignorable(),
    }
    DescribeConfigsSynonym {
        name: String,
        value: Option<String> = Some(String::new()) => nullable(1),
        source: i8,
    }
}
