//! What clients were told, held against the committed log: whatever was acknowledged stands in it, once, with
//! what the answer said, and beyond all that was acknowledged before it was asked for. The log is the order
//! of all operations, so nothing has to be searched for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use kraftd::{
    metadata::{State, partitions::Partition, topics::TopicIdPartition},
    protocol::{
        BrokerEpoch, Epoch, ErrorCode, NodeId, Offset, Uuid,
        messages::{
            alter_partition::ResponsePartitionData, assign_replicas_to_dirs::ResponseDirectoryData,
        },
        records::MetadataRecord,
    },
};

/// A record of a broker's registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    pub broker: NodeId,
    pub incarnation_id: Uuid,
}

/// A partition as a record left it.
#[derive(Debug)]
struct Version {
    at: Offset,
    partition: Partition,
}

/// Where everything stands in the committed log, and what clients were told of it.
#[derive(Default)]
pub struct History {
    /// All that was acknowledged so far stands below.
    acknowledged: Offset,
    /// How many answers have been held against the log.
    pub kept: u64,

    /// Topics by their names, none of which is asked for twice.
    created: BTreeMap<String, (Offset, Uuid)>,
    deleted: BTreeMap<Uuid, Offset>,
    partitions: BTreeMap<TopicIdPartition, Offset>,
    names: BTreeMap<Uuid, String>,
    /// Every level that a feature ever had.
    levels: BTreeSet<(String, i16)>,
    /// When each broker was last removed.
    unregistered: BTreeMap<NodeId, Offset>,
    /// By topic and value, none of which is asked for twice.
    configs: BTreeMap<(String, String), Offset>,
    /// By the first id of each block.
    producer_ids: BTreeMap<i64, Offset>,
    registrations: BTreeMap<BrokerEpoch, (Offset, Registered)>,
    /// By partition epoch.
    versions: BTreeMap<(TopicIdPartition, i32), Version>,
    /// The newest registration of each controller.
    controllers: BTreeMap<NodeId, Offset>,

    topics_told: BTreeSet<String>,
    delete_asked: BTreeSet<String>,
    deletes_told: BTreeSet<String>,
    /// Topics that were refused for good.
    refused: BTreeSet<String>,
    configs_refused: BTreeSet<(String, String)>,
    producer_ids_told: BTreeSet<i64>,
    /// Lives of brokers that have asked to be shut down, and so to be fenced.
    leaving: BTreeSet<BrokerEpoch>,
    /// Lives of brokers after one that did not end in order.
    after_crash: BTreeSet<Uuid>,
}

/// It happens once: a request that was answered, or was not, is not done a second time.
fn once<K: Ord + Debug + Clone, V: Debug>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    let before = map.insert(key.clone(), value);
    assert!(
        before.is_none(),
        "{key:?} is committed twice, first at {before:?}"
    );
}

impl History {
    /// What a request that is sent now must not stand before.
    pub fn acknowledged(&self) -> Offset {
        self.acknowledged
    }

