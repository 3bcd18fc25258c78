//! Bytes to values and back. Knows no state and does no IO.
//!
//! Reading order: [`wire`] and [`types`] (primitives), [`schema`] (a message is a table of fields), [`messages`]
//! (one file per API), [`api`] (all of them as [`api::Request`] and [`api::Response`]),
//! [`quorum_answer`] (what the answers of the quorum share), [`records`] and [`record_batch`] (what the
//! metadata log holds).
//!
//! A message is declared once, for all its versions: its range of versions, the first flexible one,
//! and a line per field with type, default, and the versions that have it. From that table come the
//! struct, its defaults, both directions of its codec, and a description that tests/java holds
//! against the schemas and serializers of three Kafka releases. A new version of an API is a line in
//! its file in [`messages`]; a new API is a file there and a line in [`api`]; a new record is a table
//! and a line in [`records`].

pub mod api;
pub mod control_records;
pub mod error_code;
pub mod features;
pub mod frame;
pub mod header;
pub mod ids;
pub mod json;
pub mod kept_snapshot;
pub mod messages;
pub mod properties;
pub mod quorum_answer;
pub mod quorum_state;
pub mod record_batch;
pub mod records;
pub mod schema;
pub mod types;
pub mod wire;

pub use error_code::ErrorCode;
pub use ids::{
    BrokerEpoch, Epoch, METADATA_TOPIC, NodeId, Offset, OffsetAndEpoch, ReplicaKey, Uuid,
};
pub use quorum_state::QuorumState;
