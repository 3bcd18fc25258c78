//! One controller, pure: [`crate::raft`] decides what is committed, [`crate::metadata`] what it means.
//!
//! What happened goes in by an `on_*` call with the time it happened; then [`Controller::next_effect`] says
//! what to do, until it says nothing more, strictly in that order. The same value runs in the server,
//! in the simulator and in the tests.
//!
//! Every node replays what is committed (`replayed`). The active controller besides turns requests into
//! records ([`apis`], THE table), replays them on a clone of the newest state, hands them to raft, and
//! answers when they are committed (`active`, `accumulator`, `deferred`). Matches
//! `org.apache.kafka.controller.QuorumController` and `kafka.server.ControllerApis`.

mod accumulator;
mod active;
pub mod apis;
mod batches;
mod caller;
mod deferred;
mod effect;
mod envelope;
mod error_response;
mod lanes;
mod periodic;
mod reads;
mod registration;
mod replayed;
mod snapshots;

use std::collections::{BTreeMap, VecDeque};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

pub use caller::Caller;
pub use effect::{Effect, LogEvent, RequestId};
pub use lanes::{Lane, Lanes};
pub use periodic::PeriodicOptions;
pub use snapshots::{
    LoadedSnapshot, SnapshotBatches, SnapshotError, SnapshotLoader, SnapshotOptions,
};

use self::{
    active::Active,
    apis::{Api, Handler, Timeout},
    caller::ReplyTo,
    envelope::Letter,
    reads::View,
    registration::Registration,
    replayed::Replayed,
    snapshots::Snapshots,
};
use crate::{
    metadata::{self, Cx, State, heartbeats::KnownBrokers},
    protocol::{
        BrokerEpoch, Epoch, ErrorCode, NodeId, Offset,
        api::{Request, Response},
        messages::controller_registration,
        record_batch::RecordBatch,
    },
    raft::{self, Raft, SendError, Token, VoterSet},
    time::{Now, Time},
};

/// What a controller is told once.
#[derive(Clone, Debug)]
pub struct Options {
    pub raft: raft::Options,
    pub voters: VoterSet,
    pub metadata: metadata::Options,
    /// Where this controller listens, as it registers itself.
    pub listeners: Vec<controller_registration::Listener>,
    pub periodic: PeriodicOptions,
    pub snapshots: SnapshotOptions,
    /// `controller.quorum.append.linger.ms`, only if it is set: without it every result is appended at
    /// once, and the disk makes one sync of all that has come together.
    pub append_linger_ms: Option<u64>,
    /// `broker.heartbeat.interval.ms`: a heartbeat that waited for half of it is not worth an answer.
    pub broker_heartbeat_interval_ms: u64,
}

/// What a controller finds on its disk when it starts.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    pub raft: raft::Restored,
    /// The newest snapshot, read by a [`SnapshotLoader`].
    pub snapshot: Option<LoadedSnapshot>,
    /// The log after that snapshot, to its end.
    pub batches: Vec<RecordBatch>,
}

/// A node of the quorum: a standby, or for a time the active controller.
pub struct Controller {
    options: Options,
    raft: Raft,
    rng: ChaCha8Rng,
    replayed: Replayed,
    snapshots: Snapshots,
    registration: Registration,
    /// What only the active controller has; nothing of it outlives its epoch.
    active: Option<Active>,
    leader: Option<NodeId>,
    /// Requests that came in an envelope and that raft will answer.
    letters: BTreeMap<Token, Letter>,
    effects: VecDeque<Effect>,
}

