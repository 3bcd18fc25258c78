//! What goes wrong: processes die, hosts lose power, disks rot or are replaced, links break.

use kraftd::{
    controller::RequestId,
    log::{Log, memory::MemoryLog},
    protocol::{NodeId, Offset, OffsetAndEpoch, quorum_state::Standing},
    raft::SendError,
    time::Time,
};
use rand::{Rng, seq::IteratorRandom};

use crate::{
    core::Core,
    node::Asker,
    plan::Plan,
    rim::snapshot_content,
    world::{Event, World},
};

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The process dies, the host lives and says so.
    Kill,
    /// The host dies, with all that was not synced.
    PowerCut,
    /// All hosts die at once.
    Blackout,
    /// A bit of a synced batch flips.
    Rot,
    /// A node gets a new, blank disk.
    ReplaceDisk,
    Partition,
    /// One connection breaks.
    Reset,
    /// A process stands still for a while (SIGSTOP, a stalled host).
    Pause,
    /// A clean stop, or where raft runs alone a resignation.
    Resign,
    /// Raft alone: a snapshot, and the log before it is dropped.
    Snapshot,
}

impl Fault {
    pub const ALL: &[Fault] = &[
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
    ];

    pub fn every_ms(self, plan: &Plan) -> Option<u64> {
        match self {
            Fault::Kill => plan.kill_every_ms,
            Fault::PowerCut => plan.power_cut_every_ms,
            Fault::Blackout => plan.blackout_every_ms,
            Fault::Rot => plan.rot_every_ms,
            Fault::ReplaceDisk => plan.replace_disk_every_ms,
            Fault::Partition => plan.partition_every_ms,
            Fault::Reset => plan.reset_every_ms,
            Fault::Pause => plan.pause_every_ms,
            Fault::Resign => plan.resign_every_ms,
            Fault::Snapshot => plan.snapshot_every_ms,
        }
    }
}

impl World {
    pub fn fault(&mut self, fault: Fault) {
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
                for id in self.node_ids() {
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
            Fault::Resign => self.resign(victim, down_us),
            Fault::Snapshot => self.snapshot(victim),
        }
    }

    fn resign(&mut self, id: NodeId, down_us: u64) {
        let life = self.node(id).life;
        self.with(id, life, |core, now| core.resign(now));
        if self.plan.controllers {
            self.after(50_000, Event::Stop { node: id, life });
            self.after(50_001 + down_us, Event::Start(id));
        }
    }

    /// The process dies; its host says so to everybody who was connected.
    pub fn kill(&mut self, id: NodeId) {
        if self.node(id).core.is_none() {
            return;
        }
        self.checker.counts.crashes += 1;
        self.node(id).stop();
        for other in self.node_ids() {
            if other != id {
                self.drop_connection(other, id);
            }
        }
    }

    /// The connection of `node` to `peer` is closed by the peer's side.
    fn drop_connection(&mut self, node: NodeId, peer: NodeId) {
        let delay = self.network.delay_us(peer, node, &self.plan, &mut self.rng);
        let Some(us) = delay else {
            return;
        };
        let life = self.node(node).life;
        let pending = self.node(node).pending.iter();
        let broken = pending.filter(|(_, to)| **to == peer);
        let broken: Vec<RequestId> = broken.map(|(id, _)| *id).collect();
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
        self.after(us, Event::Disconnect { node, life, peer });
    }

    fn reset(&mut self, id: NodeId) {
        let peers = self.node_ids().into_iter().filter(|peer| *peer != id);
        if let Some(peer) = peers.choose(&mut self.rng) {
            self.drop_connection(id, peer);
        }
    }

    fn cut_power(&mut self, id: NodeId) {
        if self.node(id).core.is_some() {
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

    /// A bit of the log flips. Found at the next start, which comes at once, so that the world knows
    /// how many disks are damaged.
    fn rot(&mut self, id: NodeId) {
        let more = self.plan.nodes > 1;
        if more && self.others_are_sound(id) {
            self.kill(id);
            let node = self.nodes.get_mut(&id).expect("a node");
            node.disk.rot(&mut self.rng);
            node.disk.recover();
            self.after(1_000_000, Event::Start(id));
        }
    }

    /// Only where the others have records: a quorum that never wrote any cannot be told from a new one.
    fn replace_disk(&mut self, id: NodeId) {
        let mut others = self.nodes.values().filter(|node| node.id != id);
        let have_records = others.all(|node| node.disk.end() > Offset(0));
        let more = self.plan.nodes > 1;
        if more && self.others_are_sound(id) && have_records {
            self.kill(id);
            self.node(id).disk = MemoryLog::default();
            self.node(id).was_amnesiac = false;
            self.checker.on_forgotten(id, self.plan.nodes);
            self.after(1_000_000, Event::Start(id));
        }
    }

    /// The node writes a snapshot of what is committed, and drops the log before it.
    fn snapshot(&mut self, id: NodeId) {
        let node = &self.nodes[&id];
        let Some(Core::Raft(raft)) = &node.core else {
            return;
        };
        let committed = raft.high_watermark().unwrap_or(Offset(0));
        let durable = committed.min(node.disk.synced_end());
        let batches = node.disk.batches();
        let last = batches.iter().rfind(|batch| batch.end_offset() <= durable);
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
        self.with(id, life, |core, now| {
            core.on_snapshot_written(now, snapshot, bytes)
        });
        let dropped = self.node(id).disk.drop_prefix(snapshot);
        dropped.expect("a simulated disk");
        self.with(id, life, |core, now| core.on_log_start(now, snapshot));
    }

    pub fn heal(&mut self) {
        self.healed = true;
        self.network.stay_whole();
        for id in self.node_ids() {
            self.node(id).paused_until = None;
            // Also those whose clean stop is under way.
            self.kill(id);
            self.after(1_000, Event::Start(id));
        }
    }
}
