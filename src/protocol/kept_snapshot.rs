//! What retention has to know of a snapshot: how much goes with it, and how old it is.

use super::{control_records::ControlRecord, record_batch::RecordBatch};

/// A complete snapshot on a node's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptSnapshot {
    /// Of its file.
    pub bytes: u64,
    /// Of the log from the end of the snapshot before, or from where the log begins, to the end of this one.
    pub log_bytes: u64,
    /// When the last record in it was written, in milliseconds since 1970; 0 where it cannot be read, since it is of no
    /// use then.
    pub timestamp_ms: i64,
}

/// What a snapshot's first batch says of when its last record was written
/// (`SnapshotHeaderRecord.LastContainedLogTimestamp`).
pub fn timestamp_ms(first: &RecordBatch) -> Option<i64> {
    let records = first.is_control().then(|| first.control_records().ok())??;
    records.into_iter().find_map(|record| match record {
        ControlRecord::SnapshotHeader(header) => Some(header.last_contained_log_timestamp),
        _ => None,
    })
}
