//! The file `voter-state`: what a voter must not forget, kept apart from the log, so that whatever
//! happens to the log is noticed (Protocol-Aware Recovery, FAST '18).
//!
//! Two slots, written in turn: a torn write destroys the older one of two states at most. A slot is two
//! equal copies of 4 KiB, written at once: when one of them rots, the vote in it is not forgotten. A copy
//! is a magic number, a checksum, a length and a prost message with a sequence number. The file appears
//! with both slots filled, so when no copy holds it has rotted.
//!
//! A loss, once seen, is written down before anything is done about it: the next start must not take a log
//! that was cut short for a sound one. Only raft ends it, by saving [`Standing::Sound`].

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use prost::Message;
use tracing::debug;

use super::{LogError, durable};
use crate::protocol::{
    Epoch, NodeId, Offset, ReplicaKey, Uuid,
    quorum_state::{QuorumState, Standing},
};

const COPY_BYTES: usize = 4096;
const COPIES: usize = 2;
const SLOT_BYTES: u64 = (COPY_BYTES * COPIES) as u64;
const SLOTS: u64 = 2;
const MAGIC: [u8; 4] = *b"KVS1";
/// Magic, checksum, length.
const COPY_HEADER_BYTES: usize = 12;
/// Of the reason for a loss, so much is kept.
const MAX_REASON_CHARS: usize = 500;
pub(super) const NAME: &str = "voter-state";

/// What a slot holds.
#[derive(Clone, PartialEq, Message)]
struct Slot {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    #[prost(int32, tag = "2")]
    node_id: i32,
    #[prost(bytes = "vec", tag = "3")]
    directory_id: Vec<u8>,
    #[prost(int32, tag = "4")]
    epoch: i32,
    #[prost(message, optional, tag = "5")]
    voted: Option<Voted>,
    #[prost(int32, optional, tag = "6")]
    leader: Option<i32>,
    /// End of the log as acknowledged to the leader, or counted as leader.
    #[prost(int64, tag = "7")]
    acknowledged_end: i64,
    /// The log once held everything that was committed ([`Standing::Sound`] was reached).
    #[prost(bool, tag = "8")]
    was_sound: bool,
    /// Why the log cannot be trusted ([`Standing::Amnesiac`]); empty when it can.
    #[prost(string, tag = "9")]
    loss: String,
}

#[derive(Clone, PartialEq, Message)]
struct Voted {
    #[prost(int32, tag = "1")]
    id: i32,
    #[prost(bytes = "vec", tag = "2")]
    directory_id: Vec<u8>,
}

impl Slot {
    /// Whether it is of this node and directory. One that has no id yet is given one that no file has.
    fn refuse_others(
        &self,
        path: &Path,
        node_id: NodeId,
        directory_id: Option<Uuid>,
    ) -> Result<(), LogError> {
        let is_of_directory = directory_id.is_some_and(|id| self.directory_id == id.0);
        if self.node_id == node_id.0 && is_of_directory {
            return Ok(());
        }
        Err(LogError::Refused(format!(
            "{} was written by node {} in another directory (directory.id), not by node {node_id} in \
             this one. Give this node the directory it was formatted with, or format an empty one.",
            path.display(),
            self.node_id,
        )))
    }
}

/// Whether the file, if there is one, would be refused by [`VoterState::open`]; nothing is written.
pub(super) fn refuse_others(
    dir: &Path,
    node_id: NodeId,
    directory_id: Option<Uuid>,
) -> Result<(), LogError> {
    let path = dir.join(NAME);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(LogError::io("cannot open", &path))?,
    };
    match read_newest(&file).map_err(LogError::io("cannot read", &path))? {
        Some(slot) => slot.refuse_others(&path, node_id, directory_id),
        None => Ok(()),
    }
}

/// The open file and its newest content.
pub(super) struct VoterState {
    file: File,
    path: PathBuf,
    slot: Slot,
}

/// Whether a node has worked here.
pub(super) fn exists(dir: &Path) -> bool {
    dir.join(NAME).exists()
}

