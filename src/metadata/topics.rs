//! Topics and their partitions (`ReplicationControlManager`), and what is asked of all of them at once:
//! which partitions a broker leads, or is in sync with, and which have no leader, and so on
//! (`BrokersToIsrs`, `BrokersToElrs`). The index knows the topics that have such partitions; within a
//! topic one looks at each. So the cost of an operation does not depend on how many partitions exist
//! elsewhere, and the index costs next to nothing for each of them.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::{
    partitions::Partition,
    topic::{Mark, Topic},
};
use crate::protocol::{NodeId, Uuid, features::MetadataVersion, records::*};

/// A partition by the id of its topic and its own number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicIdPartition {
    pub topic_id: Uuid,
    pub partition_id: i32,
}

/// Every topic with its partitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics {
    topics: OrdMap<Uuid, Arc<Topic>>,
    ids: OrdMap<Arc<str>, Uuid>,
    /// Names that have a `.` or a `_`, by what they become in a metric's name, where both are `_`.
    metric_names: OrdSet<(Arc<str>, Arc<str>)>,
    /// Topics that have a partition with the mark.
    marked: OrdSet<(Mark, Uuid)>,
}

impl Topics {
    pub fn id(&self, name: &str) -> Option<Uuid> {
        self.ids.get(name).copied()
    }

    pub fn name(&self, id: Uuid) -> Option<&Arc<str>> {
        self.topics.get(&id).map(|topic| &topic.name)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.ids.contains_key(name)
    }

