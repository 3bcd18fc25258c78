//! Whole controllers at work: one alone, three together, one of them gone, snapshots.

use kraftd::{
    controller::SnapshotOptions,
    protocol::{
        Epoch, ErrorCode, NodeId, Offset,
        api::Response,
        features::MetadataVersion,
        messages::{
            allocate_producer_ids::AllocateProducerIdsRequest,
            api_versions::ApiVersionsRequest,
            delete_topics::{DeleteTopicState, DeleteTopicsRequest},
            describe_cluster::DescribeClusterRequest,
            describe_configs::{DescribeConfigsRequest, DescribeConfigsResource},
            describe_quorum::{DescribeQuorumRequest, RequestPartitionData, RequestTopicData},
            unregister_broker::UnregisterBrokerRequest,
        },
        records::MetadataRecord,
    },
};

use crate::{
    broker::{Broker, create_topic, topic, topic_errors},
    quorum::{CLUSTER_ID, Quorum, ask},
};

const TOPIC_TYPE: i8 = 2;

#[test]
fn a_quorum_of_one_bootstraps_its_log() {
    let mut quorum = Quorum::of(1);
    let id = quorum.active();
    quorum.run_for(100);
    let records: Vec<_> = quorum
        .records(id)
        .into_iter()
        .map(|(_, record)| record.name())
        .collect();
    let levels = ["FeatureLevel"; 6];
    let expected: Vec<_> = ["BeginTransaction"]
        .into_iter()
        .chain(levels)
        .chain(["Config", "EndTransaction", "RegisterController"])
        .collect();
    assert_eq!(records, expected);
    let state = quorum.node(id).stable_state();
    assert_eq!(
        state.metadata_version(),
        Some(MetadataVersion::LATEST_PRODUCTION)
    );
    assert!(state.controllers.contains(id));
}

#[test]
fn a_broker_comes_up_and_its_topics_are_kept() {
    let mut quorum = Quorum::of(1);
    let first = Broker::start(1, &mut quorum);
    let second = Broker::start(2, &mut quorum);

    let created = create_topic(&mut quorum, "orders", 3, 2);
    assert_eq!(
        created.error_code,
        ErrorCode::NONE,
        "{:?}",
        created.error_message
    );
    assert_eq!((created.num_partitions, created.replication_factor), (3, 2));

    let active = quorum.active();
    let state = quorum.node(active).stable_state();
    let (_, partition) = state
        .topics
        .partitions(created.topic_id)
        .next()
        .expect("a partition");
    let leader = if partition.leader == Some(first.id) {
        &first
    } else {
        &second
    };
    let epochs = (partition.leader_epoch, partition.partition_epoch);
    let request = leader.alter_partition(created.topic_id, epochs, &[leader]);
    let altered = ask!(quorum, AlterPartition 3 request);
    assert_eq!(altered.error_code, ErrorCode::NONE);
    let partition = &altered.topics[0].partitions[0];
    assert_eq!(
        (partition.error_code, &partition.isr[..]),
        (ErrorCode::NONE, &[leader.id][..])
    );

    let mut next = 0;
    for _ in 0..3 {
        let request = AllocateProducerIdsRequest {
            broker_id: first.id,
            broker_epoch: first.epoch,
            ..Default::default()
        };
        let block = ask!(quorum, AllocateProducerIds 0 request);
        assert_eq!(
            (block.producer_id_start, block.producer_id_len),
            (next, 1000)
        );
        next += 1000;
    }

    // All of it is in the log: a restart reads the same.
    let before = quorum.node(active).stable_state().clone();
    quorum.kill(active);
    quorum.start(active);
    quorum.active();
    let after = quorum.node(active).stable_state();
    assert_eq!(after.topics, before.topics);
    assert_eq!(after.brokers, before.brokers);
}

#[test]
fn three_elect_one_and_writes_go_on_when_it_is_killed() {
    let mut quorum = Quorum::of(3);
    let first = quorum.active();
    Broker::start(11, &mut quorum);
    assert_eq!(
        create_topic(&mut quorum, "before", 1, 1).error_code,
        ErrorCode::NONE
    );

    let killed_at = quorum.now.time;
    quorum.kill(first);
    let second = quorum.active();
    assert_ne!(second, first);
    let without_leader = quorum.now.time.ms_since(killed_at);
    assert!(
        without_leader < 500,
        "{without_leader} ms without an active controller"
    );
    assert_eq!(
        create_topic(&mut quorum, "after", 1, 1).error_code,
        ErrorCode::NONE
    );

    quorum.start(first);
    quorum.run_for(3000);
    let ids = quorum.ids();
    let ends: Vec<_> = ids
        .iter()
        .map(|id| quorum.node(*id).raft().end_offset())
        .collect();
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:?}");
    for id in ids {
        let state = quorum.node(id).stable_state();
        assert!(
            state.topics.contains("before") && state.topics.contains("after"),
            "node {id}"
        );
        assert_eq!(
            state.controllers.iter().count(),
            3,
            "all are registered on node {id}"
        );
    }
}

