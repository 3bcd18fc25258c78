//! Kafka's own tools of three releases, asked about our quorum and about Java's in the same state, through
//! a broker and directly: they must say the same.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::Value;

use kraftd::protocol::api::Response;

use super::{
    cluster::{Cluster, ELECTION_TIMEOUT, Kind, Settings, turn},
    kafka::RELEASE,
    process::wait_for,
    requests,
    tool_runner::{METADATA_SHELL, Said, ToolRunner},
};

/// In this time the broker and all controllers have applied what they have read.
const UNTIL_KNOWN: Duration = Duration::from_millis(300);

/// The releases whose tools are tried. The quorums and the broker are of the newest.
const RELEASES: &[&str] = &["3.9.2", "4.1.2", RELEASE];

/// A metadata.version that the tools of all of them know.
const OLDEST_VERSION: &str = "3.9";

/// What is typed, in this order, with the tools of each release. A release that does not know an option
/// says so in the same words to both. `BROKER` and `CONTROLLERS` stand for addresses.
const COMMANDS: &[&str] = &[
    "kafka-cluster cluster-id --bootstrap-server BROKER",
    "kafka-cluster cluster-id --bootstrap-controller CONTROLLERS",
    "kafka-cluster list-endpoints --bootstrap-server BROKER",
    "kafka-cluster list-endpoints --bootstrap-server BROKER --include-fenced-brokers",
    "kafka-cluster list-endpoints --bootstrap-controller CONTROLLERS",
    "kafka-cluster list-endpoints --bootstrap-controller CONTROLLERS --include-fenced-brokers",
    "kafka-cluster unregister --bootstrap-server BROKER --id 99",
    "kafka-cluster unregister --bootstrap-controller CONTROLLERS --id 99",
    "kafka-metadata-quorum --bootstrap-server BROKER describe --status",
    "kafka-metadata-quorum --bootstrap-server BROKER describe --replication",
    "kafka-metadata-quorum --bootstrap-server BROKER describe --replication --human-readable",
    "kafka-metadata-quorum --bootstrap-controller CONTROLLERS describe --status",
    "kafka-metadata-quorum --bootstrap-controller CONTROLLERS describe --replication",
    "kafka-metadata-quorum --bootstrap-controller CONTROLLERS describe --replication --human-readable",
    "kafka-metadata-quorum --bootstrap-controller BROKER describe --status",
    "kafka-metadata-quorum --bootstrap-server CONTROLLERS describe --status",
    "kafka-features --bootstrap-server BROKER describe",
    "kafka-features --bootstrap-controller CONTROLLERS describe",
    "kafka-features --bootstrap-server BROKER upgrade --metadata 3.9-IV0",
    "kafka-features --bootstrap-server BROKER upgrade --feature metadata.version=99",
    "kafka-features --bootstrap-server BROKER upgrade --feature group.version=9",
    "kafka-features --bootstrap-server BROKER upgrade --feature no.such.version=1",
    "kafka-features --bootstrap-controller CONTROLLERS upgrade --feature share.version=9 --dry-run",
    "kafka-features --bootstrap-controller CONTROLLERS downgrade --feature group.version=0 --dry-run",
    "kafka-features --bootstrap-server BROKER downgrade --metadata 3.9-IV0 --dry-run",
    "kafka-features --bootstrap-server BROKER downgrade --metadata 3.9-IV0 --unsafe",
    "kafka-features --bootstrap-controller CONTROLLERS upgrade --metadata 3.9-IV0",
    "kafka-features --bootstrap-controller CONTROLLERS upgrade --metadata 4.3-IV0",
    "kafka-features --bootstrap-controller CONTROLLERS downgrade --feature share.version=0",
    "kafka-features --bootstrap-controller CONTROLLERS describe",
    "kafka-features --bootstrap-controller CONTROLLERS upgrade --feature share.version=1",
    "kafka-features --bootstrap-server BROKER disable --feature no.such.version",
    "kafka-features --bootstrap-server BROKER disable --feature streams.version --dry-run",
    "kafka-features --bootstrap-server BROKER disable --feature streams.version",
    "kafka-features --bootstrap-server BROKER upgrade --feature streams.version=1 --feature group.version=1",
    "kafka-configs --bootstrap-server BROKER --describe --entity-type brokers --entity-default",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type brokers --entity-default \
     --add-config log.retention.ms=86400000,message.max.bytes=2000000",
    "kafka-configs --bootstrap-server BROKER --describe --entity-type brokers",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type brokers --entity-name 101 \
     --add-config log.cleaner.threads=2",
    "kafka-configs --bootstrap-server BROKER --describe --entity-type brokers --entity-name 101",
    "kafka-configs --bootstrap-server BROKER --describe --entity-type brokers --entity-name 101 --all",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type brokers --entity-name 101 \
     --delete-config log.cleaner.threads",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type brokers --entity-name 101 \
     --delete-config log.cleaner.threads",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type brokers --entity-name 101 \
     --add-config log.cleaner.threads=many",
    "kafka-configs --bootstrap-controller CONTROLLERS --describe --entity-type brokers --entity-default",
    "kafka-configs --bootstrap-controller CONTROLLERS --describe --entity-type brokers",
    "kafka-configs --bootstrap-controller CONTROLLERS --alter --entity-type brokers --entity-default \
     --delete-config log.retention.ms,message.max.bytes",
    "kafka-configs --bootstrap-controller CONTROLLERS --alter --entity-type brokers --entity-name 1 \
     --add-config log.cleaner.threads=2,no.such.key=1",
    "kafka-configs --bootstrap-controller CONTROLLERS --describe --entity-type brokers --entity-name 1",
    "kafka-configs --bootstrap-controller CONTROLLERS --alter --entity-type brokers --entity-name 1 \
     --delete-config log.cleaner.threads,no.such.key",
    "kafka-configs --bootstrap-controller CONTROLLERS --describe --entity-type brokers --entity-name 1 \
     --all",
    "kafka-configs --bootstrap-controller CONTROLLERS --describe --entity-type topics",
    "kafka-configs --bootstrap-controller CONTROLLERS --alter --entity-type topics --entity-name orders \
     --add-config retention.ms=1",
    "kafka-configs --bootstrap-server BROKER --describe --entity-type broker-loggers --entity-name 101",
    "kafka-configs --bootstrap-controller CONTROLLERS --describe --entity-type broker-loggers \
     --entity-name 1",
    "kafka-topics --bootstrap-server BROKER --list",
    "kafka-topics --bootstrap-server BROKER --create --topic orders --partitions 3 \
     --config retention.ms=1000 --config cleanup.policy=compact",
    "kafka-topics --bootstrap-server BROKER --create --topic orders",
    "kafka-topics --bootstrap-server BROKER --create --topic orders --if-not-exists",
    "kafka-topics --bootstrap-server BROKER --create --topic or.ders --replication-factor 2",
    "kafka-topics --bootstrap-server BROKER --create --topic or/ders",
    "kafka-topics --bootstrap-server BROKER --create --topic invoices --config no.such.key=1",
    "kafka-topics --bootstrap-server BROKER --create --topic invoices --config retention.ms=never",
    "kafka-topics --bootstrap-server BROKER --create --topic invoices --partitions 0",
    "kafka-topics --bootstrap-server BROKER --create --topic invoices \
     --replica-assignment 101,101",
    "kafka-topics --bootstrap-server BROKER --list",
    "kafka-topics --bootstrap-server BROKER --describe",
    "kafka-topics --bootstrap-server BROKER --describe --topic orders",
    "kafka-topics --bootstrap-server BROKER --describe --topics-with-overrides",
    "kafka-topics --bootstrap-server BROKER --alter --topic orders --partitions 5",
    "kafka-topics --bootstrap-server BROKER --alter --topic orders --partitions 5",
    "kafka-topics --bootstrap-server BROKER --alter --topic orders --partitions 2",
    "kafka-topics --bootstrap-server BROKER --alter --topic nowhere --partitions 2",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type topics --entity-name orders \
     --add-config segment.bytes=1048576,retention.ms=2000",
    "kafka-configs --bootstrap-server BROKER --describe --entity-type topics --entity-name orders",
    "kafka-configs --bootstrap-server BROKER --describe --entity-type topics --entity-name orders --all",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type topics --entity-name orders \
     --delete-config segment.bytes",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type topics --entity-name orders \
     --add-config cleanup.policy=shred",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type topics --entity-name nowhere \
     --add-config retention.ms=1",
    "kafka-topics --bootstrap-server BROKER --describe --topic nowhere",
    "kafka-topics --bootstrap-server BROKER --delete --topic nowhere",
    "kafka-topics --bootstrap-server BROKER --delete --topic invoices",
    "kafka-topics --bootstrap-server BROKER --delete --topic orders",
    "kafka-broker-api-versions --bootstrap-server BROKER",
];

