//! What a controller tells of its quorum (DescribeQuorum), for commands that wait for a leader.

use std::time::Duration;

use super::client;
use crate::protocol::{
    NodeId,
    api::{Request, Response},
    messages::describe_quorum::{
        DescribeQuorumRequest, RequestPartitionData, RequestTopicData, ResponsePartitionData,
    },
};

/// Served by Kafka 3.9 and later, as by us.
const VERSION: i16 = 2;

/// Asks one controller. The error says why there is no answer.
pub fn describe(address: (&str, u16), patience: Duration) -> Result<ResponsePartitionData, String> {
    let topic = RequestTopicData {
        topic_name: "__cluster_metadata".to_owned(),
        partitions: vec![RequestPartitionData::default()],
        ..Default::default()
    };
    let request = DescribeQuorumRequest {
        topics: vec![topic],
        ..Default::default()
    };
    let Response::DescribeQuorum(answer) =
        client::ask(address, &Request::from(request), VERSION, patience)?
    else {
        return Err("it answers with something else than was asked".to_owned());
    };
    let mut partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    partitions
        .next()
        .ok_or_else(|| format!("it answers with {}", answer.error_code))
}

/// The controller itself, if it leads and a majority follows.
pub fn committing_leader(address: (&str, u16), patience: Duration) -> Option<NodeId> {
    let partition = describe(address, patience).ok()?;
    let committed = partition.error_code.is_ok() && partition.high_watermark.known().is_some();
    partition.leader_id.known().filter(|_| committed)
}