#[test]
fn a_standby_answers_reads_and_sends_writers_to_the_active_one() {
    let mut quorum = Quorum::of(3);
    let active = quorum.active();
    Broker::start(11, &mut quorum);
    create_topic(&mut quorum, "orders", 1, 1);
    quorum.run_for(1000);
    let standby = quorum
        .ids()
        .into_iter()
        .find(|id| *id != active)
        .expect("a standby");

    let token = quorum.send(standby, 7, topic("refused", 1, 1));
    let answer = quorum.answer(token);
    assert_eq!(topic_errors(&answer), [ErrorCode::NOT_CONTROLLER]);
    let Response::CreateTopics(answer) = answer else {
        unreachable!()
    };
    let message = answer.topics[0].error_message.clone().expect("a message");
    assert_eq!(
        message,
        format!("The active controller appears to be node {active}.")
    );

    let resource = DescribeConfigsResource {
        resource_type: TOPIC_TYPE,
        resource_name: "orders".to_owned(),
        configuration_keys: None,
        ..Default::default()
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        ..Default::default()
    };
    let token = quorum.send(standby, 4, request);
    let Response::DescribeConfigs(answer) = quorum.answer(token) else {
        panic!("wrong API")
    };
    assert_eq!(answer.results[0].error_code, ErrorCode::NONE);
    assert!(answer.results[0].configs.len() > 20);

    let request = DescribeClusterRequest {
        endpoint_type: 2,
        ..Default::default()
    };
    let token = quorum.send(standby, 1, request);
    let Response::DescribeCluster(answer) = quorum.answer(token) else {
        panic!("wrong API")
    };
    assert_eq!(answer.cluster_id, CLUSTER_ID);
    assert_eq!(answer.controller_id, active);
    assert_eq!(answer.brokers.len(), 3);
}

#[test]
fn what_was_not_committed_when_the_leader_lost_its_quorum_is_refused() {
    let mut quorum = Quorum::of(3);
    let first = quorum.active();
    Broker::start(11, &mut quorum);
    quorum.run_for(500);
    quorum.nodes.get_mut(&first).expect("a node").is_cut_off = true;
    let token = quorum.send(first, 7, topic("lost", 1, 1));
    quorum.settle();
    assert_eq!(
        quorum.answered(token),
        None,
        "not committed, so not answered"
    );

    let second = quorum.active();
    assert_ne!(second, first);
    let answer = quorum.answer(token);
    assert_eq!(topic_errors(&answer), [ErrorCode::NOT_CONTROLLER]);

    quorum.nodes.get_mut(&first).expect("a node").is_cut_off = false;
    assert_eq!(
        create_topic(&mut quorum, "kept", 1, 1).error_code,
        ErrorCode::NONE
    );
    quorum.run_for(5000);
    for id in quorum.ids() {
        let topics = &quorum.node(id).stable_state().topics;
        assert!(
            topics.contains("kept") && !topics.contains("lost"),
            "node {id}"
        );
    }
}

#[test]
fn a_refusal_waits_for_the_change_it_is_due_to() {
    let mut quorum = Quorum::of(3);
    let first = quorum.active();
    let broker = Broker::start(11, &mut quorum);
    let unregister = UnregisterBrokerRequest {
        broker_id: broker.id,
        ..Default::default()
    };
    quorum.nodes.get_mut(&first).expect("a node").is_cut_off = true;
    let done = quorum.send(first, 0, unregister.clone());
    let refused = quorum.send(first, 0, unregister);
    quorum.settle();
    assert_eq!(quorum.answered(done), None, "not committed");
    assert_eq!(quorum.answered(refused), None, "the broker may yet stay");
    for token in [done, refused] {
        let Response::UnregisterBroker(answer) = quorum.answer(token) else {
            panic!("another API");
        };
        assert_eq!(answer.error_code, ErrorCode::NOT_CONTROLLER);
    }
}

#[test]
fn a_request_that_waited_too_long_is_told_so() {
    let mut quorum = Quorum::of(1);
    let active = quorum.active();
    Broker::start(1, &mut quorum);
    let mut request = topic("late", 1, 1);
    request.timeout_ms = 1000;
    for (queued_for_ms, expected) in [
        (1001, ErrorCode::REQUEST_TIMED_OUT),
        (1000, ErrorCode::NONE),
    ] {
        quorum.queued_for_ms = queued_for_ms;
        let token = quorum.send(active, 7, request.clone());
        assert_eq!(topic_errors(&quorum.answer(token)), [expected]);
    }
}

