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
    first_commit, is_committed, kafka, machine, quantile, resident_kib, write_many,
};

mod support;

const COMMIT_ROUNDS: usize = 6;
const COMMITS: usize = 100;
const FAILOVERS: usize = 5;
const STARTS: usize = 3;

/// Records of one write.
const SIZES: [usize; 4] = [1, 10, 100, 1_000];
/// Clients that write at once, one record each.
const CROWDS: [usize; 3] = [1, 8, 32];
const WRITES_OF_A_CROWD: usize = 320;

/// Commits before the first measured round: Java compiles its hot code meanwhile.
const WARM_UP: usize = 600;

struct Contender {
    name: &'static str,
    cluster: Cluster,
    /// By [`SIZES`].
    commits: [Vec<Duration>; SIZES.len()],
    /// How long all of [`WRITES_OF_A_CROWD`] took, by [`CROWDS`].
    crowds: [Vec<Duration>; CROWDS.len()],
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
        .for_each(|contender| drop(commit(&mut contender.client(), WARM_UP, 1)));
    contenders.iter_mut().for_each(Contender::weigh);
    eprintln!("commits");
    for _ in 0..COMMIT_ROUNDS {
        contenders.iter_mut().for_each(Contender::commit_all);
    }
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
            commits: Default::default(),
            crowds: Default::default(),
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

    /// A round of writes of every size, and of every crowd.
    fn commit_all(&mut self) {
        for (index, records) in SIZES.into_iter().enumerate() {
            let mut commits = commit(&mut self.client(), COMMITS, records);
            self.commits[index].append(&mut commits);
        }
        for (index, crowd) in CROWDS.into_iter().enumerate() {
            let clients: Vec<_> = (0..crowd).map(|_| self.client()).collect();
            let start = Instant::now();
            thread::scope(|scope| {
                for mut client in clients {
                    scope.spawn(move || commit(&mut client, WRITES_OF_A_CROWD / crowd, 1));
                }
            });
            self.crowds[index].push(start.elapsed());
        }
    }

    /// Of the active controller.
    fn client(&self) -> Client {
        let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT);
        let port = self.cluster.controllers[leader.index].port;
        Client::connect(port).expect("a connection to the leader")
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

/// One write after the other.
fn commit(client: &mut Client, count: usize, records: usize) -> Vec<Duration> {
    let commit = |number: usize| {
        let write = write_many(number, records);
        let start = Instant::now();
        let answer = client.exchange(1, &write).expect("an answer");
        assert!(is_committed(&answer), "{answer:?}");
        start.elapsed()
    };
    (0..count).map(commit).collect()
}

fn report(contenders: &mut [Contender]) {
    println!("{}\n", machine());
    let rows: Vec<_> = contenders.iter_mut().map(figures).collect();
    print!("{:<34}", "three voters");
    contenders
        .iter()
        .for_each(|contender| print!("{:>16}", contender.name));
    println!("{:>28}", "Java's / ours");
    for (index, (name, is_rate, _)) in rows[0].iter().enumerate() {
        print!("{name:<34}");
        let values: Vec<f64> = rows.iter().map(|row| row[index].2).collect();
        values.iter().for_each(|value| print!("{value:>16.2}"));
        let (ours, javas) = values.split_last().expect("three contenders");
        for java in javas {
            let ratio = if *is_rate { ours / java } else { java / ours };
            print!("{ratio:>13.1}x");
        }
        println!();
    }
}

/// What a contender comes to: names, whether more is better, and values.
fn figures(contender: &mut Contender) -> Vec<(String, bool, f64)> {
    let mut figures = Vec::new();
    for (times, records) in contender.commits.iter_mut().zip(SIZES) {
        times.sort();
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let name = format!("write of {records}, {name} (ms)");
            figures.push((name, false, quantile(times, share)));
        }
    }
    for (times, clients) in contender.crowds.iter_mut().zip(CROWDS) {
        times.sort();
        let rate = WRITES_OF_A_CROWD as f64 * 1e3 / quantile(times, 0.5);
        figures.push((format!("writes of {clients} at once (1/s)"), true, rate));
    }
    for times in [&mut contender.failovers, &mut contender.starts] {
        times.sort();
    }
    let (failovers, starts) = (&contender.failovers, &contender.starts);
    let mut time = |name: &str, value| figures.push((name.to_owned(), false, value));
    time("failover, p50 (ms)", quantile(failovers, 0.5));
    time("failover, slowest (ms)", quantile(failovers, 1.0));
    time("start, p50 (ms)", quantile(starts, 0.5));
    time("memory (MiB)", contender.resident_mib as f64);
    figures
}
