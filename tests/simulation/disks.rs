//! What happens to disks, within what is promised: a failure is always a bug. The promise is that damage to
//! one disk at a time loses nothing, however far behind the other voters are, and is always noticed. What
//! was noted as acknowledged can be missed; the newest records before that look like a torn end.

use kraftd::{
    log::{
        Log, LogError,
        memory::{Damage, MemoryLog},
    },
    protocol::{NodeId, Offset, OffsetAndEpoch, quorum_state::Standing},
};
use rand::{Rng, seq::IndexedRandom};

use crate::{
    bugs::PlantedBug,
    core::Core,
    coverage::Mark,
    node::{Job, Node},
    rim::snapshot_content,
    world::{Event, World},
};

/// Those of snapshots twice, since many logs begin without one.
const DAMAGES: &[Damage] = &[
    Damage::Rot,
    Damage::Misdirected,
    Damage::TailLost,
    Damage::VoterStateLost,
    Damage::SnapshotRot,
    Damage::SnapshotRot,
    Damage::SnapshotLost,
    Damage::SnapshotLost,
];
/// How long it takes people to replace a disk, in microseconds.
const REPAIR_US: u64 = 1_000_000;

pub fn is_sound(node: &Node) -> bool {
    node.disk.is_readable() && node.disk.saved_quorum_state().standing == Standing::Sound
}

impl World {
    /// The fault atlas: whether a disk may be damaged without going beyond what is promised. Every other
    /// one is whole, trusted and where it belongs.
    fn may_damage(&self, id: NodeId) -> bool {
        let mut others = self.nodes.values().filter(|node| node.id != id);
        self.plan.nodes > 1 && self.swapped.is_none() && others.all(is_sound)
    }

    /// Found at the next start, which comes at once, so that the atlas knows how many disks are damaged.
    pub fn damage_disk(&mut self, id: NodeId) -> bool {
        if !self.may_damage(id) || !self.nodes[&id].disk.is_readable() {
            return false;
        }
        let damage = *DAMAGES.choose(&mut self.rng).expect("some damage");
        self.do_damage(id, damage)
    }

    /// Says whether there was something to damage.
    pub fn do_damage(&mut self, id: NodeId, damage: Damage) -> bool {
        self.kill(id);
        let node = self.nodes.get_mut(&id).expect("a node");
        node.lose();
        let sound_before = node.disk.saved_quorum_state().clone();
        let damaged = node.disk.damage(damage, &mut self.rng);
        if damaged {
            self.coverage.reach(mark_of(damage));
        }
        if damaged && node.disk.is_readable() {
            node.disk.recover();
            if self.plan.has(PlantedBug::DamageCutSilently) {
                node.disk
                    .save_quorum_state(&sound_before)
                    .expect("a simulated disk");
            }
        }
        if damaged && damage == Damage::VoterStateLost {
            self.checker.on_forgotten(id, self.plan.nodes);
        }
        self.after(REPAIR_US, Event::Start(id));
        damaged
    }

    /// Only where the others have records on disk: a quorum that never wrote any cannot be told from a new one, and
    /// neither can it by a voter that never did.
    pub fn replace_disk(&mut self, id: NodeId) -> bool {
        let mut others = self.nodes.values().filter(|node| node.id != id);
        let have_records = others.all(|node| node.disk.synced_end() > Offset(0));
        let may = self.may_damage(id) && have_records;
        if may {
            self.kill(id);
            self.put_in_blank_disk(id);
            self.after(REPAIR_US, Event::Start(id));
        }
        may
    }

    pub fn put_in_blank_disk(&mut self, id: NodeId) {
        self.coverage.reach(Mark::BlankDisk);
        let bug = self.plan.has(PlantedBug::BlankDiskVotes);
        let node = self.node(id);
        node.lose();
        node.disk = MemoryLog::default();
        node.was_amnesiac = false;
        if bug {
            node.disk
                .save_quorum_state(&Default::default())
                .expect("a simulated disk");
        }
        self.checker.on_forgotten(id, self.plan.nodes);
    }

    /// Two nodes are started with each other's disk, until somebody notices.
    pub fn swap_disks(&mut self, down_us: u64) -> bool {
        let nodes = self.plan.nodes;
        if nodes == 1 {
            return false;
        }
        let a = self.rng.random_range(0..nodes);
        let b = (a + self.rng.random_range(1..nodes)) % nodes;
        let (a, b) = (NodeId(a + 1), NodeId(b + 1));
        let may = self.swapped.is_none() && self.nodes.values().all(is_sound);
        if may {
            self.swapped = Some((a, b));
            self.exchange(a, b);
            self.after(down_us + REPAIR_US, Event::DisksBack);
        }
        may
    }

