//! The length prefix around every request and response.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::wire::{Malformed, Result};

/// Frames longer than this are few.
const LARGE_BYTES: usize = 1 << 16;

/// Length of the prefix.
const PREFIX_BYTES: usize = 4;

/// Splits the first frame off what has arrived so far; `None` while it is incomplete. A length beyond
/// `max_bytes` is refused before anything is set aside for it.
pub fn split(received: &mut BytesMut, max_bytes: usize) -> Result<Option<Bytes>> {
    let Some(prefix) = received.first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*prefix);
    let fits = usize::try_from(length).is_ok_and(|length| length <= max_bytes);
    if !fits {
        return Err(Malformed::new(format!(
            "a frame of {length} bytes was announced, 0 to {max_bytes} are accepted"
        )));
    }
    let length = length as usize;
    if received.len() < PREFIX_BYTES + length {
        return Ok(None);
    }
    received.advance(PREFIX_BYTES);
    let frame = received.split_to(length).freeze();
    if length > LARGE_BYTES {
        // Else the connection keeps its memory, and takes it again when the frame is gone.
        *received = BytesMut::from(&received[..]);
    }
    Ok(Some(frame))
}

/// A message behind its length, ready to be sent in one write.
pub fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_i32(message.len() as i32);
    framed.put_slice(message);
    framed.freeze()
}

/// A frame whose message is in parts. The first of them is copied behind the length: of what is in parts it is the
/// short one.
pub fn of_parts(mut parts: Vec<Bytes>) -> Result<Vec<Bytes>> {
    let length: usize = parts.iter().map(Bytes::len).sum();
    let prefix = i32::try_from(length)
        .map_err(|_| Malformed::new(format!("a message of {length} bytes fits in no frame")))?;
    if let Some(first) = parts.first_mut() {
        let mut framed = BytesMut::with_capacity(PREFIX_BYTES + first.len());
        framed.put_i32(prefix);
        framed.put_slice(first);
        *first = framed.freeze();
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_out_when_it_is_whole_and_not_before() {
        let whole = frame(b"abc");
        for cut in 0..whole.len() {
            let mut received = BytesMut::from(&whole[..cut]);
            assert_eq!(split(&mut received, 3), Ok(None));
        }
        let mut received = BytesMut::from(&whole[..]);
        received.put_slice(b"next");
        assert_eq!(
            split(&mut received, 3),
            Ok(Some(Bytes::from_static(b"abc")))
        );
        assert_eq!(&received[..], b"next");
    }

    #[test]
    fn the_memory_of_a_large_frame_goes_with_it() {
        let large = frame(&vec![7; 10 * LARGE_BYTES]);
        let mut received = BytesMut::from(&large[..]);
        received.put_slice(b"next");
        let whole = split(&mut received, usize::MAX).expect("a length");
        assert_eq!(whole.map(|frame| frame.len()), Some(10 * LARGE_BYTES));
        assert_eq!(&received[..], b"next");
        received.clear();
        received.reserve(1);
        assert!(received.capacity() < LARGE_BYTES, "{}", received.capacity());
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_at_once() {
        for length in [4i32, i32::MAX, -1, i32::MIN] {
            let mut received = BytesMut::from(&length.to_be_bytes()[..]);
            assert!(split(&mut received, 3).is_err(), "{length}");
        }
    }
}
