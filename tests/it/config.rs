//! `server.properties`: what is taken, and what stops a start, with the words that it stops with.

use std::{fs, path::PathBuf};

use kraftd::{
    config::{Config, Environment, Identity, values::Values},
    protocol::NodeId,
};

/// A controller's file that will do, with these lines after it.
fn load(lines: &str, overrides: &[&str]) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("server.properties");
    let text = format!(
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@a:9093,2@b:9094,3@[::1]:9095\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT\nlog.dirs=/x, /y\n{lines}"
    );
    fs::write(&path, text).expect("writes");
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Config::load(&path, &overrides).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_refused(lines: &str, reason: &str) {
    let error = load(lines, &[])
        .err()
        .unwrap_or_else(|| panic!("accepted: {lines}"));
    assert!(
        error.contains(reason),
        "{lines}\n  says: {error}\n  expected: {reason}"
    );
}

#[test]
fn kafkas_defaults_hold() {
    let config = load("", &[]).expect("loads");
    assert_eq!(config.identity.node_id, NodeId(1));
    assert_eq!(
        config.identity.log_dirs,
        [PathBuf::from("/x"), PathBuf::from("/y")]
    );
    assert_eq!(config.identity.metadata_log_dir, PathBuf::from("/x"));
    assert_eq!(
        (config.election_timeout_ms, config.fetch_timeout_ms),
        (1_000, 2_000)
    );
    assert_eq!(
        (config.session_timeout_ms, config.max_idle_interval_ms),
        (9_000, 500)
    );
    assert_eq!(
        config.append_linger_ms, None,
        "nothing waits unless it is asked to"
    );
    assert_eq!(
        (config.num_partitions, config.default_replication_factor),
        (1, 1)
    );
    assert_eq!(config.max_bytes_between_snapshots, 20 << 20);
    assert_eq!(config.max_frame_bytes, 100 << 20);
    let last = &config.identity.voters[2];
    assert_eq!(
        (last.id, last.host.as_str(), last.port),
        (NodeId(3), "::1", 9095)
    );
}

/// Who is told nothing else is told the address among the voters.
#[test]
fn others_are_told_where_this_controller_is() {
    for (lines, host, port) in [
        ("", "localhost", 9093),
        ("listeners=CONTROLLER://:19093\n", "a", 9093),
        ("listeners=CONTROLLER://0.0.0.0:19093\n", "a", 9093),
        ("listeners=CONTROLLER://[::]:19093\n", "a", 9093),
        ("listeners=CONTROLLER://[::1]:19093\n", "::1", 19093),
        (
            "advertised.listeners=CONTROLLER://b:1,OTHER://c:2\nlistener.security.protocol.map=\\\n\
          CONTROLLER:PLAINTEXT,OTHER:PLAINTEXT\n",
            "b",
            1,
        ),
        ("advertised.listeners=controller://:1\n", "a", 1),
    ] {
        let advertised = load(lines, &[]).expect("loads").advertised;
        assert_eq!(
            (advertised.host.as_str(), advertised.port),
            (host, port),
            "{lines}"
        );
    }
}

#[test]
fn the_file_is_javas_and_overrides_win() {
    let config = load(
        "# a comment\n! another\nnum.partitions : 3\ncontroller.quorum.append.linger.ms 7\n\
         default.replication.factor=\\\n   2\n",
        &["num.partitions=5", "metadata.log.dir=/z"],
    );
    let config = config.expect("loads");
    assert_eq!(
        (config.num_partitions, config.default_replication_factor),
        (5, 2)
    );
    assert_eq!(config.append_linger_ms, Some(7));
    assert_eq!(config.identity.metadata_log_dir, PathBuf::from("/z"));
}

/// What we ship is right, and has no key that nobody knows.
#[test]
fn our_own_files_will_do() {
    let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for name in [
        "controller.properties",
        "broker.properties",
        "kraft/server.properties",
    ] {
        let identity = Identity::load(&config.join(name), &[]).expect(name);
        assert_eq!(identity.values.warnings, [], "{name}");
    }
}

#[test]
fn brokers_keys_and_unknown_ones_are_no_error() {
    load(
        "group.initial.rebalance.delay.ms=0\nzookeeper.connect=x\nno.such.key=1\n",
        &[],
    )
    .expect("loads");
}

