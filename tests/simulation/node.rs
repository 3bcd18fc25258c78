//! One voter as the rim would run it: performs raft's effects on a simulated disk, which does one thing
//! after the other.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};
use kraftd::{
    controller::{Effect, Lanes, RequestId, Restored},
    log::{Log, LogError, Recovered, memory::MemoryLog},
    protocol::{
        NodeId, Offset, OffsetAndEpoch, QuorumState, api::Request, quorum_state::Standing,
        record_batch::RecordBatch,
    },
    raft::{Raft, Token},
    server::{
        self,
        contacts::{Contacts, Session},
    },
    time::{Now, Time},
};

use crate::{
    core::{Core, load},
    watch::Watch,
    world::Event,
};

/// Where an answer goes.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub node: NodeId,
    pub life: u64,
    pub id: RequestId,
    pub version: i16,
}

/// What the disk is to do while the process goes on.
pub enum Job {
    Append(RecordBatch),
    WriteChunk(OffsetAndEpoch, u64, Bytes),
    Install(OffsetAndEpoch),
    DropPrefix(OffsetAndEpoch),
}

/// What the disk has done.
pub enum Report {
    Durable(Offset),
    ChunkWritten,
    Installed(OffsetAndEpoch),
    LogStart(OffsetAndEpoch),
}

pub struct Node {
    pub id: NodeId,
    pub disk: MemoryLog,
    /// Runs; `None` while the process is down.
    pub core: Option<Core>,
    /// Counts the lives of the process: what was meant for an earlier one is dropped.
    pub life: u64,
    /// The host is without power: nobody refuses connections either.
    pub dark: bool,
    pub paused_until: Option<Time>,
    /// Its disk takes long, or does nothing at all, until then.
    pub slow_until: Option<Time>,
    pub hung_until: Option<Time>,
    /// What waits for the hung disk, and the process with it.
    pub stuck: Option<Effect>,
    /// Every input takes so many microseconds, until then.
    pub slow_cpu: Option<(u64, Time)>,
    pub busy_until: Time,
    /// What has arrived meanwhile.
    pub inbox: Lanes<Event>,
    /// When it looks into it next.
    pub looks_at: Option<Time>,
    /// Heartbeats that have arrived, and not been told to the controller.
    pub contacts: Contacts,
    /// When each broker was last heard from in this life.
    pub heard: BTreeMap<Session, Time>,
    /// What the disk does at present (the last of what it syncs, if it does that), what was handed to it
    /// meanwhile, and what it has done that the process has not heard of.
    pub work: Option<Job>,
    pub queue: VecDeque<Job>,
    pub reports: VecDeque<Report>,
    /// How many syncs there were, and when what is acknowledged was last noted.
    pub syncs: u64,
    pub noted_at: Time,
    /// Requests of ours without an answer.
    pub pending: BTreeMap<RequestId, NodeId>,
    /// Who waits for an answer, and since when.
    pub askers: BTreeMap<Token, (Asker, Time)>,
    pub next_token: u64,
    pub wake_at: Option<Time>,
    /// Of the planted bug that saves late.
    pub unsaved: Option<QuorumState>,
    pub was_leader: bool,
    pub was_role: &'static str,
    pub was_stable: Option<Offset>,
    /// Here its state was equal to what the log says.
    pub agreed_at: Option<Offset>,
    /// Of the planted bug that trusts what it reads: where the disk really ended at the start.
    pub phantom_from: Option<Offset>,
    /// The high watermark last seen, and where the part of the log ends that was compared with what is
    /// committed.
    pub committed: Offset,
    pub compared: Offset,
    pub was_amnesiac: bool,
    /// How far its disk was synced when it was damaged or replaced: leaders may have counted that much.
    pub lost_below: Offset,
    pub watch: Watch,
    /// Of planted bugs: the last Fetch of every other node, the first deadline, and whether it has resigned.
    pub old_fetches: BTreeMap<NodeId, (i16, Request)>,
    pub stale_deadline: Option<Time>,
    pub has_resigned: bool,
    /// It was asked to stop.
    pub stops: bool,
    /// It was started when all faults ended.
    pub begun_at_heal: bool,
    /// The snapshot that it fetches.
    pub download: Option<OffsetAndEpoch>,
    /// Percent of true speed, and start, of its monotonic clock.
    pub clock_percent: u64,
    pub clock_offset_us: u64,
    pub wall_jump_ms: i64,
}

