//! A voter that has lost what it acknowledged, and one that never had it, must not elect a leader between
//! them: that would take an acknowledged write from the third voter too. Java's controllers do so.
//!
//! No Java runs here, but real processes and disks do, and this is where the means for that are.

use std::{fs, thread, time::Duration};

use super::{
    cluster::{Cluster, Kind, Node, START_TIMEOUT, Settings, turn},
    metadata_log, status,
};

const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Several election timeouts.
const PATIENCE: Duration = Duration::from_secs(8);
const VALUE: &str = "86400123";

/// Writes while voter 3 is down, damages voter 1 while all are down, starts 1 and 3, then 2.
fn survive(damage: impl Fn(&Cluster, &Node)) {
    let _turn = turn();
    let mut cluster = Cluster::start(&Settings::new(Kind::Kraftd, 3, 0));
    for index in 0..3 {
        cluster.wait_until_caught_up(index);
    }
    cluster.controllers[2].stop(STOP_TIMEOUT);
    cluster.wait_for_leader(START_TIMEOUT);
    cluster.write("log.retention.ms", VALUE);
    cluster.wait_until_caught_up(0);
    cluster.wait_until_caught_up(1);
    for index in [0, 1] {
        cluster.controllers[index].stop(STOP_TIMEOUT);
    }
    damage(&cluster, &cluster.controllers[0]);
    for index in [0, 2] {
        cluster.controllers[index].start();
    }
    thread::sleep(PATIENCE);
    let leader = cluster.leader();
    assert!(
        leader.is_none(),
        "elected without the only voter that has the write: {leader:?}"
    );
    why_nobody_leads(&cluster);
    cluster.controllers[1].start();
    let leader = cluster.wait_for_leader(START_TIMEOUT);
    let port = cluster.controllers[leader.index].port;
    let log = metadata_log::fetch(port, &cluster.cluster_id);
    let kept = log.iter().any(|batch| {
        let found = batch.bytes().windows(VALUE.len());
        found.into_iter().any(|bytes| bytes == VALUE.as_bytes())
    });
    assert!(kept, "the acknowledged write is gone");
    // The damaged one recovers: with it, either of the others may be missing.
    cluster.wait_until_caught_up(0);
    cluster.controllers[2].stop(STOP_TIMEOUT);
    cluster.wait_for_leader(START_TIMEOUT);
    cluster.write("log.retention.ms", "1");
}

/// `kraftd status` says of either voter why the quorum waits, and for whom.
fn why_nobody_leads(cluster: &Cluster) {
    let [damaged, away, behind] = &cluster.controllers[..] else {
        panic!("three controllers");
    };
    let said = status::text(&status::status(damaged, status::PATIENT));
    for told in [
        "no leader; 1 of 3 voters can be counted on, 2 are needed",
        "Node 1 must not vote, since it may have forgotten what it once acknowledged: ",
        "It waits to hear from 2, and then to copy all that a leader of epoch ",
        "Start 2, which may have the only copy of acknowledged records.",
        &format!(
            "Controller 2 (127.0.0.1:{}) does not answer: connection refused",
            away.port
        ),
    ] {
        assert!(said.contains(told), "no `{told}` in:\n{said}");
    }
    let said = status::text(&status::status(behind, status::PATIENT));
    let told = "Controller 1 gave node 3 no vote: pre-vote: not granted";
    assert!(said.contains(told), "no `{told}` in:\n{said}");
}

#[test]
fn a_rotten_bit_loses_no_acknowledged_write() {
    survive(|_, node| {
        let engine = node.metadata_folder().join("00000000000000000000.log");
        let file = engine.join("0000000000000001.raftlog");
        let mut bytes = fs::read(&file).expect("the log");
        let found = bytes
            .windows(VALUE.len())
            .rposition(|bytes| bytes == VALUE.as_bytes());
        bytes[found.expect("the write")] ^= 1;
        fs::write(&file, bytes).expect("rots");
    });
}

#[test]
fn a_new_disk_loses_no_acknowledged_write() {
    survive(|cluster, node| node.replace_disk(&cluster.cluster_id));
}
