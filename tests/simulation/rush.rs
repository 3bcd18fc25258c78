//! A quorum with very many partitions that is asked for more than it can do: nobody who lives is fenced, and
//! everyone is answered.

use crate::{coverage::Mark, for_each_seed, nemesis::Fault, plan::Plan, world::World};

const SEEDS: u64 = 2;
const MANY: usize = 100_000;

/// Says how many partitions there are in the end.
fn run(seed: u64) -> usize {
    let mut plan = Plan {
        nodes: 3,
        election_timeout_ms: 1_000,
        fetch_timeout_ms: 2_000,
        session_timeout_ms: 5_000,
        fetch_max_bytes: 1 << 20,
        snapshot_bytes: 20 << 20,
        propose_every_ms: 100,
        max_delay_us: 500,
        max_sync_us: 10_000,
        cpu_us: 20,
        // Events of up to a second and a half; what lingers is one event.
        record_us: 150,
        append_linger_ms: None,
        calm_brokers: true,
        huge_one_in: 2,
        lose_one_in: None,
        crash_one_in: None,
        ..Plan::with_controllers(seed)
    };
    plan.faults.clear();
    let mut world = World::new(plan.with(Fault::Rush, 1_000));
    while world.step() {}
    world.check_end();
    let state = world.checker.images.latest();
    let partitions = state.topics.iter();
    let partitions = partitions.map(|(_, id)| state.topics.partition_count(id) as usize);
    let partitions = partitions.sum();
    let coverage = world.outcome().coverage;
    assert!(coverage.marks.contains_key(&Mark::BusyForASecond));
    let fenced = coverage.marks.get(&Mark::BrokerFenced);
    assert_eq!(fenced, None, "seed {seed}: all brokers live");
    partitions
}

#[test]
fn very_many_partitions_in_a_rush() {
    let partitions = for_each_seed(0..SEEDS, run);
    println!("{partitions:?} partitions");
    let most = partitions.into_iter().max().unwrap_or_default();
    assert!(most >= MANY, "only {most} partitions");
}
