//! Nodes of other clusters, whose addresses lead to us or ours to them: refused, and told of once each, as
//! they keep asking.

use std::collections::BTreeSet;

use super::Raft;
use crate::protocol::NodeId;

/// Clusters that are told of; more have lost their way at once only where somebody plays with us.
const MAX_CLUSTERS: usize = 16;
/// Longer names are no cluster ids (those have 22 characters).
const MAX_ID_BYTES: usize = 64;

/// What the log says already.
#[derive(Clone, Debug, Default)]
pub(super) struct Foreign {
    clusters: BTreeSet<String>,
    voters: BTreeSet<NodeId>,
}

impl Raft {
    /// Whether a request is for another cluster. Nobody has to name one.
    pub(super) fn is_foreign(&mut self, cluster_id: Option<&str>) -> bool {
        let own = &self.options.cluster_id;
        let Some(other) = cluster_id.filter(|id| id != own) else {
            return false;
        };
        let clusters = &mut self.foreign.clusters;
        let tell = clusters.len() < MAX_CLUSTERS && other.len() <= MAX_ID_BYTES;
        if tell && clusters.insert(other.to_owned()) {
            tracing::warn!(
                "refused a request for cluster {other}: this is cluster {own}. Either the other node's \
                 configuration names this one by mistake, or one of them was formatted with a wrong \
                 --cluster-id"
            );
        }
        true
    }

    /// A voter answered that it is of another cluster.
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
}
