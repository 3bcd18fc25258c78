//! Requests that a broker passes on for its clients (KIP-590).

use bytes::Bytes;
use kraftd::protocol::{
    ErrorCode, NodeId,
    api::{ApiKey, Request, Response},
    header::ResponseHeader,
    messages::{
        broker_heartbeat::BrokerHeartbeatRequest,
        create_topics::CreateTopicsResponse,
        describe_quorum::{
            DescribeQuorumRequest, DescribeQuorumResponse, RequestPartitionData, RequestTopicData,
        },
        envelope::{EnvelopeRequest, EnvelopeResponse},
    },
    schema::Message,
    wire::Reader,
};

use crate::{
    broker::{Broker, topic},
    quorum::Quorum,
};

/// Version 0, then type, name and whether a token was used: as a Java broker writes it.
const ANONYMOUS: &[u8] = b"\x00\x00\x05User\x0aANONYMOUS\x00\x00";

fn envelope(request: &Request, version: i16) -> EnvelopeRequest {
    EnvelopeRequest {
        request_data: request
            .encode_with_header(version, 77, "a client")
            .expect("encodes"),
        request_principal: Some(Bytes::from_static(ANONYMOUS)),
        client_host_address: Bytes::from_static(&[10, 0, 0, 1]),
        ..Default::default()
    }
}

fn describe_quorum() -> Request {
    DescribeQuorumRequest {
        topics: vec![RequestTopicData {
            topic_name: "__cluster_metadata".to_owned(),
            partitions: vec![RequestPartitionData::default()],
            ..Default::default()
        }],
        ..Default::default()
    }
    .into()
}

fn ask(quorum: &mut Quorum, node: NodeId, request: EnvelopeRequest) -> EnvelopeResponse {
    let token = quorum.send(node, 0, request);
    match quorum.answer(token) {
        Response::Envelope(response) => response,
        other => panic!("answered with {other:?}"),
    }
}

/// The answer inside, after a header that names the client's request.
fn inner<R: Message>(response: EnvelopeResponse, key: ApiKey, version: i16) -> R {
    assert_eq!(response.error_code, ErrorCode::NONE);
    let bytes = response.response_data.expect("an answer");
    let mut reader = Reader::new(&bytes);
    let header = ResponseHeader::decode(&mut reader, key.response_header_version(version));
    assert_eq!(header.expect("a header").correlation_id, 77);
    let body = R::decode(&mut reader, version).expect("a body");
    reader.finish().expect("nothing else");
    body
}

#[test]
fn what_is_inside_is_served_at_the_version_of_the_client() {
    let mut quorum = Quorum::of(1);
    Broker::start(1, &mut quorum);
    let active = quorum.active();
    for version in 2..=7 {
        let request = topic(&format!("topic-{version}"), 1, 1).into();
        let response = ask(&mut quorum, active, envelope(&request, version));
        let created: CreateTopicsResponse = inner(response, ApiKey::CREATE_TOPICS, version);
        assert_eq!(
            created.topics[0].error_code,
            ErrorCode::NONE,
            "version {version}"
        );
    }
    for version in 0..=2 {
        let response = ask(&mut quorum, active, envelope(&describe_quorum(), version));
        let described: DescribeQuorumResponse = inner(response, ApiKey::DESCRIBE_QUORUM, version);
        assert_eq!(
            described.topics[0].partitions[0].leader_id, active,
            "version {version}"
        );
    }
}

#[test]
fn a_standby_says_so_on_the_envelope_so_that_the_broker_looks_elsewhere() {
    let mut quorum = Quorum::of(3);
    let active = quorum.active();
    quorum.run_for(1000);
    let standby = quorum
        .ids()
        .into_iter()
        .find(|id| *id != active)
        .expect("a standby");
    for (request, version) in [(topic("refused", 1, 1).into(), 7), (describe_quorum(), 2)] {
        let response = ask(&mut quorum, standby, envelope(&request, version));
        assert_eq!(response.error_code, ErrorCode::NOT_CONTROLLER);
        assert_eq!(response.response_data, None);
    }
}

#[test]
fn losing_the_lead_while_the_answer_waits_is_told_on_the_envelope_too() {
    let mut quorum = Quorum::of(3);
    let first = quorum.active();
    Broker::start(11, &mut quorum);
    quorum.run_for(500);
    quorum.nodes.get_mut(&first).expect("a node").is_cut_off = true;
    let token = quorum.send(first, 0, envelope(&topic("lost", 1, 1).into(), 7));
    quorum.active();
    let Response::Envelope(response) = quorum.answer(token) else {
        panic!("wrong API")
    };
    assert_eq!(response.error_code, ErrorCode::NOT_CONTROLLER);
    assert_eq!(response.response_data, None);
}

#[test]
fn an_envelope_that_cannot_be_opened_says_why() {
    let mut quorum = Quorum::of(1);
    let active = quorum.active();
    let good = || envelope(&topic("a", 1, 1).into(), 7);
    let refused = |quorum: &mut Quorum, request| {
        let response = ask(quorum, active, request);
        assert_eq!(response.response_data, None);
        response.error_code
    };

    let no_principal = EnvelopeRequest {
        request_principal: None,
        ..good()
    };
    let bad_principal = EnvelopeRequest {
        request_principal: Some(Bytes::from_static(b"\x00\x00\x09User")),
        ..good()
    };
    for request in [no_principal, bad_principal] {
        let code = refused(&mut quorum, request);
        assert_eq!(code, ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE);
    }
    for length in [0, 3, 5, 17] {
        let client_host_address = vec![1; length].into();
        let request = EnvelopeRequest {
            client_host_address,
            ..good()
        };
        assert_eq!(
            refused(&mut quorum, request),
            ErrorCode::INVALID_REQUEST,
            "{length} bytes"
        );
    }
    let not_forwardable = envelope(&BrokerHeartbeatRequest::default().into(), 1);
    assert_eq!(
        refused(&mut quorum, not_forwardable),
        ErrorCode::INVALID_REQUEST
    );

    let whole = good().request_data;
    for cut in [0, 3, 9, whole.len() - 1] {
        let request = EnvelopeRequest {
            request_data: whole.slice(..cut),
            ..good()
        };
        assert_eq!(
            refused(&mut quorum, request),
            ErrorCode::UNSUPPORTED_VERSION,
            "cut at {cut}"
        );
    }
    let mut of_the_future = whole.to_vec();
    of_the_future[3] = 8;
    let request = EnvelopeRequest {
        request_data: of_the_future.into(),
        ..good()
    };
    assert_eq!(
        refused(&mut quorum, request),
        ErrorCode::UNSUPPORTED_VERSION
    );
}
