//! The metadata log on raft-engine 0.4.2.
//!
//! A batch is an entry of region [`ENTRIES`]; its index is the ordinal of the batch, counted from 1 for
//! the life of the directory. Where the log begins is a key of region [`POSITIONS`]: a region of its
//! own, since `Clean` takes a region's keys with it. Offsets are found through `positions`, which is
//! rebuilt at each start, when the whole log is read and checked anyway.
//!
//! raft-engine has traps; what keeps us out of each of them, with a test of the same name in
//! tests/it/log_engine.rs:
//! 1. `sync()` and an empty write do nothing (tikv/raft-engine#395): every batch is written with
//!    `sync = true`, never synced afterwards.
//! 2. Its block cache is per thread and shared by all engines a thread ever had: one engine a process,
//!    read by the one thread that owns the log.
//! 3. An overwritten suffix can come back after `Compact` past the end: a region is emptied by `Clean`.
//! 4. `Compact` can be forgotten: the first index is in `POSITIONS`, and entries below it are ignored.
//! 5. A deleted key can come back (#141): keys are only ever overwritten.
//! 6. A read that races a purge fails: reads and purges come from one thread.
//! 7. Recycled files are leaked by a crash: recycling is off.
//! 8. A start reserves as many bytes as the header of a file tells it to skip (found by fuzzing): the headers are
//!    looked at first.
//!
//! It also cuts its last file, without a word, at the first footer that does not hold. So the end of the
//! log is compared with what the voter acknowledged, which [`super::voter_state`] keeps elsewhere.
//!
//! [`open`] is what a start does with it, [`entry`] what a batch looks like in it, [`files`] how it reaches the disk.

pub(super) mod entry;
mod files;
mod open;

use std::{
    collections::VecDeque,
    io,
    panic::PanicHookInfo,
    path::{Path, PathBuf},
};

use prost::Message;
use protobuf::well_known_types::BytesValue;
use raft_engine::{Command, LogBatch};
use tracing::info;

use super::{
    Log, LogError,
    directory::{ENGINE_NAME, MetadataDirectory, NAME},
    snapshot_file,
    voter_state::VoterState,
};
use crate::protocol::{
    Epoch, Offset, OffsetAndEpoch, quorum_state::QuorumState, record_batch::RecordBatch,
};
use entry::Entries;
use files::Files;
pub use open::FileSizes;
pub(super) use open::{ENDINGS, open_engine_at, saved_start};

pub(super) type Engine = raft_engine::Engine<Files>;

/// Region of the batches, and nothing else.
pub(super) const ENTRIES: u64 = 1;
/// Region of the keys, and nothing else.
const POSITIONS: u64 = 2;
const LOG_START_KEY: &[u8] = b"log-start";
/// Entries are copied out of the engine in pieces of at most this size.
const READ_BYTES: usize = 1 << 20;

/// Value of [`LOG_START_KEY`].
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct LogStart {
    #[prost(int64, tag = "1")]
    offset: i64,
    /// Epoch of the record before `offset`.
    #[prost(int32, tag = "2")]
    epoch: i32,
    /// Index of the entry that begins at `offset`.
    #[prost(uint64, tag = "3")]
    pub(super) first_index: u64,
}

impl LogStart {
    /// Of a log that no snapshot stands before.
    pub(super) const ZERO: LogStart = LogStart {
        offset: 0,
        epoch: 0,
        first_index: 1,
    };

    /// The snapshot that stands before the log.
    pub(super) fn id(self) -> OffsetAndEpoch {
        OffsetAndEpoch {
            offset: Offset(self.offset),
            epoch: Epoch(self.epoch),
        }
    }
}

/// See the head of this file.
pub struct EngineLog {
    directory: MetadataDirectory,
    engine: Engine,
    voter_state: VoterState,
    start: LogStart,
    /// Base offset and size of each batch in the log, from index `start.first_index` on.
    positions: VecDeque<Position>,
    end: Offset,
    /// End of what is on disk.
    synced_end: Offset,
    /// Appended, not yet written: the batches from `synced_end` to `end`.
    unwritten: Vec<BytesValue>,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    base: Offset,
    bytes: u32,
}

impl EngineLog {
    fn start_id(&self) -> OffsetAndEpoch {
        self.start.id()
    }

    /// Drops all batches: the log continues at the end of a snapshot.
    fn begin_after(&mut self, id: OffsetAndEpoch) -> Result<(), LogError> {
        let start = LogStart {
            offset: id.offset.0,
            epoch: id.epoch.0,
            first_index: self.next_index(),
        };
        self.unwritten.clear();
        self.save_start(start, Command::Clean)?;
        self.positions.clear();
        (self.end, self.synced_end) = (id.offset, id.offset);
        Ok(())
    }

