//! The answer to a request that failed as a whole: every API served has its own place for the error, with the
//! items of the request where the answer has no place of its own (`AbstractRequest.getErrorResponse`).

use crate::protocol::{
    ErrorCode,
    api::{Request, Response},
    messages::*,
};

/// An answer that has a field for an error of the whole, and for its message where one is given.
macro_rules! top_level {
    ($Response:path, $code:ident $(, $error_message:ident)?) => {{
        type Answer = $Response;
        Answer {
            error_code: $code,
            $( $error_message, )?
            ..Default::default()
        }
        .into()
    }};
}

/// The answer that tells the sender of `request` that `code` befell all of it.
pub(super) fn error_response(
    request: &Request,
    api_version: i16,
    code: ErrorCode,
    message: &str,
) -> Response {
    let error_message = Some(message.to_owned());
    match request {
        Request::Fetch(request) => fetch_error(request, code).into(),
        Request::SaslHandshake(_) => top_level!(sasl_handshake::SaslHandshakeResponse, code),
        Request::ApiVersions(_) => top_level!(api_versions::ApiVersionsResponse, code),
        Request::CreateTopics(request) => create_topics_error(request, code, message).into(),
        Request::DeleteTopics(request) => delete_topics_error(request, code).into(),
        Request::DescribeConfigs(request) => describe_configs_error(request, code, message).into(),
        Request::AlterConfigs(request) => alter_configs_error(request, code, message).into(),
        Request::SaslAuthenticate(_) => {
            top_level!(
                sasl_authenticate::SaslAuthenticateResponse,
                code,
                error_message
            )
        }
        Request::CreatePartitions(request) => {
            create_partitions_error(request, code, message).into()
        }
        Request::ElectLeaders(request) => {
            elect_leaders_error(request, api_version, code, message).into()
        }
        Request::IncrementalAlterConfigs(request) => {
            incremental_alter_configs_error(request, code, message).into()
        }
        Request::AlterPartitionReassignments(request) => {
            reassignments_error(request, code, message).into()
        }
        Request::ListPartitionReassignments(_) => {
            top_level!(
                list_partition_reassignments::ListPartitionReassignmentsResponse,
                code,
                error_message
            )
        }
        Request::Vote(_) => top_level!(vote::VoteResponse, code),
        Request::BeginQuorumEpoch(_) => {
            top_level!(begin_quorum_epoch::BeginQuorumEpochResponse, code)
        }
        Request::EndQuorumEpoch(_) => top_level!(end_quorum_epoch::EndQuorumEpochResponse, code),
        Request::DescribeQuorum(_) => {
            top_level!(describe_quorum::DescribeQuorumResponse, code, error_message)
        }
        Request::AlterPartition(_) => top_level!(alter_partition::AlterPartitionResponse, code),
        Request::UpdateFeatures(_) => {
            top_level!(update_features::UpdateFeaturesResponse, code, error_message)
        }
        Request::Envelope(_) => top_level!(envelope::EnvelopeResponse, code),
        Request::FetchSnapshot(_) => top_level!(fetch_snapshot::FetchSnapshotResponse, code),
        Request::DescribeCluster(_) => {
            top_level!(
                describe_cluster::DescribeClusterResponse,
                code,
                error_message
            )
        }
        Request::BrokerRegistration(_) => {
            top_level!(broker_registration::BrokerRegistrationResponse, code)
        }
        Request::BrokerHeartbeat(_) => top_level!(broker_heartbeat::BrokerHeartbeatResponse, code),
        Request::UnregisterBroker(_) => {
            top_level!(
                unregister_broker::UnregisterBrokerResponse,
                code,
                error_message
            )
        }
        Request::AllocateProducerIds(_) => {
            top_level!(allocate_producer_ids::AllocateProducerIdsResponse, code)
        }
        Request::ControllerRegistration(_) => {
            top_level!(
                controller_registration::ControllerRegistrationResponse,
                code,
                error_message
            )
        }
        Request::AssignReplicasToDirs(_) => {
            top_level!(assign_replicas_to_dirs::AssignReplicasToDirsResponse, code)
        }
        Request::UpdateRaftVoter(_) => {
            top_level!(update_raft_voter::UpdateRaftVoterResponse, code)
        }
        other => unreachable!("{} is not served", other.api_key().name()),
    }
}

/// Versions before 7 have no error of the whole, those from 13 on need nothing else; in between both
/// stand, as Java writes them.
fn fetch_error(request: &fetch::FetchRequest, error_code: ErrorCode) -> fetch::FetchResponse {
    let partition = |partition: &fetch::FetchPartition| fetch::PartitionData {
        partition_index: partition.partition,
        error_code,
        high_watermark: crate::protocol::Offset::NONE,
        records: Some(bytes::Bytes::new()),
        ..Default::default()
    };
    // Topics have names up to version 12, ids from then on.
    let named = request
        .topics
        .iter()
        .filter(|topic| !topic.topic.is_empty());
    let responses = named.map(|topic| fetch::FetchableTopicResponse {
        topic: topic.topic.clone(),
        partitions: topic.partitions.iter().map(partition).collect(),
        ..Default::default()
    });
    fetch::FetchResponse {
        error_code,
        responses: responses.collect(),
        ..Default::default()
    }
}

