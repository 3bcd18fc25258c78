//! The world: one queue of events, ordered by time, drives nodes, disks, network, clients and faults.
//! Everything comes from one seed, so the same seed gives the same run.

use std::collections::BTreeMap;

use kraftd::{
    controller::{Effect, SnapshotBatches},
    protocol::{
        NodeId, Offset, OffsetAndEpoch,
        api::{Request, Response},
    },
    raft::SendError,
    time::{Now, Time},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    checker::Checker,
    clients::Client,
    core::Core,
    coverage::{Coverage, Mark},
    nemesis::Fault,
    network::Network,
    node::{Asker, Node},
    plan::Plan,
    seats::Seat,
};

/// Nobody asks for changes any more so long before the end, in milliseconds: enough for all to have what was written.
const REST_MS: u64 = 1_000;

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
    DiskDone {
        node: NodeId,
        life: u64,
    },
    /// The process listens to what the disk has done.
    HearDisk {
        node: NodeId,
        life: u64,
    },
    /// The thread that writes a snapshot is about to end.
    SnapshotDone {
        node: NodeId,
        life: u64,
        id: OffsetAndEpoch,
        batches: Box<SnapshotBatches>,
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
    Rest,
}

pub struct World {
    pub plan: Plan,
    pub rng: ChaCha8Rng,
    pub now: Time,
    /// Boxed, since the map moves its entries about.
    queue: BTreeMap<(Time, u64), Box<Event>>,
    next_event: u64,
    pub nodes: BTreeMap<NodeId, Node>,
    pub clients: BTreeMap<NodeId, Seat>,
    /// Two nodes that have each other's disk.
    pub swapped: Option<(NodeId, NodeId)>,
    /// Node 1 runs an old release at present.
    pub old_release: bool,
    pub coverage: Coverage,
    pub state_moves: u64,
    /// The request under way is a pre-vote, or a Fetch from there.
    pub on_pre_vote: bool,
    pub on_fetch: Option<OffsetAndEpoch>,
    pub network: Network,
    pub checker: Checker,
    pub healed: bool,
    /// Where the committed log ended when all faults did, and until when it must go on.
    pub healed_at: Offset,
    pub owes_commit: Option<Time>,
    /// As planned, or later where somebody has much to copy.
    ends_at: Time,
    /// Where the longest log ended when nobody asked for changes any more.
    pub rested_at: Option<Offset>,
    /// There is more to do than usual until then.
    pub rush_until: Time,
    pub next_request: u64,
    pub proposed: u64,
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
        let marks = &self.coverage.marks;
        if self.plan.rebalances() && marks.contains_key(&Mark::BackToPreferred) {
            self.coverage.reach(Mark::Rebalanced);
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
            ends_at: Time(plan.ends_at_ms * 1000),
            rested_at: None,
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

    /// The run goes on until then, the last of it without changes.
    pub fn end_at(&mut self, time: Time) {
        self.ends_at = time;
        self.at(Time(time.0 - REST_MS * 1000), Event::Rest);
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
        if time > self.ends_at {
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

    pub fn dispatch(&mut self, event: Event) {
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
            Event::DiskDone { node, life } => self.on_disk_done(node, life),
            Event::HearDisk { node, life } => {
                if self.node(node).life == life {
                    self.hear_disk(node, life);
                }
            }
            Event::SnapshotDone {
                node,
                life,
                id,
                batches,
            } => self.on_snapshot_done(node, life, id, *batches),
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
            Event::Client(client) => {
                let is_admin = matches!(self.clients[&client].client, Client::Admin(_));
                if !(is_admin && self.rested_at.is_some()) {
                    self.on_client(client);
                }
            }
            Event::Propose => {
                if self.rested_at.is_none() {
                    self.propose();
                }
            }
            Event::Fault(fault) => {
                if !self.healed {
                    self.fault(fault);
                    self.schedule_fault(fault);
                }
            }
            Event::Heal => self.heal(),
            Event::Rest => self.rested_at = self.nodes.values().map(Node::end).max(),
        }
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
        node.contacts.begin(now.time);
        if let Some(core) = &mut node.core {
            let _span = tracing::info_span!("", ms = time.0 / 1000, node = id.0).entered();
            for (session, contact) in node.contacts.take(now.time) {
                node.watch.leaving.on_contact(session, &contact);
                core.on_contact(session, contact);
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
}
