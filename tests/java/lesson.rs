//! The lesson that people follow to Kafka without ZooKeeper: three hosts, one file with both roles on each, the
//! commands as they are typed. Brokers are Java's; topics are made, written and read with Kafka's tools.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use super::{
    cluster::turn,
    hosts::{Hosts, write_script},
    kafka,
    process::{run_to_end, tail, wait_for},
};

const HOSTS: [&str; 3] = ["hadoop102", "hadoop103", "hadoop104"];

/// Three JVMs share two cores with whatever else there is.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the host's user has in the profile. The hosts share `/tmp`, where two JVMs with the same process id, on two
/// hosts, would quarrel about one file of performance data, and print that among the messages.
const PROFILE: &str = "export KAFKA_HOME=/opt/module/kafka
export KAFKA_HEAP_OPTS=-Xmx256m
export KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData'
";

/// The lesson's file, with its blank after the comma and its capital L.
fn server_properties(host: &str) -> String {
    let id = HOSTS
        .iter()
        .position(|name| *name == host)
        .expect("one of them")
        + 2;
    format!(
        "process.roles=broker, controller\n\
         node.id={id}\n\
         controller.listener.names=CONTROLLER\n\
         controller.quorum.voters=2@hadoop102:9093,3@hadoop103:9093,4@hadoop104:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
         inter.broker.listener.name=PLAINTEXT\n\
         advertised.Listeners=PLAINTEXT://{host}:9092\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\
         SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
         log.dirs=/opt/module/kafka2/data\n"
    )
}

/// The lesson's script.
const KF2: &str = r#"#!/bin/bash
case $1 in
"start") {
    for i in hadoop102 hadoop103 hadoop104
    do
        echo " --------start $i Kafka2-------"
        ssh $i "/opt/module/kafka2/bin/kafka-server-start.sh -daemon /opt/module/kafka2/config/kraft/server.properties"
    done
};;
"stop") {
    for i in hadoop102 hadoop103 hadoop104
    do
        echo " --------stop $i Kafka2-------"
        ssh $i "/opt/module/kafka2/bin/kafka-server-stop.sh "
    done
};;
esac
"#;

/// As much of Kafka's scripts as the lesson needs: the jars, the options from the environment, and no shell left.
const RUN_CLASS: &str = r#"#!/bin/sh
exec java $KAFKA_HEAP_OPTS $KAFKA_JVM_PERFORMANCE_OPTS -cp "$(dirname "$0")/../libs/*" "$@"
"#;
const JAVA_SCRIPTS: &[(&str, &str)] = &[
    ("kafka-server-start", "kafka.Kafka"),
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
    (
        "kafka-console-producer",
        "org.apache.kafka.tools.ConsoleProducer",
    ),
    (
        "kafka-console-consumer",
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
    ),
];

/// Looks to a stop script like a broker of Java's; none of ours may end it.
const SOMEBODYS_BROKER: &str = "#!/bin/sh\nwhile :; do sleep 1; done\n";

/// This build's program, in a folder as the tarball has it.
#[test]
fn the_lesson_as_it_is_typed() {
    let _turn = turn();
    follow(|module, _| {
        let home = module.join("kafka2");
        fs::create_dir_all(home.join("libexec")).expect("creates");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut copy = Command::new("cp");
        copy.arg("-R")
            .args([root.join("bin"), root.join("config")])
            .arg(&home);
        run_to_end("cp", copy);
        symlink(env!("CARGO_BIN_EXE_kraftd"), home.join("libexec/kraftd")).expect("links");
    });
}

/// The static program, as people get it: `scripts/package.sh` makes the tarball, unless it is there.
#[test]
#[ignore = "builds the tarball; docs/TESTING.md"]
fn the_lesson_from_the_tarball() {
    let _turn = turn();
    let name = concat!("kraftd-", env!("CARGO_PKG_VERSION"));
    let tarball = kafka::target_dir().join(format!("{name}.tgz"));
    if !tarball.exists() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/package.sh");
        run_to_end("scripts/package.sh", Command::new(script));
    }
    follow(|module, host| {
        fs::copy(&tarball, module.join("kraftd.tgz")).expect("copies");
        let unpack = "tar -zxf /opt/module/kraftd.tgz -C /opt/module/";
        host(&format!(
            "{unpack} && mv /opt/module/{name} /opt/module/kafka2"
        ));
    });
}

