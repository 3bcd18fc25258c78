//! The same requests to a Java controller and to ours: every answer is compared field by field, and so
//! is the metadata that both have committed at the end. [`cases`] are the tables.

mod cases;
mod world;

use std::fmt::Write;

use super::{
    client::Client,
    cluster::{Cluster, Kind, Settings, turn},
    kafka::RELEASE,
    metadata_log,
};
use cases::CASES;
use kraftd::protocol::{
    api::ApiKey, messages::api_versions::ApiVersionsRequest, records::MetadataRecord,
};
use world::World;

/// Fake brokers send no heartbeats between their requests.
const PATIENT: &str = "broker.session.timeout.ms=600000";

/// What Java's controller serves and kraftd does not: the cases of these APIs are left out. The list
/// is kept exact.
const NOT_SERVED: &[ApiKey] = &[
    ApiKey::DESCRIBE_ACLS,
    ApiKey::CREATE_ACLS,
    ApiKey::DELETE_ACLS,
    ApiKey::CREATE_DELEGATION_TOKEN,
    ApiKey::RENEW_DELEGATION_TOKEN,
    ApiKey::EXPIRE_DELEGATION_TOKEN,
    ApiKey::DESCRIBE_DELEGATION_TOKEN,
    ApiKey::ALTER_CLIENT_QUOTAS,
    ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS,
    ApiKey::ALTER_USER_SCRAM_CREDENTIALS,
    ApiKey::ADD_RAFT_VOTER,
    ApiKey::REMOVE_RAFT_VOTER,
];

#[test]
fn answers_and_metadata_are_javas() {
    let _turn = turn();
    let java = Cluster::start(&Settings::new(Kind::Java(RELEASE), 1, 0).with(PATIENT));
    let ours = Cluster::start(&Settings::new(Kind::Kraftd, 1, 0).with(PATIENT));
    let (mut at_java, mut at_ours) = (World::new(&java), World::new(&ours));
    let mut differences = String::new();
    let served = served_by(&ours);
    let wrong = NOT_SERVED.iter().find(|key| served.contains(key));
    assert_eq!(wrong, None, "it is served: take it off the list");
    for (name, version, request) in CASES.into_iter().flatten() {
        if NOT_SERVED.contains(&request(&at_java).api_key()) {
            continue;
        }
        let expected = at_java.ask(*version, &request(&at_java));
        let answered = at_ours.ask(*version, &request(&at_ours));
        note(
            &mut differences,
            &format!("{name} (version {version})"),
            &expected,
            &answered,
        );
    }
    let expected = committed(&java, &mut at_java);
    let answered = committed(&ours, &mut at_ours);
    note(
        &mut differences,
        "the committed metadata",
        &expected,
        &answered,
    );
    assert!(
        differences.is_empty(),
        "kraftd differs from Java {RELEASE}:\n{differences}"
    );
}

fn served_by(cluster: &Cluster) -> Vec<ApiKey> {
    let mut client = Client::connect(cluster.controllers[0].port).expect("a connection");
    let answer = client
        .call(0, ApiVersionsRequest::default())
        .expect("an answer");
    answer
        .api_keys
        .iter()
        .map(|api| ApiKey(api.api_key))
        .collect()
}

/// Adds the lines that differ, Java's with `-`, ours with `+`.
fn note(differences: &mut String, what: &str, expected: &str, answered: &str) {
    if expected == answered {
        return;
    }
    writeln!(differences, "== {what}").expect("a string");
    for line in lines_apart(expected, answered) {
        writeln!(differences, "{line}").expect("a string");
    }
}

/// A line-by-line difference through the longest common subsequence.
fn lines_apart(expected: &str, answered: &str) -> Vec<String> {
    let (left, right): (Vec<_>, Vec<_>) = (expected.lines().collect(), answered.lines().collect());
    let mut common = vec![vec![0u32; right.len() + 1]; left.len() + 1];
    for (i, line) in left.iter().enumerate().rev() {
        for (j, other) in right.iter().enumerate().rev() {
            common[i][j] = match line == other {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut apart) = (0, 0, Vec::new());
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && common[i + 1][j] >= common[i][j + 1]) {
            apart.push(format!("- {}", left[i]));
            i += 1;
        } else {
            apart.push(format!("+ {}", right[j]));
            j += 1;
        }
    }
    apart
}

/// The committed records, one a line, without those that come by the clock or describe a process.
fn committed(cluster: &Cluster, world: &mut World) -> String {
    let batches = metadata_log::fetch(cluster.controllers[0].port, &cluster.cluster_id);
    let records = metadata_log::records(&batches);
    for (_, record) in &records {
        if let MetadataRecord::Topic(topic) = record {
            world.learn_topic(&topic.name, topic.topic_id);
        }
    }
    let mut lines = Vec::new();
    // Java changes the partitions of a broker in the order of a hash table: a run of changes is put in
    // order of the partitions.
    let mut run: Vec<(String, String)> = Vec::new();
    for (_, record) in records {
        if matches!(
            record,
            MetadataRecord::NoOp(_) | MetadataRecord::RegisterController(_)
        ) {
            continue;
        }
        let line = world.normalise(&format!("{record:?}"));
        if let MetadataRecord::PartitionChange(change) = &record {
            let topic = world.normalise(&change.topic_id.to_string());
            run.push((format!("{topic}-{:05}", change.partition_id), line));
            continue;
        }
        run.sort_by(|a, b| a.0.cmp(&b.0));
        lines.extend(run.drain(..).map(|(_, line)| line));
        lines.push(line);
    }
    run.sort_by(|a, b| a.0.cmp(&b.0));
    lines.extend(run.into_iter().map(|(_, line)| line));
    lines.join("\n")
}

#[test]
fn differing_lines_are_found() {
    assert_eq!(lines_apart("a\nb\nc", "a\nx\nc\nd"), ["- b", "+ x", "+ d"]);
    assert!(lines_apart("a\nb", "a\nb").is_empty());
}
