//! Snapshots of the metadata: when to write one, what is in it, how one is read, and when older ones and
//! the log before them may go (`SnapshotGenerator`, `RaftSnapshotWriter`, `KafkaMetadataLog`).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{batches, replayed::Replayed};
use crate::{
    metadata::State,
    protocol::{
        Offset, OffsetAndEpoch,
        control_records::{ControlRecord, SnapshotFooterRecord, SnapshotHeaderRecord},
        kept_snapshot::KeptSnapshot,
        record_batch::{MAX_SNAPSHOT_BATCH_BYTES, RecordBatch},
        records::MetadataRecord,
    },
    time::{Now, Time},
};

/// Most records in one batch of a snapshot (`RecordsSnapshotWriter`, which is fed so many at a time).
const MAX_RECORDS_PER_BATCH: usize = 1024;

/// When to write and when to drop snapshots; names as in server.properties.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotOptions {
    /// `metadata.log.max.record.bytes.between.snapshots`
    pub max_bytes_between_snapshots: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 for never.
    pub max_snapshot_interval_ms: u64,
    /// `metadata.max.retention.bytes`; negative for no limit.
    pub max_retention_bytes: i64,
    /// `metadata.max.retention.ms`; negative for no limit.
    pub max_retention_ms: i64,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        SnapshotOptions {
            max_bytes_between_snapshots: 20 << 20,
            max_snapshot_interval_ms: 60 * 60 * 1000,
            max_retention_bytes: 100 << 20,
            max_retention_ms: 7 * 24 * 60 * 60 * 1000,
        }
    }
}

/// What this node knows of its snapshots.
pub(super) struct Snapshots {
    options: SnapshotOptions,
    kept: BTreeMap<OffsetAndEpoch, KeptSnapshot>,
    /// The one that is being written.
    writing: Option<(OffsetAndEpoch, KeptSnapshot)>,
    /// The log is being cut off before this one.
    dropping: Option<OffsetAndEpoch>,
    /// Committed since the newest snapshot began.
    bytes_since: u64,
    /// When the newest snapshot began, or this process.
    since: Time,
}

impl Snapshots {
    /// With those found on disk.
    pub(super) fn new(
        options: SnapshotOptions,
        kept: BTreeMap<OffsetAndEpoch, KeptSnapshot>,
        now: Now,
    ) -> Snapshots {
        Snapshots {
            options,
            kept,
            writing: None,
            dropping: None,
            bytes_since: 0,
            since: now.time,
        }
    }

    pub(super) fn committed(&mut self, bytes: u64) {
        self.bytes_since += bytes;
    }

    /// Begins a snapshot of the committed part of the log if it is time for one: at the end of a batch,
    /// outside metadata transactions, and one at a time.
    pub(super) fn begin(
        &mut self,
        now: Now,
        replayed: &Replayed,
    ) -> Option<(OffsetAndEpoch, SnapshotBatches)> {
        if !self.is_possible(replayed) || !self.is_due(now) {
            return None;
        }
        let id = replayed.end();
        let kept = KeptSnapshot {
            bytes: 0,
            log_bytes: self.bytes_since,
            timestamp_ms: replayed.last_timestamp_ms(),
        };
        self.writing = Some((id, kept));
        self.bytes_since = 0;
        self.since = now.time;
        Some((id, SnapshotBatches::new(id, replayed)))
    }

    fn is_due(&self, now: Now) -> bool {
        self.bytes_since >= self.options.max_bytes_between_snapshots
            || self.by_time().is_some_and(|due| due <= now.time)
    }

    fn is_possible(&self, replayed: &Replayed) -> bool {
        let newest = self.kept.keys().next_back().map(|id| id.offset);
        self.writing.is_none()
            && replayed.end().offset > newest.unwrap_or(Offset(0))
            && replayed.state().transaction().is_none()
            && replayed.state().metadata_version().is_some()
    }

    /// When a snapshot is due however little was written; `None` when nothing was.
    fn by_time(&self) -> Option<Time> {
        let interval = self.options.max_snapshot_interval_ms;
        let wanted = interval > 0 && self.bytes_since > 0;
        wanted.then(|| self.since.plus_ms(interval))
    }

    /// When [`Snapshots::begin`] has something to do, if no more is written until then.
    pub(super) fn deadline(&self, replayed: &Replayed) -> Option<Time> {
        self.by_time().filter(|_| self.is_possible(replayed))
    }

    /// Our snapshot is on disk. It does not count when one of the leader's has overtaken it.
    pub(super) fn written(&mut self, id: OffsetAndEpoch, bytes: u64) {
        if let Some((_, kept)) = self.writing.take_if(|(writing, _)| *writing == id) {
            self.kept.insert(id, KeptSnapshot { bytes, ..kept });
        }
    }

