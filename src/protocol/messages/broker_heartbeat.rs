//! BrokerHeartbeat (63): a broker says that it lives, how far it has read, and what it wants
//! (KIP-631).
//!
//! What versions brought:
//! - 1: log directories that failed (KIP-858).
//! - 2: log directories that are to get no more replicas (KIP-1066).

use crate::protocol::{BrokerEpoch, NodeId, Offset, Uuid, error_code::ErrorCode, schema::message};

message! {
    BrokerHeartbeatRequest: 0..=2, flexible 0 {
        broker_id: NodeId,
        broker_epoch: BrokerEpoch = BrokerEpoch::NONE,
        current_metadata_offset: Offset,
        want_fence: bool,
        want_shut_down: bool,
        offline_log_dirs: Vec<Uuid> => since(1) tag(0),
        cordoned_log_dirs: Option<Vec<Uuid>> => since(2) tag(1) nullable(2),
    }

    BrokerHeartbeatResponse: 0..=2, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        is_caught_up: bool,
        is_fenced: bool = true,
        should_shut_down: bool,
    }
}
