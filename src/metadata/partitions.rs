//! One partition: who has it, who leads it (`org.apache.kafka.metadata.PartitionRegistration`).

use smallvec::{SmallVec, smallvec};
use thin_vec::ThinVec;

use crate::protocol::{
    Epoch, NodeId, Uuid,
    features::MetadataVersion,
    records::{PartitionChangeRecord, PartitionRecord},
};

/// In [`PartitionChangeRecord::leader`]: the leader stays.
pub const NO_LEADER_CHANGE: NodeId = NodeId(-2);
/// In [`PartitionChangeRecord::leader_recovery_state`]: the state stays.
pub const NO_RECOVERY_CHANGE: i8 = -1;

/// Directory of a replica that came from a release without directory assignments
/// (`DirectoryId.MIGRATING`).
pub const MIGRATING: Uuid = Uuid::ZERO;
/// Directory of a replica whose broker has yet to choose one (`DirectoryId.UNASSIGNED`).
pub const UNASSIGNED: Uuid = Uuid::ONE;
/// Directory of a replica whose disk is gone (`DirectoryId.LOST`).
pub const LOST: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

/// Whether the leader was elected although it may lack acknowledged messages (KIP-704).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderRecoveryState {
    #[default]
    Recovered,
    Recovering,
}

impl LeaderRecoveryState {
    pub fn of(code: i8) -> Option<LeaderRecoveryState> {
        match code {
            0 => Some(LeaderRecoveryState::Recovered),
            1 => Some(LeaderRecoveryState::Recovering),
            _ => None,
        }
    }

    pub fn code(self) -> i8 {
        self as i8
    }
}

/// Brokers that every partition has; as many as most have lie in place.
pub type Replicas = SmallVec<[NodeId; 4]>;

/// Brokers that few partitions have.
pub type FewReplicas = ThinVec<NodeId>;

/// A partition as the newest record left it. There may be a million: every byte counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    /// The preferred leader first.
    pub replicas: Replicas,
    /// The directory of each replica on its broker, in the order of `replicas`.
    pub directories: SmallVec<[Uuid; 3]>,
    pub isr: Replicas,
    pub removing_replicas: FewReplicas,
    pub adding_replicas: FewReplicas,
    /// Replicas outside the ISR that have all acknowledged messages nevertheless (KIP-966).
    pub elr: FewReplicas,
    pub last_known_elr: FewReplicas,
    pub leader: Option<NodeId>,
    pub leader_recovery_state: LeaderRecoveryState,
    pub leader_epoch: Epoch,
    pub partition_epoch: i32,
}

impl Partition {
    /// A partition as it is created: the first of the ISR leads.
    pub fn new(replicas: Vec<NodeId>, directories: Vec<Uuid>, isr: Vec<NodeId>) -> Partition {
        let leader = isr.first().copied();
        let leader_epoch = Epoch(0);
        Partition {
            replicas: replicas.into(),
            directories: directories.into(),
            isr: isr.into(),
            leader,
            leader_epoch,
            ..Default::default()
        }
    }

    pub(super) fn of_record(record: &PartitionRecord) -> Result<Partition, String> {
        let directories = match record.directories.is_empty() {
            true => smallvec![MIGRATING; record.replicas.len()],
            false => record.directories.as_slice().into(),
        };
        let partition = Partition {
            replicas: record.replicas.as_slice().into(),
            directories,
            isr: record.isr.as_slice().into(),
            removing_replicas: record.removing_replicas.as_slice().into(),
            adding_replicas: record.adding_replicas.as_slice().into(),
            elr: few(&record.eligible_leader_replicas),
            last_known_elr: few(&record.last_known_elr),
            leader: record.leader.known(),
            leader_recovery_state: recovery_state(record.leader_recovery_state)?,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        };
        partition.check()?;
        Ok(partition)
    }

    /// The record that makes this partition anew, with what `version` can express.
    pub fn record(
        &self,
        topic_id: Uuid,
        partition_id: i32,
        version: MetadataVersion,
    ) -> PartitionRecord {
        let some = |ids: &FewReplicas| {
            (version.is_elr_supported() && !ids.is_empty()).then(|| ids.to_vec())
        };
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: self.replicas.to_vec(),
            isr: self.isr.to_vec(),
            removing_replicas: self.removing_replicas.to_vec(),
            adding_replicas: self.adding_replicas.to_vec(),
            leader: self.leader.unwrap_or(NodeId::NONE),
            leader_recovery_state: self.leader_recovery_state.code(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: match version.is_directory_assignment_supported() {
                true => self.directories.to_vec(),
                false => Vec::new(),
            },
            eligible_leader_replicas: some(&self.elr),
            last_known_elr: some(&self.last_known_elr),
            ..Default::default()
        }
    }

    /// This partition after a change (`PartitionRegistration.merge`).
    pub fn merge(&self, change: &PartitionChangeRecord) -> Result<Partition, String> {
        let mut next = self.clone();
        if let Some(replicas) = &change.replicas {
            next.directories = replicas
                .iter()
                .map(|id| self.directory_or_migrating(*id))
                .collect();
            next.replicas = replicas.as_slice().into();
        }
        if let Some(directories) = &change.directories {
            next.directories = directories.as_slice().into();
        }
        if let Some(isr) = &change.isr {
            next.isr = isr.as_slice().into();
        }
        for (list, changed) in [
            (&mut next.removing_replicas, &change.removing_replicas),
            (&mut next.adding_replicas, &change.adding_replicas),
            (&mut next.elr, &change.eligible_leader_replicas),
            (&mut next.last_known_elr, &change.last_known_elr),
        ] {
            if changed.is_some() {
                *list = few(changed);
            }
        }
        if change.leader != NO_LEADER_CHANGE {
            next.leader = change.leader.known();
            next.leader_epoch = Epoch(self.leader_epoch.0 + 1);
        }
        if change.leader_recovery_state != NO_RECOVERY_CHANGE {
            next.leader_recovery_state = recovery_state(change.leader_recovery_state)?;
        }
        next.partition_epoch += 1;
        next.check()?;
        Ok(next)
    }

    /// What the rest of the code takes for granted.
    fn check(&self) -> Result<(), String> {
        let (replicas, directories) = (self.replicas.len(), self.directories.len());
        if replicas != directories {
            return Err(format!(
                "{replicas} replicas with {directories} directories"
            ));
        }
        for members in [&self.isr[..], &self.elr] {
            let repeats = |(index, id): (usize, &NodeId)| members[..index].contains(id);
            if members.iter().enumerate().any(repeats) {
                return Err(format!("a broker twice in {members:?}"));
            }
        }
        Ok(())
    }

    /// Where a broker keeps its replica; `None` if it has none.
    pub fn directory(&self, broker: NodeId) -> Option<Uuid> {
        let index = self
            .replicas
            .iter()
            .position(|replica| *replica == broker)?;
        self.directories.get(index).copied()
    }

    fn directory_or_migrating(&self, broker: NodeId) -> Uuid {
        self.directory(broker).unwrap_or(MIGRATING)
    }

    pub fn has_preferred_leader(&self) -> bool {
        self.leader == self.replicas.first().copied()
    }

    pub fn is_reassigning(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }
}

fn few(ids: &Option<Vec<NodeId>>) -> FewReplicas {
    ids.as_deref().unwrap_or_default().into()
}

fn recovery_state(code: i8) -> Result<LeaderRecoveryState, String> {
    LeaderRecoveryState::of(code).ok_or_else(|| format!("leader recovery state {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_takes_little_memory() {
        assert!(size_of::<Partition>() <= 160, "{}", size_of::<Partition>());
    }
}
