//! Controllers in one process, with disks in memory, a network that loses nothing, and time that passes
//! only when nothing else is left to do. Every request and answer goes through its wire form.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use kraftd::{
    controller::{
        Caller, Controller, Effect, LogEvent, Options, PeriodicOptions, RequestId, Restored,
        SnapshotLoader, SnapshotOptions, apis,
    },
    log::{Log, memory::MemoryLog},
    metadata,
    protocol::{
        NodeId, Offset, OffsetAndEpoch, Uuid,
        api::{ApiKey, Request, Response},
        features::MetadataVersion,
        messages::controller_registration::Listener,
        record_batch::RecordBatch,
        records::MetadataRecord,
        wire::{Reader, Writer},
    },
    raft::{self, Endpoint, SendError, Token, VoterSet},
    server,
    time::{Now, Time},
};

pub const CLUSTER_ID: &str = "AAAAAAAAAAAAAAAAAAAAXQ";
pub const LISTENER: &str = "CONTROLLER";

/// No test waits for longer, in milliseconds of its own time.
const PATIENCE_MS: u64 = 60_000;

pub struct Quorum {
    pub now: Now,
    pub nodes: BTreeMap<NodeId, Node>,
    /// Set by tests before the nodes start.
    pub settings: Settings,
    /// How long requests wait before a controller sees them, in milliseconds.
    pub queued_for_ms: u64,
    in_transit: VecDeque<Transit>,
    /// Whose request each token names.
    asked: BTreeMap<Token, Asked>,
    answers: BTreeMap<Token, Response>,
    next_token: u64,
}

/// `ask!(quorum, CreateTopics v7 request)`: the answer of the active controller.
macro_rules! ask {
    ($quorum:expr, $Api:ident $version:literal $request:expr) => {
        match $quorum.call($version, $request) {
            kraftd::protocol::api::Response::$Api(response) => response,
            other => panic!("answered with {other:?}"),
        }
    };
}
pub(crate) use ask;

/// What tests vary.
#[derive(Clone)]
pub struct Settings {
    /// The nodes have this id and those after it.
    pub first_id: i32,
    pub metadata_version: MetadataVersion,
    /// What server.properties sets, as far as metadata goes by it.
    pub metadata: metadata::Options,
    pub snapshots: SnapshotOptions,
    pub periodic: PeriodicOptions,
    pub append_linger_ms: Option<u64>,
}

pub struct Node {
    /// `None` while the process is down.
    pub controller: Option<Controller>,
    pub log: MemoryLog,
    starts: u64,
    unsynced: bool,
    /// Appends are not made durable while this is set.
    pub disk_stalls: bool,
    /// Reached by nobody while this is set.
    pub is_cut_off: bool,
    /// All batches ever appended here.
    pub appended: Vec<RecordBatch>,
}

struct Asked {
    server: NodeId,
    key: ApiKey,
    version: i16,
    /// The node that asked, and its name for the request; `None` for a test.
    node: Option<(NodeId, RequestId)>,
}

enum Transit {
    Request {
        from: NodeId,
        to: NodeId,
        id: RequestId,
        request: Request,
    },
    Answer {
        from: NodeId,
        to: NodeId,
        id: RequestId,
        outcome: Result<Response, SendError>,
    },
}

impl Quorum {
    /// Freshly formatted nodes, from 1 on, started, with the defaults of the newest release.
    pub fn of(size: i32) -> Quorum {
        Quorum::with(size, |_| {})
    }

