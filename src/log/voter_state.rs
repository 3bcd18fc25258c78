//! The file `voter-state`: what a voter must not forget, kept apart from the log, so that whatever
//! happens to the log is noticed (Protocol-Aware Recovery, FAST '18).
//!
//! Two slots of 4 KiB, written in turn: a torn write destroys the older one of two states at most. A slot
//! is a magic number, a checksum, a length and a prost message with a sequence number.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use prost::Message;
use tracing::debug;

use super::LogError;
use crate::protocol::{
    Epoch, NodeId, Offset, ReplicaKey, Uuid,
    quorum_state::{QuorumState, Standing},
};

const SLOT_BYTES: u64 = 4096;
const SLOTS: u64 = 2;
const MAGIC: [u8; 4] = *b"KVS1";
/// Magic, checksum, length.
const SLOT_HEADER_BYTES: usize = 12;

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
}

#[derive(Clone, PartialEq, Message)]
struct Voted {
    #[prost(int32, tag = "1")]
    id: i32,
    #[prost(bytes = "vec", tag = "2")]
    directory_id: Vec<u8>,
}

/// The open file and its newest content.
pub(super) struct VoterState {
    file: File,
    path: PathBuf,
    slot: Slot,
    /// As the opened log deserves it, then as raft tells.
    standing: Standing,
}

/// What was found when the file was opened.
pub(super) enum Found {
    /// There is no file: this directory never belonged to a voter of ours.
    Nothing,
    State,
    /// There is a file, but no slot of it can be believed.
    Unreadable,
}

impl VoterState {
    /// Opens the file, and makes it where it is missing.
    pub(super) fn open(
        dir: &Path,
        node_id: NodeId,
        directory_id: Uuid,
    ) -> Result<(VoterState, Found), LogError> {
        let path = dir.join("voter-state");
        let existed = path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(LogError::io("cannot open", &path))?;
        let newest = read_newest(&file).map_err(LogError::io("cannot read", &path))?;
        let found = match (&newest, existed) {
            (Some(_), _) => Found::State,
            (None, true) => Found::Unreadable,
            (None, false) => Found::Nothing,
        };
        let fresh = Slot {
            node_id: node_id.0,
            directory_id: directory_id.0.to_vec(),
            ..Default::default()
        };
        let slot = newest.unwrap_or(fresh);
        if slot.node_id != node_id.0 || slot.directory_id != directory_id.0 {
            return Err(LogError::Refused(format!(
                "{} was written by node {} in another directory (directory.id), not by node {} in \
                 this one. Give this node the directory it was formatted with, or format an empty \
                 one.",
                path.display(),
                slot.node_id,
                node_id
            )));
        }
        let standing = if slot.was_sound {
            Standing::Sound
        } else {
            Standing::Blank
        };
        Ok((
            VoterState {
                file,
                path,
                slot,
                standing,
            },
            found,
        ))
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
            standing: self.standing.clone(),
        }
    }

    pub(super) fn acknowledged_end(&self) -> Offset {
        Offset(self.slot.acknowledged_end)
    }

    /// What the log turned out to be worth.
    pub(super) fn set_standing(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// Saves the quorum state, and with it that the log reaches `end`.
    pub(super) fn save(&mut self, state: &QuorumState, end: Offset) -> Result<(), LogError> {
        self.slot.epoch = state.epoch.0;
        self.slot.voted = state.voted.map(|voted| Voted {
            id: voted.id.0,
            directory_id: voted.directory_id.0.to_vec(),
        });
        self.slot.leader = state.leader.map(|leader| leader.0);
        if state.standing == Standing::Sound && self.standing != Standing::Sound {
            // Copied anew from the quorum: what was acknowledged before the loss counts no more.
            self.slot.was_sound = true;
            self.slot.acknowledged_end = end.0;
        }
        self.standing = state.standing.clone();
        self.save_acknowledged(end)
    }

    /// Saves that the log reaches `end`. What was acknowledged once stays so, even while an amnesiac log
    /// is shorter.
    pub(super) fn save_acknowledged(&mut self, end: Offset) -> Result<(), LogError> {
        self.slot.acknowledged_end = self.slot.acknowledged_end.max(end.0);
        self.write()
    }

    /// Takes acknowledged records back: a leader has overruled them, so they were never committed.
    pub(super) fn truncate(&mut self, end: Offset) -> Result<(), LogError> {
        self.slot.acknowledged_end = self.slot.acknowledged_end.min(end.0);
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
        let body = self.slot.encode_to_vec();
        let mut bytes = Vec::with_capacity(SLOT_BYTES as usize);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&body);
        // Always the whole slot: the file reaches its size with the first two writes and then
        // fdatasync has no metadata to write.
        bytes.resize(SLOT_BYTES as usize, 0);
        let at = self.slot.sequence % SLOTS * SLOT_BYTES;
        self.file
            .write_all_at(&bytes, at)
            .and_then(|()| self.file.sync_data())
            .map_err(LogError::io("cannot write", &self.path))
    }
}

fn read_newest(file: &File) -> io::Result<Option<Slot>> {
    let mut newest: Option<Slot> = None;
    for number in 0..SLOTS {
        let mut bytes = vec![0; SLOT_BYTES as usize];
        match file.read_exact_at(&mut bytes, number * SLOT_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            read => read?,
        }
        let slot = parse(&bytes);
        newest = newest
            .into_iter()
            .chain(slot)
            .max_by_key(|slot| slot.sequence);
    }
    Ok(newest)
}

fn parse(bytes: &[u8]) -> Option<Slot> {
    let (header, rest) = bytes.split_at_checked(SLOT_HEADER_BYTES)?;
    let checksum = u32::from_be_bytes(header[4..8].try_into().ok()?);
    let length = u32::from_be_bytes(header[8..12].try_into().ok()?);
    let body = rest.get(..length as usize)?;
    let holds = header.starts_with(&MAGIC) && crc32c::crc32c(body) == checksum;
    holds.then(|| Slot::decode(body).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> (VoterState, Found) {
        VoterState::open(dir, NodeId(1), Uuid([9; 16])).expect("opens")
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
    fn the_newest_state_survives_the_loss_of_either_slot() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut file, found) = open(dir.path());
        assert!(matches!(found, Found::Nothing));
        for epoch in 1..=5 {
            file.save(&state(epoch), Offset(i64::from(epoch)))
                .expect("saves");
        }
        assert_eq!(open(dir.path()).0.quorum_state(), state(5));
        for (slot, survivor) in [(1, 4), (0, 5)] {
            file.file
                .write_all_at(&[0xff; 64], slot * SLOT_BYTES)
                .expect("rots");
            let (damaged, found) = open(dir.path());
            match survivor {
                4 => assert_eq!(damaged.quorum_state(), state(4)),
                _ => assert!(matches!(found, Found::Unreadable)),
            }
        }
    }

    #[test]
    fn what_was_acknowledged_only_shrinks_by_truncation() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut file, _) = open(dir.path());
        file.save(&state(1), Offset(50)).expect("saves");
        file.save(&state(2), Offset(20)).expect("saves");
        assert_eq!(open(dir.path()).0.acknowledged_end(), Offset(50));
        file.truncate(Offset(30)).expect("truncates");
        assert_eq!(open(dir.path()).0.acknowledged_end(), Offset(30));
    }

    #[test]
    fn another_nodes_file_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        open(dir.path())
            .0
            .save(&state(1), Offset(0))
            .expect("saves");
        let other = VoterState::open(dir.path(), NodeId(2), Uuid([9; 16]));
        assert!(matches!(other, Err(LogError::Refused(_))));
    }
}
