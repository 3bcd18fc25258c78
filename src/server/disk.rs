//! The disk thread: owns the log, and does one thing after the other in the order it was told. What was
//! appended while a sync was in flight goes with the next one (group commit).

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    die,
    inbox::{Inbox, Input},
};
use crate::{
    controller::{LoadedSnapshot, LogEvent, SnapshotLoader},
    log::{Log, LogError, engine::EngineLog, snapshot_file},
    protocol::{Offset, OffsetAndEpoch, quorum_state::QuorumState, record_batch::RecordBatch},
};

/// What was acknowledged is noted beside the log when nothing else is to be done, ...
const ACKNOWLEDGE_WHEN_IDLE: Duration = Duration::from_millis(50);
/// ... and at least so often while the disk is busy.
const ACKNOWLEDGE_AT_LEAST: Duration = Duration::from_secs(1);

/// So much is appended before a sync at most, however fast more comes.
const MAX_UNSYNCED_BYTES: usize = 4 << 20;

/// Takes what was read.
type Answer<T> = Box<dyn FnOnce(Result<T, LogError>) + Send>;

/// What the disk thread can do.
pub enum Job {
    Append(RecordBatch),
    SaveQuorumState(QuorumState, Sender<()>),
    Truncate(Offset, Sender<()>),
    Read {
        from: Offset,
        max_bytes: usize,
        answer: Answer<Vec<RecordBatch>>,
    },
    WriteSnapshotChunk {
        id: OffsetAndEpoch,
        position: u64,
        bytes: Bytes,
    },
    InstallSnapshot(OffsetAndEpoch),
    ReadSnapshot {
        id: OffsetAndEpoch,
        position: u64,
        max_bytes: usize,
        answer: Answer<Bytes>,
    },
    DropPrefix(OffsetAndEpoch),
    /// Everything before this was done; the thread ends.
    Stop,
}

/// The way to the disk thread.
pub struct Disk {
    jobs: Sender<Job>,
    thread: thread::JoinHandle<()>,
}

impl Disk {
    /// Starts the thread, which opens the log itself: raft-engine caches what a thread has read, so only
    /// one thread may ever read a log. `recovered` is called there with what was found.
    pub fn start<T: Send + 'static>(
        directory: PathBuf,
        open: impl FnOnce() -> Result<EngineLog, LogError> + Send + 'static,
        recover: impl FnOnce(&mut EngineLog) -> Result<T, String> + Send + 'static,
        inbox: Arc<Inbox>,
    ) -> Result<(Disk, T), String> {
        let (jobs, queue) = mpsc::channel();
        let (found, recovered) = mpsc::channel();
        let run = move || {
            let opened = open().map_err(|error| error.to_string());
            let opened = opened.and_then(|mut log| recover(&mut log).map(|state| (log, state)));
            match opened {
                Err(error) => drop(found.send(Err(error))),
                Ok((log, state)) => {
                    let _waiting = found.send(Ok(state));
                    let writer = Writer {
                        log,
                        directory,
                        inbox,
                        unsynced_bytes: 0,
                        noted: Instant::now(),
                    };
                    writer.run(&queue);
                }
            }
        };
        let thread = thread::Builder::new().name("disk".to_owned()).spawn(run);
        let thread = thread.map_err(|error| format!("cannot start the disk thread: {error}"))?;
        let recovered = recovered
            .recv()
            .map_err(|_| "the disk thread ended early".to_owned())??;
        Ok((Disk { jobs, thread }, recovered))
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
        let _ending = finished.recv();
    }

    /// Ends the thread when all its work is done.
    pub fn stop(self) {
        self.send(Job::Stop);
        let _ended = self.thread.join();
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
        loop {
            if self.unsynced_bytes >= MAX_UNSYNCED_BYTES {
                self.sync();
            }
            // Take all there is, then sync once.
            match queue.try_recv() {
                Ok(Job::Stop) => break,
                Ok(job) => {
                    self.perform(job);
                    continue;
                }
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {}
            }
            if self.unsynced_bytes > 0 {
                self.sync();
                continue;
            }
            match queue.recv_timeout(ACKNOWLEDGE_WHEN_IDLE) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(job) => self.perform(job),
                Err(RecvTimeoutError::Timeout) => {
                    self.note();
                    match queue.recv() {
                        Ok(Job::Stop) | Err(_) => break,
                        Ok(job) => self.perform(job),
                    }
                }
            }
        }
        self.sync();
        self.note();
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
            } => answer(self.log.read(from, max_bytes)),
            Job::WriteSnapshotChunk {
                id,
                position,
                bytes,
            } => {
                survive(self.log.write_snapshot_chunk(id, position, &bytes));
            }
            Job::InstallSnapshot(id) => {
                // Read before the log makes way for it: pieces that do not fit end the process, and
                // the next one fetches them anew.
                let fetched = survive(snapshot_file::fetched_batches(&self.directory, id));
                let snapshot = load(id, fetched).unwrap_or_else(|error| die(&error));
                survive(self.log.install_snapshot(id));
                let bytes = survive(snapshot_file::size(&self.directory, id));
                let snapshot = Box::new(snapshot);
                self.report(LogEvent::SnapshotInstalled { snapshot, bytes });
            }
            Job::ReadSnapshot {
                id,
                position,
                max_bytes,
                answer,
            } => {
                answer(self.log.read_snapshot(id, position, max_bytes));
            }
            Job::DropPrefix(start) => {
                survive(self.log.drop_prefix(start));
                self.report(LogEvent::LogStart { id: start });
            }
            Job::Stop => unreachable!("the loop ends with it"),
        }
    }

    fn sync(&mut self) {
        let end = survive(self.log.sync());
        self.unsynced_bytes = 0;
        self.report(LogEvent::Durable { end });
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

/// Reads a snapshot into a state.
pub fn load_snapshot(
    directory: &std::path::Path,
    id: OffsetAndEpoch,
) -> Result<LoadedSnapshot, String> {
    let batches = snapshot_file::batches(directory, id).map_err(|error| error.to_string())?;
    load(id, batches)
}

fn load(id: OffsetAndEpoch, mut batches: snapshot_file::Batches) -> Result<LoadedSnapshot, String> {
    let mut loader = SnapshotLoader::new(id);
    while let Some(batch) = batches.next() {
        let batch = batch.map_err(|error| error.to_string())?;
        let added = loader.add(&batch);
        added.map_err(|error| batches.corrupt(error.reason).to_string())?;
    }
    let loaded = loader.finish();
    loaded.map_err(|error| batches.corrupt(error.reason).to_string())
}
