//! kraftd: a native replacement for Apache Kafka's KRaft controllers.

pub mod metadata;
pub mod protocol;
pub mod time;
