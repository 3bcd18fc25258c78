//! A log on a simulated disk, for the simulator and tests: what was not synced may be lost or torn when
//! the power goes, bits may rot, files may vanish, and the disk may be full or refuse to sync.

use std::{collections::BTreeMap, io, path::Path};

use bytes::{Bytes, BytesMut};
use rand::{Rng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use super::{Epochs, Log, LogError, Recovered, part_sizes};
use crate::protocol::{
    NodeId, Offset, OffsetAndEpoch,
    kept_snapshot::{self, KeptSnapshot},
    quorum_state::{QuorumState, Standing},
    record_batch::RecordBatch,
};

/// Errors name this place.
const PLACE: &str = "(a simulated disk)";

/// What a disk refuses to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Every write, until space is freed.
    Full,
    /// The next sync. Nobody knows then what of the data is on the disk, and asking again does not help.
    Sync,
    /// The next write: it ends with an error, whether it is done or not.
    Write { done: bool },
}

/// What a disk does to data that it had taken safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A bit of a batch flips.
    Rot,
    /// A write went to another place: the batch is not there, and one before it is overwritten.
    Misdirected,
    /// The end of the log is gone: a file is missing, or an old copy of it is back.
    TailLost,
    /// The file `voter-state` is gone.
    VoterStateLost,
    /// A bit of the newest snapshot flips.
    SnapshotRot,
    /// The file of the snapshot that the log begins with is gone.
    SnapshotLost,
}

/// A disk with a metadata log on it. Reopen it with [`MemoryLog::open`] after a crash.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    /// Whose it is, from its first start on.
    owner: Option<NodeId>,
    failure: Option<Failure>,
    /// It is worn out: no sync succeeds any more, not after a restart either.
    worn: bool,
    /// How many batches there were before a sync that failed: what came after is on no disk.
    doubtful_from: Option<usize>,
    start: OffsetAndEpoch,
    batches: Vec<RecordBatch>,
    /// How many of the batches a power cut leaves alone.
    synced: usize,
    snapshots: BTreeMap<OffsetAndEpoch, Bytes>,
    part: BytesMut,
    /// As the file `voter-state` has it: only ever written whole and synced.
    saved: QuorumState,
    acknowledged_end: Offset,
    /// Indexes of batches whose bits have rotted; noticed when they are read.
    rotten: Vec<usize>,
    /// The newest snapshot cannot be read.
    snapshot_rotten: bool,
}

impl Default for MemoryLog {
    /// A freshly formatted disk.
    fn default() -> Self {
        MemoryLog {
            owner: None,
            failure: None,
            worn: false,
            doubtful_from: None,
            start: OffsetAndEpoch::default(),
            batches: Vec::new(),
            synced: 0,
            snapshots: BTreeMap::new(),
            part: BytesMut::new(),
            saved: QuorumState {
                standing: Standing::Blank,
                ..Default::default()
            },
            acknowledged_end: Offset(0),
            rotten: Vec::new(),
            snapshot_rotten: false,
        }
    }
}

/// The system says so only once, and not why.
fn failed(what: &'static str) -> LogError {
    LogError::io(what, Path::new(PLACE))(io::Error::from_raw_os_error(5))
}

impl MemoryLog {
    /// A start of node `id`: refused on another node's disk, on a full one, and where the snapshot that
    /// the log begins with cannot be read.
    pub fn open(&mut self, id: NodeId) -> Result<Recovered, LogError> {
        let owner = *self.owner.get_or_insert(id);
        if owner != id {
            return Err(LogError::Refused(format!(
                "{PLACE} is that of node {owner}, not {id}"
            )));
        }
        if !self.is_readable() {
            return Err(LogError::Corrupt {
                path: Path::new(PLACE).to_owned(),
                reason: "the snapshot that the log begins with cannot be read".to_owned(),
                remedy: "Replace the disk",
            });
        }
        self.begin()?;
        Ok(self.recover())
    }

    /// Makes the disk refuse what it is asked to do; `None` ends it.
    pub fn fail(&mut self, failure: Option<Failure>) {
        self.failure = failure;
    }

