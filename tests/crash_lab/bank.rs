//! The bug bank of the log: syncs are left out of what a sound process did, as careless ones leave them out,
//! and the lab must see it. See docs/BUG-BANK.md.

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use super::{
    alone, crash, record,
    recording::{Event, file_names},
};

/// At most so many histories, and so many disks of each, until a bug is found.
const MAX_HISTORIES: u64 = 20;
const DISKS: u64 = 500;

/// Finds that the syncs are missing that `left_out` names, told the file, or `None` and the directory.
fn finds(bug: &str, left_out: fn(Option<&Path>) -> bool) {
    let _alone = alone();
    for seed in 1..=MAX_HISTORIES {
        let mut events = record(seed);
        let names = file_names(&events);
        events.retain(|event| match event {
            Event::SyncFile(number) => !left_out(Some(&names[*number])),
            Event::SyncDirectory(_) => !left_out(None),
            _ => true,
        });
        let crashed = || crash(seed, &events, DISKS, None);
        if let Err(panicked) = panic::catch_unwind(AssertUnwindSafe(crashed)) {
            let why = panicked.downcast_ref::<String>();
            let why = why.and_then(|why| why.lines().next()).unwrap_or("panicked");
            println!("{bug} is found by history {seed}: {why}");
            return;
        }
    }
    panic!("{bug} was not found in {MAX_HISTORIES} histories");
}

#[test]
fn bank_an_append_that_is_not_synced() {
    finds("an append that is not synced", |file| {
        file.is_some_and(|file| file.extension().is_some_and(|ending| ending == "raftlog"))
    });
}

#[test]
fn bank_a_vote_that_is_not_synced() {
    finds("a vote that is not synced", |file| {
        file.is_some_and(|file| file.ends_with("voter-state"))
    });
}

#[test]
fn bank_a_snapshot_that_is_not_synced() {
    finds("a snapshot that is not synced", |file| {
        file.is_some_and(|file| file.to_string_lossy().contains(".checkpoint"))
    });
}

#[test]
fn bank_a_directory_that_is_not_synced() {
    finds("a directory that is not synced", |file| file.is_none());
}
