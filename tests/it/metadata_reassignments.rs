//! Reassignments from the request to the last replica that catches up, or back.

use kraftd::{
    metadata::{
        alter_partition::alter_partition,
        partitions::Partition,
        reassignments::{alter_partition_reassignments, list_partition_reassignments},
        topics::TopicIdPartition,
    },
    protocol::{
        BrokerEpoch, Epoch, ErrorCode, NodeId, Uuid,
        messages::{
            alter_partition::{
                AlterPartitionRequest, BrokerState, RequestPartitionData, RequestTopicData,
            },
            alter_partition_reassignments::{
                AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
            },
            list_partition_reassignments::{
                ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics,
            },
        },
        records::{MetadataRecord, PartitionChangeRecord, PartitionRecord, RegisterBrokerRecord},
    },
};

use crate::metadata_support::{Cluster, config, topic};

const KEY: TopicIdPartition = TopicIdPartition {
    topic_id: Uuid([1; 16]),
    partition_id: 0,
};

fn ids(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

fn directory(id: i32) -> Uuid {
    Uuid([id as u8 + 100; 16])
}

/// Brokers 1 to 5; topic `t` with one partition on 1, 2, 3, all in sync.
fn cluster() -> Cluster {
    let mut cluster = Cluster::at(30);
    cluster.replay((1..=5).map(|id| {
        MetadataRecord::from(RegisterBrokerRecord {
            broker_id: NodeId(id),
            broker_epoch: BrokerEpoch(100 + i64::from(id)),
            fenced: false,
            rack: None,
            log_dirs: vec![directory(id)],
            ..Default::default()
        })
    }));
    let partition = PartitionRecord {
        partition_id: 0,
        topic_id: KEY.topic_id,
        replicas: ids(&[1, 2, 3]),
        isr: ids(&[1, 2, 3]),
        leader: NodeId(1),
        leader_epoch: Epoch(0),
        partition_epoch: 0,
        directories: [1, 2, 3].map(directory).to_vec(),
        ..Default::default()
    };
    cluster.replay([topic("t", 1), partition.into()]);
    cluster
}

fn reassign(
    cluster: &mut Cluster,
    replicas: Option<&[i32]>,
    allow_replication_factor_change: bool,
) -> (Vec<MetadataRecord>, ErrorCode, Option<String>) {
    reassign_of(cluster, "t", 0, replicas, allow_replication_factor_change)
}

fn reassign_of(
    cluster: &mut Cluster,
    topic: &str,
    partition_index: i32,
    replicas: Option<&[i32]>,
    allow_replication_factor_change: bool,
) -> (Vec<MetadataRecord>, ErrorCode, Option<String>) {
    let request = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change,
        topics: vec![ReassignableTopic {
            name: topic.to_owned(),
            partitions: vec![ReassignablePartition {
                partition_index,
                replicas: replicas.map(ids),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = cluster.call(1, |state, cx| {
        alter_partition_reassignments(state, cx, &request)
    });
    let outcome = outcome.expect("no refusal of all");
    assert_eq!(outcome.response.error_code, ErrorCode::NONE);
    let answer = &outcome.response.responses[0].partitions[0];
    (
        outcome.records,
        answer.error_code,
        answer.error_message.clone(),
    )
}

fn partition(cluster: &Cluster) -> Partition {
    Partition::clone(cluster.state.topics.partition(KEY).expect("the partition"))
}

/// The leader reports that these are in sync.
fn in_sync(cluster: &mut Cluster, isr: &[i32]) {
    let now = partition(cluster);
    let leader = now.leader.expect("a leader");
    let member = |id: &i32| BrokerState {
        broker_id: NodeId(*id),
        broker_epoch: BrokerEpoch(100 + i64::from(*id)),
        ..Default::default()
    };
    let request = AlterPartitionRequest {
        broker_id: leader,
        broker_epoch: BrokerEpoch(100 + i64::from(leader.0)),
        topics: vec![RequestTopicData {
            topic_id: KEY.topic_id,
            partitions: vec![RequestPartitionData {
                partition_index: 0,
                leader_epoch: now.leader_epoch,
                new_isr_with_epochs: isr.iter().map(member).collect(),
                partition_epoch: now.partition_epoch,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = cluster.call(3, |state, cx| alter_partition(state, cx, &request));
    outcome.expect("no refusal of all");
}

fn listed(cluster: &Cluster, topics: Option<&[(&str, &[i32])]>) -> usize {
    let topics = topics.map(|topics| {
        let topics = topics
            .iter()
            .map(|(name, partitions)| ListPartitionReassignmentsTopics {
                name: (*name).to_owned(),
                partition_indexes: partitions.to_vec(),
                ..Default::default()
            });
        topics.collect()
    });
    let request = ListPartitionReassignmentsRequest {
        topics,
        ..Default::default()
    };
    let response = list_partition_reassignments(&cluster.state, &request);
    assert_eq!(
        (response.error_code, response.error_message),
        (ErrorCode::NONE, None)
    );
    response
        .topics
        .iter()
        .map(|topic| topic.partitions.len())
        .sum()
}

#[test]
fn replicas_move_when_the_new_ones_are_in_sync() {
    let mut cluster = cluster();
    let (records, code, message) = reassign(&mut cluster, Some(&[4, 5, 1]), true);
    assert_eq!((code, message), (ErrorCode::NONE, None));
    let expected = PartitionChangeRecord {
        partition_id: 0,
        topic_id: KEY.topic_id,
        replicas: Some(ids(&[4, 5, 1, 2, 3])),
        adding_replicas: Some(ids(&[4, 5])),
        removing_replicas: Some(ids(&[2, 3])),
        directories: Some([4, 5, 1, 2, 3].map(directory).to_vec()),
        ..Default::default()
    };
    assert_eq!(records, [expected.into()]);
    assert_eq!(listed(&cluster, None), 1);
    assert_eq!(
        listed(&cluster, Some(&[("t", &[0, 9]), ("absent", &[0])])),
        1
    );
    assert_eq!(listed(&cluster, Some(&[("t", &[1])])), 0);
    in_sync(&mut cluster, &[1, 2, 3, 4]);
    assert!(partition(&cluster).is_reassigning(), "5 is missing");
    in_sync(&mut cluster, &[1, 2, 3, 4, 5]);
    let done = partition(&cluster);
    assert_eq!(
        (done.replicas, done.isr),
        (ids(&[4, 5, 1]).into(), ids(&[1, 4, 5]).into())
    );
    assert_eq!(done.directories[..], [4, 5, 1].map(directory));
    assert_eq!(
        (done.leader, done.leader_epoch),
        (Some(NodeId(1)), Epoch(1))
    );
    assert_eq!(listed(&cluster, None), 0);
}

#[test]
fn a_new_order_needs_nobody_to_catch_up() {
    let mut cluster = cluster();
    let (records, ..) = reassign(&mut cluster, Some(&[3, 2, 1]), true);
    assert_eq!(records.len(), 1);
    let done = partition(&cluster);
    assert_eq!(done.replicas[..], ids(&[3, 2, 1]));
    assert!(!done.is_reassigning());
    let (records, code, _) = reassign(&mut cluster, Some(&[3, 2, 1]), true);
    assert_eq!(
        (records.len(), code),
        (0, ErrorCode::NONE),
        "it is so already"
    );
}

#[test]
fn fewer_replicas_at_once_when_all_that_stay_are_in_sync() {
    let mut cluster = cluster();
    reassign(&mut cluster, Some(&[2]), true);
    let done = partition(&cluster);
    assert_eq!(
        (done.replicas, done.isr, done.leader),
        (ids(&[2]).into(), ids(&[2]).into(), Some(NodeId(2)))
    );
}

#[test]
fn a_reassignment_can_be_taken_back() {
    let mut cluster = cluster();
    let before = partition(&cluster);
    reassign(&mut cluster, Some(&[4, 5]), true);
    in_sync(&mut cluster, &[1, 2, 3, 4]);
    let (_, code, message) = reassign(&mut cluster, None, true);
    assert_eq!((code, message), (ErrorCode::NONE, None));
    let after = partition(&cluster);
    assert_eq!((after.replicas, after.isr), (before.replicas, before.isr));
    assert!(after.adding_replicas.is_empty() && after.removing_replicas.is_empty());
    let (records, code, message) = reassign(&mut cluster, None, true);
    assert_eq!(
        (records.len(), code),
        (0, ErrorCode::NO_REASSIGNMENT_IN_PROGRESS)
    );
    assert_eq!(message, None);
}

#[test]
fn taking_back_must_not_lose_messages_unasked() {
    let only_new_in_sync = |cluster: &mut Cluster| {
        reassign(cluster, Some(&[4, 5]), true);
        cluster.replay([PartitionChangeRecord {
            partition_id: 0,
            topic_id: KEY.topic_id,
            isr: Some(ids(&[4])),
            leader: NodeId(4),
            ..Default::default()
        }
        .into()]);
    };
    let mut first = cluster();
    only_new_in_sync(&mut first);
    let (records, code, message) = reassign(&mut first, None, true);
    assert_eq!(
        (records.len(), code),
        (0, ErrorCode::INVALID_REPLICA_ASSIGNMENT)
    );
    assert!(message.is_some_and(|text| text.contains("unclean leader election")));
    let mut second = cluster();
    second.replay([config(
        2,
        "t",
        "unclean.leader.election.enable",
        Some("true"),
    )]);
    only_new_in_sync(&mut second);
    let (_, code, _) = reassign(&mut second, None, true);
    assert_eq!(code, ErrorCode::NONE);
    let after = partition(&second);
    assert_eq!(
        (after.isr, after.leader),
        (ids(&[1]).into(), Some(NodeId(1)))
    );
}

#[test]
fn what_is_refused() {
    let mut cluster = cluster();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let (_, code, message) = reassign_of(&mut cluster, "u", 0, Some(&[1]), true);
    assert_eq!(
        (code, message.as_deref()),
        (unknown, Some("Unable to find a topic named u."))
    );
    let (_, code, message) = reassign_of(&mut cluster, "t", 7, Some(&[1]), true);
    assert_eq!(
        (code, message.as_deref()),
        (unknown, Some("Unable to find partition t:7."))
    );
    for replicas in [&[][..], &[1, 1], &[9]] {
        let (_, code, _) = reassign(&mut cluster, Some(replicas), true);
        assert_eq!(code, ErrorCode::INVALID_REPLICA_ASSIGNMENT, "{replicas:?}");
    }
    let (_, code, message) = reassign(&mut cluster, Some(&[4, 5]), false);
    assert_eq!(code, ErrorCode::INVALID_REPLICATION_FACTOR);
    assert_eq!(
        message.as_deref(),
        Some("The replication factor is changed from 3 to 2")
    );
    // While one is in progress, what counts is where it leads.
    reassign(&mut cluster, Some(&[4, 5]), true);
    let (_, code, _) = reassign(&mut cluster, Some(&[1, 4]), false);
    assert_eq!(code, ErrorCode::NONE);
}
