//! Any bytes as a connection receives them, in pieces (the first byte says how long): frames, headers, and every
//! request at every version, put to an active controller that has brokers and a topic. Whatever is asked, it
//! answers or lets it wait, and goes on.
#![no_main]

use bytes::{Bytes, BytesMut};
use kraftd::{
    controller::apis,
    protocol::{NodeId, api::Request, frame, header::RequestHeader, wire, wire::Reader},
};
use libfuzzer_sys::fuzz_target;

use broker::Broker;
use quorum::Quorum;

#[allow(dead_code)]
#[path = "../../tests/it/broker.rs"]
mod broker;
#[allow(dead_code)]
#[path = "../../tests/it/quorum.rs"]
mod quorum;

const MAX_FRAME_BYTES: usize = 1 << 20;
const CONTROLLER: NodeId = NodeId(1);
/// So much time passes in the end: timers come up.
const AFTERWARDS_MS: u64 = 3_000;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, stream)) = bytes.split_first() else {
        return;
    };
    // Made when it is needed: most bytes are no request.
    let mut quorum = None;
    let mut received = BytesMut::new();
    for piece in stream.chunks(usize::from(*length).max(1)) {
        received.extend_from_slice(piece);
        while let Some(frame) = match frame::split(&mut received, MAX_FRAME_BYTES) {
            Ok(frame) => frame,
            Err(_) => return,
        } {
            if handle(frame, &mut quorum).is_err() {
                return;
            }
        }
    }
    if let Some(mut quorum) = quorum {
        quorum.run_for(AFTERWARDS_MS);
    }
});

/// As `server/connection.rs` does it.
fn handle(frame: Bytes, quorum: &mut Option<Quorum>) -> wire::Result<()> {
    let mut reader = Reader::new(&frame);
    let header = RequestHeader::read(&mut reader)?;
    let (key, version) = (header.api_key(), header.request_api_version);
    if apis::served_versions(key).is_some_and(|served| served.contains(&version)) {
        let request = Request::decode(key, version, &mut reader)?;
        let quorum = quorum.get_or_insert_with(inhabited);
        quorum.send(CONTROLLER, version, request);
        quorum.settle();
    }
    Ok(())
}

fn inhabited() -> Quorum {
    let mut quorum = Quorum::of(1);
    Broker::start(11, &mut quorum);
    Broker::start(12, &mut quorum);
    broker::create_topic(&mut quorum, "orders", 3, 2);
    quorum
}
