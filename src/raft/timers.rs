//! When something is due, and what is done then. [`Raft::drive`] runs after every input: it sends what
//! can be sent and acts on what has become due, so that no input needs to know what follows from it.

use rand::Rng;

use super::{Raft, role::Role};
use crate::{
    protocol::NodeId,
    time::{Now, Time},
};

/// How much longer than its followers a leader waits for a sign of life (`LeaderState`: 1.5 times the
/// fetch timeout).
const CHECK_QUORUM_FACTOR: (u64, u64) = (3, 2);

impl Raft {
    /// Uniformly between one and two election timeouts from now, so that voters seldom stand together.
    pub(super) fn election_deadline(&mut self, now: Now) -> Time {
        let timeout_ms = self.options.election_timeout_ms;
        let spread_ms = self.rng.random_range(0..timeout_ms.max(1));
        now.time.plus_ms(timeout_ms + spread_ms)
    }

    fn check_quorum_ms(&self) -> u64 {
        let (times, by) = CHECK_QUORUM_FACTOR;
        self.options.fetch_timeout_ms * times / by
    }

    /// When a leader whose disk does not write is to make way for one whose disk does. It could go on, for the others
    /// commit without it, but not for ever: what it was given piles up, and nobody is told of it.
    fn disk_lost_at(&self) -> Option<Time> {
        let behind = self.voters.size() > 1 && self.durable_end < self.log.end;
        let leader = self.role.as_leader().filter(|_| behind)?;
        Some(leader.disk_moved_at.plus_ms(self.check_quorum_ms()))
    }

    /// A leader is about to append: if its disk has all there is, it has not been waited for.
    pub(super) fn note_disk_idle(&mut self, now: Now) {
        if let Role::Leader(leader) = &mut self.role
            && self.durable_end == self.log.end
        {
            leader.disk_moved_at = now.time;
        }
    }

    pub(super) fn others(&self) -> Vec<NodeId> {
        let own = self.options.node_id;
        self.voters.ids().filter(|id| *id != own).collect()
    }

    /// Sends what can be sent, and acts on every deadline that has passed.
    pub(super) fn drive(&mut self, now: Now) {
        while !self.failed && self.act_when_due(now) {}
        self.expire_parked_fetches(now);
        match &self.role {
            Role::Prospective(_) | Role::Candidate(_) => self.ask_for_votes(now),
            Role::Leader(_) => self.announce_epoch(now),
            Role::Follower(_) => self.fetch_from_leader(now),
            Role::Resigned(_) => self.announce_end(now),
            Role::Unattached(_) => {}
        }
        self.ask_for_epochs(now);
    }

