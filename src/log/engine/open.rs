//! What a start does with the log: opens it, reads all of it, and cuts it where it cannot be read on.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Read},
    ops::Range,
    path::Path,
    thread,
};

use prost::Message;
use raft_engine::{Command, Config, LogBatch, RecoveryMode};
use tracing::{info, warn};

use super::{
    ENTRIES, Engine, EngineLog, LOG_START_KEY, LogStart, POSITIONS, corrupt, engine_error,
    entry::{self, Entries},
    files::Files,
};
use crate::{
    log::{
        Epochs, LogError, Recovered, copy,
        directory::MetadataDirectory,
        durable, part_sizes, snapshot_file,
        voter_state::{self, VoterState},
    },
    protocol::{
        Epoch, NodeId, Offset, OffsetAndEpoch, Uuid, kept_snapshot::KeptSnapshot,
        quorum_state::Standing, record_batch::RecordBatch,
    },
};

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
        if is_only_voter {
            refuse_to_cut(&directory, node_id, directory_id)?;
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
        let snapshots = log.kept_snapshots(&snapshots);
        let recovered = Recovered {
            quorum_state: log.voter_state.quorum_state(),
            start: log.start_id(),
            end: log.end,
            epochs,
            snapshots,
        };
        Ok((log, recovered))
    }

    /// Snapshots, of which the sizes are known, with their parts of the log.
    fn kept_snapshots(
        &self,
        sizes: &BTreeMap<OffsetAndEpoch, u64>,
    ) -> BTreeMap<OffsetAndEpoch, KeptSnapshot> {
        let dir = self.directory.path();
        let batches = self.positions.iter();
        let batches = batches.map(|position| (position.base, u64::from(position.bytes)));
        let parts = part_sizes(sizes.keys(), batches);
        let kept = sizes.iter().zip(parts).map(|((id, bytes), log_bytes)| {
            let kept = KeptSnapshot {
                bytes: *bytes,
                log_bytes,
                timestamp_ms: snapshot_file::timestamp_ms(dir, *id).unwrap_or_default(),
            };
            (*id, kept)
        });
        kept.collect()
    }

    /// Reads the whole log, tells its epochs, and cuts it where it cannot be read on: after the loss was
    /// written down, since a log that is shorter for good looks sound.
    fn recover(&mut self, is_only_voter: bool) -> Result<Epochs, LogError> {
        let (epochs, damage) = self.scan()?;
        self.synced_end = self.end;
        let (end, acknowledged) = (self.end, self.voter_state.acknowledged_end());
        let loss = damage.as_ref().map(|(_, reason)| reason.clone());
        let loss = loss.or_else(|| too_short(end, acknowledged));
        match loss {
            Some(loss) if is_only_voter => {
                return Err(lost_for_good(&loss));
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
}

fn too_short(end: Offset, acknowledged: Offset) -> Option<String> {
    (end < acknowledged)
        .then(|| format!("the log ends at offset {end}, but {acknowledged} had been acknowledged"))
}

fn lost_for_good(loss: &str) -> LogError {
    LogError::Refused(format!(
        "this is the only voter, and it has lost records: {loss}. Restore its log directory from a backup"
    ))
}

/// Opening the engine cuts the last file where it cannot be read on, with all that may be sound behind that. For the only
/// voter a copy is looked at before: what it has lost, somebody may still save. Where there is no room for a copy, it is not.
fn refuse_to_cut(
    directory: &MetadataDirectory,
    node_id: NodeId,
    directory_id: Uuid,
) -> Result<(), LogError> {
    let path = directory.path();
    if !voter_state::exists(path) {
        // Nothing is known to have been acknowledged.
        return Ok(());
    }
    // A batch that cannot be read is told when the log is: opening cuts none.
    let ends = || {
        let Some(mut log) = copy::open(path)? else {
            return Ok(Offset(0));
        };
        let start = log.start().map_or(Offset(0), |start| start.offset);
        log.try_fold(start, |_, batch| Ok(batch?.end_offset()))
    };
    // In a thread of its own, since the engine caches per thread whatever it has read.
    let looked: Option<Result<Offset, LogError>> =
        thread::scope(|scope| scope.spawn(ends).join().ok());
    let Some(Ok(end)) = looked else {
        return Ok(());
    };
    let voter_state = VoterState::open(path, node_id, directory_id, end > Offset(0))?;
    match too_short(end, voter_state.acknowledged_end()) {
        Some(loss) => Err(lost_for_good(&loss)),
        None => Ok(()),
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
pub(in crate::log) const ENDINGS: [&str; 2] = ["raftlog", "rewrite"];

/// Of a file's header, which no checksum protects: the version of its format, ...
const VERSION: Range<usize> = 53..61;
/// ... and, in version 2, to what multiple its batches are padded. Ours are not. A file that a crash left
/// without a header is gone on with in version 1, where batches begin here.
const PADDING: Range<usize> = 61..69;

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
pub(in crate::log) fn open_engine_at(path: &Path, sizes: FileSizes) -> Result<Engine, LogError> {
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

/// Where the log begins, if that was ever written down.
pub(in crate::log) fn saved_start(
    engine: &Engine,
    path: &Path,
) -> Result<Option<LogStart>, LogError> {
    let value = engine.get(POSITIONS, LOG_START_KEY);
    let start = value.map(|value| LogStart::decode(value.as_slice()));
    start
        .transpose()
        .map_err(|error| corrupt(path.to_owned(), error.to_string()))
}
