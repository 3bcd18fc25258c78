//! Records into batches that are small enough.

use crate::protocol::{
    Epoch, Offset,
    record_batch::{MAX_BATCH_BYTES, RecordBatch},
    records::MetadataRecord,
    wire::Malformed,
};

/// A record, and the version in which it is written.
pub(super) type VersionedRecord = (MetadataRecord, i16);

/// Encodes records as one batch from `base_offset` on; as several, by halves, where that would be
/// larger than a batch may be. A record by itself may take `record_bytes`.
pub(super) fn encode(
    records: &[VersionedRecord],
    record_bytes: usize,
    base_offset: Offset,
    epoch: Epoch,
    timestamp_ms: i64,
) -> Result<Vec<RecordBatch>, Malformed> {
    let encoded = records.iter().map(|(record, version)| (record, *version));
    let batch = RecordBatch::of_records(base_offset, epoch, timestamp_ms, encoded)?;
    let bytes = batch.bytes().len();
    let is_one = records.len() == 1;
    if bytes <= MAX_BATCH_BYTES || is_one && bytes <= record_bytes {
        return Ok(vec![batch]);
    }
    if is_one {
        let what = format!("takes {bytes} bytes, a batch holds {record_bytes}");
        return Err(Malformed::new(what).within(records[0].0.name()));
    }
    let (first, second) = records.split_at(records.len() / 2);
    let mut batches = encode(first, record_bytes, base_offset, epoch, timestamp_ms)?;
    let base_offset = base_offset.plus(first.len() as i64);
    batches.extend(encode(
        second,
        record_bytes,
        base_offset,
        epoch,
        timestamp_ms,
    )?);
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        Uuid,
        record_batch::MAX_SNAPSHOT_BATCH_BYTES,
        records::{ConfigRecord, RegisterBrokerRecord},
    };

    fn config(bytes: usize) -> VersionedRecord {
        let record = ConfigRecord {
            value: Some("x".repeat(bytes)),
            ..Default::default()
        };
        (record.into(), 0)
    }

    #[test]
    fn what_does_not_fit_one_batch_goes_into_several_without_a_gap() {
        let records = vec![config(30_000); 1_000];
        let batches = encode(&records, MAX_BATCH_BYTES, Offset(5), Epoch(1), 0).expect("encodes");
        assert!(batches.len() > 1);
        let mut end = Offset(5);
        for batch in &batches {
            assert_eq!(batch.base_offset(), end);
            assert!(batch.bytes().len() <= MAX_BATCH_BYTES);
            end = batch.end_offset();
        }
        assert_eq!(end, Offset(1_005));
    }

    #[test]
    fn a_snapshot_takes_a_record_that_the_log_does_not() {
        let large = RegisterBrokerRecord {
            log_dirs: vec![Uuid::ONE; MAX_BATCH_BYTES / 16 + 1],
            ..Default::default()
        };
        let records = [config(1), (large.into(), 3), config(1)];
        let refused =
            encode(&records, MAX_BATCH_BYTES, Offset(0), Epoch(1), 0).expect_err("is too large");
        assert!(refused.to_string().contains("RegisterBroker"), "{refused}");
        let batches =
            encode(&records, MAX_SNAPSHOT_BATCH_BYTES, Offset(0), Epoch(1), 0).expect("encodes");
        assert_eq!(batches.len(), 3);
    }
}
