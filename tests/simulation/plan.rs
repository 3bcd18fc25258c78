//! What one seed runs: how many nodes, which timeouts, which faults and how often. Each seed picks its
//! own subset (swarm testing), since a storm of every fault at once reaches less than a few of them.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A bug of the rim, built in to see whether the simulator finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// The quorum state reaches the disk some time after the answer that rests on it.
    VoteNotSaved,
    /// A record counts as durable when it is handed to the disk.
    EndCountedBeforeSync,
    /// A leader takes records of earlier epochs for committed once a majority has them.
    OldEpochCommittedByCounting,
}

/// Mean times between faults are in milliseconds of simulated time; `None` leaves the fault out.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub nodes: i32,
    /// Whole controllers with brokers and administrators, or raft alone.
    pub controllers: bool,
    pub election_timeout_ms: u64,
    pub fetch_timeout_ms: u64,
    pub request_timeout_ms: u64,
    pub fetch_max_bytes: usize,
    pub snapshot_chunk_bytes: usize,
    /// Faults until here, then everything heals.
    pub faults_until_ms: u64,
    pub ends_at_ms: u64,

    pub propose_every_ms: u64,
    pub max_delay_us: u64,
    pub max_sync_us: u64,
    /// Of this many messages one is lost, or comes twice.
    pub lose_one_in: Option<u32>,
    pub repeat_one_in: Option<u32>,
    pub kill_every_ms: Option<u64>,
    pub power_cut_every_ms: Option<u64>,
    pub blackout_every_ms: Option<u64>,
    pub rot_every_ms: Option<u64>,
    pub replace_disk_every_ms: Option<u64>,
    pub partition_every_ms: Option<u64>,
    pub one_way_partitions: bool,
    pub reset_every_ms: Option<u64>,
    pub pause_every_ms: Option<u64>,
    pub resign_every_ms: Option<u64>,
    pub snapshot_every_ms: Option<u64>,
    pub down_ms: u64,
    /// Clocks run up to this many percent fast or slow.
    pub skew_percent: u64,
    /// One node speaks the versions of Kafka 3.9, which has no pre-votes.
    pub old_node: bool,
    pub bug: Option<PlantedBug>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of_seed(seed: u64) -> Plan {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let election_timeout_ms = rng.random_range(100..=1000);
        let mut sometimes = |mean_ms: std::ops::Range<u64>| {
            let fires = rng.random_bool(0.45);
            let every_ms = rng.random_range(mean_ms);
            fires.then_some(every_ms)
        };
        let kill_every_ms = sometimes(500..8_000);
        let power_cut_every_ms = sometimes(800..10_000);
        let blackout_every_ms = sometimes(5_000..30_000);
        let rot_every_ms = sometimes(10_000..30_000);
        let replace_disk_every_ms = sometimes(15_000..40_000);
        let partition_every_ms = sometimes(1_000..10_000);
        let reset_every_ms = sometimes(300..4_000);
        let pause_every_ms = sometimes(1_000..10_000);
        let resign_every_ms = sometimes(1_000..10_000);
        let snapshot_every_ms = sometimes(500..10_000);
        Plan {
            seed,
            controllers: false,
            nodes: [1, 3, 3, 3, 3, 5, 5][rng.random_range(0..7)],
            election_timeout_ms,
            fetch_timeout_ms: election_timeout_ms * rng.random_range(1..=3),
            request_timeout_ms: election_timeout_ms * rng.random_range(1..=3),
            fetch_max_bytes: [1, 200, 1 << 20][rng.random_range(0..3)],
            snapshot_chunk_bytes: [7, 100, 1 << 20][rng.random_range(0..3)],
            faults_until_ms: 45_000,
            ends_at_ms: 60_000,
            propose_every_ms: rng.random_range(5..200),
            max_delay_us: [500, 5_000, 50_000][rng.random_range(0..3)],
            max_sync_us: [100, 10_000, 100_000][rng.random_range(0..3)],
            lose_one_in: rng.random_bool(0.4).then(|| rng.random_range(5..500)),
            repeat_one_in: rng.random_bool(0.4).then(|| rng.random_range(5..500)),
            kill_every_ms,
            power_cut_every_ms,
            blackout_every_ms,
            rot_every_ms,
            replace_disk_every_ms,
            partition_every_ms,
            one_way_partitions: rng.random_bool(0.5),
            reset_every_ms,
            pause_every_ms,
            resign_every_ms,
            snapshot_every_ms,
            down_ms: rng.random_range(10..5_000),
            skew_percent: rng.random_range(0..=20),
            old_node: rng.random_bool(0.2),
            bug: None,
        }
    }

    /// The same seed with whole controllers.
    pub fn with_controllers(seed: u64) -> Plan {
        let plan = Plan::of_seed(seed);
        Plan {
            controllers: true,
            // Snapshots of a controller take so many bytes that smaller pieces would never arrive
            // before the next snapshot replaces them.
            snapshot_chunk_bytes: plan.snapshot_chunk_bytes.max(20_000),
            ..plan
        }
    }
}
