//! How messages travel: in their wire form, at versions that both sides know, and as the network likes.

use kraftd::{
    controller::RequestId,
    protocol::{
        NodeId, OffsetAndEpoch, QuorumState,
        api::{Request, Response},
        wire::{Reader, Writer},
    },
    raft::{SendError, Token},
    time::Time,
};

use crate::{
    bugs::PlantedBug,
    coverage::Mark,
    network::Kind,
    node::Asker,
    world::{Event, World},
};

/// How long it takes to learn that there is no such name, in microseconds.
const NO_NAME_US: u64 = 1_000;

impl World {
    /// Sends a request at the best version that both sides know.
    pub fn send(&mut self, from: NodeId, to: NodeId, id: RequestId, request: Request) {
        self.watch_fetch(from, to, &request);
        let reached = self.network.resolve((from, to));
        let version = self.version(from, reached.unwrap_or(to), &request);
        let wait_ms = match &request {
            Request::Fetch(fetch) => fetch.max_wait_ms as u64,
            _ => 0,
        };
        let asker = Asker {
            node: from,
            life: self.node(from).life,
            id,
            version,
        };
        self.node(from).pending.insert(id, to);
        let timeout_ms = self.plan.request_timeout_ms + wait_ms;
        if reached != Some(to) {
            self.coverage.reach(Mark::SentToWrongName);
        }
        match reached {
            Some(reached) => self.transmit(asker, reached, request, timeout_ms),
            None => {
                let outcome = Err(SendError::Disconnected);
                let to_us = Event::Answer {
                    to: asker,
                    from: to,
                    outcome,
                };
                self.after(NO_NAME_US, to_us);
            }
        }
    }

    pub fn transmit(&mut self, asker: Asker, to: NodeId, request: Request, timeout_ms: u64) {
        let mut writer = Writer::new();
        let encoded = request.encode(&mut writer, asker.version);
        let (error, us) = match encoded {
            Err(_) => (SendError::UnsupportedVersion, 0),
            Ok(()) => (SendError::TimedOut, timeout_ms * 1000),
        };
        let lost = Event::Answer {
            to: asker,
            from: to,
            outcome: Err(error),
        };
        self.after(us, lost);
        if error == SendError::UnsupportedVersion {
            self.coverage.reach(Mark::PreVoteUnsupported);
            return;
        }
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        let request = Request::decode(request.api_key(), asker.version, &mut reader);
        let request = request.expect("what we encode decodes");
        let between_nodes = self.nodes.contains_key(&asker.node);
        let repeats = between_nodes && self.network.repeats(&self.plan, &mut self.rng);
        for _ in 0..=u8::from(repeats) {
            let link = (asker.node, to);
            let delay =
                self.network
                    .delay_us(self.now, link, Kind::Request, &self.plan, &mut self.rng);
            if let Some(us) = delay {
                let (from, request) = (asker, request.clone());
                let arrived = None;
                let event = Event::Request {
                    to,
                    from,
                    request,
                    arrived,
                };
                self.after(us, event);
            }
        }
    }

    fn version(&self, from: NodeId, to: NodeId, request: &Request) -> i16 {
        let max = request.api_key().api().expect("a known API").max_version;
        let old = self.old_release && (from == NodeId(1) || to == NodeId(1));
        match request {
            Request::Vote(_) if old => 1,
            Request::Fetch(_) if old => 17,
            _ => max,
        }
    }

