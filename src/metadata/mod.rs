//! The replicated state machine of the cluster's metadata: pure, one file per domain.
//!
//! A request is answered by a function `handle(&State, &mut Cx, &Request) -> Result<Outcome, ApiError>`, which
//! changes no state: it says which records to append. (It may note in the leader's [`sessions`] who is
//! alive.) Only [`State::replay`] changes a state, on the active controller, on standbys and when a snapshot
//! is loaded. Matches
//! `org.apache.kafka.controller` (the `*ControlManager` classes) and `org.apache.kafka.image`.

mod assignments;
mod broker_key_table;
mod config_rules;
mod leadership;
mod nested;
mod outcome;
mod placement;
mod state;

pub mod acls;
pub mod activation;
pub mod alter_partition;
pub mod broker_keys;
pub mod brokers;
pub mod config_defs;
pub mod configs;
pub mod controllers;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod directories;
pub mod effective_configs;
pub mod elections;
pub mod features;
pub mod heartbeats;
pub mod image;
pub mod partition_change;
pub mod partitions;
pub mod producer_ids;
pub mod quotas;
pub mod reassignments;
pub mod registration;
pub mod scram;
pub mod sessions;
pub mod tokens;
mod topic;
pub mod topic_names;
pub mod topics;

pub use outcome::{ApiError, Cx, MAX_RECORDS_PER_USER_OP, Options, Outcome, random_uuid};
pub use state::{ReplayError, State, Transaction};
