//! BrokerRegistration (62): a process of a broker introduces itself to the active controller
//! (KIP-631).
//!
//! What versions brought:
//! - 1: whether it migrates from ZooKeeper.
//! - 2: its log directories (KIP-858).
//! - 3: its epoch before a clean stop (KIP-966).
//! - 4: features whose lowest level is 0.

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
