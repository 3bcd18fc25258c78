//! Messages that flow through the brokers while a test does things to the cluster: a producer, and a
//! consumer group that must get every acknowledged message, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{
    cluster::Cluster,
    helpers,
    kafka::{self, RELEASE},
    process::{Process, wait_for},
};

/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The producer and the consumer group.
pub struct Load {
    messages: usize,
    producer: Process,
    consumer: Process,
    acknowledged: PathBuf,
    consumed: PathBuf,
    producer_log: PathBuf,
}

impl Load {
    /// At least so many messages, at this pace until all is over.
    pub fn start(cluster: &Cluster, topic: &str, messages: usize, per_second: usize) -> Load {
        let servers = cluster.bootstrap_servers();
        let place = |name: &str| cluster.folder().join(name);
        let (acknowledged, consumed) = (place("acknowledged"), place("consumed"));
        let (count, pace) = (messages.to_string(), per_second.to_string());
        let file = acknowledged.display().to_string();
        let command = helper("Produce", &[&servers, topic, &count, &pace, &file]);
        let producer = Process::start("the producer", command, &place("producer.log"));
        let file = consumed.display().to_string();
        let command = helper("Consume", &[&servers, topic, "readers", &file]);
        let consumer = Process::start("the consumer", command, &place("consumer.log"));
        Load {
            messages,
            producer,
            consumer,
            acknowledged,
            consumed,
            producer_log: place("producer.log"),
        }
    }

    /// Waits until messages written after this moment have come through.
    pub fn wait_until_consumed_more(&mut self, more: usize) {
        let before = lines(&self.consumed).len();
        wait_for("messages to flow", PATIENCE, || {
            let now = lines(&self.consumed).len();
            if now >= before + more {
                Ok(())
            } else {
                Err(format!("{before} before, {now} now"))
            }
        });
    }

    /// Lets the producer send the rest, and checks that the group got every acknowledged message, once.
    pub fn finish(mut self) {
        let mut input = self
            .producer
            .child()
            .stdin
            .take()
            .expect("the producer's input");
        input.write_all(b"\n").expect("a word to the producer");
        let status = self.producer.wait_for_end(PATIENCE);
        let said = fs::read_to_string(&self.producer_log).expect("the producer's log");
        assert!(
            status.success() && said.contains("failures 0"),
            "the producer failed:\n{said}"
        );
        let acknowledged: BTreeSet<String> = lines(&self.acknowledged).into_iter().collect();
        assert!(
            acknowledged.len() >= self.messages,
            "only {} acknowledged",
            acknowledged.len()
        );
        let start = Instant::now();
        let consumed = loop {
            let consumed = positions(&self.consumed);
            let missing = acknowledged
                .iter()
                .filter(|id| !consumed.contains_key(*id))
                .count();
            if missing == 0 {
                break consumed;
            }
            let patient = start.elapsed() < PATIENCE;
            assert!(
                patient,
                "{missing} acknowledged messages never reached the group"
            );
            thread::sleep(Duration::from_millis(200));
        };
        let doubled = consumed.iter().find(|(_, positions)| positions.len() > 1);
        assert!(
            doubled.is_none(),
            "an idempotent producer's message is there twice: {doubled:?}"
        );
        let mut input = self
            .consumer
            .child()
            .stdin
            .take()
            .expect("the consumer's input");
        input.write_all(b"\n").expect("a word to the consumer");
        self.consumer.wait_for_end(PATIENCE);
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}

/// Where each consumed message stood: its id, and every partition and offset it was read from.
fn positions(path: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut positions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines(path) {
        let (id, position) = line.split_once(' ').expect("id and position");
        positions
            .entry(id.to_owned())
            .or_default()
            .insert(position.to_owned());
    }
    positions
}

/// One of our Java programs, about to run.
pub fn helper(main: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("java");
    command.args(kafka::NOTHING_BESIDE).args([
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
    ]);
    command
        .arg(helpers::classpath_with_helpers(RELEASE))
        .arg(main)
        .args(arguments);
    command
}
