//! Bytes to values and back. Knows no state and does no IO.
//!
//! Reading order: [`wire`] (primitives), [`schema`] (a message is a table of fields), [`messages`]
//! (one file per API), [`api`] (all of them as [`api::Request`] and [`api::Response`]), [`records`] and
//! [`record_batch`] (what the metadata log holds).

pub mod api;
pub mod control_records;
pub mod error_code;
pub mod features;
pub mod frame;
pub mod header;
pub mod ids;
pub mod messages;
pub mod quorum_state;
pub mod record_batch;
pub mod records;
pub mod schema;
pub mod wire;

pub use error_code::ErrorCode;
pub use ids::{BrokerEpoch, Epoch, NodeId, Offset, OffsetAndEpoch, ReplicaKey, Uuid};
pub use quorum_state::QuorumState;
