//! `kraftd dump`: what it prints of a log whose node runs, of a snapshot, and of what is damaged.

use std::{
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use kraftd::{
    log::{Log, bootstrap, engine::EngineLog, snapshot_file},
    protocol::{
        Epoch, NodeId, Offset, Uuid,
        control_records::{ControlRecord, LeaderChangeMessage, LeaderChangeVoter},
        record_batch::RecordBatch,
        records::{
            ConfigRecord, MetadataRecord, PartitionChangeRecord, TopicRecord,
            UserScramCredentialRecord,
        },
    },
};
use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::{Pid, Signal, kill_process},
};
use serde_json::{Value, json};

use super::{
    home::{self, wait_until},
    log_support::{batch, open_log, snapshot_id},
};

fn dump(arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    let dumped = command.arg("dump").args(arguments).arg(path).output();
    dumped.expect("kraftd runs")
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

fn objects(output: &Output) -> Vec<Value> {
    let parse = |line: String| serde_json::from_str(&line).expect("a line is JSON");
    lines(output).into_iter().map(parse).collect()
}

fn open(dir: &Path) -> EngineLog {
    let opened = open_log(dir, NodeId(1), Uuid([5; 16]));
    opened.expect("the log opens").0
}

fn leader_change() -> RecordBatch {
    let voter = LeaderChangeVoter {
        voter_id: NodeId(1),
        ..Default::default()
    };
    let change = ControlRecord::LeaderChange(LeaderChangeMessage {
        leader_id: NodeId(1),
        voters: vec![voter.clone()],
        granting_voters: vec![voter],
        ..Default::default()
    });
    RecordBatch::of_control_records(Offset(0), Epoch(4), 7, [&change]).expect("encodes")
}

fn records_of_a_topic() -> RecordBatch {
    let records = [
        MetadataRecord::from(TopicRecord {
            name: "orders".to_owned(),
            topic_id: Uuid([1; 16]),
            ..Default::default()
        }),
        MetadataRecord::from(PartitionChangeRecord {
            partition_id: 2,
            topic_id: Uuid([1; 16]),
            isr: Some(vec![NodeId(3), NodeId(4)]),
            ..Default::default()
        }),
    ];
    let records = records.iter().map(|record| (record, 0));
    RecordBatch::of_records(Offset(1), Epoch(4), 8, records).expect("encodes")
}

#[test]
fn the_log_of_a_running_node_is_shown_in_kafkas_json() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut log = open(dir.path());
    log.append(&leader_change()).expect("appends");
    log.append(&records_of_a_topic()).expect("appends");
    log.sync().expect("syncs");

    // The log is open, and its directory locked, all the while.
    let shown = dump(&[], dir.path());
    assert!(shown.status.success(), "{shown:?}");
    let id = Uuid([1; 16]);
    let expected = [
        format!(
            "baseOffset: 0 lastOffset: 0 count: 1 partitionLeaderEpoch: 4 isControl: true \
             CreateTime: 7 size: {}",
            leader_change().bytes().len()
        ),
        "| offset: 0 epoch: 4 payload: {\"type\":\"LEADER_CHANGE\",\"version\":0,\"data\":\
         {\"version\":0,\"leaderId\":1,\"voters\":[{\"voterId\":1}],\"grantingVoters\":\
         [{\"voterId\":1}]}}"
            .to_owned(),
        format!(
            "baseOffset: 1 lastOffset: 2 count: 2 partitionLeaderEpoch: 4 isControl: false \
             CreateTime: 8 size: {}",
            records_of_a_topic().bytes().len()
        ),
        format!(
            "| offset: 1 epoch: 4 payload: {{\"type\":\"TOPIC_RECORD\",\"version\":0,\"data\":\
             {{\"name\":\"orders\",\"topicId\":\"{id}\"}}}}"
        ),
        format!(
            "| offset: 2 epoch: 4 payload: {{\"type\":\"PARTITION_CHANGE_RECORD\",\"version\":0,\
             \"data\":{{\"partitionId\":2,\"topicId\":\"{id}\",\"isr\":[3,4]}}}}"
        ),
    ];
    assert_eq!(lines(&shown)[1..], expected);

    let only_records = dump(&["--records"], dir.path());
    assert!(
        lines(&only_records)[1..]
            .iter()
            .all(|line| line.starts_with("| offset"))
    );

    let objects = objects(&dump(&["--json"], dir.path()));
    let offsets: Vec<i64> = objects
        .iter()
        .filter_map(|it| it["offset"].as_i64())
        .collect();
    assert_eq!(offsets, [0, 1, 2]);
    assert_eq!(objects[2]["data"]["isr"], json!([3, 4]));
}

