//! Brokers of three releases on our controllers: each at its own metadata.version, two releases in one
//! cluster, and one release after the other while messages flow.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    cluster::{Cluster, Kind, Settings, java, turn},
    first_light::{self, Admin, MESSAGES_PER_SECOND, PARTITIONS, TOPIC},
    kafka::RELEASE,
    load::Load,
    process::{run_to_end, wait_for},
};

const MESSAGES: usize = 5_000;

const NEWEST_VERSION: &str = "4.3-IV0";

const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(300);

fn settings(kind: Kind, brokers: [&'static str; 2], metadata_version: &str) -> Settings {
    let mut settings = Settings::new(kind, 3, 0);
    settings.brokers = brokers.to_vec();
    settings.format_arguments = ["--release-version", metadata_version]
        .map(str::to_owned)
        .to_vec();
    settings
}

#[test]
fn two_releases_in_one_cluster_live_as_with_java() {
    let _turn = turn();
    let brokers = ["3.9.2", RELEASE];
    first_light::compare(|kind| settings(kind, brokers, "3.9-IV0"), MESSAGES);
}

#[test]
#[ignore = "minutes long: cargo test --release --test java -- --ignored"]
fn each_release_lives_as_with_java() {
    let _turn = turn();
    for (release, version) in [
        ("3.9.2", "3.9-IV0"),
        ("4.1.2", "4.1-IV1"),
        (RELEASE, NEWEST_VERSION),
    ] {
        first_light::compare(|kind| settings(kind, [release; 2], version), MESSAGES);
    }
}

#[test]
fn brokers_are_upgraded_while_messages_flow_as_with_java() {
    let _turn = turn();
    let (java, javas_complaints) = upgrade(Kind::Java(RELEASE));
    let (ours, complaints) = upgrade(Kind::Kraftd);
    let complaints: Vec<_> = complaints.difference(&javas_complaints).collect();
    assert_eq!(ours, java, "finalized features (ours left, Java's right)");
    assert!(complaints.is_empty(), "brokers complain: {complaints:#?}");
}

/// Brokers of 3.9 become those of 4.1, then of 4.3, and at last metadata.version is raised. Returns the levels of the
/// features then, and what the brokers complained of.
fn upgrade(controllers: Kind) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let mut cluster = Cluster::start(&settings(controllers, ["3.9.2"; 2], "3.9-IV0"));
    tool(
        &cluster,
        "TopicCommand",
        &[
            "--create",
            "--topic",
            TOPIC,
            "--partitions",
            &PARTITIONS.to_string(),
            "--replication-factor",
            "2",
        ],
    );
    let mut admin = Admin::start(&cluster.bootstrap_servers());
    let mut load = Load::start(&cluster, TOPIC, MESSAGES, MESSAGES_PER_SECOND);
    load.wait_until_consumed_more(500);
    for (times, release) in (2..).zip(["4.1.2", RELEASE]) {
        for broker in &mut cluster.brokers {
            broker.stop(STOP_TIMEOUT);
            broker.kind = Kind::Java(release);
            broker.start();
            broker.wait_until_started(times);
            wait_until_in_sync(&mut admin);
        }
        load.wait_until_consumed_more(500);
    }
    // Not with --release-version, which raises kraft.version too: that is not served (KIP-853).
    tool(
        &cluster,
        "FeatureCommand",
        &["upgrade", "--metadata", NEWEST_VERSION],
    );
    // A broker that is asked may have yet to hear of it.
    let features = wait_for("the new version", PATIENCE, || {
        let features = finalized(&tool(&cluster, "FeatureCommand", &["describe"]));
        match features["metadata.version"] == NEWEST_VERSION {
            true => Ok(features),
            false => Err(format!("{features:?}")),
        }
    });
    load.wait_until_consumed_more(500);
    wait_until_in_sync(&mut admin);
    load.finish();
    let mut complaints = BTreeSet::new();
    for broker in &mut cluster.brokers {
        broker.stop(STOP_TIMEOUT);
        complaints.extend(first_light::complaints(&broker.log_text()));
    }
    (features, complaints)
}

/// The finalized level of each feature, as `kafka-features describe` prints them.
fn finalized(description: &str) -> BTreeMap<String, String> {
    let value = |line: &str, name: &str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != name);
        words.nth(1).unwrap_or_default().to_owned()
    };
    let lines = description
        .lines()
        .filter(|line| line.starts_with("Feature:"));
    let level = |line| {
        (
            value(line, "Feature:"),
            value(line, "FinalizedVersionLevel:"),
        )
    };
    lines.map(level).collect()
}

fn wait_until_in_sync(admin: &mut Admin) {
    wait_for("all replicas to be in sync", PATIENCE, || {
        let partitions = admin.topic()?;
        match partitions.iter().all(|partition| partition.isr.len() == 2) {
            true => Ok(()),
            false => Err(format!("{partitions:?}")),
        }
    });
}

/// Runs one of Kafka's newest tools through the brokers.
fn tool(cluster: &Cluster, name: &str, arguments: &[&str]) -> String {
    let main = format!("org.apache.kafka.tools.{name}");
    let mut command = java(RELEASE, &["-XX:TieredStopAtLevel=1"], &main);
    command.args(["--bootstrap-server", &cluster.bootstrap_servers()]);
    command.args(arguments);
    run_to_end(name, command)
}
