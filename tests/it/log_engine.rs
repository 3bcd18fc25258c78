//! The log on raft-engine: the traps that src/log/engine/mod.rs lists, and what a start finds after each
//! kind of damage.

use std::{fs, path::Path, thread};

use kraftd::{
    log::{Log, LogError, Recovered, engine::EngineLog, snapshot_file},
    protocol::{
        Epoch, NodeId, Offset, Uuid,
        quorum_state::{QuorumState, Standing},
    },
};

use super::log_support::{BIG_BATCH_RECORDS, batch, big_batch, open_log, snapshot_id};

const DIRECTORY_ID: Uuid = Uuid([5; 16]);

fn open(dir: &Path) -> (EngineLog, Recovered) {
    try_open(dir).expect("the log opens")
}

fn try_open(dir: &Path) -> Result<(EngineLog, Recovered), LogError> {
    open_log(dir, NodeId(1), DIRECTORY_ID)
}

fn append(log: &mut EngineLog, from: i64, to: i64, epoch: i32) {
    for offset in from..to {
        log.append(&batch(Offset(offset), epoch, 100))
            .expect("appends");
    }
    assert_eq!(log.sync().expect("syncs"), Offset(to));
}

fn offsets(log: &mut EngineLog, from: i64) -> Vec<i64> {
    let batches = log.read(Offset(from), usize::MAX).expect("reads");
    batches.iter().map(|batch| batch.base_offset().0).collect()
}

fn sound() -> QuorumState {
    QuorumState {
        epoch: Epoch(1),
        ..Default::default()
    }
}

#[test]
fn what_was_synced_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, recovered) = open(dir.path());
    assert_eq!(recovered.quorum_state.standing, Standing::Blank);
    assert_eq!(recovered.end, Offset(0));
    append(&mut log, 0, 10, 1);
    append(&mut log, 10, 20, 3);
    log.save_quorum_state(&sound()).expect("saves");
    drop(log);
    let (mut log, recovered) = open(dir.path());
    assert_eq!(recovered.quorum_state, sound());
    assert_eq!(
        recovered.epochs,
        [(Epoch(1), Offset(0)), (Epoch(3), Offset(10))]
    );
    assert_eq!(recovered.end, Offset(20));
    assert_eq!(offsets(&mut log, 5), (5..20).collect::<Vec<_>>());
    assert_eq!(
        log.read(Offset(4), 1).expect("reads").len(),
        1,
        "one batch at least"
    );
}

#[test]
fn a_truncated_suffix_is_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 20, 1);
    log.truncate(Offset(12)).expect("truncates");
    append(&mut log, 12, 15, 2);
    drop(log);
    let (mut log, recovered) = open(dir.path());
    assert_eq!(
        recovered.epochs,
        [(Epoch(1), Offset(0)), (Epoch(2), Offset(12))]
    );
    assert_eq!(offsets(&mut log, 0), (0..15).collect::<Vec<_>>());
    log.truncate(Offset(0)).expect("truncates all");
    append(&mut log, 0, 2, 5);
    drop(log);
    assert_eq!(offsets(&mut open(dir.path()).0, 0), [0, 1]);
}

/// Trap 1: the engine's own `sync` does nothing, so each write has to sync itself.
#[test]
fn trap_1_every_write_syncs() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    let syncs = |what: &str, log: &mut EngineLog, write: &dyn Fn(&mut EngineLog)| {
        raft_engine::set_perf_context(Default::default());
        write(log);
        let spent = raft_engine::get_perf_context().log_sync_duration;
        assert!(!spent.is_zero(), "{what} is not synced");
    };
    syncs("an append", &mut log, &|log| append(log, 0, 20, 1));
    syncs("a truncation", &mut log, &|log| {
        log.truncate(Offset(15)).expect("truncates");
    });
    syncs("a dropped prefix", &mut log, &|log| {
        log.drop_prefix(snapshot_id(10, 1)).expect("drops");
    });
    syncs("an installed snapshot", &mut log, &|log| {
        let id = snapshot_id(30, 1);
        log.write_snapshot_chunk(id, 0, b"snapshot")
            .expect("writes");
        log.install_snapshot(id).expect("installs");
    });
}

