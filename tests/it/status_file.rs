//! Which file `kraftd status` reads, and that it says so.

use std::{fs, path::Path, process::Command};

use crate::home::{Node, START, text};

const FILE: &str = "config/kraft/server.properties";

/// What `kraftd status` says, typed in a folder: its exit code, and all of its output.
fn status(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    command.arg("status").args(arguments).current_dir(dir);
    let output = command.output().expect("kraftd runs");
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn the_file_is_told() {
    let node = Node::new(80, FILE, "controller", "");
    let read = node.home().join(FILE).display().to_string();
    let (code, said) = status(node.home(), &[FILE]);
    assert_eq!(code, Some(1), "it does not run");
    let told = format!("1 is needed.\nThe voters are those in {read}.\n");
    assert!(said.contains(&told), "{said}");
    let (_, said) = status(node.home(), &["--json", FILE]);
    let report: serde_json::Value = serde_json::from_str(&said).expect("a JSON object");
    assert_eq!(report["file"], read);
}

/// It takes the file of the server that runs here. Where other tests have theirs running, it names them all.
#[test]
fn without_a_file_it_is_that_of_the_server_that_runs() {
    let node = Node::new(81, FILE, "controller", "").formatted();
    let sample = node.home().join("config/controller.properties");
    fs::write(sample, "process.roles=controller\n").expect("writes");
    let started = node.typed(&[START, "-daemon", FILE]);
    assert!(started.status.success(), "{started:?}");
    node.wait_until("serves", || node.serves());
    let read = node.home().join(FILE).display().to_string();
    for dir in [node.home(), Path::new("/")] {
        let (_, said) = status(dir, &["--timeout", "5000"]);
        let alone = said.contains(&format!("The voters are those in {read}.\n"));
        let among_others =
            said.starts_with("several kraftd servers run here") && said.contains(&read);
        assert!(alone || among_others, "{said}");
    }
}
