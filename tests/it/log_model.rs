//! Both logs against a naive model: whatever is appended, truncated, dropped, installed and cut off by a
//! crash, a start finds what was durable, nothing else, and a quorum state no older than the saved one.

use std::{panic, path::PathBuf, thread};

use bytes::Bytes;
use kraftd::{
    log::{Log, Recovered, engine::EngineLog, memory::MemoryLog, snapshot_file},
    protocol::{
        Epoch, NodeId, Offset, OffsetAndEpoch, Uuid,
        quorum_state::{QuorumState, Standing},
        record_batch::RecordBatch,
    },
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::log_support::{batch, open_log};

#[derive(Clone, Debug)]
enum Step {
    /// So many batches, in a new epoch or the last one, synced or not.
    Append {
        count: u8,
        new_epoch: bool,
        sync: bool,
    },
    /// Of the batches in the log, so many hundredths stay.
    Truncate(u8),
    /// Of the batches in the log, so many hundredths go.
    DropPrefix(u8),
    /// A snapshot so far beyond the end is fetched.
    Install(u8),
    Save,
    Acknowledge,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (1..20u8, any::<bool>(), any::<bool>());
    let append = append.prop_map(|(count, new_epoch, sync)| Step::Append {
        count,
        new_epoch,
        sync,
    });
    let step = prop_oneof![
        8 => append,
        2 => (0..100u8).prop_map(Step::Truncate),
        2 => (0..=100u8).prop_map(Step::DropPrefix),
        1 => (1..30u8).prop_map(Step::Install),
        2 => Just(Step::Save),
        2 => Just(Step::Acknowledge),
        3 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..60)
}

/// A log in use.
trait Subject {
    fn log(&mut self) -> &mut dyn Log;
    fn write_snapshot(&mut self, id: OffsetAndEpoch);
    fn snapshot(&self, id: OffsetAndEpoch) -> Bytes;
}

impl Subject for MemoryLog {
    fn log(&mut self) -> &mut dyn Log {
        self
    }

    fn write_snapshot(&mut self, id: OffsetAndEpoch) {
        let written = MemoryLog::write_snapshot(self, id, [Bytes::from_static(b"snapshot")]);
        written.expect("a disk in memory");
    }

    fn snapshot(&self, id: OffsetAndEpoch) -> Bytes {
        MemoryLog::snapshot(self, id).expect("it is there").clone()
    }
}

struct Engine {
    dir: PathBuf,
    log: EngineLog,
}

impl Subject for Engine {
    fn log(&mut self) -> &mut dyn Log {
        &mut self.log
    }

    fn write_snapshot(&mut self, id: OffsetAndEpoch) {
        let dir = self.dir.join("__cluster_metadata-0");
        snapshot_file::write(&dir, id, [Bytes::from_static(b"snapshot")]).expect("writes");
    }

    fn snapshot(&self, id: OffsetAndEpoch) -> Bytes {
        let dir = self.dir.join("__cluster_metadata-0");
        snapshot_file::read(&dir, id, 0, usize::MAX).expect("it is there")
    }
}

/// What the log should hold.
struct Model {
    start: OffsetAndEpoch,
    batches: Vec<RecordBatch>,
    /// How many of the batches must survive a crash.
    synced: usize,
    snapshots: Vec<OffsetAndEpoch>,
    state: QuorumState,
    epoch: i32,
}

impl Default for Model {
    fn default() -> Self {
        Model {
            start: OffsetAndEpoch::default(),
            batches: Vec::new(),
            synced: 0,
            snapshots: Vec::new(),
            state: QuorumState {
                standing: Standing::Blank,
                ..Default::default()
            },
            epoch: 0,
        }
    }
}

impl Model {
    fn end(&self) -> Offset {
        self.batches
            .last()
            .map_or(self.start.offset, RecordBatch::end_offset)
    }

    /// Id of a snapshot that ends where the first `count` batches do.
    fn id_after(&self, count: usize) -> OffsetAndEpoch {
        let last = count.checked_sub(1).map(|index| &self.batches[index]);
        last.map_or(self.start, |last| OffsetAndEpoch {
            offset: last.end_offset(),
            epoch: last.epoch(),
        })
    }

    fn begin_after(&mut self, id: OffsetAndEpoch) {
        self.snapshots.retain(|other| other.offset >= id.offset);
        self.batches.clear();
        self.synced = 0;
        self.start = id;
    }

    /// After a crash: what is allowed to be gone may be gone.
    fn restart(&mut self, recovered: &Recovered) {
        let kept = self.batches.iter();
        let kept = kept.take_while(|batch| batch.end_offset() <= recovered.end);
        let kept = kept.count();
        assert!(kept >= self.synced, "synced batches are gone");
        self.batches.truncate(kept);
        self.synced = kept;
        let newest = self.snapshots.iter().max_by_key(|id| id.offset).copied();
        if let Some(id) = newest.filter(|id| id.offset > self.end()) {
            self.begin_after(id);
        }
        assert_eq!((recovered.start, recovered.end), (self.start, self.end()));
        assert_eq!(recovered.quorum_state, self.state);
        let snapshots: Vec<_> = recovered.snapshots.keys().copied().collect();
        assert_eq!(snapshots, self.snapshots);
        let mut epochs: Vec<_> = self
            .batches
            .iter()
            .map(|b| (b.epoch(), b.base_offset()))
            .collect();
        epochs.dedup_by_key(|(epoch, _)| *epoch);
        assert_eq!(recovered.epochs, epochs);
    }

    fn step(&mut self, step: &Step, subject: &mut impl Subject) {
        match *step {
            Step::Append {
                count,
                new_epoch,
                sync,
            } => self.append(usize::from(count), new_epoch, sync, subject.log()),
            Step::Truncate(percent) => {
                self.batches
                    .truncate(self.batches.len() * usize::from(percent) / 100);
                self.synced = self.batches.len();
                subject.log().truncate(self.end()).expect("truncates");
            }
            Step::DropPrefix(percent) => {
                let dropped = self.batches.len() * usize::from(percent) / 100;
                let id = self.id_after(dropped);
                if dropped > 0 {
                    subject.write_snapshot(id);
                    subject.log().drop_prefix(id).expect("drops");
                    self.batches.drain(..dropped);
                    self.synced = self.synced.saturating_sub(dropped);
                    (self.start, self.snapshots) = (id, vec![id]);
                }
            }
            Step::Install(beyond) => self.install(beyond, subject),
            Step::Save => {
                self.epoch += 1;
                self.state = QuorumState {
                    epoch: Epoch(self.epoch),
                    ..Default::default()
                };
                subject.log().save_quorum_state(&self.state).expect("saves");
            }
            Step::Acknowledge => subject.log().save_acknowledged().expect("saves"),
            Step::Crash => unreachable!("ends a life"),
        }
        self.check(subject.log());
    }

    fn append(&mut self, count: usize, new_epoch: bool, sync: bool, log: &mut dyn Log) {
        self.epoch += i32::from(new_epoch);
        for _ in 0..count {
            let added = batch(self.end(), self.epoch, 20);
            log.append(&added).expect("appends");
            self.batches.push(added);
        }
        if sync {
            assert_eq!(log.sync().expect("syncs"), self.end());
            self.synced = self.batches.len();
        }
    }

    fn install(&mut self, beyond: u8, subject: &mut dyn Subject) {
        let log = subject.log();
        let id = OffsetAndEpoch {
            offset: Offset(self.end().0 + i64::from(beyond)),
            epoch: Epoch(self.epoch),
        };
        for (position, byte) in (0..).zip(b"fetched") {
            let written = log.write_snapshot_chunk(id, position, &[*byte]);
            written.expect("writes");
        }
        log.install_snapshot(id).expect("installs");
        assert_eq!(subject.snapshot(id), "fetched");
        self.snapshots = vec![id];
        self.begin_after(id);
    }

    fn check(&self, log: &mut dyn Log) {
        let below = Offset(self.start.offset.0 - 1);
        assert_eq!(log.read(below, usize::MAX).expect("reads"), []);
        assert_eq!(log.read(self.end(), usize::MAX).expect("reads"), []);
        let middle = self.batches.len() / 2;
        let Some(batch) = self.batches.get(middle) else {
            return;
        };
        let tail = log.read(batch.base_offset(), usize::MAX).expect("reads");
        assert_eq!(tail, self.batches[middle..]);
        let one = log.read(batch.base_offset(), 1).expect("reads");
        assert_eq!(one, self.batches[middle..=middle]);
    }
}

/// Runs the steps up to the next crash.
fn live(model: &mut Model, recovered: &Recovered, steps: &[Step], subject: &mut impl Subject) {
    model.restart(recovered);
    model.check(subject.log());
    for step in steps {
        model.step(step, subject);
    }
}

fn lives(steps: &[Step]) -> impl Iterator<Item = &[Step]> {
    steps.split(|step| matches!(step, Step::Crash))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..Default::default() })]

    #[test]
    fn the_log_on_raft_engine_is_a_log(steps in steps()) {
        let dir = tempfile::tempdir().expect("a folder");
        let mut model = Model::default();
        for steps in lives(&steps) {
            // A thread for each engine: what a thread has read, it remembers for the next one.
            let life = || {
                let opened = open_log(dir.path(), NodeId(1), Uuid([5; 16]));
                let (log, recovered) = opened.expect("opens");
                let dir = dir.path().to_owned();
                live(&mut model, &recovered, steps, &mut Engine { dir, log });
            };
            let ended = thread::scope(|scope| scope.spawn(life).join());
            ended.unwrap_or_else(|panicked| panic::resume_unwind(panicked));
        }
    }

    #[test]
    fn the_log_in_memory_is_a_log(steps in steps(), seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut log = MemoryLog::default();
        let mut model = Model::default();
        for steps in lives(&steps) {
            log.cut_power(&mut rng);
            let recovered = log.recover();
            live(&mut model, &recovered, steps, &mut log);
        }
    }
}
