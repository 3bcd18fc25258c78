//! Bytes from strangers: whatever they are, they are read as a value or refused as malformed; never a panic,
//! and never more memory than their number justifies. A binary of its own, since it counts all memory.

use bytes::{Bytes, BytesMut};
use kraftd::protocol::{
    api::{APIS, Request, Response},
    control_records::ControlRecord,
    frame,
    header::RequestHeader,
    record_batch::RecordBatch,
    records::MetadataRecord,
    wire::{Reader, Writer},
};
use peak_alloc::PeakAlloc;
use proptest::{prelude::*, test_runner::TestRunner};

mod dense;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What reading may allocate at once: so much per byte received, and one growth of a vector on every
/// level of nesting, before it is clear that its elements are not there.
fn allowance(bytes: usize) -> usize {
    48 * bytes + (32 << 10)
}

/// Bytes that get deep into a message: small numbers for counts and lengths, now and then a wild one.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![6 => 0..4u8, 1 => Just(0xff), 1 => Just(0x7f), 2 => any::<u8>()];
    prop::collection::vec(byte, 0..600)
}

/// Runs `read` on the bytes and holds its memory against theirs.
fn bounded(what: &str, bytes: &[u8], read: impl FnOnce(Bytes)) -> Result<(), TestCaseError> {
    let input = Bytes::copy_from_slice(bytes);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    read(input);
    let used = MEMORY.peak_usage().saturating_sub(before);
    let limit = allowance(bytes.len());
    prop_assert!(
        used <= limit,
        "{what}: {used} bytes allocated for {} received",
        bytes.len()
    );
    Ok(())
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn strangers_bytes_are_read_or_refused() {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 1_500,
        ..Default::default()
    });
    let outcome = runner.run(&hostile(), |bytes| {
        messages(&bytes)?;
        records(&bytes)?;
        batches(&bytes)?;
        frames(&bytes)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    dense_messages().unwrap_or_else(|failure| panic!("{failure}"));
}

/// Frames of which every byte makes us allocate as much as a byte can.
fn dense_messages() -> Result<(), TestCaseError> {
    for api in APIS
        .iter()
        .filter(|api| api.max_version >= api.first_flexible)
    {
        let (key, version) = (api.key, api.max_version);
        for (schema, is_request) in [(api.request, true), (api.response, false)] {
            for array in 0..dense::arrays(schema) {
                for (inner, unknown_tags) in [(0, 0), (1, 0), (0, 1), (1, 1), (0, 5)] {
                    let filling = dense::Filling {
                        array,
                        elements: 2_000,
                        inner,
                        unknown_tags,
                    };
                    let bytes = dense::message(schema, version, filling);
                    bounded(&format!("{} {filling:?}", schema.name), &bytes, |input| {
                        let mut reader = Reader::new(&input);
                        match is_request {
                            true => {
                                drop(Request::decode(key, version, &mut reader).expect("reads"))
                            }
                            false => {
                                drop(Response::decode(key, version, &mut reader).expect("reads"))
                            }
                        }
                    })?;
                }
            }
        }
    }
    Ok(())
}

fn messages(bytes: &[u8]) -> Result<(), TestCaseError> {
    for api in APIS {
        for version in api.min_version..=api.max_version {
            bounded(&format!("{} {version}", api.name), bytes, |input| {
                let decoded = Request::decode(api.key, version, &mut Reader::new(&input));
                if let Ok(request) = decoded {
                    // What could be read can be written.
                    request
                        .encode(&mut Writer::new(), version)
                        .expect("encodes");
                }
                let decoded = Response::decode(api.key, version, &mut Reader::new(&input));
                if let Ok(response) = decoded {
                    response
                        .encode(&mut Writer::new(), version)
                        .expect("encodes");
                }
            })?;
        }
    }
    bounded("request header", bytes, |input| {
        let _refused = RequestHeader::read(&mut Reader::new(&input));
    })
}

fn records(bytes: &[u8]) -> Result<(), TestCaseError> {
    for kind in MetadataRecord::ALL {
        let mut frame = Writer::new();
        frame.uvarint(1);
        frame.uvarint(kind.key);
        frame.uvarint(kind.max_version as u32);
        frame.put(bytes);
        bounded(kind.schema.name, &frame.into_bytes(), |input| {
            let _refused = MetadataRecord::decode(input);
        })?;
    }
    for kind in 0..8i16 {
        let key = [0i16.to_be_bytes(), kind.to_be_bytes()].concat();
        bounded("control record", bytes, |input| {
            let _refused = ControlRecord::decode(key.into(), input);
        })?;
    }
    bounded("record frame", bytes, |input| {
        let _refused = MetadataRecord::decode(input);
    })
}

fn batches(bytes: &[u8]) -> Result<(), TestCaseError> {
    let read = |mut input: Bytes| {
        while let Ok(Some(batch)) = RecordBatch::split_off(&mut input) {
            let _refused = (batch.metadata_records(), batch.control_records());
        }
    };
    bounded("record batch", bytes, read)?;
    // The same behind a header that holds: only so does anyone look at the records.
    bounded("records of a batch", &in_a_batch(bytes), read)
}

/// A batch with a right checksum around any bytes.
fn in_a_batch(records: &[u8]) -> Vec<u8> {
    let count = match records.first() {
        Some(byte) if byte % 2 == 1 => i32::MAX,
        Some(byte) => i32::from(*byte).max(1),
        None => 1,
    };
    let mut batch = vec![0; 61];
    batch.extend_from_slice(records);
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    let checksum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch
}

fn frames(bytes: &[u8]) -> Result<(), TestCaseError> {
    bounded("frame", bytes, |input| {
        let mut received = BytesMut::from(&input[..]);
        while let Ok(Some(_frame)) = frame::split(&mut received, 100 << 20) {}
    })
}
