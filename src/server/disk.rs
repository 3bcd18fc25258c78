//! The disk thread: owns the log, and does one thing after the other in the order it was told. What was
//! appended while a sync was in flight goes with the next one (group commit).

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tracing::error;

use super::{
    die,
    inbox::{Inbox, Input},
    restore::restore,
    snapshots::SnapshotThreads,
};
use crate::{
    controller::{LoadedSnapshot, LogEvent, Restored, SnapshotLoader},
    log::{Log, LogError, Recovered, engine::EngineLog, snapshot_file},
    protocol::{Offset, OffsetAndEpoch, quorum_state::QuorumState, record_batch::RecordBatch},
};

/// What was acknowledged is noted beside the log when nothing else is to be done, ...
const ACKNOWLEDGE_WHEN_IDLE: Duration = Duration::from_millis(50);
/// ... and at least so often while the disk is busy.
const ACKNOWLEDGE_AT_LEAST: Duration = Duration::from_secs(1);

/// So much is appended before a sync at most, however fast more comes.
const MAX_UNSYNCED_BYTES: usize = 4 << 20;

/// A node that ends waits so long for its disk: what was acknowledged is there already.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What the disk thread can do.
pub enum Job {
    Append(RecordBatch),
    SaveQuorumState(QuorumState, Sender<()>),
    Truncate(Offset, Sender<()>),
    Read {
        from: Offset,
        max_bytes: usize,
        /// Takes what was read.
        answer: Box<dyn FnOnce(Vec<RecordBatch>) + Send>,
    },
    WriteSnapshotChunk {
        id: OffsetAndEpoch,
        position: u64,
        bytes: Bytes,
    },
    InstallSnapshot(OffsetAndEpoch),
    DropPrefix(OffsetAndEpoch),
    /// Everything before this was done; the thread ends, and drops this.
    Stop(Sender<()>),
}

/// The way to the disk thread.
pub struct Disk {
    jobs: Sender<Job>,
    pub snapshots: SnapshotThreads,
    /// `__cluster_metadata-0`
    directory: PathBuf,
}

impl Disk {
    /// Starts the thread, which opens and reads the log itself: raft-engine caches what a thread has read, so
    /// only one thread may ever read a log. Says what it found.
    pub fn start(
        directory: PathBuf,
        open: impl FnOnce() -> Result<(EngineLog, Recovered), LogError> + Send + 'static,
        inbox: Arc<Inbox>,
    ) -> Result<(Disk, Restored), String> {
        let (jobs, queue) = mpsc::channel();
        let (found, recovered) = mpsc::channel();
        let snapshots = SnapshotThreads::start(directory.clone(), inbox.clone())?;
        let writer_directory = directory.clone();
        let run = move || match open_and_restore(open, &writer_directory) {
            Err(error) => drop(found.send(Err(error))),
            Ok((log, restored)) => {
                let _waiting = found.send(Ok(restored));
                let writer = Writer {
                    log,
                    directory: writer_directory,
                    inbox,
                    unsynced_bytes: 0,
                    noted: Instant::now(),
                };
                writer.run(&queue);
            }
        };
        let thread = thread::Builder::new().name("disk".to_owned()).spawn(run);
        thread.map_err(|error| format!("cannot start the disk thread: {error}"))?;
        let recovered = recovered
            .recv()
            .map_err(|_| "the disk thread ended early".to_owned())??;
        let disk = Disk {
            jobs,
            snapshots,
            directory,
        };
        Ok((disk, recovered))
    }

    pub fn send(&self, job: Job) {
        // The thread only ends with the process.
        let _ending = self.jobs.send(job);
    }

    /// Waits until the quorum state is durable.
    pub fn save_quorum_state(&self, state: QuorumState) {
        self.wait(|done| Job::SaveQuorumState(state, done));
    }

    /// Waits until the log is shorter.
    pub fn truncate(&self, end: Offset) {
        self.wait(|done| Job::Truncate(end, done));
    }

    fn wait(&self, job: impl FnOnce(Sender<()>) -> Job) {
        let (done, finished) = mpsc::channel();
        self.send(job(done));
        // A thread that cannot do it has ended the process: no answer never means that it is done.
        if finished.recv().is_err() {
            die("the disk thread has ended");
        }
    }

