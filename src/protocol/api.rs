//! The APIs whose messages we know: [`Request`] and [`Response`] with a variant each. Which of them a
//! controller serves, and from which version on, is the controller's own table.

use bytes::Bytes;

use super::{
    frame,
    header::{RequestHeader, ResponseHeader},
    messages::*,
    schema::{Message, Struct},
    wire::{Malformed, Reader, Result, Writer},
};

/// The number of an API on the wire. Open: requests of others can at least be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKey(pub i16);

/// What a message says of itself, for tables and tests.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    pub key: ApiKey,
    pub name: &'static str,
    pub min_version: i16,
    pub max_version: i16,
    pub first_flexible: i16,
    pub request: &'static Struct,
    pub response: &'static Struct,
}

macro_rules! apis {
    ($($key:literal $KEY:ident $module:ident $Variant:ident $Request:ident $Response:ident;)*) => {
        /// A request of any API.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request {
            $( $Variant($module::$Request), )*
        }

        /// The answer to a request of any API.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Response {
            $( $Variant($module::$Response), )*
        }

        impl ApiKey {
            $( pub const $KEY: ApiKey = ApiKey($key); )*
        }

        /// All of them, by number.
        pub const APIS: &[Api] = &[ $( Api {
            key: ApiKey($key),
            name: stringify!($Variant),
            min_version: $module::$Request::MIN_VERSION,
            max_version: $module::$Request::MAX_VERSION,
            first_flexible: $module::$Request::FIRST_FLEXIBLE,
            request: &$module::$Request::SCHEMA,
            response: &$module::$Response::SCHEMA,
        }, )* ];

        impl Request {
            pub fn api_key(&self) -> ApiKey {
                match self { $( Request::$Variant(_) => ApiKey::$KEY, )* }
            }

            /// Reads the body of a request, all of it.
            pub fn decode(key: ApiKey, version: i16, reader: &mut Reader) -> Result<Request> {
                let request = match key {
                    $( ApiKey::$KEY => {
                        $module::$Request::decode(reader, version).map(Request::$Variant)?
                    } )*
                    ApiKey(_) => return Err(unknown(key)),
                };
                reader.finish().map_err(|error| error.within(key.name()))?;
                Ok(request)
            }

            pub fn encode(&self, writer: &mut Writer, version: i16) -> Result<()> {
                match self { $( Request::$Variant(body) => body.encode(writer, version), )* }
            }
        }

        impl Response {
            pub fn api_key(&self) -> ApiKey {
                match self { $( Response::$Variant(_) => ApiKey::$KEY, )* }
            }

            /// Reads the body of a response, all of it.
            pub fn decode(key: ApiKey, version: i16, reader: &mut Reader) -> Result<Response> {
                let response = match key {
                    $( ApiKey::$KEY => {
                        $module::$Response::decode(reader, version).map(Response::$Variant)?
                    } )*
                    ApiKey(_) => return Err(unknown(key)),
                };
                reader.finish().map_err(|error| error.within(key.name()))?;
                Ok(response)
            }

            pub fn encode(&self, writer: &mut Writer, version: i16) -> Result<()> {
                match self { $( Response::$Variant(body) => body.encode(writer, version), )* }
            }
        }

        $(
            impl From<$module::$Request> for Request {
                fn from(body: $module::$Request) -> Request {
                    Request::$Variant(body)
                }
            }

            impl From<$module::$Response> for Response {
                fn from(body: $module::$Response) -> Response {
                    Response::$Variant(body)
                }
            }
        )*
    };
}

fn unknown(key: ApiKey) -> Malformed {
    Malformed::new(format!("no API has the key {}", key.0))
}

impl ApiKey {
    pub fn api(self) -> Option<&'static Api> {
        APIS.binary_search_by_key(&self, |api| api.key)
            .ok()
            .map(|index| &APIS[index])
    }

    pub fn name(self) -> &'static str {
        self.api().map_or("an unknown API", |api| api.name)
    }

    fn is_flexible(self, version: i16) -> bool {
        self.api().is_some_and(|api| version >= api.first_flexible)
    }

    /// The version of the header before a request of this API and version.
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header before a response. ApiVersions keeps the oldest one for ever, since a
    /// client reads it before it knows what the server can do (KIP-511).
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self.is_flexible(version) && self != ApiKey::API_VERSIONS)
    }
}

impl Request {
    /// The whole of a request behind the length prefix: header and body.
    pub fn encode_with_header(
        &self,
        version: i16,
        correlation_id: i32,
        client_id: &str,
    ) -> Result<Bytes> {
        let key = self.api_key();
        let header = RequestHeader {
            request_api_key: key.0,
            request_api_version: version,
            correlation_id,
            client_id: Some(client_id.to_owned()),
            ..Default::default()
        };
        let mut writer = Writer::new();
        header.encode(&mut writer, key.request_header_version(version))?;
        self.encode(&mut writer, version)?;
        Ok(writer.into_bytes())
    }
}

impl Response {
    /// The whole of a response behind the length prefix: header and body.
    pub fn encode_with_header(&self, version: i16, correlation_id: i32) -> Result<Bytes> {
        let mut writer = Writer::new();
        self.write_with_header(&mut writer, version, correlation_id)?;
        Ok(writer.into_bytes())
    }

    /// A frame with the whole of a response, in parts: what is long is not copied.
    pub fn encode_frame(&self, version: i16, correlation_id: i32) -> Result<Vec<Bytes>> {
        let mut writer = Writer::sharing();
        self.write_with_header(&mut writer, version, correlation_id)?;
        frame::of_parts(writer.into_parts())
    }