    pub fn with(size: i32, set: impl FnOnce(&mut Settings)) -> Quorum {
        let mut settings = Settings {
            first_id: 1,
            metadata_version: MetadataVersion::LATEST_PRODUCTION,
            metadata: metadata::Options::default(),
            snapshots: SnapshotOptions::default(),
            periodic: PeriodicOptions::default(),
            append_linger_ms: None,
        };
        set(&mut settings);
        let node = |_| Node {
            controller: None,
            log: MemoryLog::default(),
            starts: 0,
            unsynced: false,
            disk_stalls: false,
            is_cut_off: false,
            appended: Vec::new(),
        };
        let ids = (settings.first_id..).take(size as usize).map(NodeId);
        let mut quorum = Quorum {
            now: Now {
                time: Time(1_000_000_000),
                wall_clock_ms: 1_700_000_000_000,
            },
            nodes: ids.map(|id| (id, node(id))).collect(),
            settings,
            queued_for_ms: 0,
            in_transit: VecDeque::new(),
            asked: BTreeMap::new(),
            answers: BTreeMap::new(),
            next_token: 0,
        };
        for id in quorum.ids() {
            quorum.start(id);
        }
        quorum
    }

    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    pub fn node(&self, id: NodeId) -> &Controller {
        let node = &self.nodes[&id];
        node.controller.as_ref().expect("the node is up")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the quorum")
    }

    fn options(&self, id: NodeId) -> Options {
        let endpoint = |id: NodeId| Endpoint {
            listener_name: LISTENER.to_owned(),
            host: "localhost".to_owned(),
            port: 9000 + id.0 as u16,
        };
        let voters = self.ids().into_iter().map(|id| (id, endpoint(id)));
        Options {
            raft: raft::Options {
                node_id: id,
                directory_id: directory_id(id),
                cluster_id: CLUSTER_ID.to_owned(),
                advertised: endpoint(id),
                election_timeout_ms: 1000,
                fetch_timeout_ms: 2000,
                election_backoff_max_ms: 1000,
                retry_backoff_ms: 20,
                fetch_max_bytes: 8 << 20,
                fetch_snapshot_max_bytes: 1 << 20,
            },
            voters: VoterSet::new(voters.collect()),
            metadata: metadata::Options {
                node_id: id,
                voter_ids: self.nodes.keys().copied().collect::<BTreeSet<_>>(),
                cluster_id: CLUSTER_ID.to_owned(),
                bootstrap: metadata::activation::default_bootstrap(self.settings.metadata_version)
                    .into(),
                ..self.settings.metadata.clone()
            },
            listeners: vec![Listener {
                name: LISTENER.to_owned(),
                host: "localhost".to_owned(),
                port: 9000 + id.0 as u16,
                ..Default::default()
            }],
            periodic: self.settings.periodic,
            snapshots: self.settings.snapshots,
            append_linger_ms: self.settings.append_linger_ms,
            broker_heartbeat_interval_ms: 2000,
        }
    }

    /// Starts a node with what is on its disk.
    pub fn start(&mut self, id: NodeId) {
        let (options, now) = (self.options(id), self.now);
        let node = self.node_mut(id);
        assert!(node.controller.is_none(), "{id} runs already");
        node.starts += 1;
        let restored = restore(&mut node.log);
        let seed = (node.starts << 32) | id.0 as u64;
        node.controller = Some(Controller::new(options, restored, seed, now));
        self.perform(id);
    }

    /// The process is gone, as by kill -9; its disk stays, and the others see their connections close.
    pub fn kill(&mut self, id: NodeId) {
        self.node_mut(id).controller = None;
        self.node_mut(id).unsynced = false;
        self.asked.retain(|_, asked| asked.server != id);
        let now = self.now;
        for other in self.ids() {
            if let Some(controller) = &mut self.node_mut(other).controller {
                controller.on_disconnect(now, id);
                self.perform(other);
            }
        }
    }

    /// The active controller, once there is one.
    pub fn active(&mut self) -> NodeId {
        self.run_until("there is an active controller", |quorum| {
            let ids = quorum.ids();
            ids.into_iter().find(|id| {
                let node = &quorum.nodes[id];
                !node.is_cut_off && node.controller.as_ref().is_some_and(Controller::is_active)
            })
        })
    }

