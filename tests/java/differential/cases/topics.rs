//! What the controller is; brokers come, and topics with them.

use kraftd::protocol::{
    api::Request,
    ids::{BrokerEpoch, Epoch, NodeId, Uuid},
    messages::*,
};

use super::{CAUGHT_UP, Case};
use crate::{differential::world::World, requests::*};

pub const CASES: &[Case] = &[
    // What the controller is.
    ("api versions", 0, |_| {
        api_versions::ApiVersionsRequest::default().into()
    }),
    ("api versions", 3, |_| software("test", "1.0")),
    ("api versions", 4, |_| software("test", "1.0")),
    ("api versions of a client without a name", 3, |_| {
        software("", "1.0")
    }),
    ("api versions of a client with a strange name", 3, |_| {
        software("a b", "1.0")
    }),
    ("cluster", 0, |_| cluster(1, false)),
    ("cluster, brokers", 1, |_| cluster(1, false)),
    ("cluster, controllers", 1, |_| cluster(2, false)),
    ("cluster, nonsense", 1, |_| cluster(3, false)),
    ("cluster, controllers", 2, |_| cluster(2, true)),
    ("sasl handshake without sasl", 1, |_| {
        sasl_handshake::SaslHandshakeRequest::default().into()
    }),
    ("sasl token without sasl", 2, |_| {
        sasl_authenticate::SaslAuthenticateRequest::default().into()
    }),
    // Voters say where they listen. The leader does not: a Java leader that hears it of itself stops with
    // "Received a FETCH/FETCH_SNAPSHOT request from the leader itself".
    ("voter of another cluster", 0, |_| {
        voter("other", 1, 1, (0, 1))
    }),
    ("voter, older epoch", 0, |w| {
        voter(&w.cluster_id, 1, 0, (0, 1))
    }),
    ("voter, later epoch", 0, |w| {
        voter(&w.cluster_id, 1, 99, (0, 1))
    }),
    ("voter without an id", 0, |w| {
        voter(&w.cluster_id, -1, 1, (0, 1))
    }),
    ("voter that is none", 0, |w| {
        voter(&w.cluster_id, 9, 1, (0, 1))
    }),
    ("voter of levels to come", 0, |w| {
        voter(&w.cluster_id, 1, 1, (1, 2))
    }),
    ("voter of nonsense levels", 0, |w| {
        voter(&w.cluster_id, 1, 1, (0, -1))
    }),
    ("voter without its listener", 0, |w| {
        update_raft_voter::UpdateRaftVoterRequest {
            cluster_id: Some(w.cluster_id.clone()),
            current_leader_epoch: Epoch(1),
            voter_id: NodeId(1),
            voter_directory_id: Uuid([7; 16]),
            ..Default::default()
        }
        .into()
    }),
    // Brokers come.
    ("heartbeat of a stranger", 1, |w| {
        heartbeat((101, w.epoch(101)), 0, true, false).into()
    }),
    ("registration in another cluster", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            cluster_id: "other".to_owned(),
            ..registration(&w.cluster_id, 101, 1)
        }
        .into()
    }),
    ("registration without directories", 4, |w| {
        with_dirs(w, vec![])
    }),
    ("registration with a reserved directory", 4, |w| {
        with_dirs(w, vec![Uuid::ONE])
    }),
    ("registration with a directory twice", 4, |w| {
        with_dirs(w, vec![directory(1), directory(1)])
    }),
    ("registration of a migrating broker", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            is_migrating_zk_broker: true,
            ..registration(&w.cluster_id, 101, 1)
        }
        .into()
    }),
    ("registration without metadata.version", 4, |w| {
        with_features(w, &[("group.version", 0, 1)])
    }),
    ("registration of an old broker", 4, |w| {
        with_features(w, &[("metadata.version", 1, 21)])
    }),
    ("registration with metadata.version only", 4, |w| {
        with_features(w, &[("metadata.version", 7, 30)])
    }),
    ("registration", 4, |w| {
        registration(&w.cluster_id, 101, 1).into()
    }),
    ("registration again", 4, |w| {
        registration(&w.cluster_id, 101, 1).into()
    }),
    ("registration of another life", 4, |w| {
        registration(&w.cluster_id, 101, 2).into()
    }),
    ("registration with another's directory", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            log_dirs: vec![directory(101)],
            ..registration(&w.cluster_id, 102, 1)
        }
        .into()
    }),
    ("registration", 3, |w| {
        registration(&w.cluster_id, 102, 1).into()
    }),
    ("registration", 4, |w| {
        registration(&w.cluster_id, 103, 1).into()
    }),
    ("registration with two directories", 4, |w| {
        broker_registration::BrokerRegistrationRequest {
            log_dirs: vec![directory(104), directory(1104)],
            rack: Some("r1".to_owned()),
            ..registration(&w.cluster_id, 104, 1)
        }
        .into()
    }),
    // No broker is unfenced yet.
    ("topic without brokers", 7, |_| {
        create(vec![topic("early", 1, 1)], false)
    }),
    ("heartbeat of a broker that is behind", 1, |w| {
        heartbeat((101, w.epoch(101)), 0, true, false).into()
    }),
    ("unfencing of a broker that is behind", 1, |w| {
        heartbeat((101, w.epoch(101)), 0, false, false).into()
    }),
    ("heartbeat of a broker that is caught up", 2, |w| {
        heartbeat((101, w.epoch(101)), CAUGHT_UP, true, false).into()
    }),
    ("heartbeat with an old epoch", 1, |w| {
        broker_heartbeat::BrokerHeartbeatRequest {
            broker_epoch: BrokerEpoch(1),
            ..heartbeat((101, w.epoch(101)), CAUGHT_UP, false, false)
        }
        .into()
    }),
    ("unfencing", 1, |w| {
        heartbeat((101, w.epoch(101)), CAUGHT_UP, false, false).into()
    }),
    ("unfencing", 1, |w| {
        heartbeat((102, w.epoch(102)), CAUGHT_UP, false, false).into()
    }),
    ("unfencing", 1, |w| {
        heartbeat((103, w.epoch(103)), CAUGHT_UP, false, false).into()
    }),
    ("heartbeat when unfenced", 1, |w| {
        heartbeat((103, w.epoch(103)), CAUGHT_UP, false, false).into()
    }),
    // Topics.
    ("topic", 7, |_| {
        create(
            vec![assigned("a", &[&[101, 102], &[102, 103], &[103, 101]])],
            false,
        )
    }),
    ("topic", 2, |_| {
        create(vec![assigned("old", &[&[101]])], false)
    }),
    ("topics, one of them known", 7, |_| {
        create(
            vec![assigned("a", &[&[101]]), assigned("b", &[&[102, 103, 101]])],
            false,
        )
    }),
    ("topic placed by the controller", 7, |_| {
        create(vec![topic("placed", 3, 1)], true)
    }),
    ("topic with defaults", 7, |_| {
        create(vec![topic("defaults", -1, -1)], true)
    }),
    ("topic twice", 7, |_| {
        create(
            vec![topic("t", 1, 1), topic("t", 2, 1), assigned("c", &[&[101]])],
            false,
        )
    }),
    ("topic with a bad name", 7, |_| {
        create(vec![topic("a b", 1, 1)], false)
    }),
    ("topic with no name", 7, |_| {
        create(vec![topic("", 1, 1)], false)
    }),
    ("topic called dot", 7, |_| {
        create(vec![topic(".", 1, 1)], false)
    }),
    ("topic with a long name", 7, |_| {
        create(vec![topic(&"n".repeat(250), 1, 1)], false)
    }),
    ("topic with a dot", 7, |_| {
        create(vec![assigned("dot.ted", &[&[101]])], false)
    }),
    ("topic that collides", 7, |_| {
        create(vec![topic("dot_ted", 1, 1)], false)
    }),
    ("metadata topic", 7, |_| {
        create(vec![topic("__cluster_metadata", 1, 1)], false)
    }),
    ("topic of no partitions", 7, |_| {
        create(vec![topic("t", 0, 1)], false)
    }),
    ("topic of -2 partitions", 7, |_| {
        create(vec![topic("t", -2, 1)], false)
    }),
    ("topic with factor 0", 7, |_| {
        create(vec![topic("t", 1, 0)], false)
    }),
    ("topic with factor -2", 7, |_| {
        create(vec![topic("t", 1, -2)], false)
    }),
    ("topic with too many replicas", 7, |_| {
        create(vec![topic("t", 1, 9)], false)
    }),
    ("topic with too many partitions", 7, |_| {
        create(vec![topic("t", 10_001, 1)], false)
    }),
    ("topic with assignments and a count", 7, |_| {
        create(
            vec![create_topics::CreatableTopic {
                num_partitions: 1,
                ..assigned("t", &[&[101]])
            }],
            false,
        )
    }),
    ("topic with a replica twice", 7, |_| {
        create(vec![assigned("t", &[&[101, 101]])], false)
    }),
    ("topic on an unknown broker", 7, |_| {
        create(vec![assigned("t", &[&[101, 9]])], false)
    }),
    ("topic with uneven replicas", 7, |_| {
        create(vec![assigned("t", &[&[101], &[101, 102]])], false)
    }),
    ("topic with no replicas", 7, |_| {
        create(vec![assigned("t", &[&[]])], false)
    }),
    ("topic on a fenced broker", 7, |_| {
        create(vec![assigned("t", &[&[104]])], false)
    }),
    ("topic partly on a fenced broker", 7, |_| {
        create(vec![assigned("half", &[&[104, 101]])], false)
    }),
    ("topic with a gap in its partitions", 7, |_| {
        let mut topic = assigned("t", &[&[101], &[102]]);
        topic.assignments[1].partition_index = 2;
        create(vec![topic], false)
    }),
    ("topic with settings", 7, |_| {
        let configs = [
            ("retention.ms", Some("1000")),
            ("cleanup.policy", Some("compact,delete")),
        ];
        create(
            vec![configured(assigned("set", &[&[101, 102]]), &configs)],
            false,
        )
    }),
    ("topic with an unknown setting", 7, |_| {
        create(
            vec![configured(topic("t", 1, 1), &[("nonsense", Some("1"))])],
            false,
        )
    }),
    ("topic with a wrong value", 7, |_| {
        create(
            vec![configured(
                topic("t", 1, 1),
                &[("retention.ms", Some("long"))],
            )],
            false,
        )
    }),
    ("topic with a value out of range", 7, |_| {
        create(
            vec![configured(
                topic("t", 1, 1),
                &[("min.insync.replicas", Some("0"))],
            )],
            false,
        )
    }),
    ("topic with a null value", 7, |_| {
        create(
            vec![configured(topic("t", 1, 1), &[("retention.ms", None)])],
            false,
        )
    }),
    // More partitions.
    ("partitions", 3, |_| {
        grow("a", 4, Some(&[&[103, 102]]), false)
    }),
    ("partitions, as many", 3, |_| grow("a", 4, None, false)),
    ("partitions, fewer", 3, |_| grow("a", 2, None, false)),
    ("partitions of nothing", 3, |_| {
        grow("nothing", 2, None, false)
    }),
    ("partitions, too few assignments", 3, |_| {
        grow("a", 6, Some(&[&[101, 102]]), false)
    }),
    ("many partitions, with a choice for one", 3, |_| {
        grow("a", 20_000, Some(&[&[101, 102]]), false)
    }),
    ("partitions on an unknown broker", 3, |_| {
        grow("a", 5, Some(&[&[101, 9]]), false)
    }),
    ("partitions with another factor", 3, |_| {
        grow("a", 5, Some(&[&[101]]), false)
    }),
    ("partitions, only to see", 3, |_| {
        grow("a", 5, Some(&[&[101, 102]]), true)
    }),
];

