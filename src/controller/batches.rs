//! Records into batches that are small enough.

use crate::protocol::{
    Epoch, Offset,
    record_batch::{MAX_BATCH_BYTES, MAX_SNAPSHOT_BATCH_BYTES, RecordBatch},
    records::MetadataRecord,
    wire::Malformed,
};

/// A record, and the version in which it is written.
pub(super) type VersionedRecord = (MetadataRecord, i16);

/// Encodes records as one batch from `base_offset` on; as several, by halves, where that would be
/// larger than a batch may be.
pub(super) fn encode(
    records: &[VersionedRecord],
    base_offset: Offset,
    epoch: Epoch,
    timestamp_ms: i64,
) -> Result<Vec<RecordBatch>, Malformed> {
    let mut batches = Vec::new();
    let limit = MAX_BATCH_BYTES;
    encode_into(
        &mut batches,
        limit,
        records,
        base_offset,
        epoch,
        timestamp_ms,
    )?;
    Ok(batches)
}

/// The same for a snapshot, where a record may be larger: what is known of a broker comes from several requests, each
/// of which was small enough.
pub(super) fn encode_snapshot(
    records: &[VersionedRecord],
    base_offset: Offset,
    epoch: Epoch,
    timestamp_ms: i64,
) -> Result<Vec<RecordBatch>, Malformed> {
    let mut batches = Vec::new();
    let limit = MAX_SNAPSHOT_BATCH_BYTES;
    encode_into(
        &mut batches,
        limit,
        records,
        base_offset,
        epoch,
        timestamp_ms,
    )?;
    Ok(batches)
}

/// `limit` is that of a batch with one record only.
fn encode_into(
    batches: &mut Vec<RecordBatch>,
    limit: usize,
    records: &[VersionedRecord],
    base_offset: Offset,
    epoch: Epoch,
    timestamp_ms: i64,
) -> Result<(), Malformed> {
    let encoded = records.iter().map(|(record, version)| (record, *version));
    let batch = RecordBatch::of_records(base_offset, epoch, timestamp_ms, encoded)?;
    let bytes = batch.bytes().len();
    let is_one = records.len() == 1;
    if bytes <= MAX_BATCH_BYTES || is_one && bytes <= limit {
        batches.push(batch);
        return Ok(());
    }
    if is_one {
        let what = format!("takes {bytes} bytes, a batch holds {limit}");
        return Err(Malformed::new(what).within(records[0].0.name()));
    }
    let (first, second) = records.split_at(records.len() / 2);
    encode_into(batches, limit, first, base_offset, epoch, timestamp_ms)?;
    let base_offset = base_offset.plus(first.len() as i64);
    encode_into(batches, limit, second, base_offset, epoch, timestamp_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        Uuid,
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
        let batches = encode(&records, Offset(5), Epoch(1), 0).expect("encodes");
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
        let refused = encode(&records, Offset(0), Epoch(1), 0).expect_err("is too large");
        assert!(refused.to_string().contains("RegisterBroker"), "{refused}");
        let batches = encode_snapshot(&records, Offset(0), Epoch(1), 0).expect("encodes");
        assert_eq!(batches.len(), 3);
    }
}
