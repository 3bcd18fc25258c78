//! A test in namespaces of its own: network, mounts, process ids. However it ends, even by kill -9, the
//! kernel then takes away all it had: processes, links, rules, memory disks.

use std::{
    env,
    io::{self, BufRead, BufReader},
    process::{Command, ExitStatus},
};

use super::harness::process::run_to_end;

/// Set inside.
const INSIDE: &str = "KRAFTD_FAULTS_INSIDE";

/// Runs an ignored test of this program inside, and passes on what it prints.
pub fn run(test: &str) -> ExitStatus {
    let tried = namespaces().arg("true").output();
    let tried = tried.unwrap_or_else(|error| panic!("cannot run setpriv of util-linux: {error}"));
    assert!(
        tried.status.success(),
        "namespaces cannot be made here: {}. Run the test as root, or let users make them (sysctl \
         kernel.unprivileged_userns_clone=1)",
        String::from_utf8_lossy(&tried.stderr).trim()
    );
    let (reader, writer) = io::pipe().expect("a pipe");
    let mut command = namespaces();
    command
        .arg(env::current_exe().expect("this program"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        .env("PATH", search_path())
        .stdout(writer.try_clone().expect("the pipe twice"))
        .stderr(writer);
    let mut child = command.spawn().expect("starts as it did before");
    // It holds the pipe's other end.
    drop(command);
    for line in BufReader::new(reader).lines() {
        println!("{}", line.expect("what the test says"));
    }
    child.wait().expect("the end of the test")
}

/// What runs a command in new namespaces, and ends with us.
fn namespaces() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    command.args([
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

/// Whether this is inside; then a network with a loopback device, and a /run that is not the machine's.
pub fn enter() -> bool {
    if env::var_os(INSIDE).is_none() {
        return false;
    }
    sh("mount -t tmpfs none /run");
    sh("ip link set lo up");
    true
}

/// Where Debian keeps the commands that only root needs, too.
fn search_path() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

/// Runs a command that must succeed, its words parted by spaces.
#[track_caller]
pub fn sh(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    command.args(words);
    run_to_end(line, command)
}
