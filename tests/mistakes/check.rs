//! `kraftd check`: everything that is wrong with the files of a cluster, in one go, with nothing changed.

use std::{env, fs, net::TcpListener, path::PathBuf, process::Command};

use tempfile::TempDir;

use super::{
    disks::with_hosts,
    harness::process::{Process, free_port, run_to_end, wait_for},
    site::{CLUSTER_ID, OTHER_CLUSTER, TIMEOUT, assert_same, kraftd, listing, said_at_the_end},
};

/// A folder with the files of several nodes. `{folder}` in them stands for it, and `{p1}` to `{p5}` for ports.
struct Files {
    folder: TempDir,
    names: TempDir,
    ports: [u16; 5],
}

/// The names of the lesson, without 104 and 105; each host is a loopback address of its own.
const HOSTS: &str = "127.0.0.1 localhost\n127.0.0.102 hadoop102\n127.0.0.103 hadoop103\n";

impl Files {
    fn new(files: &[(&str, &str)]) -> Files {
        let found = Files {
            folder: tempfile::tempdir().expect("a folder"),
            names: tempfile::tempdir().expect("a folder"),
            ports: [(); 5].map(|()| free_port()),
        };
        for (name, text) in files {
            fs::write(found.path(name), found.expand(text)).expect("writes");
        }
        found
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn expand(&self, text: &str) -> String {
        let text = text.replace("{folder}", &self.folder.path().display().to_string());
        let ports = self.ports.iter().zip(1..);
        ports.fold(text, |text, (port, at)| {
            text.replace(&format!("{{p{at}}}"), &port.to_string())
        })
    }

    fn format(&self, name: &str, cluster_id: &str) {
        let mut command = kraftd(&["storage", "format", "-t", cluster_id, "-c"]);
        command.arg(self.path(name));
        run_to_end("kraftd storage format", command);
    }

    /// Runs the check where only [`HOSTS`] have names, and sees that it changes nothing.
    #[track_caller]
    fn check(&self, names: &[&str]) -> (Option<i32>, String) {
        let before = listing(self.folder.path());
        let said = said_at_the_end(self.command(names));
        assert_same("a check", &before, &listing(self.folder.path()));
        said
    }

    fn command(&self, names: &[&str]) -> Command {
        let mut command = with_hosts(self.names.path(), HOSTS, "exec \"$KRAFTD\" check \"$@\"");
        command.args(names).current_dir(self.folder.path());
        command
    }
}

const MISTAKEN: &[(&str, &str)] = &[
    (
        "one.properties",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@hadoop102:{p1},2@hadoop103:{p2}\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://hadoop102:{p1}\n\
         log.dirs={folder}/one\nnum.partition=3\n",
    ),
    (
        // A copy of the first in which not everything was changed.
        "two.properties",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@hadoop102:{p1},2@hadoop103:{p2}\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://hadoop103:{p2}\n\
         log.dirs={folder}/one\ndefault.replication.factor=3\n",
    ),
    (
        "three.properties",
        "process.roles=controller\nnode.id=3\n\
         controller.quorum.voters=1@hadoop102:{p1},2@hadoop103:{p2},3@hadoop105:{p3}\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:{p3}\nlog.dirs={folder}/three\n\
         num.partitions=many\ncreate.topic.policy.class.name=org.example.Policy\n",
    ),
    (
        "four.properties",
        "process.roles=broker\nnode.id=2\ncontroller.quorum.bootstrap.servers=hadoop103:{p2},hadoop102:1\n\
         controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://hadoop103:{p2}\n\
         listener.security.protocol.map=CONTROLLER:SSL,PLAINTEXT:PLAINTEXT\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         broker.heartbeat.interval.ms=5000\nlog.dirs={folder}/four\n",
    ),
    (
        "five.properties",
        "process.roles=controller\nnode.id=5\ncontroller.quorum.voters=1@hadoop102:{p1},5@hado op105:{p5}\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:{p5}\nlog.dirs={folder}/five\n",
    ),
    (
        "six.properties",
        "process.roles=broker,controller\nnode.id=6\n\
         controller.quorum.voters=1@hadoop102:{p1},2@hadoop103:{p2}\ncontroller.listener.names=CONTROLLER\n\
         listeners=CONTROLLER://hadoop102:{p1},PLAINTEXT://:{p5}\nauthorizer.class.name=org.example.Authorizer\n\
         log.dirs={folder}/six\n",
    ),
    (
        "seven.properties",
        "process.roles=broker\nnode.id=7\ncontroller.quorum.voters=1@hadoop102:{p1}\n\
         controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://hadoop102:{p4}\n\
         log.dirs={folder}/seven\n",
    ),
];

/// What is told of them; `UPDATE=1` writes it anew.
const FOUND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mistakes/data/check.txt");

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let files = Files::new(MISTAKEN);
    files.format("one.properties", CLUSTER_ID);
    files.format("four.properties", OTHER_CLUSTER);
    fs::create_dir(files.path("six")).expect("creates");
    fs::write(files.path("six/recovery-point-offset-checkpoint"), "").expect("writes");
    fs::create_dir(files.path("seven")).expect("creates");
    let of_another = format!("version=1\ncluster.id={CLUSTER_ID}\nnode.id=8\n");
    fs::write(files.path("seven/meta.properties"), of_another).expect("writes");
    let _taken = TcpListener::bind(("127.0.0.102", files.ports[0])).expect("binds");
    let mut names: Vec<&str> = MISTAKEN.iter().map(|(name, _)| *name).collect();
    names.push("none.properties");
    let (code, said) = files.check(&names);
    let mut told = said;
    for (port, at) in files.ports.iter().zip(1..) {
        told = told.replace(&port.to_string(), &format!("{{p{at}}}"));
    }
    let folder = files.folder.path().display().to_string();
    let told = told.replace(&folder, "{folder}");
    if env::var_os("UPDATE").is_some() {
        fs::write(FOUND, &told).expect("writes");
    }
    assert_eq!(told, fs::read_to_string(FOUND).expect("a file"));
    assert_eq!(code, Some(1));
}

