//! The rim: the only module that knows sockets, threads and the clock.
//!
//! Three threads: `controller` ([`node`]) owns all state, `disk` ([`disk`]) the log, `net` runs tokio with
//! a task per connection ([`connection`]) and two per peer ([`peers`]). The others reach the controller
//! through the [`inbox`] only.

mod clock;
mod connection;
mod contacts;
mod disk;
mod inbox;
pub mod listener;
mod node;
mod peers;
mod start;
mod tail;

pub use start::{check, run};

/// Stops the process, saying why: what must not go on does not.
fn die(reason: &str) -> ! {
    tracing::error!("{reason}");
    eprintln!("kraftd stops: {reason}");
    std::process::exit(1);
}
