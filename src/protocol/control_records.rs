//! The records that the quorum writes for itself: who leads, and the frame of a snapshot (KIP-595,
//! KIP-630, KIP-853). They stand in control batches; the record's key tells the type.

use bytes::Bytes;

use super::{
    NodeId, Uuid,
    schema::{Message, Struct, message},
    wire::{Malformed, Reader, Result, Writer},
};

macro_rules! control_records {
    ($($kind:literal $Variant:ident $Record:ident;)*) => {
        /// Any control record of the metadata log or of a snapshot.
        #[derive(Clone, Debug, PartialEq)]
        pub enum ControlRecord {
            $( $Variant($Record), )*
        }

        impl ControlRecord {
            /// What there is: the number in a record's key, Kafka's name, and the fields.
            pub const ALL: &[(i16, &str, &Struct)] = &[
                $( ($kind, stringify!($Variant), &$Record::SCHEMA), )*
            ];

            /// Reads the key and the value of a record in a control batch.
            pub fn decode(key: Bytes, value: Bytes) -> Result<ControlRecord> {
                let mut key = Reader::new(&key);
                let (_version, kind) = (key.i16()?, key.i16()?);
                let mut reader = Reader::new(&value);
                // The value opens with its own version, which is part of the message.
                let version = reader.clone().i16()?;
                let record = match kind {
                    $( $kind => $Record::decode(&mut reader, version).map(ControlRecord::$Variant)?, )*
                    _ => return Err(Malformed::new(format!("no control record has the type {kind}"))),
                };
                reader.finish()?;
                Ok(record)
            }

            /// The key and the value of the record.
            pub fn encode(&self) -> Result<(Bytes, Bytes)> {
                let (mut key, mut value) = (Writer::new(), Writer::new());
                let kind: i16 = match self { $( ControlRecord::$Variant(_) => $kind, )* };
                key.put(&0i16.to_be_bytes());
                key.put(&kind.to_be_bytes());
                match self {
                    $( ControlRecord::$Variant(body) => body.encode(&mut value, body.version)?, )*
                }
                Ok((key.into_bytes(), value.into_bytes()))
            }
        }
    };
}

control_records! {
    2 LeaderChange LeaderChangeMessage;
    3 SnapshotHeader SnapshotHeaderRecord;
    4 SnapshotFooter SnapshotFooterRecord;
    5 KRaftVersion KRaftVersionRecord;
    6 KRaftVoters VotersRecord;
}

message! {
    /// The first record of every leader epoch.
    LeaderChangeMessage: 0..=1, flexible 0 {
        version: i16,
        leader_id: NodeId,
        voters: Vec<LeaderChangeVoter>,
        granting_voters: Vec<LeaderChangeVoter>,
    }
    /// Schema name: `Voter`.
    LeaderChangeVoter {
        voter_id: NodeId,
        voter_directory_id: Uuid => since(1),
    }

    /// The first record of a snapshot.
    SnapshotHeaderRecord: 0..=0, flexible 0 {
        version: i16,
        /// Append time of the last log record in the snapshot, in milliseconds since 1970.
        last_contained_log_timestamp: i64,
    }

    /// The last record of a snapshot.
    SnapshotFooterRecord: 0..=0, flexible 0 {
        version: i16,
    }

    /// Level 1: the voters are in the log.
    KRaftVersionRecord: 0..=0, flexible 0 {
        version: i16,
        kraft_version: i16,
    }

    /// All voters from here on.
    VotersRecord: 0..=0, flexible 0 {
        version: i16,
        voters: Vec<Voter>,
    }
    Voter {
        voter_id: NodeId,
        voter_directory_id: Uuid,
        endpoints: Vec<Endpoint>,
        kraft_version_feature: KRaftVersionFeature,
    }
    Endpoint {
        name: String,
        host: String,
        port: u16,
    }
    KRaftVersionFeature {
        min_supported_version: i16,
        max_supported_version: i16,
    }
}
