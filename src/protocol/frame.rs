//! The length prefix around every request and response.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::wire::{Malformed, Result};

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
    Ok(Some(received.split_to(length).freeze()))
}

/// A message behind its length, ready to be sent in one write.
pub fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_i32(message.len() as i32);
    framed.put_slice(message);
    framed.freeze()
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
    fn a_length_beyond_the_limit_is_refused_at_once() {
        for length in [4i32, i32::MAX, -1, i32::MIN] {
            let mut received = BytesMut::from(&length.to_be_bytes()[..]);
            assert!(split(&mut received, 3).is_err(), "{length}");
        }
    }
}
