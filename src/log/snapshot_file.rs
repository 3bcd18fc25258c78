//! Snapshots as files: Kafka's `.checkpoint` files with Kafka's names (KIP-630), readable by
//! `kafka-dump-log` and `kafka-metadata-shell`, and served byte for byte. Plain files, so any thread may
//! write or read them.
//!
//! A file is written as `<id>.checkpoint.part`, or fetched as `<id>.checkpoint.fetched.part`, synced,
//! renamed and never touched again: what has the final name is complete.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};

use super::{LogError, durable};
use crate::protocol::{
    Epoch, Offset, OffsetAndEpoch, kept_snapshot,
    record_batch::{MAX_SNAPSHOT_BATCH_BYTES, RecordBatch},
};

const SUFFIX: &str = ".checkpoint";
const PART_SUFFIX: &str = ".checkpoint.part";
/// While it is fetched; this node may write one of its own meanwhile.
const FETCHED_SUFFIX: &str = ".checkpoint.fetched.part";
const DELETED_SUFFIX: &str = ".checkpoint.deleted";
/// The file that `format` writes for a quorum with voters in the log: no snapshot of a log.
const BOOTSTRAP_ID: OffsetAndEpoch = OffsetAndEpoch {
    epoch: Epoch(0),
    offset: Offset(0),
};
const READ_BYTES: usize = 1 << 20;

pub fn path(dir: &Path, id: OffsetAndEpoch) -> PathBuf {
    dir.join(format!("{id}{SUFFIX}"))
}

fn part_path(dir: &Path, id: OffsetAndEpoch) -> PathBuf {
    dir.join(format!("{id}{PART_SUFFIX}"))
}

fn fetched_path(dir: &Path, id: OffsetAndEpoch) -> PathBuf {
    dir.join(format!("{id}{FETCHED_SUFFIX}"))
}

/// The snapshot a file name stands for (`%020d-%010d.checkpoint`).
fn parse_name(name: &str) -> Option<OffsetAndEpoch> {
    let (offset, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let well_formed = offset.len() == 20 && epoch.len() == 10;
    let id = OffsetAndEpoch {
        epoch: Epoch(epoch.parse().ok()?),
        offset: Offset(offset.parse().ok()?),
    };
    (well_formed && id.epoch.0 >= 0 && id.offset.0 >= 0).then_some(id)
}

/// The complete snapshots in a directory with their sizes.
pub fn list(dir: &Path) -> Result<BTreeMap<OffsetAndEpoch, u64>, LogError> {
    let mut snapshots = BTreeMap::new();
    let entries = fs::read_dir(dir).map_err(LogError::io("cannot list", dir))?;
    for entry in entries {
        let entry = entry.map_err(LogError::io("cannot list", dir))?;
        let name = entry.file_name();
        if let Some(id) = parse_name(&name.to_string_lossy()).filter(|id| *id != BOOTSTRAP_ID) {
            let metadata = entry
                .metadata()
                .map_err(LogError::io("cannot stat", &entry.path()))?;
            snapshots.insert(id, metadata.len());
        }
    }
    Ok(snapshots)
}

/// See [`kept_snapshot::timestamp_ms`].
pub fn timestamp_ms(dir: &Path, id: OffsetAndEpoch) -> Option<i64> {
    let first = batches(dir, id).ok()?.next()?.ok()?;
    kept_snapshot::timestamp_ms(&first)
}

/// Deletes what a crash left of snapshots that were not complete, or were being deleted.
pub fn delete_leftovers(dir: &Path) -> Result<(), LogError> {
    delete_ending(dir, &[PART_SUFFIX, FETCHED_SUFFIX, DELETED_SUFFIX])
}

fn delete_ending(dir: &Path, suffixes: &[&str]) -> Result<(), LogError> {
    for entry in fs::read_dir(dir).map_err(LogError::io("cannot list", dir))? {
        let path = entry.map_err(LogError::io("cannot list", dir))?.path();
        let name = path.to_string_lossy();
        if suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            fs::remove_file(&path).map_err(LogError::io("cannot delete", &path))?;
        }
    }
    Ok(())
}

/// Writes a whole snapshot and says how long it is. Durable on return.
pub fn write(
    dir: &Path,
    id: OffsetAndEpoch,
    batches: impl IntoIterator<Item = Bytes>,
) -> Result<u64, LogError> {
    durable::write(&part_path(dir, id), &path(dir, id), |file| {
        fill(file, batches)?;
        file.set_permissions(read_only())
    })
}

/// Writes a file of batches under a name of its own. Durable on return.
pub fn write_as(
    dir: &Path,
    name: &str,
    batches: impl IntoIterator<Item = Bytes>,
) -> Result<u64, LogError> {
    let (part, path) = (dir.join(format!("{name}.part")), dir.join(name));
    durable::write(&part, &path, |file| fill(file, batches))
}

fn fill(file: &mut File, batches: impl IntoIterator<Item = Bytes>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    let mut batches = batches.into_iter();
    batches.try_for_each(|batch| writer.write_all(&batch))?;
    writer.flush()
}

