//! The voters of a static quorum (`controller.quorum.voters`, kraft.version 0): who they are and where
//! they listen.

use std::collections::BTreeMap;

use crate::protocol::NodeId;

/// Where a voter can be reached by the other voters and by brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name of the controller listener, as in `controller.listener.names`.
    pub listener_name: String,
    pub host: String,
    pub port: u16,
}

/// All voters, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterSet {
    voters: BTreeMap<NodeId, Endpoint>,
}

impl VoterSet {
    /// At least one voter.
    pub fn new(voters: BTreeMap<NodeId, Endpoint>) -> VoterSet {
        assert!(!voters.is_empty(), "a quorum has at least one voter");
        VoterSet { voters }
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.keys().copied()
    }

    pub fn contains(&self, id: NodeId) -> bool {
        self.voters.contains_key(&id)
    }

    pub fn endpoint(&self, id: NodeId) -> Option<&Endpoint> {
        self.voters.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Endpoint)> {
        self.voters.iter().map(|(id, endpoint)| (*id, endpoint))
    }

    /// How many voters there are.
    pub fn size(&self) -> usize {
        self.voters.len()
    }

    /// See [`majority`].
    pub fn majority(&self) -> usize {
        majority(self.voters.len())
    }
}

/// How many of so many voters decide: more than half.
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}
