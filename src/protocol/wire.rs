//! Reading and writing Kafka's wire format: integers, varints and lengths, each in its classic and its compact
//! ("flexible", KIP-482) form. [`types`](super::types) says what they make up.
//!
//! Nothing here trusts a length: a count never exceeds the bytes that are left, a vector grows with
//! the elements that are really there, and all that one frame makes us allocate is bounded by
//! [`Reader::new`]'s budget.

use std::{fmt, mem::size_of};

use bytes::Bytes;

pub type Result<T> = std::result::Result<T, Malformed>;

/// Bytes that are not what they should be, or a value that a version cannot carry: what is wrong, and
/// in which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    kind: Box<str>,
    /// From the innermost field outwards.
    path: Vec<&'static str>,
    unsupported_version: bool,
}

impl Malformed {
    /// `what` is told after the path of the field.
    pub fn new(what: impl Into<String>) -> Malformed {
        Malformed {
            kind: what.into().into_boxed_str(),
            path: Vec::new(),
            unsupported_version: false,
        }
    }

    /// A message asked for at a version it does not have.
    pub fn unsupported_version(version: i16, min: i16, max: i16) -> Malformed {
        let what = format!("version {version} is not one of {min} to {max}");
        Malformed {
            unsupported_version: true,
            ..Malformed::new(what)
        }
    }

    /// A field that has a value but no place in this version, and must not be dropped.
    pub fn not_in_version(version: i16) -> Malformed {
        let what = format!("has a value, but version {version} has no such field");
        Malformed {
            unsupported_version: true,
            ..Malformed::new(what)
        }
    }

    /// Whether another version of the message would have done.
    pub fn is_unsupported_version(&self) -> bool {
        self.unsupported_version
    }

    /// The same error, seen from the struct around the field.
    #[must_use]
    pub fn within(mut self, name: &'static str) -> Malformed {
        self.path.push(name);
        self
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, name) in self.path.iter().rev().enumerate() {
            write!(f, "{}{name}", if depth == 0 { "" } else { "." })?;
        }
        write!(
            f,
            "{}{}",
            if self.path.is_empty() { "" } else { ": " },
            self.kind
        )
    }
}

impl std::error::Error for Malformed {}

/// What the encoding of a field depends on.
#[derive(Clone, Copy, Debug)]
pub struct Cx {
    pub version: i16,
    /// Compact lengths and tagged fields.
    pub flexible: bool,
    /// Null is allowed for this field in this version.
    pub nullable: bool,
}

/// Memory that a frame may make us allocate beyond a fixed allowance, per byte of it. The leanest
/// struct takes a few bytes on the wire and some hundred in memory.
const BUDGET_PER_BYTE: usize = 64;
const BUDGET_ALLOWANCE: usize = 1 << 20;

/// What a vector may take before any of its elements has been seen.
const FIRST_GROWTH_BYTES: usize = 1 << 12;

/// Takes values off the front of some bytes.
#[derive(Clone)]
pub struct Reader<'a> {
    /// All of them: what is taken as bytes shares them.
    frame: &'a Bytes,
    /// Not read yet: a part of `frame`.
    left: &'a [u8],
    budget: usize,
}

impl<'a> Reader<'a> {
    /// Reads `frame`, on a budget of memory that goes with its length.
    pub fn new(frame: &'a Bytes) -> Reader<'a> {
        Reader::of_part(frame, frame)
    }

    fn of_part(frame: &'a Bytes, left: &'a [u8]) -> Reader<'a> {
        let budget = left.len().saturating_mul(BUDGET_PER_BYTE) + BUDGET_ALLOWANCE;
        Reader {
            frame,
            left,
            budget,
        }
    }

    /// How many bytes have not been read.
    pub fn remaining(&self) -> usize {
        self.left.len()
    }

    /// Everything that is left, shared with the frame.
    pub fn rest(&mut self) -> Bytes {
        self.frame.slice_ref(std::mem::take(&mut self.left))
    }

