//! Clients of the simulated cluster: they look for the active controller, ask it for things, and have what
//! they are told held against the log. Here are the brokers.

use std::ops::Range;

use kraftd::{
    metadata::State,
    protocol::{
        BrokerEpoch, Epoch, ErrorCode, NodeId, Offset, Uuid,
        api::{Request, Response},
        features::{self, METADATA_VERSION},
        messages::{
            allocate_producer_ids::AllocateProducerIdsRequest,
            broker_heartbeat::BrokerHeartbeatRequest,
            broker_registration::{BrokerRegistrationRequest, Feature, Listener},
        },
    },
    raft::SendError,
};
use rand::{Rng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    admin::Admin,
    core::CLUSTER_ID,
    history::{History, Registered},
    observer::Observer,
    replicas,
};

/// Their ids.
pub const BROKERS: Range<i32> = 102..105;

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
    /// Two bytes of the ids of its directories.
    disks: [u8; 2],
    /// Somebody has started it by mistake: there is one with its id.
    is_twin: bool,
    epoch: Option<BrokerEpoch>,
    /// Asks to be shut down.
    leaving: bool,
    /// Its epoch when it was last shut down in order.
    left: Option<BrokerEpoch>,
    /// The directory on the one of its disks that has failed.
    failed_directory: Option<Uuid>,
    /// It beats between other requests at least, and not only when chance wants it.
    steady: bool,
    /// Its last request was a heartbeat.
    has_beaten: bool,
    /// How far it has read the metadata; exclusive.
    read: Offset,
    /// It reads on so seldom, and otherwise works with what it knows.
    reads_one_in: u32,
    /// Leader epoch and partition epoch of its last proposal.
    proposed: (Epoch, i32),
    /// The epoch in which it asked for producer ids.
    asked_in: BrokerEpoch,
    sleep_ms: u64,
}

impl Broker {
    pub fn new(id: NodeId, steady: bool) -> Broker {
        Broker {
            id,
            incarnation_id: Uuid([id.0 as u8; 16]),
            lives: 0,
            disks: [0xd0, 0xe0],
            is_twin: false,
            epoch: None,
            leaving: false,
            left: None,
            failed_directory: None,
            steady,
            has_beaten: false,
            read: Offset(0),
            reads_one_in: 1,
            proposed: (Epoch(0), 0),
            asked_in: BrokerEpoch::NONE,
            sleep_ms: 0,
        }
    }

    /// Another process with this id, on the same disks or on its own.
    pub fn twin(id: NodeId, steady: bool, same_disks: bool, history: &mut History) -> Broker {
        let mut broker = Broker::new(id, steady);
        broker.is_twin = true;
        broker.incarnation_id.0[2] = !broker.incarnation_id.0[2];
        if !same_disks {
            broker.disks = [0xa0, 0xb0];
        }
        history.begins_after_crash(broker.incarnation_id);
        broker
    }

    pub fn is_twin(&self) -> bool {
        self.is_twin
    }

    /// What it tells of its disks as long as it is registered.
    pub fn failed_directory(&self) -> Option<Uuid> {
        self.failed_directory
    }

    /// How long it does nothing now.
    pub fn take_sleep_ms(&mut self) -> u64 {
        std::mem::take(&mut self.sleep_ms)
    }

    /// A new process. Unless it was shut down in order it may have lost messages.
    fn restart(&mut self, left: Option<BrokerEpoch>, history: &mut History) {
        (self.leaving, self.failed_directory, self.left) = (false, None, left);
        self.lives = self.lives.wrapping_add(1);
        self.incarnation_id.0[0] = self.lives;
        self.incarnation_id.0[1] = self.lives.wrapping_add(77);
        self.epoch = None;
        if left.is_none() {
            history.begins_after_crash(self.incarnation_id);
        }
    }

    /// The epoch under which it is registered, as far as it knows, unless it is on its way out.
    pub fn epoch(&self) -> Option<BrokerEpoch> {
        self.epoch.filter(|_| !self.leaving)
    }

    /// It may read on up to `end`. What it knows it does not forget, whoever tells it less.
    pub fn read(&mut self, rng: &mut ChaCha8Rng, end: Option<Offset>, calm: bool) {
        if calm || rng.random_ratio(1, self.reads_one_in) {
            self.read = self.read.max(end.unwrap_or_default());
        }
    }

    pub fn has_read(&self) -> Offset {
        self.read
    }

