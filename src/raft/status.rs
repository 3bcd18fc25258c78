//! What a node tells of itself to who wants to know how it is doing: a value, made when somebody asks. Unlike
//! DescribeQuorum it says what a voter without a leader knows.

use serde::{Deserialize, Serialize};

use super::{
    Raft, Recovery,
    progress::Replica,
    role::{Ballots, Role},
};
use crate::{
    protocol::{Epoch, NodeId, Offset, quorum_state::Standing},
    time::Now,
};

/// One voter, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// As in the metric `current-state`.
    pub role: String,
    pub epoch: Epoch,
    pub leader_id: Option<NodeId>,
    /// It is the leader, or a follower that the leader has answered since it was last missed.
    pub hears_leader: bool,
    /// Whom it gave its vote in this epoch.
    pub voted_id: Option<NodeId>,
    pub log_start_offset: Offset,
    pub log_end_offset: Offset,
    pub log_end_epoch: Epoch,
    /// Everything below is on its disk.
    pub durable_end_offset: Offset,
    /// The highest that it heard of since it started; a leader's own, once something of its epoch is committed.
    pub high_watermark: Option<Offset>,
    pub standing: StandingStatus,
    /// Who would vote for it, itself included, while it asks for (pre-)votes; and who would not.
    pub granted: Vec<NodeId>,
    pub refused: Vec<NodeId>,
    /// Nodes of other clusters that ask this one, by mistake.
    pub foreign_nodes: Vec<ForeignNode>,
    /// Of a leader: the other voters, and the brokers that fetch from it.
    pub voters: Vec<ReplicaProgress>,
    pub observers: Vec<ReplicaProgress>,
}

/// Whether it may vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum StandingStatus {
    Sound,
    /// For candidates that are as blank.
    Blank,
    Amnesiac {
        why: String,
        recovery: Recovery,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignNode {
    pub id: NodeId,
    pub cluster_id: String,
}

/// How far a replica has come, as its leader knows it. Milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaProgress {
    pub id: NodeId,
    /// `None` before its first Fetch from this leader.
    pub log_end_offset: Option<Offset>,
    pub last_fetch_ms: Option<i64>,
    pub last_caught_up_ms: Option<i64>,
}

impl Raft {
    pub fn status(&self, now: Now) -> Status {
        let (granted, refused) = match &self.role {
            Role::Prospective(prospective) => votes(&prospective.ballots),
            Role::Candidate(candidate) => votes(&candidate.ballots),
            Role::Unattached(_) | Role::Leader(_) | Role::Follower(_) | Role::Resigned(_) => {
                Default::default()
            }
        };
        let progress = self.role.as_leader().map(|leader| &leader.progress);
        let hears_leader = match &self.role {
            Role::Leader(_) => true,
            Role::Follower(follower) => follower.has_fetched && follower.lost.is_none(),
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) => false,
            Role::Resigned(_) => false,
        };
        let voters = progress.into_iter().flat_map(|progress| progress.voters());
        let observers = progress.into_iter().flat_map(|it| it.observers());
        let end = self.log.end_id();
        Status {
            role: self.role.name().to_owned(),
            epoch: self.state.epoch,
            leader_id: self.leader().map(|(leader, _)| leader),
            hears_leader,
            voted_id: self.state.voted.map(|voted| voted.id),
            log_start_offset: self.log.start.offset,
            log_end_offset: end.offset,
            log_end_epoch: end.epoch,
            durable_end_offset: self.durable_end,
            high_watermark: match progress {
                Some(progress) => progress.high_watermark(),
                None => self.high_watermark,
            },
            standing: match &self.state.standing {
                Standing::Sound => StandingStatus::Sound,
                Standing::Blank => StandingStatus::Blank,
                Standing::Amnesiac(why) => StandingStatus::Amnesiac {
                    why: why.clone(),
                    recovery: self.recovery(now),
                },
            },
            granted,
            refused,
            foreign_nodes: self.foreign.askers().map(foreign_node).collect(),
            voters: voters
                .map(|(id, replica)| progress_of(id, replica))
                .collect(),
            observers: observers
                .map(|(key, replica)| progress_of(key.id, replica))
                .collect(),
        }
    }
}

fn votes(ballots: &Ballots) -> (Vec<NodeId>, Vec<NodeId>) {
    (ballots.granted().collect(), ballots.refused().collect())
}

fn foreign_node((id, cluster): (NodeId, &str)) -> ForeignNode {
    ForeignNode {
        id,
        cluster_id: cluster.to_owned(),
    }
}

fn progress_of(id: NodeId, replica: &Replica) -> ReplicaProgress {
    let known = |ms: i64| Some(ms).filter(|ms| *ms >= 0);
    ReplicaProgress {
        id,
        log_end_offset: replica.end.known(),
        last_fetch_ms: known(replica.last_fetch_ms),
        last_caught_up_ms: known(replica.last_caught_up_ms),
    }
}
