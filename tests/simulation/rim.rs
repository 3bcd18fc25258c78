//! What surrounds a core: starts it, and performs its effects.

use bytes::Bytes;
use kraftd::{
    controller::{self, Controller, Effect, SnapshotBatches, SnapshotOptions},
    log::{Log, LogError},
    metadata::{self, configs::ResourceType},
    protocol::{
        ErrorCode, NodeId, Offset, OffsetAndEpoch, Uuid,
        messages::controller_registration::Listener, records::ConfigRecord,
    },
    raft::{self, Endpoint, Raft, VoterSet},
    server,
    time::Time,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    bugs::{PlantedBug, READ_LATE_US},
    core::{CLUSTER_ID, Core},
    coverage::Mark,
    node::{Job, Report},
    world::{Event, World},
};

/// A heartbeat that waited for half of it is not worth an answer.
pub const HEARTBEAT_INTERVAL_MS: u64 = 2_000;
/// How late the planted bug saves, in microseconds.
const SAVED_LATE_US: u64 = 20_000;
/// What is acknowledged is noted after so much rest, or while there is none, so often.
const NOTED_AFTER_US: u64 = 50_000;
const NOTED_EVERY_MS: u64 = 1_000;
/// How long it takes to write a snapshot, in microseconds.
const SNAPSHOT_US: std::ops::Range<u64> = 100..20_000;
/// How long a sync takes on a slow disk, in microseconds.
const SLOW_SYNC_US: std::ops::Range<u64> = 50_000..2_000_000;

impl World {
    pub fn start(&mut self, id: NodeId) {
        let (time, seed) = (self.now, self.rng.random());
        let options = self.options(id);
        let controllers = self.plan.controllers;
        let accepts_any = self.plan.has(PlantedBug::WrongDiskAccepted);
        self.change_release(id);
        let node = self.node(id);
        if node.core.is_some() {
            return;
        }
        node.dark = false;
        let synced_end = node.disk.synced_end();
        let found = match accepts_any {
            true => Ok(node.disk.recover()),
            false => node.disk.open(id),
        };
        let Some(found) = self.survive(id, found) else {
            return;
        };
        let unsynced = self.plan.has(PlantedBug::PageCacheTrusted);
        let node = self.nodes.get_mut(&id).expect("a node");
        node.phantom_from = Some(synced_end).filter(|_| unsynced);
        if !found.snapshots.is_empty() {
            self.coverage.reach(Mark::StateLoadedFromSnapshot);
        }
        let now = node.now(time);
        node.core = Some(match controllers {
            true => {
                let restored = node.restore(found);
                Core::Controller(Box::new(Controller::new(options, restored, seed, now)))
            }
            false => {
                let rng = ChaCha8Rng::seed_from_u64(seed);
                let restored = server::restore_raft(found);
                let raft = Raft::new(options.raft, options.voters, restored, rng, now);
                Core::Raft(Box::new(raft))
            }
        });
        self.perform_all(id);
    }

    /// Node 1 may come back with another release of the software.
    fn change_release(&mut self, id: NodeId) {
        if self.plan.old_node && id == NodeId(1) && !self.healed {
            let before = std::mem::replace(&mut self.old_release, self.rng.random());
            if before != self.old_release {
                self.coverage.reach(Mark::ReleaseChanged);
            }
        }
    }

