//! The only code that changes epoch, vote or role.

use super::{
    Effect, Raft,
    progress::Progress,
    role::{Ballots, Candidate, Follower, Leader, Lost, Prospective, Resigned, Role, Unattached},
};
use crate::{
    protocol::{
        Epoch, NodeId, Offset, QuorumState, ReplicaKey,
        control_records::{ControlRecord, LeaderChangeMessage, LeaderChangeVoter},
        quorum_state::Standing,
        record_batch::RecordBatch,
    },
    time::Now,
};

/// A voter that starts without a leader waits this part of an election timeout before it asks around.
const FIRST_ELECTION_PART: u64 = 20;

impl Raft {
    /// The role in which a restored voter begins (`QuorumState.initialize`).
    pub(super) fn begin(&mut self, now: Now, state: QuorumState, saved: QuorumState) {
        let own = self.options.node_id;
        match state.leader {
            // Never a leader again in the same epoch, and there shall be no other in it.
            Some(leader) if leader == own => {
                self.state = state;
                self.role = Role::Resigned(Resigned {
                    election_at: self.election_deadline(now),
                    unacked: self.others().into_iter().collect(),
                    successors: Progress::new(&self.voters, own, now).successors(),
                });
            }
            Some(leader) => {
                self.become_follower(now, state.epoch, leader, "followed it before the restart");
            }
            // An election soon: pre-votes disturb nobody, and find the leader if there is one.
            None => {
                let election_at = now
                    .time
                    .plus_ms(self.options.election_timeout_ms / FIRST_ELECTION_PART);
                self.role = Role::Unattached(Unattached { election_at });
            }
        }
        // What the transition above has saved was saved before.
        self.effects
            .retain(|effect| !matches!(effect, Effect::SaveQuorumState(_)));
        if self.state != saved {
            self.effects
                .push_front(Effect::SaveQuorumState(self.state.clone()));
        }
        let only_voter = self.voters.size() == 1;
        if let (true, Some(why)) = (only_voter, self.amnesia()) {
            self.fail(format!(
                "this is the only voter, and it has lost records: {why}. Restore its log directory from \
                 a backup"
            ));
        } else if only_voter {
            self.become_prospective(now, "it is the only voter");
        }
        if self.log.start.offset > Offset(0) && self.latest_snapshot().is_none() {
            let start = self.log.start.offset;
            self.fail(format!(
                "the log starts at offset {start}, but there is no snapshot to start from"
            ));
        }
    }

    /// A later epoch was heard of, or ours has no leader any more that we could name. Whoever waits for its turn goes on
    /// waiting, not anew (`QuorumState.transitionToUnattached`): else voters that cannot win keep the one that can from
    /// standing, by opening epoch after epoch.
    pub(super) fn become_unattached(&mut self, now: Now, epoch: Epoch, why: &str) {
        let waits_until = match &self.role {
            Role::Unattached(unattached) => Some(unattached.election_at),
            Role::Candidate(candidate) => Some(candidate.election_at),
            Role::Resigned(resigned) => Some(resigned.election_at),
            Role::Prospective(prospective) if !prospective.ballots.lost() => {
                Some(prospective.election_at)
            }
            Role::Prospective(_) | Role::Leader(_) | Role::Follower(_) => None,
        };
        let election_at = waits_until.unwrap_or_else(|| self.election_deadline(now));
        let role = Role::Unattached(Unattached { election_at });
        self.transition(self.state_in(epoch), role, why);
    }

    /// Gives the vote of this epoch, as a voter that is bound to no other: unattached, or prospective.
    pub(super) fn give_vote(&mut self, now: Now, candidate: ReplicaKey) {
        let state = QuorumState {
            voted: Some(candidate),
            standing: self.standing_of_a_founder(),
            ..self.state.clone()
        };
        let election_at = self.election_deadline(now);
        let role = match self.role.clone() {
            Role::Prospective(prospective) => Role::Prospective(prospective),
            Role::Unattached(_) => Role::Unattached(Unattached { election_at }),
            bound @ (Role::Candidate(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Resigned(_)) => {
                panic!("a {} gives no vote", bound.name())
            }
        };
        self.transition(state, role, "gave its vote");
    }

    /// Asks for pre-votes. Nothing durable changes.
    pub(super) fn become_prospective(&mut self, now: Now, why: &str) {
        assert!(self.may_elect(), "an election of one that must not vote");
        let lost = match &self.role {
            Role::Follower(follower) => follower.lost.map(Lost::later),
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) => None,
            Role::Leader(_) | Role::Resigned(_) => None,
        };
        let role = Role::Prospective(Prospective {
            ballots: Ballots::new(self.options.node_id, self.voters.size()),
            election_at: self.election_deadline(now),
            yield_until: self.founding_at(now),
            lost,
        });
        self.transition(self.state.clone(), role, why);
    }

