//! How what arrives waits for a process that is busy or paused: in the lanes of the server, but for heartbeats,
//! which the connection stamps, and mostly answers, first (`server/contacts.rs`).

use kraftd::{
    controller::Lane,
    protocol::{NodeId, api::Request},
    time::Time,
};

use crate::{
    bugs::PlantedBug,
    world::{Event, World},
};

impl World {
    /// Whose event it is, if it is one that a process handles.
    fn handler(&self, event: &Event) -> Option<NodeId> {
        match event {
            Event::Request { to, .. } => Some(*to),
            Event::Answer { to, .. } => Some(to.node),
            Event::Disconnect { node, .. }
            | Event::DiskDone { node, .. }
            | Event::HearDisk { node, .. }
            | Event::SnapshotDone { node, .. }
            | Event::Note { node, .. }
            | Event::DiskBack { node, .. }
            | Event::SaveLate { node, .. }
            | Event::ReadLate { node, .. }
            | Event::Stop { node, .. }
            | Event::Free(node)
            | Event::Wake { node, .. } => Some(*node),
            Event::Start(_) | Event::Client(_) | Event::Propose | Event::SpaceFreed(_) => None,
            Event::DiskSeenTo(_) | Event::DisksBack | Event::NameRight(_) => None,
            Event::Link { .. } | Event::Clog { .. } => None,
            Event::Fault(_) | Event::Heal | Event::Rest => None,
        }
    }

    /// A paused process handles nothing until it goes on.
    pub fn pause_of(&self, event: &Event) -> Option<Time> {
        let paused_until = self.nodes.get(&self.handler(event)?)?.paused_until;
        paused_until.filter(|until| *until > self.now)
    }

    /// What arrives at a process that is busy waits in the lanes of the server. Gives back what does not.
    pub fn let_wait(&mut self, event: Event) -> Option<Event> {
        let (now, one_lane) = (self.now, self.plan.has(PlantedBug::HeartbeatsWaitInLine));
        let node = self.handler(&event).and_then(|id| self.nodes.get_mut(&id));
        let Some(node) = node.filter(|_| !matches!(event, Event::Free(_))) else {
            return Some(event);
        };
        if node.busy_until <= now && node.inbox.is_empty() {
            return Some(event);
        }
        let lane = match &event {
            Event::Request { request, .. } if !one_lane => Lane::of_request(request.api_key()),
            _ => Lane::Quorum,
        };
        let id = node.id;
        node.inbox.push(lane, event);
        self.look_when_free(id);
        None
    }

    /// A process that was killed is free at once, whatever it was busy with.
    fn look_when_free(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.node(id);
        let free_at = node.busy_until.max(now);
        if !node.inbox.is_empty() && node.looks_at.is_none_or(|at| at > free_at) {
            node.looks_at = Some(free_at);
            self.at(free_at, Event::Free(id));
        }
    }

    pub fn on_free(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.node(id);
        if node.looks_at.is_none_or(|at| at > now) {
            return;
        }
        node.looks_at = None;
        if node.busy_until <= now
            && let Some(mut event) = node.inbox.pop()
            && !self.receive(&mut event)
        {
            self.dispatch(event);
        }
        self.look_when_free(id);
    }

    /// The connection reads a request, and stamps heartbeats before they wait in line. Says whether it has
    /// answered, too.
    pub fn receive(&mut self, event: &mut Event) -> bool {
        let time = self.now;
        let Event::Request {
            to,
            from,
            request,
            arrived,
            ..
        } = event
        else {
            return false;
        };
        let late = self.plan.has(PlantedBug::HeartbeatsWaitInLine);
        let forgets = self.plan.has(PlantedBug::WaitingForgotten);
        let node = self.nodes.get_mut(to).expect("a node");
        if node.core.is_none() || arrived.is_some() && !late {
            return false;
        }
        let mut answer = None;
        let at = node.now(time).time;
        *arrived = Some(at);
        if let Request::BrokerHeartbeat(heartbeat) = request {
            node.hear((heartbeat.broker_id, heartbeat.broker_epoch), at);
            if node.busy_until <= time && node.stuck.is_none() {
                node.contacts.end();
            }
            if !late {
                answer = node.contacts.on_heartbeat(heartbeat, at);
                node.watch.leaving.untold |= answer.is_some();
                if forgets && answer.is_none() {
                    node.contacts.on_handled(heartbeat);
                }
            }
        }
        let (from, to) = (*to, *from);
        let answered = answer.map(|answer| self.answer_to(from, to, answer.into()));
        answered.is_some()
    }
}
