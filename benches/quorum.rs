//! kraftd's quorum against Java's, in one run with the same client: how long a commit takes, how long the
//! cluster is without a controller after `kill -9`, how long a start takes, and the memory of it all.
//!
//! `cargo bench --bench quorum` (a JDK and Maven are needed, see scripts/setup.sh). Every contender has
//! three voters with their log below the system's folder for temporary files; the rounds of the
//! contenders take turns, so that a slow minute of the machine meets all of them.

use std::{
    fs,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use kraftd::protocol::api::{Request, Response};

use client::Client;
use cluster::{Cluster, ELECTION_TIMEOUT, Kind, Settings};

macro_rules! harness {
    ($($module:ident $path:literal)*) => { $(
        #[path = $path]
        #[allow(dead_code, reason = "the tests against real Kafka use the rest")]
        mod $module;
    )* };
}

harness! {
    client "../tests/java/client.rs"
    cluster "../tests/java/cluster.rs"
    kafka "../tests/java/kafka.rs"
    metadata_log "../tests/java/metadata_log.rs"
    process "../tests/java/process.rs"
    requests "../tests/java/requests.rs"
}

const COMMIT_ROUNDS: usize = 6;
const COMMITS: usize = 100;
const FAILOVERS: usize = 5;
const STARTS: usize = 3;

/// Commits before the first measured round: Java compiles its hot code meanwhile.
const WARM_UP: usize = 600;

/// What kafka-server-start.sh and kafka-run-class.sh give to the JVM.
const DEFAULT_JVM: &[&str] = &[
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

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

/// A write that changes one record: a dynamic config that flips.
fn write(number: usize) -> Request {
    let value = (number % 2).to_string();
    let change = [("bench.flag", requests::SET, Some(value.as_str()))];
    requests::alter((requests::BROKER, ""), &change, false)
}

fn is_committed(answer: &Response) -> bool {
    matches!(answer, Response::IncrementalAlterConfigs(answer) if answer.responses[0].error_code.is_ok())
}

/// Tries one controller after the other until a write is committed.
fn first_commit(ports: &[u16]) {
    let start = Instant::now();
    for attempt in 0.. {
        let port = ports[attempt % ports.len()];
        let answer =
            Client::connect(port).and_then(|mut client| client.exchange(1, &write(attempt)));
        if answer.is_ok_and(|answer| is_committed(&answer)) {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "nothing was committed"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .expect("a number")
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

/// In milliseconds, of sorted values.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted[index.min(sorted.len() - 1)].as_secs_f64() * 1e3
}

/// What the figures were measured on.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let count = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let java = kafka::run("java", &["-version"]);
    let java = String::from_utf8_lossy(&java.stderr)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    format!(
        "{count} x {model}, Linux {}, fdatasync of 4 KiB {:.2} ms (p50)\nApache Kafka {}, {java}",
        kernel.trim(),
        quantile(&sync_times(), 0.5),
        kafka::RELEASE
    )
}

/// What any commit costs on this disk at least.
fn sync_times() -> Vec<Duration> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let mut sync = |_| {
        let start = Instant::now();
        file.write_all(&[0; 4096]).expect("a write");
        file.sync_data().expect("a sync");
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..100).map(&mut sync).collect();
    times.sort();
    times
}
