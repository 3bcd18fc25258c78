//! KRaft consensus, pure: what happened goes in, what to do comes out.
//!
//! One leader per epoch; the others fetch from it (KIP-595). Votes, epochs and high watermarks follow
//! Raft, the messages and the order of every check follow Kafka's `KafkaRaftClient`, so that a quorum
//! may mix our voters with Java's.
//!
//! ```text
//!  from         to           when
//!  any          Unattached   a higher epoch is seen
//!               Follower     a higher epoch is seen, and who leads it
//!  Unattached   Prospective  no leader is found in time
//!               Follower     the leader is learned
//!  Prospective  Candidate    a majority would vote for it (KIP-996), or a voter knows no pre-votes: it opens an epoch
//!               Unattached   it would not, or says so too late
//!               Follower     the same, and the leader of before is known; or a leader is learned
//!  Candidate    Leader       a majority votes for it
//!               Prospective  too late
//!               Follower     another one was elected
//!  Follower     Prospective  the leader is silent, resigns, or closes the connection
//!  Leader       Resigned     a majority, or its own disk, is silent; or it was asked to
//!  Resigned     Unattached   nobody else was elected: it opens an epoch without a leader
//!               Prospective  the same, and it is the only voter
//! ```
//!
//! Reading order: [`role`] (what each role keeps), [`transition`] (the only code that changes epoch, vote
//! or role), [`timers`], [`epochs`] (the shape of the log), then one file per message: [`vote`],
//! [`quorum_epoch`], [`fetch`] (the leader's side), [`replicate`] (the follower's), [`fetch_snapshot`],
//! [`describe`], [`update_voter`], [`foreign`] (who is of another cluster); beside them [`answers`] (what all that comes back has in common), [`progress`] (the high
//! watermark), [`voters`], [`requests`], [`amnesia`] (voters that have lost what they promised), [`status`] (what
//! a voter tells of itself), [`invariants`].

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;

use crate::{
    protocol::{
        Epoch, METADATA_TOPIC, NodeId, Offset, OffsetAndEpoch, QuorumState, ReplicaKey, Uuid,
        api::{Request, Response},
        kept_snapshot::KeptSnapshot,
        messages::{fetch::FetchResponse, fetch_snapshot::FetchSnapshotResponse},
        record_batch::RecordBatch,
    },
    time::{Now, Time},
};

mod amnesia;
mod answers;
mod describe;
mod epochs;
mod fetch;
mod fetch_snapshot;
mod foreign;
mod invariants;
mod progress;
mod quorum_epoch;
mod replicate;
mod requests;
mod role;
mod status;
mod timers;
mod transition;
mod update_voter;
mod vote;
mod voters;

use amnesia::Memories;
pub use amnesia::Recovery;
pub use epochs::{FetchPosition, LogStatus};
use fetch::ReplicaFetch;
use invariants::Checked;
use requests::Requests;
use role::Lost;
pub use role::{Candidate, Follower, Leader, Prospective, Resigned, Role, Unattached};
pub use status::{ForeignNode, ReplicaProgress, StandingStatus, Status};
pub use voters::{Endpoint, VoterSet, majority};

/// The name of the only topic there is for raft.
pub const TOPIC: &str = METADATA_TOPIC;
/// Its id.
pub const TOPIC_ID: Uuid = Uuid::ONE;

/// What a raft node is told once. Times in milliseconds; names as in server.properties.
#[derive(Clone, Debug)]
pub struct Options {
    pub node_id: NodeId,
    /// `directory.id` of the log directory.
    pub directory_id: Uuid,
    pub cluster_id: String,
    /// Where others are told to reach this node (`advertised.listeners`), whatever the voters' addresses say.
    pub advertised: Endpoint,
    /// `controller.quorum.election.timeout.ms`: an election takes this long at least, up to twice.
    pub election_timeout_ms: u64,
    /// `controller.quorum.fetch.timeout.ms`: so long a follower waits for an answer of its leader.
    pub fetch_timeout_ms: u64,
    /// `controller.quorum.election.backoff.max.ms`: so long a voter waits when a leader resigns and does not name it as
    /// a successor.
    pub election_backoff_max_ms: u64,
    /// `controller.quorum.retry.backoff.ms`: the first pause after a failed request.
    pub retry_backoff_ms: u64,
    /// `controller.quorum.fetch.max.bytes`
    pub fetch_max_bytes: usize,
    /// `controller.quorum.fetch.snapshot.max.bytes`
    pub fetch_snapshot_max_bytes: usize,
}

/// What a node finds on its disk when it starts. All of it is durable.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    pub quorum_state: QuorumState,
    pub log: LogStatus,
    pub snapshots: BTreeMap<OffsetAndEpoch, KeptSnapshot>,
}