    pub fn on_request(&mut self, to: NodeId, from: Asker, mut request: Request, received: Time) {
        let (time, node) = (self.now, self.node(to));
        if node.core.is_none() {
            // The host is there, the process is not: the connection is refused.
            if !node.dark {
                let outcome = Err(SendError::Disconnected);
                self.deliver_answer(to, from, outcome);
            }
            return;
        }
        let (token, life) = (Token(node.next_token), node.life);
        node.next_token += 1;
        let at = node.now(time).time;
        node.askers.insert(token, (from, at));
        self.note(time.0 ^ (to.0 as u64) << 48);
        self.on_pre_vote = match &request {
            Request::Vote(vote) => vote.topics[0].partitions[0].pre_vote,
            _ => false,
        };
        self.on_fetch = match &request {
            Request::Fetch(fetch) => {
                let from = &fetch.topics[0].partitions[0];
                Some(OffsetAndEpoch {
                    offset: from.fetch_offset,
                    epoch: from.last_fetched_epoch,
                })
            }
            _ => None,
        };
        let before = self.memory(to).filter(|_| self.on_pre_vote);
        self.watch_request(to, from.node, &request);
        self.mishear(to, from, &mut request);
        let heard = self.hear_heartbeat(to, received, &request);
        let beat = match &request {
            Request::BrokerHeartbeat(beat) => Some(beat.clone()),
            _ => None,
        };
        self.with(to, life, |core, now| {
            core.on_request(now, received, token, from.version, request)
        });
        let node = self.node(to);
        if let Some(beat) = beat.filter(|_| node.life == life) {
            node.contacts.on_handled(&beat);
            node.hear((beat.broker_id, beat.broker_epoch), at);
        }
        if let Some(heard) = heard {
            self.heed_heartbeat(to, heard);
        }
        if let (Some(before), Some(after)) = (before, self.memory(to)) {
            let (told, kept) = (after.epoch > before.epoch, after.voted == before.voted);
            assert!(
                if told { after.voted.is_none() } else { kept },
                "{to} remembers a pre-vote: {before:?} became {after:?}"
            );
        }
    }

    /// What a node must not forget, unless something is due that changes it by itself.
    fn memory(&self, id: NodeId) -> Option<QuorumState> {
        let node = &self.nodes[&id];
        let core = node.core.as_ref()?;
        let due = core
            .deadline()
            .is_some_and(|at| at <= node.now(self.now).time);
        (!due).then(|| core.raft().quorum_state().clone())
    }

    pub fn answer(&mut self, from: NodeId, token: Token, response: Response) {
        if let Some((asker, _)) = self.node(from).askers.remove(&token) {
            self.answer_to(from, asker, response);
        }
    }

    /// What follows from an answer, and its way over the network.
    pub fn answer_to(&mut self, from: NodeId, asker: Asker, mut response: Response) {
        self.twist(from, asker.node, &mut response);
        self.coverage
            .on_answer(&response, self.on_pre_vote, self.on_fetch);
        let mut writer = Writer::new();
        let encoded = response.encode(&mut writer, asker.version);
        encoded
            .unwrap_or_else(|error| panic!("{response:?} at version {}: {error}", asker.version));
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        let response = Response::decode(response.api_key(), asker.version, &mut reader);
        let response = response.expect("what we encode decodes");
        self.deliver_answer(from, asker, Ok(response));
    }

    fn deliver_answer(&mut self, from: NodeId, to: Asker, outcome: Result<Response, SendError>) {
        let delay = self.network.delay_us(
            self.now,
            (from, to.node),
            Kind::Answer,
            &self.plan,
            &mut self.rng,
        );
        if let Some(us) = delay {
            self.after(us, Event::Answer { to, from, outcome });
        }
    }

    pub fn on_answer(&mut self, to: Asker, outcome: Result<Response, SendError>) {
        let gives_up = self.plan.has(PlantedBug::RegistrationNotRepeated);
        let node = self.node(to.node);
        if node.life != to.life {
            return;
        }
        // Whoever it is that answers, it is taken for the one that was asked.
        if let Some(from) = node.pending.remove(&to.id) {
            let registers = matches!(to.id, RequestId::Registration(_));
            let done = matches!(&outcome, Ok(Response::ControllerRegistration(answer)) if answer.error_code.is_ok());
            if gives_up && registers && !done {
                return;
            }
            self.with(to.node, to.life, |core, now| {
                core.on_response(now, from, to.id, outcome);
            });
        }
    }
}
