//! What the tests of the log share.

use kraftd::protocol::{
    Epoch, Offset, OffsetAndEpoch,
    record_batch::RecordBatch,
    records::{ConfigRecord, MetadataRecord},
};

/// A batch of one record of some length.
pub fn batch(base_offset: Offset, epoch: i32, length: usize) -> RecordBatch {
    let record = MetadataRecord::from(ConfigRecord {
        name: format!("{base_offset}"),
        value: Some("v".repeat(length)),
        ..Default::default()
    });
    RecordBatch::of_records(base_offset, Epoch(epoch), 7, [(&record, 0)]).expect("encodes")
}

pub const BIG_BATCH_RECORDS: i64 = 32;

/// A batch of about 1 MiB.
pub fn big_batch(base_offset: Offset, epoch: i32) -> RecordBatch {
    let record = MetadataRecord::from(ConfigRecord {
        name: format!("{base_offset}"),
        value: Some("v".repeat(32_000)),
        ..Default::default()
    });
    let records = (0..BIG_BATCH_RECORDS).map(|_| (&record, 0));
    RecordBatch::of_records(base_offset, Epoch(epoch), 7, records).expect("encodes")
}

pub fn snapshot_id(offset: i64, epoch: i32) -> OffsetAndEpoch {
    OffsetAndEpoch {
        offset: Offset(offset),
        epoch: Epoch(epoch),
    }
}
