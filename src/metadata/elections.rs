//! ElectLeaders, and the elections that the active controller holds by itself: back to the preferred
//! leaders, and unclean ones where a topic allows them (`ReplicationControlManager.electLeaders`,
//! `maybeBalancePartitionLeaders`, `maybeElectUncleanLeaders`).

use super::{
    ApiError, Cx, MAX_RECORDS_PER_USER_OP, Outcome, State, leadership::TopicRules,
    partition_change::Election, partitions::Partition, topics::TopicIdPartition,
};
use crate::protocol::{
    ErrorCode,
    messages::elect_leaders::*,
    records::{MetadataRecord, PartitionChangeRecord},
};

/// Most elections that one run of a periodic task holds
/// (`ReplicationControlManager.MAX_ELECTIONS_PER_IMBALANCE`).
const MAX_ELECTIONS_PER_RUN: usize = 1_000;

/// What a caller may ask for (`org.apache.kafka.common.ElectionType`).
fn election(code: i8) -> Option<Election> {
    match code {
        0 => Some(Election::Preferred),
        1 => Some(Election::Unclean),
        _ => None,
    }
}

pub fn elect_leaders(
    state: &State,
    cx: &mut Cx<'_>,
    request: &ElectLeadersRequest,
) -> Result<Outcome<ElectLeadersResponse>, ApiError> {
    let Some(election) = election(request.election_type) else {
        let message = format!("Unknown election type {}", request.election_type);
        return Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
    };
    let (mut records, mut rules) = (Vec::new(), TopicRules::new(state, cx.options));
    let mut elect = |topic: &str, partition_id: i32| {
        let elected = match records.len() > MAX_RECORDS_PER_USER_OP {
            // Nothing will come of it.
            true => Err(ApiError::excessive()),
            false => find(state, topic, partition_id)
                .and_then(|(key, partition)| elect_leader(&mut rules, key, partition, election)),
        };
        let elected = elected.map(|record| records.push(record.into()));
        result(partition_id, elected.err())
    };
    let results = match &request.topic_partitions {
        Some(topics) => topics
            .iter()
            .map(|asked| ReplicaElectionResult {
                topic: asked.topic.clone(),
                partition_result: asked
                    .partitions
                    .iter()
                    .map(|id| elect(&asked.topic, *id))
                    .collect(),
                ..Default::default()
            })
            .collect(),
        None => state
            .topics
            .iter()
            .map(|(topic, topic_id)| {
                let all = state.topics.partitions(topic_id);
                let results = all.map(|(partition_id, _)| elect(topic, partition_id));
                ReplicaElectionResult {
                    topic: topic.to_string(),
                    partition_result: results
                        .filter(|result| result.error_code != ErrorCode::ELECTION_NOT_NEEDED)
                        .collect(),
                    ..Default::default()
                }
            })
            .collect(),
    };
    if records.len() > MAX_RECORDS_PER_USER_OP {
        return Err(ApiError::excessive());
    }
    let response = ElectLeadersResponse {
        replica_election_results: results,
        ..Default::default()
    };
    Ok(Outcome::split(records, response))
}

fn result(partition_id: i32, error: Option<ApiError>) -> PartitionResult {
    PartitionResult {
        partition_id,
        error_code: error.as_ref().map_or(ErrorCode::NONE, |error| error.code),
        error_message: error.map(|error| error.message),
        ..Default::default()
    }
}

/// Finds a partition by its name (`ReplicationControlManager.electLeader`).
fn find<'a>(
    state: &'a State,
    topic: &str,
    partition_id: i32,
) -> Result<(TopicIdPartition, &'a Partition), ApiError> {
    let unknown = |what: String| {
        let message = format!("No such {what}");
        ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message)
    };
    let topic_id = state
        .topics
        .id(topic)
        .ok_or_else(|| unknown(format!("topic as {topic}")))?;
    let key = TopicIdPartition {
        topic_id,
        partition_id,
    };
    let partition = state.topics.partition(key);
    let partition =
        partition.ok_or_else(|| unknown(format!("partition as {topic}-{partition_id}")))?;
    Ok((key, partition))
}

fn elect_leader<'a>(
    rules: &mut TopicRules<'a>,
    key: TopicIdPartition,
    partition: &'a Partition,
    election: Election,
) -> Result<PartitionChangeRecord, ApiError> {
    let (not_needed, not_available) = match election {
        Election::Unclean => (
            partition.leader.is_some(),
            ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
        ),
        Election::Preferred | Election::Online => (
            partition.has_preferred_leader(),
            ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE,
        ),
    };
    let refuse = |code: ErrorCode| ApiError::new(code, code.message());
    if not_needed {
        return Err(refuse(ErrorCode::ELECTION_NOT_NEEDED));
    }
    let mut change = rules.change(key, partition);
    change.election = election;
    change.build().ok_or_else(|| refuse(not_available))
}

/// Gives partitions back to their preferred leaders. True when there may be more to do.
pub fn balance_leaders(state: &State, cx: &mut Cx<'_>) -> Outcome<bool> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut rules = TopicRules::new(state, cx.options);
    for key in state.topics.imbalanced() {
        if records.len() >= MAX_ELECTIONS_PER_RUN {
            break;
        }
        let Some(partition) = state.topics.partition(key) else {
            continue;
        };
        let mut change = rules.change(key, partition);
        change.election = Election::Preferred;
        records.extend(change.build().map(MetadataRecord::from));
    }
    let more = records.len() >= MAX_ELECTIONS_PER_RUN;
    Outcome::split(records, more)
}

/// Gives leaderless partitions a leader that may lack messages, where the topic allows it. True when
/// there may be more to do.
pub fn elect_unclean(state: &State, cx: &mut Cx<'_>) -> Outcome<bool> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut rules = TopicRules::new(state, cx.options);
    for key in state.topics.without_leader() {
        if records.len() >= MAX_ELECTIONS_PER_RUN {
            break;
        }
        if let Some(partition) = state.topics.partition(key)
            && rules.elect_unclean(key.topic_id)
        {
            let elected = elect_leader(&mut rules, key, partition, Election::Unclean);
            records.extend(elected.ok().map(MetadataRecord::from));
        }
    }
    let more = records.len() >= MAX_ELECTIONS_PER_RUN;
    Outcome::split(records, more)
}