    fn options(&self, id: NodeId) -> controller::Options {
        let plan = &self.plan;
        let host = |id: NodeId| format!("host{id}");
        let endpoint = |id| Endpoint {
            listener_name: "CONTROLLER".to_owned(),
            host: host(id),
            port: 9093,
        };
        let voters = self.node_ids().into_iter().map(|id| (id, endpoint(id)));
        let mut bootstrap = metadata::activation::default_bootstrap(plan.metadata_version);
        let setting = |number| ConfigRecord {
            resource_type: ResourceType::GROUP.0,
            resource_name: format!("group {number}"),
            name: "consumer.session.timeout.ms".to_owned(),
            value: Some("50000".to_owned()),
            ..Default::default()
        };
        bootstrap.extend((0..plan.more_bootstrap).map(|number| setting(number).into()));
        controller::Options {
            raft: raft::Options {
                node_id: id,
                directory_id: Uuid([id.0 as u8 + 1; 16]),
                cluster_id: CLUSTER_ID.to_owned(),
                advertised: endpoint(id),
                election_timeout_ms: plan.election_timeout_ms,
                fetch_timeout_ms: plan.fetch_timeout_ms,
                election_backoff_max_ms: plan.election_timeout_ms,
                retry_backoff_ms: 20,
                fetch_max_bytes: plan.fetch_max_bytes,
                fetch_snapshot_max_bytes: plan.snapshot_chunk_bytes,
            },
            voters: VoterSet::new(voters.collect()),
            metadata: metadata::Options {
                node_id: id,
                voter_ids: self.node_ids().into_iter().collect(),
                cluster_id: CLUSTER_ID.to_owned(),
                session_timeout_ms: plan.session_timeout_ms,
                bootstrap: bootstrap.into(),
                ..Default::default()
            },
            listeners: vec![Listener {
                name: "CONTROLLER".to_owned(),
                host: host(id),
                port: 9093,
                ..Default::default()
            }],
            periodic: plan.periodic,
            snapshots: SnapshotOptions {
                max_bytes_between_snapshots: plan.snapshot_bytes,
                max_retention_bytes: plan.snapshot_bytes as i64,
                ..Default::default()
            },
            append_linger_ms: plan.append_linger_ms,
            broker_heartbeat_interval_ms: HEARTBEAT_INTERVAL_MS,
        }
    }

    pub fn perform_all(&mut self, id: NodeId) {
        let life = self.node(id).life;
        // Before any of it is told to others, even if the rest is never done.
        self.observe_high_watermark(id);
        let node = self.node(id);
        let brokers = node.core.as_ref().and_then(Core::known_brokers);
        node.contacts.publish(brokers);
        loop {
            let crashes = self.crashes_here();
            let reads_late = self.plan.has(PlantedBug::RecordsReadLate);
            let (now, node) = (self.now, self.node(id));
            let (Some(core), true) = (&mut node.core, node.life == life) else {
                return;
            };
            if node.stuck.is_some() {
                return;
            }
            let Some(effect) = core.next_effect() else {
                break;
            };
            let hung_until = node.hung_until.filter(|until| *until > now);
            let late = reads_late && matches!(effect, Effect::ReplyFetch { .. });
            match hung_until.filter(|_| waits_for_disk(&effect)) {
                _ if crashes => return self.crash(id),
                _ if late => {
                    let effect = Box::new(effect);
                    let node = id;
                    self.after(READ_LATE_US, Event::ReadLate { node, life, effect });
                }
                None => self.perform(id, effect),
                Some(until) => {
                    node.stuck = Some(effect);
                    node.pause(until);
                    self.coverage.reach(Mark::StoodStillInSync);
                    return self.at(until, Event::DiskBack { node: id, life });
                }
            }
        }
        self.observe(id);
        self.schedule_wake(id);
    }

    /// The disk does something again: the process goes on where it stood.
    pub fn on_disk_back(&mut self, id: NodeId, life: u64) {
        if self.node(id).life != life {
            return;
        }
        if let Some(effect) = self.node(id).stuck.take() {
            self.perform(id, effect);
        }
        self.perform_all(id);
    }

    fn crashes_here(&mut self) -> bool {
        let one_in = self.plan.crash_one_in.filter(|_| !self.healed);
        one_in.is_some_and(|n| self.rng.random_ratio(1, n))
    }

