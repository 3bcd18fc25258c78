//! BrokerRegistration (key 62).

use crate::protocol::{BrokerEpoch, NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    BrokerRegistrationRequest: 0..=4, flexible 0 {
        broker_id: NodeId,
        cluster_id: String,
        incarnation_id: Uuid,
        listeners: Vec<Listener>,
        features: Vec<Feature>,
        rack: Option<String> = Some(String::new()) => nullable(0),
        is_migrating_zk_broker: bool => since(1),
        log_dirs: Vec<Uuid> => since(2) ignorable(),
        previous_broker_epoch: BrokerEpoch = BrokerEpoch::NONE => since(3) ignorable(),
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

    BrokerRegistrationResponse: 0..=4, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        broker_epoch: BrokerEpoch = BrokerEpoch::NONE,
    }
}
