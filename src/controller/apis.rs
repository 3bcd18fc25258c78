//! THE table of what a controller serves: per API its versions, how long a request may wait, and what
//! answers it. ApiVersions is derived from it; what is not in it is not advertised,
//! and a request for it closes the connection.

use std::ops::RangeInclusive;

use super::{
    lanes::Lane,
    reads::{self, View},
};
use crate::{
    metadata::{
        ApiError, Cx, Outcome, State, alter_partition, configs, controllers, create_partitions,
        create_topics, delete_topics, directories, elections, features, heartbeats, producer_ids,
        reassignments, registration,
    },
    protocol::{
        ErrorCode,
        api::{ApiKey, Request, Response},
        messages::api_versions::{ApiVersion, ApiVersionsResponse},
    },
};

/// One row: an API that a controller listener serves.
#[derive(Debug)]
pub struct Api {
    pub key: ApiKey,
    /// The versions served: those of Kafka 4.3.1's controllers.
    pub versions: RangeInclusive<i16>,
    /// Brokers pass it on in an Envelope for their clients (`ApiKeys.forwardable`).
    pub forwardable: bool,
    /// Where it waits while the controller is busy.
    pub lane: Lane,
    /// How long a request may wait to be handled before it is answered with REQUEST_TIMED_OUT.
    pub(super) timeout: Timeout,
    pub(super) handler: Handler,
}

/// Which part of the controller answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    /// The quorum's own business.
    Raft,
    /// Changes the metadata: for the active controller alone, answered when the change is committed.
    Write(Write),
    /// Reads this node, on any node: the last stable state, and what it knows of the quorum.
    Read(Read),
    /// Carries another request.
    Envelope,
}

/// A change as [`crate::metadata`] defines it, over requests and answers of any API; an error says that all of the
/// request is refused.
pub(super) type Write = fn(&State, &mut Cx, &Request) -> Result<Outcome<Response>, ApiError>;
pub(super) type Read = fn(&View, &Request) -> Response;

/// What limits the time that a request waits in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Timeout {
    None,
    /// A field of the request, in milliseconds.
    OfRequest(fn(&Request) -> i32),
    /// Half of `broker.heartbeat.interval.ms`, as long as Java's controllers let it wait.
    Heartbeat,
}

/// The rows of a table are chosen by the request's key, so another request here is our own mistake.
fn mismatch(request: &Request) -> ! {
    unreachable!(
        "a row of another API was chosen for {}",
        request.api_key().name()
    )
}

macro_rules! write {
    ($Api:ident, $handle:path) => {
        Handler::Write(|state, cx, request| {
            let Request::$Api(body) = request else {
                mismatch(request)
            };
            $handle(state, cx, body).map(|outcome| outcome.map(Response::from))
        })
    };
}

macro_rules! read {
    ($Api:ident, $handle:path) => {
        Handler::Read(|view, request| {
            let Request::$Api(body) = request else {
                mismatch(request)
            };
            $handle(view, body).into()
        })
    };
}

macro_rules! timeout_of {
    ($Api:ident) => {
        Timeout::OfRequest(|request| {
            let Request::$Api(body) = request else {
                mismatch(request)
            };
            body.timeout_ms
        })
    };
}

/// `key versions forwardable lane timeout handler`, by key.
macro_rules! apis {
    ($($KEY:ident $versions:expr, $forwardable:expr, $lane:expr, $timeout:expr, $handler:expr;)*) => {
        /// All APIs served, by key.
        pub const APIS: &[Api] = &[ $( Api {
            key: ApiKey::$KEY,
            versions: $versions,
            forwardable: $forwardable,
            lane: $lane,
            timeout: $timeout,
            handler: $handler,
        }, )* ];
    };
}

const FORWARDABLE: bool = true;
const DIRECT: bool = false;