/// Names a request that came in and waits for its answer. Chosen by the rim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Names a request that went out. Chosen by raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No connection, or it broke.
    Disconnected,
    /// No answer within the time allowed.
    TimedOut,
    /// The peer serves no version of the API that can say this.
    UnsupportedVersion,
}

/// What the rim must do, strictly in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Durable before the next effect is performed.
    SaveQuorumState(QuorumState),
    /// Asynchronous: the rim answers with [`Raft::on_durable`].
    Append(RecordBatch),
    /// Removes the records from `end` on; durable before the next effect is performed.
    Truncate {
        end: Offset,
    },
    Send {
        to: NodeId,
        id: RequestId,
        request: Request,
    },
    Reply {
        token: Token,
        response: Response,
    },
    /// As [`Effect::Reply`] once `records` holds whole batches from `from` on: up to `max_bytes`, one
    /// at least, and none beyond raft's end offset at this moment.
    ReplyFetch {
        token: Token,
        response: FetchResponse,
        from: Offset,
        max_bytes: usize,
    },
    /// As [`Effect::Reply`] once `unaligned_records` holds up to `max_bytes` of the snapshot `id`.
    ReplyFetchSnapshot {
        token: Token,
        response: FetchSnapshotResponse,
        id: OffsetAndEpoch,
        position: u64,
        max_bytes: usize,
    },
    /// A piece of a snapshot that is being fetched. Position 0 begins anew. Asynchronous, in order with all else that
    /// changes the log; answered with [`Raft::on_snapshot_chunk_written`], and until then raft fetches
    /// nothing, so that no slow disk has pieces pile up before it.
    WriteSnapshotChunk {
        id: OffsetAndEpoch,
        position: u64,
        bytes: Bytes,
    },
    /// All pieces are there: the snapshot becomes valid, and the log is emptied and goes on after it.
    /// Asynchronous, in order with all else that changes the log or the quorum state: the rim answers with
    /// [`Raft::on_snapshot_installed`], and until then raft appends, fetches and cuts nothing.
    InstallSnapshot {
        id: OffsetAndEpoch,
    },
    /// Records below this offset are committed.
    HighWatermark(Offset),
    /// Ourselves we name when all records of earlier epochs are committed; a loss at once.
    LeaderChanged {
        leader: Option<NodeId>,
        epoch: Epoch,
    },
    /// Stop the process and say why.
    Fatal(String),
}

/// One voter.
#[derive(Debug)]
pub struct Raft {
    options: Options,
    voters: VoterSet,
    rng: ChaCha8Rng,
    /// As saved, or about to be by an effect not yet performed.
    state: QuorumState,
    role: Role,
    memories: Memories,
    log: LogStatus,
    /// Everything below is on disk.
    durable_end: Offset,
    /// Size in bytes of every snapshot.
    snapshots: BTreeMap<OffsetAndEpoch, u64>,
    /// A snapshot whose installation has not been reported yet. What `log` says is not on disk until then, and
    /// whoever replays the log has not the state that a leader would need.
    installing: Option<OffsetAndEpoch>,
    /// A piece of a snapshot is on its way to the disk.
    writing_chunk: bool,
    /// The highest known in the life of this process.
    high_watermark: Option<Offset>,
    /// Where the leader of this epoch listens, by its own words.
    leader_address: Option<(Epoch, Endpoint)>,
    /// The leader last passed on.
    told_leader: (Option<NodeId>, Epoch),
    requests: Requests,
    /// Fetches that wait for something to happen.
    parked: BTreeMap<Token, ReplicaFetch>,
    /// No election for a lost connection before this, and how many there were since a leader answered.
    next_hasty_election: Time,
    hasty_elections: u32,
    shutting_down: bool,
    failed: bool,
    foreign: foreign::Foreign,
    effects: VecDeque<Effect>,
    checked: Checked,
}

