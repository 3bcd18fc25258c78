//! Bugs of others, built into what surrounds the core, to see whether the simulator finds them; see
//! docs/BUG-BANK.md for where they come from.

use kraftd::{
    log::Log,
    protocol::{
        ErrorCode, NodeId, Offset, OffsetAndEpoch,
        api::{Request, Response},
        messages::broker_heartbeat::BrokerHeartbeatRequest,
        record_batch::RecordBatch,
        records::MetadataRecord,
    },
    raft::Token,
    server::contacts::{Contact, Session},
};

use crate::{core::Core, node::Asker, world::World};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// The quorum state reaches the disk some time after the answer that rests on it.
    VoteNotSaved,
    /// A record counts as durable when it is handed to the disk.
    EndCountedBeforeSync,
    /// A leader takes records of earlier epochs for committed once a majority has them.
    OldEpochCommittedByCounting,
    /// A sync that failed is taken for one that succeeded.
    FailedSyncIgnored,
    /// What a killed process had written counts as durable after the restart, without a sync.
    PageCacheTrusted,
    /// A log that was cut short by rot is taken for whole.
    DamageCutSilently,
    /// A voter with a new disk votes at once.
    BlankDiskVotes,
    /// A node starts with whatever disk it finds.
    WrongDiskAccepted,
    /// A leader that has no record of an epoch takes a follower that has one for consistent.
    UnknownEpochTakenForAgreement,
    /// A vote goes to candidates with shorter logs, too.
    VoteForShorterLog,
    /// A snapshot names an offset one below what it holds.
    SnapshotOffByOne,
    /// Installing a snapshot leaves the old log in place.
    LogKeptUnderSnapshot,
    /// Followers are told to cut more than the logs differ in.
    TruncationTooFar,
    /// The high watermark that is told is the end of the leader's log.
    HighWatermarkTooHigh,
    /// Who asked is answered before the records are committed.
    AnsweredBeforeCommit,
    /// Heartbeats count from when they are handled, not from when they arrived.
    HeartbeatsWaitInLine,
    /// They count from when they arrived, however long they wait then.
    WaitingForgotten,
    /// A leader books what one follower has under another one, too.
    ProgressOfAnother,
    /// A leader takes what it was asked long ago for a sign of life.
    OldFetchesCount,
    /// With a snapshot more of the log goes than is in it.
    PrefixDroppedTooFar,
    /// A registration of a controller that had no effect is never tried again.
    RegistrationNotRepeated,
    /// A timer that has fired stays as it was.
    TimerNotReset,
    /// A new active controller forgets brokers that it never hears of.
    SilentBrokersForgotten,
    /// A new active controller takes brokers for dead that it has not heard yet.
    SessionsBeginEmpty,
    /// Every broker is taken for one that ended in order.
    CrashTakenForCleanEnd,
    /// Who has resigned once writes no snapshots any more.
    NoSnapshotAfterResigning,
    /// Another thread reads what a Fetch is answered with, some time later.
    RecordsReadLate,
}

/// Of the bug that reads late, in microseconds.
pub const READ_LATE_US: u64 = 200_000;

impl World {
    /// What a node with a planted bug answers instead.
    pub fn twist(&self, from: NodeId, to: NodeId, response: &mut Response) {
        match response {
            Response::Vote(answer) if self.plan.has(PlantedBug::VoteForShorterLog) => {
                let voted = self.nodes[&from]
                    .raft()
                    .map(|raft| raft.quorum_state().voted);
                let Some(topic) = answer.topics.first_mut() else {
                    return;
                };
                let partition = &mut topic.partitions[0];
                let free = voted == Some(None) && partition.leader_id.known().is_none();
                partition.vote_granted |= free && partition.error_code == ErrorCode::NONE;
            }
            // Only voters are misled, and only where the leader has a batch to go on with: whoever gets a piece of
            // one sees that something is wrong, and it is the log that shall go wrong.
            Response::Fetch(answer)
                if self.plan.has(PlantedBug::UnknownEpochTakenForAgreement)
                    && self.nodes.contains_key(&to) =>
            {
                let (Some(asked), Some(topic)) = (self.on_fetch, answer.responses.first_mut())
                else {
                    return;
                };
                let partition = &mut topic.partitions[0];
                let node = &self.nodes[&from];
                let diverging = partition.diverging_epoch.epoch.known();
                let unknown = diverging.is_some_and(|epoch| epoch != asked.epoch);
                let next = node.batches_from(asked.offset).next();
                if unknown && next.is_some_and(|batch| batch.base_offset() == asked.offset) {
                    partition.diverging_epoch = Default::default();
                    partition.records = Some(node.read(asked.offset, self.plan.fetch_max_bytes));
                }
            }
            Response::Fetch(answer) if self.plan.has(PlantedBug::TruncationTooFar) => {
                let topic = answer.responses.first_mut();
                let diverging = topic.map(|topic| &mut topic.partitions[0].diverging_epoch);
                let diverging = diverging.filter(|end| end.epoch.known().is_some());
                if let Some(end) = diverging {
                    end.end_offset = Offset((end.end_offset.0 - 3).max(0));
                }
            }
            Response::Fetch(answer) if self.plan.has(PlantedBug::HighWatermarkTooHigh) => {
                let topic = answer.responses.first_mut();
                let partition = topic.map(|topic| &mut topic.partitions[0]);
                let told = partition.filter(|partition| partition.high_watermark.known().is_some());
                if let Some(partition) = told {
                    partition.high_watermark = self.nodes[&from].end();
                }
            }
            _ => {}
        }
    }

