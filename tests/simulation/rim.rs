//! What surrounds a core: starts it, performs its effects, carries its messages in their wire form, and
//! shows the checker what it has become.

use bytes::Bytes;
use kraftd::{
    controller::{self, Controller, Effect, PeriodicOptions, RequestId, SnapshotOptions},
    log::Log,
    metadata,
    protocol::{
        NodeId, Offset, OffsetAndEpoch, Uuid,
        api::{Request, Response},
        features::MetadataVersion,
        messages::controller_registration::Listener,
        quorum_state::Standing,
        record_batch::RecordBatch,
        wire::{Reader, Writer},
    },
    raft::{self, Endpoint, Raft, SendError, Token, VoterSet},
    time::Time,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    core::{CLUSTER_ID, Core},
    node::{Asker, Node},
    plan::PlantedBug,
    world::{Event, World},
};

/// How late the planted bug saves, in microseconds.
const SAVED_LATE_US: u64 = 20_000;

impl World {
    pub fn start(&mut self, id: NodeId) {
        let (time, seed) = (self.now, self.rng.random());
        let options = self.options(id);
        let controllers = self.plan.controllers;
        let node = self.node(id);
        if node.core.is_some() {
            return;
        }
        node.dark = false;
        let now = node.now(time);
        node.core = Some(match controllers {
            true => {
                let restored = node.restore_controller();
                Core::Controller(Box::new(Controller::new(options, restored, seed, now)))
            }
            false => {
                let rng = ChaCha8Rng::seed_from_u64(seed);
                let restored = node.restore();
                let raft = Raft::new(options.raft, options.voters, restored, rng, now);
                Core::Raft(Box::new(raft))
            }
        });
        self.perform_all(id);
    }

    fn options(&self, id: NodeId) -> controller::Options {
        let plan = &self.plan;
        let host = |id: NodeId| format!("host{id}");
        let voters = self.node_ids().into_iter().map(|id| {
            let endpoint = Endpoint {
                listener_name: "CONTROLLER".to_owned(),
                host: host(id),
                port: 9093,
            };
            (id, endpoint)
        });
        let bootstrap = metadata::activation::default_bootstrap(MetadataVersion::LATEST_PRODUCTION);
        controller::Options {
            raft: raft::Options {
                node_id: id,
                directory_id: Uuid([id.0 as u8 + 1; 16]),
                cluster_id: CLUSTER_ID.to_owned(),
                election_timeout_ms: plan.election_timeout_ms,
                fetch_timeout_ms: plan.fetch_timeout_ms,
                election_backoff_max_ms: plan.election_timeout_ms,
                request_timeout_ms: plan.request_timeout_ms,
                retry_backoff_ms: 20,
                fetch_max_bytes: plan.fetch_max_bytes,
                fetch_snapshot_max_bytes: plan.snapshot_chunk_bytes,
            },
            voters: VoterSet::new(voters.collect()),
            metadata: metadata::Options {
                node_id: id,
                voter_ids: self.node_ids().into_iter().collect(),
                cluster_id: CLUSTER_ID.to_owned(),
                bootstrap: bootstrap.into(),
                ..Default::default()
            },
            listeners: vec![Listener {
                name: "CONTROLLER".to_owned(),
                host: host(id),
                port: 9093,
                ..Default::default()
            }],
            periodic: PeriodicOptions::default(),
            snapshots: SnapshotOptions {
                max_bytes_between_snapshots: plan.snapshot_every_ms.unwrap_or(1 << 20),
                max_retention_bytes: plan.snapshot_every_ms.map_or(1 << 20, |ms| ms as i64),
                ..Default::default()
            },
            append_linger_ms: None,
            broker_heartbeat_interval_ms: 2_000,
        }
    }

    pub fn perform_all(&mut self, id: NodeId) {
        loop {
            let Some(core) = &mut self.node(id).core else {
                return;
            };
            let Some(effect) = core.next_effect() else {
                break;
            };
            self.perform(id, effect);
        }
        self.observe(id);
        self.schedule_wake(id);
    }

    fn schedule_wake(&mut self, id: NodeId) {
        let time = self.now;
        let node = self.node(id);
        let Some(deadline) = node.core.as_ref().and_then(Core::deadline) else {
            return;
        };
        let at = node.true_time(deadline).max(Time(time.0 + 1));
        if node.wake_at != Some(at) {
            node.wake_at = Some(at);
            let life = node.life;
            self.at(at, Event::Wake { node: id, life, at });
        }
    }

