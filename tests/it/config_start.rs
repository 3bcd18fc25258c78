//! What `kraftd server FILE` says of a file that will not do, and with which exit code it ends.

use std::{
    fs,
    process::{Command, Output},
};

use crate::home::{free_ports, text};

const CONTROLLER: &str = "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
    controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n";

/// Starts a node with these lines after the others; its directory is not formatted.
fn start(file: &str, lines: &str) -> Output {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("server.properties");
    let data = dir.path().join("data");
    fs::write(&path, format!("{file}log.dirs={}\n{lines}", data.display())).expect("writes");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    let started = command.arg("server").arg(&path).output();
    assert!(!data.exists(), "nothing is made");
    started.expect("kraftd runs")
}

#[test]
fn a_refused_start_says_kafkas_sentence_and_ends_with_1() {
    let id_9 = "requirement failed: If process.roles contains the 'controller' role, the node id 9 must be \
                included in the set of voters controller.quorum.voters=Set(1)";
    let broker = "requirement failed: If process.roles contains just the 'broker' role, the node id 1 must not \
                  be included in the set of voters controller.quorum.voters=Set(1)";
    for (file, lines, sentence) in [
        (
            "zookeeper.connect=localhost:2181\n",
            "",
            "Missing required configuration \"process.roles\" which has no default value.",
        ),
        (
            "process.roles=controller\n",
            "",
            "Missing required configuration \"node.id\" which has no default value.",
        ),
        (
            CONTROLLER,
            "num.io.threads=xyz\n",
            "Invalid value xyz for configuration num.io.threads: Not a number of type INT",
        ),
        (CONTROLLER, "node.id=9\n", id_9),
        (
            CONTROLLER,
            "process.roles=broker\nlisteners=PLAINTEXT://localhost:9092\n",
            broker,
        ),
        (
            CONTROLLER,
            "listeners=PLAINTEXT://localhost:9092\n",
            "requirement failed: The listeners config must only contain KRaft controller listeners from \
             controller.listener.names when process.roles=controller",
        ),
        (
            CONTROLLER,
            "controller.quorum.voters=\n",
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of \
             bootstrap controllers or controller.quorum.voters must contain a parseable set of controllers.",
        ),
        (
            CONTROLLER,
            "controller.quorum.voters=1@0.0.0.0:9093\n",
            "Host string (0.0.0.0) is not routeable",
        ),
        (
            CONTROLLER,
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT\n",
            "Error creating broker listeners from '[CONTROLLER://localhost:9093]': No security protocol \
             defined for listener CONTROLLER",
        ),
        (
            CONTROLLER,
            "alter.config.policy.class.name=org.example.Policy\n",
            "alter.config.policy.class.name=org.example.Policy names a Java class, which kraftd cannot run",
        ),
        (
            "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
             controller.listener.names=CONTROLLER\n",
            "",
            "requirement failed: The listeners config must only contain KRaft controller listeners from \
             controller.listener.names when process.roles=controller\nhint: listeners is not set, and Kafka's \
             default is PLAINTEXT://:9092: set it, for example listeners=CONTROLLER://:9093",
        ),
        (CONTROLLER, "", "No readable meta.properties files found"),
    ] {
        let output = start(file, lines);
        let (said, line) = (text(&output.stderr), lines.trim());
        assert_eq!(output.status.code(), Some(1), "{line}: {said}");
        let (before, more) = said.split_once(sentence).expect(&said);
        // The file is named, as `kraftd check` does; then comes Kafka's own sentence.
        let is_of_file = !sentence.starts_with("No readable");
        assert_eq!(
            before.ends_with("/server.properties: "),
            is_of_file,
            "{line}: {said}"
        );
        // Then a hint at most: no stack trace.
        let more = more.trim();
        assert!(more.lines().count() <= 2, "{line}: {said}");
    }
}

/// The commands of an image agree: they read the same variables, and there need be no file.
#[test]
fn a_container_needs_no_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let [port] = free_ports();
    let listener = format!("CONTROLLER://localhost:{port}");
    let kraftd = |words: &[&str], partitions: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
        let command = command
            .args(words)
            .arg(dir.path().join("none.properties"))
            .env("KRAFTD_CONTAINER", "1")
            .env("KAFKA_PROCESS_ROLES", "controller")
            .env("KAFKA_NODE_ID", "1")
            .env(
                "KAFKA_CONTROLLER_QUORUM_VOTERS",
                format!("1@localhost:{port}"),
            )
            .env("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
            .env("KAFKA_LISTENERS", &listener)
            .env("KAFKA_LOG_DIRS", dir.path().join("data"))
            .env("KAFKA_NUM_PARTITIONS", partitions);
        let output = command.output().expect("kraftd runs");
        (output.status.code(), text(&output.stderr))
    };
    let format = ["storage", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c"];
    assert_eq!(kraftd(&format, "1"), (Some(0), String::new()));
    assert!(dir.path().join("data/meta.properties").exists());
    assert_eq!(
        kraftd(&["server", "--check"], "1"),
        (Some(0), String::new())
    );
    let (code, said) = kraftd(&["server", "--check"], "many");
    assert_eq!(code, Some(1));
    let sentence =
        "Invalid value many for configuration num.partitions: Not a number of type INT\n";
    let file = dir.path().join("none.properties");
    assert_eq!(said, format!("{}: {sentence}", file.display()));
}

/// What stops nothing is in the log, once.
#[test]
fn warnings_are_logged() {
    let output = start(
        CONTROLLER,
        "advertised.Listeners=CONTROLLER://a:9093\nssl.key.password=hush\n",
    );
    let said = text(&output.stdout);
    let warning =
        "advertised.Listeners is unknown and has no effect: did you mean advertised.listeners?";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    assert!(said.contains("WARN"), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

/// Before anything can go wrong, so that whoever reads a log knows what it is of.
#[test]
fn a_start_says_what_it_starts_and_that_others_look_elsewhere() {
    let output = start(CONTROLLER, "listeners=CONTROLLER://[::]:9099\n");
    let said = text(&output.stdout);
    let version = env!("CARGO_PKG_VERSION");
    let lines = [
        format!("INFO kraftd {version} starts controller 1 from /"),
        "listens on CONTROLLER://[::]:9099, voters 1@localhost:9093 (".to_owned(),
        "WARN /".to_owned(),
        "server.properties: listeners has CONTROLLER://[::]:9099, but controller.quorum.voters has \
         1@localhost:9093. One of the two is wrong."
            .to_owned(),
    ];
    for line in lines {
        assert!(said.contains(&line), "{line}: {said}");
    }
}
