//! AlterPartitionReassignments (45) and ListPartitionReassignments (46): replicas move to other
//! brokers (KIP-455, `ReplicationControlManager.alterPartitionReassignments`). A reassignment
//! begins here; it ends with whatever change finds all new replicas in sync.

use std::collections::BTreeMap;

use super::{
    ApiError, Cx, MAX_RECORDS_PER_USER_OP, Options, Outcome, State, assignments, leadership,
    partition_change::Election, partitions::Partition, topics::TopicIdPartition,
};
use crate::protocol::{
    ErrorCode, NodeId,
    messages::{
        alter_partition_reassignments::{
            AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
            ReassignablePartition, ReassignablePartitionResponse, ReassignableTopicResponse,
        },
        list_partition_reassignments::{
            ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
            OngoingPartitionReassignment, OngoingTopicReassignment,
        },
    },
    records::{MetadataRecord, PartitionChangeRecord},
};

/// Each partition succeeds or fails for itself; all records go together.
pub fn alter_partition_reassignments(
    state: &State,
    cx: &mut Cx,
    request: &AlterPartitionReassignmentsRequest,
) -> Result<Outcome<AlterPartitionReassignmentsResponse>, ApiError> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut responses = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for wanted in &topic.partitions {
            let allow = request.allow_replication_factor_change;
            let change = change(state, cx.options, &topic.name, wanted, allow);
            let error = match change {
                // Java's code for its BoundedListTooLongException here.
                Ok(Some(_)) if records.len() == MAX_RECORDS_PER_USER_OP => {
                    Some(ApiError::new(ErrorCode::UNKNOWN_SERVER_ERROR, ""))
                }
                Ok(record) => {
                    records.extend(record.map(MetadataRecord::from));
                    None
                }
                Err(error) => Some(error),
            };
            partitions.push(ReassignablePartitionResponse {
                partition_index: wanted.partition_index,
                error_code: error.as_ref().map_or(ErrorCode::NONE, |error| error.code),
                error_message: error
                    .map(|error| error.message)
                    .filter(|message| !message.is_empty()),
                ..Default::default()
            });
        }
        responses.push(ReassignableTopicResponse {
            name: topic.name.clone(),
            partitions,
            ..Default::default()
        });
    }
    let response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        error_message: None,
        responses,
        ..Default::default()
    };
    Ok(Outcome::atomic(records, response))
}

fn change(
    state: &State,
    options: &Options,
    topic: &str,
    wanted: &ReassignablePartition,
    allow_replication_factor_change: bool,
) -> Result<Option<PartitionChangeRecord>, ApiError> {
    let unknown = |message| ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
    let partition_id = wanted.partition_index;
    let topic_id = state.topics.id(topic);
    let topic_id =
        topic_id.ok_or_else(|| unknown(format!("Unable to find a topic named {topic}.")))?;
    let key = TopicIdPartition {
        topic_id,
        partition_id,
    };
    let partition = state
        .topics
        .partition(key)
        .ok_or_else(|| unknown(format!("Unable to find partition {topic}:{partition_id}.")))?;
    match &wanted.replicas {
        None => cancel(state, options, topic, key, partition),
        Some(replicas) => {
            assignments::check(state, replicas, None)?;
            if !allow_replication_factor_change {
                check_factor(partition, replicas)?;
            }
            Ok(begin(state, options, key, partition, replicas))
        }
    }
}

/// The new replicas come first, those that will leave stay until the new ones are in sync.
fn begin(
    state: &State,
    options: &Options,
    key: TopicIdPartition,
    partition: &Partition,
    target: &[NodeId],
) -> Option<PartitionChangeRecord> {
    let difference = |these: &[NodeId], those: &[NodeId]| -> Vec<NodeId> {
        let mut ids: Vec<_> = these
            .iter()
            .filter(|id| !those.contains(id))
            .copied()
            .collect();
        ids.sort_unstable();
        ids
    };
    let removing = difference(&partition.replicas, target);
    let adding = difference(target, &partition.replicas);
    let mut change = leadership::change(state, options, key, partition);
    // A reassignment elects nobody uncleanly.
    change.election = Election::Online;
    change.replicas = target.iter().chain(&removing).copied().collect();
    if !removing.is_empty() {
        change.removing_replicas = removing.into();
    }
    if !adding.is_empty() {
        change.adding_replicas = adding.into();
    }
    change.build()
}

