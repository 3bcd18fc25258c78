//! Requests of those who do not belong here: of another cluster, of the past, malformed. Whatever the answer,
//! nothing that the node remembers may change.

use kraftd::{
    protocol::{
        Epoch, NodeId, Offset,
        api::Request,
        messages::{
            begin_quorum_epoch::{self as begin, BeginQuorumEpochRequest},
            end_quorum_epoch::{self as end, EndQuorumEpochRequest},
            fetch::{FetchPartition, FetchRequest, FetchTopic, ReplicaState},
            fetch_snapshot::FetchSnapshotRequest,
            vote::{RequestPartitionData, RequestTopicData, VoteRequest},
        },
    },
    raft::{TOPIC, TOPIC_ID, Token},
};
use rand::Rng;

use crate::world::World;

/// No request of anybody else has this token.
const TOKEN: Token = Token(u64::MAX);

impl World {
    pub fn let_a_stranger_ask(&mut self, id: NodeId) {
        let node = &self.nodes[&id];
        let paused = node.paused_until.is_some_and(|until| until > self.now);
        // What fell due while it was busy would seem to be the stranger's doing.
        let is_free = !paused && node.busy_until <= self.now;
        let Some(raft) = node.raft().filter(|_| is_free) else {
            return;
        };
        let before = (
            raft.quorum_state().clone(),
            raft.end_offset(),
            raft.role().name(),
        );
        let epoch = raft.epoch();
        let request = self.strange_request(id, epoch);
        let version = request.api_key().api().expect("a known API").max_version;
        let (life, time) = (self.node(id).life, self.now);
        let node = self.nodes.get_mut(&id).expect("a node");
        let (now, Some(core)) = (node.now(time), &mut node.core) else {
            return;
        };
        core.on_request(now, now.time, TOKEN, version, request.clone());
        // What is due happens with any input; only what the request itself may do is looked at.
        let after = core.raft();
        let due =
            core.deadline().is_none_or(|at| at <= now.time) || before.2 != after.role().name();
        if !due {
            let after = (
                after.quorum_state().clone(),
                after.end_offset(),
                after.role().name(),
            );
            assert_eq!(before, after, "a stranger changed {id}: {request:?}");
        }
        self.with(id, life, |_, _| {});
    }

    fn strange_request(&mut self, id: NodeId, epoch: Epoch) -> Request {
        let rng = &mut self.rng;
        let past = Epoch(rng.random_range(-1..epoch.0.max(1)));
        let future = Epoch(epoch.0 + rng.random_range(1..1000));
        let foreign = Some("another-cluster-000000".to_owned());
        let beyond = Epoch(i32::MAX - rng.random_range(0..1000));
        match rng.random_range(0..7) {
            0 => vote(foreign, id, future).into(),
            1 => vote(None, id, past).into(),
            6 => vote(None, id, beyond).into(),
            2 => BeginQuorumEpochRequest {
                cluster_id: foreign,
                topics: vec![begin::RequestTopicData {
                    topic_name: TOPIC.to_owned(),
                    partitions: vec![begin::RequestPartitionData {
                        leader_id: NodeId(99),
                        leader_epoch: future,
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            }
            .into(),
            3 => EndQuorumEpochRequest {
                topics: vec![end::RequestTopicData {
                    topic_name: TOPIC.to_owned(),
                    partitions: vec![end::RequestPartitionData {
                        leader_id: NodeId(99),
                        leader_epoch: past,
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            }
            .into(),
            4 => FetchRequest {
                replica_state: ReplicaState {
                    replica_id: NodeId([99, id.0, -1][rng.random_range(0..3)]),
                    ..Default::default()
                },
                max_wait_ms: rng.random_range(-1..1),
                topics: vec![FetchTopic {
                    topic: TOPIC.to_owned(),
                    topic_id: TOPIC_ID,
                    partitions: vec![FetchPartition {
                        current_leader_epoch: Epoch(epoch.0 + rng.random_range(-1..=1)),
                        fetch_offset: Offset(rng.random_range(-1..1_000_000)),
                        last_fetched_epoch: Epoch(rng.random_range(-1..=epoch.0)),
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            }
            .into(),
            _ => FetchSnapshotRequest {
                cluster_id: foreign,
                ..Default::default()
            }
            .into(),
        }
    }
}

fn vote(cluster_id: Option<String>, voter_id: NodeId, epoch: Epoch) -> VoteRequest {
    VoteRequest {
        cluster_id,
        voter_id,
        topics: vec![RequestTopicData {
            topic_name: TOPIC.to_owned(),
            partitions: vec![RequestPartitionData {
                replica_epoch: epoch,
                replica_id: NodeId(99),
                last_offset: Offset(1_000_000_000),
                last_offset_epoch: Epoch(epoch.0 - 1),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}
