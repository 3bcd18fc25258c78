//! EndQuorumEpoch (54): a leader resigns and names who should follow it (KIP-595).
//!
//! What versions brought:
//! - 1: candidates by directory, and where the leader listens (KIP-853).

use crate::protocol::{Epoch, NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    EndQuorumEpochRequest: 0..=1, flexible 1 {
        cluster_id: Option<String> => nullable(0),
        topics: Vec<RequestTopicData>,
        leader_endpoints: Vec<LeaderEndpoint> => since(1) ignorable(),
    }
    RequestTopicData {
        topic_name: String,
        partitions: Vec<RequestPartitionData>,
    }
    RequestPartitionData {
        partition_index: i32,
        leader_id: NodeId,
        leader_epoch: Epoch,
        preferred_successors: Vec<NodeId> => until(0) ignorable(),
        preferred_candidates: Vec<ReplicaInfo> => since(1) ignorable(),
    }
    ReplicaInfo {
        candidate_id: NodeId => since(1),
        candidate_directory_id: Uuid => since(1),
    }
    LeaderEndpoint {
        name: String => since(1),
        host: String => since(1),
        port: u16 => since(1),
    }

    EndQuorumEpochResponse: 0..=1, flexible 1 {
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