/// Kafka's sentence first, then what to do; tests/java/config.rs holds the sentences against Kafka's own.
#[test]
fn mistakes_are_told_in_kafkas_words() {
    let form = "Each entry should be in the form `{id}@{host}:{port}`.";
    let blank = |item: &str| {
        format!(
            "hint: take out the blank inside '{item}'; it may have come in where a line was broken"
        )
    };
    let cases = [
        (
            "num.partitions=many\n",
            "Invalid value many for configuration num.partitions: Not a number of type INT".to_owned(),
        ),
        (
            "num.partitions=1 0\n",
            format!(
                "Invalid value 1 0 for configuration num.partitions: Not a number of type INT\n{}",
                blank("1 0")
            ),
        ),
        (
            "num.partitions=0\n",
            "Invalid value 0 for configuration num.partitions: Value must be at least 1".to_owned(),
        ),
        (
            "controller.quorum.election.timeout.ms=0\n",
            "Invalid value 0 for configuration controller.quorum.election.timeout.ms: Value must be at \
             least 1"
                .to_owned(),
        ),
        (
            "compression.type=zip\n",
            "Invalid value zip for configuration compression.type: String must be one of: uncompressed, \
             zstd, lz4, snappy, gzip, producer"
                .to_owned(),
        ),
        (
            "node.id=9\n",
            "requirement failed: If process.roles contains the 'controller' role, the node id 9 must be \
             included in the set of voters controller.quorum.voters=Set(1, 2, 3)\nhint: give this node one \
             of these ids, or add it to the voters on every node"
                .to_owned(),
        ),
        (
            "controller.quorum.voters=1@a:9093,1@b:9094\n",
            "Invalid value 1@b:9094 for configuration controller.quorum.voters: the id 1 is there twice"
                .to_owned(),
        ),
        (
            "controller.quorum.voters=1@a:9093,4@hado op104:9093\n",
            format!(
                "Failed to parse host name from entry 4@hado op104:9093 for the configuration \
                 controller.quorum.voters. {form}\n{}",
                blank("4@hado op104:9093")
            ),
        ),
        (
            "controller.quorum.voters=1@a\n",
            format!(
                "Failed to parse host name from entry 1@a for the configuration \
                 controller.quorum.voters. {form}\nhint: the port is missing"
            ),
        ),
        (
            "controller.quorum.voters=1@a:9093,\n",
            format!(
                "Invalid configuration value for controller.quorum.voters. {form}\nhint: there is a comma \
                 too many"
            ),
        ),
        (
            "process.roles=observer\n",
            "Invalid value observer for configuration process.roles: String must be one of: broker, \
             controller"
                .to_owned(),
        ),
        (
            "listeners=CONTROLLER://localhost:x\n",
            "Error creating broker listeners from '[CONTROLLER://localhost:x]': Unable to parse \
             CONTROLLER://localhost:x to a broker endpoint\nhint: the port is no number from 0 to 65535"
                .to_owned(),
        ),
        (
            "listeners=CONTROLLER://local host:9093\n",
            format!(
                "Error creating broker listeners from '[CONTROLLER://local host:9093]': Unable to parse \
                 CONTROLLER://local host:9093 to a broker endpoint\n{}",
                blank("CONTROLLER://local host:9093")
            ),
        ),
        (
            "listeners=CONTROLLER://localhost:9093,OTHER://localhost:9093\n\
             controller.listener.names=CONTROLLER,OTHER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,OTHER:PLAINTEXT\n",
            "Error creating broker listeners from '[CONTROLLER://localhost:9093, OTHER://localhost:9093]': \
             Each listener must have a different port, listeners: [CONTROLLER://localhost:9093, \
             OTHER://localhost:9093]"
                .to_owned(),
        ),
        (
            "listeners=PLAINTEXT://localhost:9092\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n",
            "requirement failed: The listeners config must only contain KRaft controller listeners from \
             controller.listener.names when process.roles=controller\nhint: PLAINTEXT is in listeners and \
             not in controller.listener.names=CONTROLLER: take it out here, or name it there"
                .to_owned(),
        ),
        (
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT\n",
            "Error creating broker listeners from '[CONTROLLER://localhost:9093]': No security protocol \
             defined for listener CONTROLLER\nhint: add it to listener.security.protocol.map, for example \
             CONTROLLER:PLAINTEXT"
                .to_owned(),
        ),
        (
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLA INTEXT\n",
            format!(
                "Invalid security protocol `PLA INTEXT` defined in listener.security.protocol.map\n{}",
                blank("PLA INTEXT")
            ),
        ),
        (
            "controller.listener.names=CONTRO LLER\n",
            format!(
                "requirement failed: The listeners config must only contain KRaft controller listeners \
                 from controller.listener.names when process.roles=controller\n{}",
                blank("CONTRO LLER")
            ),
        ),
        (
            "inter.broker.listener.name=PLA INTEXT\n",
            format!(
                "Listener with name PLA INTEXT defined in inter.broker.listener.name not found in \
                 listener.security.protocol.map.\n{}",
                blank("PLA INTEXT")
            ),
        ),
    ];
    for (lines, expected) in cases {
        let error = load(lines, &[]).err();
        assert_eq!(error.as_ref(), Some(&expected), "{lines}");
    }
}

