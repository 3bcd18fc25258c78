//! The state that the log says, on every node: committed batches are replayed, others wait.

use std::collections::VecDeque;

use super::snapshots::LoadedSnapshot;
use crate::{
    metadata::{State, features::Features},
    protocol::{Offset, OffsetAndEpoch, record_batch::RecordBatch},
};

/// The committed part of the log as a state, and the rest of it as batches.
pub(super) struct Replayed {
    /// All records below `end`, replayed.
    state: State,
    /// Where the committed part ends, and the epoch of its last record.
    end: OffsetAndEpoch,
    /// The features of the last stable state, and the offset of the last record in it when they became so.
    features: (Features, Offset),
    /// When the last committed batch was written, in milliseconds since 1970.
    last_timestamp_ms: i64,
    /// The batches from `end` to the end of the log.
    uncommitted: VecDeque<RecordBatch>,
}

impl Replayed {
    /// As found at a start: a snapshot, if there is one, and the log after it.
    pub(super) fn new(snapshot: Option<LoadedSnapshot>, batches: Vec<RecordBatch>) -> Replayed {
        let snapshot = snapshot.unwrap_or_default();
        let mut replayed = Replayed {
            features: (Features::default(), Offset(-1)),
            state: snapshot.state,
            end: snapshot.id,
            last_timestamp_ms: snapshot.last_contained_log_timestamp,
            uncommitted: batches.into(),
        };
        replayed.note_features();
        replayed.check();
        replayed
    }

    /// Committed, and perhaps in the middle of a metadata transaction.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Where the committed part of the log ends, and the epoch of the record before.
    pub(super) fn end(&self) -> OffsetAndEpoch {
        self.end
    }

    pub(super) fn last_timestamp_ms(&self) -> i64 {
        self.last_timestamp_ms
    }

    /// Where the last stable state ends: records from here on are not committed, or are in a metadata
    /// transaction that is not over (`OffsetControlManager.lastStableOffset`, exclusive).
    pub(super) fn stable_end(&self) -> Offset {
        match self.state.transaction() {
            Some(transaction) => transaction.start,
            None => self.end.offset,
        }
    }

    /// What ApiVersions calls the epoch of the finalized features: -1 while there are none
    /// (`FeaturesPublisher`).
    pub(super) fn features_epoch(&self) -> Offset {
        self.features.1
    }

    fn note_features(&mut self) {
        let features = &self.state.stable().features;
        if *features != self.features.0 {
            self.features = (features.clone(), self.stable_end().plus(-1));
        }
    }

    pub(super) fn append(&mut self, batch: RecordBatch) {
        self.uncommitted.push_back(batch);
        self.check();
    }

    /// The log was cut back to `end`.
    pub(super) fn truncate(&mut self, end: Offset) {
        assert!(
            end >= self.end.offset,
            "what is committed is never truncated"
        );
        self.uncommitted.retain(|batch| batch.end_offset() <= end);
    }

    /// The log begins anew after a snapshot.
    pub(super) fn install(&mut self, snapshot: LoadedSnapshot) {
        assert!(
            snapshot.id.offset >= self.end.offset,
            "a snapshot never undoes what is committed"
        );
        *self = Replayed::new(Some(snapshot), Vec::new());
    }

    /// Replays whatever is committed now. The active controller has `predicted` the state at the end of
    /// most batches: those are taken as they are. Returns how many bytes were committed; an error is what
    /// to stop the process with.
    pub(super) fn commit(
        &mut self,
        high_watermark: Offset,
        mut predicted: impl FnMut(Offset) -> Option<State>,
    ) -> Result<u64, String> {
        let mut bytes = 0;
        while let Some(batch) = self.uncommitted.front() {
            if batch.end_offset() > high_watermark {
                break;
            }
            match predicted(batch.end_offset()) {
                Some(state) => self.state = state,
                None => replay(&mut self.state, batch)?,
            }
            self.end = OffsetAndEpoch {
                epoch: batch.epoch(),
                offset: batch.end_offset(),
            };
            self.last_timestamp_ms = batch.timestamp_ms();
            bytes += batch.bytes().len() as u64;
            self.uncommitted.pop_front();
        }
        self.note_features();
        Ok(bytes)
    }

    fn check(&self) {
        if let Some(first) = self.uncommitted.front() {
            assert_eq!(
                first.base_offset(),
                self.end.offset,
                "no gap before the log"
            );
        }
        let last_two = self.uncommitted.iter().rev().take(2);
        let ends: Vec<_> = last_two
            .map(|batch| (batch.base_offset(), batch.end_offset()))
            .collect();
        if let [(base, _), (_, end)] = ends[..] {
            assert_eq!(base, end, "no gap within the log");
        }
    }
}

/// Applies the records of a batch. Control records are raft's. After an error the state is of no use: those before the
/// bad record are in it.
pub(super) fn replay(state: &mut State, batch: &RecordBatch) -> Result<(), String> {
    if batch.is_control() {
        return Ok(());
    }
    for record in batch.each_metadata_record() {
        let (offset, record) = record.map_err(|error| {
            let (first, last) = (batch.base_offset(), batch.last_offset());
            format!(
                "the batch of offsets {first} to {last} holds a record that this release cannot read: \
                 {error}. Run one release on all controllers"
            )
        })?;
        state
            .replay(offset, &record)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
