//! `kraftd split`: the halves of a file, to the letter.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::home::text;

/// What a reader of the lesson has typed, with its blank after the comma and its capital L.
const LESSON: &str = "process.roles=broker, controller
node.id=2
controller.listener.names=CONTROLLER
controller.quorum.voters=2@hadoop102:9093,3@hadoop103:9093,4@hadoop104:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.Listeners=PLAINTEXT://hadoop102:9092
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
log.dirs=/opt/module/kafka2/data
";

const CONTROLLER: &str = "\
# Controller 2, for kraftd. Made from server.properties by `kraftd split`.
# A comment stands above each line that was changed.

# Was broker, controller: kraftd runs this half.
process.roles=controller
node.id=2
controller.listener.names=CONTROLLER
controller.quorum.voters=2@hadoop102:9093,3@hadoop103:9093,4@hadoop104:9093
# Was PLAINTEXT://:9092,CONTROLLER://:9093: the controller's alone.
listeners=CONTROLLER://:9093
# Without inter.broker.listener.name: only brokers use it.
advertised.Listeners=PLAINTEXT://hadoop102:9092
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
log.dirs=/opt/module/kafka2/data
";

const BROKER: &str = "\
# Broker 102, for Java's Kafka. Made from server.properties by `kraftd split`.
# A comment stands above each line that was changed.

# Was broker, controller: Java's Kafka runs this half.
process.roles=broker
# Was 2: the id of its controller plus 100, on every host alike; no voter has it.
node.id=102
controller.listener.names=CONTROLLER
controller.quorum.voters=2@hadoop102:9093,3@hadoop103:9093,4@hadoop104:9093
# Was PLAINTEXT://:9092,CONTROLLER://:9093: the broker's alone.
listeners=PLAINTEXT://:9092
inter.broker.listener.name=PLAINTEXT
advertised.Listeners=PLAINTEXT://hadoop102:9092
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
# Was /opt/module/kafka2/data: a directory belongs to one node.
log.dirs=/opt/module/kafka2/data/broker
";

/// A folder with a file to be split.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new(file: impl AsRef<[u8]>) -> Site {
        let site = Site {
            dir: tempfile::tempdir().expect("a folder"),
        };
        fs::write(site.path("server.properties"), file).expect("writes");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("was written")
    }

    fn split(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
        command.args(["split", "server.properties"]).args(arguments);
        command
            .current_dir(self.dir.path())
            .output()
            .expect("kraftd runs")
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], reason: &str) {
        let output = self.split(arguments);
        let said = text(&output.stderr);
        assert!(said.contains(reason), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(1));
    }

    fn has_halves(&self) -> bool {
        ["controller.properties", "broker.properties"]
            .iter()
            .any(|name| self.path(name).exists())
    }
}

/// The value of a key in a half.
fn value<'a>(half: &'a str, key: &str) -> Option<&'a str> {
    half.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

