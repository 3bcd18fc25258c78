//! Any bytes as a snapshot (a `.checkpoint` file): as they are, and with lengths and checksums put right, so that
//! the records in them are looked at. Whatever they say, they make a state, or the load says why not.
#![no_main]

use std::path::Path;

use bytes::Bytes;
use kraftd::{
    controller::SnapshotLoader,
    log::{LogError, snapshot_file},
    protocol::{Epoch, Offset, OffsetAndEpoch},
};
use libfuzzer_sys::fuzz_target;

const ID: OffsetAndEpoch = OffsetAndEpoch {
    offset: Offset(1_000),
    epoch: Epoch(3),
};

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    for bytes in [bytes, &repaired(bytes)] {
        let whole = Bytes::copy_from_slice(bytes);
        snapshot_file::write_as(dir.path(), "a.checkpoint", [whole]).expect("writes");
        let _refused = load(&dir.path().join("a.checkpoint"));
    }
});

fn load(path: &Path) -> Result<(), LogError> {
    let batches = snapshot_file::batches_of(path)?;
    let _refused = SnapshotLoader::load(ID, batches.map_while(Result::ok));
    Ok(())
}

/// One batch after the other, as long as they say or as there are bytes, one offset after the other.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    const HEADER_BYTES: usize = 61;
    /// What the length of a batch does not count: the offset and itself.
    const UNCOUNTED_BYTES: usize = 12;
    let mut repaired = bytes.to_vec();
    let (mut rest, mut offset) = (&mut repaired[..], 0i64);
    while rest.len() >= HEADER_BYTES {
        let told = i32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]);
        let told = usize::try_from(told).unwrap_or_default() + UNCOUNTED_BYTES;
        let batch;
        (batch, rest) = rest.split_at_mut(told.clamp(HEADER_BYTES, rest.len()));
        let counted = (batch.len() - UNCOUNTED_BYTES) as i32;
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        batch[8..12].copy_from_slice(&counted.to_be_bytes());
        batch[16] = 2;
        let checksum = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&checksum.to_be_bytes());
        let last = i32::from_be_bytes([batch[23], batch[24], batch[25], batch[26]]);
        offset = offset.saturating_add(i64::from(last)).saturating_add(1);
    }
    repaired
}
