//! The world: one queue of events, ordered by time, drives nodes, disks, network, clients and faults.
//! Everything comes from one seed, so the same seed gives the same run.

use std::collections::BTreeMap;

use kraftd::{
    controller::{Effect, Lane, RequestId},
    protocol::{
        NodeId, Offset, OffsetAndEpoch,
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
    admin::Admin,
    bugs::PlantedBug,
    checker::Checker,
    clients::{BROKERS, Broker, Client},
    core::Core,
    coverage::{Coverage, Mark},
    nemesis::Fault,
    network::Network,
    node::{Asker, Contact, Node},
    observer::Observer,
    plan::Plan,
};

/// Clients are numbered from here.
const FIRST_CLIENT: i32 = 100;
/// Observers beside the two that are always there are called so.
const FIRST_MORE_OBSERVER: i32 = 200;
/// So many times as many requests as usual come in a rush.
const RUSH: u64 = 10;
/// A client gives up on an answer after this, in milliseconds.
const CLIENT_TIMEOUT_MS: u64 = 3_000;
/// How far a node's high watermark may lie behind at the end: what is on its way.
const LAG_AT_THE_END: i64 = 200;
/// Of so many moves of a node's state one is compared in full; of the others, what they touched.
const COMPARED_ONE_IN: u64 = 100;

pub enum Event {
    Request {
        to: NodeId,
        from: Asker,
        request: Request,
        /// When the connection read it, by the clock of `to`.
        arrived: Option<Time>,
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
    /// The disk has rested for a while after this many syncs.
    Note {
        node: NodeId,
        life: u64,
        syncs: u64,
    },
    DiskBack {
        node: NodeId,
        life: u64,
    },
    SpaceFreed(NodeId),
    DiskSeenTo(NodeId),
    DisksBack,
    NameRight((NodeId, NodeId)),
    Link {
        link: (NodeId, NodeId),
        cut: bool,
    },
    Clog {
        link: (NodeId, NodeId),
        until: Time,
    },
    SaveLate {
        node: NodeId,
        life: u64,
    },
    ReadLate {
        node: NodeId,
        life: u64,
        effect: Box<Effect>,
    },
    Wake {
        node: NodeId,
        life: u64,
        at: Time,
    },
    /// A busy process is free for the next of what has arrived meanwhile.
    Free(NodeId),
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
    /// What was acknowledged to all when it asked.
    asked: Offset,
    /// Of the pauses between its requests, in milliseconds.
    mean_pause_ms: u64,
}

pub struct World {
    pub plan: Plan,
    pub rng: ChaCha8Rng,
    pub now: Time,
    /// Boxed, since the map moves its entries about.
    queue: BTreeMap<(Time, u64), Box<Event>>,
    next_event: u64,
    pub nodes: BTreeMap<NodeId, Node>,
    clients: BTreeMap<NodeId, Seat>,
    /// Two nodes that have each other's disk.
    pub swapped: Option<(NodeId, NodeId)>,
    /// Node 1 runs an old release at present.
    pub old_release: bool,
    pub coverage: Coverage,
    state_moves: u64,
    /// The request under way is a pre-vote, or a Fetch from there.
    pub on_pre_vote: bool,
    pub on_fetch: Option<OffsetAndEpoch>,
    pub network: Network,
    pub checker: Checker,
    pub healed: bool,
    /// Where the committed log ended when all faults did, and until when it must go on.
    pub healed_at: Offset,
    pub owes_commit: Option<Time>,
    /// There is more to do than usual until then.
    pub rush_until: Time,
    next_request: u64,
    proposed: u64,
    /// A running digest of everything that happened.
    trace: u64,
    events: u64,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub trace: u64,
    pub events: u64,
    pub coverage: Coverage,
}

/// Runs the plan to its end. Panics where an invariant breaks.
pub fn run(plan: Plan) -> Outcome {
    let mut world = World::new(plan);
    while world.step() {}
    world.check_end();
    world.outcome()
}

impl World {
    pub fn outcome(mut self) -> Outcome {
        if self.checker.history.kept > 0 {
            self.coverage.reach(Mark::PromiseKept);
        }
        Outcome {
            trace: self.trace,
            events: self.events,
            coverage: self.coverage,
        }
    }

    pub fn new(plan: Plan) -> World {
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
            swapped: None,
            old_release: plan.old_node,
            coverage: Coverage::default(),
            state_moves: 0,
            on_pre_vote: false,
            on_fetch: None,
            network: Network::default(),
            checker: Checker::default(),
            healed: false,
            healed_at: Offset(0),
            owes_commit: None,
            rush_until: Time(0),
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
        for fault in world.plan.faults.keys().copied().collect::<Vec<_>>() {
            world.schedule_fault(fault);
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
            for id in BROKERS {
                let broker = Broker::new(NodeId(id), self.plan.steady_brokers);
                clients.push((Client::Broker(broker), 200));
            }
            let pause_ms = self.plan.propose_every_ms;
            let id = |at: usize| NodeId(FIRST_CLIENT + at as i32);
            let admin = Admin::new(id(clients.len()), None);
            clients.push((Client::Admin(admin), pause_ms));
            for _ in 1..RUSH {
                let hurried = Admin::new(id(clients.len()), Some(self.plan.huge_one_in));
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
    }

    pub fn after(&mut self, us: u64, event: Event) {
        self.at(Time(self.now.0 + us), event);
    }

    pub fn at(&mut self, time: Time, event: Event) {
        self.next_event += 1;
        self.queue.insert((time, self.next_event), Box::new(event));
    }

    pub fn schedule_fault(&mut self, fault: Fault) {
        if let Some(every_ms) = self.plan.faults.get(&fault) {
            let us = self.rng.random_range(0..every_ms * 2_000);
            self.after(us, Event::Fault(fault));
        }
    }

    /// The next event. Says whether there was one within the time of the plan.
    pub fn step(&mut self) -> bool {
        let Some(((time, number), event)) = self.queue.pop_first() else {
            return false;
        };
        if time.0 > self.plan.ends_at_ms * 1000 {
            return false;
        }
        self.now = time;
        assert!(
            self.owes_commit.is_none_or(|until| until >= time),
            "nothing is committed five election timeouts after all faults have ended:{}",
            self.roles()
        );
        self.events += 1;
        self.note(time.0 ^ number << 40);
        self.handle(*event);
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

    pub fn client_ids(&self) -> Vec<NodeId> {
        self.clients.keys().copied().collect()
    }

    pub fn node_ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn handle(&mut self, mut event: Event) {
        if let Some(until) = self.pause_of(&event) {
            return self.at(until, event);
        }
        if self.receive(&mut event) {
            return;
        }
        if let Some(event) = self.let_wait(event) {
            self.dispatch(event);
        }
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::Request {
                to,
                from,
                request,
                arrived,
            } => self.on_request(to, from, request, arrived.unwrap_or_default()),
            Event::Answer { to, from, outcome } => match self.nodes.contains_key(&to.node) {
                true => self.on_answer(to, outcome),
                false => self.on_client_answer(to, from, outcome),
            },
            Event::Disconnect { node, life, peer } => {
                self.with(node, life, |core, now| core.on_disconnect(now, peer));
            }
            Event::Synced { node, life } => self.on_synced(node, life),
            Event::Note { node, life, syncs } => self.on_note(node, life, syncs),
            Event::DiskBack { node, life } => self.on_disk_back(node, life),
            Event::SpaceFreed(node) => self.node(node).disk.fail(None),
            Event::DiskSeenTo(node) => self.see_to_disk(node),
            Event::NameRight(link) => self.network.set_name(link, None),
            Event::DisksBack => self.give_disks_back(),
            Event::Link { link, cut } => self.network.set_cut(link, cut),
            Event::Clog { link, until } => self.network.clog(link, until),
            Event::SaveLate { node, life } => self.save_late(node, life),
            Event::ReadLate { node, life, effect } => {
                if self.node(node).life == life {
                    self.perform(node, *effect);
                }
            }
            Event::Wake { node, life, at } => {
                if self.node(node).wake_at == Some(at) {
                    self.node(node).wake_at = None;
                    self.watch_wake(node);
                    self.with(node, life, |core, now| core.on_timeout(now));
                }
            }
            Event::Free(node) => self.on_free(node),
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

    /// Whose event it is, if it is one that a process handles.
    fn handler(&self, event: &Event) -> Option<NodeId> {
        match event {
            Event::Request { to, .. } => Some(*to),
            Event::Answer { to, .. } => Some(to.node),
            Event::Disconnect { node, .. }
            | Event::Synced { node, .. }
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
            Event::Fault(_) | Event::Heal => None,
        }
    }

    /// A paused process handles nothing until it goes on.
    fn pause_of(&self, event: &Event) -> Option<Time> {
        let paused_until = self.nodes.get(&self.handler(event)?)?.paused_until;
        paused_until.filter(|until| *until > self.now)
    }

    /// What arrives at a process that is busy waits in the lanes of the server. Gives back what does not.
    fn let_wait(&mut self, event: Event) -> Option<Event> {
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

    fn on_free(&mut self, id: NodeId) {
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
    fn receive(&mut self, event: &mut Event) -> bool {
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
        let busy = self.nodes[to].busy_until > time;
        let node = self.nodes.get_mut(to).expect("a node");
        if node.core.is_none() || arrived.is_some() && !late {
            return false;
        }
        let mut answer = None;
        let at = node.now(time).time;
        *arrived = Some(at);
        if let Request::BrokerHeartbeat(heartbeat) = request {
            let session = (heartbeat.broker_id, heartbeat.broker_epoch);
            node.heard.entry(session).or_insert(at);
            let core = node.core.as_ref().filter(|_| !late);
            answer = core.and_then(|core| core.steady(heartbeat));
            if !(late && busy) {
                node.contacts.push(Contact {
                    session,
                    at,
                    progress: answer.as_ref().map(|_| heartbeat.current_metadata_offset),
                });
            }
            let heard = node.heard.get_mut(&session);
            heard.into_iter().for_each(|last| *last = at.max(*last));
        }
        let (from, to) = (*to, *from);
        let answered = answer.map(|answer| self.answer_to(from, to, answer.into()));
        answered.is_some()
    }

    /// Lets a running node see an input, and performs what follows.
    pub fn with(&mut self, id: NodeId, life: u64, input: impl FnOnce(&mut Core, Now)) {
        let (time, cpu_us) = (self.now, self.plan.cpu_us);
        if self.node(id).life != life {
            return;
        }
        self.daydream(id);
        let node = self.node(id);
        let now = node.now(time);
        let contacts = std::mem::take(&mut node.contacts);
        if let Some(core) = &mut node.core {
            let _span = tracing::info_span!("", ms = time.0 / 1000, node = id.0).entered();
            for contact in contacts {
                node.watch.leaving.on_contact(&contact);
                core.on_contact(contact);
            }
            // Timers wait in no line.
            if core.deadline().is_some_and(|deadline| deadline < now.time) {
                core.on_timeout(now);
            }
            input(core, now);
            let slow_us = node.slow_cpu.filter(|(_, until)| *until > time);
            let us = slow_us.map_or(cpu_us, |(us, _)| us);
            node.be_busy(time, us);
            self.perform_all(id);
        }
        if self.node(id).life == life && self.node(id).core.is_some() {
            self.watch_input(id);
        }
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
    fn propose(&mut self) {
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

    fn on_client(&mut self, id: NodeId) {
        let any = NodeId(self.rng.random_range(1..=self.plan.nodes));
        let (is_rush, calm) = (self.is_rush(), self.healed || self.plan.calm_brokers);
        let seat = self.clients.get_mut(&id).expect("a client");
        if matches!(&seat.client, Client::Admin(admin) if admin.is_hurried() && !is_rush) {
            return;
        }
        let history = &mut self.checker.history;
        seat.asked = history.acknowledged();
        let (to, version, request) = match &mut seat.client {
            Client::Observer(observer) => observer.ask(self.now, any),
            Client::Broker(broker) => {
                let core = self.nodes.get(&seat.to).and_then(|node| node.core.as_ref());
                let state = core.and_then(Core::stable_state);
                let sees = (state, core.and_then(Core::stable_end));
                let (version, request) = broker.ask(&mut self.rng, sees, calm, history);
                (seat.to, version, request)
            }
            Client::Admin(admin) => {
                let (version, request) = admin.ask(&mut self.rng, history);
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

    fn on_client_answer(&mut self, to: Asker, from: NodeId, outcome: Result<Response, SendError>) {
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

    /// After all faults are over: one leader, everybody has what it has, and what was promised is kept.
    /// What every node is just now.
    fn roles(&self) -> String {
        let role = |node: &Node| match node.raft() {
            None => format!("\n  {}: down", node.id),
            Some(raft) => format!(
                "\n  {}: {} of epoch {}, end {}, high watermark {:?}, {:?}",
                node.id,
                raft.role().name(),
                raft.epoch(),
                raft.end_offset(),
                raft.high_watermark(),
                raft.quorum_state().standing,
            ),
        };
        self.nodes.values().map(role).collect()
    }

    pub fn check_end(&mut self) {
        let roles = self.roles();
        let mut nodes = self.nodes.values();
        assert!(
            nodes.all(|node| node.core.is_some()),
            "all run after healing:{roles}"
        );
        let rafts = || {
            self.nodes
                .values()
                .filter_map(|node| Some((node, node.raft()?)))
        };
        let leaders = rafts().filter(|(_, raft)| raft.is_leader()).count();
        assert_eq!(leaders, 1, "one leader after healing:{roles}");
        let end = self.checker.committed_end();
        for (node, raft) in rafts() {
            let hears_leader = raft.status(node.now(self.now)).hears_leader;
            assert!(hears_leader, "all hear their leader after healing:{roles}");
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

    fn check_controllers(&mut self) {
        let latest = self.checker.images.latest().stable();
        self.checker.history.check(latest);
        for seat in self.clients.values() {
            if let Client::Broker(broker) = &seat.client {
                let known = latest.brokers.get(broker.id);
                let serves = known.is_some_and(|known| known.is_active());
                let epoch = known.map(|known| known.epoch);
                assert!(
                    serves && epoch == broker.epoch(),
                    "broker {} is well, and {known:?}",
                    broker.id
                );
            }
        }
        for id in self.node_ids() {
            let registered = self.checker.history.controller_registered_at(id);
            let since = self.nodes[&id].begun_at_heal.then_some(self.healed_at);
            assert!(
                registered >= since.or(Some(Offset(0))),
                "controller {id} registered at {registered:?}, and not since it was started"
            );
            self.node(id).agreed_at = None;
            self.compare_image(id);
        }
    }

    /// A node's state has moved: what it serves is what the log says.
    pub fn compare_image(&mut self, id: NodeId) {
        self.state_moves += 1;
        let in_full = self.state_moves.is_multiple_of(COMPARED_ONE_IN);
        let node = &self.nodes[&id];
        let Some(Core::Controller(controller)) = &node.core else {
            return;
        };
        let (ours, at) = (controller.stable_state(), controller.stable_end());
        let since = node.agreed_at.filter(|_| !in_full);
        let agrees = self.checker.images.agrees(ours, since, at);
        assert_ne!(
            agrees,
            Some(false),
            "node {id} has another state at {at} than the log; it was equal at {since:?}"
        );
        if agrees.is_some() {
            self.coverage.reach(Mark::ImageCompared);
            self.node(id).agreed_at = Some(at);
        }
    }

    /// The planted bug that counts wrongly asks for this after every event at a leader.
    pub fn counts_wrongly(&self) -> bool {
        self.plan.has(PlantedBug::OldEpochCommittedByCounting)
    }
}