    /// Puts a request to the active controller, and waits for its answer; see [`ask`].
    pub fn call(&mut self, api_version: i16, request: impl Into<Request>) -> Response {
        let active = self.active();
        let token = self.send(active, api_version, request);
        self.answer(token)
    }

    /// Puts a request to a node.
    pub fn send(&mut self, to: NodeId, api_version: i16, request: impl Into<Request>) -> Token {
        self.deliver(to, api_version, request.into(), None)
    }

    /// Waits for the answer to a request.
    pub fn answer(&mut self, token: Token) -> Response {
        self.run_until("the request is answered", |quorum| {
            quorum.answers.remove(&token)
        })
    }

    /// The answer to a request, if it is there.
    pub fn answered(&mut self, token: Token) -> Option<Response> {
        self.answers.remove(&token)
    }

    fn deliver(
        &mut self,
        to: NodeId,
        version: i16,
        request: Request,
        node: Option<(NodeId, RequestId)>,
    ) -> Token {
        self.next_token += 1;
        let token = Token(self.next_token);
        let key = request.api_key();
        let served = apis::find(key).expect("an API that is served");
        assert!(
            served.versions.contains(&version),
            "{} v{version}",
            key.name()
        );
        let request = rewire(&request, version);
        self.asked.insert(
            token,
            Asked {
                server: to,
                key,
                version,
                node,
            },
        );
        let caller = Caller {
            token,
            api_version: version,
            listener_name: LISTENER.to_owned(),
            received: Time(self.now.time.0.saturating_sub(self.queued_for_ms * 1000)),
        };
        let now = self.now;
        let controller = self
            .node_mut(to)
            .controller
            .as_mut()
            .expect("the node is up");
        if let Request::BrokerHeartbeat(heartbeat) = &request {
            controller.on_contact(heartbeat.broker_id, heartbeat.broker_epoch, now.time, None);
        }
        controller.on_request(now, caller, request);
        self.perform(to);
        token
    }

    /// Lets things happen until `done` says so.
    pub fn run_until<R>(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Option<R>) -> R {
        let end = self.now.time.plus_ms(PATIENCE_MS);
        loop {
            if let Some(result) = done(self) {
                return result;
            }
            if !self.step() {
                assert!(self.now.time < end, "not within {PATIENCE_MS} ms: {what}");
                self.pass_time();
            }
        }
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, ms: u64) {
        let end = self.now.time.plus_ms(ms);
        loop {
            while self.step() {}
            match self.next_deadline() {
                Some(deadline) if deadline <= end => self.pass_time(),
                _ => break,
            }
        }
        self.set_time(end);
    }

    /// Lets everything happen that needs no time to pass.
    pub fn settle(&mut self) {
        while self.step() {}
    }

    /// Delivers one message, or completes one sync. Says whether there was anything to do.
    fn step(&mut self) -> bool {
        if let Some(id) = self
            .ids()
            .into_iter()
            .find(|id| self.nodes[id].wants_sync())
        {
            self.sync(id);
            return true;
        }
        let Some(transit) = self.in_transit.pop_front() else {
            return false;
        };
        match transit {
            Transit::Request {
                from,
                to,
                id,
                request,
            } => {
                let reachable = self.nodes[&to].controller.is_some()
                    && !self.nodes[&to].is_cut_off
                    && !self.nodes[&from].is_cut_off;
                if reachable {
                    let versions = &apis::find(request.api_key()).expect("served").versions;
                    self.deliver(to, *versions.end(), request, Some((from, id)));
                } else {
                    let outcome = Err(SendError::Disconnected);
                    self.in_transit.push_back(Transit::Answer {
                        from: to,
                        to: from,
                        id,
                        outcome,
                    });
                }
            }
            Transit::Answer {
                from,
                to,
                id,
                outcome,
            } => {
                let lost = self.nodes[&from].is_cut_off || self.nodes[&to].is_cut_off;
                let outcome = if lost {
                    Err(SendError::TimedOut)
                } else {
                    outcome
                };
                let now = self.now;
                if let Some(controller) = &mut self.node_mut(to).controller {
                    controller.on_response(now, from, id, outcome);
                    self.perform(to);
                }
            }
        }
        true
    }

