//! The records of the metadata log: what the state of a cluster is made of.
//!
//! A record is the value of a log record, framed as KIP-631 says: frame version 1, the record's key, its
//! version, then the message.

use bytes::Bytes;

use super::{
    BrokerEpoch, Epoch, NodeId, Uuid,
    schema::{Message, Struct, message},
    wire::{Malformed, Reader, Result, Writer},
};

/// The only frame version there is; 0 was a preview's.
const FRAME_VERSION: u32 = 1;

/// What a record says of itself, for tables and tests.
#[derive(Clone, Copy, Debug)]
pub struct RecordType {
    pub key: u32,
    pub min_version: i16,
    pub max_version: i16,
    pub schema: &'static Struct,
}

macro_rules! metadata_records {
    ($($key:literal $Variant:ident $Record:ident;)*) => {
        /// Any record of the metadata log.
        #[derive(Clone, Debug, PartialEq)]
        pub enum MetadataRecord {
            $( $Variant($Record), )*
        }

        impl MetadataRecord {
            /// What there is, by key.
            pub const ALL: &[RecordType] = &[ $( RecordType {
                key: $key,
                min_version: $Record::MIN_VERSION,
                max_version: $Record::MAX_VERSION,
                schema: &$Record::SCHEMA,
            }, )* ];

            pub fn key(&self) -> u32 {
                match self { $( MetadataRecord::$Variant(_) => $key, )* }
            }

            pub fn name(&self) -> &'static str {
                match self { $( MetadataRecord::$Variant(_) => stringify!($Variant), )* }
            }

            /// Reads the value of a log record: the record, and the version it was written at.
            pub fn decode(value: Bytes) -> Result<(MetadataRecord, i16)> {
                MetadataRecord::read(Reader::new(&value))
            }

            /// Reads the value of a log record, which is all that `reader` has.
            pub fn read(mut reader: Reader) -> Result<(MetadataRecord, i16)> {
                let frame_version = reader.uvarint()?;
                if frame_version != FRAME_VERSION {
                    return Err(Malformed::new(format!("record frame version {frame_version}")));
                }
                let key = reader.uvarint()?;
                let version = i16::try_from(reader.uvarint()?)
                    .map_err(|_| Malformed::new("record version beyond 16 bits"))?;
                let record = match key {
                    $( $key => $Record::decode(&mut reader, version).map(MetadataRecord::$Variant)?, )*
                    _ => return Err(Malformed::new(format!("no metadata record has the key {key}"))),
                };
                reader.finish().map_err(|error| error.within(record.name()))?;
                Ok((record, version))
            }

            /// The value of a log record that holds this record at `version`.
            pub fn encode(&self, version: i16) -> Result<Bytes> {
                let mut writer = Writer::new();
                self.write(&mut writer, version)?;
                Ok(writer.into_bytes())
            }

            /// Writes what [`MetadataRecord::encode`] returns.
            pub fn write(&self, writer: &mut Writer, version: i16) -> Result<()> {
                writer.uvarint(FRAME_VERSION);
                writer.uvarint(self.key());
                writer.uvarint(version as u32);
                match self {
                    $( MetadataRecord::$Variant(body) => body.encode(writer, version), )*
                }
            }
        }

        $(
            impl From<$Record> for MetadataRecord {
                fn from(body: $Record) -> MetadataRecord {
                    MetadataRecord::$Variant(body)
                }
            }
        )*
    };
}

metadata_records! {
    0 RegisterBroker RegisterBrokerRecord;
    1 UnregisterBroker UnregisterBrokerRecord;
    2 Topic TopicRecord;
    3 Partition PartitionRecord;
    4 Config ConfigRecord;
    5 PartitionChange PartitionChangeRecord;
    7 FenceBroker FenceBrokerRecord;
    8 UnfenceBroker UnfenceBrokerRecord;
    9 RemoveTopic RemoveTopicRecord;
    10 DelegationToken DelegationTokenRecord;
    11 UserScramCredential UserScramCredentialRecord;
    12 FeatureLevel FeatureLevelRecord;
    14 ClientQuota ClientQuotaRecord;
    15 ProducerIds ProducerIdsRecord;
    17 BrokerRegistrationChange BrokerRegistrationChangeRecord;
    18 AccessControlEntry AccessControlEntryRecord;
    19 RemoveAccessControlEntry RemoveAccessControlEntryRecord;
    20 NoOp NoOpRecord;
    21 ZkMigrationState ZkMigrationStateRecord;
    22 RemoveUserScramCredential RemoveUserScramCredentialRecord;
    23 BeginTransaction BeginTransactionRecord;
    24 EndTransaction EndTransactionRecord;
    25 AbortTransaction AbortTransactionRecord;
    26 RemoveDelegationToken RemoveDelegationTokenRecord;
    27 RegisterController RegisterControllerRecord;
    28 ClearElr ClearElrRecord;
    29 UnregisterController UnregisterControllerRecord;
}