impl VoterState {
    /// Opens the file, and makes it where it is missing: which is a loss if the log `has_records`.
    pub(super) fn open(
        dir: &Path,
        node_id: NodeId,
        directory_id: Uuid,
        has_records: bool,
    ) -> Result<VoterState, LogError> {
        let path = dir.join(NAME);
        let fresh = |loss: &str| Slot {
            sequence: 1,
            node_id: node_id.0,
            directory_id: directory_id.0.to_vec(),
            loss: loss.to_owned(),
            ..Default::default()
        };
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let loss = match has_records {
                    true => "the log has records, but the file voter-state is missing",
                    false => "",
                };
                return create(path, fresh(loss));
            }
            opened => opened.map_err(LogError::io("cannot open", &path))?,
        };
        durable::settle(&file).map_err(LogError::io("cannot sync", &path))?;
        let newest = read_newest(&file).map_err(LogError::io("cannot read", &path))?;
        let Some(slot) = newest else {
            return create(
                path,
                fresh("the file voter-state holds nothing that can be read"),
            );
        };
        slot.refuse_others(&path, node_id, Some(directory_id))?;
        Ok(VoterState { file, path, slot })
    }

    pub(super) fn quorum_state(&self) -> QuorumState {
        let voted = self.slot.voted.as_ref().map(|voted| ReplicaKey {
            id: NodeId(voted.id),
            directory_id: voted
                .directory_id
                .as_slice()
                .try_into()
                .map_or(Uuid::ZERO, Uuid),
        });
        QuorumState {
            epoch: Epoch(self.slot.epoch),
            voted,
            leader: self.slot.leader.map(NodeId),
            standing: self.standing(),
        }
    }

    pub(super) fn acknowledged_end(&self) -> Offset {
        Offset(self.slot.acknowledged_end)
    }

    fn standing(&self) -> Standing {
        match (self.slot.loss.as_str(), self.slot.was_sound) {
            ("", true) => Standing::Sound,
            ("", false) => Standing::Blank,
            (loss, _) => Standing::Amnesiac(loss.to_owned()),
        }
    }

    /// Saves that records are gone which this voter had acknowledged.
    pub(super) fn save_loss(&mut self, reason: &str) -> Result<(), LogError> {
        if !self.slot.loss.is_empty() {
            return Ok(());
        }
        self.slot.loss = shorten(reason);
        self.write()
    }

    /// Saves the quorum state, and with it that the log reaches `end`.
    pub(super) fn save(&mut self, state: &QuorumState, end: Offset) -> Result<(), LogError> {
        self.slot.epoch = state.epoch.0;
        self.slot.voted = state.voted.map(|voted| Voted {
            id: voted.id.0,
            directory_id: voted.directory_id.0.to_vec(),
        });
        self.slot.leader = state.leader.map(|leader| leader.0);
        match &state.standing {
            Standing::Sound => {
                if self.standing() != Standing::Sound {
                    // Copied anew from the quorum: what was acknowledged before the loss counts no
                    // more.
                    self.slot.acknowledged_end = end.0;
                }
                self.slot.was_sound = true;
                self.slot.loss.clear();
            }
            Standing::Blank => {
                self.slot.was_sound = false;
                self.slot.loss.clear();
            }
            Standing::Amnesiac(reason) => self.slot.loss = shorten(reason),
        }
        self.save_acknowledged(end)
    }

    /// Saves that the log reaches `end`. What was acknowledged once stays so, even while an amnesiac log
    /// is shorter.
    pub(super) fn save_acknowledged(&mut self, end: Offset) -> Result<(), LogError> {
        self.slot.acknowledged_end = self.slot.acknowledged_end.max(end.0);
        self.write()
    }

    /// Takes acknowledged records back: a leader has overruled them, so they were never committed. To be
    /// called before the log is cut, or a crash in between looks like a loss.
    pub(super) fn withdraw(&mut self, end: Offset) -> Result<(), LogError> {
        if self.acknowledged_end() <= end {
            return Ok(());
        }
        self.slot.acknowledged_end = end.0;
        self.write()
    }

    /// Writes Kafka's own `quorum-state` beside ours, for the eyes of people and tools. Nothing reads it
    /// back, so scripts may delete it and a failure to write it is none of ours.
    pub(super) fn show_to_java(&self, dir: &Path) {
        let Slot {
            epoch,
            leader,
            voted,
            ..
        } = &self.slot;
        let json = serde_json::json!({
            "leaderId": leader.unwrap_or(-1),
            "leaderEpoch": epoch,
            "votedId": voted.as_ref().map_or(-1, |voted| voted.id),
            "data_version": 0,
            "clusterId": "",
            "appliedOffset": 0,
            "currentVoters": [],
        });
        let temporary = dir.join("quorum-state.tmp");
        let shown = fs::write(&temporary, json.to_string())
            .and_then(|()| fs::rename(&temporary, dir.join("quorum-state")));
        if let Err(error) = shown {
            debug!("quorum-state, which only tools read, was not written: {error}");
        }
    }

    fn write(&mut self) -> Result<(), LogError> {
        self.slot.sequence += 1;
        let at = self.slot.sequence % SLOTS * SLOT_BYTES;
        self.file
            .write_all_at(&encode(&self.slot), at)
            .and_then(|()| self.file.sync_data())
            .map_err(LogError::io("cannot write", &self.path))
    }
}

/// Makes the file with a first content. Durable on return, and never there in part.
fn create(path: PathBuf, slot: Slot) -> Result<VoterState, LogError> {
    let temporary = path.with_extension("tmp");
    durable::write(&temporary, &path, |file| {
        (0..SLOTS).try_for_each(|_| file.write_all(&encode(&slot)))
    })?;
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.map_err(LogError::io("cannot open", &path))?;
    Ok(VoterState { file, path, slot })
}

