//! What makes a list of brokers the replicas of a new partition
//! (`ReplicationControlManager.validateManualPartitionAssignment`).

use super::{ApiError, State, partitions::Partition};
use crate::protocol::{ErrorCode, NodeId};

/// Whether a caller's list of brokers will do. `factor` is how many the partition before had.
pub(super) fn check(
    state: &State,
    replicas: &[NodeId],
    factor: Option<usize>,
) -> Result<(), ApiError> {
    let invalid = |what: String| {
        let message = format!("The manual partition assignment includes {what}");
        Err(ApiError::new(
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            message,
        ))
    };
    if replicas.is_empty() {
        return invalid("an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for id in sorted {
        if !state.brokers.contains(id) {
            return invalid(format!("broker {id}, but no such broker is registered."));
        }
        if previous.replace(id) == Some(id) {
            return invalid(format!("the broker {id} more than once."));
        }
    }
    match factor {
        Some(factor) if factor != replicas.len() => invalid(format!(
            "a partition with {} replica(s), but this is not consistent with previous partitions, \
             which have {factor} replica(s).",
            replicas.len()
        )),
        _ => Ok(()),
    }
}

/// A new partition on brokers that a caller chose.
pub(super) fn assigned(
    state: &State,
    partition_id: i32,
    replicas: &[NodeId],
) -> Result<Partition, ApiError> {
    new_partition(state, replicas.to_vec()).ok_or_else(|| {
        let message = format!(
            "All brokers specified in the manual partition assignment for partition {partition_id} \
             are fenced or in controlled shutdown."
        );
        ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message)
    })
}

/// A new partition on brokers that we chose.
pub(super) fn placed(state: &State, replicas: Vec<NodeId>) -> Result<Partition, ApiError> {
    new_partition(state, replicas).ok_or_else(|| {
        ApiError::new(
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "All brokers are currently fenced or in controlled shutdown.",
        )
    })
}

/// The active ones are in sync from the start; `None` if there is none.
fn new_partition(state: &State, replicas: Vec<NodeId>) -> Option<Partition> {
    let isr: Vec<NodeId> = replicas
        .iter()
        .copied()
        .filter(|id| state.brokers.is_active(*id))
        .collect();
    let directories = replicas
        .iter()
        .map(|id| state.brokers.default_directory(*id))
        .collect();
    (!isr.is_empty()).then(|| Partition::new(replicas, directories, isr))
}
