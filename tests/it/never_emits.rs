//! What makes a Java broker exit, hang or keep wrong metadata, and what a controller must therefore never
//! send or write. Each test names a mistake seen to have that effect on Kafka 4.3.1's broker; those of
//! Fetch answers and elections are tested with raft.

use std::collections::BTreeMap;

use kraftd::{
    controller::{SnapshotOptions, apis},
    log::Log,
    protocol::{
        ErrorCode, NodeId, Offset, OffsetAndEpoch,
        api::{ApiKey, Response},
        control_records::ControlRecord,
        features::MetadataVersion,
        messages::{
            broker_heartbeat::BrokerHeartbeatResponse, unregister_broker::UnregisterBrokerRequest,
        },
        record_batch::{MAX_BATCH_BYTES, RecordBatch},
        records::MetadataRecord,
    },
};

use crate::{
    broker::{Broker, create_topic, topic, topic_errors},
    quorum::{Quorum, ask},
};

/// A quorum of three that has seen much: brokers that come, stop and go, topics, three leaders, and
/// snapshots.
fn eventful(metadata_version: MetadataVersion) -> Quorum {
    let mut quorum = Quorum::with(3, |settings| {
        settings.metadata_version = metadata_version;
        settings.snapshots = SnapshotOptions {
            max_bytes_between_snapshots: 4000,
            max_retention_bytes: 1 << 30,
            ..Default::default()
        };
    });
    let brokers: Vec<_> = (11..14).map(|id| Broker::start(id, &mut quorum)).collect();
    for number in 0..10 {
        let created = create_topic(&mut quorum, &format!("topic-{number}"), 3, 2);
        assert_eq!(
            created.error_code,
            ErrorCode::NONE,
            "{:?}",
            created.error_message
        );
        if number % 4 == 3 {
            let active = quorum.active();
            quorum.kill(active);
            quorum.active();
            quorum.start(active);
        }
        for broker in &brokers {
            broker.unfence(&mut quorum);
        }
    }
    let mut stopping = brokers[0].heartbeat(&mut quorum);
    stopping.want_shut_down = true;
    ask!(quorum, BrokerHeartbeat 1 stopping);
    let gone = UnregisterBrokerRequest {
        broker_id: brokers[1].id,
        ..Default::default()
    };
    assert_eq!(
        ask!(quorum, UnregisterBroker 0 gone).error_code,
        ErrorCode::NONE
    );
    // The last one falls silent, and is fenced.
    quorum.run_for(15_000);
    quorum
}

/// All logs of a quorum, whole.
fn logs(quorum: &Quorum) -> Vec<(NodeId, Vec<RecordBatch>)> {
    let nodes = quorum.nodes.iter();
    let logs = nodes.map(|(id, node)| (*id, node.log.batches().to_vec()));
    logs.inspect(|(id, log)| assert!(log.len() > 50, "node {id} has a log worth looking at"))
        .collect()
}

/// The batches of every snapshot on every disk.
fn snapshots(quorum: &mut Quorum) -> Vec<(OffsetAndEpoch, Vec<RecordBatch>)> {
    let mut found = Vec::new();
    for node in quorum.nodes.values_mut() {
        for id in node.log.recover().snapshots.into_keys() {
            let mut bytes = node
                .log
                .snapshot(id)
                .expect("a snapshot that is listed")
                .clone();
            let mut batches = Vec::new();
            while let Some(batch) = RecordBatch::split_off(&mut bytes).expect("a batch") {
                batches.push(batch);
            }
            assert!(bytes.is_empty(), "a snapshot ends with a whole batch");
            found.push((id, batches));
        }
    }
    assert!(found.len() > 3);
    found
}

#[test]
fn exit_batches_with_gaps_or_overlaps_or_falling_epochs() {
    let quorum = eventful(MetadataVersion::LATEST_PRODUCTION);
    for (id, log) in logs(&quorum) {
        assert_eq!(log[0].base_offset(), Offset(0));
        for pair in log.windows(2) {
            let (end, base) = (pair[0].end_offset(), pair[1].base_offset());
            assert_eq!(end, base, "node {id}: after offset {end}");
            assert!(
                pair[0].epoch() <= pair[1].epoch(),
                "node {id}: at offset {base}"
            );
        }
        let epochs: std::collections::BTreeSet<_> = log.iter().map(RecordBatch::epoch).collect();
        assert!(epochs.len() >= 3, "several leaders wrote it");
    }
}

