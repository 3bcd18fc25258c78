//! Disks that break while a node works: strace makes one call of it fail, then of a new node the next one, and so on,
//! while records are written through the wire. Each time the node must end by itself and say what failed, where, and
//! what helps; and all that it acknowledged must be there when it is started again.
//!
//! `KRAFTD_BROKEN_DISKS=60 cargo test --release --test mistakes broken` breaks up to so many calls of each kind.

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use kraftd::protocol::api::Response;

use super::{
    harness::{
        client::Client,
        process::{Process, wait_for},
        requests,
    },
    site::{Site, TIMEOUT},
};

/// So many calls of a kind fail, one in each life of a node.
const CALLS: usize = 8;
/// What else is set with each acknowledged configuration, so that the log needs a second file: so many, so long.
const FILLERS: usize = 32;
const FILLER_BYTES: usize = 32_000;
/// Who has acknowledged so many does not meet the fault any more.
const WRITES: usize = 25;
/// The ends of the snapshots that are written meanwhile lie below this.
const OFFSETS: usize = 100;
/// A moment, for a node that does not answer yet, or any more.
const PAUSE: Duration = Duration::from_millis(5);

/// What a call says, and the words that end the node.
struct Failure {
    name: &'static str,
    words: &'static str,
}

const BROKEN: Failure = Failure {
    name: "EIO",
    words: "Input/output error (os error 5). The disk failed: the system's log says how. If it is well again, start \
            again; if not, format an empty directory on another one with the same cluster id, and start while the \
            other voters are up",
};
const FULL: Failure = Failure {
    name: "ENOSPC",
    words: "No space left on device (os error 28). Free space on this disk and start again: nothing that was \
            acknowledged is lost",
};

/// Calls that fail, where they concern certain files, or any.
struct Fault {
    calls: &'static str,
    failure: Failure,
    files: Vec<PathBuf>,
    fillers: usize,
    after_a_kill: bool,
}

impl Fault {
    fn any(calls: &'static str, failure: Failure) -> Fault {
        Fault::of(calls, failure, &[])
    }

    /// Below the directory of the metadata.
    fn of(calls: &'static str, failure: Failure, files: &[&str]) -> Fault {
        Fault {
            calls,
            failure,
            files: files.iter().map(PathBuf::from).collect(),
            fillers: 0,
            after_a_kill: false,
        }
    }

    /// Of a snapshot, complete or not, wherever it ends.
    fn of_a_snapshot(calls: &'static str, failure: Failure) -> Fault {
        let names = (0..OFFSETS).flat_map(|offset| {
            let name = format!("{offset:020}-0000000001.checkpoint");
            [format!("{name}.part"), name]
        });
        let mut fault = Fault::any(calls, failure);
        fault.files = names.map(PathBuf::from).collect();
        fault
    }

    /// Where the log has two files.
    fn with_a_long_log(mut self) -> Fault {
        self.fillers = FILLERS;
        self
    }

    /// In the second life of a node.
    fn after_a_kill(mut self) -> Fault {
        self.after_a_kill = true;
        self
    }

    /// A node of which a thread's call with this number fails. It is strace's parent, not its child: whoever ends
    /// the node ends both.
    fn node(&self, site: &Site, number: usize) -> Command {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-y", "--seccomp-bpf", "-o"]);
        command.arg(trace(site));
        for file in &self.files {
            command.arg("-P").arg(site.metadata().join(file));
        }
        let (calls, name) = (self.calls, self.failure.name);
        command.args(["-e", &format!("trace={calls}"), "-e"]);
        command.arg(format!("inject={calls}:error={name}:when={number}"));
        command.arg(env!("CARGO_BIN_EXE_kraftd")).arg("server");
        command.arg(site.file()).env("KRAFTD_LOG", "off");
        command
    }
}

fn trace(site: &Site) -> PathBuf {
    site.folder().join("trace")
}

