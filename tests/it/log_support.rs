//! What the tests of the log share.

use std::{path::Path, thread, time::Duration};

use kraftd::{
    log::{LogError, Recovered, directory::MetadataDirectory, engine::EngineLog},
    protocol::{
        Epoch, NodeId, Offset, OffsetAndEpoch, Uuid,
        record_batch::RecordBatch,
        records::{ConfigRecord, MetadataRecord},
    },
};

/// How often a lock that is held is tried again, 10 ms apart.
const LOCK_ATTEMPTS: usize = 300;

/// Opens a log, which may just have been closed. A process that another test starts at this moment holds
/// the engine's lock from its fork to its exec, so a lock that is held is tried for again; the product
/// itself refuses at once.
pub fn open_log(
    dir: &Path,
    node_id: NodeId,
    directory_id: Uuid,
) -> Result<(EngineLog, Recovered), LogError> {
    for _ in 1..LOCK_ATTEMPTS {
        match EngineLog::open(MetadataDirectory::open(dir)?, node_id, directory_id) {
            Err(error) if error.to_string().contains("Failed to lock file") => {
                thread::sleep(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
    EngineLog::open(MetadataDirectory::open(dir)?, node_id, directory_id)
}

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
