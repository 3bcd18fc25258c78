//! Any bytes as a connection receives them, in pieces (the first byte says how long): frames, headers, and every
//! request at every version, put to an active controller that has brokers and a topic. With an odd first byte they are made
//! those of this cluster: its id, a broker of its own, a topic that there is, which no mutation finds. Whatever is
//! asked, it answers or lets it wait, and goes on.
#![no_main]

use bytes::{Bytes, BytesMut};
use kraftd::{
    controller::apis,
    protocol::{
        NodeId, Uuid,
        api::{ApiKey, Request},
        frame,
        header::RequestHeader,
        wire,
        wire::Reader,
    },
    raft::Token,
};
use libfuzzer_sys::fuzz_target;

use broker::Broker;
use quorum::{CLUSTER_ID, Quorum};

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
    let mut world = None;
    let mut received = BytesMut::new();
    for piece in stream.chunks(usize::from(*length).max(1)) {
        received.extend_from_slice(piece);
        while let Some(frame) = match frame::split(&mut received, MAX_FRAME_BYTES) {
            Ok(frame) => frame,
            Err(_) => return,
        } {
            if handle(frame, length % 2 == 1, &mut world).is_err() {
                return;
            }
        }
    }
    if let Some(mut world) = world {
        world.quorum.run_for(AFTERWARDS_MS);
        for (token, what) in world.asked {
            let answered = world.quorum.answered(token).is_some();
            // Who fetches at the end of the log may be kept waiting for as long as it likes.
            assert!(
                answered || what == ApiKey::FETCH,
                "{} is not answered",
                what.name()
            );
        }
    }
});

/// An active controller with brokers and a topic, and what it was asked.
struct World {
    quorum: Quorum,
    broker: Broker,
    topic_id: Uuid,
    asked: Vec<(Token, ApiKey)>,
}

/// As `server/connection.rs` does it.
fn handle(frame: Bytes, at_home: bool, world: &mut Option<World>) -> wire::Result<()> {
    let mut reader = Reader::new(&frame);
    let header = RequestHeader::read(&mut reader)?;
    let (key, version) = (header.api_key(), header.request_api_version);
    if apis::served_versions(key).is_some_and(|served| served.contains(&version)) {
        let mut request = Request::decode(key, version, &mut reader)?;
        let world = world.get_or_insert_with(World::inhabited);
        if at_home {
            world.make_ours(&mut request);
        }
        let token = world.quorum.send(CONTROLLER, version, request);
        world.asked.push((token, key));
        world.quorum.settle();
    }
    Ok(())
}

impl World {
    fn inhabited() -> World {
        let mut quorum = Quorum::of(1);
        let broker = Broker::start(11, &mut quorum);
        Broker::start(12, &mut quorum);
        let created = broker::create_topic(&mut quorum, "orders", 3, 2);
        World {
            quorum,
            broker,
            topic_id: created.topic_id,
            asked: Vec::new(),
        }
    }

    /// What a request must name to be heard, and no mutation hits upon.
    fn make_ours(&self, request: &mut Request) {
        let ours = || Some(CLUSTER_ID.to_owned());
        let (id, epoch) = (self.broker.id, self.broker.epoch);
        match request {
            Request::Fetch(it) => it.cluster_id = ours(),
            Request::FetchSnapshot(it) => it.cluster_id = ours(),
            Request::Vote(it) => it.cluster_id = ours(),
            Request::BeginQuorumEpoch(it) => it.cluster_id = ours(),
            Request::EndQuorumEpoch(it) => it.cluster_id = ours(),
            Request::UpdateRaftVoter(it) => it.cluster_id = ours(),
            Request::BrokerRegistration(it) => it.cluster_id = CLUSTER_ID.to_owned(),
            Request::BrokerHeartbeat(it) => (it.broker_id, it.broker_epoch) = (id, epoch),
            Request::AllocateProducerIds(it) => (it.broker_id, it.broker_epoch) = (id, epoch),
            Request::AssignReplicasToDirs(it) => {
                (it.broker_id, it.broker_epoch) = (id, epoch);
                let topics = it.directories.iter_mut().flat_map(|dir| &mut dir.topics);
                topics.for_each(|topic| topic.topic_id = self.topic_id);
            }
            Request::AlterPartition(it) => {
                (it.broker_id, it.broker_epoch) = (id, epoch);
                it.topics
                    .iter_mut()
                    .for_each(|topic| topic.topic_id = self.topic_id);
            }
            _ => {}
        }
    }
}