    /// From now on every sync fails, or none because of that.
    pub fn wear_out(&mut self, worn: bool) {
        self.worn = worn;
    }

    pub fn is_worn(&self) -> bool {
        self.worn
    }

    /// Before a write, which ends with a sync.
    fn begin(&mut self) -> Result<(), LogError> {
        if self.worn {
            self.doubtful_from.get_or_insert(self.synced);
            return Err(failed("cannot sync"));
        }
        match self.failure {
            Some(Failure::Full) => {
                let full = io::Error::from(io::ErrorKind::StorageFull);
                Err(LogError::io("cannot write", Path::new(PLACE))(full))
            }
            Some(Failure::Write { done: false }) => {
                self.failure = None;
                self.doubtful_from.get_or_insert(self.synced);
                Err(failed("cannot write"))
            }
            Some(Failure::Sync | Failure::Write { done: true }) | None => Ok(()),
        }
    }

    /// After a write.
    fn end_write(&mut self) -> Result<(), LogError> {
        let fails = |failure: &mut Failure| *failure == Failure::Write { done: true };
        match self.failure.take_if(fails) {
            Some(_) => Err(failed("cannot write")),
            None => Ok(()),
        }
    }

    /// What a start finds: the same rules as [`super::engine::EngineLog::open`], which also makes durable
    /// what a killed process had written.
    pub fn recover(&mut self) -> Recovered {
        self.lose_doubtful();
        let damage = self.rotten.iter().min().copied();
        if let Some(first) = damage {
            self.batches.truncate(first);
            self.rotten.clear();
        }
        self.synced = self.batches.len();
        let (end, acknowledged) = (self.end(), self.acknowledged_end);
        if damage.is_some() || end < acknowledged {
            let reason = format!("ends at {end}, acknowledged {acknowledged}");
            self.saved.standing = Standing::Amnesiac(reason);
        }
        let last_epoch = self.batches.last().map(RecordBatch::epoch);
        let is_newer =
            |id: &OffsetAndEpoch| id.offset > end || last_epoch.is_some_and(|last| id.epoch > last);
        if let Some(id) = self.newest_snapshot().filter(is_newer) {
            self.begin_after(id);
        }
        Recovered {
            quorum_state: self.saved.clone(),
            start: self.start,
            end: self.end(),
            epochs: self.epochs(),
            snapshots: self.kept_snapshots(),
        }
    }

    fn kept_snapshots(&self) -> BTreeMap<OffsetAndEpoch, KeptSnapshot> {
        let batches = self.batches.iter();
        let batches = batches.map(|batch| (batch.base_offset(), batch.bytes().len() as u64));
        let parts = part_sizes(self.snapshots.keys(), batches);
        let kept = self
            .snapshots
            .iter()
            .zip(parts)
            .map(|((id, content), log_bytes)| {
                let first = RecordBatch::split_off(&mut content.clone()).ok().flatten();
                let timestamp_ms = first.and_then(|first| kept_snapshot::timestamp_ms(&first));
                let kept = KeptSnapshot {
                    bytes: content.len() as u64,
                    log_bytes,
                    timestamp_ms: timestamp_ms.unwrap_or_default(),
                };
                (*id, kept)
            });
        kept.collect()
    }

    fn lose_doubtful(&mut self) {
        if let Some(from) = self.doubtful_from.take() {
            self.batches.truncate(from);
            self.synced = self.synced.min(from);
        }
    }

    fn epochs(&self) -> Epochs {
        let mut epochs = Epochs::new();
        for batch in &self.batches {
            let newest = epochs.last().map(|(epoch, _)| *epoch);
            if newest.is_none_or(|epoch| epoch < batch.epoch()) {
                epochs.push((batch.epoch(), batch.base_offset()));
            }
        }
        epochs
    }

    /// Drops all batches: the log continues at the end of a snapshot.
    fn begin_after(&mut self, id: OffsetAndEpoch) {
        self.snapshots.retain(|other, _| other.offset >= id.offset);
        self.batches.clear();
        self.rotten.clear();
        self.doubtful_from = None;
        self.synced = 0;
        self.start = id;
    }

