//! The limit of open files. Every connection is one, and so is every file of the log: a process that may open no more
//! could not write on, so connections leave some to the log.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// The log, snapshots, and connections to peers.
const RESERVED: u64 = 64;
/// What a cluster of a few hundred brokers wants, five connections each.
const ENOUGH: u64 = 4_096;
/// More than this nobody counts on, and limits may be infinite.
const MOST: u64 = 1 << 20;

/// Raises the limit as far as this process may, as the JVM does, and says how many connections that leaves room for.
pub fn make_room_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    };
    let limit = limit.unwrap_or(MOST).min(MOST);
    if limit < ENOUGH {
        warn!(
            "this process may open {limit} files only, and a broker takes up to five. Raise the limit (ulimit -n, or \
             LimitNOFILE= of systemd)"
        );
    }
    limit.saturating_sub(RESERVED).max(RESERVED) as usize
}