#[test]
fn the_lessons_file() {
    let site = Site::new(LESSON);
    let output = site.split(&[]);
    assert_eq!(
        text(&output.stdout),
        "controller.properties: process.roles=controller, node.id=2, listeners=CONTROLLER://:9093, \
         log.dirs=/opt/module/kafka2/data\n\
         broker.properties: process.roles=broker, node.id=102, listeners=PLAINTEXT://:9092, \
         log.dirs=/opt/module/kafka2/data/broker\n\
         \n\
         Format both with the cluster id that all nodes share, and start them:\n\
         \x20 bin/kafka-storage.sh format -g -t CLUSTER_ID -c controller.properties\n\
         \x20 bin/kafka-storage.sh format -g -t CLUSTER_ID -c broker.properties\n\
         \x20 bin/kafka-server-start.sh -daemon controller.properties\n\
         \x20 KAFKA/bin/kafka-server-start.sh -daemon broker.properties\n\
         KAFKA is the folder of Java's Kafka, 3.9 or later.\n"
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(site.read("controller.properties"), CONTROLLER);
    assert_eq!(site.read("broker.properties"), BROKER);
    assert_eq!(site.read("server.properties"), LESSON);
}

/// Everything that the lesson's file has not: two names of the id, continued lines, keys twice, several
/// directories, a directory for the metadata, addresses of both listeners, comments in any encoding.
#[test]
fn every_key_that_the_halves_do_not_share() {
    let file = b"# \xb9\xdc\xc0\xed\r\n! nothing=here \\\n\
        node.id=1\nprocess.roles=controller\n\
        process.roles : controller,\\\n    broker\n\
        broker.id=1\n\
        controller.quorum.voters=1@a:9093,101@b:9093\n\
        controller.listener.names=CTRL\n\
        listener.security.protocol.map=CTRL:PLAINTEXT,IN:PLAINTEXT,OUT:PLAINTEXT\n\
        listeners=CTRL://[::1]:9093, IN://:9092, OUT://a.example:9094\n\
        advertised.listeners=OUT://10.0.0.1:9094,CTRL://a:9093\n\
        inter.broker.listener.name=OUT\n\
        log.dirs=/d1,/d2\nmetadata.log.dir=/m\\\\e\nlast=line";
    let site = Site::new(file);
    assert_eq!(site.split(&[]).status.code(), Some(0));
    let header = |what: &str| {
        format!(
            "# {what}. Made from server.properties by `kraftd split`.\n\
             # A comment stands above each line that was changed.\n\n# \u{b9}\u{dc}\u{c0}\u{ed}\r\n! nothing=here \\\n"
        )
    };
    let latin_1 = |name| -> String {
        let bytes = fs::read(site.path(name)).expect("was written");
        bytes.into_iter().map(char::from).collect()
    };
    let controller = header("Controller 1, for kraftd")
        + "node.id=1\n\
           # Was controller,broker: kraftd runs this half.\nprocess.roles=controller\n\
           broker.id=1\n\
           controller.quorum.voters=1@a:9093,101@b:9093\n\
           controller.listener.names=CTRL\n\
           listener.security.protocol.map=CTRL:PLAINTEXT,IN:PLAINTEXT,OUT:PLAINTEXT\n\
           # Was CTRL://[::1]:9093, IN://:9092, OUT://a.example:9094: the controller's alone.\n\
           listeners=CTRL://[::1]:9093\n\
           # Was OUT://10.0.0.1:9094,CTRL://a:9093: the controller's alone.\n\
           advertised.listeners=CTRL://a:9093\n\
           # Without inter.broker.listener.name: only brokers use it.\n\
           # Was /d1,/d2: where the metadata log is, as before.\nlog.dirs=/m\\\\e\n\
           # Without metadata.log.dir: the same as the only one of log.dirs.\n\
           last=line\n";
    assert_eq!(latin_1("controller.properties"), controller);
    let id = "the id of its controller plus 200, on every host alike; no voter has it.";
    let broker = header("Broker 201, for Java's Kafka")
        + &format!("# Was 1: {id}\nnode.id=201\n")
        + "# Was controller,broker: Java's Kafka runs this half.\nprocess.roles=broker\n"
        + &format!("# Was 1: {id}\nbroker.id=201\n")
        + "controller.quorum.voters=1@a:9093,101@b:9093\n\
           controller.listener.names=CTRL\n\
           listener.security.protocol.map=CTRL:PLAINTEXT,IN:PLAINTEXT,OUT:PLAINTEXT\n\
           # Was CTRL://[::1]:9093, IN://:9092, OUT://a.example:9094: the broker's alone.\n\
           listeners=IN://:9092,OUT://a.example:9094\n\
           # Was OUT://10.0.0.1:9094,CTRL://a:9093: the broker's alone.\n\
           advertised.listeners=OUT://10.0.0.1:9094\n\
           inter.broker.listener.name=OUT\n\
           # Was /d1,/d2: a directory belongs to one node.\nlog.dirs=/d1/broker,/d2/broker\n\
           # Was /m\\\\e: a directory belongs to one node.\nmetadata.log.dir=/m\\\\e/broker\n\
           last=line\n";
    assert_eq!(latin_1("broker.properties"), broker);
}

#[test]
fn what_somebody_wrote_is_not_replaced() {
    let site = Site::new(LESSON);
    fs::write(site.path("broker.properties"), "mine=1\n").expect("writes");
    site.refused(
        &[],
        "broker.properties exists already, and nothing was written",
    );
    assert_eq!(site.read("broker.properties"), "mine=1\n");
    assert!(!site.path("controller.properties").exists());
    assert_eq!(site.split(&["--out", "halves"]).status.code(), Some(0));
    assert_eq!(site.read("halves/broker.properties"), BROKER);
    assert_eq!(
        site.split(&["--out", "halves"]).status.code(),
        Some(0),
        "the same again"
    );
    assert_eq!(site.split(&["--overwrite"]).status.code(), Some(0));
    assert_eq!(site.read("broker.properties"), BROKER);
}

#[test]
fn the_brokers_id_can_be_chosen() {
    let site = Site::new(LESSON);
    site.refused(
        &["--broker-id", "3"],
        "3 is one of controller.quorum.voters",
    );
    site.refused(&["--broker-id=-1"], "must not be negative");
    assert!(!site.has_halves());
    assert_eq!(site.split(&["--broker-id", "7"]).status.code(), Some(0));
    let broker = site.read("broker.properties");
    assert_eq!(value(&broker, "node.id"), Some("7"));
    assert!(
        broker.contains("# Was 2: as --broker-id says.\n"),
        "{broker}"
    );
}

/// Whatever ids voters have, the hosts' brokers get ids of their own, each host for itself.
#[test]
fn no_two_nodes_get_one_id() {
    for voters in [
        vec![1, 2, 3],
        vec![1, 101, 201, 301],
        vec![0, 100, 300],
        vec![5, 2_147_483_000],
    ] {
        let list: Vec<String> = voters.iter().map(|id| format!("{id}@h{id}:9093")).collect();
        let list = list.join(",");
        let mut taken = voters.clone();
        for id in &voters {
            let site = Site::new(
                LESSON
                    .replace("node.id=2", &format!("node.id={id}"))
                    .replace("2@hadoop102:9093,3@hadoop103:9093,4@hadoop104:9093", &list),
            );
            assert_eq!(site.split(&[]).status.code(), Some(0), "{list}");
            let broker = site.read("broker.properties");
            taken.push(
                value(&broker, "node.id")
                    .expect("an id")
                    .parse()
                    .expect("a number"),
            );
        }
        let all = taken.len();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), all, "{list}: {taken:?}");
    }
    let full = LESSON.replace("4@", "2147483647@");
    Site::new(full).refused(&[], "give this one with --broker-id");
}

