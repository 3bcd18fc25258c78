//! FetchSnapshot (59): a replica that is too far behind copies a snapshot piece by piece (KIP-630).
//!
//! What versions brought:
//! - 1: the directory of the replica, and where the leader listens (KIP-853).

use bytes::Bytes;

use crate::protocol::{Epoch, NodeId, Offset, Uuid, error_code::ErrorCode, schema::message};

message! {
    FetchSnapshotRequest: 0..=1, flexible 0 {
        cluster_id: Option<String> => tag(0) nullable(0),
        replica_id: NodeId = NodeId::NONE,
        max_bytes: i32 = i32::MAX,
        topics: Vec<RequestTopicSnapshot>,
    }
    RequestTopicSnapshot {
        name: String,
        partitions: Vec<RequestPartitionSnapshot>,
    }
    RequestPartitionSnapshot {
        partition: i32,
        current_leader_epoch: Epoch,
        snapshot_id: RequestSnapshotId,
        position: i64,
        replica_directory_id: Uuid => since(1) tag(0) ignorable(),
    }
    RequestSnapshotId {
        end_offset: Offset,
        epoch: Epoch,
    }

    FetchSnapshotResponse: 0..=1, flexible 0 {
        throttle_time_ms: i32 => ignorable(),
        error_code: ErrorCode,
        topics: Vec<ResponseTopicSnapshot>,
        node_endpoints: Vec<NodeEndpoint> => since(1) tag(0),
    }
    ResponseTopicSnapshot {
        name: String,
        partitions: Vec<ResponsePartitionSnapshot>,
    }
    ResponsePartitionSnapshot {
        index: i32,
        error_code: ErrorCode,
        snapshot_id: ResponseSnapshotId,
        current_leader: LeaderIdAndEpoch => tag(0),
        size: i64,
        position: i64,
        unaligned_records: Bytes,
    }
    ResponseSnapshotId {
        end_offset: Offset,
        epoch: Epoch,
    }
    LeaderIdAndEpoch {
        leader_id: NodeId,
        leader_epoch: Epoch,
    }
    NodeEndpoint {
        node_id: NodeId => since(1),
        host: String => since(1),
        port: u16 => since(1),
    }
}
