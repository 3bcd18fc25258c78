//! DeleteTopics: by name, or from version 6 on by id too (`ControllerApis.deleteTopics`).

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;

use super::{ApiError, Cx, MAX_RECORDS_PER_USER_OP, Outcome, State};
use crate::protocol::{
    ErrorCode, Uuid,
    messages::delete_topics::*,
    records::{MetadataRecord, RemoveTopicRecord},
};

pub fn delete_topics(
    state: &State,
    cx: &mut Cx<'_>,
    request: &DeleteTopicsRequest,
) -> Result<Outcome<DeleteTopicsResponse>, ApiError> {
    if !cx.options.delete_topic_enable {
        return Ok(Outcome::unchanged(disabled(request, cx.api_version)));
    }
    let asked = Asked::of(request);
    let mut responses = asked.refused;
    let mut chosen: BTreeMap<Uuid, String> = BTreeMap::new();
    for id in asked.ids {
        match state.topics.name(id) {
            Some(name) => drop(chosen.insert(id, name.to_string())),
            None => responses.push(result(None, id, ErrorCode::UNKNOWN_TOPIC_ID, None)),
        }
    }
    let by_id: BTreeSet<Uuid> = chosen.keys().copied().collect();
    for name in asked.names {
        match state.topics.id(&name) {
            None => {
                let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                responses.push(result(Some(name), Uuid::ZERO, code, None));
            }
            Some(id) if by_id.contains(&id) || asked.duplicate_ids.contains(&id) => {
                chosen.remove(&id);
                let message = "The provided topic name maps to an ID that was already supplied.";
                responses.push(result(
                    Some(name),
                    id,
                    ErrorCode::INVALID_REQUEST,
                    Some(message),
                ));
            }
            Some(id) => drop(chosen.insert(id, name)),
        }
    }
    let remove = |topic_id| RemoveTopicRecord {
        topic_id,
        ..Default::default()
    };
    let records: Vec<MetadataRecord> = chosen
        .keys()
        .take(MAX_RECORDS_PER_USER_OP)
        .map(|id| remove(*id).into())
        .collect();
    let mut chosen = chosen.into_iter();
    let done = chosen
        .by_ref()
        .take(records.len())
        .map(|(id, name)| DeletableTopicResult {
            error_message: None,
            ..result(Some(name), id, ErrorCode::NONE, None)
        });
    responses.extend(done);
    // Each topic beyond is refused for itself, as Java does it, and the others go.
    let beyond =
        chosen.map(|(id, name)| result(Some(name), id, ErrorCode::UNKNOWN_SERVER_ERROR, None));
    responses.extend(beyond);
    // So that the order does not tell which topics exist.
    responses.shuffle(cx.rng);
    let response = DeleteTopicsResponse {
        responses,
        ..Default::default()
    };
    Ok(Outcome::atomic(records, response))
}

/// What a request names, sorted out.
#[derive(Default)]
struct Asked {
    names: BTreeSet<String>,
    ids: BTreeSet<Uuid>,
    /// Named more than once, and refused for it.
    duplicate_ids: BTreeSet<Uuid>,
    refused: Vec<DeletableTopicResult>,
}

impl Asked {
    fn of(request: &DeleteTopicsRequest) -> Asked {
        let mut asked = Asked::default();
        let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for name in &request.topic_names {
            *names.entry(name.clone()).or_insert(0) += 1;
        }
        let invalid = ErrorCode::INVALID_REQUEST;
        for topic in &request.topics {
            match (&topic.name, topic.topic_id) {
                (None, Uuid::ZERO) => {
                    let message = "Neither topic name nor id were specified.";
                    asked
                        .refused
                        .push(result(None, Uuid::ZERO, invalid, Some(message)));
                }
                (None, id) => *ids.entry(id).or_insert(0) += 1,
                (Some(name), Uuid::ZERO) => *names.entry(name.clone()).or_insert(0) += 1,
                (Some(name), id) => {
                    let message = "You may not specify both topic name and topic id.";
                    asked
                        .refused
                        .push(result(Some(name.clone()), id, invalid, Some(message)));
                }
            }
        }
        for (name, count) in names {
            if count == 1 {
                asked.names.insert(name);
            } else {
                let message = "Duplicate topic name.";
                asked
                    .refused
                    .push(result(Some(name), Uuid::ZERO, invalid, Some(message)));
            }
        }
        for (id, count) in ids {
            if count == 1 {
                asked.ids.insert(id);
            } else {
                asked.duplicate_ids.insert(id);
                asked
                    .refused
                    .push(result(None, id, invalid, Some("Duplicate topic id.")));
            }
        }
        asked
    }
}

fn result(
    name: Option<String>,
    topic_id: Uuid,
    error_code: ErrorCode,
    message: Option<&str>,
) -> DeletableTopicResult {
    let error_message = Some(message.unwrap_or(error_code.message()).to_owned());
    DeletableTopicResult {
        name,
        topic_id,
        error_code,
        error_message,
        ..Default::default()
    }
}

/// `delete.topic.enable` is false.
fn disabled(request: &DeleteTopicsRequest, api_version: i16) -> DeleteTopicsResponse {
    let (code, message) = match api_version < 3 {
        true => (
            ErrorCode::INVALID_REQUEST,
            Some("This version does not support topic deletion."),
        ),
        false => (ErrorCode::TOPIC_DELETION_DISABLED, None),
    };
    let names = request
        .topic_names
        .iter()
        .map(|name| (Some(name.clone()), Uuid::ZERO));
    let topics = request
        .topics
        .iter()
        .map(|topic| (topic.name.clone(), topic.topic_id));
    let responses = names
        .chain(topics)
        .map(|(name, id)| result(name, id, code, message))
        .collect();
    DeleteTopicsResponse {
        responses,
        ..Default::default()
    }
}