    fn perform(&mut self, id: NodeId, effect: Effect) {
        let life = self.node(id).life;
        let fine = "a simulated disk";
        match effect {
            Effect::SaveQuorumState(state) => {
                if self.plan.bug == Some(PlantedBug::VoteNotSaved) {
                    self.node(id).unsaved = Some(state);
                    self.after(SAVED_LATE_US, Event::SaveLate { node: id, life });
                } else {
                    self.node(id).disk.save_quorum_state(&state).expect(fine);
                }
            }
            Effect::Append(batch) => {
                let end = batch.end_offset();
                if self.node(id).append(batch) {
                    self.begin_sync(id);
                }
                if self.plan.bug == Some(PlantedBug::EndCountedBeforeSync) {
                    self.with(id, life, |core, now| core.on_durable(now, end));
                }
            }
            Effect::Truncate { end } => {
                let node = self.nodes.get_mut(&id).expect("a node");
                assert!(
                    !node.syncing || self.plan.bug.is_some(),
                    "a cut during an append"
                );
                self.checker.on_truncate(id, node.disk.batches(), end);
                node.disk.truncate(end).expect(fine);
            }
            Effect::Send {
                to,
                id: request_id,
                request,
            } => self.send(id, to, request_id, request),
            Effect::Reply { token, response } => self.answer(id, token, response),
            Effect::ReplyFetch {
                token,
                mut response,
                from,
                max_bytes,
            } => {
                let records = self.node(id).read(from, max_bytes);
                response.responses[0].partitions[0].records = Some(records);
                self.answer(id, token, response.into());
            }
            Effect::ReplyFetchSnapshot {
                token,
                mut response,
                id: snapshot,
                position,
                max_bytes,
            } => {
                let disk = &self.node(id).disk;
                let bytes = disk.read_snapshot(snapshot, position, max_bytes);
                response.topics[0].partitions[0].unaligned_records = bytes.expect(fine);
                self.answer(id, token, response.into());
            }
            Effect::WriteSnapshotChunk {
                id: snapshot,
                position,
                bytes,
            } => {
                let disk = &mut self.node(id).disk;
                disk.write_snapshot_chunk(snapshot, position, &bytes)
                    .expect(fine);
            }
            Effect::InstallSnapshot { id: snapshot } => self.install(id, snapshot),
            Effect::WriteSnapshot {
                id: snapshot,
                batches,
            } => {
                self.finish_sync(id);
                let disk = &mut self.node(id).disk;
                let bytes = disk.write_snapshot(snapshot, batches);
                let content = disk.snapshot(snapshot).expect("just written").clone();
                self.checker.on_snapshot(id, snapshot, content);
                self.with(id, life, |core, now| {
                    core.on_snapshot_written(now, snapshot, bytes)
                });
            }
            Effect::DropPrefix { start } => {
                self.observe_high_watermark(id);
                self.finish_sync(id);
                self.node(id).disk.drop_prefix(start).expect(fine);
                self.with(id, life, |core, now| core.on_log_start(now, start));
            }
            Effect::Leader { leader, epoch } => {
                self.note(leader.map_or(0, |leader| leader.0 as u64) << 32 | epoch.0 as u64);
            }
            Effect::Fatal(why) => panic!("node {id} gave up: {why}"),
        }
    }

    fn install(&mut self, id: NodeId, snapshot: OffsetAndEpoch) {
        let digest = self.checker.digest(snapshot.offset);
        let controllers = self.plan.controllers;
        self.checker.counts.snapshots_installed += 1;
        let disk = &mut self.node(id).disk;
        disk.install_snapshot(snapshot).expect("a simulated disk");
        let content = disk.snapshot(snapshot).expect("just installed").clone();
        match controllers {
            true => self.checker.on_snapshot(id, snapshot, content.clone()),
            false => assert_eq!(
                content,
                snapshot_content(digest),
                "equals the log before it"
            ),
        }
        let life = self.node(id).life;
        self.with(id, life, |core, now| {
            core.on_snapshot_installed(now, snapshot, content)
        });
    }

    fn begin_sync(&mut self, id: NodeId) {
        let max_us = if self.healed {
            200
        } else {
            self.plan.max_sync_us
        };
        let us = self.rng.random_range(50..=max_us.max(51));
        let life = self.node(id).life;
        self.after(us, Event::Synced { node: id, life });
    }