apis! {
    FETCH 4..=18, DIRECT, Lane::Quorum, Timeout::None, Handler::Raft;
    SASL_HANDSHAKE 0..=1, DIRECT, Lane::Admin, Timeout::None,
        read!(SaslHandshake, reads::sasl_handshake);
    API_VERSIONS 0..=4, DIRECT, Lane::Broker, Timeout::None,
        read!(ApiVersions, reads::api_versions);
    CREATE_TOPICS 2..=7, FORWARDABLE, Lane::Admin, timeout_of!(CreateTopics),
        write!(CreateTopics, create_topics::create_topics);
    DELETE_TOPICS 1..=6, FORWARDABLE, Lane::Admin, timeout_of!(DeleteTopics),
        write!(DeleteTopics, delete_topics::delete_topics);
    DESCRIBE_CONFIGS 1..=4, DIRECT, Lane::Admin, Timeout::None,
        read!(DescribeConfigs, reads::describe_configs);
    ALTER_CONFIGS 0..=2, FORWARDABLE, Lane::Admin, Timeout::None,
        write!(AlterConfigs, configs::alter_configs);
    SASL_AUTHENTICATE 0..=2, DIRECT, Lane::Admin, Timeout::None,
        read!(SaslAuthenticate, reads::sasl_authenticate);
    CREATE_PARTITIONS 0..=3, FORWARDABLE, Lane::Admin, timeout_of!(CreatePartitions),
        write!(CreatePartitions, create_partitions::create_partitions);
    ELECT_LEADERS 0..=2, FORWARDABLE, Lane::Admin, timeout_of!(ElectLeaders),
        write!(ElectLeaders, elections::elect_leaders);
    INCREMENTAL_ALTER_CONFIGS 0..=1, FORWARDABLE, Lane::Admin, Timeout::None,
        write!(IncrementalAlterConfigs, configs::incremental_alter_configs);
    ALTER_PARTITION_REASSIGNMENTS 0..=1, FORWARDABLE, Lane::Admin,
        timeout_of!(AlterPartitionReassignments),
        write!(AlterPartitionReassignments, reassignments::alter_partition_reassignments);
    LIST_PARTITION_REASSIGNMENTS 0..=0, FORWARDABLE, Lane::Admin, Timeout::None,
        read!(ListPartitionReassignments, reads::list_partition_reassignments);
    VOTE 0..=2, DIRECT, Lane::Quorum, Timeout::None, Handler::Raft;
    BEGIN_QUORUM_EPOCH 0..=1, DIRECT, Lane::Quorum, Timeout::None, Handler::Raft;
    END_QUORUM_EPOCH 0..=1, DIRECT, Lane::Quorum, Timeout::None, Handler::Raft;
    DESCRIBE_QUORUM 0..=2, FORWARDABLE, Lane::Admin, Timeout::None, Handler::Raft;
    ALTER_PARTITION 2..=3, DIRECT, Lane::Broker, Timeout::None,
        write!(AlterPartition, alter_partition::alter_partition);
    UPDATE_FEATURES 0..=2, FORWARDABLE, Lane::Admin, Timeout::None,
        write!(UpdateFeatures, features::update_features);
    ENVELOPE 0..=0, DIRECT, Lane::Admin, Timeout::None, Handler::Envelope;
    FETCH_SNAPSHOT 0..=1, DIRECT, Lane::Quorum, Timeout::None, Handler::Raft;
    DESCRIBE_CLUSTER 0..=2, DIRECT, Lane::Admin, Timeout::None,
        read!(DescribeCluster, reads::describe_cluster);
    BROKER_REGISTRATION 0..=4, DIRECT, Lane::Broker, Timeout::None,
        write!(BrokerRegistration, registration::register_broker);
    BROKER_HEARTBEAT 0..=2, DIRECT, Lane::Quorum, Timeout::Heartbeat,
        write!(BrokerHeartbeat, heartbeats::broker_heartbeat);
    UNREGISTER_BROKER 0..=0, FORWARDABLE, Lane::Admin, Timeout::None,
        write!(UnregisterBroker, registration::unregister_broker);
    ALLOCATE_PRODUCER_IDS 0..=0, FORWARDABLE, Lane::Broker, Timeout::None,
        write!(AllocateProducerIds, producer_ids::allocate_producer_ids);
    CONTROLLER_REGISTRATION 0..=0, DIRECT, Lane::Broker, Timeout::None,
        write!(ControllerRegistration, controllers::register_controller);
    ASSIGN_REPLICAS_TO_DIRS 0..=0, DIRECT, Lane::Broker, Timeout::None,
        write!(AssignReplicasToDirs, directories::assign_replicas_to_dirs);
    UPDATE_RAFT_VOTER 0..=0, DIRECT, Lane::Quorum, Timeout::None, Handler::Raft;
}

/// The row of an API; `None` for one that is not served.
pub fn find(key: ApiKey) -> Option<&'static Api> {
    let row = APIS.binary_search_by_key(&key, |api| api.key);
    row.ok().map(|index| &APIS[index])
}

/// The versions of an API that are served; `None` for an API that is not.
pub fn served_versions(key: ApiKey) -> Option<std::ops::RangeInclusive<i16>> {
    find(key).map(|api| api.versions.clone())
}

/// What an ApiVersions answer lists.
pub(super) fn advertised() -> Vec<ApiVersion> {
    APIS.iter().map(advertise).collect()
}

fn advertise(api: &Api) -> ApiVersion {
    ApiVersion {
        api_key: api.key.0,
        min_version: *api.versions.start(),
        max_version: *api.versions.end(),
        ..Default::default()
    }
}

/// The answer to an ApiVersions request of a version that is not served, to be sent in version 0, which
/// every client can read: it names the versions of ApiVersions alone, and the client asks again
/// with one of them (KIP-511).
pub fn unsupported_api_versions() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: find(ApiKey::API_VERSIONS)
            .into_iter()
            .map(advertise)
            .collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_within_what_the_messages_can_say() {
        assert!(APIS.is_sorted_by_key(|api| api.key));
        for row in APIS {
            let message = row.key.api().expect("a message file");
            assert!(
                message.min_version <= *row.versions.start(),
                "{}",
                message.name
            );
            assert!(
                *row.versions.end() <= message.max_version,
                "{}",
                message.name
            );
        }
    }
}
