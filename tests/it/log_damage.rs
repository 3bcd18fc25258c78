//! A log of ours after a power cut and after bit-rot. A cut may take what was being written and nothing
//! else; rot is refused, or costs the vote, or is harmless: it never goes unnoticed.

use std::{fs, os::unix::fs::FileExt, panic, path::Path, thread};

use kraftd::{
    log::{Log, LogError, Recovered, engine::EngineLog},
    protocol::{
        Epoch, NodeId, Offset, Uuid,
        quorum_state::{QuorumState, Standing},
        record_batch::RecordBatch,
    },
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::log_support::{batch, open_log, snapshot_id};

const SECTOR_BYTES: usize = 512;

/// A start on a directory: what it finds, all batches, and what `then` makes of the log. On a thread of its
/// own, since a thread remembers what it has read, even from a directory that is no more.
fn start<T: Send>(
    dir: &Path,
    then: impl FnOnce(EngineLog) -> T + Send,
) -> Result<(Recovered, Vec<RecordBatch>, T), LogError> {
    let run = || {
        let (mut log, recovered) = open_log(dir, NodeId(1), Uuid([5; 16]))?;
        let batches = log.read(recovered.start.offset, usize::MAX)?;
        Ok((recovered, batches, then(log)))
    };
    let ended = thread::scope(|scope| scope.spawn(run).join());
    ended.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

fn append(log: &mut EngineLog, from: i64, to: i64) {
    for offset in from..to {
        log.append(&batch(Offset(offset), 1, 300)).expect("appends");
    }
    log.sync().expect("syncs");
}

fn state(epoch: i32) -> QuorumState {
    QuorumState {
        epoch: Epoch(epoch),
        ..Default::default()
    }
}

/// Copies a directory of the node, files and folders.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("lists") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("copies")),
        }
    }
}

/// Of the sectors that differ from those in `before`, about half never made it to the disk.
fn tear(before: &Path, after: &Path, rng: &mut ChaCha8Rng) {
    for entry in fs::read_dir(after).expect("lists") {
        let path = entry.expect("an entry").path();
        let old = before.join(path.file_name().expect("a name"));
        if path.is_dir() {
            tear(&old, &path, rng);
            continue;
        }
        let mut old = fs::read(&old).unwrap_or_default();
        let mut bytes = fs::read(&path).expect("reads");
        old.resize(bytes.len(), 0);
        let sectors = bytes.chunks_mut(SECTOR_BYTES).zip(old.chunks(SECTOR_BYTES));
        for (sector, old) in sectors {
            if rng.random() {
                sector.copy_from_slice(old);
            }
        }
        fs::write(&path, bytes).expect("writes");
    }
}

#[test]
fn a_power_cut_takes_only_what_was_being_written() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let dirs = tempfile::tempdir().expect("a folder");
    let [live, before, after] = ["live", "before", "after"].map(|name| dirs.path().join(name));
    fs::create_dir(&live).expect("creates");
    let written = start(&live, |mut log| {
        append(&mut log, 0, 10);
        log.save_quorum_state(&state(3)).expect("saves");
        copy(&live, &before);
        append(&mut log, 10, 25);
        copy(&live, &after);
    });
    written.expect("opens");
    for round in 0..30 {
        let cut = dirs.path().join(format!("cut{round}"));
        copy(&after, &cut);
        tear(&before, &cut, &mut rng);
        let (recovered, batches, ()) = start(&cut, drop).expect("opens");
        assert_eq!(
            recovered.quorum_state,
            state(3),
            "no loss is seen in a torn tail"
        );
        assert!((10..=25).contains(&recovered.end.0), "{}", recovered.end);
        let expected = (0..recovered.end.0).map(|offset| batch(Offset(offset), 1, 300));
        assert_eq!(batches, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_power_cut_while_a_vote_is_saved_leaves_the_old_state_or_the_new() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let dirs = tempfile::tempdir().expect("a folder");
    let [live, before, after] = ["live", "before", "after"].map(|name| dirs.path().join(name));
    fs::create_dir(&live).expect("creates");
    let written = start(&live, |mut log| {
        append(&mut log, 0, 10);
        log.save_quorum_state(&state(3)).expect("saves");
        copy(&live, &before);
        log.save_quorum_state(&state(4)).expect("saves");
        copy(&live, &after);
    });
    written.expect("opens");
    for round in 0..30 {
        let cut = dirs.path().join(format!("cut{round}"));
        copy(&after, &cut);
        tear(&before, &cut, &mut rng);
        let (recovered, ..) = start(&cut, drop).expect("opens");
        let found = recovered.quorum_state;
        assert!(found == state(3) || found == state(4), "{found:?}");
    }
}

/// Every file of the node loses one bit, at many places. The engine itself cuts its last file at some of
/// them without a word, and keeps batches that it cannot read at others.
#[test]
fn rot_never_goes_unnoticed() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let dirs = tempfile::tempdir().expect("a folder");
    let sound = dirs.path().join("sound");
    fs::create_dir(&sound).expect("creates");
    let written = start(&sound, |mut log| {
        append(&mut log, 0, 20);
        let id = snapshot_id(8, 1);
        log.write_snapshot_chunk(id, 0, b"snapshot")
            .expect("writes");
        kraftd::log::snapshot_file::finish(&sound.join("__cluster_metadata-0"), id)
            .expect("completes");
        log.drop_prefix(id).expect("drops");
        (20..30).for_each(|end| append(&mut log, end, end + 1));
        log.save_quorum_state(&state(3)).expect("saves");
    });
    written.expect("opens");
    let expected: Vec<_> = (8..30).map(|at| batch(Offset(at), 1, 300)).collect();
    let engine = "__cluster_metadata-0/00000000000000000000.log";
    let victims = [
        (format!("{engine}/0000000000000001.raftlog"), 60),
        ("__cluster_metadata-0/voter-state".to_owned(), 20),
    ];
    let mut noticed = 0;
    for (victim, rounds) in victims {
        for round in 0..rounds {
            let rotten = dirs.path().join(format!("rotten{round}"));
            let _none_yet = fs::remove_dir_all(&rotten);
            copy(&sound, &rotten);
            let path = rotten.join(&victim);
            let mut bytes = fs::read(&path).expect("reads");
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
            let file = fs::File::options().write(true).open(&path).expect("opens");
            file.write_all_at(&bytes, 0).expect("rots");
            // What is lost once stays lost, also at the next start.
            for _start in 0..2 {
                let Ok((recovered, batches, ())) = start(&rotten, drop) else {
                    noticed += 1;
                    continue;
                };
                match recovered.quorum_state.standing {
                    Standing::Amnesiac(_) => noticed += 1,
                    Standing::Sound | Standing::Blank => {
                        assert_eq!(batches, expected, "byte {at} of {victim}");
                        assert_eq!(recovered.quorum_state, state(3), "byte {at} of {victim}");
                    }
                }
                let begun = batches.iter().zip(&expected);
                assert!(begun.clone().all(|(found, expected)| found == expected));
            }
        }
    }
    assert!(
        noticed > 20,
        "most bits of a log matter, {noticed} seemed to"
    );
}

