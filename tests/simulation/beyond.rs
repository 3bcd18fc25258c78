//! More damage than is promised to be survived: a majority of the disks at once. Nothing can bring the
//! records back then, but it must never be silent. Either nothing was lost after all, since the leader was
//! not among them, or nobody is elected any more and the damaged voters say why.

use kraftd::{log::memory::Damage, protocol::NodeId, raft::Raft, time::Time};

use crate::{
    for_each_seed,
    plan::Plan,
    world::{Event, World},
};

const SEEDS: u64 = 60;
const DAMAGED_AT: Time = Time(20_000_000);

/// Says whether the quorum survived.
fn run(seed: u64) -> bool {
    let mut plan = Plan {
        nodes: [3, 5][seed as usize % 2],
        lose_one_in: None,
        crash_one_in: None,
        // The third voter has to be heard before two blank ones take themselves for all there is.
        max_delay_us: 5_000,
        ..Plan::of_seed(seed)
    };
    plan.faults.clear();
    let mut world = World::new(plan);
    while world.now < DAMAGED_AT {
        assert!(world.step(), "the run goes on");
    }
    let majority = world.plan.nodes / 2 + 1;
    let first = (seed / 2) as i32;
    let victims = (0..majority).map(|at| NodeId((first + at) % world.plan.nodes + 1));
    let victims: Vec<NodeId> = victims.collect();
    for id in &victims {
        match seed % 3 {
            0 => assert!(world.do_damage(*id, Damage::TailLost)),
            1 => assert!(world.do_damage(*id, Damage::Misdirected)),
            // Here both founders of a new quorum might vote as they did once before.
            _ => {
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