impl Raft {
    /// A voter as it was left. Effects may be waiting already.
    pub fn new(
        options: Options,
        voters: VoterSet,
        restored: Restored,
        rng: ChaCha8Rng,
        now: Now,
    ) -> Raft {
        assert!(voters.contains(options.node_id), "a controller is a voter");
        let saved = restored.quorum_state.clone();
        let mut state = restored.quorum_state;
        let last_epoch = restored.log.last_epoch();
        if last_epoch > state.epoch {
            // The quorum state is older than the log (`QuorumState.initialize`).
            state.epoch = last_epoch;
            (state.voted, state.leader) = (None, None);
        }
        state.standing = amnesia::restored_standing(&state, &restored.log);
        // A leader that the configuration no longer knows cannot be followed.
        state.leader = state.leader.filter(|leader| voters.contains(*leader));
        let unattached = Role::Unattached(Unattached {
            election_at: now.time,
        });
        let max_backoff_ms = options.election_timeout_ms / 2;
        let sizes = restored.snapshots.into_iter();
        let sizes = sizes.map(|(id, kept)| (id, kept.bytes));
        let mut raft = Raft {
            requests: Requests::new(options.retry_backoff_ms, max_backoff_ms),
            options,
            voters,
            rng,
            state: QuorumState {
                leader: None,
                ..state.clone()
            },
            role: unattached,
            memories: Memories::new(now),
            durable_end: restored.log.end,
            log: restored.log,
            snapshots: sizes.collect(),
            installing: None,
            writing_chunk: false,
            high_watermark: None,
            leader_address: None,
            told_leader: (None, state.epoch),
            parked: BTreeMap::new(),
            next_hasty_election: now.time,
            hasty_elections: 0,
            shutting_down: false,
            failed: false,
            foreign: foreign::Foreign::default(),
            effects: VecDeque::new(),
            checked: Checked::default(),
        };
        raft.begin(now, state, saved);
        raft.after_input(now);
        raft
    }

    /// A request that is raft's own arrived.
    pub fn on_request(&mut self, now: Now, token: Token, version: i16, request: Request) {
        match request {
            Request::Fetch(request) => self.on_fetch(now, token, version, request),
            Request::FetchSnapshot(request) => self.on_fetch_snapshot(now, token, version, request),
            Request::Vote(request) => self.on_vote(now, token, version, request),
            Request::BeginQuorumEpoch(request) => {
                self.on_begin_quorum_epoch(now, token, version, request);
            }
            Request::EndQuorumEpoch(request) => {
                self.on_end_quorum_epoch(now, token, version, request)
            }
            Request::UpdateRaftVoter(request) => self.on_update_voter(token, &request),
            Request::DescribeQuorum(request) => {
                self.on_describe_quorum(now, token, version, request)
            }
            other => panic!("{} is not raft's", other.api_key().name()),
        }
        self.after_input(now);
    }

    /// The peer closed our connection to it. From the leader that means an election at once: a process
    /// that was killed takes its connections with it.
    pub fn on_disconnect(&mut self, now: Now, peer: NodeId) {
        if self.state.leader == Some(peer) {
            self.on_leader_lost(now, Lost::Connection);
        }
        self.after_input(now);
    }

