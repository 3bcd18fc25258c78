//! What raft knows of the log: where it starts and ends, and where each epoch begins. That is enough to
//! compare two logs; the records themselves stay with the log.

use crate::protocol::{Epoch, Offset, OffsetAndEpoch};

/// The shape of a log. Of a restored log, everything in it is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Offset of the first record that is still there, and the epoch of the record before it. Beyond
    /// offset 0 this is the id of a snapshot.
    pub start: OffsetAndEpoch,
    /// Offset after the last record.
    pub end: Offset,
    /// Every epoch with records in the log and the offset of its first one, both rising.
    pub epochs: Vec<(Epoch, Offset)>,
}

/// What a leader thinks of the position from which a replica fetches
/// (`org.apache.kafka.raft.ValidOffsetAndEpoch`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchPosition {
    Valid,
    /// The replica's log has records that ours has not: it must cut back to this end of this epoch.
    Diverging(OffsetAndEpoch),
    /// What the replica asks for is only in a snapshot any more.
    Snapshot(OffsetAndEpoch),
}

impl LogStatus {
    /// Epoch of the last record, also when only a snapshot holds it.
    pub fn last_epoch(&self) -> Epoch {
        self.epochs
            .last()
            .map_or(self.start.epoch, |(epoch, _)| *epoch)
    }

    /// The end offset with the last epoch: what logs are compared by in an election.
    pub fn end_id(&self) -> OffsetAndEpoch {
        OffsetAndEpoch {
            epoch: self.last_epoch(),
            offset: self.end,
        }
    }

    /// The largest epoch that is not above `epoch`, and where it ends.
    ///
    /// A log without that very epoch answers with an older one. Taking the question for the answer here
    /// lets two voters commit different records (as krabka does).
    pub fn end_of_epoch(&self, epoch: Epoch) -> OffsetAndEpoch {
        let later = self.epochs.partition_point(|(other, _)| *other <= epoch);
        let end = self.epochs.get(later).map_or(self.end, |(_, start)| *start);
        let found = match later {
            0 => self.start.epoch,
            _ => self.epochs[later - 1].0,
        };
        OffsetAndEpoch {
            epoch: found,
            offset: end,
        }
    }

    /// Whether a replica whose log ends at `offset` with a record of `epoch` can be sent what follows
    /// there (`RaftLog.validateOffsetAndEpoch`). `latest` is the newest snapshot.
    pub fn check_position(
        &self,
        offset: Offset,
        epoch: Epoch,
        latest: Option<OffsetAndEpoch>,
    ) -> FetchPosition {
        if offset == Offset(0) {
            // A snapshot is always shorter than the records it stands for.
            return latest.map_or(FetchPosition::Valid, FetchPosition::Snapshot);
        }
        let before_start = offset < self.start.offset
            || (offset == self.start.offset && epoch != self.start.epoch)
            || epoch < self.start.epoch;
        if let (true, Some(latest)) = (before_start && self.start.offset > Offset(0), latest) {
            return FetchPosition::Snapshot(latest);
        }
        let ours = self.end_of_epoch(epoch);
        match ours.epoch == epoch && offset <= ours.offset {
            true => FetchPosition::Valid,
            false => FetchPosition::Diverging(ours),
        }
    }

    /// Where a follower must cut its log when the leader says that `diverging.epoch` ends at
    /// `diverging.offset` (`RaftLog.truncateToEndOffset`).
    pub fn truncation_point(&self, diverging: OffsetAndEpoch) -> Offset {
        let ours = self.end_of_epoch(diverging.epoch);
        match ours.epoch == diverging.epoch {
            true => ours.offset.min(diverging.offset),
            false => ours.offset,
        }
    }

