//! Short hands for the requests that tests send to a controller themselves.

use kraftd::protocol::{
    api::Request,
    ids::{BrokerEpoch, Epoch, NodeId, Offset, Uuid},
    messages::*,
};

/// An id that no voter and no broker of the tests has.
const OBSERVER: NodeId = NodeId(9_999);

pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;
pub const SET: i8 = 0;
pub const DELETE: i8 = 1;
pub const APPEND: i8 = 2;
pub const SUBTRACT: i8 = 3;

pub fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

/// A directory of a broker, the same on both sides.
pub fn directory(broker: i32) -> Uuid {
    let mut id = [0xd1; 16];
    id[12..].copy_from_slice(&broker.to_be_bytes());
    Uuid(id)
}

/// What Java brokers of this release offer.
pub fn all_features() -> Vec<(&'static str, i16, i16)> {
    vec![
        ("metadata.version", 7, 30),
        ("group.version", 0, 1),
        ("transaction.version", 0, 2),
        ("kraft.version", 0, 1),
        ("share.version", 0, 1),
        ("streams.version", 0, 1),
        ("eligible.leader.replicas.version", 0, 1),
    ]
}

/// The registration of a broker in its `life`th incarnation.
pub fn registration(
    cluster_id: &str,
    broker: i32,
    life: u8,
) -> broker_registration::BrokerRegistrationRequest {
    let feature = |(name, min, max): (&str, i16, i16)| broker_registration::Feature {
        name: name.to_owned(),
        min_supported_version: min,
        max_supported_version: max,
        ..Default::default()
    };
    broker_registration::BrokerRegistrationRequest {
        broker_id: NodeId(broker),
        cluster_id: cluster_id.to_owned(),
        incarnation_id: Uuid([life + 100; 16]),
        listeners: vec![broker_registration::Listener {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9_092,
            ..Default::default()
        }],
        features: all_features().into_iter().map(feature).collect(),
        rack: None,
        log_dirs: vec![directory(broker)],
        ..Default::default()
    }
}

/// `sender` is a broker and its epoch.
pub fn heartbeat(
    sender: (i32, BrokerEpoch),
    metadata_offset: i64,
    want_fence: bool,
    want_shut_down: bool,
) -> broker_heartbeat::BrokerHeartbeatRequest {
    broker_heartbeat::BrokerHeartbeatRequest {
        broker_id: NodeId(sender.0),
        broker_epoch: sender.1,
        current_metadata_offset: Offset(metadata_offset),
        want_fence,
        want_shut_down,
        ..Default::default()
    }
}

/// A topic whose replicas the controller chooses.
pub fn topic(name: &str, partitions: i32, factor: i16) -> create_topics::CreatableTopic {
    create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: factor,
        ..Default::default()
    }
}

/// A topic with replicas given.
pub fn assigned(name: &str, partitions: &[&[i32]]) -> create_topics::CreatableTopic {
    let assignment = |(index, ids): (usize, &&[i32])| create_topics::CreatableReplicaAssignment {
        partition_index: index as i32,
        broker_ids: nodes(ids),
        ..Default::default()
    };
    create_topics::CreatableTopic {
        assignments: partitions.iter().enumerate().map(assignment).collect(),
        ..topic(name, -1, -1)
    }
}

pub fn configured(
    topic: create_topics::CreatableTopic,
    configs: &[(&str, Option<&str>)],
) -> create_topics::CreatableTopic {
    let config = |(name, value): &(&str, Option<&str>)| create_topics::CreatableTopicConfig {
        name: (*name).to_owned(),
        value: value.map(str::to_owned),
        ..Default::default()
    };
    create_topics::CreatableTopic {
        configs: configs.iter().map(config).collect(),
        ..topic
    }
}

pub fn create(topics: Vec<create_topics::CreatableTopic>, validate_only: bool) -> Request {
    let request = create_topics::CreateTopicsRequest {
        topics,
        validate_only,
        ..Default::default()
    };
    request.into()
}

