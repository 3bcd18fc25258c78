//! Comments, quotes and relative paths in values, which a file of Java's properties takes for a part of them.

use std::{fs, process::Command};

use crate::home::text;

const FILE: &str = "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:9093\n\
    controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://127.0.0.1:0\n\
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs=/nowhere/data\n";
const NO_COMMENT: &str =
    "a comment needs a line of its own: behind a value it is taken for a part of it";

/// What `kraftd check` says of the file with this line behind the others.
fn check(line: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("file"), format!("{FILE}{line}\n")).expect("writes");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    let checked = command.args(["check", "file"]).current_dir(&dir).output();
    text(&checked.expect("kraftd runs").stdout)
}

#[test]
fn a_comment_behind_a_value_is_no_blank_to_take_out() {
    for line in [
        "node.id=1 # first",
        "node.id=1\t#first",
        "node.id=1 ! first, of three",
        "process.roles=controller # not a broker",
        "controller.quorum.voters=1@127.0.0.1:9093 # alone",
        "listeners=CONTROLLER://127.0.0.1:9093 # here",
        "num.partitions= # some",
    ] {
        let said = check(line);
        let hint = NO_COMMENT.replacen('a', "A", 1);
        assert!(said.contains(&hint), "{line}: {said}");
        assert!(!said.contains("ake out the blank"), "{line}: {said}");
    }
}

#[test]
fn directories_that_hardly_anybody_means_are_warned_of() {
    let quotes = "the quotes are a part of its name; take them out";
    let relative = "it is looked for where each command is started; write it from / on";
    for (line, shown, why) in [
        (
            "log.dirs=\"/data\"",
            "log.dirs has the directory \"/data\"",
            quotes,
        ),
        (
            "log.dirs='/data'",
            "log.dirs has the directory '/data'",
            quotes,
        ),
        (
            "log.dirs=/data # big",
            "log.dirs has the directory /data # big",
            NO_COMMENT,
        ),
        (
            "log.dirs=/data,data",
            "log.dirs has the directory data",
            relative,
        ),
        (
            "metadata.log.dir=meta",
            "metadata.log.dir has the directory meta",
            relative,
        ),
    ] {
        let said = check(line);
        let warning = format!("file: warning: {shown}: {why}.\n");
        assert!(said.contains(&warning), "{line}: {said}");
    }
    let said = check("log.dirs=/a b/it#1,/data!");
    assert!(!said.contains("has the directory"), "{said}");
}
