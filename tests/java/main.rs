//! kraftd beside real Kafka: every test here starts Java's own code as a peer, a client or an oracle.
//!
//! `cargo test --test java` needs a JDK (17 or newer) and Maven, and fetches everything else by itself.

mod client;
mod cluster;
mod committed_log;
mod config;
mod conformance;
mod crash;
mod differential;
mod directories;
mod first_light;
mod helpers;
mod hosts;
mod kafka;
mod lesson;
mod load;
mod logs;
mod lost_disks;
mod metadata_log;
mod oracle;
mod process;
mod releases;
mod requests;
mod status;
mod storage_tool;
mod tool_runner;
mod tools;