    /// Opens an epoch and votes for itself in it.
    pub(super) fn become_candidate(&mut self, now: Now, why: &str) {
        assert!(self.may_elect(), "an election of one that must not vote");
        let Some(epoch) = self.next_epoch() else {
            return;
        };
        let state = QuorumState {
            epoch,
            voted: Some(self.own_key()),
            leader: None,
            standing: self.state.standing.clone(),
        };
        let role = Role::Candidate(Candidate {
            ballots: Ballots::new(self.options.node_id, self.voters.size()),
            election_at: self.election_deadline(now),
        });
        self.transition(state, role, why);
    }

    /// Follows `leader`, which was elected in `epoch`.
    pub(super) fn become_follower(&mut self, now: Now, epoch: Epoch, leader: NodeId, why: &str) {
        assert_ne!(leader, self.options.node_id, "nobody follows itself");
        let lost = match &self.role {
            Role::Prospective(prospective) if self.state.leader == Some(leader) => prospective.lost,
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) => None,
            Role::Leader(_) | Role::Follower(_) | Role::Resigned(_) => None,
        };
        let state = QuorumState {
            leader: Some(leader),
            standing: self.standing_of_a_latecomer(),
            ..self.state_in(epoch)
        };
        let role = Role::Follower(Follower {
            fetch_at: now.time.plus_ms(self.options.fetch_timeout_ms),
            elect_at: None,
            has_fetched: false,
            lost,
            told_high_watermark: Offset::NONE,
            download: None,
        });
        self.transition(state, role, why);
    }

    /// Elected. The first record of the epoch says so, and carries what earlier leaders left
    /// uncommitted.
    pub(super) fn become_leader(&mut self, now: Now, granting: Vec<NodeId>) {
        let own = self.options.node_id;
        let state = QuorumState {
            leader: Some(own),
            standing: self.standing_of_a_founder(),
            ..self.state.clone()
        };
        let role = Role::Leader(Box::new(Leader {
            epoch_start: self.log.end,
            progress: Progress::new(&self.voters, own, now),
            announced: false,
            disk_moved_at: now.time,
            begun: Default::default(),
        }));
        self.transition(state, role, "a majority voted for it");
        let voter = |voter_id| LeaderChangeVoter {
            voter_id,
            ..Default::default()
        };
        let record = ControlRecord::LeaderChange(LeaderChangeMessage {
            leader_id: own,
            voters: self.voters.ids().map(voter).collect(),
            granting_voters: granting.into_iter().map(voter).collect(),
            ..Default::default()
        });
        let batch = RecordBatch::of_control_records(
            self.log.end,
            self.state.epoch,
            now.wall_clock_ms,
            [&record],
        );
        self.append(now, batch.expect("a LeaderChange record has a fixed form"));
    }

    /// Stops leading, and asks the others to elect another at once.
    pub(super) fn become_resigned(&mut self, now: Now, successors: Vec<ReplicaKey>, why: &str) {
        let own = self.options.node_id;
        let role = Role::Resigned(Resigned {
            election_at: self.election_deadline(now),
            unacked: self.voters.ids().filter(|id| *id != own).collect(),
            successors,
        });
        self.transition(self.state.clone(), role, why);
    }

    /// A loss was found, or everything is back. Epoch, vote and role stay.
    pub(super) fn set_standing(&mut self, standing: Standing) {
        self.tell_standing(&standing);
        self.state.standing = standing;
        let state = self.state.clone();
        self.effects.push_back(Effect::SaveQuorumState(state));
    }

    /// Who takes itself for one that has forgotten says so.
    fn tell_standing(&self, new: &Standing) {
        if let Standing::Amnesiac(why) = new
            && *new != self.state.standing
        {
            tracing::info!(why, "does not vote until it has what the quorum has");
        }
    }

    /// What is known of `epoch`: all if it is ours, nothing if it is a later one.
    fn state_in(&self, epoch: Epoch) -> QuorumState {
        match epoch == self.state.epoch {
            true => self.state.clone(),
            false => QuorumState {
                epoch,
                voted: None,
                leader: None,
                standing: self.state.standing.clone(),
            },
        }
    }

    pub(super) fn transition(&mut self, state: QuorumState, role: Role, why: &str) {
        let was_leader = matches!(self.role, Role::Leader(_));
        self.assert_legal(&state, &role);
        tracing::info!(
            epoch = state.epoch.0,
            leader = state.leader.unwrap_or(NodeId::NONE).0,
            end_offset = self.log.end.0,
            why,
            "Completed transition to {} from {}",
            role.state_name(),
            self.role.state_name()
        );
        self.tell_standing(&state.standing);
        if state != self.state {
            self.effects
                .push_back(Effect::SaveQuorumState(state.clone()));
        }
        self.state = state;
        self.role = role;
        self.requests.forget();
        let leader = self.state.leader.filter(|id| *id != self.options.node_id);
        self.tell_leader(leader);
        if was_leader {
            self.refuse_parked_fetches();
        }
    }

    /// Passes a change of leader on, once.
    pub(super) fn tell_leader(&mut self, leader: Option<NodeId>) {
        let epoch = self.state.epoch;
        if self.told_leader != (leader, epoch) {
            self.told_leader = (leader, epoch);
            self.effects
                .push_back(Effect::LeaderChanged { leader, epoch });
        }
    }

    fn assert_legal(&self, state: &QuorumState, role: &Role) {
        let (from, to) = (self.role.name(), role.name());
        assert!(state.epoch >= self.state.epoch, "epochs never go back");
        if state.epoch > self.state.epoch {
            let learned = matches!(
                role,
                Role::Unattached(_) | Role::Follower(_) | Role::Candidate(_)
            );
            assert!(learned, "from {from} to {to} with a new epoch");
            return;
        }
        let vote_kept = self.state.voted.is_none() || state.voted == self.state.voted;
        assert!(vote_kept, "a vote is given once in an epoch");
        let leader_kept = self.state.leader.is_none() || state.leader == self.state.leader;
        assert!(leader_kept, "an epoch has one leader");
        let legal = match (&self.role, role) {
            (
                Role::Unattached(_),
                Role::Unattached(_) | Role::Prospective(_) | Role::Follower(_),
            ) => true,
            (
                Role::Prospective(_),
                Role::Unattached(_) | Role::Prospective(_) | Role::Follower(_),
            ) => true,
            (Role::Candidate(_), Role::Prospective(_) | Role::Follower(_) | Role::Leader(_)) => {
                true
            }
            (Role::Follower(_), Role::Prospective(_)) => true,
            (Role::Leader(_), Role::Resigned(_)) => true,
            // The only voter takes its epoch further without waiting.
            (Role::Resigned(_), Role::Prospective(_)) => self.voters.size() == 1,
            (Role::Unattached(_), Role::Candidate(_) | Role::Leader(_) | Role::Resigned(_)) => {
                false
            }
            (Role::Prospective(_), Role::Candidate(_) | Role::Leader(_) | Role::Resigned(_)) => {
                false
            }
            (Role::Candidate(_), Role::Unattached(_) | Role::Candidate(_) | Role::Resigned(_)) => {
                false
            }
            (Role::Follower(_), Role::Unattached(_) | Role::Candidate(_) | Role::Follower(_)) => {
                false
            }
            (Role::Follower(_), Role::Leader(_) | Role::Resigned(_)) => false,
            (Role::Leader(_), Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_)) => {
                false
            }
            (Role::Leader(_), Role::Leader(_) | Role::Follower(_)) => false,
            (Role::Resigned(_), Role::Unattached(_) | Role::Candidate(_) | Role::Leader(_)) => {
                false
            }
            (Role::Resigned(_), Role::Follower(_) | Role::Resigned(_)) => false,
        };
        assert!(legal, "from {from} to {to} within an epoch");
    }
}