/// Left behind for the snapshot.
const LAST_COMMANDS: &[&str] = &[
    "kafka-topics --bootstrap-server BROKER --create --topic payments --partitions 2 \
     --config retention.ms=1000",
    "kafka-configs --bootstrap-server BROKER --alter --entity-type brokers --entity-name 101 \
     --add-config log.cleaner.threads=2",
];

/// What the shell shows of every snapshot here, and of no empty image: a topic's setting.
const CONFIGURED: &str = "retention.ms";

/// With the tools of the newest release, on a snapshot: older ones do not know the newest metadata.version.
const OFFLINE_COMMANDS: &[&str] = &[
    "kafka-dump-log --cluster-metadata-decoder --files SNAPSHOT",
    "kafka-metadata-shell --snapshot SNAPSHOT tree /image",
];

/// What a tool says of Java's quorum and not of ours: the command, the lines, and what they say more.
///
/// All for one reason: voters in the log (KIP-853) are not served, so the controllers do not offer
/// kraft.version. (What a broker tells is its own support.)
const KNOWN_DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "kafka-features --bootstrap-controller CONTROLLERS describe",
        "Feature: kraft.version",
        "Feature: kraft.version SupportedMinVersion: 0 SupportedMaxVersion: 1 FinalizedVersionLevel: 0 \
         Epoch: N",
    ),
    (
        "kafka-dump-log",
        "REGISTER_CONTROLLER_RECORD",
        r#"{"name":"kraft.version","minSupportedVersion":0,"maxSupportedVersion":1},"#,
    ),
    (
        "kafka-metadata-shell",
        "ControllerRegistration(",
        "kraft.version: 0-1, ",
    ),
];

