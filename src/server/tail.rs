//! The newest batches of the log in memory, whether or not they are synced yet: what followers and
//! brokers that keep up are served from, without asking the disk.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::protocol::{Offset, record_batch::RecordBatch};

/// Enough for everyone who keeps up. Who is further behind reads from the disk.
const MAX_BYTES: usize = 4 << 20;

/// A run of batches up to the end of the log.
#[derive(Debug, Default)]
pub struct Tail {
    batches: VecDeque<RecordBatch>,
    bytes: usize,
}

impl Tail {
    pub fn append(&mut self, batch: RecordBatch) {
        self.bytes += batch.bytes().len();
        self.batches.push_back(batch);
        while self.bytes > MAX_BYTES && self.batches.len() > 1 {
            let dropped = self.batches.pop_front();
            self.bytes -= dropped.map_or(0, |batch| batch.bytes().len());
        }
    }

    pub fn truncate(&mut self, end: Offset) {
        while self
            .batches
            .back()
            .is_some_and(|batch| batch.end_offset() > end)
        {
            let dropped = self.batches.pop_back();
            self.bytes -= dropped.map_or(0, |batch| batch.bytes().len());
        }
    }

    pub fn clear(&mut self) {
        *self = Tail::default();
    }

    /// Whole batches from the one that holds `from` on: one at least, and no more than `max_bytes` beyond
    /// that. `None` when that one is not here.
    pub fn read(&self, from: Offset, max_bytes: usize) -> Option<Bytes> {
        let first = self
            .batches
            .partition_point(|batch| batch.end_offset() <= from);
        if self.batches.get(first)?.base_offset() > from {
            return None;
        }
        Some(join(self.batches.range(first..), max_bytes))
    }
}

/// The bytes of the first batch, and of as many more as fit.
pub fn join<'a>(batches: impl Iterator<Item = &'a RecordBatch>, max_bytes: usize) -> Bytes {
    let mut length = 0;
    let fits = |batch: &&RecordBatch| {
        let is_first = length == 0;
        length += batch.bytes().len();
        is_first || length <= max_bytes
    };
    let fitting: Vec<&RecordBatch> = batches.take_while(fits).collect();
    match fitting[..] {
        [only] => only.bytes().clone(),
        _ => {
            let parts = fitting.iter().map(|batch| &batch.bytes()[..]);
            parts.collect::<Vec<_>>().concat().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Epoch, records::NoOpRecord};

    fn batch(offset: i64) -> RecordBatch {
        let record = NoOpRecord::default().into();
        RecordBatch::of_records(Offset(offset), Epoch(1), 0, [(&record, 0)]).expect("encodes")
    }

    #[test]
    fn serves_what_it_has_and_nothing_else() {
        let mut tail = Tail::default();
        assert_eq!(tail.read(Offset(5), 100), None);
        (5..10).for_each(|offset| tail.append(batch(offset)));
        assert_eq!(tail.read(Offset(4), 100), None);
        let size = batch(5).bytes().len();
        assert_eq!(tail.read(Offset(5), 1).map(|bytes| bytes.len()), Some(size));
        assert_eq!(
            tail.read(Offset(8), usize::MAX).map(|bytes| bytes.len()),
            Some(2 * size)
        );
        assert_eq!(tail.read(Offset(10), 100), None);
        tail.truncate(Offset(6));
        assert_eq!(tail.read(Offset(6), 100), None);
        assert_eq!(tail.bytes, size);
    }
}
