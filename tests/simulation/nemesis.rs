//! What goes wrong: processes die, hosts lose power, links break, clocks jump; disks in [`crate::disks`].

use std::ops::Range;

use kraftd::{
    controller::RequestId,
    log::{Log, memory::Failure},
    protocol::{NodeId, Offset},
    raft::SendError,
    time::Time,
};
use rand::{Rng, seq::IteratorRandom};

use crate::{
    coverage::Mark,
    disks::is_sound,
    network::Kind,
    node::Asker,
    world::{Event, World},
};

/// How far a wall clock jumps at most, in milliseconds.
const MAX_JUMP_MS: i64 = 3_600_000;
/// How slow a busy host is: so many microseconds for one input, doubled up to so many times; and for how
/// long.
const BUSY_US: u64 = 500;
const BUSY_DOUBLED: Range<u32> = 0..10;
const BUSY_FOR_US: Range<u64> = 500_000..5_000_000;
const RUSH_FOR_US: Range<u64> = 500_000..3_000_000;
/// Everything is healthy and connected: so many election timeouts later something is committed.
const ELECTIONS: u64 = 5;
/// Most that the copy of a batch takes.
const HAND_OVER_US: u64 = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies, the host lives and says so.
    Kill,
    /// The host dies, with all that was not synced.
    PowerCut,
    /// All hosts die at once.
    Blackout,
    /// Something that was written is not there any more.
    DamageDisk,
    /// A node gets a new, blank disk.
    ReplaceDisk,
    /// Two nodes get each other's disk.
    SwapDisks,
    FullDisk,
    FailSync,
    /// From now on every sync fails, also after restarts, until people have seen to the disk.
    WearOut,
    /// A write that ends with an error, done or not.
    FailWrite,
    SlowDisk,
    /// A disk does nothing for a while.
    HungDisk,
    Partition,
    /// A link breaks and comes back, many times.
    Flap,
    /// Links hold back what is sent, one after the other, and let go in another order.
    Clog,
    /// Clients reach some nodes no more.
    CutClients,
    /// One connection breaks.
    Reset,
    /// A process stands still for a while (SIGSTOP, a stalled host).
    Pause,
    /// A host has too much to do.
    Overload,
    /// Ten times as many requests as usual, and topics of thousands of partitions.
    Rush,
    /// The name of a peer is unknown at some node, or leads to another one, from its start on.
    WrongName,
    WallClockJump,
    /// A clean stop, or where raft runs alone a resignation.
    Resign,
    /// Raft alone: a snapshot, and the log before it is dropped. Controllers write theirs when it is time.
    Snapshot,
    /// Somebody who does not belong here asks for something.
    Stranger,
}

impl Fault {
    /// All, with the mean times between them, in milliseconds.
    pub const ALL: &[(Fault, Range<u64>)] = &[
        (Fault::Kill, 500..8_000),
        (Fault::PowerCut, 800..10_000),
        (Fault::Blackout, 5_000..30_000),
        (Fault::DamageDisk, 5_000..30_000),
        (Fault::ReplaceDisk, 15_000..40_000),
        (Fault::SwapDisks, 15_000..40_000),
        (Fault::FullDisk, 5_000..30_000),
        (Fault::FailSync, 3_000..30_000),
        (Fault::WearOut, 5_000..30_000),
        (Fault::FailWrite, 3_000..30_000),
        (Fault::SlowDisk, 3_000..15_000),
        (Fault::HungDisk, 5_000..30_000),
        (Fault::Partition, 1_000..10_000),
        (Fault::Flap, 3_000..15_000),
        (Fault::Clog, 2_000..10_000),
        (Fault::CutClients, 3_000..15_000),
        (Fault::Reset, 300..4_000),
        (Fault::Pause, 1_000..10_000),
        (Fault::Overload, 4_000..20_000),
        (Fault::Rush, 10_000..40_000),
        (Fault::WrongName, 2_000..15_000),
        (Fault::WallClockJump, 1_000..10_000),
        (Fault::Resign, 1_000..10_000),
        (Fault::Snapshot, 500..10_000),
        (Fault::Stranger, 50..2_000),
    ];
}

impl World {
    /// Only what had an effect has fired.
    pub fn fault(&mut self, fault: Fault) {
        let victim = self.nodes.keys().copied().choose(&mut self.rng);
        if self.strike(fault, victim.expect("at least one node")) {
            self.coverage.fired(fault);
        }
    }

