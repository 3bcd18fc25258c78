//! Record batches, format 2: the unit in which the metadata log is written, replicated and fetched.
//!
//! [`RecordBatch`] is a whole, checked batch over shared bytes. A follower stores the leader's bytes as
//! they came, so that equal logs are equal byte for byte.

use std::iter;

use bytes::{BufMut, Bytes};

use super::{
    control_records::ControlRecord,
    ids::{Epoch, Offset},
    records::MetadataRecord,
    wire::{Malformed, Reader, Result, Writer},
};

/// Base offset and length: what is needed to find the end of a batch.
const PREFIX_BYTES: usize = 12;
/// Everything before the records.
pub const HEADER_BYTES: usize = 61;
const EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
/// The checksum covers everything from here; not the epoch, which the leader fills in.
const CHECKED_FROM: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const BASE_TIMESTAMP_AT: usize = 27;
const COUNT_AT: usize = 57;

const MAGIC: u8 = 2;
const CONTROL: i16 = 0x20;
const COMPRESSION: i16 = 0x07;

/// Largest batch a leader writes (`internal.metadata.max.batch.size.in.bytes`).
pub const MAX_BATCH_BYTES: usize = 8 << 20;
/// Of a snapshot's batch, which has one record more than fits, or one that is made of several.
pub const MAX_SNAPSHOT_BATCH_BYTES: usize = 2 * MAX_BATCH_BYTES;

/// A complete batch whose header, length and checksum hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBatch {
    bytes: Bytes,
}

/// A record of a batch. Metadata records have no key; control records have both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: Offset,
    pub key: Option<Bytes>,
    pub value: Bytes,
}

/// A record where it lies in its batch.
struct Part<'a> {
    offset: Offset,
    key: Option<Reader<'a>>,
    value: Reader<'a>,
}

impl Malformed {
    fn at(self, offset: Offset) -> Malformed {
        Malformed::new(format!("record at offset {offset}: {self}"))
    }
}

impl RecordBatch {
    /// Encodes metadata records, each at the version given with it.
    pub fn of_records<'a>(
        base_offset: Offset,
        epoch: Epoch,
        timestamp_ms: i64,
        records: impl IntoIterator<Item = (&'a MetadataRecord, i16)>,
    ) -> Result<RecordBatch> {
        let (mut builder, mut value) = (Builder::new(), Writer::new());
        for (record, version) in records {
            value.clear();
            record.write(&mut value, version)?;
            builder.push(None, value.bytes());
        }
        Ok(builder.finish(base_offset, epoch, timestamp_ms, 0))
    }

