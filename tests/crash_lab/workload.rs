//! What a node does to its log, by seed: known beforehand with every state it leads to, and done by a
//! process of its own.

use std::{collections::BTreeSet, fs::OpenOptions, io::Write, path::Path, thread};

use bytes::Bytes;
use kraftd::{
    log::{
        Log, LogError, Recovered,
        directory::MetadataDirectory,
        engine::{EngineLog, FileSizes},
        meta_properties::{self, MetaProperties},
        snapshot_file,
    },
    protocol::{
        Epoch, NodeId, Offset, OffsetAndEpoch, ReplicaKey, Uuid,
        quorum_state::{QuorumState, Standing},
        record_batch::RecordBatch,
        records::{ConfigRecord, MetadataRecord},
    },
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const STEPS: usize = 45;
const SIZES: FileSizes = FileSizes {
    file_bytes: 4 << 10,
    purge_bytes: 12 << 10,
};
const SNAPSHOT_BYTES: usize = 3000;

#[derive(Clone, Debug)]
pub enum Step {
    Format,
    /// Closes the log, if it is open, and opens it.
    Open,
    Append(Vec<RecordBatch>),
    Sync,
    Truncate(Offset),
    Save(QuorumState),
    Acknowledge,
    WriteSnapshot(OffsetAndEpoch),
    DropPrefix(OffsetAndEpoch),
    Install(OffsetAndEpoch),
}

/// What is to be found after a step.
#[derive(Clone, Debug)]
pub struct State {
    pub formatted: bool,
    pub start: OffsetAndEpoch,
    pub batches: Vec<RecordBatch>,
    /// How many of the batches are acknowledged.
    pub synced: usize,
    pub quorum_state: QuorumState,
    pub snapshots: BTreeSet<OffsetAndEpoch>,
}

impl State {
    pub fn new() -> State {
        State {
            formatted: false,
            start: OffsetAndEpoch::default(),
            batches: Vec::new(),
            synced: 0,
            quorum_state: QuorumState {
                standing: Standing::Blank,
                ..Default::default()
            },
            snapshots: BTreeSet::new(),
        }
    }

    fn end(&self) -> Offset {
        let last = self.batches.last();
        last.map_or(self.start.offset, RecordBatch::end_offset)
    }

    pub fn synced_end(&self) -> Offset {
        let last = self.synced.checked_sub(1).map(|last| &self.batches[last]);
        last.map_or(self.start.offset, RecordBatch::end_offset)
    }

    /// The log is not cut below what a snapshot has.
    fn lowest_cut(&self) -> Offset {
        let newest = self.snapshots.iter().map(|id| id.offset).max();
        newest.unwrap_or_default().max(self.start.offset)
    }

    fn after(&self, step: &Step) -> State {
        let mut state = self.clone();
        match step {
            Step::Format => state.formatted = true,
            Step::Open => state.batches.truncate(state.synced),
            Step::Append(added) => state.batches.extend(added.iter().cloned()),
            Step::Sync => state.synced = state.batches.len(),
            Step::Truncate(end) => {
                state.batches.retain(|batch| batch.end_offset() <= *end);
                state.synced = state.batches.len();
            }
            Step::Save(quorum_state) => state.quorum_state = quorum_state.clone(),
            Step::Acknowledge => {}
            Step::WriteSnapshot(id) => drop(state.snapshots.insert(*id)),
            Step::DropPrefix(id) => {
                let before = state.batches.len();
                state
                    .batches
                    .retain(|batch| batch.base_offset() >= id.offset);
                // The tail is synced on the way.
                state.synced = state.batches.len().min(before);
                state.snapshots.retain(|other| other.offset >= id.offset);
                state.start = *id;
            }
            Step::Install(id) => {
                (state.batches, state.synced) = (Vec::new(), 0);
                state.snapshots = BTreeSet::from([*id]);
                state.start = *id;
            }
        }
        state
    }
}

/// The steps of a seed, each with the state after it.
pub fn plan(seed: u64) -> Vec<(Step, State)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut state = State::new();
    let mut epoch = 0;
    let mut plan: Vec<(Step, State)> = Vec::new();
    while plan.len() < STEPS {
        let step = match plan.len() {
            0 => Some(Step::Format),
            1 => Some(Step::Open),
            _ => next(&state, &mut epoch, &mut rng),
        };
        if let Some(step) = step {
            state = state.after(&step);
            plan.push((step, state.clone()));
        }
    }
    plan
}

