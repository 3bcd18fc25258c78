//! AssignReplicasToDirs (73): a broker with several disks says where it put its replicas (KIP-858).

use crate::protocol::{BrokerEpoch, NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    AssignReplicasToDirsRequest: 0..=0, flexible 0 {
        broker_id: NodeId,
        broker_epoch: BrokerEpoch = BrokerEpoch::NONE,
        directories: Vec<RequestDirectoryData>,
    }
    RequestDirectoryData {
        id: Uuid,
        topics: Vec<RequestTopicData>,
    }
    RequestTopicData {
        topic_id: Uuid,
        partitions: Vec<RequestPartitionData>,
    }
    RequestPartitionData {
        partition_index: i32,
    }

    AssignReplicasToDirsResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        directories: Vec<ResponseDirectoryData>,
    }
    ResponseDirectoryData {
        id: Uuid,
        topics: Vec<ResponseTopicData>,
    }
    ResponseTopicData {
        topic_id: Uuid,
        partitions: Vec<ResponsePartitionData>,
    }
    ResponsePartitionData {
        partition_index: i32,
        error_code: ErrorCode,
    }
}
