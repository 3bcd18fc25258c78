//! What every node answers from its own knowledge: active or not, Kafka's read operations come from the
//! last stable state.

use super::{Options, apis, error_response::describe_configs_error};
use crate::{
    metadata::{State, describe_cluster, describe_configs, features, reassignments},
    protocol::{
        ErrorCode, NodeId, Offset,
        messages::{
            api_versions::{ApiVersionsRequest, ApiVersionsResponse},
            describe_cluster::{DescribeClusterRequest, DescribeClusterResponse},
            describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse},
            list_partition_reassignments::{
                ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
            },
            sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse},
            sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse},
        },
    },
};

/// What a read may look at.
pub(super) struct View<'a> {
    /// The last stable state.
    pub(super) state: &'a State,
    /// Offset of the last record when its features became what they are; -1 while there are none.
    pub(super) features_epoch: Offset,
    pub(super) options: &'a Options,
    pub(super) leader: Option<NodeId>,
    pub(super) api_version: i16,
    pub(super) listener_name: &'a str,
}

/// ApiVersions (18): what this controller serves and can, and what the cluster has settled on.
pub(super) fn api_versions(view: &View, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    let named = [
        &request.client_software_name,
        &request.client_software_version,
    ];
    if view.api_version >= 3 && !named.into_iter().all(|name| is_software_name(name)) {
        return ApiVersionsResponse {
            error_code: ErrorCode::INVALID_REQUEST,
            ..Default::default()
        };
    }
    let unstable = view.options.metadata.unstable_feature_versions_enable;
    ApiVersionsResponse {
        api_keys: apis::advertised(),
        supported_features: features::supported(unstable, view.api_version),
        finalized_features_epoch: view.features_epoch.0,
        finalized_features: view.state.features.finalized(),
        ..Default::default()
    }
}

/// SaslHandshake (17): nobody authenticates on a PLAINTEXT listener. The client is told so, and does not take it for a
/// broken network (`ControllerApis.handleSaslHandshakeRequest`).
pub(super) fn sasl_handshake(_: &View, _: &SaslHandshakeRequest) -> SaslHandshakeResponse {
    SaslHandshakeResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        ..Default::default()
    }
}

/// SaslAuthenticate (36), likewise.
pub(super) fn sasl_authenticate(_: &View, _: &SaslAuthenticateRequest) -> SaslAuthenticateResponse {
    let message = "SaslAuthenticate request received after successful authentication";
    SaslAuthenticateResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        error_message: Some(message.to_owned()),
        ..Default::default()
    }
}

/// Letters and digits, with dashes and dots between them (KIP-511).
fn is_software_name(name: &str) -> bool {
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends_well(name.chars().next())
        && ends_well(name.chars().next_back())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

/// DescribeConfigs (32).
pub(super) fn describe_configs(
    view: &View,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let described = describe_configs::describe_configs(view.state, &view.options.metadata, request);
    described.unwrap_or_else(|error| describe_configs_error(request, error.code, &error.message))
}

/// ListPartitionReassignments (46).
pub(super) fn list_partition_reassignments(
    view: &View,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    reassignments::list_partition_reassignments(view.state, request)
}

/// DescribeCluster (60): the controllers that have registered, reached as the sender reaches us.
pub(super) fn describe_cluster(
    view: &View,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    describe_cluster::describe_cluster(
        view.state,
        request,
        &describe_cluster::Asked {
            api_version: view.api_version,
            cluster_id: &view.options.raft.cluster_id,
            listener_name: view.listener_name,
            leader: view.leader,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_those_that_java_accepts() {
        for good in ["apache-kafka-java", "4.3.1", "a", "0"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-", "a-", ".a", "a b", "a_b", "ä"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}
