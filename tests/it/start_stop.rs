//! `kafka-server-start.sh` and `kafka-server-stop.sh`: what they say, and what they leave behind.

use std::{
    fs,
    io::Read,
    net::TcpListener,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, getuid, kill_process},
};
use serde_json::json;

use crate::home::{self, JavaServer, Node, START, STOP, text};

const FILE: &str = "config/controller.properties";

fn controller(id: usize) -> Node {
    Node::new(id, FILE, "controller", "")
}

fn formatted(id: usize) -> Node {
    controller(id).formatted()
}

/// Starts the controller in the foreground, and waits until it serves.
fn foreground(node: &Node) -> Child {
    let mut command = node.command(&[START, FILE]);
    let child = command.stdout(Stdio::null()).spawn().expect("starts");
    node.wait_until("serves", || node.serves());
    child
}

/// Both ways of starting end with this reason, and leave nothing.
#[track_caller]
fn refused(node: &Node, reason: &str) {
    for words in [&[START, "-daemon", FILE][..], &[START, FILE]] {
        let output = node.typed(words);
        let said = text(&output.stderr);
        assert!(said.contains(reason), "{words:?}: {said}");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
    }
    assert!(!node.home().join("logs").exists());
}

#[test]
fn without_arguments_the_usage_is_told() {
    let site = controller(10);
    for words in [&[START][..], &[START, "-daemon"]] {
        let output = site.typed(words);
        assert_eq!(
            text(&output.stdout),
            format!(
                "USAGE: {} [-daemon] server.properties [--override property=value]*\n",
                site.home().join(START).display()
            )
        );
        assert_eq!(
            (text(&output.stderr).as_str(), output.status.code()),
            ("", Some(1))
        );
    }
}

#[test]
fn version_and_help_are_told() {
    let site = controller(11);
    let version = site.typed(&[START, "--version"]);
    let expected = format!("4.3.1 (kraftd {})\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (text(&version.stdout), version.status.code()),
        (expected, Some(0))
    );
    let help = site.typed(&[START, "--help"]);
    assert!(
        text(&help.stderr).contains("--override <PROPERTY=VALUE>"),
        "{help:?}"
    );
    assert_eq!(
        (text(&help.stdout).as_str(), help.status.code()),
        ("", Some(1))
    );
}

#[test]
fn a_wrong_command_line_is_told() {
    let site = formatted(12);
    let missing = site.typed(&[START, "nosuch.properties"]);
    let said = text(&missing.stderr);
    assert!(
        said.contains("nosuch.properties") && said.contains("No such file"),
        "{said}"
    );
    assert_eq!(missing.status.code(), Some(1));
    for (words, said) in [
        (&[FILE, "foo"][..], "Found non argument parameters: foo\n"),
        (
            &["-daemon", FILE, "foo", "bar"],
            "Found non argument parameters: foo,bar\n",
        ),
        (
            &["--with-java-broker", "/opt/kafka", FILE],
            "--with-java-broker: config/controller.properties asks for no broker\n",
        ),
    ] {
        let output = site.typed(&[&[START], words].concat());
        assert_eq!(text(&output.stderr), said);
        assert_eq!(
            (text(&output.stdout).as_str(), output.status.code()),
            ("", Some(1))
        );
    }
    let nothing = site.typed(&[START, FILE, "--override"]);
    assert!(
        text(&nothing.stderr).contains("--override <PROPERTY=VALUE>"),
        "{nothing:?}"
    );
    assert_eq!(nothing.status.code(), Some(1));
    assert!(!site.home().join("logs").exists());
}

#[test]
fn daemon_in_other_spellings_is_explained() {
    let site = formatted(13);
    for words in [
        &["-", "daemon", FILE][..],
        &["--daemon", FILE],
        &["-deamon", FILE],
        &["\u{2013}daemon", FILE],
        &["\u{2014}daemon", FILE],
        &[FILE, "-daemon"],
    ] {
        let output = site.typed(&[&[START], words].concat());
        let wrong = words
            .iter()
            .find(|word| !word.starts_with(['c', 'd']))
            .expect("a dash");
        assert_eq!(
            text(&output.stderr),
            format!(
                "`{wrong}` is not understood here: -daemon is one word, with one hyphen, and comes first. \
                 USAGE: {} [-daemon] server.properties [--override property=value]*\n",
                site.home().join(START).display()
            )
        );
        assert_eq!(output.status.code(), Some(1));
    }
    assert!(!site.serves());
}

