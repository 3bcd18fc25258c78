//! The committed log of a running quorum, copied from its leader as an observer copies it: the snapshot that the
//! log continues, then the log, up to the high watermark at the time of asking.

use std::time::Duration;

use bytes::Bytes;

use super::{
    client::{self, Client, Unanswered},
    quorum::{self, FETCH_VERSION},
};
use crate::{
    protocol::{
        Epoch, ErrorCode, METADATA_TOPIC, Offset, OffsetAndEpoch,
        api::{Request, Response},
        messages::{
            fetch::{FetchResponse, PartitionData},
            fetch_snapshot::{
                FetchSnapshotRequest, RequestPartitionSnapshot, RequestSnapshotId,
                RequestTopicSnapshot, ResponsePartitionSnapshot,
            },
        },
        record_batch::RecordBatch,
    },
    server::Trouble,
};

/// Served by Kafka 3.9 and later, as by us.
const FETCH_SNAPSHOT_VERSION: i16 = 1;

const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked for at once.
const PIECE_BYTES: i32 = 1 << 20;

/// A connection to the leader.
pub struct RemoteLog {
    client: Client,
    epoch: Epoch,
    /// Where the log that was read so far ends.
    at: OffsetAndEpoch,
    /// The high watermark that was told first: this far is read.
    end: Offset,
    /// Fetched, and not yet split into batches.
    fetched: Bytes,
}

/// `HOST:PORT`, or `None` for what is something else.
pub fn address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host, port.parse().ok()?)).filter(|_| !host.is_empty() && !host.contains('/'))
}

impl RemoteLog {
    /// Finds the leader by way of any controller. With the log there comes the snapshot that it continues.
    pub fn open(address: (&str, u16)) -> Result<(RemoteLog, Option<OffsetAndEpoch>), Unanswered> {
        let mut client = client::connect(address, PATIENCE)?;
        let zero = OffsetAndEpoch::default();
        let answer = fetch(&mut client, Epoch(0), zero)?;
        let endpoints = answer.node_endpoints.clone();
        let leader = first_partition(answer)?.current_leader;
        if leader.leader_id.known().is_none() {
            let reason = "it knows no leader; name the directory of a node instead";
            return Err(Unanswered::new(Trouble::Other, reason));
        }
        if let Some(endpoint) = endpoints.iter().find(|it| it.node_id == leader.leader_id) {
            let port = u16::try_from(endpoint.port).unwrap_or_default();
            client = client::connect((&endpoint.host, port), PATIENCE)?;
        }
        let mut log = RemoteLog {
            client,
            epoch: leader.leader_epoch,
            at: zero,
            end: Offset(0),
            fetched: Bytes::new(),
        };
        let first = log.fetch()?;
        log.end = first.high_watermark;
        log.fetched = first.records.unwrap_or_default();
        let id = OffsetAndEpoch {
            epoch: first.snapshot_id.epoch,
            offset: first.snapshot_id.end_offset,
        };
        let snapshot = Some(id).filter(|id| id.offset.known().is_some());
        log.at = snapshot.unwrap_or(zero);
        Ok((log, snapshot))
    }

