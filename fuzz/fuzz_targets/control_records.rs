//! Any bytes as a control record: four bytes of its key, then its value.
#![no_main]

use bytes::Bytes;
use kraftd::protocol::control_records::ControlRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((key, value)) = bytes.split_first_chunk::<4>() {
        let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        if let Ok(record) = ControlRecord::decode(key, value) {
            record.encode().expect("what was read can be written");
        }
    }
});