/// A blank after a comma is none of the value's.
#[test]
fn blanks_between_items_are_no_mistake() {
    let lines = "process.roles= controller \nlog.dirs=/x , /y\ncontroller.quorum.voters=1@a:9093 ,\\\n 2@b:9093\n\
                 listener.security.protocol.map=CONTROLLER:PLAINTEXT , PLAINTEXT:PLAINTEXT\n";
    let config = load(lines, &[]).expect("loads");
    assert_eq!(config.identity.voters.len(), 2);
    assert_eq!(config.identity.log_dirs[1], PathBuf::from("/y"));
}

/// One start tells all that is wrong, first the values, then what does not fit together.
#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let lines = "num.partitions=0\nnum.io.threads=xyz\nnode.id=9\n";
    let error = load(lines, &[]).expect_err("refused");
    assert_eq!(
        error,
        "Invalid value xyz for configuration num.io.threads: Not a number of type INT\n\
         Invalid value 0 for configuration num.partitions: Value must be at least 1"
    );
    let lines = "node.id=9\nauthorizer.class.name=org.example.Open\nlog.roll.ms=0\n";
    let error = load(lines, &[]).expect_err("refused");
    let told = [
        "log.roll.ms must be",
        "the node id 9",
        "authorizer.class.name=org.example.Open",
    ];
    assert!(told.iter().all(|part| error.contains(part)), "{error}");
}

