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
            alter_partition::{
                AlterPartitionRequest, BrokerState, RequestPartitionData, RequestTopicData,
            },
            broker_heartbeat::BrokerHeartbeatRequest,
            broker_registration::{BrokerRegistrationRequest, Feature, Listener},
            create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
            delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        },
    },
    raft::SendError,
};
use rand::{Rng, seq::IteratorRandom};
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
    /// Asks to be shut down.
    leaving: bool,
    /// Its epoch when it was last shut down in order.
    left: Option<BrokerEpoch>,
    /// The second of its disks has failed.
    disk_failed: bool,
    sleep_ms: u64,
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
    /// Lives of brokers that have asked to be shut down, and so to be fenced.
    leaving: BTreeSet<BrokerEpoch>,
    pub kept: u64,
}

impl Broker {
    pub fn new(id: NodeId) -> Broker {
        Broker {
            id,
            incarnation_id: Uuid([id.0 as u8; 16]),
            lives: 0,
            epoch: None,
            leaving: false,
            left: None,
            disk_failed: false,
            sleep_ms: 0,
        }
    }

    /// How long it does nothing now.
    pub fn take_sleep_ms(&mut self) -> u64 {
        std::mem::take(&mut self.sleep_ms)
    }

    /// A new process. Unless it was shut down in order it may have lost messages.
    fn restart(&mut self, left: Option<BrokerEpoch>) {
        (self.leaving, self.disk_failed, self.left) = (false, false, left);
        self.lives = self.lives.wrapping_add(1);
        self.incarnation_id.0[0] = self.lives;
        self.incarnation_id.0[1] = self.lives.wrapping_add(77);
        self.epoch = None;
    }

    /// What it asks the node next whose state it sees.
    pub fn ask(
        &mut self,
        rng: &mut ChaCha8Rng,
        state: Option<&State>,
        promises: &mut Promises,
    ) -> (i16, Request) {
        match rng.random_range(0..600) {
            0..3 => self.restart(None),
            3..5 => self.leaving = true,
            5..7 => self.sleep_ms = rng.random_range(1_000..20_000),
            7 => self.disk_failed = true,
            _ => {}
        }
        let Some(epoch) = self.epoch else {
            return (4, self.registration().into());
        };
        if self.leaving {
            promises.leaving.insert(epoch);
        }
        let proposes = rng.random_ratio(1, 3) && !self.leaving;
        let proposal = state.filter(|_| proposes);
        if let Some(request) = proposal.and_then(|state| self.propose_isr(rng, epoch, state)) {
            return (3, request.into());
        }
        if rng.random_ratio(1, 6) {
            let request = AllocateProducerIdsRequest {
                broker_id: self.id,
                broker_epoch: epoch,
                ..Default::default()
            };
            return (0, request.into());
        }
        let stale = rng.random_ratio(1, 100);
        let failed = self.disk_failed.then(|| self.log_dirs()[1]);
        let request = BrokerHeartbeatRequest {
            broker_id: self.id,
            broker_epoch: if stale {
                BrokerEpoch(epoch.0 - 1)
            } else {
                epoch
            },
            current_metadata_offset: Offset(epoch.0),
            want_shut_down: self.leaving,
            offline_log_dirs: failed.into_iter().collect(),
            ..Default::default()
        };
        (1, request.into())
    }

    /// A leader finds that one of its replicas lags, or has caught up.
    fn propose_isr(
        &self,
        rng: &mut ChaCha8Rng,
        epoch: BrokerEpoch,
        state: &State,
    ) -> Option<AlterPartitionRequest> {
        let id = state.topics.led_by(self.id).choose(rng)?;
        let partition = state.topics.partition(id)?;
        let other = partition.replicas.iter().filter(|other| **other != self.id);
        let other = *other.choose(rng)?;
        // It may have heard late of the last change.
        let is_late = rng.random_ratio(1, 20);
        let mut isr = partition.isr.clone();
        match isr.contains(&other) {
            true => isr.retain(|member| *member != other),
            false => isr.push(other),
        }
        let members = isr.into_iter().filter_map(|broker_id| {
            let broker_epoch = match broker_id == self.id {
                true => epoch,
                false => state.brokers.get(broker_id)?.epoch,
            };
            Some(BrokerState {
                broker_id,
                broker_epoch,
                ..Default::default()
            })
        });
        Some(AlterPartitionRequest {
            broker_id: self.id,
            broker_epoch: epoch,
            topics: vec![RequestTopicData {
                topic_id: id.topic_id,
                partitions: vec![RequestPartitionData {
                    partition_index: id.partition_id,
                    leader_epoch: partition.leader_epoch,
                    partition_epoch: partition.partition_epoch - i32::from(is_late),
                    new_isr_with_epochs: members.collect(),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        })
    }

    fn log_dirs(&self) -> Vec<Uuid> {
        let of = |salt: u8| Uuid([self.id.0 as u8 ^ salt; 16]);
        vec![of(0xd0), of(0xe0)]
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
            log_dirs: self.log_dirs(),
            previous_broker_epoch: self.left.unwrap_or(BrokerEpoch::NONE),
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
                if answer.should_shut_down {
                    self.restart(self.epoch);
                }
                answer.error_code == ErrorCode::NOT_CONTROLLER
            }
            Response::AlterPartition(answer) => answer.error_code == ErrorCode::NOT_CONTROLLER,
            Response::AllocateProducerIds(answer) => {
                match answer.error_code {
                    ErrorCode::NONE => promises.allocate(answer.producer_id_start),
                    // A new life it must be: this broker has another epoch in the log.
                    ErrorCode::STALE_BROKER_EPOCH => self.restart(None),
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
                configs: vec![CreatableTopicConfig {
                    name: "min.insync.replicas".to_owned(),
                    value: Some(rng.random_range(1..=3).to_string()),
                    ..Default::default()
                }],
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
                promises.create(name.clone(), id);
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
    pub fn create(&mut self, name: String, id: Uuid) {
        self.kept += 1;
        self.created.insert(name, id);
    }

    fn register(&mut self, broker: NodeId, epoch: BrokerEpoch) {
        self.kept += 1;
        let owner = *self.epochs.entry(epoch).or_insert(broker);
        assert_eq!(owner, broker, "two brokers have the epoch {epoch}");
    }

    /// Whether the broker of this epoch may be fenced although it is heard from.
    pub fn may_be_fenced(&self, epoch: BrokerEpoch) -> bool {
        self.leaving.contains(&epoch)
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
