//! A quorum of raft alone, with disks in memory, in which nothing happens but what the script and its
//! consequences make happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use kraftd::{
    log::{Log, memory::MemoryLog},
    protocol::{
        Epoch, NodeId, OffsetAndEpoch, Uuid,
        api::{Request, Response},
        messages::fetch::{FetchPartition, FetchRequest, FetchTopic, ReplicaState},
        record_batch::RecordBatch,
        records::{FeatureLevelRecord, MetadataRecord},
    },
    raft::{Endpoint, Options, Raft, RequestId, SendError, TOPIC, TOPIC_ID, Token, VoterSet},
    server,
    time::{Now, Time},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tracing::Dispatch;
use tracing_subscriber::{layer::SubscriberExt, registry};

use super::text::{self, Said};

const ELECTION_TIMEOUT_MS: u64 = 1000;
const FETCH_TIMEOUT_MS: u64 = 2000;
pub(super) const REQUEST_TIMEOUT_MS: u64 = 2000;
/// So many deadlines of a voter without any change of role are a mistake in the script.
const PATIENCE: usize = 20;

pub struct World {
    pub(super) time: Time,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub old: Vec<NodeId>,
    /// Believe that nobody else is a voter.
    pub alone: Vec<NodeId>,
    pub fetch_max_bytes: usize,
    /// What happens next without time passing.
    pub(super) next: VecDeque<Step>,
    /// Links whose messages wait.
    pub held: BTreeSet<(NodeId, NodeId)>,
    pub(super) waiting: Vec<Message>,
    pub shows: Shows,
    pub(super) lines: Vec<String>,
    pub(super) said: Said,
    pub(super) dispatch: Dispatch,
}

/// How much of what happens is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Nothing,
    /// What the nodes do.
    Outcome,
    /// And what they say to each other.
    Messages,
}

pub(super) struct Node {
    pub(super) raft: Option<Raft>,
    pub(super) disk: MemoryLog,
    pub(super) starts: u64,
    /// Its clock is ahead of the others' by this, in microseconds.
    pub(super) ahead_us: u64,
    /// Appends stay in memory, and snapshots are not installed.
    pub(super) stalls: bool,
    /// A snapshot that the disk is to install.
    pub(super) installing: Option<OffsetAndEpoch>,
    /// The host is down, so nobody refuses connections.
    pub(super) dark: bool,
    pub(super) askers: BTreeMap<Token, Asker>,
    /// Requests without an answer, with the times at which they end.
    pub(super) pending: BTreeMap<RequestId, (NodeId, Time)>,
}

#[derive(Clone, Copy)]
pub(super) struct Asker {
    pub(super) id: NodeId,
    pub(super) request: RequestId,
    pub(super) version: i16,
}

pub(super) enum Step {
    Message(Box<Message>),
    Sync(NodeId),
}

pub(super) struct Message {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) id: RequestId,
    pub(super) version: i16,
    pub(super) content: Content,
}

pub(super) enum Content {
    Request(Request),
    Answer(Result<Response, SendError>),
}

impl Default for World {
    fn default() -> World {
        let said = Said::default();
        World {
            time: Time(1_000_000_000),
            nodes: BTreeMap::new(),
            old: Vec::new(),
            alone: Vec::new(),
            fetch_max_bytes: 8 << 20,
            next: VecDeque::new(),
            held: BTreeSet::new(),
            waiting: Vec::new(),
            shows: Shows::Messages,
            lines: Vec::new(),
            dispatch: Dispatch::new(registry().with(said.clone())),
            said,
        }
    }
}

impl World {
    pub fn begin(&mut self, ids: Vec<NodeId>) {
        for id in &ids {
            let node = Node {
                raft: None,
                disk: MemoryLog::default(),
                starts: 0,
                ahead_us: 0,
                stalls: false,
                installing: None,
                dark: false,
                askers: BTreeMap::new(),
                pending: BTreeMap::new(),
            };
            self.nodes.insert(*id, node);
        }
        ids.into_iter().for_each(|id| self.restart(id));
    }

