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

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Read},
    panic::PanicHookInfo,
    path::{Path, PathBuf},
};

use prost::Message;
use protobuf::well_known_types::BytesValue;
use raft_engine::{Command, Config, LogBatch, RecoveryMode};
use tracing::{info, warn};

use super::{
    Epochs, Log, LogError, Recovered,
    directory::{ENGINE_NAME, MetadataDirectory, NAME},
    durable,
    engine_files::Files,
    entry::{self, Entries},
    snapshot_file,
    voter_state::VoterState,
};
use crate::protocol::{
    Epoch, NodeId, Offset, OffsetAndEpoch, Uuid,
    quorum_state::{QuorumState, Standing},
    record_batch::RecordBatch,
};

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

/// How large the engine's files are.
#[derive(Clone, Copy, Debug)]
pub struct FileSizes {
    /// A file that has reached this size is followed by a new one.
    pub file_bytes: u64,
    /// Together the files may be this large before old ones are given up.
    pub purge_bytes: u64,
}

impl Default for FileSizes {
    fn default() -> Self {
        FileSizes {
            file_bytes: 16 << 20,
            purge_bytes: 64 << 20,
        }
    }
}

impl EngineLog {
    /// Opens the log, or begins one, and says what was found. Reads all of it.
    pub fn open(
        directory: MetadataDirectory,
        node_id: NodeId,
        directory_id: Uuid,
    ) -> Result<(EngineLog, Recovered), LogError> {
        EngineLog::open_sized(directory, node_id, directory_id, FileSizes::default())
    }

    /// As [`EngineLog::open`], for the only voter: what it has lost no other has, so a damaged log is left as it
    /// is for whoever can save something of it.
    pub fn open_only(
        directory: MetadataDirectory,
        node_id: NodeId,
        directory_id: Uuid,
    ) -> Result<(EngineLog, Recovered), LogError> {
        EngineLog::open_as(directory, node_id, directory_id, FileSizes::default(), true)
    }

    /// As [`EngineLog::open`], with files of another size: tests want many small ones.
    pub fn open_sized(
        directory: MetadataDirectory,
        node_id: NodeId,
        directory_id: Uuid,
        sizes: FileSizes,
    ) -> Result<(EngineLog, Recovered), LogError> {
        EngineLog::open_as(directory, node_id, directory_id, sizes, false)
    }

    fn open_as(
        directory: MetadataDirectory,
        node_id: NodeId,
        directory_id: Uuid,
        sizes: FileSizes,
        is_only_voter: bool,
    ) -> Result<(EngineLog, Recovered), LogError> {
        snapshot_file::delete_leftovers(directory.path())?;
        let snapshots = snapshot_file::list(directory.path())?;
        if directory.engine_path().exists() {
            durable::settle_files(&directory.engine_path())?;
        }
        let engine = open_engine(&directory, sizes)?;
        // What a process left behind that was killed during a sync can be read, but is on no disk yet. It
        // counts as acknowledged from now on.
        durable::sync_files(&directory.engine_path())?;
        durable::sync_files(directory.path())?;
        let saved = saved_start(&engine, &directory.engine_path())?;
        let start = saved.unwrap_or(LogStart::ZERO);
        let has_records =
            saved.is_some() || engine.last_index(ENTRIES).is_some() || !snapshots.is_empty();
        let voter_state = VoterState::open(directory.path(), node_id, directory_id, has_records)?;
        let mut log = EngineLog {
            directory,
            engine,
            voter_state,
            start,
            positions: VecDeque::new(),
            end: Offset(start.offset),
            synced_end: Offset(start.offset),
            unwritten: Vec::new(),
        };
        let mut epochs = log.recover(is_only_voter)?;
        let last_epoch = epochs.last().map(|(epoch, _)| *epoch);
        if log.take_newer_snapshot(snapshots.into_keys(), last_epoch)? {
            epochs.clear();
        }
        log.delete_snapshots_before(log.start_id())?;
        let snapshots = snapshot_file::list(log.directory.path())?;
        log.check_start_snapshot(&snapshots)?;
        let recovered = Recovered {
            quorum_state: log.voter_state.quorum_state(),
            start: log.start_id(),
            end: log.end,
            epochs,
            snapshots,
        };
        Ok((log, recovered))
    }

    fn start_id(&self) -> OffsetAndEpoch {
        self.start.id()
    }

    /// Reads the whole log, tells its epochs, and cuts it where it cannot be read on: after the loss was
    /// written down, since a log that is shorter for good looks sound.
    fn recover(&mut self, is_only_voter: bool) -> Result<Epochs, LogError> {
        let (epochs, damage) = self.scan()?;
        self.synced_end = self.end;
        let (end, acknowledged) = (self.end, self.voter_state.acknowledged_end());
        let loss = match &damage {
            Some((_, reason)) => Some(reason.clone()),
            None if end < acknowledged => Some(format!(
                "the log ends at offset {end}, but {acknowledged} had been acknowledged"
            )),
            None => None,
        };
        match loss {
            Some(loss) if is_only_voter => {
                return Err(LogError::Refused(format!(
                    "this is the only voter, and it has lost records: {loss}. Restore its log directory \
                     from a backup"
                )));
            }
            Some(loss) => self.voter_state.save_loss(&loss)?,
            None => {}
        }
        if let Standing::Amnesiac(reason) = self.voter_state.quorum_state().standing {
            warn!(
                "this voter has lost records it once acknowledged ({reason}): it takes no part in \
                 elections until it has copied what the quorum has committed. Keep the other voters \
                 running until then"
            );
        }
        if let Some((index, _)) = damage {
            self.cut_at(index)?;
        }
        Ok(epochs)
    }

