//! The real log on a disk that loses power: every call by which a process changes its files is recorded
//! with strace, and for every moment between two of them the disk is made that a power cut may leave. A
//! start on it must find all that was acknowledged, nothing that was never written, and no loss.
//!
//! `KRAFTD_CRASH_IMAGES=100000 cargo test --release --test crash_lab` makes so many disks. A failure prints
//! the command that makes its disk again.

mod bank;
mod disk;
mod recording;
mod recovery;
mod workload;

use std::{
    env, fs, panic,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use kraftd::{
    log::{Log, LogError, Recovered, meta_properties, snapshot_file},
    protocol::{Offset, record_batch::RecordBatch},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use disk::{Cut, Disk};
use recording::{Event, TRACED};
use workload::{State, Step};

const DEFAULT_IMAGES: u64 = 1500;
/// Disks made of each moment.
const CUTS: u64 = 4;

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is no number")),
    )
}

/// Tests run one after the other: a process that one of them starts holds the lock of another's log from its
/// fork to its exec.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In memory where possible: durability is what we simulate.
fn temporary() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a folder")
}

#[test]
#[ignore = "run by the other test, under strace"]
fn the_process() {
    let (Some(seed), Ok(dir)) = (variable("KRAFTD_CRASH_SEED"), env::var("KRAFTD_CRASH_DIR"))
    else {
        return;
    };
    let dir = PathBuf::from(dir);
    workload::run(seed, &dir.join("log"), &dir.join("marks"));
}

/// Runs the workload of a seed and tells all it did to its files.
fn record(seed: u64) -> Vec<Event> {
    traced("the_process", ("KRAFTD_CRASH_SEED", &seed.to_string()))
}

/// Runs an ignored test of this program, told what to do by a variable, and tells all it did to its files.
fn traced(test: &str, (variable, value): (&str, &str)) -> Vec<Event> {
    let dir = temporary();
    let [root, marks, trace] = ["log", "marks", "trace"].map(|name| dir.path().join(name));
    fs::create_dir(&root).expect("creates");
    let output = Command::new("strace")
        .args(["-f", "-xx", "-s", "100000000", "-e", TRACED, "-o"])
        .arg(&trace)
        .arg(env::current_exe().expect("a path"))
        .args(["--exact", test, "--ignored", "--test-threads=1"])
        .env(variable, value)
        .env("KRAFTD_CRASH_DIR", dir.path())
        .output()
        .expect("strace must be installed: it records what the log writes");
    assert!(output.status.success(), "{output:?}");
    let trace = fs::read_to_string(trace).expect("reads");
    recording::parse(&trace, &root, &marks)
}

/// The step that is being done, if one is, and the last one that was.
#[derive(Clone, Copy, Default)]
struct Progress {
    begun: Option<usize>,
    done: Option<usize>,
}

impl Progress {
    fn note(&mut self, mark: &str) {
        let (what, index) = mark.split_once(' ').expect("a mark");
        let index = Some(index.parse().expect("a number"));
        match what {
            "begun" => self.begun = index,
            _ => (self.begun, self.done) = (None, index),
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_acknowledged() {
    let _alone = alone();
    if let Some(seed) = variable("KRAFTD_CRASH_SEED") {
        crash(
            seed,
            &record(seed),
            u64::MAX,
            variable("KRAFTD_CRASH_IMAGE"),
        );
        return;
    }
    let images = variable("KRAFTD_CRASH_IMAGES").unwrap_or(DEFAULT_IMAGES);
    let began = Instant::now();
    let (mut seed, mut made) = (1, 0);
    while made < images {
        // Short runs see the end of a history as often as its beginning.
        made += crash(seed, &record(seed), images - made, None);
        seed += 1;
    }
    println!(
        "{made} disks of {} histories in {:?}",
        seed - 1,
        began.elapsed()
    );
}

/// What a history has come to at one of its moments.
struct Moment<'a> {
    number: u64,
    /// What has just been done to the disk.
    event: &'a Event,
    disk: &'a Disk,
    step: Option<&'a Step>,
    /// What is to be found after the steps that are done, and after the one that is being done.
    done: &'a State,
    begun: &'a State,
}

/// Goes through the moments of a history.
fn replay(seed: u64, events: &[Event], mut visit: impl FnMut(&Moment)) {
    let plan = workload::plan(seed);
    let (nothing, mut disk, mut progress) = (State::new(), Disk::default(), Progress::default());
    for (number, event) in (0..).zip(events) {
        disk.apply(event);
        if let Event::Mark(mark) = event {
            progress.note(mark);
        }
        let state = |index: usize| &plan[index].1;
        let done = progress.done.map_or(&nothing, state);
        visit(&Moment {
            number,
            event,
            disk: &disk,
            step: progress.begun.map(|begun| &plan[begun].0),
            done,
            begun: progress.begun.map_or(done, state),
        });
    }
}

/// Cuts the power at all moments of a history, or makes one image only, and says how many were made.
fn crash(seed: u64, events: &[Event], limit: u64, only: Option<u64>) -> u64 {
    let moments = events.len() as u64;
    // What is more than the limit is left out evenly; an odd step meets every kind of cut, of which there are four.
    let step = (moments * CUTS).div_ceil(limit.max(1)) | 1;
    let wanted = |image: &u64| only.map_or(image.is_multiple_of(step), |only| only == *image);
    let mut made = 0;
    replay(seed, events, |moment| {
        let images = moment.number * CUTS..(moment.number + 1) * CUTS;
        for image in images.filter(wanted) {
            made += 1;
            let checked = panic::catch_unwind(|| check(seed, image, moment));
            if let Err(panicked) = checked {
                eprintln!(
                    "while {:?}, event {} of {moments}; again with\n  KRAFTD_CRASH_SEED={seed} \
                     KRAFTD_CRASH_IMAGE={image} cargo test --release --test crash_lab a_power_cut_at",
                    moment.step, moment.number
                );
                panic::resume_unwind(panicked);
            }
        }
    });
    made
}

fn cut_of(image: u64, rng: &mut ChaCha8Rng) -> Cut {
    let sector_bytes = if rng.random() { 512 } else { 4096 };
    match image % CUTS {
        0 => Cut::Everything,
        1 => Cut::Nothing,
        2 => Cut::ByChance { sector_bytes },
        _ => Cut::Torn,
    }
}

/// Makes a disk and starts on it, twice: what a start repairs must hold.
fn check(seed: u64, image: u64, moment: &Moment) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed << 32 | image);
    let cut = cut_of(image, &mut rng);
    let dir = temporary();
    moment.disk.cut_power(cut, &mut rng, dir.path());
    let identity = meta_properties::read(dir.path()).expect("whole or absent");
    match identity {
        Some(identity) => assert_eq!(identity, workload::identity()),
        None => assert!(!moment.done.formatted, "meta.properties is gone"),
    }
    check_starts(dir.path(), moment, cut);
}

