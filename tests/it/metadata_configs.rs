//! Configurations: every refusal and every answer as Kafka 4.3.1 words it, and sequences of changes
//! against a naive model.

use std::{collections::BTreeMap, sync::Arc};

use kraftd::{
    metadata::{
        Options,
        configs::{self, ConfigResource, ResourceType, alter_configs, incremental_alter_configs},
        describe_configs::describe_configs,
    },
    protocol::{
        ErrorCode, NodeId,
        messages::{
            alter_configs as legacy,
            describe_configs::{
                DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult,
            },
            incremental_alter_configs::{
                AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
            },
        },
        records::{ClearElrRecord, MetadataRecord},
    },
};
use proptest::prelude::*;

use crate::metadata_support::{Cluster, config, feature, topic};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn request(
    resource_type: i8,
    name: &str,
    ops: &[(&str, i8, Option<&str>)],
) -> IncrementalAlterConfigsRequest {
    let configs = ops
        .iter()
        .map(|(name, config_operation, value)| AlterableConfig {
            name: (*name).to_owned(),
            config_operation: *config_operation,
            value: value.map(str::to_owned),
            ..Default::default()
        });
    IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type,
            resource_name: name.to_owned(),
            configs: configs.collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The outcome for the only resource of the request: its records and its error.
fn alter(
    cluster: &mut Cluster,
    request: &IncrementalAlterConfigsRequest,
) -> (Vec<MetadataRecord>, ErrorCode, Option<String>) {
    let outcome = match cluster.call(1, |state, cx| incremental_alter_configs(state, cx, request)) {
        Ok(outcome) => outcome,
        Err(error) => return (Vec::new(), error.code, Some(error.message)),
    };
    assert!(outcome.atomic);
    let [response] = &outcome.response.responses[..] else {
        panic!("one response, not {:?}", outcome.response);
    };
    (
        outcome.records,
        response.error_code,
        response.error_message.clone(),
    )
}

fn static_options(configs: &[(&str, &str)]) -> Options {
    let configs = configs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Options {
        static_configs: Arc::new(configs.collect()),
        ..Options::default()
    }
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The code that a Java exception becomes.
fn code_of(exception: &str) -> ErrorCode {
    match exception {
        "ConfigException" | "InvalidConfigurationException" => ErrorCode::INVALID_CONFIG,
        "InvalidRequestException" => ErrorCode::INVALID_REQUEST,
        "InvalidTopicException" => ErrorCode::INVALID_TOPIC_EXCEPTION,
        other => panic!("{other}"),
    }
}

/// What this code says to a line of the file, in the file's words.
fn judge(tiered: bool, resource_type: i8, name: &str, new: &str, old: &str) -> (ErrorCode, String) {
    let mut cluster = Cluster::at(30);
    if tiered {
        cluster.options = static_options(&[("remote.log.storage.system.enable", "true")]);
    }
    cluster.options.voter_ids.insert(NodeId(5));
    if resource_type == TOPIC && old.is_empty() {
        let (state, options) = (&cluster.state, &cluster.options);
        let result = configs::validate_topic_configs(state, options, name, &pairs(new));
        return result.map_or_else(
            |error| (error.code, error.message),
            |_| (ErrorCode::NONE, String::new()),
        );
    }
    if resource_type == TOPIC {
        cluster.replay([topic(name, 1)]);
    }
    for (key, value) in pairs(old) {
        cluster.replay([config(resource_type, name, &key, Some(&value))]);
    }
    let new = pairs(new);
    let ops: Vec<_> = new
        .iter()
        .map(|(name, value)| (name.as_str(), SET, Some(value.as_str())))
        .collect();
    let (_, code, message) = alter(&mut cluster, &request(resource_type, name, &ops));
    (code, message.unwrap_or_default())
}

#[test]
fn values_are_refused_as_kafka_refuses_them() {
    let mut checked = 0;
    for line in include_str!("data/config_rules.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let (case, outcome) = line.split_once(" => ").expect(line);
        let (tiered, case) = match case.strip_prefix("tiered:") {
            Some(case) => (true, case),
            None => (false, case),
        };
        let mut parts = case.splitn(3, ':');
        let resource_type: i8 = parts.next().and_then(|text| text.parse().ok()).expect(line);
        let name = parts.next().expect(line);
        let (new, old) = parts
            .next()
            .map(|values| values.split_once('|').unwrap_or((values, "")))
            .expect(line);
        // The file asks the validator itself, which these never reach.
        if !ResourceType(resource_type).is_known() || resource_type == 8 {
            continue;
        }
        let expected = match outcome.split_once(": ") {
            None => (ErrorCode::NONE, String::new()),
            Some((exception, message)) => (code_of(exception), message.to_owned()),
        };
        assert_eq!(
            judge(tiered, resource_type, name, new, old),
            expected,
            "{line}"
        );
        checked += 1;
    }
    assert!(checked > 100, "{checked} lines");
}

#[test]
fn answers_are_those_of_kafka() {
    let mut cluster = Cluster::at(30);
    cluster.options = Options {
        node_id: NodeId(3000),
        ..static_options(&[
            ("process.roles", "controller"),
            ("node.id", "3000"),
            ("controller.quorum.voters", "3000@localhost:9093"),
            ("listeners", "CONTROLLER://localhost:9093"),
            ("controller.listener.names", "CONTROLLER"),
            ("log.dirs", "/tmp/xx"),
            ("log.retention.hours", "24"),
            ("log.roll.minutes", "3"),
            ("listener.name.controller.ssl.keystore.password", "geheim"),
            ("my.unknown", "7"),
            ("min.insync.replicas", " 2 "),
        ])
    };
    cluster.replay([
        topic("plain", 1),
        topic("set", 2),
        config(TOPIC, "set", "retention.ms", Some("5")),
        config(TOPIC, "set", "cleanup.policy", Some("compact,delete")),
        config(TOPIC, "set", "min.cleanable.dirty.ratio", Some("0.10")),
        config(TOPIC, "set", "flush.ms", Some(" 77 ")),
        config(TOPIC, "set", "internal.segment.bytes", Some("9000")),
        config(TOPIC, "set", "zzz.unknown", Some("9")),
        config(16, "set", "metrics", Some("a,b")),
        config(32, "set", "consumer.session.timeout.ms", Some("50000")),
    ]);
    let mut blocks = include_str!("data/describe_configs.txt").split("## ");
    blocks.next();
    let mut entries = 0;
    for block in blocks {
        let (head, body) = block.split_once('\n').expect(block);
        let (asked, answer) = head.split_once(" -> ").expect(head);
        let (resource_type, name) = asked.split_once(' ').expect(head);
        let resource_type: i8 = resource_type.parse().expect(head);
        // There are no Java loggers here.
        if asked == "8 3000" {
            continue;
        }
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type,
                resource_name: name.to_owned(),
                ..Default::default()
            }],
            include_synonyms: true,
            ..Default::default()
        };
        let response = describe_configs(&cluster.state, &cluster.options, &request);
        // An error of the whole is that of its only resource.
        let result = match response {
            Ok(response) => response.results[0].clone(),
            Err(error) => DescribeConfigsResult {
                error_code: error.code,
                error_message: Some(error.message),
                ..Default::default()
            },
        };
        let message = result.error_message.clone().unwrap_or_default();
        let count = result.configs.len();
        assert_eq!(
            format!("{} {message} n={count}", result.error_code.0),
            answer,
            "{head}"
        );
        let mut shown: Vec<_> = result
            .configs
            .iter()
            .map(|config| {
                let null = |value: &Option<String>| value.clone().unwrap_or("null".to_owned());
                let synonyms = config.synonyms.iter();
                let synonyms: String = synonyms
                    .map(|synonym| {
                        format!(
                            "{}={}@{};",
                            synonym.name,
                            null(&synonym.value),
                            synonym.source
                        )
                    })
                    .collect();
                format!(
                    "  {} = {} src={} ro={} sens={} type={} [{synonyms}]",
                    config.name,
                    null(&config.value),
                    config.config_source,
                    config.read_only,
                    config.is_sensitive,
                    config.config_type,
                )
            })
            .collect();
        let mut expected: Vec<_> = body.lines().map(str::to_owned).collect();
        shown.sort();
        expected.sort();
        for (ours, theirs) in shown.iter().zip(&expected) {
            assert_eq!(ours, theirs, "{head}");
        }
        entries += shown.len();
    }
    assert!(entries > 300, "{entries} entries");
}

