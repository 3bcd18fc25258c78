//! The six roles of a voter, as data. Epoch, vote and leader are not here: they outlive the role, in
//! the [`QuorumState`](crate::protocol::QuorumState).

use std::collections::{BTreeMap, BTreeSet};

use super::{progress::Progress, voters::majority};
use crate::{
    protocol::{NodeId, Offset, OffsetAndEpoch, ReplicaKey},
    time::Time,
};

/// What a voter is in its epoch (`org.apache.kafka.raft.EpochState`).
#[derive(Clone, Debug)]
pub enum Role {
    Unattached(Unattached),
    Prospective(Prospective),
    Candidate(Candidate),
    Leader(Box<Leader>),
    Follower(Follower),
    Resigned(Resigned),
}

/// Knows no leader; may have voted.
#[derive(Clone, Debug)]
pub struct Unattached {
    pub(super) election_at: Time,
}

/// Asks whether an election would be won before it disturbs anybody (KIP-996).
#[derive(Clone, Debug)]
pub struct Prospective {
    pub(super) ballots: Ballots,
    /// When to give up.
    pub(super) election_at: Time,
    /// Another voter that is as good asked us: it goes first, until then. A blank voter waits so long for
    /// the answers of all.
    pub(super) yield_until: Time,
    /// What the leader we had lost: we know more than its silence.
    pub(super) lost: Option<Lost>,
}

/// Asks for votes in an epoch of its own.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub(super) ballots: Ballots,
    pub(super) election_at: Time,
}

/// Fetches from the leader, which the quorum state names.
#[derive(Clone, Debug)]
pub struct Follower {
    /// When the leader is given up: pushed off by every good answer.
    pub(super) fetch_at: Time,
    /// An earlier election: the leader resigned, or closed the connection.
    pub(super) elect_at: Option<Time>,
    /// The leader has answered in this epoch, so others shall not disturb it.
    pub(super) has_fetched: bool,
    /// What the leader lost.
    pub(super) lost: Option<Lost>,
    /// The last high watermark the leader told.
    pub(super) told_high_watermark: Offset,
    pub(super) download: Option<Download>,
}

/// Why a voter takes it that its leader leads no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It closed its connection, and has not answered since. It may be alive, and will say so.
    Connection,
    /// It said that it resigned, or who answers under its name knows of no office. A good answer to a later Fetch
    /// shows that this was another; one to a Fetch that was `under_way` then, does not.
    Office { under_way: bool },
}

impl Lost {
    /// After a change of role, which waits for no earlier request.
    pub(super) fn later(self) -> Lost {
        match self {
            Lost::Connection => Lost::Connection,
            Lost::Office { .. } => Lost::Office { under_way: false },
        }
    }
}

/// A snapshot on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Download {
    pub id: OffsetAndEpoch,
    /// Bytes received so far.
    pub position: u64,
}

/// Appends and counts.
#[derive(Clone, Debug)]
pub struct Leader {
    /// Where the LeaderChange record of this epoch stands.
    pub(super) epoch_start: Offset,
    pub(super) progress: Progress,
    /// The LeaderChange record is committed, and the controller has been told so.
    pub(super) announced: bool,
    /// When our own disk last had the whole log, or got further.
    pub(super) disk_moved_at: Time,
    /// When each voter was last sent BeginQuorumEpoch and had answered it.
    pub(super) begun: BTreeMap<NodeId, Time>,
}

/// Was the leader of this epoch, and stays without one until the next.
#[derive(Clone, Debug)]
pub struct Resigned {
    pub(super) election_at: Time,
    /// Voters that have not confirmed EndQuorumEpoch.
    pub(super) unacked: BTreeSet<NodeId>,
    /// Who should stand for election, the best first.
    pub(super) successors: Vec<ReplicaKey>,
}

impl Role {
    pub(super) fn as_leader(&self) -> Option<&Leader> {
        match self {
            Role::Leader(leader) => Some(leader),
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) => None,
            Role::Follower(_) | Role::Resigned(_) => None,
        }
    }

    /// Kafka's name of the role, as in the metric `current-state`.
    pub fn name(&self) -> &'static str {
        match self {
            Role::Unattached(_) => "unattached",
            Role::Prospective(_) => "prospective",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
            Role::Follower(_) => "follower",
            Role::Resigned(_) => "resigned",
        }
    }

    /// Kafka's name of the role in its log.
    pub(super) fn state_name(&self) -> &'static str {
        match self {
            Role::Unattached(_) => "UnattachedState",
            Role::Prospective(_) => "ProspectiveState",
            Role::Candidate(_) => "CandidateState",
            Role::Leader(_) => "Leader",
            Role::Follower(_) => "FollowerState",
            Role::Resigned(_) => "ResignedState",
        }
    }
}

/// The answers to a round of (pre-)votes, our own included.
#[derive(Clone, Debug)]
pub(super) struct Ballots {
    answers: BTreeMap<NodeId, bool>,
    voters: usize,
}

impl Ballots {
    pub fn new(own: NodeId, voters: usize) -> Ballots {
        Ballots {
            answers: BTreeMap::from([(own, true)]),
            voters,
        }
    }

    pub fn record(&mut self, voter: NodeId, granted: bool) {
        // What was granted stays granted: answers may come twice and out of order.
        let answer = self.answers.entry(voter).or_insert(granted);
        *answer |= granted;
    }

    /// A refusal counts no more.
    pub fn ask_again(&mut self, voter: NodeId) {
        self.answers.retain(|id, granted| *id != voter || *granted);
    }

    pub fn answered(&self, voter: NodeId) -> bool {
        self.answers.contains_key(&voter)
    }

    pub fn all_granted(&self) -> bool {
        self.granted().count() == self.voters
    }

    pub fn granted(&self) -> impl Iterator<Item = NodeId> + '_ {
        let granted = self.answers.iter().filter(|(_, granted)| **granted);
        granted.map(|(voter, _)| *voter)
    }

    pub fn refused(&self) -> impl Iterator<Item = NodeId> + '_ {
        let refused = self.answers.iter().filter(|(_, granted)| !**granted);
        refused.map(|(voter, _)| *voter)
    }

    pub fn won(&self) -> bool {
        self.granted().count() >= majority(self.voters)
    }

    /// Whether too few are left that could still grant.
    pub fn lost(&self) -> bool {
        self.voters - self.refused().count() < majority(self.voters)
    }
}
