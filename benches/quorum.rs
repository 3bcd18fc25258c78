//! kraftd's quorum against Java's, in one run with the same client: how long a commit takes, how long the
//! cluster is without a controller after `kill -9`, how long a start takes, and the memory of it all.
//!
//! `cargo bench --bench quorum` (a JDK and Maven are needed, see scripts/setup.sh). Every contender has
//! three voters with their log below the system's folder for temporary files; the rounds of the
//! contenders take turns, so that a slow minute of the machine meets all of them.

use std::{
    thread,
    time::{Duration, Instant},
};

use support::{
    DEFAULT_JVM, Kind, Settings,
    client::Client,
    cluster::{Cluster, ELECTION_TIMEOUT},
    first_commit, is_committed, kafka, machine, quantile, resident_kib, write,
};

mod support;

const COMMIT_ROUNDS: usize = 6;
const COMMITS: usize = 100;
const FAILOVERS: usize = 5;
const STARTS: usize = 3;

/// Commits before the first measured round: Java compiles its hot code meanwhile.
const WARM_UP: usize = 600;

struct Contender {
    name: &'static str,
    cluster: Cluster,
    commits: Vec<Duration>,
    failovers: Vec<Duration>,
    starts: Vec<Duration>,
    resident_mib: u64,
}

fn main() {
    let java = || {
        let mut settings = Settings::new(Kind::Java(kafka::RELEASE), 3, 0);
        settings.controller_jvm = DEFAULT_JVM;
        settings
    };
    let mut contenders = [
        Contender::new("Java", &java()),
        Contender::new(
            "Java, linger 0",
            &java().with("controller.quorum.append.linger.ms=0"),
        ),
        Contender::new("kraftd", &Settings::new(Kind::Kraftd, 3, 0)),
    ];
    eprintln!("starts");
    for _ in 0..STARTS {
        contenders.iter_mut().for_each(Contender::start);
    }
    contenders
        .iter()
        .for_each(|contender| drop(contender.commit(WARM_UP)));
    for _ in 0..COMMIT_ROUNDS {
        for contender in &mut contenders {
            let mut commits = contender.commit(COMMITS);
            contender.commits.append(&mut commits);
        }
    }
    contenders.iter_mut().for_each(Contender::weigh);
    eprintln!("failovers");
    for _ in 0..FAILOVERS {
        contenders.iter_mut().for_each(Contender::fail_over);
    }
    report(&mut contenders);
}

impl Contender {
    fn new(name: &'static str, settings: &Settings) -> Contender {
        Contender {
            name,
            cluster: Cluster::format(settings),
            commits: Vec::new(),
            failovers: Vec::new(),
            starts: Vec::new(),
            resident_mib: 0,
        }
    }

    /// From nothing running to a committed write; ends what ran before.
    fn start(&mut self) {
        for node in &mut self.cluster.controllers {
            node.kill_if_running();
        }
        let start = Instant::now();
        for node in &mut self.cluster.controllers {
            node.start();
        }
        first_commit(&self.ports());
        self.starts.push(start.elapsed());
    }

    /// One write after the other, straight at the active controller.
    fn commit(&self, count: usize) -> Vec<Duration> {
        let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT);
        let port = self.cluster.controllers[leader.index].port;
        let mut client = Client::connect(port).expect("a connection to the leader");
        let mut commit = |number: usize| {
            let start = Instant::now();
            let answer = client.exchange(1, &write(number)).expect("an answer");
            assert!(is_committed(&answer), "{}: {answer:?}", self.name);
            start.elapsed()
        };
        (0..count).map(&mut commit).collect()
    }

    /// kill -9 of the leader, until the others have committed a write.
    fn fail_over(&mut self) {
        let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT);
        let mut ports = self.ports();
        ports.remove(leader.index);
        let start = Instant::now();
        self.cluster.controllers[leader.index].kill();
        first_commit(&ports);
        self.failovers.push(start.elapsed());
        self.cluster.controllers[leader.index].start();
        self.cluster.wait_until_caught_up(leader.index);
        // The others have settled when the returned one counts again.
        thread::sleep(Duration::from_secs(1));
    }

    /// Resident memory of one controller, on average.
    fn weigh(&mut self) {
        let mut kib = 0;
        for node in &mut self.cluster.controllers {
            kib += resident_kib(node.process().child().id());
        }
        self.resident_mib = kib / 3 / 1024;
    }

    fn ports(&self) -> Vec<u16> {
        self.cluster
            .controllers
            .iter()
            .map(|node| node.port)
            .collect()
    }
}

fn report(contenders: &mut [Contender]) {
    println!("{}\n", machine());
    println!(
        "{:<16}{:>12}{:>12}{:>14}{:>14}{:>12}{:>10}",
        "3 voters",
        "commit p50",
        "commit p99",
        "failover p50",
        "failover max",
        "start p50",
        "memory"
    );
    let mut rows: Vec<[f64; 6]> = Vec::new();
    for contender in contenders.iter_mut() {
        contender.commits.sort();
        contender.failovers.sort();
        contender.starts.sort();
        let row = [
            quantile(&contender.commits, 0.5),
            quantile(&contender.commits, 0.99),
            quantile(&contender.failovers, 0.5),
            quantile(&contender.failovers, 1.0),
            quantile(&contender.starts, 0.5),
            contender.resident_mib as f64,
        ];
        println!(
            "{:<16}{:>9.2} ms{:>9.2} ms{:>11.0} ms{:>11.0} ms{:>9.0} ms{:>6.0} MiB",
            contender.name, row[0], row[1], row[2], row[3], row[4], row[5]
        );
        rows.push(row);
    }
    let (ours, javas) = rows.split_last().expect("three rows");
    for (java, contender) in javas.iter().zip(contenders.iter()) {
        let ratio = |column: usize| java[column] / ours[column];
        println!(
            "{:<16}{:>11.1}x{:>11.1}x{:>13.1}x{:>13.1}x{:>11.1}x{:>9.1}x",
            format!("{} / ours", contender.name),
            ratio(0),
            ratio(1),
            ratio(2),
            ratio(3),
            ratio(4),
            ratio(5)
        );
    }
}