/// Follows the lesson; `unpack` puts our folder on a host, given its `/opt/module` and a shell on it.
fn follow(unpack: impl Fn(&Path, &dyn Fn(&str))) {
    kafka::classpath(kafka::RELEASE);
    let hosts = Hosts::start(&HOSTS, PROFILE);
    for host in HOSTS {
        let module = hosts.opt(host).join("module");
        java_kafka(&module.join("kafka"));
        unpack(&module, &|line| drop(hosts.ssh(host, line)));
        let file = module.join("kafka2/config/kraft/server.properties");
        fs::write(file, server_properties(host)).expect("writes");
    }
    let lesson = Lesson { hosts };
    lesson.format_and_start();
    lesson.write_and_read();
    lesson.by_script();
    lesson.by_cluster_command();
}

/// Java's Kafka, laid out as its tarball is.
fn java_kafka(home: &Path) {
    write_script(&home.join("bin/kafka-run-class.sh"), RUN_CLASS);
    for (name, main) in JAVA_SCRIPTS {
        let script =
            format!("#!/bin/sh\nexec \"$(dirname \"$0\")/kafka-run-class.sh\" {main} \"$@\"\n");
        write_script(&home.join(format!("bin/{name}.sh")), &script);
    }
    let jars = kafka::classpath(kafka::RELEASE);
    symlink(jars.trim_end_matches("/*"), home.join("libs")).expect("links");
}

struct Lesson {
    hosts: Hosts,
}

impl Lesson {
    /// Types a line in the lesson's folder.
    fn typed(&self, host: &str, line: &str) -> Output {
        self.hosts
            .typed(host, &format!("cd /opt/module/kafka2; {line}"))
    }

    fn ssh(&self, host: &str, line: &str) -> String {
        self.hosts
            .ssh(host, &format!("cd /opt/module/kafka2; {line}"))
    }

    fn format_and_start(&self) {
        let id = self.ssh("hadoop102", "bin/kafka-storage.sh random-uuid");
        let id = id.trim();
        assert_eq!(id.len(), 22, "{id}");
        for host in HOSTS {
            let format = format!(
                "bin/kafka-storage.sh format -t {id} -c /opt/module/kafka2/config/kraft/server.properties"
            );
            let said = self.ssh(host, &format);
            let last = "Formatting metadata directory /opt/module/kafka2/data with metadata.version 4.3-IV0.\n";
            assert!(said.ends_with(last), "{host}: {said}");
        }
        let two_words = self.typed(
            "hadoop102",
            "bin/kafka-server-start.sh - daemon config/kraft/server.properties",
        );
        let said = String::from_utf8_lossy(&two_words.stderr).into_owned();
        assert!(said.contains("-daemon is one word"), "{said}");
        for host in HOSTS {
            let start = "bin/kafka-server-start.sh -daemon config/kraft/server.properties";
            let started = self.typed(host, start);
            let said = String::from_utf8_lossy(&started.stderr).into_owned();
            assert!(
                said.contains("advertised.Listeners is unknown and has no effect: did you mean advertised.listeners?"),
                "{said}"
            );
            assert!(
                started.status.success() && started.stdout.is_empty(),
                "{host}: {started:?}"
            );
        }
        self.wait_until_all_serve(1);
    }

    /// Waits until each of them has started so many times.
    fn wait_until_all_serve(&self, times: usize) {
        for host in HOSTS {
            wait_for(&format!("the broker of {host}"), PATIENCE, || {
                let log = self.log(host);
                let text = fs::read(&log).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                // Of the brokers: what kraftd says has no such brackets.
                match text.matches("] Kafka Server started").count() >= times {
                    true => Ok(()),
                    false => Err(tail(&log)),
                }
            });
        }
    }

    fn log(&self, host: &str) -> PathBuf {
        self.hosts
            .opt(host)
            .join("module/kafka2/logs/kafkaServer.out")
    }

    fn write_and_read(&self) {
        let create = "/opt/module/kafka/bin/kafka-topics.sh --bootstrap-server hadoop102:9092 --create \
                      --topic first --partitions 3 --replication-factor 3";
        assert_eq!(self.ssh("hadoop102", create), "Created topic first.\n");
        let produce = "printf 'hello\\nhadoop\\n' | /opt/module/kafka/bin/kafka-console-producer.sh \
                       --bootstrap-server hadoop103:9092 --topic first";
        self.ssh("hadoop103", produce);
        self.read();
    }