    /// Says whether anything happened.
    fn strike(&mut self, fault: Fault, victim: NodeId) -> bool {
        let down_us = self.rng.random_range(0..self.plan.down_ms * 1000);
        let until = Time(self.now.0 + down_us);
        let runs = self.node(victim).core.is_some();
        match fault {
            Fault::Kill => {
                self.kill(victim);
                self.after(down_us, Event::Start(victim));
                return runs;
            }
            Fault::PowerCut => {
                self.cut_power(victim);
                self.after(down_us, Event::Start(victim));
                return runs;
            }
            Fault::Blackout => self.black_out(),
            Fault::DamageDisk => return self.damage_disk(victim),
            Fault::ReplaceDisk => return self.replace_disk(victim),
            Fault::SwapDisks => return self.swap_disks(down_us),
            Fault::FullDisk => {
                self.node(victim).disk.fail(Some(Failure::Full));
                self.after(down_us, Event::SpaceFreed(victim));
            }
            Fault::FailSync => self.node(victim).disk.fail(Some(Failure::Sync)),
            Fault::WearOut => self.wear_out(victim, down_us),
            Fault::FailWrite => {
                let done = self.rng.random();
                self.node(victim).disk.fail(Some(Failure::Write { done }));
            }
            Fault::SlowDisk => self.node(victim).slow_until = Some(until),
            Fault::HungDisk => self.node(victim).hung_until = Some(until),
            Fault::Partition => {
                let (plan, rng) = (&self.plan, &mut self.rng);
                match rng.random_bool(0.5) {
                    true => return self.network.partition(plan, rng),
                    false => {
                        self.network.heal();
                        return false;
                    }
                }
            }
            Fault::Flap => return self.flap(),
            Fault::Clog => return self.clog(down_us),
            Fault::CutClients => {
                let (clients, nodes) = (self.client_ids(), self.node_ids());
                let rng = &mut self.rng;
                return self.network.cut_clients(&clients, &nodes, rng);
            }
            Fault::Reset => return self.reset(victim),
            Fault::Pause => {
                self.node(victim).pause(until);
                return runs;
            }
            Fault::Overload => {
                let us = BUSY_US << self.rng.random_range(BUSY_DOUBLED);
                let until = Time(self.now.0 + self.rng.random_range(BUSY_FOR_US));
                self.node(victim).slow_cpu = Some((us, until));
            }
            Fault::Rush => {
                let us = self.rng.random_range(RUSH_FOR_US);
                self.rush(Time(self.now.0 + us));
            }
            Fault::WrongName => return self.mistake_a_name(victim, down_us),
            Fault::WallClockJump => {
                let jump_ms = self.rng.random_range(-MAX_JUMP_MS..=MAX_JUMP_MS);
                self.node(victim).wall_jump_ms = jump_ms;
            }
            Fault::Resign => return self.resign(victim, down_us),
            Fault::Snapshot => return self.snapshot(victim),
            Fault::Stranger => return self.let_a_stranger_ask(victim),
        }
        true
    }

    fn black_out(&mut self) {
        for id in self.node_ids() {
            self.cut_power(id);
            let down_us = self.rng.random_range(0..self.plan.down_ms * 1000);
            self.after(down_us, Event::Start(id));
        }
    }

    fn resign(&mut self, id: NodeId, down_us: u64) -> bool {
        let (life, raft) = (self.node(id).life, self.nodes[&id].raft());
        let has_effect = raft.is_some_and(|raft| raft.is_leader() || self.plan.controllers);
        self.node(id).watch.was_asked_to_resign = true;
        self.with(id, life, |core, now| core.resign(now));
        if self.plan.controllers {
            self.node(id).stops = true;
            self.after(50_000, Event::Stop { node: id, life });
            self.after(50_001 + down_us, Event::Start(id));
        }
        has_effect
    }

    /// The process dies; its host says so to everybody who was connected.
    pub fn kill(&mut self, id: NodeId) {
        if self.node(id).core.is_none() {
            return;
        }
        self.node(id).stop();
        self.close_connections(id);
        for other in self.node_ids() {
            if other != id {
                self.drop_connection(other, id);
            }
        }
    }

    /// The process, or its host, dies in the middle of what it does.
    pub fn crash(&mut self, id: NodeId) {
        self.coverage.reach(Mark::CrashedBetweenEffects);
        let down_us = self.rng.random_range(0..self.plan.down_ms * 1000);
        match self.rng.random_bool(0.5) {
            true => self.kill(id),
            false => self.cut_power(id),
        }
        self.after(down_us, Event::Start(id));
    }

    /// The connection of `node` to `peer` is closed by the peer's side.
    fn drop_connection(&mut self, node: NodeId, peer: NodeId) {
        let delay = self.network.delay_us(
            self.now,
            (peer, node),
            Kind::Close,
            &self.plan,
            &mut self.rng,
        );
        let Some(us) = delay else {
            return;
        };
        let life = self.node(node).life;
        let pending = self.node(node).pending.iter();
        let broken = pending.filter(|(_, to)| **to == peer);
        let broken: Vec<RequestId> = broken.map(|(id, _)| *id).collect();
        // The rim tells of the connection first where it noticed by itself, and of the requests where one failed.
        let first = self.rng.random();
        if first {
            self.after(us, Event::Disconnect { node, life, peer });
        }
        for id in broken {
            let to = Asker {
                node,
                life,
                id,
                version: 0,
            };
            let outcome = Err(SendError::Disconnected);
            let from = peer;
            self.after(us, Event::Answer { to, from, outcome });
        }
        if !first {
            self.after(us, Event::Disconnect { node, life, peer });
        }
    }

