//! DescribeCluster (60), asked of a controller: the controllers that have registered, reached the way the
//! sender reaches us (KIP-919, `ControllerApis.handleDescribeCluster`).

use super::State;
use crate::protocol::{
    ErrorCode, NodeId,
    messages::describe_cluster::{
        DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
    },
};

/// The `EndpointType` of a DescribeCluster for controllers; that of brokers is 1.
const CONTROLLERS: i8 = 2;
const BROKERS: i8 = 1;

/// What anyone may do with a cluster that has no authorizer, a bit for each operation: Create, Alter,
/// Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite
/// (`AclEntry.supportedOperations`).
const ALL_CLUSTER_OPERATIONS: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// What DescribeCluster depends on beside the request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub api_version: i16,
    pub cluster_id: &'a str,
    /// The listener that the request came in on: the sender is told of others by the same.
    pub listener_name: &'a str,
    /// Node that leads the quorum.
    pub leader: Option<NodeId>,
}

/// Answers from what this node knows; any node does.
pub fn describe_cluster(
    state: &State,
    request: &DescribeClusterRequest,
    asked: &Asked,
) -> DescribeClusterResponse {
    if let Err((error_code, message)) = check_describe(state, request, asked.api_version) {
        return DescribeClusterResponse {
            error_code,
            error_message: Some(message),
            ..Default::default()
        };
    }
    let nodes: Vec<_> = nodes(state, asked.listener_name).collect();
    let leader = asked
        .leader
        .filter(|leader| nodes.iter().any(|node| node.broker_id == *leader));
    DescribeClusterResponse {
        endpoint_type: CONTROLLERS,
        cluster_id: asked.cluster_id.to_owned(),
        controller_id: leader.unwrap_or(NodeId::NONE),
        brokers: nodes,
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => ALL_CLUSTER_OPERATIONS,
            false => i32::MIN,
        },
        ..Default::default()
    }
}

fn check_describe(
    state: &State,
    request: &DescribeClusterRequest,
    api_version: i16,
) -> Result<(), (ErrorCode, String)> {
    let version = state.metadata_version();
    if !version.is_some_and(|version| version.is_controller_registration_supported()) {
        let message = "Direct-to-controller communication is not supported with the current \
                       MetadataVersion.";
        return Err((ErrorCode::UNSUPPORTED_VERSION, message.to_owned()));
    }
    let (code, message) = match request.endpoint_type {
        CONTROLLERS => return Ok(()),
        BROKERS => (
            ErrorCode::MISMATCHED_ENDPOINT_TYPE,
            "The request was sent to an endpoint of type CONTROLLER, but we wanted an endpoint of \
             type BROKER"
                .to_owned(),
        ),
        unknown => (
            ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
            format!("Unsupported endpoint type {unknown}"),
        ),
    };
    // Version 0 knows neither the field nor these codes.
    match api_version {
        0 => Err((ErrorCode::INVALID_REQUEST, message)),
        _ => Err((code, message)),
    }
}

/// The controllers that have a listener of this name, and where it is.
fn nodes(state: &State, listener_name: &str) -> impl Iterator<Item = DescribeClusterBroker> {
    state.controllers.iter().filter_map(move |controller| {
        let mut end_points = controller.end_points.iter();
        let end_point = end_points.find(|end_point| end_point.name == listener_name)?;
        Some(DescribeClusterBroker {
            broker_id: controller.controller_id,
            host: end_point.host.clone(),
            port: i32::from(end_point.port),
            ..Default::default()
        })
    })
}
