//! Finalized features, and what a new active controller writes first.

use std::sync::Arc;

use kraftd::{
    metadata::{
        Options, State,
        activation::{self, ActivationError, default_bootstrap},
        features::{supported, update_features},
    },
    protocol::{
        ErrorCode, NodeId, Offset,
        features::{METADATA_VERSION, MetadataVersion},
        messages::update_features::{FeatureUpdateKey, UpdateFeaturesRequest},
        records::{
            AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord,
            FeatureLevelRecord, MetadataRecord, NoOpRecord,
        },
    },
};

use crate::metadata_support::{Cluster, config, feature};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

fn update(
    cluster: &mut Cluster,
    api_version: i16,
    updates: &[(&str, i16, i8)],
) -> (Vec<MetadataRecord>, ErrorCode, String, usize) {
    let updates =
        updates.iter().map(
            |(feature, max_version_level, upgrade_type)| FeatureUpdateKey {
                feature: (*feature).to_owned(),
                max_version_level: *max_version_level,
                // What version 0 reads.
                upgrade_type: if api_version == 0 {
                    UPGRADE
                } else {
                    *upgrade_type
                },
                allow_downgrade: api_version == 0 && *upgrade_type == SAFE_DOWNGRADE,
                ..Default::default()
            },
        );
    let request = UpdateFeaturesRequest {
        feature_updates: updates.collect(),
        ..Default::default()
    };
    let outcome = cluster.call(api_version, |state, cx| {
        update_features(state, cx, &request)
    });
    match outcome {
        Ok(outcome) => {
            let response = outcome.response;
            let message = response.error_message.unwrap_or_default();
            let results = response.results.len();
            (outcome.records, response.error_code, message, results)
        }
        Err(error) => (Vec::new(), error.code, error.message, 0),
    }
}

#[test]
fn refusals_of_updates() {
    let voter_1 = "Invalid update version 1 for feature group.version. controller 1 has not registered, \
                   and may not support this feature";
    let cases: &[(i16, &str, i16, i8, &str)] = &[
        (
            30,
            "no.such",
            1,
            UPGRADE,
            "Invalid update version 1 for feature no.such. Local controller 0 does not support this feature.",
        ),
        (
            30,
            "no.such",
            0,
            UPGRADE,
            "Invalid update version 0 for feature no.such. Feature no.such not found.",
        ),
        (
            30,
            "group.version",
            1,
            0,
            "Invalid update version 1 for feature group.version. The controller does not support the given upgrade type.",
        ),
        (
            30,
            "group.version",
            -1,
            UPGRADE,
            "Invalid update version -1 for feature group.version. A feature version cannot be less than 0.",
        ),
        (
            30,
            "group.version",
            2,
            UPGRADE,
            "Invalid update version 2 for feature group.version. Local controller 0 only supports versions 0-1",
        ),
        (
            30,
            METADATA_VERSION,
            31,
            UPGRADE,
            "Invalid update version 31 for feature metadata.version. Local controller 0 only supports versions 7-30",
        ),
        (
            30,
            METADATA_VERSION,
            6,
            SAFE_DOWNGRADE,
            "Invalid update version 6 for feature metadata.version. Local controller 0 only supports versions 7-30",
        ),
        (
            29,
            METADATA_VERSION,
            28,
            UPGRADE,
            "Invalid update version 28 for feature metadata.version. Can't downgrade the version of this feature \
             without setting the upgrade type to either safe or unsafe downgrade.",
        ),
        (
            29,
            METADATA_VERSION,
            30,
            SAFE_DOWNGRADE,
            "Invalid update version 30 for feature metadata.version. Can't downgrade to a newer version.",
        ),
        (
            30,
            METADATA_VERSION,
            29,
            SAFE_DOWNGRADE,
            "Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade \
             because it might delete metadata information.",
        ),
        (
            30,
            METADATA_VERSION,
            29,
            UNSAFE_DOWNGRADE,
            "Unsupported metadata.version downgrade from 30 to 29. Unsafe metadata downgrade is not supported in \
             this version.",
        ),
        (
            22,
            "eligible.leader.replicas.version",
            1,
            UPGRADE,
            "Invalid update version 1 for feature eligible.leader.replicas.version. \
             eligible.leader.replicas.version could not be set to 1 because it depends on metadata.version \
             level 23",
        ),
        (
            30,
            "kraft.version",
            1,
            UPGRADE,
            "Invalid update version 1 for feature kraft.version. Local controller 0 does not support this feature. \
             Its voters are those of controller.quorum.voters. Instead of --release-version, give --feature \
             NAME=LEVEL for each of the others.",
        ),
        (15, "group.version", 1, UPGRADE, voter_1),
    ];
    for (version, name, level, upgrade_type, reason) in cases {
        let mut cluster = Cluster::at(*version);
        if *reason == voter_1 {
            cluster.options.voter_ids.insert(NodeId(1));
        }
        let (records, code, message, results) =
            update(&mut cluster, 1, &[(name, *level, *upgrade_type)]);
        assert_eq!(code, ErrorCode::INVALID_UPDATE_VERSION, "{reason}");
        let prefix =
            "The update failed for all features since the following feature had an error: ";
        assert_eq!(message, format!("{prefix}{reason}"));
        assert_eq!((records.len(), results), (0, 0));
    }
}

