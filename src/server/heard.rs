//! What each other controller last answered us, and why it last did not: for who asks how the node is doing.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{peers::PeerAddress, trouble::Trouble};
use crate::{
    config::listeners::host_port,
    protocol::{
        Epoch, ErrorCode, NodeId, Offset,
        api::{Request, Response},
        quorum_answer::QuorumAnswer,
    },
};

/// Written by the links to the peers, after each exchange.
pub struct Heard {
    peers: Mutex<BTreeMap<NodeId, PeerStatus>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerStatus {
    pub id: NodeId,
    pub host: String,
    pub port: u16,
    /// The last to each API, by its name.
    pub last_answers: BTreeMap<String, PeerAnswer>,
    /// Gone with the next answer.
    pub last_failure: Option<PeerFailure>,
}

/// An answer, as far as it tells of the quorum. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerAnswer {
    pub at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_vote: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote_granted: Option<bool>,
    pub error: String,
    pub leader_id: Option<NodeId>,
    pub leader_epoch: Option<Epoch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_watermark: Option<Offset>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerFailure {
    pub at_ms: i64,
    /// The first of a row without an answer between them, and how many it has.
    pub since_ms: i64,
    pub attempts: u32,
    pub api: String,
    pub trouble: Trouble,
    pub reason: String,
}

impl Heard {
    pub fn new(addresses: &[PeerAddress]) -> Heard {
        let peers = addresses.iter().map(|PeerAddress { id, host, port }| {
            let silent = PeerStatus {
                id: *id,
                host: host.clone(),
                port: *port,
                last_answers: BTreeMap::new(),
                last_failure: None,
            };
            (*id, silent)
        });
        Heard {
            peers: Mutex::new(peers.collect()),
        }
    }

    pub fn answered(&self, peer: NodeId, at_ms: i64, request: &Request, response: &Response) {
        if let Some(peer) = self.peers().get_mut(&peer) {
            let api = request.api_key().name();
            let (error, answer) = answer(at_ms, request, response);
            let before = peer.last_answers.insert(api.to_owned(), answer);
            peer.last_failure = None;
            if before.is_none_or(|before| before.error != error.name()) {
                peer.tell_refusal(api, error);
            }
        }
    }

    pub fn failed(
        &self,
        peer: NodeId,
        at_ms: i64,
        request: &Request,
        trouble: Trouble,
        reason: String,
    ) {
        if let Some(peer) = self.peers().get_mut(&peer) {
            let before = peer.last_failure.take();
            peer.last_failure = Some(PeerFailure {
                at_ms,
                since_ms: before.as_ref().map_or(at_ms, |failure| failure.since_ms),
                attempts: before.map_or(0, |failure| failure.attempts) + 1,
                api: request.api_key().name().to_owned(),
                trouble,
                reason,
            });
        }
    }

    pub fn all(&self) -> Vec<PeerStatus> {
        self.peers().values().cloned().collect()
    }

    fn peers(&self) -> MutexGuard<'_, BTreeMap<NodeId, PeerStatus>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerStatus {
    /// In the log, unless it only says who leads.
    fn tell_refusal(&self, api: &str, error: ErrorCode) {
        let remedy = match error {
            ErrorCode::NONE
            | ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::UNKNOWN_LEADER_EPOCH
            | ErrorCode::NOT_LEADER_OR_FOLLOWER => return,
            // Told by the core, with the clusters.
            ErrorCode::INCONSISTENT_CLUSTER_ID => return,
            ErrorCode::INVALID_VOTER_KEY => {
                " Another voter listens there: correct controller.quorum.voters."
            }
            _ => "",
        };
        let (id, address) = (self.id, host_port(&self.host, self.port));
        warn!(
            "controller {id} at {address} refuses {api}: {error}, {}{remedy}",
            error.message()
        );
    }

    /// The newest of all answers.
    pub fn last_answer(&self) -> Option<(&str, &PeerAnswer)> {
        let answers = self.last_answers.iter();
        let newest = answers.max_by_key(|(_, answer)| answer.at_ms);
        newest.map(|(api, answer)| (api.as_str(), answer))
    }
}

fn answer(at_ms: i64, request: &Request, response: &Response) -> (ErrorCode, PeerAnswer) {
    let QuorumAnswer { error, partition } = match response {
        Response::ControllerRegistration(response) => QuorumAnswer {
            error: response.error_code,
            partition: None,
        },
        response => QuorumAnswer::of(response).expect("a controller asks others nothing else"),
    };
    let refused = partition
        .map(|partition| partition.error)
        .filter(|_| error.is_ok());
    let error = refused.unwrap_or(error);
    let mut answer = PeerAnswer {
        at_ms,
        error: error.name().to_owned(),
        leader_id: partition.and_then(|partition| partition.leader.known()),
        leader_epoch: partition.and_then(|partition| partition.epoch.known()),
        ..PeerAnswer::default()
    };
    if let (Request::Vote(request), Response::Vote(response)) = (request, response) {
        let mut asked = request.topics.iter().flat_map(|topic| &topic.partitions);
        let mut said = response.topics.iter().flat_map(|topic| &topic.partitions);
        answer.pre_vote = asked.next().map(|partition| partition.pre_vote);
        answer.vote_granted = said.next().map(|partition| partition.vote_granted);
    }
    if let Response::Fetch(response) = response {
        let mut said = response.responses.iter().flat_map(|it| &it.partitions);
        answer.high_watermark = said.next().and_then(|it| it.high_watermark.known());
    }
    (error, answer)
}