    /// What the disk answered; an error ends the process.
    pub fn survive<T>(&mut self, id: NodeId, result: Result<T, LogError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.stop_for(id, &error);
                None
            }
        }
    }

    fn schedule_wake(&mut self, id: NodeId) {
        let time = self.now;
        let never_resets = self.plan.has(PlantedBug::TimerNotReset);
        let node = self.node(id);
        let Some(deadline) = node.core.as_ref().and_then(Core::deadline) else {
            return;
        };
        let stale = node.stale_deadline.filter(|_| never_resets);
        let deadline = stale.map_or(deadline, |stale| stale.min(deadline));
        node.stale_deadline = Some(deadline);
        let at = node.true_time(deadline).max(Time(time.0 + 1));
        if node.wake_at != Some(at) {
            node.wake_at = Some(at);
            let life = node.life;
            self.at(at, Event::Wake { node: id, life, at });
        }
    }

    pub fn perform(&mut self, id: NodeId, effect: Effect) {
        let life = self.node(id).life;
        match effect {
            Effect::SaveQuorumState(state) => {
                if self.plan.has(PlantedBug::VoteNotSaved) {
                    self.node(id).unsaved = Some(state);
                    self.after(SAVED_LATE_US, Event::SaveLate { node: id, life });
                } else if self.settle_log(id) {
                    let saved = self.node(id).disk.save_quorum_state(&state);
                    self.survive(id, saved);
                }
            }
            Effect::Append(batch) => {
                let end = batch.end_offset();
                self.work_on(id, batch.count());
                self.look_at_records(id, &batch);
                if self.nodes[&id].raft().is_some_and(Raft::is_leader) {
                    self.promise_early(&batch);
                }
                self.hand_over(id, Job::Append(batch));
                if self.plan.has(PlantedBug::EndCountedBeforeSync) {
                    self.with(id, life, |core, now| core.on_durable(now, end));
                }
            }
            Effect::Truncate { end } => {
                if !self.settle_log(id) {
                    return;
                }
                let node = self.nodes.get_mut(&id).expect("a node");
                assert!(
                    node.work.is_none() || self.plan.bug.is_some(),
                    "a cut during an append"
                );
                self.checker.on_truncate(id, node.disk.batches(), end);
                let cut = node.disk.truncate(end);
                self.coverage.reach(Mark::Truncated);
                self.survive(id, cut);
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
                let partition = &mut response.topics[0].partitions[0];
                match disk.read_snapshot(snapshot, position, max_bytes) {
                    Ok(bytes) => partition.unaligned_records = bytes,
                    // Dropped, and the process has yet to hear of it.
                    Err(_) => partition.error_code = ErrorCode::SNAPSHOT_NOT_FOUND,
                }
                self.answer(id, token, response.into());
            }
            Effect::WriteSnapshotChunk {
                id: snapshot,
                position,
                bytes,
            } => {
                let node = self.node(id);
                let before = node.download.replace(snapshot);
                if before.is_some_and(|before| before != snapshot) {
                    self.coverage.reach(Mark::SnapshotAbandoned);
                }
                self.hand_over(id, Job::WriteChunk(snapshot, position, bytes));
            }
            Effect::InstallSnapshot { id: snapshot } => {
                self.node(id).download = None;
                self.hand_over(id, Job::Install(snapshot));
            }
            Effect::WriteSnapshot {
                id: snapshot,
                batches,
            } => {
                let us = self.rng.random_range(SNAPSHOT_US);
                let done = Event::SnapshotDone {
                    node: id,
                    life,
                    id: snapshot,
                    batches: Box::new(batches),
                };
                self.after(us, done);
            }
            Effect::DropPrefix { start } => self.hand_over(id, Job::DropPrefix(start)),
            Effect::Leader { leader, epoch } => {
                let time = self.now;
                let node = self.node(id);
                let is_active = leader == Some(id);
                node.watch.active_since = is_active.then(|| node.now(time).time);
                node.watch.leaving = Default::default();
                node.watch.ended.clear();
                self.note(leader.map_or(0, |leader| leader.0 as u64) << 32 | epoch.0 as u64);
            }
            Effect::Fatal(why) => panic!("node {id} gave up: {why}"),
        }
    }

    /// Records take their time, before anything else is looked at.
    fn work_on(&mut self, id: NodeId, records: i32) {
        let us = self.plan.record_us * records as u64;
        if us > 1_000_000 && !self.healed {
            self.coverage.reach(Mark::BusyForASecond);
        }
        if !self.healed {
            let now = self.now;
            self.node(id).be_busy(now, us);
        }
    }

    /// Gives the disk something to do. A process that dies meanwhile may find it done or not.
    pub fn hand_over(&mut self, id: NodeId, job: Job) {
        if self.node(id).hand_over(job) {
            self.begin_work(id);
        }
    }

    fn begin_work(&mut self, id: NodeId) {
        let max_us = if self.healed {
            200
        } else {
            self.plan.max_sync_us
        };
        let now = self.now;
        let node = self.node(id);
        let (life, is_slow) = (node.life, node.slow_until.is_some_and(|until| until > now));
        let hung_us = node
            .hung_until
            .map_or(0, |until| until.0.saturating_sub(now.0));
        let us = match is_slow {
            true => self.rng.random_range(SLOW_SYNC_US),
            false => self.rng.random_range(50..=max_us.max(51)),
        };
        self.after(hung_us + us, Event::DiskDone { node: id, life });
    }

    pub fn on_disk_done(&mut self, id: NodeId, life: u64) {
        if self.node(id).life != life || !self.finish_work(id) {
            return;
        }
        if self.node(id).take_up() {
            self.begin_work(id);
        }
        let syncs = self.node(id).syncs;
        let note = Event::Note {
            node: id,
            life,
            syncs,
        };
        self.after(NOTED_AFTER_US, note);
        if self.now.ms_since(self.node(id).noted_at) > NOTED_EVERY_MS {
            self.note_acknowledged(id);
        }
        self.hear_disk(id, life);
    }

    /// What the process waits for comes after all else that moves the log; it hears of that as soon as it listens
    /// again. Says whether it survives.
    fn settle_log(&mut self, id: NodeId) -> bool {
        while self.node(id).moves_log() {
            if !self.finish_work(id) {
                return false;
            }
            self.node(id).take_up();
        }
        if !self.node(id).reports.is_empty() {
            let life = self.node(id).life;
            self.after(0, Event::HearDisk { node: id, life });
        }
        true
    }

    pub fn hear_disk(&mut self, id: NodeId, life: u64) {
        while let Some(report) = self.node(id).reports.pop_front() {
            self.tell(id, life, report);
        }
    }

    /// The disk has done what it was about, if it still was. Says whether the process survives.
    fn finish_work(&mut self, id: NodeId) -> bool {
        let done = match self.node(id).work.take() {
            None => return true,
            Some(Job::Append(_)) => self.sync(id).map(Report::Durable),
            Some(Job::WriteChunk(snapshot, position, bytes)) => {
                let disk = &mut self.node(id).disk;
                let written = disk.write_snapshot_chunk(snapshot, position, &bytes);
                self.survive(id, written).map(|()| Report::ChunkWritten)
            }
            Some(Job::Install(snapshot)) => {
                let installed = self.install(id, snapshot);
                installed.map(|()| Report::Installed(snapshot))
            }
            Some(Job::DropPrefix(start)) => {
                let dropped = self.drop_prefix(id, start);
                dropped.map(|()| Report::LogStart(start))
            }
        };
        let survives = done.is_some();
        self.node(id).reports.extend(done);
        survives
    }

    fn tell(&mut self, id: NodeId, life: u64, report: Report) {
        match report {
            Report::Durable(_) if self.plan.has(PlantedBug::EndCountedBeforeSync) => {}
            Report::Durable(end) => self.with(id, life, |core, now| core.on_durable(now, end)),
            Report::ChunkWritten => {
                self.with(id, life, |core, now| core.on_snapshot_chunk_written(now));
            }
            Report::Installed(snapshot) => {
                let disk = &self.node(id).disk;
                let content = disk.snapshot(snapshot).expect("just installed").clone();
                self.with(id, life, |core, now| {
                    core.on_snapshot_installed(now, snapshot, content)
                });
            }
            Report::LogStart(start) => {
                self.with(id, life, |core, now| core.on_log_start(now, start));
            }
        }
    }

    fn sync(&mut self, id: NodeId) -> Option<Offset> {
        let ignores = self.plan.has(PlantedBug::FailedSyncIgnored);
        let node = self.node(id);
        let synced = match node.sync() {
            // The system says so only once.
            Err(LogError::Io { .. }) if ignores => node.sync(),
            synced => synced,
        };
        let end = self.survive(id, synced)?;
        self.node(id).phantom_from = None;
        Some(end)
    }

    fn install(&mut self, id: NodeId, snapshot: OffsetAndEpoch) -> Option<()> {
        let keeps_log = self.plan.has(PlantedBug::LogKeptUnderSnapshot);
        let disk = &mut self.node(id).disk;
        let before = keeps_log.then(|| disk.clone());
        let mut installed = disk.install_snapshot(snapshot);
        if let (Some(before), Ok(_)) = (before, &installed) {
            let content = disk.snapshot(snapshot).expect("just installed").clone();
            *disk = before;
            installed = disk.write_snapshot(snapshot, [content]);
        }
        self.survive(id, installed)?;
        self.coverage.reach(Mark::SnapshotInstalled);
        let disk = &self.nodes[&id].disk;
        let content = disk.snapshot(snapshot).expect("just installed");
        match self.plan.controllers {
            true => self.checker.on_snapshot(id, snapshot, content),
            false => assert_eq!(
                *content,
                snapshot_content(self.checker.digest(snapshot.offset)),
                "equals the log before it"
            ),
        }
        Some(())
    }

    fn drop_prefix(&mut self, id: NodeId, start: OffsetAndEpoch) -> Option<()> {
        let dropped = self.node(id).disk.drop_prefix(start);
        self.survive(id, dropped)?;
        self.coverage.reach(Mark::LogDropped);
        if self.plan.has(PlantedBug::PrefixDroppedTooFar) {
            self.drop_too_much(id, start);
        }
        Some(())
    }

    pub fn on_snapshot_done(
        &mut self,
        id: NodeId,
        life: u64,
        snapshot: OffsetAndEpoch,
        batches: SnapshotBatches,
    ) {
        let node = self.nodes.get_mut(&id).expect("a node");
        let forgets = node.has_resigned && self.plan.has(PlantedBug::NoSnapshotAfterResigning);
        if node.life != life || forgets {
            return;
        }
        let written = node.disk.write_snapshot(snapshot, batches);
        let Some(bytes) = self.survive(id, written) else {
            return;
        };
        let content = self.nodes[&id].disk.snapshot(snapshot);
        self.checker
            .on_snapshot(id, snapshot, content.expect("just written"));
        self.with(id, life, |core, now| {
            core.on_snapshot_written(now, snapshot, bytes)
        });
    }

    /// The disk has rested, if there was no other sync since.
    pub fn on_note(&mut self, id: NodeId, life: u64, syncs: u64) {
        let node = self.node(id);
        if node.life == life && node.syncs == syncs && node.work.is_none() {
            self.note_acknowledged(id);
        }
    }

    fn note_acknowledged(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.node(id);
        node.noted_at = now;
        let noted = node.disk.save_acknowledged();
        self.survive(id, noted);
        self.check_log_length(id);
    }

    pub fn save_late(&mut self, id: NodeId, life: u64) {
        let node = self.node(id);
        if node.life == life
            && let Some(state) = node.unsaved.take()
        {
            let saved = node.disk.save_quorum_state(&state);
            self.survive(id, saved);
        }
    }
}

/// What a snapshot of raft alone holds.
pub fn snapshot_content(digest: u64) -> Bytes {
    Bytes::from(digest.to_be_bytes().repeat(40))
}

/// Whether the process waits until the disk has done this.
fn waits_for_disk(effect: &Effect) -> bool {
    matches!(effect, Effect::SaveQuorumState(_) | Effect::Truncate { .. })
}