#[test]
fn keys_can_be_picked_and_documented() {
    let cluster = Cluster::at(30);
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: 16,
            resource_name: "m".to_owned(),
            configuration_keys: Some(vec!["metrics".to_owned()]),
            ..Default::default()
        }],
        include_documentation: true,
        ..Default::default()
    };
    let response = describe_configs(&cluster.state, &cluster.options, &request);
    let response = response.expect("a known type");
    let [metrics] = &response.results[0].configs[..] else {
        panic!("one entry, not {response:?}");
    };
    assert!(metrics.documentation.is_some());
    assert!(metrics.synonyms.is_empty());
}

#[test]
fn lists_grow_and_shrink() {
    let mut cluster = Cluster::at(30);
    let mut edit = |op, value| {
        let request = request(BROKER, "", &[("log.cleanup.policy", op, Some(value))]);
        let (records, code, message) = alter(&mut cluster, &request);
        assert_eq!(code, ErrorCode::NONE, "{message:?}");
        let [MetadataRecord::Config(record)] = &records[..] else {
            panic!("one record, not {records:?}");
        };
        record.value.clone().expect("a value")
    };
    assert_eq!(
        edit(APPEND, "compact"),
        "delete,compact",
        "starts from the default"
    );
    assert_eq!(edit(APPEND, "compact,delete"), "delete,compact");
    assert_eq!(edit(SUBTRACT, "delete,nothing"), "compact");
    assert_eq!(edit(SUBTRACT, "compact"), "");
    let (_, code, message) = alter(
        &mut cluster,
        &request(BROKER, "", &[("num.io.threads", APPEND, Some("1"))]),
    );
    assert_eq!(code, ErrorCode::INVALID_CONFIG);
    let text = "Can't APPEND to key num.io.threads because its type is not LIST.";
    assert_eq!(message.as_deref(), Some(text));
}

