//! The world: one queue of events, ordered by time, drives nodes, disks, network, clients and faults.
//! Everything comes from one seed, so the same seed gives the same run.

use std::collections::BTreeMap;

use bytes::Bytes;
use kraftd::{
    log::{Log, memory::MemoryLog},
    protocol::{
        NodeId, Offset, OffsetAndEpoch,
        api::{Request, Response},
        quorum_state::Standing,
        record_batch::RecordBatch,
        records::{FeatureLevelRecord, MetadataRecord},
        wire::{Reader, Writer},
    },
    raft::{Effect, Endpoint, Options, Raft, RequestId, SendError, Token, VoterSet},
    time::Time,
};
use rand::{Rng, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    checker::{Checker, Counts},
    network::Network,
    node::{Asker, Node},
    plan::{Plan, PlantedBug},
};

/// How long after everything healed a leader is there and everybody has its log, in election timeouts
/// of the slowest kind.
const CONVERGES_WITHIN: u64 = 30;

enum Event {
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
    Propose,
    Fault(Fault),
    Heal,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    PowerCut,
    Blackout,
    Rot,
    ReplaceDisk,
    Partition,
    Reset,
    Pause,
    Resign,
    Snapshot,
}

pub struct World {
    plan: Plan,
    rng: ChaCha8Rng,
    now: Time,
    queue: BTreeMap<(Time, u64), Event>,
    next_event: u64,
    nodes: BTreeMap<NodeId, Node>,
    network: Network,
    checker: Checker,
    proposed: u64,
    healed: bool,
    /// A running digest of everything that happened.
    trace: u64,
    pub events: u64,
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
    world.check_convergence();
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
            network: Network::default(),
            checker: Checker::default(),
            proposed: 0,
            healed: false,
            trace: 0,
            events: 0,
            plan,
        };
        for id in 1..=world.plan.nodes {
            let late_us = world.rng.random_range(0..200_000);
            world.after(late_us, Event::Start(NodeId(id)));
        }
        world.after(0, Event::Propose);
        for fault in [
            Fault::Kill,
            Fault::PowerCut,
            Fault::Blackout,
            Fault::Rot,
            Fault::ReplaceDisk,
            Fault::Partition,
            Fault::Reset,
            Fault::Pause,
            Fault::Resign,
            Fault::Snapshot,
        ] {
            world.schedule_fault(fault);
        }
        world.after(world.plan.faults_until_ms * 1000, Event::Heal);
        world
    }

    fn after(&mut self, us: u64, event: Event) {
        self.at(Time(self.now.0 + us), event);
    }

    fn at(&mut self, time: Time, event: Event) {
        self.next_event += 1;
        self.queue.insert((time, self.next_event), event);
    }

    fn schedule_fault(&mut self, fault: Fault) {
        let every_ms = match fault {
            Fault::Kill => self.plan.kill_every_ms,
            Fault::PowerCut => self.plan.power_cut_every_ms,
            Fault::Blackout => self.plan.blackout_every_ms,
            Fault::Rot => self.plan.rot_every_ms,
            Fault::ReplaceDisk => self.plan.replace_disk_every_ms,
            Fault::Partition => self.plan.partition_every_ms,
            Fault::Reset => self.plan.reset_every_ms,
            Fault::Pause => self.plan.pause_every_ms,
            Fault::Resign => self.plan.resign_every_ms,
            Fault::Snapshot => self.plan.snapshot_every_ms,
        };
        if let Some(every_ms) = every_ms {
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

    fn note(&mut self, what: u64) {
        self.trace = (self.trace ^ what)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23);
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the plan")
    }

    fn handle(&mut self, event: Event) {
        if let Some(until) = self.pause_of(&event) {
            return self.at(until, event);
        }
        match event {
            Event::Request { to, from, request } => self.on_request(to, from, request),
            Event::Answer { to, from, outcome } => self.on_answer(to, from, outcome),
            Event::Disconnect { node, life, peer } => {
                self.with(node, life, |raft, now| raft.on_disconnect(now, peer));
            }
            Event::Synced { node, life } => self.on_synced(node, life),
            Event::SaveLate { node, life } => self.save_late(node, life),
            Event::Wake { node, life, at } => {
                if self.node(node).wake_at == Some(at) {
                    self.node(node).wake_at = None;
                    self.with(node, life, |raft, now| raft.on_timeout(now));
                }
            }
            Event::Start(node) => self.start(node),
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
            | Event::Wake { node, .. } => node,
            Event::Start(_) | Event::Propose | Event::Fault(_) | Event::Heal => return None,
        };
        let paused_until = self.nodes[node].paused_until;
        paused_until.filter(|until| *until > self.now)
    }

    /// Lets a running raft see an input, and performs what follows.
    fn with(&mut self, id: NodeId, life: u64, input: impl FnOnce(&mut Raft, kraftd::time::Now)) {
        let time = self.now;
        let node = self.node(id);
        let now = node.now(time);
        if node.life != life {
            return;
        }
        if let Some(raft) = &mut node.raft {
            input(raft, now);
            self.perform_all(id);
        }
    }

    fn start(&mut self, id: NodeId) {
        let (time, plan) = (self.now, self.plan.clone());
        let rng = ChaCha8Rng::seed_from_u64(self.rng.random());
        let voters = (1..=plan.nodes).map(|id| {
            let endpoint = Endpoint {
                listener_name: "CONTROLLER".to_owned(),
                host: format!("host{id}"),
                port: 9093,
            };
            (NodeId(id), endpoint)
        });
        let node = self.node(id);
        if node.raft.is_some() {
            return;
        }
        node.dark = false;
        let restored = node.restore();
        let options = Options {
            node_id: id,
            directory_id: kraftd::protocol::Uuid([id.0 as u8 + 1; 16]),
            cluster_id: "simulation".to_owned(),
            election_timeout_ms: plan.election_timeout_ms,
            fetch_timeout_ms: plan.fetch_timeout_ms,
            election_backoff_max_ms: plan.election_timeout_ms,
            request_timeout_ms: plan.request_timeout_ms,
            retry_backoff_ms: 20,
            fetch_max_bytes: plan.fetch_max_bytes,
            fetch_snapshot_max_bytes: plan.snapshot_chunk_bytes,
        };
        let voters = VoterSet::new(voters.collect());
        let now = node.now(time);
        node.raft = Some(Raft::new(options, voters, restored, rng, now));
        self.perform_all(id);
    }

    fn perform_all(&mut self, id: NodeId) {
        loop {
            let Some(raft) = &mut self.node(id).raft else {
                return;
            };
            let Some(effect) = raft.next_effect() else {
                break;
            };
            self.perform(id, effect);
        }
        self.observe(id);
        self.schedule_wake(id);
    }

    fn schedule_wake(&mut self, id: NodeId) {
        let time = self.now;
        let node = self.node(id);
        let Some(deadline) = node.raft.as_ref().and_then(Raft::deadline) else {
            return;
        };
        let at = node.true_time(deadline).max(Time(time.0 + 1));
        if node.wake_at != Some(at) {
            node.wake_at = Some(at);
            let life = node.life;
            self.at(at, Event::Wake { node: id, life, at });
        }
    }

    fn perform(&mut self, id: NodeId, effect: Effect) {
        let life = self.node(id).life;
        match effect {
            Effect::SaveQuorumState(state) => {
                if self.plan.bug == Some(PlantedBug::VoteNotSaved) {
                    self.node(id).unsaved = Some(state);
                    self.after(20_000, Event::SaveLate { node: id, life });
                } else {
                    let saved = self.node(id).disk.save_quorum_state(&state);
                    saved.expect("a simulated disk");
                }
            }
            Effect::Append(batch) => {
                let end = batch.end_offset();
                if self.node(id).append(batch) {
                    self.begin_sync(id);
                }
                if self.plan.bug == Some(PlantedBug::EndCountedBeforeSync) {
                    self.with(id, life, |raft, now| raft.on_durable(now, end));
                }
            }
            Effect::Truncate { end } => {
                let node = self.nodes.get_mut(&id).expect("a node");
                assert!(!node.syncing || self.plan.bug.is_some(), "a cut during an append");
                self.checker.on_truncate(id, node.disk.batches(), end);
                node.disk.truncate(end).expect("a simulated disk");
            }
            Effect::Send {
                to,
                id: request_id,
                request,
            } => self.send(id, to, request_id, request),
            Effect::Reply { token, response } => self.answer(id, token, response),
            Effect::ReplyFetch {
                token,
                mut response,
                from,
                max_bytes,
            } => {
                let records = self.node(id).read(from, max_bytes);
                response.responses[0].partitions[0].records = Some(records);
                self.answer(id, token, response.into());
            }
            Effect::ReplyFetchSnapshot {
                token,
                mut response,
                id: snapshot,
                position,
                max_bytes,
            } => {
                let bytes = self.node(id).disk.read_snapshot(snapshot, position, max_bytes);
                let bytes = bytes.expect("a snapshot that raft knows");
                response.topics[0].partitions[0].unaligned_records = bytes;
                self.answer(id, token, response.into());
            }
            Effect::WriteSnapshotChunk {
                id: snapshot,
                position,
                bytes,
            } => {
                let disk = &mut self.node(id).disk;
                let written = disk.write_snapshot_chunk(snapshot, position, &bytes);
                written.expect("a simulated disk");
            }
            Effect::InstallSnapshot { id: snapshot } => {
                self.install(id, snapshot);
            }
            Effect::HighWatermark(high_watermark) => self.on_high_watermark(id, high_watermark),
            Effect::LeaderChanged { leader, epoch } => {
                self.note(leader.map_or(0, |leader| leader.0 as u64) << 32 | epoch.0 as u64);
            }
            Effect::Fatal(why) => {
                let only_voter = self.plan.nodes == 1;
                assert!(only_voter, "node {id} gave up: {why}");
                // A single voter that lost records must not go on; the operator gives it a new disk.
                self.node(id).stop();
                self.node(id).disk = MemoryLog::default();
                self.checker = Checker::default();
                self.after(1_000_000, Event::Start(id));
            }
        }
    }

    fn install(&mut self, id: NodeId, snapshot: OffsetAndEpoch) {
        let digest = self.checker.digest(snapshot.offset);
        self.checker.counts.snapshots_installed += 1;
        let disk = &mut self.node(id).disk;
        disk.install_snapshot(snapshot).expect("a simulated disk");
        let content = disk.snapshot(snapshot).expect("just installed").clone();
        assert_eq!(content, snapshot_content(digest), "a snapshot equals the log before it");
        let life = self.node(id).life;
        self.with(id, life, |raft, now| raft.on_snapshot_installed(now, snapshot));
    }

    fn begin_sync(&mut self, id: NodeId) {
        let max_us = if self.healed { 200 } else { self.plan.max_sync_us };
        let us = self.rng.random_range(50..=max_us.max(51));
        let life = self.node(id).life;
        self.after(us, Event::Synced { node: id, life });
    }

    fn on_synced(&mut self, id: NodeId, life: u64) {
        if self.node(id).life != life {
            return;
        }
        let (end, again) = self.node(id).synced();
        if again {
            self.begin_sync(id);
        }
        if self.plan.bug != Some(PlantedBug::EndCountedBeforeSync) {
            self.with(id, life, |raft, now| raft.on_durable(now, end));
        }
    }

    fn save_late(&mut self, id: NodeId, life: u64) {
        let node = self.node(id);
        if node.life == life
            && let Some(state) = node.unsaved.take()
        {
            node.disk.save_quorum_state(&state).expect("a simulated disk");
        }
    }

    /// Sends a request at the best version that both sides know.
    fn send(&mut self, from: NodeId, to: NodeId, id: RequestId, request: Request) {
        let version = self.version(from, to, &request);
        let request = match request {
            Request::Fetch(fetch) => Request::Fetch(fetch.at_version(version)),
            other => other,
        };
        let asker = Asker {
            node: from,
            life: self.node(from).life,
            id,
            version,
        };
        self.node(from).pending.insert(id, to);
        let mut writer = Writer::new();
        if request.encode(&mut writer, version).is_err() {
            let outcome = Err(SendError::UnsupportedVersion);
            return self.after(0, Event::Answer { to: asker, from: to, outcome });
        }
        let wait_ms = match &request {
            Request::Fetch(fetch) => fetch.max_wait_ms as u64,
            _ => 0,
        };
        let timeout_us = (self.plan.request_timeout_ms + wait_ms) * 1000;
        let outcome = Err(SendError::TimedOut);
        self.after(timeout_us, Event::Answer { to: asker, from: to, outcome });
        let mut reader = Reader::new(writer.into_bytes());
        let request = Request::decode(request.api_key(), version, &mut reader);
        let request = request.expect("what we encode decodes");
        let repeats = self.network.repeats(&self.plan, &mut self.rng);
        for _ in 0..=u8::from(repeats) {
            let delay = self.network.delay_us(from, to, &self.plan, &mut self.rng);
            if let Some(us) = delay {
                let request = request.clone();
                self.after(us, Event::Request { to, from: asker, request });
            }
        }
    }

    fn version(&self, from: NodeId, to: NodeId, request: &Request) -> i16 {
        let max = request.api_key().api().expect("a known API").max_version;
        let old = self.plan.old_node && (from == NodeId(1) || to == NodeId(1));
        match request {
            Request::Vote(_) if old => 1,
            Request::Fetch(_) if old => 17,
            Request::DescribeQuorum(_) if old => 2,
            _ => max,
        }
    }

    fn on_request(&mut self, to: NodeId, from: Asker, request: Request) {
        let (time, node) = (self.now, self.node(to));
        if node.raft.is_none() {
            // The host is there, the process is not: the connection is refused.
            if !node.dark {
                let outcome = Err(SendError::Disconnected);
                self.deliver_answer(to, from, outcome);
            }
            return;
        }
        let (token, life) = (Token(node.next_token), node.life);
        node.next_token += 1;
        node.askers.insert(token, from);
        let vote = match &request {
            Request::Vote(vote) => Some(vote.topics[0].partitions[0].clone()),
            _ => None,
        };
        self.note(time.0 ^ (to.0 as u64) << 48);
        self.with(to, life, |raft, now| raft.on_request(now, token, from.version, request));
        if let Some(vote) = vote.filter(|vote| !vote.pre_vote) {
            self.note(vote.replica_epoch.0 as u64);
        }
    }

    fn answer(&mut self, from: NodeId, token: Token, response: Response) {
        let Some(asker) = self.node(from).askers.remove(&token) else {
            return;
        };
        let mut writer = Writer::new();
        let encoded = response.encode(&mut writer, asker.version);
        encoded.unwrap_or_else(|error| panic!("{response:?} at version {}: {error}", asker.version));
        let mut reader = Reader::new(writer.into_bytes());
        let response = Response::decode(response.api_key(), asker.version, &mut reader);
        let response = response.expect("what we encode decodes");
        self.deliver_answer(from, asker, Ok(response));
    }

    fn deliver_answer(
        &mut self,
        from: NodeId,
        to: Asker,
        outcome: Result<Response, SendError>,
    ) {
        let delay = self.network.delay_us(from, to.node, &self.plan, &mut self.rng);
        if let Some(us) = delay {
            self.after(us, Event::Answer { to, from, outcome });
        }
    }

    fn on_answer(&mut self, to: Asker, from: NodeId, outcome: Result<Response, SendError>) {
        let node = self.node(to.node);
        if node.life == to.life && node.pending.remove(&to.id).is_some() {
            self.with(to.node, to.life, |raft, now| raft.on_response(now, from, to.id, outcome));
        }
    }

    /// A client asks whoever leads to write something.
    fn propose(&mut self) {
        let us = self.rng.random_range(0..self.plan.propose_every_ms * 2_000);
        self.after(us, Event::Propose);
        let leaders: Vec<NodeId> = self
            .nodes
            .values()
            .filter(|node| node.paused_until.is_none_or(|until| until <= self.now))
            .filter(|node| node.raft.as_ref().is_some_and(Raft::is_leader))
            .map(|node| node.id)
            .collect();
        for id in leaders {
            self.proposed += 1;
            let record = MetadataRecord::from(FeatureLevelRecord {
                name: format!("value-{}", self.proposed),
                ..Default::default()
            });
            let records = self.rng.random_range(1..=3);
            let life = self.node(id).life;
            self.with(id, life, |raft, now| {
                let records = std::iter::repeat_n((&record, 0), records);
                let (end, epoch) = (raft.end_offset(), raft.epoch());
                let batch = RecordBatch::of_records(end, epoch, now.wall_clock_ms, records);
                raft.append(now, batch.expect("a small batch"));
            });
        }
    }

    /// Looks at what a node has become.
    fn observe(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a node");
        let Some(raft) = &node.raft else {
            return;
        };
        let (epoch, leads) = (raft.epoch(), raft.is_leader());
        let (voted, amnesiac) = (raft.quorum_state().voted, raft.amnesia().is_some());
        if amnesiac != node.was_amnesiac {
            node.was_amnesiac = amnesiac;
            let counts = &mut self.checker.counts;
            *(if amnesiac { &mut counts.amnesiacs } else { &mut counts.recovered }) += 1;
        }
        let became_leader = leads && !node.was_leader;
        node.was_leader = leads;
        let end = raft.end_offset();
        assert_eq!(node.disk.end().max(node.queue.back().map_or(Offset(0), RecordBatch::end_offset)), end);
        if self.plan.bug != Some(PlantedBug::VoteNotSaved) {
            assert_eq!(raft.quorum_state(), node.disk.saved_quorum_state(), "saved as it is");
        }
        if let Some(candidate) = voted {
            self.checker.on_vote(id, epoch, candidate);
        }
        if became_leader {
            let batches = self.nodes[&id].batches();
            let start = self.nodes[&id].disk.start().offset;
            self.checker.on_leader(id, epoch, start, &batches);
        }
        self.note(end.0 as u64 ^ (epoch.0 as u64) << 32);
        if self.plan.bug == Some(PlantedBug::OldEpochCommittedByCounting) && leads {
            self.commit_by_counting(id);
        }
    }

    /// The planted bug: takes whatever a majority has on disk for committed.
    fn commit_by_counting(&mut self, id: NodeId) {
        let ours = self.nodes[&id].batches();
        let mut ends: Vec<Offset> = self
            .nodes
            .values()
            .map(|node| {
                let theirs = node.disk.batches();
                let same = |(a, b): &(&RecordBatch, &RecordBatch)| a.bytes() == b.bytes() && a.epoch() == b.epoch();
                let common = ours.iter().zip(theirs).take_while(same).last();
                common.map_or(Offset(0), |(batch, _)| batch.end_offset().min(node.disk.synced_end()))
            })
            .collect();
        ends.sort_unstable();
        let on_a_majority = ends[(ends.len() - 1) / 2];
        if on_a_majority > self.checker.committed_end() {
            self.checker.on_high_watermark(id, Offset(0), &ours, on_a_majority);
        }
    }

    fn on_high_watermark(&mut self, id: NodeId, high_watermark: Offset) {
        self.note(high_watermark.0 as u64);
        let (batches, start) = (self.nodes[&id].batches(), self.nodes[&id].disk.start().offset);
        let new = self
            .checker
            .on_high_watermark(id, start, &batches, high_watermark);
        for batch in new {
            let holders = self.nodes.values().filter(|node| {
                let synced = node.disk.synced_end();
                let mut held = node.disk.batches().iter().rev();
                batch.end_offset() <= synced
                    && (node.disk.start().offset >= batch.end_offset()
                        || held.any(|other| other.bytes() == batch.bytes()))
            });
            let holders = holders.count();
            assert!(
                holders > self.nodes.len() / 2,
                "{} is called committed, but only {holders} disks have it",
                batch.base_offset()
            );
        }
    }

    fn fault(&mut self, fault: Fault) {
        let victim = self.nodes.keys().copied().choose(&mut self.rng);
        let victim = victim.expect("at least one node");
        let down_us = self.rng.random_range(0..self.plan.down_ms * 1000);
        match fault {
            Fault::Kill => {
                self.kill(victim);
                self.after(down_us, Event::Start(victim));
            }
            Fault::PowerCut => {
                self.cut_power(victim);
                self.after(down_us, Event::Start(victim));
            }
            Fault::Blackout => {
                let all: Vec<NodeId> = self.nodes.keys().copied().collect();
                for id in all {
                    self.cut_power(id);
                    let down_us = self.rng.random_range(0..self.plan.down_ms * 1000);
                    self.after(down_us, Event::Start(id));
                }
            }
            Fault::Rot => self.rot(victim),
            Fault::ReplaceDisk => self.replace_disk(victim),
            Fault::Partition => {
                let (plan, rng) = (&self.plan, &mut self.rng);
                match rng.random_bool(0.5) {
                    true => self.network.partition(plan, rng),
                    false => self.network.heal(),
                }
            }
            Fault::Reset => self.reset(victim),
            Fault::Pause => {
                let until = Time(self.now.0 + down_us);
                self.node(victim).paused_until = Some(until);
            }
            Fault::Resign => {
                let life = self.node(victim).life;
                self.with(victim, life, |raft, now| raft.resign(now));
            }
            Fault::Snapshot => self.snapshot(victim),
        }
    }

    /// The process dies; its host says so to everybody who was connected.
    fn kill(&mut self, id: NodeId) {
        if self.node(id).raft.is_none() {
            return;
        }
        self.checker.counts.crashes += 1;
        self.node(id).stop();
        self.drop_connections_to(id);
    }

    fn drop_connections_to(&mut self, id: NodeId) {
        let others: Vec<NodeId> = self.nodes.keys().copied().filter(|other| *other != id).collect();
        for other in others {
            self.drop_connection(other, id);
        }
    }

    /// The connection of `node` to `peer` is closed by the peer's side.
    fn drop_connection(&mut self, node: NodeId, peer: NodeId) {
        let Some(us) = self.network.delay_us(peer, node, &self.plan, &mut self.rng) else {
            return;
        };
        let life = self.node(node).life;
        let broken = self.node(node).pending.iter().filter(|(_, to)| **to == peer);
        let broken: Vec<RequestId> = broken.map(|(id, _)| *id).collect();
        for id in broken {
            let to = Asker { node, life, id, version: 0 };
            let outcome = Err(SendError::Disconnected);
            self.after(us, Event::Answer { to, from: peer, outcome });
        }
        self.after(us, Event::Disconnect { node, life, peer });
    }

    fn reset(&mut self, id: NodeId) {
        let peers = self.nodes.keys().copied().filter(|peer| *peer != id);
        if let Some(peer) = peers.choose(&mut self.rng) {
            self.drop_connection(id, peer);
        }
    }

    fn cut_power(&mut self, id: NodeId) {
        if self.node(id).raft.is_some() {
            self.checker.counts.crashes += 1;
        }
        let node = self.nodes.get_mut(&id).expect("a node");
        node.stop();
        node.dark = true;
        node.disk.cut_power(&mut self.rng);
    }

    /// Whether a disk may be damaged without going beyond what is promised: every other one is whole,
    /// and trusted.
    fn others_are_sound(&self, id: NodeId) -> bool {
        let mut others = self.nodes.values().filter(|node| node.id != id);
        others.all(|node| node.disk.saved_quorum_state().standing == Standing::Sound)
    }

    /// A bit of the log flips while the process is down, or before it is next read.
    fn rot(&mut self, id: NodeId) {
        if self.others_are_sound(id) {
            self.kill(id);
            let node = self.nodes.get_mut(&id).expect("a node");
            node.disk.rot(&mut self.rng);
            // Found at the start, and from then on no other disk may be damaged until it is healed.
            node.disk.recover();
            self.after(1_000_000, Event::Start(id));
        }
    }

    fn replace_disk(&mut self, id: NodeId) {
        let others_have_records = self
            .nodes
            .values()
            .filter(|node| node.id != id)
            .all(|node| node.disk.end() > Offset(0));
        if self.plan.nodes > 1 && self.others_are_sound(id) && others_have_records {
            self.kill(id);
            self.node(id).disk = MemoryLog::default();
            self.node(id).was_amnesiac = false;
            self.after(1_000_000, Event::Start(id));
        }
    }

    /// The node writes a snapshot of what is committed, and drops the log before it.
    fn snapshot(&mut self, id: NodeId) {
        let node = &self.nodes[&id];
        let Some(raft) = &node.raft else {
            return;
        };
        let committed = raft.high_watermark().unwrap_or(Offset(0));
        let durable = node.disk.synced_end();
        let batches = node.disk.batches();
        let last = batches
            .iter()
            .rfind(|batch| batch.end_offset() <= committed.min(durable));
        let Some(last) = last else {
            return;
        };
        let snapshot = OffsetAndEpoch {
            offset: last.end_offset(),
            epoch: last.epoch(),
        };
        let content = snapshot_content(self.checker.digest(snapshot.offset));
        let life = node.life;
        let bytes = self.node(id).disk.write_snapshot(snapshot, [content]);
        self.with(id, life, |raft, now| raft.on_snapshot_written(now, snapshot, bytes));
        let dropped = self.node(id).disk.drop_prefix(snapshot);
        dropped.expect("a simulated disk");
        self.with(id, life, |raft, now| raft.on_log_start(now, snapshot));
    }

    fn heal(&mut self) {
        self.healed = true;
        self.network.stay_whole();
        let all: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in all {
            self.node(id).paused_until = None;
            self.after(1_000, Event::Start(id));
        }
    }

    /// After all faults are over: one leader, and everybody has what it has.
    fn check_convergence(&self) {
        let slowest_ms = self.plan.election_timeout_ms.max(self.plan.fetch_timeout_ms);
        let given_ms = self.plan.ends_at_ms - self.plan.faults_until_ms;
        if given_ms < slowest_ms * CONVERGES_WITHIN / 3 {
            return;
        }
        let rafts: Vec<&Raft> = self.nodes.values().filter_map(|node| node.raft.as_ref()).collect();
        assert_eq!(rafts.len(), self.nodes.len(), "all nodes run");
        let leaders = rafts.iter().filter(|raft| raft.is_leader()).count();
        let roles: Vec<String> = self
            .nodes
            .values()
            .filter_map(|node| node.raft.as_ref().map(|raft| (node.id, raft)))
            .map(|(id, raft)| {
                format!(
                    "{id}: {} of epoch {}, end {}, high watermark {:?}, {:?}",
                    raft.role().name(),
                    raft.epoch(),
                    raft.end_offset(),
                    raft.high_watermark(),
                    raft.quorum_state().standing,
                )
            })
            .collect();
        let roles = roles.join("\n  ");
        assert_eq!(leaders, 1, "one leader after healing:\n  {roles}");
        let lag = |raft: &&Raft| raft.high_watermark().unwrap_or(Offset(0)).0 + 200
            < self.checker.committed_end().0;
        assert!(!rafts.iter().any(lag), "all caught up after healing:\n  {roles}");
        assert!(rafts.iter().all(|raft| raft.amnesia().is_none()), "all vote again:\n  {roles}");
    }
}

fn snapshot_content(digest: u64) -> Bytes {
    Bytes::from(digest.to_be_bytes().repeat(40))
}