    /// Everything appended below `end` is on disk.
    pub fn on_durable(&mut self, now: Now, end: Offset) {
        assert!(end <= self.log.end, "{end} was never appended");
        self.durable_end = self.durable_end.max(end);
        match &mut self.role {
            Role::Leader(leader) => {
                leader.disk_moved_at = now.time;
                self.raise_high_watermark(now);
            }
            Role::Follower(_) => self.on_follower_durable(now),
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) | Role::Resigned(_) => {
            }
        }
        self.after_input(now);
    }

    /// [`Raft::deadline`] has passed.
    pub fn on_timeout(&mut self, now: Now) {
        self.after_input(now);
    }

    /// Appends the next batch of our epoch, as its leader.
    pub fn append(&mut self, now: Now, batch: RecordBatch) {
        assert!(self.is_leader(), "only a leader appends");
        assert_eq!(batch.epoch(), self.state.epoch, "the batch is of our epoch");
        self.note_disk_idle(now);
        self.push_append(batch);
        // Followers get it before our own disk has it; both write at once.
        self.wake_parked_fetches();
        self.after_input(now);
    }

    /// Gives up the leadership, if we have it.
    pub fn resign(&mut self, now: Now) {
        if let Some(leader) = self.role.as_leader() {
            let successors = leader.progress.successors();
            self.become_resigned(now, successors, "was asked to");
        }
        self.after_input(now);
    }

    /// Leaves in order: gives up the leadership, and wants none from now on.
    pub fn shutdown(&mut self, now: Now) {
        self.shutting_down = true;
        if let Role::Prospective(_) = self.role {
            self.give_up_pre_vote(now);
        }
        self.resign(now);
    }

    /// Whether [`Raft::shutdown`] was called and the others can do without us. A leader stays until another is
    /// elected, as in Java: its vote may be the one that is missing (`KafkaRaftClient.maybeCompleteShutdown`).
    pub fn is_shut_down(&self) -> bool {
        self.shutting_down
            && match &self.role {
                Role::Leader(_) | Role::Resigned(_) => self.voters.size() == 1,
                // Perhaps its vote is on its way.
                Role::Unattached(_) => false,
                Role::Prospective(_) | Role::Candidate(_) | Role::Follower(_) => true,
            }
    }

    /// The next thing to do. To be drained after every input.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Offset after the last record, on disk or not.
    pub fn end_offset(&self) -> Offset {
        self.log.end
    }

    /// Everything below is on our own disk.
    pub fn durable_end(&self) -> Offset {
        self.durable_end
    }

    /// Everything below is committed; `None` until that is known in this process.
    pub fn high_watermark(&self) -> Option<Offset> {
        self.high_watermark
    }

    /// Which of the voters this is.
    pub fn id(&self) -> NodeId {
        self.options.node_id
    }

    pub fn epoch(&self) -> Epoch {
        self.state.epoch
    }

    /// The leader of our epoch, ourselves included; of one that has resigned, nothing is told.
    pub fn leader(&self) -> Option<(NodeId, Epoch)> {
        let leader = match &self.role {
            Role::Resigned(_) => None,
            Role::Unattached(_)
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Follower(_) => self.state.leader,
        };
        leader.map(|leader| (leader, self.state.epoch))
    }

    /// Whether we may append. Our first record may not be committed yet.
    pub fn is_leader(&self) -> bool {
        self.role.as_leader().is_some()
    }

    pub fn role(&self) -> &Role {
        &self.role
    }

    pub fn quorum_state(&self) -> &QuorumState {
        &self.state
    }

    pub fn log(&self) -> &LogStatus {
        &self.log
    }

    pub fn voters(&self) -> &VoterSet {
        &self.voters
    }

    fn after_input(&mut self, now: Now) {
        if !self.failed {
            self.drive(now);
        }
        self.check_invariants();
    }

    fn may_elect(&self) -> bool {
        self.may_vote() && !self.shutting_down && self.installing.is_none()
    }

    fn push_append(&mut self, batch: RecordBatch) {
        self.log
            .append(batch.epoch(), batch.base_offset(), batch.end_offset());
        self.effects.push_back(Effect::Append(batch));
    }

    fn send(&mut self, to: NodeId, request: impl Into<Request>) {
        let id = self.requests.sent(to);
        let request = request.into();
        self.effects.push_back(Effect::Send { to, id, request });
    }

    /// Raises the high watermark of a leader to what a majority has, and tells everybody who waits.
    fn raise_high_watermark(&mut self, now: Now) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let epoch_start = leader.epoch_start;
        if !leader
            .progress
            .raise_high_watermark(self.durable_end, epoch_start)
        {
            return;
        }
        let first = !std::mem::replace(&mut leader.announced, true);
        if let Some(high_watermark) = leader.progress.high_watermark() {
            self.advance_high_watermark(high_watermark);
        }
        if first {
            self.tell_leader(Some(self.options.node_id));
        }
        tracing::trace!(at = now.time.0, "the high watermark rose");
        self.wake_parked_fetches();
    }

    fn advance_high_watermark(&mut self, to: Offset) {
        if self.high_watermark.is_none_or(|known| known < to) {
            self.high_watermark = Some(to);
            self.effects.push_back(Effect::HighWatermark(to));
        }
    }

    /// What we, as the leader of this epoch, know to be committed. Nothing before our first record is,
    /// since earlier leaders may have told more than we know of.
    fn leader_high_watermark(&self) -> Option<Offset> {
        self.role.as_leader()?.progress.high_watermark()
    }

    fn fail(&mut self, why: String) {
        self.failed = true;
        self.effects.push_back(Effect::Fatal(why));
    }

    fn own_key(&self) -> ReplicaKey {
        ReplicaKey {
            id: self.options.node_id,
            directory_id: self.options.directory_id,
        }
    }

    /// Whether a request names us as its receiver, or nobody (`KafkaRaftClient.isValidVoterKey`).
    fn is_own_key(&self, id: NodeId, directory_id: Uuid) -> bool {
        let own = self.own_key();
        let id = id.known().unwrap_or(own.id);
        ReplicaKey { id, directory_id }.matches(own)
    }

    /// The leader's entry among an answer's `NodeEndpoints`, if there is one and the version has them.
    fn node_endpoints<T>(&self, has_them: bool, entry: fn(NodeId, &Endpoint) -> T) -> Vec<T> {
        let leader = self.leader_endpoint().filter(|_| has_them);
        let entries = leader.map(|(id, endpoint)| entry(id, endpoint));
        entries.into_iter().collect()
    }

    /// The leader of our epoch and where it listens: as it has told us itself, else as our own file has it.
    fn leader_endpoint(&self) -> Option<(NodeId, &Endpoint)> {
        let leader = self.state.leader?;
        if leader == self.options.node_id {
            return Some((leader, &self.options.advertised));
        }
        let told = self.leader_address.as_ref();
        let told = told.filter(|(epoch, _)| *epoch == self.state.epoch);
        let endpoint = told.map(|(_, endpoint)| endpoint);
        Some((leader, endpoint.or(self.voters.endpoint(leader))?))
    }
}
