//! Everything that needs neither Java nor a simulated cluster, in one binary.

mod broker;
mod bug_bank;
mod cluster_command;
mod combined;
mod config;
mod config_document;
mod config_slips;
mod config_start;
mod controller;
mod dump;
mod envelope;
mod fencing;
mod home;
mod install_scripts;
mod log_damage;
mod log_engine;
mod log_model;
mod log_support;
mod metadata_configs;
mod metadata_features;
mod metadata_image;
mod metadata_properties;
mod metadata_reassignments;
mod metadata_requests;
mod metadata_scripts;
mod metadata_support;
mod metadata_text;
mod metadata_world;
mod never_emits;
#[path = "../programs.rs"]
mod programs;
mod quorum;
mod raft_alone;
mod raft_scripts;

mod script;
mod split;
mod start_stop;
mod status_file;
mod storage_tool;
mod tidy;
