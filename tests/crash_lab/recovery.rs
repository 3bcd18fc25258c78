//! Power cuts while a start mends what it finds: the torn end of a log, a snapshot whose installation was cut off, a
//! batch that has rotted. It is recorded as any other process is, and the next start must find no less.

use std::{
    collections::BTreeSet,
    env, fs, panic,
    path::{Path, PathBuf},
};

use kraftd::protocol::quorum_state::Standing;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::{
    CUTS, Found, Moment, alone, check_starts, cut_of,
    disk::{Cut, Disk},
    record,
    recording::{Event, file_names},
    replay, temporary, traced, try_start, variable,
};

const DEFAULT_IMAGES: u64 = 400;
/// Disks of each start.
const IMAGES_OF_A_START: u64 = 25;
/// Starts of each history at moments by chance.
const STARTS: u64 = 6;

#[test]
#[ignore = "run by the other test, under strace"]
fn the_start() {
    let (Ok(found), Ok(dir)) = (env::var("KRAFTD_CRASH_FOUND"), env::var("KRAFTD_CRASH_DIR"))
    else {
        return;
    };
    let dir = PathBuf::from(dir);
    let root = dir.join("log");
    lay_out(Path::new(&found), &root);
    fs::write(dir.join("marks"), "begun 0").expect("marks");
    super::start(&root);
}

/// Makes a directory with durable files, so that the recording begins with them.
fn lay_out(from: &Path, to: &Path) {
    let sync = |path: &Path| fs::File::open(path).and_then(|file| file.sync_all());
    for entry in fs::read_dir(from).expect("lists") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("creates");
            lay_out(&path, &target);
        } else {
            fs::write(&target, fs::read(&path).expect("reads")).expect("writes");
            sync(&target).expect("syncs");
        }
    }
    sync(to).expect("syncs");
}

#[test]
fn a_power_cut_during_a_start_loses_nothing_either() {
    let _alone = alone();
    let images = variable("KRAFTD_CRASH_IMAGES").map_or(DEFAULT_IMAGES, |images| images / 4);
    let only = variable("KRAFTD_CRASH_SEED");
    let first = only.unwrap_or(1);
    let (mut mended, mut seed, mut made) = (BTreeSet::new(), first, 0);
    while made < images && only.is_none_or(|only| only == seed) {
        let events = record(seed);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let chance = STARTS as f64 / events.len() as f64;
        replay(seed, &events, |moment| {
            // Before the log makes way for the snapshot.
            let installs = match moment.event {
                Event::Rename(_, to) => to.extension().is_some_and(|it| it == "checkpoint"),
                _ => false,
            };
            if made < images && moment.done.formatted && (installs || rng.random_bool(chance)) {
                let cut = match installs {
                    true => Cut::Nothing,
                    false => cut_of(rng.random_range(0..CUTS), &mut rng),
                };
                made += start_is_cut(seed, moment, cut, &mut mended, &mut rng);
            }
        });
        seed += 1;
    }
    println!("{made} disks of starts in {} histories", seed - first);
    let all = ["begin the log anew", "cut the log", "note a loss"];
    assert!(
        only.is_some() || mended == BTreeSet::from(all),
        "starts had to {mended:?} only"
    );
}

/// Records a start on what a power cut leaves, and perhaps rot besides, and cuts that too. Says how many disks
/// were made.
fn start_is_cut(
    seed: u64,
    moment: &Moment,
    cut: Cut,
    mended: &mut BTreeSet<&str>,
    rng: &mut ChaCha8Rng,
) -> u64 {
    let left_behind = temporary();
    moment.disk.cut_power(cut, rng, left_behind.path());
    let rotten = rng.random_bool(0.4) && rot(left_behind.path(), rng);
    // Rot may be too much for a start.
    let untouched = copy(left_behind.path());
    let Ok(undisturbed) = try_start(untouched.path()) else {
        assert!(rotten, "a power cut is no damage");
        return 0;
    };
    let found = left_behind.path().to_string_lossy();
    let events = traced("recovery::the_start", ("KRAFTD_CRASH_FOUND", &found));
    let begun = events
        .iter()
        .position(|event| matches!(event, Event::Mark(_)));
    let begun = begun.expect("a start");
    mended.extend(repairs(&events, begun));
    let (mut disk, mut made) = (Disk::default(), 0);
    let step = ((events.len() - begun) as u64).div_ceil(IMAGES_OF_A_START) as usize;
    for (number, event) in events.iter().enumerate() {
        disk.apply(event);
        if number < begun || !(number - begun).is_multiple_of(step) {
            continue;
        }
        made += 1;
        let cut = cut_of(rng.random_range(0..CUTS), rng);
        let dir = temporary();
        disk.cut_power(cut, rng, dir.path());
        let checked = panic::catch_unwind(|| match rotten {
            true => check_rotten(dir.path(), &undisturbed),
            false => check_starts(dir.path(), moment, cut),
        });
        if let Err(panicked) = checked {
            eprintln!(
                "at event {} of a history, then at event {number} of a start on what was left, {rot}, {cut:?}; \
                 again with\n  KRAFTD_CRASH_SEED={seed} cargo test --release --test crash_lab during_a_start",
                moment.number,
                rot = if rotten {
                    "and rotted"
                } else {
                    "and did not rot"
                },
            );
            panic::resume_unwind(panicked);
        }
    }
    made
}

/// Rot may cost records, but all starts agree on what is left, and a loss that one has seen the next ones know of.
fn check_rotten(dir: &Path, undisturbed: &Found) {
    let is_lost = |found: &Found| matches!(found.0.quorum_state.standing, Standing::Amnesiac(_));
    for _start in 0..2 {
        let found = try_start(dir).expect("what could be started on before");
        assert_eq!(found.1, undisturbed.1, "another log");
        assert_eq!(
            is_lost(&found),
            is_lost(undisturbed),
            "{:?}, but {:?}",
            found.0,
            undisturbed.0
        );
    }
}

/// What a start did to mend its log.
fn repairs(events: &[Event], begun: usize) -> BTreeSet<&'static str> {
    let names = file_names(events);
    let of = |file: &usize, ending| names[*file].to_string_lossy().ends_with(ending);
    let repair = |event: &Event| match event {
        Event::Write(file, ..) if of(file, ".raftlog") => Some("begin the log anew"),
        Event::SetLength(file, _) if of(file, ".raftlog") => Some("cut the log"),
        Event::Write(file, ..) if of(file, "voter-state") => Some("note a loss"),
        _ => None,
    };
    events[begun..].iter().filter_map(repair).collect()
}

/// Turns a bit of a value in the log, if there is one.
fn rot(dir: &Path, rng: &mut ChaCha8Rng) -> bool {
    let log = dir.join("__cluster_metadata-0/00000000000000000000.log");
    let Ok(entries) = fs::read_dir(log) else {
        return false;
    };
    let mut places = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("reads");
        let values = bytes.windows(8).enumerate();
        let values = values.filter(|(_, window)| *window == b"vvvvvvvv");
        places.extend(values.map(|(at, _)| (path.clone(), at)));
    }
    places.sort();
    if places.is_empty() {
        return false;
    }
    let (path, at) = &places[rng.random_range(0..places.len())];
    let mut bytes = fs::read(path).expect("reads");
    bytes[*at] ^= 1;
    fs::write(path, bytes).expect("rots");
    true
}

fn copy(from: &Path) -> TempDir {
    let to = temporary();
    lay_out(from, to.path());
    to
}
