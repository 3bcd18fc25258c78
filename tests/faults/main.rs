//! Real processes under faults: three controllers and two Java brokers, each on a host of its own (a network
//! namespace), with a seeded plan of kills, pauses, partitions, full and damaged disks. What concurrent
//! clients were told is held against the committed log, and judged by Porcupine.
//!
//! Usually every kind of fault comes once. More of them:
//! `KRAFTD_CHAOS_SECONDS=3600 KRAFTD_SEED=7 cargo test --release --test faults -- --nocapture survive`

mod checker;
mod finder;
mod hand_over;
mod harness;
mod history;
mod nemesis;
mod network;
mod observer;
mod plan;
mod porcupine;
mod report;
mod run;
mod sandbox;
mod workload;

use std::env;

use harness::{helpers, kafka};

/// What a variable says, or what is usual.
fn variable(name: &str, usual: u64) -> u64 {
    let Ok(value) = env::var(name) else {
        return usual;
    };
    let number = value.parse();
    number.unwrap_or_else(|_| panic!("{name}={value} is no number"))
}

#[test]
fn real_processes_survive_the_faults_of_a_seed() {
    // In the sandbox nothing can be fetched any more.
    helpers::classpath_with_helpers(kafka::RELEASE);
    porcupine::build();
    let status = sandbox::run("in_the_sandbox");
    let seed = variable("KRAFTD_SEED", 1);
    let seconds = variable("KRAFTD_CHAOS_SECONDS", 0);
    assert!(
        status.success(),
        "run it again with KRAFTD_CHAOS_SECONDS={seconds} KRAFTD_SEED={seed} cargo test --release --test \
         faults -- --nocapture survive"
    );
}

#[test]
#[ignore = "the other test runs it"]
fn in_the_sandbox() {
    if sandbox::enter() {
        run::run(
            variable("KRAFTD_SEED", 1),
            variable("KRAFTD_CHAOS_SECONDS", 0),
        );
    }
}