#[test]
fn exit_records_that_java_cannot_read_back() {
    let quorum = eventful(MetadataVersion::LATEST_PRODUCTION);
    for (id, log) in logs(&quorum) {
        for batch in log {
            assert!(batch.bytes().len() <= MAX_BATCH_BYTES);
            // Offset and timestamp deltas, keys and headers are checked by reading.
            let records = batch.records().expect("strictly as Java reads it");
            if batch.is_control() {
                let control = batch.control_records().expect("a control record");
                let [ControlRecord::LeaderChange(change)] = &control[..] else {
                    panic!("node {id} has {control:?} in its log")
                };
                assert_eq!(change.version, 0);
                continue;
            }
            for record in records {
                let decoded = MetadataRecord::decode(record.value.clone());
                let (decoded, version) = decoded.expect("one of ours, with nothing left over");
                let again = decoded.encode(version).expect("encodes");
                assert_eq!(again, record.value, "{decoded:?}");
            }
        }
    }
}

#[test]
fn exit_records_or_versions_that_an_old_broker_does_not_know() {
    // Highest version of each record that Kafka 3.9.2 reads.
    const KAFKA_3_9: &[(u32, i16)] = &[
        (0, 3),
        (1, 0),
        (2, 0),
        (3, 2),
        (4, 0),
        (5, 2),
        (7, 0),
        (8, 0),
        (9, 0),
        (10, 0),
        (11, 0),
        (12, 0),
        (14, 0),
        (15, 0),
        (17, 2),
        (18, 0),
        (19, 0),
        (20, 0),
        (21, 0),
        (22, 0),
        (23, 0),
        (24, 0),
        (25, 0),
        (26, 0),
        (27, 0),
    ];
    let known: BTreeMap<_, _> = KAFKA_3_9.iter().copied().collect();
    let mut quorum = eventful(MetadataVersion(21));
    let logs = logs(&quorum).into_iter().flat_map(|(_, log)| log);
    let snapshots = snapshots(&mut quorum)
        .into_iter()
        .flat_map(|(_, batches)| batches);
    for batch in logs.chain(snapshots).filter(|batch| !batch.is_control()) {
        for record in batch.records().expect("records") {
            let (record, version) = MetadataRecord::decode(record.value).expect("a record");
            let highest = known.get(&record.key()).copied();
            assert!(
                highest.is_some_and(|highest| version <= highest),
                "{record:?} v{version}"
            );
        }
    }
}

#[test]
fn exit_snapshots_without_header_or_footer_or_with_gaps() {
    let mut quorum = eventful(MetadataVersion::LATEST_PRODUCTION);
    let batch_ends: Vec<_> = logs(&quorum)
        .into_iter()
        .flat_map(|(_, log)| log)
        .map(|batch| OffsetAndEpoch {
            offset: batch.end_offset(),
            epoch: batch.epoch(),
        })
        .collect();
    for (id, batches) in snapshots(&mut quorum) {
        assert!(batch_ends.contains(&id), "{id} is the end of a batch");
        let control = |batch: &RecordBatch| match batch.is_control() {
            true => batch.control_records().expect("control records"),
            false => Vec::new(),
        };
        let (first, last) = (control(&batches[0]), control(&batches[batches.len() - 1]));
        assert!(
            matches!(first[..], [ControlRecord::SnapshotHeader(_)]),
            "{id}: {first:?}"
        );
        assert!(
            matches!(last[..], [ControlRecord::SnapshotFooter(_)]),
            "{id}: {last:?}"
        );
        let mut next = Offset(0);
        for batch in &batches {
            assert_eq!((batch.base_offset(), batch.epoch()), (next, id.epoch));
            next = batch.end_offset();
        }
        let (_, record) = &batches[1].metadata_records().expect("records")[0];
        let MetadataRecord::FeatureLevel(level) = record else {
            panic!("{id}: {record:?}")
        };
        assert_eq!(
            level.name, "metadata.version",
            "how to read the rest comes first"
        );
        let within = batches[1..batches.len() - 1].iter();
        for batch in within {
            for (_, record) in batch
                .metadata_records()
                .expect("no control records in between")
            {
                let name = record.name();
                assert!(
                    !name.ends_with("Transaction") && name != "NoOp",
                    "{id} holds {name}"
                );
            }
        }
    }
}

#[test]
fn refused_start_a_needed_api_is_not_advertised() {
    for key in [
        ApiKey::FETCH,
        ApiKey::API_VERSIONS,
        ApiKey::CREATE_TOPICS,
        ApiKey::ALTER_PARTITION,
        ApiKey::ENVELOPE,
        ApiKey::FETCH_SNAPSHOT,
        ApiKey::BROKER_REGISTRATION,
        ApiKey::BROKER_HEARTBEAT,
        ApiKey::ALLOCATE_PRODUCER_IDS,
        ApiKey::ASSIGN_REPLICAS_TO_DIRS,
    ] {
        assert!(apis::find(key).is_some(), "{}", key.name());
    }
    // Registrations of Kafka 3.9 to 4.4 all come in version 4.
    let registration = apis::find(ApiKey::BROKER_REGISTRATION).expect("served");
    assert!(registration.versions.contains(&4));
}

