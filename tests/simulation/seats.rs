//! Where clients sit: what each waits for, which controller it asks, and when it asks next.

use kraftd::{
    controller::RequestId,
    protocol::{
        ErrorCode, NodeId, Offset,
        api::Response,
        record_batch::RecordBatch,
        records::{FeatureLevelRecord, MetadataRecord},
    },
    raft::{self, Raft, SendError},
    time::Time,
};
use rand::{Rng, seq::IteratorRandom};

use crate::{
    admin::Admin,
    clients::{BROKERS, Broker, Client},
    core::Core,
    coverage::Mark,
    node::{Asker, Node},
    observer::Observer,
    world::{Event, World},
};

/// Clients are numbered from here.
const FIRST_CLIENT: i32 = 100;
/// A second broker with an id that another has sits here.
const TWIN: NodeId = NodeId(99);
const BROKER_PAUSE_MS: u64 = 200;
/// Observers beside the two that are always there are called so.
const FIRST_MORE_OBSERVER: i32 = 200;
/// So many times as many requests as usual come in a rush.
const RUSH: u64 = 10;
/// A client gives up on an answer after this, in milliseconds.
const CLIENT_TIMEOUT_MS: u64 = 3_000;

/// A client with what it waits for.
pub struct Seat {
    pub client: Client,
    /// The controller it believes in.
    to: NodeId,
    waits_for: Option<RequestId>,
    /// What was acknowledged to all when it asked.
    asked: Offset,
    /// Of the pauses between its requests, in milliseconds.
    mean_pause_ms: u64,
}

impl World {
    pub fn seat_clients(&mut self) {
        let observer = |id, version| Client::Observer(Box::new(Observer::new(id, version)));
        let mut clients = vec![
            (observer(NodeId(100), 18), 3),
            (observer(NodeId(101), 17), 3),
        ];
        if self.plan.controllers {
            for id in BROKERS {
                let broker = Broker::new(NodeId(id), self.plan.steady_brokers);
                clients.push((Client::Broker(broker), BROKER_PAUSE_MS));
            }
            let pause_ms = self.plan.propose_every_ms;
            let id = |at: usize| NodeId(FIRST_CLIENT + at as i32);
            let admin = Admin::new(id(clients.len()), None, &self.plan);
            clients.push((Client::Admin(admin), pause_ms));
            for _ in 1..RUSH {
                let hurried =
                    Admin::new(id(clients.len()), Some(self.plan.huge_one_in), &self.plan);
                clients.push((Client::Admin(hurried), pause_ms));
            }
        }
        for id in 0..self.plan.more_observers {
            clients.push((observer(NodeId(FIRST_MORE_OBSERVER + id), 18), 3));
        }
        for (id, (client, mean_pause_ms)) in (FIRST_CLIENT..).zip(clients) {
            let seat = Seat {
                client,
                to: NodeId(1),
                waits_for: None,
                asked: Offset(0),
                mean_pause_ms,
            };
            self.clients.insert(NodeId(id), seat);
            self.after(1_000, Event::Client(NodeId(id)));
        }
        if self.plan.controllers && self.plan.twin {
            self.seat_twin();
        }
    }

    /// Some time later somebody starts a broker with an id that is in use.
    fn seat_twin(&mut self) {
        let id = BROKERS.choose(&mut self.rng).map(NodeId).expect("a broker");
        let (steady, history) = (self.plan.steady_brokers, &mut self.checker.history);
        let twin = Broker::twin(id, steady, self.rng.random(), history);
        let seat = Seat {
            client: Client::Broker(twin),
            to: NodeId(1),
            waits_for: None,
            asked: Offset(0),
            mean_pause_ms: BROKER_PAUSE_MS,
        };
        self.clients.insert(TWIN, seat);
        let ms = self.rng.random_range(0..self.plan.faults_until_ms / 2);
        self.after(ms * 1000, Event::Client(TWIN));
    }

    pub fn client_ids(&self) -> Vec<NodeId> {
        self.clients.keys().copied().collect()
    }

    fn is_rush(&self) -> bool {
        self.rush_until > self.now && !self.healed
    }