#[test]
fn a_log_is_shown_after_the_snapshot_that_it_continues() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut log = open(dir.path());
    for offset in 0..6 {
        log.append(&batch(Offset(offset), 1, 10)).expect("appends");
    }
    log.sync().expect("syncs");
    let metadata = dir.path().join("__cluster_metadata-0");
    let snapshot = batch(Offset(0), 1, 10);
    let id = snapshot_id(4, 1);
    snapshot_file::write(&metadata, id, [snapshot.bytes().clone()]).expect("writes");
    log.drop_prefix(id).expect("drops");

    let objects = objects(&dump(&["--json"], dir.path()));
    let offsets: Vec<i64> = objects
        .iter()
        .filter_map(|it| it["offset"].as_i64())
        .collect();
    assert_eq!(offsets, [0, 4, 5]);
    let file = objects[0]["file"].as_str().expect("a path");
    assert!(
        file.ends_with("00000000000000000004-0000000001.checkpoint"),
        "{file}"
    );
}

#[test]
fn secrets_stay_hidden() {
    let dir = tempfile::tempdir().expect("a folder");
    let secret = "not-for-your-eyes";
    let of_broker = |name: &str, value: &str| {
        MetadataRecord::from(ConfigRecord {
            resource_type: 4,
            name: name.to_owned(),
            value: Some(value.to_owned()),
            ..Default::default()
        })
    };
    let credential = MetadataRecord::from(UserScramCredentialRecord {
        name: "alice".to_owned(),
        stored_key: secret.as_bytes().to_vec().into(),
        server_key: secret.as_bytes().to_vec().into(),
        salt: secret.as_bytes().to_vec().into(),
        ..Default::default()
    });
    let records = [
        credential,
        of_broker("ssl.keystore.password", secret),
        of_broker("some.plugin.token", secret),
        of_broker("background.threads", "12"),
    ];
    bootstrap::write(dir.path(), &records, 7).expect("writes");

    let shown = dump(&["--json"], &dir.path().join("bootstrap.checkpoint"));
    let objects = objects(&shown);
    assert_eq!(objects.len(), 6, "four records between header and footer");
    assert_eq!(objects[1]["data"]["storedKey"], "[hidden]");
    assert_eq!(objects[4]["data"]["value"], "12");
    let text = lines(&shown).concat();
    assert!(
        !text.contains(secret) && !text.contains("bm90LWZvci15b3VyLWV5ZXM="),
        "{text}"
    );
}

#[test]
fn what_comes_before_a_damage_is_shown_and_the_damage_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("00000000000000000000.log");
    let mut bytes = leader_change().bytes().to_vec();
    bytes.extend_from_slice(records_of_a_topic().bytes());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).expect("writes");

    let shown = dump(&["--records"], &file);
    assert_eq!(shown.status.code(), Some(1));
    assert_eq!(
        lines(&shown).len(),
        2,
        "the first batch, behind the name of the file"
    );
    let error = String::from_utf8_lossy(&shown.stderr);
    assert!(error.contains("checksum"), "{error}");
}

