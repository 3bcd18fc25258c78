//! Any bytes as record batches, as the records of a batch whose header holds, and as a record.
#![no_main]

use bytes::Bytes;
use kraftd::protocol::{record_batch::RecordBatch, records::MetadataRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read(Bytes::copy_from_slice(bytes));
    read(made_whole(bytes));
    if let Ok((record, version)) = MetadataRecord::decode(Bytes::copy_from_slice(bytes)) {
        record
            .encode(version)
            .expect("what was read can be written");
    }
});

fn read(mut rest: Bytes) {
    while let Ok(Some(batch)) = RecordBatch::split_off(&mut rest) {
        let _refused = (batch.metadata_records(), batch.control_records());
    }
}

/// The bytes as one batch, with the length, format, count and checksum put right: nobody looks at
/// the records otherwise. The first byte says how many records there are to be.
fn made_whole(bytes: &[u8]) -> Bytes {
    const HEADER_BYTES: usize = 61;
    let (count, records) = match bytes {
        [count, records @ ..] => (i32::from(*count).max(1), records),
        [] => (1, bytes),
    };
    let mut batch = vec![0; HEADER_BYTES];
    batch.extend_from_slice(records);
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    // An odd count makes it a control batch.
    batch[22] = if count % 2 == 1 { 0x20 } else { 0 };
    batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    let checksum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch.into()
}