    /// Ends the thread when all its work is done, unless the disk hangs.
    pub fn stop(self) {
        let (working, ended) = mpsc::channel();
        self.send(Job::Stop(working));
        match ended.recv_timeout(STOP_PATIENCE) {
            Err(RecvTimeoutError::Timeout) => error!(
                "the disk of {} has done nothing for {} s: ending without it. What was acknowledged is safe",
                self.directory.display(),
                STOP_PATIENCE.as_secs()
            ),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
        }
    }
}

struct Writer {
    log: EngineLog,
    directory: PathBuf,
    inbox: Arc<Inbox>,
    /// Size of what was appended since the last sync.
    unsynced_bytes: usize,
    /// When the acknowledged end was last written down.
    noted: Instant,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Job>) {
        let working = self.work(queue);
        self.sync();
        self.note();
        // The engine gives back the space that it has taken ahead.
        drop(self);
        drop(working);
    }

    /// Works until it shall stop, and returns what tells that it has.
    fn work(&mut self, queue: &Receiver<Job>) -> Option<Sender<()>> {
        loop {
            match self.next(queue)? {
                Job::Stop(working) => return Some(working),
                job => self.perform(job),
            }
        }
    }

    /// All that waits is taken, then synced once. `None` when nobody is left to ask for anything.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        if self.unsynced_bytes < MAX_UNSYNCED_BYTES
            && let Ok(job) = queue.try_recv()
        {
            return Some(job);
        }
        if self.unsynced_bytes > 0 {
            self.sync();
        }
        match queue.recv_timeout(ACKNOWLEDGE_WHEN_IDLE) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.note();
                queue.recv().ok()
            }
        }
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::Append(batch) => {
                survive(self.log.append(&batch));
                self.unsynced_bytes += batch.bytes().len();
            }
            Job::SaveQuorumState(state, done) => {
                survive(self.log.save_quorum_state(&state));
                let _ending = done.send(());
            }
            Job::Truncate(end, done) => {
                survive(self.log.truncate(end));
                let _ending = done.send(());
            }
            Job::Read {
                from,
                max_bytes,
                answer,
            } => {
                // The log syncs before it reads. Said at once, since reads may follow each other without end.
                if self.unsynced_bytes > 0 {
                    self.sync();
                }
                answer(survive(self.log.read(from, max_bytes)));
                self.note_in_time();
            }
            Job::WriteSnapshotChunk {
                id,
                position,
                bytes,
            } => {
                survive(self.log.write_snapshot_chunk(id, position, &bytes));
                self.report(LogEvent::SnapshotChunkWritten);
                self.note_in_time();
            }
            Job::InstallSnapshot(id) => {
                // Read before the log makes way for it: pieces that do not fit end the process, and
                // the next one fetches them anew.
                let fetched = survive(snapshot_file::fetched_batches(&self.directory, id));
                let snapshot = load(id, fetched).unwrap_or_else(|error| die(&error));
                let bytes = survive(self.log.install_snapshot(id));
                let snapshot = Box::new(snapshot);
                self.report(LogEvent::SnapshotInstalled { snapshot, bytes });
            }
            Job::DropPrefix(start) => {
                survive(self.log.drop_prefix(start));
                self.report(LogEvent::LogStart { id: start });
            }
            Job::Stop(_) => unreachable!("the loop ends with it"),
        }
    }

    fn sync(&mut self) {
        let end = survive(self.log.sync());
        self.unsynced_bytes = 0;
        self.report(LogEvent::Durable { end });
        self.note_in_time();
    }

    /// Between jobs that nobody's commit waits for.
    fn note_in_time(&mut self) {
        if self.noted.elapsed() > ACKNOWLEDGE_AT_LEAST {
            self.note();
        }
    }

    fn note(&mut self) {
        survive(self.log.save_acknowledged());
        self.noted = Instant::now();
    }

    fn report(&self, event: LogEvent) {
        self.inbox.push(Input::Log(event));
    }
}

/// A disk that fails once cannot be trusted with the next write either: after a failed sync nobody knows
/// what it holds.
fn survive<T>(result: Result<T, LogError>) -> T {
    result.unwrap_or_else(|error| die(&error.to_string()))
}

