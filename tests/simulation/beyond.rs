//! More damage than is promised to be survived: a majority of the disks at once. Nothing can bring the
//! records back then, but it must never be silent. Either nothing was lost after all, since the leader was
//! not among them, or nobody is elected any more and the damaged voters say why.

use kraftd::{log::memory::Damage, protocol::NodeId, raft::Raft, time::Time};

use crate::{
    for_each_seed,
    plan::Plan,
    world::{Event, World},
};

/// What happens to a majority; `None` is a blank disk.
const LOSSES: &[Option<Damage>] = &[
    Some(Damage::TailLost),
    Some(Damage::Misdirected),
    Some(Damage::Rot),
    Some(Damage::VoterStateLost),
    Some(Damage::SnapshotRot),
    Some(Damage::SnapshotLost),
    // Here both founders of a new quorum might vote as they did once before.
    None,
];
/// Four times each loss, with three nodes and with five, and with both kinds of nodes.
const SEEDS: u64 = 4 * 4 * LOSSES.len() as u64;
/// Time enough for a snapshot on every disk.
const SNAPSHOTS_AT: Time = Time(19_000_000);
const DAMAGED_AT: Time = Time(20_000_000);

fn run_until(world: &mut World, time: Time) {
    while world.now < time {
        assert!(world.step(), "the run goes on");
    }
}

/// Says whether the quorum survived.
fn run(seed: u64) -> bool {
    let loss = LOSSES[(seed / 4) as usize % LOSSES.len()];
    let of_snapshots = matches!(loss, Some(Damage::SnapshotRot | Damage::SnapshotLost));
    let by_seed = match seed / 2 % 2 {
        0 => Plan::of_seed(seed),
        _ => Plan::with_controllers(seed),
    };
    let mut plan = Plan {
        nodes: [3, 5][seed as usize % 2],
        lose_one_in: None,
        crash_one_in: None,
        // The third voter has to be heard before two blank ones take themselves for all there is.
        max_delay_us: 5_000,
        max_sync_us: 10_000,
        // Every log begins with a snapshot, or none does.
        snapshot_bytes: if of_snapshots { 4_000 } else { 1 << 20 },
        propose_every_ms: 50,
        ..by_seed
    };
    plan.faults.clear();
    let mut world = World::new(plan);
    run_until(&mut world, SNAPSHOTS_AT);
    for id in world.node_ids().into_iter().filter(|_| of_snapshots) {
        world.snapshot(id);
    }
    run_until(&mut world, DAMAGED_AT);
    let majority = world.plan.nodes / 2 + 1;
    let first = (seed / 4) as i32;
    let victims = (0..majority).map(|at| NodeId((first + at) % world.plan.nodes + 1));
    let victims: Vec<NodeId> = victims.collect();
    for id in &victims {
        match loss {
            Some(damage) => assert!(world.do_damage(*id, damage), "seed {seed}: {damage:?}"),
            None => {
                world.kill(*id);
                world.put_in_blank_disk(*id);
                world.after(1_000_000, Event::Start(*id));
            }
        }
    }
    while world.step() {}
    let leaders = world.nodes.values().filter_map(|node| node.raft());
    if leaders.filter(|raft| raft.is_leader()).count() > 0 {
        world.check_end();
        return true;
    }
    for id in victims {
        let says = world.nodes[&id].raft().and_then(Raft::amnesia);
        assert!(says.is_some(), "seed {seed}: {id} says nothing of its loss");
    }
    false
}

#[test]
fn damage_beyond_the_promise_is_never_silent() {
    let survived = for_each_seed(0..SEEDS, run);
    let survivors = survived.iter().filter(|survived| **survived).count();
    println!("{survivors} of {SEEDS} quorums survived");
    assert!(survivors > 0 && survivors < SEEDS as usize, "both happen");
}
