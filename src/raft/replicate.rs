//! Fetch as a follower sends it: append what comes, cut off what the leader has not, turn to a snapshot
//! where the leader's log no longer reaches back.

use bytes::Bytes;

use super::{
    Effect, Raft, TOPIC, TOPIC_ID,
    role::{Download, Lost, Role},
};
use crate::{
    protocol::{
        NodeId, Offset, OffsetAndEpoch,
        control_records::ControlRecord,
        messages::fetch::{
            FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData, ReplicaState,
        },
        record_batch::RecordBatch,
    },
    time::{Now, Time},
};

/// How long a leader may hold a Fetch (`KafkaRaftClient.MAX_FETCH_WAIT_MS`).
const MAX_FETCH_WAIT_MS: u64 = 500;

impl Raft {
    /// Sends the next Fetch, or FetchSnapshot, once everything fetched before is durable: a Fetch at an
    /// offset acknowledges all below it.
    pub(super) fn fetch_from_leader(&mut self, now: Now) {
        if self.next_fetch_at().is_none_or(|at| at > now.time) {
            return;
        }
        let (Role::Follower(follower), Some(leader)) = (&self.role, self.state.leader) else {
            return;
        };
        match follower.download {
            Some(download) => {
                let request = self.fetch_snapshot_request(download);
                self.send(leader, request);
            }
            None => {
                let max_wait_ms = MAX_FETCH_WAIT_MS
                    .min(self.options.fetch_timeout_ms / 4)
                    .max(1);
                let request = self.fetch_request(now, max_wait_ms as i32);
                self.send(leader, request);
            }
        }
    }

    pub(super) fn next_fetch_at(&self) -> Option<Time> {
        let is_durable = self.durable_end == self.log.end;
        let at_rest = is_durable && self.installing.is_none() && !self.writing_chunk;
        let leader = self.state.leader.filter(|_| at_rest)?;
        self.requests.ready_at(leader)
    }