fn software(name: &str, version: &str) -> Request {
    let request = api_versions::ApiVersionsRequest {
        client_software_name: name.to_owned(),
        client_software_version: version.to_owned(),
        ..Default::default()
    };
    request.into()
}

fn voter(cluster_id: &str, id: i32, epoch: i32, (min, max): (i16, i16)) -> Request {
    let request = update_raft_voter::UpdateRaftVoterRequest {
        cluster_id: Some(cluster_id.to_owned()),
        current_leader_epoch: Epoch(epoch),
        voter_id: NodeId(id),
        voter_directory_id: Uuid([7; 16]),
        listeners: vec![update_raft_voter::Listener {
            name: "CONTROLLER".to_owned(),
            host: "localhost".to_owned(),
            port: 9093,
            ..Default::default()
        }],
        kraft_version_feature: update_raft_voter::KRaftVersionFeature {
            min_supported_version: min,
            max_supported_version: max,
            ..Default::default()
        },
        ..Default::default()
    };
    request.into()
}

fn cluster(endpoint_type: i8, include_fenced_brokers: bool) -> Request {
    let request = describe_cluster::DescribeClusterRequest {
        endpoint_type,
        include_fenced_brokers,
        ..Default::default()
    };
    request.into()
}

fn with_dirs(world: &World, log_dirs: Vec<Uuid>) -> Request {
    let request = broker_registration::BrokerRegistrationRequest {
        log_dirs,
        ..registration(&world.cluster_id, 101, 1)
    };
    request.into()
}

fn with_features(world: &World, features: &[(&str, i16, i16)]) -> Request {
    let feature = |(name, min, max): &(&str, i16, i16)| broker_registration::Feature {
        name: (*name).to_owned(),
        min_supported_version: *min,
        max_supported_version: *max,
        ..Default::default()
    };
    let request = broker_registration::BrokerRegistrationRequest {
        features: features.iter().map(feature).collect(),
        ..registration(&world.cluster_id, 101, 1)
    };
    request.into()
}