#[test]
fn unknown_nodes_and_types_and_duplicates() {
    let mut cluster = Cluster::at(30);
    let cases = [
        (
            BROKER,
            "9",
            ErrorCode::BROKER_ID_NOT_REGISTERED,
            "No node with id 9 found.",
        ),
        (
            TOPIC,
            "absent",
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "The topic 'absent' does not exist.",
        ),
        (
            77,
            "x",
            ErrorCode::UNSUPPORTED_VERSION,
            "Unknown resource type 77.",
        ),
    ];
    for (resource_type, name, expected, text) in cases {
        let request = request(resource_type, name, &[("retention.ms", SET, Some("1"))]);
        let (records, code, message) = alter(&mut cluster, &request);
        assert_eq!((code, message.as_deref()), (expected, Some(text)));
        assert!(records.is_empty());
    }
    let mut twice = request(BROKER, "", &[("num.io.threads", SET, Some("1"))]);
    twice.resources.extend(twice.resources.clone());
    let (records, code, message) = alter(&mut cluster, &twice);
    assert_eq!(
        (code, message.as_deref()),
        (ErrorCode::INVALID_REQUEST, Some("Duplicate resource."))
    );
    assert!(records.is_empty());
}

#[test]
fn validate_only_writes_nothing() {
    let mut cluster = Cluster::at(30);
    let mut request = request(BROKER, "", &[("num.io.threads", SET, Some("1"))]);
    request.validate_only = true;
    let (records, code, message) = alter(&mut cluster, &request);
    assert_eq!((records.len(), code, message), (0, ErrorCode::NONE, None));
}