    fn sync(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.node_mut(id);
        node.unsynced = false;
        let end = node.log.sync().expect("a disk in memory does not fail");
        if let Some(controller) = &mut node.controller {
            controller.on_log(now, LogEvent::Durable { end });
        }
        self.perform(id);
    }

    fn next_deadline(&self) -> Option<Time> {
        let live = self
            .nodes
            .values()
            .filter_map(|node| node.controller.as_ref());
        live.filter_map(Controller::deadline).min()
    }

    fn pass_time(&mut self) {
        let deadline = self.next_deadline().expect("some node waits for something");
        self.set_time(deadline.max(self.now.time));
        let now = self.now;
        for id in self.ids() {
            let Some(controller) = &mut self.node_mut(id).controller else {
                continue;
            };
            if controller
                .deadline()
                .is_some_and(|deadline| deadline <= now.time)
            {
                controller.on_timeout(now);
                self.perform(id);
            }
        }
    }

    fn set_time(&mut self, time: Time) {
        self.now.wall_clock_ms += time.ms_since(self.now.time) as i64;
        self.now.time = time;
    }

    /// Does what a node asks for, in order.
    fn perform(&mut self, id: NodeId) {
        while let Some(effect) = self.next_effect(id) {
            match effect {
                Effect::Send {
                    to,
                    id: request_id,
                    request,
                } => {
                    let (from, id) = (id, request_id);
                    self.in_transit.push_back(Transit::Request {
                        from,
                        to,
                        id,
                        request,
                    });
                }
                Effect::Reply { token, response } => self.route(token, response),
                Effect::ReplyFetch {
                    token,
                    mut response,
                    from,
                    max_bytes,
                } => {
                    let log = &mut self.node_mut(id).log;
                    let batches = log.read(from, max_bytes).expect("a readable log");
                    let records = batches.iter().flat_map(|batch| batch.bytes().to_vec());
                    response.responses[0].partitions[0].records = Some(records.collect());
                    self.route(token, response.into());
                }
                Effect::ReplyFetchSnapshot {
                    token,
                    mut response,
                    id: snapshot,
                    position,
                    max_bytes,
                } => {
                    let log = &self.node_mut(id).log;
                    let bytes = log.read_snapshot(snapshot, position, max_bytes);
                    response.topics[0].partitions[0].unaligned_records = bytes.expect("readable");
                    self.route(token, response.into());
                }
                Effect::Fatal(reason) => panic!("node {id} stops: {reason}"),
                Effect::Leader { .. } => {}
                local @ (Effect::SaveQuorumState(_)
                | Effect::Append(_)
                | Effect::Truncate { .. }
                | Effect::WriteSnapshotChunk { .. }
                | Effect::InstallSnapshot { .. }
                | Effect::WriteSnapshot { .. }
                | Effect::DropPrefix { .. }) => {
                    let now = self.now;
                    let node = self.node_mut(id);
                    let event = node.perform_on_disk(local);
                    if let (Some(event), Some(controller)) = (event, &mut node.controller) {
                        controller.on_log(now, event);
                    }
                }
            }
        }
    }

    fn next_effect(&mut self, id: NodeId) -> Option<Effect> {
        self.node_mut(id).controller.as_mut()?.next_effect()
    }

    /// An answer goes back to whoever asked.
    fn route(&mut self, token: Token, response: Response) {
        let asked = self
            .asked
            .remove(&token)
            .expect("every request is answered once");
        assert_eq!(
            response.api_key(),
            asked.key,
            "the answer is of the API that was asked"
        );
        let response = rewire_response(&response, asked.version);
        match asked.node {
            None => {
                self.answers.insert(token, response);
            }
            Some((to, id)) => {
                let (from, outcome) = (asked.server, Ok(response));
                self.in_transit.push_back(Transit::Answer {
                    from,
                    to,
                    id,
                    outcome,
                });
            }
        }
    }

