//! Everything that needs neither Java nor a simulated cluster, in one binary.

mod log_engine;
mod tidy;
