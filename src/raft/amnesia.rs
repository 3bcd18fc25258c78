//! Voters that have lost what they promised (a replaced disk, a log cut by bit-rot).
//!
//! Such a voter may have acknowledged records that it no longer has, and given votes that it no longer
//! knows. Were it to vote, a candidate without those records could win and they would be gone, as they
//! are with Java's controllers. So while its [`Standing`] is amnesiac it grants no vote and no pre-vote
//! and stands for no election. Neither does it acknowledge anything to a leader before it knows by 1 of none later: its
//! promise to a later one, to accept nothing from earlier leaders, may be what it has forgotten, and one that was deposed
//! without knowing would commit other records by it. Until then it copies the log without a name.
//!
//! It recovers when
//! 1. every other voter has told its epoch to this process, since
//! 2. the leader of the highest of those epochs, or of a later one, told a high watermark, and
//! 3. everything below that is on its disk again.
//!
//! Why this is enough. What it had acknowledged was committed by a leader, and each vote it gave went to
//! a candidate, in an epoch that this leader or candidate remembers; by 1 the leader of 2 is of that
//! epoch or a later one. Such a leader tells a high watermark only once its own first record is
//! committed, and then all those records lie below. And in the epoch of that leader our voter votes for
//! nobody, since it follows the leader. It holds while the others remember:
//! when a majority forgets, voting cannot mend it, and then nobody is elected.
//!
//! In quorums of five and more a majority of the others will do for 1: one of them took part in every
//! election and heard of every leader. Only a vote for a candidate that none of them knows can have been
//! forgotten then; such a candidate counts no vote after two election timeouts, even if its process stood
//! still meanwhile, so we wait for twice that. This alone needs clocks, of about the same speed.
//!
//! A blank disk may be a new quorum's or a replaced one. A blank voter votes for candidates as blank as
//! itself, which founds the quorum and makes it sound; when it finds a leader elected without it, or a voter
//! with records, it takes itself for an amnesiac. It founds nothing while a voter refuses, and gives each some
//! time to do so, since two replaced disks must not found a new quorum beside the third.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LogStatus, Raft, role::Role, timers::earliest};
use crate::{
    protocol::{Epoch, NodeId, Offset, OffsetAndEpoch, QuorumState, quorum_state::Standing},
    time::{Now, Time},
};

/// So many election timeouts after the start, no vote from before it can still be counted.
const STALE_VOTES_AFTER: u64 = 4;

/// What the others remember, for a voter that has forgotten.
#[derive(Debug)]
pub(super) struct Memories {
    /// The highest epoch each other voter has told since we started.
    told: BTreeMap<NodeId, Epoch>,
    started: Time,
}

impl Memories {
    pub fn new(now: Now) -> Memories {
        Memories {
            told: BTreeMap::new(),
            started: now.time,
        }
    }
}

/// What a voter that has forgotten has of what it needs to vote again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// Voters that have not told their epoch since this process started.
    pub unheard: Vec<NodeId>,
    pub has_heard_enough: bool,
    /// The highest epoch that was told.
    pub newest_epoch: Option<Epoch>,
    /// It has a leader, of that epoch or a later one.
    pub follows_newest_epoch: bool,
    /// Everything that this leader called committed is on its disk.
    pub is_caught_up: bool,
}

/// What a restored voter is worth. A blank one that knows a leader is no founder any more: it was copying a
/// quorum's log onto a new disk. An epoch alone says nothing: it may be that of a candidate that failed, and
/// where a leader was elected there is a majority of founders, which are sound.
pub(super) fn restored_standing(state: &QuorumState, log: &LogStatus) -> Standing {
    let led = log.end > Offset(0) || state.leader.is_some();
    match &state.standing {
        Standing::Blank if led => joined_late(),
        standing @ (Standing::Sound | Standing::Blank | Standing::Amnesiac(_)) => standing.clone(),
    }
}

fn joined_late() -> Standing {
    Standing::Amnesiac("its disk was blank when the quorum already had a leader".to_owned())
}