fn next(state: &State, epoch: &mut i32, rng: &mut ChaCha8Rng) -> Option<Step> {
    match rng.random_range(0..20) {
        0..6 => {
            *epoch += i32::from(rng.random_bool(0.2));
            let mut base = state.end();
            let batches = (0..rng.random_range(1..6)).map(|_| {
                let added = batch(base, *epoch, rng);
                base = added.end_offset();
                added
            });
            Some(Step::Append(batches.collect()))
        }
        6..10 => Some(Step::Sync),
        10 => {
            let lowest = state.lowest_cut();
            let ends = state.batches.iter().map(RecordBatch::end_offset);
            let ends: Vec<_> = ends.filter(|end| *end >= lowest).collect();
            let chosen = rng.random_range(0..ends.len().max(1));
            ends.get(chosen).copied().map(Step::Truncate)
        }
        11..13 => {
            *epoch += 1;
            let voted = ReplicaKey {
                id: NodeId(rng.random_range(1..4)),
                directory_id: Uuid([6; 16]),
            };
            Some(Step::Save(QuorumState {
                epoch: Epoch(*epoch),
                voted: rng.random::<bool>().then_some(voted),
                ..Default::default()
            }))
        }
        13..15 => Some(Step::Acknowledge),
        15..17 => {
            let newest = state.lowest_cut();
            let synced = state.batches[..state.synced].iter();
            let ids = synced.map(|batch| OffsetAndEpoch {
                offset: batch.end_offset(),
                epoch: batch.epoch(),
            });
            let ids: Vec<_> = ids.filter(|id| id.offset > newest).collect();
            let chosen = rng.random_range(0..ids.len().max(1));
            ids.get(chosen).copied().map(Step::WriteSnapshot)
        }
        17 => {
            let newest = state.snapshots.last().copied();
            newest
                .filter(|id| id.offset > state.start.offset)
                .map(Step::DropPrefix)
        }
        18 if rng.random_bool(0.3) => {
            // A later leader's may end below what it overrules.
            let below = state.lowest_cut().0 + 1..=state.end().0;
            let offset = match rng.random_bool(0.5) && !below.is_empty() {
                true => {
                    *epoch += 1;
                    rng.random_range(below)
                }
                false => state.end().0 + rng.random_range(1..9),
            };
            Some(Step::Install(OffsetAndEpoch {
                offset: Offset(offset),
                epoch: Epoch(*epoch),
            }))
        }
        18 => None,
        _ => Some(Step::Open),
    }
}

fn batch(base: Offset, epoch: i32, rng: &mut ChaCha8Rng) -> RecordBatch {
    let length = match rng.random_bool(0.2) {
        true => rng.random_range(1000..3000),
        false => rng.random_range(1..200),
    };
    let record = MetadataRecord::from(ConfigRecord {
        name: format!("{base} {}", rng.random::<u32>()),
        value: Some("v".repeat(length)),
        ..Default::default()
    });
    let records = (0..rng.random_range(1..3)).map(|_| (&record, 0));
    RecordBatch::of_records(base, Epoch(epoch), 7, records).expect("encodes")
}

/// What the snapshot of an id holds.
pub fn snapshot(id: OffsetAndEpoch) -> Bytes {
    let text = format!("snapshot {id}; ");
    let bytes = text.bytes().cycle().take(SNAPSHOT_BYTES);
    bytes.collect()
}

pub fn identity() -> MetaProperties {
    MetaProperties {
        cluster_id: "4L6g3nShT-eMCtK--X86sw".to_owned(),
        node_id: NodeId(1),
        directory_id: Some(Uuid([5; 16])),
    }
}

/// Opens the log as the process and the checks do.
pub fn open(dir: &Path) -> Result<(EngineLog, Recovered), LogError> {
    let directory = MetadataDirectory::open(dir)?;
    EngineLog::open_sized(directory, NodeId(1), Uuid([5; 16]), SIZES)
}

/// Does all steps in `dir`, and says in the file `marks` which one is begun and which one is done.
pub fn run(seed: u64, dir: &Path, marks: &Path) {
    let marks = OpenOptions::new().create(true).append(true).open(marks);
    let mut marks = marks.expect("opens");
    let plan = plan(seed);
    let steps: Vec<_> = plan.iter().map(|(step, _)| step).enumerate().collect();
    for life in steps.chunk_by(|_, (_, next)| !matches!(next, Step::Open)) {
        // A thread for each engine: what a thread has read, it remembers for the next one.
        let live = || {
            let mut log = None;
            for (index, step) in life {
                marks
                    .write_all(format!("begun {index}").as_bytes())
                    .expect("marks");
                execute(step, &mut log, dir);
                marks
                    .write_all(format!("done {index}").as_bytes())
                    .expect("marks");
            }
        };
        thread::scope(|scope| scope.spawn(live).join()).expect("no panic");
    }
}

fn execute(step: &Step, open_log: &mut Option<EngineLog>, dir: &Path) {
    let log = match step {
        Step::Format => return meta_properties::write(dir, &identity()).expect("writes"),
        Step::Open => {
            *open_log = Some(open(dir).expect("opens").0);
            return;
        }
        _ => open_log.as_mut().expect("is open"),
    };
    match step {
        Step::Format | Step::Open => unreachable!("done above"),
        Step::Append(batches) => batches.iter().try_for_each(|batch| log.append(batch)),
        Step::Sync => log.sync().map(drop),
        Step::Truncate(end) => log.truncate(*end),
        Step::Save(state) => log.save_quorum_state(state),
        Step::Acknowledge => log.save_acknowledged(),
        Step::WriteSnapshot(id) => {
            let dir = dir.join("__cluster_metadata-0");
            snapshot_file::write(&dir, *id, [snapshot(*id)]).map(drop)
        }
        Step::DropPrefix(id) => log.drop_prefix(*id),
        Step::Install(id) => {
            let snapshot = snapshot(*id);
            let chunks = snapshot.chunks(700).zip((0..).step_by(700));
            for (chunk, position) in chunks {
                let written = log.write_snapshot_chunk(*id, position, chunk);
                written.expect("writes");
            }
            log.install_snapshot(*id).map(drop)
        }
    }
    .expect("a sound disk");
}
