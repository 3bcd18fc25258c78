//! A snapshot is the state, whole, and nothing else.

use std::collections::BTreeSet;

use bytes::Bytes;
use kraftd::{
    metadata::State,
    protocol::{
        Offset, Uuid,
        records::{
            AccessControlEntryRecord, ClientQuotaRecord, DelegationTokenRecord, EntityData,
            MetadataRecord, RemoveAccessControlEntryRecord, RemoveDelegationTokenRecord,
            RemoveUserScramCredentialRecord, UserScramCredentialRecord,
        },
    },
};
use proptest::prelude::*;

use crate::metadata_support::{config, feature};

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

/// Some record of a domain; a removal may find nothing.
fn any_record() -> impl Strategy<Value = MetadataRecord> {
    let name = || prop::sample::select(vec!["", "a", "b", "3"]);
    let value = || prop::option::of("[a-z]{0,3}");
    let number = || prop::option::of(0.5..9.0_f64);
    prop_oneof![
        (7..=31_i16).prop_map(|level| feature("metadata.version", level)),
        (0..=2_i16).prop_map(|level| feature("transaction.version", level)),
        (
            prop::sample::select(vec![2_i8, 4, 16, 32, 99]),
            name(),
            name(),
            value()
        )
            .prop_map(|(kind, of, name, value)| config(kind, of, name, value.as_deref())),
        (name(), prop::option::of(name()), name(), number()).prop_map(|(kind, of, key, value)| {
            quota(&[("user", of), (kind, None)], key, value)
        }),
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
            .prop_map(|(user, mechanism, iterations)| { scram(user, mechanism, iterations) }),
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
    ]
}

proptest! {
    #[test]
    fn a_snapshot_makes_the_same_state(records in prop::collection::vec(any_record(), 0..60)) {
        let mut state = State::default();
        for (offset, record) in records.iter().enumerate() {
            let before = state.clone();
            if state.replay(Offset(offset as i64), record).is_err() {
                prop_assert_eq!(&state, &before, "a refused record changes nothing");
            }
        }
        let snapshot: Vec<_> = state.snapshot_records().collect();
        prop_assert_eq!(&replay_all(snapshot.clone()), &state);
        // The bytes a snapshot file holds say the same.
        for record in &snapshot {
            let version = state.record_version(record);
            let bytes = record.encode(version).expect("a record this version can hold");
            let (read, read_version) = MetadataRecord::decode(bytes).expect("what was written");
            prop_assert_eq!((&read, read_version), (record, version));
        }
    }
}

#[test]
fn records_come_in_kafkas_order() {
    let state = replay_all([
        token("t", 1),
        scram("u", 1, 4096),
        acl(1),
        quota(&[("user", None)], "producer_byte_rate", Some(1.0)),
        config(4, "", "a", Some("b")),
        feature("group.version", 1),
        feature("metadata.version", 30),
    ]);
    let names: Vec<_> = state
        .snapshot_records()
        .map(|record| match &record {
            MetadataRecord::FeatureLevel(level) => level.name.clone(),
            other => other.name().to_owned(),
        })
        .collect();
    assert_eq!(
        names,
        [
            "metadata.version",
            "group.version",
            "Config",
            "ClientQuota",
            "AccessControlEntry",
            "UserScramCredential",
            "DelegationToken",
        ]
    );
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
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