    /// A record is committed, which leads to `state`.
    pub fn on_committed(&mut self, state: &State, at: Offset, record: &MetadataRecord) {
        use MetadataRecord::*;
        let id = |topic_id, partition_id| TopicIdPartition {
            topic_id,
            partition_id,
        };
        match record {
            Topic(topic) => {
                let name = topic.name.clone();
                assert!(!self.refused.contains(&name), "{name} was refused for good");
                self.names.insert(topic.topic_id, name.clone());
                once(&mut self.created, name, (at, topic.topic_id));
            }
            RemoveTopic(topic) => {
                let name = &self.names[&topic.topic_id];
                let asked = self.delete_asked.contains(name);
                assert!(asked, "{name} is deleted, and nobody asked, or was refused");
                once(&mut self.deleted, topic.topic_id, at);
            }
            FeatureLevel(feature) => {
                let level = (feature.name.clone(), feature.feature_level);
                self.levels.insert(level);
            }
            UnregisterBroker(record) => {
                self.unregistered.insert(record.broker_id, at);
            }
            Partition(record) => {
                let id = id(record.topic_id, record.partition_id);
                once(&mut self.partitions, id, at);
                self.on_partition(state, at, id);
            }
            PartitionChange(record) => {
                self.on_partition(state, at, id(record.topic_id, record.partition_id));
            }
            ClearElr(record) => {
                let all = state.topics.iter();
                let meant = all.filter(|(name, _)| {
                    record.topic_name.is_empty() || ***name == *record.topic_name
                });
                for (_, topic_id) in meant {
                    for (partition_id, _) in state.topics.partitions(topic_id) {
                        self.on_partition(state, at, id(topic_id, partition_id));
                    }
                }
            }
            Config(config) if config.name == "retention.ms" => {
                let value = config.value.clone().unwrap_or_default();
                let set = (config.resource_name.clone(), value);
                assert!(!self.configs_refused.contains(&set), "{set:?} was refused");
                once(&mut self.configs, set, at);
            }
            ProducerIds(block) => {
                // One block is given away with each record.
                let taken = block.next_producer_id - PRODUCER_ID_BLOCK;
                once(&mut self.producer_ids, taken, at);
            }
            RegisterBroker(record) => {
                let registered = Registered {
                    broker: record.broker_id,
                    incarnation_id: record.incarnation_id,
                };
                let told = (at, registered);
                self.registrations.insert(record.broker_epoch, told);
                // The same life may register again: a request that comes twice.
                if self.after_crash.remove(&record.incarnation_id) {
                    check_after_crash(state, record.broker_id);
                }
            }
            RegisterController(record) => {
                self.controllers.insert(record.controller_id, at);
            }
            _ => {}
        }
    }

    fn on_partition(&mut self, state: &State, at: Offset, id: TopicIdPartition) {
        let partition = state.topics.partition(id).expect("it was just written");
        let version = Version {
            at,
            partition: partition.clone(),
        };
        self.versions
            .insert((id, partition.partition_epoch), version);
    }

    /// Somebody was told that something is done; it was asked for when everything below `asked` was
    /// acknowledged.
    fn acknowledge(&mut self, asked: Offset, at: Option<Offset>, what: impl Debug) {
        let at = at.unwrap_or_else(|| panic!("{what:?} was confirmed, and is not committed"));
        assert!(
            at >= asked,
            "{what:?} stands at {at}: what was confirmed before it was asked for ends at {asked}"
        );
        self.acknowledged = self.acknowledged.max(at.plus(1));
        self.kept += 1;
    }

    pub fn topic_created(&mut self, asked: Offset, name: &str, id: Uuid, partitions: i32) {
        let created = self.created.get(name).filter(|(_, known)| *known == id);
        self.acknowledge(asked, created.map(|(at, _)| *at), name);
        let ids = (0..partitions).map(|partition_id| TopicIdPartition {
            topic_id: id,
            partition_id,
        });
        let missing = ids.into_iter().find(|id| !self.partitions.contains_key(id));
        assert_eq!(
            missing, None,
            "{name} was confirmed with {partitions} partitions"
        );
        self.topics_told.insert(name.to_owned());
    }

    /// Definite: nothing was written, and nothing will be.
    pub fn topic_refused(&mut self, name: &str) {
        let created = self.created.get(name);
        assert!(
            created.is_none(),
            "{name} was refused, and is committed at {created:?}"
        );
        self.refused.insert(name.to_owned());
    }

    pub fn delete_asked(&mut self, name: &str) {
        self.delete_asked.insert(name.to_owned());
    }

    pub fn delete_refused(&mut self, name: &str) {
        let (_, id) = self.created[name];
        let deleted = self.deleted.get(&id);
        assert_eq!(deleted, None, "{name} was not to be deleted, and is");
        self.delete_asked.remove(name);
    }