    /// The disk does one thing after the other: all appends so far come first.
    fn finish_sync(&mut self, id: NodeId) {
        while self.node(id).syncing {
            let life = self.node(id).life;
            let (end, _) = self.node(id).synced();
            self.with(id, life, |core, now| core.on_durable(now, end));
        }
    }

    pub fn on_synced(&mut self, id: NodeId, life: u64) {
        if self.node(id).life != life || !self.node(id).syncing {
            return;
        }
        let (end, again) = self.node(id).synced();
        if again {
            self.begin_sync(id);
        }
        if self.plan.bug != Some(PlantedBug::EndCountedBeforeSync) {
            self.with(id, life, |core, now| core.on_durable(now, end));
        }
    }

    pub fn save_late(&mut self, id: NodeId, life: u64) {
        let node = self.node(id);
        if node.life == life
            && let Some(state) = node.unsaved.take()
        {
            node.disk
                .save_quorum_state(&state)
                .expect("a simulated disk");
        }
    }

    /// Sends a request at the best version that both sides know.
    fn send(&mut self, from: NodeId, to: NodeId, id: RequestId, request: Request) {
        let version = self.version(from, to, &request);
        let wait_ms = match &request {
            Request::Fetch(fetch) => fetch.max_wait_ms as u64,
            _ => 0,
        };
        let asker = Asker {
            node: from,
            life: self.node(from).life,
            id,
            version,
        };
        self.node(from).pending.insert(id, to);
        let timeout_ms = self.plan.request_timeout_ms + wait_ms;
        self.transmit(asker, to, request, timeout_ms);
    }

    pub fn transmit(&mut self, asker: Asker, to: NodeId, request: Request, timeout_ms: u64) {
        let mut writer = Writer::new();
        let encoded = request.encode(&mut writer, asker.version);
        let (error, us) = match encoded {
            Err(_) => (SendError::UnsupportedVersion, 0),
            Ok(()) => (SendError::TimedOut, timeout_ms * 1000),
        };
        let lost = Event::Answer {
            to: asker,
            from: to,
            outcome: Err(error),
        };
        self.after(us, lost);
        if error == SendError::UnsupportedVersion {
            return;
        }
        let mut reader = Reader::new(writer.into_bytes());
        let request = Request::decode(request.api_key(), asker.version, &mut reader);
        let request = request.expect("what we encode decodes");
        let between_nodes = self.nodes.contains_key(&asker.node);
        let repeats = between_nodes && self.network.repeats(&self.plan, &mut self.rng);
        for _ in 0..=u8::from(repeats) {
            let delay = self
                .network
                .delay_us(asker.node, to, &self.plan, &mut self.rng);
            if let Some(us) = delay {
                let (from, request) = (asker, request.clone());
                self.after(us, Event::Request { to, from, request });
            }
        }
    }

    fn version(&self, from: NodeId, to: NodeId, request: &Request) -> i16 {
        let max = request.api_key().api().expect("a known API").max_version;
        let old = self.plan.old_node && (from == NodeId(1) || to == NodeId(1));
        match request {
            Request::Vote(_) if old => 1,
            Request::Fetch(_) if old => 17,
            _ => max,
        }
    }

    pub fn on_request(&mut self, to: NodeId, from: Asker, request: Request) {
        let (time, node) = (self.now, self.node(to));
        if node.core.is_none() {
            // The host is there, the process is not: the connection is refused.
            if !node.dark {
                let outcome = Err(SendError::Disconnected);
                self.deliver_answer(to, from, outcome);
            }
            return;
        }
        let (token, life) = (Token(node.next_token), node.life);
        node.next_token += 1;
        node.askers.insert(token, from);
        self.note(time.0 ^ (to.0 as u64) << 48);
        self.with(to, life, |core, now| {
            core.on_request(now, token, from.version, request)
        });
    }

    fn answer(&mut self, from: NodeId, token: Token, response: Response) {
        let Some(asker) = self.node(from).askers.remove(&token) else {
            return;
        };
        let mut writer = Writer::new();
        let encoded = response.encode(&mut writer, asker.version);
        encoded
            .unwrap_or_else(|error| panic!("{response:?} at version {}: {error}", asker.version));
        let mut reader = Reader::new(writer.into_bytes());
        let response = Response::decode(response.api_key(), asker.version, &mut reader);
        let response = response.expect("what we encode decodes");
        self.deliver_answer(from, asker, Ok(response));
    }