    fn push_position(&mut self, batch: &RecordBatch) {
        let bytes = batch.bytes().len() as u32;
        self.positions.push_back(Position {
            base: batch.base_offset(),
            bytes,
        });
        self.end = batch.end_offset();
    }

    /// Index the next batch gets.
    fn next_index(&self) -> u64 {
        self.start.first_index + self.positions.len() as u64
    }

    /// Position in `positions` of the batch that holds `offset`.
    fn locate(&self, offset: Offset) -> usize {
        self.positions
            .partition_point(|position| position.base <= offset)
            .saturating_sub(1)
    }

    /// Writes what a batch of the engine holds, with one sync. raft-engine panics when the sync itself
    /// fails, which the process does not survive: [`failed_sync`] finds the words for it.
    fn write(&mut self, mut batch: LogBatch, command: Option<Command>) -> Result<(), LogError> {
        if let Some(command) = command {
            batch.add_command(ENTRIES, command);
        }
        if !batch.is_empty() {
            let written = self.engine.write(&mut batch, true);
            written.map_err(|error| self.engine_error("cannot write", error))?;
        }
        Ok(())
    }

    fn engine_error(&self, what: &'static str, error: raft_engine::Error) -> LogError {
        engine_error(what, &self.directory.engine_path(), error)
    }

    /// Drops the entry with this index and all after it.
    fn cut_at(&mut self, index: u64) -> Result<(), LogError> {
        let mut batch = LogBatch::default();
        if index <= self.start.first_index {
            return self.write(batch, Some(Command::Clean));
        }
        // Writing an entry again drops what follows it.
        let kept = self.engine.get_entry::<Entries>(ENTRIES, index - 1);
        let kept = kept.map_err(|error| self.engine_error("cannot read", error))?;
        let kept = kept.ok_or_else(|| {
            corrupt(
                self.directory.engine_path(),
                format!("batch {} is missing", index - 1),
            )
        })?;
        let added = batch.add_entries::<Entries>(ENTRIES, &[kept]);
        added.map_err(|error| self.engine_error("cannot write", error))?;
        self.write(batch, None)
    }

    fn save_start(&mut self, start: LogStart, command: Command) -> Result<(), LogError> {
        let mut batch = LogBatch::default();
        let put = batch.put(POSITIONS, LOG_START_KEY.to_vec(), start.encode_to_vec());
        put.map_err(|error| self.engine_error("cannot write", error))?;
        self.write(batch, Some(command))?;
        self.start = start;
        let purged = self.engine.purge_expired_files();
        purged
            .map(drop)
            .map_err(|error| self.engine_error("cannot purge", error))
    }

    fn delete_snapshots_before(&self, start: OffsetAndEpoch) -> Result<(), LogError> {
        let dir = self.directory.path();
        let snapshots = snapshot_file::list(dir)?;
        let older = snapshots.into_keys().filter(|id| id.offset < start.offset);
        older
            .into_iter()
            .try_for_each(|id| snapshot_file::delete(dir, id))
    }
}

impl Log for EngineLog {
    fn append(&mut self, batch: &RecordBatch) -> Result<(), LogError> {
        assert_eq!(
            batch.base_offset(),
            self.end,
            "batches follow each other without a gap"
        );
        self.unwritten.push(entry::encode(self.next_index(), batch));
        self.push_position(batch);
        Ok(())
    }

    fn sync(&mut self) -> Result<Offset, LogError> {
        let mut batch = LogBatch::with_capacity(self.unwritten.len());
        let added = batch.add_entries::<Entries>(ENTRIES, &self.unwritten);
        added.map_err(|error| self.engine_error("cannot write", error))?;
        self.unwritten.clear();
        self.write(batch, None)?;
        self.synced_end = self.end;
        Ok(self.end)
    }

    fn truncate(&mut self, end: Offset) -> Result<(), LogError> {
        self.sync()?;
        if end >= self.end {
            return Ok(());
        }
        let kept = self
            .positions
            .partition_point(|position| position.base < end);
        if self.positions.get(kept).is_none_or(|next| next.base != end) {
            return Err(LogError::Refused(format!(
                "A leader told to cut the log at offset {end}, within a batch of it: the logs of this \
                 quorum do not come from the same leaders. Compare them with kafka-dump-log.sh before \
                 any of them is started again."
            )));
        }
        self.voter_state.withdraw(end)?;
        self.cut_at(self.start.first_index + kept as u64)?;
        self.positions.truncate(kept);
        info!("the log was truncated from offset {} to {end}", self.end);
        (self.end, self.synced_end) = (end, end);
        Ok(())
    }

