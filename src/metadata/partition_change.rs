//! Every change to a partition is made here (`PartitionChangeBuilder`): from what one wants of the ISR,
//! the replicas and the directories follow leader, epochs, ELR and the record.

use super::{
    State,
    partitions::{
        FewReplicas, LeaderRecoveryState, NO_LEADER_CHANGE, NO_RECOVERY_CHANGE, Partition, Replicas,
    },
    topics::TopicIdPartition,
};
use crate::protocol::{NodeId, Uuid, records::PartitionChangeRecord};

/// How far an election may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Election {
    /// The preferred leader, if it can.
    Preferred,
    /// The present leader if it still can, else any replica that has all acknowledged messages.
    #[default]
    Online,
    /// If there is no such replica: any that is alive.
    Unclean,
}

/// A change in the making. Set what is wanted, then [`PartitionChange::build`].
pub struct PartitionChange<'a> {
    state: &'a State,
    key: TopicIdPartition,
    partition: &'a Partition,
    /// Whether a broker may lead at all: active, and the directory of its replica online.
    is_acceptable_leader: Box<dyn Fn(NodeId) -> bool + 'a>,
    /// Effective `min.insync.replicas` of the topic.
    min_isr: usize,
    pub election: Election,
    pub isr: Replicas,
    pub replicas: Replicas,
    pub removing_replicas: FewReplicas,
    pub adding_replicas: FewReplicas,
    pub leader_recovery_state: LeaderRecoveryState,
    /// A replica whose broker stopped uncleanly: it may lack acknowledged messages.
    pub unclean_shutdown_replica: Option<NodeId>,
    /// A replica's broker has chosen a directory for it.
    pub directory: Option<(NodeId, Uuid)>,
    elr: FewReplicas,
}

