//! BeginQuorumEpoch (53): a new leader tells the voters of itself (KIP-595).
//!
//! What versions brought:
//! - 1: voters by directory, and where the leader listens (KIP-853).

use crate::protocol::{Epoch, NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    BeginQuorumEpochRequest: 0..=1, flexible 1 {
        cluster_id: Option<String> => nullable(0),
        voter_id: NodeId = NodeId::NONE => since(1) ignorable(),
        topics: Vec<RequestTopicData>,
        leader_endpoints: Vec<LeaderEndpoint> => since(1) ignorable(),
    }
    RequestTopicData {
        topic_name: String,
        partitions: Vec<RequestPartitionData>,
    }
    RequestPartitionData {
        partition_index: i32,
        voter_directory_id: Uuid => since(1) ignorable(),
        leader_id: NodeId,
        leader_epoch: Epoch,
    }
    LeaderEndpoint {
        name: String => since(1),
        host: String => since(1),
        port: u16 => since(1),
    }

    BeginQuorumEpochResponse: 0..=1, flexible 1 {
        error_code: ErrorCode,
        topics: Vec<ResponseTopicData>,
        node_endpoints: Vec<NodeEndpoint> => since(1) tag(0),
    }
    ResponseTopicData {
        topic_name: String,
        partitions: Vec<ResponsePartitionData>,
    }
    ResponsePartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        leader_id: NodeId,
        leader_epoch: Epoch,
    }
    NodeEndpoint {
        node_id: NodeId => since(1),
        host: String => since(1),
        port: u16 => since(1),
    }
}
