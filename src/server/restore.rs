//! What a start makes of what it finds on its disk.

use crate::{
    controller::{LoadedSnapshot, Restored},
    log::{Log, LogError, Recovered},
    protocol::OffsetAndEpoch,
    raft::{self, LogStatus},
};

/// Batches are read in pieces of this size when a log is loaded.
const LOAD_BYTES: usize = 1 << 20;

/// For a controller: the newest snapshot, which `load` reads, and the log after it.
pub fn restore<L: Log>(
    log: &mut L,
    recovered: Recovered,
    load: impl FnOnce(&L, OffsetAndEpoch) -> Result<LoadedSnapshot, String>,
) -> Result<Restored, String> {
    let newest = recovered.newest_snapshot();
    let snapshot = newest.map(|id| load(log, id)).transpose()?;
    let mut from = newest.map_or(recovered.start.offset, |id| id.offset);
    let mut batches = Vec::new();
    while from < recovered.end {
        let read = log.read(from, LOAD_BYTES);
        let read = read.map_err(|error: LogError| error.to_string())?;
        let Some(last) = read.last() else { break };
        from = last.end_offset();
        batches.extend(read);
    }
    Ok(Restored {
        raft: restore_raft(recovered),
        snapshot,
        batches,
    })
}

/// For raft alone.
pub fn restore_raft(recovered: Recovered) -> raft::Restored {
    raft::Restored {
        quorum_state: recovered.quorum_state,
        log: LogStatus {
            start: recovered.start,
            end: recovered.end,
            epochs: recovered.epochs,
        },
        snapshots: recovered.snapshots,
    }
}
