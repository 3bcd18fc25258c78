//! What commands ask controllers of their quorum: who leads it and how far everyone is (DescribeQuorum), and what
//! is in its log (Fetch).

use std::time::Duration;

use super::client;
use crate::{
    config::Voter,
    protocol::{
        Epoch, METADATA_TOPIC, NodeId, OffsetAndEpoch, Uuid,
        api::{Request, Response},
        messages::{
            describe_quorum::{
                DescribeQuorumRequest, RequestPartitionData, RequestTopicData,
                ResponsePartitionData,
            },
            fetch::{FetchPartition, FetchRequest, FetchTopic},
        },
    },
};

/// Served by Kafka 3.9 and later, as by us.
pub const VERSION: i16 = 2;
pub const FETCH_VERSION: i16 = 17;

/// Most bytes of one answer.
const FETCH_BYTES: i32 = 1 << 20;

/// What is asked.
pub fn question() -> Request {
    let topic = RequestTopicData {
        topic_name: METADATA_TOPIC.to_owned(),
        partitions: vec![RequestPartitionData::default()],
        ..Default::default()
    };
    let request = DescribeQuorumRequest {
        topics: vec![topic],
        ..Default::default()
    };
    request.into()
}

/// A Fetch as of an observer that nobody keeps a record of.
pub fn fetch_question(epoch: Epoch, from: OffsetAndEpoch, cluster_id: Option<String>) -> Request {
    let partition = FetchPartition {
        current_leader_epoch: epoch,
        fetch_offset: from.offset,
        last_fetched_epoch: from.epoch,
        ..Default::default()
    };
    let request = FetchRequest {
        cluster_id,
        max_bytes: FETCH_BYTES,
        topics: vec![FetchTopic {
            topic_id: Uuid::ONE,
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    request.into()
}

/// Asks one controller. The error says why there is no answer.
pub fn describe(address: (&str, u16), patience: Duration) -> Result<ResponsePartitionData, String> {
    let Response::DescribeQuorum(answer) = client::ask(address, &question(), VERSION, patience)?
    else {
        return Err("it answers with something else than was asked".to_owned());
    };
    let mut partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    partitions
        .next()
        .ok_or_else(|| format!("it answers with {}", answer.error_code))
}

/// Whether one of these controllers leads a majority.
pub fn has_leader(voters: &[Voter], patience: Duration) -> bool {
    let mut voters = voters.iter();
    voters.any(|voter| committing_leader((&voter.host, voter.port), patience).is_some())
}

/// The controller itself, if it leads and a majority follows.
pub fn committing_leader(address: (&str, u16), patience: Duration) -> Option<NodeId> {
    let partition = describe(address, patience).ok()?;
    let committed = partition.error_code.is_ok() && partition.high_watermark.known().is_some();
    partition.leader_id.known().filter(|_| committed)
}
