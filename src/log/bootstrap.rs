//! `bootstrap.checkpoint`: the records with which a new cluster begins, as `format` chose them (KIP-778).
//! A snapshot file in form, written and read by Java and by us alike.

use std::path::Path;

use super::{LogError, snapshot_file};
use crate::protocol::{
    Epoch, Offset,
    control_records::{ControlRecord, SnapshotFooterRecord, SnapshotHeaderRecord},
    record_batch::RecordBatch,
    records::MetadataRecord,
    wire,
};

const FILE_NAME: &str = "bootstrap.checkpoint";

/// The records of the file; `None` where there is none.
pub fn read(dir: &Path) -> Result<Option<Vec<MetadataRecord>>, LogError> {
    let path = dir.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let corrupt = |reason: String| LogError::Corrupt {
        path: path.clone(),
        reason,
        remedy: "Only a new cluster needs it. If the cluster has begun, move the file away; if not, copy it \
                 from another controller",
    };
    let mut records = Vec::new();
    let mut is_complete = false;
    for batch in snapshot_file::batches_of(&path)? {
        let batch = batch.map_err(|error| match error {
            LogError::Corrupt { reason, .. } => corrupt(reason),
            other => other,
        })?;
        if batch.is_control() {
            let control = batch.control_records();
            let control = control.map_err(|error| corrupt(error.to_string()))?;
            let footer =
                |record: &ControlRecord| matches!(record, ControlRecord::SnapshotFooter(_));
            is_complete |= control.iter().any(footer);
            continue;
        }
        let decoded = batch.metadata_records();
        let decoded = decoded.map_err(|error| corrupt(error.to_string()))?;
        records.extend(decoded.into_iter().map(|(_, record)| record));
    }
    match is_complete {
        true => Ok(Some(records)),
        false => Err(corrupt("it has no footer: it was cut off".to_owned())),
    }
}

/// Writes the file, durably. `now_ms` is the time in milliseconds since 1970.
pub fn write(dir: &Path, records: &[MetadataRecord], now_ms: i64) -> Result<(), LogError> {
    let batches = batches(records, now_ms).expect("bootstrap records exist in version 0");
    snapshot_file::write_as(
        dir,
        FILE_NAME,
        batches.iter().map(|batch| batch.bytes().clone()),
    )?;
    Ok(())
}

fn batches(records: &[MetadataRecord], now_ms: i64) -> wire::Result<Vec<RecordBatch>> {
    let epoch = Epoch(0);
    let control = |at: Offset, record: ControlRecord| {
        RecordBatch::of_control_records(at, epoch, now_ms, [&record])
    };
    let header = ControlRecord::SnapshotHeader(SnapshotHeaderRecord::default());
    let footer = ControlRecord::SnapshotFooter(SnapshotFooterRecord::default());
    let mut batches = vec![control(Offset(0), header)?];
    let mut end = Offset(1);
    if !records.is_empty() {
        let data = records.iter().map(|record| (record, 0));
        let data = RecordBatch::of_records(end, epoch, now_ms, data)?;
        end = data.end_offset();
        batches.push(data);
    }
    batches.push(control(end, footer)?);
    Ok(batches)
}