#[test]
fn hang_metadata_version_is_missing_from_the_first_image() {
    let mut quorum = Quorum::of(3);
    let active = quorum.active();
    quorum.run_for(1000);
    let first = quorum.nodes[&active].log.batches();
    let data = first
        .iter()
        .find(|batch| !batch.is_control())
        .expect("data");
    let records = data.metadata_records().expect("records");
    let names: Vec<_> = records.iter().map(|(_, record)| record.name()).collect();
    assert_eq!((names[0], names[1]), ("BeginTransaction", "FeatureLevel"));
    assert_eq!(
        names.last(),
        Some(&"EndTransaction"),
        "it ends where it began: in one batch"
    );
}

#[test]
fn hang_a_transaction_is_begun_and_never_ended() {
    let quorum = eventful(MetadataVersion::LATEST_PRODUCTION);
    for id in quorum.ids() {
        let mut open = false;
        for (offset, record) in quorum.records(id) {
            match record.name() {
                "BeginTransaction" => {
                    assert!(!open, "a second transaction begins at {offset}");
                    open = true;
                }
                "EndTransaction" | "AbortTransaction" => {
                    assert!(open, "a transaction ends at {offset} that never began");
                    open = false;
                }
                _ => {}
            }
        }
        assert!(!open, "node {id}");
    }
}

#[test]
fn hang_a_predecessors_open_transaction_is_aborted() {
    // Java's leader wrote Begin and was gone before the rest.
    use kraftd::protocol::{Epoch, records::BeginTransactionRecord};
    let mut quorum = Quorum::of(1);
    let only = quorum.active();
    quorum.kill(only);
    let node = quorum.nodes.get_mut(&only).expect("a node");
    let begin = MetadataRecord::from(BeginTransactionRecord::default());
    let end = node.log.end();
    let epoch = node
        .log
        .batches()
        .last()
        .map_or(Epoch(1), RecordBatch::epoch);
    let batch = RecordBatch::of_records(end, epoch, 0, [(&begin, 0)]).expect("encodes");
    node.log.append(&batch).expect("appends");
    node.log.sync().expect("syncs");

    quorum.start(only);
    quorum.active();
    assert_eq!(
        create_topic_error(&mut quorum),
        ErrorCode::INVALID_REPLICATION_FACTOR
    );
    let names: Vec<_> = quorum
        .records(only)
        .iter()
        .map(|(_, record)| record.name())
        .collect();
    let begun = names
        .iter()
        .rposition(|name| *name == "BeginTransaction")
        .expect("Begin");
    assert_eq!(names[begun + 1], "AbortTransaction");
}

/// Without a broker, a creation fails; that it is answered shows that the log is not stuck.
fn create_topic_error(quorum: &mut Quorum) -> ErrorCode {
    create_topic(quorum, "a", 1, 1).error_code
}

#[test]
fn wrong_state_is_fenced_false_is_answered_before_the_broker_asked() {
    let mut quorum = Quorum::of(1);
    let mut broker = Broker::new(1);
    broker.register(&mut quorum);
    let wait = |heartbeat: BrokerHeartbeatResponse, caught_up| {
        assert_eq!(heartbeat.error_code, ErrorCode::NONE);
        assert!(
            heartbeat.is_fenced && !heartbeat.should_shut_down,
            "{heartbeat:?}"
        );
        assert_eq!(heartbeat.is_caught_up, caught_up);
    };
    let mut heartbeat = broker.heartbeat(&mut quorum);
    heartbeat.want_fence = true;
    let caught_up = heartbeat.current_metadata_offset;
    heartbeat.current_metadata_offset = Offset(-1);
    wait(ask!(quorum, BrokerHeartbeat 2 heartbeat.clone()), false);
    heartbeat.current_metadata_offset = caught_up;
    wait(ask!(quorum, BrokerHeartbeat 2 heartbeat.clone()), true);
    heartbeat.want_fence = false;
    heartbeat.current_metadata_offset = Offset(broker.epoch.0 - 1);
    wait(ask!(quorum, BrokerHeartbeat 2 heartbeat.clone()), false);
    heartbeat.current_metadata_offset = Offset(broker.epoch.0);
    let answer = ask!(quorum, BrokerHeartbeat 2 heartbeat);
    assert!(!answer.is_fenced && answer.is_caught_up, "{answer:?}");
}

