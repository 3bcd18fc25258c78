//! UpdateRaftVoter (KIP-853): a voter tells the leader where it listens and which levels of kraft.version it knows. Java's
//! voters do from 4.1 on, again and again until the leader has answered with its epoch, also where voters are not kept in
//! the log. What a static quorum has in its files needs no telling: the request is judged as Java judges it
//! (`KafkaRaftClient.handleUpdateVoterRequest`, `UpdateVoterHandler`), and changes nothing.

use super::{Effect, Raft, Token};
use crate::protocol::{
    ErrorCode, NodeId, Uuid,
    messages::update_raft_voter::{
        CurrentLeader, KRaftVersionFeature, UpdateRaftVoterRequest, UpdateRaftVoterResponse,
    },
};

/// The level of kraft.version of a quorum with static voters.
const STATIC: i16 = 0;

impl Raft {
    pub(super) fn on_update_voter(&mut self, token: Token, request: &UpdateRaftVoterRequest) {
        let foreign = self.is_foreign(Some(request.voter_id), request.cluster_id.as_deref());
        let judged = match foreign {
            true => Err(ErrorCode::INCONSISTENT_CLUSTER_ID),
            false => self.judge_voter(request),
        };
        let leader = self.leader_endpoint();
        let mut current_leader = CurrentLeader {
            leader_id: self.state.leader.unwrap_or(NodeId::NONE),
            leader_epoch: self.state.epoch,
            ..Default::default()
        };
        if let Some((_, endpoint)) = leader {
            current_leader.host = endpoint.host.clone();
            current_leader.port = i32::from(endpoint.port);
        }
        let response = UpdateRaftVoterResponse {
            error_code: judged.err().unwrap_or(ErrorCode::NONE),
            current_leader,
            ..Default::default()
        };
        let response = response.into();
        self.effects.push_back(Effect::Reply { token, response });
    }

    fn judge_voter(&self, request: &UpdateRaftVoterRequest) -> Result<(), ErrorCode> {
        self.check_leader_epoch(request.current_leader_epoch)?;
        let listener = &self.options.advertised.listener_name;
        let KRaftVersionFeature {
            min_supported_version: min,
            max_supported_version: max,
            ..
        } = request.kraft_version_feature;
        let is_whole = request.voter_id.known().is_some()
            && request.voter_directory_id != Uuid::ZERO
            && request.listeners.iter().any(|it| it.name == *listener)
            && (STATIC..=max).contains(&min);
        if !is_whole {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if self.leader_high_watermark().is_none() {
            return Err(ErrorCode::REQUEST_TIMED_OUT);
        }
        if min > STATIC {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        match self.voters.contains(request.voter_id) {
            true => Ok(()),
            false => Err(ErrorCode::VOTER_NOT_FOUND),
        }
    }
}
