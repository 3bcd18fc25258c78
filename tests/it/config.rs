//! `server.properties`: what is taken, and what stops a start, with the words that it stops with.

use std::{fs, path::PathBuf};

use kraftd::{config::Config, protocol::NodeId};

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

#[test]
fn brokers_keys_and_unknown_ones_are_no_error() {
    load(
        "group.initial.rebalance.delay.ms=0\nzookeeper.connect=x\nno.such.key=1\n",
        &[],
    )
    .expect("loads");
}

#[test]
fn mistakes_are_told_in_kafkas_words() {
    for (lines, reason) in [
        (
            "num.partitions=many\n",
            "Invalid value many for configuration num.partitions: Not a number of type INT",
        ),
        (
            "num.partitions=0\n",
            "Invalid value 0 for configuration num.partitions: Value must be at least 1",
        ),
        (
            "auto.leader.rebalance.enable=yes\n",
            "Expected value to be either true or false",
        ),
        (
            "node.id=9\n",
            "requirement failed: If process.roles contains the 'controller' role, the node id 9 must be \
             included in the set of voters controller.quorum.voters=Set(1, 2, 3)",
        ),
        (
            "controller.quorum.voters=1@a:9093,1@b:9094\n",
            "the id 1 is there twice",
        ),
        (
            "controller.quorum.voters=1@hado op104:9093\n",
            "there is a blank in it",
        ),
        ("controller.quorum.voters=1@a\n", "the port is missing"),
        (
            "process.roles=observer\n",
            "Unknown process role 'observer'",
        ),
        (
            "listeners=CONTROLLER://localhost:x\n",
            "the port is no number from 0 to 65535",
        ),
        (
            "listeners=PLAINTEXT://localhost:9092\n",
            "requirement failed: The listeners config must only contain KRaft controller listeners from \
             controller.listener.names when process.roles=controller",
        ),
        (
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT\n",
            "No security protocol defined for listener CONTROLLER",
        ),
    ] {
        assert_refused(lines, reason);
    }
}

/// What would be ignored if it did not stop the start.
#[test]
fn what_cannot_be_honoured_stops_the_start() {
    for (lines, reason) in [
        (
            "process.roles=broker,controller\n",
            "process.roles asks for a broker, and kraftd is a controller",
        ),
        (
            "listener.security.protocol.map=CONTROLLER:SASL_SSL\n",
            "this release serves PLAINTEXT only",
        ),
        (
            "authorizer.class.name=org.example.Open\n",
            "authorizer.class.name=org.example.Open names a Java class",
        ),
        (
            "create.topic.policy.class.name=org.example.P\n",
            "create.topic.policy.class.name",
        ),
        (
            "controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=a:9093\n",
            "voters that are kept in the log (KIP-853)",
        ),
        (
            "controller.quorum.voters=\n",
            "If using process.roles, either controller.quorum.bootstrap.servers",
        ),
    ] {
        assert_refused(lines, reason);
    }
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
    for (text, key) in [
        ("zookeeper.connect=x\n", "process.roles"),
        ("process.roles=controller\n", "node.id"),
    ] {
        fs::write(&path, text).expect("writes");
        let error = Config::load(&path, &[])
            .expect_err("incomplete")
            .to_string();
        let expected =
            format!("Missing required configuration \"{key}\" which has no default value.");
        assert_eq!(error, expected);
    }
}
