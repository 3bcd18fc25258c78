//! What the active controller does by itself, from time to time (`PeriodicTaskControlManager`).

use std::collections::BTreeMap;

use crate::time::{Now, Time};

/// A task that found more to do than one run may comes again after so long.
const AGAIN_SOON_MS: u64 = 10;

/// How often each task runs; names as in server.properties.
#[derive(Clone, Copy, Debug)]
pub struct PeriodicOptions {
    /// `metadata.max.idle.interval.ms`: how long nothing is written; 0 for ever.
    pub max_idle_interval_ms: u64,
    /// `leader.imbalance.check.interval.seconds`, in milliseconds.
    pub leader_imbalance_check_interval_ms: u64,
    /// `auto.leader.rebalance.enable`
    pub auto_leader_rebalance_enable: bool,
    /// `unclean.leader.election.interval.ms`
    pub unclean_leader_election_interval_ms: u64,
}

impl Default for PeriodicOptions {
    fn default() -> Self {
        PeriodicOptions {
            max_idle_interval_ms: 500,
            leader_imbalance_check_interval_ms: 300_000,
            auto_leader_rebalance_enable: true,
            unclean_leader_election_interval_ms: 300_000,
        }
    }
}

/// The tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// Fences a broker that was silent for its whole session.
    FenceStaleBrokers,
    /// Writes a NoOp record after a time without any other, so that followers see the log move.
    WriteNoOp,
    /// Gives partitions back to their preferred leaders.
    BalanceLeaders,
    /// Elects out-of-sync replicas where the topic allows it and nobody else is there.
    ElectUnclean,
}

/// When each task runs next.
pub(super) struct Periodic {
    interval_ms: BTreeMap<Task, u64>,
    due: BTreeMap<Task, Time>,
}

impl Periodic {
    pub(super) fn new(options: PeriodicOptions, session_timeout_ms: u64, now: Now) -> Periodic {
        let balance = match options.auto_leader_rebalance_enable {
            true => options.leader_imbalance_check_interval_ms,
            false => 0,
        };
        let interval_ms: BTreeMap<Task, u64> = [
            // Eight looks a session, as in Kafka.
            (Task::FenceStaleBrokers, (session_timeout_ms / 8).max(1)),
            (Task::WriteNoOp, options.max_idle_interval_ms),
            (Task::BalanceLeaders, balance),
            (
                Task::ElectUnclean,
                options.unclean_leader_election_interval_ms,
            ),
        ]
        .into_iter()
        .filter(|(_, interval_ms)| *interval_ms > 0)
        .collect();
        let due = interval_ms.iter();
        let due = due.map(|(task, interval_ms)| (*task, now.time.plus_ms(*interval_ms)));
        Periodic {
            due: due.collect(),
            interval_ms,
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.due.values().min().copied()
    }

    /// The tasks whose time has come; each is to be reported by [`Periodic::done`].
    pub(super) fn due(&self, now: Now) -> Vec<Task> {
        let due = self.due.iter().filter(|(_, due)| **due <= now.time);
        due.map(|(task, _)| *task).collect()
    }

    /// The task has run; with `again_soon`, it did not get to the end of its work.
    pub(super) fn done(&mut self, now: Now, task: Task, again_soon: bool) {
        let interval_ms = match again_soon {
            true => AGAIN_SOON_MS,
            false => self.interval_ms[&task],
        };
        self.due.insert(task, now.time.plus_ms(interval_ms));
    }

    /// Something was written: no need to show that the log moves.
    pub(super) fn appended(&mut self, now: Now) {
        if self.interval_ms.contains_key(&Task::WriteNoOp) {
            self.done(now, Task::WriteNoOp, false);
        }
    }
}