    /// Encodes control records.
    pub fn of_control_records<'a>(
        base_offset: Offset,
        epoch: Epoch,
        timestamp_ms: i64,
        records: impl IntoIterator<Item = &'a ControlRecord>,
    ) -> Result<RecordBatch> {
        let mut builder = Builder::new();
        for record in records {
            let (key, value) = record.encode()?;
            builder.push(Some(&key), &value);
        }
        Ok(builder.finish(base_offset, epoch, timestamp_ms, CONTROL))
    }

    /// Takes the first batch off `bytes`, checked; `None` when they end before it does, as the bytes of
    /// a Fetch answer may.
    pub fn split_off(bytes: &mut Bytes) -> Result<Option<RecordBatch>> {
        let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
        let total = usize::try_from(length).unwrap_or_default() + PREFIX_BYTES;
        if total < HEADER_BYTES {
            return Err(Malformed::new(format!("record batch of length {length}")));
        }
        if bytes.len() < total {
            return Ok(None);
        }
        let batch = RecordBatch {
            bytes: bytes.split_to(total),
        };
        batch.check().map_err(|error| error.within("RecordBatch"))?;
        Ok(Some(batch))
    }

    /// Takes bytes that are exactly one batch.
    pub fn of_bytes(mut bytes: Bytes) -> Result<RecordBatch> {
        match RecordBatch::split_off(&mut bytes)? {
            Some(batch) if bytes.is_empty() => Ok(batch),
            Some(_) => Err(Malformed::new(format!(
                "{} bytes after the batch",
                bytes.len()
            ))),
            None => Err(Malformed::new(format!(
                "the batch is cut off at {} bytes",
                bytes.len()
            ))),
        }
    }

    fn check(&self) -> Result<()> {
        let magic = self.bytes[MAGIC_AT];
        if magic != MAGIC {
            return Err(Malformed::new(format!(
                "magic {magic}, only 2 is written in this log"
            )));
        }
        let stored = u32::from_be_bytes(self.array(CRC_AT));
        let computed = crc32c::crc32c(&self.bytes[CHECKED_FROM..]);
        if stored != computed {
            return Err(Malformed::new(format!(
                "checksum {computed:08x} instead of {stored:08x}"
            )));
        }
        if self.attributes() & COMPRESSION != 0 {
            return Err(Malformed::new("is compressed, which no metadata log is"));
        }
        let (count, delta) = (self.count(), self.last_offset_delta());
        if count < 1 || i64::from(delta) + 1 != i64::from(count) {
            let what = format!("{count} records, but the last one has the offset delta {delta}");
            return Err(Malformed::new(what));
        }
        let past_the_last = self.base_offset().0.checked_add(i64::from(count));
        if self.base_offset().0 < 0 || past_the_last.is_none() {
            return Err(Malformed::new(format!(
                "base offset {}",
                self.base_offset()
            )));
        }
        Ok(())
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn base_offset(&self) -> Offset {
        Offset(i64::from_be_bytes(self.array(0)))
    }

    pub fn last_offset(&self) -> Offset {
        self.base_offset().plus(i64::from(self.last_offset_delta()))
    }

    /// The offset after the last record.
    pub fn end_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// The epoch of the leader that wrote the batch.
    pub fn epoch(&self) -> Epoch {
        Epoch(i32::from_be_bytes(self.array(EPOCH_AT)))
    }

    /// When the leader wrote the batch, in milliseconds since 1970.
    pub fn timestamp_ms(&self) -> i64 {
        i64::from_be_bytes(self.array(BASE_TIMESTAMP_AT))
    }

    pub fn is_control(&self) -> bool {
        self.attributes() & CONTROL != 0
    }

    /// How many records there are; 1 at least.
    pub fn count(&self) -> i32 {
        i32::from_be_bytes(self.array(COUNT_AT))
    }

    fn attributes(&self) -> i16 {
        i16::from_be_bytes(self.array(CHECKED_FROM))
    }

    fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.array(LAST_OFFSET_DELTA_AT))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[at..at + N]);
        array
    }

    /// The records, as strict as Java's `RecordsIterator`, which stops a broker at anything else.
    pub fn records(&self) -> Result<Vec<Record>> {
        let record = |part: Result<Part>| {
            let mut part = part?;
            Ok(Record {
                offset: part.offset,
                key: part.key.map(|mut key| key.rest()),
                value: part.value.rest(),
            })
        };
        self.parts().map(record).collect()
    }

    /// The records where they lie; an error is the last item.
    fn parts(&self) -> impl Iterator<Item = Result<Part<'_>>> {
        let mut reader = Reader::new(&self.bytes);
        let mut ended = reader.take(HEADER_BYTES).is_err();
        let mut deltas = 0..self.count();
        iter::from_fn(move || {
            if ended {
                return None;
            }
            let part = match deltas.next() {
                Some(delta) => self.part(&mut reader, delta),
                None => {
                    ended = true;
                    return reader.finish().err().map(Err);
                }
            };
            ended = part.is_err();
            Some(part)
        })
    }

    fn part<'a>(&self, reader: &mut Reader<'a>, delta: i32) -> Result<Part<'a>> {
        let offset = self.base_offset().plus(i64::from(delta));
        let read = self.key_and_value(reader, delta);
        let (key, value) = read.map_err(|error| error.at(offset))?;
        Ok(Part { offset, key, value })
    }

    /// Those of the next record.
    fn key_and_value<'a>(
        &self,
        reader: &mut Reader<'a>,
        expected_delta: i32,
    ) -> Result<(Option<Reader<'a>>, Reader<'a>)> {
        let length = reader.varint()?;
        let length = usize::try_from(length)
            .map_err(|_| Malformed::new(format!("record of length {length}")))?;
        let mut body = reader.part(length)?;
        let (_attributes, timestamp_delta) = (body.i8()?, body.varlong()?);
        let offset_delta = body.varint()?;
        if timestamp_delta != 0 || offset_delta != expected_delta {
            let what = format!("timestamp delta {timestamp_delta} and offset delta {offset_delta}");
            return Err(Malformed::new(what));
        }
        let key = nullable_part(&mut body)?;
        let value = nullable_part(&mut body)?.filter(|value| value.remaining() > 0);
        let value = value.ok_or_else(|| Malformed::new("has no value"))?;
        if key.as_ref().is_some_and(|key| key.remaining() == 0)
            || key.is_some() != self.is_control()
        {
            return Err(Malformed::new(
                "control records have a key, others have none",
            ));
        }
        let headers = body.varint()?;
        if headers != 0 {
            return Err(Malformed::new(format!("{headers} headers")));
        }
        body.finish()?;
        Ok((key, value))
    }

    /// The metadata records of a data batch, with their offsets.
    pub fn metadata_records(&self) -> Result<Vec<(Offset, MetadataRecord)>> {
        self.each_metadata_record().collect()
    }

    /// The same, one after the other; an error is the last.
    pub fn each_metadata_record(&self) -> impl Iterator<Item = Result<(Offset, MetadataRecord)>> {
        self.parts().map(|part| {
            let Part { offset, value, .. } = part?;
            let (record, _version) =
                MetadataRecord::read(value).map_err(|error| error.at(offset))?;
            Ok((offset, record))
        })
    }

    /// The control records of a control batch.
    pub fn control_records(&self) -> Result<Vec<ControlRecord>> {
        let decode = |record: Record| {
            ControlRecord::decode(record.key.unwrap_or_default(), record.value)
                .map_err(|error| error.at(record.offset))
        };
        self.records()?.into_iter().map(decode).collect()
    }
}

