//! `kraftd status`: from any node, with a leader and without one, beside nodes that are down, and in no time.
//!
//! No Java runs here, but real processes do, and this is where the means for that are.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    process::Output,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    cluster::{Cluster, Kind, Node, START_TIMEOUT, Settings, kraftd, turn},
    process::{free_port, run_to_end, wait_for},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// The whole life of a `kraftd status` process must be shorter with two of three nodes down. Other work on the
/// machine can only make it longer, so one of many runs must be.
const LIMIT: Duration = Duration::from_millis(50);

const OTHER_CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// Enough for a machine that does other things, where time is not what is tested.
pub const PATIENT: &[&str] = &["--timeout", "5000"];

/// What `kraftd status` says, asked with the file of this node.
pub fn status(node: &Node, arguments: &[&str]) -> Output {
    let mut command = kraftd("status");
    command.args(arguments).arg("-c").arg(node.properties());
    command.output().expect("kraftd runs")
}

pub fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn report(node: &Node) -> Value {
    let output = status(node, &[PATIENT, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).expect("a JSON object")
}

#[test]
fn every_node_tells_who_leads_and_how_far_everyone_is() {
    let _turn = turn();
    let mut cluster = Cluster::start(&Settings::new(Kind::Kraftd, 3, 0));
    for index in 0..3 {
        cluster.wait_until_caught_up(index);
    }
    let leader = cluster.wait_for_leader(START_TIMEOUT);
    for (index, node) in cluster.controllers.iter().enumerate() {
        // The others learn of the last records, and each other's state, a moment later.
        let report = wait_for("everyone to be in step", TIMEOUT, || {
            let report = report(node);
            let in_step = |voter: &Value| voter["lag"] == 0 && voter["epoch"] == leader.epoch.0;
            match report["voters"]
                .as_array()
                .expect("voters")
                .iter()
                .all(in_step)
            {
                true => Ok(report),
                false => Err(report.to_string()),
            }
        });
        let leader_id = cluster.controllers[leader.index].id;
        assert_eq!(report["clusterId"], json!(cluster.cluster_id));
        assert_eq!(report["leader"]["id"], leader_id);
        assert_eq!(report["usable"], 3);
        assert_eq!(report["findings"], json!([]), "{report}");
        let role = if index == leader.index {
            "leader"
        } else {
            "follower"
        };
        assert_eq!(report["node"]["role"], role);
        assert_eq!(report["node"]["standing"], json!({"state": "sound"}));
        let states = report["voters"].as_array().expect("voters").iter();
        let leaders = states.filter(|voter| voter["state"] == "leader").count();
        assert_eq!(leaders, 1, "{report}");
        if index != leader.index {
            let peers = report["node"]["peers"].as_array().expect("peers").iter();
            let mut asked = peers.filter(|peer| peer["id"] == leader_id);
            let answer = &asked.next().expect("the leader")["lastAnswers"]["Fetch"];
            assert_eq!(answer["error"], "NONE");
            assert_eq!(answer["leaderEpoch"], leader.epoch.0);
        }
        let shown = status(node, PATIENT);
        assert!(shown.status.success(), "{shown:?}");
        let head = format!("{leader_id} leads epoch {}, high watermark ", leader.epoch);
        assert!(text(&shown).contains(&head), "{}", text(&shown));
    }
    // Too little patience is no trouble of a leader from which the others fetch. (The machine may be that slow.)
    let node = &cluster.controllers[leader.index];
    let hasty = (0..10).map(|_| status(node, &["--timeout", "1"]));
    let alarmed: Vec<_> = hasty.filter(|shown| !shown.status.success()).collect();
    assert!(alarmed.len() < 5, "{}", text(&alarmed[0]));
    let socket = cluster.controllers[0].folder.join("data/status.sock");
    let made = fs::metadata(&socket).expect("the socket");
    assert!(made.file_type().is_socket());
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
    fs::remove_file(&socket).expect("removes");
    let pid = cluster.controllers[0].process().child().id();
    let said = text(&status(&cluster.controllers[0], PATIENT));
    assert!(said.contains(&format!("Process {pid} works on ")), "{said}");
    let socket = cluster.controllers[1].folder.join("data/status.sock");
    assert!(socket.exists());
    cluster.controllers[1].stop(TIMEOUT);
    assert!(!socket.exists(), "a clean stop takes it away");
}

#[test]
fn two_of_three_nodes_down_are_told_with_the_reason_at_once() {
    let _turn = turn();
    let mut cluster = Cluster::start(&Settings::new(Kind::Kraftd, 3, 0));
    // One is gone; the other is there, and answers nothing.
    cluster.controllers[1].kill();
    let stopped = cluster.controllers[2].process().child().id() as i32;
    let stopped = Pid::from_raw(stopped).expect("a process id");
    kill_process(stopped, Signal::STOP).expect("a signal to our child");
    let node = &cluster.controllers[0];
    wait_for("the leader to resign, if that is node 1", TIMEOUT, || {
        let report = report(node);
        match report["leader"].is_null() {
            true => Ok(()),
            false => Err(report.to_string()),
        }
    });
    let took = wait_for("a quick status", TIMEOUT, || {
        let begun = Instant::now();
        status(node, &[]);
        let took = begun.elapsed();
        match took < LIMIT {
            true => Ok(took),
            false => Err(format!("took {took:?}")),
        }
    });
    println!("in {took:?}");
    let shown = status(node, PATIENT);
    let said = text(&shown);
    assert_eq!(shown.status.code(), Some(1), "nobody leads");
    for told in [
        "no leader; 1 of 3 voters can be counted on, 2 are needed",
        "Nobody can lead: 1 of 3 voters can be counted on, and 2 are needed.\n  Bring back 1 of: 2, 3.",
        &format!(
            "Controller 2 (127.0.0.1:{}) does not answer: connection refused",
            cluster.controllers[1].port
        ),
        &format!(
            "Controller 3 (127.0.0.1:{}) does not answer: no answer in time",
            cluster.controllers[2].port
        ),
    ] {
        assert!(said.contains(told), "no `{told}` in:\n{said}");
    }
    // The same from a node that does not run: those that do are asked.
    let shown = status(&cluster.controllers[1], PATIENT);
    let said = text(&shown);
    assert_eq!(shown.status.code(), Some(1));
    assert!(
        said.contains("Node 2 does not run: nobody serves "),
        "{said}"
    );
    assert!(
        said.contains("no leader; 1 of 3 voters can be counted on"),
        "{said}"
    );
    kill_process(stopped, Signal::CONT).expect("a signal to our child");
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    let _turn = turn();
    let cluster = Cluster::format(&Settings::new(Kind::Kraftd, 2, 0));
    let node = &cluster.controllers[0];
    let properties = fs::read_to_string(node.properties()).expect("the properties");
    let named = format!("2@127.0.0.1:{}", cluster.controllers[1].port);
    let unknown = "2@controller-2.invalid:9093";
    assert!(properties.contains(&named));
    fs::write(node.properties(), properties.replace(&named, unknown)).expect("writes");
    let shown = status(node, PATIENT);
    let said = text(&shown);
    let told = "Controller 2 (controller-2.invalid:9093) does not answer: name does not resolve";
    assert!(said.contains(told), "{said}");
    assert!(said.contains("Node 1 does not run"), "{said}");
}

#[test]
fn a_voter_of_another_cluster_is_told_with_both_ids() {
    let _turn = turn();
    let mut cluster = Cluster::format(&Settings::new(Kind::Kraftd, 2, 0));
    fs::remove_dir_all(cluster.controllers[1].folder.join("data")).expect("takes the disk away");
    let mut format = kraftd("storage");
    format.args(["format", "--cluster-id", OTHER_CLUSTER, "--config"]);
    format.arg(cluster.controllers[1].properties());
    run_to_end("kraftd storage format", format);
    for node in &mut cluster.controllers {
        node.start();
    }
    let ids = [cluster.cluster_id.as_str(), OTHER_CLUSTER];
    for (index, other) in [(0, 2), (1, 1)] {
        let (ours, theirs) = (ids[index], ids[1 - index]);
        let port = cluster.controllers[1 - index].port;
        let told = format!(
            "Controller {other} (127.0.0.1:{port}) belongs to another cluster: to {theirs}, and this is {ours}."
        );
        let said = wait_for("the other cluster to be told", TIMEOUT, || {
            let said = text(&status(&cluster.controllers[index], PATIENT));
            if said.contains(&told) {
                Ok(said)
            } else {
                Err(said)
            }
        });
        assert!(
            said.contains("no leader; 1 of 2 voters can be counted on"),
            "{said}"
        );
    }
}

#[test]
fn a_leader_that_cannot_be_reached_tells_all_the_same() {
    let _turn = turn();
    let cluster = Cluster::start(&Settings::new(Kind::Kraftd, 1, 0));
    let node = &cluster.controllers[0];
    let nowhere = format!("controller.quorum.voters=1@127.0.0.1:{}", free_port());
    let said = text(&status(
        node,
        &[PATIENT, &["--override", &nowhere]].concat(),
    ));
    for told in [
        "1 leads epoch 1, high watermark ",
        "Node 1 runs, but cannot be reached at its own address 127.0.0.1:",
        "Node 1, kraftd ",
        "leader in epoch 1, voted for 1.",
    ] {
        assert!(said.contains(told), "no `{told}` in:\n{said}");
    }
}