message! {
    RegisterBrokerRecord: 0..=4, flexible 0 {
        broker_id: NodeId,
        is_migrating_zk_broker: bool => since(2),
        incarnation_id: Uuid,
        broker_epoch: BrokerEpoch,
        end_points: Vec<BrokerEndpoint>,
        features: Vec<BrokerFeature>,
        rack: Option<String> = Some(String::new()) => nullable(0),
        fenced: bool = true,
        in_controlled_shutdown: bool => since(1),
        log_dirs: Vec<Uuid> => since(3) tag(0),
        cordoned_log_dirs: Option<Vec<Uuid>> => since(4) tag(1) nullable(4),
    }
    BrokerEndpoint {
        name: String,
        host: String,
        port: u16,
        security_protocol: i16,
    }
    BrokerFeature {
        name: String,
        min_supported_version: i16,
        max_supported_version: i16,
    }

    UnregisterBrokerRecord: 0..=0, flexible 0 {
        broker_id: NodeId,
        broker_epoch: BrokerEpoch,
    }

    TopicRecord: 0..=0, flexible 0 {
        name: String,
        topic_id: Uuid,
    }

    PartitionRecord: 0..=2, flexible 0 {
        partition_id: i32 = -1,
        topic_id: Uuid,
        replicas: Vec<NodeId>,
        isr: Vec<NodeId>,
        removing_replicas: Vec<NodeId>,
        adding_replicas: Vec<NodeId>,
        leader: NodeId = NodeId::NONE,
        leader_recovery_state: i8 => tag(0),
        leader_epoch: Epoch = Epoch::NONE,
        partition_epoch: i32 = -1,
        directories: Vec<Uuid> => since(1),
        eligible_leader_replicas: Option<Vec<NodeId>> => since(2) tag(1) nullable(2),
        last_known_elr: Option<Vec<NodeId>> => since(2) tag(2) nullable(2),
    }

    ConfigRecord: 0..=0, flexible 0 {
        resource_type: i8,
        resource_name: String,
        name: String,
        value: Option<String> = Some(String::new()) => nullable(0),
    }

    PartitionChangeRecord: 0..=2, flexible 0 {
        partition_id: i32 = -1,
        topic_id: Uuid,
        isr: Option<Vec<NodeId>> => tag(0) nullable(0),
        leader: NodeId = NodeId(-2) => tag(1),
        replicas: Option<Vec<NodeId>> => tag(2) nullable(0),
        removing_replicas: Option<Vec<NodeId>> => tag(3) nullable(0),
        adding_replicas: Option<Vec<NodeId>> => tag(4) nullable(0),
        leader_recovery_state: i8 = -1 => tag(5),
        directories: Option<Vec<Uuid>> => since(1) tag(8) nullable(1),
        eligible_leader_replicas: Option<Vec<NodeId>> => since(2) tag(6) nullable(2),
        last_known_elr: Option<Vec<NodeId>> => since(2) tag(7) nullable(2),
    }

    FenceBrokerRecord: 0..=0, flexible 0 {
        id: NodeId,
        epoch: BrokerEpoch,
    }

    UnfenceBrokerRecord: 0..=0, flexible 0 {
        id: NodeId,
        epoch: BrokerEpoch,
    }

    RemoveTopicRecord: 0..=0, flexible 0 {
        topic_id: Uuid,
    }

    DelegationTokenRecord: 0..=0, flexible 0 {
        owner: String,
        requester: String,
        renewers: Vec<String>,
        issue_timestamp: i64,
        max_timestamp: i64,
        expiration_timestamp: i64,
        token_id: String,
    }

    UserScramCredentialRecord: 0..=0, flexible 0 {
        name: String,
        mechanism: i8,
        salt: Bytes,
        stored_key: Bytes,
        server_key: Bytes,
        iterations: i32,
    }

    FeatureLevelRecord: 0..=0, flexible 0 {
        name: String,
        feature_level: i16,
    }

    ClientQuotaRecord: 0..=0, flexible 0 {
        entity: Vec<EntityData>,
        key: String,
        value: f64,
        remove: bool,
    }
    EntityData {
        entity_type: String,
        entity_name: Option<String> = Some(String::new()) => nullable(0),
    }

    ProducerIdsRecord: 0..=0, flexible 0 {
        broker_id: NodeId,
        broker_epoch: BrokerEpoch = BrokerEpoch::NONE,
        next_producer_id: i64,
    }

    BrokerRegistrationChangeRecord: 0..=3, flexible 0 {
        broker_id: NodeId,
        broker_epoch: BrokerEpoch,
        fenced: i8 => tag(0),
        in_controlled_shutdown: i8 => since(1) tag(1),
        log_dirs: Vec<Uuid> => since(2) tag(2),
        cordoned_log_dirs: Option<Vec<Uuid>> => since(3) tag(3) nullable(3),
    }

    AccessControlEntryRecord: 0..=0, flexible 0 {
        id: Uuid,
        resource_type: i8,
        resource_name: String,
        pattern_type: i8,
        principal: String,
        host: String,
        operation: i8,
        permission_type: i8,
    }

    RemoveAccessControlEntryRecord: 0..=0, flexible 0 {
        id: Uuid,
    }

    NoOpRecord: 0..=0, flexible 0 {
    }

    ZkMigrationStateRecord: 0..=0, flexible 0 {
        zk_migration_state: i8,
    }

    RemoveUserScramCredentialRecord: 0..=0, flexible 0 {
        name: String,
        mechanism: i8,
    }

    BeginTransactionRecord: 0..=0, flexible 0 {
        name: Option<String> => tag(0) nullable(0),
    }

    EndTransactionRecord: 0..=0, flexible 0 {
    }

    AbortTransactionRecord: 0..=0, flexible 0 {
        reason: Option<String> => tag(0) nullable(0),
    }

    RemoveDelegationTokenRecord: 0..=0, flexible 0 {
        token_id: String,
    }

    RegisterControllerRecord: 0..=0, flexible 0 {
        controller_id: NodeId,
        incarnation_id: Uuid,
        zk_migration_ready: bool,
        end_points: Vec<ControllerEndpoint>,
        features: Vec<ControllerFeature>,
    }
    ControllerEndpoint {
        name: String,
        host: String,
        port: u16,
        security_protocol: i16,
    }
    ControllerFeature {
        name: String,
        min_supported_version: i16,
        max_supported_version: i16,
    }

    ClearElrRecord: 0..=0, flexible 0 {
        topic_name: String,
    }

    UnregisterControllerRecord: 0..=0, flexible 0 {
        controller_id: NodeId,
    }
}
