//! Requests of those who do not belong here: of another cluster, of the past, malformed. Whatever the answer,
//! nothing that the node remembers may change. But for one: who names no cluster, and asks for a vote in a later
//! epoch, is heard as in Kafka, voter or not, for Kafka leaves it to the voters whom they ask
//! (`KafkaRaftClient.handleVoteRequest`).

use kraftd::{
    protocol::{
        Epoch, NodeId, Offset, QuorumState, ReplicaKey,
        api::Request,
        messages::{
            begin_quorum_epoch::{self as begin, BeginQuorumEpochRequest},
            end_quorum_epoch::{self as end, EndQuorumEpochRequest},
            fetch::{FetchPartition, FetchRequest, FetchTopic, ReplicaState},
            fetch_snapshot::FetchSnapshotRequest,
            vote::{RequestPartitionData, RequestTopicData, VoteRequest},
        },
        quorum_state::Standing,
    },
    raft::{Raft, TOPIC, TOPIC_ID, Token},
};
use rand::Rng;

use crate::{core::Core, world::World};

/// No request of anybody else has this token.
const TOKEN: Token = Token(u64::MAX);
/// From here on an epoch is no quorum's: so near to the last of all that nobody could be elected after it.
const SENSELESS: Epoch = Epoch(i32::MAX - 1_000);

/// What nobody from outside may change.
#[derive(Debug, PartialEq)]
struct Memory {
    state: QuorumState,
    end: Offset,
    high_watermark: Option<Offset>,
    role: &'static str,
}

impl Memory {
    fn of(raft: &Raft) -> Memory {
        Memory {
            state: raft.quorum_state().clone(),
            end: raft.end_offset(),
            high_watermark: raft.high_watermark(),
            role: raft.role().name(),
        }
    }

    /// After it was asked to vote for this stranger in a later epoch: it follows nobody any more, and votes for whoever
    /// has all that it has itself.
    fn asked_to_vote(self, candidate: &RequestPartitionData) -> Memory {
        let votes = self.state.standing == Standing::Sound && !candidate.pre_vote;
        Memory {
            state: QuorumState {
                epoch: candidate.replica_epoch,
                leader: None,
                voted: votes.then_some(ReplicaKey {
                    id: candidate.replica_id,
                    directory_id: candidate.replica_directory_id,
                }),
                ..self.state
            },
            role: "unattached",
            ..self
        }
    }
}

impl World {
    /// Says whether it was heard.
    pub fn let_a_stranger_ask(&mut self, id: NodeId) -> bool {
        let is_free = |world: &World| {
            let node = &world.nodes[&id];
            let paused = node.paused_until.is_some_and(|until| until > world.now);
            !paused && node.busy_until <= world.now
        };
        if !is_free(self) {
            return false;
        }
        // What is due is done first, so that it does not seem to be the stranger's doing.
        let (life, time) = (self.node(id).life, self.now);
        let node = self.node(id);
        let now = node.now(time);
        let due = |core: &Core| core.deadline().is_some_and(|at| at <= now.time);
        if node.core.as_ref().is_some_and(due) {
            self.with(id, life, |core, now| core.on_timeout(now));
        }
        let node = &self.nodes[&id];
        let core = node
            .core
            .as_ref()
            .filter(|core| !due(core) && is_free(self));
        let Some(raft) = core.map(Core::raft) else {
            return false;
        };
        let before = Memory::of(raft);
        let request = self.strange_request(id, before.state.epoch);
        let version = request.api_key().api().expect("a known API").max_version;
        let node = self.node(id);
        let core = node.core.as_mut().expect("it runs");
        core.on_request(now, now.time, TOKEN, version, request.clone());
        let after = Memory::of(core.raft());
        let allowed = match heard_in_kafka(&request, before.state.epoch) {
            Some(candidate) => before.asked_to_vote(candidate),
            None => before,
        };
        assert_eq!(allowed, after, "a stranger changed {id}: {request:?}");
        self.with(id, life, |_, _| {});
        true
    }

    fn strange_request(&mut self, id: NodeId, epoch: Epoch) -> Request {
        let rng = &mut self.rng;
        let past = Epoch(rng.random_range(-1..epoch.0.max(0)));
        let future = Epoch(epoch.0 + rng.random_range(1..1000));
        let foreign = Some("another-cluster-000000".to_owned());
        let beyond = Epoch(rng.random_range(SENSELESS.0..=i32::MAX));
        let pre_vote = rng.random();
        match rng.random_range(0..8) {
            0 => vote(foreign, id, future, pre_vote).into(),
            1 => vote(None, id, past, pre_vote).into(),
            6 => vote(None, id, beyond, pre_vote).into(),
            7 => vote(None, id, future, pre_vote).into(),
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

/// The candidate, if the request is one that Kafka heeds.
fn heard_in_kafka(request: &Request, epoch: Epoch) -> Option<&RequestPartitionData> {
    let Request::Vote(vote) = request else {
        return None;
    };
    let candidate = &vote.topics[0].partitions[0];
    let is_later = epoch < candidate.replica_epoch && candidate.replica_epoch < SENSELESS;
    (vote.cluster_id.is_none() && is_later).then_some(candidate)
}

fn vote(cluster_id: Option<String>, voter_id: NodeId, epoch: Epoch, pre_vote: bool) -> VoteRequest {
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
                pre_vote,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}
