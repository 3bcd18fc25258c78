//! The controller alone, without disk, network and threads: how long its one thread is busy with an
//! operation until its records are on their way, by the number of partitions, and what a snapshot of them takes to
//! write and to load. (What follows a commit is little: the state is known already. Most heartbeats never come this
//! way, see `server/contacts.rs`.)
//!
//! `cargo bench --bench core -- [PARTITIONS]`; under `perf record` it says where that time goes.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kraftd::{
    controller::{
        Caller, Controller, Effect, LogEvent, Options, PeriodicOptions, Restored, SnapshotLoader,
        SnapshotOptions,
    },
    metadata::{self, activation::default_bootstrap},
    protocol::{
        BrokerEpoch, NodeId, OffsetAndEpoch, Uuid,
        api::{Request, Response},
        features::MetadataVersion,
        record_batch::RecordBatch,
    },
    raft::{self, Token},
    time::Now,
};

#[path = "../tests/java/requests.rs"]
#[allow(dead_code, reason = "a part is used")]
mod requests;

const CLUSTER_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const BROKERS: i32 = 10;
const PARTITIONS_OF_A_TOPIC: i32 = 1_000;
const REPLICATION: i16 = 3;
const CHANGES: usize = 200;

fn main() {
    let given = std::env::args().find_map(|word| word.parse().ok());
    let sizes = given.map_or(vec![10_000, 100_000, 1_000_000], |partitions| {
        vec![PARTITIONS_OF_A_TOPIC.max(partitions)]
    });
    for partitions in sizes {
        measure(partitions);
    }
}

fn measure(partitions: i32) {
    println!("{partitions} partitions, {REPLICATION} replicas each on {BROKERS} brokers");
    let mut rig = Rig::start();
    let epochs: Vec<_> = (0..BROKERS).map(|index| rig.broker(100 + index)).collect();
    let mut creations = Vec::new();
    for index in 0..partitions / PARTITIONS_OF_A_TOPIC {
        let topic = requests::topic(
            &format!("topic-{index}"),
            PARTITIONS_OF_A_TOPIC,
            REPLICATION,
        );
        let (answer, busy) = rig.ask(7, requests::create(vec![topic], false));
        let Response::CreateTopics(answer) = answer else {
            unreachable!("of another API")
        };
        assert!(answer.topics[0].error_code.is_ok(), "{answer:?}");
        creations.push(busy);
    }
    creations.sort();
    say("a topic of 1,000, p50", creations[creations.len() / 2]);
    say("a topic of 1,000, slowest", creations[creations.len() - 1]);
    let beat = |index: usize, fence, leave| {
        requests::heartbeat((100 + index as i32, epochs[index]), i64::MAX, fence, leave)
    };
    say("a heartbeat", rig.ask(1, beat(5, false, false)).1);
    say(
        "controlled shutdown begins",
        rig.ask(1, beat(0, false, true)).1,
    );
    say("fencing of a broker", rig.ask(1, beat(1, true, false)).1);

    for (what, count) in [("1,000 configurations", 1_000), ("one of them", 1)] {
        let mut changes: Vec<_> = (0..CHANGES)
            .map(|value| rig.configure(count, value))
            .collect();
        changes.sort();
        say(what, changes[CHANGES / 2]);
    }

    let start = Instant::now();
    let snapshot = rig.snapshot();
    say("a snapshot is made", start.elapsed());
    let bytes: usize = snapshot.iter().map(Bytes::len).sum();
    let start = Instant::now();
    let batches = snapshot.into_iter().map(RecordBatch::of_bytes);
    let batches = batches.map(|batch| batch.expect("a batch"));
    let loaded = SnapshotLoader::load(OffsetAndEpoch::default(), batches);
    let loaded = loaded.expect("a whole snapshot");
    say("it is loaded", start.elapsed());
    println!("  {:<32}{:>10.1} MB", "it takes", bytes as f64 / 1e6);
    assert_eq!(
        loaded.state.topics,
        rig.controller.stable_state().topics,
        "the same state"
    );
}

fn say(what: &str, took: Duration) {
    println!("  {what:<32}{:>10.3} ms", took.as_secs_f64() * 1e3);
}

/// A quorum of one, whose disk takes no time.
struct Rig {
    controller: Controller,
    now: Now,
    replies: BTreeMap<Token, Response>,
    next_token: u64,
    snapshots: Vec<Vec<Bytes>>,
}

impl Rig {
    fn start() -> Rig {
        let now = Now::default();
        let mut rig = Rig {
            controller: Controller::new(options(), Restored::default(), 7, now),
            now,
            replies: BTreeMap::new(),
            next_token: 0,
            snapshots: Vec::new(),
        };
        rig.perform();
        while !rig.controller.is_active() {
            rig.now.time = rig.controller.deadline().expect("an election to come");
            rig.controller.on_timeout(rig.now);
            rig.perform();
        }
        rig
    }