#[test]
fn too_much_at_once_is_refused_as_a_whole() {
    let mut cluster = Cluster::at(30);
    let names: Vec<String> = (0..10_001).map(|number| format!("x{number}")).collect();
    let ops: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), SET, Some("1")))
        .collect();
    let (records, code, message) = alter(&mut cluster, &request(BROKER, "", &ops));
    assert_eq!(code, ErrorCode::POLICY_VIOLATION);
    assert_eq!(
        message.as_deref(),
        Some("Unable to perform excessively large batch operation.")
    );
    assert!(records.is_empty());
    let (records, code, _) = alter(&mut cluster, &request(BROKER, "", &ops[1..]));
    assert_eq!((records.len(), code), (10_000, ErrorCode::NONE));
}

#[test]
fn values_have_a_greatest_length() {
    let mut cluster = Cluster::at(30);
    for (length, expected) in [
        (32_767, ErrorCode::NONE),
        (32_768, ErrorCode::INVALID_CONFIG),
    ] {
        let value = "x".repeat(length);
        let (_, code, _) = alter(
            &mut cluster,
            &request(BROKER, "", &[("a", SET, Some(&value))]),
        );
        assert_eq!(code, expected, "{length}");
    }
}

#[test]
fn elr_guards_min_insync_replicas() {
    let mut cluster = Cluster::at(30);
    cluster.replay([
        feature("eligible.leader.replicas.version", 1),
        config(BROKER, "", "min.insync.replicas", Some("2")),
    ]);
    cluster.options.voter_ids.insert(NodeId(0));
    let (_, code, message) = alter(
        &mut cluster,
        &request(BROKER, "0", &[("min.insync.replicas", SET, Some("1"))]),
    );
    let text = "Broker-level min.insync.replicas cannot be altered while ELR is enabled.";
    assert_eq!(
        (code, message.as_deref()),
        (ErrorCode::INVALID_CONFIG, Some(text))
    );
    let (_, code, message) = alter(
        &mut cluster,
        &request(BROKER, "", &[("min.insync.replicas", DELETE, None)]),
    );
    let text = "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.";
    assert_eq!(
        (code, message.as_deref()),
        (ErrorCode::INVALID_CONFIG, Some(text))
    );
    let (records, code, _) = alter(
        &mut cluster,
        &request(BROKER, "", &[("min.insync.replicas", SET, Some("3"))]),
    );
    assert_eq!(code, ErrorCode::NONE);
    let set = config(BROKER, "", "min.insync.replicas", Some("3"));
    assert_eq!(records, [set, ClearElrRecord::default().into()]);
    assert_eq!(cluster.state.min_insync_replicas(&cluster.options, "t"), 3);
}

#[test]
fn cordoned_log_dirs_may_only_shrink_here() {
    let key = "cordoned.log.dirs";
    let mut cluster = Cluster::at(29);
    let (_, code, message) = alter(
        &mut cluster,
        &request(BROKER, "0", &[(key, SET, Some("/a"))]),
    );
    assert_eq!(code, ErrorCode::INVALID_CONFIG);
    assert!(message.is_some_and(|text| text.ends_with("requires metadata.version >= 4.3-IV0")));
    let mut cluster = Cluster::at(30);
    cluster.replay([config(BROKER, "0", key, Some("/a, /b"))]);
    for (value, expected) in [
        ("/a,/c", ErrorCode::INVALID_CONFIG),
        ("/b", ErrorCode::NONE),
        ("/a", ErrorCode::INVALID_CONFIG),
        ("", ErrorCode::NONE),
    ] {
        let (_, code, _) = alter(
            &mut cluster,
            &request(BROKER, "0", &[(key, SET, Some(value))]),
        );
        assert_eq!(code, expected, "{value}");
    }
}

#[test]
fn layers_of_a_topics_value() {
    let mut cluster = Cluster::at(30);
    let shown = |cluster: &Cluster, own: &[(&str, &str)]| {
        let own = own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let all = cluster
            .state
            .effective_topic_configs(&cluster.options, &own.collect());
        let found = all
            .into_iter()
            .find(|config| config.name == "retention.ms")
            .expect("the key");
        (found.value.expect("a value"), found.source as i8)
    };
    assert_eq!(shown(&cluster, &[]), ("604800000".to_owned(), 5));
    cluster.options = static_options(&[("log.retention.hours", "2")]);
    assert_eq!(shown(&cluster, &[]), ("7200000".to_owned(), 4));
    cluster.replay([config(BROKER, "", "log.retention.ms", Some("3"))]);
    assert_eq!(shown(&cluster, &[]), ("3".to_owned(), 3));
    cluster.replay([config(BROKER, "0", "log.retention.ms", Some("2"))]);
    assert_eq!(shown(&cluster, &[]), ("2".to_owned(), 2));
    assert_eq!(
        shown(&cluster, &[("retention.ms", "1")]),
        ("1".to_owned(), 1)
    );
}

