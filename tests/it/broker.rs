//! A broker's side of the conversation with its controllers: what a Java broker sends from its start on.

use kraftd::protocol::{
    BrokerEpoch, Epoch, ErrorCode, NodeId, Uuid,
    api::Response,
    features::{self, METADATA_VERSION},
    messages::{
        alter_partition::{
            AlterPartitionRequest, BrokerState, RequestPartitionData, RequestTopicData,
        },
        broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
        broker_registration::{
            BrokerRegistrationRequest, BrokerRegistrationResponse, Feature, Listener,
        },
        create_topics::{CreatableTopic, CreatableTopicResult, CreateTopicsRequest},
    },
};

use crate::quorum::{CLUSTER_ID, Quorum, ask};

/// One life of a broker.
#[derive(Clone, Debug)]
pub struct Broker {
    pub id: NodeId,
    pub incarnation_id: Uuid,
    pub epoch: BrokerEpoch,
}

impl Broker {
    pub fn new(id: i32) -> Broker {
        let mut bytes = [0xb0; 16];
        bytes[12..].copy_from_slice(&id.to_be_bytes());
        Broker {
            id: NodeId(id),
            incarnation_id: Uuid(bytes),
            epoch: BrokerEpoch::NONE,
        }
    }

    /// Registers, and asks to be unfenced until it is.
    pub fn start(id: i32, quorum: &mut Quorum) -> Broker {
        let mut broker = Broker::new(id);
        let registered = broker.register(quorum);
        assert!(registered.error_code.is_ok(), "{:?}", registered.error_code);
        let unfenced = broker.unfence(quorum);
        assert!(!unfenced.is_fenced && unfenced.is_caught_up, "{unfenced:?}");
        broker
    }

    pub fn registration(&self) -> BrokerRegistrationRequest {
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
                port: 9100 + self.id.0 as u16,
                ..Default::default()
            }],
            features: features.collect(),
            rack: None,
            log_dirs: vec![self.directory_id()],
            ..Default::default()
        }
    }

    pub fn directory_id(&self) -> Uuid {
        let mut bytes = self.incarnation_id.0;
        bytes[0] = 0xd1;
        Uuid(bytes)
    }

    pub fn register(&mut self, quorum: &mut Quorum) -> BrokerRegistrationResponse {
        let response = ask!(quorum, BrokerRegistration 4 self.registration());
        self.epoch = response.broker_epoch;
        response
    }

    /// A heartbeat of a broker that has read all there is.
    pub fn heartbeat(&self, quorum: &mut Quorum) -> BrokerHeartbeatRequest {
        let active = quorum.active();
        BrokerHeartbeatRequest {
            broker_id: self.id,
            broker_epoch: self.epoch,
            current_metadata_offset: quorum.node(active).stable_end().plus(-1),
            ..Default::default()
        }
    }

    pub fn unfence(&self, quorum: &mut Quorum) -> BrokerHeartbeatResponse {
        let heartbeat = self.heartbeat(quorum);
        ask!(quorum, BrokerHeartbeat 2 heartbeat)
    }

    /// What a leader proposes as the in-sync replicas of its partition.
    pub fn alter_partition(
        &self,
        topic_id: Uuid,
        (leader_epoch, partition_epoch): (Epoch, i32),
        isr: &[&Broker],
    ) -> AlterPartitionRequest {
        let isr = isr.iter().map(|broker| BrokerState {
            broker_id: broker.id,
            broker_epoch: broker.epoch,
            ..Default::default()
        });
        let partition = RequestPartitionData {
            leader_epoch,
            partition_epoch,
            new_isr_with_epochs: isr.collect(),
            ..Default::default()
        };
        AlterPartitionRequest {
            broker_id: self.id,
            broker_epoch: self.epoch,
            topics: vec![RequestTopicData {
                topic_id,
                partitions: vec![partition],
                ..Default::default()
            }],
            ..Default::default()
        }
    }
}

pub fn topic(name: &str, partitions: i32, replication_factor: i16) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Creates a topic and says what came of it.
pub fn create_topic(
    quorum: &mut Quorum,
    name: &str,
    partitions: i32,
    replication_factor: i16,
) -> CreatableTopicResult {
    let request = topic(name, partitions, replication_factor);
    let mut response = ask!(quorum, CreateTopics 7 request);
    response.topics.remove(0)
}

/// The errors of an answer to CreateTopics.
pub fn topic_errors(response: &Response) -> Vec<ErrorCode> {
    match response {
        Response::CreateTopics(response) => response
            .topics
            .iter()
            .map(|topic| topic.error_code)
            .collect(),
        other => panic!("answered with {other:?}"),
    }
}