    fn save_quorum_state(&mut self, state: &QuorumState) -> Result<(), LogError> {
        self.voter_state.save(state, self.synced_end)?;
        self.voter_state.show_to_java(self.directory.path());
        Ok(())
    }

    fn save_acknowledged(&mut self) -> Result<(), LogError> {
        match self.voter_state.acknowledged_end() < self.synced_end {
            true => self.voter_state.save_acknowledged(self.synced_end),
            false => Ok(()),
        }
    }

    fn read(&mut self, from: Offset, max_bytes: usize) -> Result<Vec<RecordBatch>, LogError> {
        if from >= self.end || from < Offset(self.start.offset) {
            return Ok(Vec::new());
        }
        self.sync()?;
        let first = self.locate(from);
        let mut size = 0;
        let fits = |position: &&Position| {
            size += position.bytes as usize;
            size <= max_bytes
        };
        let count = self
            .positions
            .range(first..)
            .take_while(fits)
            .count()
            .max(1);
        let first = self.start.first_index + first as u64;
        let mut entries = Vec::new();
        let fetched = self.engine.fetch_entries_to::<Entries>(
            ENTRIES,
            first,
            first + count as u64,
            Some(READ_BYTES.max(max_bytes)),
            &mut entries,
        );
        fetched.map_err(|error| self.engine_error("cannot read", error))?;
        let batches = entries.iter().map(entry::batch).collect::<Result<_, _>>();
        batches.map_err(|reason| corrupt(self.directory.engine_path(), reason))
    }

    fn write_snapshot_chunk(
        &mut self,
        id: OffsetAndEpoch,
        position: u64,
        bytes: &[u8],
    ) -> Result<(), LogError> {
        snapshot_file::write_chunk(self.directory.path(), id, position, bytes)
    }

    fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<u64, LogError> {
        self.voter_state.withdraw(id.offset)?;
        let length = snapshot_file::finish(self.directory.path(), id)?;
        self.begin_after(id)?;
        self.delete_snapshots_before(id)?;
        Ok(length)
    }

    fn drop_prefix(&mut self, start: OffsetAndEpoch) -> Result<(), LogError> {
        if start.offset > Offset(self.start.offset) {
            self.sync()?;
            assert!(start.offset <= self.end, "a snapshot ends within its log");
            let dropped = self
                .positions
                .partition_point(|position| position.base < start.offset);
            let first_index = self.start.first_index + dropped as u64;
            let command = match dropped == self.positions.len() {
                true => Command::Clean,
                false => Command::Compact { index: first_index },
            };
            let start = LogStart {
                offset: start.offset.0,
                epoch: start.epoch.0,
                first_index,
            };
            self.save_start(start, command)?;
            self.positions.drain(..dropped);
        }
        self.delete_snapshots_before(start)
    }
}

fn engine_error(what: &'static str, path: &Path, error: raft_engine::Error) -> LogError {
    let source = match error {
        raft_engine::Error::Io(source) => source,
        raft_engine::Error::Corruption(reason) => return corrupt(path.to_owned(), reason),
        error => io::Error::other(error),
    };
    LogError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// What raft-engine says when a sync has failed, for a hook: it panics, so that nothing goes on with a log of which
/// nobody knows what is on the disk. `metadata_log_dir` is where the log of this process is.
pub fn failed_sync(panic: &PanicHookInfo<'_>, metadata_log_dir: &Path) -> Option<LogError> {
    let place = panic.location()?.file();
    // `called `Result::unwrap()` on an `Err` value: Os { code: 5, ... }`
    let text = panic.payload().downcast_ref::<String>()?;
    let (_, code) = text.split_once("Os { code: ")?;
    let (code, _) = code.split_once(',')?;
    let code = code.parse().ok()?;
    place.contains("raft-engine").then(|| LogError::Io {
        what: "cannot sync",
        path: metadata_log_dir.join(NAME).join(ENGINE_NAME),
        source: io::Error::from_raw_os_error(code),
    })
}

pub(super) fn corrupt(path: PathBuf, reason: String) -> LogError {
    LogError::Corrupt {
        path,
        reason,
        remedy: "Restore the files, or move the whole directory away, format an empty one with the \
                 same cluster id, and start while the other voters are up: they have the same records",
    }
}
