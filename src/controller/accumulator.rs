//! The records of the active controller on their way to the log: replayed on a clone of the newest
//! state first, so that a record that cannot be applied is refused before it is anybody's log.

use std::collections::VecDeque;

use super::batches::{self, VersionedRecord};
use crate::{
    metadata::{ApiError, MAX_RECORDS_PER_USER_OP, State},
    protocol::{
        Epoch, ErrorCode, Offset,
        record_batch::{MAX_BATCH_BYTES, RecordBatch},
        records::MetadataRecord,
    },
    time::{Now, Time},
};

/// Most records in one batch (`QuorumController.MAX_RECORDS_PER_BATCH`).
const MAX_RECORDS_PER_BATCH: usize = MAX_RECORDS_PER_USER_OP;

/// Batches that are ready for the log, and the states that they will lead to.
pub(super) struct Accumulator {
    epoch: Epoch,
    /// `controller.quorum.append.linger.ms`, if it is set: for so long batches wait for company.
    linger_ms: Option<u64>,
    /// Ready, and in nobody's log yet.
    staged: Vec<Staged>,
    /// When the first staged batch has waited long enough.
    due: Option<Time>,
    /// The states at the ends of batches that are in the log and not committed.
    pending: VecDeque<(Offset, State)>,
}

struct Staged {
    records: Vec<VersionedRecord>,
    /// The same records, encoded.
    batches: Vec<RecordBatch>,
    /// After the last of them.
    state: State,
}

impl Staged {
    fn end_offset(&self) -> Option<Offset> {
        self.batches.last().map(RecordBatch::end_offset)
    }
}

impl Accumulator {
    pub(super) fn new(epoch: Epoch, linger_ms: Option<u64>) -> Accumulator {
        Accumulator {
            epoch,
            linger_ms,
            staged: Vec::new(),
            due: None,
            pending: VecDeque::new(),
        }
    }

    /// The newest state there is; `None` while that is the committed one.
    pub(super) fn newest(&self) -> Option<&State> {
        let staged = self.staged.last().map(|staged| &staged.state);
        staged.or_else(|| self.pending.back().map(|(_, state)| state))
    }

    /// Where the next record will land in a log that ends at `log_end` now.
    pub(super) fn next_offset(&self, log_end: Offset) -> Offset {
        let staged = self.staged.last().and_then(Staged::end_offset);
        staged.unwrap_or(log_end)
    }

    /// Takes the records of one operation: all of them or, with an error, none.
    pub(super) fn add(
        &mut self,
        now: Now,
        base: &State,
        base_offset: Offset,
        records: Vec<MetadataRecord>,
        atomic: bool,
    ) -> Result<(), ApiError> {
        if atomic && records.len() > MAX_RECORDS_PER_USER_OP {
            return Err(ApiError::excessive());
        }
        let mut state = base.clone();
        let mut next = base_offset;
        let mut staged = Vec::new();
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let chunk = records.by_ref().take(MAX_RECORDS_PER_BATCH);
            let chunk = replay(&mut state, next, chunk)?;
            let batches =
                batches::encode(&chunk, MAX_BATCH_BYTES, next, self.epoch, now.wall_clock_ms);
            let batches = batches.map_err(|error| our_mistake(error.to_string()))?;
            if atomic && batches.len() > 1 {
                let message = format!(
                    "The records of the operation take more than the {MAX_BATCH_BYTES} bytes that \
                     can take effect together. Split it into smaller ones."
                );
                return Err(ApiError::new(ErrorCode::POLICY_VIOLATION, message));
            }
            next = next.plus(chunk.len() as i64);
            let state = state.clone();
            staged.push(Staged {
                records: chunk,
                batches,
                state,
            });
        }
        if self.staged.is_empty() && !staged.is_empty() {
            self.due = Some(now.time.plus_ms(self.linger_ms.unwrap_or(0)));
        }
        self.staged.append(&mut staged);
        Ok(())
    }

    /// When [`Accumulator::take`] will have something.
    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    /// The batches that have waited long enough, for the log.
    pub(super) fn take(&mut self, now: Now) -> Vec<RecordBatch> {
        if self.due.is_none_or(|due| due > now.time) {
            return Vec::new();
        }
        self.due = None;
        let staged = std::mem::take(&mut self.staged);
        let merged = self.merged(now, &staged);
        let states = staged.into_iter().filter_map(|staged| {
            let end_offset = staged.end_offset()?;
            merged
                .iter()
                .any(|batch| batch.end_offset() == end_offset)
                .then_some(())?;
            Some((end_offset, staged.state))
        });
        self.pending.extend(states);
        merged
    }

    /// One batch where one can hold all that was gathered.
    fn merged(&self, now: Now, staged: &[Staged]) -> Vec<RecordBatch> {
        let as_they_are = || {
            staged
                .iter()
                .flat_map(|staged| staged.batches.clone())
                .collect()
        };
        let count: usize = staged.iter().map(|staged| staged.records.len()).sum();
        let first = staged.first().and_then(|staged| staged.batches.first());
        let (Some(first), true) = (first, staged.len() > 1 && count <= MAX_RECORDS_PER_BATCH)
        else {
            return as_they_are();
        };
        let records: Vec<_> = staged
            .iter()
            .flat_map(|staged| staged.records.clone())
            .collect();
        let base_offset = first.base_offset();
        match batches::encode(
            &records,
            MAX_BATCH_BYTES,
            base_offset,
            self.epoch,
            now.wall_clock_ms,
        ) {
            Ok(batches) if batches.len() == 1 => batches,
            _ => as_they_are(),
        }
    }

    /// The state at the end of a batch that is committed now, if it is known.
    pub(super) fn committed(&mut self, end_offset: Offset) -> Option<State> {
        while self
            .pending
            .front()
            .is_some_and(|(end, _)| *end < end_offset)
        {
            self.pending.pop_front();
        }
        let known = self
            .pending
            .front()
            .is_some_and(|(end, _)| *end == end_offset);
        known
            .then(|| self.pending.pop_front())
            .flatten()
            .map(|(_, state)| state)
    }
}

