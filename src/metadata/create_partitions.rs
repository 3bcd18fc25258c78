//! CreatePartitions: more partitions for a topic (`ReplicationControlManager.createPartitions`).

use std::collections::BTreeSet;

use super::{
    ApiError, Cx, MAX_RECORDS_PER_USER_OP, Outcome, State, assignments, partitions::Partition,
    placement::Placer, topics::TopicIdPartition,
};
use crate::protocol::features::MetadataVersion;
use crate::protocol::{ErrorCode, messages::create_partitions::*, records::MetadataRecord};

pub fn create_partitions(
    state: &State,
    cx: &mut Cx<'_>,
    request: &CreatePartitionsRequest,
) -> Result<Outcome<CreatePartitionsResponse>, ApiError> {
    let (mut records, mut results) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let names = request.topics.iter().map(|topic| topic.name.as_str());
    let duplicates: BTreeSet<&str> = names.filter(|name| !seen.insert(*name)).collect();
    for name in &duplicates {
        let error = ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
        results.push(result(name, Err(error)));
    }
    for topic in request
        .topics
        .iter()
        .filter(|topic| !duplicates.contains(topic.name.as_str()))
    {
        let room = MAX_RECORDS_PER_USER_OP - records.len();
        let created = create(state, cx, topic, room);
        let outcome = created.map(|mut created| records.append(&mut created));
        results.push(result(&topic.name, outcome));
    }
    if request.validate_only {
        records.clear();
    }
    let response = CreatePartitionsResponse {
        results,
        ..Default::default()
    };
    Ok(Outcome::atomic(records, response))
}

fn result(name: &str, outcome: Result<(), ApiError>) -> CreatePartitionsTopicResult {
    let error = outcome.err();
    CreatePartitionsTopicResult {
        name: name.to_owned(),
        error_code: error.as_ref().map_or(ErrorCode::NONE, |error| error.code),
        error_message: error
            .map(|error| error.message)
            .filter(|message| !message.is_empty()),
        ..Default::default()
    }
}

/// Adds at most `room` partitions. Java 4.3 answers more with UNKNOWN_SERVER_ERROR, from 4.4 on as here.
fn create(
    state: &State,
    cx: &mut Cx<'_>,
    topic: &CreatePartitionsTopic,
    room: usize,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let unknown = || ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "");
    let topic_id = state.topics.id(&topic.name).ok_or_else(unknown)?;
    let current = state.topics.partition_count(topic_id);
    if topic.count <= current {
        let message = match topic.count == current {
            true => format!("Topic already has {current} partition(s)."),
            false => format!(
                "The topic {} currently has {current} partition(s); {} would not be an increase.",
                topic.name, topic.count
            ),
        };
        return Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
    }
    let additional = (topic.count - current) as usize;
    if let Some(assignments) = &topic.assignments
        && assignments.len() != additional
    {
        let message = format!(
            "Attempted to add {additional} additional partition(s), but only {} assignment(s) were \
             specified.",
            assignments.len()
        );
        let code = ErrorCode::INVALID_REPLICA_ASSIGNMENT;
        return Err(ApiError::new(code, message));
    }
    if additional > room {
        return Err(ApiError::excessive_partitions());
    }
    let first = TopicIdPartition {
        topic_id,
        partition_id: 0,
    };
    let factor = state
        .topics
        .partition(first)
        .map_or(0, |first| first.replicas.len());
    let partitions: Vec<Partition> = match &topic.assignments {
        None => {
            let mut placer = Placer::new(state, cx.rng);
            let place = |_| {
                placer
                    .place(factor as i16)
                    .and_then(|r| assignments::placed(state, r))
            };
            (0..additional).map(place).collect::<Result<_, _>>()?
        }
        Some(chosen) => (current..)
            .zip(chosen)
            .map(|(partition_id, chosen)| {
                assignments::check(state, &chosen.broker_ids, Some(factor))?;
                assignments::assigned(state, partition_id, &chosen.broker_ids)
            })
            .collect::<Result<_, _>>()?,
    };
    let version = state.metadata_version().unwrap_or(MetadataVersion::MINIMUM);
    let record =
        |(id, partition): (i32, &Partition)| partition.record(topic_id, id, version).into();
    Ok((current..).zip(&partitions).map(record).collect())
}