    /// One transition that is due, if any.
    fn act_when_due(&mut self, now: Now) -> bool {
        let (may_elect, is_blank) = (self.may_elect(), self.is_blank());
        let (check_quorum_ms, disk_lost_at) = (self.check_quorum_ms(), self.disk_lost_at());
        match &mut self.role {
            Role::Unattached(unattached) if unattached.election_at <= now.time => {
                if may_elect {
                    self.become_prospective(now, "no leader was found in time");
                } else {
                    let later = self.election_deadline(now);
                    self.postpone_election(later);
                }
                true
            }
            Role::Prospective(prospective) => {
                let founds = is_blank && prospective.ballots.all_granted();
                let may_go_on = founds || prospective.yield_until <= now.time;
                if prospective.ballots.won() && may_go_on {
                    self.become_candidate(now, "a majority would vote for it");
                } else if prospective.election_at <= now.time || prospective.ballots.lost() {
                    self.give_up_pre_vote(now);
                } else {
                    return false;
                }
                true
            }
            Role::Candidate(candidate) => {
                if candidate.ballots.won() {
                    let granted = candidate.ballots.granted().collect();
                    self.become_leader(now, granted);
                } else if candidate.election_at <= now.time && may_elect {
                    self.become_prospective(now, "the election took too long");
                } else if candidate.election_at <= now.time {
                    let later = self.election_deadline(now);
                    self.postpone_election(later);
                } else {
                    return false;
                }
                true
            }
            Role::Follower(follower) => {
                let elect_at = follower.elect_at.unwrap_or(follower.fetch_at);
                if now.time < elect_at.min(follower.fetch_at) {
                    return false;
                }
                match (may_elect, elect_at <= now.time && follower.lost.is_some()) {
                    (true, true) => self.become_prospective(now, "the leader is gone"),
                    (true, false) => self.become_prospective(now, "the leader is silent"),
                    (false, _) => {
                        let later = now.time.plus_ms(self.options.fetch_timeout_ms);
                        self.postpone_election(later);
                    }
                }
                true
            }
            Role::Leader(leader) => {
                let quorum_lost_at = leader.progress.quorum_lost_at(check_quorum_ms);
                let why = if quorum_lost_at.is_some_and(|at| at <= now.time) {
                    "a majority of voters is silent"
                } else if disk_lost_at.is_some_and(|at| at <= now.time) {
                    "its disk writes nothing any more"
                } else {
                    return false;
                };
                let successors = leader.progress.successors();
                self.become_resigned(now, successors, why);
                true
            }
            Role::Resigned(_) if self.voters.size() == 1 && may_elect => {
                self.become_prospective(now, "it is the only voter");
                true
            }
            Role::Resigned(resigned) if resigned.election_at <= now.time => {
                if may_elect {
                    // A new epoch, since this one shall have no other leader (`pollResigned`).
                    let Some(next) = self.next_epoch() else {
                        return false;
                    };
                    self.become_unattached(now, next, "nobody else was elected");
                } else {
                    let later = self.election_deadline(now);
                    self.postpone_election(later);
                }
                true
            }
            Role::Unattached(_) | Role::Resigned(_) => false,
        }
    }

    /// A voter that must not stand for election waits on.
    fn postpone_election(&mut self, until: Time) {
        match &mut self.role {
            Role::Unattached(unattached) => unattached.election_at = until,
            Role::Prospective(prospective) => prospective.election_at = until,
            Role::Candidate(candidate) => candidate.election_at = until,
            Role::Resigned(resigned) => resigned.election_at = until,
            Role::Follower(follower) => {
                follower.fetch_at = until;
                follower.elect_at = None;
            }
            Role::Leader(_) => {}
        }
    }

    /// When [`Raft::on_timeout`] is to be called at the latest.
    pub fn deadline(&self) -> Option<Time> {
        let due = match &self.role {
            Role::Unattached(unattached) => Some(unattached.election_at),
            Role::Prospective(prospective) => {
                let mut due = prospective.election_at;
                if prospective.ballots.won() {
                    due = due.min(prospective.yield_until);
                }
                earliest(Some(due), self.next_vote_request_at(&prospective.ballots))
            }
            Role::Candidate(candidate) => earliest(
                Some(candidate.election_at),
                self.next_vote_request_at(&candidate.ballots),
            ),
            Role::Follower(follower) => {
                let due = follower.elect_at.unwrap_or(follower.fetch_at);
                earliest(Some(due.min(follower.fetch_at)), self.next_fetch_at())
            }
            Role::Leader(leader) => {
                let lost_at = leader.progress.quorum_lost_at(self.check_quorum_ms());
                let lost_at = earliest(lost_at, self.disk_lost_at());
                earliest(lost_at, self.next_announcement_at(leader))
            }
            Role::Resigned(resigned) => {
                let retry = resigned.unacked.iter();
                let retry = retry.filter_map(|peer| self.requests.ready_at(*peer)).min();
                earliest(Some(resigned.election_at), retry)
            }
        };
        let parked = self.parked.values().map(|fetch| fetch.deadline).min();
        earliest(earliest(due, parked), self.next_epoch_question_at())
    }
}

pub(super) fn earliest(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}