#[test]
fn a_controller_that_cannot_keep_up_says_so() {
    let mut quorum = Quorum::of(1);
    let active = quorum.active();
    let broker = Broker::start(1, &mut quorum);
    quorum.nodes.get_mut(&active).expect("a node").disk_stalls = true;
    let first = quorum.send(active, 7, topic("first", 1, 1));
    let heartbeat = broker.heartbeat(&mut quorum);
    for _ in 1..10_000 {
        quorum.send(active, 2, heartbeat.clone());
    }
    let token = quorum.send(active, 2, heartbeat.clone());
    let Some(Response::BrokerHeartbeat(answer)) = quorum.answered(token) else {
        panic!("one too many is not made to wait")
    };
    assert_eq!(answer.error_code, ErrorCode::REQUEST_TIMED_OUT);
    assert_eq!(quorum.answered(first), None);

    quorum.nodes.get_mut(&active).expect("a node").disk_stalls = false;
    assert_eq!(topic_errors(&quorum.answer(first)), [ErrorCode::NONE]);
    let answer = ask!(quorum, BrokerHeartbeat 2 heartbeat);
    assert_eq!(answer.error_code, ErrorCode::NONE);
}

/// An hour without much, and one with nothing.
#[test]
fn a_snapshot_is_written_each_hour_if_there_is_anything_new() {
    let mut quorum = Quorum::with(1, |settings| {
        settings.periodic.max_idle_interval_ms = 0;
    });
    let active = quorum.active();
    quorum.run_for(1000);
    let end = quorum.node(active).stable_end();
    for _ in 0..2 {
        quorum.run_for(3_601_000);
        let snapshots = quorum
            .nodes
            .get_mut(&active)
            .expect("a node")
            .log
            .recover()
            .snapshots;
        let ends: Vec<_> = snapshots.keys().map(|id| id.offset).collect();
        assert_eq!(ends, [end]);
    }
}

/// Snapshots every few records.
fn often() -> SnapshotOptions {
    SnapshotOptions {
        max_bytes_between_snapshots: 2000,
        max_retention_bytes: 6000,
        ..Default::default()
    }
}

