//! Topics and their partitions, with the indexes that keep the cost of an operation apart from the number
//! of partitions that exist (`ReplicationControlManager`, `BrokersToIsrs`, `BrokersToElrs`).

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::partitions::Partition;
use crate::protocol::{NodeId, Uuid, features::MetadataVersion, records::*};

/// A partition by the id of its topic and its own number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicIdPartition {
    pub topic_id: Uuid,
    pub partition_id: i32,
}

impl TopicIdPartition {
    fn first_of(topic_id: Uuid) -> Self {
        TopicIdPartition {
            topic_id,
            partition_id: 0,
        }
    }

    fn last_of(topic_id: Uuid) -> Self {
        TopicIdPartition {
            topic_id,
            partition_id: i32::MAX,
        }
    }
}

/// A set of (broker, partition), asked by broker.
type ByBroker = OrdSet<(NodeId, TopicIdPartition)>;

/// Every topic with its partitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics {
    names: OrdMap<Uuid, Arc<str>>,
    ids: OrdMap<Arc<str>, Uuid>,
    /// Names that have a `.` or a `_`, by what they become in a metric's name, where both are `_`.
    metric_names: OrdSet<(Arc<str>, Arc<str>)>,
    partitions: OrdMap<TopicIdPartition, Arc<Partition>>,
    isr_members: ByBroker,
    elr_members: ByBroker,
    /// Leaders; under [`NodeId::NONE`] the partitions without one.
    leaders: ByBroker,
    /// Partitions whose leader is not their preferred one.
    imbalanced: OrdSet<TopicIdPartition>,
    /// Partitions whose replicas are on the move.
    reassigning: OrdSet<TopicIdPartition>,
}

impl Topics {
    pub fn id(&self, name: &str) -> Option<Uuid> {
        self.ids.get(name).copied()
    }

    pub fn name(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.ids.contains_key(name)
    }