    pub fn take_text(&mut self) -> String {
        let text = std::mem::take(&mut self.lines).join("\n");
        match self.shows {
            Shows::Nothing => String::new(),
            Shows::Outcome | Shows::Messages => text,
        }
    }

    pub(super) fn tell(&mut self, id: NodeId, what: impl AsRef<str>) {
        self.lines.push(format!("{id} {}", what.as_ref()));
    }

    pub fn links(&self) -> Vec<(NodeId, NodeId)> {
        let ids = || self.nodes.keys().copied();
        let pairs = ids().flat_map(|from| ids().map(move |to| (from, to)));
        pairs.filter(|(from, to)| from != to).collect()
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a voter of the script")
    }

    pub(super) fn now(&self, id: NodeId) -> Now {
        let time = Time(self.time.0 + self.nodes[&id].ahead_us);
        Now {
            time,
            wall_clock_ms: (time.0 / 1000) as i64,
        }
    }

    /// Lets a node see an input, if it runs, and does what it asks for.
    pub fn with(&mut self, id: NodeId, input: impl FnOnce(&mut Raft, Now)) {
        let now = self.now(id);
        let dispatch = self.dispatch.clone();
        let node = self.nodes.get_mut(&id).expect("a voter of the script");
        if let Some(raft) = &mut node.raft {
            tracing::dispatcher::with_default(&dispatch, || input(raft, now));
            self.perform(id);
        }
    }

    pub fn restart(&mut self, id: NodeId) {
        let now = self.now(id);
        let alone = self.alone.contains(&id);
        let voters = self.nodes.keys().filter(|other| !alone || **other == id);
        let endpoint = |id: NodeId| Endpoint {
            listener_name: "CONTROLLER".to_owned(),
            host: format!("host{id}"),
            port: 9093,
        };
        let voters = voters.map(|id| (*id, endpoint(*id)));
        let voters = VoterSet::new(voters.collect());
        let options = Options {
            node_id: id,
            directory_id: Uuid([id.0 as u8 + 1; 16]),
            cluster_id: "AAAAAAAAAAAAAAAAAAAAXQ".to_owned(),
            advertised: endpoint(id),
            election_timeout_ms: ELECTION_TIMEOUT_MS,
            fetch_timeout_ms: FETCH_TIMEOUT_MS,
            election_backoff_max_ms: ELECTION_TIMEOUT_MS,
            retry_backoff_ms: 20,
            fetch_max_bytes: self.fetch_max_bytes,
            fetch_snapshot_max_bytes: 20,
        };
        let dispatch = self.dispatch.clone();
        let node = self.node(id);
        assert!(node.raft.is_none(), "{id} runs already");
        node.starts += 1;
        node.dark = false;
        let found = node.disk.recover();
        let restored = server::restore_raft(found);
        let rng = ChaCha8Rng::seed_from_u64(node.starts << 32 | id.0 as u64);
        let start = || Raft::new(options, voters, restored, rng, now);
        node.raft = Some(tracing::dispatcher::with_default(&dispatch, start));
        self.perform(id);
    }

    /// A request of `id` to `peer` comes back without an answer.
    pub(super) fn fail(&mut self, id: NodeId, request: RequestId, peer: NodeId, error: SendError) {
        self.next.push_back(Step::Message(Box::new(Message {
            from: peer,
            to: id,
            id: request,
            version: 0,
            content: Content::Answer(Err(error)),
        })));
    }

    pub fn deliver(&mut self, links: &[(NodeId, NodeId)]) {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let wanted = |message: &Message| links.contains(&(message.from, message.to));
        let (wanted, kept): (Vec<_>, Vec<_>) = waiting.partition(wanted);
        self.waiting = kept;
        self.next.extend(
            wanted
                .into_iter()
                .map(|message| Step::Message(Box::new(message))),
        );
    }

    pub fn drop(&mut self, links: &[(NodeId, NodeId)]) {
        let wanted = |message: &Message| links.contains(&(message.from, message.to));
        self.waiting.retain(|message| !wanted(message));
    }

