//! The rim: the only module that knows sockets, threads and the clock.
//!
//! Three threads: `controller` ([`node`]) owns all state, `disk` ([`disk`]) the log, `net` runs tokio with
//! a task per connection ([`connection`]) and two per peer ([`peers`]). The others reach the controller
//! through the [`inbox`] only. Snapshots, which are plain files, are read and written beside them
//! ([`snapshots`]).

mod clock;
mod connection;
pub mod contacts;
mod disk;
mod heard;
mod inbox;
pub mod listener;
mod node;
mod open_files;
mod peers;
mod restore;
pub mod signals;
mod snapshots;
mod start;
pub mod status;
mod tail;
mod trouble;
mod underway;

pub use heard::{Answer, Failure, PeerStatus};
pub use restore::{restore, restore_raft};
pub use start::{check, run};
pub use trouble::Trouble;

/// Stops the process, saying why: what must not go on does not.
pub fn die(reason: &str) -> ! {
    tracing::error!("{reason}");
    eprintln!("kraftd stops: {reason}");
    std::process::exit(1);
}