/// Trap 2: a thread remembers blocks by their place only, also those of a directory that is no more. So a
/// log is opened and read on a thread of its own.
#[test]
fn trap_2_a_new_directory_is_not_read_from_the_cache_of_the_old_one() {
    let dir = tempfile::tempdir().expect("a folder");
    for epoch in 1..4 {
        let life = || {
            let (mut log, _) = open(dir.path());
            append(&mut log, 0, 5, epoch);
            let batches = log.read(Offset(0), usize::MAX).expect("reads");
            assert!(batches.iter().all(|batch| batch.epoch() == Epoch(epoch)));
            fs::remove_dir_all(dir.path().join("__cluster_metadata-0")).expect("wipes");
        };
        thread::scope(|scope| scope.spawn(life).join()).expect("no panic");
    }
}

/// Traps 3 to 6 with so much data that the engine does purge: old entries are rewritten, files deleted.
#[test]
fn what_is_in_the_log_survives_purges_and_nothing_else_does() {
    let dir = tempfile::tempdir().expect("a folder");
    let metadata = dir.path().join("__cluster_metadata-0");
    // In batches.
    let (mut start, mut end) = (0, 0);
    let at = |count: i64| Offset(count * BIG_BATCH_RECORDS);
    for epoch in 1..=16 {
        let life = || {
            let (mut log, recovered) = open(dir.path());
            assert_eq!(
                (recovered.start.offset, recovered.end),
                (at(start), at(end))
            );
            for count in end..end + 12 {
                log.append(&big_batch(at(count), epoch)).expect("appends");
            }
            log.sync().expect("syncs");
            end += 8;
            log.truncate(at(end)).expect("truncates");
            if epoch % 3 == 0 {
                // Empties the log now and then, leaves some in it otherwise.
                start = end - i64::from(epoch % 2) * 5;
                let below = log.read(at(start - 1), 1).expect("reads");
                let id = snapshot_id(at(start).0, below[0].epoch().0);
                snapshot_file::write(&metadata, id, []).expect("writes");
                log.drop_prefix(id).expect("drops");
            }
            let expected = (start..end).map(|count| at(count).0);
            assert_eq!(offsets(&mut log, at(start).0), expected.collect::<Vec<_>>());
        };
        thread::scope(|scope| scope.spawn(life).join()).expect("no panic");
    }
    let files = fs::read_dir(metadata.join("00000000000000000000.log")).expect("lists");
    let sizes = files.map(|file| file.expect("a file").metadata().expect("its size").len());
    let total: u64 = sizes.sum();
    assert!(total < 130 << 20, "{total} bytes: nothing was purged");
}

/// The engine opens without a word when a file of it is gone.
#[test]
fn a_missing_file_is_noticed() {
    let sound_dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(sound_dir.path());
    for group in 0..3 {
        for count in group * 20..group * 20 + 20 {
            let added = big_batch(Offset(count * BIG_BATCH_RECORDS), 1);
            log.append(&added).expect("appends");
        }
        log.sync().expect("syncs");
    }
    log.save_quorum_state(&sound()).expect("saves");
    drop(log);
    let engine = "__cluster_metadata-0/00000000000000000000.log";
    let listed = fs::read_dir(sound_dir.path().join(engine)).expect("lists");
    let names = listed.map(|file| {
        file.expect("a file")
            .file_name()
            .into_string()
            .expect("text")
    });
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".raftlog")).collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let path = sound_dir.path().join(engine).join(&name);
        let aside = sound_dir.path().join("aside");
        fs::rename(&path, &aside).expect("takes away");
        match try_open(sound_dir.path()) {
            Err(error) => assert!(error.to_string().contains("Restore the files"), "{error}"),
            Ok((_, recovered)) => {
                let standing = recovered.quorum_state.standing;
                assert!(
                    matches!(standing, Standing::Amnesiac(_)),
                    "{name}: {standing:?}"
                );
                return;
            }
        }
        fs::rename(&aside, &path).expect("brings back");
    }
    panic!("the last file was missing, and the log opened sound");
}

/// Trap 3: purge, overwrite, Compact past the end, restart, and the overwritten suffix was back.
#[test]
fn trap_3_an_overwritten_suffix_does_not_come_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    for round in 0..4 {
        let base = round * 1000;
        append(&mut log, base, base + 30, 1);
        log.truncate(Offset(base + 10)).expect("truncates");
        let id = snapshot_id(base + 1000, 1);
        log.write_snapshot_chunk(id, 0, b"snapshot")
            .expect("writes");
        log.install_snapshot(id).expect("installs");
        drop(log);
        let recovered;
        (log, recovered) = open(dir.path());
        assert_eq!((recovered.start, recovered.end), (id, id.offset));
        assert_eq!(offsets(&mut log, base + 1000), Vec::<i64>::new());
    }
}