    /// The power goes: the sectors of what was not synced made it to the disk in any order, some torn. A
    /// start reads on until the first batch that is not whole. Says how many batches were lost.
    pub fn cut_power(&mut self, rng: &mut ChaCha8Rng) -> usize {
        self.lose_doubtful();
        let written = self.batches.len();
        let whole = (self.synced..written).take_while(|_| rng.random_bool(0.6));
        self.batches.truncate(self.synced + whole.count());
        self.part.clear();
        written - self.batches.len()
    }

    /// The host was not told that a bit of the log flips: only what is noted as acknowledged is known to
    /// have been there, since a torn end is an ordinary thing to find. Says whether anything was damaged.
    pub fn damage(&mut self, damage: Damage, rng: &mut ChaCha8Rng) -> bool {
        let known = self
            .batches
            .partition_point(|batch| batch.end_offset() <= self.acknowledged_end);
        let victim = (0..known.min(self.synced)).choose(rng);
        match (damage, victim) {
            (Damage::SnapshotRot, _) => {
                self.snapshot_rotten = self.start.offset > Offset(0);
                self.snapshot_rotten
            }
            (Damage::SnapshotLost, _) => self.snapshots.remove(&self.start).is_some(),
            (_, None) => false,
            (Damage::Rot, Some(victim)) => {
                self.rotten.push(victim);
                true
            }
            (Damage::TailLost, Some(victim)) => {
                self.batches.truncate(victim);
                self.synced = self.batches.len();
                true
            }
            (Damage::Misdirected, Some(victim)) => {
                self.rotten.push(rng.random_range(0..=victim));
                self.batches.truncate(victim + 1);
                self.synced = self.batches.len();
                true
            }
            (Damage::VoterStateLost, Some(_)) => {
                let reason = "the log has records, but the file voter-state is missing";
                self.owner = None;
                self.acknowledged_end = Offset(0);
                self.saved = QuorumState {
                    standing: Standing::Amnesiac(reason.to_owned()),
                    ..Default::default()
                };
                true
            }
        }
    }

    pub fn end(&self) -> Offset {
        self.batches
            .last()
            .map_or(self.start.offset, RecordBatch::end_offset)
    }

    pub fn start(&self) -> OffsetAndEpoch {
        self.start
    }

    /// Everything in the log, synced or not.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// End of what a power cut cannot take.
    pub fn synced_end(&self) -> Offset {
        match self.synced {
            0 => self.start.offset,
            synced => self.batches[synced - 1].end_offset(),
        }
    }

    /// Whether a start finds the snapshot that it needs.
    pub fn is_readable(&self) -> bool {
        let has_start = self.snapshots.contains_key(&self.start);
        !self.snapshot_rotten && (has_start || self.start.offset == Offset(0))
    }

    pub fn saved_quorum_state(&self) -> &QuorumState {
        &self.saved
    }

    pub fn newest_snapshot(&self) -> Option<OffsetAndEpoch> {
        self.snapshots.keys().max_by_key(|id| id.offset).copied()
    }

    /// A complete snapshot, to be loaded.
    pub fn snapshot(&self, id: OffsetAndEpoch) -> Option<&Bytes> {
        self.snapshots.get(&id)
    }

    /// A part of a snapshot, as [`super::snapshot_file::read`] reads it.
    pub fn read_snapshot(
        &self,
        id: OffsetAndEpoch,
        position: u64,
        max_bytes: usize,
    ) -> Result<Bytes, LogError> {
        let bytes = self
            .snapshots
            .get(&id)
            .ok_or(LogError::SnapshotNotFound(id))?;
        let from = (position as usize).min(bytes.len());
        Ok(bytes.slice(from..bytes.len().min(from.saturating_add(max_bytes))))
    }

