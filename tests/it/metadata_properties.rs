//! Whatever brokers and clients do, in whatever order: partitions stay in order, indexes say what a look at
//! every partition says, and the log, read again or from a snapshot on, makes the same state. A
//! failure prints the commands as a golden script.

use std::collections::BTreeSet;

use kraftd::{
    metadata::{
        State,
        partitions::{LeaderRecoveryState, Partition},
        topics::TopicIdPartition,
    },
    protocol::{BrokerEpoch, NodeId, Offset, Uuid, records::MetadataRecord},
};
use proptest::{prelude::*, sample};

use crate::{metadata_world::World, script::Command};

/// Ids a broker gets at once.
const PRODUCER_ID_BLOCK: i64 = 1_000;

/// Commands of golden scripts, and `snapshot`. In `isr=` of an AlterPartition, `active` stands for all
/// replicas that may be in it and `leader` for the leader alone.
fn command() -> impl Strategy<Value = String> {
    let broker = || 1..5;
    let topic = || sample::select(vec!["a", "b"]);
    let partition =
        || (topic(), 0..3).prop_map(|(topic, partition)| format!("{topic}-{partition}"));
    let some_brokers = || {
        let brokers = sample::subsequence(vec!["1", "2", "3", "4"], 0..=4).prop_shuffle();
        brokers.prop_map(|brokers| brokers.join(","))
    };
    let one_of = |words: &[&'static str]| sample::select(words.to_vec());
    prop_oneof![
        6 => (broker(), one_of(&["", "clean", "same", "rack=r"]))
            .prop_map(|(id, how)| format!("{} {how}", register(id))),
        12 => broker().prop_map(|id| format!("heartbeat {id}")),
        4 => (broker(), one_of(&["want-fence", "want-shutdown", "offset=1"]))
            .prop_map(|(id, wish)| format!("heartbeat {id} {wish}")),
        2 => (1..=2).prop_map(|id| format!("heartbeat {id} offline={id}b")),
        1 => (1..=2, one_of(&["a", "b"]))
            .prop_map(|(id, directory)| format!("heartbeat {id} cordoned={id}{directory}")),
        1 => broker().prop_map(|id| format!("unregister {id}")),
        5 => (one_of(&["4s", "12s", "301s"]), some_brokers())
            .prop_map(|(time, alive)| format!("advance {time} alive={alive}")),
        1 => Just("restart-controller".to_owned()),
        2 => Just("snapshot".to_owned()),
        3 => (topic(), 1..4, 1..4, 1..4)
            .prop_map(|(topic, partitions, rf, min)| format!(
                "create-topic {topic} partitions={partitions} rf={rf} min.insync.replicas={min}"
            )),
        2 => (topic(), some_brokers(), some_brokers())
            .prop_map(|(topic, first, second)| format!("create-topic {topic} replicas={first};{second}")),
        1 => (topic(), 1..4).prop_map(|(topic, count)| format!("create-partitions {topic} count={count}")),
        1 => topic().prop_map(|topic| format!("delete-topic {topic}")),
        12 => (partition(), one_of(&["active", "active", "leader"]), one_of(&["", "", "recovering"]))
            .prop_map(|(partition, isr, how)| format!("alter-partition {partition} isr={isr} {how}")),
        3 => (partition(), some_brokers())
            .prop_map(|(partition, isr)| format!("alter-partition {partition} isr={isr}")),
        2 => one_of(&["preferred", "unclean"]).prop_map(|kind| format!("elect-leaders {kind}")),
        4 => (partition(), some_brokers())
            .prop_map(|(partition, replicas)| format!("reassign {partition}={replicas}")),
        2 => partition().prop_map(|partition| format!("reassign {partition}=cancel")),
        4 => (broker(), partition(), one_of(&["a", "b"]))
            .prop_map(|(id, partition, directory)| format!("assign-dirs {id} {partition}={id}{directory}")),
        1 => (broker(), partition())
            .prop_map(|(id, partition)| format!("assign-dirs {id} {partition}=lost")),
        2 => (one_of(&["topic/a", "topic/b", "broker/"]), one_of(&[
            "min.insync.replicas=1",
            "min.insync.replicas=2",
            "-min.insync.replicas",
            "unclean.leader.election.enable=true",
            "unclean.leader.election.enable=false",
            "-unclean.leader.election.enable",
        ])).prop_map(|(resource, change)| format!("alter-config {resource} {change}")),
        2 => one_of(&[
            "metadata.version=3.6",
            "metadata.version=3.9",
            "metadata.version=4.0",
            "metadata.version=4.3",
            "metadata.version=4.1 downgrade",
            "eligible.leader.replicas.version=1",
            "eligible.leader.replicas.version=0 downgrade",
        ]).prop_map(|level| format!("update-feature {level}")),
        1 => broker().prop_map(|id| format!("allocate-producer-ids {id}")),
    ]
}

/// Brokers 1 and 2 have two disks, of which one may fail: a broker without any ends by itself.
fn register(id: i32) -> String {
    match id {
        1 | 2 => format!("register {id} dirs={id}a,{id}b"),
        _ => format!("register {id}"),
    }
}

fn version() -> impl Strategy<Value = &'static str> {
    sample::select(vec!["3.3", "3.7", "4.0", "4.3", "4.3", "4.3"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..Default::default() })]

    #[test]
    fn whatever_happens(
        version in version(),
        commands in prop::collection::vec(command(), 1..60),
    ) {
        let mut story = Story::begin(version);
        for command in commands {
            story.play(&command);
        }
    }
}

