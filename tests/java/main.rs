//! kraftd beside real Kafka: every test here starts Java's own code as a peer, a client or an oracle.
//!
//! `cargo test --test java` needs a JDK (17 or newer) and Maven, and fetches everything else by itself.

mod conformance;
mod kafka;
mod oracle;
