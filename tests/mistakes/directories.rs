//! Directories that are not this node's, or not fit to start on: refused in Kafka's words
//! (`MetaPropertiesEnsemble`), with what to do, and left as they are.

use std::fs;

use super::site::{CLUSTER_ID, OTHER_CLUSTER, Site, TIMEOUT, copy, rewrite, said_at_the_end};

/// A second directory of the node, `data-2`, with this in its `meta.properties`.
fn second(site: &Site, lines: &str) {
    let second = site.folder().join("data-2");
    fs::create_dir(&second).expect("creates");
    fs::write(second.join("meta.properties"), lines).expect("writes");
    site.set(
        "log.dirs",
        &format!("{},{}", site.data().display(), second.display()),
    );
}

fn meta(site: &Site, lines: &str) {
    fs::write(site.meta_properties(), lines).expect("writes");
}

const WHOLE: &str = "version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\nnode.id=1\n";

const RESTORE: &str = "Bring back what kafka-storage.sh format wrote (version=1, cluster.id, node.id and \
    directory.id); or move the directory away, format an empty one with the same cluster id, and start while \
    the other voters are up";

/// What is wrong with a formatted directory, how it came about, and what is said of it; `{restore}` stands
/// for the remedy above.
type Mistake = (&'static str, fn(&Site), &'static str);

const MISTAKES: &[Mistake] = &[
    (
        "not formatted",
        |site| fs::remove_dir_all(site.data()).expect("removes"),
        "No readable meta.properties files found. {dir} is not formatted: run kafka-storage.sh format -t \
         CLUSTER_ID -c FILE with the id that all nodes of the cluster share (kafka-storage.sh random-uuid \
         makes a new one).",
    ),
    (
        "a file for a directory",
        |site| {
            fs::remove_dir_all(site.data()).expect("removes");
            fs::write(site.data(), "").expect("writes");
        },
        "No readable meta.properties files found. cannot read {dir}/meta.properties: Not a directory (os \
         error 20). log.dirs and metadata.log.dir name directories",
    ),
    (
        "formatted for another node",
        |site| {
            site.set("node.id", "7");
            site.set("controller.quorum.voters", "7@127.0.0.1:9093");
        },
        "Stored node id 1 doesn't match previous node id 7 in {dir}/meta.properties. If you moved your data, \
         make sure your configured node id matches. If you intend to create a new node, you should remove \
         all data in your data directories.",
    ),
    (
        "directories of two clusters",
        |site| second(site, &WHOLE.replace(CLUSTER_ID, OTHER_CLUSTER)),
        "Invalid cluster.id in: {dir}-2/meta.properties. Expected MkU3OEVBNTcwNTJENDM2Qk, but read \
         QkM2RDM0MkQ1MDc1QkVFNw",
    ),
    (
        "directories of two nodes",
        |site| second(site, &WHOLE.replace("node.id=1", "node.id=2")),
        "Stored node id 2 doesn't match previous node id 1 in {dir}-2/meta.properties. If you moved your \
         data, make sure your configured node id matches. If you intend to create a new node, you should \
         remove all data in your data directories.",
    ),
    (
        "one directory not formatted",
        |site| {
            second(site, "");
            fs::remove_file(site.folder().join("data-2/meta.properties")).expect("removes");
        },
        "No `meta.properties` found in {dir}-2 (have you run `kafka-storage.sh` to format the directory?). \
         Run it with --ignore-formatted and the cluster.id of the others, or take the directory out of \
         log.dirs.",
    ),
    (
        "a copied directory",
        |site| {
            meta(site, &format!("{WHOLE}directory.id={OTHER_CLUSTER}\n"));
            second(site, &format!("{WHOLE}directory.id={OTHER_CLUSTER}\n"));
        },
        "Duplicate directory ID QkM2RDM0MkQ1MDc1QkVFNw found. It was the ID of {dir}, but also of {dir}-2. \
         One of them is a copy. Move it away, format an empty directory with the same cluster id, and start \
         while the other voters are up.",
    ),
    (
        "an id that stands for something else",
        |site| {
            meta(
                site,
                &format!("{WHOLE}directory.id=AAAAAAAAAAAAAAAAAAAAAg\n"),
            )
        },
        "Invalid reserved directory ID AAAAAAAAAAAAAAAAAAAAAg found in {dir}. Move it away, format an empty \
         directory with the same cluster id, and start while the other voters are up.",
    ),
    (
        "a metadata log in the wrong directory",
        |site| {
            second(site, WHOLE);
            fs::create_dir(site.folder().join("data-2/__cluster_metadata-0")).expect("creates");
        },
        "Found unexpected metadata location in data directory `{dir}-2/__cluster_metadata-0` (the configured \
         metadata directory is {dir}). If the metadata log was moved, metadata.log.dir must say where to; if \
         it is a leftover, move it away.",
    ),
    (
        "an unreadable metadata directory beside a good one",
        |site| {
            second(site, WHOLE);
            meta(site, "version=9\n");
        },
        "Encountered I/O error in metadata log directory {dir}. Cannot continue. {dir}/meta.properties: \
         Unknown meta.properties version number 9. {restore}",
    ),
    (
        "an empty meta.properties",
        |site| meta(site, ""),
        "No readable meta.properties files found. {dir}/meta.properties: version is missing. {restore}",
    ),
    (
        "a meta.properties cut short",
        |site| {
            rewrite(&site.meta_properties(), |bytes| {
                bytes.truncate(bytes.len() - 12)
            })
        },
        "No readable meta.properties files found. {dir}/meta.properties: version is missing. {restore}",
    ),
    (
        "a rotted meta.properties",
        |site| rewrite(&site.meta_properties(), |bytes| bytes.fill(0xf7)),
        "No readable meta.properties files found. {dir}/meta.properties: version is missing. {restore}",
    ),
    (
        "a node id that is none",
        |site| meta(site, &WHOLE.replace("node.id=1", "node.id=one")),
        "No readable meta.properties files found. {dir}/meta.properties: node.id=one is no number. {restore}",
    ),
    (
        "no cluster id",
        |site| meta(site, "version=1\nnode.id=1\n"),
        "No readable meta.properties files found. {dir}/meta.properties: cluster.id is missing. {restore}",
    ),
    (
        "a directory id that is none",
        |site| meta(site, &format!("{WHOLE}directory.id=abc\n")),
        "No readable meta.properties files found. {dir}/meta.properties: directory.id: `abc` is no id: \
         expected 22 characters of URL-safe base64, 16 bytes. {restore}",
    ),
    (
        "a Java controller's log",
        |site| {
            fs::create_dir(site.metadata()).expect("creates");
            fs::write(site.metadata().join("00000000000000000000.log"), "").expect("writes");
        },
        "{dir}/__cluster_metadata-0/00000000000000000000.log is a log segment of a Java controller, which \
         this release cannot take over. Start the Java controller on it again, or give kraftd an empty \
         directory, formatted with the same cluster id, while the other voters are up and have all records.",
    ),
    (
        "a bootstrap.checkpoint cut short",
        |site| {
            let file = site.data().join("bootstrap.checkpoint");
            rewrite(&file, |bytes| bytes.truncate(bytes.len() - 10));
        },
        "{dir}/bootstrap.checkpoint: 65 bytes of a batch at its end. Only a new cluster needs it. If the \
         cluster has begun, move the file away; if not, copy it from another controller",
    ),
    (
        "a bootstrap.checkpoint without its last batch",
        |site| {
            let file = site.data().join("bootstrap.checkpoint");
            rewrite(&file, |bytes| bytes.truncate(bytes.len() - 75));
        },
        "{dir}/bootstrap.checkpoint: it has no footer: it was cut off. Only a new cluster needs it. If the \
         cluster has begun, move the file away; if not, copy it from another controller",
    ),
    (
        "a rotted bootstrap.checkpoint",
        |site| {
            let file = site.data().join("bootstrap.checkpoint");
            rewrite(&file, |bytes| bytes[200] ^= 1);
        },
        "{dir}/bootstrap.checkpoint: RecordBatch: checksum {crc} instead of {crc}. Only a new cluster needs it. If the \
         cluster has begun, move the file away; if not, copy it from another controller",
    ),
];

