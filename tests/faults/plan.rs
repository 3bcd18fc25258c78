//! The faults there are, and which of them a seed brings, when, and to whom.
//!
//! What docs/ARCHITECTURE.md promises to survive, and no more: one disk is damaged at a time, and only when
//! the last damaged one is whole again; anything else may happen at any time, and two things at once.

use std::ops::Range;

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// A round has a second fault with this probability.
const SECOND: f64 = 0.35;
/// And strikes the active controller with this one, where a fault strikes one controller.
const LEADER: f64 = 0.6;
/// A round waits until all controllers have all with this one; else what the last one did may still be felt.
const SETTLED: f64 = 0.6;
/// Between two rounds.
const CALM_MS: Range<u64> = 300..900;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Kill,
    KillAll,
    Stop,
    Pause,
    CutOff,
    Apart,
    Deaf,
    Mute,
    Lossy,
    Slow,
    FullDisk,
    RottenBit,
    NewDisk,
    KillBroker,
    PauseBroker,
    CutOffBroker,
}

/// Faults of one group are not had at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Process,
    Network,
    Disk,
    Broker,
}

/// Kind, name, group, and how long it lasts.
pub const FAULTS: &[(Kind, &str, Group, Range<u64>)] = &[
    (
        Kind::Kill,
        "kill -9 a controller",
        Group::Process,
        100..2_500,
    ),
    (
        Kind::KillAll,
        "kill -9 all controllers",
        Group::Process,
        0..1_000,
    ),
    (
        Kind::Stop,
        "SIGTERM to a controller",
        Group::Process,
        100..1_500,
    ),
    (
        Kind::Pause,
        "SIGSTOP a controller",
        Group::Process,
        500..4_000,
    ),
    (
        Kind::CutOff,
        "cut a controller off",
        Group::Network,
        500..4_500,
    ),
    (
        Kind::Apart,
        "cut all controllers apart",
        Group::Network,
        500..3_000,
    ),
    (
        Kind::Deaf,
        "controller hears no other",
        Group::Network,
        500..4_500,
    ),
    (
        Kind::Mute,
        "controller reaches no other",
        Group::Network,
        500..4_500,
    ),
    (Kind::Lossy, "lose packets", Group::Network, 1_000..4_000),
    (Kind::Slow, "slow link", Group::Network, 1_000..4_000),
    (Kind::FullDisk, "full disk", Group::Disk, 100..1_000),
    (Kind::RottenBit, "rotten bit", Group::Disk, 0..1_000),
    (Kind::NewDisk, "blank disk", Group::Disk, 0..1_000),
    (
        Kind::KillBroker,
        "kill -9 a broker",
        Group::Broker,
        100..2_000,
    ),
    (
        Kind::PauseBroker,
        "SIGSTOP a broker",
        Group::Broker,
        500..4_000,
    ),
    (
        Kind::CutOffBroker,
        "cut a broker off",
        Group::Broker,
        500..4_000,
    ),
];

impl Kind {
    pub fn name(self) -> &'static str {
        let row = FAULTS.iter().find(|(kind, ..)| *kind == self);
        row.map(|(_, name, ..)| *name).expect("a row of the table")
    }

    /// Takes what a disk held, or part of it.
    pub fn damages(self) -> bool {
        matches!(self, Kind::RottenBit | Kind::NewDisk)
    }
}

/// One fault of a round.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: Kind,
    /// Strikes the active controller, if it can.
    pub at_leader: bool,
    /// Decides everything else about it.
    pub dice: u64,
    /// In milliseconds after the round began.
    pub begin_ms: u64,
    pub end_ms: u64,
}

/// Some faults, then calm.
#[derive(Clone, Debug)]
pub struct Round {
    /// Begins when all controllers have all that is committed.
    pub settled: bool,
    pub faults: Vec<Fault>,
    pub calm_ms: u64,
}

/// All rounds of a seed. Every kind of fault comes once before any comes again.
pub struct Plan {
    rng: ChaCha8Rng,
    /// What still has to come, as indexes into [`FAULTS`].
    deck: Vec<usize>,
}

impl Plan {
    pub fn of_seed(seed: u64) -> Plan {
        let mut plan = Plan {
            rng: ChaCha8Rng::seed_from_u64(seed),
            deck: Vec::new(),
        };
        plan.shuffle();
        plan
    }

    fn shuffle(&mut self) {
        self.deck = (0..FAULTS.len()).collect();
        self.deck.shuffle(&mut self.rng);
    }

    fn fault(&mut self, index: usize, begin_ms: u64) -> Fault {
        let (kind, _, _, lasts_ms) = &FAULTS[index];
        Fault {
            kind: *kind,
            at_leader: self.rng.random_bool(LEADER),
            dice: self.rng.random(),
            begin_ms,
            end_ms: begin_ms + self.rng.random_range(lasts_ms.clone()),
        }
    }

    /// Whether every kind of fault has come as often as any other.
    pub fn is_even(&self) -> bool {
        self.deck.len() == FAULTS.len()
    }

    pub fn next_round(&mut self) -> Round {
        let first = self.deck.pop().expect("never empty");
        if self.deck.is_empty() {
            self.shuffle();
        }
        let mut faults = vec![self.fault(first, 0)];
        if self.rng.random_bool(SECOND) {
            let second = self.rng.random_range(0..FAULTS.len());
            let begin_ms = self.rng.random_range(0..=faults[0].end_ms);
            if FAULTS[second].2 != FAULTS[first].2 {
                faults.push(self.fault(second, begin_ms));
            }
        }
        Round {
            settled: self.rng.random_bool(SETTLED),
            faults,
            calm_ms: self.rng.random_range(CALM_MS),
        }
    }
}

#[test]
fn a_seed_is_a_plan() {
    let rounds = |seed| {
        let mut plan = Plan::of_seed(seed);
        let rounds: Vec<Round> = (0..2 * FAULTS.len()).map(|_| plan.next_round()).collect();
        assert!(plan.is_even());
        format!("{rounds:?}")
    };
    assert_eq!(rounds(7), rounds(7));
    assert_ne!(rounds(7), rounds(8));
    for (kind, ..) in FAULTS {
        assert!(
            rounds(7).contains(&format!("kind: {kind:?},")),
            "{kind:?} never comes"
        );
    }
}
