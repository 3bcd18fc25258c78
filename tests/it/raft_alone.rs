//! One voter, spoken to by hand: where it tells others to find the leader, when it stands for election, and what it
//! does not take.

use std::collections::BTreeMap;

use kraftd::{
    protocol::{
        Epoch, ErrorCode, NodeId, Offset, OffsetAndEpoch, QuorumState, Uuid,
        api::{Request, Response},
        messages::{
            begin_quorum_epoch as begin, fetch, fetch_snapshot, update_raft_voter as update,
            vote::{self, VoteRequest},
        },
    },
    raft::{Effect, Endpoint, LogStatus, Options, Raft, RequestId, Restored, Token, VoterSet},
    time::{Now, Time},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const CLUSTER_ID: &str = "AAAAAAAAAAAAAAAAAAAAXQ";
const OWN: NodeId = NodeId(1);
const LEADER: NodeId = NodeId(2);

fn endpoint(host: &str) -> Endpoint {
    Endpoint {
        listener_name: "CONTROLLER".to_owned(),
        host: host.to_owned(),
        port: 9093,
    }
}

/// One that advertises another address than the voters have for it.
fn raft(ids: &[NodeId], restored: Restored) -> Raft {
    let voters: BTreeMap<NodeId, Endpoint> = ids
        .iter()
        .map(|id| (*id, endpoint(&format!("voter-{id}"))))
        .collect();
    let options = Options {
        node_id: OWN,
        directory_id: Uuid([1; 16]),
        cluster_id: CLUSTER_ID.to_owned(),
        advertised: endpoint("advertised"),
        election_timeout_ms: 1_000,
        fetch_timeout_ms: 2_000,
        election_backoff_max_ms: 1_000,
        retry_backoff_ms: 20,
        fetch_max_bytes: 1 << 20,
        fetch_snapshot_max_bytes: 1 << 20,
    };
    let rng = ChaCha8Rng::seed_from_u64(1);
    Raft::new(options, VoterSet::new(voters), restored, rng, at(0))
}

fn at(ms: u64) -> Now {
    Now {
        time: Time(0).plus_ms(ms),
        wall_clock_ms: ms as i64,
    }
}

fn ask(raft: &mut Raft, version: i16, request: Request) -> Response {
    while raft.next_effect().is_some() {}
    raft.on_request(at(0), Token(7), version, request);
    let mut effects = std::iter::from_fn(|| raft.next_effect());
    let reply = effects.find_map(|effect| match effect {
        Effect::Reply { response, .. } => Some(response),
        _ => None,
    });
    reply.expect("an answer")
}

/// Of a voter with an empty log.
fn vote_request(epoch: Epoch) -> Request {
    VoteRequest {
        cluster_id: Some(CLUSTER_ID.to_owned()),
        topics: vec![vote::RequestTopicData {
            topic_name: "__cluster_metadata".to_owned(),
            partitions: vec![vote::RequestPartitionData {
                replica_epoch: epoch,
                replica_id: NodeId(3),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
    .into()
}

/// What a stranger hears of the leader.
fn told(raft: &mut Raft) -> Vec<(NodeId, String, u16)> {
    let request = vote_request(Epoch(1));
    let Response::Vote(answer) = ask(raft, 1, request) else {
        panic!("another answer");
    };
    let endpoints = answer.node_endpoints.into_iter();
    endpoints.map(|it| (it.node_id, it.host, it.port)).collect()
}

fn begin(epoch: i32, host: Option<&str>) -> Request {
    begin_of(LEADER, epoch, host)
}

fn begin_of(leader_id: NodeId, epoch: i32, host: Option<&str>) -> Request {
    let told = host.map(|host| begin::LeaderEndpoint {
        name: "CONTROLLER".to_owned(),
        host: host.to_owned(),
        port: 1,
        ..Default::default()
    });
    begin::BeginQuorumEpochRequest {
        cluster_id: Some(CLUSTER_ID.to_owned()),
        topics: vec![begin::RequestTopicData {
            topic_name: "__cluster_metadata".to_owned(),
            partitions: vec![begin::RequestPartitionData {
                leader_id,
                leader_epoch: Epoch(epoch),
                ..Default::default()
            }],
            ..Default::default()
        }],
        leader_endpoints: told.into_iter().collect(),
        ..Default::default()
    }
    .into()
}

#[test]
fn a_leader_is_where_it_says_for_its_epoch() {
    let mut raft = raft(&[OWN, LEADER, NodeId(3)], Restored::default());
    ask(&mut raft, 1, begin(1, None));
    let of_the_file = (LEADER, "voter-2".to_owned(), 9093);
    assert_eq!(told(&mut raft), std::slice::from_ref(&of_the_file));
    ask(&mut raft, 1, begin(1, Some("elsewhere")));
    assert_eq!(told(&mut raft), [(LEADER, "elsewhere".to_owned(), 1)]);
    // Of a cluster with other voters.
    ask(&mut raft, 1, begin_of(NodeId(9), 1, Some("a stranger's")));
    assert_eq!(told(&mut raft), [(LEADER, "elsewhere".to_owned(), 1)]);
    ask(&mut raft, 1, begin(2, None));
    assert_eq!(told(&mut raft), [of_the_file]);
}

#[test]
fn we_are_where_we_advertise() {
    let mut raft = raft(&[OWN], Restored::default());
    assert_eq!(told(&mut raft), [(OWN, "advertised".to_owned(), 9093)]);
    let request = update::UpdateRaftVoterRequest {
        cluster_id: Some(CLUSTER_ID.to_owned()),
        ..Default::default()
    };
    let Response::UpdateRaftVoter(answer) = ask(&mut raft, 0, request.into()) else {
        panic!("another answer");
    };
    assert_eq!(answer.error_code, ErrorCode::FENCED_LEADER_EPOCH);
    let leader = answer.current_leader;
    assert_eq!(
        (leader.leader_id, leader.host.as_str(), leader.port),
        (OWN, "advertised", 9093)
    );
}

/// Java's voters ask until they are answered without an error.
#[test]
fn a_voter_may_say_where_it_listens() {
    let mut raft = raft(&[OWN], Restored::default());
    while let Some(effect) = raft.next_effect() {
        if let Effect::Append(batch) = effect {
            raft.on_durable(at(0), batch.end_offset());
        }
    }
    let request = |id: NodeId, listener: &str| update::UpdateRaftVoterRequest {
        cluster_id: Some(CLUSTER_ID.to_owned()),
        current_leader_epoch: Epoch(1),
        voter_id: id,
        voter_directory_id: Uuid([1; 16]),
        listeners: vec![update::Listener {
            name: listener.to_owned(),
            ..Default::default()
        }],
        kraft_version_feature: update::KRaftVersionFeature {
            max_supported_version: 1,
            ..Default::default()
        },
        ..Default::default()
    };
    let mut told = |request: update::UpdateRaftVoterRequest| {
        let Response::UpdateRaftVoter(answer) = ask(&mut raft, 0, request.into()) else {
            panic!("another answer");
        };
        answer.error_code
    };
    assert_eq!(told(request(OWN, "CONTROLLER")), ErrorCode::NONE);
    assert_eq!(
        told(request(LEADER, "CONTROLLER")),
        ErrorCode::VOTER_NOT_FOUND
    );
    assert_eq!(told(request(OWN, "OTHER")), ErrorCode::INVALID_REQUEST);
}

/// Voters of Kafka 3.9 know no pre-vote: one whose log is too short opens epoch after epoch.
#[test]
fn epochs_of_others_do_not_keep_a_voter_from_standing() {
    const TWO_TIMEOUTS_MS: u64 = 2_000;
    let log = LogStatus {
        end: Offset(5),
        epochs: vec![(Epoch(1), Offset(0))],
        ..Default::default()
    };
    let restored = Restored {
        log,
        ..Default::default()
    };
    let mut raft = raft(&[OWN, LEADER, NodeId(3)], restored);
    let mut stood = false;
    for (epoch, ms) in (2..).zip((0..=TWO_TIMEOUTS_MS).step_by(400)) {
        raft.on_timeout(at(ms));
        let mut effects = std::iter::from_fn(|| raft.next_effect());
        stood |= effects.any(|effect| match effect {
            Effect::Send { request, .. } => matches!(request, Request::Vote(_)),
            _ => false,
        });
        let request = vote_request(Epoch(epoch));
        raft.on_request(at(ms), Token(7), 1, request);
    }
    assert!(stood, "it waits anew with every epoch");
}

#[test]
fn after_the_last_epoch_a_voter_says_so_and_ends() {
    let restored = Restored {
        quorum_state: QuorumState {
            epoch: Epoch(i32::MAX),
            ..Default::default()
        },
        ..Default::default()
    };
    let mut raft = raft(&[OWN], restored);
    let mut effects = std::iter::from_fn(|| raft.next_effect());
    let why = effects.find_map(|effect| match effect {
        Effect::Fatal(why) => Some(why),
        _ => None,
    });
    let why = why.expect("its end");
    assert!(why.starts_with("epoch 2147483647 is the last"), "{why}");
}

/// What a follower asks its leader next, and under which name.
fn asked(raft: &mut Raft) -> Option<(RequestId, Request)> {
    let mut effects = std::iter::from_fn(|| raft.next_effect());
    effects.find_map(|effect| match effect {
        Effect::Send { to, id, request } if to == LEADER => Some((id, request)),
        _ => None,
    })
}

/// A follower whose Fetch is answered with a snapshot, and what it asks then.
fn offered(snapshot: OffsetAndEpoch) -> (Raft, Option<(RequestId, Request)>) {
    let mut raft = raft(&[OWN, LEADER, NodeId(3)], Restored::default());
    raft.on_request(at(0), Token(7), 1, begin(1, None));
    let (id, request) = asked(&mut raft).expect("a Fetch");
    assert!(matches!(request, Request::Fetch(_)));
    let partition = fetch::PartitionData {
        high_watermark: Offset(200),
        current_leader: fetch::LeaderIdAndEpoch {
            leader_id: LEADER,
            leader_epoch: Epoch(1),
            ..Default::default()
        },
        snapshot_id: fetch::SnapshotId {
            epoch: snapshot.epoch,
            end_offset: snapshot.offset,
            ..Default::default()
        },
        ..Default::default()
    };
    let answer = fetch::FetchResponse {
        responses: vec![fetch::FetchableTopicResponse {
            topic_id: Uuid::ONE,
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    raft.on_response(at(1), LEADER, id, Ok(answer.into()));
    raft.on_timeout(at(100));
    let next = asked(&mut raft);
    (raft, next)
}

#[test]
fn a_snapshot_of_an_epoch_to_come_is_not_taken() {
    let (_, next) = offered(OffsetAndEpoch {
        epoch: Epoch(9),
        offset: Offset(100),
    });
    assert!(matches!(next, Some((_, Request::Fetch(_)))), "{next:?}");
}

#[test]
fn pieces_of_a_snapshot_wait_for_the_disk() {
    let id = OffsetAndEpoch {
        epoch: Epoch(1),
        offset: Offset(100),
    };
    let (mut raft, next) = offered(id);
    let Some((request_id, Request::FetchSnapshot(_))) = next else {
        panic!("no FetchSnapshot, but {next:?}");
    };
    let chunk = fetch_snapshot::ResponsePartitionSnapshot {
        current_leader: fetch_snapshot::LeaderIdAndEpoch {
            leader_id: LEADER,
            leader_epoch: Epoch(1),
            ..Default::default()
        },
        snapshot_id: fetch_snapshot::ResponseSnapshotId {
            epoch: id.epoch,
            end_offset: id.offset,
            ..Default::default()
        },
        size: 20,
        unaligned_records: vec![7; 10].into(),
        ..Default::default()
    };
    let answer = fetch_snapshot::FetchSnapshotResponse {
        topics: vec![fetch_snapshot::ResponseTopicSnapshot {
            name: "__cluster_metadata".to_owned(),
            partitions: vec![chunk],
            ..Default::default()
        }],
        ..Default::default()
    };
    raft.on_response(at(101), LEADER, request_id, Ok(answer.into()));
    raft.on_timeout(at(200));
    assert!(
        asked(&mut raft).is_none(),
        "the disk has yet to take the first"
    );
    raft.on_snapshot_chunk_written(at(201));
    let next = asked(&mut raft);
    assert!(
        matches!(next, Some((_, Request::FetchSnapshot(_)))),
        "{next:?}"
    );
}
