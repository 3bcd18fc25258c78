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
//!
//! It also cuts its last file, without a word, at the first footer that does not hold. So the end of the
//! log is compared with what the voter acknowledged, which [`super::voter_state`] keeps elsewhere.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::PathBuf,
};

use bytes::Bytes;
use prost::Message;
use protobuf::well_known_types::BytesValue;
use raft_engine::{Command, Config, Engine, LogBatch, RecoveryMode, env::DefaultFileSystem};
use tracing::{info, warn};

use super::{
    Epochs, Log, LogError, Recovered,
    directory::MetadataDirectory,
    entry::{self, Entries},
    snapshot_file,
    voter_state::{Found, VoterState},
};
use crate::protocol::{
    Epoch, NodeId, Offset, OffsetAndEpoch, Uuid,
    quorum_state::{QuorumState, Standing},
    record_batch::RecordBatch,
};

/// Region of the batches, and nothing else.
const ENTRIES: u64 = 1;
/// Region of the keys, and nothing else.
const POSITIONS: u64 = 2;
const LOG_START_KEY: &[u8] = b"log-start";
/// Entries are copied out of the engine in pieces of at most this size.
const READ_BYTES: usize = 1 << 20;

/// Value of [`LOG_START_KEY`].
#[derive(Clone, Copy, PartialEq, Message)]
struct LogStart {
    #[prost(int64, tag = "1")]
    offset: i64,
    /// Epoch of the record before `offset`.
    #[prost(int32, tag = "2")]
    epoch: i32,
    /// Index of the entry that begins at `offset`.
    #[prost(uint64, tag = "3")]
    first_index: u64,
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
    /// Appended, not yet written.
    unwritten: Vec<BytesValue>,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    base: Offset,
    bytes: u32,
}

impl EngineLog {
    /// Opens the log, or begins one, and says what was found. Reads all of it.
    pub fn open(
        directory: MetadataDirectory,
        node_id: NodeId,
        directory_id: Uuid,
    ) -> Result<(EngineLog, Recovered), LogError> {
        let (voter_state, found) = VoterState::open(directory.path(), node_id, directory_id)?;
        snapshot_file::delete_leftovers(directory.path())?;
        let snapshots = snapshot_file::list(directory.path())?;
        let engine = open_engine(&directory)?;
        let start = match engine.get(POSITIONS, LOG_START_KEY) {
            None => LogStart {
                first_index: 1,
                ..Default::default()
            },
            Some(value) => LogStart::decode(value.as_slice())
                .map_err(|error| corrupt(directory.engine_path(), error.to_string()))?,
        };
        let mut log = EngineLog {
            directory,
            engine,
            voter_state,
            start,
            positions: VecDeque::new(),
            end: Offset(start.offset),
            unwritten: Vec::new(),
        };
        let (epochs, damage) = log.scan()?;
        let mut quorum_state = log.voter_state.quorum_state();
        quorum_state.standing = log.standing(quorum_state.standing, found, damage);
        log.voter_state.set_standing(quorum_state.standing.clone());
        log.check_start_snapshot(&snapshots)?;
        let recovered = Recovered {
            quorum_state,
            start: log.start_id(),
            end: log.end,
            epochs,
            snapshots,
        };
        Ok((log, recovered))
    }

    fn start_id(&self) -> OffsetAndEpoch {
        OffsetAndEpoch {
            offset: Offset(self.start.offset),
            epoch: Epoch(self.start.epoch),
        }
    }

    /// Whether this log may be trusted with a vote.
    fn standing(&self, saved: Standing, found: Found, damage: Option<String>) -> Standing {
        let acknowledged = self.voter_state.acknowledged_end();
        let reason = match (found, damage) {
            (Found::Unreadable, _) => {
                Some("the file voter-state holds nothing that can be read".to_owned())
            }
            (Found::Nothing, _) if self.end > Offset(0) => {
                Some("the log has records, but the file voter-state is missing".to_owned())
            }
            (Found::Nothing | Found::State, Some(damage)) => Some(damage),
            (Found::Nothing | Found::State, None) if self.end < acknowledged => Some(format!(
                "the log ends at offset {}, but {acknowledged} had been acknowledged",
                self.end
            )),
            (Found::Nothing | Found::State, None) => None,
        };
        match reason {
            None => saved,
            Some(reason) => {
                warn!(
                    "this voter has lost records it once acknowledged ({reason}): it takes no part in \
                     elections until it has copied what the quorum has committed"
                );
                Standing::Amnesiac(reason)
            }
        }
    }