/// A cluster under watch.
struct Story {
    world: World,
    /// All that was played.
    script: String,
    /// Up to here the log has been looked at.
    seen: Offset,
    /// Made of the log's records alone.
    replayed: State,
    /// Made of snapshots, and of the records since then.
    restored: Vec<State>,
    topic_ids: BTreeSet<Uuid>,
    broker_epoch: BrokerEpoch,
    /// Whom the newest command named as in sync.
    claimed: Vec<NodeId>,
}

impl Story {
    fn begin(version: &str) -> Story {
        let mut story = Story {
            world: World::new(),
            script: String::new(),
            seen: Offset(0),
            replayed: State::default(),
            restored: Vec::new(),
            topic_ids: BTreeSet::new(),
            broker_epoch: BrokerEpoch::NONE,
            claimed: Vec::new(),
        };
        story.play(&format!("cluster metadata.version={version}"));
        for id in 1..4 {
            story.play(&register(id));
            story.play(&format!("heartbeat {id}"));
        }
        story.play("create-topic a replicas=1,2,3;2,3,1 min.insync.replicas=2");
        story
    }

    fn play(&mut self, command: &str) {
        if command == "snapshot" {
            let restored = self.restore();
            return self.restored.push(restored);
        }
        let command = self.resolve(command);
        self.script += &format!("{command}\n");
        self.claimed = claimed(&command);
        // An error is a command that makes no sense now, and did nothing or only a part.
        let answer = self.world.play(&mut Command::parse(&command));
        let mistake = answer.is_ok_and(|answer| answer.contains("UNKNOWN_SERVER_ERROR"));
        assert!(!mistake, "refused by replay\n{}", self.script);
        for (offset, record, _) in self.world.records_from(self.seen) {
            self.replay(offset, &record);
        }
        self.seen = self.world.state_end();
        self.check();
    }

    /// Puts the brokers for `active` and `leader`.
    fn resolve(&self, command: &str) -> String {
        let words: Vec<_> = command.split_whitespace().collect();
        let [_, of, "isr=active" | "isr=leader", ..] = words[..] else {
            return command.to_owned();
        };
        let state = self.world.state();
        let (topic, partition_id) = of.rsplit_once('-').expect("a partition");
        let key = TopicIdPartition {
            topic_id: state.topics.id(topic).unwrap_or_default(),
            partition_id: partition_id.parse().expect("a number"),
        };
        let partition = state.topics.partition(key).cloned();
        let partition = partition.unwrap_or_default();
        let active = partition
            .replicas
            .iter()
            .filter(|id| state.brokers.is_active(**id));
        let list = |ids: Vec<String>| format!("isr={}", ids.join(","));
        command
            .replace("isr=active", &list(active.map(NodeId::to_string).collect()))
            .replace(
                "isr=leader",
                &list(partition.leader.iter().map(NodeId::to_string).collect()),
            )
    }

