//! The controller thread: waits for what happens, tells the [`Controller`], and does what that says. It
//! owns all state that changes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::info;

use super::{
    clock::Clock,
    contacts::{Contact, Contacts},
    die,
    disk::{Disk, Job},
    inbox::{Answer, Inbox, Input},
    peers::Peers,
    snapshots,
    status::Standstill,
    tail::{Tail, join},
    underway::Underway,
};
use crate::{
    controller::{Controller, Effect, LogEvent},
    protocol::{
        ErrorCode, NodeId, Offset, OffsetAndEpoch,
        api::{Request, Response},
        messages::{fetch::FetchResponse, fetch_snapshot::FetchSnapshotResponse},
    },
    raft::Token,
    time::Time,
};

/// Everything of a running node but its network thread.
pub struct Node {
    controller: Controller,
    clock: Clock,
    inbox: Arc<Inbox>,
    contacts: Arc<Contacts>,
    disk: Disk,
    peers: Peers,
    standstill: Arc<Standstill>,
    tail: Tail,
    replies: BTreeMap<Token, oneshot::Sender<Answer>>,
    underway: Underway,
    leader: Option<NodeId>,
    /// Told to stop, and staying until then for brokers that stop, too.
    stay_until: Option<Time>,
    /// Told to stop: not later than this.
    stop_by: Option<Time>,
}

/// How long a node that stops stays for brokers that are shutting down. They need leave to go from the active
/// controller, and wait five minutes for it where all hosts of a cluster are stopped at once and the majority
/// goes first (`BrokerServer.shutdown`).
const TIME_FOR_BROKERS: Duration = Duration::from_secs(10);

/// How long a leader that stops waits for another to be elected, since its vote may be needed. Without the others it
/// is of no use.
const HAND_OVER_TIME: Duration = Duration::from_millis(500);

impl Node {
    pub fn new(
        controller: Controller,
        clock: Clock,
        inbox: Arc<Inbox>,
        contacts: Arc<Contacts>,
        disk: Disk,
        peers: Peers,
        standstill: Arc<Standstill>,
    ) -> Node {
        Node {
            controller,
            clock,
            inbox,
            contacts,
            disk,
            peers,
            standstill,
            tail: Tail::default(),
            replies: BTreeMap::new(),
            underway: Underway::default(),
            leader: None,
            stay_until: None,
            stop_by: None,
        }
    }

    /// Runs until it was told to stop and has handed over.
    pub fn run(mut self) {
        self.perform_effects();
        loop {
            let now = self.clock.now();
            let deadline = self
                .controller
                .deadline()
                .into_iter()
                .chain(self.stay_until)
                .chain(self.stop_by)
                .min();
            // One input is taken even if there is no time left: tasks that are due at once, again and again, must not
            // keep the quorum waiting.
            let patience = deadline.map(|deadline| deadline.max(now.time) - now.time);
            let input = self.inbox.next(patience);
            let begun = self.clock.time();
            self.contacts.begin(begun);
            self.hear_contacts(begun);
            self.act_when_due();
            if let Some(input) = input.filter(Input::is_awaited) {
                self.on_input(input);
                self.perform_effects();
            }
            let now = self.clock.now();
            if let Some(until) = self.stay_until
                && (until <= now.time || !self.is_waited_for())
            {
                self.stay_until = None;
                self.stop_by = Some(now.time + HAND_OVER_TIME);
                self.controller.shutdown(now);
                self.perform_effects();
            }
            self.contacts.end();
            let impatient = self.stop_by.is_some_and(|stop_by| stop_by <= now.time);
            if impatient || self.controller.raft().is_shut_down() {
                return self.disk.stop();
            }
        }
    }

    /// Timers wait in no line.
    fn act_when_due(&mut self) {
        let now = self.clock.now();
        let deadline = self.controller.deadline();
        if deadline.is_some_and(|deadline| deadline <= now.time) {
            self.controller.on_timeout(now);
            self.perform_effects();
        }
    }

    fn on_input(&mut self, input: Input) {
        let now = self.clock.now();
        match input {
            Input::Request {
                caller,
                request,
                reply,
            } => {
                if let Request::BrokerHeartbeat(heartbeat) = &request {
                    self.contacts.on_handled(heartbeat);
                }
                self.replies.insert(caller.token, reply);
                self.controller.on_request(now, caller, request);
            }
            Input::Response { from, id, outcome } => {
                self.controller.on_response(now, from, id, outcome);
            }
            Input::Disconnected { peer } => self.controller.on_disconnect(now, peer),
            Input::Log(event) => {
                if let LogEvent::SnapshotInstalled { .. } = &event {
                    self.tail.clear();
                }
                self.controller.on_log(now, event);
            }
            Input::Status(reply) => {
                let _gone = reply.send(self.controller.raft().status(now));
            }
            Input::Shutdown => {
                info!("shutting down");
                self.stay_until = Some(now.time + TIME_FOR_BROKERS);
            }
        }
    }

    /// Whether brokers are shutting down that a leader can still let go.
    fn is_waited_for(&self) -> bool {
        let mut brokers = self.controller.stable_state().brokers.iter();
        let waits = brokers.any(|(_, broker)| broker.in_controlled_shutdown && !broker.fenced);
        waits && self.controller.leader().is_some()
    }