    fn fetch(&mut self) -> Result<PartitionData, Unanswered> {
        let partition = first_partition(fetch(&mut self.client, self.epoch, self.at)?)?;
        refuse(partition.error_code)?;
        Ok(partition)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Unanswered> {
        if self.at.offset >= self.end {
            return Ok(None);
        }
        let mut batch = RecordBatch::split_off(&mut self.fetched)?;
        if batch.is_none() {
            // What was cut off at the end comes again.
            self.fetched = self.fetch()?.records.unwrap_or_default();
            batch = RecordBatch::split_off(&mut self.fetched)?;
        }
        let Some(batch) = batch else {
            let reason = format!("it sends nothing from offset {} on", self.at.offset);
            return Err(Unanswered::new(Trouble::Other, reason));
        };
        self.at = OffsetAndEpoch {
            epoch: batch.epoch(),
            offset: batch.end_offset(),
        };
        Ok(Some(batch).filter(|batch| batch.end_offset() <= self.end))
    }

    /// The batches of a snapshot.
    pub fn snapshot(
        &mut self,
        id: OffsetAndEpoch,
    ) -> impl Iterator<Item = Result<RecordBatch, Unanswered>> {
        let (mut position, mut rest, mut is_complete) = (0, Bytes::new(), false);
        std::iter::from_fn(move || {
            loop {
                match RecordBatch::split_off(&mut rest) {
                    Ok(Some(batch)) => return Some(Ok(batch)),
                    Err(error) => return Some(Err(error.into())),
                    Ok(None) if is_complete && rest.is_empty() => return None,
                    Ok(None) if is_complete => {
                        let reason = format!("snapshot {id} ends within a batch");
                        rest.clear();
                        return Some(Err(Unanswered::new(Trouble::Other, reason)));
                    }
                    Ok(None) => {}
                }
                let piece = match self.snapshot_piece(id, position) {
                    Ok(piece) => piece,
                    Err(error) => {
                        is_complete = true;
                        return Some(Err(error));
                    }
                };
                position += piece.unaligned_records.len() as i64;
                is_complete = position >= piece.size;
                if piece.unaligned_records.is_empty() && !is_complete {
                    (is_complete, rest) = (true, Bytes::new());
                    let size = piece.size;
                    let reason = format!("it sends {position} of {size} bytes of snapshot {id}");
                    return Some(Err(Unanswered::new(Trouble::Other, reason)));
                }
                rest = [rest.as_ref(), &piece.unaligned_records].concat().into();
            }
        })
    }

    fn snapshot_piece(
        &mut self,
        id: OffsetAndEpoch,
        position: i64,
    ) -> Result<ResponsePartitionSnapshot, Unanswered> {
        let partition = RequestPartitionSnapshot {
            current_leader_epoch: self.epoch,
            snapshot_id: RequestSnapshotId {
                end_offset: id.offset,
                epoch: id.epoch,
                ..Default::default()
            },
            position,
            ..Default::default()
        };
        let request = FetchSnapshotRequest {
            max_bytes: PIECE_BYTES,
            topics: vec![RequestTopicSnapshot {
                name: METADATA_TOPIC.to_owned(),
                partitions: vec![partition],
                ..Default::default()
            }],
            ..Default::default()
        };
        let request = Request::from(request);
        self.client.send(&request, FETCH_SNAPSHOT_VERSION)?;
        let answer = self
            .client
            .receive(request.api_key(), FETCH_SNAPSHOT_VERSION)?;
        let Response::FetchSnapshot(answer) = answer else {
            unreachable!("an answer is decoded as that of its request");
        };
        refuse(answer.error_code)?;
        let mut partitions = answer.topics.into_iter().flat_map(|it| it.partitions);
        let partition = partitions.next().ok_or_else(empty)?;
        refuse(partition.error_code)?;
        Ok(partition)
    }
}

impl Iterator for RemoteLog {
    type Item = Result<RecordBatch, Unanswered>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

fn fetch(
    client: &mut Client,
    epoch: Epoch,
    from: OffsetAndEpoch,
) -> Result<FetchResponse, Unanswered> {
    let request = quorum::fetch_question(epoch, from, None);
    client.send(&request, FETCH_VERSION)?;
    match client.receive(request.api_key(), FETCH_VERSION)? {
        Response::Fetch(answer) => Ok(answer),
        _ => unreachable!("an answer is decoded as that of its request"),
    }
}

fn first_partition(answer: FetchResponse) -> Result<PartitionData, Unanswered> {
    refuse(answer.error_code)?;
    let mut partitions = answer.responses.into_iter().flat_map(|it| it.partitions);
    partitions.next().ok_or_else(empty)
}

fn empty() -> Unanswered {
    Unanswered::new(Trouble::Other, "it answers without the metadata log")
}

fn refuse(error: ErrorCode) -> Result<(), Unanswered> {
    match error {
        ErrorCode::NONE => Ok(()),
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH => {
            let reason = "who led does not lead any more. Ask again; while there is no leader, which kraftd status \
                          says, name the directory of a node instead";
            Err(Unanswered::new(Trouble::Other, reason))
        }
        error => {
            let reason = format!("it answers with {error}: {}", error.message());
            Err(Unanswered::new(Trouble::Other, reason))
        }
    }
}