impl Node {
    pub fn new(id: NodeId, clock_percent: u64, clock_offset_us: u64) -> Node {
        Node {
            id,
            disk: MemoryLog::default(),
            core: None,
            life: 0,
            dark: false,
            paused_until: None,
            slow_until: None,
            hung_until: None,
            stuck: None,
            slow_cpu: None,
            busy_until: Time(0),
            inbox: Lanes::default(),
            looks_at: None,
            contacts: Contacts::default(),
            heard: BTreeMap::new(),
            work: None,
            queue: VecDeque::new(),
            reports: VecDeque::new(),
            syncs: 0,
            noted_at: Time(0),
            pending: BTreeMap::new(),
            askers: BTreeMap::new(),
            next_token: 0,
            wake_at: None,
            unsaved: None,
            was_leader: false,
            was_role: "",
            was_stable: None,
            agreed_at: None,
            phantom_from: None,
            committed: Offset(0),
            compared: Offset(0),
            was_amnesiac: false,
            lost_below: Offset(0),
            watch: Watch::default(),
            old_fetches: BTreeMap::new(),
            stale_deadline: None,
            has_resigned: false,
            stops: false,
            begun_at_heal: false,
            download: None,
            clock_percent,
            clock_offset_us,
            wall_jump_ms: 0,
        }
    }

    /// The process, if there is one, does nothing until then.
    pub fn pause(&mut self, until: Time) {
        if self.core.is_some() {
            self.paused_until = self.paused_until.max(Some(until));
        }
    }

    /// What it does now takes it so long, after all that it has begun.
    pub fn be_busy(&mut self, now: Time, us: u64) {
        self.busy_until = Time(self.busy_until.max(now).0 + us);
    }

    pub fn raft(&self) -> Option<&Raft> {
        self.core.as_ref().map(Core::raft)
    }

    /// A heartbeat arrived, or had its turn.
    pub fn hear(&mut self, session: Session, at: Time) {
        let heard = self.heard.entry(session).or_insert(at);
        *heard = at.max(*heard);
    }

    /// What this node's clocks show at the true time.
    pub fn now(&self, time: Time) -> Now {
        let elapsed = time.0 * self.clock_percent / 100;
        Now {
            time: Time(self.clock_offset_us + elapsed),
            wall_clock_ms: 1_700_000_000_000 + (elapsed / 1000) as i64 + self.wall_jump_ms,
        }
    }

    /// The true time at which this node's clock shows `local`.
    pub fn true_time(&self, local: Time) -> Time {
        let elapsed = local.0.saturating_sub(self.clock_offset_us);
        Time((elapsed * 100).div_ceil(self.clock_percent))
    }

    /// What a controller's start makes of what it has found on the disk.
    pub fn restore(&mut self, found: Recovered) -> Restored {
        let restored = server::restore(&mut self.disk, found, |disk, id| {
            let content = disk.snapshot(id).expect("a snapshot that is listed");
            Ok(load(id, content.clone()))
        });
        restored.expect("a simulated disk")
    }

    /// The process ends. What it gave to the disk survives, unless the power goes with it.
    pub fn stop(&mut self) {
        self.core = None;
        self.life += 1;
        self.busy_until = Time(0);
        self.stops = false;
        self.work = None;
        self.queue.clear();
        self.reports.clear();
        self.pending.clear();
        self.askers.clear();
        self.wake_at = None;
        self.unsaved = None;
        self.paused_until = None;
        self.stuck = None;
        self.contacts = Contacts::default();
        self.heard.clear();
        self.watch = Watch::default();
        self.old_fetches.clear();
        (self.stale_deadline, self.has_resigned) = (None, false);
        self.download = None;
        self.was_leader = false;
        self.was_role = "";
        (self.was_stable, self.agreed_at) = (None, None);
        (self.committed, self.compared) = (Offset(0), Offset(0));
    }

