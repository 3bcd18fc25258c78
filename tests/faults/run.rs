//! One run: a cluster, clients, faults; then peace, and the reckoning.

use std::{
    collections::BTreeSet,
    fs,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    thread,
    time::Duration,
};

use kraftd::protocol::api::Response;

use super::{
    checker,
    finder::Finder,
    harness::{
        cluster::{Cluster, ELECTION_TIMEOUT, Kind, Settings},
        load::Load,
        requests,
    },
    history::{History, Outcome, to_json},
    nemesis::{self, Nemesis},
    network,
    observer::Observer,
    plan::{FAULTS, Plan},
    porcupine, report,
    sandbox::sh,
    workload::{BROKER, Workload},
};

const CLIENTS: usize = 4;
/// A quorum that serves fewer on average was not there.
const LEAST_PER_SECOND: usize = 5;

/// Through the brokers, meanwhile.
const TOPIC: &str = "orders";
const MESSAGES: usize = 500;
const MESSAGES_PER_SECOND: usize = 100;

/// Between two looks at the log.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Each controller has led long before that.
const MAX_LEADERS: usize = 20;

pub fn run(seed: u64, seconds: u64) {
    network::lay(&[1, 2, 3, 101, 102]);
    let mut settings = Settings::new(Kind::Kraftd, 3, 2)
        // So that who was away comes back to a log that begins with a snapshot.
        .with("metadata.log.max.record.bytes.between.snapshots=300000")
        .with("metadata.max.retention.bytes=3000000");
    settings.place = network::place;
    let mut cluster = Cluster::format(&settings);
    nemesis::mount_disks(&cluster);
    let history = History::begin();
    let mut pass = || survive(&mut cluster, &history, seed, seconds);
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(&mut pass)) {
        keep(&cluster, &history);
        panic::resume_unwind(panic);
    }
    nemesis::unmount_disks(&mut cluster);
}

/// Disks in memory are gone with the sandbox, and the history with us.
fn keep(cluster: &Cluster, history: &History) {
    for node in &cluster.controllers {
        let folder = node.folder.display();
        sh(&format!("cp -a {folder}/data {folder}/disk"));
    }
    let file = cluster.folder().join("history.json");
    fs::write(file, to_json(&history.operations())).expect("keeps the history");
}

fn survive(cluster: &mut Cluster, history: &History, seed: u64, seconds: u64) {
    cluster.start_nodes();
    let replicas: [&[i32]; 4] = [&[101, 102], &[102, 101], &[101, 102], &[102, 101]];
    let topic = requests::create(vec![requests::assigned(TOPIC, &replicas)], false);
    cluster.ask_leader(7, &topic, |answer| match answer {
        Response::CreateTopics(answer) => answer.topics[0].error_code.is_ok(),
        _ => false,
    });
    let mut load = Load::start(cluster, TOPIC, MESSAGES, MESSAGES_PER_SECOND);
    // By then the brokers have created the topic of the group's offsets: not on a broker that is none.
    load.wait_until_consumed_more(1);
    let broker_epoch = cluster.fake_broker(BROKER);
    let finder = Finder::new(&cluster.controllers);
    let mut observer = Observer::new(&cluster.cluster_id);
    let over = AtomicBool::new(false);
    let workload = Workload {
        finder: &finder,
        history,
        broker_epoch,
        over: &over,
        next_value: AtomicI64::new(0),
    };
    let begin_us = history.now_us();
    let faults = thread::scope(|scope| {
        let _end = End(&over);
        let mut threads = vec![
            scope.spawn(|| workload.beat()),
            scope.spawn(|| follow(&mut observer, &finder, &over)),
        ];
        for client in 0..CLIENTS {
            let workload = &workload;
            threads.push(scope.spawn(move || workload.work(client, seed)));
        }
        let mut nemesis = Nemesis::new(cluster, &finder, history);
        let mut plan = Plan::of_seed(seed);
        loop {
            nemesis.play(&plan.next_round());
            let failed = threads.iter().any(|thread| thread.is_finished());
            assert!(!failed, "a client has failed");
            if plan.is_even() && (history.now_us() - begin_us) / 1_000_000 >= seconds {
                break;
            }
        }
        nemesis.wait_until_whole();
        (nemesis.felt, nemesis.counts, nemesis.rot)
    });
    let lasted = (history.now_us() - begin_us) as f64 / 1e6;
    for index in 0..cluster.controllers.len() {
        cluster.wait_until_caught_up(index);
    }
    load.finish();
    read_from_every_node(cluster, &mut observer);
    let operations = history.operations();
    let wrong = checker::check(&operations, &observer.marks);
    assert!(
        wrong.is_empty(),
        "told otherwise than done:\n{}",
        wrong.join("\n")
    );
    let judged = porcupine::check(&porcupine::build(), &operations, cluster.folder());
    let judged = judged.unwrap_or_else(|wrong| panic!("Porcupine objects:\n{wrong}"));

    let (felt, counts, rot) = faults;
    println!("seed {seed}, {lasted:.0} s of faults");
    println!("{}", report::outcomes(&operations));
    println!("{}", report::faults(&operations, &felt, &counts));
    println!("rotten bits: {rot:?}");
    println!(
        "the logs of all controllers agree up to offset {}, of {} batches; Porcupine passes {}",
        observer.end(),
        observer.batches.len(),
        judged.trim(),
    );
    let missing: Vec<&str> = FAULTS
        .iter()
        .filter(|(kind, ..)| !counts.contains_key(kind))
        .map(|(_, name, ..)| *name)
        .collect();
    assert!(missing.is_empty(), "faults that never came: {missing:?}");
    let done = operations.iter().filter(|op| op.outcome == Outcome::Done);
    let least = lasted as usize * LEAST_PER_SECOND;
    assert!(done.count() >= least, "there was hardly any service");
}

/// Ends the clients' work, also when we fail.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads what is committed as it comes, from whoever leads.
fn follow(observer: &mut Observer, finder: &Finder, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        if let Some((_, mut client)) = finder.find() {
            while observer.catch_up(&mut client) && !over.load(Ordering::Relaxed) {
                thread::sleep(LOOK_EVERY);
            }
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Has every controller lead, and compares what each has with what was read before.
fn read_from_every_node(cluster: &mut Cluster, observer: &mut Observer) {
    let mut waiting: BTreeSet<usize> = (0..cluster.controllers.len()).collect();
    for _ in 0..MAX_LEADERS {
        let leader = cluster.wait_for_leader(ELECTION_TIMEOUT);
        let node = &cluster.controllers[leader.index];
        let mut own = Observer::new(&cluster.cluster_id);
        for observer in [&mut *observer, &mut own] {
            let mut client = node.connect().expect("the leader listens");
            assert!(
                observer.catch_up(&mut client),
                "node {} has just led",
                node.id
            );
            assert!(
                observer.end() >= leader.high_watermark,
                "all that is committed"
            );
        }
        let difference = own.difference(observer);
        assert_eq!(difference, None, "in the log of node {}", node.id);
        waiting.remove(&leader.index);
        let Some(next) = waiting.first().copied() else {
            return;
        };
        // With the others away there is nobody else to hand over to.
        let all = 0..cluster.controllers.len();
        let others = all.filter(|index| ![leader.index, next].contains(index));
        let stopped: Vec<usize> = others.chain([leader.index]).collect();
        for index in &stopped {
            cluster.controllers[*index].stop(STOP_TIMEOUT);
        }
        for index in stopped {
            cluster.controllers[index].start();
            cluster.wait_until_caught_up(index);
        }
    }
    panic!("controllers {waiting:?} never led in {MAX_LEADERS} elections");
}
