//! Whole quorums in simulated time: seeded faults, invariants after every event, convergence after
//! healing. See docs/TESTING.md for how to replay a seed.

mod checker;
mod network;
mod node;
mod plan;
mod world;

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use checker::Counts;
use plan::Plan;
use world::{Outcome, run};

const SEEDS: u64 = 500;
const THREADS: usize = 2;

/// `KRAFTD_SEED` alone, or `KRAFTD_SEEDS` from 0 on.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("KRAFTD_SEED"), number("KRAFTD_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(SEEDS),
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
fn for_each_seed<T: Send>(work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let range = seeds();
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
        joined.flat_map(|results| results.expect("a worker")).collect()
    })
}

#[test]
fn raft_survives_every_seed() {
    let results = for_each_seed(|seed| (seed, attempt(Plan::of_seed(seed))));
    let mut total = Counts::default();
    let mut failures = Vec::new();
    for (seed, result) in results {
        match result {
            Ok(outcome) => total.add(&outcome.counts),
            Err(why) => failures.push(format!(
                "KRAFTD_SEED={seed} cargo test --release --test simulation -- --exact \
                 raft_survives_every_seed\n    {why}"
            )),
        }
    }
    println!("{total:?}");
    assert!(failures.is_empty(), "{} seeds failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..3 {
        let (first, second) = (run(Plan::of_seed(seed)), run(Plan::of_seed(seed)));
        assert_eq!((first.trace, first.events), (second.trace, second.events), "seed {seed}");
    }
}