fn create_topics_error(
    request: &create_topics::CreateTopicsRequest,
    error_code: ErrorCode,
    message: &str,
) -> create_topics::CreateTopicsResponse {
    let results = request.topics.iter();
    let results = results.map(|topic| create_topics::CreatableTopicResult {
        name: topic.name.clone(),
        error_code,
        error_message: Some(message.to_owned()),
        ..Default::default()
    });
    create_topics::CreateTopicsResponse {
        topics: results.collect(),
        ..Default::default()
    }
}

fn delete_topics_error(
    request: &delete_topics::DeleteTopicsRequest,
    error_code: ErrorCode,
) -> delete_topics::DeleteTopicsResponse {
    // Version 6 replaced the list of names by one of names or ids.
    let names = request.topic_names.iter();
    let names = names.map(|name| (Some(name.clone()), Default::default()));
    let topics = request.topics.iter();
    let topics = topics.map(|topic| (topic.name.clone(), topic.topic_id));
    let result = |(name, topic_id)| delete_topics::DeletableTopicResult {
        name,
        topic_id,
        error_code,
        ..Default::default()
    };
    delete_topics::DeleteTopicsResponse {
        responses: names.chain(topics).map(result).collect(),
        ..Default::default()
    }
}

pub(super) fn describe_configs_error(
    request: &describe_configs::DescribeConfigsRequest,
    error_code: ErrorCode,
    message: &str,
) -> describe_configs::DescribeConfigsResponse {
    let results = request.resources.iter();
    let results = results.map(|resource| describe_configs::DescribeConfigsResult {
        error_code,
        error_message: Some(message.to_owned()),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    });
    describe_configs::DescribeConfigsResponse {
        results: results.collect(),
        ..Default::default()
    }
}

fn alter_configs_error(
    request: &alter_configs::AlterConfigsRequest,
    error_code: ErrorCode,
    message: &str,
) -> alter_configs::AlterConfigsResponse {
    let responses = request.resources.iter();
    let responses = responses.map(|resource| alter_configs::AlterConfigsResourceResponse {
        error_code,
        error_message: Some(message.to_owned()),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    });
    alter_configs::AlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}

fn incremental_alter_configs_error(
    request: &incremental_alter_configs::IncrementalAlterConfigsRequest,
    error_code: ErrorCode,
    message: &str,
) -> incremental_alter_configs::IncrementalAlterConfigsResponse {
    use incremental_alter_configs::AlterConfigsResourceResponse;
    let responses = request.resources.iter();
    let responses = responses.map(|resource| AlterConfigsResourceResponse {
        error_code,
        error_message: Some(message.to_owned()),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    });
    incremental_alter_configs::IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}

fn create_partitions_error(
    request: &create_partitions::CreatePartitionsRequest,
    error_code: ErrorCode,
    message: &str,
) -> create_partitions::CreatePartitionsResponse {
    let results = request.topics.iter();
    let results = results.map(|topic| create_partitions::CreatePartitionsTopicResult {
        name: topic.name.clone(),
        error_code,
        error_message: Some(message.to_owned()),
        ..Default::default()
    });
    create_partitions::CreatePartitionsResponse {
        results: results.collect(),
        ..Default::default()
    }
}

fn elect_leaders_error(
    request: &elect_leaders::ElectLeadersRequest,
    api_version: i16,
    error_code: ErrorCode,
    message: &str,
) -> elect_leaders::ElectLeadersResponse {
    let partition = |partition_id: &i32| elect_leaders::PartitionResult {
        partition_id: *partition_id,
        error_code,
        error_message: Some(message.to_owned()),
        ..Default::default()
    };
    let topics = request.topic_partitions.iter().flatten();
    let results = topics.map(|topic| elect_leaders::ReplicaElectionResult {
        topic: topic.topic.clone(),
        partition_result: topic.partitions.iter().map(partition).collect(),
        ..Default::default()
    });
    elect_leaders::ElectLeadersResponse {
        error_code: match api_version {
            0 => ErrorCode::NONE, // has no such field
            _ => error_code,
        },
        replica_election_results: results.collect(),
        ..Default::default()
    }
}

