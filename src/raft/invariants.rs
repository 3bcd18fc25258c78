//! What must hold of one node after every input. Checked always, in release builds too: a voter that
//! breaks one of these stops before it can spread the damage. What must hold between nodes, the
//! simulator checks.

use super::{Raft, role::Role};
use crate::protocol::{Offset, QuorumState, quorum_state::Standing};

/// What was true after the input before.
#[derive(Debug, Default)]
pub(super) struct Checked {
    state: QuorumState,
    high_watermark: Option<Offset>,
}

impl Raft {
    pub(super) fn check_invariants(&mut self) {
        let own = self.options.node_id;
        let leader = self.state.leader;
        match &self.role {
            Role::Unattached(_) | Role::Candidate(_) => assert_eq!(leader, None),
            Role::Prospective(_) => {}
            Role::Follower(_) => assert!(leader.is_some() && leader != Some(own)),
            Role::Leader(_) | Role::Resigned(_) => assert_eq!(leader, Some(own)),
        }
        if let Role::Candidate(_) | Role::Leader(_) = self.role {
            let voted = self.state.voted.map(|voted| voted.id);
            assert_eq!(voted, Some(own), "a candidate votes for itself");
            assert!(self.may_vote(), "an amnesiac is no candidate");
        }
        assert!(
            self.parked.is_empty() || self.is_leader(),
            "only a leader lets others wait"
        );

        assert!(self.log.start.offset <= self.log.end);
        assert!(
            self.durable_end <= self.log.end,
            "what is on disk was appended"
        );
        assert!(
            self.log.last_epoch() <= self.state.epoch,
            "no record of an epoch to come"
        );
        let committed = self.high_watermark.unwrap_or(Offset(0));
        assert!(
            committed <= self.log.end,
            "committed records are in the log"
        );

        if self.state.standing == Standing::Blank {
            assert_eq!(self.log.end, Offset(0), "who has records is not blank");
        }

        let before = &self.checked;
        assert!(
            self.high_watermark >= before.high_watermark,
            "the high watermark never falls"
        );
        assert!(
            self.state.epoch >= before.state.epoch,
            "epochs never go back"
        );
        if self.state.epoch == before.state.epoch {
            let kept = before.state.voted.is_none() || before.state.voted == self.state.voted;
            assert!(kept, "a vote is given once in an epoch");
            let kept = before.state.leader.is_none() || before.state.leader == self.state.leader;
            assert!(kept, "an epoch has one leader");
        }
        self.checked = Checked {
            state: self.state.clone(),
            high_watermark: self.high_watermark,
        };
    }
}
