//! kraftd: a native replacement for Apache Kafka's KRaft controllers.
//!
//! The modules in reading order; docs/ARCHITECTURE.md is the map.

pub mod time;

pub mod console;

pub mod protocol;

pub mod raft;

pub mod metadata;

pub mod controller;

pub mod log;

pub mod config;

pub mod server;

pub mod cli;