    /// Writes a whole snapshot, as [`super::snapshot_file::write`] does, and says how long it is.
    pub fn write_snapshot(
        &mut self,
        id: OffsetAndEpoch,
        batches: impl IntoIterator<Item = Bytes>,
    ) -> Result<u64, LogError> {
        self.begin()?;
        let mut bytes = BytesMut::new();
        batches
            .into_iter()
            .for_each(|batch| bytes.extend_from_slice(&batch));
        let length = bytes.len() as u64;
        self.snapshots.insert(id, bytes.freeze());
        self.end_write()?;
        Ok(length)
    }
}

impl Log for MemoryLog {
    fn append(&mut self, batch: &RecordBatch) -> Result<(), LogError> {
        assert_eq!(
            batch.base_offset(),
            self.end(),
            "batches follow each other without a gap"
        );
        self.batches.push(batch.clone());
        Ok(())
    }

    fn sync(&mut self) -> Result<Offset, LogError> {
        self.begin()?;
        if self
            .failure
            .take_if(|failure| *failure == Failure::Sync)
            .is_some()
        {
            self.doubtful_from = Some(self.synced);
            return Err(failed("cannot sync"));
        }
        self.synced = self.batches.len();
        self.end_write()?;
        Ok(self.end())
    }

    fn truncate(&mut self, end: Offset) -> Result<(), LogError> {
        self.begin()?;
        let kept = self
            .batches
            .partition_point(|batch| batch.base_offset() < end);
        self.batches.truncate(kept);
        self.rotten.retain(|index| *index < kept);
        self.synced = self.batches.len();
        self.acknowledged_end = self.acknowledged_end.min(end);
        self.end_write()
    }

    fn save_quorum_state(&mut self, state: &QuorumState) -> Result<(), LogError> {
        self.begin()?;
        if state.standing == Standing::Sound && self.saved.standing != Standing::Sound {
            self.acknowledged_end = self.synced_end();
        }
        self.saved = state.clone();
        self.save_acknowledged()
    }

    fn save_acknowledged(&mut self) -> Result<(), LogError> {
        self.begin()?;
        self.acknowledged_end = self.acknowledged_end.max(self.synced_end());
        self.end_write()
    }

    fn read(&mut self, from: Offset, max_bytes: usize) -> Result<Vec<RecordBatch>, LogError> {
        if from >= self.end() || from < self.start.offset {
            return Ok(Vec::new());
        }
        let first = self
            .batches
            .partition_point(|batch| batch.end_offset() <= from);
        let mut size = 0;
        let fits = |batch: &&RecordBatch| {
            size += batch.bytes().len();
            size <= max_bytes
        };
        let count = self.batches[first..].iter().take_while(fits).count().max(1);
        Ok(self.batches[first..first + count].to_vec())
    }

    fn write_snapshot_chunk(
        &mut self,
        _id: OffsetAndEpoch,
        position: u64,
        bytes: &[u8],
    ) -> Result<(), LogError> {
        self.begin()?;
        self.part.truncate(position as usize);
        self.part.extend_from_slice(bytes);
        self.end_write()
    }

    fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<u64, LogError> {
        self.begin()?;
        let bytes = std::mem::take(&mut self.part).freeze();
        self.acknowledged_end = self.acknowledged_end.min(id.offset);
        let length = bytes.len() as u64;
        self.snapshots.insert(id, bytes);
        self.begin_after(id);
        self.end_write()?;
        Ok(length)
    }

    fn drop_prefix(&mut self, start: OffsetAndEpoch) -> Result<(), LogError> {
        self.begin()?;
        let dropped = self
            .batches
            .partition_point(|batch| batch.base_offset() < start.offset);
        self.batches.drain(..dropped);
        self.synced -= dropped.min(self.synced);
        self.rotten = self
            .rotten
            .iter()
            .filter_map(|index| index.checked_sub(dropped))
            .collect();
        self.doubtful_from = self.doubtful_from.map(|from| from.saturating_sub(dropped));
        if start.offset > self.start.offset {
            self.start = start;
        }
        self.snapshots.retain(|id, _| id.offset >= start.offset);
        self.end_write()
    }
}
