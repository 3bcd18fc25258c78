//! CreateTopics: from brokers for their internal topics, from clients through an Envelope
//! (`ReplicationControlManager.createTopics`).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ApiError, Cx, MAX_RECORDS_PER_USER_OP, Outcome, State, assignments, configs,
    effective_configs::EffectiveConfig, partitions::Partition, placement::Placer, topic_names,
};
use crate::protocol::features::MetadataVersion;
use crate::protocol::{
    ErrorCode, METADATA_TOPIC, NodeId,
    messages::create_topics::*,
    records::{MetadataRecord, TopicRecord},
};

/// Most partitions that one request may create.
const MAX_PARTITIONS_PER_REQUEST: i64 = 10_000;

pub fn create_topics(
    state: &State,
    cx: &mut Cx<'_>,
    request: &CreateTopicsRequest,
) -> Result<Outcome<CreateTopicsResponse>, ApiError> {
    let duplicates = duplicates(request);
    let ours: Vec<&CreatableTopic> = request
        .topics
        .iter()
        .filter(|topic| !duplicates.contains(topic.name.as_str()) && topic.name != METADATA_TOPIC)
        .collect();
    check_total(&ours, cx.options.num_partitions)?;
    let (mut records, mut results) = (Vec::new(), Vec::new());
    for topic in ours {
        match create_topic(state, cx, topic) {
            Ok((result, mut created)) => {
                results.push(result);
                records.append(&mut created);
            }
            Err(error) => results.push(failed(&topic.name, &error)),
        }
    }
    for name in duplicates {
        let error = ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
        results.push(failed(name, &error));
    }
    if request
        .topics
        .iter()
        .any(|topic| topic.name == METADATA_TOPIC)
    {
        let message = format!("Creation of internal topic {METADATA_TOPIC} is prohibited.");
        let error = ApiError::new(ErrorCode::INVALID_REQUEST, message);
        results.push(failed(METADATA_TOPIC, &error));
    }
    if records.len() > MAX_RECORDS_PER_USER_OP {
        return Err(ApiError::excessive());
    }
    let response = CreateTopicsResponse {
        topics: results,
        ..Default::default()
    };
    Ok(match request.validate_only {
        true => Outcome::unchanged(response),
        false => Outcome::atomic(records, response),
    })
}

fn failed(name: &str, error: &ApiError) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.to_owned(),
        error_code: error.code,
        error_message: Some(error.message.clone()),
        ..Default::default()
    }
}

fn duplicates(request: &CreateTopicsRequest) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    let names = request.topics.iter().map(|topic| topic.name.as_str());
    names
        .filter(|name| *name != METADATA_TOPIC && !seen.insert(*name))
        .collect()
}

fn check_total(topics: &[&CreatableTopic], default: i32) -> Result<(), ApiError> {
    let count = |topic: &&CreatableTopic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len() as i64,
        -1 => i64::from(default),
        count => i64::from(count.max(0)),
    };
    match topics.iter().map(count).sum::<i64>() > MAX_PARTITIONS_PER_REQUEST {
        true => Err(ApiError::excessive_partitions()),
        false => Ok(()),
    }
}

fn create_topic(
    state: &State,
    cx: &mut Cx<'_>,
    topic: &CreatableTopic,
) -> Result<(CreatableTopicResult, Vec<MetadataRecord>), ApiError> {
    check_name(state, &topic.name)?;
    let configs = own_configs(topic)?;
    let config_records = match configs.is_empty() {
        true => Vec::new(),
        false => configs::validate_topic_configs(state, cx.options, &topic.name, &configs)?,
    };
    let partitions = match topic.assignments.is_empty() {
        true => place(state, cx, topic)?,
        false => assigned(state, topic)?,
    };
    let topic_id = cx.random_uuid();
    let record = TopicRecord {
        name: topic.name.clone(),
        topic_id,
        ..Default::default()
    };
    let mut records = vec![MetadataRecord::from(record)];
    records.extend(config_records);
    let version = state.metadata_version().unwrap_or(MetadataVersion::MINIMUM);
    for (partition_id, partition) in (0..).zip(&partitions) {
        records.push(partition.record(topic_id, partition_id, version).into());
    }
    let result = CreatableTopicResult {
        name: topic.name.clone(),
        topic_id,
        error_message: None,
        num_partitions: partitions.len() as i32,
        replication_factor: partitions.first().map_or(0, |first| first.replicas.len()) as i16,
        configs: Some(effective_configs(state, cx, &configs)),
        ..Default::default()
    };
    Ok((result, records))
}

