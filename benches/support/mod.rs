//! What the benches share: the harness of the tests against real Kafka, and small helpers.

#![allow(dead_code, unused_imports, reason = "each bench uses a part")]

use std::{
    fs,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use kraftd::protocol::api::{Request, Response};

use self::client::Client;
pub use self::cluster::{Kind, Settings};

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
    let value = (number % 2).to_string();
    let change = [("bench.flag", requests::SET, Some(value.as_str()))];
    requests::alter((requests::BROKER, ""), &change, false)
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
    format!(
        "{count} x {model}, Linux {}, fdatasync of 4 KiB {:.2} ms (p50)\nApache Kafka {}, {java}",
        kernel.trim(),
        quantile(&sync_times(), 0.5),
        kafka::RELEASE
    )
}

/// What any commit costs on this disk at least.
pub fn sync_times() -> Vec<Duration> {
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
