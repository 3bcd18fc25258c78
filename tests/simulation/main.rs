//! Whole quorums in simulated time: seeded faults, invariants after every event, convergence after
//! healing. See docs/TESTING.md for how to replay a seed.

mod admin;
mod atlas;
mod bank;
mod beyond;
mod bugs;
mod checker;
mod clients;
mod core;
mod core_bank;
mod coverage;
mod disks;
mod ending;
mod history;
mod images;
mod lanes;
mod leaving;
mod nemesis;
mod network;
mod node;
mod observer;
mod plan;
mod replicas;
mod rim;
mod rush;
mod seats;
mod strangers;
mod torn_bootstrap;
mod watch;
mod wire;
mod witness;
mod world;
mod worn;

use std::{
    env,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use coverage::{Coverage, Mark};
use nemesis::Fault;
use plan::Plan;
use tracing_subscriber::EnvFilter;
use world::{Outcome, run};

const RAFT_SEEDS: u64 = 300;
const CONTROLLER_SEEDS: u64 = 200;
/// So many run twice.
const TWICE_SEEDS: u64 = 10;
const THREADS: usize = 2;
/// Of a long campaign it is told how far it is.
const TOLD_EVERY: u64 = 1_000;

/// `KRAFTD_SEED` alone, with all that the nodes say; or `KRAFTD_SEEDS`, which is a number of seeds from 0 on
/// or a range as `1000..2000`; or as many as usual.
fn seeds(usual: u64) -> Range<u64> {
    let variable = |name| env::var(name).ok();
    let number = |text: &str| {
        let parsed = text.parse::<u64>();
        parsed.unwrap_or_else(|_| panic!("{text} is no number"))
    };
    if let Some(seed) = variable("KRAFTD_SEED") {
        let wanted = EnvFilter::try_from_default_env();
        tracing_subscriber::fmt()
            .with_env_filter(wanted.unwrap_or_else(|_| EnvFilter::new("info")))
            .without_time()
            .with_ansi(false)
            .init();
        return number(&seed)..number(&seed) + 1;
    }
    match variable("KRAFTD_SEEDS")
        .as_deref()
        .map(|text| text.split_once("..").ok_or(text))
    {
        Some(Ok((first, end))) => number(first)..number(end),
        Some(Err(count)) => 0..number(count),
        None => 0..usual,
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

/// Runs every seed, says how to replay those that fail, and what all of them reached.
fn survive(test: &str, seeds: Range<u64>, plan: impl Fn(u64) -> Plan + Sync) -> Coverage {
    let (began, done) = (Instant::now(), AtomicU64::new(0));
    // What there is to tell is told at once: a campaign may take hours.
    let results = for_each_seed(seeds.clone(), |seed| {
        let result = attempt(plan(seed));
        if let Err(why) = &result {
            println!("{test}: seed {seed} failed: {why}");
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(TOLD_EVERY) {
            println!("{test}: {done} seeds in {:?}", began.elapsed());
        }
        (seed, result)
    });
    let mut total = Coverage::default();
    let mut failures = Vec::new();
    for (seed, result) in results {
        match result {
            Ok(outcome) => total.add(&outcome.coverage),
            Err(why) => failures.push(format!(
                "KRAFTD_SEED={seed} cargo test --release --test simulation -- --exact {test}\n    {why}"
            )),
        }
    }
    println!("{total:?}");
    println!(
        "{test}: {} seeds in {:?}",
        seeds.end - seeds.start,
        began.elapsed()
    );
    let failed = failures.len();
    assert!(
        failures.is_empty(),
        "{failed} seeds failed:\n{}",
        failures.join("\n")
    );
    total
}

/// After as many seeds as usual everything must have happened at least once, but for the faults of others.
fn assert_reached(
    coverage: &Coverage,
    seeds: Range<u64>,
    usual: u64,
    of: &[Mark],
    others: &[Fault],
) {
    let faults = Fault::ALL.iter().map(|(fault, _)| *fault);
    let faults = faults.filter(|fault| !others.contains(fault));
    let gaps = coverage.gaps(of, &faults.collect::<Vec<_>>());
    let enough = seeds.end - seeds.start >= usual;
    assert!(
        gaps.is_empty() || !enough,
        "never reached: {}",
        gaps.join(", ")
    );
}

#[test]
fn raft_survives_every_seed() {
    let seeds = seeds(RAFT_SEEDS);
    let coverage = survive("raft_survives_every_seed", seeds.clone(), Plan::of_seed);
    assert_reached(&coverage, seeds, RAFT_SEEDS, Mark::OF_RAFT, &[]);
}

#[test]
fn controllers_survive_every_seed() {
    let seeds = seeds(CONTROLLER_SEEDS);
    let coverage = survive(
        "controllers_survive_every_seed",
        seeds.clone(),
        Plan::with_controllers,
    );
    let reached = |usual, of| {
        assert_reached(&coverage, seeds.clone(), usual, of, &[Fault::Snapshot]);
    };
    reached(CONTROLLER_SEEDS, Mark::OF_RAFT);
    reached(CONTROLLER_SEEDS, Mark::OF_CONTROLLERS);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in seeds(TWICE_SEEDS) {
        for plan in [Plan::of_seed(seed), Plan::with_controllers(seed)] {
            let (first, second) = (run(plan.clone()), run(plan));
            assert_eq!(
                (first.trace, first.events),
                (second.trace, second.events),
                "seed {seed}"
            );
        }
    }
}
