//! What is committed is the same on every voter, byte for byte, whoever leads, and Kafka's own tools and
//! brokers can read it, from the log and from a snapshot.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use kraftd::protocol::record_batch::RecordBatch;

use super::{
    client::Client,
    cluster::{Cluster, ELECTION_TIMEOUT, Kind, START_TIMEOUT, Settings, kraftd, turn},
    kafka::RELEASE,
    metadata_log,
    process::{run_to_end, wait_for},
    requests,
    tool_runner::ToolRunner,
};

/// Leadership has been everywhere long before that.
const MAX_LEADERS: usize = 15;

#[test]
fn every_voter_holds_the_same_log() {
    let _turn = turn();
    leadership_goes_round(&Settings::new(Kind::Kraftd, 3, 0), &[0, 1, 2]);
}

#[test]
fn java_and_kraftd_hold_the_same_log_as_voters_of_one_quorum() {
    let _turn = turn();
    let mut settings = Settings::new(Kind::Kraftd, 3, 0);
    settings.voters[1] = Kind::Java(RELEASE);
    leadership_goes_round(&settings, &[0, 1, 2]);
}

/// Java's voters send UpdateRaftVoter every other second until their leader has answered it.
#[test]
fn a_java_voter_is_answered_whatever_it_asks() {
    const LONG_ENOUGH: Duration = Duration::from_secs(6);
    let _turn = turn();
    let mut settings = Settings::new(Kind::Kraftd, 3, 0);
    settings.voters[2] = Kind::Java(RELEASE);
    let mut cluster = Cluster::start(&settings);
    while cluster.wait_for_leader(ELECTION_TIMEOUT).index == 2 {
        cluster.controllers[2].kill();
        cluster.wait_for_leader(ELECTION_TIMEOUT);
        cluster.controllers[2].start();
        cluster.wait_until_caught_up(2);
    }
    thread::sleep(LONG_ENOUGH);
    let said = cluster.controllers[2].log_text();
    let mut lines = said.lines();
    let refusals = ["unsupported version error", "in UPDATE_RAFT_VOTER response"];
    let refused = lines.find(|line| refusals.iter().any(|refusal| line.contains(refusal)));
    assert_eq!(refused, None);
}

/// Kills leader after leader until each of `must_lead` has led, writes under each, and compares what each
/// has committed with all that was committed before.
fn leadership_goes_round(settings: &Settings, must_lead: &[usize]) {
    let mut cluster = Cluster::start(settings);
    let mut waiting: BTreeSet<usize> = must_lead.iter().copied().collect();
    let mut committed: Vec<RecordBatch> = Vec::new();
    let mut keys = Vec::new();
    for round in 0..MAX_LEADERS {
        let leader = cluster.wait_for_leader(ELECTION_TIMEOUT);
        let key = format!("round.{round}");
        cluster.write(&key, "written");
        keys.push(key);
        let port = cluster.controllers[leader.index].port;
        let now = metadata_log::fetch(port, &cluster.cluster_id);
        for (before, now) in committed.iter().zip(&now) {
            assert_eq!(
                before,
                now,
                "the same batches from the new leader {}",
                leader.index + 1
            );
        }
        assert!(now.len() >= committed.len(), "committed batches are gone");
        committed = now;
        waiting.remove(&leader.index);
        if waiting.is_empty() {
            break;
        }
        cluster.controllers[leader.index].kill();
        cluster.wait_for_leader(ELECTION_TIMEOUT);
        cluster.controllers[leader.index].start();
        cluster.wait_until_caught_up(leader.index);
    }
    assert!(
        waiting.is_empty(),
        "voters {waiting:?} never led in {MAX_LEADERS} elections"
    );
    // By Kafka's tool, and by ours of whichever controller, Java's too.
    let mut printed = vec![metadata_log::dump_with_java(&committed, cluster.folder())];
    printed.extend(cluster.controllers.iter().map(|node| dump(node.port)));
    for (key, printed) in keys
        .iter()
        .flat_map(|key| printed.iter().map(move |it| (key, it)))
    {
        assert!(
            printed.contains(&format!("\"name\":\"{key}\"")),
            "{key} is not in:\n{printed}"
        );
    }
}

/// What `kraftd dump` prints of a running quorum.
fn dump(port: u16) -> String {
    let mut command = kraftd("dump");
    command.arg("--json").arg(format!("127.0.0.1:{port}"));
    run_to_end("kraftd dump", command)
}