#[test]
fn a_directory_without_a_log_says_what_to_name_instead() {
    let dir = tempfile::tempdir().expect("a folder");
    let shown = dump(&[], dir.path());
    assert_eq!(shown.status.code(), Some(1));
    let error = String::from_utf8_lossy(&shown.stderr);
    assert!(error.contains("has no log of kraftd"), "{error}");
}

#[test]
fn a_file_that_is_no_log_is_called_so_and_stays_where_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("server.properties");
    fs::write(&file, "process.roles=controller\n".repeat(9)).expect("writes");
    let shown = dump(&[], &file);
    assert_eq!(shown.status.code(), Some(1));
    let error = String::from_utf8_lossy(&shown.stderr);
    assert!(error.contains("is no log and no snapshot"), "{error}");
    assert!(
        !error.to_lowercase().contains("move the file away"),
        "{error}"
    );
}

#[test]
fn a_directory_that_may_not_be_read_is_called_so() {
    const NOBODY: u32 = 65_534;
    let dir = tempfile::tempdir().expect("a folder");
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
    };
    allow(dir.path(), 0o755);
    // Where the build is, another user may not go.
    let program = dir.path().join("kraftd");
    home::copy_program(Path::new(env!("CARGO_BIN_EXE_kraftd")), &program);
    let data = dir.path().join("data");
    fs::create_dir(&data).expect("creates");
    allow(&data, 0o000);
    let mut command = Command::new(&program);
    command.arg("dump").arg(&data);
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let shown = command.output().expect("kraftd runs");
    allow(&data, 0o755);
    let error = String::from_utf8_lossy(&shown.stderr);
    assert!(error.contains("Permission denied"), "{error}");
    assert!(error.contains("as the user that runs the node"), "{error}");
    assert_eq!(shown.status.code(), Some(1));
}

/// Where a dump puts its copy: a folder of the test's own.
fn dumping(data: &Path, temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    command.arg("dump").arg(data).env("TMPDIR", temporary);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder");
    entries.map(|it| it.expect("an entry").path()).collect()
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id() as i32).expect("a process");
    kill_process(pid, signal).expect("our child");
}

#[test]
fn a_copy_is_for_its_owner_alone_and_a_signal_leaves_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, temporary) = (dir.path().join("data"), dir.path().join("tmp"));
    let log = data.join("__cluster_metadata-0/00000000000000000000.log");
    fs::create_dir_all(&log).expect("creates");
    fs::create_dir(&temporary).expect("creates");
    // Whoever copies it waits until somebody writes to it.
    let stuck = log.join("0000000000000001.raftlog");
    mkfifoat(CWD, &stuck, Mode::RUSR | Mode::WUSR).expect("makes");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut child = dumping(&data, &temporary).spawn().expect("starts");
        wait_until("a copy", || !entries(&temporary).is_empty());
        let copy = fs::metadata(&entries(&temporary)[0]).expect("is there");
        assert_eq!(copy.permissions().mode() & 0o777, 0o700);
        send(&child, signal);
        fs::OpenOptions::new()
            .write(true)
            .open(&stuck)
            .expect("somebody reads");
        assert!(!child.wait().expect("ends").success());
        assert_eq!(entries(&temporary), [] as [PathBuf; 0], "{signal:?}");
    }
}

#[test]
fn a_dump_that_nobody_reads_has_no_copy_and_heeds_signals() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, temporary) = (dir.path().join("data"), dir.path().join("tmp"));
    fs::create_dir(&temporary).expect("creates");
    fs::create_dir(&data).expect("creates");
    let mut log = open(&data);
    for offset in 0..2_000 {
        log.append(&batch(Offset(offset), 1, 10)).expect("appends");
    }
    log.sync().expect("syncs");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = dumping(&data, &temporary).spawn().expect("starts");
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0]).expect("the first of it");
        assert_eq!(entries(&temporary), [] as [PathBuf; 0]);
        // What is left of it does not fit into the pipe.
        assert!(child.try_wait().expect("a child").is_none());
        send(&child, signal);
        assert_eq!(child.wait().expect("ends").code(), Some(code));
    }
}