/// Writes a piece of a snapshot that comes from elsewhere. The first one takes the place of whatever was fetched before
/// and given up: each may be large.
pub fn write_chunk(
    dir: &Path,
    id: OffsetAndEpoch,
    position: u64,
    bytes: &[u8],
) -> Result<(), LogError> {
    if position == 0 {
        delete_ending(dir, &[FETCHED_SUFFIX])?;
    }
    let part = fetched_path(dir, id);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(position == 0)
        .open(&part)
        .and_then(|file| file.write_all_at(bytes, position))
        .map_err(LogError::io("cannot write", &part))
}

/// Gives a fully written snapshot its name. Durable on return.
pub fn finish(dir: &Path, id: OffsetAndEpoch) -> Result<u64, LogError> {
    let part = fetched_path(dir, id);
    fs::set_permissions(&part, read_only()).map_err(LogError::io("cannot protect", &part))?;
    durable::complete(&part, &path(dir, id))
}

/// A snapshot never changes once it is complete; Kafka's own are read-only too. Set before it has its name: from then
/// on it may be deleted.
fn read_only() -> Permissions {
    Permissions::from_mode(0o400)
}

/// Deletes a snapshot; one that is gone already is no error.
pub fn delete(dir: &Path, id: OffsetAndEpoch) -> Result<(), LogError> {
    let path = path(dir, id);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        deleted => deleted.map_err(LogError::io("cannot delete", &path)),
    }
}

/// Up to `max_bytes` of a snapshot from `position` on.
pub fn read(
    dir: &Path,
    id: OffsetAndEpoch,
    position: u64,
    max_bytes: usize,
) -> Result<Bytes, LogError> {
    let path = path(dir, id);
    let file = open(&path, id)?;
    let length = file
        .metadata()
        .map_err(LogError::io("cannot stat", &path))?
        .len();
    let available = usize::try_from(length.saturating_sub(position)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; available.min(max_bytes)];
    file.read_exact_at(&mut bytes, position)
        .map_err(LogError::io("cannot read", &path))?;
    Ok(bytes.into())
}

fn open(path: &Path, id: OffsetAndEpoch) -> Result<File, LogError> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(LogError::SnapshotNotFound(id))
        }
        opened => opened.map_err(LogError::io("cannot open", path)),
    }
}

/// The batches of a snapshot, one after the other, each checked.
pub struct Batches {
    path: PathBuf,
    reader: File,
    /// Read, not yet split into batches.
    pending: Bytes,
    ended: bool,
}

/// Reads a whole snapshot, to see whether it is as it was written.
pub fn check(dir: &Path, id: OffsetAndEpoch) -> Result<(), LogError> {
    batches(dir, id)?.try_for_each(|batch| batch.map(drop))
}

/// Opens a snapshot to load it.
pub fn batches(dir: &Path, id: OffsetAndEpoch) -> Result<Batches, LogError> {
    let path = path(dir, id);
    open(&path, id).map(|file| Batches::new(path, file))
}

/// Opens a snapshot whose pieces are all there, before [`finish`] gives it its name.
pub fn fetched_batches(dir: &Path, id: OffsetAndEpoch) -> Result<Batches, LogError> {
    batches_of(&fetched_path(dir, id))
}

/// The batches of any file in the form of a snapshot.
pub fn batches_of(path: &Path) -> Result<Batches, LogError> {
    let file = File::open(path).map_err(LogError::io("cannot open", path))?;
    Ok(Batches::new(path.to_owned(), file))
}

impl Batches {
    fn new(path: PathBuf, reader: File) -> Batches {
        Batches {
            path,
            reader,
            pending: Bytes::new(),
            ended: false,
        }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, LogError> {
        loop {
            let mut bytes = self.pending.clone();
            let split = RecordBatch::split_off(&mut bytes);
            if let Some(batch) = split.map_err(|error| self.corrupt(error.to_string()))? {
                self.pending = bytes;
                return Ok(Some(batch));
            }
            let mut longer = BytesMut::with_capacity(self.pending.len() + READ_BYTES);
            longer.extend_from_slice(&self.pending);
            longer.resize(self.pending.len() + READ_BYTES, 0);
            let read = self.reader.read(&mut longer[self.pending.len()..]);
            let count = read.map_err(LogError::io("cannot read", &self.path))?;
            match (count, self.pending.len()) {
                (0, 0) => return Ok(None),
                (0, left) => {
                    return Err(self.corrupt(format!("{left} bytes of a batch at its end")));
                }
                (_, length) if length > MAX_SNAPSHOT_BATCH_BYTES => {
                    return Err(self.corrupt("a batch longer than any".to_owned()));
                }
                (count, length) => longer.truncate(length + count),
            }
            self.pending = longer.freeze();
        }
    }

    /// What is wrong with the file whose batches these are.
    pub fn corrupt(&self, reason: String) -> LogError {
        LogError::Corrupt {
            path: self.path.clone(),
            reason,
            remedy: "Move the file away and start again: an older snapshot and the log may have the \
                     same records, and if they have not, the start says what to do",
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_batch().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
