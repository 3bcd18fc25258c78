//! Brokers and administrators of the simulated cluster: they look for the active controller, ask it for
//! things, and remember what they were promised.

use std::collections::{BTreeMap, BTreeSet};

use kraftd::{
    metadata::State,
    protocol::{
        BrokerEpoch, ErrorCode, NodeId, Offset, Uuid,
        api::{Request, Response},
        features::{self, METADATA_VERSION},
        messages::{
            allocate_producer_ids::AllocateProducerIdsRequest,
            broker_heartbeat::BrokerHeartbeatRequest,
            broker_registration::{BrokerRegistrationRequest, Feature, Listener},
            create_topics::{CreatableTopic, CreateTopicsRequest},
            delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        },
    },
    raft::SendError,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::{core::CLUSTER_ID, observer::Observer};

pub enum Client {
    Observer(Box<Observer>),
    Broker(Broker),
    Admin(Admin),
}

/// One broker over several lives.
pub struct Broker {
    pub id: NodeId,
    incarnation_id: Uuid,
    lives: u8,
    epoch: Option<BrokerEpoch>,
}

/// Creates and deletes topics.
#[derive(Default)]
pub struct Admin {
    created: u64,
    asked: Option<(String, bool)>,
    topics: Vec<String>,
}

/// What clients were told, to be held against the log.
#[derive(Default)]
pub struct Promises {
    /// Topics whose creation, and whose deletion, was confirmed.
    created: BTreeMap<String, Uuid>,
    deleted: BTreeSet<String>,
    delete_asked: BTreeSet<String>,
    /// Topics that were refused for good.
    refused: BTreeSet<String>,
    /// First producer ids of all blocks.
    producer_ids: BTreeSet<i64>,
    epochs: BTreeMap<BrokerEpoch, NodeId>,
    pub kept: u64,
}

impl Broker {
    pub fn new(id: NodeId) -> Broker {
        Broker {
            id,
            incarnation_id: Uuid([id.0 as u8; 16]),
            lives: 0,
            epoch: None,
        }
    }

    fn restart(&mut self) {
        self.lives = self.lives.wrapping_add(1);
        self.incarnation_id.0[0] = self.lives;
        self.incarnation_id.0[1] = self.lives.wrapping_add(77);
        self.epoch = None;
    }

    pub fn ask(&mut self, rng: &mut ChaCha8Rng) -> (i16, Request) {
        if rng.random_ratio(1, 200) {
            self.restart();
        }
        match self.epoch {
            None => (4, self.registration().into()),
            Some(epoch) if rng.random_ratio(1, 5) => {
                let request = AllocateProducerIdsRequest {
                    broker_id: self.id,
                    broker_epoch: epoch,
                    ..Default::default()
                };
                (0, request.into())
            }
            Some(epoch) => {
                let request = BrokerHeartbeatRequest {
                    broker_id: self.id,
                    broker_epoch: epoch,
                    current_metadata_offset: Offset(epoch.0),
                    ..Default::default()
                };
                (1, request.into())
            }
        }
    }

    fn registration(&self) -> BrokerRegistrationRequest {
        let features = features::supported(false).into_iter();
        let features = features.map(|(name, range)| Feature {
            name: name.to_owned(),
            min_supported_version: range.min,
            max_supported_version: match name {
                METADATA_VERSION => 33,
                _ => range.max,
            },
            ..Default::default()
        });
        BrokerRegistrationRequest {
            broker_id: self.id,
            cluster_id: CLUSTER_ID.to_owned(),
            incarnation_id: self.incarnation_id,
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: "localhost".to_owned(),
                port: 9092,
                ..Default::default()
            }],
            features: features.collect(),
            rack: None,
            log_dirs: vec![Uuid([self.incarnation_id.0[0] ^ 0xd0; 16])],
            ..Default::default()
        }
    }

    /// Says whether another controller should be asked.
    fn on_answer(&mut self, response: Response, promises: &mut Promises) -> bool {
        match response {
            Response::BrokerRegistration(answer) => {
                if answer.error_code.is_ok() {
                    promises.register(self.id, answer.broker_epoch);
                    self.epoch = Some(answer.broker_epoch);
                }
                answer.error_code == ErrorCode::NOT_CONTROLLER
            }
            Response::BrokerHeartbeat(answer) => {
                if answer.error_code == ErrorCode::STALE_BROKER_EPOCH {
                    self.epoch = None;
                }
                answer.error_code == ErrorCode::NOT_CONTROLLER
            }
            Response::AllocateProducerIds(answer) => {
                match answer.error_code {
                    ErrorCode::NONE => promises.allocate(answer.producer_id_start),
                    ErrorCode::STALE_BROKER_EPOCH => self.epoch = None,
                    _ => {}
                }
                answer.error_code == ErrorCode::NOT_CONTROLLER
            }
            other => panic!("answered with {other:?}"),
        }
    }
}