    pub fn topic_deleted(&mut self, asked: Offset, name: &str) {
        let created = self.created.get(name);
        let deleted = created.and_then(|(_, id)| self.deleted.get(id)).copied();
        self.acknowledge(asked, deleted, ("the end of", name));
        self.deletes_told.insert(name.to_owned());
    }

    pub fn partition_created(&mut self, asked: Offset, topic: &str, partition_id: i32) {
        let created = self.created.get(topic);
        let created = created.and_then(|(_, topic_id)| {
            let topic_id = *topic_id;
            let id = TopicIdPartition {
                topic_id,
                partition_id,
            };
            self.partitions.get(&id).copied()
        });
        self.acknowledge(asked, created, (topic, partition_id));
    }

    pub fn configured(&mut self, asked: Offset, topic: String, value: String) {
        let set = (topic, value);
        self.acknowledge(asked, self.configs.get(&set).copied(), set);
    }

    pub fn config_refused(&mut self, topic: String, value: String) {
        let set = (topic, value);
        let at = self.configs.get(&set);
        assert_eq!(at, None, "{set:?} was refused, and is set");
        self.configs_refused.insert(set);
    }

    /// The feature had this level at some time: perhaps long ago, for who is told that nothing changes may be told
    /// so by a controller that is not active any more.
    pub fn finalized(&mut self, feature: &str, level: i16) {
        let known = self.levels.contains(&(feature.to_owned(), level));
        assert!(known || level == 0, "{feature} never had the level {level}");
        self.kept += 1;
    }

    pub fn unregistered(&mut self, asked: Offset, broker: NodeId) {
        let at = self.unregistered.get(&broker).copied();
        self.acknowledge(asked, at, ("the end of broker", broker));
    }

    /// Also, the broker asked in an epoch that no other had followed yet: the log knows one life of it at a time.
    pub fn allocated(&mut self, asked: Offset, first: i64, (id, epoch): (NodeId, BrokerEpoch)) {
        let at = self.producer_ids.get(&first).copied();
        self.acknowledge(asked, at, ("producer ids from", first));
        let later = self.registrations.range(BrokerEpoch(epoch.0 + 1)..);
        let mut later = later.map(|(_, told)| told);
        let fenced_by = later.find(|(began, life)| life.broker == id && Some(*began) < at);
        assert_eq!(
            fenced_by, None,
            "broker {id} of epoch {epoch} got producer ids at {at:?}"
        );
        let is_new = self.producer_ids_told.insert(first);
        assert!(is_new, "producer id {first} was given away twice");
    }

    pub fn registered(&mut self, asked: Offset, epoch: BrokerEpoch, registered: Registered) {
        let known = self.registrations.get(&epoch);
        let at = known
            .filter(|(_, known)| *known == registered)
            .map(|(at, _)| *at);
        self.acknowledge(asked, at, registered);
    }

    /// The answer tells a version of the partition that the log has, and none that was overtaken before it
    /// was asked for.
    pub fn altered(&mut self, asked: Offset, topic_id: Uuid, told: &ResponsePartitionData) {
        let id = TopicIdPartition {
            topic_id,
            partition_id: told.partition_index,
        };
        let version = self.versions.get(&(id, told.partition_epoch));
        let same = version.is_some_and(|version| {
            let known = &version.partition;
            (known.leader, known.leader_epoch) == (told.leader_id.known(), told.leader_epoch)
                && known.isr[..] == told.isr[..]
        });
        assert!(
            same,
            "{id:?} is committed as {version:?}, and told as {told:?}"
        );
        let next = self.versions.get(&(id, told.partition_epoch + 1));
        let overtaken = next.map(|next| next.at);
        assert!(
            overtaken.is_none_or(|at| at >= asked),
            "{id:?} was told as it was before {overtaken:?}, but {asked} was confirmed before"
        );
        self.kept += 1;
    }

