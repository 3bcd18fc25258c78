//! Snapshots are plain files, so that the log need not wait for them: each is written by a thread of its own, and one
//! more reads what others fetch.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tracing::info;

use super::{
    die,
    inbox::{Inbox, Input},
};
use crate::{
    controller::{LogEvent, SnapshotBatches},
    log::{LogError, snapshot_file},
    protocol::OffsetAndEpoch,
};

/// A part that somebody fetches.
pub struct Read {
    pub id: OffsetAndEpoch,
    pub position: u64,
    pub max_bytes: usize,
    /// Takes what was read; nothing, if the snapshot is gone.
    pub answer: Box<dyn FnOnce(Option<Bytes>) + Send>,
}

/// The way to these threads.
pub struct SnapshotThreads {
    /// `__cluster_metadata-0`
    directory: PathBuf,
    reads: Sender<Read>,
    inbox: Arc<Inbox>,
}

impl SnapshotThreads {
    pub fn start(directory: PathBuf, inbox: Arc<Inbox>) -> Result<SnapshotThreads, String> {
        let (reads, queue) = mpsc::channel();
        let served = directory.clone();
        thread::Builder::new()
            .name("snapshot-reads".to_owned())
            .spawn(move || serve(&served, &queue))
            .map_err(|error| format!("cannot start the thread that reads snapshots: {error}"))?;
        Ok(SnapshotThreads {
            directory,
            reads,
            inbox,
        })
    }

    /// A connection has one request in flight, so there are never more reads than connections.
    pub fn read(&self, read: Read) {
        // The thread only ends with the process.
        let _ending = self.reads.send(read);
    }

    pub fn write(&self, id: OffsetAndEpoch, batches: SnapshotBatches) {
        let (directory, inbox) = (self.directory.clone(), self.inbox.clone());
        let write = move || match snapshot_file::write(&directory, id, batches) {
            Ok(bytes) => {
                info!("wrote snapshot {id}: {bytes} bytes");
                inbox.push(Input::Log(LogEvent::SnapshotWritten { id, bytes }));
            }
            Err(error) => die(&error.to_string()),
        };
        let started = thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(write);
        if let Err(error) = started {
            die(&format!(
                "cannot start a thread to write snapshot {id}: {error}"
            ));
        }
    }
}

/// What was found sound is looked at again after this time at the earliest: when many begin to fetch it together, to
/// read all of it for each would take longer than they wait.
const TRUST: Duration = Duration::from_secs(60);

fn serve(directory: &Path, queue: &Receiver<Read>) {
    let mut checked = None;
    for read in queue {
        let Read {
            id,
            position,
            max_bytes,
            answer,
        } = read;
        match read_part(directory, id, position, max_bytes, &mut checked) {
            Ok(bytes) => answer(Some(bytes)),
            Err(LogError::SnapshotNotFound(_)) => answer(None),
            Err(error) => die(&error.to_string()),
        }
    }
}

/// Who begins to fetch a snapshot is told nothing of one that has rotted here: it would take all of it, find the
/// damage, and look for it on its own disk.
fn read_part(
    directory: &Path,
    id: OffsetAndEpoch,
    position: u64,
    max_bytes: usize,
    checked: &mut Option<(OffsetAndEpoch, Instant)>,
) -> Result<Bytes, LogError> {
    let is_sound = |(known, at): (OffsetAndEpoch, Instant)| known == id && at.elapsed() < TRUST;
    if position == 0 && !checked.is_some_and(is_sound) {
        snapshot_file::check(directory, id)?;
        *checked = Some((id, Instant::now()));
    }
    snapshot_file::read(directory, id, position, max_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        Epoch, Offset,
        record_batch::RecordBatch,
        records::{MetadataRecord, NoOpRecord},
    };

    /// When a hundred brokers begin together, the ninety-ninth must not wait for ninety-eight checks of all of it.
    #[test]
    fn a_snapshot_is_checked_once_a_minute() {
        let dir = tempfile::tempdir().expect("a folder");
        let id = OffsetAndEpoch {
            offset: Offset(7),
            epoch: Epoch(1),
        };
        let record = MetadataRecord::from(NoOpRecord::default());
        let batch = RecordBatch::of_records(Offset(0), id.epoch, 0, [(&record, 0)]);
        let bytes = batch.expect("a batch").bytes().clone();
        snapshot_file::write(dir.path(), id, [bytes.clone()]).expect("writes");
        let mut checked = None;
        let mut read = || read_part(dir.path(), id, 0, 100, &mut checked);
        assert_eq!(read().expect("sound"), bytes);
        let path = snapshot_file::path(dir.path(), id);
        std::fs::remove_file(&path).expect("it was there");
        std::fs::write(&path, b"rot").expect("writes");
        assert_eq!(read().expect("trusted"), Bytes::from_static(b"rot"));
        checked = None;
        let error = read_part(dir.path(), id, 0, 100, &mut checked).expect_err("rotten");
        assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
    }
}