    /// A snapshot of the leader's took the place of the log and of all older snapshots.
    pub(super) fn installed(
        &mut self,
        id: OffsetAndEpoch,
        bytes: u64,
        replayed: &Replayed,
        now: Now,
    ) {
        let kept = KeptSnapshot {
            bytes,
            log_bytes: 0,
            timestamp_ms: replayed.last_timestamp_ms(),
        };
        *self = Snapshots::new(self.options, BTreeMap::from([(id, kept)]), now);
    }

    /// From which snapshot on to keep snapshots and log, if some can go. Whatever is needed to recover
    /// is kept: the newest snapshot, and the log after it.
    pub(super) fn drop_prefix(&mut self, now: Now) -> Option<OffsetAndEpoch> {
        if self.dropping.is_some() {
            return None;
        }
        let mut total = self.bytes_since;
        total += self
            .kept
            .values()
            .map(|kept| kept.bytes + kept.log_bytes)
            .sum::<u64>();
        let mut start = None;
        let mut dropped_log = 0;
        for (old, (next_id, next)) in self.kept.values().zip(self.kept.iter().skip(1)) {
            let exceeds = |limit: i64| u64::try_from(limit).is_ok_and(|limit| total > limit);
            let age_ms = now.wall_clock_ms.saturating_sub(old.timestamp_ms);
            let too_old =
                self.options.max_retention_ms >= 0 && age_ms > self.options.max_retention_ms;
            if !exceeds(self.options.max_retention_bytes) && !too_old {
                break;
            }
            let log_bytes = old.log_bytes + next.log_bytes - dropped_log;
            total -= old.bytes + log_bytes;
            dropped_log = next.log_bytes;
            start = Some(*next_id);
        }
        self.dropping = start;
        start
    }

    /// The log begins at the end of `id` now, and older snapshots are gone.
    pub(super) fn dropped(&mut self, id: OffsetAndEpoch) {
        self.dropping = None;
        self.kept = self.kept.split_off(&id);
        if let Some(mut first) = self.kept.first_entry() {
            first.get_mut().log_bytes = 0;
        }
    }
}

/// The batches of a snapshot in Kafka's form: a header, the state as records, a footer. Made one by one
/// from a clone of the state, on whichever thread writes them.
pub struct SnapshotBatches {
    id: OffsetAndEpoch,
    timestamp_ms: i64,
    /// For the versions of the records.
    state: Box<State>,
    records: Box<dyn Iterator<Item = MetadataRecord> + Send>,
    next_offset: Offset,
    part: Part,
    /// Encoded, not yet taken.
    ready: VecDeque<RecordBatch>,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Header,
    Data,
    Footer,
    Done,
}

impl std::fmt::Debug for SnapshotBatches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnapshotBatches({}, {:?})", self.id, self.part)
    }
}

impl SnapshotBatches {
    fn new(id: OffsetAndEpoch, replayed: &Replayed) -> SnapshotBatches {
        SnapshotBatches {
            id,
            timestamp_ms: replayed.last_timestamp_ms(),
            state: Box::new(replayed.state().clone()),
            records: Box::new(replayed.state().snapshot_records()),
            next_offset: Offset(0),
            part: Part::Header,
            ready: VecDeque::new(),
        }
    }

    fn control(&mut self, record: ControlRecord) {
        let batch = RecordBatch::of_control_records(
            self.next_offset,
            self.id.epoch,
            self.timestamp_ms,
            [&record],
        );
        self.push(vec![
            batch.expect("a control record of ours has its own version"),
        ]);
    }

    fn push(&mut self, batches: Vec<RecordBatch>) {
        self.next_offset = batches
            .last()
            .map_or(self.next_offset, RecordBatch::end_offset);
        self.ready.extend(batches);
    }

    fn data(&mut self) {
        let records = self.records.by_ref().take(MAX_RECORDS_PER_BATCH);
        let version = |record: &MetadataRecord| self.state.record_version(record);
        let records: Vec<_> = records
            .map(|record| {
                let version = version(&record);
                (record, version)
            })
            .collect();
        if records.is_empty() {
            self.part = Part::Footer;
            return;
        }
        // What is known of a broker comes from several requests, each of which was small enough for the log.
        let (limit, base, epoch) = (MAX_SNAPSHOT_BATCH_BYTES, self.next_offset, self.id.epoch);
        let batches = batches::encode(&records, limit, base, epoch, self.timestamp_ms);
        self.push(batches.expect("a state holds only what its metadata.version can write"));
    }
}