#[test]
fn what_is_wrong_shows_before_anything_is_detached() {
    let site = controller(14);
    refused(&site, "No readable meta.properties files found");
    assert!(!site.home().join("data").exists());
    let site = formatted(15);
    site.write("num.partitions=many\n");
    refused(&site, "num.partitions");
    site.write("create.topic.policy.class.name=x.Y\n");
    refused(&site, "create.topic.policy.class.name=x.Y");
    site.write("");
    let taken = TcpListener::bind(("localhost", site.port)).expect("binds");
    refused(&site, "Socket server failed to bind to localhost:");
    drop(taken);
    let properties = site.home().join("data").join("meta.properties");
    let own = fs::read_to_string(&properties).expect("is formatted");
    fs::write(
        &properties,
        own.replace(&format!("node.id={}", site.id), "node.id=3"),
    )
    .expect("writes");
    refused(&site, "Stored node id 3 doesn't match previous node id");
    fs::write(&properties, own.replace("version=1", "version=9")).expect("writes");
    refused(&site, "Unknown meta.properties version number 9");
    fs::write(&properties, own).expect("writes");
    let mut running = foreground(&site);
    let twice = format!(
        "--override listeners=CONTROLLER://localhost:{}",
        home::free_ports::<1>()[0]
    );
    let words: Vec<&str> = [START, "-daemon", FILE]
        .into_iter()
        .chain(twice.split(' '))
        .collect();
    let output = site.typed(&words);
    let said = text(&output.stderr);
    assert!(
        said.contains("Failed to acquire lock on file .lock in"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    site.stop();
    assert_eq!(
        running.wait().expect("ends").code(),
        Some(0),
        "SIGTERM is no failure"
    );
}

/// Its id says so: the directory was formatted once more around it.
#[test]
fn a_log_from_before_shows_before_anything_is_detached() {
    let site = formatted(22);
    let mut running = foreground(&site);
    site.stop();
    assert_eq!(running.wait().expect("ends").code(), Some(0));
    let properties = site.home().join("data/meta.properties");
    let own = fs::read_to_string(&properties).expect("is formatted");
    let lines = own
        .lines()
        .filter(|line| !line.starts_with("directory.id="));
    let old: Vec<&str> = lines.collect();
    for other in ["", "directory.id=QkM2RDM0MkQ1MDc1QkVFNw"] {
        fs::write(&properties, format!("{}\n{other}\n", old.join("\n"))).expect("writes");
        refused(
            &site,
            &format!(
                "__cluster_metadata-0/voter-state was written by node {} in another directory (directory.id)",
                site.id
            ),
        );
    }
    fs::write(&properties, own).expect("writes");
    let checked = site.typed(&["bin/kraftd.sh", "server", "--check", FILE]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

/// As over ssh, which waits until nobody holds its outputs any more.
#[test]
fn a_daemon_lets_go_of_everything() {
    let site = formatted(16);
    let mut command = site.command(&[START, "-daemon", FILE]);
    // What Java's scripts read, and a controller has no use for.
    for variable in [
        "KAFKA_HEAP_OPTS",
        "KAFKA_JMX_OPTS",
        "JMX_PORT",
        "KAFKA_OPTS",
        "KAFKA_LOG4J_OPTS",
        "EXTRA_ARGS",
    ] {
        command.env(variable, "-Xno-such-thing $(exit 1)");
    }
    command.env("LOG_DIR", "elsewhere/logs");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut started = command.spawn().expect("starts");
    let (mut out, mut err) = (String::new(), String::new());
    started
        .stdout
        .take()
        .expect("a pipe")
        .read_to_string(&mut out)
        .expect("reads to its end");
    started
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut err)
        .expect("reads to its end");
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
    assert_eq!(started.wait().expect("ends").code(), Some(0));
    site.wait_until("serves", || site.serves());
    let pid = server_of(site.home());
    let process = PathBuf::from(format!("/proc/{pid}"));
    let stat = fs::read_to_string(process.join("stat")).expect("runs");
    let after_name: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split_whitespace()
        .collect();
    assert_eq!(after_name[3], pid.to_string(), "a session of its own");
    let open = |fd: &str| fs::read_link(process.join("fd").join(fd)).expect("is open");
    let log = site
        .home()
        .canonicalize()
        .expect("exists")
        .join("elsewhere/logs/kafkaServer.out");
    assert_eq!(open("0"), PathBuf::from("/dev/null"));
    assert_eq!((open("1"), open("2")), (log.clone(), log));
    assert!(!site.home().join("logs").exists());
    let stopped = site.typed(&[STOP, &format!("--node-id={}", site.id), "--wait"]);
    assert_eq!(
        (text(&stopped.stdout).as_str(), stopped.status.code()),
        ("", Some(0))
    );
    // Who adopted it may not have noticed.
    let left = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    assert_eq!(left, "", "it has ended");
}

#[test]
fn a_log_that_cannot_be_written_is_told() {
    let site = formatted(17);
    fs::create_dir_all(site.home().join("logs/kafkaServer.out")).expect("creates");
    let output = site.typed(&[START, "-daemon", FILE]);
    assert!(
        text(&output.stderr).contains("logs/kafkaServer.out"),
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(!site.serves());
}

/// Why a node ended is at the end of its log, also after the next start.
#[test]
fn a_second_start_keeps_what_the_first_has_said() {
    let site = formatted(21);
    for runs in 1..=2 {
        site.typed(&[START, "-daemon", FILE]);
        site.wait_until("serves", || site.serves());
        let stop = [STOP, &format!("--node-id={}", site.id), "--wait", "60"];
        assert_eq!(site.typed(&stop).status.code(), Some(0));
        assert_eq!(site.log().matches("shut down completed").count(), runs);
    }
}

/// The process that works in this folder.
fn server_of(home: &Path) -> u32 {
    let home = home.canonicalize().expect("exists");
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let mut pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let works_there =
        |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == home);
    pids.find(works_there).expect("it runs")
}

#[test]
fn stop_ends_what_was_asked_for_and_nothing_else() {
    let _peace = home::alone();
    let (site, other) = (formatted(18), formatted(19));
    let (mut running, mut others) = (foreground(&site), foreground(&other));
    let nobody = (home::FIRST_ID + 99).to_string();
    for words in [
        &["--node-id", &nobody][..],
        &["--process-role", "broker"],
        &["--process-role=broker,controller"],
    ] {
        let output = site.typed(&[&[STOP], words].concat());
        assert_eq!(
            text(&output.stdout),
            "No kafka server to stop\n",
            "{words:?}: {output:?}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
    let unknown = site.typed(&[STOP, "--node", "1"]);
    assert!(text(&unknown.stderr).contains("--node"), "{unknown:?}");
    let no_id = site.typed(&[STOP, "--node-id", "abc"]);
    let said = text(&no_id.stderr);
    assert!(
        said.contains("'abc'") && said.contains("no node.id: expected a number from 0 on"),
        "{said}"
    );
    assert_eq!(no_id.status.code(), Some(1));
    assert_eq!(unknown.status.code(), Some(1));
    assert!(site.serves() && other.serves());

    let id = site.id.to_string();
    let both = site.typed(&[STOP, "--process-role=broker", "--node-id", &id]);
    assert_eq!(
        text(&both.stdout),
        "When both node-id and process-role are provided, the value for node-id will take precedence\n"
    );
    assert_eq!(both.status.code(), Some(0));
    assert_eq!(running.wait().expect("ends").code(), Some(0));
    assert_eq!(site.stop().status.code(), Some(1), "there is none any more");
    assert!(other.serves());

    let signalled = |signal: &str| {
        let words = [STOP, "--node-id", &other.id.to_string()];
        let mut command = other.command(&words);
        command.env("SIGNAL", signal).output().expect("runs")
    };
    let wrong = signalled("LOUD");
    assert_eq!(
        text(&wrong.stderr),
        "SIGNAL=LOUD: expected one of TERM, INT, KILL, HUP, QUIT, ABRT\n"
    );
    assert_eq!(wrong.status.code(), Some(1));
    assert!(other.serves());
    assert_eq!(signalled("sigkill").status.code(), Some(0));
    assert_eq!(others.wait().expect("ends").signal(), Some(9));
}

/// Whatever a process calls itself, and names: what never ends is not read.
#[test]
fn a_file_that_never_ends_keeps_nobody_from_stopping() {
    let _peace = home::alone();
    let site = formatted(71);
    let pipe = site.home().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    fs::write(site.home().join("server"), "read nothing\n").expect("writes");
    let mut impostor = Command::new("sh");
    impostor.arg0("kraftd").arg("server").arg(&pipe);
    let mut impostor = impostor
        .current_dir(site.home())
        .stdin(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut running = foreground(&site);
    site.typed(&[STOP, "--node-id", &site.id.to_string()]);
    assert_eq!(running.wait().expect("ends").code(), Some(0));
    impostor.kill().expect("our child");
    impostor.wait().expect("ends");
}

#[test]
fn a_node_that_nobody_can_name_goes_on() {
    let site = formatted(20);
    let mut running = foreground(&site);
    let file = site.home().join(FILE);
    fs::remove_file(&file).expect("removes");
    let output = site.stop();
    let pid = running.id();
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!(
            "process {pid} goes on, since nobody can tell which node it is: "
        )),
        "{said}"
    );
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("No kafka server to stop\n", Some(1))
    );
    send(&running, Signal::TERM);
    assert_eq!(running.wait().expect("ends").code(), Some(0));
}

fn send(running: &Child, signal: Signal) {
    let pid = Pid::from_raw(running.id() as i32).expect("a process");
    kill_process(pid, signal).expect("our child");
}

/// As Java's does; unless it was started with `nohup`.
#[test]
fn a_terminal_that_is_closed_stops_a_node_in_order() {
    let site = formatted(23);
    let start = |words: &[&str]| {
        let log = fs::File::create(site.home().join("log")).expect("creates");
        let mut command = site.command(words);
        let running = command.stdout(log).spawn().expect("starts");
        site.wait_until("serves", || site.serves());
        running
    };
    let log = || fs::read_to_string(site.home().join("log")).expect("a log");
    // Whoever runs the tests may ignore it, too.
    let mut running = start(&["/usr/bin/env", "--default-signal=HUP", START, FILE]);
    send(&running, Signal::HUP);
    assert_eq!(running.wait().expect("ends").code(), Some(0));
    let log_text = log();
    let told = log_text.find("Terminating process due to signal SIGHUP");
    assert!(
        told.is_some() && told < log_text.find("shut down completed"),
        "{log_text}"
    );

    let nohup = "trap '' HUP; exec \"$0\" \"$@\"";
    let mut running = start(&["/bin/sh", "-c", nohup, START, FILE]);
    send(&running, Signal::HUP);
    // Whatever came of the first is done when there is an answer to the second.
    send(&running, Signal::QUIT);
    site.wait_until("an answer", || log().contains("SIGQUIT: "));
    assert!(site.serves());
    site.stop();
    assert_eq!(running.wait().expect("ends").code(), Some(0));
    assert!(!log().contains("SIGHUP"), "{}", log());
}

/// Where Java prints its threads.
#[test]
fn a_node_that_is_asked_logs_its_status_and_goes_on() {
    let site = formatted(24);
    let started = site.typed(&[START, "-daemon", FILE]);
    assert_eq!(started.status.code(), Some(0), "{started:?}");
    site.wait_until("leads", || site.log().contains("to Leader"));
    for times in 1..=2 {
        let words = [STOP, &format!("--node-id={}", site.id)];
        let asked = site.command(&words).env("SIGNAL", "QUIT").output();
        assert_eq!(asked.expect("runs").status.code(), Some(0));
        site.wait_until("an answer", || {
            site.log().matches("SIGQUIT: status ").count() == times
        });
    }
    let log = site.log();
    let (_, status) = log.split_once("SIGQUIT: status ").expect("an answer");
    let status = status.lines().next().expect("a line");
    let status = status.trim_end_matches(" (kraftd.server.status)");
    let status: serde_json::Value = serde_json::from_str(status).expect("JSON");
    assert_eq!(
        (&status["nodeId"], &status["role"]),
        (&json!(site.id), &json!("leader"))
    );
    assert!(site.serves());
}

/// So that it can be dated, and read by whoever reads the rest.
#[test]
fn why_a_start_failed_is_in_the_log() {
    let site = controller(25);
    let reason = "No readable meta.properties files found. data is not formatted: ";
    let mut command = site.command(&[START, FILE]);
    let output = command.env("KRAFTD_LOG_FORMAT", "json").output();
    let output = output.expect("runs");
    let log = text(&output.stdout);
    let last = log.lines().last().expect("a line");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["level"], "ERROR");
    let message = last["message"].as_str().expect("a text");
    assert!(message.starts_with(reason), "{message}");
    // Who has only this sees it, too.
    assert_eq!(text(&output.stderr), format!("{message}\n"));
    // Where both go, it is said once; and without a log, too.
    for (levels, shape) in [("info", "ERROR No readable"), ("off", "No readable")] {
        let file = site.home().join("both");
        let both = fs::File::create(&file).expect("creates");
        let mut command = site.command(&[START, FILE]);
        command
            .stdout(both.try_clone().expect("twice"))
            .stderr(both);
        let ended = command.env("KRAFTD_LOG", levels).status();
        assert_eq!(ended.expect("runs").code(), Some(1));
        let said = fs::read_to_string(&file).expect("what it said");
        assert_eq!(said.matches(reason).count(), 1, "{said}");
        assert!(
            said.lines().last().is_some_and(|line| line.contains(shape)),
            "{said}"
        );
    }
}

/// Many name the file, as they do when they start.
#[test]
fn stop_ignores_words_as_kafkas_does() {
    let site = formatted(28);
    let mut running = foreground(&site);
    let id = format!("--node-id={}", site.id);
    let output = site.typed(&[STOP, FILE, &id, "--wait", FILE]);
    assert_eq!(
        text(&output.stderr),
        format!("ignored: {FILE} {FILE}; --node-id=N stops one node\n")
    );
    assert_eq!(output.status.code(), Some(0));
    let ended = running.try_wait().expect("our child");
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}

/// As `kill` does it. Only root can start a node that this user may not stop.
#[test]
fn a_node_of_somebody_else_does_not_save_the_others() {
    const NOBODY: u32 = 65534;
    if !getuid().is_root() {
        return;
    }
    let (of_root, site) = (formatted(26), formatted(27));
    let mut roots = foreground(&of_root);
    let mut chown = Command::new("chown");
    chown.args(["-R", &NOBODY.to_string()]).arg(site.home());
    assert!(chown.status().expect("chown runs").success());
    let mut start = site.command(&[START, FILE]);
    let mut running = start
        .uid(NOBODY)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    site.wait_until("serves", || site.serves());
    // All that nobody may stop on this machine is the node above.
    let output = site
        .command(&[STOP, "--wait"])
        .uid(NOBODY)
        .output()
        .expect("runs");
    let said = text(&output.stderr);
    let reason = format!(
        "cannot stop process {} of root ({FILE}): Operation not permitted",
        roots.id()
    );
    assert!(said.contains(&reason), "{said}");
    assert_eq!(output.status.code(), Some(1));
    let ended = running.try_wait().expect("our child");
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
    assert!(of_root.serves());
    assert_eq!(of_root.stop().status.code(), Some(0));
    roots.wait().expect("ends");
}

#[test]
fn javas_servers_are_stopped_where_it_is_asked_for() {
    let site = controller(29);
    let mut java = JavaServer::start(site.home(), FILE);
    assert_eq!(text(&site.stop().stdout), "No kafka server to stop\n");
    let id = format!("--node-id={}", site.id);
    let output = site.typed(&[STOP, "--java-too", &id, "--wait", "0"]);
    let file = site.home().canonicalize().expect("exists").join(FILE);
    let node = format!("(node {}, {})", site.id, file.display());
    let said = text(&output.stderr);
    assert!(
        said.starts_with(&format!("process {} of ", java.id()))
            && said.contains(&format!(" {node} still runs after 0 s; ")),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    let output = site.typed(&[STOP, "--java-too", &id, "--wait"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(java.exit_code(), Some(143));
}
