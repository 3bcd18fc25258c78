//! What a node runs: raft alone, or a whole controller with raft inside. Both do the same effects.

use bytes::Bytes;
use kraftd::{
    controller::{Caller, Controller, Effect, LoadedSnapshot, LogEvent, RequestId, SnapshotLoader},
    metadata::{State, heartbeats::KnownBrokers},
    protocol::{
        NodeId, Offset, OffsetAndEpoch,
        api::{Request, Response},
        record_batch::RecordBatch,
    },
    raft::{Raft, SendError, Token},
    server::contacts::{Contact, Session},
    time::{Now, Time},
};

/// The cluster's id.
pub const CLUSTER_ID: &str = "AAAAAAAAAAAAAAAAAAAAXQ";

pub enum Core {
    Raft(Box<Raft>),
    Controller(Box<Controller>),
}

impl Core {
    pub fn raft(&self) -> &Raft {
        match self {
            Core::Raft(raft) => raft,
            Core::Controller(controller) => controller.raft(),
        }
    }

    /// `received` is when the connection read the request.
    pub fn on_request(
        &mut self,
        now: Now,
        received: Time,
        token: Token,
        version: i16,
        request: Request,
    ) {
        match self {
            Core::Raft(raft) => raft.on_request(now, token, version, request),
            Core::Controller(controller) => {
                let caller = Caller {
                    token,
                    api_version: version,
                    listener_name: "CONTROLLER".to_owned(),
                    received,
                };
                controller.on_request(now, caller, request);
            }
        }
    }

    /// A broker's heartbeat has arrived, and waits for its turn or was answered already.
    pub fn on_contact(&mut self, (broker, epoch): Session, contact: Contact) {
        match self {
            Core::Raft(_) => {}
            Core::Controller(controller) => {
                controller.on_contact(broker, epoch, contact.at, contact.progress);
            }
        }
    }

    /// By what connections answer heartbeats themselves.
    pub fn known_brokers(&self) -> Option<KnownBrokers> {
        match self {
            Core::Raft(_) => None,
            Core::Controller(controller) => controller.known_brokers(),
        }
    }

    pub fn on_response(
        &mut self,
        now: Now,
        from: NodeId,
        id: RequestId,
        outcome: Result<Response, SendError>,
    ) {
        match (self, id) {
            (Core::Raft(raft), RequestId::Raft(id)) => raft.on_response(now, from, id, outcome),
            (Core::Raft(_), RequestId::Registration(_)) => panic!("raft registers nowhere"),
            (Core::Controller(controller), id) => controller.on_response(now, from, id, outcome),
        }
    }

    pub fn on_disconnect(&mut self, now: Now, peer: NodeId) {
        match self {
            Core::Raft(raft) => raft.on_disconnect(now, peer),
            Core::Controller(controller) => controller.on_disconnect(now, peer),
        }
    }

    pub fn on_durable(&mut self, now: Now, end: Offset) {
        match self {
            Core::Raft(raft) => raft.on_durable(now, end),
            Core::Controller(controller) => controller.on_log(now, LogEvent::Durable { end }),
        }
    }

    pub fn on_snapshot_chunk_written(&mut self, now: Now) {
        match self {
            Core::Raft(raft) => raft.on_snapshot_chunk_written(now),
            Core::Controller(controller) => {
                controller.on_log(now, LogEvent::SnapshotChunkWritten);
            }
        }
    }

    pub fn on_snapshot_written(&mut self, now: Now, id: OffsetAndEpoch, bytes: u64) {
        match self {
            Core::Raft(raft) => raft.on_snapshot_written(now, id, bytes),
            Core::Controller(controller) => {
                controller.on_log(now, LogEvent::SnapshotWritten { id, bytes });
            }
        }
    }

    pub fn on_snapshot_installed(&mut self, now: Now, id: OffsetAndEpoch, content: Bytes) {
        match self {
            Core::Raft(raft) => raft.on_snapshot_installed(now, id),
            Core::Controller(controller) => {
                let bytes = content.len() as u64;
                let snapshot = Box::new(load(id, content));
                controller.on_log(now, LogEvent::SnapshotInstalled { snapshot, bytes });
            }
        }
    }

    pub fn on_log_start(&mut self, now: Now, id: OffsetAndEpoch) {
        match self {
            Core::Raft(raft) => raft.on_log_start(now, id),
            Core::Controller(controller) => controller.on_log(now, LogEvent::LogStart { id }),
        }
    }

    pub fn on_timeout(&mut self, now: Now) {
        match self {
            Core::Raft(raft) => raft.on_timeout(now),
            Core::Controller(controller) => controller.on_timeout(now),
        }
    }

    pub fn resign(&mut self, now: Now) {
        match self {
            Core::Raft(raft) => raft.resign(now),
            Core::Controller(controller) => controller.shutdown(now),
        }
    }

    /// The state that reads are answered from.
    pub fn stable_state(&self) -> Option<&State> {
        match self {
            Core::Raft(_) => None,
            Core::Controller(controller) => Some(controller.stable_state()),
        }
    }

    /// How far the state reaches that reads are answered from.
    pub fn stable_end(&self) -> Option<Offset> {
        match self {
            Core::Raft(_) => None,
            Core::Controller(controller) => Some(controller.stable_end()),
        }
    }

    pub fn deadline(&self) -> Option<Time> {
        match self {
            Core::Raft(raft) => raft.deadline(),
            Core::Controller(controller) => controller.deadline(),
        }
    }

    /// The next effect; of raft's own kinds those that a controller keeps to itself are left out.
    pub fn next_effect(&mut self) -> Option<Effect> {
        match self {
            Core::Raft(raft) => loop {
                if let Some(effect) = Effect::of_raft(raft.next_effect()?) {
                    return Some(effect);
                }
            },
            Core::Controller(controller) => controller.next_effect(),
        }
    }
}

/// Reads a snapshot as a start does.
pub fn load(id: OffsetAndEpoch, mut bytes: Bytes) -> LoadedSnapshot {
    let batches = std::iter::from_fn(|| RecordBatch::split_off(&mut bytes).expect("a batch"));
    SnapshotLoader::load(id, batches).expect("a whole snapshot")
}
