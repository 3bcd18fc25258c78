//! The requests of clients and of partition leaders, as commands of golden scripts.

use std::str::FromStr;

use kraftd::{
    metadata::{configs::ResourceType, partitions::Partition, topics::TopicIdPartition},
    protocol::{
        BrokerEpoch, Epoch, ErrorCode, NodeId, Uuid,
        features::METADATA_VERSION,
        messages::{
            allocate_producer_ids::*,
            alter_partition::{self, AlterPartitionRequest, BrokerState},
            alter_partition_reassignments::*,
            assign_replicas_to_dirs::{self, AssignReplicasToDirsRequest, RequestDirectoryData},
            create_partitions::*,
            create_topics::*,
            delete_topics::*,
            elect_leaders::*,
            incremental_alter_configs::*,
            update_features::*,
        },
    },
};

use crate::{
    metadata_text::{self, Directory, join},
    metadata_world::{World, level, told},
    quorum::ask,
    script::{self, Command},
};

/// `foo-0`: partition 0 of the topic `foo`.
#[derive(Clone)]
struct TopicPartition(String, i32);

impl FromStr for TopicPartition {
    type Err = String;

    fn from_str(text: &str) -> Result<TopicPartition, String> {
        let (topic, partition) = text.rsplit_once('-').ok_or("a partition is foo-0")?;
        let partition = partition.parse().map_err(|_| "a partition is foo-0")?;
        Ok(TopicPartition(topic.to_owned(), partition))
    }
}

