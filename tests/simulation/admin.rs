//! The administrator of the simulated cluster: creates, changes and deletes topics, moves partitions, turns
//! features on and off, and removes brokers.

use kraftd::protocol::{
    ErrorCode, NodeId, Offset, Uuid,
    api::{Request, Response},
    features::{self, METADATA_VERSION},
    messages::{
        alter_configs::{self, AlterConfigsRequest},
        alter_partition_reassignments::{
            AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
        },
        create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
        delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        elect_leaders::ElectLeadersRequest,
        incremental_alter_configs::{
            AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
        },
        unregister_broker::UnregisterBrokerRequest,
        update_features::{FeatureUpdateKey, UpdateFeaturesRequest},
    },
};
use rand::{Rng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use crate::{clients::BROKERS, history::History, plan::Plan};

/// What somebody in a hurry asks for now and then: so many partitions at once. The limit is what one
/// operation may write (`QuorumController.MAX_RECORDS_PER_USER_OP`), the topic and its configuration included.
const HUGE: std::ops::RangeInclusive<i32> = 1_000..=9_998;

const TIMEOUT_MS: i32 = 5_000;
/// Of so many topics one has many partitions, and so many.
const LARGE_ONE_IN: u32 = 200;
const LARGE: i32 = 100;
const TOPIC: i8 = 2;
/// Types of feature updates.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;

pub struct Admin {
    /// In a hurry: of so many topics one is huge.
    huge_one_in: Option<u32>,
    /// Of its topics some allow leaders that may lack messages.
    unclean_topics: bool,
    /// Holds elections, which the controllers do not hold by themselves.
    elects: bool,
    id: NodeId,
    /// How many values of any kind it has asked for: none twice.
    values: u64,
    asked: Option<Asked>,
    topics: Vec<Topic>,
}

/// A topic that was created.
struct Topic {
    name: String,
    /// As many partitions as were last asked for.
    partitions: i32,
}

/// What it waits for.
enum Asked {
    Create {
        name: String,
        partitions: i32,
    },
    Delete(Topic),
    Grow {
        name: String,
        partitions: i32,
    },
    Configure {
        name: String,
        value: String,
    },
    Finalize {
        feature: String,
        level: i16,
    },
    Unregister(NodeId),
    /// Reassignments and elections: partitions tell how they went.
    Move,
}

impl Admin {
    pub fn new(id: NodeId, huge_one_in: Option<u32>, plan: &Plan) -> Admin {
        Admin {
            huge_one_in,
            unclean_topics: plan.unclean_topics,
            elects: !plan.rebalances(),
            id,
            values: 0,
            asked: None,
            topics: Vec::new(),
        }
    }

    pub fn is_hurried(&self) -> bool {
        self.huge_one_in.is_some()
    }

    /// What it asks next. In a `calm` world it removes nobody.
    pub fn ask(
        &mut self,
        rng: &mut ChaCha8Rng,
        calm: bool,
        history: &mut History,
    ) -> (i16, Request) {
        let known = (0..self.topics.len()).choose(rng);
        let (asked, version, request) = match (known, rng.random_range(0..24)) {
            (Some(index), 0..7) => {
                let topic = self.topics.swap_remove(index);
                history.delete_asked(&topic.name);
                let request = delete(&topic.name);
                (Asked::Delete(topic), 6, request.into())
            }
            (Some(index), 7) => self.configure(index),
            (Some(index), 8) => self.configure_anew(index),
            (Some(index), 9) => self.grow(index),
            (Some(index), 10) => {
                let request = reassign(&self.topics[index], rng);
                (Asked::Move, 1, request.into())
            }
            (Some(_), 11) if self.elects => {
                let request = ElectLeadersRequest {
                    topic_partitions: None,
                    timeout_ms: TIMEOUT_MS,
                    ..Default::default()
                };
                (Asked::Move, 2, request.into())
            }
            (_, 12) if !self.is_hurried() => finalize(rng),
            (_, 13) if !self.is_hurried() && !calm && rng.random_ratio(1, 8) => {
                let broker_id = NodeId(rng.random_range(BROKERS));
                let request = UnregisterBrokerRequest {
                    broker_id,
                    ..Default::default()
                };
                (Asked::Unregister(broker_id), 0, request.into())
            }
            _ => self.create(rng),
        };
        self.asked = Some(asked);
        (version, request)
    }

    fn create(&mut self, rng: &mut ChaCha8Rng) -> (Asked, i16, Request) {
        self.values += 1;
        let name = format!("topic-{}-{}", self.id, self.values);
        let partitions = match self.huge_one_in {
            Some(one_in) if rng.random_ratio(1, one_in) => rng.random_range(HUGE),
            None if rng.random_ratio(1, LARGE_ONE_IN) => LARGE,
            _ => rng.random_range(1..=4),
        };
        let min_isr = rng.random_range(1..=3).to_string();
        let mut configs = vec![("min.insync.replicas", min_isr)];
        if self.unclean_topics && rng.random() {
            configs.push(("unclean.leader.election.enable", "true".to_owned()));
        }
        let configs = configs
            .into_iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: name.to_owned(),
                value: Some(value),
                ..Default::default()
            });
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.clone(),
                num_partitions: partitions,
                replication_factor: rng.random_range(1..=3),
                configs: configs.collect(),
                ..Default::default()
            }],
            timeout_ms: TIMEOUT_MS,
            ..Default::default()
        };
        (Asked::Create { name, partitions }, 7, request.into())
    }

    fn configure(&mut self, index: usize) -> (Asked, i16, Request) {
        self.values += 1;
        let (name, value) = (self.topics[index].name.clone(), self.values.to_string());
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: name.clone(),
                configs: vec![AlterableConfig {
                    name: "retention.ms".to_owned(),
                    value: Some(value.clone()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        (Asked::Configure { name, value }, 1, request.into())
    }

    /// This value, and none of those that the topic was created with.
    fn configure_anew(&mut self, index: usize) -> (Asked, i16, Request) {
        self.values += 1;
        let (name, value) = (self.topics[index].name.clone(), self.values.to_string());
        let request = AlterConfigsRequest {
            resources: vec![alter_configs::AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: name.clone(),
                configs: vec![alter_configs::AlterableConfig {
                    name: "retention.ms".to_owned(),
                    value: Some(value.clone()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        (Asked::Configure { name, value }, 2, request.into())
    }

    fn grow(&mut self, index: usize) -> (Asked, i16, Request) {
        let topic = &mut self.topics[index];
        topic.partitions += 1;
        let (name, partitions) = (topic.name.clone(), topic.partitions);
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: name.clone(),
                count: partitions,
                assignments: None,
                ..Default::default()
            }],
            timeout_ms: TIMEOUT_MS,
            ..Default::default()
        };
        (Asked::Grow { name, partitions }, 3, request.into())
    }

    /// There will be no answer.
    pub fn on_silence(&mut self) {
        self.asked = None;
    }

    /// Says whether another controller should be asked. `asked` is what was acknowledged when this was
    /// asked for.
    pub fn on_answer(&mut self, asked: Offset, response: Response, history: &mut History) -> bool {
        let Some(what) = self.asked.take() else {
            return false;
        };
        let (error, id) = outcome(&response);
        match (what, error) {
            (Asked::Create { name, partitions }, ErrorCode::NONE) => {
                history.topic_created(asked, &name, id, partitions);
                self.topics.push(Topic { name, partitions });
            }
            (Asked::Delete(topic), ErrorCode::NONE) => history.topic_deleted(asked, &topic.name),
            (Asked::Grow { name, partitions }, ErrorCode::NONE) => {
                history.partition_created(asked, &name, partitions - 1);
            }
            (Asked::Configure { name, value }, ErrorCode::NONE) => {
                history.configured(asked, name, value);
            }
            (Asked::Finalize { feature, level }, ErrorCode::NONE) => {
                history.finalized(&feature, level);
            }
            (Asked::Unregister(broker), ErrorCode::NONE) => history.unregistered(asked, broker),
            // It may have been done all the same.
            (_, ErrorCode::NOT_CONTROLLER | ErrorCode::UNKNOWN_SERVER_ERROR) => {}
            // Definite: nothing was written, and nothing will be.
            (Asked::Create { name, .. }, _) => history.topic_refused(&name),
            (Asked::Delete(topic), _) => {
                history.delete_refused(&topic.name);
                self.topics.push(topic);
            }
            (Asked::Configure { name, value }, _) => history.config_refused(name, value),
            // They may be written when somebody asks again.
            (
                Asked::Grow { .. } | Asked::Finalize { .. } | Asked::Unregister(_) | Asked::Move,
                _,
            ) => {}
        }
        error == ErrorCode::NOT_CONTROLLER
    }
}

/// The error of the one thing that was asked for, and the id of a new topic.
fn outcome(response: &Response) -> (ErrorCode, Uuid) {
    let error = match response {
        Response::CreateTopics(answer) => {
            return (answer.topics[0].error_code, answer.topics[0].topic_id);
        }
        Response::DeleteTopics(answer) => answer.responses[0].error_code,
        Response::CreatePartitions(answer) => answer.results[0].error_code,
        Response::IncrementalAlterConfigs(answer) => answer.responses[0].error_code,
        Response::AlterConfigs(answer) => answer.responses[0].error_code,
        Response::UpdateFeatures(answer) => answer.error_code,
        Response::UnregisterBroker(answer) => answer.error_code,
        Response::AlterPartitionReassignments(answer) => answer.error_code,
        Response::ElectLeaders(answer) => answer.error_code,
        other => panic!("answered with {other:?}"),
    };
    (error, Uuid::ZERO)
}

/// Some feature at some level: up, or down where nothing is lost by it. metadata.version goes up now and then.
fn finalize(rng: &mut ChaCha8Rng) -> (Asked, i16, Request) {
    let upgrades = rng.random_ratio(1, 8);
    let features = features::supported(false).into_iter();
    let features = features.filter(|(name, _)| (*name == METADATA_VERSION) == upgrades);
    let (feature, range) = features.choose(rng).expect("there are some");
    let level = rng.random_range(range.min..=range.max);
    let request = UpdateFeaturesRequest {
        feature_updates: vec![FeatureUpdateKey {
            feature: feature.to_owned(),
            max_version_level: level,
            upgrade_type: rng.random_range(UPGRADE..=SAFE_DOWNGRADE),
            ..Default::default()
        }],
        ..Default::default()
    };
    let feature = feature.to_owned();
    (Asked::Finalize { feature, level }, 2, request.into())
}

fn delete(name: &str) -> DeleteTopicsRequest {
    DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some(name.to_owned()),
            ..Default::default()
        }],
        timeout_ms: TIMEOUT_MS,
        ..Default::default()
    }
}

/// To some of the brokers, or back.
fn reassign(topic: &Topic, rng: &mut ChaCha8Rng) -> AlterPartitionReassignmentsRequest {
    let brokers = BROKERS.map(NodeId).filter(|_| rng.random());
    let brokers: Vec<NodeId> = brokers.collect();
    AlterPartitionReassignmentsRequest {
        timeout_ms: TIMEOUT_MS,
        topics: vec![ReassignableTopic {
            name: topic.name.clone(),
            partitions: vec![ReassignablePartition {
                partition_index: rng.random_range(0..topic.partitions),
                replicas: (!brokers.is_empty()).then_some(brokers),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}