    /// All batches, those on their way to the disk included.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &RecordBatch> {
        self.disk.batches().iter().chain(self.queued())
    }

    fn queued(&self) -> impl DoubleEndedIterator<Item = &RecordBatch> {
        self.queue.iter().filter_map(|job| match job {
            Job::Append(batch) => Some(batch),
            Job::WriteChunk(..) | Job::Install(_) | Job::DropPrefix(_) => None,
        })
    }

    /// Those that reach beyond `offset`.
    pub fn batches_from(&self, offset: Offset) -> impl Iterator<Item = &RecordBatch> {
        let written = self.disk.batches();
        let first = written.partition_point(|batch| batch.end_offset() <= offset);
        written[first..].iter().chain(
            self.queued()
                .filter(move |batch| batch.end_offset() > offset),
        )
    }

    /// Whether a power cut would leave this batch here, itself or in a snapshot.
    pub fn holds(&self, batch: &RecordBatch) -> bool {
        if batch.end_offset() > self.disk.synced_end() {
            return false;
        }
        let mut held = self.batches_from(batch.base_offset());
        self.disk.start().offset >= batch.end_offset()
            || held
                .next()
                .is_some_and(|held| held.bytes() == batch.bytes())
    }

    /// Whether it was counted as held here, and may have been lost since.
    pub fn may_have_lost(&self, batch: &RecordBatch) -> bool {
        let is_sound = self.disk.saved_quorum_state().standing == Standing::Sound;
        !is_sound && batch.end_offset() <= self.lost_below
    }

    /// What its disk has goes, or may.
    pub fn lose(&mut self) {
        self.lost_below = self.lost_below.max(self.disk.synced_end());
    }

    /// Offset after the last of them, or after the snapshot that takes their place.
    pub fn end(&self) -> Offset {
        let mut jobs = self.work.iter().chain(&self.queue).rev();
        let end = jobs.find_map(|job| match job {
            Job::Append(batch) => Some(batch.end_offset()),
            Job::Install(id) => Some(id.offset),
            Job::WriteChunk(..) | Job::DropPrefix(_) => None,
        });
        end.unwrap_or(self.disk.end())
    }

    /// Whole batches from `from` on, one at least, as an answer to a Fetch carries them.
    pub fn read(&self, from: Offset, max_bytes: usize) -> Bytes {
        let mut bytes = BytesMut::new();
        if from < self.disk.start().offset {
            // Dropped, and the process has yet to hear of it.
            return bytes.freeze();
        }
        for batch in self.batches_from(from) {
            let fits = bytes.len() + batch.bytes().len() <= max_bytes;
            if !bytes.is_empty() && !fits {
                break;
            }
            bytes.extend_from_slice(batch.bytes());
        }
        bytes.freeze()
    }

    /// Says whether the disk begins with it, or with what came before it.
    pub fn hand_over(&mut self, job: Job) -> bool {
        self.queue.push_back(job);
        self.work.is_none() && self.take_up()
    }

    /// The disk turns to what is next: all appends up to something else go with one sync. Says whether there is
    /// anything.
    pub fn take_up(&mut self) -> bool {
        self.work = self.queue.pop_front();
        while let Some(Job::Append(batch)) = &self.work {
            self.disk.append(batch).expect("appends wait for a sync");
            if !matches!(self.queue.front(), Some(Job::Append(_))) {
                break;
            }
            self.work = self.queue.pop_front();
        }
        self.work.is_some()
    }

    /// Whether the log moves before all that was asked of the disk is done.
    pub fn moves_log(&self) -> bool {
        let mut jobs = self.work.iter().chain(&self.queue);
        jobs.any(|job| !matches!(job, Job::Append(_)))
    }

    /// What was appended is durable.
    pub fn sync(&mut self) -> Result<Offset, LogError> {
        let end = self.disk.sync()?;
        self.syncs += 1;
        Ok(end)
    }
}
