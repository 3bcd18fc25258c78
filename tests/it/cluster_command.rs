//! `kraftd cluster`, with a script in the place of ssh that takes folders for hosts.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::home::{self, FIRST_ID, text};

const HOSTS: [&str; 3] = ["one", "two", "three"];

/// Sites have ids of their own, since `stop` looks for them on the whole machine: one ends while others run.
static SITES: AtomicUsize = AtomicUsize::new(0);

struct Site {
    dir: tempfile::TempDir,
    /// Of the first host; the others' follow.
    first_id: usize,
    ports: [u16; 3],
}

impl Site {
    fn new() -> Site {
        let ports = home::free_ports();
        let site = Site {
            dir: tempfile::tempdir().expect("a folder"),
            first_id: FIRST_ID + 1_000 + 10 * SITES.fetch_add(1, Ordering::Relaxed),
            ports,
        };
        let voter = |(at, port)| format!("{}@localhost:{port}", site.first_id + at);
        let voters: Vec<String> = ports.iter().enumerate().map(voter).collect();
        for (at, host) in HOSTS.iter().enumerate() {
            let home = site.home(host);
            home::install(&home);
            let text = format!(
                "process.roles=controller\nnode.id={}\ncontroller.quorum.voters={}\n\
                 controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:{}\n\
                 log.dirs=data\n",
                site.first_id + at,
                voters.join(","),
                ports[at]
            );
            fs::write(home.join("config/controller.properties"), text).expect("writes");
        }
        let ssh = format!(
            "#!/bin/sh\ncd '{}'/\"$1\" || exit\n\
             if [ -e unreachable ]; then echo \"ssh: connect to host $1: No route to host\" >&2; exit 255; fi\n\
             exec sh -c \"$2\"\n",
            site.dir.path().display()
        );
        home::write_program(&site.ssh(), &ssh);
        site
    }

    /// The last to hear of a leader may do so after the start has returned.
    fn wait_until_two_follow(&self) {
        home::wait_until("two followers", || {
            let status = self.cluster("status", &HOSTS.join(","));
            text(&status.stdout).matches(" follower ").count() == 2
        });
    }

    fn home(&self, host: &str) -> PathBuf {
        self.dir.path().join(host).join("kraftd")
    }

    fn ssh(&self) -> PathBuf {
        self.dir.path().join("ssh.sh")
    }

    fn cluster(&self, action: &str, hosts: &str) -> Output {
        self.cluster_with(action, hosts, &[])
    }

    fn cluster_with(&self, action: &str, hosts: &str, further: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
        command
            .args(["cluster", action, "--hosts", hosts])
            .args(further);
        command
            .arg("--ssh")
            .arg(self.ssh())
            .output()
            .expect("kraftd runs")
    }

    /// Whether ssh gets to a host.
    fn set_reachable(&self, host: &str, reachable: bool) {
        let mark = self.dir.path().join(host).join("unreachable");
        match reachable {
            true => drop(fs::remove_file(mark)),
            false => fs::write(mark, "").expect("writes"),
        }
    }

    fn node(&self, host: usize) -> String {
        format!("{}: node {}", HOSTS[host], self.first_id + host)
    }

    fn identity(&self, host: &str) -> String {
        let file = self.home(host).join("data/meta.properties");
        let text = fs::read_to_string(file).unwrap_or_default();
        let id = text
            .lines()
            .find_map(|line| line.strip_prefix("cluster.id="));
        id.unwrap_or_default().to_owned()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for host in HOSTS {
            self.set_reachable(host, true);
        }
        self.cluster("stop", &HOSTS.join(","));
    }
}

