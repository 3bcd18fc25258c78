//! The bug bank: a simulator that finds nothing proves nothing, so bugs that others had are built in, one
//! after the other, and each must be found. The same seed without the bug must pass. See
//! docs/BUG-BANK.md.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{attempt, bugs::PlantedBug, for_each_seed, nemesis::Fault, plan::Plan, world::Outcome};

/// At most so many seeds until a bug is found.
const MAX_SEEDS: u64 = 400;

/// Finds a bug with plans that lean towards it: some seed shall end in a failure with these words.
fn finds(bug: PlantedBug, words: &str, plan: fn(u64) -> Plan) {
    let planted = |seed| Plan {
        bug: Some(bug),
        ..plan(seed)
    };
    finds_with(&format!("{bug:?}"), words, plan, |seed| {
        attempt(planted(seed))
    });
}

/// The first seed that fails as it shall with the bug passes without it.
pub fn finds_with(
    bug: &str,
    words: &str,
    plan: fn(u64) -> Plan,
    planted: impl Fn(u64) -> Result<Outcome, String> + Sync,
) {
    let first = AtomicU64::new(MAX_SEEDS);
    let failures = for_each_seed(0..MAX_SEEDS, |seed| {
        if seed > first.load(Ordering::Relaxed) {
            return None;
        }
        let why = planted(seed).err().filter(|why| why.contains(words))?;
        first.fetch_min(seed, Ordering::Relaxed);
        Some((seed, why))
    });
    let first = failures.into_iter().flatten().min();
    let (seed, why) = first.unwrap_or_else(|| panic!("{bug} was not found in {MAX_SEEDS} seeds"));
    let why = why.lines().next().unwrap_or_default();
    println!("{bug} is found by seed {seed}: {why}");
    let clean = attempt(plan(seed));
    clean.unwrap_or_else(|why| panic!("seed {seed} fails without {bug}, too: {why}"));
}

/// Nothing that hides a bug of elections and logs.
pub fn plain(seed: u64) -> Plan {
    let plan = Plan {
        crash_one_in: None,
        ..Plan::of_seed(seed)
    };
    let hides = [
        Fault::DamageDisk,
        Fault::ReplaceDisk,
        Fault::SwapDisks,
        Fault::FullDisk,
        Fault::FailSync,
        Fault::FailWrite,
    ];
    hides
        .into_iter()
        .fold(plan, |plan, fault| plan.with(fault, None))
}

/// Disks that lose what they had, under nodes that are killed, and no snapshot to mend them.
pub fn rotten(seed: u64) -> Plan {
    let plan = Plan {
        nodes: 3,
        down_ms: 3_000,
        ..plain(seed)
    };
    plan.with(Fault::Snapshot, None)
        .with(Fault::DamageDisk, 2_000)
        .with(Fault::Kill, 1_000)
}

#[test]
fn bank_a_vote_that_is_not_saved() {
    finds(PlantedBug::VoteNotSaved, "voted twice in epoch", |seed| {
        Plan {
            nodes: 5,
            down_ms: 50,
            old_node: true,
            ..plain(seed).with(Fault::Kill, 100)
        }
    });
}

#[test]
fn bank_an_end_counted_before_its_sync() {
    finds(PlantedBug::EndCountedBeforeSync, "disks have it", |seed| {
        Plan {
            nodes: 3,
            ..plain(seed).with(Fault::PowerCut, 500)
        }
    });
}

#[test]
fn bank_old_records_committed_by_counting() {
    finds(
        PlantedBug::OldEpochCommittedByCounting,
        "to commit it",
        |seed| Plan {
            nodes: 5,
            election_timeout_ms: 100,
            fetch_timeout_ms: 100,
            fetch_max_bytes: 1,
            propose_every_ms: 5,
            down_ms: 300,
            ..plain(seed)
                .with(Fault::Snapshot, None)
                .with(Fault::Partition, 150)
                .with(Fault::Kill, 300)
        },
    );
}

