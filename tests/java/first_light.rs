//! THE scenario: two Java brokers and a topic live through the loss of a controller, a clean stop and a
//! kill of a broker, under load, and nothing acknowledged is lost. The same code runs with Java's
//! controllers; what leaders and replicas did, and what the brokers complained about, must agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    process::{Child, Stdio},
    time::Duration,
};

use super::{
    cluster::{Cluster, ELECTION_TIMEOUT, Kind, Settings, java, turn},
    kafka::RELEASE,
    load::{Load, helper},
    metadata_log::{self, PartitionMove},
    process::{run_to_end, wait_for},
};

pub const TOPIC: &str = "orders";
pub const PARTITIONS: usize = 12;
const MESSAGES: usize = 100_000;
/// Slow enough that messages flow through the whole scenario.
pub const MESSAGES_PER_SECOND: usize = 1_500;

/// For brokers to be where they shall be, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A partition as brokers describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub leader: Option<i32>,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

/// What one run showed.
struct Outcome {
    /// After each step: how many partitions are in which state, placement left aside.
    steps: Vec<(&'static str, BTreeMap<String, usize>)>,
    /// Kinds of changes that the controllers wrote for the topic's partitions, by step.
    moves: Vec<(&'static str, BTreeSet<PartitionMove>)>,
    /// ERROR and FATAL lines of the brokers, made comparable.
    complaints: BTreeSet<String>,
}

#[test]
fn brokers_live_through_failures_as_with_java() {
    let _turn = turn();
    compare(|kind| Settings::new(kind, 3, 2), MESSAGES);
}

/// Plays the scenario with Java's controllers and with ours.
pub fn compare(settings: impl Fn(Kind) -> Settings, messages: usize) {
    // However long it takes here: nobody gives leaderships back meanwhile.
    let settings = |kind| settings(kind).with("leader.imbalance.check.interval.seconds=86400");
    let java = run(&settings(Kind::Java(RELEASE)), messages);
    let ours = run(&settings(Kind::Kraftd), messages);
    assert_eq!(
        ours.steps, java.steps,
        "leaders and ISRs (ours left, Java's right)"
    );
    assert_eq!(
        ours.moves, java.moves,
        "changes of partitions (ours left, Java's right)"
    );
    let new: Vec<&String> = ours.complaints.difference(&java.complaints).collect();
    assert!(
        new.is_empty(),
        "brokers complain as they do not with Java: {new:#?}"
    );
}

/// Everything that runs against one cluster.
struct Run {
    cluster: Cluster,
    admin: Admin,
    steps: Vec<(&'static str, BTreeMap<String, usize>)>,
    step_ends: Vec<(&'static str, i64)>,
}

fn run(settings: &Settings, messages: usize) -> Outcome {
    let cluster = Cluster::start(settings);
    let admin = Admin::start(&cluster.bootstrap_servers());
    let mut run = Run {
        cluster,
        admin,
        steps: Vec::new(),
        step_ends: Vec::new(),
    };
    run.create_topic();
    let mut load = Load::start(&run.cluster, TOPIC, messages, MESSAGES_PER_SECOND);
    load.wait_until_consumed_more(1_000);
    run.lose_the_active_controller(&mut load);
    run.stop_a_broker_and_bring_it_back(0, &mut load);
    run.kill_a_broker_and_bring_it_back(1, &mut load);
    load.finish();
    run.outcome()
}

impl Run {
    fn create_topic(&mut self) {
        let mut command = java(
            RELEASE,
            &["-XX:TieredStopAtLevel=1"],
            "org.apache.kafka.tools.TopicCommand",
        );
        let servers = self.cluster.bootstrap_servers();
        command.args(["--bootstrap-server", &servers, "--create", "--topic", TOPIC]);
        command.args([
            "--partitions",
            &PARTITIONS.to_string(),
            "--replication-factor",
            "2",
        ]);
        let printed = run_to_end("kafka-topics --create", command);
        assert!(
            printed.contains(&format!("Created topic {TOPIC}.")),
            "{printed}"
        );
        self.reach("created", PATIENCE, |partitions| {
            partitions.len() == PARTITIONS
                && partitions.iter().all(|partition| partition.isr.len() == 2)
        });
    }

    fn lose_the_active_controller(&mut self, load: &mut Load) {
        let old = self.cluster.wait_for_leader(ELECTION_TIMEOUT);
        self.cluster.controllers[old.index].kill();
        let new = self.cluster.wait_for_leader(ELECTION_TIMEOUT);
        assert!(new.epoch > old.epoch, "{new:?} after {old:?}");
        load.wait_until_consumed_more(1_000);
        self.cluster.controllers[old.index].start();
        self.cluster.wait_until_caught_up(old.index);
        self.reach("controller lost and back", PATIENCE, |_| true);
    }

    fn stop_a_broker_and_bring_it_back(&mut self, index: usize, load: &mut Load) {
        let (stopped, other) = (
            self.cluster.brokers[index].id,
            self.cluster.brokers[1 - index].id,
        );
        self.cluster.brokers[index].stop(Duration::from_secs(60));
        let log = self.cluster.brokers[index].log_text();
        assert!(
            !log.contains("controlled shutdown request timed out"),
            "broker {stopped} stopped without the controllers' leave"
        );
        self.reach("broker stopped", PATIENCE, |partitions| {
            partitions
                .iter()
                .all(|partition| partition.leader == Some(other) && partition.isr == [other])
        });
        load.wait_until_consumed_more(1_000);
        self.cluster.brokers[index].start();
        self.cluster.brokers[index].wait_until_started(2);
        self.reach("broker back", PATIENCE, |partitions| {
            partitions.iter().all(|partition| partition.isr.len() == 2)
        });
    }

    fn kill_a_broker_and_bring_it_back(&mut self, index: usize, load: &mut Load) {
        let other = self.cluster.brokers[1 - index].id;
        self.cluster.brokers[index].kill();
        self.reach("broker killed", PATIENCE, |partitions| {
            partitions
                .iter()
                .all(|partition| partition.leader == Some(other) && partition.isr == [other])
        });
        load.wait_until_consumed_more(1_000);
        self.cluster.brokers[index].start();
        self.cluster.brokers[index].wait_until_started(2);
        self.reach("killed broker back", PATIENCE, |partitions| {
            partitions.iter().all(|partition| partition.isr.len() == 2)
        });
    }

    /// Waits until the topic is as it should be, and notes the state.
    fn reach(&mut self, step: &'static str, within: Duration, done: impl Fn(&[Partition]) -> bool) {
        let partitions = wait_for(&format!("the state `{step}`"), within, || {
            let partitions = self.admin.topic()?;
            if done(&partitions) {
                Ok(partitions)
            } else {
                Err(format!("{partitions:?}"))
            }
        });
        let mut counts = BTreeMap::new();
        for partition in &partitions {
            *counts.entry(format!("{partition:?}")).or_default() += 1;
        }
        self.steps.push((step, counts));
        let end = self
            .cluster
            .wait_for_leader(ELECTION_TIMEOUT)
            .high_watermark;
        self.step_ends.push((step, end.0));
    }

    fn outcome(mut self) -> Outcome {
        let leader = self.cluster.wait_for_leader(ELECTION_TIMEOUT);
        let port = self.cluster.controllers[leader.index].port;
        let log = metadata_log::fetch(port, &self.cluster.cluster_id);
        let moves = metadata_log::partition_moves(&log, TOPIC, &self.step_ends);
        let mut complaints = BTreeSet::new();
        for broker in &mut self.cluster.brokers {
            broker.stop(Duration::from_secs(60));
            complaints.extend(self::complaints(&broker.log_text()));
        }
        Outcome {
            steps: self.steps,
            moves,
            complaints,
        }
    }
}

/// What a broker's log complains of. When leadership moves, batches of an idempotent producer that were under
/// way come in another order: a broker calls that an error and the producer sends them again, or not, as chance
/// has it (`ProducerAppendInfo.checkSequence`); no controller has a part in it.
pub fn complaints(log: &str) -> impl Iterator<Item = String> {
    let lines = log.lines().zip(log.lines().skip(1).chain([""]));
    let lines = lines.filter(|(_, cause)| !cause.contains("OutOfOrderSequenceException"));
    lines.filter_map(|(line, _)| complaint(line))
}

/// An ERROR or FATAL line without what differs from run to run: numbers and ids.
fn complaint(line: &str) -> Option<String> {
    if !line.contains("] ERROR ") && !line.contains("] FATAL ") {
        return None;
    }
    let message = line.split_once("] ")?.1;
    let words = message.split_whitespace().map(|word| {
        let is_id = word.len() >= 22 && word.bytes().any(|byte| byte.is_ascii_digit());
        if is_id {
            "ID".to_owned()
        } else {
            word.replace(|c: char| c.is_ascii_digit(), "N")
        }
    });
    let mut message = words.collect::<Vec<_>>().join(" ");
    while message.contains("NN") {
        message = message.replace("NN", "N");
    }
    Some(message)
}

/// The helper program that describes topics.
pub struct Admin {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Admin {
    pub fn start(bootstrap_servers: &str) -> Admin {
        let mut child = helper("Admin", &[bootstrap_servers])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the helper program Admin");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        Admin { child, answers }
    }

    pub fn topic(&mut self) -> Result<Vec<Partition>, String> {
        let input = self.child.stdin.as_mut().expect("its input");
        writeln!(input, "topic {TOPIC}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        if line.starts_with("error") || line.is_empty() {
            return Err(line);
        }
        Ok(line.split_whitespace().map(Partition::parse).collect())
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Partition {
    /// Reads `partition:leader:replicas:isr`.
    fn parse(text: &str) -> Partition {
        let fields: Vec<&str> = text.split(':').collect();
        let ids = |list: &str| list.split(',').filter_map(|id| id.parse().ok()).collect();
        Partition {
            leader: fields[1].parse().ok(),
            replicas: ids(fields[2]),
            isr: ids(fields[3]),
        }
    }
}
