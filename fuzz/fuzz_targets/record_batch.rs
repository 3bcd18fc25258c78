//! Any bytes as record batches, and as the records of a batch whose header holds.
//! `cargo +nightly fuzz run record_batch`
#![no_main]

use bytes::Bytes;
use kraftd::protocol::{record_batch::RecordBatch, records::MetadataRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = Bytes::copy_from_slice(bytes);
    while let Ok(Some(batch)) = RecordBatch::split_off(&mut rest) {
        let _refused = (batch.metadata_records(), batch.control_records());
    }
    if let Ok((record, version)) = MetadataRecord::decode(Bytes::copy_from_slice(bytes)) {
        record.encode(version).expect("what was read can be written");
    }
});
