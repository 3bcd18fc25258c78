//! UpdateRaftVoter (82): a voter tells the leader where it listens and which kraft.version it knows
//! (KIP-853).

use crate::protocol::{Epoch, NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    UpdateRaftVoterRequest: 0..=0, flexible 0 {
        cluster_id: Option<String> = Some(String::new()) => nullable(0),
        current_leader_epoch: Epoch,
        voter_id: NodeId,
        voter_directory_id: Uuid,
        listeners: Vec<Listener>,
        kraft_version_feature: KRaftVersionFeature,
    }
    Listener {
        name: String,
        host: String,
        port: u16,
    }
    KRaftVersionFeature {
        min_supported_version: i16,
        max_supported_version: i16,
    }

    UpdateRaftVoterResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        current_leader: CurrentLeader => tag(0),
    }
    CurrentLeader {
        leader_id: NodeId = NodeId::NONE,
        leader_epoch: Epoch = Epoch::NONE,
        host: String,
        port: i32,
    }
}