/// The life of a node on a disk that breaks.
struct Life {
    /// The call that failed, as strace tells it.
    struck: Option<String>,
    acknowledged: BTreeSet<String>,
    /// How it ended. Whom no call failed was told to, in the end.
    ended: ExitStatus,
    said: String,
}

impl Life {
    fn new(site: &Site, fault: &Fault, number: usize) -> Life {
        let log = site.folder().join("broken.log");
        let mut node = Process::start("strace kraftd", fault.node(site, number), &log);
        let acknowledged = write_until_the_end(site, &mut node, fault.fillers);
        if node.ended().is_none() {
            node.signal_to_end();
        }
        let ended = node.wait_for_end(TIMEOUT);
        let calls = wait_for("the end of strace", TIMEOUT, || {
            let calls = fs::read_to_string(trace(site)).unwrap_or_default();
            match calls
                .lines()
                .last()
                .is_some_and(|line| line.contains("+++"))
            {
                true => Ok(calls),
                false => Err(calls),
            }
        });
        let mut calls = calls.lines();
        Life {
            struck: calls
                .find(|call| call.contains("(INJECTED)"))
                .map(str::to_owned),
            acknowledged,
            ended,
            said: fs::read_to_string(&log).expect("what it said"),
        }
    }
}

/// Sets one configuration after the other, until enough are set, or the node is no more; and says which it
/// acknowledged.
fn write_until_the_end(site: &Site, node: &mut Process, fillers: usize) -> BTreeSet<String> {
    let (mut client, mut acknowledged) = (None, BTreeSet::new());
    let began = Instant::now();
    let filler = "v".repeat(FILLER_BYTES);
    let fillers: Vec<String> = (0..fillers)
        .map(|number| format!("filler.{number}"))
        .collect();
    while node.ended().is_none() && acknowledged.len() < WRITES {
        assert!(began.elapsed() < TIMEOUT, "it neither works nor ends");
        let name = format!("kraftd.{}", acknowledged.len());
        let mut changes = vec![(name.as_str(), requests::SET, Some("1"))];
        changes.extend(
            fillers
                .iter()
                .map(|name| (name.as_str(), requests::SET, Some(filler.as_str()))),
        );
        let request = requests::alter((requests::BROKER, ""), &changes, false);
        let connected = client.take().or_else(|| Client::connect(site.port).ok());
        let answer = connected.and_then(|mut connected| {
            let answer = connected.exchange(1, &request).ok()?;
            client = Some(connected);
            Some(answer)
        });
        match answer {
            Some(Response::IncrementalAlterConfigs(answer))
                if answer.responses[0].error_code.is_ok() =>
            {
                acknowledged.insert(name);
            }
            _ => thread::sleep(PAUSE),
        }
    }
    acknowledged
}

/// Starts again, on a disk that is well.
fn assert_has(site: &Site, acknowledged: &BTreeSet<String>, what: &str) {
    let _running = site.start();
    site.wait_until_it_leads();
    let names: Vec<&str> = acknowledged.iter().map(String::as_str).collect();
    let request = requests::describe((requests::BROKER, ""), Some(&names), false, false);
    let mut client = Client::connect(site.port).expect("a connection");
    let answer = client.exchange(4, &request).expect("an answer");
    let Response::DescribeConfigs(answer) = answer else {
        panic!("{answer:?}");
    };
    let found = answer.results[0].configs.iter();
    let found: BTreeSet<String> = found.map(|config| config.name.clone()).collect();
    let missing: Vec<_> = acknowledged.difference(&found).collect();
    assert!(
        missing.is_empty(),
        "{what}: acknowledged, and gone: {missing:?}"
    );
    assert!(site.lines("this voter has lost").is_empty(), "{what}");
}