    fn replay(&mut self, offset: Offset, record: &MetadataRecord) {
        let before = self.replayed.clone();
        for state in self.restored.iter_mut().chain([&mut self.replayed]) {
            let replayed = state.replay(offset, record);
            assert_eq!(replayed, Ok(()), "{}", self.script);
        }
        match record {
            MetadataRecord::PartitionChange(change) => {
                let key = TopicIdPartition {
                    topic_id: change.topic_id,
                    partition_id: change.partition_id,
                };
                self.check_change(&before, key);
            }
            MetadataRecord::Topic(topic) => {
                let is_new = self.topic_ids.insert(topic.topic_id);
                assert!(is_new, "a topic id comes twice\n{}", self.script);
            }
            MetadataRecord::RegisterBroker(broker) => {
                let known = before.brokers.get(broker.broker_id);
                let same = known.is_some_and(|known| known.epoch == broker.broker_epoch);
                let rises = broker.broker_epoch > self.broker_epoch;
                assert!(same || rises, "an old broker epoch\n{}", self.script);
                self.broker_epoch = self.broker_epoch.max(broker.broker_epoch);
            }
            MetadataRecord::ProducerIds(ids) => {
                let next = before.producer_ids.next() + PRODUCER_ID_BLOCK;
                assert_eq!(ids.next_producer_id, next, "{}", self.script);
            }
            _ => {}
        }
    }

    /// A leader has all acknowledged messages, or is marked as one that may not and is allowed to.
    fn check_change(&self, before: &State, key: TopicIdPartition) {
        let (was, is) = (partition(before, key), partition(&self.replayed, key));
        let context = format!("from {was:?}\nto {is:?}\n{}", self.script);
        assert_eq!(is.partition_epoch, was.partition_epoch + 1, "{context}");
        let epoch = was.leader_epoch.0 + i32::from(is.leader_epoch != was.leader_epoch);
        assert_eq!(is.leader_epoch.0, epoch, "{context}");
        let Some(leader) = is.leader.filter(|_| is.leader != was.leader) else {
            return;
        };
        assert!(is.leader_epoch > was.leader_epoch, "{context}");
        let in_sync = [&was.isr[..], &was.elr, &self.claimed];
        if in_sync.iter().any(|ids| ids.contains(&leader)) {
            return;
        }
        let topic = before.topics.name(key.topic_id).expect("the topic");
        let options = Default::default();
        let allowed = was.last_known_elr == [leader]
            || before.unclean_leader_election_enabled(&options, topic)
            || self.script.ends_with("elect-leaders unclean\n");
        let marked = is.leader_recovery_state == LeaderRecoveryState::Recovering;
        assert!(allowed && marked, "an unclean leader {context}");
    }

    fn check(&self) {
        let state = self.world.state();
        assert!(
            self.replayed == *state,
            "the log makes another state\n{}",
            self.script
        );
        for restored in &self.restored {
            let same = restored.topics == state.topics
                && restored.features == state.features
                && restored.snapshot_records().eq(state.snapshot_records());
            assert!(same, "a snapshot leads to another state\n{}", self.script);
        }
        for (key, partition) in partitions(state) {
            let context = format!("{key:?} {partition:?}\n{}", self.script);
            check_partition(state, key, partition, &context);
        }
        check_indexes(state, &self.script);
    }

    /// The state that a snapshot of now makes.
    fn restore(&self) -> State {
        let state = self.world.state();
        let mut restored = State::default();
        for record in state.snapshot_records() {
            let version = restored.record_version(&record);
            let bytes = record.encode(version).expect("a record of this version");
            let (decoded, _) = MetadataRecord::decode(bytes).expect("our own record");
            let replayed = restored.replay(self.seen.plus(-1), &decoded);
            assert_eq!(replayed, Ok(()), "{}", self.script);
        }
        restored
    }
}

fn partition(state: &State, key: TopicIdPartition) -> &Partition {
    state
        .topics
        .partition(key)
        .expect("a partition that was changed")
}

