//! Bytes to values and back. Knows no state and does no IO.

pub mod ids;
pub mod schema;
pub mod wire;

pub use ids::{BrokerEpoch, Epoch, NodeId, Offset, OffsetAndEpoch, ReplicaKey, Uuid};