#[test]
fn hosts_are_formatted_with_one_id_started_shown_and_stopped() {
    let site = Site::new();
    let hosts = HOSTS.join(",");

    let status = site.cluster("status", &hosts);
    assert_eq!(status.status.code(), Some(1), "nothing runs");
    assert!(text(&status.stdout).contains("refused"), "{status:?}");

    let some = site.cluster("start", "one,two");
    assert_eq!(some.status.code(), Some(1), "the third may have an id");
    assert!(text(&some.stderr).contains("Name all hosts"), "{some:?}");
    assert_eq!(site.identity("one"), "");

    let started = site.cluster("start", &hosts);
    assert!(started.status.success(), "{started:?}");
    let shown = text(&started.stdout);
    assert_eq!(shown.matches(" leader ").count(), 1, "{shown}");
    site.wait_until_two_follow();
    let id = site.identity("one");
    assert!(!id.is_empty());
    assert!(HOSTS.iter().all(|host| site.identity(host) == id));

    let again = site.cluster("start", &hosts);
    assert!(again.status.success(), "{again:?}");
    assert_eq!(text(&again.stdout).matches("runs already").count(), 3);

    let stopped = site.cluster("stop", &hosts);
    assert!(stopped.status.success(), "{stopped:?}");
    let status = site.cluster("status", &hosts);
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stderr).contains("No leader"), "{status:?}");

    let alone = site.cluster_with("start", "one", &["--timeout", "1"]);
    assert_eq!(alone.status.code(), Some(1));
    let told = text(&alone.stderr);
    assert!(
        told.starts_with("waiting for the controllers to elect a leader\n"),
        "{told}"
    );
    assert!(
        told.ends_with(
            "no leader was elected within 1 s; see one:kraftd/logs/kafkaServer.out, and what `kraftd status` \
             says on a host\n"
        ),
        "{told}"
    );
    assert!(
        text(&alone.stdout).contains("does not answer: "),
        "{alone:?}"
    );
    let stopped = site.cluster("stop", &hosts);
    let expected = [0, 1, 2].map(|at| (HOSTS[at], site.first_id + at));
    let [one, two, three] = expected;
    assert_eq!(
        text(&stopped.stdout),
        format!(
            "{}: node {} stops\n{}: node {} does not run\n{}: node {} does not run\n",
            one.0, one.1, two.0, two.1, three.0, three.1
        )
    );
}

/// The others are shown, stopped and started as if nothing were; who was left out is told, by the exit code, too.
#[test]
fn a_host_that_is_not_reached_keeps_the_others_from_nothing() {
    const UNREACHED: &str =
        "two: not reached over ssh: ssh: connect to host two: No route to host\n";
    let site = Site::new();
    let hosts = HOSTS.join(",");
    site.set_reachable("two", false);
    let refused = site.cluster("start", &hosts);
    let said = text(&refused.stderr);
    assert!(said.starts_with(UNREACHED), "{said}");
    assert!(said.contains("two may have a cluster id"), "{said}");
    assert_eq!(site.identity("one"), "", "nobody knows the id");

    site.set_reachable("two", true);
    let started = site.cluster("start", &hosts);
    assert!(started.status.success(), "{started:?}");

    site.wait_until_two_follow();
    site.set_reachable("two", false);
    let status = site.cluster("status", &hosts);
    let (shown, said) = (text(&status.stdout), text(&status.stderr));
    assert_eq!(status.status.code(), Some(1), "two was not looked at");
    assert_eq!(shown.matches(" leader ").count(), 1, "{shown}");
    assert_eq!(shown.matches(" follower ").count(), 2, "{shown}");
    assert!(said.starts_with(UNREACHED), "{said}");
    assert!(said.ends_with("failed for two, as said above\n"), "{said}");

    let stopped = site.cluster("stop", &hosts);
    let expected = format!("{} stops\n{} stops\n", site.node(0), site.node(2));
    assert_eq!(text(&stopped.stdout), expected);
    assert_eq!(stopped.status.code(), Some(1), "two runs on");
    assert!(text(&stopped.stderr).starts_with(UNREACHED), "{stopped:?}");

    let again = site.cluster("start", &hosts);
    let (shown, said) = (text(&again.stdout), text(&again.stderr));
    let expected = format!("{} started\n{} started\n", site.node(0), site.node(2));
    assert!(shown.starts_with(&expected), "{shown}");
    assert!(!shown.contains("does not answer"), "{shown}");
    assert_eq!(again.status.code(), Some(1));
    assert!(said.starts_with(UNREACHED), "{said}");
}

