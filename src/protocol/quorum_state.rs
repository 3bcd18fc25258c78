//! What a voter must not forget, whatever happens to its log.

use super::ids::{Epoch, NodeId, ReplicaKey};

/// Kafka's `QuorumStateData` (the file `quorum-state`), and whether the log may be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumState {
    pub epoch: Epoch,
    /// Whom this voter gave its vote in `epoch`.
    pub voted: Option<ReplicaKey>,
    /// Who leads `epoch`, as far as this node knows.
    pub leader: Option<NodeId>,
    pub standing: Standing,
}

/// Whether a voter's log holds everything that the voter ever acknowledged. Raft's safety rests on it:
/// a voter that has forgotten records may elect a leader that never had them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    #[default]
    Sound,
    /// Nothing was ever here: either the quorum is new, or the disk is. Nobody can tell from here, so
    /// such a voter votes only among the equally blank: for candidates whose log is empty too.
    Blank,
    /// No, for the reason told. Such a voter neither votes nor stands for election until it has copied
    /// everything that a leader elected without it has committed.
    Amnesiac(String),
}