#[test]
fn updates_that_pass() {
    let mut cluster = Cluster::at(14);
    // Before 3.7-IV0 controllers do not register, so that the other voters cannot be asked.
    cluster.options.voter_ids.insert(NodeId(1));
    let (records, code, message, results) =
        update(&mut cluster, 1, &[("group.version", 1, UPGRADE)]);
    assert_eq!((code, message.as_str(), results), (ErrorCode::NONE, "", 1));
    assert_eq!(records, [feature("group.version", 1)]);
    let mut cluster = Cluster::at(29);
    let (records, code, _, results) = update(
        &mut cluster,
        2,
        &[
            (METADATA_VERSION, 30, UPGRADE),
            ("group.version", 0, UPGRADE),
        ],
    );
    assert_eq!((code, results), (ErrorCode::NONE, 0));
    assert_eq!(
        records,
        [feature("group.version", 0), feature(METADATA_VERSION, 30)]
    );
    assert_eq!(cluster.state.metadata_version(), Some(MetadataVersion(30)));
    // No level at which records changed lies between.
    let mut cluster = Cluster::at(29);
    let (_, code, ..) = update(&mut cluster, 1, &[(METADATA_VERSION, 23, SAFE_DOWNGRADE)]);
    assert_eq!(code, ErrorCode::NONE);
    assert_eq!(cluster.state.metadata_version(), Some(MetadataVersion(23)));
    // Whatever version 0 says of downgrades.
    let mut cluster = Cluster::at(29);
    let (_, code, ..) = update(&mut cluster, 0, &[(METADATA_VERSION, 30, SAFE_DOWNGRADE)]);
    assert_eq!(code, ErrorCode::NONE);
    let (_, code, ..) = update(&mut cluster, 0, &[(METADATA_VERSION, 29, SAFE_DOWNGRADE)]);
    assert_eq!(code, ErrorCode::INVALID_UPDATE_VERSION);
}

#[test]
fn levels_under_test_need_the_flag() {
    let mut cluster = Cluster::at(30);
    cluster.options.unstable_feature_versions_enable = true;
    let (_, code, ..) = update(&mut cluster, 2, &[(METADATA_VERSION, 31, UPGRADE)]);
    assert_eq!(code, ErrorCode::NONE);
    let highest = |unstable| {
        let all = supported(unstable, 4);
        all.into_iter()
            .find(|key| key.name == METADATA_VERSION)
            .map(|key| key.max_version)
    };
    assert_eq!((highest(false), highest(true)), (Some(30), Some(31)));
}

#[test]
fn old_clients_are_not_told_of_features_from_zero() {
    let names: Vec<_> = supported(false, 3)
        .into_iter()
        .map(|key| key.name)
        .collect();
    assert_eq!(names, [METADATA_VERSION]);
    assert_eq!(supported(false, 4).len(), 6);
}

#[test]
fn enabling_elr_settles_min_insync_replicas_first() {
    let mut cluster = Cluster::at(30);
    cluster.replay([
        config(4, "3", "min.insync.replicas", Some("2")),
        config(4, "3", "num.io.threads", Some("2")),
        config(4, "5", "num.io.threads", Some("2")),
    ]);
    let elr = "eligible.leader.replicas.version";
    let (records, code, ..) = update(&mut cluster, 2, &[(elr, 1, UPGRADE)]);
    assert_eq!(code, ErrorCode::NONE);
    assert_eq!(
        records,
        [
            config(4, "", "min.insync.replicas", Some("1")),
            config(4, "3", "min.insync.replicas", None),
            feature(elr, 1),
        ]
    );
    let (records, ..) = update(&mut cluster, 2, &[(elr, 1, UPGRADE)]);
    assert_eq!(records, [feature(elr, 1)], "once is enough");
}

fn begin() -> MetadataRecord {
    BeginTransactionRecord {
        name: Some("Bootstrap records".to_owned()),
        ..Default::default()
    }
    .into()
}

fn abort() -> MetadataRecord {
    AbortTransactionRecord {
        reason: Some("Controller failover".to_owned()),
        ..Default::default()
    }
    .into()
}

fn end() -> MetadataRecord {
    EndTransactionRecord::default().into()
}

fn options(version: i16) -> Options {
    Options {
        bootstrap: Arc::new(default_bootstrap(MetadataVersion(version))),
        ..Options::default()
    }
}