    pub(super) fn fetch_request(&self, now: Now, max_wait_ms: i32) -> FetchRequest {
        let end = self.log.end_id();
        // Leaders take nothing from nobody for an acknowledgement (as Java's `LeaderState.updateReplicaState`).
        let replica_id = match self.may_acknowledge(now) {
            true => self.options.node_id,
            false => NodeId::NONE,
        };
        FetchRequest {
            cluster_id: Some(self.options.cluster_id.clone()),
            replica_state: ReplicaState {
                replica_id,
                ..Default::default()
            },
            max_wait_ms,
            max_bytes: i32::try_from(self.options.fetch_max_bytes).unwrap_or(i32::MAX),
            topics: vec![FetchTopic {
                topic: TOPIC.to_owned(),
                topic_id: TOPIC_ID,
                partitions: vec![FetchPartition {
                    current_leader_epoch: self.state.epoch,
                    fetch_offset: end.offset,
                    last_fetched_epoch: end.epoch,
                    log_start_offset: self.log.start.offset,
                    replica_directory_id: self.options.directory_id,
                    high_watermark: self.high_watermark.unwrap_or(Offset::NONE),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    pub(super) fn on_fetch_response(&mut self, now: Now, from: NodeId, response: FetchResponse) {
        let topics = response.responses.into_iter();
        let partition = topics.flat_map(|topic| topic.partitions).next();
        if self.state.leader == Some(from)
            && matches!(self.role, Role::Follower(_))
            && let Some(partition) = partition
        {
            self.on_fetched(now, from, partition);
            self.recover_from_amnesia(now);
        }
    }

    /// The leader's answer to the Fetch at the end of our log.
    fn on_fetched(&mut self, now: Now, leader: NodeId, partition: PartitionData) {
        let diverging = OffsetAndEpoch {
            epoch: partition.diverging_epoch.epoch,
            offset: partition.diverging_epoch.end_offset,
        };
        let snapshot = OffsetAndEpoch {
            epoch: partition.snapshot_id.epoch,
            offset: partition.snapshot_id.end_offset,
        };
        let is_set = |id: OffsetAndEpoch| id.epoch.known().is_some() || id.offset.known().is_some();
        let useful = if is_set(diverging) {
            self.cut_log(diverging)
        } else if is_set(snapshot) {
            self.begin_download(snapshot)
        } else {
            let records = partition.records.unwrap_or_default();
            // Nothing, where there is something: a leader may be about to drop what we ask for.
            let useful = match records.is_empty() {
                true => partition.high_watermark <= self.log.end,
                false => self.append_fetched(records),
            };
            self.follow_high_watermark(partition.high_watermark);
            useful
        };
        if useful {
            self.on_good_answer(now);
        } else {
            self.requests.back_off(leader, now);
        }
    }

    /// The leader is alive and useful.
    pub(super) fn on_good_answer(&mut self, now: Now) {
        if let Role::Follower(follower) = &mut self.role {
            if let Some(Lost::Office { under_way }) = &mut follower.lost
                && std::mem::take(under_way)
            {
                return;
            }
            follower.fetch_at = now.time.plus_ms(self.options.fetch_timeout_ms);
            follower.elect_at = None;
            follower.has_fetched = true;
            follower.lost = None;
            self.hasty_elections = 0;
        }
    }

    /// Our log has records that the leader's has not; they were never committed.
    fn cut_log(&mut self, diverging: OffsetAndEpoch) -> bool {
        if diverging.epoch.known().is_none() || diverging.offset.known().is_none() {
            tracing::warn!(%diverging, "the leader names an impossible end of an epoch");
            return false;
        }
        let end = self.log.truncation_point(diverging);
        if end < self.committed_end().max(self.log.start.offset) {
            self.fail_for_lost_majority(&format!("asks to cut the log to offset {end}"));
            return false;
        }
        assert_eq!(
            self.durable_end, self.log.end,
            "no append is under way here"
        );
        tracing::info!(
            from = self.log.end.0,
            to = end.0,
            "cut records the leader has not"
        );
        let progress = end < self.log.end;
        if progress {
            self.log.truncate(end);
            self.durable_end = end;
            self.effects.push_back(Effect::Truncate { end });
        }
        progress
    }

    /// Below this everything is committed: as far as we were told in this life, and whatever a snapshot holds.
    fn committed_end(&self) -> Offset {
        let snapshot = self.latest_snapshot().map(|id| id.offset);
        self.high_watermark.max(snapshot).unwrap_or(Offset(0))
    }

    fn fail_for_lost_majority(&mut self, what: &str) {
        let (leader, committed) = (
            self.state.leader.unwrap_or(NodeId::NONE),
            self.committed_end(),
        );
        self.fail(format!(
            "leader {leader} of epoch {} {what}, but everything below {committed} is committed: a majority of \
             the voters has lost records. Stop all controllers and restore the voters' directories before \
             starting them again",
            self.state.epoch,
        ));
    }

    fn begin_download(&mut self, id: OffsetAndEpoch) -> bool {
        let committed = self.committed_end();
        let known = id.epoch.known().is_some() && id.offset.known().is_some();
        let is_to_come = id.epoch > self.state.epoch;
        let ours = self.log.end_of_epoch(id.epoch);
        let contained = ours.epoch == id.epoch && ours.offset >= id.offset;
        if known
            && !is_to_come
            && !contained
            && self.log.start.offset < id.offset
            && id.offset <= committed
        {
            self.fail_for_lost_majority(&format!(
                "offers snapshot {id}, which does not fit the log"
            ));
            return false;
        }
        if !known || is_to_come || contained || id.offset <= committed {
            // Java takes any offer, and is stuck with a wrong one for ever.
            tracing::warn!(%id, end = %self.log.end_id(), "the leader offers a useless snapshot");
            return false;
        }
        tracing::info!(%id, "fetching a snapshot");
        if let Role::Follower(follower) = &mut self.role {
            follower.download = Some(Download { id, position: 0 });
        }
        true
    }

    /// Appends what fits, as it is, and says whether anything did. What is cut off at the end, damaged
    /// on the way or of a later epoch is left: it will be fetched again.
    fn append_fetched(&mut self, mut records: Bytes) -> bool {
        let before = self.log.end;
        loop {
            let batch = match RecordBatch::split_off(&mut records) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "the leader sent a damaged batch");
                    break;
                }
            };
            if batch.epoch() > self.state.epoch {
                break;
            }
            if batch.base_offset() != self.log.end || batch.epoch() < self.log.last_epoch() {
                let (base, epoch) = (batch.base_offset().0, batch.epoch().0);
                tracing::warn!(base, epoch, end = %self.log.end_id(), "the leader sent a wrong batch");
                break;
            }
            if let Err(why) = check_control_records(&batch) {
                self.fail(why);
                break;
            }
            self.push_append(batch);
        }
        self.log.end > before
    }

    /// Takes over the leader's high watermark, as far as our own log reaches on disk.
    fn follow_high_watermark(&mut self, told: Offset) {
        if let Role::Follower(follower) = &mut self.role {
            follower.told_high_watermark = told.max(follower.told_high_watermark);
            let reached = follower.told_high_watermark.min(self.durable_end);
            if let Some(reached) = reached.known() {
                self.advance_high_watermark(reached);
            }
        }
    }

    pub(super) fn on_follower_durable(&mut self, now: Now) {
        self.follow_high_watermark(Offset::NONE);
        self.recover_from_amnesia(now);
    }
}

/// A static quorum has its voters from the configuration (kraft.version 0).
fn check_control_records(batch: &RecordBatch) -> Result<(), String> {
    if !batch.is_control() {
        return Ok(());
    }
    let base = batch.base_offset();
    let records = batch
        .control_records()
        .map_err(|error| format!("control batch at offset {base}: {error}"))?;
    let dynamic = records.iter().any(|record| match record {
        ControlRecord::KRaftVersion(record) => record.kraft_version > 0,
        ControlRecord::KRaftVoters(_) => true,
        ControlRecord::LeaderChange(_)
        | ControlRecord::SnapshotHeader(_)
        | ControlRecord::SnapshotFooter(_) => false,
    });
    match dynamic {
        true => Err(format!(
            "the batch at offset {base} makes the quorum dynamic (kraft.version 1), which this version \
             does not support: take this node out, or keep the quorum at kraft.version 0"
        )),
        false => Ok(()),
    }
}