fn own_configs(topic: &CreatableTopic) -> Result<BTreeMap<String, String>, ApiError> {
    let null = topic.configs.iter().filter(|config| config.value.is_none());
    let null: Vec<&str> = null.map(|config| config.name.as_str()).collect();
    if !null.is_empty() {
        let message = format!(
            "Null value not supported for topic configs: {}",
            null.join(",")
        );
        return Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
    }
    let set = |config: &CreatableTopicConfig| Some((config.name.clone(), config.value.clone()?));
    Ok(topic.configs.iter().filter_map(set).collect())
}

/// Every configuration that will hold for the topic, by name.
fn effective_configs(
    state: &State,
    cx: &Cx<'_>,
    configs: &BTreeMap<String, String>,
) -> Vec<CreatableTopicConfigs> {
    let effective = state
        .effective_topic_configs(cx.options, configs)
        .into_iter();
    let config = |config: EffectiveConfig| CreatableTopicConfigs {
        name: config.name.to_owned(),
        value: config.value,
        read_only: false,
        config_source: config.source as i8,
        is_sensitive: false,
        ..Default::default()
    };
    effective.map(config).collect()
}

fn check_name(state: &State, name: &str) -> Result<(), ApiError> {
    if state.topics.contains(name) {
        let message = format!("Topic '{name}' already exists.");
        return Err(ApiError::new(ErrorCode::TOPIC_ALREADY_EXISTS, message));
    }
    topic_names::validate(name)?;
    check_collision(state, name)
}

fn check_collision(state: &State, name: &str) -> Result<(), ApiError> {
    match state.topics.colliding(name) {
        None => Ok(()),
        Some(other) => {
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            Err(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message))
        }
    }
}

/// Partitions where the caller left the choice of brokers to us.
fn place(
    state: &State,
    cx: &mut Cx<'_>,
    topic: &CreatableTopic,
) -> Result<Vec<Partition>, ApiError> {
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        return Err(ApiError::new(
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ));
    }
    if topic.num_partitions < -1 || topic.num_partitions == 0 {
        return Err(ApiError::new(
            ErrorCode::INVALID_PARTITIONS,
            "Number of partitions was set to an invalid non-positive value.",
        ));
    }
    let or_default = |value: i32, default: i32| if value == -1 { default } else { value };
    let count = or_default(topic.num_partitions, cx.options.num_partitions);
    let factor = or_default(
        topic.replication_factor.into(),
        cx.options.default_replication_factor.into(),
    ) as i16;
    let mut placer = Placer::new(state, cx.rng);
    (0..count)
        .map(|_| {
            placer
                .place(factor)
                .and_then(|replicas| assignments::placed(state, replicas))
        })
        .collect::<Result<_, _>>()
        .map_err(|error| ApiError {
            message: format!(
                "Unable to replicate the partition {factor} time(s): {}",
                error.message
            ),
            ..error
        })
}

/// Partitions where the caller chose the brokers.
fn assigned(state: &State, topic: &CreatableTopic) -> Result<Vec<Partition>, ApiError> {
    for (set, what) in [
        (topic.replication_factor != -1, "replication factor"),
        (topic.num_partitions != -1, "numPartitions"),
    ] {
        if set {
            return Err(ApiError::new(
                ErrorCode::INVALID_REQUEST,
                format!(
                    "A manual partition assignment was specified, but {what} was not set to -1."
                ),
            ));
        }
    }
    let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
    let mut sorted: Vec<(i32, &[NodeId])> = Vec::new();
    for assignment in &topic.assignments {
        let index = assignment.partition_index;
        if sorted.iter().any(|(taken, _)| *taken == index) {
            let message =
                format!("Found multiple manual partition assignments for partition {index}");
            return Err(invalid(message));
        }
        sorted.push((index, &assignment.broker_ids));
    }
    let factor = topic
        .assignments
        .first()
        .map(|first| first.broker_ids.len());
    let partitions: Vec<(i32, Partition)> = sorted
        .into_iter()
        .map(|(index, replicas)| {
            assignments::check(state, replicas, factor)?;
            Ok((index, assignments::assigned(state, index, replicas)?))
        })
        .collect::<Result<_, ApiError>>()?;
    let mut partitions = partitions;
    partitions.sort_by_key(|(index, _)| *index);
    if (0..)
        .zip(&partitions)
        .any(|(expected, (index, _))| expected != *index)
    {
        return Err(invalid(
            "partitions should be a consecutive 0-based integer sequence".to_owned(),
        ));
    }
    Ok(partitions
        .into_iter()
        .map(|(_, partition)| partition)
        .collect())
}