    /// All metadata records that a node has in its log, with their offsets.
    pub fn records(&self, id: NodeId) -> Vec<(Offset, MetadataRecord)> {
        let batches = self.nodes[&id].log.batches().iter();
        let data = batches.filter(|batch| !batch.is_control());
        data.flat_map(|batch| batch.metadata_records().expect("our own records"))
            .collect()
    }
}

impl Node {
    fn wants_sync(&self) -> bool {
        self.unsynced && !self.disk_stalls
    }

    /// What the disk thread does; the event it reports, if it reports at once.
    fn perform_on_disk(&mut self, effect: Effect) -> Option<LogEvent> {
        let fine = "a disk in memory does not fail";
        match effect {
            Effect::SaveQuorumState(state) => self.log.save_quorum_state(&state).expect(fine),
            Effect::Append(batch) => {
                self.log.append(&batch).expect(fine);
                self.appended.push(batch);
                self.unsynced = true;
            }
            Effect::Truncate { end } => self.log.truncate(end).expect(fine),
            Effect::WriteSnapshotChunk {
                id,
                position,
                bytes,
            } => {
                self.log
                    .write_snapshot_chunk(id, position, &bytes)
                    .expect(fine);
                return Some(LogEvent::SnapshotChunkWritten);
            }
            Effect::InstallSnapshot { id } => {
                self.log.install_snapshot(id).expect(fine);
                let bytes = self.log.snapshot(id).expect("it is installed").clone();
                return Some(LogEvent::SnapshotInstalled {
                    bytes: bytes.len() as u64,
                    snapshot: Box::new(load(id, bytes)),
                });
            }
            Effect::WriteSnapshot { id, batches } => {
                let bytes = self.log.write_snapshot(id, batches).expect(fine);
                return Some(LogEvent::SnapshotWritten { id, bytes });
            }
            Effect::DropPrefix { start } => {
                self.log.drop_prefix(start).expect(fine);
                return Some(LogEvent::LogStart { id: start });
            }
            other => panic!("{other:?} is not for the disk"),
        }
        None
    }
}

/// What a start reads from a disk.
pub fn restore(log: &mut MemoryLog) -> Restored {
    let recovered = log.recover();
    let content =
        |log: &MemoryLog, id| log.snapshot(id).expect("a snapshot that is listed").clone();
    let restored = server::restore(log, recovered, |log, id| Ok(load(id, content(log, id))));
    restored.expect("a disk in memory")
}

/// Reads a snapshot as a start does.
pub fn load(id: OffsetAndEpoch, mut bytes: Bytes) -> kraftd::controller::LoadedSnapshot {
    let batches = std::iter::from_fn(|| RecordBatch::split_off(&mut bytes).expect("a batch"));
    SnapshotLoader::load(id, batches).expect("a whole snapshot")
}

pub fn directory_id(id: NodeId) -> Uuid {
    let mut bytes = [0xd0; 16];
    bytes[12..].copy_from_slice(&id.0.to_be_bytes());
    Uuid(bytes)
}

fn rewire(request: &Request, version: i16) -> Request {
    let mut writer = Writer::new();
    request
        .encode(&mut writer, version)
        .expect("a request of this version");
    let bytes = writer.into_bytes();
    let mut reader = Reader::new(&bytes);
    Request::decode(request.api_key(), version, &mut reader).expect("what was just written")
}

fn rewire_response(response: &Response, version: i16) -> Response {
    let mut writer = Writer::new();
    response
        .encode(&mut writer, version)
        .expect("an answer of this version");
    let bytes = writer.into_bytes();
    let mut reader = Reader::new(&bytes);
    Response::decode(response.api_key(), version, &mut reader).expect("what was just written")
}
