//! DescribeQuorum (KIP-595, KIP-836): what the leader knows of its replicas.

use super::{
    Effect, Raft, TOPIC, Token,
    progress::Replica,
    role::{Leader, Role},
};
use crate::{
    protocol::{
        ErrorCode, NodeId, Offset, Uuid,
        messages::describe_quorum::{
            DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, ReplicaState,
            ResponsePartitionData, ResponseTopicData,
        },
    },
    time::Now,
};

/// First version with directories and listeners (KIP-853).
const DIRECTORIES_SINCE: i16 = 2;

impl Raft {
    pub(super) fn on_describe_quorum(
        &mut self,
        now: Now,
        token: Token,
        version: i16,
        request: DescribeQuorumRequest,
    ) {
        let is_ours = match request.topics.as_slice() {
            [topic] => {
                let indexes = topic.partitions.iter();
                topic.topic_name == TOPIC
                    && indexes.map(|partition| partition.partition_index).eq([0])
            }
            [] | [_, _, ..] => false,
        };
        if let Role::Leader(leader) = &mut self.role {
            leader.progress.forget_silent_observers(now.time);
        }
        let response = match (&self.role, is_ours) {
            (_, false) => unknown_partitions(&request),
            (Role::Leader(leader), true) => self.describe(now, leader, version),
            (
                Role::Unattached(_)
                | Role::Prospective(_)
                | Role::Candidate(_)
                | Role::Follower(_)
                | Role::Resigned(_),
                true,
            ) => one_partition(error(0, ErrorCode::NOT_LEADER_OR_FOLLOWER)),
        };
        let response = response.into();
        self.effects.push_back(Effect::Reply { token, response });
    }

    fn describe(&self, now: Now, leader: &Leader, version: i16) -> DescribeQuorumResponse {
        // A static quorum (kraft.version 0) knows no directories of its voters, so none are told.
        let own = ReplicaState {
            replica_id: self.options.node_id,
            log_end_offset: self.log.end,
            last_fetch_timestamp: now.wall_clock_ms,
            last_caught_up_timestamp: now.wall_clock_ms,
            ..Default::default()
        };
        let others = leader.progress.voters();
        let mut voters: Vec<ReplicaState> = others
            .map(|(id, replica)| replica_state(id, Uuid::ZERO, replica))
            .collect();
        voters.push(own);
        voters.sort_by_key(|voter| voter.replica_id);
        let observers = leader.progress.observers().map(|(key, replica)| {
            let directory_id = match version >= DIRECTORIES_SINCE {
                true => key.directory_id,
                false => Uuid::ZERO,
            };
            replica_state(key.id, directory_id, replica)
        });
        let mut response = one_partition(ResponsePartitionData {
            leader_id: self.options.node_id,
            leader_epoch: self.state.epoch,
            high_watermark: self.leader_high_watermark().unwrap_or(Offset::NONE),
            current_voters: voters,
            observers: observers.collect(),
            ..Default::default()
        });
        if version >= DIRECTORIES_SINCE {
            response.nodes = self.nodes();
        }
        response
    }

    fn nodes(&self) -> Vec<Node> {
        let voters = self.voters.iter();
        voters
            .map(|(node_id, endpoint)| Node {
                node_id,
                listeners: vec![Listener {
                    name: endpoint.listener_name.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    ..Default::default()
                }],
                ..Default::default()
            })
            .collect()
    }
}

fn replica_state(replica_id: NodeId, directory_id: Uuid, replica: &Replica) -> ReplicaState {
    ReplicaState {
        replica_id,
        replica_directory_id: directory_id,
        log_end_offset: replica.end,
        last_fetch_timestamp: replica.last_fetch_ms,
        last_caught_up_timestamp: replica.last_caught_up_ms,
        ..Default::default()
    }
}

fn one_partition(partition: ResponsePartitionData) -> DescribeQuorumResponse {
    DescribeQuorumResponse {
        topics: vec![ResponseTopicData {
            topic_name: TOPIC.to_owned(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn error(partition_index: i32, error_code: ErrorCode) -> ResponsePartitionData {
    ResponsePartitionData {
        partition_index,
        error_code,
        error_message: Some(error_code.message().to_owned()),
        ..Default::default()
    }
}

fn unknown_partitions(request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            error(
                partition.partition_index,
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            )
        });
        ResponseTopicData {
            topic_name: topic.topic_name.clone(),
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    DescribeQuorumResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}
