//! Files that will not do: refused in Kafka's words, with what to do, before anything is touched.

use std::{fs, process::Command};

use super::site::{Site, kraftd};

/// A line for the file, and what is said of it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "num.partitions=many",
        "Invalid value many for configuration num.partitions: Not a number of type INT",
    ),
    (
        "node.id=one",
        "Invalid value one for configuration node.id: Not a number of type INT",
    ),
    (
        "node.id=9",
        "requirement failed: If process.roles contains the 'controller' role, the node id 9 must be included \
         in the set of voters controller.quorum.voters=Set(1)",
    ),
    (
        "controller.quorum.voters=1@a:9093,2@b:9093,1@c:9093",
        "Invalid value 1@c:9093 for configuration controller.quorum.voters: the id 1 is there twice",
    ),
    (
        "controller.quorum.voters=1@a:9093,2@hadoop 103:9093",
        "Invalid value 2@hadoop 103:9093 for configuration controller.quorum.voters: there is a blank in it",
    ),
    (
        "controller.quorum.voters=1@a",
        "Invalid value 1@a for configuration controller.quorum.voters: the port is missing",
    ),
    (
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
        "No security protocol defined for listener CONTROLLER: add it to listener.security.protocol.map, for \
         example CONTROLLER:PLAINTEXT",
    ),
    (
        "controller.listener.names=OTHER",
        "requirement failed: The listeners config must only contain KRaft controller listeners from \
         controller.listener.names when process.roles=controller",
    ),
    (
        "process.roles=",
        "Missing required configuration \"process.roles\" which has no default value.",
    ),
];

#[test]
fn a_file_that_will_not_do_is_refused() {
    for (line, message) in MISTAKES {
        let site = Site::formatted();
        let (key, value) = line.split_once('=').expect("a key and a value");
        site.set(key, value);
        site.assert_refused(line, message);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let site = Site::formatted();
    fs::remove_file(site.file()).expect("removes");
    let message = "cannot read {file}: No such file or directory (os error 2)";
    site.assert_refused("no file", message);
    let format = |site: &Site| -> Command {
        let mut command = kraftd(&["storage", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c"]);
        command.arg(site.file());
        command
    };
    let message = "cannot read {file}: No such file or directory (os error 2)";
    site.assert_command_refused("no file to format by", format(&site), message);
}