    /// Reads from the beginning what was written.
    #[track_caller]
    fn read(&self) {
        let consume = "/opt/module/kafka/bin/kafka-console-consumer.sh --bootstrap-server hadoop104:9092 \
                       --topic first --from-beginning --max-messages 2 --timeout-ms 300000";
        let read = self.ssh("hadoop104", consume);
        let mut lines: Vec<&str> = read.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["hadoop", "hello"]);
    }

    /// Everything ends, and nothing else.
    #[track_caller]
    fn wait_until_nothing_runs(&self) {
        for host in HOSTS {
            wait_for(&format!("the end of what runs on {host}"), PATIENCE, || {
                let said = self.typed(host, "cat /proc/[0-9]*/cmdline");
                let said = String::from_utf8_lossy(&said.stdout).into_owned();
                match said.contains("kraftd\0server\0") || said.contains("kafka.Kafka\0/opt") {
                    true => Err(tail(&self.log(host))),
                    false => Ok(()),
                }
            });
            let log = fs::read_to_string(self.log(host)).expect("a log");
            // Brokers are let go, not ended, and go first.
            let lines: Vec<&str> = log.lines().collect();
            let last = |words: &str, end: &str| {
                let mut lines = lines.iter();
                lines.rposition(|line| line.contains(words) && line.ends_with(end))
            };
            let broker = last("[BrokerServer id=10", "] shut down completed");
            let controller = last("shut down completed", "(kraftd.server.start)");
            assert!(broker.is_some() && broker < controller, "{host}: {log}");
            assert!(
                !log.contains("Timed out waiting for the controller"),
                "{host}: {log}"
            );
        }
        let said = self.typed("hadoop104", "bin/kafka-server-stop.sh");
        assert_eq!(
            String::from_utf8_lossy(&said.stdout),
            "No kafka server to stop\n"
        );
        assert_eq!(said.status.code(), Some(1));
    }

    fn by_script(&self) {
        let script = self.hosts.opt("hadoop102").join("kf2.sh");
        write_script(&script, KF2);
        let script = script.display().to_string();
        let other = self.hosts.opt("hadoop104").join("java");
        write_script(&other, SOMEBODYS_BROKER);
        self.ssh(
            "hadoop104",
            "setsid /opt/java kafka.Kafka x >/dev/null 2>&1 </dev/null &",
        );
        let part = self.typed(
            "hadoop102",
            "bin/kafka-server-stop.sh --process-role controller",
        );
        assert_eq!(
            String::from_utf8_lossy(&part.stdout),
            "No kafka server to stop\n"
        );
        let whole = "bin/kafka-server-stop.sh --process-role=controller,broker";
        assert_eq!(self.ssh("hadoop103", whole), "");
        run_to_end("kf2.sh stop", self.hosts.admin(&[&script, "stop"]));
        self.wait_until_nothing_runs();
        // One may end between its name and the look at it.
        let left = self.ssh("hadoop104", "cat /proc/[0-9]*/cmdline; true");
        assert!(left.contains("/opt/java\0kafka.Kafka\0x"), "{left}");
        run_to_end("kf2.sh start", self.hosts.admin(&[&script, "start"]));
        self.wait_until_all_serve(2);
        self.read();
    }

    fn by_cluster_command(&self) {
        let status = self.cluster("status", &[]);
        assert_eq!(status.matches(" leader ").count(), 1, "{status}");
        assert_eq!(status.matches(" follower ").count(), 2, "{status}");
        assert_eq!(status.matches(" broker ").count(), 3, "{status}");
        let stopped = self.cluster("stop", &[]);
        assert_eq!(
            stopped,
            "hadoop102: node 2 stops\nhadoop103: node 3 stops\nhadoop104: node 4 stops\n"
        );
        self.wait_until_nothing_runs();
        let started = self.cluster("start", &["--with-java-broker", "/opt/module/kafka"]);
        assert!(
            started.starts_with("hadoop102: node 2 started\n"),
            "{started}"
        );
        assert_eq!(started.matches(" broker ").count(), 3, "{started}");
        self.wait_until_all_serve(3);
        self.read();
        self.cluster("stop", &[]);
        self.wait_until_nothing_runs();
    }

    #[track_caller]
    fn cluster(&self, action: &str, further: &[&str]) -> String {
        let kraftd = self
            .hosts
            .opt("hadoop102")
            .join("module/kafka2/bin/kraftd.sh");
        let kraftd = kraftd.display().to_string();
        let (hosts, patience) = (HOSTS.join(","), PATIENCE.as_secs().to_string());
        let words = [
            &kraftd,
            "cluster",
            action,
            "--hosts",
            &hosts,
            "--dir",
            "/opt/module/kafka2",
        ];
        let place = [
            "--config",
            "config/kraft/server.properties",
            "--timeout",
            &patience,
        ];
        let words = [&words[..], &place, further].concat();
        run_to_end(
            &format!("kraftd cluster {action}"),
            self.hosts.admin(&words),
        )
    }
}
