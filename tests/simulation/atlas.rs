//! What can go wrong and what must hold, with where each is in the simulation: the source of docs/FAULTS.md,
//! which a test compares with it. `UPDATE=1` writes the page anew.

use std::{env, fmt::Debug, fs, path::Path};

use crate::{
    coverage::Mark,
    nemesis::Fault::{self, *},
};

/// Something that goes wrong.
struct Harm {
    number: u8,
    what: &'static str,
    faults: &'static [Fault],
    /// Where it is, if it is no fault with a time of its own; or why it is not here.
    place: Place,
    /// What must have happened after the usual seeds, besides that the faults fired.
    reached: &'static [Mark],
}

/// Something that must hold.
struct Rule {
    number: u8,
    what: &'static str,
    places: &'static [Place],
}

#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    /// A file of the simulation, and what stands in it.
    In(&'static str, &'static str),
    /// Another test.
    Elsewhere(&'static str),
}

use Place::{Elsewhere, In, Nowhere};

const fn harm(
    number: u8,
    what: &'static str,
    faults: &'static [Fault],
    place: Place,
    reached: &'static [Mark],
) -> Harm {
    Harm {
        number,
        what,
        faults,
        place,
        reached,
    }
}

const fn rule(number: u8, what: &'static str, places: &'static [Place]) -> Rule {
    Rule {
        number,
        what,
        places,
    }
}

#[rustfmt::skip]
const HARMS: &[Harm] = &[
    harm(1, "a process is killed, at any event", &[Kill], In("plan.rs", "crash_one_in"), &[Mark::CrashedBetweenEffects]),
    harm(2, "all nodes die at once", &[Blackout], Nowhere, &[]),
    harm(3, "the power goes, and with it any part of what was not synced", &[PowerCut, Blackout], Nowhere, &[Mark::TornTail]),
    harm(4, "a write is torn", &[PowerCut], Elsewhere("within a file: tests/crash_lab"), &[Mark::TornTail]),
    harm(5, "a sync fails, once or from then on", &[FailSync, WearOut], In("worn.rs", "fn a_worn_disk_stops_its_node_alone"), &[Mark::SyncFailed, Mark::StartFailedOnWornDisk, Mark::CommittedBesideWornDisk]),
    harm(6, "a write fails, done or not", &[FailWrite], Elsewhere("of the real log, call by call, and its syncs: tests/mistakes"), &[Mark::WriteFailed]),
    harm(7, "a disk is full, and later is not", &[FullDisk], Nowhere, &[Mark::DiskFull]),
    harm(8, "bits rot in the log, in a snapshot, in what was voted", &[DamageDisk], Nowhere, &[Mark::LogRotted, Mark::SnapshotRotted, Mark::SnapshotRotRefused, Mark::VoterStateLost, Mark::Amnesiac, Mark::Recovered]),
    harm(9, "writes went elsewhere, old files are back, files are missing", &[DamageDisk], Nowhere, &[Mark::WriteMisdirected, Mark::TailLost, Mark::SnapshotLost, Mark::Amnesiac]),
    harm(10, "a blank disk, or another node's", &[ReplaceDisk, SwapDisks], Nowhere, &[Mark::BlankDisk, Mark::WrongDiskRefused]),
    harm(11, "a disk is slow, or does nothing", &[SlowDisk, HungDisk], Nowhere, &[Mark::StoodStillInSync]),
    harm(12, "the network falls apart, or flaps", &[Partition, Flap], Nowhere, &[]),
    harm(13, "one direction, a ring or a bridge is left; requests or answers alone are lost", &[Partition], In("plan.rs", "one_way_partitions"), &[]),
    harm(14, "clients reach some nodes and not others", &[CutClients], Nowhere, &[Mark::NotController]),
    harm(15, "links hold messages back, and let them go in a burst", &[Clog], Nowhere, &[]),
    harm(16, "messages are lost, repeated, overtaken, late; connections break", &[Reset], In("plan.rs", "repeat_one_in"), &[]),
    harm(17, "half-open connections, frames cut short, a byte at a time", &[], Elsewhere("tests/faults, tests/mistakes, src/server/connection.rs"), &[]),
    harm(18, "a process stands still, and goes on", &[Pause], In("clients.rs", "sleep_ms"), &[]),
    harm(19, "clocks jump, or run fast or slow", &[WallClockJump], In("plan.rs", "skew_percent"), &[]),
    harm(20, "a host has no time or memory for a process", &[Overload], Nowhere, &[]),
    harm(21, "names are unknown, or lead to another node, at a start and later", &[WrongName], Nowhere, &[Mark::SentToWrongName]),
    harm(22, "a process dies between any two effects: votes, appends, snapshots, installations", &[], In("rim.rs", "fn crashes_here"), &[Mark::CrashedBetweenEffects]),
    harm(23, "a follower is far behind; its snapshot is deleted or replaced while it is fetched", &[Snapshot], Nowhere, &[Mark::SnapshotInstalled, Mark::SnapshotGoneMeanwhile, Mark::SnapshotAbandoned]),
    harm(24, "logs diverge, over several epochs", &[Partition, Kill], Nowhere, &[Mark::Diverged, Mark::DivergedOverEpochs, Mark::Truncated]),
    harm(25, "too much is asked for: ten times as much, topics of thousands of partitions, events of seconds", &[Rush, Overload], In("rush.rs", "fn very_many_partitions_in_a_rush"), &[Mark::HugeTopicCreated, Mark::BusyForASecond]),
    harm(26, "brokers come and go, in order and not, twice the same, with old epochs and failed disks", &[], In("clients.rs", "failed_directory"), &[Mark::DuplicateBrokerRefused, Mark::TwinRefused, Mark::TwinTookOver, Mark::StaleBrokerEpochRefused, Mark::BrokerLeftInOrder, Mark::LeaderMovedFromFailedDisk]),
    harm(27, "controllers restart one after the other, also with another release", &[Resign], In("rim.rs", "fn change_release"), &[Mark::ReleaseChanged]),
    harm(28, "strangers ask: other clusters, wrong ids, past and future epochs", &[Stranger], Nowhere, &[]),
];

