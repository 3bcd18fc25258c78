//! A start from a file with both roles: refused without Java's Kafka, and with it two processes that start, end
//! and stop together. A script stands in for Java; tests/java/lesson.rs has the real one.

use std::{
    any::Any,
    fs,
    net::TcpListener,
    ops::Deref,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use crate::home::{self, CLUSTER_ID, JavaServer, Node, START, STOP, text};

const FILE: &str = "config/kraft/server.properties";

/// As Java's start command, it becomes the broker.
const START_BROKER: &str =
    "#!/bin/sh\nexec \"${0%/*}/java\" \"${0%/*}/broker.sh\" kafka.Kafka \"$@\"\n";

/// Takes its time to stop, as brokers do; ends by itself when there is a file `end`.
const BROKER: &str = "\
    # Where Java's ends in kafka-run-class.sh.\n\
    trap 'sleep 0.3; echo the broker ended; exit 143' TERM\n\
    trap 'echo threads of the broker' QUIT\n\
    echo \"broker $(sed -n 's/^node.id=//p' \"$2\") of $(sed -n 's/^cluster.id=//p' data/broker/meta.properties)\"\n\
    while [ ! -e end ]; do sleep 0.05; done\n\
    echo it is out of heap; exit 7\n";

/// A node with both roles.
struct Site {
    node: Node,
    _peace: Box<dyn Any>,
}

impl Deref for Site {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Site {
    fn new(id: usize) -> Site {
        Site::with(home::beside_others(), id)
    }

    fn with(peace: impl Any, id: usize) -> Site {
        let (roles, listeners) = ("broker, controller", "PLAINTEXT://localhost:0,");
        Site {
            node: Node::new(id, FILE, roles, listeners),
            _peace: Box::new(peace),
        }
    }

    fn formatted(id: usize) -> Site {
        Site::new(id).format()
    }

    fn format(self) -> Site {
        Site {
            node: self.node.formatted(),
            ..self
        }
    }

    fn kafka(&self, release: &str) -> PathBuf {
        let kafka = home::fake_kafka(self.home(), release, START_BROKER);
        fs::write(kafka.join("bin/broker.sh"), BROKER).expect("writes");
        let java = kafka.join("bin/java");
        if !java.exists() {
            symlink("/bin/sh", java).expect("links");
        }
        kafka
    }

    fn command(&self, words: &[&str], kafka_home: Option<&Path>) -> Command {
        let mut command = self.node.command(words);
        command.envs(kafka_home.map(|home| ("KAFKA_HOME", home)));
        command
    }

    fn typed(&self, words: &[&str], kafka_home: Option<&Path>) -> Output {
        self.command(words, kafka_home).output().expect("runs")
    }

    #[track_caller]
    fn wait_for(&self, line: &str) {
        self.wait_until(line, || self.log().contains(line));
    }

    /// Starts both halves in the foreground; the output goes where a daemon's would.
    fn foreground(&self) -> Child {
        let child = self.start();
        self.wait_for(&self.hello());
        child
    }

    fn start(&self) -> Child {
        let kafka = self.kafka("4.3.1");
        fs::create_dir_all(self.home().join("logs")).expect("creates");
        let output = fs::File::create(self.home().join("logs/kafkaServer.out")).expect("creates");
        let errors = output.try_clone().expect("twice");
        let mut command = self.command(&[START, FILE], Some(&kafka));
        let command = command.stdin(Stdio::null()).stdout(output).stderr(errors);
        command.spawn().expect("starts")
    }

    /// What the broker says when it starts.
    fn hello(&self) -> String {
        format!("broker {} of {CLUSTER_ID}\n", self.id + 100)
    }

    /// Both ways of starting say this, and nothing is started or written.
    #[track_caller]
    fn refused(&self, kafka_home: Option<&Path>, reason: &str) {
        for words in [&[START, "-daemon", FILE][..], &[START, FILE]] {
            let output = self.typed(words, kafka_home);
            assert_eq!(text(&output.stderr), reason, "{words:?}");
            assert_eq!(output.status.code(), Some(1), "{words:?}");
        }
        assert!(!self.home().join("logs").exists());
        assert!(!self.home().join("data/broker").exists());
    }

    #[track_caller]
    fn all_ended(&self) {
        assert!(!self.serves());
        let nothing = self.stop();
        assert_eq!(text(&nothing.stdout), "No kafka server to stop\n");
    }
}

fn refusal(why: &str) -> String {
    format!(
        "{FILE} has process.roles=broker, controller. kraftd is the controller of such a node; the broker is \
         Java's Kafka. {why}\n\
         Either set KAFKA_HOME to the folder of a Java Kafka, 3.9 or later (or add --with-java-broker DIR): the \
         same command then runs both.\n\
         Or run `kraftd split {FILE}` once: it writes controller.properties for kraftd and broker.properties for \
         Java's Kafka.\n"
    )
}

#[test]
fn without_java_a_start_names_the_ways_out() {
    let site = Site::formatted(40);
    site.refused(None, &refusal("None is named."));
    site.refused(Some(Path::new("")), &refusal("None is named."));
    // The lesson's reader has our folder in it.
    let ours = site.home().to_owned();
    let why = format!(
        "KAFKA_HOME: {} is no folder of Java's Kafka: there is no libs/kafka_*.jar in it. Unpack Kafka, and \
         name its folder.",
        ours.display()
    );
    site.refused(Some(&ours), &refusal(&why));
    // The lesson's Kafka.
    let old = site.kafka("3.0.0");
    let why = format!(
        "KAFKA_HOME: {} is Kafka 3.0.0, whose brokers cannot work with this controller. Take Kafka 3.9 or \
         later.",
        old.display()
    );
    site.refused(Some(&old), &refusal(&why));
}

#[test]
fn what_format_has_not_done_is_told() {
    let site = Site::new(41);
    let kafka = site.kafka("4.3.1");
    for words in [&[START, "-daemon", FILE][..], &[START, FILE]] {
        let output = site.typed(words, Some(&kafka));
        let said = text(&output.stderr);
        assert!(
            said.starts_with("No readable meta.properties files found. data is not formatted: "),
            "{said}"
        );
        assert!(said.contains("-t CLUSTER_ID -c FILE"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
    assert!(!site.home().join("data").exists());
    let site = Site::formatted(42);
    let kafka = site.kafka("4.3.1");
    fs::create_dir(site.home().join("data/broker")).expect("creates");
    let other = format!(
        "version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAXQ\nnode.id={}\n",
        site.id + 100
    );
    fs::write(site.home().join("data/broker/meta.properties"), other).expect("writes");
    let output = site.typed(&[START, "-daemon", FILE], Some(&kafka));
    let said = text(&output.stderr);
    assert!(
        said.starts_with("Invalid cluster.id in: data/broker/meta.properties. Expected "),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
}

/// A Java node with both roles whose metadata log was put away: its broker would come back without its partitions.
#[test]
fn partitions_of_a_java_broker_are_not_left_behind() {
    let site = Site::formatted(53);
    let kafka = site.kafka("4.3.1");
    let data = site.home().join("data");
    let partition = data.join("topic-0");
    fs::create_dir(&partition).expect("a partition");
    fs::write(partition.join("00000000000000000000.log"), "").expect("a segment");
    let before = listing(&data);
    let id = site.id;
    let reason =
        format!("data/topic-0 was written by node {id} as a Java Kafka, and is not taken over");
    let output = site.typed(&[START, FILE], Some(&kafka));
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains(&reason), "{said}");
    assert_eq!(listing(&data), before, "nothing was written");
}

fn listing(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("lists");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// Java would say so in a log, when the controller runs already.
#[test]
fn a_port_that_the_broker_cannot_have_is_told() {
    let site = Site::formatted(48);
    let kafka = site.kafka("4.3.1");
    let taken = TcpListener::bind("localhost:0").expect("binds");
    let port = taken.local_addr().expect("is bound").port();
    let listeners = format!(
        "listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{}",
        site.port
    );
    let output = site.typed(
        &[START, "-daemon", FILE, "--override", &listeners],
        Some(&kafka),
    );
    let said = text(&output.stderr);
    let reason =
        format!("the broker's listener: Socket server failed to bind to localhost:{port}: ");
    assert!(said.starts_with(&reason), "{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(!site.serves());
}

/// They count like lines at the end of the file, in both halves; so do the keys of a container's environment.
#[test]
fn overrides_reach_the_halves() {
    let site = Site::formatted(47);
    let kafka = site.kafka("4.3.1");
    let listeners = format!(
        "listeners=PLAINTEXT://localhost:1,CONTROLLER://localhost:{}",
        site.port
    );
    let words = ["bin/kraftd.sh", "server", "--check", FILE];
    let overrides = ["--override", r"broker.rack=a\b", "--override", &listeners];
    let checked = site.typed(&[&words[..], &overrides].concat(), Some(&kafka));
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let half = |name: &str| {
        let text = fs::read_to_string(site.home().join("data").join(name)).expect("was written");
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (controller, broker) = (half("controller.properties"), half("broker.properties"));
    let own = format!("listeners=CONTROLLER://localhost:{}", site.port);
    assert!(controller.contains(&own), "{controller:?}");
    assert!(
        broker.contains(&"listeners=PLAINTEXT://localhost:1".to_owned()),
        "{broker:?}"
    );
    for half in [&controller, &broker] {
        assert!(half.contains(&r"broker.rack=a\\b".to_owned()), "{half:?}");
        let listeners = half.iter().filter(|line| line.starts_with("listeners"));
        assert_eq!(listeners.count(), 1, "{half:?}");
    }
    let mut command = site.command(&words, Some(&kafka));
    command
        .env("KRAFTD_CONTAINER", "1")
        .env("KAFKA_PROCESS_ROLES", "controller,broker");
    let checked = command
        .env("KAFKA_NUM_PARTITIONS", "9")
        .output()
        .expect("runs");
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    for (name, role) in [
        ("controller.properties", "controller"),
        ("broker.properties", "broker"),
    ] {
        let half = half(name);
        assert!(half.contains(&"num.partitions=9".to_owned()), "{half:?}");
        assert!(half.contains(&format!("process.roles={role}")), "{half:?}");
    }
}

#[test]
fn both_halves_start_and_stop_in_order() {
    let site = Site::with(home::alone(), 43).format();
    let kafka = site.kafka("4.3.1");
    let directory = kafka.display().to_string();
    for (words, kafka_home) in [
        (&[START, "-daemon", FILE][..], Some(kafka.as_path())),
        (
            &[START, "-daemon", FILE, "--with-java-broker", &directory],
            None,
        ),
    ] {
        let started = site.typed(words, kafka_home);
        assert_eq!(started.status.code(), Some(0), "{started:?}");
        site.wait_for(&site.hello());
        assert!(site.serves());
        // The broker belongs to a node that is asked for as a whole.
        let broker = format!("--node-id={}", site.id + 100);
        for part in [
            &["--process-role=broker"][..],
            &[&broker],
            &[&broker, "--java-too"],
        ] {
            let output = site.typed(&[&[STOP], part].concat(), None);
            assert_eq!(
                text(&output.stdout),
                "No kafka server to stop\n",
                "{part:?}"
            );
        }
        assert_eq!(site.stop().status.code(), Some(0));
        site.wait_for("shut down completed");
        let log = site.log();
        let (broker, controller) = (
            log.find("the broker ended"),
            log.find("shut down completed"),
        );
        assert!(broker.is_some() && broker < controller, "{log}");
        site.wait_until("ends", || {
            text(&site.stop().stdout).starts_with("No kafka server")
        });
        fs::remove_file(site.home().join("logs/kafkaServer.out")).expect("removes");
    }
    let mut running = site.foreground();
    assert_eq!(site.stop().status.code(), Some(0));
    assert_eq!(
        running.wait().expect("ends").code(),
        Some(0),
        "SIGTERM is no failure"
    );
}

#[test]
fn both_halves_say_what_they_do() {
    let site = Site::formatted(49);
    let mut running = site.foreground();
    let words = [STOP, &format!("--node-id={}", site.id)];
    let mut command = site.command(&words, None);
    command.env("SIGNAL", "QUIT").output().expect("runs");
    site.wait_for("SIGQUIT: status ");
    site.wait_for("threads of the broker");
    assert!(site.serves());
    assert_eq!(site.stop().status.code(), Some(0));
    assert_eq!(running.wait().expect("ends").code(), Some(0));
}

#[test]
fn either_half_takes_the_other_with_it() {
    let site = Site::formatted(44);
    let mut running = site.foreground();
    fs::write(site.home().join("end"), "").expect("writes");
    assert_eq!(running.wait().expect("ends").code(), Some(1));
    let log = site.log();
    let reason = format!("ERROR broker {} ended (exit status: 7)", site.id + 100);
    let (words, ended) = (log.find("it is out of heap"), log.find(&reason));
    assert!(
        words.is_some() && words < ended && ended < log.find("shut down completed"),
        "{log}"
    );
    site.all_ended();

    let site = Site::formatted(45);
    let mut running = site.foreground();
    let children = format!("/proc/{0}/task/{0}/children", running.id());
    let controller = fs::read_to_string(children).expect("its children");
    let controller = controller
        .split_whitespace()
        .next()
        .expect("the controller")
        .to_owned();
    let killed = Command::new("kill")
        .args(["-9", &controller])
        .status()
        .expect("kills");
    assert!(killed.success());
    assert_eq!(running.wait().expect("ends").code(), Some(1));
    let log = site.log();
    let reason = format!("controller {} ended (signal: 9 (SIGKILL))", site.id);
    assert!(
        log.find(&reason)
            .is_some_and(|at| Some(at) < log.find("the broker ended")),
        "{log}"
    );
    site.all_ended();
}

#[test]
fn a_signal_that_asks_nobody_reaches_both_halves() {
    let site = Site::formatted(46);
    let mut running = site.foreground();
    let mut command = site.command(&[STOP, "--node-id", &site.id.to_string()], None);
    let killed = command.env("SIGNAL", "KILL").output().expect("runs");
    assert_eq!(killed.status.code(), Some(0), "{killed:?}");
    running.wait().expect("ends");
    site.wait_until("ends", || !site.serves());
    site.all_ended();
    let log = site.log();
    assert!(!log.contains("the broker ended"), "{log}");
}

/// By the kernel when memory is short, say.
#[test]
fn a_killed_supervisor_leaves_nothing_behind() {
    let site = Site::formatted(39);
    let mut running = site.foreground();
    running.kill().expect("kills");
    running.wait().expect("ends");
    site.wait_for("shut down completed");
    let log = site.log();
    let broker = log.find("the broker ended");
    assert!(
        broker.is_some() && broker < log.find("shutting down"),
        "{log}"
    );
    site.wait_until("ends", || !site.serves());
    site.all_ended();
}

/// Where a broker was let off its tether all the same.
#[test]
fn stop_finds_a_broker_without_its_supervisor() {
    let site = Site::formatted(50);
    let kafka = site.kafka("4.3.1");
    let check = ["bin/kraftd.sh", "server", "--check", FILE];
    assert!(site.typed(&check, Some(&kafka)).status.success());
    let mut broker = JavaServer::start(site.home(), "data/broker.properties");
    let id = format!("--node-id={}", site.id + 100);
    let stopped = site.typed(&[STOP, &id, "--wait"], None);
    assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
    assert_eq!(broker.exit_code(), Some(143));
}

#[test]
fn a_start_says_that_its_broker_waits_for_a_leader() {
    let site = Site::formatted(51);
    let other = Node::new(52, "config/controller.properties", "controller", "").formatted();
    let voters = format!(
        "controller.quorum.voters={}@localhost:{},{}@localhost:{}\n",
        site.id, site.port, other.id, other.port
    );
    site.write(&voters);
    other.write(&voters);
    let mut running = site.start();
    let broker = site.id + 100;
    site.wait_for(&format!(
        "broker {broker} is started when the quorum has a leader; it has none yet (see kraftd status {FILE})\n"
    ));
    let first = format!(
        "starts controller {} from {FILE} (its half is data/controller.properties): ",
        site.id
    );
    assert!(site.log().contains(&first), "{}", site.log());
    let mut second = other.command(&[START, "config/controller.properties"]);
    let mut second = second.stdout(Stdio::null()).spawn().expect("starts");
    site.wait_for(&format!(
        "the quorum has a leader: broker {broker} is started\n"
    ));
    site.wait_for(&site.hello());
    // Together: one alone would stay for half a second to find a successor.
    for node in [&site.node, &other] {
        assert_eq!(node.stop().status.code(), Some(0));
    }
    assert_eq!(running.wait().expect("ends").code(), Some(0));
    assert_eq!(second.wait().expect("ends").code(), Some(0));
}
