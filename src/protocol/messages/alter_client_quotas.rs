//! AlterClientQuotas (49): limits for users, clients and addresses (KIP-546).
//!
//! What versions brought:
//! - 1: flexible.

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    AlterClientQuotasRequest: 0..=1, flexible 1 {
        entries: Vec<RequestEntryData>,
        validate_only: bool,
    }
    RequestEntryData {
        entity: Vec<RequestEntityData>,
        ops: Vec<OpData>,
    }
    RequestEntityData {
        entity_type: String,
        entity_name: Option<String> = Some(String::new()) => nullable(0),
    }
    OpData {
        key: String,
        value: f64,
        remove: bool,
    }

    AlterClientQuotasResponse: 0..=1, flexible 1 {
        throttle_time_ms: i32,
        entries: Vec<ResponseEntryData>,
    }
    ResponseEntryData {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        entity: Vec<ResponseEntityData>,
    }
    ResponseEntityData {
        entity_type: String,
        entity_name: Option<String> = Some(String::new()) => nullable(0),
    }
}
