//! What a broker asks for its replicas: in-sync replicas of the partitions that it leads, and a directory for
//! each replica that it has.

use kraftd::{
    metadata::State,
    protocol::{
        BrokerEpoch, NodeId, Uuid,
        messages::{
            alter_partition::{self, AlterPartitionRequest, BrokerState},
            assign_replicas_to_dirs::{
                self as assign, AssignReplicasToDirsRequest, RequestDirectoryData,
            },
        },
    },
};
use rand::{Rng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

/// It assigns so many replicas of a topic at once.
const ASSIGNED_AT_ONCE: usize = 4;

/// A leader finds that one of its replicas lags, or has caught up.
pub fn propose_isr(
    rng: &mut ChaCha8Rng,
    (broker_id, broker_epoch): (NodeId, BrokerEpoch),
    state: &State,
) -> Option<AlterPartitionRequest> {
    let id = state.topics.led_by(broker_id).choose(rng)?;
    let partition = state.topics.partition(id)?;
    let other = partition
        .replicas
        .iter()
        .filter(|other| **other != broker_id);
    let other = *other.choose(rng)?;
    // It may have heard late of the last change.
    let is_late = rng.random_ratio(1, 20);
    let mut isr = partition.isr.clone();
    match isr.contains(&other) {
        true => isr.retain(|member| *member != other),
        false => isr.push(other),
    }
    let members = isr.into_iter().filter_map(|id| {
        let broker_epoch = match id == broker_id {
            true => broker_epoch,
            false => state.brokers.get(id)?.epoch,
        };
        Some(BrokerState {
            broker_id: id,
            broker_epoch,
            ..Default::default()
        })
    });
    Some(AlterPartitionRequest {
        broker_id,
        broker_epoch,
        topics: vec![alter_partition::RequestTopicData {
            topic_id: id.topic_id,
            partitions: vec![alter_partition::RequestPartitionData {
                partition_index: id.partition_id,
                leader_epoch: partition.leader_epoch,
                partition_epoch: partition.partition_epoch - i32::from(is_late),
                new_isr_with_epochs: members.collect(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    })
}

/// A broker has put its replicas of a topic into this directory, or moved them there.
pub fn assign(
    rng: &mut ChaCha8Rng,
    (broker_id, broker_epoch): (NodeId, BrokerEpoch),
    state: &State,
    directory: Uuid,
) -> Option<AssignReplicasToDirsRequest> {
    let (_, topic_id) = state.topics.iter().choose(rng)?;
    let partitions = state.topics.partitions(topic_id);
    let own = partitions.filter(|(_, partition)| partition.replicas.contains(&broker_id));
    let own = own
        .take(ASSIGNED_AT_ONCE)
        .map(|(partition_index, _)| assign::RequestPartitionData {
            partition_index,
            ..Default::default()
        });
    let partitions: Vec<_> = own.collect();
    (!partitions.is_empty()).then(|| AssignReplicasToDirsRequest {
        broker_id,
        broker_epoch,
        directories: vec![RequestDirectoryData {
            id: directory,
            topics: vec![assign::RequestTopicData {
                topic_id,
                partitions,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    })
}
