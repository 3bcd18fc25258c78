//! A broker that wants to end may, as soon as it leads nothing and everyone has read as much as was written
//! when it first asked; what is written later delays nobody (KAFKA-14292).

use std::collections::BTreeMap;

use kraftd::{
    controller::Controller,
    protocol::{
        BrokerEpoch, NodeId, Offset, api::Request,
        messages::broker_heartbeat::BrokerHeartbeatRequest,
    },
    server::contacts::{Contact, Session},
    time::Time,
};

use crate::{core::Core, rim::HEARTBEAT_INTERVAL_MS, world::World};

/// What the active controller was told by heartbeats.
#[derive(Default)]
pub struct Leaving {
    /// How far each broker had read.
    read: BTreeMap<NodeId, Offset>,
    /// The last offset of the log when each of those was heard that want to end.
    since: BTreeMap<BrokerEpoch, Offset>,
    /// A connection has answered one, and it was not told yet.
    pub untold: bool,
}

/// A heartbeat that is about to be handled.
pub struct Heard {
    broker: NodeId,
    epoch: BrokerEpoch,
    read: Offset,
    leaves: bool,
    /// All is committed, so that what the controller thinks of the broker is known.
    is_certain: bool,
    /// The answer must be that it may end.
    may_end: bool,
}

/// The controller that is active, and has nothing on its way.
fn settled(core: Option<&Core>) -> Option<&Controller> {
    match core {
        Some(Core::Controller(controller)) if controller.is_active() => {
            let all_committed = controller.stable_end() == controller.raft().end_offset();
            all_committed.then_some(controller)
        }
        Some(Core::Controller(_) | Core::Raft(_)) | None => None,
    }
}

impl World {
    /// Before a request is handled that was `received` then.
    pub fn hear_heartbeat(&self, id: NodeId, received: Time, request: &Request) -> Option<Heard> {
        let Request::BrokerHeartbeat(heartbeat) = request else {
            return None;
        };
        let node = &self.nodes[&id];
        let waited_ms = node.now(self.now).time.ms_since(received);
        if waited_ms > HEARTBEAT_INTERVAL_MS / 2 {
            return None;
        }
        // What was answered already, and not told yet, may say something else.
        // What lingers is in no log.
        let lingers = self.plan.append_linger_ms.is_some();
        let all_told = !lingers && !node.watch.leaving.untold;
        let controller = settled(node.core.as_ref()).filter(|_| all_told);
        let leaves = heartbeat.want_shut_down && !heartbeat.want_fence;
        Some(Heard {
            broker: heartbeat.broker_id,
            epoch: heartbeat.broker_epoch,
            read: heartbeat.current_metadata_offset,
            leaves,
            is_certain: controller.is_some(),
            may_end: leaves
                && controller.is_some_and(|active| node.watch.leaving.may_end(active, heartbeat)),
        })
    }

    /// After it was.
    pub fn heed_heartbeat(&mut self, id: NodeId, heard: Heard) {
        let node = self.node(id);
        let Some(Core::Controller(controller)) = &node.core else {
            return;
        };
        if !controller.is_active() {
            return;
        }
        let (broker, last) = (heard.broker, controller.raft().end_offset().plus(-1));
        let state = controller.stable_state();
        let is_known = state.brokers.get(broker).map(|known| known.epoch) == Some(heard.epoch);
        let watch = &mut node.watch;
        assert!(
            !heard.may_end || watch.ended.contains(&heard.epoch),
            "{id} does not let broker {broker} end, although all know that it wants to"
        );
        if !(heard.is_certain && is_known) {
            watch.leaving.read.remove(&broker);
            return;
        }
        watch.leaving.read.insert(broker, heard.read);
        if heard.leaves {
            watch.leaving.since.entry(heard.epoch).or_insert(last);
        }
    }
}

impl Leaving {
    /// A heartbeat that was answered already tells how far its broker has read, too.
    pub fn on_contact(&mut self, (broker, _): Session, contact: &Contact) {
        self.untold = false;
        if let Some(read) = contact.progress {
            self.read.insert(broker, read);
        }
    }

    fn may_end(&self, active: &Controller, heartbeat: &BrokerHeartbeatRequest) -> bool {
        let (id, state) = (heartbeat.broker_id, active.stable_state());
        let Some(since) = self.since.get(&heartbeat.broker_epoch) else {
            return false;
        };
        let waits = state.brokers.get(id).is_some_and(|known| {
            known.epoch == heartbeat.broker_epoch && !known.fenced && known.in_controlled_shutdown
        });
        let mut others = state.brokers.iter().filter(|(_, known)| known.is_active());
        let all_know = others.all(|(id, _)| self.read.get(&id).is_some_and(|read| read >= since));
        waits && all_know && state.topics.led_by(id).next().is_none()
    }
}