    pub fn free(&mut self) {
        self.held.clear();
        self.deliver(&self.links());
    }

    pub fn disconnect(&mut self, peer: NodeId, id: NodeId) {
        let pending = self.node(id).pending.iter();
        let broken: Vec<RequestId> = pending
            .filter(|(_, (to, _))| *to == peer)
            .map(|(request, _)| *request)
            .collect();
        for request in broken {
            self.node(id).pending.remove(&request);
            let outcome = Err(SendError::Disconnected);
            self.with(id, |raft, now| {
                raft.on_response(now, peer, request, outcome)
            });
        }
        self.with(id, |raft, now| raft.on_disconnect(now, peer));
    }

    fn stop(&mut self, id: NodeId) {
        let node = self.node(id);
        node.raft = None;
        node.askers.clear();
        node.pending.clear();
        node.ahead_us = 0;
        node.stalls = false;
        node.installing = None;
    }

    pub fn kill(&mut self, id: NodeId) {
        self.stop(id);
        let others: Vec<NodeId> = self
            .nodes
            .keys()
            .copied()
            .filter(|other| *other != id)
            .collect();
        for other in others {
            self.disconnect(id, other);
        }
    }

    pub fn cut_power(&mut self, id: NodeId) {
        self.stop(id);
        let node = self.node(id);
        node.dark = true;
        // Nothing that was not synced is lucky.
        let survivors = |seed| {
            let mut disk = node.disk.clone();
            disk.cut_power(&mut ChaCha8Rng::seed_from_u64(seed));
            (disk.end() == node.disk.synced_end()).then_some(disk)
        };
        node.disk = (0..).find_map(survivors).expect("some seed");
    }

    pub fn replace_disk(&mut self, id: NodeId) {
        assert!(self.node(id).raft.is_none(), "{id} is down");
        self.node(id).disk = MemoryLog::default();
    }

    pub fn stall(&mut self, id: NodeId) {
        self.node(id).stalls = true;
    }

    pub fn sync(&mut self, id: NodeId) {
        let node = self.node(id);
        let disk = &mut node.disk;
        if let Some(snapshot) = node.installing.take() {
            disk.install_snapshot(snapshot).expect("a disk in memory");
            return self.with(id, |raft, now| raft.on_snapshot_installed(now, snapshot));
        }
        let end = disk.sync().expect("a disk in memory");
        disk.save_acknowledged().expect("a disk in memory");
        self.with(id, |raft, now| raft.on_durable(now, end));
    }

    pub fn propose(&mut self, id: NodeId, value: &str) -> Result<(), String> {
        let record = MetadataRecord::from(FeatureLevelRecord {
            name: value.to_owned(),
            ..Default::default()
        });
        let raft = self.node(id).raft.as_ref();
        if !raft.is_some_and(Raft::is_leader) {
            return Err(format!("{id} does not lead"));
        }
        self.with(id, |raft, now| {
            let (end, epoch) = (raft.end_offset(), raft.epoch());
            let batch = RecordBatch::of_records(end, epoch, now.wall_clock_ms, [(&record, 0)]);
            raft.append(now, batch.expect("a small batch"));
        });
        Ok(())
    }

    pub fn snapshot(&mut self, id: NodeId, keeps_log: bool) -> Result<(), String> {
        let node = self.node(id);
        let committed = node.raft.as_ref().and_then(Raft::high_watermark);
        let mut batches = node.disk.batches().iter();
        let last = batches.rfind(|batch| Some(batch.end_offset()) <= committed);
        let last = last.ok_or("nothing is committed")?;
        let snapshot = OffsetAndEpoch {
            offset: last.end_offset(),
            epoch: last.epoch(),
        };
        let content = Bytes::from(format!("all that was committed below {}", snapshot.offset));
        let written = node.disk.write_snapshot(snapshot, [content]);
        let bytes = written.expect("a disk in memory");
        if !keeps_log {
            node.disk.drop_prefix(snapshot).expect("a disk in memory");
        }
        let text = format!(
            "writes snapshot {}, of {bytes} bytes",
            text::place(snapshot)
        );
        self.tell(id, text);
        self.with(id, |raft, now| {
            raft.on_snapshot_written(now, snapshot, bytes);
            if !keeps_log {
                raft.on_log_start(now, snapshot);
            }
        });
        Ok(())
    }

