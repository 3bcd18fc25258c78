//! BeginQuorumEpoch and EndQuorumEpoch, both directions: a leader says that it was elected, and that it
//! resigns. What everyone says of epochs is here, too.

use super::{
    Effect, Endpoint, Raft, TOPIC, Token,
    requests::pause_ms,
    role::{Leader, Lost, Role},
    timers::earliest,
};
use crate::{
    protocol::{
        Epoch, ErrorCode, NodeId, ReplicaKey, Uuid,
        messages::{begin_quorum_epoch as begin, end_quorum_epoch as end},
    },
    time::{Now, Time},
};

/// No quorum comes to a later epoch: at one a second it takes 68 years. Who names one is mistaken, or means harm, and
/// to follow would leave no epoch for the next election.
const LAST_EPOCH: Epoch = Epoch(i32::MAX - 1_000_000);
/// Unless the quorum has been led there, for its next elections.
const STEPS_BEYOND: i32 = 1_000;

impl Raft {
    pub(super) fn on_begin_quorum_epoch(
        &mut self,
        now: Now,
        token: Token,
        version: i16,
        request: begin::BeginQuorumEpochRequest,
    ) {
        let mut told = request.topics.iter().flat_map(|topic| &topic.partitions);
        let from = told.next().map(|partition| partition.leader_id);
        let response = if self.is_foreign(from, request.cluster_id.as_deref()) {
            begin_error(ErrorCode::INCONSISTENT_CLUSTER_ID)
        } else if let [topic] = request.topics.as_slice()
            && let ([partition], TOPIC) = (topic.partitions.as_slice(), topic.topic_name.as_str())
            && partition.partition_index == 0
        {
            let (leader, epoch) = (partition.leader_id, partition.leader_epoch);
            let mut error = self.hear_leader(now, leader, epoch);
            if self.state.leader == Some(leader) && self.state.epoch == epoch {
                self.hear_endpoint(epoch, &request.leader_endpoints);
            }
            if error.is_ok() && !self.is_own_key(request.voter_id, partition.voter_directory_id) {
                error = ErrorCode::INVALID_VOTER_KEY;
            }
            self.begin_response(version, error)
        } else {
            begin_error(ErrorCode::INVALID_REQUEST)
        };
        let response = response.into();
        self.effects.push_back(Effect::Reply { token, response });
    }

    /// A leader speaks to us: it is followed unless it is of the past.
    fn hear_leader(&mut self, now: Now, leader: NodeId, epoch: Epoch) -> ErrorCode {
        if epoch < self.state.epoch {
            return ErrorCode::FENCED_LEADER_EPOCH;
        }
        if leader.known().is_none() {
            return ErrorCode::INVALID_REQUEST;
        }
        match self.adopt(now, Some(leader), epoch) {
            true => ErrorCode::NONE,
            false => ErrorCode::INVALID_REQUEST,
        }
    }

    /// The leader of `epoch` tells where it listens, which is what others are to hear from us.
    fn hear_endpoint(&mut self, epoch: Epoch, told: &[begin::LeaderEndpoint]) {
        let listener_name = &self.options.advertised.listener_name;
        let own = told.iter().find(|endpoint| endpoint.name == *listener_name);
        if let Some(begin::LeaderEndpoint { host, port, .. }) = own {
            let endpoint = Endpoint {
                listener_name: listener_name.clone(),
                host: host.clone(),
                port: *port,
            };
            self.leader_address = Some((epoch, endpoint));
        }
    }

