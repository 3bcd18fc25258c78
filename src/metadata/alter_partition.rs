//! AlterPartition: the leader of a partition proposes a new ISR (KIP-497,
//! `ReplicationControlManager.alterPartition`).

use super::{
    ApiError, Cx, Outcome, State, heartbeats, leadership,
    partitions::{LeaderRecoveryState, NO_LEADER_CHANGE, Partition},
    topics::TopicIdPartition,
};
use crate::protocol::{
    BrokerEpoch, ErrorCode, NodeId, messages::alter_partition::*, records::MetadataRecord,
};

pub fn alter_partition(
    state: &State,
    cx: &mut Cx<'_>,
    request: &AlterPartitionRequest,
) -> Result<Outcome<AlterPartitionResponse>, ApiError> {
    heartbeats::check_epoch(state, request.broker_id, request.broker_epoch)?;
    let mut records = Vec::new();
    let topics = request
        .topics
        .iter()
        .map(|topic| ResponseTopicData {
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|asked| {
                    let altered = alter(state, cx, request.broker_id, topic, asked, &mut records);
                    altered.unwrap_or_else(|error_code| ResponsePartitionData {
                        partition_index: asked.partition_index,
                        error_code,
                        ..Default::default()
                    })
                })
                .collect(),
            ..Default::default()
        })
        .collect();
    let response = AlterPartitionResponse {
        topics,
        ..Default::default()
    };
    Ok(Outcome::split(records, response))
}

fn alter(
    state: &State,
    cx: &Cx<'_>,
    broker_id: NodeId,
    topic: &RequestTopicData,
    asked: &RequestPartitionData,
    records: &mut Vec<MetadataRecord>,
) -> Result<ResponsePartitionData, ErrorCode> {
    if state.topics.name(topic.topic_id).is_none() {
        return Err(ErrorCode::UNKNOWN_TOPIC_ID);
    }
    let key = TopicIdPartition {
        topic_id: topic.topic_id,
        partition_id: asked.partition_index,
    };
    let partition = state
        .topics
        .partition(key)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let isr = proposed_isr(asked, cx.api_version);
    let recovery = check(state, broker_id, partition, asked, &isr)?;
    let mut change = leadership::change(state, cx.options, key, partition);
    change.isr = isr.iter().map(|(id, _)| *id).collect();
    change.leader_recovery_state = recovery;
    let mut current = Partition::clone(partition);
    if let Some(record) = change.build() {
        let leader = record.leader;
        current = partition
            .merge(&record)
            .map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        records.push(record.into());
        // The change ended a reassignment that the sender is no part of any more.
        if leader != broker_id && leader != NO_LEADER_CHANGE {
            return Err(ErrorCode::NEW_LEADER_ELECTED);
        }
    }
    Ok(ResponsePartitionData {
        partition_index: asked.partition_index,
        leader_id: current.leader.unwrap_or(NodeId::NONE),
        leader_epoch: current.leader_epoch,
        isr: current.isr.to_vec(),
        leader_recovery_state: current.leader_recovery_state.code(),
        partition_epoch: current.partition_epoch,
        ..Default::default()
    })
}

/// Version 3 tells which life of each broker is meant (KIP-903).
fn proposed_isr(asked: &RequestPartitionData, api_version: i16) -> Vec<(NodeId, BrokerEpoch)> {
    match api_version < 3 {
        true => asked
            .new_isr
            .iter()
            .map(|id| (*id, BrokerEpoch::NONE))
            .collect(),
        false => asked
            .new_isr_with_epochs
            .iter()
            .map(|one| (one.broker_id, one.broker_epoch))
            .collect(),
    }
}

/// The checks in Kafka's order (`validateAlterPartitionData`).
fn check(
    state: &State,
    broker_id: NodeId,
    partition: &Partition,
    asked: &RequestPartitionData,
    isr: &[(NodeId, BrokerEpoch)],
) -> Result<LeaderRecoveryState, ErrorCode> {
    if asked.leader_epoch > partition.leader_epoch
        || asked.partition_epoch > partition.partition_epoch
    {
        // The sender knows more than we do: we are not the active controller any more (KAFKA-14154).
        return Err(ErrorCode::NOT_CONTROLLER);
    }
    if asked.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FENCED_LEADER_EPOCH);
    }
    if partition.leader != Some(broker_id) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if asked.partition_epoch < partition.partition_epoch {
        return Err(ErrorCode::INVALID_UPDATE_VERSION);
    }
    let mut ids: Vec<NodeId> = isr.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    let repeated = ids.windows(2).any(|pair| pair[0] == pair[1]);
    let foreign = ids.iter().any(|id| !partition.replicas.contains(id));
    if ids.is_empty() || repeated || foreign || !ids.contains(&broker_id) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let recovery = LeaderRecoveryState::of(asked.leader_recovery_state);
    let recovery = recovery.ok_or(ErrorCode::INVALID_REQUEST)?;
    let recovering = recovery == LeaderRecoveryState::Recovering;
    if recovering
        && (ids.len() > 1 || partition.leader_recovery_state == LeaderRecoveryState::Recovered)
    {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let eligible = |(id, epoch): &(NodeId, BrokerEpoch)| {
        state.brokers.get(*id).is_some_and(|broker| {
            broker.is_active() && (*epoch == BrokerEpoch::NONE || broker.epoch == *epoch)
        })
    };
    match isr.iter().all(eligible) {
        true => Ok(recovery),
        false => Err(ErrorCode::INELIGIBLE_REPLICA),
    }
}