/// The settings under which a snapshot is due after a few writes, and the log before it goes.
fn snapshots_soon(settings: Settings) -> Settings {
    settings
        .with("metadata.log.max.record.bytes.between.snapshots=5000")
        .with("metadata.max.retention.bytes=1")
        .with("broker.session.timeout.ms=600000")
}

#[test]
fn kafka_reads_our_snapshots() {
    let _turn = turn();
    // Without writes of its own, lest the next snapshot takes the place of the one that is looked at.
    let settings = snapshots_soon(Settings::new(Kind::Kraftd, 3, 1));
    let settings = settings.with("metadata.max.idle.interval.ms=0");
    let mut cluster = Cluster::format(&settings);
    for node in &mut cluster.controllers {
        node.start();
    }
    cluster.wait_for_leader(START_TIMEOUT);
    cluster.fake_broker(7);
    let snapshot = write_until_the_log_starts_with_a_snapshot(&cluster);
    let printed = metadata_log::dump_file_with_java(&snapshot);
    for part in ["Snapshot end offset", "FEATURE_LEVEL_RECORD", "\"topic-0\""] {
        assert!(printed.contains(part), "no {part} in:\n{printed}");
    }
    let over_the_wire = dump(cluster.controllers[0].port);
    let first = over_the_wire.lines().next().unwrap_or_default();
    assert!(
        first.contains(".checkpoint\"") && first.contains("\"offset\":0,"),
        "{first}"
    );
    assert!(
        over_the_wire.contains("\"name\":\"topic-0\""),
        "{over_the_wire}"
    );
    // The shell wants the folder's lock, which the running controller holds: it gets a copy.
    let copies = cluster.folder().join("copies");
    fs::create_dir(&copies).expect("a folder for the copy");
    let copy = copies.join(snapshot.file_name().expect("the snapshot's name"));
    fs::copy(&snapshot, &copy).expect("a copy of the snapshot");
    let copy = copy.display().to_string();
    let arguments = ["--snapshot", &copy, "ls", "/image/topics/byName"].map(str::to_owned);
    let listed = ToolRunner::start(RELEASE).ask_shell(&arguments, "topic-0");
    assert!(
        listed.stdout.contains("topic-0"),
        "kafka-metadata-shell shows no topic-0: {listed}"
    );
    // This broker has never seen the log: it has to begin with the snapshot.
    cluster.brokers[0].start();
    cluster.brokers[0].wait_until_started(1);
    let broker = cluster.brokers[0].metadata_folder();
    assert!(
        !checkpoints(&broker).is_empty(),
        "no snapshot in {}",
        broker.display()
    );
}

/// Creates topics until an observer that begins at offset 0 is sent to a snapshot; returns its file at the
/// leader.
fn write_until_the_log_starts_with_a_snapshot(cluster: &Cluster) -> PathBuf {
    let mut count = 0;
    wait_for(
        "a snapshot to replace the log's beginning",
        Duration::from_secs(60),
        || {
            for _ in 0..20 {
                let topic = requests::assigned(&format!("topic-{count}"), &[&[7]]);
                let request = requests::create(vec![topic], false);
                cluster.ask_leader(7, &request, |answer| {
                    format!("{answer:?}").contains("NONE(0)")
                });
                count += 1;
            }
            let leader = cluster.leader().ok_or("no leader")?;
            let node = &cluster.controllers[leader.index];
            let request = requests::fetch_at(&cluster.cluster_id, leader.epoch.0, 0, 0);
            let answer =
                Client::connect(node.port).and_then(|mut client| client.exchange(17, &request));
            let answer = format!("{:?}", answer.map_err(|error| error.to_string())?);
            let files = checkpoints(&node.metadata_folder());
            match files.last() {
                Some(newest) if !answer.contains("SnapshotId { end_offset: Offset(-1)") => {
                    Ok(newest.clone())
                }
                _ => Err(format!("after {count} topics: {files:?}")),
            }
        },
    )
}

/// The snapshots in a metadata folder, oldest first.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("a folder entry").path());
    let is_checkpoint = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ending == "checkpoint")
    };
    let mut files: Vec<PathBuf> = paths.filter(is_checkpoint).collect();
    files.sort();
    files
}