fn state_after(records: impl IntoIterator<Item = MetadataRecord>) -> State {
    let mut state = State::default();
    for (offset, record) in records.into_iter().enumerate() {
        state
            .replay(Offset(offset as i64), &record)
            .expect("a record that fits");
    }
    state
}

#[test]
fn a_new_cluster_begins_with_a_transaction() {
    let outcome = activation::records(&State::default(), &options(30)).expect("records");
    let expected = [
        begin(),
        feature(METADATA_VERSION, 30),
        feature("eligible.leader.replicas.version", 1),
        feature("group.version", 1),
        feature("share.version", 1),
        feature("streams.version", 1),
        feature("transaction.version", 2),
        config(4, "", "min.insync.replicas", Some("1")),
        end(),
    ];
    assert_eq!(outcome.records, expected);
    assert!(!outcome.atomic);
    let state = state_after(outcome.records);
    assert!(state.features.is_elr_enabled());
    let nothing = activation::records(&state, &options(30)).expect("records");
    assert!(nothing.records.is_empty(), "only once");
}

#[test]
fn an_old_version_begins_with_one_batch() {
    let outcome = activation::records(&State::default(), &options(12)).expect("records");
    assert_eq!(outcome.records, [feature(METADATA_VERSION, 12)]);
    assert!(outcome.atomic);
}

#[test]
fn a_bootstrap_that_was_cut_short_is_done_again() {
    let cut = state_after([begin(), feature(METADATA_VERSION, 21)]);
    assert_eq!(cut.metadata_version(), Some(MetadataVersion(21)));
    assert_eq!(cut.stable().metadata_version(), None);
    let outcome = activation::records(&cut, &options(20)).expect("records");
    let expected = [abort(), begin(), feature(METADATA_VERSION, 20), end()];
    assert_eq!(outcome.records, expected);
    let mut state = cut;
    for (offset, record) in outcome.records.iter().enumerate() {
        state
            .replay(Offset(2 + offset as i64), record)
            .expect("a record that fits");
    }
    assert_eq!(state, state_after([feature(METADATA_VERSION, 20)]));
    let error = activation::records(&state_after([begin()]), &options(12));
    assert!(matches!(
        error,
        Err(ActivationError::TransactionsNotSupported { start: 0, .. })
    ));
}

#[test]
fn a_predecessors_transaction_is_aborted() {
    let state = state_after([
        feature(METADATA_VERSION, 30),
        begin(),
        config(4, "", "num.io.threads", Some("1")),
    ]);
    let outcome = activation::records(&state, &options(30)).expect("records");
    assert_eq!(outcome.records, [abort()]);
}

#[test]
fn a_node_without_bootstrap_does_not_begin() {
    let error = activation::records(&State::default(), &Options::default());
    assert!(matches!(error, Err(ActivationError::NoBootstrapVersion)));
}

#[test]
fn transactions_open_and_close_once() {
    let refuse = |records: &[MetadataRecord], record: MetadataRecord| {
        let mut state = state_after(records.iter().cloned());
        let before = state.clone();
        let error = state.replay(Offset(9), &record).expect_err("a refusal");
        assert_eq!(state, before);
        error.to_string()
    };
    let text = refuse(&[begin()], begin());
    assert!(
        text.contains("BeginTransaction") && text.contains("offset 9"),
        "{text}"
    );
    refuse(&[], end());
    refuse(&[], abort());
    refuse(&[begin(), end()], end());
}

#[test]
fn levels_beyond_this_release_are_refused() {
    for (name, level) in [
        (METADATA_VERSION, 32),
        (METADATA_VERSION, 6),
        ("group.version", 2),
        ("new", 1),
    ] {
        let mut state = State::default();
        state
            .replay(Offset(0), &feature(name, level))
            .expect_err(name);
        assert_eq!(state, State::default());
    }
    // Neither says anything: kraft.version is told by control records, 0 is the default.
    let state = state_after([
        feature("kraft.version", 1),
        feature("new", 0),
        NoOpRecord::default().into(),
    ]);
    assert_eq!(state, State::default());
}

#[test]
fn a_level_of_zero_ends_a_feature() {
    let state = state_after([feature("group.version", 1), feature("group.version", 0)]);
    assert!(state.features.finalized().is_empty());
    let state = state_after([feature("group.version", 1)]);
    let [finalized] = &state.features.finalized()[..] else {
        panic!("one feature");
    };
    assert_eq!(
        (finalized.min_version_level, finalized.max_version_level),
        (1, 1)
    );
    let record = FeatureLevelRecord {
        name: "group.version".to_owned(),
        feature_level: 1,
        ..Default::default()
    };
    assert_eq!(
        state.snapshot_records().collect::<Vec<_>>(),
        [record.into()]
    );
}
