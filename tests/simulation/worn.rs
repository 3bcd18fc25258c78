//! Disks that from some moment on fail every sync, also after restarts: the process stops each time, and
//! the quorum lives on for as long as a majority has healthy disks.

use kraftd::{
    protocol::{NodeId, Offset},
    raft::Raft,
};

use crate::{coverage::Mark, for_each_seed, plan::Plan, world::World};

const SEEDS: u64 = 20;

fn run_for(world: &mut World, ms: u64) {
    let until_us = world.now.0 + ms * 1000;
    while world.now.0 < until_us {
        assert!(world.step(), "the run goes on");
    }
}

/// Whether more is committed after so long.
fn commits(world: &mut World, ms: u64) -> bool {
    let before = world.checker.committed_end();
    run_for(world, ms);
    world.checker.committed_end() > before
}

fn run(seed: u64) {
    let mut plan = Plan {
        nodes: [3, 5][seed as usize % 2],
        propose_every_ms: 50,
        max_delay_us: 5_000,
        max_sync_us: 10_000,
        lose_one_in: None,
        crash_one_in: None,
        cpu_us: 0,
        record_us: 0,
        ..match seed % 4 {
            0 | 1 => Plan::of_seed(seed),
            _ => Plan::with_controllers(seed),
        }
    };
    plan.faults.clear();
    let mut world = World::new(plan);
    run_for(&mut world, 15_000);
    assert!(world.checker.committed_end() > Offset(0));
    let leader = world.nodes.values().find_map(|node| {
        let leads = node.raft().is_some_and(Raft::is_leader);
        leads.then_some(node.id)
    });
    let leader = leader.expect("a leader without faults");
    let nodes = world.plan.nodes;
    let victims = (0..=nodes / 2).map(|at| NodeId((leader.0 - 1 + at) % nodes + 1));
    let victims: Vec<NodeId> = victims.collect();
    let (last, minority) = victims.split_last().expect("a majority of all");
    for id in minority {
        world.node(*id).disk.wear_out(true);
    }
    run_for(&mut world, 5_000);
    for _ in 0..3 {
        assert!(
            commits(&mut world, 3_000),
            "seed {seed}: a majority is well"
        );
        for id in minority {
            assert!(world.nodes[id].raft().is_none(), "seed {seed}: {id} runs");
        }
    }
    let stops = world.coverage.marks.get(&Mark::StartFailedOnWornDisk);
    assert!(
        stops.is_some_and(|stops| *stops > 5),
        "they were started again"
    );
    world.node(*last).disk.wear_out(true);
    run_for(&mut world, 5_000);
    assert!(
        !commits(&mut world, 5_000),
        "seed {seed}: one disk is no majority"
    );
    // The plan ends all faults.
    while world.step() {}
    world.check_end();
}

#[test]
fn a_worn_disk_stops_its_node_alone() {
    for_each_seed(0..SEEDS, run);
}