/// What would be ignored if it did not stop the start.
#[test]
fn what_cannot_be_honoured_stops_the_start() {
    let class =
        |key: &str| format!("{key}=org.example.Open names a Java class, which kraftd cannot run");
    let mut cases = vec![
        (
            "process.roles=broker,controller\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
                .to_owned(),
            "process.roles asks for a broker, and kraftd is a controller".to_owned(),
        ),
        (
            "listener.security.protocol.map=CONTROLLER:SASL_SSL\n".to_owned(),
            "listener.security.protocol.map gives the listener CONTROLLER the security protocol SASL_SSL; this \
             release serves PLAINTEXT only\nhint: write CONTROLLER:PLAINTEXT there"
                .to_owned(),
        ),
        (
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
                .to_owned(),
            "hint: kraftd does not serve ACLs yet".to_owned(),
        ),
        (
            "listener.name.controller.principal.builder.class=org.example.Open\n".to_owned(),
            class("listener.name.controller.principal.builder.class"),
        ),
        (
            "controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=a:9093\n".to_owned(),
            "voters that are kept in the log (KIP-853)".to_owned(),
        ),
        (
            "controller.quorum.voters=\n".to_owned(),
            "If using process.roles, either controller.quorum.bootstrap.servers".to_owned(),
        ),
    ];
    for key in [
        "authorizer.class.name",
        "create.topic.policy.class.name",
        "alter.config.policy.class.name",
        "client.quota.callback.class",
        "principal.builder.class",
    ] {
        cases.push((format!("{key}=org.example.Open\n"), class(key)));
    }
    for (lines, reason) in cases {
        assert_refused(&lines, &reason);
    }
    let default = "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder";
    let lines = format!("principal.builder.class={default}\nauthorizer.class.name=\n");
    load(&lines, &[]).expect("these decide what kraftd decides anyway");
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("server.properties");
    let missing = Config::load(&path, &[]).expect_err("no file").to_string();
    assert!(
        missing.starts_with(&format!("cannot read {}", path.display())),
        "{missing}"
    );
    let sentence =
        |key: &str| format!("Missing required configuration \"{key}\" which has no default value.");
    fs::write(
        &path,
        "process.roles=controller\ncontroller.listener.names=C\n",
    )
    .expect("writes");
    let error = Config::load(&path, &[]).expect_err("incomplete");
    assert_eq!(error.to_string(), sentence("node.id"));
    fs::write(&path, "zookeeper.connect=x\n").expect("writes");
    let error = Config::load(&path, &[]).expect_err("incomplete");
    assert_eq!(error.problems[0].message, sentence("process.roles"));
    let hint = error.problems[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains("config/controller.properties"), "{hint}");
    assert_eq!(error.problems.len(), 1);
    fs::write(&path, "\u{feff}process.roles=controller\n").expect("writes");
    let error = Config::load(&path, &[])
        .expect_err("incomplete")
        .to_string();
    assert!(
        error.contains("hint: the file begins with a byte order mark"),
        "{error}"
    );
    fs::write(&path, "log.dirs=C:\\users\n").expect("writes");
    let error = Config::load(&path, &[]).expect_err("no escape").to_string();
    let expected = format!(
        "cannot read {}: line 1: Malformed \\uxxxx encoding.\nhint: after \\u stand four hexadecimal digits; a \
         backslash itself is written twice",
        path.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn unknown_keys_are_warned_of_once_with_the_key_that_was_meant() {
    let config = load(
        "advertised.Listeners=CONTROLLER://a:9093\ncontroler.quorum.voters=1@a:9093\nnode_id=4\n\
         no.such.key.at.all=1\nzookeeper.connect=x\n\
         group.initial.rebalance.delay.ms=0\nconfluent.license=x\nlistener.name.controller.ssl.keystore.type=PEM\n\
         config.providers.env.class=x\nsuper.users=User:a\nrlmm.config.x=1\nleader.replication.throttled.rate=1\n\
         remote.log.storage.manager.impl.prefix=ours.\nours.bucket=b\n",
        &[],
    );
    let warnings = config.expect("loads").warnings;
    let texts: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.text.as_str())
        .collect();
    assert_eq!(
        texts,
        [
            "advertised.Listeners is unknown and has no effect: did you mean advertised.listeners?",
            "controler.quorum.voters is unknown and has no effect: did you mean controller.quorum.voters?",
            "no.such.key.at.all is unknown and has no effect",
            "node_id is unknown and has no effect: did you mean node.id?",
            "zookeeper.connect has no effect: Kafka 4 does not have it any more",
        ]
    );
    let lines = "broker.session.timeout.ms=3000\nmax.connection.creation.rate=10\nmax.connections.per.ip=2147483647\n\
         listener.name.controller.max.connection.creation.rate=5\n";
    let warnings = load(lines, &[]).expect("loads").warnings;
    let keys: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "broker.session.timeout.ms",
            "max.connection.creation.rate",
            "listener.name.controller.max.connection.creation.rate"
        ]
    );
}

/// Reads a file in an environment.
fn load_in(environment: &[(&str, &str)], file: &str, overrides: &[&str]) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("server.properties");
    if !file.is_empty() {
        fs::write(&path, file).expect("writes");
    }
    let variables = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Values::load(&path, &overrides, &Environment(variables.collect()))
        .and_then(|values| Config::of(values, &path))
        .map_err(|error| error.to_string())
}

const IMAGE: &[(&str, &str)] = &[
    ("KRAFTD_CONTAINER", "1"),
    ("KAFKA_PROCESS_ROLES", "controller"),
    ("KAFKA_NODE_ID", "1"),
    ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@a:9093"),
    ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
    ("KAFKA_LISTENERS", "CONTROLLER://:9093"),
    ("KAFKA_ADVERTISED_LISTENERS", ""),
    ("KAFKA_LOG_DIRS", "/from/the/environment"),
    ("KAFKA_NUM_PARTITIONS", "3"),
    ("KAFKA_HEAP_OPTS", "-Xmx1G"),
    ("KAFKA_OPTS", "-Dx=y"),
    ("PATH", "/bin"),
];

#[test]
fn in_a_container_variables_set_keys() {
    let config = load_in(IMAGE, "", &[]).expect("does without a file");
    assert_eq!(
        config.identity.log_dirs,
        [PathBuf::from("/from/the/environment")]
    );
    assert_eq!(config.warnings, []);
    // Defaults < file < environment < overrides.
    let file = "num.partitions=2\ndefault.replication.factor=2\n";
    let config = load_in(IMAGE, file, &["num.partitions=4"]).expect("loads");
    assert_eq!(
        (config.num_partitions, config.default_replication_factor),
        (4, 2)
    );
    let config = load_in(IMAGE, file, &[]).expect("loads");
    assert_eq!(config.num_partitions, 3);
    // Underscores, dashes, and escapes in a value.
    let mut more = IMAGE.to_vec();
    more.push(("KAFKA_SOME__KEY___OF_MINE", "a\\tb"));
    let config = load_in(&more, "", &[]).expect("loads");
    let set = config.identity.values.all_set();
    assert_eq!(
        set.get("some_key-of.mine").map(String::as_str),
        Some("a\tb")
    );
}