#[test]
fn wrong_state_a_reply_goes_out_before_its_record_is_committed() {
    let mut quorum = Quorum::of(3);
    let active = quorum.active();
    quorum.run_for(1000);
    for node in quorum.nodes.values_mut() {
        node.disk_stalls = true;
    }
    let mut broker = Broker::new(11);
    let token = quorum.send(active, 4, broker.registration());
    let created = quorum.send(active, 7, topic("a", 1, 1));
    quorum.settle();
    assert_eq!(quorum.answered(token), None, "on no disk at all");

    quorum.nodes.get_mut(&active).expect("a node").disk_stalls = false;
    quorum.settle();
    assert_eq!(quorum.answered(token), None, "on one disk of three");
    // This one refuses for want of brokers; it may have seen what is not committed, and waits too.
    assert_eq!(quorum.answered(created), None);

    for node in quorum.nodes.values_mut() {
        node.disk_stalls = false;
    }
    let Response::BrokerRegistration(answer) = quorum.answer(token) else {
        panic!("wrong API")
    };
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(topic_errors(&quorum.answer(created)).len(), 1);
    broker.epoch = answer.broker_epoch;
    let registered = quorum.records(active).into_iter().find(|(offset, record)| {
        offset.0 == broker.epoch.0 && matches!(record, MetadataRecord::RegisterBroker(_))
    });
    assert!(
        registered.is_some(),
        "the epoch is the offset of the registration"
    );
}

#[test]
fn wrong_state_two_brokers_get_one_epoch_or_a_life_gets_a_lower_one() {
    let mut quorum = Quorum::of(3);
    let active = quorum.active();
    quorum.run_for(1000);
    // All before any of it is committed.
    let brokers: Vec<_> = (11..21).map(Broker::new).collect();
    let tokens: Vec<_> = brokers
        .iter()
        .map(|broker| quorum.send(active, 4, broker.registration()))
        .collect();
    let mut epochs: Vec<_> = tokens
        .into_iter()
        .map(|token| match quorum.answer(token) {
            Response::BrokerRegistration(answer) => answer.broker_epoch,
            other => panic!("answered with {other:?}"),
        })
        .collect();
    // Another life of the first, with another leader.
    quorum.kill(active);
    quorum.run_for(12_000);
    let mut again = Broker::new(11);
    again.incarnation_id.0[1] ^= 1;
    assert_eq!(again.register(&mut quorum).error_code, ErrorCode::NONE);
    epochs.push(again.epoch);
    assert!(
        epochs.is_sorted_by(|earlier, later| earlier < later),
        "{epochs:?}"
    );
}

#[test]
fn wrong_state_a_new_leader_without_a_new_epoch_or_directories_that_do_not_fit() {
    let quorum = eventful(MetadataVersion::LATEST_PRODUCTION);
    for id in quorum.ids() {
        let mut created = 0;
        for (_, record) in quorum.records(id) {
            let MetadataRecord::Partition(partition) = record else {
                continue;
            };
            assert_eq!(partition.directories.len(), partition.replicas.len());
            assert_eq!(
                (partition.leader_epoch.0, partition.partition_epoch),
                (0, 0)
            );
            created += 1;
        }
        assert_eq!(created, 30, "node {id}");
        let topics = &quorum.node(id).stable_state().topics;
        let mut moved = 0;
        for (_, topic_id) in topics.iter() {
            for (_, partition) in topics.partitions(topic_id) {
                assert_eq!(partition.directories.len(), partition.replicas.len());
                // A leader change is a partition change.
                assert!(partition.leader_epoch.0 <= partition.partition_epoch);
                moved += usize::from(partition.leader_epoch.0 > 0);
            }
        }
        assert!(moved > 0, "brokers went, and with them leaders");
    }
}

#[test]
fn hang_an_idle_controller_shows_no_life() {
    let mut quorum = Quorum::of(3);
    let active = quorum.active();
    quorum.run_for(2000);
    let before = quorum.node(active).stable_end();
    quorum.run_for(5000);
    let written = quorum.node(active).stable_end().0 - before.0;
    assert!(
        (9..=11).contains(&written),
        "{written} NoOp records in 5 s, one each 500 ms"
    );
    // Everyone hears of it.
    let ends: Vec<_> = quorum
        .ids()
        .iter()
        .map(|id| quorum.node(*id).stable_end().0)
        .collect();
    let last = ends.iter().max().copied().unwrap_or_default();
    assert!(ends.iter().all(|end| last - end <= 1), "{ends:?}");
}
