//! Vote (52): a candidate asks another voter for its vote (KIP-595).
//!
//! What versions brought:
//! - 1: voters are known by directory too, and the answer says where the leader listens (KIP-853).
//! - 2: pre-votes, which bind nobody (KIP-996); with them the candidate's fields were renamed to
//!   the replica's.

use crate::protocol::{Epoch, NodeId, Offset, Uuid, error_code::ErrorCode, schema::message};

message! {
    VoteRequest: 0..=2, flexible 0 {
        cluster_id: Option<String> => nullable(0),
        voter_id: NodeId = NodeId::NONE => since(1) ignorable(),
        topics: Vec<RequestTopicData>,
    }
    RequestTopicData {
        topic_name: String,
        partitions: Vec<RequestPartitionData>,
    }
    RequestPartitionData {
        partition_index: i32,
        replica_epoch: Epoch,
        replica_id: NodeId,
        replica_directory_id: Uuid => since(1) ignorable(),
        voter_directory_id: Uuid => since(1) ignorable(),
        last_offset_epoch: Epoch,
        last_offset: Offset,
        pre_vote: bool => since(2),
    }

    VoteResponse: 0..=2, flexible 0 {
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
        vote_granted: bool,
    }
    NodeEndpoint {
        node_id: NodeId => since(1),
        host: String => since(1),
        port: u16 => since(1),
    }
}