impl World {
    /// `create-topic foo partitions=3 rf=2 key=value`, or `create-topic foo replicas=1,2;2,3`
    pub fn create_topic(&mut self, command: &mut Command) -> Result<String, String> {
        let validate_only = command.flag("validate-only");
        let names: Vec<String> = command.words()?;
        let assignments = assignments(command)?.unwrap_or_default();
        let assignments = (0..).zip(assignments).map(|(partition_index, broker_ids)| {
            CreatableReplicaAssignment {
                partition_index,
                broker_ids,
                ..Default::default()
            }
        });
        let topic = CreatableTopic {
            num_partitions: command.value("partitions")?.unwrap_or(-1),
            replication_factor: command.value("rf")?.unwrap_or(-1),
            assignments: assignments.collect(),
            configs: command
                .settings()
                .into_iter()
                .map(|(name, value)| CreatableTopicConfig {
                    name,
                    value: Some(value),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        let topics = names.into_iter().map(|name| CreatableTopic {
            name,
            ..topic.clone()
        });
        let request = CreateTopicsRequest {
            topics: topics.collect(),
            validate_only,
            ..Default::default()
        };
        let response = ask!(self.quorum, CreateTopics 7 request);
        Ok(lines(response.topics, |topic| {
            told(&topic.name, topic.error_code, topic.error_message)
        }))
    }

    /// `create-partitions foo count=4 [replicas=1,2;2,3] [validate-only]`
    pub fn create_partitions(&mut self, command: &mut Command) -> Result<String, String> {
        let assignments = assignments(command)?.map(|assignments| {
            let assignments = assignments.into_iter();
            let assignment = |broker_ids| CreatePartitionsAssignment {
                broker_ids,
                ..Default::default()
            };
            assignments.map(assignment).collect()
        });
        let validate_only = command.flag("validate-only");
        let topic = CreatePartitionsTopic {
            name: command.word()?,
            count: command.value("count")?.unwrap_or(1),
            assignments,
            ..Default::default()
        };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            validate_only,
            ..Default::default()
        };
        let response = ask!(self.quorum, CreatePartitions 3 request);
        Ok(lines(response.results, |topic| {
            told(&topic.name, topic.error_code, topic.error_message)
        }))
    }

    /// `delete-topic foo id=bar,bar`: by names, and by the ids of topics.
    pub fn delete_topic(&mut self, command: &mut Command) -> Result<String, String> {
        let ids: Vec<String> = command.list("id")?.unwrap_or_default();
        let by_id = ids.iter().map(|name| DeleteTopicState {
            name: None,
            topic_id: self.state().topics.id(name).unwrap_or_default(),
            ..Default::default()
        });
        let by_name = command.words()?.into_iter().map(|name| DeleteTopicState {
            name: Some(name),
            ..Default::default()
        });
        let request = DeleteTopicsRequest {
            topics: by_id.chain(by_name).collect(),
            ..Default::default()
        };
        let response = ask!(self.quorum, DeleteTopics 6 request);
        Ok(lines(response.responses, |topic| {
            told(
                &topic.name.unwrap_or_default(),
                topic.error_code,
                topic.error_message,
            )
        }))
    }

    /// `alter-partition foo-0 isr=1,2 [recovering]`: from its leader, with the epochs as they are; or
    /// `from=2`, `leader-epoch=3`, `partition-epoch=4`, `broker-epochs=5,6`.
    pub fn alter_partition(&mut self, command: &mut Command) -> Result<String, String> {
        let of: TopicPartition = command.word()?;
        let (topic_id, partition) = self.partition(&of)?;
        let leader = partition.leader.unwrap_or(NodeId::NONE).0;
        let sender = self.broker(command.value("from")?.unwrap_or(leader))?;
        let isr: Vec<NodeId> = ids(command.list("isr")?).unwrap_or_default();
        let epoch = |id: &NodeId| {
            self.broker(id.0)
                .map_or(BrokerEpoch::NONE, |broker| broker.epoch)
        };
        let epochs = match command.list("broker-epochs")? {
            Some(epochs) => epochs.into_iter().map(BrokerEpoch).collect(),
            None => isr.iter().map(epoch).collect::<Vec<_>>(),
        };
        let isr = isr
            .into_iter()
            .zip(epochs)
            .map(|(broker_id, broker_epoch)| BrokerState {
                broker_id,
                broker_epoch,
                ..Default::default()
            });
        let data = alter_partition::RequestPartitionData {
            partition_index: of.1,
            leader_epoch: Epoch(
                command
                    .value("leader-epoch")?
                    .unwrap_or(partition.leader_epoch.0),
            ),
            partition_epoch: command
                .value("partition-epoch")?
                .unwrap_or(partition.partition_epoch),
            new_isr_with_epochs: isr.collect(),
            leader_recovery_state: command.flag("recovering").into(),
            ..Default::default()
        };
        let topic = alter_partition::RequestTopicData {
            topic_id,
            partitions: vec![data],
            ..Default::default()
        };
        let request = AlterPartitionRequest {
            broker_id: sender.id,
            broker_epoch: sender.epoch,
            topics: vec![topic],
            ..Default::default()
        };
        let response = ask!(self.quorum, AlterPartition 3 request);
        let Some(topic) = response.topics.first() else {
            return Ok(format!("{}\n", response.error_code));
        };
        let data = &topic.partitions[0];
        if !data.error_code.is_ok() {
            return Ok(format!("{}\n", data.error_code));
        }
        let epochs = format!("{}/{}", data.leader_epoch, data.partition_epoch);
        let (leader, isr) = (data.leader_id, join(&data.isr));
        Ok(format!("leader={leader} epochs={epochs} isr={isr}\n"))
    }

    fn partition(
        &self,
        TopicPartition(topic, id): &TopicPartition,
    ) -> Result<(Uuid, Partition), String> {
        let topic_id = self
            .state()
            .topics
            .id(topic)
            .ok_or(format!("no topic {topic}"))?;
        let key = TopicIdPartition {
            topic_id,
            partition_id: *id,
        };
        let partition = self
            .state()
            .topics
            .partition(key)
            .ok_or("no such partition")?;
        Ok((topic_id, Partition::clone(partition)))
    }

    /// `elect-leaders preferred foo-0`, `elect-leaders unclean` for all partitions
    pub fn elect_leaders(&mut self, command: &mut Command) -> Result<String, String> {
        let election_type = match command.word::<String>()?.as_str() {
            "preferred" => 0,
            "unclean" => 1,
            other => return Err(format!("no kind of election: {other}")),
        };
        let wanted: Vec<TopicPartition> = command.words()?;
        let wanted = wanted
            .into_iter()
            .map(|TopicPartition(topic, partition)| TopicPartitions {
                topic,
                partitions: vec![partition],
                ..Default::default()
            });
        let wanted: Vec<_> = wanted.collect();
        let request = ElectLeadersRequest {
            election_type,
            topic_partitions: (!wanted.is_empty()).then_some(wanted),
            ..Default::default()
        };
        let response = ask!(self.quorum, ElectLeaders 2 request);
        Ok(lines(response.replica_election_results, |topic| {
            lines(topic.partition_result, |result| {
                let name = format!("{}-{}", topic.topic, result.partition_id);
                told(&name, result.error_code, result.error_message)
            })
        }))
    }

    /// `reassign foo-0=3,4 foo-1=cancel [keep-rf]`
    pub fn reassign(&mut self, command: &mut Command) -> Result<String, String> {
        let allow_replication_factor_change = !command.flag("keep-rf");
        let topics = command.settings().into_iter().map(|(partition, replicas)| {
            let TopicPartition(name, partition_index) = partition.parse()?;
            let replicas = match replicas.as_str() {
                "cancel" => None,
                list => ids(Some(script::list(list)?)),
            };
            let partition = ReassignablePartition {
                partition_index,
                replicas,
                ..Default::default()
            };
            Ok(ReassignableTopic {
                name,
                partitions: vec![partition],
                ..Default::default()
            })
        });
        let request = AlterPartitionReassignmentsRequest {
            allow_replication_factor_change,
            topics: topics.collect::<Result<_, String>>()?,
            ..Default::default()
        };
        let response = ask!(self.quorum, AlterPartitionReassignments 1 request);
        Ok(lines(response.responses, |topic| {
            lines(topic.partitions, |result| {
                let name = format!("{}-{}", topic.name, result.partition_index);
                told(&name, result.error_code, result.error_message)
            })
        }))
    }

    /// `assign-dirs 1 foo-0=1a foo-1=1b`
    pub fn assign_dirs(&mut self, command: &mut Command) -> Result<String, String> {
        let broker = self.sender(command)?;
        let mut asked = Vec::new();
        let directories = command
            .settings()
            .into_iter()
            .map(|(partition, directory)| {
                let of: TopicPartition = partition.parse()?;
                let topic_id = self.state().topics.id(&of.0).unwrap_or_default();
                asked.push(partition);
                let partition = assign_replicas_to_dirs::RequestPartitionData {
                    partition_index: of.1,
                    ..Default::default()
                };
                let topic = assign_replicas_to_dirs::RequestTopicData {
                    topic_id,
                    partitions: vec![partition],
                    ..Default::default()
                };
                let id = directory.parse::<Directory>()?.0;
                Ok(RequestDirectoryData {
                    id,
                    topics: vec![topic],
                    ..Default::default()
                })
            });
        let request = AssignReplicasToDirsRequest {
            broker_id: broker.id,
            broker_epoch: broker.epoch,
            directories: directories.collect::<Result<_, String>>()?,
            ..Default::default()
        };
        let response = ask!(self.quorum, AssignReplicasToDirs 0 request);
        if !response.error_code.is_ok() {
            return Ok(format!("{}\n", response.error_code));
        }
        let results = asked.into_iter().zip(response.directories);
        Ok(lines(results, |(name, directory)| {
            told(&name, directory.topics[0].partitions[0].error_code, None)
        }))
    }

    /// `alter-config topic/foo key=value +key=value -key=value -key [validate-only]`: set, append, subtract,
    /// delete. `broker/` is all brokers.
    pub fn alter_config(&mut self, command: &mut Command) -> Result<String, String> {
        let validate_only = command.flag("validate-only");
        let resource: String = command.word()?;
        let (kind, name) = resource.split_once('/').ok_or("a resource is topic/foo")?;
        let kinds = [
            ResourceType::TOPIC,
            ResourceType::BROKER,
            ResourceType::GROUP,
        ];
        let of_name = |known: &ResourceType| known.to_string().eq_ignore_ascii_case(kind);
        let kind = kinds
            .into_iter()
            .find(of_name)
            .ok_or(format!("no resources: {kind}"))?;
        let mut configs = Vec::new();
        let mut add = |config_operation, name: &str, value| {
            let name = name.to_owned();
            configs.push(AlterableConfig {
                name,
                config_operation,
                value,
                ..Default::default()
            });
        };
        for word in command.words::<String>()? {
            add(
                1,
                word.strip_prefix('-').ok_or(format!("what is {word}?"))?,
                None,
            );
        }
        for (key, value) in command.settings() {
            match (key.strip_prefix('+'), key.strip_prefix('-')) {
                (Some(key), _) => add(2, key, Some(value)),
                (_, Some(key)) => add(3, key, Some(value)),
                (None, None) => add(0, &key, Some(value)),
            }
        }
        let resource = AlterConfigsResource {
            resource_type: kind.0,
            resource_name: name.to_owned(),
            configs,
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![resource],
            validate_only,
            ..Default::default()
        };
        let response = ask!(self.quorum, IncrementalAlterConfigs 1 request);
        Ok(lines(response.responses, |result| {
            told("", result.error_code, result.error_message)
        }))
    }

    /// `update-feature metadata.version=4.0 [downgrade|unsafe-downgrade] [validate-only]`
    pub fn update_feature(&mut self, command: &mut Command) -> Result<String, String> {
        let validate_only = command.flag("validate-only");
        let upgrade_type = match (command.flag("downgrade"), command.flag("unsafe-downgrade")) {
            (false, false) => 1,
            (true, _) => 2,
            (false, true) => 3,
        };
        let updates = command.settings().into_iter().map(|(feature, value)| {
            let max_version_level = match feature.as_str() {
                METADATA_VERSION => level(&value)?,
                _ => value.parse().map_err(|_| format!("no level {value}"))?,
            };
            Ok(FeatureUpdateKey {
                feature,
                max_version_level,
                upgrade_type,
                ..Default::default()
            })
        });
        let request = UpdateFeaturesRequest {
            feature_updates: updates.collect::<Result<_, String>>()?,
            validate_only,
            ..Default::default()
        };
        let response = ask!(self.quorum, UpdateFeatures 2 request);
        Ok(told("", response.error_code, response.error_message))
    }

    /// `allocate-producer-ids 1`
    pub fn allocate_producer_ids(&mut self, command: &mut Command) -> Result<String, String> {
        let broker = self.sender(command)?;
        let request = AllocateProducerIdsRequest {
            broker_id: broker.id,
            broker_epoch: broker.epoch,
            ..Default::default()
        };
        let response = ask!(self.quorum, AllocateProducerIds 0 request);
        let (start, count) = (response.producer_id_start, response.producer_id_len);
        Ok(match response.error_code {
            ErrorCode::NONE => format!("{start} to {}\n", start + i64::from(count) - 1),
            refused => format!("{refused}\n"),
        })
    }

    /// `show foo`: the partitions of a topic as they are now.
    pub fn show(&mut self, command: &mut Command) -> Result<String, String> {
        let topic: String = command.word()?;
        let state = self.state();
        let topic_id = state.topics.id(&topic).ok_or(format!("no topic {topic}"))?;
        let version = state.metadata_version().ok_or("no metadata.version")?;
        let partitions = state.topics.partitions(topic_id);
        Ok(lines(partitions, |(partition_id, partition)| {
            let record = partition.record(topic_id, partition_id, version);
            metadata_text::partition_state(&topic, &record) + "\n"
        }))
    }
}

fn assignments(command: &mut Command) -> Result<Option<Vec<Vec<NodeId>>>, String> {
    let Some(text) = command.value::<String>("replicas")? else {
        return Ok(None);
    };
    let partitions = text
        .split(';')
        .map(|one| Ok(script::list(one)?.into_iter().map(NodeId).collect()));
    partitions.collect::<Result<_, String>>().map(Some)
}

fn ids(numbers: Option<Vec<i32>>) -> Option<Vec<NodeId>> {
    numbers.map(|numbers| numbers.into_iter().map(NodeId).collect())
}

fn lines<T>(items: impl IntoIterator<Item = T>, line: impl Fn(T) -> String) -> String {
    items.into_iter().map(line).collect()
}