    /// Records of `epoch` up to `end` were added.
    pub(super) fn append(&mut self, epoch: Epoch, base: Offset, end: Offset) {
        assert_eq!(base, self.end, "a log has no gaps and no overlaps");
        assert!(epoch >= self.last_epoch(), "epochs in a log never fall");
        if self.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            self.epochs.push((epoch, base));
        }
        self.end = end;
    }

    /// Records from `end` on were removed.
    pub(super) fn truncate(&mut self, end: Offset) {
        assert!(self.start.offset <= end && end <= self.end);
        self.epochs.retain(|(_, start)| *start < end);
        self.end = end;
    }

    /// Records below the snapshot `start` were removed.
    pub(super) fn advance_start(&mut self, start: OffsetAndEpoch) {
        assert!(self.start.offset <= start.offset && start.offset <= self.end);
        let covered = self
            .epochs
            .partition_point(|(_, first)| *first <= start.offset);
        let covered_end = self
            .epochs
            .get(covered)
            .map_or(self.end, |(_, first)| *first);
        // The last epoch that began at or below the new start may go on beyond it.
        let goes_on = covered > 0 && covered_end > start.offset;
        self.epochs.drain(..covered - usize::from(goes_on));
        if goes_on {
            self.epochs[0].1 = start.offset;
        }
        self.start = start;
    }

    /// The log was emptied; it continues after the snapshot `id`.
    pub(super) fn restart_at(&mut self, id: OffsetAndEpoch) {
        *self = LogStatus {
            start: id,
            end: id.offset,
            epochs: Vec::new(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(offset: i64, epoch: i32) -> OffsetAndEpoch {
        OffsetAndEpoch {
            offset: Offset(offset),
            epoch: Epoch(epoch),
        }
    }

    /// Epoch 1: 0..10, epoch 3: 10..14, epoch 4: 14..20.
    fn log() -> LogStatus {
        let mut log = LogStatus::default();
        log.append(Epoch(1), Offset(0), Offset(10));
        log.append(Epoch(3), Offset(10), Offset(12));
        log.append(Epoch(3), Offset(12), Offset(14));
        log.append(Epoch(4), Offset(14), Offset(20));
        log
    }

    #[test]
    fn an_epoch_that_we_never_had_ends_where_the_one_before_ends() {
        assert_eq!(log().end_of_epoch(Epoch(3)), id(14, 3));
        assert_eq!(log().end_of_epoch(Epoch(2)), id(10, 1));
        assert_eq!(log().end_of_epoch(Epoch(0)), id(0, 0));
        assert_eq!(log().end_of_epoch(Epoch(9)), id(20, 4));
        let at = |offset, epoch| log().check_position(Offset(offset), Epoch(epoch), None);
        assert_eq!(at(8, 2), FetchPosition::Diverging(id(10, 1)));
        assert_eq!(at(15, 3), FetchPosition::Diverging(id(14, 3)));
        assert_eq!(at(14, 3), FetchPosition::Valid);
        assert_eq!(at(21, 4), FetchPosition::Diverging(id(20, 4)));
        assert_eq!(at(0, 0), FetchPosition::Valid);
    }

    #[test]
    fn below_the_start_only_the_snapshot_helps() {
        let mut log = log();
        log.advance_start(id(12, 3));
        assert_eq!(log.epochs, [(Epoch(3), Offset(12)), (Epoch(4), Offset(14))]);
        let at = |offset, epoch| log.check_position(Offset(offset), Epoch(epoch), Some(id(16, 4)));
        assert_eq!(at(0, 0), FetchPosition::Snapshot(id(16, 4)));
        assert_eq!(at(11, 3), FetchPosition::Snapshot(id(16, 4)));
        assert_eq!(at(12, 1), FetchPosition::Snapshot(id(16, 4)));
        assert_eq!(at(13, 2), FetchPosition::Snapshot(id(16, 4)));
        assert_eq!(at(12, 3), FetchPosition::Valid);
        assert_eq!(at(19, 3), FetchPosition::Diverging(id(14, 3)));
    }

    #[test]
    fn a_start_between_two_epochs_keeps_the_epoch_before_it() {
        let mut log = log();
        log.advance_start(id(14, 3));
        assert_eq!(log.epochs, [(Epoch(4), Offset(14))]);
        assert_eq!(log.end_of_epoch(Epoch(3)), id(14, 3));
        log.advance_start(id(20, 4));
        assert_eq!((log.epochs.len(), log.end_id()), (0, id(20, 4)));
        log.append(Epoch(4), Offset(20), Offset(21));
        assert_eq!(log.end_of_epoch(Epoch(4)), id(21, 4));
    }

    #[test]
    fn a_follower_cuts_to_what_both_logs_share() {
        assert_eq!(log().truncation_point(id(12, 3)), Offset(12));
        assert_eq!(log().truncation_point(id(99, 3)), Offset(14));
        assert_eq!(log().truncation_point(id(12, 2)), Offset(10));
        let mut log = log();
        log.truncate(Offset(14));
        assert_eq!(log.end_id(), id(14, 3));
    }
}
