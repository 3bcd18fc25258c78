//! Voters that have lost what they promised (a replaced disk, a log cut by bit-rot).
//!
//! Such a voter may have acknowledged records that it no longer has, and given votes that it no longer
//! knows. Were it to vote, a candidate without those records could win and they would be gone, as they
//! are with Java's controllers. So it grants no vote and no pre-vote and stands for no election. It
//! fetches as usual; a Fetch at an offset is true whatever was lost before.
//!
//! It recovers when
//! 1. every other voter has told its epoch to this process, since
//! 2. the leader of the highest of those epochs, or of a later one, told a high watermark, and
//! 3. everything below that is on its disk again.
//!
//! Why this is enough. What it had acknowledged was committed by a leader, and each vote it gave went to
//! a candidate, in an epoch that this leader or candidate remembers; by 1 the leader of 2 is of that
//! epoch or a later one. Such a leader has all those records below its high watermark, or will have told a
//! lower one only before its own first record was committed, when it tells none at all. And in the epoch
//! of that leader our voter votes for nobody, since it follows the leader. None of this needs clocks. It
//! holds while the others remember: more than a minority that forgets is beyond what voting can mend, and
//! then nobody is elected.

use std::collections::BTreeMap;

use super::{Effect, Raft, role::Role, timers::earliest};
use crate::{
    protocol::{Epoch, NodeId},
    time::{Now, Time},
};

#[derive(Debug)]
pub(super) struct Amnesia {
    pub why: String,
    /// The highest epoch each other voter has told since we started.
    told: BTreeMap<NodeId, Epoch>,
}

impl Amnesia {
    pub fn new(why: String) -> Amnesia {
        Amnesia {
            why,
            told: BTreeMap::new(),
        }
    }
}

impl Raft {
    /// Why this voter must not vote, if so.
    pub fn amnesia(&self) -> Option<&str> {
        self.amnesia.as_ref().map(|amnesia| amnesia.why.as_str())
    }

    /// A peer told its epoch.
    pub(super) fn note_epoch(&mut self, from: NodeId, epoch: Epoch) {
        if let (Some(amnesia), Some(epoch)) = (&mut self.amnesia, epoch.known()) {
            let told = amnesia.told.entry(from).or_insert(epoch);
            *told = epoch.max(*told);
        }
    }

    fn silent_peers(&self) -> Vec<NodeId> {
        let Some(amnesia) = &self.amnesia else {
            return Vec::new();
        };
        let leader = match &self.role {
            Role::Follower(_) => self.state.leader,
            Role::Unattached(_) | Role::Resigned(_) => None,
            // Roles of those that may vote.
            Role::Prospective(_) | Role::Candidate(_) | Role::Leader(_) => return Vec::new(),
        };
        let others = self.others().into_iter();
        others
            .filter(|peer| !amnesia.told.contains_key(peer) && Some(*peer) != leader)
            .collect()
    }

    /// Asks every voter that has not told its epoch. A Fetch does it, in all versions.
    pub(super) fn ask_for_epochs(&mut self, now: Now) {
        if self.durable_end != self.log.end || self.installing.is_some() {
            return;
        }
        for peer in self.silent_peers() {
            if self.requests.ready(peer, now.time) {
                let request = self.fetch_request(0);
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
    pub(super) fn recover_from_amnesia(&mut self) {
        let (Some(amnesia), Role::Follower(follower)) = (&self.amnesia, &self.role) else {
            return;
        };
        let all_told = amnesia.told.len() + 1 == self.voters.size();
        let latest = amnesia.told.values().max();
        let caught_up = follower
            .told_high_watermark
            .known()
            .is_some_and(|high_watermark| high_watermark <= self.durable_end);
        if all_told && latest.is_some_and(|epoch| self.state.epoch >= *epoch) && caught_up {
            tracing::warn!(
                why = amnesia.why,
                end_offset = self.durable_end.0,
                "caught up after a loss: this voter votes again"
            );
            self.amnesia = None;
            self.effects.push_back(Effect::AmnesiaOver);
        }
    }
}
