//! What a node writes to its log: the sentences that people and their scripts look for, in Kafka's form or in
//! JSON, as much of it as Kafka's own variables ask for.
//!
//! No Java runs here, but a real process does, and this is where the means for that are.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::Value;

use super::{
    cluster::{Cluster, Kind, Settings, kraftd, turn},
    process::{Process, wait_for},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Kafka's sentences, and who says them here.
const SENTENCES: &[(&str, &str)] = &[
    ("Kafka Server started", "kraftd.server.start"),
    (
        "Completed transition to ProspectiveState from ",
        "kraftd.raft.transition",
    ),
    (
        "Completed transition to CandidateState from ",
        "kraftd.raft.transition",
    ),
    (
        "Completed transition to Leader from ",
        "kraftd.raft.transition",
    ),
    (
        "Becoming the active controller at epoch 1, next write offset 1.",
        "kraftd.controller.active",
    ),
    (
        "Performing controller activation. The metadata log appears to be empty. Appending ",
        "kraftd.controller.active",
    ),
    ("shut down completed", "kraftd.server.start"),
];

/// The log of the only controller of a cluster, started with these variables, from start to end.
fn log_of(variables: &[(&str, &str)]) -> String {
    let _turn = turn();
    let cluster = Cluster::format(&Settings::new(Kind::Kraftd, 1, 0));
    let node = &cluster.controllers[0];
    let mut process = Process::start("node 1", server(node.properties(), variables), &node.log());
    wait_for("an active controller", TIMEOUT, || {
        let log = node.log_text();
        match log.contains("Performing controller activation") {
            true => Ok(()),
            false => Err(log),
        }
    });
    process.terminate(TIMEOUT);
    node.log_text()
}

fn server(properties: PathBuf, variables: &[(&str, &str)]) -> Command {
    let mut command = kraftd("server");
    for name in ["KRAFTD_LOG", "KRAFTD_LOG_FORMAT", "KAFKA_LOG4J_LOGGERS"] {
        command.env_remove(name);
    }
    command.arg(properties).envs(variables.iter().copied());
    command
}

/// `[2026-11-25 18:00:00,123] INFO `, whatever the digits.
fn is_kafkas_head(head: &str) -> bool {
    let digits_as_zeros = head.replace(|c: char| c.is_ascii_digit(), "0");
    digits_as_zeros == "[0000-00-00 00:00:00,000] INFO "
}

#[test]
fn the_sentences_that_people_look_for_are_in_kafkas_lines() {
    let log = log_of(&[]);
    for (sentence, category) in SENTENCES {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(sentence)).collect();
        let [line] = lines.as_slice() else {
            panic!("not one line with `{sentence}`: {log}");
        };
        let (head, _) = line.split_once(sentence).expect("the sentence");
        assert!(is_kafkas_head(head), "{line}");
        assert!(line.ends_with(&format!(" ({category})")), "{line}");
    }
    assert!(log.lines().all(|line| !line.contains(" DEBUG ")), "{log}");
}

#[test]
fn the_same_sentences_are_in_json() {
    let log = log_of(&[("KRAFTD_LOG_FORMAT", "json")]);
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    for (sentence, category) in SENTENCES {
        let said = |line: &&Value| {
            line["message"]
                .as_str()
                .is_some_and(|it| it.starts_with(sentence))
        };
        let line = lines.iter().find(said);
        let line = line.unwrap_or_else(|| panic!("no line with `{sentence}`: {log}"));
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["target"], category.replace('.', "::"));
    }
}

#[test]
fn kafkas_variables_decide_how_much_is_said() {
    let log = log_of(&[
        ("KAFKA_LOG4J_ROOT_LOGLEVEL", "WARN"),
        (
            "KAFKA_LOG4J_LOGGERS",
            "kafka.server=INFO,org.apache.kafka.controller=INFO",
        ),
    ]);
    assert!(log.contains("Kafka Server started"), "{log}");
    assert!(!log.contains("Completed transition"), "{log}");
    let ours = log_of(&[
        ("KRAFTD_LOG", "info,kraftd.server=warn"),
        ("KAFKA_LOG4J_ROOT_LOGLEVEL", "OFF"),
    ]);
    assert!(!ours.contains("Kafka Server started"), "{ours}");
    assert!(ours.contains("Completed transition to Leader"), "{ours}");
}

#[test]
fn a_wrong_variable_is_named_before_anything_starts() {
    let cluster = Cluster::format(&Settings::new(Kind::Kraftd, 1, 0));
    let node = &cluster.controllers[0];
    for (variable, value, told) in [
        (
            "KRAFTD_LOG_FORMAT",
            "xml",
            "KRAFTD_LOG_FORMAT=xml: expected text or json",
        ),
        ("KRAFTD_LOG", "kraftd=loud", "KRAFTD_LOG: "),
        (
            "KAFKA_LOG4J_ROOT_LOGLEVEL",
            "LOUD",
            "KAFKA_LOG4J_ROOT_LOGLEVEL: `LOUD` is no level",
        ),
        (
            "KAFKA_LOG4J_LOGGERS",
            "kafka",
            "KAFKA_LOG4J_LOGGERS: `kafka`: expected logger=LEVEL",
        ),
    ] {
        let mut command = server(node.properties(), &[(variable, value)]);
        let output = command.arg("--check").output().expect("kraftd runs");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(told), "{said}");
    }
    assert!(!node.metadata_folder().exists());
}
