//! Vote, both directions: pre-votes (KIP-996) and votes.

use super::{
    Effect, Raft, TOPIC, Token,
    role::{Ballots, Lost, Role},
    timers::earliest,
};
use crate::{
    protocol::{
        ErrorCode, NodeId, Offset, OffsetAndEpoch, ReplicaKey,
        messages::vote::{
            NodeEndpoint, RequestPartitionData, RequestTopicData, ResponsePartitionData,
            ResponseTopicData, VoteRequest, VoteResponse,
        },
    },
    time::{Now, Time},
};

/// Of two prospective voters with equal logs the one with the higher id waits this part of an election
/// timeout, so that they do not split the vote.
const YIELD_PART: u64 = 20;

impl Raft {
    pub(super) fn on_vote(&mut self, now: Now, token: Token, version: i16, request: VoteRequest) {
        let topics = request.topics.as_slice();
        let mut asked = topics.iter().flat_map(|topic| &topic.partitions);
        let from = asked.next().map(|partition| partition.replica_id);
        let response = if self.is_foreign(from, request.cluster_id.as_deref()) {
            VoteResponse {
                error_code: ErrorCode::INCONSISTENT_CLUSTER_ID,
                ..Default::default()
            }
        } else if let [
            RequestTopicData {
                topic_name,
                partitions,
                ..
            },
        ] = topics
            && let (
                [
                    partition @ RequestPartitionData {
                        partition_index: 0, ..
                    },
                ],
                TOPIC,
            ) = (partitions.as_slice(), topic_name.as_str())
        {
            let answer = self.decide_vote(now, request.voter_id, partition);
            self.vote_response(version, answer)
        } else {
            VoteResponse {
                error_code: ErrorCode::INVALID_REQUEST,
                ..Default::default()
            }
        };
        let response = response.into();
        self.effects.push_back(Effect::Reply { token, response });
    }