fn nullable_part<'a>(reader: &mut Reader<'a>) -> Result<Option<Reader<'a>>> {
    match reader.varint()? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length)
                .map_err(|_| Malformed::new(format!("bytes of length {length}")))?;
            reader.part(length).map(Some)
        }
    }
}

/// Collects the records of a batch to be.
struct Builder {
    /// The batch, from a header that is still empty on.
    bytes: Writer,
    count: i32,
}

impl Builder {
    fn new() -> Builder {
        let mut bytes = Writer::new();
        bytes.put(&[0; HEADER_BYTES]);
        Builder { bytes, count: 0 }
    }

    fn push(&mut self, key: Option<&[u8]>, value: &[u8]) {
        let mut head = Writer::new();
        head.put(&[0]); // attributes
        head.varlong(0); // timestamp delta
        head.varint(self.count);
        head.varint(key.map_or(-1, |key| key.len() as i32));
        head.put(key.unwrap_or_default());
        head.varint(value.len() as i32);
        let tail = [0]; // headers
        self.bytes
            .varint((head.len() + value.len() + tail.len()) as i32);
        for part in [head.bytes(), value, &tail] {
            self.bytes.put(part);
        }
        self.count += 1;
    }

    fn finish(
        self,
        base_offset: Offset,
        epoch: Epoch,
        timestamp_ms: i64,
        attributes: i16,
    ) -> RecordBatch {
        assert!(self.count > 0, "a batch of no records has no offset");
        let mut bytes = Vec::from(self.bytes);
        let length = (bytes.len() - PREFIX_BYTES) as i32;
        let mut header = &mut bytes[..HEADER_BYTES];
        header.put_i64(base_offset.0);
        header.put_i32(length);
        header.put_i32(epoch.0);
        header.put_u8(MAGIC);
        header.put_u32(0); // checksum, below
        header.put_i16(attributes);
        header.put_i32(self.count - 1);
        header.put_i64(timestamp_ms);
        header.put_i64(timestamp_ms);
        header.put_i64(-1); // producer id
        header.put_i16(-1); // producer epoch
        header.put_i32(-1); // base sequence
        header.put_i32(self.count);
        let checksum = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        bytes[CRC_AT..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
        RecordBatch {
            bytes: bytes.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::protocol::{
        NodeId,
        control_records::{LeaderChangeMessage, LeaderChangeVoter},
        records::{FeatureLevelRecord, NoOpRecord},
    };

    fn feature() -> MetadataRecord {
        MetadataRecord::from(FeatureLevelRecord {
            name: "metadata.version".into(),
            feature_level: 30,
            ..Default::default()
        })
    }

    #[test]
    fn what_was_put_in_comes_out() {
        let records = [feature(), NoOpRecord::default().into()];
        let batch = RecordBatch::of_records(
            Offset(7),
            Epoch(3),
            99,
            records.iter().map(|record| (record, 0)),
        );
        let batch = batch.expect("encodes");
        let batch = RecordBatch::of_bytes(batch.bytes().clone()).expect("decodes");
        assert_eq!(
            (batch.base_offset(), batch.end_offset()),
            (Offset(7), Offset(9))
        );
        assert_eq!((batch.epoch(), batch.timestamp_ms()), (Epoch(3), 99));
        let decoded = batch.metadata_records().expect("records");
        assert_eq!(
            decoded,
            [
                (Offset(7), records[0].clone()),
                (Offset(8), records[1].clone())
            ]
        );
    }

    /// The first batch of a Java quorum of one, as seen in its log.
    #[test]
    fn a_leader_change_is_what_java_writes() {
        let voter = LeaderChangeVoter {
            voter_id: NodeId(1),
            ..Default::default()
        };
        let record = ControlRecord::LeaderChange(LeaderChangeMessage {
            leader_id: NodeId(1),
            voters: vec![voter.clone()],
            granting_voters: vec![voter],
            ..Default::default()
        });
        let batch = RecordBatch::of_control_records(Offset(0), Epoch(1), 5, [&record]);
        let batch = batch.expect("encodes");
        let hex: String = batch.bytes()[HEADER_BYTES..]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            hex,
            "3a000000080000000226000000000001020000000100020000000100 00 00".replace(' ', "")
        );
        assert_eq!(batch.bytes().len(), 91);
        assert_eq!(batch.control_records().expect("decodes"), [record]);
    }

    #[test]
    fn no_bit_can_be_flipped_unseen_after_the_epoch() {
        let record = feature();
        let batch = RecordBatch::of_records(Offset(0), Epoch(1), 5, [(&record, 0)]);
        let good = batch.expect("encodes").bytes().clone();
        for at in MAGIC_AT..good.len() {
            let mut bad = BytesMut::from(&good[..]);
            bad[at] ^= 0x10;
            assert!(RecordBatch::of_bytes(bad.freeze()).is_err(), "byte {at}");
        }
        for cut in 0..good.len() {
            let mut part = good.slice(..cut);
            assert_eq!(RecordBatch::split_off(&mut part), Ok(None), "{cut} bytes");
        }
    }
}
