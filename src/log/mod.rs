//! The durable state of one node, and the only module that reads and writes it: the metadata log, what the
//! voter must remember beside it, and snapshots.
//!
//! [`Log`] has two implementations: [`engine::EngineLog`] on raft-engine, and [`memory::MemoryLog`], a
//! disk that the simulator can cut the power of.

pub mod bootstrap;
pub mod copy;
pub mod directory;
mod durable;
pub mod engine;
pub mod ensemble;
pub mod memory;
pub mod meta_properties;
pub mod snapshot_file;
mod voter_state;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use rustix::io::Errno;
use thiserror::Error;

use crate::protocol::{
    Epoch, Offset, OffsetAndEpoch, kept_snapshot::KeptSnapshot, quorum_state::QuorumState,
    record_batch::RecordBatch,
};

/// Why the log cannot go on. All of it ends the process, but [`LogError::SnapshotNotFound`].
#[derive(Debug, Error)]
pub enum LogError {
    #[error("{what} {}: {source}{}", .path.display(), remedy(.source))]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The directory is not what this node may work on; the text says what to do.
    #[error("{0}")]
    Refused(String),
    /// Bytes on disk are not what was written.
    #[error("{}: {reason}. {remedy}", .path.display())]
    Corrupt {
        path: PathBuf,
        reason: String,
        remedy: &'static str,
    },
    #[error("there is no snapshot {0}")]
    SnapshotNotFound(OffsetAndEpoch),
}

/// What helps, where the operating system's own words do not say it.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            ". Free space on this disk and start again: nothing that was acknowledged is lost"
        }
        io::ErrorKind::PermissionDenied => {
            ". The user that runs this node must be able to read and write there; was it formatted as another \
             one? As root, chown -R USER DIR gives it the directory in log.dirs"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ". Mount the file system so that it can be written (after a disk error the system makes it \
             read-only by itself: see its log)"
        }
        _ if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
            ". The disk failed: the system's log says how. If it is well again, start again; if not, format an \
             empty directory on another one with the same cluster id, and start while the other voters are up"
        }
        io::ErrorKind::NotADirectory => ". log.dirs and metadata.log.dir name directories",
        _ => "",
    }
}

impl LogError {
    fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LogError + 'a {
        move |source| LogError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

/// How large the parts of a log are that end where these snapshots do, from the base offset and size of each batch.
fn part_sizes<'a>(
    snapshots: impl Iterator<Item = &'a OffsetAndEpoch>,
    batches: impl Iterator<Item = (Offset, u64)>,
) -> impl Iterator<Item = u64> {
    let mut batches = batches.peekable();
    snapshots.map(move |id| {
        let part = std::iter::from_fn(|| batches.next_if(|(base, _)| *base < id.offset));
        part.map(|(_, bytes)| bytes).sum()
    })
}

/// The epochs in a log with the offset each began at, ascending.
pub type Epochs = Vec<(Epoch, Offset)>;

/// What a node finds of its former life.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    pub quorum_state: QuorumState,
    /// Where the log begins: the end of the snapshot below it, or zero.
    pub start: OffsetAndEpoch,
    pub end: Offset,
    pub epochs: Epochs,
    pub snapshots: BTreeMap<OffsetAndEpoch, KeptSnapshot>,
}

impl Recovered {
    /// What a start begins with.
    pub fn newest_snapshot(&self) -> Option<OffsetAndEpoch> {
        self.snapshots.keys().max_by_key(|id| id.offset).copied()
    }
}

/// The metadata log of a node. Calls come from one thread, in order.
pub trait Log {
    /// Adds a batch at the end. It may be lost until [`Log::sync`] has returned.
    fn append(&mut self, batch: &RecordBatch) -> Result<(), LogError>;

    /// Makes everything appended so far durable, at the cost of one sync, and says where it ends.
    fn sync(&mut self) -> Result<Offset, LogError>;

    /// Forgets everything from `end` on. Durable on return.
    fn truncate(&mut self, end: Offset) -> Result<(), LogError>;

    /// Durable on return.
    fn save_quorum_state(&mut self, state: &QuorumState) -> Result<(), LogError>;

    /// Notes durably how much of the log this voter has acknowledged, so that a later start sees if
    /// something of it is gone. Costs a sync of its own: called when there is time, not per append.
    fn save_acknowledged(&mut self) -> Result<(), LogError>;

    /// Whole batches from the one that holds `from` on: one at least if there is one, and no more than
    /// `max_bytes` beyond that.
    fn read(&mut self, from: Offset, max_bytes: usize) -> Result<Vec<RecordBatch>, LogError>;

    /// Writes a piece of a snapshot that is being fetched. A piece at position 0 starts anew.
    fn write_snapshot_chunk(
        &mut self,
        id: OffsetAndEpoch,
        position: u64,
        bytes: &[u8],
    ) -> Result<(), LogError>;

    /// Makes a fetched snapshot the beginning of the log and drops the log there was. Durable on return.
    /// Says how many bytes the snapshot has.
    fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<u64, LogError>;

    /// Moves the beginning of the log to the end of snapshot `start`, and deletes older snapshots.
    fn drop_prefix(&mut self, start: OffsetAndEpoch) -> Result<(), LogError>;
}
