//! kraftd beside Java with many partitions, in one run with the same client: how fast they are created and
//! what else suffers meanwhile, what a broker's going costs, how long a failover and a start take with
//! them, and the memory they take.
//!
//! `cargo bench --bench scale` (a JDK and Maven are needed, see scripts/setup.sh) runs both with 100,000
//! partitions, and kraftd alone with 10,000 and 1,000,000, to show what depends on their number.
//! `cargo bench --bench scale -- 50000` measures kraftd alone with so many.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use kraftd::protocol::{BrokerEpoch, api::Response};

use support::{
    DEFAULT_JVM, Kind, Settings,
    client::Client,
    cluster::{Cluster, ELECTION_TIMEOUT},
    first_commit, floor, is_committed, kafka, machine, metadata_log, process, quantile, requests,
    resident_kib, write,
};

mod support;

const BROKERS: i32 = 10;
const PARTITIONS_OF_A_TOPIC: i32 = 1_000;
const REPLICATION: i16 = 3;
const WRITES: usize = 200;
const FAILOVERS: usize = 3;
const HEARTBEAT_EVERY: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(300);

/// One figure of one contender.
struct Figure {
    name: &'static str,
    unit: &'static str,
    value: f64,
}

fn main() {
    println!("{}\n", machine());
    let quiet = |settings: Settings| {
        settings
            .with("broker.session.timeout.ms=3600000")
            .with("metadata.log.max.record.bytes.between.snapshots=10000000000")
    };
    let mut java = quiet(Settings::new(Kind::Java(kafka::RELEASE), 3, 0))
        .with("controller.quorum.append.linger.ms=0");
    java.controller_jvm = DEFAULT_JVM;
    let kraftd = quiet(Settings::new(Kind::Kraftd, 3, 0));
    if let Some(partitions) = std::env::args().find_map(|word| word.parse().ok()) {
        measure("kraftd", &kraftd, partitions);
        return;
    }
    let theirs = measure("Java", &java, 100_000);
    let ours = measure("kraftd", &kraftd, 100_000);
    println!("100,000 partitions, {REPLICATION} replicas each on {BROKERS} brokers");
    println!("{:<44}{:>12}{:>12}{:>9}", "", "Java", "kraftd", "ratio");
    for (theirs, ours) in theirs.iter().zip(&ours) {
        let ratio = match ours.unit.ends_with("/s") {
            true => ours.value / theirs.value,
            false => theirs.value / ours.value,
        };
        let name = format!("{} ({})", ours.name, ours.unit);
        println!(
            "{name:<44}{:>12.2}{:>12.2}{ratio:>8.1}x",
            theirs.value, ours.value
        );
    }
    let few = measure("kraftd", &kraftd, 10_000);
    let many = measure("kraftd", &kraftd, 1_000_000);
    println!("\nkraftd by the number of partitions");
    println!(
        "{:<44}{:>12}{:>12}{:>12}",
        "", "10,000", "100,000", "1,000,000"
    );
    for ((few, some), many) in few.iter().zip(&ours).zip(&many) {
        let name = format!("{} ({})", some.name, some.unit);
        println!(
            "{name:<44}{:>12.2}{:>12.2}{:>12.2}",
            few.value, some.value, many.value
        );
    }
}

/// A cluster under measurement, and its brokers' epochs.
struct Subject {
    cluster: Cluster,
    epochs: Vec<BrokerEpoch>,
    figures: Vec<Figure>,
}

fn measure(name: &str, settings: &Settings, partitions: i32) -> Vec<Figure> {
    eprintln!("{name} with {partitions} partitions");
    let cluster = Cluster::start(settings);
    let epochs = (0..BROKERS)
        .map(|index| cluster.fake_broker(broker(index)))
        .collect();
    let mut subject = Subject {
        cluster,
        epochs,
        figures: Vec::new(),
    };
    subject.create(partitions);
    subject.write_configs();
    subject.weigh();
    subject.observe();
    subject.shut_down_a_broker();
    subject.fence_a_broker();
    subject.fail_over();
    subject.start("start from the log");
    subject.snapshot();
    subject.start("start from a snapshot");
    subject.figures
}

