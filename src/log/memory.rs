//! A log on a simulated disk, for the simulator and tests: what was not synced may be lost or torn when
//! the power goes, and bits may rot.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use rand::{Rng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use super::{Epochs, Log, LogError, Recovered};
use crate::protocol::{
    Offset, OffsetAndEpoch,
    quorum_state::{QuorumState, Standing},
    record_batch::RecordBatch,
};

/// A disk with a metadata log on it. Reopen it with [`MemoryLog::recover`] after a crash.
#[derive(Clone, Debug)]
pub struct MemoryLog {
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
}

impl Default for MemoryLog {
    /// A freshly formatted disk.
    fn default() -> Self {
        MemoryLog {
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
        }
    }
}

impl MemoryLog {
    /// What a start finds: the same rules as [`super::engine::EngineLog::open`].
    pub fn recover(&mut self) -> Recovered {
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
        let newest = self.snapshots.keys().max_by_key(|id| id.offset).copied();
        if let Some(id) = newest.filter(|id| id.offset > end) {
            self.begin_after(id);
        }
        let sizes = self.snapshots.iter();
        Recovered {
            quorum_state: self.saved.clone(),
            start: self.start,
            end: self.end(),
            epochs: self.epochs(),
            snapshots: sizes.map(|(id, bytes)| (*id, bytes.len() as u64)).collect(),
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
        self.synced = 0;
        self.start = id;
    }

    /// The power goes: of what was not synced, any number of batches from the first on may have made it.
    pub fn cut_power(&mut self, rng: &mut ChaCha8Rng) {
        let survivors = rng.random_range(self.synced..=self.batches.len());
        self.batches.truncate(survivors);
        self.part.clear();
    }

    /// A bit of a batch below the synced end flips. Says whether there was one to flip.
    pub fn rot(&mut self, rng: &mut ChaCha8Rng) -> bool {
        let victim = (0..self.synced).choose(rng);
        self.rotten.extend(victim);
        victim.is_some()
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

    pub fn saved_quorum_state(&self) -> &QuorumState {
        &self.saved
    }

    /// A complete snapshot, to be loaded.
    pub fn snapshot(&self, id: OffsetAndEpoch) -> Option<&Bytes> {
        self.snapshots.get(&id)
    }

    /// Writes a whole snapshot, as [`super::snapshot_file::write`] does, and says how long it is.
    pub fn write_snapshot(
        &mut self,
        id: OffsetAndEpoch,
        batches: impl IntoIterator<Item = Bytes>,
    ) -> u64 {
        let mut bytes = BytesMut::new();
        batches
            .into_iter()
            .for_each(|batch| bytes.extend_from_slice(&batch));
        let length = bytes.len() as u64;
        self.snapshots.insert(id, bytes.freeze());
        length
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
        self.synced = self.batches.len();
        Ok(self.end())
    }

    fn truncate(&mut self, end: Offset) -> Result<(), LogError> {
        let kept = self
            .batches
            .partition_point(|batch| batch.base_offset() < end);
        self.batches.truncate(kept);
        self.rotten.retain(|index| *index < kept);
        self.synced = self.batches.len();
        self.acknowledged_end = self.acknowledged_end.min(end);
        Ok(())
    }

    fn save_quorum_state(&mut self, state: &QuorumState) -> Result<(), LogError> {
        if state.standing == Standing::Sound && self.saved.standing != Standing::Sound {
            self.acknowledged_end = self.synced_end();
        }
        self.saved = state.clone();
        self.save_acknowledged()
    }

    fn save_acknowledged(&mut self) -> Result<(), LogError> {
        self.acknowledged_end = self.acknowledged_end.max(self.synced_end());
        Ok(())
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
        self.part.truncate(position as usize);
        self.part.extend_from_slice(bytes);
        Ok(())
    }

    fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<(), LogError> {
        let bytes = std::mem::take(&mut self.part).freeze();
        self.acknowledged_end = self.acknowledged_end.min(id.offset);
        self.snapshots.insert(id, bytes);
        self.begin_after(id);
        Ok(())
    }

    fn read_snapshot(
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

    fn drop_prefix(&mut self, start: OffsetAndEpoch) -> Result<(), LogError> {
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
        if start.offset > self.start.offset {
            self.start = start;
        }
        self.snapshots.retain(|id, _| id.offset >= start.offset);
        Ok(())
    }
}