    /// Reads the whole log: fills `positions` and `end`, and tells the epochs. Cuts the log where it
    /// cannot be read on, and says so.
    fn scan(&mut self) -> Result<(Epochs, Option<String>), LogError> {
        let mut epochs = Epochs::new();
        let first = self
            .engine
            .first_index(ENTRIES)
            .unwrap_or(self.start.first_index);
        if first > self.start.first_index {
            let reason = format!(
                "the log should begin with batch {}, but the first one there is {first}",
                self.start.first_index
            );
            return Err(corrupt(self.directory.engine_path(), reason));
        }
        let last = self.engine.last_index(ENTRIES).unwrap_or_default();
        if last < self.start.first_index {
            self.write(LogBatch::default(), Some(Command::Clean))?;
            return Ok((epochs, None));
        }
        for index in self.start.first_index..=last {
            match self.scan_entry(index) {
                Ok(batch) => {
                    if epochs
                        .last()
                        .is_none_or(|(epoch, _)| *epoch < batch.epoch())
                    {
                        epochs.push((batch.epoch(), batch.base_offset()));
                    }
                    self.push_position(&batch);
                }
                Err(reason) => {
                    let damage = format!("batch {index} at offset {}: {reason}", self.end);
                    self.cut_at(index)?;
                    return Ok((epochs, Some(damage)));
                }
            }
        }
        Ok((epochs, None))
    }

    fn scan_entry(&self, index: u64) -> Result<RecordBatch, String> {
        let entry = self.engine.get_entry::<Entries>(ENTRIES, index);
        let entry = entry
            .map_err(|error| error.to_string())?
            .ok_or("is missing")?;
        let batch = entry::batch(&entry)?;
        match batch.base_offset() == self.end {
            true => Ok(batch),
            false => Err(format!("begins at offset {}", batch.base_offset())),
        }
    }

    /// A log that does not begin at zero needs the snapshot of what came before.
    fn check_start_snapshot(
        &self,
        snapshots: &BTreeMap<OffsetAndEpoch, u64>,
    ) -> Result<(), LogError> {
        let start = self.start_id();
        if start.offset > Offset(0) && !snapshots.contains_key(&start) {
            return Err(LogError::Corrupt {
                path: snapshot_file::path(self.directory.path(), start),
                reason: format!(
                    "the log begins at offset {}, but its snapshot is gone",
                    start.offset
                ),
                remedy: "Bring the file back, or empty this directory, format it again with the same \
                         cluster id, and start while the other voters are up",
            });
        }
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
    /// fails, which the process does not survive.
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
        LogError::Io {
            what,
            path: self.directory.engine_path(),
            source: io::Error::other(error),
        }
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
        self.cut_at(self.start.first_index + kept as u64)?;
        self.positions.truncate(kept);
        info!("the log was truncated from offset {} to {end}", self.end);
        self.end = end;
        self.voter_state.truncate(end)
    }

    fn save_quorum_state(&mut self, state: &QuorumState) -> Result<(), LogError> {
        self.voter_state.save(state, self.end)?;
        self.voter_state.show_to_java(self.directory.path());
        Ok(())
    }

    fn save_acknowledged(&mut self) -> Result<(), LogError> {
        match self.voter_state.acknowledged_end() < self.end {
            true => self.voter_state.save_acknowledged(self.end),
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

    fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<(), LogError> {
        snapshot_file::finish(self.directory.path(), id)?;
        let first_index = self.next_index();
        self.unwritten.clear();
        let start = LogStart {
            offset: id.offset.0,
            epoch: id.epoch.0,
            first_index,
        };
        self.save_start(start, Command::Clean)?;
        self.positions.clear();
        self.end = id.offset;
        self.delete_snapshots_before(id)
    }

    fn read_snapshot(
        &self,
        id: OffsetAndEpoch,
        position: u64,
        max_bytes: usize,
    ) -> Result<Bytes, LogError> {
        snapshot_file::read(self.directory.path(), id, position, max_bytes)
    }

    fn drop_prefix(&mut self, start: OffsetAndEpoch) -> Result<(), LogError> {
        if start.offset > Offset(self.start.offset) {
            self.sync()?;
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

impl EngineLog {
    fn delete_snapshots_before(&self, start: OffsetAndEpoch) -> Result<(), LogError> {
        let dir = self.directory.path();
        let snapshots = snapshot_file::list(dir)?;
        let older = snapshots.into_keys().filter(|id| id.offset < start.offset);
        older
            .into_iter()
            .try_for_each(|id| snapshot_file::delete(dir, id))
    }
}

fn open_engine(directory: &MetadataDirectory) -> Result<Engine, LogError> {
    let path = directory.engine_path();
    if !path.exists() {
        fs::create_dir(&path).map_err(LogError::io("cannot create", &path))?;
        snapshot_file::sync_directory(directory.path())?;
    }
    let config = Config {
        dir: path.to_string_lossy().into_owned(),
        recovery_mode: RecoveryMode::TolerateTailCorruption,
        recovery_threads: 2,
        batch_compression_threshold: raft_engine::ReadableSize(0),
        target_file_size: raft_engine::ReadableSize::mb(16),
        purge_threshold: raft_engine::ReadableSize::mb(64),
        enable_log_recycle: false,
        prefill_for_recycle: false,
        ..Default::default()
    };
    let opened = Engine::open_with_file_system(config, DefaultFileSystem.into());
    let engine = opened.map_err(|error| corrupt(path.clone(), error.to_string()))?;
    snapshot_file::sync_directory(&path)?;
    Ok(engine)
}

fn corrupt(path: PathBuf, reason: String) -> LogError {
    LogError::Corrupt {
        path,
        reason,
        remedy: "Restore the files, or move the whole directory away, format an empty one with the \
                 same cluster id, and start while the other voters are up: they have the same records",
    }
}
