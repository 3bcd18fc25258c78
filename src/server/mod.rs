//! The rim of a node: sockets, threads and the clock.
//!
//! Three threads: `controller` ([`node`]) owns all state, `disk` ([`disk`]) the log, `net` runs tokio with
//! a task per connection ([`accept`], [`connection`]) and two per peer ([`peers`]). The others reach the controller
//! through the [`inbox`] only. Snapshots, which are plain files, are read and written beside them
//! ([`snapshots`]).

mod accept;
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

use std::io;

use rustix::fs::fstat;
use tracing::Level;

use crate::console::complain;

pub use heard::{PeerAnswer, PeerFailure, PeerStatus};
pub use restore::{restore, restore_raft};
pub use start::{check, run};
pub use trouble::Trouble;

/// Stops the process, saying why: what must not go on does not.
pub fn die(reason: &str) -> ! {
    report(&format!("kraftd stops: {reason}"));
    std::process::exit(1);
}

/// Says why the process ends: in the log, once there is one, and on standard error, where people and scripts look; once,
/// if both lead to the same place.
pub fn report(reason: &str) {
    tracing::error!("{reason}");
    if !(tracing::enabled!(Level::ERROR) && leads_to_one_place()) {
        complain!("{reason}");
    }
}

/// Whether standard output and standard error are the same terminal, file or pipe.
fn leads_to_one_place() -> bool {
    match (fstat(io::stdout()), fstat(io::stderr())) {
        (Ok(out), Ok(error)) => (out.st_dev, out.st_ino) == (error.st_dev, error.st_ino),
        _ => false,
    }
}
