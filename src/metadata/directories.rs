//! AssignReplicasToDirs: a broker with several disks tells where it put its replicas (KIP-858,
//! `ReplicationControlManager.handleAssignReplicasToDirs`).

use std::collections::BTreeSet;

use super::{ApiError, Cx, Outcome, State, heartbeats, leadership, topics::TopicIdPartition};
use crate::protocol::{
    ErrorCode, NodeId, Uuid,
    messages::assign_replicas_to_dirs::*,
    records::{MetadataRecord, PartitionChangeRecord},
};

pub fn assign_replicas_to_dirs(
    state: &State,
    cx: &mut Cx<'_>,
    request: &AssignReplicasToDirsRequest,
) -> Result<Outcome<AssignReplicasToDirsResponse>, ApiError> {
    let version = state.metadata_version();
    if !version.is_some_and(|version| version.is_directory_assignment_supported()) {
        let message = "Directory assignment is not supported yet.";
        return Err(ApiError::new(ErrorCode::UNSUPPORTED_VERSION, message));
    }
    let id = request.broker_id;
    heartbeats::check_epoch(state, id, request.broker_epoch)?;
    let (mut records, mut offline) = (Vec::new(), BTreeSet::new());
    let mut assign = |directory: Uuid, key: TopicIdPartition| {
        let record = match assigned(state, cx, id, directory, key) {
            Ok(record) => record,
            Err(error_code) => return error_code,
        };
        records.extend(record.map(MetadataRecord::from));
        if !state
            .brokers
            .get(id)
            .is_some_and(|broker| broker.has_online(directory))
        {
            offline.insert(key);
        }
        ErrorCode::NONE
    };
    let directories = request
        .directories
        .iter()
        .map(|directory| ResponseDirectoryData {
            id: directory.id,
            topics: directory
                .topics
                .iter()
                .map(|topic| answer(directory.id, topic, &mut assign))
                .collect(),
            ..Default::default()
        })
        .collect();
    if !offline.is_empty() {
        // Judged by what the choices have made of the partitions, since one may have ended a reassignment. Kafka judges
        // by the state before, and elects who is a replica no more.
        let mut chosen = state.clone();
        for record in &records {
            let replayed = chosen.replay(cx.next_offset, record);
            replayed.expect("a change that was made of this state");
        }
        leadership::assigned_offline(&chosen, cx.options, id, offline.into_iter(), &mut records);
    }
    let response = AssignReplicasToDirsResponse {
        directories,
        ..Default::default()
    };
    Ok(Outcome::split(records, response))
}

fn answer(
    directory: Uuid,
    topic: &RequestTopicData,
    assign: &mut impl FnMut(Uuid, TopicIdPartition) -> ErrorCode,
) -> ResponseTopicData {
    let topic_id = topic.topic_id;
    let partitions = topic
        .partitions
        .iter()
        .map(|partition| {
            let partition_id = partition.partition_index;
            ResponsePartitionData {
                partition_index: partition_id,
                error_code: assign(
                    directory,
                    TopicIdPartition {
                        topic_id,
                        partition_id,
                    },
                ),
                ..Default::default()
            }
        })
        .collect();
    ResponseTopicData {
        topic_id,
        partitions,
        ..Default::default()
    }
}

fn assigned(
    state: &State,
    cx: &Cx<'_>,
    broker: NodeId,
    directory: Uuid,
    key: TopicIdPartition,
) -> Result<Option<PartitionChangeRecord>, ErrorCode> {
    if state.topics.name(key.topic_id).is_none() {
        return Err(ErrorCode::UNKNOWN_TOPIC_ID);
    }
    let partition = state
        .topics
        .partition(key)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if !partition.replicas.contains(&broker) {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    let choice = (broker, directory);
    Ok(leadership::assignment(state, cx.options, key, partition, choice).build())
}