#[test]
fn what_cannot_be_split_is_told() {
    let controller = LESSON.replace("broker, controller", "controller");
    let controller = controller.replace("PLAINTEXT://:9092,CONTROLLER", "CONTROLLER");
    Site::new(controller).refused(&[], "is one role already");
    for (change, reason) in [
        (
            ("broker, controller", "controller"),
            "must only contain KRaft controller listeners",
        ),
        (
            ("PLAINTEXT://:9092,CONTROLLER", "CONTROLLER"),
            "There must be at least one broker advertised listener",
        ),
        (
            ("CONTROLLER://:9093", "SSL://:9093"),
            "controller.listener.names must contain at least one value appearing",
        ),
        (
            ("controller.listener.names=CONTROLLER", ""),
            "controller.listener.names",
        ),
        (("4@hadoop104", "4@hado op104"), "4@hado op104"),
        (
            ("node.id=2", "node.id=9"),
            "the node id 9 must be included in the set of voters",
        ),
    ] {
        let site = Site::new(LESSON.replace(change.0, change.1));
        site.refused(&[], reason);
        assert!(!site.has_halves(), "{change:?}");
    }
}

#[test]
fn data_that_is_there_is_told_of() {
    let data = tempfile::tempdir().expect("a folder");
    let shown = data.path().display().to_string();
    let file = LESSON.replace("/opt/module/kafka2/data", &shown);
    let format = |site: &Site| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
        command.args(["storage", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c"]);
        let formatted = command
            .arg(site.path("server.properties"))
            .output()
            .expect("runs");
        assert!(formatted.status.success(), "{formatted:?}");
    };
    let site = Site::new(&file);
    format(&site);
    let formatted = format!(
        "\n{shown} is formatted for cluster MkU3OEVBNTcwNTJENDM2Qk: the broker's half needs the same id.\n"
    );
    let said = text(&site.split(&[]).stdout);
    assert!(said.contains(&formatted), "{said}");
    assert!(!said.contains("MirrorMaker"), "{said}");
    let trace = data.path().join("__cluster_metadata-0");
    fs::create_dir(&trace).expect("creates");
    assert!(
        !text(&site.split(&[]).stdout).contains("MirrorMaker"),
        "ours"
    );
    fs::write(trace.join("00000000000000000000.log"), "").expect("writes");
    assert_migration_told(&site, &formatted);
    fs::remove_dir_all(&trace).expect("removes");
    let partition = data.path().join("orders-11");
    fs::create_dir(&partition).expect("creates");
    let said = text(&site.split(&[]).stdout);
    assert!(!said.contains("MirrorMaker"), "somebody's folder");
    fs::write(partition.join("00000000000000000000.log"), "").expect("writes");
    assert_migration_told(&site, &formatted);
}

#[track_caller]
fn assert_migration_told(site: &Site, formatted: &str) {
    let said = text(&site.split(&[]).stdout);
    let note = format!(
        "{formatted}It holds data of node 2 of a Java Kafka, which the halves do not take over: partitions \
         belong to\nthe id of their broker, and the metadata log to Java's controllers. Nothing in it was \
         changed. To\nkeep the data, go on running this node from server.properties with Java's Kafka, give the \
         halves other\nlog.dirs as nodes of a new cluster, and have Kafka's MirrorMaker copy the topics there.\n"
    );
    assert!(said.contains(&note), "{said}");
}

/// The file that we ship is one that a reader of the lesson knows, and its halves will do.
#[test]
fn the_shipped_file_splits_and_starts() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/kraft/server.properties");
    let shipped = fs::read_to_string(shipped).expect("is shipped");
    let keys: Vec<&str> = LESSON
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    for key in keys {
        let key = key.replace("advertised.Listeners", "advertised.listeners");
        assert!(value(&shipped, &key).is_some(), "{key}");
    }
    let site = Site::new(&shipped);
    assert_eq!(site.split(&[]).status.code(), Some(0));
    let controller = site.path("controller.properties");
    let config = kraftd::config::Config::load(&controller, &[]).expect("a controller's file");
    assert_eq!(config.identity.node_id.0, 1);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn what_names_directories_and_listeners_goes_with_them() {
    let more =
        "cordoned.log.dirs=/opt/module/kafka2/data\nearly.start.listeners=CONTROLLER,PLAINTEXT\n";
    let site = Site::new(format!("{LESSON}{more}"));
    let output = site.split(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (controller, broker) = (
        site.read("controller.properties"),
        site.read("broker.properties"),
    );
    assert_eq!(value(&controller, "cordoned.log.dirs"), None);
    assert_eq!(
        value(&broker, "cordoned.log.dirs"),
        Some("/opt/module/kafka2/data/broker")
    );
    assert_eq!(
        value(&controller, "early.start.listeners"),
        Some("CONTROLLER")
    );
    assert_eq!(value(&broker, "early.start.listeners"), Some("PLAINTEXT"));
}

/// Java passes over a backslash at the end of a file.
#[test]
fn a_backslash_at_the_end_takes_nothing_of_what_is_added() {
    let site = Site::new(format!("{LESSON}num.partitions=3\\"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    command
        .args(["split", "server.properties"])
        .current_dir(site.dir.path());
    let output = command
        .envs([("KRAFTD_CONTAINER", "1"), ("KAFKA_NODE_ID", "3")])
        .output();
    let output = output.expect("kraftd runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let controller = site.read("controller.properties");
    let last = controller
        .lines()
        .rfind(|line| line.starts_with("node.id="));
    assert_eq!(last, Some("node.id=3"), "{controller}");
    assert_eq!(
        value(&controller, "num.partitions"),
        Some("3\\"),
        "{controller}"
    );
}