    /// Before anything is made of it: a heartbeat that waits in the queue counts already.
    fn hear_contacts(&mut self, now: Time) {
        for ((broker, epoch), Contact { at, progress }) in self.contacts.take(now) {
            self.controller.on_contact(broker, epoch, at, progress);
        }
    }

    /// Strictly in order: what must be durable is, before anything after it is seen by others.
    fn perform_effects(&mut self) {
        self.contacts.publish(self.controller.known_brokers());
        while let Some(effect) = self.controller.next_effect() {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SaveQuorumState(state) => {
                self.stand_still(|disk| disk.save_quorum_state(state));
            }
            Effect::Append(batch) => {
                self.tail.append(batch.clone());
                self.disk.send(Job::Append(batch));
            }
            Effect::Truncate { end } => {
                self.tail.truncate(end);
                self.stand_still(|disk| disk.truncate(end));
            }
            Effect::Send { to, id, request } => self.peers.send(to, id, request),
            Effect::Reply { token, response } => self.reply(token, response),
            Effect::ReplyFetch {
                token,
                response,
                from,
                max_bytes,
            } => {
                self.reply_fetch(token, response, from, max_bytes);
            }
            Effect::ReplyFetchSnapshot {
                token,
                response,
                id,
                position,
                max_bytes,
            } => {
                self.reply_fetch_snapshot(token, response, id, position, max_bytes);
            }
            Effect::WriteSnapshotChunk {
                id,
                position,
                bytes,
            } => {
                self.disk.send(Job::WriteSnapshotChunk {
                    id,
                    position,
                    bytes,
                });
            }
            Effect::InstallSnapshot { id } => self.disk.send(Job::InstallSnapshot(id)),
            Effect::WriteSnapshot { id, batches } => self.disk.snapshots.write(id, batches),
            Effect::DropPrefix { start } => self.disk.send(Job::DropPrefix(start)),
            Effect::Leader { leader, epoch } => self.on_leader(leader, epoch.0),
            Effect::Fatal(reason) => die(&reason),
        }
    }

    /// Waits for the disk, which may hang.
    fn stand_still(&self, until: impl FnOnce(&Disk)) {
        let status = self.controller.raft().status(self.clock.now());
        self.standstill.begin(status);
        until(&self.disk);
        self.standstill.end();
    }

    fn on_leader(&mut self, leader: Option<NodeId>, epoch: i32) {
        match leader {
            // The controller has told it with what follows from it.
            Some(id) if id == self.controller.raft().id() => {}
            Some(id) => info!("In the new epoch {epoch}, the leader is {id}."),
            None if self.leader.is_some() => {
                info!("In the new epoch {epoch}, the leader is (none).");
            }
            None => {}
        }
        self.leader = leader;
    }

    fn reply(&mut self, token: Token, response: Response) {
        if let Some(reply) = self.replies.remove(&token) {
            // Whoever asked may be gone.
            let _gone = reply.send(response.into());
        }
    }

    fn reply_fetch(
        &mut self,
        token: Token,
        mut response: FetchResponse,
        from: Offset,
        max_bytes: usize,
    ) {
        let Some(reply) = self.replies.remove(&token) else {
            return;
        };
        let mut share = self.underway.share(max_bytes);
        let max_bytes = share.max_bytes();
        let answer = move |bytes: Bytes| {
            share.settle(bytes.len());
            set_records(&mut response, bytes);
            let _gone = reply.send(Answer {
                response: response.into(),
                share: Some(share),
            });
        };
        if let Some(bytes) = self.tail.read(from, max_bytes) {
            return answer(bytes);
        }
        let answer = move |batches: Vec<_>| answer(join(batches.iter(), max_bytes));
        self.disk.send(Job::Read {
            from,
            max_bytes,
            answer: Box::new(answer),
        });
    }

    fn reply_fetch_snapshot(
        &mut self,
        token: Token,
        mut response: FetchSnapshotResponse,
        id: OffsetAndEpoch,
        position: u64,
        max_bytes: usize,
    ) {
        let Some(reply) = self.replies.remove(&token) else {
            return;
        };
        let mut share = self.underway.share(max_bytes);
        let max_bytes = share.max_bytes();
        let answer = move |read: Option<Bytes>| {
            share.settle(read.as_ref().map_or(0, Bytes::len));
            let partition = response
                .topics
                .iter_mut()
                .flat_map(|topic| &mut topic.partitions)
                .next();
            if let Some(partition) = partition {
                match read {
                    Some(bytes) => partition.unaligned_records = bytes,
                    None => {
                        info!(
                            "snapshot {id} is gone, whose bytes from {position} on somebody wants"
                        );
                        partition.error_code = ErrorCode::SNAPSHOT_NOT_FOUND;
                    }
                }
            }
            let _gone = reply.send(Answer {
                response: response.into(),
                share: Some(share),
            });
        };
        self.disk.snapshots.read(snapshots::Read {
            id,
            position,
            max_bytes,
            answer: Box::new(answer),
        });
    }
}

fn set_records(response: &mut FetchResponse, bytes: Bytes) {
    let mut partitions = response
        .responses
        .iter_mut()
        .flat_map(|topic| &mut topic.partitions);
    if let Some(partition) = partitions.next() {
        partition.records = Some(bytes);
    }
}