/// Trap 4: entries below a compacted index came back after a restart.
#[test]
fn trap_4_a_dropped_prefix_stays_dropped() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 100, 1);
    let id = snapshot_id(60, 1);
    log.write_snapshot_chunk(id, 0, b"snapshot")
        .expect("writes");
    kraftd::log::snapshot_file::finish(&dir.path().join("__cluster_metadata-0"), id)
        .expect("completes");
    log.drop_prefix(id).expect("drops");
    for _ in 0..2 {
        drop(log);
        let recovered;
        (log, recovered) = open(dir.path());
        assert_eq!((recovered.start, recovered.end), (id, Offset(100)));
        assert_eq!(recovered.epochs, [(Epoch(1), Offset(60))]);
        assert!(log.read(Offset(59), 10).expect("reads").is_empty());
        assert_eq!(offsets(&mut log, 60), (60..100).collect::<Vec<_>>());
    }
}

/// Trap 5: the key of the log start is overwritten again and again, and the newest one holds.
/// The process dies while it installs the snapshot of a leader whose log its own contradicts.
#[test]
fn a_snapshot_of_a_later_epoch_takes_the_place_of_the_log() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 200, 4);
    log.sync().expect("syncs");
    let id = snapshot_id(100, 5);
    log.write_snapshot_chunk(id, 0, b"snapshot")
        .expect("writes");
    snapshot_file::finish(&dir.path().join("__cluster_metadata-0"), id).expect("renames");
    drop(log);
    let (_, recovered) = open(dir.path());
    assert_eq!(recovered.start, id);
    assert_eq!(recovered.end, id.offset);
}

#[test]
fn trap_5_the_newest_log_start_holds() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 50, 1);
    for offset in [10, 20, 30, 40, 50] {
        let id = snapshot_id(offset, 1);
        log.write_snapshot_chunk(id, 0, b"snapshot")
            .expect("writes");
        kraftd::log::snapshot_file::finish(&dir.path().join("__cluster_metadata-0"), id)
            .expect("completes");
        log.drop_prefix(id).expect("drops");
        drop(log);
        let recovered;
        (log, recovered) = open(dir.path());
        assert_eq!(recovered.start, id);
        assert_eq!(
            recovered.snapshots.keys().collect::<Vec<_>>(),
            [&id],
            "older ones are gone"
        );
    }
}

/// Trap 7: files that waited for reuse were left for ever by a crash.
#[test]
fn trap_7_no_file_is_kept_for_reuse() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 10, 1);
    let engine = dir
        .path()
        .join("__cluster_metadata-0/00000000000000000000.log");
    let names = fs::read_dir(&engine)
        .expect("lists")
        .map(|entry| entry.expect("an entry"));
    let reserved = names.filter(|entry| entry.file_name().to_string_lossy().ends_with(".reserved"));
    assert_eq!(reserved.count(), 0);
}

/// Trap 8: a header is under no checksum, and tells how many bytes to look at next.
#[test]
fn trap_8_a_rotten_header_reserves_no_memory() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 3, 1);
    drop(log);
    let file = dir
        .path()
        .join("__cluster_metadata-0/00000000000000000000.log/0000000000000001.raftlog");
    for place in 61..69 {
        let sound = fs::read(&file).expect("reads");
        let mut rotten = sound.clone();
        rotten[place] = 0x3a;
        fs::write(&file, rotten).expect("writes");
        let refused = try_open(dir.path()).err().expect("a refusal").to_string();
        assert!(
            refused.contains("its header is not what was written"),
            "{refused}"
        );
        fs::write(&file, sound).expect("writes");
    }
    assert_eq!(offsets(&mut open(dir.path()).0, 0), [0, 1, 2]);
}

/// The engine gives a file whose header a crash prevented the older format's, which has no padding.
#[test]
fn a_file_without_a_header_is_gone_on_with() {
    let dir = tempfile::tempdir().expect("a folder");
    let engine = dir
        .path()
        .join("__cluster_metadata-0/00000000000000000000.log");
    fs::create_dir_all(&engine).expect("a folder");
    fs::write(engine.join("0000000000000001.raftlog"), "").expect("writes");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 3, 1);
    drop(log);
    assert_eq!(offsets(&mut open(dir.path()).0, 0), [0, 1, 2]);
}

