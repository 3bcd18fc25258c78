//! The world: one queue of events, ordered by time, drives nodes, disks, network, clients and faults.
//! Everything comes from one seed, so the same seed gives the same run.

use std::collections::BTreeMap;

use kraftd::{
    controller::RequestId,
    protocol::{
        NodeId, Offset,
        api::{Request, Response},
        record_batch::RecordBatch,
        records::{FeatureLevelRecord, MetadataRecord},
    },
    raft::{self, Raft, SendError},
    time::{Now, Time},
};
use rand::{Rng, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    checker::{Checker, Counts},
    clients::{Admin, Broker, Client, Promises},
    core::Core,
    nemesis::Fault,
    network::Network,
    node::{Asker, Node},
    observer::Observer,
    plan::{Plan, PlantedBug},
};

/// Clients are numbered from here.
const FIRST_CLIENT: i32 = 100;
/// A client gives up on an answer after this, in milliseconds.
const CLIENT_TIMEOUT_MS: u64 = 3_000;
/// How far a node's high watermark may lie behind at the end: what is on its way.
const LAG_AT_THE_END: i64 = 200;

pub enum Event {
    Request {
        to: NodeId,
        from: Asker,
        request: Request,
    },
    Answer {
        to: Asker,
        from: NodeId,
        outcome: Result<Response, SendError>,
    },
    Disconnect {
        node: NodeId,
        life: u64,
        peer: NodeId,
    },
    Synced {
        node: NodeId,
        life: u64,
    },
    SaveLate {
        node: NodeId,
        life: u64,
    },
    Wake {
        node: NodeId,
        life: u64,
        at: Time,
    },
    Start(NodeId),
    Stop {
        node: NodeId,
        life: u64,
    },
    Client(NodeId),
    Propose,
    Fault(Fault),
    Heal,
}

/// A client with what it waits for.
pub struct Seat {
    client: Client,
    /// The controller it believes in.
    to: NodeId,
    waits_for: Option<RequestId>,
    /// Of the pauses between its requests, in milliseconds.
    mean_pause_ms: u64,
}

pub struct World {
    pub plan: Plan,
    pub rng: ChaCha8Rng,
    pub now: Time,
    queue: BTreeMap<(Time, u64), Event>,
    next_event: u64,
    pub nodes: BTreeMap<NodeId, Node>,
    clients: BTreeMap<NodeId, Seat>,
    promises: Promises,
    pub network: Network,
    pub checker: Checker,
    pub healed: bool,
    next_request: u64,
    proposed: u64,
    /// A running digest of everything that happened.
    trace: u64,
    events: u64,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub trace: u64,
    pub events: u64,
    pub counts: Counts,
}

/// Runs the plan to its end. Panics where an invariant breaks.
pub fn run(plan: Plan) -> Outcome {
    let mut world = World::new(plan);
    while world.step() {}
    world.check_end();
    world.checker.counts.promises = world.promises.kept;
    Outcome {
        trace: world.trace,
        events: world.events,
        counts: world.checker.counts,
    }
}

