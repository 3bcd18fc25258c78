//! What the benches share: the harness of the tests against real Kafka, and small helpers.

#![allow(dead_code, unused_imports, reason = "each bench uses a part")]

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use kraftd::protocol::api::{Request, Response};

use self::client::Client;
pub use self::cluster::{Kind, Settings};

pub mod floor;

macro_rules! harness {
    ($($module:ident $path:literal)*) => { $(
        #[path = $path]
        pub mod $module;
    )* };
}

harness! {
    client "../../tests/java/client.rs"
    cluster "../../tests/java/cluster.rs"
    kafka "../../tests/java/kafka.rs"
    metadata_log "../../tests/java/metadata_log.rs"
    process "../../tests/java/process.rs"
    requests "../../tests/java/requests.rs"
}

/// What kafka-server-start.sh and kafka-run-class.sh give to the JVM.
pub const DEFAULT_JVM: &[&str] = &[
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// A write that changes one record: a dynamic config that flips.
pub fn write(number: usize) -> Request {
    write_many(number, 1)
}

/// A write of so many records.
pub fn write_many(number: usize, records: usize) -> Request {
    let value = (number % 2).to_string();
    let names: Vec<_> = (0..records).map(|name| format!("bench.{name}")).collect();
    let change = |name| (name, requests::SET, Some(value.as_str()));
    let changes: Vec<_> = names.iter().map(|name| change(name.as_str())).collect();
    requests::alter((requests::BROKER, ""), &changes, false)
}

pub fn is_committed(answer: &Response) -> bool {
    matches!(answer, Response::IncrementalAlterConfigs(answer) if answer.responses[0].error_code.is_ok())
}

/// Tries one controller after the other until a write is committed.
pub fn first_commit(ports: &[u16]) {
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

pub fn resident_kib(pid: u32) -> u64 {
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

/// In milliseconds, of sorted values.
pub fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted[index.min(sorted.len() - 1)].as_secs_f64() * 1e3
}

/// What the figures were measured on.
pub fn machine() -> String {
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
    let floor = floor::measure();
    format!(
        "{count} x {model}, Linux {}\nApache Kafka {}, {java}\nfloors (p50): fdatasync {:.3} ms, round trip over \
         loopback {:.3} ms, a commit by three threads {:.3} ms",
        kernel.trim(),
        kafka::RELEASE,
        quantile(&floor.sync, 0.5),
        quantile(&floor.round_trip, 0.5),
        quantile(&floor.commit, 0.5),
    )
}
