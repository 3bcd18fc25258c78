//! Bytes to values and back. Knows no state and does no IO.

pub mod ids;

pub use ids::{BrokerEpoch, Epoch, NodeId, Offset, OffsetAndEpoch, ReplicaKey, Uuid};