/// Applies records from `next` on, and says in which version each is written.
fn replay(
    state: &mut State,
    mut next: Offset,
    records: impl Iterator<Item = MetadataRecord>,
) -> Result<Vec<VersionedRecord>, ApiError> {
    let mut versioned = Vec::new();
    for record in records {
        let version = state.record_version(&record);
        state
            .replay(next, &record)
            .map_err(|error| our_mistake(error.to_string()))?;
        versioned.push((record, version));
        next = next.plus(1);
    }
    Ok(versioned)
}

fn our_mistake(message: String) -> ApiError {
    ApiError::new(ErrorCode::UNKNOWN_SERVER_ERROR, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::records::{ConfigRecord, EndTransactionRecord, NoOpRecord};

    fn no_ops(count: usize) -> Vec<MetadataRecord> {
        vec![NoOpRecord::default().into(); count]
    }

    fn add(
        accumulator: &mut Accumulator,
        records: Vec<MetadataRecord>,
        atomic: bool,
    ) -> Result<(), ErrorCode> {
        let base = accumulator.newest().cloned().unwrap_or_default();
        let next = accumulator.next_offset(Offset(5));
        let added = accumulator.add(Now::default(), &base, next, records, atomic);
        added.map_err(|error| error.code)
    }

    #[test]
    fn a_record_that_cannot_be_replayed_is_refused_with_all_that_came_with_it() {
        let mut accumulator = Accumulator::new(Epoch(1), None);
        let mut records = no_ops(2);
        records.push(EndTransactionRecord::default().into());
        let refused = add(&mut accumulator, records, false);
        assert_eq!(refused, Err(ErrorCode::UNKNOWN_SERVER_ERROR));
        assert_eq!(accumulator.next_offset(Offset(5)), Offset(5));
        assert!(accumulator.take(Now::default()).is_empty());
    }

    #[test]
    fn what_must_take_effect_together_fits_one_batch_or_is_refused() {
        let mut accumulator = Accumulator::new(Epoch(1), None);
        let too_many = no_ops(MAX_RECORDS_PER_USER_OP + 1);
        let refused = add(&mut accumulator, too_many.clone(), true);
        assert_eq!(refused, Err(ErrorCode::POLICY_VIOLATION));
        let config = ConfigRecord {
            value: Some("x".repeat(30_000)),
            ..Default::default()
        };
        let too_large = vec![config.into(); MAX_BATCH_BYTES / 30_000 + 1];
        let refused = add(&mut accumulator, too_large, true);
        assert_eq!(refused, Err(ErrorCode::POLICY_VIOLATION));

        add(&mut accumulator, too_many, false).expect("may be split");
        let batches = accumulator.take(Now::default());
        let counts: Vec<_> = batches.iter().map(RecordBatch::count).collect();
        assert_eq!(counts, [10_000, 1]);
        assert!(accumulator.committed(batches[0].end_offset()).is_some());
        assert!(accumulator.committed(batches[1].end_offset()).is_some());
        assert!(
            accumulator.newest().is_none(),
            "the newest is the committed one"
        );
    }

    #[test]
    fn what_lingers_goes_into_one_batch_when_its_time_has_come() {
        let mut accumulator = Accumulator::new(Epoch(1), Some(10));
        add(&mut accumulator, no_ops(2), true).expect("fits");
        add(&mut accumulator, no_ops(3), true).expect("fits");
        assert!(accumulator.take(Now::default()).is_empty());
        let due = accumulator.due().expect("something waits");
        assert_eq!(due, Time(10_000));
        let now = Now {
            time: due,
            ..Now::default()
        };
        let batches = accumulator.take(now);
        let ends: Vec<_> = batches
            .iter()
            .map(|batch| (batch.base_offset(), batch.end_offset()))
            .collect();
        assert_eq!(ends, [(Offset(5), Offset(10))]);
        assert!(accumulator.committed(Offset(10)).is_some());
    }
}
