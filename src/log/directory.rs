//! The directory `__cluster_metadata-0` of a node: who may work in it, and what makes others keep out.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, FlockOperation, access, fcntl_lock},
    io::Errno,
    process::{Flock, FlockType, fcntl_getlk},
};

use super::{LogError, durable, voter_state};
use crate::protocol::{NodeId, Uuid};

/// Name of the directory below `metadata.log.dir`, as with Kafka.
pub const NAME: &str = "__cluster_metadata-0";

/// Holds our log. It bears the name of Kafka's first log segment, so that a Java controller that is
/// started on this directory fails to open its log instead of voting with an empty one.
pub(super) const ENGINE_NAME: &str = "00000000000000000000.log";

/// The directory of the metadata log, locked as long as this lives.
#[derive(Debug)]
pub struct MetadataDirectory {
    path: PathBuf,
    _lock: File,
}

impl MetadataDirectory {
    /// Locks `metadata_log_dir` (which must be formatted, so exist) and prepares the directory of the
    /// log in it.
    pub fn open(metadata_log_dir: &Path) -> Result<MetadataDirectory, LogError> {
        let lock = lock(metadata_log_dir)?;
        let path = metadata_log_dir.join(NAME);
        if !path.exists() {
            fs::create_dir(&path).map_err(LogError::io("cannot create", &path))?;
            durable::sync_directory(metadata_log_dir)?;
        }
        refuse_java_log(&path)?;
        Ok(MetadataDirectory { path, _lock: lock })
    }

    /// `__cluster_metadata-0` itself, where snapshots lie.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn engine_path(&self) -> PathBuf {
        self.path.join(ENGINE_NAME)
    }
}

const READ_AND_WRITE: Access = Access::READ_OK.union(Access::WRITE_OK);

/// Whether the directory is in use, or another node's, or a Java controller's, or has something that this user may not
/// open; found out without writing anything, for a start that something else may stop yet.
pub fn refuse_others(
    metadata_log_dir: &Path,
    node_id: NodeId,
    directory_id: Option<Uuid>,
) -> Result<(), LogError> {
    reach("cannot write to", metadata_log_dir, Access::WRITE_OK)?;
    if is_in_use(metadata_log_dir)? {
        return Err(in_use(metadata_log_dir));
    }
    let lock = metadata_log_dir.join(LOCK_NAME);
    if lock.exists() {
        reach("cannot open", &lock, READ_AND_WRITE)?;
    }
    let log = metadata_log_dir.join(NAME);
    if !log.exists() {
        return Ok(());
    }
    refuse_java_log(&log)?;
    reach_all(&log)?;
    voter_state::refuse_others(&log, node_id, directory_id)
}

/// Whether a start could open what it opens in the directory of the log.
fn reach_all(log: &Path) -> Result<(), LogError> {
    let engine = log.join(ENGINE_NAME);
    for dir in [log, &engine].into_iter().filter(|dir| dir.is_dir()) {
        reach("cannot write to", dir, READ_AND_WRITE | Access::EXEC_OK)?;
        for entry in fs::read_dir(dir).map_err(LogError::io("cannot list", dir))? {
            let path = entry.map_err(LogError::io("cannot list", dir))?.path();
            let is_written = dir == engine || path.ends_with(voter_state::NAME);
            let how = match is_written {
                true => READ_AND_WRITE,
                false => Access::READ_OK,
            };
            if path.is_file() {
                reach("cannot open", &path, how)?;
            }
        }
    }
    Ok(())
}

fn reach(what: &'static str, path: &Path, how: Access) -> Result<(), LogError> {
    let allowed = access(path, how).map_err(io::Error::from);
    allowed.map_err(LogError::io(what, path))
}

/// Refuses a directory without `meta.properties` in whose `__cluster_metadata-0` a node has left something.
pub fn refuse_leftovers(metadata_log_dir: &Path) -> Result<(), LogError> {
    let log = metadata_log_dir.join(NAME);
    match fs::read_dir(&log).is_ok_and(|mut entries| entries.next().is_some()) {
        false => Ok(()),
        true => Err(LogError::Refused(format!(
            "{} was left from before, or by another node, and its meta.properties is gone. If it is this node's, \
             bring back the meta.properties that it was formatted with. If the node shall begin anew, move {NAME} \
             away, format again, and start while the other voters are up.",
            log.display()
        ))),
    }
}

/// Whether a node, ours or Java's, runs on a directory.
pub fn is_in_use(dir: &Path) -> Result<bool, LogError> {
    lock_holder(dir).map(|held| held.is_some())
}

/// The id of the process that has locked a directory.
pub fn holder(dir: &Path) -> Option<i32> {
    let held = lock_holder(dir).ok().flatten()?;
    Some(held.pid?.as_raw_nonzero().get())
}

/// The lock on a directory, if there is one. To try and take it would be in the way of a start.
fn lock_holder(dir: &Path) -> Result<Option<Flock>, LogError> {
    let path = dir.join(LOCK_NAME);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(LogError::io("cannot open", &path))?,
    };
    let held = fcntl_getlk(file, &Flock::from(FlockType::WriteLock));
    held.map_err(|error| LogError::io("cannot ask for the lock on", &path)(error.into()))
}

/// The lock that Kafka takes too (a POSIX record lock): neither a second kraftd nor a Java node runs on the
/// same directory.
pub const LOCK_NAME: &str = ".lock";

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join(LOCK_NAME);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = file.map_err(LogError::io("cannot open", &path))?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(in_use(dir)),
        Err(error) => Err(LogError::io("cannot lock", &path)(error.into())),
    }
}

fn in_use(dir: &Path) -> LogError {
    LogError::Refused(format!(
        "Failed to acquire lock on file .lock in {}. A Kafka instance in another process or thread is \
         using this directory. Stop it, or give this node a directory of its own.",
        dir.display()
    ))
}

/// Kafka's log segments are files; ours is the directory of that name.
pub fn is_java_segment(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "log") && path.is_file()
}

fn refuse_java_log(dir: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(dir).map_err(LogError::io("cannot list", dir))? {
        let entry = entry.map_err(LogError::io("cannot list", dir))?;
        let path = entry.path();
        if is_java_segment(&path) {
            return Err(LogError::Refused(format!(
                "{} is a log segment of a Java controller, which this release cannot take over. Start \
                 the Java controller on it again, or give kraftd an empty directory, formatted with \
                 the same cluster id, while the other voters are up and have all records.",
                path.display()
            )));
        }
    }
    Ok(())
}