pub fn delete_by_name(names: &[&str]) -> Request {
    let request = delete_topics::DeleteTopicsRequest {
        topic_names: names.iter().map(|name| (*name).to_owned()).collect(),
        timeout_ms: 30_000,
        ..Default::default()
    };
    request.into()
}

/// By name, by id, or by both.
pub fn delete_states(topics: &[(Option<&str>, Uuid)]) -> Request {
    let state = |(name, topic_id): &(Option<&str>, Uuid)| delete_topics::DeleteTopicState {
        name: name.map(str::to_owned),
        topic_id: *topic_id,
        ..Default::default()
    };
    let request = delete_topics::DeleteTopicsRequest {
        topics: topics.iter().map(state).collect(),
        timeout_ms: 30_000,
        ..Default::default()
    };
    request.into()
}

pub fn grow(
    name: &str,
    count: i32,
    assignments: Option<&[&[i32]]>,
    validate_only: bool,
) -> Request {
    let assignment = |ids: &&[i32]| create_partitions::CreatePartitionsAssignment {
        broker_ids: nodes(ids),
        ..Default::default()
    };
    let request = create_partitions::CreatePartitionsRequest {
        topics: vec![create_partitions::CreatePartitionsTopic {
            name: name.to_owned(),
            count,
            assignments: assignments.map(|lists| lists.iter().map(assignment).collect()),
            ..Default::default()
        }],
        timeout_ms: 30_000,
        validate_only,
        ..Default::default()
    };
    request.into()
}

/// Changes of one resource: (name, operation, value).
pub fn alter(
    resource: (i8, &str),
    changes: &[(&str, i8, Option<&str>)],
    validate_only: bool,
) -> Request {
    let config = |(name, operation, value): &(&str, i8, Option<&str>)| {
        incremental_alter_configs::AlterableConfig {
            name: (*name).to_owned(),
            config_operation: *operation,
            value: value.map(str::to_owned),
            ..Default::default()
        }
    };
    let request = incremental_alter_configs::IncrementalAlterConfigsRequest {
        resources: vec![incremental_alter_configs::AlterConfigsResource {
            resource_type: resource.0,
            resource_name: resource.1.to_owned(),
            configs: changes.iter().map(config).collect(),
            ..Default::default()
        }],
        validate_only,
        ..Default::default()
    };
    request.into()
}