#[test]
fn only_in_a_container_variables_set_keys() {
    let elsewhere = &IMAGE[1..];
    let error = load_in(elsewhere, "", &[]).expect_err("no file");
    assert!(error.starts_with("cannot read"), "{error}");
    let file = "process.roles=controller\nnode.id=7\ncontroller.quorum.voters=7@a:9093\nlog.dirs=/x\n\
                controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:9093\n";
    assert_eq!(
        load_in(elsewhere, file, &[]).expect("loads").num_partitions,
        1
    );
    let error = load_in(&[("KRAFTD_CONTAINER", "maybe")], file, &[]).expect_err("unclear");
    assert!(
        error.starts_with("KRAFTD_CONTAINER=maybe: expected 1"),
        "{error}"
    );
}

/// The image's own rule and sentence.
#[test]
fn a_controller_in_a_container_advertises_nothing() {
    let mut variables = IMAGE.to_vec();
    variables.push(("KAFKA_ADVERTISED_LISTENERS", "CONTROLLER://a:9093"));
    let error = load_in(&variables, "", &[]).expect_err("refused");
    let sentence = "KAFKA_ADVERTISED_LISTENERS is not supported on a KRaft controller.";
    assert!(error.starts_with(sentence), "{error}");
}

#[test]
fn config_providers_are_asked() {
    let secrets = tempfile::tempdir().expect("a folder");
    let at = |name: &str| secrets.path().join(name).display().to_string();
    fs::write(at("more.properties"), "partitions=5\nschlüssel=wörter\n").expect("writes");
    fs::write(at("retention"), "1234\n").expect("writes");
    let kafkas = "org.apache.kafka.common.config.provider";
    let file = |lines: &str| {
        format!(
            "process.roles=controller\nnode.id=${{env:NODE}}\ncontroller.quorum.voters=1@a:9093,2@${{env:HOST}}:9093\n\
             controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:9093\nlog.dirs=/x\n\
             config.providers=env, file,dir\nconfig.providers.env.class={kafkas}.EnvVarConfigProvider\n\
             config.providers.file.class={kafkas}.FileConfigProvider\n\
             config.providers.dir.class={kafkas}.DirectoryConfigProvider\n{lines}"
        )
    };
    let environment = [("NODE", "1"), ("HOST", "b"), ("OTHER", "x")];
    let load = |lines: &str| load_in(&environment, &file(lines), &[]);
    let config = load(&format!(
        "num.partitions=${{file:{}:partitions}}\nmetadata.max.retention.ms=${{dir:{}:retention}}\n\
         ours=${{file:{}:schlüssel}}\n",
        at("more.properties"),
        at(""),
        at("more.properties").replace("schlüssel", "schl\\u00fcssel"),
    ))
    .expect("loads");
    assert_eq!(config.identity.node_id, NodeId(1));
    assert_eq!(config.identity.voters[1].host, "b");
    assert_eq!((config.num_partitions, config.max_retention_ms), (5, 1234));
    // As in Kafka, what stands for nothing is left as it is; here that is told.
    let config = load("ours=${env:MISSING} ${nobody:x}\n").expect("loads");
    let told = config
        .warnings
        .iter()
        .filter(|warning| warning.text.contains("${"));
    let told: Vec<&str> = told.map(|warning| warning.text.as_str()).collect();
    assert_eq!(
        told,
        [
            "ours: ${env:MISSING} stands for nothing and is left as it is: the environment has no MISSING",
            "ours: ${nobody:x} stands for nothing and is left as it is: config.providers names no nobody",
        ]
    );
    // Limits.
    let lines = "config.providers.env.param.allowlist.pattern=NODE|HOST\nours=${env:OTHER}\n";
    let config = load(lines).expect("loads");
    let warning = &config.warnings.last().expect("a warning").text;
    assert!(
        warning.ends_with("allowlist.pattern does not allow OTHER"),
        "{warning}"
    );
    let lines = format!(
        "config.providers.dir.param.allowed.paths=/usr\nours=${{dir:{}:retention}}\n",
        at("")
    );
    let config = load(&lines).expect("loads");
    let warning = &config.warnings.last().expect("a warning").text;
    assert!(
        warning.contains("allowed.paths does not allow"),
        "{warning}"
    );
    let lines = format!("ours=${{dir:{}:../etc/passwd}}\n", at(""));
    let config = load(&lines).expect("loads");
    let warning = &config.warnings.last().expect("a warning").text;
    assert!(warning.ends_with("has no file ../etc/passwd"), "{warning}");
}