#[test]
fn a_controller_that_started_and_does_not_answer_fails_the_start() {
    let site = Site::new();
    let hosts = HOSTS.join(",");
    let script = site.home("three").join(home::START);
    let ours = fs::read_to_string(&script).expect("our script");
    home::write_program(&script, "#!/bin/sh\nexit 0\n");
    // Else a node of another test may get the port, and answer.
    let silent = TcpListener::bind(("localhost", site.ports[2])).expect("a free port");
    let started = site.cluster_with("start", &hosts, &["--timeout", "20"]);
    assert_eq!(started.status.code(), Some(1), "{started:?}");
    let said = text(&started.stderr);
    assert!(
        said.ends_with(
            "not answering after 20 s; see three:kraftd/logs/kafkaServer.out. --timeout gives them longer\n"
        ),
        "{said}"
    );
    drop(silent);
    home::write_program(&script, &ours);
    let started = site.cluster("start", &hosts);
    assert!(started.status.success(), "{started:?}");
}

/// One of three follows nobody: it knows of none, or waits for the one of its former life.
#[test]
fn who_has_no_leader_is_no_follower() {
    let site = Site::new();
    let hosts = HOSTS.join(",");
    let assert_alone = |states: &[&str]| {
        // It may have yet to listen.
        home::wait_until("one that has no leader", || {
            let status = site.cluster("status", &hosts);
            let shown = text(&status.stdout);
            assert_eq!(status.status.code(), Some(1));
            assert!(!shown.contains("follower"), "{shown}");
            states.iter().any(|state| shown.contains(state))
        });
    };
    for host in HOSTS {
        let format = ["storage", "format", "-t", home::CLUSTER_ID, "-c"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
        command.args(format).arg("config/controller.properties");
        let formatted = command.current_dir(site.home(host)).output();
        assert!(formatted.expect("kraftd runs").status.success());
    }
    site.cluster_with("start", "one", &["--timeout", "1"]);
    assert_alone(&["knows no leader"]);
    let started = site.cluster("start", &hosts);
    assert!(started.status.success(), "{started:?}");
    site.cluster("stop", &hosts);
    site.cluster_with("start", "one", &["--timeout", "1"]);
    assert_alone(&["knows no leader", "waits for leader "]);
}

#[test]
fn a_missing_directory_is_told_with_what_names_it() {
    let site = Site::new();
    let missing = site.cluster_with("status", "one", &["--dir", "elsewhere"]);
    assert_eq!(missing.status.code(), Some(1));
    let said = text(&missing.stderr);
    assert!(
        said.contains("elsewhere") && said.contains("hint: --dir says where kraftd lies"),
        "{said}"
    );
}

#[test]
fn hosts_of_different_clusters_are_not_mixed() {
    let site = Site::new();
    for (host, id) in [
        ("one", "AAAAAAAAAAAAAAAAAAAAXQ"),
        ("two", "BBBBBBBBBBBBBBBBBBBBXQ"),
    ] {
        fs::create_dir_all(site.home(host).join("data")).expect("creates");
        let first_id = site.first_id;
        let text = format!("version=1\ncluster.id={id}\nnode.id={first_id}\n");
        fs::write(site.home(host).join("data/meta.properties"), text).expect("writes");
    }
    let refused = site.cluster("start", &HOSTS.join(","));
    assert_eq!(refused.status.code(), Some(1));
    let error = text(&refused.stderr);
    assert!(
        error.contains("one AAAAAAAAAAAAAAAAAAAAXQ, two BBBBBBBBBBBBBBBBBBBBXQ, three none"),
        "{error}"
    );
    assert_eq!(site.identity("three"), "");
}