/// The old AlterConfigs, which replaces everything.
pub fn replace(resource: (i8, &str), values: &[(&str, Option<&str>)]) -> Request {
    let config = |(name, value): &(&str, Option<&str>)| alter_configs::AlterableConfig {
        name: (*name).to_owned(),
        value: value.map(str::to_owned),
        ..Default::default()
    };
    let request = alter_configs::AlterConfigsRequest {
        resources: vec![alter_configs::AlterConfigsResource {
            resource_type: resource.0,
            resource_name: resource.1.to_owned(),
            configs: values.iter().map(config).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

pub fn describe(
    resource: (i8, &str),
    keys: Option<&[&str]>,
    synonyms: bool,
    documentation: bool,
) -> Request {
    let request = describe_configs::DescribeConfigsRequest {
        resources: vec![describe_configs::DescribeConfigsResource {
            resource_type: resource.0,
            resource_name: resource.1.to_owned(),
            configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
            ..Default::default()
        }],
        include_synonyms: synonyms,
        include_documentation: documentation,
        ..Default::default()
    };
    request.into()
}

/// What an AlterPartition of one partition says.
pub struct Isr {
    pub sender: (i32, BrokerEpoch),
    pub topic_id: Uuid,
    pub partition: i32,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub isr: Vec<(i32, BrokerEpoch)>,
    pub recovery_state: i8,
}

pub fn alter_partition(isr: Isr) -> Request {
    let member = |(id, epoch): &(i32, BrokerEpoch)| alter_partition::BrokerState {
        broker_id: NodeId(*id),
        broker_epoch: *epoch,
        ..Default::default()
    };
    let request = alter_partition::AlterPartitionRequest {
        broker_id: NodeId(isr.sender.0),
        broker_epoch: isr.sender.1,
        topics: vec![alter_partition::RequestTopicData {
            topic_id: isr.topic_id,
            partitions: vec![alter_partition::RequestPartitionData {
                partition_index: isr.partition,
                leader_epoch: Epoch(isr.leader_epoch),
                new_isr_with_epochs: isr.isr.iter().map(member).collect(),
                leader_recovery_state: isr.recovery_state,
                partition_epoch: isr.partition_epoch,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

pub fn elect(election_type: i8, partitions: Option<&[(&str, &[i32])]>) -> Request {
    let topic = |(name, partitions): &(&str, &[i32])| elect_leaders::TopicPartitions {
        topic: (*name).to_owned(),
        partitions: partitions.to_vec(),
        ..Default::default()
    };
    let request = elect_leaders::ElectLeadersRequest {
        election_type,
        topic_partitions: partitions.map(|topics| topics.iter().map(topic).collect()),
        ..Default::default()
    };
    request.into()
}

pub fn reassign(name: &str, partition: i32, replicas: Option<&[i32]>, resize: bool) -> Request {
    let request = alter_partition_reassignments::AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: resize,
        topics: vec![alter_partition_reassignments::ReassignableTopic {
            name: name.to_owned(),
            partitions: vec![alter_partition_reassignments::ReassignablePartition {
                partition_index: partition,
                replicas: replicas.map(nodes),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

pub fn list_reassignments(topics: Option<&[(&str, &[i32])]>) -> Request {
    let topic = |(name, partitions): &(&str, &[i32])| {
        list_partition_reassignments::ListPartitionReassignmentsTopics {
            name: (*name).to_owned(),
            partition_indexes: partitions.to_vec(),
            ..Default::default()
        }
    };
    let request = list_partition_reassignments::ListPartitionReassignmentsRequest {
        topics: topics.map(|topics| topics.iter().map(topic).collect()),
        ..Default::default()
    };
    request.into()
}

pub fn allocate(broker: i32, broker_epoch: BrokerEpoch) -> Request {
    let request = allocate_producer_ids::AllocateProducerIdsRequest {
        broker_id: NodeId(broker),
        broker_epoch,
        ..Default::default()
    };
    request.into()
}

/// (feature, level, upgrade type 1 upgrade, 2 safe downgrade, 3 unsafe downgrade).
pub fn update_features(updates: &[(&str, i16, i8)], validate_only: bool) -> Request {
    let update =
        |(feature, level, upgrade_type): &(&str, i16, i8)| update_features::FeatureUpdateKey {
            feature: (*feature).to_owned(),
            max_version_level: *level,
            upgrade_type: *upgrade_type,
            ..Default::default()
        };
    let request = update_features::UpdateFeaturesRequest {
        feature_updates: updates.iter().map(update).collect(),
        validate_only,
        ..Default::default()
    };
    request.into()
}

/// (entity type, entity name), (key, value or removal).
pub fn quota(
    entity: &[(&str, Option<&str>)],
    ops: &[(&str, Option<f64>)],
    validate_only: bool,
) -> Request {
    let part = |(kind, name): &(&str, Option<&str>)| alter_client_quotas::RequestEntityData {
        entity_type: (*kind).to_owned(),
        entity_name: name.map(str::to_owned),
        ..Default::default()
    };
    let op = |(key, value): &(&str, Option<f64>)| alter_client_quotas::OpData {
        key: (*key).to_owned(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
        ..Default::default()
    };
    let request = alter_client_quotas::AlterClientQuotasRequest {
        entries: vec![alter_client_quotas::RequestEntryData {
            entity: entity.iter().map(part).collect(),
            ops: ops.iter().map(op).collect(),
            ..Default::default()
        }],
        validate_only,
        ..Default::default()
    };
    request.into()
}

pub fn upsert_scram(user: &str, mechanism: i8, iterations: i32) -> Request {
    let request = alter_user_scram_credentials::AlterUserScramCredentialsRequest {
        upsertions: vec![alter_user_scram_credentials::ScramCredentialUpsertion {
            name: user.to_owned(),
            mechanism,
            iterations,
            salt: vec![1; 24].into(),
            salted_password: vec![2; 32].into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

pub fn delete_scram(user: &str, mechanism: i8) -> Request {
    let request = alter_user_scram_credentials::AlterUserScramCredentialsRequest {
        deletions: vec![alter_user_scram_credentials::ScramCredentialDeletion {
            name: user.to_owned(),
            mechanism,
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

pub fn assign_dirs(
    sender: (i32, BrokerEpoch),
    directory: Uuid,
    topic_id: Uuid,
    partition: i32,
) -> Request {
    let request = assign_replicas_to_dirs::AssignReplicasToDirsRequest {
        broker_id: NodeId(sender.0),
        broker_epoch: sender.1,
        directories: vec![assign_replicas_to_dirs::RequestDirectoryData {
            id: directory,
            topics: vec![assign_replicas_to_dirs::RequestTopicData {
                topic_id,
                partitions: vec![assign_replicas_to_dirs::RequestPartitionData {
                    partition_index: partition,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

pub fn unregister(broker: i32) -> Request {
    let request = unregister_broker::UnregisterBrokerRequest {
        broker_id: NodeId(broker),
        ..Default::default()
    };
    request.into()
}

/// A request inside an Envelope, from an anonymous client at 127.0.0.1.
pub fn envelope(version: i16, inner: &Request) -> envelope::EnvelopeRequest {
    let anonymous = b"\x00\x00\x05User\x0aANONYMOUS\x00\x00";
    envelope::EnvelopeRequest {
        request_data: inner
            .encode_with_header(version, 77, "inner")
            .expect("an inner request"),
        request_principal: Some(anonymous[..].into()),
        client_host_address: vec![127, 0, 0, 1].into(),
        ..Default::default()
    }
}

/// A Fetch of the metadata log as an observer sends it.
pub fn fetch_request(
    cluster_id: &str,
    epoch: Epoch,
    from: Offset,
    last_epoch: Epoch,
) -> fetch::FetchRequest {
    fetch::FetchRequest {
        cluster_id: Some(cluster_id.to_owned()),
        replica_state: fetch::ReplicaState {
            replica_id: OBSERVER,
            ..Default::default()
        },
        max_wait_ms: 0,
        topics: vec![fetch::FetchTopic {
            topic_id: Uuid::ONE,
            partitions: vec![fetch::FetchPartition {
                current_leader_epoch: epoch,
                fetch_offset: from,
                last_fetched_epoch: last_epoch,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A Fetch of the metadata log: epoch, offset, last fetched epoch.
pub fn fetch_at(cluster_id: &str, epoch: i32, offset: i64, last_epoch: i32) -> Request {
    fetch_request(cluster_id, Epoch(epoch), Offset(offset), Epoch(last_epoch)).into()
}

pub fn fetch_snapshot(
    cluster_id: &str,
    epoch: i32,
    end_offset: i64,
    snapshot_epoch: i32,
) -> Request {
    let request = fetch_snapshot::FetchSnapshotRequest {
        cluster_id: Some(cluster_id.to_owned()),
        replica_id: OBSERVER,
        topics: vec![fetch_snapshot::RequestTopicSnapshot {
            name: "__cluster_metadata".to_owned(),
            partitions: vec![fetch_snapshot::RequestPartitionSnapshot {
                current_leader_epoch: Epoch(epoch),
                snapshot_id: fetch_snapshot::RequestSnapshotId {
                    end_offset: Offset(end_offset),
                    epoch: Epoch(snapshot_epoch),
                    ..Default::default()
                },
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

/// A (pre-)vote request from a stranger.
pub fn vote(cluster_id: &str, candidate: i32, epoch: i32, pre_vote: bool) -> Request {
    let request = vote::VoteRequest {
        cluster_id: Some(cluster_id.to_owned()),
        voter_id: NodeId(1),
        topics: vec![vote::RequestTopicData {
            topic_name: "__cluster_metadata".to_owned(),
            partitions: vec![vote::RequestPartitionData {
                replica_epoch: Epoch(epoch),
                replica_id: NodeId(candidate),
                pre_vote,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}