    /// A broker was told that its replicas lie in this directory: so they did at some time, unless they were removed
    /// from it by the same change, which ended a reassignment. Perhaps long ago, for who is told that nothing changes may be told so by a controller that is not active any more.
    pub fn assigned(&mut self, broker: NodeId, told: &ResponseDirectoryData) {
        for topic in &told.topics {
            let topic_id = topic.topic_id;
            let done = topic.partitions.iter().filter(|one| one.error_code.is_ok());
            for partition_id in done.map(|one| one.partition_index) {
                let id = TopicIdPartition {
                    topic_id,
                    partition_id,
                };
                let mut versions = self.versions.range((id, 0)..=(id, i32::MAX));
                let lies_there =
                    |known: &Partition| known.directory(broker).is_none_or(|id| id == told.id);
                assert!(
                    versions.any(|(_, version)| lies_there(&version.partition)),
                    "{id:?} on {broker} was told to be in {}, and never was",
                    told.id
                );
                self.kept += 1;
            }
        }
    }

    /// A proposal that was refused as out of date was: its sender drops it, and proposes nothing until it reads
    /// of the newer version (KAFKA-14154).
    pub fn refused(
        &self,
        topic_id: Uuid,
        told: &ResponsePartitionData,
        (leader_epoch, partition_epoch): (Epoch, i32),
    ) {
        let is_newer = |version: &Version| match told.error_code {
            ErrorCode::FENCED_LEADER_EPOCH => version.partition.leader_epoch > leader_epoch,
            _ => true,
        };
        let dropped = [
            ErrorCode::FENCED_LEADER_EPOCH,
            ErrorCode::INVALID_UPDATE_VERSION,
        ];
        if !dropped.contains(&told.error_code) {
            return;
        }
        let id = TopicIdPartition {
            topic_id,
            partition_id: told.partition_index,
        };
        let mut newer = self
            .versions
            .range((id, partition_epoch + 1)..=(id, i32::MAX));
        assert!(
            newer.any(|(_, version)| is_newer(version)),
            "{id:?} at {partition_epoch} is no version of the past: {told:?}"
        );
    }

    pub fn leaves(&mut self, epoch: BrokerEpoch) {
        self.leaving.insert(epoch);
    }

    /// Whether the broker of this epoch may be fenced although it is heard from.
    pub fn may_be_fenced(&self, epoch: BrokerEpoch) -> bool {
        self.leaving.contains(&epoch)
    }

    /// A broker begins a new life after one that did not end in order.
    pub fn begins_after_crash(&mut self, incarnation_id: Uuid) {
        self.after_crash.insert(incarnation_id);
    }

    /// Where the controller stands that registered last.
    pub fn controller_registered_at(&self, id: NodeId) -> Option<Offset> {
        self.controllers.get(&id).copied()
    }

    /// Everything that was told and is not undone is in the state that the whole log amounts to.
    pub fn check(&self, state: &State) {
        for name in self.topics_told.difference(&self.delete_asked) {
            let (_, id) = self.created[name];
            assert_eq!(
                state.topics.id(name),
                Some(id),
                "{name} was created, and is lost"
            );
        }
        for name in self.deletes_told.union(&self.refused) {
            assert!(!state.topics.contains(name), "{name} should not be there");
        }
    }
}

/// Ids a broker gets at once.
const PRODUCER_ID_BLOCK: i64 = 1_000;

/// A broker that did not end in order may lack messages: it is in no ISR any more, and not eligible, once
/// its new life is registered (KIP-966).
fn check_after_crash(state: &State, broker: NodeId) {
    if !state.features.is_elr_enabled() {
        return;
    }
    let mut trusted = state.topics.with_isr_member(broker);
    let mut eligible = state.topics.with_elr_member(broker);
    let either = trusted.next().or(eligible.next());
    assert_eq!(
        either, None,
        "broker {broker} did not end in order, and is taken for complete"
    );
}
