//! What a new active controller writes before anything else (`ActivationRecordsGenerator`): the
//! first content of an empty log, or the end of what a predecessor left open.

use super::{
    MAX_RECORDS_PER_USER_OP, Options, Outcome, State,
    configs::{ConfigResource, MIN_INSYNC_REPLICAS},
};
use crate::protocol::{
    features::{
        ELIGIBLE_LEADER_REPLICAS_VERSION, FEATURES, KRAFT_VERSION, METADATA_VERSION,
        MetadataVersion,
    },
    records::{
        AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, FeatureLevelRecord,
        MetadataRecord, NoOpRecord,
    },
};

/// The log holds what this node must not go on from; fatal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    #[error(
        "the metadata log has a transaction open since offset {start}, but metadata.version \
         {version} knows no transactions; let a controller activate whose bootstrap metadata is at \
         3.6-IV1 or later"
    )]
    TransactionsNotSupported {
        start: i64,
        version: MetadataVersion,
    },
    #[error(
        "the metadata log is empty and the bootstrap metadata of this node names no \
         metadata.version; format the node again with kafka-storage"
    )]
    NoBootstrapVersion,
    #[error(
        "the {count} bootstrap records do not fit one batch, and metadata.version {version} has no \
         transactions; format with 3.6-IV1 or later, or with at most {MAX_RECORDS_PER_USER_OP} records"
    )]
    TooManyBootstrapRecords {
        count: usize,
        version: MetadataVersion,
    },
}

/// The records of an activation, possibly none; the response says to the operator what they are
/// for.
///
/// Whether the log is empty is judged by the state before an open transaction, since that is what
/// an abort goes back to: Kafka judges by the state within it, and would leave a log without any
/// metadata.version behind.
pub fn records(state: &State, options: &Options) -> Result<Outcome<String>, ActivationError> {
    let mut records = Vec::new();
    let mut story = "Performing controller activation.".to_owned();
    let settled = state.stable().metadata_version();
    let version = match settled {
        Some(version) => version,
        None => bootstrap_version(options)?,
    };
    if let Some(transaction) = state.transaction() {
        let start = transaction.start.0;
        if !version.is_metadata_transaction_supported() {
            return Err(ActivationError::TransactionsNotSupported { start, version });
        }
        story += &format!(" Aborting the metadata transaction in progress at offset {start}.");
        records.push(abort());
    }
    if settled.is_some() {
        return Ok(Outcome::atomic(records, story));
    }
    let bootstrap = bootstrap(options);
    let count = bootstrap.len();
    story += &format!(
        " The metadata log appears to be empty. Appending {count} bootstrap record(s) at \
         metadata.version {version}."
    );
    if version.is_metadata_transaction_supported() {
        records.push(begin("Bootstrap records"));
        records.extend(bootstrap);
        records.push(EndTransactionRecord::default().into());
        return Ok(Outcome::split(records, story));
    }
    if count > MAX_RECORDS_PER_USER_OP {
        return Err(ActivationError::TooManyBootstrapRecords { count, version });
    }
    records.extend(bootstrap);
    Ok(Outcome::atomic(records, story))
}

/// The content of a new cluster that was formatted with nothing but a metadata.version: the default
/// level of every feature (`BootstrapMetadata.fromVersion`).
pub fn default_bootstrap(version: MetadataVersion) -> Vec<MetadataRecord> {
    let others = FEATURES
        .iter()
        .filter(|feature| feature.name != KRAFT_VERSION)
        .map(|feature| (feature.name, feature.default_level(version)));
    feature_records(others.chain([(METADATA_VERSION, version.0)]))
}

/// The records that give a new cluster these levels, in Kafka's order: metadata.version first, the others by name.
/// A level of 0 needs no record.
pub fn feature_records<'a>(
    levels: impl IntoIterator<Item = (&'a str, i16)>,
) -> Vec<MetadataRecord> {
    let mut levels: Vec<_> = levels.into_iter().filter(|(_, level)| *level > 0).collect();
    levels.sort_by_key(|(name, _)| (*name != METADATA_VERSION, *name));
    let record = |(name, feature_level): (&str, i16)| {
        FeatureLevelRecord {
            name: name.to_owned(),
            feature_level,
            ..Default::default()
        }
        .into()
    };
    levels.into_iter().map(record).collect()
}

/// What an idle controller writes, so that its brokers see the log move.
pub fn no_op() -> MetadataRecord {
    NoOpRecord::default().into()
}

/// The bootstrap records of this node, and what must be settled before eligible leader replicas can
/// be kept: one min.insync.replicas for the whole cluster.
fn bootstrap(options: &Options) -> Vec<MetadataRecord> {
    let mut records = options.bootstrap.to_vec();
    if bootstrap_level(options, ELIGIBLE_LEADER_REPLICAS_VERSION).is_some_and(|level| level > 0) {
        let value = options.static_min_insync_replicas().to_string();
        let all = ConfigResource::all_brokers();
        records.push(all.record(MIN_INSYNC_REPLICAS, Some(value)).into());
    }
    records
}

fn bootstrap_version(options: &Options) -> Result<MetadataVersion, ActivationError> {
    let level = bootstrap_level(options, METADATA_VERSION);
    level
        .map(MetadataVersion)
        .ok_or(ActivationError::NoBootstrapVersion)
}

/// The last word of the bootstrap records about a feature.
fn bootstrap_level(options: &Options, name: &str) -> Option<i16> {
    options.bootstrap.iter().rev().find_map(|record| {
        let MetadataRecord::FeatureLevel(record) = record else {
            return None;
        };
        (record.name == name).then_some(record.feature_level)
    })
}

fn begin(name: &str) -> MetadataRecord {
    BeginTransactionRecord {
        name: Some(name.to_owned()),
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
