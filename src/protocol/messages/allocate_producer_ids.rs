//! AllocateProducerIds (67): a broker takes a block of ids for idempotent producers (KIP-730).

use crate::protocol::{BrokerEpoch, NodeId, error_code::ErrorCode, schema::message};

message! {
    AllocateProducerIdsRequest: 0..=0, flexible 0 {
        broker_id: NodeId,
        broker_epoch: BrokerEpoch = BrokerEpoch::NONE,
    }

    AllocateProducerIdsResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        producer_id_start: i64,
        producer_id_len: i32,
    }
}
