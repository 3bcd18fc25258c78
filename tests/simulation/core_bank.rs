//! Bugs of others within the core. The source has none of them: each is a patch in `core_bugs/`, which
//! `scripts/bug-bank.sh` applies to a copy. A thread that is named after a bug has it. See docs/BUG-BANK.md.

use std::{env, thread};

use crate::{
    attempt,
    bank::{finds_with, plain, rotten},
    nemesis::Fault,
    plan::Plan,
    world::Outcome,
};

/// Says that the bugs are built in.
const BUILT_IN: &str = "KRAFTD_CORE_BUGS";

/// Finds a bug with plans that lean towards it; where it is not built in, they run, at least.
fn finds(bug: &str, words: &str, plan: fn(u64) -> Plan) {
    if env::var_os(BUILT_IN).is_some() {
        return finds_with(bug, words, plan, |seed| attempt_with(bug, plan(seed)));
    }
    let clean = attempt(plan(0));
    clean.unwrap_or_else(|why| panic!("the plan for {bug} fails by itself: {why}"));
}

fn attempt_with(bug: &str, plan: Plan) -> Result<Outcome, String> {
    thread::scope(|scope| {
        let named = thread::Builder::new().name(bug.to_owned());
        let started = named.spawn_scoped(scope, || attempt(plan));
        started
            .expect("a thread")
            .join()
            .expect("it catches panics")
    })
}

#[test]
fn bank_an_only_voter_that_waits_for_others() {
    finds("KAFKA-16144", "and nobody asked it to resign", |seed| {
        Plan {
            nodes: 1,
            ..plain(seed)
        }
    });
}

#[test]
fn bank_the_same_pause_for_everyone() {
    finds("KAFKA-18345", "one leader after healing", |seed| Plan {
        nodes: 5,
        skew_percent: 0,
        ..plain(seed).with(Fault::Kill, 1_000)
    });
}

#[test]
fn bank_a_candidate_that_must_not_vote() {
    finds("KAFKA-17067", "all vote again after healing", rotten);
}

#[test]
fn bank_a_leader_that_is_told_too_early() {
    finds("KAFKA-15345", "than the log", |seed| Plan {
        nodes: 3,
        propose_every_ms: 20,
        ..Plan::with_controllers(seed).with(Fault::Partition, 1_000)
    });
}

#[test]
fn bank_a_snapshot_within_a_batch() {
    finds("KAFKA-17713", "unlike the log", |seed| Plan {
        snapshot_bytes: 1_000,
        ..Plan::with_controllers(seed)
    });
}

#[test]
fn bank_a_start_without_its_snapshot() {
    finds("KAFKA-14240", "for the same all the time", |seed| Plan {
        nodes: 3,
        ..plain(seed)
            .with(Fault::Snapshot, 500)
            .with(Fault::DamageDisk, 1_000)
            .with(Fault::Kill, 1_000)
    });
}

#[test]
fn bank_a_broker_that_may_not_leave() {
    finds(
        "KAFKA-14292",
        "although all know that it wants to",
        |seed| Plan {
            propose_every_ms: 20,
            ..Plan::with_controllers(seed)
        },
    );
}

#[test]
fn bank_a_clean_election_taken_for_unclean() {
    finds("KAFKA-18940", "and its leader is to recover", restless);
}

#[test]
fn bank_a_new_epoch_for_the_same_life() {
    finds("KAFKA-16952", "had the epoch", |seed| Plan {
        lose_one_in: Some(5),
        ..Plan::with_controllers(seed)
    });
}

/// Brokers fall silent soon, and come back.
fn restless(seed: u64) -> Plan {
    Plan {
        session_timeout_ms: 1_500,
        ..Plan::with_controllers(seed)
    }
}

#[test]
fn bank_an_unclean_election_that_nobody_allowed() {
    let words = "and is led by one that may lack messages";
    finds("UncleanElectionUnasked", words, restless);
}

#[test]
fn bank_a_broker_that_is_fenced_but_once() {
    finds("FencedOnce", "has not fenced broker", restless);
}
