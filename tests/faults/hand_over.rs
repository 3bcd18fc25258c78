//! A leader that is stopped in order hands over at once. Controllers alone, and nothing else fails but that a follower
//! may stand still.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kraftd::protocol::api::Response;
use rustix::process::Signal;

use super::{
    finder::Finder,
    harness::{
        cluster::{Cluster, ELECTION_TIMEOUT, Kind, Settings, turn},
        requests,
    },
};

const ROUNDS: usize = 12;
const CLIENTS: usize = 4;
const CLIENT_METRICS: i8 = 16;
const PAUSE: Duration = Duration::from_millis(2);
/// The clients work so long before the stop, and after it.
const AROUND: Duration = Duration::from_millis(600);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long before the stop the follower is suspended: its last Fetch waits still, or was answered.
const SUSPENDED_FOR_MS: [u64; 3] = [5, 300, 1_000];

/// Nobody waits for a timeout: the shortest are 500 ms.
const AT_MOST: Duration = Duration::from_millis(450);
/// Rounds in which the machine may have had something else to do. A rule that makes somebody wait would do so in a third of
/// them at least: so many are alike.
const SLOW_ROUNDS: usize = 2;
/// It may have had for longer; the rule would do so each time.
const ATTEMPTS: usize = 3;

#[test]
fn a_leader_that_is_stopped_hands_over_at_once() {
    stops_cost_little(3, false);
}

#[test]
fn a_leader_that_is_stopped_hands_over_while_a_follower_stands_still() {
    stops_cost_little(5, true);
}

fn stops_cost_little(voters: usize, suspends: bool) {
    let _turn = turn();
    let mut settings = Settings::new(Kind::Kraftd, voters, 0);
    // A disk may take its time, and five voters have one: in memory it has no part in this.
    settings.parent = "/dev/shm".into();
    let mut cluster = Cluster::format(&settings);
    cluster.start_nodes();
    let is_quick = (0..ATTEMPTS).any(|_| costs_little(&mut cluster, voters, suspends));
    assert!(is_quick, "{}", cluster.controller_tails());
}

fn costs_little(cluster: &mut Cluster, voters: usize, suspends: bool) -> bool {
    let mut costs: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            (0..voters).for_each(|index| cluster.wait_until_caught_up(index));
            let leader = cluster.wait_for_leader(ELECTION_TIMEOUT).index;
            let follower = (leader + 1 + round % (voters - 1)) % voters;
            let suspended = suspends.then_some(follower);
            let cost = stop_leader(cluster, leader, suspended, round);
            cluster.controllers[leader].start();
            cost
        })
        .collect();
    costs.sort();
    println!("without service when the leader of {voters} is stopped: {costs:?}");
    costs[ROUNDS - 1 - SLOW_ROUNDS] < AT_MOST
}

/// The longest time without an answer.
fn stop_leader(
    cluster: &mut Cluster,
    leader: usize,
    suspended: Option<usize>,
    round: usize,
) -> Duration {
    let nodes = cluster.controllers.iter().enumerate();
    let asked = nodes.filter(|(index, _)| Some(*index) != suspended);
    let finder = Finder::new(asked.map(|(_, node)| node));
    let (served, over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let around = thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (finder, served, over) = (&finder, &served, &over);
            scope.spawn(move || work(client, finder, served, over));
        }
        thread::sleep(AROUND);
        if let Some(index) = suspended {
            cluster.controllers[index].process().signal(Signal::STOP);
            let ms = SUSPENDED_FOR_MS[round % SUSPENDED_FOR_MS.len()];
            thread::sleep(Duration::from_millis(ms));
        }
        let from = Instant::now();
        cluster.controllers[leader].stop(STOP_TIMEOUT);
        thread::sleep(AROUND);
        let around = from..Instant::now();
        over.store(true, Ordering::Relaxed);
        if let Some(index) = suspended {
            cluster.controllers[index].process().signal(Signal::CONT);
        }
        around
    });
    longest_gap(served.into_inner().expect("no client failed"), around)
}

/// One small write after the other, to whoever leads.
fn work(client: usize, finder: &Finder, served: &Mutex<Vec<Instant>>, over: &AtomicBool) {
    let name = format!("register-{client}");
    let (mut link, mut value) = (None, 0);
    while !over.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        let Some((_, connection)) = &mut link else {
            link = finder.find();
            continue;
        };
        value += 1;
        let text = value.to_string();
        let change = [("metrics", requests::SET, Some(text.as_str()))];
        let request = requests::alter((CLIENT_METRICS, &name), &change, false);
        match connection.exchange(1, &request) {
            Ok(Response::IncrementalAlterConfigs(answer))
                if answer.responses[0].error_code.is_ok() =>
            {
                served.lock().expect("sound").push(Instant::now());
            }
            _ => link = None,
        }
    }
}

fn longest_gap(mut moments: Vec<Instant>, within: Range<Instant>) -> Duration {
    moments.retain(|moment| within.contains(moment));
    moments.extend([within.start, within.end]);
    moments.sort();
    let gaps = moments.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().expect("a gap at least")
}
