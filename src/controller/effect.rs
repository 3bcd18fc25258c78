//! What a controller asks of the rim, and what the log reports back.

use bytes::Bytes;

use super::snapshots::{LoadedSnapshot, SnapshotBatches};
use crate::{
    protocol::{
        Epoch, NodeId, Offset, OffsetAndEpoch,
        api::{Request, Response},
        messages::{fetch::FetchResponse, fetch_snapshot::FetchSnapshotResponse},
        quorum_state::QuorumState,
        record_batch::RecordBatch,
    },
    raft::{self, Token},
};

/// Names a request that went out, for the call that brings its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestId {
    Raft(raft::RequestId),
    /// The registration of this controller with the active one.
    Registration(u64),
}

/// What the rim must do, strictly in order.
#[derive(Debug)]
pub enum Effect {
    /// Durable before the next effect is performed.
    SaveQuorumState(QuorumState),
    /// Asynchronous: the rim answers with [`LogEvent::Durable`].
    Append(RecordBatch),
    /// Removes the records from `end` on; durable before the next effect is performed.
    Truncate { end: Offset },
    /// The rim picks the version: the highest that both sides know.
    Send {
        to: NodeId,
        id: RequestId,
        request: Request,
    },
    /// Encoded in the version of the request that the token names.
    Reply { token: Token, response: Response },
    /// As [`Effect::Reply`] once `records` holds whole batches from `from` on: up to `max_bytes`, one
    /// at least, and none beyond the end of the log at this moment.
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
    /// changes the log; answered with [`LogEvent::SnapshotChunkWritten`], and until then nothing more is
    /// fetched, so that no slow disk has pieces pile up before it.
    WriteSnapshotChunk {
        id: OffsetAndEpoch,
        position: u64,
        bytes: Bytes,
    },
    /// All pieces are there: the snapshot becomes valid, and the log is emptied and goes on after it.
    /// Asynchronous, in order with all else that changes the log or the quorum state; answered with
    /// [`LogEvent::SnapshotInstalled`].
    InstallSnapshot { id: OffsetAndEpoch },
    /// Asynchronous, on any thread: a snapshot of our own, whose batches are made as they are taken. The
    /// rim answers with [`LogEvent::SnapshotWritten`].
    WriteSnapshot {
        id: OffsetAndEpoch,
        batches: SnapshotBatches,
    },
    /// Removes the log before the end of snapshot `start`, and all older snapshots. Asynchronous, in the
    /// same order; answered with [`LogEvent::LogStart`].
    DropPrefix { start: OffsetAndEpoch },
    /// For the log: who leads as far as this node knows. Ourselves we name when we are active.
    Leader {
        leader: Option<NodeId>,
        epoch: Epoch,
    },
    /// Stop the process and say why.
    Fatal(String),
}

impl Effect {
    /// What raft alone asks of the rim; `None` for what only a controller has a use for.
    pub fn of_raft(effect: raft::Effect) -> Option<Effect> {
        Some(match effect {
            raft::Effect::SaveQuorumState(state) => Effect::SaveQuorumState(state),
            raft::Effect::Append(batch) => Effect::Append(batch),
            raft::Effect::Truncate { end } => Effect::Truncate { end },
            raft::Effect::Send { to, id, request } => Effect::Send {
                to,
                id: RequestId::Raft(id),
                request,
            },
            raft::Effect::Reply { token, response } => Effect::Reply { token, response },
            raft::Effect::ReplyFetch {
                token,
                response,
                from,
                max_bytes,
            } => Effect::ReplyFetch {
                token,
                response,
                from,
                max_bytes,
            },
            raft::Effect::ReplyFetchSnapshot {
                token,
                response,
                id,
                position,
                max_bytes,
            } => Effect::ReplyFetchSnapshot {
                token,
                response,
                id,
                position,
                max_bytes,
            },
            raft::Effect::WriteSnapshotChunk {
                id,
                position,
                bytes,
            } => Effect::WriteSnapshotChunk {
                id,
                position,
                bytes,
            },
            raft::Effect::InstallSnapshot { id } => Effect::InstallSnapshot { id },
            raft::Effect::LeaderChanged { leader, epoch } => Effect::Leader { leader, epoch },
            raft::Effect::Fatal(why) => Effect::Fatal(why),
            raft::Effect::HighWatermark(_) => return None,
        })
    }
}

/// What happened to the log.
#[derive(Debug)]
pub enum LogEvent {
    /// Everything appended below `end` is on disk.
    Durable { end: Offset },
    /// The disk has taken the piece of a snapshot that it was given last.
    SnapshotChunkWritten,
    /// A snapshot of our own is complete and on disk, and takes so many bytes.
    SnapshotWritten { id: OffsetAndEpoch, bytes: u64 },
    /// A fetched snapshot became the beginning of the log, and this is what is in it.
    SnapshotInstalled {
        snapshot: Box<LoadedSnapshot>,
        bytes: u64,
    },
    /// The log begins at the end of this snapshot now.
    LogStart { id: OffsetAndEpoch },
}
