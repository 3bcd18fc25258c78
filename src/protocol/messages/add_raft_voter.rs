//! AddRaftVoter (80): a controller becomes a voter (KIP-853).
//!
//! What versions brought:
//! - 1: whether to answer only when that is committed.

use crate::protocol::{NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    AddRaftVoterRequest: 0..=1, flexible 0 {
        cluster_id: Option<String> = Some(String::new()) => nullable(0),
        timeout_ms: i32,
        voter_id: NodeId,
        voter_directory_id: Uuid,
        listeners: Vec<Listener>,
        ack_when_committed: bool = true => since(1),
    }
    Listener {
        name: String,
        host: String,
        port: u16,
    }

    AddRaftVoterResponse: 0..=1, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0) ignorable(),
    }
}