#[test]
fn bank_a_failed_sync_ignored() {
    finds(PlantedBug::FailedSyncIgnored, "disks have it", |seed| {
        Plan {
            nodes: 3,
            ..plain(seed)
                .with(Fault::FailSync, 500)
                .with(Fault::PowerCut, 1_000)
        }
    });
}

#[test]
fn bank_the_page_cache_trusted() {
    finds(PlantedBug::PageCacheTrusted, "disks have it", |seed| Plan {
        nodes: 3,
        max_sync_us: 100_000,
        propose_every_ms: 20,
        down_ms: 100,
        ..plain(seed)
            .with(Fault::Kill, 300)
            .with(Fault::PowerCut, 500)
    });
}

#[test]
fn bank_damage_cut_silently() {
    finds(PlantedBug::DamageCutSilently, "is committed", rotten);
}

#[test]
fn bank_a_blank_disk_that_votes() {
    finds(PlantedBug::BlankDiskVotes, "is committed", |seed| Plan {
        nodes: 3,
        down_ms: 3_000,
        ..plain(seed)
            .with(Fault::ReplaceDisk, 2_000)
            .with(Fault::Kill, 1_000)
    });
}

#[test]
fn bank_the_wrong_disk_accepted() {
    finds(
        PlantedBug::WrongDiskAccepted,
        "voted twice in epoch",
        |seed| Plan {
            nodes: 3,
            ..plain(seed)
                .with(Fault::SwapDisks, 1_000)
                .with(Fault::Kill, 1_000)
        },
    );
}

#[test]
fn bank_an_unknown_epoch_taken_for_agreement() {
    finds(
        PlantedBug::UnknownEpochTakenForAgreement,
        "has another record than was committed at",
        |seed| Plan {
            nodes: 3,
            election_timeout_ms: 100,
            fetch_timeout_ms: 100,
            propose_every_ms: 5,
            down_ms: 500,
            ..plain(seed)
                .with(Fault::Snapshot, None)
                .with(Fault::Partition, 200)
                .with(Fault::Kill, 300)
        },
    );
}

#[test]
fn bank_a_vote_for_a_shorter_log() {
    finds(PlantedBug::VoteForShorterLog, "is committed", |seed| Plan {
        nodes: 5,
        ..plain(seed).with(Fault::Partition, 500)
    });
}

#[test]
fn bank_a_snapshot_off_by_one() {
    finds(PlantedBug::SnapshotOffByOne, "raft knows the log", |seed| {
        plain(seed).with(Fault::Snapshot, 500)
    });
}

#[test]
fn bank_the_old_log_kept_under_a_snapshot() {
    finds(
        PlantedBug::LogKeptUnderSnapshot,
        "has another record than was committed at",
        |seed| Plan {
            nodes: 3,
            ..plain(seed)
                .with(Fault::Snapshot, 500)
                .with(Fault::Kill, 1_000)
        },
    );
}

#[test]
fn bank_a_truncation_that_goes_too_far() {
    finds(PlantedBug::TruncationTooFar, "which is committed", |seed| {
        Plan {
            nodes: 3,
            ..plain(seed)
                .with(Fault::Snapshot, None)
                .with(Fault::Partition, 500)
                .with(Fault::Kill, 1_000)
        }
    });
}

#[test]
fn bank_a_high_watermark_that_is_too_high() {
    finds(
        PlantedBug::HighWatermarkTooHigh,
        "takes something else for committed",
        |seed| Plan {
            nodes: 3,
            ..plain(seed).with(Fault::Partition, 1_000)
        },
    );
}

#[test]
fn bank_an_answer_before_the_commit() {
    finds(
        PlantedBug::AnsweredBeforeCommit,
        "was confirmed, and is not committed",
        |seed| Plan {
            nodes: 3,
            propose_every_ms: 20,
            ..Plan::with_controllers(seed)
                .with(Fault::PowerCut, 500)
                .with(Fault::Partition, 500)
        },
    );
}