    /// The answer, and how long the controller was busy with it.
    fn ask(&mut self, api_version: i16, request: impl Into<Request>) -> (Response, Duration) {
        self.next_token += 1;
        let token = Token(self.next_token);
        let caller = Caller {
            token,
            api_version,
            listener_name: "CONTROLLER".to_owned(),
            received: self.now.time,
        };
        let request = request.into();
        let start = Instant::now();
        self.controller.on_request(self.now, caller, request);
        let busy = start.elapsed();
        self.perform();
        let answer = self.replies.remove(&token).expect("an answer");
        (answer, busy)
    }

    /// A registered broker that is not fenced.
    fn broker(&mut self, id: i32) -> BrokerEpoch {
        let registration = requests::registration(CLUSTER_ID, id, 1);
        let (Response::BrokerRegistration(answer), _) = self.ask(4, registration) else {
            unreachable!("of another API")
        };
        assert!(answer.error_code.is_ok(), "{answer:?}");
        let beat = requests::heartbeat((id, answer.broker_epoch), i64::MAX, false, false);
        self.ask(1, beat);
        answer.broker_epoch
    }

    /// Sets so many dynamic configurations of all brokers.
    fn configure(&mut self, count: usize, value: usize) -> Duration {
        let value = value.to_string();
        let names: Vec<_> = (0..count).map(|name| format!("bench.{name}")).collect();
        let set = |name| (name, requests::SET, Some(value.as_str()));
        let changes: Vec<_> = names.iter().map(|name| set(name.as_str())).collect();
        let request = requests::alter((requests::BROKER, ""), &changes, false);
        let (Response::IncrementalAlterConfigs(answer), busy) = self.ask(1, request) else {
            unreachable!("of another API")
        };
        assert!(answer.responses[0].error_code.is_ok(), "{answer:?}");
        busy
    }

    /// Makes one as the snapshot thread does.
    fn snapshot(&mut self) -> Vec<Bytes> {
        self.now.time = self.now.time.plus_ms(2 * 3_600_000);
        self.controller.on_timeout(self.now);
        self.perform();
        self.snapshots.pop().expect("a snapshot after an hour")
    }

    fn perform(&mut self) {
        while let Some(effect) = self.controller.next_effect() {
            match effect {
                Effect::Append(batch) => {
                    let end = batch.end_offset();
                    self.controller.on_log(self.now, LogEvent::Durable { end });
                }
                Effect::Reply { token, response } => {
                    self.replies.insert(token, response);
                }
                Effect::WriteSnapshot { batches, .. } => self.snapshots.push(batches.collect()),
                Effect::Fatal(reason) => panic!("{reason}"),
                _ => {}
            }
        }
    }
}

fn options() -> Options {
    let node_id = NodeId(1);
    let endpoint = raft::Endpoint {
        listener_name: "CONTROLLER".to_owned(),
        host: "localhost".to_owned(),
        port: 9093,
    };
    Options {
        raft: raft::Options {
            node_id,
            directory_id: Uuid([1; 16]),
            cluster_id: CLUSTER_ID.to_owned(),
            advertised: endpoint.clone(),
            election_timeout_ms: 1_000,
            fetch_timeout_ms: 2_000,
            election_backoff_max_ms: 1_000,
            retry_backoff_ms: 20,
            fetch_max_bytes: 1 << 20,
            fetch_snapshot_max_bytes: 1 << 20,
        },
        voters: raft::VoterSet::new(BTreeMap::from([(node_id, endpoint)])),
        metadata: metadata::Options {
            node_id,
            cluster_id: CLUSTER_ID.to_owned(),
            voter_ids: [node_id].into(),
            session_timeout_ms: 9_000_000,
            num_partitions: 1,
            default_replication_factor: 1,
            delete_topic_enable: true,
            unstable_feature_versions_enable: false,
            static_configs: Default::default(),
            bootstrap: default_bootstrap(MetadataVersion::LATEST_PRODUCTION).into(),
        },
        listeners: Vec::new(),
        periodic: PeriodicOptions {
            max_idle_interval_ms: 0,
            leader_imbalance_check_interval_ms: 0,
            auto_leader_rebalance_enable: false,
            unclean_leader_election_interval_ms: 0,
        },
        snapshots: SnapshotOptions {
            max_bytes_between_snapshots: u64::MAX,
            ..Default::default()
        },
        append_linger_ms: None,
        broker_heartbeat_interval_ms: 2_000,
    }
}