    fn begin_response(
        &self,
        version: i16,
        error_code: ErrorCode,
    ) -> begin::BeginQuorumEpochResponse {
        begin::BeginQuorumEpochResponse {
            topics: vec![begin::ResponseTopicData {
                topic_name: TOPIC.to_owned(),
                partitions: vec![begin::ResponsePartitionData {
                    error_code,
                    leader_id: self.state.leader.unwrap_or(NodeId::NONE),
                    leader_epoch: self.state.epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            node_endpoints: self.node_endpoints(version >= 1, |node_id, endpoint| {
                begin::NodeEndpoint {
                    node_id,
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    ..Default::default()
                }
            }),
            ..Default::default()
        }
    }

    /// Tells every voter that has not fetched for a while who leads.
    pub(super) fn announce_epoch(&mut self, now: Now) {
        for peer in self.others() {
            let Some(leader) = self.role.as_leader() else {
                return;
            };
            let due = self.announcement_at(leader, peer);
            if due.is_some_and(|at| at <= now.time) {
                let request = self.begin_request(peer);
                self.send(peer, request);
            }
        }
    }

    pub(super) fn next_announcement_at(&self, leader: &Leader) -> Option<Time> {
        let others = self.others().into_iter();
        others
            .map(|peer| self.announcement_at(leader, peer))
            .fold(None, earliest)
    }

    /// Half a fetch timeout after the voter was last in touch (`LeaderState.beginQuorumEpochTimer`).
    fn announcement_at(&self, leader: &Leader, peer: NodeId) -> Option<Time> {
        let period_ms = self.options.fetch_timeout_ms / 2;
        let ready_at = self.requests.ready_at(peer)?;
        let replica = leader.progress.voters().find(|(id, _)| *id == peer);
        let fetched = replica.and_then(|(_, replica)| replica.last_fetch);
        let in_touch = fetched.max(leader.begun.get(&peer).copied());
        Some(in_touch.map_or(ready_at, |at| ready_at.max(at.plus_ms(period_ms))))
    }

    fn begin_request(&self, to: NodeId) -> begin::BeginQuorumEpochRequest {
        let own = &self.options.advertised;
        begin::BeginQuorumEpochRequest {
            cluster_id: Some(self.options.cluster_id.clone()),
            voter_id: to,
            topics: vec![begin::RequestTopicData {
                topic_name: TOPIC.to_owned(),
                partitions: vec![begin::RequestPartitionData {
                    leader_id: self.options.node_id,
                    leader_epoch: self.state.epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            leader_endpoints: vec![begin::LeaderEndpoint {
                name: own.listener_name.clone(),
                host: own.host.clone(),
                port: own.port,
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    pub(super) fn on_begin_quorum_epoch_response(&mut self, now: Now, from: NodeId) {
        if let Role::Leader(leader) = &mut self.role {
            leader.begun.insert(from, now.time);
        }
    }

    pub(super) fn on_end_quorum_epoch(
        &mut self,
        now: Now,
        token: Token,
        version: i16,
        request: end::EndQuorumEpochRequest,
    ) {
        let mut told = request.topics.iter().flat_map(|topic| &topic.partitions);
        let from = told.next().map(|partition| partition.leader_id);
        let response = if self.is_foreign(from, request.cluster_id.as_deref()) {
            end_error(ErrorCode::INCONSISTENT_CLUSTER_ID)
        } else if let [topic] = request.topics.as_slice()
            && let ([partition], TOPIC) = (topic.partitions.as_slice(), topic.topic_name.as_str())
            && partition.partition_index == 0
        {
            let (leader, epoch) = (partition.leader_id, partition.leader_epoch);
            let error = self.hear_leader(now, leader, epoch);
            if error.is_ok() {
                self.succeed(now, leader, partition);
            }
            self.end_response(version, error)
        } else {
            end_error(ErrorCode::INVALID_REQUEST)
        };
        let response = response.into();
        self.effects.push_back(Effect::Reply { token, response });
    }

    /// Our leader resigns: we stand for election at once, or give those before us in its list a lead.
    fn succeed(&mut self, now: Now, leader: NodeId, request: &end::RequestPartitionData) {
        let own = self.own_key();
        // Version 0 lists ids alone.
        let candidates: Vec<ReplicaKey> = match request.preferred_candidates.is_empty() {
            true => {
                let ids = request.preferred_successors.iter();
                ids.map(|id| ReplicaKey {
                    id: *id,
                    directory_id: Uuid::ZERO,
                })
                .collect()
            }
            false => {
                let candidates = request.preferred_candidates.iter();
                candidates
                    .map(|candidate| ReplicaKey {
                        id: candidate.candidate_id,
                        directory_id: candidate.candidate_directory_id,
                    })
                    .collect()
            }
        };
        let position = candidates.iter().position(|key| key.matches(own));
        let (step_ms, max_ms) = (
            self.options.retry_backoff_ms,
            self.options.election_backoff_max_ms,
        );
        let lead_ms = successor_backoff_ms(position, step_ms, max_ms);
        let under_way = self.requests.ready_at(leader).is_none();
        if let Role::Follower(follower) = &mut self.role
            && self.state.leader == Some(leader)
        {
            follower.lost = Some(Lost::Office { under_way });
            follower.elect_at = Some(now.time.plus_ms(lead_ms));
        }
    }

    fn end_response(&self, version: i16, error_code: ErrorCode) -> end::EndQuorumEpochResponse {
        end::EndQuorumEpochResponse {
            topics: vec![end::ResponseTopicData {
                topic_name: TOPIC.to_owned(),
                partitions: vec![end::ResponsePartitionData {
                    error_code,
                    leader_id: self.state.leader.unwrap_or(NodeId::NONE),
                    leader_epoch: self.state.epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            node_endpoints: self.node_endpoints(version >= 1, |node_id, endpoint| {
                end::NodeEndpoint {
                    node_id,
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    ..Default::default()
                }
            }),
            ..Default::default()
        }
    }

    /// Tells every voter that has not confirmed it that we resigned.
    pub(super) fn announce_end(&mut self, now: Now) {
        let Role::Resigned(resigned) = &self.role else {
            return;
        };
        let unacked: Vec<NodeId> = resigned.unacked.iter().copied().collect();
        let request = self.end_request(&resigned.successors);
        for peer in unacked {
            if self.requests.ready(peer, now.time) {
                self.send(peer, request.clone());
            }
        }
    }

    fn end_request(&self, successors: &[ReplicaKey]) -> end::EndQuorumEpochRequest {
        let own = &self.options.advertised;
        let candidates = successors.iter().map(|key| end::ReplicaInfo {
            candidate_id: key.id,
            candidate_directory_id: key.directory_id,
            ..Default::default()
        });
        end::EndQuorumEpochRequest {
            cluster_id: Some(self.options.cluster_id.clone()),
            topics: vec![end::RequestTopicData {
                topic_name: TOPIC.to_owned(),
                partitions: vec![end::RequestPartitionData {
                    leader_id: self.options.node_id,
                    leader_epoch: self.state.epoch,
                    preferred_successors: successors.iter().map(|key| key.id).collect(),
                    preferred_candidates: candidates.collect(),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            leader_endpoints: vec![end::LeaderEndpoint {
                name: own.listener_name.clone(),
                host: own.host.clone(),
                port: own.port,
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    pub(super) fn on_end_quorum_epoch_response(&mut self, from: NodeId) {
        if let Role::Resigned(resigned) = &mut self.role {
            resigned.unacked.remove(&from);
        }
    }

    /// Whether an election may have come to this epoch.
    pub(super) fn is_credible(&self, epoch: Epoch) -> bool {
        let own = self.state.epoch.0;
        epoch <= LAST_EPOCH || epoch.0 <= own.saturating_add(STEPS_BEYOND)
    }

    /// The epoch of an election that this node holds; `None`, and its end, when there is none left.
    pub(super) fn next_epoch(&mut self) -> Option<Epoch> {
        let next = self.state.epoch.0.checked_add(1).map(Epoch);
        if next.is_none() {
            self.fail(format!(
                "epoch {} is the last that there can be, and somebody has led the quorum there on purpose or by mistake. \
                 Only a new cluster has epochs again: kraftd dump writes down what this one holds",
                self.state.epoch
            ));
        }
        next
    }

    /// Takes over what a peer says of epoch and leader (`KafkaRaftClient.maybeTransition`). `epoch` is
    /// not below ours. Says whether it fits what we know.
    pub(super) fn adopt(&mut self, now: Now, leader: Option<NodeId>, epoch: Epoch) -> bool {
        if !self.is_credible(epoch) {
            return false;
        }
        let own = self.options.node_id;
        if leader == Some(own) {
            // We lead this epoch, or led it and said so. Nobody else can tell us that we do.
            if epoch > self.state.epoch {
                self.become_unattached(now, epoch, "was called the leader of a later epoch");
            }
            return self.state.leader == Some(own);
        }
        let leader = leader.filter(|leader| self.voters.contains(*leader));
        match leader {
            Some(leader) if epoch > self.state.epoch => {
                self.become_follower(now, epoch, leader, "learned of a later epoch");
                true
            }
            Some(leader) => match self.state.leader {
                None => {
                    self.become_follower(now, epoch, leader, "learned who was elected");
                    true
                }
                Some(known) if known == leader => true,
                Some(known) => {
                    tracing::error!(
                        epoch = epoch.0,
                        known = known.0,
                        told = leader.0,
                        "two leaders of one epoch: the nodes' controller.quorum.voters differ, \
                         or two nodes share an id"
                    );
                    false
                }
            },
            None if epoch > self.state.epoch => {
                self.become_unattached(now, epoch, "learned of a later epoch");
                true
            }
            None => true,
        }
    }

    /// The leader's connection is closed, or it says that it leads no more: an election is due, at once
    /// the first time, and less often the longer that leads to nothing.
    pub(super) fn on_leader_lost(&mut self, now: Now, lost: Lost) {
        let Role::Follower(follower) = &mut self.role else {
            return;
        };
        if !matches!(follower.lost, Some(Lost::Office { .. })) {
            follower.lost = Some(lost);
        }
        let first_ms = self.options.retry_backoff_ms;
        let max_ms = self.options.election_timeout_ms;
        // Who resigns names its successors with the next message. Would all stand at once, votes could be split.
        let wait_ms = match lost {
            Lost::Connection => 0,
            Lost::Office { .. } => first_ms,
        };
        if follower.elect_at.is_none() {
            follower.elect_at = Some(now.time.plus_ms(wait_ms).max(self.next_hasty_election));
            let pause = pause_ms(self.hasty_elections, first_ms, max_ms);
            self.next_hasty_election = now.time.max(self.next_hasty_election).plus_ms(pause);
            self.hasty_elections += 1;
        }
    }
}

fn begin_error(error_code: ErrorCode) -> begin::BeginQuorumEpochResponse {
    begin::BeginQuorumEpochResponse {
        error_code,
        ..Default::default()
    }
}

fn end_error(error_code: ErrorCode) -> end::EndQuorumEpochResponse {
    end::EndQuorumEpochResponse {
        error_code,
        ..Default::default()
    }
}

/// How long a voter waits with its election when the leader resigns: one step for each that comes before it. Java's
/// steps are half a second and more (`KafkaRaftClient.strictExponentialElectionBackoffMs`), and all of it is lost
/// when the first cannot win. With pre-votes two that stand at once disturb each other little: who has less of the
/// log yields (`vote.rs`).
fn successor_backoff_ms(position: Option<usize>, step_ms: u64, max_ms: u64) -> u64 {
    position.map_or(max_ms, |position| max_ms.min(step_ms * position as u64))
}