#[test]
fn snapshots_are_written_loaded_and_installed() {
    let mut quorum = Quorum::with(3, |settings| settings.snapshots = often());
    let active = quorum.active();
    let lagging = quorum
        .ids()
        .into_iter()
        .find(|id| *id != active)
        .expect("a standby");
    quorum.run_for(200);
    quorum.kill(lagging);
    Broker::start(11, &mut quorum);
    for number in 0..60 {
        let created = create_topic(&mut quorum, &format!("topic-{number}"), 2, 1);
        assert_eq!(created.error_code, ErrorCode::NONE);
    }
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some("topic-7".to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    assert_eq!(
        ask!(quorum, DeleteTopics 6 request).responses[0].error_code,
        ErrorCode::NONE
    );
    let start = quorum.nodes[&active].log.start();
    assert!(start.offset.0 > 50, "the log was cut at {start}");

    // The one that was away gets a snapshot, and then the log after it.
    quorum.start(lagging);
    quorum.run_for(2000);
    let expected = quorum.node(active).stable_state().clone();
    assert!(expected.topics.contains("topic-59") && !expected.topics.contains("topic-7"));
    let state = quorum.node(lagging).stable_state();
    assert_eq!(state.topics, expected.topics);
    assert_eq!(state.features, expected.features);

    // Everybody starts again from what is on disk.
    for id in quorum.ids() {
        quorum.kill(id);
    }
    for id in quorum.ids() {
        quorum.start(id);
    }
    quorum.active();
    quorum.run_for(1000);
    for id in quorum.ids() {
        let state = quorum.node(id).stable_state();
        assert_eq!(state.topics, expected.topics, "node {id}");
        assert!(state.brokers.is_active(NodeId(11)), "node {id}");
    }
}

#[test]
fn what_is_too_old_goes_however_often_the_node_is_started() {
    let mut quorum = Quorum::with(1, |settings| {
        settings.snapshots = SnapshotOptions {
            max_bytes_between_snapshots: 2000,
            max_retention_ms: 10_000,
            ..Default::default()
        };
    });
    let id = quorum.active();
    Broker::start(11, &mut quorum);
    let ends = |quorum: &mut Quorum| {
        let log = &mut quorum.nodes.get_mut(&id).expect("a node").log;
        let snapshots = log.recover().snapshots;
        snapshots.keys().map(|id| id.offset).collect::<Vec<_>>()
    };
    for number in 0..20 {
        create_topic(&mut quorum, &format!("topic-{number}"), 2, 1);
        quorum.run_for(500);
    }
    quorum.kill(id);
    let before = ends(&mut quorum);
    assert!(before.len() > 3, "{before:?}");
    let newest = before.last().copied();
    // No process lives as long as what is kept.
    for _ in 0..4 {
        quorum.start(id);
        quorum.run_for(4_000);
        quorum.kill(id);
    }
    let after = ends(&mut quorum);
    assert!(after.first() >= newest.as_ref(), "{after:?} of {before:?}");
    assert!(quorum.nodes[&id].log.start().offset >= newest.expect("a snapshot"));
}

#[test]
fn what_is_too_much_goes_at_the_next_start() {
    let mut quorum = Quorum::with(1, |settings| settings.snapshots = often());
    quorum.settings.snapshots.max_retention_bytes = -1;
    let id = quorum.active();
    quorum.kill(id);
    quorum.start(id);
    Broker::start(11, &mut quorum);
    for number in 0..40 {
        create_topic(&mut quorum, &format!("topic-{number}"), 2, 1);
    }
    quorum.kill(id);
    assert_eq!(quorum.nodes[&id].log.start().offset, Offset(0));
    quorum.settings.snapshots = often();
    quorum.start(id);
    quorum.settle();
    let log = &mut quorum.nodes.get_mut(&id).expect("a node").log;
    assert!(log.start().offset > Offset(0), "all of it is kept");
    let kept: u64 = log
        .recover()
        .snapshots
        .values()
        .map(|kept| kept.bytes + kept.log_bytes)
        .sum();
    assert!(kept < 3 * 6000, "{kept} bytes are kept");
}

#[test]
fn with_a_linger_results_share_a_batch() {
    let mut quorum = Quorum::with(1, |settings| settings.append_linger_ms = Some(25));
    let active = quorum.active();
    Broker::start(1, &mut quorum);
    let batches = quorum.nodes[&active].appended.len();
    let tokens: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| quorum.send(active, 7, topic(name, 1, 1)))
        .collect();
    for token in tokens {
        assert_eq!(topic_errors(&quorum.answer(token)), [ErrorCode::NONE]);
    }
    let appended = &quorum.nodes[&active].appended[batches..];
    let with_topics = appended.iter().filter(|batch| {
        let records = batch.metadata_records().expect("our own");
        records
            .iter()
            .any(|(_, record)| matches!(record, MetadataRecord::Topic(_)))
    });
    assert_eq!(with_topics.count(), 1);
}

#[test]
fn the_quorum_describes_itself() {
    let mut quorum = Quorum::of(3);
    let active = quorum.active();
    quorum.run_for(1000);
    let request = DescribeQuorumRequest {
        topics: vec![RequestTopicData {
            topic_name: "__cluster_metadata".to_owned(),
            partitions: vec![RequestPartitionData::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = ask!(quorum, DescribeQuorum 2 request);
    let partition = &answer.topics[0].partitions[0];
    assert_eq!(
        (partition.leader_id, partition.current_voters.len()),
        (active, 3)
    );
    assert!(partition.leader_epoch >= Epoch(1));
}

#[test]
fn api_versions_say_what_is_served_and_settled() {
    let mut quorum = Quorum::of(1);
    quorum.active();
    quorum.run_for(100);
    let request = ApiVersionsRequest {
        client_software_name: "apache-kafka-java".to_owned(),
        client_software_version: "4.3.1".to_owned(),
        ..Default::default()
    };
    let answer = ask!(quorum, ApiVersions 4 request.clone());
    // They stay what they are, whatever else is written.
    let last = quorum.node(NodeId(1)).stable_end().plus(-1);
    quorum.run_for(10_000);
    let later = ask!(quorum, ApiVersions 4 request.clone());
    assert!(quorum.node(NodeId(1)).stable_end() > last.plus(1), "NoOps");
    assert!((1..=last.0).contains(&answer.finalized_features_epoch));
    assert_eq!(
        later.finalized_features_epoch,
        answer.finalized_features_epoch
    );
    let level = answer
        .finalized_features
        .iter()
        .find(|level| level.name == "metadata.version");
    assert_eq!(level.map(|level| level.max_version_level), Some(30));
    assert!(
        answer
            .finalized_features
            .iter()
            .all(|level| level.max_version_level > 0)
    );
    let of_old = ask!(quorum, ApiVersions 3 request);
    assert!(
        of_old
            .supported_features
            .iter()
            .all(|feature| feature.min_version > 0)
    );
    assert!(
        answer
            .supported_features
            .iter()
            .any(|feature| feature.min_version == 0)
    );
}