    /// Bytes beyond the message mean that we and the sender disagree about its layout.
    pub fn finish(&self) -> Result<()> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(Malformed::new(format!("{left} bytes are left over"))),
        }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        self.need(count)?;
        let (taken, left) = self.left.split_at(count);
        self.left = left;
        Ok(taken)
    }

    pub(super) fn take_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((taken, left)) = self.left.split_first_chunk() else {
            self.need(N)?;
            unreachable!("{N} bytes are left, and are not there")
        };
        self.left = left;
        Ok(*taken)
    }

    fn need(&self, count: usize) -> Result<()> {
        match self.left.len() {
            left if left < count => Err(Malformed::new(format!(
                "needs {count} bytes, {left} are left"
            ))),
            _ => Ok(()),
        }
    }

    /// The next `count` bytes to be read for themselves, on a budget that goes with their number.
    pub fn part(&mut self, count: usize) -> Result<Reader<'a>> {
        let frame = self.frame;
        self.take(count).map(|part| Reader::of_part(frame, part))
    }

    /// Lets `read` have the next `count` bytes to itself, on the same budget.
    pub fn bounded<T>(
        &mut self,
        count: usize,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T>,
    ) -> Result<T> {
        let mut part = Reader {
            budget: self.budget,
            ..self.part(count)?
        };
        let value = read(&mut part)?;
        self.budget = part.budget;
        Ok(value)
    }

    /// Makes room for one more of `count` announced elements, and for at most as many again as have
    /// been read, so that a count that is not honoured costs little. The room is charged to the frame.
    pub fn grow<T>(&mut self, elements: &mut Vec<T>, count: usize) -> Result<()> {
        if elements.len() < elements.capacity() {
            return Ok(());
        }
        let first = FIRST_GROWTH_BYTES / size_of::<T>().max(1);
        let announced = count.saturating_sub(elements.len());
        let more = elements.len().max(first).min(announced).max(1);
        let left = self.budget.checked_sub(more * size_of::<T>());
        self.budget = left.ok_or_else(|| Malformed::new("takes too much memory for its size"))?;
        elements.reserve_exact(more);
        Ok(())
    }

    /// One byte.
    pub fn i8(&mut self) -> Result<i8> {
        self.take_array().map(i8::from_be_bytes)
    }

    /// Two bytes, the high one first, as all integers here.
    pub fn i16(&mut self) -> Result<i16> {
        self.take_array().map(i16::from_be_bytes)
    }

    /// Four bytes.
    pub fn i32(&mut self) -> Result<i32> {
        self.take_array().map(i32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn i64(&mut self) -> Result<i64> {
        self.take_array().map(i64::from_be_bytes)
    }

    /// An unsigned varint of at most 32 bits in at most five bytes. Java drops the bits that do not
    /// fit; nobody writes such, and here they are refused.
    pub fn uvarint(&mut self) -> Result<u32> {
        let value = self.uvarlong_of(5)?;
        u32::try_from(value).map_err(|_| Malformed::new("varint beyond 32 bits"))
    }

    /// A signed (zigzag) varint of at most 32 bits.
    pub fn varint(&mut self) -> Result<i32> {
        let raw = self.uvarint()?;
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// A signed (zigzag) varint of at most 64 bits.
    pub fn varlong(&mut self) -> Result<i64> {
        let raw = self.uvarlong_of(10)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn uvarlong_of(&mut self, max_bytes: u32) -> Result<u64> {
        let mut value = 0u64;
        for place in 0..max_bytes {
            let byte = self.i8()? as u8;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::new(format!(
            "varint longer than {max_bytes} bytes or its type"
        )))
    }

    /// How many elements of an array follow; `None` for null.
    pub(super) fn array_length(&mut self, cx: Cx) -> Result<Option<usize>> {
        self.length(cx, Reader::i32)
    }

    /// The length of a string, of bytes or of an array; `None` for null where null is allowed.
    pub(super) fn length(
        &mut self,
        cx: Cx,
        classic: fn(&mut Reader<'a>) -> Result<i32>,
    ) -> Result<Option<usize>> {
        let length = match cx.flexible {
            true => i64::from(self.uvarint()?) - 1,
            false => i64::from(classic(self)?),
        };
        match length {
            -1 if cx.nullable => Ok(None),
            -1 => Err(Malformed::new("must not be null")),
            negative if negative < 0 => Err(Malformed::new(format!("length {negative}"))),
            length => {
                let length = length as usize;
                self.need(length)?;
                Ok(Some(length))
            }
        }
    }
}

/// Bytes shorter than this are copied sooner than shared.
const SHARE_BYTES: usize = 1 << 14;

/// Collects an encoded message.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// What goes in between as it is, and where.
    shared: Vec<(usize, Bytes)>,
    shares: bool,
}

impl Writer {
    /// Nothing written yet.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Nothing written yet; what is long and shared already is not copied. To be taken by
    /// [`Writer::into_parts`].
    pub fn sharing() -> Writer {
        Writer {
            shares: true,
            ..Writer::default()
        }
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What has been written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What has been written, to be shared.
    pub fn into_bytes(self) -> Bytes {
        debug_assert!(!self.shares, "it is in parts");
        self.bytes.into()
    }

    /// What has been written, in parts that follow each other.
    pub fn into_parts(self) -> Vec<Bytes> {
        let mut own = Bytes::from(self.bytes);
        let (mut parts, mut taken) = (Vec::new(), 0);
        for (at, shared) in self.shared {
            parts.push(own.split_to(at - taken));
            parts.push(shared);
            taken = at;
        }
        parts.push(own);
        parts
    }

    /// Begins anew, in the same memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Bytes as they are, without a length.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The same, perhaps without a copy.
    pub fn put_shared(&mut self, bytes: &Bytes) {
        match self.shares && bytes.len() >= SHARE_BYTES {
            true => self.shared.push((self.bytes.len(), bytes.clone())),
            false => self.put(bytes),
        }
    }

    /// An unsigned varint.
    pub fn uvarint(&mut self, value: u32) {
        self.uvarlong(u64::from(value));
    }

    /// A signed (zigzag) varint of 32 bits.
    pub fn varint(&mut self, value: i32) {
        self.uvarint(((value << 1) ^ (value >> 31)) as u32);
    }

    /// A signed (zigzag) varint of 64 bits.
    pub fn varlong(&mut self, value: i64) {
        self.uvarlong(((value << 1) ^ (value >> 63)) as u64);
    }

    fn uvarlong(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(super) fn length(
        &mut self,
        length: Option<usize>,
        cx: Cx,
        classic: fn(&mut Writer, i32),
    ) -> Result<()> {
        let length = match length {
            None if cx.nullable => -1,
            None => return Err(Malformed::new("must not be null")),
            Some(length) => i32::try_from(length)
                .map_err(|_| Malformed::new(format!("{length} is beyond any length")))?,
        };
        match cx.flexible {
            true => self.uvarint((length + 1) as u32),
            false => classic(self, length),
        }
        Ok(())
    }
}

impl From<Writer> for Vec<u8> {
    fn from(writer: Writer) -> Vec<u8> {
        writer.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::types::Wire;

    const FLEXIBLE: Cx = Cx {
        version: 0,
        flexible: true,
        nullable: false,
    };

    /// Nothing is taken from it as shared bytes.
    static NO_FRAME: Bytes = Bytes::new();

    fn on_a_budget(left: &[u8], budget: usize) -> Reader<'_> {
        let frame = &NO_FRAME;
        Reader {
            frame,
            left,
            budget,
        }
    }

    #[test]
    fn elements_beyond_the_budget_are_refused() {
        let three_strings = &[4, 1, 1, 1];
        let need = 3 * size_of::<String>();
        let read = |budget| Vec::<String>::read(&mut on_a_budget(three_strings, budget), FLEXIBLE);
        assert_eq!(read(need), Ok(vec![String::new(); 3]));
        let error = read(need - 1).expect_err("one byte short");
        assert!(error.to_string().contains("too much memory"), "{error}");
    }

    #[test]
    fn a_part_of_a_frame_is_on_the_frames_budget() {
        let need = size_of::<String>();
        let part =
            |reader: &mut Reader| reader.bounded(2, |part| Vec::<String>::read(part, FLEXIBLE));
        let mut reader = on_a_budget(&[2, 1, 2, 1], 2 * need - 1);
        part(&mut reader).expect("the first fits");
        part(&mut reader).expect_err("the second does not, for what the first took");
    }

    #[test]
    fn what_is_shared_stands_where_it_was_put() {
        let long = Bytes::from(vec![7; SHARE_BYTES]);
        let mut writers = [Writer::new(), Writer::sharing()];
        for writer in &mut writers {
            writer.put_shared(&long);
            writer.put(b"between");
            writer.put_shared(&long);
            writer.put_shared(&long);
            writer.put_shared(&Bytes::from_static(b"short"));
        }
        let [copied, shared] = writers;
        let parts = shared.into_parts();
        assert!(parts.iter().any(|part| part.as_ptr() == long.as_ptr()));
        assert_eq!(parts.concat(), copied.into_bytes());
    }

    #[test]
    fn varints_end_where_their_type_does() {
        let uvarint = |bytes| on_a_budget(bytes, 0).uvarint();
        assert_eq!(uvarint(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
        uvarint(&[0xff, 0xff, 0xff, 0xff, 0x1f]).expect_err("33 bits");
        uvarint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]).expect_err("six bytes");
        uvarint(&[0x80]).expect_err("cut off");
        let varlong = |value| {
            let mut writer = Writer::new();
            writer.varlong(value);
            Reader::new(&writer.into_bytes()).varlong()
        };
        for value in [0, -1, 1, i64::MAX, i64::MIN] {
            assert_eq!(varlong(value), Ok(value));
        }
    }
}