    /// What a node with a planted bug understands instead of what it was asked.
    pub fn mishear(&mut self, to: NodeId, from: Asker, request: &mut Request) {
        match request {
            Request::BrokerRegistration(asked)
                if self.plan.has(PlantedBug::CrashTakenForCleanEnd) =>
            {
                let state = self.nodes[&to].core.as_ref().and_then(Core::stable_state);
                let known = state.and_then(|state| state.brokers.get(asked.broker_id));
                if let Some(known) = known {
                    asked.previous_broker_epoch = known.epoch;
                }
            }
            Request::Fetch(fetch) if self.nodes.contains_key(&from.node) => {
                if self.plan.has(PlantedBug::OldFetchesCount) {
                    let old = Request::Fetch(fetch.clone());
                    self.node(to)
                        .old_fetches
                        .insert(from.node, (from.version, old));
                }
                let neighbour = NodeId(from.node.0 % self.plan.nodes + 1);
                if self.plan.has(PlantedBug::ProgressOfAnother) && neighbour != to {
                    let mut other = fetch.clone();
                    other.replica_state.replica_id = neighbour;
                    self.let_ask(to, from.version, other.into());
                }
            }
            _ => {}
        }
    }

    /// What a node with a planted bug does before every input.
    pub fn daydream(&mut self, id: NodeId) {
        if self.plan.has(PlantedBug::OldFetchesCount)
            && self.nodes[&id].raft().is_some_and(|raft| raft.is_leader())
        {
            for (version, old) in self.nodes[&id].old_fetches.clone().into_values() {
                self.let_ask(id, version, old);
            }
        }
        if self.plan.has(PlantedBug::SilentBrokersForgotten) {
            for session in self.never_heard(id) {
                let time = self.now;
                let node = self.node(id);
                let at = node.now(time).time;
                let contact = Contact { at, progress: None };
                if let Some(core) = &mut node.core {
                    core.on_contact(session, contact);
                }
            }
        }
        let is_active = self.nodes[&id].watch.active_since.is_some();
        if self.plan.has(PlantedBug::SessionsBeginEmpty) && is_active {
            for (broker_id, broker_epoch) in self.never_heard(id) {
                let request = BrokerHeartbeatRequest {
                    broker_id,
                    broker_epoch,
                    want_fence: true,
                    ..Default::default()
                };
                self.let_ask(id, 1, request.into());
            }
        }
    }

    /// The lives of brokers of which this life of a node has not heard.
    fn never_heard(&self, id: NodeId) -> Vec<Session> {
        let node = &self.nodes[&id];
        let state = node.core.as_ref().and_then(Core::stable_state);
        let known = state.iter().flat_map(|state| state.brokers.iter());
        let lives = known.map(|(broker, known)| (broker, known.epoch));
        lives
            .filter(|life| !node.heard.contains_key(life))
            .collect()
    }

    /// A request that nobody waits for the answer to.
    fn let_ask(&mut self, id: NodeId, version: i16, request: Request) {
        let time = self.now;
        let node = self.node(id);
        let (now, token) = (node.now(time), Token(node.next_token));
        node.next_token += 1;
        if let Some(core) = &mut node.core {
            core.on_request(now, now.time, token, version, request);
        }
    }

    /// More of the log goes than the snapshot holds.
    pub fn drop_too_much(&mut self, id: NodeId, start: OffsetAndEpoch) {
        let disk = &mut self.node(id).disk;
        let content = disk.snapshot(start).cloned();
        let too_far = disk.batches().first().map(|first| OffsetAndEpoch {
            offset: first.end_offset(),
            epoch: first.epoch(),
        });
        if let (Some(content), Some(too_far)) = (content, too_far) {
            disk.drop_prefix(too_far).expect("a simulated disk");
            disk.write_snapshot(start, [content])
                .expect("a simulated disk");
        }
    }

    /// What an administrator is told too early by a node with that bug.
    pub fn promise_early(&mut self, batch: &RecordBatch) {
        if !self.plan.has(PlantedBug::AnsweredBeforeCommit) || batch.is_control() {
            return;
        }
        for (_, record) in batch.metadata_records().expect("our own records") {
            if let MetadataRecord::Topic(topic) = record {
                let history = &mut self.checker.history;
                history.topic_created(Offset(0), &topic.name, topic.topic_id, 0);
            }
        }
    }
}
