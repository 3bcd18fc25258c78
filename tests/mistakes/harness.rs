//! What is shared with the tests against real Kafka.

#![allow(dead_code, reason = "the tests against real Kafka use the rest")]

#[path = "../java/client.rs"]
pub mod client;
#[path = "../java/process.rs"]
pub mod process;
#[path = "../programs.rs"]
pub mod programs;
#[path = "../java/requests.rs"]
pub mod requests;
