//! What one seed runs: how many nodes, which timeouts, which faults and how often. Each seed picks its
//! own subset (swarm testing), since a storm of every fault at once reaches less than a few of them.

use std::collections::BTreeMap;

use kraftd::{controller::PeriodicOptions, protocol::features::MetadataVersion};
use rand::{Rng, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use crate::{bugs::PlantedBug, nemesis::Fault};

/// A seed has each of the faults with this probability.
const FAULT_PROBABILITY: f64 = 0.35;

/// No run lasts so long.
const SELDOM_MS: u64 = 300_000;

/// Of those that a new cluster may be formatted with.
fn any_metadata_version(rng: &mut ChaCha8Rng) -> MetadataVersion {
    let known = MetadataVersion::all();
    let finished = known.filter(|version| *version <= MetadataVersion::LATEST_PRODUCTION);
    finished.choose(rng).expect("there are some")
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub nodes: i32,
    /// Whole controllers with brokers and administrators, or raft alone.
    pub controllers: bool,
    pub election_timeout_ms: u64,
    pub fetch_timeout_ms: u64,
    pub request_timeout_ms: u64,
    /// Of brokers.
    pub session_timeout_ms: u64,
    pub fetch_max_bytes: usize,
    pub snapshot_chunk_bytes: usize,
    /// Of a controller: so many bytes of log make a snapshot, and are kept.
    pub snapshot_bytes: u64,
    /// Faults until here, then everything heals.
    pub faults_until_ms: u64,
    pub ends_at_ms: u64,

    pub propose_every_ms: u64,
    pub max_delay_us: u64,
    pub max_sync_us: u64,
    /// What it takes a process to look at one input.
    pub cpu_us: u64,
    /// And besides, for each record that it appends.
    pub record_us: u64,
    pub more_observers: i32,
    /// Brokers beat between other requests at least.
    pub steady_brokers: bool,
    /// They live on as they are.
    pub calm_brokers: bool,
    /// Somebody starts a second one with an id that is in use.
    pub twin: bool,
    /// Of so many topics that are created in a rush one is huge.
    pub huge_one_in: u32,
    /// Of this many messages one is lost, or comes twice.
    pub lose_one_in: Option<u32>,
    pub repeat_one_in: Option<u32>,
    /// Of this many effects one is not performed any more: the process, or its host, dies before it.
    pub crash_one_in: Option<u32>,
    /// The faults with the mean times between them, in milliseconds of simulated time.
    pub faults: BTreeMap<Fault, u64>,
    pub one_way_partitions: bool,
    pub down_ms: u64,
    /// Clocks run up to this many percent fast or slow.
    pub skew_percent: u64,
    /// Often enough for a run, or hardly ever.
    pub periodic: PeriodicOptions,
    pub append_linger_ms: Option<u64>,
    /// Of a new cluster.
    pub metadata_version: MetadataVersion,
    /// So many records stand beside the features in a new cluster.
    pub more_bootstrap: usize,
    /// Some topics allow leaders that may lack messages.
    pub unclean_topics: bool,
    /// One node speaks the versions of Kafka 3.9, which has no pre-votes.
    pub old_node: bool,
    pub bug: Option<PlantedBug>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of_seed(seed: u64) -> Plan {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let election_timeout_ms = rng.random_range(100..=1000);
        let mut faults = BTreeMap::new();
        for (fault, every_ms) in Fault::ALL {
            let every_ms = rng.random_range(every_ms.clone());
            if rng.random_bool(FAULT_PROBABILITY) {
                faults.insert(*fault, every_ms);
            }
        }
        let mut sometimes = |one_in: std::ops::Range<u32>| {
            let fires = rng.random_bool(0.4);
            let one_in = rng.random_range(one_in);
            fires.then_some(one_in)
        };
        let lose_one_in = sometimes(3..500);
        let repeat_one_in = sometimes(2..500);
        let crash_one_in = sometimes(100..5_000);
        Plan {
            seed,
            controllers: false,
            nodes: [1, 3, 3, 3, 3, 5, 5][rng.random_range(0..7)],
            election_timeout_ms,
            fetch_timeout_ms: election_timeout_ms * rng.random_range(1..=3),
            request_timeout_ms: election_timeout_ms * rng.random_range(1..=3),
            session_timeout_ms: [1_500, 3_000, 5_000][rng.random_range(0..3)],
            fetch_max_bytes: [1, 200, 1 << 20][rng.random_range(0..3)],
            snapshot_chunk_bytes: [7, 100, 1 << 20][rng.random_range(0..3)],
            snapshot_bytes: [4_000, 20_000, 1 << 20][rng.random_range(0..3)],
            faults_until_ms: 42_000,
            ends_at_ms: 60_000,
            propose_every_ms: rng.random_range(5..200),
            max_delay_us: [500, 5_000, 50_000][rng.random_range(0..3)],
            max_sync_us: [100, 10_000, 100_000][rng.random_range(0..3)],
            cpu_us: [0, 0, 20, 200][rng.random_range(0..4)],
            record_us: [0, 0, 50, 400][rng.random_range(0..4)],
            more_observers: [0, 0, 0, 10][rng.random_range(0..4)],
            steady_brokers: true,
            calm_brokers: false,
            huge_one_in: 10,
            lose_one_in,
            repeat_one_in,
            crash_one_in,
            faults,
            one_way_partitions: rng.random_bool(0.5),
            down_ms: rng.random_range(10..5_000),
            skew_percent: rng.random_range(0..=60),
            old_node: rng.random_bool(0.2),
            twin: rng.random_bool(0.2),
            periodic: PeriodicOptions {
                leader_imbalance_check_interval_ms: [1_000, 5_000, SELDOM_MS]
                    [rng.random_range(0..3)],
                unclean_leader_election_interval_ms: [1_000, 10_000, SELDOM_MS]
                    [rng.random_range(0..3)],
                ..Default::default()
            },
            append_linger_ms: [None, None, Some(5), Some(50)][rng.random_range(0..4)],
            metadata_version: match rng.random_bool(0.6) {
                true => MetadataVersion::LATEST_PRODUCTION,
                false => any_metadata_version(&mut rng),
            },
            more_bootstrap: 0,
            unclean_topics: rng.random_bool(0.3),
            bug: None,
        }
        .bearable()
    }

    /// Whether leaderships go back to the preferred leaders by themselves. Then nobody asks for it.
    pub fn rebalances(&self) -> bool {
        self.periodic.leader_imbalance_check_interval_ms < SELDOM_MS
    }

    /// Without pre-votes a voter with a short log and a fast clock opens one epoch after the other, and
    /// nobody else's patience ever ends.
    fn bearable(mut self) -> Plan {
        if self.old_node {
            self.skew_percent /= 3;
        }
        self
    }

    /// The same seed with whole controllers.
    pub fn with_controllers(seed: u64) -> Plan {
        let plan = Plan::of_seed(seed).with(Fault::Snapshot, None);
        // Snapshots of a hundred thousand partitions are written now and then only.
        let rushes = plan.faults.contains_key(&Fault::Rush);
        let snapshot_bytes = if rushes { 1 << 20 } else { plan.snapshot_bytes };
        Plan {
            controllers: true,
            snapshot_bytes,
            // Snapshots of a controller take so many bytes that smaller pieces would never arrive
            // before the next snapshot replaces them.
            snapshot_chunk_bytes: plan.snapshot_chunk_bytes.max(20_000),
            ..plan
        }
    }

    /// With this fault so often, or without it.
    pub fn with(mut self, fault: Fault, every_ms: impl Into<Option<u64>>) -> Plan {
        match every_ms.into() {
            Some(every_ms) => self.faults.insert(fault, every_ms),
            None => self.faults.remove(&fault),
        };
        self
    }

    /// Whether this bug is built in.
    pub fn has(&self, bug: PlantedBug) -> bool {
        self.bug == Some(bug)
    }
}