/// Kafka's controller tells of Java's loggers; ours has none.
const LOGGERS: (&str, &str) = (
    "CONTROLLERS --describe --entity-type broker-loggers",
    " sensitive=",
);

/// What `kafka-broker-api-versions` calls UNSUPPORTED since a broker offers only what its controllers
/// serve: changes of voters, of access control, of delegation tokens, of quotas and of SCRAM credentials.
const NOT_SERVED: &[&str] = &[
    "CreateAcls(30): ",
    "DeleteAcls(31): ",
    "CreateDelegationToken(38): ",
    "RenewDelegationToken(39): ",
    "ExpireDelegationToken(40): ",
    "AlterClientQuotas(49): ",
    "AlterUserScramCredentials(51): ",
    "AddRaftVoter(80): ",
    "RemoveRaftVoter(81): ",
];

/// What a tool says of our quorum, going by what it says of Java's.
fn expected(command: &str, java: &str) -> String {
    let mut lines: Vec<String> = java.lines().map(str::to_owned).collect();
    if command.contains("kafka-broker-api-versions") {
        for line in &mut lines {
            if let Some(api) = NOT_SERVED.iter().find(|api| line.starts_with(**api)) {
                *line = format!("{api}UNSUPPORTED,");
            }
        }
    }
    if command.contains(LOGGERS.0) {
        lines.retain(|line| !line.contains(LOGGERS.1));
    }
    for (tool, marked, more) in KNOWN_DIFFERENCES {
        if command.contains(tool) {
            let known = lines.iter_mut().filter(|line| line.contains(marked));
            known.for_each(|line| *line = line.replace(more, ""));
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// The main class of a tool: some have moved from Scala to Java.
fn main_class(tool: &str, release: &str) -> &'static str {
    match tool {
        "kafka-cluster" => "org.apache.kafka.tools.ClusterTool",
        "kafka-metadata-quorum" => "org.apache.kafka.tools.MetadataQuorumCommand",
        "kafka-features" => "org.apache.kafka.tools.FeatureCommand",
        "kafka-configs" => "kafka.admin.ConfigCommand",
        "kafka-topics" => "org.apache.kafka.tools.TopicCommand",
        "kafka-broker-api-versions" if release.starts_with("3.") => {
            "kafka.admin.BrokerApiVersionsCommand"
        }
        "kafka-broker-api-versions" => "org.apache.kafka.tools.BrokerApiVersionsCommand",
        "kafka-dump-log" if release == RELEASE => "org.apache.kafka.tools.DumpLogSegments",
        "kafka-dump-log" => "kafka.tools.DumpLogSegments",
        "kafka-metadata-shell" => METADATA_SHELL,
        _ => panic!("no tool {tool}"),
    }
}

#[test]
fn the_tools_say_the_same_of_both_quorums() {
    let _turn = turn();
    let java = everything_said(Kind::Java(RELEASE));
    let ours = everything_said(Kind::Kraftd);
    let mut differences = Vec::new();
    for ((command, java), (_, ours)) in java.iter().zip(&ours) {
        let java = expected(command, java);
        if java != *ours {
            differences.push(format!("$ {command}\n{}", line_differences(&java, ours)));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} answers differ:\n{}",
        differences.len(),
        java.len(),
        differences.join("\n\n")
    );
}

#[test]
fn older_tools_read_our_snapshots_too() {
    let _turn = turn();
    let java = said_of_a_snapshot(Kind::Java(RELEASE));
    let ours = said_of_a_snapshot(Kind::Kraftd);
    let differences: Vec<String> = java
        .iter()
        .zip(&ours)
        .map(|((command, java), (_, ours))| (command, expected(command, java), ours))
        .filter(|(_, java, ours)| java != *ours)
        .map(|(command, java, ours)| format!("$ {command}\n{}", line_differences(&java, ours)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

/// What the tools of all releases say of a snapshot whose metadata.version all of them know.
fn said_of_a_snapshot(kind: Kind) -> Vec<(String, String)> {
    let mut settings =
        Settings::new(kind, 1, 0).with("metadata.log.max.record.bytes.between.snapshots=1");
    settings.format_arguments = ["--release-version", OLDEST_VERSION]
        .map(str::to_owned)
        .to_vec();
    let cluster = Cluster::start(&settings);
    cluster.fake_broker(101);
    let topic = requests::configured(
        requests::topic("orders", 2, 1),
        &[("retention.ms", Some("1000"))],
    );
    cluster.ask_leader(7, &requests::create(vec![topic], false), |answer| {
        matches!(answer, Response::CreateTopics(answer) if answer.topics[0].error_code.is_ok())
    });
    cluster.write("log.cleaner.threads", "2");
    let snapshot = last_snapshot(&cluster).display().to_string();
    let mut said = Vec::new();
    for release in RELEASES {
        let mut runner = ToolRunner::start(release);
        for command in OFFLINE_COMMANDS {
            said.push(ask(&cluster, &mut runner, release, command, &snapshot));
        }
    }
    said
}

fn line_differences(java: &str, ours: &str) -> String {
    let (java, ours): (Vec<&str>, Vec<&str>) = (java.lines().collect(), ours.lines().collect());
    let missing = java.iter().filter(|line| !ours.contains(line));
    let more = ours.iter().filter(|line| !java.contains(line));
    let lines = missing.map(|line| format!("Java:   {line}"));
    let lines: Vec<String> = lines
        .chain(more.map(|line| format!("kraftd: {line}")))
        .collect();
    match lines.is_empty() {
        true => "the same lines in another order".to_owned(),
        false => lines.join("\n"),
    }
}

/// Every command line, and what was said, made comparable.
fn everything_said(kind: Kind) -> Vec<(String, String)> {
    // A snapshot after each change: the last one holds everything.
    let settings =
        Settings::new(kind, 3, 1).with("metadata.log.max.record.bytes.between.snapshots=1");
    // Elections are not what is looked at.
    let settings = settings.with("controller.quorum.fetch.timeout.ms=30000");
    let cluster = Cluster::start(&settings);
    for index in 0..cluster.controllers.len() {
        cluster.wait_until_caught_up(index);
    }
    let mut said = Vec::new();
    let mut tools: Vec<ToolRunner> = RELEASES
        .iter()
        .map(|release| ToolRunner::start(release))
        .collect();
    for (runner, release) in tools.iter_mut().zip(RELEASES) {
        for command in COMMANDS {
            said.push(ask(&cluster, runner, release, command, ""));
        }
    }
    let runner = tools.last_mut().expect("a release");
    for command in LAST_COMMANDS {
        said.push(ask(&cluster, runner, RELEASE, command, ""));
    }
    let snapshot = last_snapshot(&cluster).display().to_string();
    for command in OFFLINE_COMMANDS {
        said.push(ask(&cluster, runner, RELEASE, command, &snapshot));
    }
    said
}

fn ask(
    cluster: &Cluster,
    runner: &mut ToolRunner,
    release: &str,
    command: &str,
    snapshot: &str,
) -> (String, String) {
    let controllers: Vec<String> = cluster
        .controllers
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port))
        .collect();
    let mut words = command.split_whitespace();
    let main = main_class(words.next().expect("a tool"), release);
    let arguments: Vec<String> = words
        .map(|word| match word {
            "BROKER" => cluster.bootstrap_servers(),
            "CONTROLLERS" => controllers.join(","),
            "SNAPSHOT" => snapshot.to_owned(),
            word => word.to_owned(),
        })
        .collect();
    let said = match main == METADATA_SHELL {
        true => runner.ask_shell(&arguments, CONFIGURED),
        false => runner.run(main, &arguments),
    };
    assert!(
        !said.stderr.contains("ClassNotFoundException"),
        "{main}: {said}"
    );
    if ["--alter", "--create", "--delete", "grade", "disable"]
        .iter()
        .any(|word| command.contains(word))
    {
        cluster.wait_until_all_have_read();
        thread::sleep(UNTIL_KNOWN);
    }
    (format!("{release} {command}"), masked(&said, cluster))
}

/// A copy of the newest snapshot of the leader, once it holds all: the shell wants its folder's lock, which
/// the running controller holds.
fn last_snapshot(cluster: &Cluster) -> PathBuf {
    let leader = cluster.wait_for_leader(ELECTION_TIMEOUT);
    let folder = cluster.controllers[leader.index].metadata_folder();
    let newest =
        wait_for(
            "a snapshot of everything",
            Duration::from_secs(20),
            || match newest_snapshot(&folder) {
                Some((end, path)) if end >= leader.high_watermark.0 => Ok(path),
                found => Err(format!("{found:?}, not {}", leader.high_watermark)),
            },
        );
    let copies = cluster.folder().join("copies");
    fs::create_dir(&copies).expect("a folder for the copy");
    let copy = copies.join(newest.file_name().expect("the snapshot's name"));
    fs::copy(&newest, &copy).expect("a copy of the snapshot");
    copy
}

/// The snapshot with the highest end offset, which its name begins with.
fn newest_snapshot(folder: &Path) -> Option<(i64, PathBuf)> {
    let entries = fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let snapshots = paths.filter(|path| path.extension().is_some_and(|end| end == "checkpoint"));
    let named = snapshots.filter_map(|path| {
        let end = path.file_name()?.to_str()?.split('-').next()?.parse();
        Some((end.ok()?, path))
    });
    named.max()
}

/// Without what differs between any two runs: ids, times, offsets, ports, folders.
fn masked(said: &Said, cluster: &Cluster) -> String {
    let mut text = format!("{said}");
    text = text.replace(&cluster.cluster_id, "CLUSTER_ID");
    text = text.replace(&cluster.folder().display().to_string(), "FOLDER");
    for node in cluster.controllers.iter().chain(&cluster.brokers) {
        let (port, name) = (node.port.to_string(), format!("PORT{}", node.id));
        let in_json = format!(r#""port":{port}"#);
        text = text.replace(&in_json, &format!(r#""port":"{name}""#));
        text = with_number(&text, &port, &name);
    }
    let said = |line: &&str| !line.is_empty() && !line.starts_with("\tat ");
    let lines = text.lines().filter(said);
    let mut lines: Vec<String> = lines.map(masked_line).collect();
    // Kafka writes features and configs into snapshots in no fixed order.
    if lines.iter().any(|line| line.contains("SnapshotHeader")) {
        lines.sort();
    }
    lines.join("\n")
}

/// Lines that tell of a moment: of `describe --status`, and of the batches in a dump.
const MOMENTARY: &[&str] = &[
    "LeaderId:",
    "LeaderEpoch:",
    "HighWatermark:",
    "MaxFollowerLag:",
    "MaxFollowerLagTimeMs:",
    "Dumping ",
    "Snapshot end offset:",
    "baseOffset:",
    "| offset:",
    "offset ",
];

/// Replaces a number where it stands, and not where it is a part of a longer one.
fn with_number(text: &str, number: &str, name: &str) -> String {
    let is_digit = |at: Option<char>| at.is_some_and(|it| it.is_ascii_digit());
    let parts: Vec<&str> = text.split(number).collect();
    let mut replaced = parts[0].to_owned();
    for pair in parts.windows(2) {
        let is_part = is_digit(pair[0].chars().next_back()) || is_digit(pair[1].chars().next());
        replaced += if is_part { number } else { name };
        replaced += pair[1];
    }
    replaced
}

fn masked_line(line: &str) -> String {
    if let Some((_, record)) = line.split_once(" payload: ") {
        return masked_word(&masked_record(record));
    }
    // Columns are as wide as their widest cell.
    let words: Vec<String> = line.split_whitespace().map(masked_word).collect();
    // In rows of `describe --replication` the leader is any of the voters.
    let is_row = |word: &String| ["Leader", "Follower", "Observer"].contains(&word.as_str());
    let line = words.join(" ");
    if words.last().is_some_and(is_row) || MOMENTARY.iter().any(|key| line.starts_with(key)) {
        return without_digits(&line);
    }
    for key in [" Epoch: ", " Local controller ", " epoch="] {
        if let Some((start, end)) = line.split_once(key) {
            let rest = end.trim_start_matches(|c: char| c.is_ascii_digit());
            return format!("{start}{key}N{rest}");
        }
    }
    line
}

/// A metadata record without offsets, and its features in order.
fn masked_record(record: &str) -> String {
    let mut record: Value = serde_json::from_str(record).expect("a record in JSON");
    let data = record["data"].as_object_mut().expect("its fields");
    if let Some(epoch) = data.get_mut("brokerEpoch") {
        *epoch = Value::from("N");
    }
    if let Some(Value::Array(features)) = data.get_mut("features") {
        features.sort_by_key(|feature| feature["name"].to_string());
    }
    record.to_string()
}

fn without_digits(text: &str) -> String {
    let mut text = text.replace(|c: char| c.is_ascii_digit(), "N");
    while text.contains("NN") {
        text = text.replace("NN", "N");
    }
    text
}

/// Length of an id in base64.
const ID_LENGTH: usize = 22;
/// A word that looks like one.
const NO_ID: &str = "ControllerRegistration";

fn masked_word(word: &str) -> String {
    let is_id_char = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut masked = String::new();
    for piece in word.split_inclusive(|c: char| !is_id_char(c)) {
        let id = piece.trim_end_matches(|c: char| !is_id_char(c));
        let is_id = id.len() == ID_LENGTH
            && id.contains(char::is_lowercase)
            && id.contains(char::is_uppercase);
        let is_zero = id.bytes().all(|byte| byte == b'A');
        match is_id && !is_zero && id != NO_ID {
            true => masked += &piece.replace(id, "ID"),
            false => masked += piece,
        }
    }
    masked
}