/// Brokers have other ids than controllers.
fn broker(index: i32) -> i32 {
    100 + index
}

impl Subject {
    fn figure(&mut self, name: &'static str, unit: &'static str, value: f64) {
        eprintln!("  {name}: {value:.2} {unit}");
        self.figures.push(Figure { name, unit, value });
    }

    fn leader(&self) -> Client {
        let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT);
        let port = self.cluster.controllers[leader.index].port;
        Client::connect(port).expect("a connection to the leader")
    }

    fn ports(&self) -> Vec<u16> {
        let nodes = self.cluster.controllers.iter();
        nodes.map(|node| node.port).collect()
    }

    /// Does something while the heartbeats of a broker that has no part in it are timed. Says how long it
    /// took, and the slowest of them in milliseconds.
    fn while_a_broker_beats(&self, work: impl FnOnce()) -> (Duration, f64) {
        let done = AtomicBool::new(false);
        let (index, mut pulse) = (BROKERS - 1, self.leader());
        let sender = (broker(index), self.epochs[index as usize]);
        let beat = requests::heartbeat(sender, i64::MAX, false, false).into();
        let (elapsed, slowest) = thread::scope(|scope| {
            let heartbeats = scope.spawn(|| {
                let mut slowest = Duration::ZERO;
                while !done.load(Ordering::Relaxed) {
                    let start = Instant::now();
                    pulse.exchange(1, &beat).expect("an answer");
                    slowest = slowest.max(start.elapsed());
                    thread::sleep(HEARTBEAT_EVERY);
                }
                slowest
            });
            let start = Instant::now();
            work();
            let elapsed = start.elapsed();
            done.store(true, Ordering::Relaxed);
            (elapsed, heartbeats.join().expect("the heartbeats"))
        });
        (elapsed, slowest.as_secs_f64() * 1e3)
    }

    /// Topic after topic.
    fn create(&mut self, partitions: i32) {
        let mut client = self.leader();
        let (elapsed, slowest) = self.while_a_broker_beats(|| {
            for topic in 0..partitions / PARTITIONS_OF_A_TOPIC {
                let name = format!("topic-{topic}");
                let topic = requests::topic(&name, PARTITIONS_OF_A_TOPIC, REPLICATION);
                let answer = client.exchange(7, &requests::create(vec![topic], false));
                let Ok(Response::CreateTopics(answer)) = answer else {
                    panic!("{name} was not created: {answer:?}")
                };
                assert!(answer.topics[0].error_code.is_ok(), "{name}: {answer:?}");
            }
        });
        let rate = f64::from(partitions) / elapsed.as_secs_f64();
        self.figure("partitions created", "1/s", rate);
        self.figure("slowest heartbeat meanwhile", "ms", slowest);
    }

    fn write_configs(&mut self) {
        let mut client = self.leader();
        let mut commit = |number| {
            let start = Instant::now();
            let answer = client.exchange(1, &write(number)).expect("an answer");
            assert!(is_committed(&answer), "{answer:?}");
            start.elapsed()
        };
        let mut times: Vec<Duration> = (0..WRITES).map(&mut commit).collect();
        times.sort();
        self.figure("config write, p50", "ms", quantile(&times, 0.5));
        self.figure("config write, p99", "ms", quantile(&times, 0.99));
    }

    /// Resident memory of the leader.
    fn weigh(&mut self) {
        let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT).index;
        let pid = self.cluster.controllers[leader].process().child().id();
        self.figure(
            "memory of the leader",
            "MiB",
            resident_kib(pid) as f64 / 1024.0,
        );
    }

    /// Reads the whole log as a new broker does.
    fn observe(&mut self) {
        let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT).index;
        let port = self.cluster.controllers[leader].port;
        let start = Instant::now();
        let batches = metadata_log::fetch(port, &self.cluster.cluster_id);
        let elapsed = start.elapsed().as_secs_f64();
        let bytes: usize = batches.iter().map(|batch| batch.bytes().len()).sum();
        self.figure(
            "log read by an observer",
            "MB/s",
            bytes as f64 / 1e6 / elapsed,
        );
        let copied = bytes as f64 / 1e6 / floor::copy(bytes);
        self.figure("a copy of it in memory", "MB/s", copied);
    }

    /// A broker asks to leave; it may once nothing is led by it.
    fn shut_down_a_broker(&mut self) {
        let mut client = self.leader();
        let leave = requests::heartbeat((broker(0), self.epochs[0]), i64::MAX, false, true).into();
        let stays: Vec<_> = (1..BROKERS)
            .map(|index| {
                let epoch = self.epochs[index as usize];
                requests::heartbeat((broker(index), epoch), i64::MAX, false, false).into()
            })
            .collect();
        let (elapsed, slowest) = self.while_a_broker_beats(|| {
            let start = Instant::now();
            loop {
                let Ok(Response::BrokerHeartbeat(answer)) = client.exchange(1, &leave) else {
                    panic!("no answer to a heartbeat")
                };
                assert!(answer.error_code.is_ok(), "{answer:?}");
                if answer.should_shut_down {
                    break;
                }
                // The others tell that they know of the new leaders.
                for stay in &stays {
                    client.exchange(1, stay).expect("an answer");
                }
                assert!(start.elapsed() < PATIENCE, "the broker may not leave");
            }
        });
        let ms = elapsed.as_secs_f64() * 1e3;
        self.figure("controlled shutdown of a broker", "ms", ms);
        self.figure("another's slowest heartbeat meanwhile", "ms", slowest);
    }

    /// A broker is fenced, as when its session ends.
    fn fence_a_broker(&mut self) {
        let mut client = self.leader();
        let fence = requests::heartbeat((broker(1), self.epochs[1]), i64::MAX, true, false).into();
        let (elapsed, slowest) = self.while_a_broker_beats(|| {
            let Ok(Response::BrokerHeartbeat(answer)) = client.exchange(1, &fence) else {
                panic!("no answer to a heartbeat")
            };
            assert!(answer.error_code.is_ok() && answer.is_fenced, "{answer:?}");
        });
        let ms = elapsed.as_secs_f64() * 1e3;
        self.figure("fencing of a broker", "ms", ms);
        self.figure("another's slowest heartbeat then", "ms", slowest);
    }

    fn fail_over(&mut self) {
        let mut times = Vec::new();
        for _ in 0..FAILOVERS {
            let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT).index;
            let mut ports = self.ports();
            ports.remove(leader);
            let start = Instant::now();
            self.cluster.controllers[leader].kill();
            first_commit(&ports);
            times.push(start.elapsed());
            self.cluster.controllers[leader].start();
            self.cluster.wait_until_caught_up(leader);
            thread::sleep(Duration::from_secs(1));
        }
        times.sort();
        self.figure(
            "kill -9 to the next commit, p50",
            "ms",
            quantile(&times, 0.5),
        );
    }

    /// From nothing running to a committed write.
    fn start(&mut self, name: &'static str) {
        for node in &mut self.cluster.controllers {
            node.kill_if_running();
        }
        let start = Instant::now();
        for node in &mut self.cluster.controllers {
            node.start();
        }
        first_commit(&self.ports());
        self.figure(name, "ms", start.elapsed().as_secs_f64() * 1e3);
    }

    /// Lets every voter write a snapshot, and from its next start on no more so soon.
    fn snapshot(&mut self) {
        let mut usual = Vec::new();
        for node in &mut self.cluster.controllers {
            node.kill_if_running();
            let path = node.properties();
            let properties = fs::read_to_string(&path).expect("its properties");
            let eager = format!("{properties}metadata.log.max.record.bytes.between.snapshots=1\n");
            fs::write(&path, eager).expect("writes");
            usual.push((path, properties));
            node.start();
        }
        first_commit(&self.ports());
        process::wait_for("a snapshot on every voter", PATIENCE, || {
            first_commit(&self.ports());
            let mut nodes = self.cluster.controllers.iter();
            match nodes.all(|node| has_snapshot(&node.metadata_folder())) {
                true => Ok(()),
                false => Err("not yet".to_owned()),
            }
        });
        for (path, properties) in usual {
            fs::write(path, properties).expect("writes");
        }
    }
}

fn has_snapshot(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        path.extension()
            .is_some_and(|ending| ending == "checkpoint")
    })
}