#[test]
fn config_providers_that_cannot_be_asked_stop_the_start() {
    let kafkas = "org.apache.kafka.common.config.provider";
    for (lines, reason) in [
        (
            "config.providers=kube\nconfig.providers.kube.class=io.strimzi.kafka.KubernetesSecretConfigProvider\n".to_owned(),
            "Invalid value io.strimzi.kafka.KubernetesSecretConfigProvider for configuration \
             config.providers.kube.class: Could not load config provider class or one of its dependencies\n\
             hint: kraftd has EnvVarConfigProvider",
        ),
        (
            "config.providers=env\n".to_owned(),
            "config.providers names env, but config.providers.env.class is not set",
        ),
        (
            format!("config.providers=env\nconfig.providers.env.class={kafkas}.EnvVarConfigProvider\nx=${{env:/path:NODE}}\n"),
            "Path is not supported for EnvVarConfigProvider, invalid value '/path'",
        ),
        (
            format!("config.providers=f\nconfig.providers.f.class={kafkas}.FileConfigProvider\nx=${{f:/no/such:NODE}}\n"),
            "Could not read properties from file /no/such\nhint: No such file",
        ),
        (
            format!("config.providers=f\nconfig.providers.f.class={kafkas}.FileConfigProvider\nconfig.providers.f.param.allowed.paths=etc\n"),
            "Path etc is not absolute",
        ),
        (
            format!("config.providers=env\nconfig.providers.env.class={kafkas}.EnvVarConfigProvider\nconfig.providers.env.param.allowlist.pattern=(\n"),
            "Invalid value ( for configuration config.providers.env.param.allowlist.pattern",
        ),
    ] {
        assert_refused(&lines, reason);
    }
}

/// What a provider gave is in no message.
#[test]
fn resolved_values_are_not_shown() {
    let kafkas = "org.apache.kafka.common.config.provider";
    let file = |line: &str| {
        format!(
            "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@a:9093\nlog.dirs=/x\n\
             controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:9093\nconfig.providers=env\n\
             config.providers.env.class={kafkas}.EnvVarConfigProvider\n{line}\n"
        )
    };
    for line in [
        "num.partitions=${env:SECRET}",
        "compression.type=${env:SECRET}",
        "log.cleanup.policy=delete,${env:SECRET}",
        "controller.quorum.voters=1@a:9093,${env:SECRET}",
        "controller.quorum.voters=1@a:9093,x@${env:SECRET}:1",
        "listeners=${env:SECRET}",
        "listeners=CONTROLLER://${env:SECRET} x:9093",
        "advertised.listeners=${env:SECRET}",
        "listener.security.protocol.map=CONTROLLER:${env:SECRET}",
        "controller.listener.names=${env:SECRET}",
        "controller.listener.names=${env:SECRET}\nlistener.security.protocol.map=CONTROLLER:PLAINTEXT",
        "controller.listener.names=CONTROLLER,${env:SECRET}",
        "inter.broker.listener.name=${env:SECRET}",
        "early.start.listeners=${env:SECRET}",
        "authorizer.class.name=${env:SECRET}",
        "process.roles=${env:SECRET}",
        "leader.imbalance.check.interval.seconds=${env:SECRET}",
    ] {
        let error = load_in(&[("SECRET", "hush")], &file(line), &[]).expect_err(line);
        assert!(!error.contains("hush"), "{line}: {error}");
    }
    let error = load_in(
        &[("SECRET", "hush")],
        &file("num.partitions=${env:SECRET}"),
        &[],
    );
    let error = error.expect_err("no number");
    assert!(
        error.starts_with("Invalid value [hidden] for configuration num.partitions"),
        "{error}"
    );
    let fine = load_in(
        &[("SECRET", "hush")],
        &file("sasl.jaas.config=${env:SECRET}"),
        &[],
    );
    assert!(!format!("{:?}", fine.expect("loads")).contains("hush"));
}