/// Breaks the first call, then the second, and so on, until a node does not come to so many: for each a life.
fn lives(fault: &Fault, mut check: impl FnMut(&str, &Site, &Life)) {
    let calls =
        env::var("KRAFTD_BROKEN_DISKS").map_or(CALLS, |calls| calls.parse().expect("a number"));
    for number in 1..=calls {
        let site = Site::formatted();
        site.set("metadata.log.max.record.bytes.between.snapshots", "1000");
        if fault.after_a_kill {
            drop(site.start());
        }
        let life = Life::new(&site, fault, number);
        let Some(struck) = &life.struck else {
            assert!(number > 1, "no {} fails", fault.calls);
            println!(
                "{} of {} fail with {}",
                number - 1,
                fault.calls,
                fault.failure.name
            );
            return;
        };
        let what = format!(
            "{struck}; {} acknowledged, {:?}: {}",
            life.acknowledged.len(),
            life.ended,
            life.said
        );
        check(&what, &site, &life);
        assert_has(&site, &life.acknowledged, &what);
    }
    println!(
        "{calls} of {} fail with {}",
        fault.calls, fault.failure.name
    );
}

/// Each of these must end the node, in good words.
fn assert_ends(fault: &Fault) {
    lives(fault, |what, site, life| {
        // Zero, if it had to be told to.
        assert_eq!(life.ended.code(), Some(1), "{what}");
        let last = life.said.lines().last().unwrap_or_default();
        // While it starts, and later.
        let cannot = last.strip_prefix("kraftd stops: ").unwrap_or(last);
        let place = site.data().display().to_string();
        let tells = cannot.starts_with("cannot ") && cannot.contains(&place);
        assert!(tells && last.ends_with(fault.failure.words), "{what}");
        assert!(!life.said.contains("panicked"), "{what}");
    });
}

const LOG: &str = "00000000000000000000.log";
const FIRST: &str = "00000000000000000000.log/0000000000000001.raftlog";
const SECOND: &str = "00000000000000000000.log/0000000000000002.raftlog";

#[test]
fn a_sync_that_fails_ends_the_node() {
    assert_ends(&Fault::any("fdatasync", BROKEN));
    assert_ends(&Fault::any("fsync", BROKEN));
    assert_ends(&Fault::of_a_snapshot("fsync", BROKEN));
    // The directory, when the log gets another file: raft-engine's own call.
    assert_ends(&Fault::of("fsync", BROKEN, &[LOG]).with_a_long_log());
    assert_ends(&Fault::of("fdatasync", BROKEN, &[SECOND]).with_a_long_log());
}

#[test]
fn a_write_that_fails_ends_the_node() {
    for failure in [BROKEN, FULL] {
        assert_ends(&Fault::any("pwrite64", failure));
    }
    for failure in [BROKEN, FULL] {
        assert_ends(&Fault::of("write", failure, &["voter-state.tmp"]));
    }
    for failure in [BROKEN, FULL] {
        assert_ends(&Fault::of_a_snapshot("write", failure));
    }
    assert_ends(&Fault::of("pwrite64", FULL, &[SECOND]).with_a_long_log());
    // The space that was set aside is given back.
    assert_ends(&Fault::any("ftruncate", BROKEN).after_a_kill());
}

#[test]
fn a_file_that_cannot_be_made_ends_the_node() {
    assert_ends(&Fault::any("mkdir", BROKEN));
    assert_ends(&Fault::any("mkdir", FULL));
    let files = ["voter-state", "voter-state.tmp", LOG, FIRST];
    assert_ends(&Fault::of("openat", BROKEN, &files));
    assert_ends(&Fault::of("openat", FULL, &[SECOND]).with_a_long_log());
    assert_ends(&Fault::of(
        "rename",
        FULL,
        &["voter-state", "voter-state.tmp"],
    ));
    assert_ends(&Fault::of_a_snapshot("rename", BROKEN));
    assert_ends(&Fault::of_a_snapshot("openat", FULL));
}

/// Space that cannot be set aside is taken when it is written to; what does not fit then is another fault.
#[test]
fn space_that_cannot_be_set_aside_ends_nothing() {
    lives(&Fault::any("fallocate", FULL), |what, _, life| {
        assert!(life.ended.success() && life.said.is_empty(), "{what}");
    });
}
