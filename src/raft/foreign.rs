//! Nodes of other clusters, whose addresses lead to us or ours to them: refused, and told of once each, as
//! they keep asking.

use std::{collections::BTreeSet, mem};

use super::Raft;
use crate::protocol::NodeId;

/// Nodes that are told of; more have lost their way at once only where somebody plays with us.
const MAX_NODES: usize = 64;
/// Longer names are no cluster ids (those have 22 characters).
const MAX_ID_BYTES: usize = 64;

/// What the log says already.
#[derive(Clone, Debug, Default)]
pub(super) struct Foreign {
    askers: BTreeSet<(NodeId, String)>,
    voters: BTreeSet<NodeId>,
    has_namesake: bool,
}

impl Foreign {
    /// Who asked, and in the name of which cluster.
    pub fn askers(&self) -> impl Iterator<Item = (NodeId, &str)> {
        self.askers
            .iter()
            .map(|(id, cluster)| (*id, cluster.as_str()))
    }
}

impl Raft {
    /// Whether a request of node `from` is for another cluster. Nobody has to name one.
    pub(super) fn is_foreign(&mut self, from: Option<NodeId>, cluster_id: Option<&str>) -> bool {
        let own = &self.options.cluster_id;
        let Some(other) = cluster_id.filter(|id| id != own) else {
            return false;
        };
        let from = from.unwrap_or(NodeId::NONE);
        let who = match from.known() {
            Some(id) => format!("node {id}"),
            None => "somebody without an id (a tool?)".to_owned(),
        };
        let askers = &mut self.foreign.askers;
        let tell = askers.len() < MAX_NODES && other.len() <= MAX_ID_BYTES;
        if tell && askers.insert((from, other.to_owned())) {
            tracing::warn!(
                "refused a request of {who} for cluster {other}: this is cluster {own}. Either the \
                 other node's configuration names this one by mistake, or one of them was formatted with a \
                 wrong --cluster-id"
            );
        }
        true
    }

    /// A voter answered that it is of another cluster; of which one, only its own requests tell.
    pub(super) fn on_foreign_voter(&mut self, voter: NodeId) {
        if self.foreign.voters.insert(voter) {
            let own = &self.options.cluster_id;
            tracing::warn!(
                "controller {voter} is not of our cluster {own}: see its log for the id of its own. Either \
                 controller.quorum.voters names a wrong address, or one of the nodes was formatted with a \
                 wrong --cluster-id"
            );
        }
    }

    /// A request comes from a node that calls itself as we do. A broker does, or a controller with a copied
    /// file.
    pub(super) fn on_namesake(&mut self) {
        let own = self.options.node_id;
        if !mem::replace(&mut self.foreign.has_namesake, true) {
            tracing::warn!(
                "refused a request of another node with our id {own}: two nodes have the same node.id. Give \
                 the other one an id of its own, and format it anew"
            );
        }
    }
}
