//! Everything that needs neither Java nor a simulated cluster, in one binary.

mod broker;
mod controller;
mod log_engine;
mod metadata_configs;
mod metadata_features;
mod metadata_image;
mod metadata_reassignments;
mod metadata_support;
mod quorum;
mod tidy;