#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule(1, "an epoch has one leader", &[In("checker.rs", "fn on_leader")]),
    rule(2, "epochs and votes never go back; what is remembered is saved", &[In("witness.rs", "saved as it is"), In("checker.rs", "fn on_vote")]),
    rule(3, "logs are equal up to the high watermark", &[In("checker.rs", "fn compare")]),
    rule(4, "a leader has all that was committed", &[In("checker.rs", "fn on_leader")]),
    rule(5, "high watermarks never go back for whoever sees them", &[In("observer.rs", "high watermark {reached} after")]),
    rule(6, "what is committed is on the synced disks of a majority", &[In("witness.rs", "disks have it")]),
    rule(7, "nothing committed is cut off", &[In("checker.rs", "fn on_truncate")]),
    rule(8, "only records of the own epoch are committed by counting", &[In("checker.rs", "fn on_count")]),
    rule(9, "a vote is given once an epoch, across restarts", &[In("checker.rs", "fn on_vote")]),
    rule(10, "a pre-vote changes nothing", &[In("wire.rs", "remembers a pre-vote")]),
    rule(11, "a snapshot is what the log before it amounts to", &[In("checker.rs", "fn on_snapshot")]),
    rule(12, "an installed snapshot replaces the log", &[In("witness.rs", "raft knows the log"), In("checker.rs", "fn compare")]),
    rule(13, "a leader that a majority does not follow resigns", &[In("watch.rs", "fn check_quorum")]),
    rule(14, "a voter that may have forgotten something does not vote", &[In("checker.rs", "fn on_forgotten"), In("beyond.rs", "fn damage_beyond_the_promise_is_never_silent")]),
    rule(15, "what was confirmed is in the log, once, and stays", &[In("history.rs", "fn acknowledge"), In("history.rs", "fn once")]),
    rule(16, "what was refused is not in the log", &[In("history.rs", "was refused for good")]),
    rule(17, "equal logs make equal states", &[In("witness.rs", "fn compare_image"), In("images.rs", "fn agrees")]),
    rule(18, "ids are unique, epochs and blocks of producer ids rise", &[In("images.rs", "impl Before"), In("history.rs", "given away twice")]),
    rule(19, "who leads is in sync, not fenced, and has its replica where it can be served", &[In("images.rs", "fn check_brokers"), In("images.rs", "fn check_directory")]),
    rule(20, "who is in sync is a replica, and not also eligible", &[In("images.rs", "fn check_partition")]),
    rule(21, "a transaction is done whole or not at all", &[In("images.rs", "stable()"), Elsewhere("tests/it/scripts/metadata")]),
    rule(22, "live brokers are not fenced, silent ones are", &[In("witness.rs", "fn check_fencing"), In("watch.rs", "fn check_sessions")]),
    rule(23, "who may do what: there is no authorizer yet, and no ACLs over the wire", &[Elsewhere("README.md")]),
    rule(24, "every record can be replayed", &[In("images.rs", "committed, but")]),
    rule(25, "five election timeouts after all faults end something is committed again", &[In("world.rs", "five election timeouts")]),
    rule(26, "in the end everyone is in step, and no broker is fenced", &[In("ending.rs", "fn check_end"), In("ending.rs", "fn check_controllers")]),
    rule(27, "nobody works for nothing, and every request is answered in time", &[In("watch.rs", "fn watch_wake"), In("watch.rs", "fn watch_fetch"), In("observer.rs", "is kept busy with nothing"), In("watch.rs", "has not answered")]),
    rule(28, "memory is bounded by what is there", &[In("watch.rs", "fn check_log_length"), Elsewhere("tests/hostile")]),
    rule(29, "Java's brokers come to the same state", &[In("observer.rs", "broker {me} exits"), Elsewhere("tests/java")]),
];