impl Raft {
    /// Why this voter must not vote, if so.
    pub fn amnesia(&self) -> Option<&str> {
        match &self.state.standing {
            Standing::Sound | Standing::Blank => None,
            Standing::Amnesiac(why) => Some(why),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.state.standing == Standing::Blank
    }

    /// Until when a voter that asks for pre-votes waits for those of all, not only of a majority.
    pub(super) fn founding_at(&self, now: Now) -> Time {
        match self.is_blank() {
            true => now.time.plus_ms(self.options.election_timeout_ms),
            false => Time::default(),
        }
    }

    /// A blank voter learns that another has records, or refuses it its vote, as only one does that has, or had, to do
    /// with a leader: so the quorum is not new.
    pub(super) fn find_records(&mut self, other: NodeId) {
        let why =
            format!("its disk is blank, but voter {other} belongs to a quorum that is not new");
        self.set_standing(Standing::Amnesiac(why));
    }

    pub(super) fn may_vote(&self) -> bool {
        self.amnesia().is_none()
    }

    /// Whether a leader may count what we fetch.
    pub(super) fn may_acknowledge(&self, now: Now) -> bool {
        self.may_vote() || {
            let recovery = self.recovery(now);
            recovery.has_heard_enough && recovery.follows_newest_epoch
        }
    }

    /// Whether our vote may go to a candidate whose log ends there.
    pub(super) fn may_vote_for(&self, end: OffsetAndEpoch) -> bool {
        match &self.state.standing {
            Standing::Sound => true,
            Standing::Blank => end.offset == Offset(0),
            Standing::Amnesiac(_) => false,
        }
    }

    /// A blank voter that elects, or is elected, holds all that its quorum ever wrote: nothing.
    pub(super) fn standing_of_a_founder(&self) -> Standing {
        match &self.state.standing {
            Standing::Blank => Standing::Sound,
            standing @ (Standing::Sound | Standing::Amnesiac(_)) => standing.clone(),
        }
    }

    /// A blank voter that finds a leader had no part in electing it.
    pub(super) fn standing_of_a_latecomer(&self) -> Standing {
        match &self.state.standing {
            Standing::Blank => joined_late(),
            standing @ (Standing::Sound | Standing::Amnesiac(_)) => standing.clone(),
        }
    }

    /// A peer told its epoch.
    pub(super) fn note_epoch(&mut self, from: NodeId, epoch: Epoch) {
        let credible = epoch.known().filter(|epoch| self.is_credible(*epoch));
        if let (false, Some(epoch)) = (self.may_vote(), credible) {
            let told = self.memories.told.entry(from).or_insert(epoch);
            *told = epoch.max(*told);
        }
    }

    fn silent_peers(&self) -> Vec<NodeId> {
        if self.may_vote() {
            return Vec::new();
        }
        let leader = match &self.role {
            Role::Follower(_) => self.state.leader,
            Role::Unattached(_) | Role::Resigned(_) => None,
            // Roles of those that may vote.
            Role::Prospective(_) | Role::Candidate(_) | Role::Leader(_) => return Vec::new(),
        };
        let others = self.others().into_iter();
        others
            .filter(|peer| !self.memories.told.contains_key(peer) && Some(*peer) != leader)
            .collect()
    }

    /// Asks every voter that has not told its epoch. A Fetch does it, in all versions.
    pub(super) fn ask_for_epochs(&mut self, now: Now) {
        if self.durable_end != self.log.end || self.installing.is_some() {
            return;
        }
        for peer in self.silent_peers() {
            if self.requests.ready(peer, now.time) {
                let request = self.fetch_request(now, 0);
                self.send(peer, request);
            }
        }
    }

    pub(super) fn next_epoch_question_at(&self) -> Option<Time> {
        if self.durable_end != self.log.end || self.installing.is_some() {
            return None;
        }
        let silent = self.silent_peers().into_iter();
        silent
            .map(|peer| self.requests.ready_at(peer))
            .fold(None, earliest)
    }

    /// Ends the amnesia once nothing can be missing any more.
    pub(super) fn recover_from_amnesia(&mut self, now: Now) {
        let Some(why) = self.amnesia() else {
            return;
        };
        let recovery = self.recovery(now);
        if recovery.has_heard_enough && recovery.follows_newest_epoch && recovery.is_caught_up {
            let end = self.durable_end.0;
            tracing::info!(why, end, "has what the quorum has: this voter votes again");
            self.set_standing(Standing::Sound);
        }
    }

    /// How far a voter that has forgotten has come with the three conditions above.
    pub(super) fn recovery(&self, now: Now) -> Recovery {
        let told = &self.memories.told;
        let others = self.others().into_iter();
        let unheard: Vec<NodeId> = others.filter(|peer| !told.contains_key(peer)).collect();
        let patience_ms = self.options.election_timeout_ms * STALE_VOTES_AFTER;
        let enough_told = told.len() >= self.voters.majority()
            && now.time.ms_since(self.memories.started) >= patience_ms;
        let newest_epoch = told.values().max().copied();
        let (is_follower, told_high_watermark) = match &self.role {
            Role::Follower(follower) => (true, follower.told_high_watermark.known()),
            Role::Unattached(_) | Role::Resigned(_) => (false, None),
            Role::Prospective(_) | Role::Candidate(_) | Role::Leader(_) => (false, None),
        };
        Recovery {
            has_heard_enough: unheard.is_empty() || enough_told,
            unheard,
            newest_epoch,
            follows_newest_epoch: is_follower
                && newest_epoch.is_some_and(|epoch| self.state.epoch >= epoch),
            is_caught_up: told_high_watermark.is_some_and(|end| end <= self.durable_end),
        }
    }
}
