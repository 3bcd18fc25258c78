//! Files that will not do: refused in Kafka's words, with what to do, before anything is touched.

use std::{fs, process::Command};

use super::{
    harness::process::free_port,
    site::{CLUSTER_ID, Site, kraftd},
};

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
         in the set of voters controller.quorum.voters=Set(1)\nhint: give this node one of these ids, or add \
         it to the voters on every node",
    ),
    (
        "controller.quorum.voters=1@a:9093,2@b:9093,1@c:9093",
        "Invalid value 1@c:9093 for configuration controller.quorum.voters: the id 1 is there twice",
    ),
    (
        "controller.quorum.voters=1@a:9093,2@hadoop 103:9093",
        "Failed to parse host name from entry 2@hadoop 103:9093 for the configuration controller.quorum.voters. \
         Each entry should be in the form `{id}@{host}:{port}`.\nhint: take out the blank inside \
         '2@hadoop 103:9093'; it may have come in where a line was broken",
    ),
    (
        "controller.quorum.voters=1@a",
        "Failed to parse host name from entry 1@a for the configuration controller.quorum.voters. Each entry \
         should be in the form `{id}@{host}:{port}`.\nhint: the port is missing",
    ),
    (
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
        "Error creating broker listeners from '[CONTROLLER://127.0.0.1:{own port}]': No security protocol defined for \
         listener CONTROLLER\nhint: add it to listener.security.protocol.map, for example \
         CONTROLLER:PLAINTEXT",
    ),
    (
        "controller.listener.names=OTHER",
        "Error creating broker listeners from '[CONTROLLER://127.0.0.1:{own port}]': No security protocol defined for \
         listener CONTROLLER\nhint: add it to listener.security.protocol.map, for example \
         CONTROLLER:PLAINTEXT",
    ),
    (
        "process.roles=",
        "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]",
    ),
];

#[test]
fn a_file_that_will_not_do_is_refused() {
    for (line, message) in MISTAKES {
        let site = Site::formatted();
        let (key, value) = line.split_once('=').expect("a key and a value");
        site.set(key, value);
        site.assert_refused(line, &format!("{{file}}: {message}"));
    }
}

/// Two nodes with one id: the file was copied to the host of node 2, and `node.id` was not changed.
#[test]
fn a_copied_file_is_refused_where_it_was_not_changed() {
    let (first, second) = (("127.0.0.1", 9_093), ("127.0.0.1", free_port()));
    let site = Site::of(2, &[first, second]);
    site.format(CLUSTER_ID);
    site.set("node.id", "1");
    let message = "node.id=1, but listeners=CONTROLLER://127.0.0.1:{own port} is where \
        controller.quorum.voters has node 2\nhint: was this file copied from another node? Correct node.id, \
        or listeners";
    site.assert_refused("a copied file", &format!("{{file}}: {message}"));
    let mut format = kraftd(&["storage", "format", "-g", "-t", CLUSTER_ID, "-c"]);
    format.arg(site.file());
    site.assert_command_refused("a copied file to format by", format, message);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let site = Site::formatted();
    fs::remove_file(site.file()).expect("removes");
    let message = "cannot read {file}: No such file or directory (os error 2)";
    site.assert_refused("no file", message);
    fs::create_dir(site.file()).expect("creates");
    let message = "cannot read {file}: Is a directory (os error 21)";
    site.assert_refused("a directory", message);
    fs::remove_dir(site.file()).expect("removes");
    let format = |site: &Site| -> Command {
        let mut command = kraftd(&["storage", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c"]);
        command.arg(site.file());
        command
    };
    let message = "cannot read {file}: No such file or directory (os error 2)";
    site.assert_command_refused("no file to format by", format(&site), message);
}