/// A whole slot, so that the file never changes its size.
fn encode(slot: &Slot) -> Vec<u8> {
    let body = slot.encode_to_vec();
    let mut copy = Vec::with_capacity(COPY_BYTES);
    copy.extend_from_slice(&MAGIC);
    copy.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    copy.extend_from_slice(&(body.len() as u32).to_be_bytes());
    copy.extend_from_slice(&body);
    assert!(copy.len() <= COPY_BYTES, "a slot holds any state");
    copy.resize(COPY_BYTES, 0);
    copy.repeat(COPIES)
}

fn shorten(reason: &str) -> String {
    reason.chars().take(MAX_REASON_CHARS).collect()
}

/// The newest state that holds, if any does.
fn read_newest(file: &File) -> io::Result<Option<Slot>> {
    let mut bytes = Vec::new();
    file.take(SLOTS * SLOT_BYTES).read_to_end(&mut bytes)?;
    let slots = bytes.chunks(COPY_BYTES).filter_map(parse);
    Ok(slots.max_by_key(|slot| slot.sequence))
}

fn parse(bytes: &[u8]) -> Option<Slot> {
    let (header, rest) = bytes.split_at_checked(COPY_HEADER_BYTES)?;
    let checksum = u32::from_be_bytes(header[4..8].try_into().ok()?);
    let length = u32::from_be_bytes(header[8..12].try_into().ok()?);
    let body = rest.get(..length as usize)?;
    let holds = header.starts_with(&MAGIC) && crc32c::crc32c(body) == checksum;
    holds.then(|| Slot::decode(body).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> VoterState {
        VoterState::open(dir, NodeId(1), Uuid([9; 16]), false).expect("opens")
    }

    fn state(epoch: i32) -> QuorumState {
        let voted = ReplicaKey {
            id: NodeId(2),
            directory_id: Uuid([7; 16]),
        };
        QuorumState {
            epoch: Epoch(epoch),
            voted: Some(voted),
            ..Default::default()
        }
    }

    #[test]
    fn the_newest_state_survives_a_torn_write_and_rot() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut file = open(dir.path());
        assert_eq!(file.quorum_state().standing, Standing::Blank);
        for epoch in 1..=5 {
            file.save(&state(epoch), Offset(i64::from(epoch)))
                .expect("saves");
        }
        assert_eq!(open(dir.path()).quorum_state(), state(5));
        let rot = |copy: u64| {
            file.file
                .write_all_at(&[0xff; 64], copy * COPY_BYTES as u64)
        };
        // Sequence 6 lies in slot 0: copies 0 and 1.
        rot(0).expect("rots");
        assert_eq!(open(dir.path()).quorum_state(), state(5));
        rot(1).expect("rots");
        assert_eq!(open(dir.path()).quorum_state(), state(4));
        rot(2).expect("rots");
        rot(3).expect("rots");
        let standing = open(dir.path()).quorum_state().standing;
        assert!(matches!(standing, Standing::Amnesiac(_)), "{standing:?}");
    }

    #[test]
    fn what_was_acknowledged_shrinks_only_by_withdrawal() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut file = open(dir.path());
        file.save(&state(1), Offset(50)).expect("saves");
        file.save(&state(2), Offset(20)).expect("saves");
        assert_eq!(open(dir.path()).acknowledged_end(), Offset(50));
        file.withdraw(Offset(30)).expect("withdraws");
        file.withdraw(Offset(40)).expect("withdraws nothing");
        assert_eq!(open(dir.path()).acknowledged_end(), Offset(30));
    }

    #[test]
    fn a_loss_stays_until_the_voter_is_sound_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut file = open(dir.path());
        file.save(&state(1), Offset(50)).expect("saves");
        let long = "gone ".repeat(10_000);
        file.save_loss(&long).expect("saves");
        let mut file = open(dir.path());
        let lost = file.quorum_state();
        assert!(matches!(lost.standing, Standing::Amnesiac(_)));
        file.save(&lost, Offset(10)).expect("saves");
        let mut file = open(dir.path());
        assert_eq!(file.quorum_state(), lost);
        assert_eq!(file.acknowledged_end(), Offset(50));
        file.save(&state(2), Offset(20)).expect("saves");
        let file = open(dir.path());
        assert_eq!(file.quorum_state(), state(2));
        assert_eq!(file.acknowledged_end(), Offset(20));
    }

    #[test]
    fn another_nodes_file_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        open(dir.path());
        let other = VoterState::open(dir.path(), NodeId(2), Uuid([9; 16]), false);
        assert!(matches!(other, Err(LogError::Refused(_))));
    }
}