/// Back to the replicas from before (`PartitionReassignmentRevert`). Where only new ones are in
/// sync, that loses what they alone have, and must be allowed.
fn cancel(
    state: &State,
    options: &Options,
    topic: &str,
    key: TopicIdPartition,
    partition: &Partition,
) -> Result<Option<PartitionChangeRecord>, ApiError> {
    if !partition.is_reassigning() {
        let code = ErrorCode::NO_REASSIGNMENT_IN_PROGRESS;
        return Err(ApiError::new(code, ""));
    }
    let without_added = |ids: &[NodeId]| -> Vec<NodeId> {
        let added = &partition.adding_replicas;
        ids.iter()
            .filter(|id| !added.contains(id))
            .copied()
            .collect()
    };
    let replicas = without_added(&partition.replicas);
    let mut isr = without_added(&partition.isr);
    let unclean = state.unclean_leader_election_enabled(options, topic);
    if isr.is_empty() {
        let invalid = |message| ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
        let first = replicas.first().ok_or_else(|| {
            let message = "Invalid replica assignment: addingReplicas contains all replicas.";
            invalid(message.to_owned())
        })?;
        if !unclean {
            let partition_id = key.partition_id;
            return Err(invalid(format!(
                "Unable to revert partition assignment for {topic}:{partition_id} because it would \
                 require an unclean leader election."
            )));
        }
        isr.push(*first);
    }
    let mut change = leadership::change(state, options, key, partition);
    if unclean {
        change.election = Election::Unclean;
    }
    change.replicas = replicas.into();
    change.isr = isr.into();
    change.removing_replicas.clear();
    change.adding_replicas.clear();
    Ok(change.build())
}

/// KIP-860. A reassignment in progress counts as what it leads to.
fn check_factor(partition: &Partition, target: &[NodeId]) -> Result<(), ApiError> {
    let leaving = &partition.removing_replicas;
    let factor = partition
        .replicas
        .iter()
        .filter(|id| !leaving.contains(id))
        .count();
    match factor == target.len() {
        true => Ok(()),
        false => Err(ApiError::new(
            ErrorCode::INVALID_REPLICATION_FACTOR,
            format!(
                "The replication factor is changed from {factor} to {}",
                target.len()
            ),
        )),
    }
}

/// Answers from what this node knows; any node does.
pub fn list_partition_reassignments(
    state: &State,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let mut topics: BTreeMap<String, Vec<OngoingPartitionReassignment>> = BTreeMap::new();
    let mut tell = |key: TopicIdPartition| {
        let (name, partition) = (state.topics.name(key.topic_id), state.topics.partition(key));
        let Some((name, partition)) = name.zip(partition) else {
            return;
        };
        if partition.is_reassigning() {
            let ongoing = topics.entry(name.to_string()).or_default();
            ongoing.push(OngoingPartitionReassignment {
                partition_index: key.partition_id,
                replicas: partition.replicas.to_vec(),
                adding_replicas: partition.adding_replicas.to_vec(),
                removing_replicas: partition.removing_replicas.to_vec(),
                ..Default::default()
            });
        }
    };
    match &request.topics {
        None => state.topics.reassigning().for_each(tell),
        Some(wanted) => {
            for topic in wanted {
                let Some(topic_id) = state.topics.id(&topic.name) else {
                    continue;
                };
                for partition_id in &topic.partition_indexes {
                    let partition_id = *partition_id;
                    tell(TopicIdPartition {
                        topic_id,
                        partition_id,
                    });
                }
            }
        }
    }
    let ongoing = topics
        .into_iter()
        .map(|(name, partitions)| OngoingTopicReassignment {
            name,
            partitions,
            ..Default::default()
        });
    ListPartitionReassignmentsResponse {
        error_message: None,
        topics: ongoing.collect(),
        ..Default::default()
    }
}