fn reassignments_error(
    request: &alter_partition_reassignments::AlterPartitionReassignmentsRequest,
    error_code: ErrorCode,
    message: &str,
) -> alter_partition_reassignments::AlterPartitionReassignmentsResponse {
    use alter_partition_reassignments::{
        AlterPartitionReassignmentsResponse, ReassignablePartition, ReassignablePartitionResponse,
        ReassignableTopicResponse,
    };
    let partition = |partition: &ReassignablePartition| ReassignablePartitionResponse {
        partition_index: partition.partition_index,
        error_code,
        error_message: Some(message.to_owned()),
        ..Default::default()
    };
    let responses = request.topics.iter();
    let responses = responses.map(|topic| ReassignableTopicResponse {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(partition).collect(),
        ..Default::default()
    });
    AlterPartitionReassignmentsResponse {
        error_code,
        error_message: Some(message.to_owned()),
        responses: responses.collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        controller::apis::APIS,
        protocol::{Uuid, wire::Writer},
    };

    /// One request of every API, with an item wherever the answer has a place for the item's error.
    fn requests() -> Vec<Request> {
        let named = |name: &str| name.to_owned();
        vec![
            fetch::FetchRequest::default().into(),
            api_versions::ApiVersionsRequest::default().into(),
            create_topics::CreateTopicsRequest {
                topics: vec![create_topics::CreatableTopic {
                    name: named("a"),
                    ..Default::default()
                }],
                ..Default::default()
            }
            .into(),
            delete_topics::DeleteTopicsRequest {
                topic_names: vec![named("a")],
                ..Default::default()
            }
            .into(),
            describe_configs::DescribeConfigsRequest {
                resources: vec![Default::default()],
                ..Default::default()
            }
            .into(),
            alter_configs::AlterConfigsRequest {
                resources: vec![Default::default()],
                ..Default::default()
            }
            .into(),
            sasl_handshake::SaslHandshakeRequest::default().into(),
            sasl_authenticate::SaslAuthenticateRequest::default().into(),
            create_partitions::CreatePartitionsRequest {
                topics: vec![Default::default()],
                ..Default::default()
            }
            .into(),
            elect_leaders::ElectLeadersRequest {
                topic_partitions: Some(vec![elect_leaders::TopicPartitions {
                    partitions: vec![0],
                    ..Default::default()
                }]),
                ..Default::default()
            }
            .into(),
            incremental_alter_configs::IncrementalAlterConfigsRequest {
                resources: vec![Default::default()],
                ..Default::default()
            }
            .into(),
            alter_partition_reassignments::AlterPartitionReassignmentsRequest::default().into(),
            list_partition_reassignments::ListPartitionReassignmentsRequest::default().into(),
            vote::VoteRequest::default().into(),
            begin_quorum_epoch::BeginQuorumEpochRequest::default().into(),
            end_quorum_epoch::EndQuorumEpochRequest::default().into(),
            describe_quorum::DescribeQuorumRequest::default().into(),
            alter_partition::AlterPartitionRequest::default().into(),
            update_features::UpdateFeaturesRequest::default().into(),
            envelope::EnvelopeRequest::default().into(),
            fetch_snapshot::FetchSnapshotRequest::default().into(),
            describe_cluster::DescribeClusterRequest::default().into(),
            broker_registration::BrokerRegistrationRequest::default().into(),
            broker_heartbeat::BrokerHeartbeatRequest::default().into(),
            unregister_broker::UnregisterBrokerRequest::default().into(),
            allocate_producer_ids::AllocateProducerIdsRequest::default().into(),
            controller_registration::ControllerRegistrationRequest::default().into(),
            assign_replicas_to_dirs::AssignReplicasToDirsRequest::default().into(),
            update_raft_voter::UpdateRaftVoterRequest::default().into(),
        ]
    }

    /// An error that does not arrive looks like success: each is to be found in the bytes of every
    /// version that is served.
    #[test]
    fn every_api_can_say_in_every_version_that_this_is_not_the_controller() {
        let requests = requests();
        let code = ErrorCode::NOT_CONTROLLER;
        for api in APIS {
            let Some(request) = requests.iter().find(|request| request.api_key() == api.key) else {
                panic!("no request of {}", api.key.name());
            };
            for version in api.versions.clone() {
                let response = error_response(request, version, code, "not here");
                assert_eq!(response.api_key(), api.key);
                let mut writer = Writer::new();
                let encoded = response.encode(&mut writer, version);
                assert_eq!(encoded, Ok(()), "{} v{version}", api.key.name());
                let bytes = writer.into_bytes();
                let says_so = bytes.windows(2).any(|pair| pair == code.0.to_be_bytes());
                // Fetch had no place for it before version 7, and no partition here.
                let can = api.key != crate::protocol::api::ApiKey::FETCH || version >= 7;
                assert_eq!(says_so, can, "{} v{version}: {bytes:?}", api.key.name());
            }
        }
    }

    #[test]
    fn topics_are_named_by_what_the_request_named_them_by() {
        let topic_id = Uuid([7; 16]);
        let request = delete_topics::DeleteTopicsRequest {
            topics: vec![delete_topics::DeleteTopicState {
                topic_id,
                ..Default::default()
            }],
            ..Default::default()
        };
        let code = ErrorCode::NOT_CONTROLLER;
        let Response::DeleteTopics(response) = error_response(&request.into(), 6, code, "") else {
            panic!("another API");
        };
        let [result] = &response.responses[..] else {
            panic!("one topic, one result")
        };
        assert_eq!((result.topic_id, result.error_code), (topic_id, code));
    }
}