/// Starts on a disk that a power cut has left, twice.
fn check_starts(dir: &Path, moment: &Moment, cut: Cut) {
    let first = start(dir);
    let Moment { done, begun, .. } = moment;
    let matches = [done, begun].map(|state| matches(state, done, begun, &first));
    if matches.iter().all(Result::is_err) {
        panic!(
            "{cut:?}: as before the step: {:?}; as after it: {:?}",
            matches[0], matches[1]
        );
    }
    let again = start(dir);
    assert_eq!(first.1, again.1, "the second start finds another log");
    assert_eq!(first.0.quorum_state, again.0.quorum_state);
    assert_eq!(first.0.snapshots, again.0.snapshots);
}

/// What a start finds.
type Found = (Recovered, Vec<RecordBatch>);

fn start(dir: &Path) -> Found {
    try_start(dir).expect("a power cut is no damage")
}

/// A thread for each start, since a thread remembers what it has read.
fn try_start(dir: &Path) -> Result<Found, LogError> {
    let run = || {
        let (mut log, recovered) = workload::open(dir)?;
        let batches = log.read(recovered.start.offset, usize::MAX)?;
        for id in recovered.snapshots.keys() {
            let bytes = snapshot_file::read(&dir.join("__cluster_metadata-0"), *id, 0, usize::MAX);
            assert_eq!(bytes?, workload::snapshot(*id), "snapshot {id}");
        }
        Ok((recovered, batches))
    };
    let ended = thread::scope(|scope| scope.spawn(run).join());
    ended.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

/// Whether the log is the one of `state`, but for its unacknowledged end, and the rest is what it was before
/// the step that was cut off, or after.
fn matches(
    state: &State,
    done: &State,
    begun: &State,
    (recovered, batches): &Found,
) -> Result<(), String> {
    let holds = |what: &str, holds: bool| match holds {
        true => Ok(()),
        false => Err(format!("{what}: {recovered:?}")),
    };
    // What is acknowledged by the step itself may not have been reached yet.
    let acknowledged = state
        .synced_end()
        .min(done.synced_end().max(state.start.offset));
    holds("the start", recovered.start == state.start)?;
    holds("the end", recovered.end >= acknowledged)?;
    holds("the batches", state.batches.starts_with(batches))?;
    let end = batches
        .last()
        .map_or(state.start.offset, RecordBatch::end_offset);
    holds("the end of the batches", recovered.end == end)?;
    let mut epochs: Vec<_> = batches
        .iter()
        .map(|batch| (batch.epoch(), batch.base_offset()))
        .collect();
    epochs.dedup_by_key(|(epoch, _): &mut (_, Offset)| *epoch);
    holds("the epochs", recovered.epochs == epochs)?;
    let quorum_state = &recovered.quorum_state;
    let states = [&done.quorum_state, &begun.quorum_state];
    holds("the quorum state", states.contains(&quorum_state))?;
    let known = |id| done.snapshots.contains(id) || begun.snapshots.contains(id);
    holds("a snapshot", recovered.snapshots.keys().all(known))?;
    let mut kept = done.snapshots.intersection(&begun.snapshots);
    let all = kept.all(|id| recovered.snapshots.contains_key(id));
    holds("the snapshots", all)
}