fn open_and_restore(
    open: impl FnOnce() -> Result<(EngineLog, Recovered), LogError>,
    directory: &Path,
) -> Result<(EngineLog, Restored), String> {
    let (mut log, recovered) = open().map_err(|error| error.to_string())?;
    let restored = restore(&mut log, recovered, |_, id| {
        let batches = snapshot_file::batches(directory, id);
        load(id, batches.map_err(|error| error.to_string())?)
    })?;
    Ok((log, restored))
}

/// Reads a snapshot into a state.
fn load(id: OffsetAndEpoch, mut batches: snapshot_file::Batches) -> Result<LoadedSnapshot, String> {
    let mut unreadable = None;
    let readable = batches
        .by_ref()
        .map_while(|batch| batch.map_err(|error| unreadable = Some(error)).ok());
    let loaded = SnapshotLoader::load(id, readable);
    match unreadable {
        Some(error) => Err(error.to_string()),
        None => loaded.map_err(|error| batches.corrupt(error.reason).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tempfile::TempDir;

    use super::*;
    use crate::{
        log::directory::MetadataDirectory,
        protocol::{
            Epoch, NodeId, Uuid,
            records::{MetadataRecord, NoOpRecord},
        },
        server::snapshots,
    };

    /// Reads until it shall stop: another read waits whenever one is done.
    fn read_on(jobs: &Sender<Job>, stop: &Arc<AtomicBool>) {
        let (again, stop) = (jobs.clone(), stop.clone());
        let answer = Box::new(move |_| {
            if !stop.load(Ordering::Relaxed) {
                read_on(&again, &stop);
            }
        });
        let _ending = jobs.send(Job::Read {
            from: Offset(0),
            max_bytes: 1,
            answer,
        });
    }

    /// With an empty log, and who hears of it; the folder goes when it is dropped.
    fn a_disk() -> (Disk, Arc<Inbox>, TempDir) {
        let dir = tempfile::tempdir().expect("a folder");
        let directory = MetadataDirectory::open(dir.path()).expect("a new directory");
        let inbox = Arc::new(Inbox::default());
        let path = directory.path().to_owned();
        let open = move || EngineLog::open(directory, NodeId(1), Uuid::ONE);
        let (disk, _) = Disk::start(path, open, inbox.clone()).expect("starts");
        (disk, inbox, dir)
    }

    /// Appends a record, and says which end is told to be durable next.
    fn append(disk: &Disk, inbox: &Inbox) -> Option<Offset> {
        let record = MetadataRecord::from(NoOpRecord::default());
        let batch = RecordBatch::of_records(Offset(0), Epoch(1), 0, [(&record, 0)]);
        disk.send(Job::Append(batch.expect("a batch")));
        match inbox.next(Some(Duration::from_secs(10))) {
            Some(Input::Log(LogEvent::Durable { end })) => Some(end),
            _ => None,
        }
    }

    #[test]
    fn who_reads_without_end_does_not_keep_others_from_writing() {
        let (disk, inbox, _dir) = a_disk();
        let stop = Arc::new(AtomicBool::new(false));
        read_on(&disk.jobs, &stop);
        read_on(&disk.jobs, &stop);
        let end = append(&disk, &inbox);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(end, Some(Offset(1)), "it waits for the reads");
        disk.stop();
    }

    /// The snapshot is a pipe that nobody writes: to open it takes for ever.
    #[test]
    fn who_fetches_a_snapshot_delays_no_commit() {
        let (disk, inbox, _dir) = a_disk();
        let id = OffsetAndEpoch {
            offset: Offset(7),
            epoch: Epoch(1),
        };
        let pipe = snapshot_file::path(&disk.directory, id);
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let (answer, answered) = mpsc::channel();
        disk.snapshots.read(snapshots::Read {
            id,
            position: 0,
            max_bytes: 100,
            answer: Box::new(move |read| answer.send(read).expect("somebody waits")),
        });
        let end = append(&disk, &inbox);
        assert_eq!(end, Some(Offset(1)), "it waits for the snapshot");
        assert!(answered.try_recv().is_err(), "a pipe was read");
        disk.stop();
    }
}
