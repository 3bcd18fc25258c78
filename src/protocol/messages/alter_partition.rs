//! AlterPartition (56): the leader of a partition proposes a new ISR (KIP-497).
//!
//! What versions brought:
//! - 2: topics by id.
//! - 3: the epoch of each broker in the ISR, to keep out those that restarted (KIP-903).

use crate::protocol::{BrokerEpoch, Epoch, NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    AlterPartitionRequest: 2..=3, flexible 0 {
        broker_id: NodeId,
        broker_epoch: BrokerEpoch = BrokerEpoch::NONE,
        topics: Vec<RequestTopicData>,
    }
    RequestTopicData {
        topic_id: Uuid => ignorable(),
        partitions: Vec<RequestPartitionData>,
    }
    RequestPartitionData {
        partition_index: i32,
        leader_epoch: Epoch,
        new_isr: Vec<NodeId> => until(2),
        new_isr_with_epochs: Vec<BrokerState> => since(3),
        leader_recovery_state: i8,
        partition_epoch: i32,
    }
    BrokerState {
        broker_id: NodeId => since(3),
        broker_epoch: BrokerEpoch = BrokerEpoch::NONE => since(3),
    }

    AlterPartitionResponse: 2..=3, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        topics: Vec<ResponseTopicData>,
    }
    ResponseTopicData {
        topic_id: Uuid => ignorable(),
        partitions: Vec<ResponsePartitionData>,
    }
    ResponsePartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        leader_id: NodeId,
        leader_epoch: Epoch,
        isr: Vec<NodeId>,
        leader_recovery_state: i8 => ignorable(),
        partition_epoch: i32,
    }
}