/// Rot above what was noted as acknowledged, which lags: the first start sees it and cuts the log, and the
/// second one must still know.
#[test]
fn a_loss_is_remembered_when_the_log_was_cut() {
    let dirs = tempfile::tempdir().expect("a folder");
    let dir = dirs.path().join("live");
    fs::create_dir(&dir).expect("creates");
    let written = start(&dir, |mut log| {
        log.save_quorum_state(&state(3)).expect("saves");
        (0..10).for_each(|end| append(&mut log, end, end + 1));
    });
    written.expect("opens");
    let path = dir.join("__cluster_metadata-0/00000000000000000000.log/0000000000000001.raftlog");
    let mut bytes = fs::read(&path).expect("reads");
    let fifth = bytes.windows(8).enumerate();
    let mut fifth = fifth.filter(|(_, window)| *window == b"vvvvvvvv");
    let (at, _) = fifth.nth(4 * 293 + 50).expect("batches");
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("rots");
    for _start in 0..2 {
        let (recovered, batches, ()) = start(&dir, drop).expect("opens");
        let standing = recovered.quorum_state.standing;
        assert!(matches!(standing, Standing::Amnesiac(_)), "{standing:?}");
        assert_eq!(batches.len(), 4);
    }
}

/// A crash right after a snapshot got its name and before the log made way for it.
#[test]
fn an_interrupted_install_is_completed() {
    let dirs = tempfile::tempdir().expect("a folder");
    let dir = dirs.path().to_owned();
    let id = snapshot_id(40, 2);
    let written = start(&dir, |mut log| {
        append(&mut log, 0, 10);
        log.save_quorum_state(&state(3)).expect("saves");
        log.write_snapshot_chunk(id, 0, b"snapshot")
            .expect("writes");
        kraftd::log::snapshot_file::finish(&dir.join("__cluster_metadata-0"), id)
            .expect("completes");
    });
    written.expect("opens");
    for _start in 0..2 {
        let (recovered, batches, ()) = start(&dir, drop).expect("opens");
        assert_eq!((recovered.start, recovered.end), (id, id.offset));
        assert_eq!(recovered.quorum_state, state(3));
        assert_eq!(batches, []);
    }
}

/// Records that a leader overruled are no loss, though they had been acknowledged.
#[test]
fn a_shorter_log_by_order_of_a_leader_is_no_loss() {
    let dirs = tempfile::tempdir().expect("a folder");
    for install in [false, true] {
        let dir = dirs.path().join(format!("{install}"));
        fs::create_dir(&dir).expect("creates");
        let written = start(&dir, |mut log| {
            append(&mut log, 0, 50);
            log.save_quorum_state(&state(3)).expect("saves");
            if install {
                let id = snapshot_id(30, 2);
                log.write_snapshot_chunk(id, 0, b"snapshot")
                    .expect("writes");
                log.install_snapshot(id).expect("installs");
            } else {
                log.truncate(Offset(30)).expect("truncates");
            }
        });
        written.expect("opens");
        let (recovered, ..) = start(&dir, drop).expect("opens");
        assert_eq!(recovered.end, Offset(30));
        assert_eq!(recovered.quorum_state, state(3));
    }
}