    fn reset(&mut self, id: NodeId) -> bool {
        let peers = self.node_ids().into_iter().filter(|peer| *peer != id);
        let peer = peers.choose(&mut self.rng);
        peer.into_iter()
            .for_each(|peer| self.drop_connection(id, peer));
        peer.is_some()
    }

    pub fn cut_power(&mut self, id: NodeId) {
        self.node(id).stop();
        self.close_connections(id);
        let node = self.nodes.get_mut(&id).expect("a node");
        node.dark = true;
        if let Some(end) = node.phantom_from.take() {
            // What was never synced goes, also from a disk that is worn.
            let is_worn = node.disk.is_worn();
            node.disk.wear_out(false);
            node.disk
                .truncate(end.max(node.disk.start().offset))
                .expect("a simulated disk");
            node.disk.wear_out(is_worn);
        }
        if node.disk.cut_power(&mut self.rng) > 0 {
            self.coverage.reach(Mark::TornTail);
        }
    }

    /// What a process had not looked at ends with it.
    fn close_connections(&mut self, id: NodeId) {
        self.after(0, Event::Free(id));
    }

    fn links(&self) -> Vec<(NodeId, NodeId)> {
        let ids = self.node_ids();
        let pairs = ids
            .iter()
            .flat_map(|from| ids.iter().map(|to| (*from, *to)));
        pairs.filter(|(from, to)| from != to).collect()
    }

    fn flap(&mut self) -> bool {
        let Some(link) = self.links().into_iter().choose(&mut self.rng) else {
            return false;
        };
        let mut us = 0;
        for round in 0..2 * self.rng.random_range(5..30) {
            us += self.rng.random_range(5_000..200_000);
            let cut = round % 2 == 0;
            self.after(us, Event::Link { link, cut });
        }
        true
    }

    fn clog(&mut self, down_us: u64) -> bool {
        let mut has_effect = false;
        for link in self.links() {
            if self.rng.random_bool(0.5) {
                let from_us = self.rng.random_range(0..=down_us);
                let until_us = self.rng.random_range(from_us..=2 * down_us + 1);
                let until = Time(self.now.0 + until_us);
                self.after(from_us, Event::Clog { link, until });
                has_effect = true;
            }
        }
        has_effect
    }

    /// A name that people or their DNS have wrong, for all processes of a node meanwhile.
    fn mistake_a_name(&mut self, id: NodeId, down_us: u64) -> bool {
        let ids = self.node_ids();
        let peers = ids.iter().filter(|peer| **peer != id);
        let Some(peer) = peers.choose(&mut self.rng) else {
            return false;
        };
        let wrong = ids
            .iter()
            .filter(|wrong| *wrong != peer)
            .choose(&mut self.rng);
        let wrong = wrong.copied().filter(|_| self.rng.random());
        self.network.set_name((id, *peer), Some(wrong));
        self.after(down_us, Event::NameRight((id, *peer)));
        true
    }

    pub fn heal(&mut self) {
        self.healed = true;
        self.healed_at = self.checker.committed_end();
        // By the slowest clock, and after the last leader's time is over.
        let slowest = 100 - self.plan.skew_percent / 2;
        let ms = self.plan.election_timeout_ms * ELECTIONS + self.plan.fetch_timeout_ms;
        // Who is elected may have to hand over what was never committed, a batch at a time.
        let ends = self.nodes.values().map(|node| node.disk.end().0);
        let behind = ends.clone().max().unwrap_or_default() - self.healed_at.0;
        let us = ms * 1000 * 100 / slowest + behind.max(0) as u64 * HAND_OVER_US;
        // And so has who is far behind to copy.
        let shortest = Offset(ends.min().unwrap_or_default());
        let longer = self
            .nodes
            .values()
            .map(|node| node.batches_from(shortest).count());
        let all_copied = self.now.0 + longer.max().unwrap_or_default() as u64 * HAND_OVER_US;
        self.end_at(Time(all_copied.max(self.plan.ends_at_ms * 1000)));
        let able = self.nodes.values().filter(|node| is_sound(node)).count();
        let is_able = able > self.nodes.len() / 2;
        // Without pre-votes a voter with a short log and a fast clock disturbs the others for longer.
        self.owes_commit = Some(Time(self.now.0 + us)).filter(|_| !self.old_release && is_able);
        self.network.stay_whole();
        self.give_disks_back();
        // In half of the runs everything that is well goes on.
        let gently = self.rng.random();
        for id in self.node_ids() {
            self.mend_disk(id);
            let (now, node) = (self.now, self.node(id));
            // What it syncs takes as long as it did when it began.
            let syncs_slowly = node.slow_until.is_some() && node.work.is_some();
            (node.slow_until, node.slow_cpu) = (None, None);
            let stands_still = node
                .paused_until
                .max(node.hung_until)
                .max(Some(node.busy_until));
            node.hung_until = None;
            let goes_on = stands_still <= Some(now) && !syncs_slowly;
            let is_well = node.core.is_some() && !node.stops && goes_on;
            if !(gently && is_well) {
                self.kill(id);
                self.node(id).begun_at_heal = true;
                self.after(1_000, Event::Start(id));
            }
        }
    }
}