    fn deliver_answer(&mut self, from: NodeId, to: Asker, outcome: Result<Response, SendError>) {
        let delay = self
            .network
            .delay_us(from, to.node, &self.plan, &mut self.rng);
        if let Some(us) = delay {
            self.after(us, Event::Answer { to, from, outcome });
        }
    }

    pub fn on_answer(&mut self, to: Asker, from: NodeId, outcome: Result<Response, SendError>) {
        let node = self.node(to.node);
        if node.life == to.life && node.pending.remove(&to.id).is_some() {
            self.with(to.node, to.life, |core, now| {
                core.on_response(now, from, to.id, outcome);
            });
        }
    }

    /// Looks at what a node has become.
    fn observe(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a node");
        let Some(raft) = node.core.as_ref().map(Core::raft) else {
            return;
        };
        let (epoch, leads, end) = (raft.epoch(), raft.is_leader(), raft.end_offset());
        let (voted, amnesiac) = (raft.quorum_state().voted, raft.amnesia().is_some());
        assert_eq!(node.end(), end, "raft knows the log");
        if self.plan.bug != Some(PlantedBug::VoteNotSaved) {
            let saved = node.disk.saved_quorum_state();
            assert_eq!(raft.quorum_state(), saved, "saved as it is");
        }
        let became_leader = leads && !node.was_leader;
        let became_amnesiac = amnesiac && !node.was_amnesiac;
        let recovered = !amnesiac && node.was_amnesiac;
        node.was_leader = leads;
        node.was_amnesiac = amnesiac;
        self.checker.counts.amnesiacs += u64::from(became_amnesiac);
        self.checker.counts.recovered += u64::from(recovered);
        if let Some(candidate) = voted {
            self.checker.on_vote(id, epoch, candidate);
        }
        if became_leader {
            self.checker.on_leader(&self.nodes[&id], epoch);
        }
        self.observe_high_watermark(id);
        self.note(end.0 as u64 ^ (epoch.0 as u64) << 32);
        if leads && self.counts_wrongly() {
            self.commit_by_counting(id);
        }
    }

    fn observe_high_watermark(&mut self, id: NodeId) {
        let node = self.node(id);
        let known = node.raft().and_then(Raft::high_watermark);
        let high_watermark = known.unwrap_or(Offset(0));
        if high_watermark > std::mem::replace(&mut node.committed, high_watermark) {
            self.on_high_watermark(id, high_watermark);
        }
    }

    /// The planted bug: takes whatever a majority has on disk for committed.
    fn commit_by_counting(&mut self, id: NodeId) {
        let ours = &self.nodes[&id];
        let common_end = |theirs: &Node| {
            let pairs = ours.batches().zip(theirs.disk.batches());
            let equal = pairs.take_while(|(a, b)| a.bytes() == b.bytes() && a.epoch() == b.epoch());
            let last = equal.last().map(|(batch, _)| batch.end_offset());
            last.map_or(Offset(0), |end| end.min(theirs.disk.synced_end()))
        };
        let mut ends: Vec<Offset> = self.nodes.values().map(common_end).collect();
        ends.sort_unstable();
        let on_a_majority = ends[(ends.len() - 1) / 2];
        if on_a_majority > self.checker.committed_end() {
            self.on_high_watermark(id, on_a_majority);
        }
    }

    fn on_high_watermark(&mut self, id: NodeId, high_watermark: Offset) {
        self.note(high_watermark.0 as u64);
        let node = &self.nodes[&id];
        if let Some(leader) = node.raft().filter(|raft| raft.is_leader()) {
            self.checker.on_count(node, leader.epoch(), high_watermark);
        }
        for batch in self.checker.on_high_watermark(node, high_watermark) {
            let holds = |node: &&Node| {
                // What was counted there may have rotted since.
                let damaged = node.disk.saved_quorum_state().standing != Standing::Sound;
                let durable = batch.end_offset() <= node.disk.synced_end();
                let in_snapshot = node.disk.start().offset >= batch.end_offset();
                let mut held = node.disk.batches().iter().rev();
                let equal = |other: &RecordBatch| other.bytes() == batch.bytes();
                damaged || durable && (in_snapshot || held.any(equal))
            };
            let holders = self.nodes.values().filter(holds).count();
            assert!(
                holders > self.nodes.len() / 2,
                "{} is called committed, but only {holders} disks have it",
                batch.base_offset()
            );
        }
    }
}

/// What a snapshot of raft alone holds.
pub fn snapshot_content(digest: u64) -> Bytes {
    Bytes::from(digest.to_be_bytes().repeat(40))
}
