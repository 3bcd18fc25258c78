//! What the answers of all quorum APIs (Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch, FetchSnapshot) have in common.

use super::{Epoch, ErrorCode, NodeId, api::Response};

/// The error of an answer as a whole, and what its only partition says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumAnswer {
    pub error: ErrorCode,
    pub partition: Option<PartitionAnswer>,
}

/// Its error, and leader and epoch as the one who answers knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionAnswer {
    pub error: ErrorCode,
    pub leader: NodeId,
    pub epoch: Epoch,
}

impl QuorumAnswer {
    /// `None` where it is an answer of another API.
    pub fn of(response: &Response) -> Option<QuorumAnswer> {
        macro_rules! first {
            ($response:expr, $topics:ident, $($leader:ident).+, $($epoch:ident).+) => {{
                let mut partitions = $response.$topics.iter().flat_map(|topic| &topic.partitions);
                let partition = partitions.next().map(|partition| PartitionAnswer {
                    error: partition.error_code,
                    leader: partition.$($leader).+,
                    epoch: partition.$($epoch).+,
                });
                QuorumAnswer { error: $response.error_code, partition }
            }};
        }
        let answer = match response {
            Response::Vote(it) => first!(it, topics, leader_id, leader_epoch),
            Response::BeginQuorumEpoch(it) => first!(it, topics, leader_id, leader_epoch),
            Response::EndQuorumEpoch(it) => first!(it, topics, leader_id, leader_epoch),
            Response::Fetch(it) => first!(
                it,
                responses,
                current_leader.leader_id,
                current_leader.leader_epoch
            ),
            Response::FetchSnapshot(it) => first!(
                it,
                topics,
                current_leader.leader_id,
                current_leader.leader_epoch
            ),
            _ => return None,
        };
        Some(answer)
    }
}
