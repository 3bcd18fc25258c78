//! Everything that needs neither Java nor a simulated cluster, in one binary.

mod broker;
mod controller;
mod envelope;
mod log_engine;
mod metadata_configs;
mod metadata_features;
mod metadata_image;
mod metadata_reassignments;
mod metadata_support;
mod never_emits;
mod quorum;
mod tidy;