fn partitions(state: &State) -> Vec<(TopicIdPartition, &Partition)> {
    let topics = state.topics.iter();
    let all = topics.flat_map(|(_, topic_id)| {
        let partitions = state.topics.partitions(topic_id);
        partitions.map(move |(partition_id, partition)| {
            (
                TopicIdPartition {
                    topic_id,
                    partition_id,
                },
                partition,
            )
        })
    });
    all.collect()
}

fn check_partition(state: &State, key: TopicIdPartition, partition: &Partition, context: &str) {
    let set = |ids: &[NodeId]| ids.iter().copied().collect::<BTreeSet<_>>();
    for ids in [&partition.replicas[..], &partition.isr, &partition.elr] {
        assert_eq!(set(ids).len(), ids.len(), "one twice: {context}");
    }
    let replicas = set(&partition.replicas);
    assert!(
        set(&partition.isr).is_subset(&replicas),
        "ISR beyond the replicas: {context}"
    );
    assert!(
        set(&partition.adding_replicas).is_subset(&replicas),
        "{context}"
    );
    assert!(
        set(&partition.removing_replicas).is_subset(&replicas),
        "{context}"
    );
    assert!(
        set(&partition.isr).is_disjoint(&set(&partition.elr)),
        "in ISR and ELR: {context}"
    );
    assert_eq!(
        partition.directories.len(),
        partition.replicas.len(),
        "{context}"
    );
    let count = state.topics.partition_count(key.topic_id);
    assert!(key.partition_id < count, "{context}");
    let Some(leader) = partition.leader else {
        return;
    };
    assert!(
        partition.isr.contains(&leader),
        "a leader out of sync: {context}"
    );
    let broker = state.brokers.get(leader);
    let fenced = broker.is_none_or(|broker| broker.fenced);
    assert!(!fenced, "a fenced leader: {context}");
    let directory = partition.directory(leader);
    let online = broker
        .zip(directory)
        .is_some_and(|(broker, directory)| broker.has_online(directory));
    assert!(online, "a leader without its disk: {context}");
}

/// Every index says what a look at all partitions says.
fn check_indexes(state: &State, script: &str) {
    let all = partitions(state);
    let with = |is: &dyn Fn(&Partition) -> bool| -> Vec<TopicIdPartition> {
        let mut keys: Vec<_> = all
            .iter()
            .filter(|(_, partition)| is(partition))
            .map(|(key, _)| *key)
            .collect();
        keys.sort();
        keys
    };
    let topics = &state.topics;
    for id in (0..6).map(NodeId) {
        let indexes = [
            (
                topics.with_isr_member(id).collect(),
                with(&|partition| partition.isr.contains(&id)),
            ),
            (
                topics.with_elr_member(id).collect(),
                with(&|partition| partition.elr.contains(&id)),
            ),
            (
                topics.led_by(id).collect(),
                with(&|partition| partition.leader == Some(id)),
            ),
        ];
        for (index, scan) in indexes {
            let index: Vec<_> = index;
            assert_eq!(index, scan, "partitions of {id}\n{script}");
        }
    }
    let indexes: [(Vec<_>, _); 3] = [
        (
            topics.without_leader().collect(),
            with(&|partition| partition.leader.is_none()),
        ),
        (
            topics.imbalanced().collect(),
            with(&|partition| !partition.has_preferred_leader()),
        ),
        (
            topics.reassigning().collect(),
            with(&|partition| partition.is_reassigning()),
        ),
    ];
    for (index, scan) in indexes {
        assert_eq!(index, scan, "{script}");
    }
    for (id, broker) in state.brokers.iter() {
        for directory in &broker.directories {
            assert_eq!(state.brokers.owner(*directory), Some(id), "{script}");
        }
    }
}

/// The brokers that an AlterPartition says are in sync.
fn claimed(command: &str) -> Vec<NodeId> {
    let mut command = Command::parse(command);
    let ids: Option<Vec<i32>> = match command.name.as_str() {
        "alter-partition" => command.list("isr").expect("numbers"),
        _ => None,
    };
    ids.unwrap_or_default().into_iter().map(NodeId).collect()
}