    fn exchange(&mut self, a: NodeId, b: NodeId) {
        self.kill(a);
        self.kill(b);
        let node = self.node(a);
        let of_a = (std::mem::take(&mut node.disk), node.lost_below);
        let node = self.node(b);
        let of_b = (std::mem::replace(&mut node.disk, of_a.0), node.lost_below);
        node.lost_below = of_a.1;
        let node = self.node(a);
        (node.disk, node.lost_below) = of_b;
        self.after(1_000, Event::Start(a));
        self.after(1_000, Event::Start(b));
    }

    pub fn give_disks_back(&mut self) {
        if let Some((a, b)) = self.swapped.take() {
            self.exchange(a, b);
        }
    }

    /// A process could not do what it must, and stops. Somebody starts it again.
    pub fn stop_for(&mut self, id: NodeId, error: &LogError) {
        let text = error.to_string();
        let mark = match error {
            LogError::Refused(_) => Mark::WrongDiskRefused,
            LogError::Corrupt { .. } => Mark::SnapshotRotRefused,
            LogError::Io { .. } if text.contains("Free space") => Mark::DiskFull,
            LogError::Io { .. } if text.contains("cannot sync") => Mark::SyncFailed,
            LogError::Io { .. } => Mark::WriteFailed,
            LogError::SnapshotNotFound(_) => panic!("{id} needs a snapshot that it has not"),
        };
        self.coverage.reach(mark);
        if mark == Mark::SyncFailed && self.nodes[&id].core.is_none() {
            self.coverage.reach(Mark::StartFailedOnWornDisk);
        }
        assert!(text.len() > 20, "it says why and what helps: {text}");
        tracing::info!(node = id.0, text, "stops");
        self.kill(id);
        if mark == Mark::SnapshotRotRefused {
            // The text tells people to replace the disk.
            self.put_in_blank_disk(id);
        }
        let us = self.rng.random_range(0..=REPAIR_US);
        self.after(us, Event::Start(id));
    }

    /// For the end: nothing fails any more.
    pub fn mend_disk(&mut self, id: NodeId) {
        let disk = &mut self.node(id).disk;
        disk.fail(None);
        disk.wear_out(false);
    }

    /// No sync succeeds any more, whatever is started there.
    pub fn wear_out(&mut self, id: NodeId, down_us: u64) {
        self.node(id).disk.wear_out(true);
        self.after(REPAIR_US + down_us, Event::DiskSeenTo(id));
    }

    /// People copy what a worn disk still shows to a new one, or put in a blank one where that is safe.
    pub fn see_to_disk(&mut self, id: NodeId) {
        if self.node(id).disk.is_worn() {
            if self.rng.random() {
                self.replace_disk(id);
            }
            self.mend_disk(id);
        }
    }

    /// The node writes a snapshot of what is committed, and drops the log before it. Says whether there was any of it.
    pub fn snapshot(&mut self, id: NodeId) -> bool {
        let node = &self.nodes[&id];
        let Some(Core::Raft(raft)) = &node.core else {
            return false;
        };
        let committed = raft.high_watermark().unwrap_or(Offset(0));
        let durable = committed.min(node.disk.synced_end());
        let batches = node.disk.batches();
        let last = batches.iter().rfind(|batch| batch.end_offset() <= durable);
        let Some(last) = last else {
            return false;
        };
        let mut snapshot = OffsetAndEpoch {
            offset: last.end_offset(),
            epoch: last.epoch(),
        };
        let content = snapshot_content(self.checker.digest(snapshot.offset));
        if self.plan.has(PlantedBug::SnapshotOffByOne) && last.count() > 1 {
            snapshot.offset = last.last_offset();
        }
        let life = node.life;
        let written = self.node(id).disk.write_snapshot(snapshot, [content]);
        let Some(bytes) = self.survive(id, written) else {
            return false;
        };
        self.with(id, life, |core, now| {
            core.on_snapshot_written(now, snapshot, bytes)
        });
        if self.node(id).life == life {
            self.hand_over(id, Job::DropPrefix(snapshot));
        }
        true
    }
}

fn mark_of(damage: Damage) -> Mark {
    match damage {
        Damage::Rot => Mark::LogRotted,
        Damage::Misdirected => Mark::WriteMisdirected,
        Damage::TailLost => Mark::TailLost,
        Damage::VoterStateLost => Mark::VoterStateLost,
        Damage::SnapshotRot => Mark::SnapshotRotted,
        Damage::SnapshotLost => Mark::SnapshotLost,
    }
}
