//! The log of a node as it lies on the disk, for those who only look: read from a copy, so that the node
//! may run meanwhile, and nothing of its files is repaired, locked or cut.

use std::{
    fs::{self, Permissions},
    io,
    ops::RangeInclusive,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    LogError,
    directory::{ENGINE_NAME, NAME},
    engine::{
        self, ENTRIES, Engine, FileSizes, LogStart,
        entry::{self, Entries},
    },
};
use crate::protocol::{Offset, OffsetAndEpoch, record_batch::RecordBatch};

/// A running node may delete files while they are copied; then the copy begins anew.
const ATTEMPTS: u32 = 10;

/// The batches of a log, the oldest first. The engine caches per thread, so a thread reads one such.
pub struct CopiedLog {
    engine: Engine,
    /// Where the files were copied from.
    path: PathBuf,
    start: LogStart,
    indexes: RangeInclusive<u64>,
}

/// Where the log and the snapshots are: `dir` is `__cluster_metadata-0`, or the directory around it.
pub fn metadata_directory(dir: &Path) -> PathBuf {
    let inner = dir.join(NAME);
    if inner.is_dir() {
        inner
    } else {
        dir.to_owned()
    }
}

/// Copies the log in `__cluster_metadata-0`; `None` if there is none of ours. When this returns, nothing is left of the
/// copy but what the engine has open, which goes with the process, however that ends.
pub fn open(metadata_directory: &Path) -> Result<Option<CopiedLog>, LogError> {
    let path = metadata_directory.join(ENGINE_NAME);
    if !path.is_dir() {
        return Ok(None);
    }
    let files = copy(&path)?;
    let engine = engine::open_engine_at(files.path(), FileSizes::default())?;
    let copied = files.path().to_owned();
    files
        .close()
        .map_err(LogError::io("cannot remove", &copied))?;
    let start = engine::saved_start(&engine, &path)?.unwrap_or(LogStart::ZERO);
    let indexes = start.first_index..=engine.last_index(ENTRIES).unwrap_or_default();
    Ok(Some(CopiedLog {
        engine,
        path,
        start,
        indexes,
    }))
}

impl CopiedLog {
    /// The snapshot that the log continues; `None` if it begins at offset zero.
    pub fn start(&self) -> Option<OffsetAndEpoch> {
        Some(self.start.id()).filter(|id| id.offset > Offset(0))
    }

    fn batch(&self, index: u64) -> Result<RecordBatch, LogError> {
        let corrupt =
            |reason: String| engine::corrupt(self.path.clone(), format!("batch {index}: {reason}"));
        let entry = self.engine.get_entry::<Entries>(ENTRIES, index);
        let entry = entry.map_err(|error| corrupt(error.to_string()))?;
        let entry = entry.ok_or_else(|| corrupt("is missing".to_owned()))?;
        entry::batch(&entry).map_err(corrupt)
    }
}

impl Iterator for CopiedLog {
    type Item = Result<RecordBatch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.indexes.next().map(|index| self.batch(index))
    }
}

fn copy(path: &Path) -> Result<TempDir, LogError> {
    let mut copied = try_copy(path);
    for _ in 1..ATTEMPTS {
        match &copied {
            Err(error) if error.kind() == io::ErrorKind::NotFound => copied = try_copy(path),
            Ok(_) | Err(_) => break,
        }
    }
    copied.map_err(LogError::io("cannot copy", path))
}

fn try_copy(path: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    // Records hold passwords, and the folder is in a place that everyone may look into.
    let owners = builder.permissions(Permissions::from_mode(0o700));
    let copy = owners.prefix("kraftd-dump-").tempdir()?;
    for ending in engine::ENDINGS {
        let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
        let mut files = entries.collect::<io::Result<Vec<PathBuf>>>()?;
        files.retain(|file| file.extension().is_some_and(|it| it == ending));
        files.sort();
        for file in files {
            fs::copy(
                &file,
                copy.path().join(file.file_name().unwrap_or_default()),
            )?;
        }
    }
    Ok(copy)
}