    /// Names and ids, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Uuid)> {
        self.ids.iter().map(|(name, id)| (name, *id))
    }

    pub fn partition(&self, key: TopicIdPartition) -> Option<&Partition> {
        self.topics.get(&key.topic_id)?.partition(key.partition_id)
    }

    /// The partitions of a topic, by number.
    pub fn partitions(&self, topic_id: Uuid) -> impl Iterator<Item = (i32, &Partition)> {
        let topic = self.topics.get(&topic_id).into_iter();
        topic.flat_map(|topic| topic.partitions())
    }

    /// How many partitions a topic has: they are numbered from 0 without a gap.
    pub fn partition_count(&self, topic_id: Uuid) -> i32 {
        let topic = self.topics.get(&topic_id);
        topic.map_or(0, |topic| topic.end())
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
        self.with(Mark::InIsr(broker))
    }

    /// Partitions with the broker among their eligible leader replicas.
    pub fn with_elr_member(&self, broker: NodeId) -> impl Iterator<Item = TopicIdPartition> {
        self.with(Mark::InElr(broker))
    }

    pub fn led_by(&self, broker: NodeId) -> impl Iterator<Item = TopicIdPartition> {
        self.with(Mark::LedBy(broker))
    }

    pub fn without_leader(&self) -> impl Iterator<Item = TopicIdPartition> {
        self.with(Mark::Leaderless)
    }

    /// Partitions whose leader is not their preferred one.
    pub fn imbalanced(&self) -> impl Iterator<Item = TopicIdPartition> {
        self.with(Mark::Imbalanced)
    }

    /// Partitions whose replicas are on the move.
    pub fn reassigning(&self) -> impl Iterator<Item = TopicIdPartition> {
        self.with(Mark::Reassigning)
    }

    fn with(&self, mark: Mark) -> impl Iterator<Item = TopicIdPartition> {
        let topics = self.marked.range((mark, Uuid::ZERO)..);
        let topics = topics.take_while(move |(other, _)| *other == mark);
        topics.flat_map(move |(_, topic_id)| {
            let marked = self.partitions(*topic_id);
            let marked = marked.filter(move |(_, partition)| mark.is_on(partition));
            marked.map(|(partition_id, _)| TopicIdPartition {
                topic_id: *topic_id,
                partition_id,
            })
        })
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
        let TopicRecord { name, topic_id, .. } = record;
        if self.contains(name) {
            return Err(format!("there is a topic {name} already"));
        }
        if self.topics.contains_key(topic_id) {
            return Err(format!("there is a topic with the id {topic_id} already"));
        }
        let name: Arc<str> = name.as_str().into();
        if has_collision_chars(&name) {
            self.metric_names
                .insert((metric_name(&name).into(), name.clone()));
        }
        self.topics
            .insert(*topic_id, Arc::new(Topic::new(name.clone())));
        self.ids.insert(name, *topic_id);
        Ok(())
    }

    pub(super) fn replay_partition(&mut self, record: &PartitionRecord) -> Result<(), String> {
        let key = TopicIdPartition {
            topic_id: record.topic_id,
            partition_id: record.partition_id,
        };
        self.put(key, Partition::of_record(record)?)
    }

    pub(super) fn replay_partition_change(
        &mut self,
        record: &PartitionChangeRecord,
    ) -> Result<(), String> {
        let (topic_id, partition_id) = (record.topic_id, record.partition_id);
        let key = TopicIdPartition {
            topic_id,
            partition_id,
        };
        let partition = self
            .partition(key)
            .ok_or_else(|| format!("topic {topic_id} has no partition {partition_id}"))?;
        let changed = partition.merge(record)?;
        self.put(key, changed)
    }

    /// Forgets the eligible leader replicas of one topic, or of all when the name is empty. That is a
    /// change like others: the partition epoch rises (`ReplicationControlManager.removeTopicElrs`), or
    /// we and the leaders would never again speak of the same partition.
    pub(super) fn replay_clear_elr(&mut self, record: &ClearElrRecord) -> Result<(), String> {
        let topic_ids: Vec<Uuid> = match record.topic_name.as_str() {
            "" => self.topics.keys().copied().collect(),
            name => vec![
                self.id(name)
                    .ok_or_else(|| format!("there is no topic {name}"))?,
            ],
        };
        for topic_id in topic_ids {
            let partitions = self.partitions(topic_id);
            let with_elr = partitions.filter(|(_, partition)| {
                !partition.elr.is_empty() || !partition.last_known_elr.is_empty()
            });
            let cleared = with_elr.map(|(partition_id, partition)| {
                let cleared = partition.merge(&PartitionChangeRecord {
                    eligible_leader_replicas: Some(Vec::new()),
                    last_known_elr: Some(Vec::new()),
                    ..Default::default()
                });
                Ok((partition_id, cleared?))
            });
            for (partition_id, partition) in cleared.collect::<Result<Vec<_>, String>>()? {
                let key = TopicIdPartition {
                    topic_id,
                    partition_id,
                };
                self.put(key, partition)?;
            }
        }
        Ok(())
    }

    /// Returns the name of the topic that is gone.
    pub(super) fn replay_remove(&mut self, record: &RemoveTopicRecord) -> Result<String, String> {
        let id = record.topic_id;
        let topic = self
            .topics
            .remove(&id)
            .ok_or_else(|| format!("there is no topic {id}"))?;
        let name = &topic.name;
        self.ids.remove(name);
        self.metric_names
            .remove(&(metric_name(name).into(), name.clone()));
        for mark in topic.marks() {
            self.marked.remove(&(mark, id));
        }
        Ok(name.to_string())
    }

    fn put(&mut self, key: TopicIdPartition, partition: Partition) -> Result<(), String> {
        let TopicIdPartition {
            topic_id,
            partition_id,
        } = key;
        let topic = self
            .topics
            .get_mut(&topic_id)
            .ok_or_else(|| format!("there is no topic with the id {topic_id}"))?;
        let marked = &mut self.marked;
        Arc::make_mut(topic).put(partition_id, partition, |mark, is_on| {
            match is_on {
                true => marked.insert((mark, topic_id)),
                false => marked.remove(&(mark, topic_id)),
            };
        })
    }

    /// The records that make these topics anew, written for `version`.
    pub(super) fn records(
        &self,
        version: MetadataVersion,
    ) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let topics = self.topics.clone().into_iter();
        topics.flat_map(move |(topic_id, topic)| {
            let record = TopicRecord {
                name: topic.name.to_string(),
                topic_id,
                ..Default::default()
            };
            let partitions = topic.partitions();
            let partitions = partitions.map(|(partition_id, partition)| {
                MetadataRecord::from(partition.record(topic_id, partition_id, version))
            });
            let mut records = vec![MetadataRecord::from(record)];
            records.extend(partitions);
            records
        })
    }
}

/// A name in which `.` and `_` look the same, as in the names of metrics (`Topic.hasCollision`).
fn metric_name(name: &str) -> String {
    name.replace('.', "_")
}

fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}