impl Admin {
    pub fn ask(&mut self, rng: &mut ChaCha8Rng, promises: &mut Promises) -> (i16, Request) {
        if !self.topics.is_empty() && rng.random_ratio(1, 3) {
            let name = self
                .topics
                .swap_remove(rng.random_range(0..self.topics.len()));
            self.asked = Some((name.clone(), false));
            promises.delete_asked.insert(name.clone());
            let request = DeleteTopicsRequest {
                topics: vec![DeleteTopicState {
                    name: Some(name),
                    ..Default::default()
                }],
                timeout_ms: 5_000,
                ..Default::default()
            };
            return (6, request.into());
        }
        self.created += 1;
        let name = format!("topic-{}", self.created);
        self.asked = Some((name.clone(), true));
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name,
                num_partitions: rng.random_range(1..=4),
                replication_factor: rng.random_range(1..=3),
                ..Default::default()
            }],
            timeout_ms: 5_000,
            ..Default::default()
        };
        (7, request.into())
    }

    fn on_answer(&mut self, response: Response, promises: &mut Promises) -> bool {
        let Some((name, creates)) = self.asked.take() else {
            return false;
        };
        let (error, id) = match response {
            Response::CreateTopics(answer) => {
                (answer.topics[0].error_code, answer.topics[0].topic_id)
            }
            Response::DeleteTopics(answer) => (answer.responses[0].error_code, Uuid::ZERO),
            other => panic!("answered with {other:?}"),
        };
        match (error, creates) {
            (ErrorCode::NONE, true) => {
                promises.kept += 1;
                promises.created.insert(name.clone(), id);
                self.topics.push(name);
            }
            (ErrorCode::NONE, false) => {
                promises.kept += 1;
                promises.deleted.insert(name);
            }
            // Definite: nothing was written.
            (ErrorCode::INVALID_REPLICATION_FACTOR, true) => {
                promises.refused.insert(name);
            }
            _ => {}
        }
        error == ErrorCode::NOT_CONTROLLER
    }
}

impl Client {
    /// Hands an answer over, and says whether another controller should be asked.
    pub fn on_answer(
        &mut self,
        outcome: Result<Response, SendError>,
        promises: &mut Promises,
    ) -> bool {
        match (self, outcome) {
            (Client::Observer(_), _) => panic!("observers are told when they are answered"),
            (Client::Broker(broker), Ok(response)) => broker.on_answer(response, promises),
            (Client::Admin(admin), Ok(response)) => admin.on_answer(response, promises),
            (Client::Broker(_), Err(_)) => true,
            (Client::Admin(admin), Err(_)) => {
                admin.asked = None;
                true
            }
        }
    }
}

impl Promises {
    fn register(&mut self, broker: NodeId, epoch: BrokerEpoch) {
        self.kept += 1;
        let owner = *self.epochs.entry(epoch).or_insert(broker);
        assert_eq!(owner, broker, "two brokers have the epoch {epoch}");
    }

    fn allocate(&mut self, first: i64) {
        self.kept += 1;
        assert!(
            self.producer_ids.insert(first),
            "producer id {first} was given away twice"
        );
    }

    /// Everything promised is in the state that the committed log amounts to.
    pub fn check(&self, state: &State) {
        for (name, id) in &self.created {
            // A deletion whose answer was lost may have been done.
            if !self.delete_asked.contains(name) {
                assert_eq!(
                    state.topics.id(name),
                    Some(*id),
                    "{name} was created, and is lost"
                );
            }
        }
        for name in self.deleted.iter().chain(&self.refused) {
            assert!(!state.topics.contains(name), "{name} should not be there");
        }
        let highest = self.producer_ids.last();
        assert!(
            highest.is_none_or(|first| state.producer_ids.next() > *first),
            "producer ids were given away that the log does not know"
        );
    }
}