#[test]
fn bank_the_progress_of_another() {
    finds(PlantedBug::ProgressOfAnother, "disks have it", |seed| {
        Plan {
            nodes: 5,
            ..plain(seed).with(Fault::Partition, 500)
        }
    });
}

#[test]
fn bank_old_fetches_that_count() {
    finds(
        PlantedBug::OldFetchesCount,
        "still leads, and a majority was silent",
        |seed| {
            let plan = Plan {
                nodes: 3,
                ..plain(seed)
            };
            plan.with(Fault::Partition, 2_000)
        },
    );
}

#[test]
fn bank_a_prefix_dropped_too_far() {
    finds(
        PlantedBug::PrefixDroppedTooFar,
        "which is no end of a batch",
        |seed| Plan {
            nodes: 3,
            ..plain(seed).with(Fault::Snapshot, 500)
        },
    );
}

#[test]
fn bank_a_registration_that_is_not_repeated() {
    finds(
        PlantedBug::RegistrationNotRepeated,
        "registered at",
        Plan::with_controllers,
    );
}

#[test]
fn bank_a_timer_that_is_not_reset() {
    finds(PlantedBug::TimerNotReset, "wakes up all the time", plain);
}

#[test]
fn bank_silent_brokers_forgotten() {
    finds(PlantedBug::SilentBrokersForgotten, "is well, and", |seed| {
        Plan {
            session_timeout_ms: 1_500,
            ..Plan::with_controllers(seed).with(Fault::Resign, 5_000)
        }
    });
}

#[test]
fn bank_sessions_that_begin_empty() {
    finds(PlantedBug::SessionsBeginEmpty, "fences broker", |seed| {
        Plan::with_controllers(seed).with(Fault::Resign, 5_000)
    });
}

#[test]
fn bank_a_crash_taken_for_a_clean_end() {
    finds(
        PlantedBug::CrashTakenForCleanEnd,
        "did not end in order, and is taken for complete",
        |seed| Plan {
            session_timeout_ms: 1_500,
            ..Plan::with_controllers(seed)
        },
    );
}

#[test]
fn bank_no_snapshot_after_resigning() {
    finds(
        PlantedBug::NoSnapshotAfterResigning,
        "has written no snapshot since",
        |seed| Plan {
            nodes: 3,
            snapshot_bytes: 1_000,
            propose_every_ms: 20,
            ..Plan::with_controllers(seed).with(Fault::Partition, 2_000)
        },
    );
}

#[test]
fn bank_records_read_late() {
    finds(
        PlantedBug::RecordsReadLate,
        "a record of an epoch to come",
        |seed| Plan {
            nodes: 3,
            election_timeout_ms: 100,
            fetch_timeout_ms: 100,
            propose_every_ms: 5,
            ..plain(seed)
                .with(Fault::Snapshot, None)
                .with(Fault::Partition, 200)
        },
    );
}

#[test]
fn bank_heartbeats_that_wait_in_line() {
    finds(PlantedBug::HeartbeatsWaitInLine, "fences broker", |seed| {
        Plan {
            steady_brokers: false,
            ..overloaded(seed)
        }
    });
}

#[test]
fn bank_a_broker_that_waits_forgotten() {
    finds(PlantedBug::WaitingForgotten, "fences broker", overloaded);
}

/// Many ask processes that are slow, and brokers have short sessions.
fn overloaded(seed: u64) -> Plan {
    let plan = Plan {
        nodes: 3,
        faults: Default::default(),
        crash_one_in: None,
        lose_one_in: None,
        session_timeout_ms: 1_000,
        more_observers: 30,
        ends_at_ms: 30_000,
        faults_until_ms: 25_000,
        max_delay_us: 500,
        election_timeout_ms: 1_000,
        fetch_timeout_ms: 3_000,
        ..Plan::with_controllers(seed)
    };
    plan.with(Fault::Overload, 3_000)
}