    /// Names and ids, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Uuid)> {
        self.ids.iter().map(|(name, id)| (name, *id))
    }

    pub fn partition(&self, partition: TopicIdPartition) -> Option<&Arc<Partition>> {
        self.partitions.get(&partition)
    }

    /// The partitions of a topic, by number.
    pub fn partitions(&self, topic_id: Uuid) -> impl Iterator<Item = (i32, &Arc<Partition>)> {
        let all = TopicIdPartition::first_of(topic_id)..=TopicIdPartition::last_of(topic_id);
        self.partitions
            .range(all)
            .map(|(key, partition)| (key.partition_id, partition))
    }

    /// How many partitions a topic has: they are numbered from 0 without a gap.
    pub fn partition_count(&self, topic_id: Uuid) -> i32 {
        let all = TopicIdPartition::first_of(topic_id)..=TopicIdPartition::last_of(topic_id);
        self.partitions
            .range(all)
            .next_back()
            .map_or(0, |(key, _)| key.partition_id + 1)
    }

    /// A topic whose name makes the same metric name as `name`, but is another.
    pub fn colliding(&self, name: &str) -> Option<&Arc<str>> {
        let metric_name = metric_name(name);
        let from = (Arc::from(metric_name.as_str()), Arc::from(""));
        let mut candidates = self.metric_names.range(from..);
        let same = candidates
            .next()
            .filter(|(metric, _)| **metric == *metric_name);
        same.map(|(_, topic)| topic)
            .filter(|topic| ***topic != *name)
    }

    /// Partitions with the broker in their ISR.
    pub fn with_isr_member(&self, broker: NodeId) -> impl Iterator<Item = TopicIdPartition> {
        of(&self.isr_members, broker)
    }

    /// Partitions with the broker among their eligible leader replicas.
    pub fn with_elr_member(&self, broker: NodeId) -> impl Iterator<Item = TopicIdPartition> {
        of(&self.elr_members, broker)
    }

    pub fn led_by(&self, broker: NodeId) -> impl Iterator<Item = TopicIdPartition> {
        of(&self.leaders, broker)
    }

    pub fn without_leader(&self) -> impl Iterator<Item = TopicIdPartition> {
        of(&self.leaders, NodeId::NONE)
    }

    pub fn imbalanced(&self) -> impl Iterator<Item = TopicIdPartition> {
        self.imbalanced.iter().copied()
    }

    /// Partitions whose replicas are on the move.
    pub fn reassigning(&self) -> impl Iterator<Item = TopicIdPartition> {
        self.reassigning.iter().copied()
    }

    /// Partitions with an in-sync replica in a directory of the broker.
    pub fn in_directory(
        &self,
        broker: NodeId,
        directory: Uuid,
    ) -> impl Iterator<Item = TopicIdPartition> {
        let lies_there = move |key: &TopicIdPartition| {
            let partition = self.partition(*key);
            partition.is_some_and(|partition| partition.directory(broker) == Some(directory))
        };
        self.with_isr_member(broker).filter(lies_there)
    }

    pub(super) fn replay_topic(&mut self, record: &TopicRecord) -> Result<(), String> {
        if self.contains(&record.name) {
            return Err(format!("there is a topic {} already", record.name));
        }
        if self.names.contains_key(&record.topic_id) {
            return Err(format!(
                "there is a topic with the id {} already",
                record.topic_id
            ));
        }
        let name: Arc<str> = record.name.as_str().into();
        if has_collision_chars(&name) {
            self.metric_names
                .insert((metric_name(&name).into(), name.clone()));
        }
        self.names.insert(record.topic_id, name.clone());
        self.ids.insert(name, record.topic_id);
        Ok(())
    }

    pub(super) fn replay_partition(&mut self, record: &PartitionRecord) -> Result<(), String> {
        self.must_have(record.topic_id)?;
        let key = TopicIdPartition {
            topic_id: record.topic_id,
            partition_id: record.partition_id,
        };
        self.put(key, Partition::of_record(record)?);
        Ok(())
    }

    pub(super) fn replay_partition_change(
        &mut self,
        record: &PartitionChangeRecord,
    ) -> Result<(), String> {
        self.must_have(record.topic_id)?;
        let key = TopicIdPartition {
            topic_id: record.topic_id,
            partition_id: record.partition_id,
        };
        let partition = self.partitions.get(&key).ok_or_else(|| {
            format!(
                "topic {} has no partition {}",
                record.topic_id, record.partition_id
            )
        })?;
        let changed = partition.merge(record)?;
        self.put(key, changed);
        Ok(())
    }

    /// Forgets the eligible leader replicas of one topic, or of all when the name is empty. That is a
    /// change like others: the partition epoch rises (`ReplicationControlManager.removeTopicElrs`), or
    /// we and the leaders would never again speak of the same partition.
    pub(super) fn replay_clear_elr(&mut self, record: &ClearElrRecord) -> Result<(), String> {
        let keys: Vec<TopicIdPartition> = match record.topic_name.as_str() {
            "" => self.partitions.keys().copied().collect(),
            name => {
                let topic_id = self
                    .id(name)
                    .ok_or_else(|| format!("there is no topic {name}"))?;
                let key = |(partition_id, _)| TopicIdPartition {
                    topic_id,
                    partition_id,
                };
                self.partitions(topic_id).map(key).collect()
            }
        };
        for key in keys {
            let Some(partition) = self.partitions.get(&key) else {
                continue;
            };
            if !partition.elr.is_empty() || !partition.last_known_elr.is_empty() {
                let cleared = partition.merge(&PartitionChangeRecord {
                    eligible_leader_replicas: Some(Vec::new()),
                    last_known_elr: Some(Vec::new()),
                    ..Default::default()
                })?;
                self.put(key, cleared);
            }
        }
        Ok(())
    }

    /// Returns the name of the topic that is gone.
    pub(super) fn replay_remove(&mut self, record: &RemoveTopicRecord) -> Result<String, String> {
        let id = record.topic_id;
        let name = self
            .names
            .remove(&id)
            .ok_or_else(|| format!("there is no topic {id}"))?;
        self.ids.remove(&name);
        self.metric_names
            .remove(&(metric_name(&name).into(), name.clone()));
        let all = TopicIdPartition::first_of(id)..=TopicIdPartition::last_of(id);
        let keys: Vec<_> = self.partitions.range(all).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(partition) = self.partitions.remove(&key) {
                self.unindex(key, &partition);
            }
        }
        Ok(name.to_string())
    }

    fn must_have(&self, topic_id: Uuid) -> Result<(), String> {
        match self.names.contains_key(&topic_id) {
            true => Ok(()),
            false => Err(format!("there is no topic with the id {topic_id}")),
        }
    }

    fn put(&mut self, key: TopicIdPartition, partition: Partition) {
        if let Some(previous) = self.partitions.get(&key).cloned() {
            self.unindex(key, &previous);
        }
        self.index(key, &partition);
        self.partitions.insert(key, Arc::new(partition));
    }

    fn index(&mut self, key: TopicIdPartition, partition: &Partition) {
        self.isr_members
            .extend(partition.isr.iter().map(|broker| (*broker, key)));
        self.elr_members
            .extend(partition.elr.iter().map(|broker| (*broker, key)));
        self.leaders
            .insert((partition.leader.unwrap_or(NodeId::NONE), key));
        if !partition.has_preferred_leader() {
            self.imbalanced.insert(key);
        }
        if partition.is_reassigning() {
            self.reassigning.insert(key);
        }
    }

    fn unindex(&mut self, key: TopicIdPartition, partition: &Partition) {
        for broker in &partition.isr {
            self.isr_members.remove(&(*broker, key));
        }
        for broker in &partition.elr {
            self.elr_members.remove(&(*broker, key));
        }
        self.leaders
            .remove(&(partition.leader.unwrap_or(NodeId::NONE), key));
        self.imbalanced.remove(&key);
        self.reassigning.remove(&key);
    }

    /// The records that make these topics anew, written for `version`.
    pub(super) fn records(
        &self,
        version: MetadataVersion,
    ) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let (names, partitions) = (self.names.clone(), self.partitions.clone());
        names.into_iter().flat_map(move |(topic_id, name)| {
            let topic = TopicRecord {
                name: name.to_string(),
                topic_id,
                ..Default::default()
            };
            let all = TopicIdPartition::first_of(topic_id)..=TopicIdPartition::last_of(topic_id);
            let mut records = vec![MetadataRecord::from(topic)];
            records.extend(partitions.range(all).map(|(key, partition)| {
                MetadataRecord::from(partition.record(topic_id, key.partition_id, version))
            }));
            records
        })
    }
}

fn of(set: &ByBroker, broker: NodeId) -> impl Iterator<Item = TopicIdPartition> {
    let members = set.range((broker, TopicIdPartition::default())..);
    members
        .take_while(move |(id, _)| *id == broker)
        .map(|(_, partition)| *partition)
}

/// A name in which `.` and `_` look the same, as in the names of metrics (`Topic.hasCollision`).
fn metric_name(name: &str) -> String {
    name.replace('.', "_")
}

fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}