impl Iterator for SnapshotBatches {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        while self.ready.is_empty() {
            match self.part {
                Part::Header => {
                    self.part = Part::Data;
                    self.control(ControlRecord::SnapshotHeader(SnapshotHeaderRecord {
                        last_contained_log_timestamp: self.timestamp_ms,
                        ..Default::default()
                    }));
                }
                Part::Data => self.data(),
                Part::Footer => {
                    self.part = Part::Done;
                    self.control(ControlRecord::SnapshotFooter(
                        SnapshotFooterRecord::default(),
                    ));
                }
                Part::Done => return None,
            }
        }
        self.ready.pop_front().map(|batch| batch.bytes().clone())
    }
}

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadedSnapshot {
    pub id: OffsetAndEpoch,
    pub state: State,
    /// When the last record in it was written to the log, in milliseconds since 1970.
    pub last_contained_log_timestamp: i64,
}

/// Why a snapshot cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("snapshot {id}: {reason}")]
pub struct SnapshotError {
    pub id: OffsetAndEpoch,
    pub reason: String,
}

/// Reads a snapshot, batch by batch.
#[derive(Debug)]
pub struct SnapshotLoader {
    loaded: LoadedSnapshot,
    next_offset: Offset,
    has_header: bool,
    has_footer: bool,
}

impl SnapshotLoader {
    fn new(id: OffsetAndEpoch) -> SnapshotLoader {
        SnapshotLoader {
            loaded: LoadedSnapshot {
                id,
                ..Default::default()
            },
            next_offset: Offset(0),
            has_header: false,
            has_footer: false,
        }
    }

    /// Reads the whole of a snapshot.
    pub fn load(
        id: OffsetAndEpoch,
        batches: impl IntoIterator<Item = RecordBatch>,
    ) -> Result<LoadedSnapshot, SnapshotError> {
        let mut loader = SnapshotLoader::new(id);
        let mut batches = batches.into_iter();
        batches.try_for_each(|batch| loader.add(&batch))?;
        loader.finish()
    }

    /// Takes the next batch of the snapshot.
    fn add(&mut self, batch: &RecordBatch) -> Result<(), SnapshotError> {
        let added = self.add_batch(batch);
        added.map_err(|reason| self.error(reason))
    }

    fn add_batch(&mut self, batch: &RecordBatch) -> Result<(), String> {
        if batch.base_offset() != self.next_offset {
            let (found, expected) = (batch.base_offset(), self.next_offset);
            return Err(format!(
                "a batch has base offset {found}, expected {expected}"
            ));
        }
        self.next_offset = batch.end_offset();
        if self.has_footer {
            return Err("there is a batch after the footer".to_owned());
        }
        if batch.is_control() {
            let records = batch.control_records().map_err(|error| error.to_string())?;
            return records
                .into_iter()
                .try_for_each(|record| self.add_control(record));
        }
        if !self.has_header {
            return Err("there is no header before the first record".to_owned());
        }
        // Records of a snapshot count as written where the snapshot ends.
        let offset = self.loaded.id.offset.plus(-1);
        for record in batch.each_metadata_record() {
            let (_, record) = record.map_err(|error| error.to_string())?;
            let replayed = self.loaded.state.replay(offset, &record);
            replayed.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn add_control(&mut self, record: ControlRecord) -> Result<(), String> {
        match record {
            ControlRecord::SnapshotHeader(header) if !self.has_header => {
                self.has_header = true;
                self.loaded.last_contained_log_timestamp = header.last_contained_log_timestamp;
            }
            ControlRecord::SnapshotFooter(_) => self.has_footer = true,
            ControlRecord::KRaftVersion(record) if record.kraft_version == 0 => {}
            ControlRecord::KRaftVersion(_) | ControlRecord::KRaftVoters(_) => {
                return Err(
                    "its quorum has dynamic voters (kraft.version 1), which this controller does \
                     not take part in"
                        .to_owned(),
                );
            }
            ControlRecord::SnapshotHeader(_) => return Err("it has two headers".to_owned()),
            ControlRecord::LeaderChange(_) => {
                return Err("it holds a LeaderChange record, which belongs in the log".to_owned());
            }
        }
        Ok(())
    }

    /// What was in the snapshot, if that was all of one.
    fn finish(self) -> Result<LoadedSnapshot, SnapshotError> {
        match (self.has_header, self.has_footer) {
            (true, true) => Ok(self.loaded),
            (false, _) => Err(self.error("it has no header".to_owned())),
            (true, false) => Err(self.error("it has no footer: it was cut off".to_owned())),
        }
    }

    fn error(&self, reason: String) -> SnapshotError {
        SnapshotError {
            id: self.loaded.id,
            reason,
        }
    }
}
