//! What each other controller last answered us, and why it last did not: for who asks how the node is doing.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{peers::PeerAddress, trouble::Trouble};
use crate::protocol::{
    Epoch, ErrorCode, NodeId, Offset,
    api::{Request, Response},
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
    pub last_answers: BTreeMap<String, Answer>,
    /// Gone with the next answer.
    pub last_failure: Option<Failure>,
}

/// An answer, as far as it tells of the quorum. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
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
pub struct Failure {
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
            let api = request.api_key().name().to_owned();
            let answer = answer(at_ms, request, response);
            peer.last_answers.insert(api, answer);
            peer.last_failure = None;
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
            peer.last_failure = Some(Failure {
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
    /// The newest of all answers.
    pub fn last_answer(&self) -> Option<(&str, &Answer)> {
        let answers = self.last_answers.iter();
        let newest = answers.max_by_key(|(_, answer)| answer.at_ms);
        newest.map(|(api, answer)| (api.as_str(), answer))
    }
}

/// The error of an answer as a whole, and what its only partition says: error, leader and epoch.
type Parts = (ErrorCode, Option<(ErrorCode, NodeId, Epoch)>);

fn answer(at_ms: i64, request: &Request, response: &Response) -> Answer {
    let (error, partition) = parts(response);
    let (partition_error, leader, epoch) =
        partition.unwrap_or((ErrorCode::NONE, NodeId::NONE, Epoch::NONE));
    let error = match error.is_ok() {
        true => partition_error,
        false => error,
    };
    let mut answer = Answer {
        at_ms,
        error: error.name().to_owned(),
        leader_id: leader.known(),
        leader_epoch: epoch.known(),
        ..Answer::default()
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
    answer
}

/// Of the APIs that a controller asks others.
fn parts(response: &Response) -> Parts {
    macro_rules! first {
        ($response:expr, $topics:ident) => {
            $response
                .$topics
                .iter()
                .flat_map(|it| &it.partitions)
                .next()
        };
    }
    match response {
        Response::Vote(it) => (
            it.error_code,
            first!(it, topics).map(|it| (it.error_code, it.leader_id, it.leader_epoch)),
        ),
        Response::BeginQuorumEpoch(it) => (
            it.error_code,
            first!(it, topics).map(|it| (it.error_code, it.leader_id, it.leader_epoch)),
        ),
        Response::EndQuorumEpoch(it) => (
            it.error_code,
            first!(it, topics).map(|it| (it.error_code, it.leader_id, it.leader_epoch)),
        ),
        Response::Fetch(it) => (
            it.error_code,
            first!(it, responses).map(|it| {
                let leader = &it.current_leader;
                (it.error_code, leader.leader_id, leader.leader_epoch)
            }),
        ),
        Response::FetchSnapshot(it) => (
            it.error_code,
            first!(it, topics).map(|it| {
                let leader = &it.current_leader;
                (it.error_code, leader.leader_id, leader.leader_epoch)
            }),
        ),
        Response::ControllerRegistration(it) => (it.error_code, None),
        other => unreachable!("a controller asks no other for {other:?}"),
    }
}