/// The engine cuts its last file at a footer that does not hold and says nothing. We do.
#[test]
fn a_log_shorter_than_acknowledged_is_noticed() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 40, 1);
    log.save_quorum_state(&sound()).expect("saves");
    let engine = dir
        .path()
        .join("__cluster_metadata-0/00000000000000000000.log");
    let file = engine.join("0000000000000001.raftlog");
    let mut bytes = fs::read(&file).expect("reads");
    drop(log);
    let at = bytes
        .windows(4)
        .position(|window| window == b"vvvv")
        .expect("a record")
        + 4000;
    bytes[at] ^= 0x01;
    fs::write(&file, &bytes).expect("rots");
    let (log, recovered) = open(dir.path());
    assert!(recovered.end < Offset(40), "the flipped bit is in the log");
    assert!(
        matches!(&recovered.quorum_state.standing, Standing::Amnesiac(_)),
        "{:?}",
        recovered.quorum_state
    );
    drop(log);
    // It stays so until raft says that everything was copied anew.
    let (mut log, recovered) = open(dir.path());
    assert!(matches!(
        recovered.quorum_state.standing,
        Standing::Amnesiac(_)
    ));
    append(&mut log, recovered.end.0, 30, 2);
    log.save_quorum_state(&sound()).expect("saves");
    drop(log);
    assert_eq!(open(dir.path()).1.quorum_state.standing, Standing::Sound);
}

#[test]
fn a_lost_voter_state_costs_the_vote_but_not_the_log() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 10, 1);
    log.save_quorum_state(&sound()).expect("saves");
    drop(log);
    fs::remove_file(dir.path().join("__cluster_metadata-0/voter-state")).expect("removes");
    let (_, recovered) = open(dir.path());
    assert_eq!(recovered.end, Offset(10));
    assert!(matches!(
        recovered.quorum_state.standing,
        Standing::Amnesiac(_)
    ));
}

#[test]
fn kafkas_quorum_state_may_be_deleted_by_scripts() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    log.save_quorum_state(&sound()).expect("saves");
    drop(log);
    let shown = dir.path().join("__cluster_metadata-0/quorum-state");
    assert!(
        fs::read_to_string(&shown)
            .expect("reads")
            .contains("\"leaderEpoch\":1")
    );
    fs::remove_file(&shown).expect("removes");
    assert_eq!(open(dir.path()).1.quorum_state, sound());
}

#[test]
fn a_java_log_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let segment = dir
        .path()
        .join("__cluster_metadata-0/00000000000000000000.log");
    fs::create_dir(segment.parent().expect("a parent")).expect("creates");
    fs::write(&segment, b"segment").expect("writes");
    let error = try_open(dir.path()).err().expect("refused").to_string();
    assert!(
        error.contains("is a log segment of a Java controller"),
        "{error}"
    );
    assert_eq!(fs::read(&segment).expect("reads"), b"segment");
}

#[test]
fn a_missing_snapshot_below_the_log_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    append(&mut log, 0, 10, 1);
    let id = snapshot_id(10, 1);
    log.write_snapshot_chunk(id, 0, b"snapshot")
        .expect("writes");
    log.install_snapshot(id).expect("installs");
    drop(log);
    let metadata = dir.path().join("__cluster_metadata-0");
    fs::remove_file(kraftd::log::snapshot_file::path(&metadata, id)).expect("removes");
    let error = try_open(dir.path()).err().expect("refused").to_string();
    assert!(error.contains("its snapshot is gone"), "{error}");
}

#[test]
fn pieces_of_unfinished_snapshots_are_cleared_away() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    log.write_snapshot_chunk(snapshot_id(5, 1), 0, b"half")
        .expect("writes");
    drop(log);
    let (_, recovered) = open(dir.path());
    assert!(recovered.snapshots.is_empty());
    assert_eq!(parts_in(dir.path()).len(), 0);
}

/// Each may be as large as the disk has room for.
#[test]
fn a_snapshot_that_was_given_up_makes_room_for_the_next() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = open(dir.path());
    let mut write = |end, position, bytes: &[u8]| {
        let id = snapshot_id(end, 1);
        let written = log.write_snapshot_chunk(id, position, bytes);
        written.expect("writes");
    };
    write(5, 0, b"half");
    write(7, 0, b"first");
    write(7, 5, b"second");
    let parts = parts_in(dir.path());
    assert!(
        matches!(&parts[..], [part] if part.starts_with("00000000000000000007-")),
        "{parts:?}"
    );
}

fn parts_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("__cluster_metadata-0")).expect("lists");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".part")).collect()
}