    /// Everybody has something to do at once.
    pub fn rush(&mut self, until: Time) {
        self.rush_until = until;
        let hurried =
            |seat: &&Seat| matches!(&seat.client, Client::Admin(admin) if admin.is_hurried());
        let seats = self.clients.iter().filter(|(_, seat)| hurried(seat));
        for id in seats.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.after(0, Event::Client(id));
        }
    }

    /// A client of raft alone: whoever leads writes something.
    pub fn propose(&mut self) {
        let hurry = if self.is_rush() { RUSH } else { 1 };
        let us = self
            .rng
            .random_range(0..self.plan.propose_every_ms * 2_000 / hurry);
        self.after(us, Event::Propose);
        for id in self.node_ids() {
            let node = &self.nodes[&id];
            let paused = node.paused_until.is_some_and(|until| until > self.now);
            if paused || !node.raft().is_some_and(Raft::is_leader) {
                continue;
            }
            self.proposed += 1;
            let record = MetadataRecord::from(FeatureLevelRecord {
                name: format!("value-{}", self.proposed),
                ..Default::default()
            });
            let records = self.rng.random_range(1..=3);
            let life = self.node(id).life;
            self.with(id, life, |core, now| {
                let Core::Raft(raft) = core else {
                    panic!("controllers write their own records")
                };
                // A timer may just have come first.
                if !raft.is_leader() {
                    return;
                }
                let records = std::iter::repeat_n((&record, 0), records);
                let (end, epoch) = (raft.end_offset(), raft.epoch());
                let batch = RecordBatch::of_records(end, epoch, now.wall_clock_ms, records);
                raft.append(now, batch.expect("a small batch"));
            });
        }
    }

    pub fn on_client(&mut self, id: NodeId) {
        let any = NodeId(self.rng.random_range(1..=self.plan.nodes));
        let (is_rush, calm) = (self.is_rush(), self.healed || self.plan.calm_brokers);
        let seat = self.clients.get_mut(&id).expect("a client");
        if matches!(&seat.client, Client::Admin(admin) if admin.is_hurried() && !is_rush) {
            return;
        }
        // Whoever started it has seen the mistake.
        if matches!(&seat.client, Client::Broker(broker) if broker.is_twin() && calm) {
            return;
        }
        let history = &mut self.checker.history;
        seat.asked = history.acknowledged();
        let (to, version, request) = match &mut seat.client {
            Client::Observer(observer) => observer.ask(self.now, any),
            Client::Broker(broker) => {
                // It reads the metadata wherever it can, and may know more than whom it asks, or less.
                let source = self.nodes.get(&any).filter(|source| {
                    let stands_still = source.paused_until.is_some_and(|until| until > self.now);
                    self.network.connects(id, any) && !stands_still
                });
                let core = source.and_then(|source| source.core.as_ref());
                broker.read(&mut self.rng, core.and_then(Core::stable_end), calm);
                let state = self.checker.images.up_to(broker.has_read());
                let (version, request) = broker.ask(&mut self.rng, state, calm, history);
                (seat.to, version, request)
            }
            Client::Admin(admin) => {
                let (version, request) = admin.ask(&mut self.rng, calm, history);
                (seat.to, version, request)
            }
        };
        self.next_request += 1;
        let asker = Asker {
            node: id,
            life: 0,
            id: RequestId::Raft(raft::RequestId(self.next_request)),
            version,
        };
        seat.waits_for = Some(asker.id);
        let ms = self.now.0 / 1000;
        tracing::debug!(ms, client = id.0, to = to.0, ?request, "asks");
        self.transmit(asker, to, request, CLIENT_TIMEOUT_MS);
    }

    pub fn on_client_answer(
        &mut self,
        to: Asker,
        from: NodeId,
        outcome: Result<Response, SendError>,
    ) {
        let any = self.nodes.keys().copied().choose(&mut self.rng);
        let seat = self.clients.get_mut(&to.node).expect("a client");
        if seat.waits_for != Some(to.id) {
            return;
        }
        seat.waits_for = None;
        let now = self.now;
        tracing::debug!(
            ms = now.0 / 1000,
            client = to.node.0,
            ?outcome,
            "is answered"
        );
        match &mut seat.client {
            Client::Observer(observer) => {
                let before = observer.high_watermark();
                observer.on_answer(now, from, outcome);
                if observer.high_watermark() > before {
                    self.checker
                        .on_observed(to.node, observer.committed_from(before));
                }
            }
            other => {
                if let (Client::Broker(broker), Ok(Response::BrokerRegistration(answer))) =
                    (&*other, &outcome)
                    && broker.is_twin()
                {
                    let mark = match answer.error_code {
                        ErrorCode::NONE => Some(Mark::TwinTookOver),
                        ErrorCode::DUPLICATE_BROKER_REGISTRATION => Some(Mark::TwinRefused),
                        _ => None,
                    };
                    mark.into_iter().for_each(|mark| self.coverage.reach(mark));
                }
                if other.on_answer(seat.asked, outcome, &mut self.checker.history) {
                    let told = self.nodes.get(&from).and_then(Node::raft);
                    let told = told.and_then(|raft| raft.quorum_state().leader);
                    let told = told.filter(|_| self.rng.random());
                    seat.to = told.or(any).expect("at least one node");
                }
            }
        }
        let calm = Time(self.plan.faults_until_ms * 1000);
        let sleep_us = match &mut seat.client {
            Client::Broker(broker) => broker.take_sleep_ms() * 1000,
            Client::Observer(_) | Client::Admin(_) => 0,
        }
        .min(calm.0.saturating_sub(now.0));
        let us = self.rng.random_range(0..=seat.mean_pause_ms * 2_000);
        self.after(sleep_us + us, Event::Client(to.node));
    }
}