    /// What it asks next, for all that it knows the cluster to be as in `state`. In a `calm` world it goes on
    /// as it is.
    pub fn ask(
        &mut self,
        rng: &mut ChaCha8Rng,
        state: &State,
        calm: bool,
        history: &mut History,
    ) -> (i16, Request) {
        match rng.random_range(0..600) {
            _ if calm => {}
            0..3 => self.restart(None, history),
            3..5 => self.leaving = true,
            5..7 => self.sleep_ms = rng.random_range(1_000..20_000),
            // One disk at a time: a broker without any ends.
            7..10 if self.failed_directory.is_none() => {
                self.failed_directory = self.log_dirs().into_iter().choose(rng);
            }
            10..14 => self.reads_one_in = [1, 5, 50][rng.random_range(0..3)],
            _ => {}
        }
        let Some(epoch) = self.epoch else {
            return (4, self.registration().into());
        };
        if self.leaving {
            history.leaves(epoch);
        }
        let has_beaten = std::mem::take(&mut self.has_beaten);
        let is_free = has_beaten || !(self.steady || calm);
        let proposes = is_free && rng.random() && !self.leaving;
        let proposal = proposes.then(|| replicas::propose_isr(rng, (self.id, epoch), state));
        if let Some(request) = proposal.flatten() {
            let asked = &request.topics[0].partitions[0];
            self.proposed = (asked.leader_epoch, asked.partition_epoch);
            return (3, request.into());
        }
        if is_free && rng.random_ratio(1, 3) {
            // Perhaps one that has just failed.
            let directory = self.log_dirs()[rng.random_range(0..2)];
            if let Some(request) = replicas::assign(rng, (self.id, epoch), state, directory) {
                return (0, request.into());
            }
        }
        if is_free && rng.random_ratio(1, 3) {
            self.asked_in = epoch;
            let request = AllocateProducerIdsRequest {
                broker_id: self.id,
                broker_epoch: epoch,
                ..Default::default()
            };
            return (0, request.into());
        }
        self.has_beaten = true;
        let stale = rng.random_ratio(1, 100) && !calm;
        let request = BrokerHeartbeatRequest {
            broker_id: self.id,
            broker_epoch: if stale {
                BrokerEpoch(epoch.0 - 1)
            } else {
                epoch
            },
            // The last offset that it has.
            current_metadata_offset: self.read.plus(-1),
            want_shut_down: self.leaving,
            offline_log_dirs: self.failed_directory.into_iter().collect(),
            ..Default::default()
        };
        (1, request.into())
    }

    fn log_dirs(&self) -> Vec<Uuid> {
        let of = |salt: u8| Uuid([self.id.0 as u8 ^ salt; 16]);
        self.disks.map(of).to_vec()
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

    /// Says whether another controller should be asked. `asked` is what was acknowledged when this was
    /// asked for.
    fn on_answer(&mut self, asked: Offset, response: Response, history: &mut History) -> bool {
        let error = match response {
            Response::BrokerRegistration(answer) => {
                if answer.error_code.is_ok() {
                    let registered = Registered {
                        broker: self.id,
                        incarnation_id: self.incarnation_id,
                    };
                    history.registered(asked, answer.broker_epoch, registered);
                    self.epoch = Some(answer.broker_epoch);
                }
                answer.error_code
            }
            Response::BrokerHeartbeat(answer) => {
                if answer.should_shut_down {
                    self.restart(self.epoch, history);
                }
                answer.error_code
            }
            Response::AlterPartition(answer) => {
                for topic in &answer.topics {
                    let done = topic.partitions.iter().filter(|one| one.error_code.is_ok());
                    done.for_each(|one| history.altered(asked, topic.topic_id, one));
                    for refused in &topic.partitions {
                        history.refused(topic.topic_id, refused, self.proposed);
                    }
                }
                answer.error_code
            }
            Response::AssignReplicasToDirs(answer) => {
                for directory in &answer.directories {
                    history.assigned(self.id, directory);
                }
                answer.error_code
            }
            Response::AllocateProducerIds(answer) => {
                match answer.error_code {
                    ErrorCode::NONE => {
                        let first = answer.producer_id_start;
                        history.allocated(asked, first, (self.id, self.asked_in));
                    }
                    // A new life it must be: this broker has another epoch in the log.
                    ErrorCode::STALE_BROKER_EPOCH => self.restart(None, history),
                    _ => {}
                }
                answer.error_code
            }
            other => panic!("answered with {other:?}"),
        };
        error == ErrorCode::NOT_CONTROLLER
    }
}

impl Client {
    /// Hands an answer over, and says whether another controller should be asked. `asked` is what was
    /// acknowledged when this was asked for.
    pub fn on_answer(
        &mut self,
        asked: Offset,
        outcome: Result<Response, SendError>,
        history: &mut History,
    ) -> bool {
        match (self, outcome) {
            (Client::Observer(_), _) => panic!("observers are told when they are answered"),
            (Client::Broker(broker), Ok(response)) => broker.on_answer(asked, response, history),
            (Client::Admin(admin), Ok(response)) => admin.on_answer(asked, response, history),
            (Client::Broker(_), Err(_)) => true,
            (Client::Admin(admin), Err(_)) => {
                admin.on_silence();
                true
            }
        }
    }
}
