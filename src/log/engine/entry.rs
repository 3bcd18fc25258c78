//! What raft-engine keeps for us: a batch as Kafka sends it, behind a small header.

use bytes::Bytes;
use prost::{DecodeError, Message};
use protobuf::well_known_types::BytesValue;
use raft_engine::MessageExt;

use crate::protocol::record_batch::RecordBatch;

/// Stands before the batch in every entry.
#[derive(Clone, PartialEq, Message)]
struct EntryHeader {
    /// Ordinal of the batch in this log, counted from 1 and never reused for another position.
    #[prost(uint64, tag = "1")]
    index: u64,
}

/// Tells raft-engine how to find the index of an entry. The entry itself is a plain run of bytes.
pub(in crate::log) struct Entries;

impl MessageExt for Entries {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        // Called for entries we wrote ourselves, and for those whose checksum held.
        split(entry).map_or(0, |(header, _)| header.index)
    }
}

pub(in crate::log) fn encode(index: u64, batch: &RecordBatch) -> BytesValue {
    let header = EntryHeader { index };
    let mut value = header.encode_length_delimited_to_vec();
    value.extend_from_slice(batch.bytes());
    let mut entry = BytesValue::new();
    entry.set_value(value);
    entry
}

/// The batch in an entry, or what is wrong with it.
pub(in crate::log) fn batch(entry: &BytesValue) -> Result<RecordBatch, String> {
    let (_, batch) = split(entry).map_err(|error| error.to_string())?;
    RecordBatch::of_bytes(Bytes::copy_from_slice(batch)).map_err(|error| error.to_string())
}

fn split(entry: &BytesValue) -> Result<(EntryHeader, &[u8]), DecodeError> {
    let mut bytes = entry.get_value();
    let header = EntryHeader::decode_length_delimited(&mut bytes)?;
    Ok((header, bytes))
}