    /// The checks in Kafka's order (`KafkaRaftClient.handleVoteRequest`).
    fn decide_vote(
        &mut self,
        now: Now,
        voter: NodeId,
        request: &RequestPartitionData,
    ) -> Result<bool, ErrorCode> {
        let end = OffsetAndEpoch {
            epoch: request.last_offset_epoch,
            offset: request.last_offset,
        };
        // A candidate opened its epoch, so its log cannot hold records of it; a prospective's may.
        let illegal = match request.pre_vote {
            true => end.epoch > request.replica_epoch,
            false => end.epoch >= request.replica_epoch,
        };
        if end.offset.known().is_none() || end.epoch.known().is_none() || illegal {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if request.replica_epoch < self.state.epoch {
            return Err(ErrorCode::FENCED_LEADER_EPOCH);
        }
        if request.replica_id.known().is_none() || !self.is_credible(request.replica_epoch) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if request.replica_epoch > self.state.epoch {
            self.become_unattached(
                now,
                request.replica_epoch,
                "was asked to vote in a later epoch",
            );
        }
        if !self.is_own_key(voter, request.voter_directory_id) {
            return Err(ErrorCode::INVALID_VOTER_KEY);
        }
        let candidate = ReplicaKey {
            id: request.replica_id,
            directory_id: request.replica_directory_id,
        };
        if self.is_blank() && end.offset > Offset(0) && self.voters.contains(candidate.id) {
            match &self.role {
                Role::Unattached(_) | Role::Follower(_) | Role::Resigned(_) => {
                    self.find_records(candidate.id);
                }
                Role::Prospective(_) => {
                    self.find_records(candidate.id);
                    self.give_up_pre_vote(now);
                }
                // Its own vote is given; whether it wins it learns from the others.
                Role::Candidate(_) | Role::Leader(_) => {}
            }
        }
        let granted = match request.pre_vote {
            true => self.grants_pre_vote(now, candidate, end),
            false => self.grants_vote(candidate, end),
        };
        if granted && !request.pre_vote && self.state.voted.is_none() {
            self.give_vote(now, candidate);
        }
        Ok(granted)
    }

    fn grants_pre_vote(&mut self, now: Now, candidate: ReplicaKey, end: OffsetAndEpoch) -> bool {
        if end < self.log.end_id() {
            if let Role::Prospective(prospective) = &mut self.role {
                // It has no leader any more, whatever it has said, or is about to, and our log is the better one.
                prospective.ballots.ask_again(candidate.id);
                self.requests.forget_one(candidate.id);
            }
            return false;
        }
        if !self.may_vote_for(end) {
            return false;
        }
        let (own, own_end) = (self.options.node_id, self.log.end_id());
        let patience_ms = self.options.election_timeout_ms / YIELD_PART;
        match &mut self.role {
            Role::Unattached(_) | Role::Candidate(_) | Role::Resigned(_) => true,
            Role::Prospective(prospective) => {
                if end > own_end || candidate.id < own {
                    let until = now.time.plus_ms(patience_ms);
                    prospective.yield_until = prospective.yield_until.max(until);
                }
                true
            }
            // Who hears its leader lets nobody disturb it.
            Role::Follower(follower) => !follower.has_fetched || follower.lost.is_some(),
            Role::Leader(_) => false,
        }
    }

    fn grants_vote(&self, candidate: ReplicaKey, end: OffsetAndEpoch) -> bool {
        let complete = end >= self.log.end_id();
        if !self.may_vote_for(end) {
            return false;
        }
        match &self.role {
            Role::Unattached(_) | Role::Prospective(_) if self.state.leader.is_none() => {
                match self.state.voted {
                    Some(voted) => voted.matches(candidate),
                    None => complete,
                }
            }
            Role::Unattached(_) | Role::Prospective(_) => false,
            Role::Candidate(_) | Role::Leader(_) | Role::Follower(_) | Role::Resigned(_) => false,
        }
    }

    fn vote_response(&self, version: i16, answer: Result<bool, ErrorCode>) -> VoteResponse {
        let partition = ResponsePartitionData {
            error_code: answer.err().unwrap_or(ErrorCode::NONE),
            leader_id: self.state.leader.unwrap_or(NodeId::NONE),
            leader_epoch: self.state.epoch,
            vote_granted: answer.unwrap_or(false),
            ..Default::default()
        };
        VoteResponse {
            topics: vec![ResponseTopicData {
                topic_name: TOPIC.to_owned(),
                partitions: vec![partition],
                ..Default::default()
            }],
            node_endpoints: self.node_endpoints(version >= 1, |node_id, endpoint| NodeEndpoint {
                node_id,
                host: endpoint.host.clone(),
                port: endpoint.port,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// Asks every voter that has not answered yet.
    pub(super) fn ask_for_votes(&mut self, now: Now) {
        for peer in self.others() {
            let (ballots, pre_vote) = match &self.role {
                Role::Prospective(prospective) => (&prospective.ballots, true),
                Role::Candidate(candidate) => (&candidate.ballots, false),
                Role::Unattached(_) | Role::Leader(_) | Role::Follower(_) | Role::Resigned(_) => {
                    return;
                }
            };
            if !ballots.answered(peer) && self.requests.ready(peer, now.time) {
                let request = self.vote_request(peer, pre_vote);
                self.send(peer, request);
            }
        }
    }

    pub(super) fn next_vote_request_at(&self, ballots: &Ballots) -> Option<Time> {
        let unanswered = self
            .others()
            .into_iter()
            .filter(|peer| !ballots.answered(*peer));
        unanswered
            .map(|peer| self.requests.ready_at(peer))
            .fold(None, earliest)
    }

    fn vote_request(&self, to: NodeId, pre_vote: bool) -> VoteRequest {
        let end = self.log.end_id();
        VoteRequest {
            cluster_id: Some(self.options.cluster_id.clone()),
            voter_id: to,
            topics: vec![RequestTopicData {
                topic_name: TOPIC.to_owned(),
                partitions: vec![RequestPartitionData {
                    replica_epoch: self.state.epoch,
                    replica_id: self.options.node_id,
                    replica_directory_id: self.options.directory_id,
                    last_offset_epoch: end.epoch,
                    last_offset: end.offset,
                    pre_vote,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    /// A peer serves no pre-votes (Kafka 3.9): as Java, go without them. Only a blank voter does not,
    /// since the votes it may have forgotten are those of an election that it would then stand in.
    pub(super) fn on_pre_vote_unsupported(&mut self, now: Now, peer: NodeId) {
        let is_blank = self.is_blank();
        match &mut self.role {
            Role::Prospective(prospective) if is_blank => prospective.ballots.record(peer, false),
            Role::Prospective(_) => self.become_candidate(now, "a voter knows no pre-votes"),
            Role::Unattached(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Resigned(_) => {}
        }
    }

    pub(super) fn on_vote_response(&mut self, now: Now, from: NodeId, response: &VoteResponse) {
        let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let Some(partition) = partitions.next() else {
            return;
        };
        let (leader, epoch) = (partition.leader_id, partition.leader_epoch);
        let is_blank = self.is_blank();
        match &mut self.role {
            Role::Prospective(prospective)
                if !partition.vote_granted
                    && leader == from
                    && self.state.leader == Some(from)
                    && !matches!(prospective.lost, Some(Lost::Office { .. })) =>
            {
                // The leader itself says that it is alive.
                self.become_follower(now, epoch, from, "the leader refused a pre-vote");
            }
            // Only who has, or had, to do with a quorum that is not new refuses: it shall be asked first.
            Role::Prospective(_) if !partition.vote_granted && is_blank => {
                self.find_records(from);
                self.give_up_pre_vote(now);
            }
            Role::Prospective(prospective) => {
                prospective.ballots.record(from, partition.vote_granted);
            }
            // Answers that come after the end of the election, as a process finds them that stood still,
            // may be from voters that have forgotten them since: see `amnesia`.
            Role::Candidate(candidate) if now.time < candidate.election_at => {
                candidate.ballots.record(from, partition.vote_granted);
            }
            Role::Candidate(_)
            | Role::Unattached(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Resigned(_) => {}
        }
    }

    /// Nobody is disturbed by a pre-vote that failed: back to the leader, or to waiting for one.
    pub(super) fn give_up_pre_vote(&mut self, now: Now) {
        match self
            .state
            .leader
            .filter(|leader| *leader != self.options.node_id)
        {
            Some(leader) => {
                let epoch = self.state.epoch;
                self.become_follower(now, epoch, leader, "too few would vote for it");
            }
            None => self.become_unattached(now, self.state.epoch, "too few would vote for it"),
        }
    }
}