    /// Fills `positions` and `end`, and tells the epochs; and if there is a batch that cannot be read, its
    /// index and what is wrong with it.
    fn scan(&mut self) -> Result<(Epochs, Option<(u64, String)>), LogError> {
        let mut epochs = Epochs::new();
        let begin = self.start.first_index;
        let first = self.engine.first_index(ENTRIES).unwrap_or(begin);
        if first > begin {
            let reason = format!(
                "the log should begin with batch {begin}, but the first one there is {first}"
            );
            return Err(corrupt(self.directory.engine_path(), reason));
        }
        let last = self.engine.last_index(ENTRIES).unwrap_or_default();
        if last < begin {
            self.write(LogBatch::default(), Some(Command::Clean))?;
            return Ok((epochs, None));
        }
        for index in begin..=last {
            let batch = match self.scan_entry(index) {
                Ok(batch) => batch,
                Err(reason) => {
                    let reason = format!("batch {index} at offset {}: {reason}", self.end);
                    return Ok((epochs, Some((index, reason))));
                }
            };
            let newest = epochs.last().map(|(epoch, _)| *epoch);
            if newest.is_none_or(|epoch| epoch < batch.epoch()) {
                epochs.push((batch.epoch(), batch.base_offset()));
            }
            self.push_position(&batch);
        }
        Ok((epochs, None))
    }

    /// A snapshot beyond the end of the log, or of a later epoch than its last, takes its place: a crash came
    /// between its renaming and the cutting of the log, or before the log below it was synced
    /// (`KafkaRaftLog.truncateToLatestSnapshot`). Says whether there was one.
    fn take_newer_snapshot(
        &mut self,
        ids: impl Iterator<Item = OffsetAndEpoch>,
        last_epoch: Option<Epoch>,
    ) -> Result<bool, LogError> {
        let is_newer = |id: &OffsetAndEpoch| {
            id.offset > self.end || last_epoch.is_some_and(|last| id.epoch > last)
        };
        let newest = ids.max_by_key(|id| id.offset);
        let Some(id) = newest.filter(is_newer) else {
            return Ok(false);
        };
        info!(
            "the log, which ends at offset {}, gives way to snapshot {id}, and begins anew after it",
            self.end
        );
        self.begin_after(id)?;
        Ok(true)
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

    fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<(), LogError> {
        self.voter_state.withdraw(id.offset)?;
        snapshot_file::finish(self.directory.path(), id)?;
        self.begin_after(id)?;
        self.delete_snapshots_before(id)
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

fn open_engine(directory: &MetadataDirectory, sizes: FileSizes) -> Result<Engine, LogError> {
    let path = directory.engine_path();
    if !path.exists() {
        fs::create_dir(&path).map_err(LogError::io("cannot create", &path))?;
        durable::sync_directory(directory.path())?;
    }
    let engine = open_engine_at(&path, sizes)?;
    durable::sync_directory(&path)?;
    Ok(engine)
}

/// What the name of a file of the engine ends in; those first whose entries move to the others.
pub(super) const ENDINGS: [&str; 2] = ["raftlog", "rewrite"];

/// Of a file's header, which no checksum protects: the version of its format, ...
const VERSION: std::ops::Range<usize> = 53..61;
/// ... and, in version 2, to what multiple its batches are padded. Ours are not. A file that a crash left
/// without a header is gone on with in version 1, where batches begin here.
const PADDING: std::ops::Range<usize> = 61..69;

/// Trap 8.
fn check_headers(path: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(path).map_err(LogError::io("cannot list", path))? {
        let file = entry.map_err(LogError::io("cannot list", path))?.path();
        if file
            .extension()
            .is_none_or(|it| !ENDINGS.iter().any(|ending| it == *ending))
        {
            continue;
        }
        let mut header = [0; PADDING.end];
        let read = fs::File::open(&file).and_then(|mut file| file.read_exact(&mut header));
        match read {
            // Cut short when it was made: the engine makes it anew.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            read => read.map_err(LogError::io("cannot read", &file))?,
        }
        let has_padding = header[VERSION] == 2u64.to_be_bytes();
        if has_padding && header[PADDING].iter().any(|byte| *byte != 0) {
            return Err(corrupt(
                file,
                "its header is not what was written".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Opens the engine whose files are in this directory, which must exist.
pub(super) fn open_engine_at(path: &Path, sizes: FileSizes) -> Result<Engine, LogError> {
    check_headers(path)?;
    let config = Config {
        dir: path.to_string_lossy().into_owned(),
        recovery_mode: RecoveryMode::TolerateTailCorruption,
        recovery_threads: 2,
        batch_compression_threshold: raft_engine::ReadableSize(0),
        target_file_size: raft_engine::ReadableSize(sizes.file_bytes),
        purge_threshold: raft_engine::ReadableSize(sizes.purge_bytes),
        enable_log_recycle: false,
        prefill_for_recycle: false,
        ..Default::default()
    };
    let opened = Engine::open_with_file_system(config, Files.into());
    opened.map_err(|error| engine_error("cannot open", path, error))
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

/// Where the log begins, if that was ever written down.
pub(super) fn saved_start(engine: &Engine, path: &Path) -> Result<Option<LogStart>, LogError> {
    let value = engine.get(POSITIONS, LOG_START_KEY);
    let start = value.map(|value| LogStart::decode(value.as_slice()));
    start
        .transpose()
        .map_err(|error| corrupt(path.to_owned(), error.to_string()))
}

pub(super) fn corrupt(path: PathBuf, reason: String) -> LogError {
    LogError::Corrupt {
        path,
        reason,
        remedy: "Restore the files, or move the whole directory away, format an empty one with the \
                 same cluster id, and start while the other voters are up: they have the same records",
    }
}