    fn write_with_header(
        &self,
        writer: &mut Writer,
        version: i16,
        correlation_id: i32,
    ) -> Result<()> {
        let header = ResponseHeader {
            correlation_id,
            ..Default::default()
        };
        header.encode(writer, self.api_key().response_header_version(version))?;
        self.encode(writer, version)
    }
}

apis! {
    1 FETCH fetch Fetch FetchRequest FetchResponse;
    17 SASL_HANDSHAKE sasl_handshake SaslHandshake SaslHandshakeRequest SaslHandshakeResponse;
    18 API_VERSIONS api_versions ApiVersions ApiVersionsRequest ApiVersionsResponse;
    19 CREATE_TOPICS create_topics CreateTopics CreateTopicsRequest CreateTopicsResponse;
    20 DELETE_TOPICS delete_topics DeleteTopics DeleteTopicsRequest DeleteTopicsResponse;
    29 DESCRIBE_ACLS describe_acls DescribeAcls DescribeAclsRequest DescribeAclsResponse;
    30 CREATE_ACLS create_acls CreateAcls CreateAclsRequest CreateAclsResponse;
    31 DELETE_ACLS delete_acls DeleteAcls DeleteAclsRequest DeleteAclsResponse;
    32 DESCRIBE_CONFIGS describe_configs DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
    33 ALTER_CONFIGS alter_configs AlterConfigs AlterConfigsRequest AlterConfigsResponse;
    36 SASL_AUTHENTICATE sasl_authenticate SaslAuthenticate SaslAuthenticateRequest SaslAuthenticateResponse;
    37 CREATE_PARTITIONS create_partitions CreatePartitions CreatePartitionsRequest CreatePartitionsResponse;
    38 CREATE_DELEGATION_TOKEN create_delegation_token CreateDelegationToken CreateDelegationTokenRequest CreateDelegationTokenResponse;
    39 RENEW_DELEGATION_TOKEN renew_delegation_token RenewDelegationToken RenewDelegationTokenRequest RenewDelegationTokenResponse;
    40 EXPIRE_DELEGATION_TOKEN expire_delegation_token ExpireDelegationToken ExpireDelegationTokenRequest ExpireDelegationTokenResponse;
    41 DESCRIBE_DELEGATION_TOKEN describe_delegation_token DescribeDelegationToken DescribeDelegationTokenRequest DescribeDelegationTokenResponse;
    43 ELECT_LEADERS elect_leaders ElectLeaders ElectLeadersRequest ElectLeadersResponse;
    44 INCREMENTAL_ALTER_CONFIGS incremental_alter_configs IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    45 ALTER_PARTITION_REASSIGNMENTS alter_partition_reassignments AlterPartitionReassignments AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse;
    46 LIST_PARTITION_REASSIGNMENTS list_partition_reassignments ListPartitionReassignments ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse;
    49 ALTER_CLIENT_QUOTAS alter_client_quotas AlterClientQuotas AlterClientQuotasRequest AlterClientQuotasResponse;
    50 DESCRIBE_USER_SCRAM_CREDENTIALS describe_user_scram_credentials DescribeUserScramCredentials DescribeUserScramCredentialsRequest DescribeUserScramCredentialsResponse;
    51 ALTER_USER_SCRAM_CREDENTIALS alter_user_scram_credentials AlterUserScramCredentials AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse;
    52 VOTE vote Vote VoteRequest VoteResponse;
    53 BEGIN_QUORUM_EPOCH begin_quorum_epoch BeginQuorumEpoch BeginQuorumEpochRequest BeginQuorumEpochResponse;
    54 END_QUORUM_EPOCH end_quorum_epoch EndQuorumEpoch EndQuorumEpochRequest EndQuorumEpochResponse;
    55 DESCRIBE_QUORUM describe_quorum DescribeQuorum DescribeQuorumRequest DescribeQuorumResponse;
    56 ALTER_PARTITION alter_partition AlterPartition AlterPartitionRequest AlterPartitionResponse;
    57 UPDATE_FEATURES update_features UpdateFeatures UpdateFeaturesRequest UpdateFeaturesResponse;
    58 ENVELOPE envelope Envelope EnvelopeRequest EnvelopeResponse;
    59 FETCH_SNAPSHOT fetch_snapshot FetchSnapshot FetchSnapshotRequest FetchSnapshotResponse;
    60 DESCRIBE_CLUSTER describe_cluster DescribeCluster DescribeClusterRequest DescribeClusterResponse;
    62 BROKER_REGISTRATION broker_registration BrokerRegistration BrokerRegistrationRequest BrokerRegistrationResponse;
    63 BROKER_HEARTBEAT broker_heartbeat BrokerHeartbeat BrokerHeartbeatRequest BrokerHeartbeatResponse;
    64 UNREGISTER_BROKER unregister_broker UnregisterBroker UnregisterBrokerRequest UnregisterBrokerResponse;
    67 ALLOCATE_PRODUCER_IDS allocate_producer_ids AllocateProducerIds AllocateProducerIdsRequest AllocateProducerIdsResponse;
    70 CONTROLLER_REGISTRATION controller_registration ControllerRegistration ControllerRegistrationRequest ControllerRegistrationResponse;
    73 ASSIGN_REPLICAS_TO_DIRS assign_replicas_to_dirs AssignReplicasToDirs AssignReplicasToDirsRequest AssignReplicasToDirsResponse;
    80 ADD_RAFT_VOTER add_raft_voter AddRaftVoter AddRaftVoterRequest AddRaftVoterResponse;
    81 REMOVE_RAFT_VOTER remove_raft_voter RemoveRaftVoter RemoveRaftVoterRequest RemoveRaftVoterResponse;
    82 UPDATE_RAFT_VOTER update_raft_voter UpdateRaftVoter UpdateRaftVoterRequest UpdateRaftVoterResponse;
}
