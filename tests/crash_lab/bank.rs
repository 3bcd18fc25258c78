//! The bug bank of the log: syncs are left out of what a sound process did, as careless ones leave them out, or
//! slots are written as careless ones write them, and the lab must see it. See docs/BUG-BANK.md.

use std::{
    iter,
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

/// Finds a bug that `build_in` makes of what a sound process did, by a complaint with these words.
fn finds(bug: &str, words: &str, build_in: impl Fn(&mut Vec<Event>)) {
    let _alone = alone();
    for seed in 1..=MAX_HISTORIES {
        let mut events = record(seed);
        build_in(&mut events);
        let crashed = || crash(seed, &events, DISKS, None);
        if let Err(panicked) = panic::catch_unwind(AssertUnwindSafe(crashed)) {
            let why = panicked.downcast_ref::<String>();
            let why = why.and_then(|why| why.lines().next()).unwrap_or("panicked");
            println!("{bug} is found by history {seed}: {why}");
            assert!(why.contains(words), "{bug} is found by something else");
            return;
        }
    }
    panic!("{bug} was not found in {MAX_HISTORIES} histories");
}

/// The syncs of the files are missing that `left_out` names.
fn without_syncs(left_out: fn(&Path) -> bool) -> impl Fn(&mut Vec<Event>) {
    move |events| {
        let names = file_names(events);
        events.retain(|event| match event {
            Event::SyncFile(number) => !left_out(&names[*number]),
            _ => true,
        });
    }
}

#[test]
fn bank_an_append_that_is_not_synced() {
    let left_out = |file: &Path| file.extension().is_some_and(|ending| ending == "raftlog");
    finds(
        "an append that is not synced",
        "as before the step",
        without_syncs(left_out),
    );
}

#[test]
fn bank_a_vote_that_is_not_synced() {
    let left_out = |file: &Path| file.ends_with("voter-state");
    finds(
        "a vote that is not synced",
        "as before the step",
        without_syncs(left_out),
    );
}

#[test]
fn bank_a_snapshot_that_is_not_synced() {
    let left_out = |file: &Path| file.to_string_lossy().contains(".checkpoint");
    finds(
        "a snapshot that is not synced",
        "snapshot",
        without_syncs(left_out),
    );
}

#[test]
fn bank_a_directory_that_is_not_synced() {
    finds(
        "a directory that is not synced",
        "as before the step",
        |events| {
            let is_formatted =
                |event: &Event| matches!(event, Event::Mark(mark) if mark == "done 0");
            let formatted = events.iter().position(is_formatted).expect("a mark");
            // What format does is not in question: `__cluster_metadata-0`, and the log in it, are made later.
            let mut later = events.split_off(formatted);
            later.retain(|event| !matches!(event, Event::SyncDirectory(_)));
            events.append(&mut later);
        },
    );
}

/// A power cut may then tear both, and nothing is left to go back to.
#[test]
fn bank_both_slots_of_a_vote_are_written_before_the_sync() {
    let words = "as before the step";
    finds("a vote in both slots before the sync", words, |events| {
        let names = file_names(events);
        let twice = |event: Event| {
            let other = match &event {
                Event::Write(file, at, bytes) if names[*file].ends_with("voter-state") => {
                    let other = bytes.len() as u64 - at;
                    Some(Event::Write(*file, other, bytes.clone()))
                }
                _ => None,
            };
            iter::once(event).chain(other)
        };
        *events = events.drain(..).flat_map(twice).collect();
    });
}