const INTRODUCTION: &str = "# Faults and invariants

What can go wrong with a quorum and what must hold all the same, with where each of them is in the
[simulation](TESTING.md#the-simulation). Faults bear the names of `tests/simulation/nemesis.rs`; each must have an
effect, and what stands in the last column must happen, in the runs that every `cargo test` makes. This page is written by
`tests/simulation/atlas.rs`, which also sees that everything named here is there.
";

impl Place {
    fn told(&self) -> Option<String> {
        match self {
            Nowhere => None,
            In(file, what) => Some(format!("`{file}`: `{what}`")),
            Elsewhere(where_) => Some((*where_).to_owned()),
        }
    }
}

fn names<T: Debug>(of: &[T]) -> String {
    let names = of.iter().map(|one| format!("`{one:?}`"));
    names.collect::<Vec<_>>().join(", ")
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n## What goes wrong\n\n| | what | faults and places | what must have happened |\n|---|---|---|---|\n";
    for harm in HARMS {
        let faults = Some(names(harm.faults)).filter(|names| !names.is_empty());
        let places: Vec<String> = faults.into_iter().chain(harm.place.told()).collect();
        page += &format!(
            "| {} | {} | {} | {} |\n",
            harm.number,
            harm.what,
            places.join("; "),
            names(harm.reached)
        );
    }
    page += "\n## What must hold\n\n| | what | where it is checked |\n|---|---|---|\n";
    for rule in RULES {
        let places = rule.places.iter().filter_map(Place::told);
        let places = places.collect::<Vec<_>>().join("; ");
        page += &format!("| {} | {} | {places} |\n", rule.number, rule.what);
    }
    page
}

#[test]
fn the_page_of_faults_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("docs/FAULTS.md");
    if env::var("UPDATE").is_ok() {
        fs::write(&path, page()).expect("a page that can be written");
    }
    let written = fs::read_to_string(&path).expect("docs/FAULTS.md");
    assert!(
        written == page(),
        "docs/FAULTS.md is old: UPDATE=1 writes it"
    );
}

#[test]
fn what_the_page_names_is_there() {
    let places = HARMS.iter().map(|harm| harm.place);
    let places = places.chain(RULES.iter().flat_map(|rule| rule.places.iter().copied()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for place in places {
        if let In(file, what) = place {
            let text = fs::read_to_string(root.join("tests/simulation").join(file));
            let found = text.is_ok_and(|text| text.contains(what));
            assert!(found, "{file} has no {what:?}");
        }
    }
    for (fault, _) in Fault::ALL {
        let known = HARMS.iter().any(|harm| harm.faults.contains(fault));
        assert!(known, "{fault:?} is missing");
    }
    let asserted = [Mark::OF_RAFT, Mark::OF_CONTROLLERS].concat();
    for mark in HARMS.iter().flat_map(|harm| harm.reached) {
        assert!(asserted.contains(mark), "nobody asks for {mark:?}");
    }
}
