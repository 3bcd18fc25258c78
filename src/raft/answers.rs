//! What comes back for requests of ours: what all answers have in common first, then each to the file of its
//! message.

use super::{Raft, RequestId, SendError, role::Lost};
use crate::{
    protocol::{
        ErrorCode, NodeId,
        api::{ApiKey, Response},
        quorum_answer::{PartitionAnswer, QuorumAnswer},
    },
    time::Now,
};

impl Raft {
    /// A request of ours came back. Every [`Effect::Send`](super::Effect::Send) does, exactly once.
    pub fn on_response(
        &mut self,
        now: Now,
        from: NodeId,
        id: RequestId,
        outcome: Result<Response, SendError>,
    ) {
        let awaited = self.requests.finished(from, id);
        match outcome {
            Ok(response) => self.on_answer(now, from, awaited, response),
            Err(error) if awaited => self.on_no_answer(now, from, error),
            Err(_) => {}
        }
        self.after_input(now);
    }

    /// Nobody waits for an answer that is not `awaited`: it teaches us epoch and leader, and nothing else.
    fn on_answer(&mut self, now: Now, from: NodeId, awaited: bool, response: Response) {
        let api = response.api_key();
        let Some(answer) = QuorumAnswer::of(&response) else {
            panic!("raft asks no {}", api.name());
        };
        let before = self.state.clone();
        let partition = answer.partition.filter(|_| answer.error.is_ok());
        let is_good = match partition {
            Some(partition) => self.on_common_answer(now, from, awaited, partition),
            None => {
                self.on_useless_answer(now, from, awaited, api, answer.error);
                false
            }
        };
        let error = partition.map(|partition| partition.error);
        match response {
            _ if !awaited => {}
            Response::FetchSnapshot(_) if is_snapshot_lost(error) => self.drop_download(),
            Response::Fetch(_)
                if error == Some(ErrorCode::NOT_LEADER_OR_FOLLOWER)
                    && self.state.leader == Some(from)
                    && self.state == before =>
            {
                // It leads this epoch and yet does not: it has resigned, or was restarted, or this is another.
                self.on_leader_lost(now, Lost::Office { under_way: false });
            }
            _ if !is_good => {}
            Response::Fetch(response) => self.on_fetch_response(now, from, response),
            Response::FetchSnapshot(response) => {
                self.on_fetch_snapshot_response(now, from, response);
            }
            Response::Vote(response) => self.on_vote_response(now, from, &response),
            Response::BeginQuorumEpoch(_) => self.on_begin_quorum_epoch_response(now, from),
            Response::EndQuorumEpoch(_) => self.on_end_quorum_epoch_response(from),
            other => unreachable!("{other:?} is no answer to raft"),
        }
    }

    fn on_no_answer(&mut self, now: Now, from: NodeId, error: SendError) {
        self.requests.back_off(from, now);
        match error {
            SendError::Disconnected if self.state.leader == Some(from) => {
                self.on_leader_lost(now, Lost::Connection);
            }
            SendError::UnsupportedVersion => self.on_pre_vote_unsupported(now, from),
            SendError::Disconnected | SendError::TimedOut => {}
        }
    }

    /// `KafkaRaftClient.maybeHandleCommonResponse`. Says whether the answer is one without error to what we are
    /// now.
    fn on_common_answer(
        &mut self,
        now: Now,
        from: NodeId,
        awaited: bool,
        answer: PartitionAnswer,
    ) -> bool {
        let PartitionAnswer {
            error,
            leader,
            epoch,
        } = answer;
        self.note_epoch(from, epoch);
        let before = (self.state.epoch, self.state.leader);
        let stale = epoch < self.state.epoch || error == ErrorCode::UNKNOWN_LEADER_EPOCH;
        let answers_epoch =
            error == ErrorCode::FENCED_LEADER_EPOCH || error == ErrorCode::NOT_LEADER_OR_FOLLOWER;
        if !stale && (epoch > self.state.epoch || answers_epoch || error.is_ok()) {
            self.adopt(now, leader.known(), epoch);
        }
        if !stale && error.is_ok() && epoch == before.0 {
            self.requests.succeeded(from);
            return true;
        }
        if awaited && (self.state.epoch, self.state.leader) == before {
            // Nothing was learned, so asking again at once would bring the same.
            self.requests.back_off(from, now);
        }
        false
    }

    /// An answer without the part that matters.
    fn on_useless_answer(
        &mut self,
        now: Now,
        from: NodeId,
        awaited: bool,
        api: ApiKey,
        error: ErrorCode,
    ) {
        match error {
            ErrorCode::UNSUPPORTED_VERSION if awaited && api == ApiKey::VOTE => {
                return self.on_pre_vote_unsupported(now, from);
            }
            ErrorCode::INCONSISTENT_CLUSTER_ID => self.on_foreign_voter(from),
            error => tracing::warn!(
                from = from.0,
                api = api.name(),
                error = error.name(),
                "a voter could not answer"
            ),
        }
        if awaited {
            self.requests.back_off(from, now);
        }
    }
}

/// Whether who was asked for a part of a snapshot has it no more. A Java leader says so without any partition: it
/// fails to encode its errors.
fn is_snapshot_lost(error: Option<ErrorCode>) -> bool {
    matches!(
        error,
        None | Some(ErrorCode::SNAPSHOT_NOT_FOUND | ErrorCode::POSITION_OUT_OF_RANGE)
    )
}