#[test]
fn the_older_way_replaces_everything() {
    let mut cluster = Cluster::at(30);
    cluster.replay([
        config(BROKER, "", "a", Some("1")),
        config(BROKER, "", "b", Some("2")),
    ]);
    let request = legacy::AlterConfigsRequest {
        resources: vec![legacy::AlterConfigsResource {
            resource_type: BROKER,
            configs: vec![legacy::AlterableConfig {
                name: "b".to_owned(),
                value: Some("3".to_owned()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = cluster.call(2, |state, cx| alter_configs(state, cx, &request));
    let outcome = outcome.expect("no refusal");
    assert_eq!(
        outcome.records,
        [
            config(BROKER, "", "b", Some("3")),
            config(BROKER, "", "a", None)
        ]
    );
}

proptest! {
    /// Whatever the sequence, the values are those of a map that does what each request says.
    #[test]
    fn sequences_of_changes(ops in prop::collection::vec(
        (0..3_usize, prop::sample::select(vec![SET, DELETE]), "[a-c]{0,2}"),
        0..40,
    )) {
        let mut cluster = Cluster::at(30);
        let mut model = BTreeMap::new();
        let keys = ["x", "y", "z"];
        for (key, op, value) in &ops {
            let request = request(BROKER, "", &[(keys[*key], *op, Some(value))]);
            let (_, code, _) = alter(&mut cluster, &request);
            prop_assert_eq!(code, ErrorCode::NONE);
            match *op {
                SET => model.insert(keys[*key].to_owned(), value.clone()),
                _ => model.remove(keys[*key]),
            };
        }
        let values = cluster.state.configs.of(&ConfigResource::all_brokers());
        let values: BTreeMap<_, _> = values.into_iter().collect();
        prop_assert_eq!(values, model);
    }
}

#[test]
fn keys_that_went_out_of_use_do_not_stand_in_the_way() {
    let mut cluster = Cluster::at(30);
    let stale = "message.format.version";
    cluster.replay([topic("t", 1), config(TOPIC, "t", stale, Some("2.8"))]);
    let (_, code, message) = alter(
        &mut cluster,
        &request(TOPIC, "t", &[("retention.ms", SET, Some("1"))]),
    );
    assert_eq!(code, ErrorCode::NONE, "{message:?}");
    let (_, code, message) = alter(
        &mut cluster,
        &request(TOPIC, "t", &[(stale, SET, Some("3"))]),
    );
    assert_eq!(code, ErrorCode::INVALID_CONFIG);
    assert_eq!(
        message.as_deref(),
        Some("Unknown topic config name: message.format.version")
    );
    let (records, code, _) = alter(&mut cluster, &request(TOPIC, "t", &[(stale, DELETE, None)]));
    assert_eq!(
        (records, code),
        (vec![config(TOPIC, "t", stale, None)], ErrorCode::NONE)
    );
}

#[test]
fn equal_values_are_written_for_brokers_only() {
    let mut cluster = Cluster::at(30);
    cluster.replay([
        topic("t", 1),
        config(TOPIC, "t", "retention.ms", Some("1")),
        config(BROKER, "", "num.io.threads", Some("1")),
    ]);
    let (records, ..) = alter(
        &mut cluster,
        &request(TOPIC, "t", &[("retention.ms", SET, Some("1"))]),
    );
    assert!(records.is_empty());
    let (records, ..) = alter(
        &mut cluster,
        &request(BROKER, "", &[("num.io.threads", SET, Some("1"))]),
    );
    assert_eq!(records.len(), 1);
}
