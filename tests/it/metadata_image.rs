//! A snapshot is the state, whole, and nothing else.

use std::collections::BTreeSet;

use bytes::Bytes;
use kraftd::{
    metadata::State,
    protocol::{BrokerEpoch, Epoch, NodeId, Offset, Uuid, records::*},
};
use proptest::prelude::*;

use crate::metadata_support::{config, feature, topic};

fn quota(entity: &[(&str, Option<&str>)], key: &str, value: Option<f64>) -> MetadataRecord {
    let entity = entity.iter().map(|(entity_type, name)| EntityData {
        entity_type: (*entity_type).to_owned(),
        entity_name: name.map(str::to_owned),
        ..Default::default()
    });
    ClientQuotaRecord {
        entity: entity.collect(),
        key: key.to_owned(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
        ..Default::default()
    }
    .into()
}

fn acl(id: u8) -> MetadataRecord {
    AccessControlEntryRecord {
        id: Uuid([id; 16]),
        resource_type: 2,
        resource_name: "t".to_owned(),
        pattern_type: 3,
        principal: "User:u".to_owned(),
        host: "*".to_owned(),
        operation: 3,
        permission_type: 3,
        ..Default::default()
    }
    .into()
}

fn scram(user: &str, mechanism: i8, iterations: i32) -> MetadataRecord {
    UserScramCredentialRecord {
        name: user.to_owned(),
        mechanism,
        salt: Bytes::from_static(b"salt"),
        stored_key: Bytes::from_static(b"stored"),
        server_key: Bytes::from_static(b"server"),
        iterations,
        ..Default::default()
    }
    .into()
}

fn token(id: &str, expiration_timestamp: i64) -> MetadataRecord {
    DelegationTokenRecord {
        owner: "User:o".to_owned(),
        requester: "User:r".to_owned(),
        renewers: vec!["User:n".to_owned()],
        issue_timestamp: 1,
        max_timestamp: 9,
        expiration_timestamp,
        token_id: id.to_owned(),
        ..Default::default()
    }
    .into()
}

fn replay_all(records: impl IntoIterator<Item = MetadataRecord>) -> State {
    let mut state = State::default();
    for (offset, record) in records.into_iter().enumerate() {
        state
            .replay(Offset(offset as i64), &record)
            .expect("a record that fits");
    }
    state
}

fn ids(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

fn broker(id: i32, epoch: i64) -> MetadataRecord {
    RegisterBrokerRecord {
        broker_id: NodeId(id),
        incarnation_id: Uuid([9; 16]),
        broker_epoch: BrokerEpoch(epoch),
        end_points: vec![BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "h".to_owned(),
            port: 9092,
            ..Default::default()
        }],
        features: vec![BrokerFeature {
            name: "metadata.version".to_owned(),
            min_supported_version: 7,
            max_supported_version: 30,
            ..Default::default()
        }],
        rack: Some("r".to_owned()),
        log_dirs: vec![Uuid([id as u8 + 100; 16])],
        cordoned_log_dirs: Some(vec![]),
        ..Default::default()
    }
    .into()
}

fn controller(id: i32) -> MetadataRecord {
    RegisterControllerRecord {
        controller_id: NodeId(id),
        incarnation_id: Uuid([8; 16]),
        end_points: vec![ControllerEndpoint {
            name: "CONTROLLER".to_owned(),
            host: "h".to_owned(),
            port: 9093,
            ..Default::default()
        }],
        features: vec![ControllerFeature::default()],
        ..Default::default()
    }
    .into()
}

fn partition(topic: u8, number: i32) -> MetadataRecord {
    PartitionRecord {
        partition_id: number,
        topic_id: Uuid([topic; 16]),
        replicas: ids(&[1, 2, 3]),
        isr: ids(&[1, 2]),
        leader: NodeId(1),
        leader_epoch: Epoch(0),
        partition_epoch: 0,
        directories: vec![Uuid([101; 16]), Uuid([102; 16]), Uuid::ONE],
        eligible_leader_replicas: Some(ids(&[3])),
        ..Default::default()
    }
    .into()
}

fn partition_change(topic: u8, number: i32, leader: i32) -> MetadataRecord {
    PartitionChangeRecord {
        partition_id: number,
        topic_id: Uuid([topic; 16]),
        isr: Some(ids(&[2])),
        leader: NodeId(leader),
        last_known_elr: Some(ids(&[1])),
        ..Default::default()
    }
    .into()
}

/// Some record of a domain; a change or a removal may find nothing to change.
fn any_record() -> impl Strategy<Value = MetadataRecord> {
    let name = || prop::sample::select(vec!["", "a", "b", "3"]);
    let value = || prop::option::of("[a-z]{0,3}");
    let number = || prop::option::of(0.5..9.0_f64);
    let cluster = prop_oneof![
        (0..3_i32, 0..3_i64).prop_map(|(id, epoch)| broker(id, epoch)),
        (0..3_i32, 0..3_i64).prop_map(|(id, epoch)| {
            let (broker_id, broker_epoch) = (NodeId(id), BrokerEpoch(epoch));
            UnregisterBrokerRecord {
                broker_id,
                broker_epoch,
                ..Default::default()
            }
            .into()
        }),
        (0..3_i32, 0..3_i64, -1..=1_i8, 0..=1_i8).prop_map(|(id, epoch, fenced, shutdown)| {
            BrokerRegistrationChangeRecord {
                broker_id: NodeId(id),
                broker_epoch: BrokerEpoch(epoch),
                fenced,
                in_controlled_shutdown: shutdown,
                ..Default::default()
            }
            .into()
        }),
        (0..3_i32).prop_map(controller),
        (0..3_u8, name()).prop_map(|(id, name)| topic(name, id)),
        (0..3_u8).prop_map(|id| {
            RemoveTopicRecord {
                topic_id: Uuid([id; 16]),
                ..Default::default()
            }
            .into()
        }),
        (0..3_u8, 0..3_i32).prop_map(|(topic, number)| partition(topic, number)),
        (0..3_u8, 0..3_i32, -2..3_i32)
            .prop_map(|(topic, number, leader)| { partition_change(topic, number, leader) }),
        name().prop_map(|name| {
            let topic_name = name.to_owned();
            ClearElrRecord {
                topic_name,
                ..Default::default()
            }
            .into()
        }),
        (1..9_i64).prop_map(|next_producer_id| {
            ProducerIdsRecord {
                next_producer_id,
                ..Default::default()
            }
            .into()
        }),
    ];
    let rest = prop_oneof![
        (0..=2_i16).prop_map(|level| feature("transaction.version", level)),
        (
            prop::sample::select(vec![2_i8, 4, 16, 32, 99]),
            name(),
            name(),
            value()
        )
            .prop_map(|(kind, of, name, value)| config(kind, of, name, value.as_deref())),
        (name(), prop::option::of(name()), name(), number())
            .prop_map(|(kind, of, key, value)| quota(&[("user", of), (kind, None)], key, value)),
        (0..4_u8).prop_map(acl),
        (0..4_u8).prop_map(|id| {
            let id = Uuid([id; 16]);
            RemoveAccessControlEntryRecord {
                id,
                ..Default::default()
            }
            .into()
        }),
        (name(), 1..=2_i8, 4096..5000)
            .prop_map(|(user, mechanism, iterations)| scram(user, mechanism, iterations)),
        (name(), 1..=2_i8).prop_map(|(user, mechanism)| {
            let name = user.to_owned();
            RemoveUserScramCredentialRecord {
                name,
                mechanism,
                ..Default::default()
            }
            .into()
        }),
        (name(), 0..9_i64).prop_map(|(id, expires)| token(id, expires)),
        name().prop_map(|id| {
            let token_id = id.to_owned();
            RemoveDelegationTokenRecord {
                token_id,
                ..Default::default()
            }
            .into()
        }),
    ];
    prop_oneof![2 => cluster, 1 => rest]
}

proptest! {
    #[test]
    fn a_snapshot_makes_the_same_state(records in prop::collection::vec(any_record(), 0..80)) {
        let mut state = replay_all([feature("metadata.version", 30)]);
        for record in &records {
            let before = state.clone();
            // Everything at one offset: where a broker registered is not part of a snapshot.
            if state.replay(Offset(0), record).is_err() {
                prop_assert_eq!(&state, &before, "a refused record changes nothing");
            }
        }
        let snapshot: Vec<_> = state.snapshot_records().collect();
        let mut loaded = State::default();
        for record in &snapshot {
            // The bytes a snapshot file holds say the same.
            let version = state.record_version(record);
            let bytes = record.encode(version).expect("a record this version can hold");
            let (read, read_version) = MetadataRecord::decode(bytes).expect("what was written");
            prop_assert_eq!((&read, read_version), (record, version));
            loaded.replay(Offset(0), &read).expect("a record of a snapshot");
        }
        prop_assert_eq!(&loaded, &state);
    }

    /// Snapshots are written in whatever version the cluster stands at: nothing in them may need more.
    #[test]
    fn a_snapshot_fits_every_version(
        records in prop::collection::vec(any_record(), 0..40),
        level in 7..=31_i16,
    ) {
        let mut state = replay_all([feature("metadata.version", level)]);
        for record in &records {
            let _ = state.replay(Offset(0), record);
        }
        for record in state.snapshot_records() {
            let bytes = record.encode(state.record_version(&record));
            prop_assert!(bytes.is_ok(), "{:?}", bytes);
        }
    }
}

#[test]
fn every_kind_of_record_is_replayed() {
    let change = |fenced, in_controlled_shutdown| BrokerRegistrationChangeRecord {
        broker_id: NodeId(1),
        broker_epoch: BrokerEpoch(5),
        fenced,
        in_controlled_shutdown,
        ..Default::default()
    };
    let (id, epoch) = (NodeId(1), BrokerEpoch(5));
    let records: Vec<MetadataRecord> = vec![
        BeginTransactionRecord::default().into(),
        feature("metadata.version", 30),
        AbortTransactionRecord::default().into(),
        BeginTransactionRecord::default().into(),
        feature("metadata.version", 30),
        EndTransactionRecord::default().into(),
        NoOpRecord::default().into(),
        ZkMigrationStateRecord::default().into(),
        broker(1, 5),
        UnfenceBrokerRecord {
            id,
            epoch,
            ..Default::default()
        }
        .into(),
        FenceBrokerRecord {
            id,
            epoch,
            ..Default::default()
        }
        .into(),
        change(-1, 0).into(),
        change(0, 1).into(),
        broker(2, 6),
        UnregisterBrokerRecord {
            broker_id: NodeId(2),
            broker_epoch: BrokerEpoch(6),
            ..Default::default()
        }
        .into(),
        controller(1),
        controller(2),
        UnregisterControllerRecord {
            controller_id: NodeId(2),
            ..Default::default()
        }
        .into(),
        topic("t", 1),
        topic("gone", 2),
        partition(1, 0),
        partition_change(1, 0, 2),
        ClearElrRecord {
            topic_name: "t".to_owned(),
            ..Default::default()
        }
        .into(),
        config(2, "t", "retention.ms", Some("1")),
        config(2, "gone", "retention.ms", Some("1")),
        RemoveTopicRecord {
            topic_id: Uuid([2; 16]),
            ..Default::default()
        }
        .into(),
        quota(&[("user", None)], "producer_byte_rate", Some(1.0)),
        ProducerIdsRecord {
            next_producer_id: 1000,
            ..Default::default()
        }
        .into(),
        acl(1),
        acl(2),
        RemoveAccessControlEntryRecord {
            id: Uuid([2; 16]),
            ..Default::default()
        }
        .into(),
        scram("u", 1, 4096),
        scram("u", 2, 4096),
        RemoveUserScramCredentialRecord {
            name: "u".to_owned(),
            mechanism: 2,
            ..Default::default()
        }
        .into(),
        token("t", 1),
        token("gone", 1),
        RemoveDelegationTokenRecord {
            token_id: "gone".to_owned(),
            ..Default::default()
        }
        .into(),
    ];
    let replayed: BTreeSet<_> = records.iter().map(MetadataRecord::key).collect();
    let known: BTreeSet<_> = MetadataRecord::ALL.iter().map(|kind| kind.key).collect();
    assert_eq!(replayed, known);
    let state = replay_all(records);
    let names: Vec<_> = state
        .snapshot_records()
        .map(|record| record.name())
        .collect();
    assert_eq!(
        names,
        [
            "FeatureLevel",
            "RegisterBroker",
            "RegisterController",
            "Topic",
            "Partition",
            "Config",
            "ClientQuota",
            "ProducerIds",
            "AccessControlEntry",
            "UserScramCredential",
            "DelegationToken",
        ]
    );
}

#[test]
fn the_same_entity_in_another_order_is_the_same() {
    let (user, client) = (("user", Some("u")), ("client-id", None));
    let state = replay_all([
        quota(&[user, client], "producer_byte_rate", Some(1.0)),
        quota(&[client, user], "producer_byte_rate", Some(2.0)),
    ]);
    assert_eq!(state.snapshot_records().count(), 1);
    let state = replay_all([
        quota(&[user, client], "producer_byte_rate", Some(1.0)),
        quota(&[client, user], "producer_byte_rate", None),
    ]);
    assert_eq!(state, State::default());
}

#[test]
fn a_snapshot_goes_on_while_the_state_changes() {
    let mut state = replay_all((0..5_u8).map(acl));
    let mut snapshot = state.snapshot_records();
    let first = snapshot.next().expect("a record");
    let remove = RemoveAccessControlEntryRecord {
        id: Uuid([3; 16]),
        ..Default::default()
    };
    state
        .replay(Offset(5), &remove.into())
        .expect("an entry that is there");
    let rest: Vec<_> = std::iter::once(first).chain(snapshot).collect();
    assert_eq!(rest, (0..5_u8).map(acl).collect::<Vec<_>>());
    assert_eq!(state.snapshot_records().count(), 4);
}
