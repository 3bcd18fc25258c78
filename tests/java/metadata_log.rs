//! The committed metadata log as an observer gets it, by Fetch from the active controller.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use bytes::Bytes;
use kraftd::protocol::{
    error_code::ErrorCode,
    ids::{Epoch, NodeId, Offset},
    messages::fetch::{FetchResponse, PartitionData},
    record_batch::RecordBatch,
    records::{MetadataRecord, PartitionChangeRecord},
};

use super::{
    client::Client, cluster::java, kafka::RELEASE, process::run_to_end, requests::fetch_request,
};

const FETCH_VERSION: i16 = 17;

/// What a partition change record says, with the brokers' names left out: random placement decides
/// those, the rest must not differ from Java.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionMove {
    pub isr: Option<usize>,
    pub moves_leader: bool,
    pub leaderless: bool,
    pub replicas: Option<usize>,
    pub eligible_leader_replicas: Option<usize>,
    pub last_known_elr: Option<usize>,
    pub leader_recovery_state: i8,
}

/// The answer for the only partition there is.
pub fn partition(answer: FetchResponse) -> PartitionData {
    assert_eq!(answer.error_code, ErrorCode::NONE, "the Fetch as a whole");
    let topic = answer
        .responses
        .into_iter()
        .next()
        .expect("the metadata topic");
    topic.partitions.into_iter().next().expect("its partition")
}

/// Every committed batch from offset 0 on, from the leader at `port`.
pub fn fetch(port: u16, cluster_id: &str) -> Vec<RecordBatch> {
    let mut client = Client::connect(port).expect("a connection to the leader");
    let mut ask = |epoch, from, last_epoch| {
        let request = fetch_request(cluster_id, epoch, from, last_epoch);
        partition(
            client
                .call(FETCH_VERSION, request)
                .expect("an answer to Fetch"),
        )
    };
    let epoch = ask(Epoch(0), Offset(0), Epoch(0))
        .current_leader
        .leader_epoch;
    let mut batches: Vec<RecordBatch> = Vec::new();
    loop {
        let end = batches.last().map_or(Offset(0), RecordBatch::end_offset);
        let last_epoch = batches.last().map_or(Epoch(0), RecordBatch::epoch);
        let answer = ask(epoch, end, last_epoch);
        assert_eq!(answer.error_code, ErrorCode::NONE, "Fetch from {end}");
        assert_eq!(
            answer.snapshot_id.end_offset,
            Offset::NONE,
            "the log began with a snapshot"
        );
        assert_eq!(
            answer.diverging_epoch.end_offset,
            Offset::NONE,
            "our own copy diverges"
        );
        let committed = answer.high_watermark;
        let mut records = answer.records.unwrap_or_default();
        while let Some(batch) = split_off(&mut records) {
            let expected = batches.last().map_or(Offset(0), RecordBatch::end_offset);
            assert_eq!(batch.base_offset(), expected, "batches follow each other");
            batches.push(batch);
        }
        if batches
            .last()
            .is_some_and(|batch| batch.end_offset() >= committed)
        {
            batches.retain(|batch| batch.end_offset() <= committed);
            return batches;
        }
    }
}

/// Takes the first batch off what a Fetch brought.
pub fn split_off(records: &mut Bytes) -> Option<RecordBatch> {
    RecordBatch::split_off(records).expect("a batch that Kafka would take")
}

/// All metadata records of the batches.
pub fn records(batches: &[RecordBatch]) -> Vec<(Offset, MetadataRecord)> {
    let data = batches.iter().filter(|batch| !batch.is_control());
    data.flat_map(|batch| batch.metadata_records().expect("metadata records"))
        .collect()
}

/// The kinds of changes of a topic's partitions, step by step; a step ends at the offset beside it.
pub fn partition_moves(
    batches: &[RecordBatch],
    topic: &str,
    step_ends: &[(&'static str, i64)],
) -> Vec<(&'static str, BTreeSet<PartitionMove>)> {
    let records = records(batches);
    let topic_id = records.iter().find_map(|(_, record)| match record {
        MetadataRecord::Topic(record) if record.name == topic => Some(record.topic_id),
        _ => None,
    });
    let changes: Vec<(i64, PartitionMove)> = records
        .iter()
        .filter_map(|(offset, record)| match record {
            MetadataRecord::PartitionChange(change) if Some(change.topic_id) == topic_id => {
                Some((offset.0, PartitionMove::of(change)))
            }
            _ => None,
        })
        .collect();
    let mut start = 0;
    let mut steps = Vec::new();
    for (step, end) in step_ends {
        let within = changes
            .iter()
            .filter(|(offset, _)| (start..*end).contains(offset));
        steps.push((*step, within.map(|(_, kind)| kind.clone()).collect()));
        start = *end;
    }
    steps
}

impl PartitionMove {
    fn of(change: &PartitionChangeRecord) -> PartitionMove {
        let count = |list: &Option<Vec<NodeId>>| list.as_ref().map(Vec::len);
        PartitionMove {
            isr: count(&change.isr),
            moves_leader: change.leader != NodeId(-2),
            leaderless: change.leader == NodeId::NONE,
            replicas: count(&change.replicas),
            eligible_leader_replicas: count(&change.eligible_leader_replicas),
            last_known_elr: count(&change.last_known_elr),
            leader_recovery_state: change.leader_recovery_state,
        }
    }
}

/// The batches as `kafka-dump-log` prints them: Java checks their form and checksums and decodes every
/// record with its own `MetadataRecordSerde`.
pub fn dump_with_java(batches: &[RecordBatch], folder: &Path) -> String {
    let segment = folder.join("00000000000000000000.log");
    let bytes: Vec<u8> = batches
        .iter()
        .flat_map(|batch| batch.bytes().to_vec())
        .collect();
    fs::write(&segment, bytes).expect("a segment file");
    dump_file_with_java(&segment)
}

/// What `kafka-dump-log --cluster-metadata-decoder` prints of a segment or a checkpoint.
pub fn dump_file_with_java(file: &Path) -> String {
    let mut command: Command = java(
        RELEASE,
        &["-XX:TieredStopAtLevel=1"],
        "org.apache.kafka.tools.DumpLogSegments",
    );
    command
        .args([
            "--cluster-metadata-decoder",
            "--skip-record-metadata",
            "--files",
        ])
        .arg(file);
    let printed = run_to_end("kafka-dump-log", command);
    let broken = ["isvalid: false", "Could not", "Found invalid", "Error"];
    for sign in broken {
        assert!(
            !printed.contains(sign),
            "kafka-dump-log found `{sign}` in {}:\n{printed}",
            file.display()
        );
    }
    printed
}