impl World {
    fn new(plan: Plan) -> World {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed ^ 0x6b72_6166_7464);
        let skew = plan.skew_percent;
        let nodes = (1..=plan.nodes).map(|id| {
            let percent = rng.random_range(100 - skew / 2..=100 + skew / 2);
            let node = Node::new(NodeId(id), percent, rng.random_range(0..1_000_000_000));
            (NodeId(id), node)
        });
        let nodes = nodes.collect();
        let mut world = World {
            rng,
            now: Time(0),
            queue: BTreeMap::new(),
            next_event: 0,
            nodes,
            clients: BTreeMap::new(),
            promises: Promises::default(),
            network: Network::default(),
            checker: Checker::default(),
            healed: false,
            next_request: 0,
            proposed: 0,
            trace: 0,
            events: 0,
            plan,
        };
        for id in 1..=world.plan.nodes {
            let late_us = world.rng.random_range(0..200_000);
            world.after(late_us, Event::Start(NodeId(id)));
        }
        world.seat_clients();
        if !world.plan.controllers {
            world.after(0, Event::Propose);
        }
        for fault in Fault::ALL {
            world.schedule_fault(*fault);
        }
        world.after(world.plan.faults_until_ms * 1000, Event::Heal);
        world
    }

    fn seat_clients(&mut self) {
        let observer = |id, version| Client::Observer(Box::new(Observer::new(id, version)));
        let mut clients = vec![
            (observer(NodeId(100), 18), 3),
            (observer(NodeId(101), 17), 3),
        ];
        if self.plan.controllers {
            for id in 102..105 {
                clients.push((Client::Broker(Broker::new(NodeId(id))), 300));
            }
            clients.push((Client::Admin(Admin::default()), self.plan.propose_every_ms));
        }
        for (id, (client, mean_pause_ms)) in (FIRST_CLIENT..).zip(clients) {
            let seat = Seat {
                client,
                to: NodeId(1),
                waits_for: None,
                mean_pause_ms,
            };
            self.clients.insert(NodeId(id), seat);
            self.after(1_000, Event::Client(NodeId(id)));
        }
    }

    pub fn after(&mut self, us: u64, event: Event) {
        self.at(Time(self.now.0 + us), event);
    }

    pub fn at(&mut self, time: Time, event: Event) {
        self.next_event += 1;
        self.queue.insert((time, self.next_event), event);
    }

    pub fn schedule_fault(&mut self, fault: Fault) {
        if let Some(every_ms) = fault.every_ms(&self.plan) {
            let us = self.rng.random_range(0..every_ms * 2_000);
            self.after(us, Event::Fault(fault));
        }
    }

    /// The next event. Says whether there was one within the time of the plan.
    fn step(&mut self) -> bool {
        let Some(((time, number), event)) = self.queue.pop_first() else {
            return false;
        };
        if time.0 > self.plan.ends_at_ms * 1000 {
            return false;
        }
        self.now = time;
        self.events += 1;
        self.note(time.0 ^ number << 40);
        self.handle(event);
        true
    }

    pub fn note(&mut self, what: u64) {
        self.trace = (self.trace ^ what)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23);
    }

    pub fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the plan")
    }

    pub fn node_ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn handle(&mut self, event: Event) {
        if let Some(until) = self.pause_of(&event) {
            return self.at(until, event);
        }
        match event {
            Event::Request { to, from, request } => self.on_request(to, from, request),
            Event::Answer { to, from, outcome } => match self.nodes.contains_key(&to.node) {
                true => self.on_answer(to, from, outcome),
                false => self.on_client_answer(to, from, outcome),
            },
            Event::Disconnect { node, life, peer } => {
                self.with(node, life, |core, now| core.on_disconnect(now, peer));
            }
            Event::Synced { node, life } => self.on_synced(node, life),
            Event::SaveLate { node, life } => self.save_late(node, life),
            Event::Wake { node, life, at } => {
                if self.node(node).wake_at == Some(at) {
                    self.node(node).wake_at = None;
                    self.with(node, life, |core, now| core.on_timeout(now));
                }
            }
            Event::Start(node) => self.start(node),
            Event::Stop { node, life } => {
                if self.node(node).life == life {
                    self.kill(node);
                }
            }
            Event::Client(client) => self.on_client(client),
            Event::Propose => self.propose(),
            Event::Fault(fault) => {
                if !self.healed {
                    self.fault(fault);
                    self.schedule_fault(fault);
                }
            }
            Event::Heal => self.heal(),
        }
    }

    /// A paused process handles nothing until it goes on.
    fn pause_of(&self, event: &Event) -> Option<Time> {
        let node = match event {
            Event::Request { to, .. } => to,
            Event::Answer { to, .. } => &to.node,
            Event::Disconnect { node, .. }
            | Event::Synced { node, .. }
            | Event::SaveLate { node, .. }
            | Event::Stop { node, .. }
            | Event::Wake { node, .. } => node,
            Event::Start(_) | Event::Client(_) | Event::Propose => return None,
            Event::Fault(_) | Event::Heal => return None,
        };
        let paused_until = self.nodes.get(node)?.paused_until;
        paused_until.filter(|until| *until > self.now)
    }

    /// Lets a running node see an input, and performs what follows.
    pub fn with(&mut self, id: NodeId, life: u64, input: impl FnOnce(&mut Core, Now)) {
        let time = self.now;
        let node = self.node(id);
        let now = node.now(time);
        if node.life != life {
            return;
        }
        if let Some(core) = &mut node.core {
            let _span = tracing::info_span!("", ms = time.0 / 1000, node = id.0).entered();
            input(core, now);
            self.perform_all(id);
        }
    }

    /// A client of raft alone: whoever leads writes something.
    fn propose(&mut self) {
        let us = self.rng.random_range(0..self.plan.propose_every_ms * 2_000);
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
                let records = std::iter::repeat_n((&record, 0), records);
                let (end, epoch) = (raft.end_offset(), raft.epoch());
                let batch = RecordBatch::of_records(end, epoch, now.wall_clock_ms, records);
                raft.append(now, batch.expect("a small batch"));
            });
        }
    }

    fn on_client(&mut self, id: NodeId) {
        let any = NodeId(self.rng.random_range(1..=self.plan.nodes));
        let seat = self.clients.get_mut(&id).expect("a client");
        let (to, version, request) = match &mut seat.client {
            Client::Observer(observer) => observer.ask(self.now, any),
            Client::Broker(broker) => {
                let (version, request) = broker.ask(&mut self.rng);
                (seat.to, version, request)
            }
            Client::Admin(admin) => {
                let (version, request) = admin.ask(&mut self.rng, &mut self.promises);
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
        self.transmit(asker, to, request, CLIENT_TIMEOUT_MS);
    }

    fn on_client_answer(&mut self, to: Asker, from: NodeId, outcome: Result<Response, SendError>) {
        let any = self.nodes.keys().copied().choose(&mut self.rng);
        let seat = self.clients.get_mut(&to.node).expect("a client");
        if seat.waits_for != Some(to.id) {
            return;
        }
        seat.waits_for = None;
        let now = self.now;
        match &mut seat.client {
            Client::Observer(observer) => {
                let before = observer.high_watermark();
                observer.on_answer(now, from, outcome);
                if observer.high_watermark() > before {
                    self.checker.on_observed(to.node, observer.committed());
                }
            }
            other => {
                if other.on_answer(outcome, &mut self.promises) {
                    seat.to = any.expect("at least one node");
                }
            }
        }
        let us = self.rng.random_range(0..=seat.mean_pause_ms * 2_000);
        self.after(us, Event::Client(to.node));
    }

    /// After all faults are over: one leader, everybody has what it has, and what was promised is kept.
    fn check_end(&self) {
        let mut roles = String::new();
        for node in self.nodes.values() {
            let raft = node
                .raft()
                .unwrap_or_else(|| panic!("{} does not run", node.id));
            roles += &format!(
                "\n  {}: {} of epoch {}, end {}, high watermark {:?}, {:?}",
                node.id,
                raft.role().name(),
                raft.epoch(),
                raft.end_offset(),
                raft.high_watermark(),
                raft.quorum_state().standing,
            );
        }
        let rafts: Vec<&Raft> = self.nodes.values().filter_map(Node::raft).collect();
        let leaders = rafts.iter().filter(|raft| raft.is_leader()).count();
        assert_eq!(leaders, 1, "one leader after healing:{roles}");
        let end = self.checker.committed_end();
        for raft in rafts {
            let reached = raft.high_watermark().unwrap_or(Offset(0));
            assert!(
                reached.0 + LAG_AT_THE_END >= end.0,
                "all caught up after healing:{roles}"
            );
            assert!(
                raft.amnesia().is_none(),
                "all vote again after healing:{roles}"
            );
        }
        if self.plan.controllers {
            self.check_controllers();
        }
    }

    fn check_controllers(&self) {
        let states = self.checker.replay();
        let (end, latest) = states.last_key_value().expect("the state at offset 0");
        self.promises.check(latest.stable());
        for node in self.nodes.values() {
            let Some(Core::Controller(controller)) = &node.core else {
                panic!("{} runs no controller", node.id)
            };
            let at = controller.stable_end();
            if let Some(expected) = states.get(&at) {
                // As records: a state read from a snapshot no longer knows where each one stood.
                let (ours, theirs) = (controller.stable_state(), expected.stable());
                assert!(
                    ours.snapshot_records().eq(theirs.snapshot_records()),
                    "node {} has another state at {at} than the log, which ends at {end}",
                    node.id
                );
            }
        }
    }

    /// The planted bug that counts wrongly asks for this after every event at a leader.
    pub fn counts_wrongly(&self) -> bool {
        self.plan.bug == Some(PlantedBug::OldEpochCommittedByCounting)
    }
}