#[test]
fn a_directory_that_will_not_do_is_refused_and_left_alone() {
    for (what, make, message) in MISTAKES {
        let site = Site::formatted();
        make(&site);
        site.assert_refused(what, &message.replace("{restore}", RESTORE));
    }
}

#[test]
fn a_directory_in_use_is_refused_and_left_alone() {
    let site = Site::formatted();
    let _running = site.start();
    site.wait_until_it_leads();
    let mut second = site.server();
    second.env("KRAFTD_LOG", "off");
    let said = said_at_the_end(second);
    let message = site.expand(
        "Failed to acquire lock on file .lock in {dir}. A Kafka instance in another process or thread is \
         using this directory. Stop it, or give this node a directory of its own.\n",
    );
    assert_eq!(said, (Some(1), message));
    site.wait_until_it_leads();
}

/// The log of another node, in a directory that is this node's by its `meta.properties`.
#[test]
fn a_log_of_another_node_is_refused_and_left_alone() {
    let (site, other) = (Site::formatted(), Site::formatted());
    let mut running = other.start();
    other.wait_until_it_leads();
    running.terminate(TIMEOUT);
    copy(&other.metadata(), &site.metadata());
    fs::write(site.data().join(".lock"), "").expect("writes");
    site.assert_refused(
        "another node's log",
        "{dir}/__cluster_metadata-0/voter-state was written by node 1 in another directory (directory.id), \
         not by node 1 in this one. Give this node the directory it was formatted with, or format an empty \
         one.",
    );
}

/// What Kafka takes, though it does not write it any more.
#[test]
fn old_and_partly_readable_directories_start() {
    let site = Site::formatted();
    meta(&site, "#\nbroker.id=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\n");
    second(&site, "version=9\n");
    let mut running = site.start();
    site.wait_until_it_leads();
    running.terminate(TIMEOUT);
    let warned = site.lines("the data directory ");
    assert!(
        matches!(&warned[..], [line] if line.contains("data-2 cannot be read: ")),
        "{warned:?}"
    );
    let now = fs::read_to_string(site.meta_properties()).expect("a file");
    assert!(now.contains("\ndirectory.id="), "{now}");
    site.start();
}