impl Controller {
    /// `seed` decides everything that is left to chance: timeouts, ids, placement.
    pub fn new(options: Options, restored: Restored, seed: u64, now: Now) -> Controller {
        let rng = |stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            rng
        };
        let (raft_rng, mut rng) = (rng(0), rng(1));
        let replayed = Replayed::new(restored.snapshot, restored.batches);
        let kept = restored.raft.snapshots.clone();
        let snapshots = Snapshots::new(options.snapshots, kept, now);
        let registration = Registration::new(
            options.metadata.node_id,
            metadata::random_uuid(&mut rng),
            options.listeners.clone(),
            options.metadata.unstable_feature_versions_enable,
        );
        let voters = options.voters.clone();
        let raft = Raft::new(options.raft.clone(), voters, restored.raft, raft_rng, now);
        let mut controller = Controller {
            options,
            raft,
            rng,
            replayed,
            snapshots,
            registration,
            active: None,
            leader: None,
            letters: BTreeMap::new(),
            effects: VecDeque::new(),
        };
        controller.settle(now);
        // What was too old when a former process ended, or is by now.
        controller.drop_prefix(now);
        controller
    }

    fn drop_prefix(&mut self, now: Now) {
        if let Some(start) = self.snapshots.drop_prefix(now) {
            self.effects.push_back(Effect::DropPrefix { start });
        }
    }

    /// A request of an API and a version that [`apis`] lists, decoded.
    pub fn on_request(&mut self, now: Now, caller: Caller, request: Request) {
        let reply_to = ReplyTo {
            token: caller.token,
            api_version: caller.api_version,
            letter: None,
        };
        self.serve(now, &caller, reply_to, request);
        self.settle(now);
    }

    /// The answer to a request that [`Effect::Send`] named, or why there is none.
    pub fn on_response(
        &mut self,
        now: Now,
        from: NodeId,
        id: RequestId,
        outcome: Result<Response, SendError>,
    ) {
        match id {
            RequestId::Raft(id) => self.raft.on_response(now, from, id, outcome),
            RequestId::Registration(id) => {
                if let Some(problem) = self.registration.on_response(now, id, outcome) {
                    tracing::info!("node {from} did not register this controller: {problem}");
                }
            }
        }
        self.settle(now);
    }

    /// A peer closed the connection over which we send to it.
    pub fn on_disconnect(&mut self, now: Now, peer: NodeId) {
        self.raft.on_disconnect(now, peer);
        self.settle(now);
    }

    /// A heartbeat of this broker arrived at `at`. Told before anything that queues, so that a busy
    /// controller never takes a broker for dead (`BrokerHeartbeatTracker`). `progress` is how far the broker
    /// has read, if its heartbeat was answered by [`metadata::heartbeats::steady`] and does not come here.
    pub fn on_contact(
        &mut self,
        broker: NodeId,
        epoch: BrokerEpoch,
        at: Time,
        progress: Option<Offset>,
    ) {
        if let Some(active) = &mut self.active {
            let newest = active.newest(&self.replayed);
            // Nobody invents brokers: each would be waited for, and fenced.
            if newest.brokers.get(broker).map(|known| known.epoch) != Some(epoch) {
                return;
            }
            active.sessions.on_contact(broker, epoch, at);
            if let Some(offset) = progress {
                active.sessions.on_progress(broker, offset, false);
            }
        }
    }

    /// Something that the log was asked to do is done.
    pub fn on_log(&mut self, now: Now, event: LogEvent) {
        match event {
            LogEvent::Durable { end } => self.raft.on_durable(now, end),
            LogEvent::SnapshotChunkWritten => self.raft.on_snapshot_chunk_written(now),
            LogEvent::SnapshotWritten { id, bytes } => {
                self.raft.on_snapshot_written(now, id, bytes);
                self.snapshots.written(id, bytes);
                self.drop_prefix(now);
            }
            LogEvent::SnapshotInstalled { snapshot, bytes } => {
                let id = snapshot.id;
                self.replayed.install(*snapshot);
                self.snapshots.installed(id, bytes, &self.replayed, now);
                self.raft.on_snapshot_installed(now, id);
            }
            LogEvent::LogStart { id } => {
                self.snapshots.dropped(id);
                self.raft.on_log_start(now, id);
            }
        }
        self.settle(now);
    }

    /// The time that [`Controller::deadline`] named has come.
    pub fn on_timeout(&mut self, now: Now) {
        self.raft.on_timeout(now);
        self.drain_raft(now);
        self.run_periodic_tasks(now);
        self.settle(now);
    }

    /// When to call [`Controller::on_timeout`] next, if nothing else happens.
    pub fn deadline(&self) -> Option<Time> {
        let registration = self.registration.deadline(self.stable_state(), self.leader);
        let active = self.active.as_ref().and_then(Active::deadline);
        let deadlines = [
            self.raft.deadline(),
            registration,
            active,
            self.snapshots.deadline(&self.replayed),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Stops in good order: a leader hands over to the voter that has most of the log.
    pub fn shutdown(&mut self, now: Now) {
        self.raft.shutdown(now);
        self.settle(now);
    }

    /// What to do next; ask until there is nothing.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The last state that is committed and outside any metadata transaction.
    pub fn stable_state(&self) -> &State {
        self.replayed.state().stable()
    }

    /// Where that state ends; exclusive.
    pub fn stable_end(&self) -> Offset {
        self.replayed.stable_end()
    }

    /// For [`metadata::heartbeats::steady`], if this node is who may answer heartbeats.
    pub fn known_brokers(&self) -> Option<KnownBrokers> {
        let active = self.active.as_ref()?;
        let newest = active.newest(&self.replayed);
        Some(KnownBrokers {
            committed: self.stable_state().brokers.clone(),
            newest: newest.brokers.clone(),
        })
    }

    /// Whether this node answers writes.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Whoever leads, as far as this node knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The quorum's side of this node.
    pub fn raft(&self) -> &Raft {
        &self.raft
    }
}

impl Controller {
    /// Passes a request to whoever answers it.
    fn serve(&mut self, now: Now, caller: &Caller, reply_to: ReplyTo, request: Request) {
        let api = apis::find(request.api_key());
        let api = api.expect("what is not served is refused where it is read");
        if self.is_expired(now, caller, api, &request) {
            let code = ErrorCode::REQUEST_TIMED_OUT;
            return self
                .effects
                .push_back(reply_to.fail(&request, code, code.message()));
        }
        match api.handler {
            Handler::Raft => {
                if let Some(letter) = reply_to.letter {
                    self.letters.insert(reply_to.token, letter);
                }
                let version = reply_to.api_version;
                self.raft.on_request(now, reply_to.token, version, request);
            }
            Handler::Read(read) => {
                let view = View {
                    state: self.stable_state(),
                    features_epoch: self.replayed.features_epoch(),
                    options: &self.options,
                    leader: self.leader,
                    api_version: reply_to.api_version,
                    listener_name: &caller.listener_name,
                };
                let response = read(&view, &request);
                self.effects.push_back(reply_to.answer(response));
            }
            Handler::Write(write) => self.write(now, reply_to, request, write),
            Handler::Envelope => self.open_envelope(now, caller, reply_to, &request),
        }
    }

    fn is_expired(&self, now: Now, caller: &Caller, api: &Api, request: &Request) -> bool {
        let timeout_ms = match api.timeout {
            Timeout::None => return false,
            Timeout::OfRequest(timeout_ms) => u64::try_from(timeout_ms(request)).unwrap_or(0),
            Timeout::Heartbeat => self.options.broker_heartbeat_interval_ms / 2,
        };
        now.time.ms_since(caller.received) > timeout_ms
    }

    /// Serves what is in an envelope as if its sender had sent it here.
    fn open_envelope(&mut self, now: Now, caller: &Caller, reply_to: ReplyTo, request: &Request) {
        let Request::Envelope(envelope) = request else {
            unreachable!(
                "the row of Envelope was chosen for {}",
                request.api_key().name()
            )
        };
        match envelope::open(envelope) {
            Err(code) => {
                self.effects
                    .push_back(reply_to.answer(envelope::refuse(code).into()));
            }
            Ok((letter, request)) => {
                let caller = Caller {
                    api_version: letter.api_version,
                    ..caller.clone()
                };
                let reply_to = ReplyTo {
                    api_version: caller.api_version,
                    letter: Some(letter),
                    ..reply_to
                };
                self.serve(now, &caller, reply_to, request);
            }
        }
    }

    /// Performs whatever follows from the last input, until nothing follows any more.
    fn settle(&mut self, now: Now) {
        self.drain_raft(now);
        self.register(now);
        self.append_gathered(now);
        self.drain_raft(now);
        self.release_deferred();
        if let Some((id, batches)) = self.snapshots.begin(now, &self.replayed) {
            tracing::info!("writing snapshot {id}");
            self.effects
                .push_back(Effect::WriteSnapshot { id, batches });
        }
    }

    fn drain_raft(&mut self, now: Now) {
        while let Some(effect) = self.raft.next_effect() {
            self.on_raft_effect(now, effect);
        }
    }

    /// Keeps what is replayed in step with the log, and passes on what is for the rim.
    fn on_raft_effect(&mut self, now: Now, effect: raft::Effect) {
        match effect {
            raft::Effect::HighWatermark(end) => self.on_high_watermark(end),
            raft::Effect::LeaderChanged { leader, epoch } => {
                self.on_leader_change(now, leader, epoch);
            }
            raft::Effect::Reply { token, response } => {
                let response = match self.letters.remove(&token) {
                    None => response,
                    Some(letter) => letter.seal(&response).into(),
                };
                self.effects.push_back(Effect::Reply { token, response });
            }
            other => {
                match &other {
                    raft::Effect::Append(batch) => self.replayed.append(batch.clone()),
                    raft::Effect::Truncate { end } => self.replayed.truncate(*end),
                    _ => {}
                }
                self.effects.extend(Effect::of_raft(other));
            }
        }
    }

    fn on_high_watermark(&mut self, high_watermark: Offset) {
        let active = &mut self.active;
        let predicted = |end| {
            active
                .as_mut()
                .and_then(|active| active.accumulator.committed(end))
        };
        match self.replayed.commit(high_watermark, predicted) {
            Ok(bytes) => self.snapshots.committed(bytes),
            Err(reason) => self.effects.push_back(Effect::Fatal(reason)),
        }
        self.release_deferred();
    }

    /// The process is about to end, and shall say why: what was committed could not be replayed.
    fn is_fatal(&self) -> bool {
        let mut effects = self.effects.iter();
        effects.any(|effect| matches!(effect, Effect::Fatal(_)))
    }

    fn release_deferred(&mut self) {
        if let Some(active) = &mut self.active {
            self.effects
                .extend(active.deferred.release(self.replayed.stable_end()));
        }
    }

    fn on_leader_change(&mut self, now: Now, leader: Option<NodeId>, epoch: Epoch) {
        let was_active = self.active.take();
        if let Some(active) = was_active {
            let message = wrong_controller(leader);
            self.effects
                .extend(active.deferred.fail(ErrorCode::NOT_CONTROLLER, &message));
        }
        self.leader = leader;
        self.effects.push_back(Effect::Leader { leader, epoch });
        self.registration.on_leader_change();
        let ours = leader == Some(self.options.metadata.node_id);
        if ours && self.raft.is_leader() && self.raft.epoch() == epoch {
            self.activate(now, epoch);
        }
    }

    /// Registers this controller with the active one, which it may be itself.
    fn register(&mut self, now: Now) {
        let leader = self.leader;
        let begun = self
            .registration
            .begin(now, self.replayed.state().stable(), leader);
        let (Some((id, request)), Some(leader)) = (begun, leader) else {
            return;
        };
        if leader != self.options.metadata.node_id {
            let (to, id) = (leader, RequestId::Registration(id));
            return self.effects.push_back(Effect::Send {
                to,
                id,
                request: request.into(),
            });
        }
        let registered = self.operate(now, 0, false, |state: &State, cx: &mut Cx| {
            metadata::controllers::register_controller(state, cx, &request)
        });
        let response = match registered {
            Ok((response, _)) => response,
            Err(error) => controller_registration::ControllerRegistrationResponse {
                error_code: error.code,
                error_message: Some(error.message),
                ..Default::default()
            },
        };
        if let Some(problem) = self.registration.on_response(now, id, Ok(response.into())) {
            tracing::warn!("cannot register this controller: {problem}");
        }
    }
}

/// Kafka's words for "not here" (`ControllerExceptions.newWrongControllerException`).
fn wrong_controller(leader: Option<NodeId>) -> String {
    match leader {
        Some(leader) => format!("The active controller appears to be node {leader}."),
        None => "No controller appears to be active.".to_owned(),
    }
}
