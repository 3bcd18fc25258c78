//! UnregisterBroker (64): forgets a broker that will not come back (KIP-631).

use crate::protocol::{NodeId, error_code::ErrorCode, schema::message};

message! {
    UnregisterBrokerRequest: 0..=0, flexible 0 {
        broker_id: NodeId,
    }

    UnregisterBrokerResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
    }
}