/// The files of three controllers and a broker with which nothing is wrong.
fn good() -> Files {
    let controller = |id: usize| {
        format!(
            "process.roles=controller\nnode.id={id}\n\
             controller.quorum.voters=1@localhost:{{p1}},2@localhost:{{p2}},3@localhost:{{p3}}\n\
             controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:{{p{id}}}\n\
             log.dirs={{folder}}/data-{id}\n"
        )
    };
    let broker = "process.roles=broker\nnode.id=4\n\
         controller.quorum.voters=2@localhost:{p2},1@localhost:{p1},3@localhost:{p3}\n\
         controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://localhost:{p4}\nlog.dirs={folder}/data-4\n";
    let (one, two, three) = (controller(1), controller(2), controller(3));
    Files::new(&[("1", &one), ("2", &two), ("3", &three), ("4", broker)])
}

#[test]
fn voters_with_one_address_are_told_of() {
    let files = Files::new(&[(
        "1",
        "process.roles=controller\nnode.id=1\n\
         controller.quorum.voters=1@localhost:{p1},2@127.0.0.1:{p1},3@localhost:{p3}\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:{p2}\nlog.dirs={folder}/data\n",
    )]);
    files.format("1", CLUSTER_ID);
    let told = files.expand(
        "1: error: controller.quorum.voters has 1@localhost:{p1} and 2@127.0.0.1:{p1}, which are one address. \
         Each controller has its own.\n\
         1: error: listeners has CONTROLLER://:{p2}, but controller.quorum.voters has 1@localhost:{p1}. One of \
         the two is wrong.\nFound 2 errors and 0 warnings in 1 file.\n",
    );
    assert_eq!(files.check(&["1"]), (Some(1), told));
}

const ALL: &[&str] = &["1", "2", "3", "4"];

#[test]
fn files_that_fit_together_have_no_problems() {
    let files = good();
    let (code, said) = files.check(ALL);
    let told = |id: usize| {
        format!(
            "{id}: warning: {}/data-{id} is not formatted. Run kafka-storage.sh format -t CLUSTER_ID -c {id}, with \
             the id that all nodes of the cluster share.\n",
            files.folder.path().display()
        )
    };
    let unformatted: String = (1..=4).map(told).collect();
    assert_eq!(
        said,
        format!("{unformatted}Found 0 errors and 4 warnings in 4 files.\n")
    );
    assert_eq!(code, Some(0));
    for name in ALL {
        files.format(name, CLUSTER_ID);
    }
    let no_problems = (Some(0), "No problems found in 4 files.\n".to_owned());
    assert_eq!(files.check(ALL), no_problems);
    // The same file twice is one file.
    let one = (Some(0), "No problems found in 1 file.\n".to_owned());
    assert_eq!(files.check(&["1", "./1"]), one);
}

/// `rm -rf DIR/*` leaves what begins with a dot: that is a directory to be formatted. A log is not nothing.
#[test]
fn an_emptied_directory_is_no_error() {
    let files = good();
    let data = files.path("data-1");
    fs::create_dir(&data).expect("creates");
    for name in [".lock", "status.sock", "lost+found"] {
        fs::write(data.join(name), "").expect("writes");
    }
    let told = |text: &str| {
        format!(
            "{}/data-1 is not formatted{text}",
            files.folder.path().display()
        )
    };
    let (_, said) = files.check(&["1"]);
    let warning = told(". Run kafka-storage.sh format -t CLUSTER_ID");
    assert!(said.contains(&format!("1: warning: {warning}")), "{said}");
    assert!(!said.contains("error:"), "{said}");
    fs::create_dir(data.join("__cluster_metadata-0")).expect("creates");
    fs::write(data.join(".kafka_cleanshutdown"), "").expect("writes");
    let (code, said) = files.check(&["1"]);
    let error = told(
        ", but holds __cluster_metadata-0, left from before, or by another node. Move that away, or name an \
         empty directory.",
    );
    assert!(said.contains(&format!("1: error: {error}\n")), "{said}");
    assert_eq!(code, Some(1));
}

/// A node that runs has its port and its directory: neither is a problem, and neither is touched.
#[test]
fn a_running_node_is_no_problem() {
    let files = good();
    for name in ALL {
        files.format(name, CLUSTER_ID);
    }
    let mut command = kraftd(&["server"]);
    command.arg(files.path("1"));
    let log = tempfile::NamedTempFile::new().expect("a file");
    let _running = Process::start("kraftd", command, log.path());
    wait_for("the start", TIMEOUT, || {
        let text = fs::read_to_string(log.path()).expect("a log");
        match text.contains("Kafka Server started") {
            true => Ok(()),
            false => Err(text),
        }
    });
    let said = said_at_the_end(files.command(ALL));
    assert_eq!(
        said,
        (Some(0), "No problems found in 4 files.\n".to_owned())
    );
}
