//! RemoveRaftVoter (81): a controller is a voter no more (KIP-853).

use crate::protocol::{NodeId, Uuid, error_code::ErrorCode, schema::message};

message! {
    RemoveRaftVoterRequest: 0..=0, flexible 0 {
        cluster_id: Option<String> = Some(String::new()) => nullable(0),
        voter_id: NodeId,
        voter_directory_id: Uuid,
    }

    RemoveRaftVoterResponse: 0..=0, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0) ignorable(),
    }
}
