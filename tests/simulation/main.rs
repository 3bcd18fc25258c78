//! Whole quorums in simulated time: seeded faults, invariants after every event, convergence after
//! healing. See docs/TESTING.md for how to replay a seed.

mod checker;
mod clients;
mod core;
mod nemesis;
mod network;
mod node;
mod observer;
mod plan;
mod rim;
mod world;

use std::{
    env,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use checker::Counts;
use plan::{Plan, PlantedBug};
use world::{Outcome, run};

const RAFT_SEEDS: u64 = 300;
const CONTROLLER_SEEDS: u64 = 200;
const THREADS: usize = 2;
/// At most so many seeds until a planted bug is found.
const PLANTED_SEEDS: u64 = 100;

/// `KRAFTD_SEED` alone, with all that the nodes say, or `KRAFTD_SEEDS` from 0 on, or as many as usual.
fn seeds(usual: u64) -> Range<u64> {
    let number = |name| {
        env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    match (number("KRAFTD_SEED"), number("KRAFTD_SEEDS")) {
        (Some(seed), _) => {
            tracing_subscriber::fmt()
                .without_time()
                .with_ansi(false)
                .init();
            seed..seed + 1
        }
        (None, count) => 0..count.unwrap_or(usual),
    }
}

/// Runs a plan, and says what broke.
fn attempt(plan: Plan) -> Result<Outcome, String> {
    panic::catch_unwind(AssertUnwindSafe(|| run(plan))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
        text.unwrap_or_else(|| "panicked".to_owned())
    })
}

/// Runs `work` for every seed on two threads, and collects what it returns.
fn for_each_seed<T: Send>(range: Range<u64>, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(range.start);
    let worker = || {
        let mut results = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= range.end {
                return results;
            }
            results.push(work(seed));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .flat_map(|results| results.expect("a worker"))
            .collect()
    })
}

/// Runs every seed, and says how to replay those that fail.
fn survive(test: &str, seeds: Range<u64>, plan: impl Fn(u64) -> Plan + Sync) {
    let results = for_each_seed(seeds, |seed| (seed, attempt(plan(seed))));
    let mut total = Counts::default();
    let mut failures = Vec::new();
    for (seed, result) in results {
        match result {
            Ok(outcome) => total.add(&outcome.counts),
            Err(why) => failures.push(format!(
                "KRAFTD_SEED={seed} cargo test --release --test simulation -- --exact {test}\n    {why}"
            )),
        }
    }
    println!("{total:?}");
    let failed = failures.len();
    assert!(
        failures.is_empty(),
        "{failed} seeds failed:\n{}",
        failures.join("\n")
    );
}

#[test]
fn raft_survives_every_seed() {
    survive("raft_survives_every_seed", seeds(RAFT_SEEDS), Plan::of_seed);
}

#[test]
fn controllers_survive_every_seed() {
    let seeds = seeds(CONTROLLER_SEEDS);
    survive(
        "controllers_survive_every_seed",
        seeds,
        Plan::with_controllers,
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..3 {
        let (first, second) = (run(Plan::of_seed(seed)), run(Plan::of_seed(seed)));
        assert_eq!(
            (first.trace, first.events),
            (second.trace, second.events),
            "seed {seed}"
        );
    }
}

/// A simulator that finds nothing proves nothing: each planted bug must be found within some seeds of a
/// plan that leans towards it.
fn finds(bug: PlantedBug, lean: impl Fn(Plan) -> Plan) {
    let found = (0..PLANTED_SEEDS).find_map(|seed| {
        let plan = Plan {
            bug: Some(bug),
            ..lean(Plan::of_seed(seed))
        };
        attempt(plan).err().map(|why| (seed, why))
    });
    let (seed, why) =
        found.unwrap_or_else(|| panic!("{bug:?} was not found in {PLANTED_SEEDS} seeds"));
    println!("{bug:?} is found by seed {seed}: {why}");
}

#[test]
fn a_vote_that_is_not_saved_is_found() {
    finds(PlantedBug::VoteNotSaved, |plan| Plan {
        nodes: 5,
        kill_every_ms: Some(100),
        down_ms: 50,
        old_node: true,
        ..plan
    });
}

#[test]
fn an_end_counted_before_its_sync_is_found() {
    finds(PlantedBug::EndCountedBeforeSync, |plan| Plan {
        nodes: 3,
        power_cut_every_ms: Some(500),
        ..plan
    });
}

#[test]
fn old_records_committed_by_counting_are_found() {
    finds(PlantedBug::OldEpochCommittedByCounting, |plan| Plan {
        nodes: 5,
        election_timeout_ms: 100,
        fetch_timeout_ms: 100,
        fetch_max_bytes: 1,
        snapshot_every_ms: None,
        rot_every_ms: None,
        replace_disk_every_ms: None,
        partition_every_ms: Some(150),
        kill_every_ms: Some(300),
        propose_every_ms: 5,
        down_ms: 300,
        ..plan
    });
}