    pub fn observe(
        &mut self,
        broker: NodeId,
        voter: NodeId,
        epoch: Epoch,
        end: OffsetAndEpoch,
        wait_ms: i32,
    ) {
        let request = FetchRequest {
            replica_state: ReplicaState {
                replica_id: broker,
                ..Default::default()
            },
            max_wait_ms: wait_ms,
            max_bytes: 1 << 20,
            topics: vec![FetchTopic {
                topic: TOPIC.to_owned(),
                topic_id: TOPIC_ID,
                partitions: vec![FetchPartition {
                    current_leader_epoch: epoch,
                    fetch_offset: end.offset,
                    last_fetched_epoch: end.epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        self.carry(Message {
            from: broker,
            to: voter,
            id: RequestId(0),
            version: 17,
            content: Content::Request(request.into()),
        });
    }

    /// The voter's own clock runs to its next deadlines, until its role has changed.
    pub fn elect(&mut self, id: NodeId) -> Result<(), String> {
        let role = |world: &World| {
            let raft = world.nodes[&id].raft.as_ref();
            raft.map_or("down", |raft| raft.role().name())
        };
        let before = role(self);
        for _ in 0..PATIENCE {
            let deadline = self.node(id).raft.as_ref().and_then(Raft::deadline);
            let deadline = deadline.ok_or(format!("{id} waits for nothing"))?;
            let late_us = deadline.0.saturating_sub(self.now(id).time.0);
            self.node(id).ahead_us += late_us;
            self.with(id, |raft, now| raft.on_timeout(now));
            if role(self) != before {
                return Ok(());
            }
        }
        Err(format!("{id} stays {before}"))
    }

    pub fn stand_still(&mut self, id: NodeId, ms: u64) {
        self.node(id).ahead_us += ms * 1000;
    }

    pub fn advance(&mut self, ms: u64) {
        let end = self.time.plus_ms(ms);
        loop {
            self.settle();
            let due = self.nodes.values().flat_map(|node| {
                let deadline = node.raft.as_ref().and_then(Raft::deadline);
                let deadline = deadline.map(|at| Time(at.0.saturating_sub(node.ahead_us)));
                deadline
                    .into_iter()
                    .chain(node.pending.values().map(|(_, ends)| *ends))
            });
            let Some(next) = due.min().filter(|next| *next <= end) else {
                break;
            };
            self.time = self.time.max(next);
            self.expire();
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                let now = self.now(id);
                let deadline = self.node(id).raft.as_ref().and_then(Raft::deadline);
                if deadline.is_some_and(|at| at <= now.time) {
                    self.with(id, |raft, now| raft.on_timeout(now));
                }
            }
        }
        self.time = end;
    }

    fn expire(&mut self) {
        let time = self.time;
        let mut expired = Vec::new();
        for (id, node) in &self.nodes {
            let pending = node.pending.iter();
            let over = pending.filter(|(_, (_, ends))| *ends <= time);
            expired.extend(over.map(|(request, (to, _))| (*id, *request, *to)));
        }
        for (id, request, to) in expired {
            self.fail(id, request, to, SendError::TimedOut);
        }
        self.settle();
    }

    pub fn logs(&self) -> String {
        let nodes = self.nodes.iter();
        let line = |(id, node): (&NodeId, &Node)| {
            let log = text::log(node.disk.start(), node.disk.batches());
            format!("{id}{log}\n")
        };
        nodes.map(line).collect()
    }

    pub fn roles(&self) -> String {
        let nodes = self.nodes.iter();
        let line = |(id, node): (&NodeId, &Node)| {
            let role = node.raft.as_ref().map_or("down".to_owned(), text::role);
            format!("{id} {role}\n")
        };
        nodes.map(line).collect()
    }
}