impl<'a> PartitionChange<'a> {
    pub fn new(
        state: &'a State,
        key: TopicIdPartition,
        partition: &'a Partition,
        min_isr: usize,
        is_acceptable_leader: impl Fn(NodeId) -> bool + 'a,
    ) -> PartitionChange<'a> {
        // Without the feature a leader may go on alone, and leave those behind that were eligible once.
        // Kafka elects them all the same, and loses what was acknowledged meanwhile.
        let still_eligible = state.features.is_elr_enabled() || partition.leader.is_none();
        let elr = match still_eligible {
            true => partition.elr.clone(),
            false => FewReplicas::new(),
        };
        PartitionChange {
            state,
            key,
            partition,
            is_acceptable_leader: Box::new(is_acceptable_leader),
            min_isr,
            election: Election::Online,
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            removing_replicas: partition.removing_replicas.clone(),
            adding_replicas: partition.adding_replicas.clone(),
            leader_recovery_state: partition.leader_recovery_state,
            unclean_shutdown_replica: None,
            directory: None,
            elr,
        }
    }

    /// The record, unless nothing changes.
    pub fn build(mut self) -> Option<PartitionChangeRecord> {
        let mut record = PartitionChangeRecord {
            topic_id: self.key.topic_id,
            partition_id: self.key.partition_id,
            ..Default::default()
        };
        self.complete_reassignment();
        self.populate_elr();
        self.elect(&mut record);
        if record.leader == NO_LEADER_CHANGE && !includes(&self.replicas, &self.partition.replicas)
        {
            // A replica that leaves must stop serving: the epoch tells it.
            record.leader = self.leader_as_it_is();
        }
        self.set_elr(&mut record);
        self.set_isr(&mut record);
        self.set_last_known_leader(&mut record);
        self.set_assignment(&mut record);
        if self.leader_recovery_state != self.partition.leader_recovery_state {
            record.leader_recovery_state = self.leader_recovery_state.code();
        }
        (!is_no_op(&record)).then_some(record)
    }

    fn is_elr_enabled(&self) -> bool {
        self.state.features.is_elr_enabled()
    }

    fn leader_as_it_is(&self) -> NodeId {
        self.partition.leader.unwrap_or(NodeId::NONE)
    }

    /// A reassignment ends as soon as all new replicas are in sync, and with them enough of the others
    /// (`PartitionReassignmentReplicas.maybeCompleteReassignment`).
    fn complete_reassignment(&mut self) {
        if self.adding_replicas.is_empty() && self.removing_replicas.is_empty() {
            return;
        }
        let without = |ids: &[NodeId], out: &[NodeId]| -> Replicas {
            ids.iter().filter(|id| !out.contains(id)).copied().collect()
        };
        let replicas = without(&self.replicas, &self.removing_replicas);
        let isr = without(&self.isr, &self.removing_replicas);
        // Fewer replicas than before: not before all that stay are in sync, or the ISR would shrink.
        let shrinks = self.adding_replicas.len() < self.removing_replicas.len();
        let enough =
            includes(&isr, &self.adding_replicas) && (!shrinks || includes(&isr, &replicas));
        if replicas.is_empty() || isr.is_empty() || !enough {
            return;
        }
        self.replicas = replicas;
        self.isr = isr;
        self.adding_replicas.clear();
        self.removing_replicas.clear();
    }

    /// Whoever leaves the ISR while it is below `min.insync.replicas` still has every acknowledged
    /// message: none can have been acknowledged since (KIP-966).
    fn populate_elr(&mut self) {
        if !self.is_elr_enabled() {
            return;
        }
        if self.isr.len() >= self.min_isr {
            self.elr.clear();
            return;
        }
        let mut candidates = self.elr.clone();
        candidates.extend_from_slice(&self.partition.isr);
        candidates.sort_unstable();
        candidates.dedup();
        candidates
            .retain(|id| !self.isr.contains(id) && self.unclean_shutdown_replica != Some(*id));
        self.elr = candidates;
    }

    fn elect(&mut self, record: &mut PartitionChangeRecord) {
        let (leader, unclean) = match self.elected() {
            Some((leader, unclean)) => (Some(leader), unclean),
            None => (None, false),
        };
        if leader == self.partition.leader {
            return;
        }
        record.leader = leader.unwrap_or(NodeId::NONE);
        let Some(leader) = leader else { return };
        if self.elr.contains(&leader) {
            self.isr = Replicas::from_slice(&[leader]);
            self.elr.retain(|id| *id != leader);
        }
        if unclean {
            record.isr = Some(vec![leader]);
            if self.partition.leader_recovery_state != LeaderRecoveryState::Recovering {
                record.leader_recovery_state = LeaderRecoveryState::Recovering.code();
            }
        }
    }

    /// Who is to lead, and whether that one may lack acknowledged messages.
    fn elected(&self) -> Option<(NodeId, bool)> {
        let preferred = self.replicas.first().copied();
        let first_choices = match self.election {
            Election::Preferred => [preferred, self.partition.leader],
            Election::Online | Election::Unclean => [self.partition.leader, None],
        };
        let clean = first_choices
            .into_iter()
            .flatten()
            .chain(self.replicas.iter().copied());
        let clean = clean.into_iter().find(|id| self.is_valid_leader(*id));
        let last_known = || self.last_known_leader();
        let any = || match self.election {
            Election::Unclean => self
                .replicas
                .iter()
                .copied()
                .find(|id| (self.is_acceptable_leader)(*id)),
            Election::Preferred | Election::Online => None,
        };
        let unclean = || last_known().or_else(any).map(|leader| (leader, true));
        clean.map(|leader| (leader, false)).or_else(unclean)
    }

    fn is_valid_leader(&self, id: NodeId) -> bool {
        let in_sync = self.isr.contains(&id) || (self.isr.is_empty() && self.elr.contains(&id));
        in_sync && (self.is_acceptable_leader)(id)
    }

    fn last_known_leader(&self) -> Option<NodeId> {
        let [leader] = self.partition.last_known_elr[..] else {
            return None;
        };
        let lost = self.is_elr_enabled() && self.elr.is_empty() && self.isr.is_empty();
        (lost && (self.is_acceptable_leader)(leader)).then_some(leader)
    }

    fn set_elr(&mut self, record: &mut PartitionChangeRecord) {
        let is_clean = record.isr.is_none();
        // While there is no leader nobody writes, and whoever was eligible stays it, feature or not.
        let stays_leaderless = self.partition.leader.is_none() && record.leader == NO_LEADER_CHANGE;
        if !is_clean || !(self.is_elr_enabled() || stays_leaderless) {
            self.elr.clear();
        }
        if self.elr != self.partition.elr {
            record.eligible_leader_replicas = Some(self.elr.to_vec());
        }
    }

    /// Without ELR the last member of an ISR stays in it, so that it alone may lead again.
    fn set_isr(&self, record: &mut PartitionChangeRecord) {
        let may_be_empty = !self.isr.is_empty() || self.is_elr_enabled();
        if record.isr.is_none() && may_be_empty && self.isr != self.partition.isr {
            record.isr = Some(self.isr.to_vec());
        }
        let version = self.state.metadata_version();
        let bump = version.is_some_and(|v| v.is_leader_epoch_bump_required_on_isr_shrink());
        let shrinks = record
            .isr
            .as_ref()
            .is_some_and(|isr| !includes(isr, &self.partition.isr));
        if bump && shrinks && record.leader == NO_LEADER_CHANGE {
            record.leader = self.leader_as_it_is();
        }
    }

    fn set_last_known_leader(&self, record: &mut PartitionChangeRecord) {
        if !self.is_elr_enabled() {
            return;
        }
        let known = &self.partition.last_known_elr;
        if record.leader == NodeId::NONE && known.is_empty() {
            record.last_known_elr = Some(vec![self.leader_as_it_is()]);
        } else if record.leader.known().is_some() && !known.is_empty() {
            record.last_known_elr = Some(Vec::new());
        }
    }

    fn set_assignment(&self, record: &mut PartitionChangeRecord) {
        let version = self.state.metadata_version();
        if version.is_some_and(|version| version.is_directory_assignment_supported()) {
            let directories: Vec<_> = self
                .replicas
                .iter()
                .map(|id| self.directory_of(*id))
                .collect();
            if directories[..] != self.partition.directories[..] {
                record.directories = Some(directories);
            }
        }
        let changed =
            |target: &[NodeId], current: &[NodeId]| (target != current).then(|| target.to_vec());
        record.replicas = changed(&self.replicas, &self.partition.replicas);
        record.removing_replicas =
            changed(&self.removing_replicas, &self.partition.removing_replicas);
        record.adding_replicas = changed(&self.adding_replicas, &self.partition.adding_replicas);
    }

    fn directory_of(&self, replica: NodeId) -> Uuid {
        match self.directory {
            Some((id, directory)) if id == replica => directory,
            _ => self
                .partition
                .directory(replica)
                .unwrap_or_else(|| self.state.brokers.default_directory(replica)),
        }
    }
}

/// Whether `ids` has all of `wanted` (`Replicas.contains`).
fn includes(ids: &[NodeId], wanted: &[NodeId]) -> bool {
    wanted.iter().all(|id| ids.contains(id))
}

fn is_no_op(record: &PartitionChangeRecord) -> bool {
    record.leader == NO_LEADER_CHANGE
        && record.leader_recovery_state == NO_RECOVERY_CHANGE
        && record.isr.is_none()
        && record.replicas.is_none()
        && record.removing_replicas.is_none()
        && record.adding_replicas.is_none()
        && record.eligible_leader_replicas.is_none()
        && record.last_known_elr.is_none()
        && record.directories.is_none()
}
