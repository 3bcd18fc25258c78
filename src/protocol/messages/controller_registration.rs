//! ControllerRegistration (70): a controller introduces itself to the active one (KIP-919).

use crate::protocol::{NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    ControllerRegistrationRequest: 0..=0, flexible 0 {
        controller_id: NodeId,
        incarnation_id: Uuid,
        zk_migration_ready: bool,
        listeners: Vec<Listener>,
        features: Vec<Feature>,
    }
    Listener {
        name: String,
        host: String,
        port: u16,
        security_protocol: i16,
    }
    Feature {
        name: String,
        min_supported_version: i16,
        max_supported_version: i16,
    }

    ControllerRegistrationResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
    }
}
