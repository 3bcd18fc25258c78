//! Nodes of other clusters, and nodes with our own id: told of once each, with both ids, and left alone.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use kraftd::protocol::{
    ErrorCode,
    api::{ApiKey, Response},
    frame,
    header::RequestHeader,
    ids::{Epoch, NodeId, Offset},
    messages::{
        api_versions::{ApiVersion, ApiVersionsResponse},
        vote::VoteResponse,
    },
    wire::Reader,
};

use super::{
    harness::{
        client::Client,
        process::{free_port, wait_for},
        requests::fetch_request,
    },
    site::{CLUSTER_ID, OTHER_CLUSTER, Site, TIMEOUT},
};

const SEVERAL_ELECTIONS: Duration = Duration::from_secs(5);

const WHY: &str = "Either the other node's configuration names this one by mistake, or one of them was \
    formatted with a wrong --cluster-id";

#[test]
fn voters_of_another_cluster_are_told_of_once_each() {
    let ports = [free_port(), free_port(), free_port()];
    let voters = ports.map(|port| ("127.0.0.1", port));
    let sites = [1, 2, 3].map(|id| Site::of(id, &voters));
    let clusters = [CLUSTER_ID, OTHER_CLUSTER, OTHER_CLUSTER];
    for (site, cluster) in sites.iter().zip(clusters) {
        site.format(cluster);
    }
    let _running = [0, 1, 2].map(|at| sites[at].start());
    let told = |at: usize, other: usize| {
        let line = format!("refused a request of node {} for cluster ", sites[other].id);
        let found = sites[at].wait_for_lines(&line);
        let (own, foreign) = (clusters[at], clusters[other]);
        let expected = format!("{line}{foreign}: this is cluster {own}. {WHY}");
        assert_eq!(found, [expected], "node {}", sites[at].id);
    };
    // Two of three elect a leader, which goes on asking the third to follow it.
    for other in [1, 2] {
        sites[0].wait_for_lines(&format!("controller {} is not of our cluster", other + 1));
    }
    thread::sleep(SEVERAL_ELECTIONS);
    told(1, 0);
    told(2, 0);
    wait_for("two of them to be a quorum", TIMEOUT, || {
        match sites[1].leads() || sites[2].leads() {
            true => Ok(()),
            false => Err(sites[1].log_text()),
        }
    });
    for (at, other) in [(0, 1), (0, 2)] {
        let line = format!(
            "controller {} is not of our cluster {}",
            other + 1,
            clusters[at]
        );
        assert_eq!(sites[at].lines(&line).len(), 1, "{}", sites[at].log_text());
    }
    let refused = sites[0].wait_for_lines("refused a request of node ");
    assert!(
        !refused.is_empty() && refused.len() <= 2,
        "once each: {refused:?}"
    );
}

/// Answers as a voter of another cluster does, and counts what it is asked.
#[test]
fn a_voter_of_another_cluster_is_asked_less_and_less() {
    let other = TcpListener::bind(("127.0.0.1", free_port())).expect("binds");
    let port = other.local_addr().expect("an address").port();
    let site = Site::of(1, &[("127.0.0.1", free_port()), ("127.0.0.1", port)]);
    site.set("controller.quorum.election.timeout.ms", "60000");
    site.format(CLUSTER_ID);
    let counted = thread::spawn(move || count_requests(&other));
    let _running = site.start();
    let count = counted.join().expect("counts");
    // 20 ms, 40, 80, ... up to a second: controller.quorum.retry.backoff.ms, doubled.
    assert!((2..=16).contains(&count), "{count} requests");
}

/// How many votes are asked for within [`SEVERAL_ELECTIONS`], by the first that connects.
fn count_requests(listener: &TcpListener) -> usize {
    let (mut stream, _) = listener.accept().expect("a connection");
    let (mut received, mut chunk, mut count) = (BytesMut::new(), [0; 4096], 0);
    let mut until = None;
    loop {
        let left = until.map(|until: Instant| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return count;
        }
        stream.set_read_timeout(left).expect("a timeout");
        let read = match stream.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return count,
        };
        assert!(read > 0, "the node closed the connection");
        received.extend_from_slice(&chunk[..read]);
        while let Some(message) = frame::split(&mut received, 1 << 20).expect("a frame") {
            let mut reader = Reader::new(&message);
            let header = RequestHeader::read(&mut reader).expect("a header");
            let response: Response = match header.api_key() {
                ApiKey::API_VERSIONS => versions().into(),
                ApiKey::VOTE => {
                    count += 1;
                    until.get_or_insert_with(|| Instant::now() + SEVERAL_ELECTIONS);
                    let error_code = ErrorCode::INCONSISTENT_CLUSTER_ID;
                    let response = VoteResponse {
                        error_code,
                        ..Default::default()
                    };
                    response.into()
                }
                other => panic!("asked for {}", other.name()),
            };
            let version = header.request_api_version;
            let answer = response.encode_with_header(version, header.correlation_id);
            let answer = frame::frame(&answer.expect("encodes"));
            stream.write_all(&answer).expect("an answer on its way");
        }
    }
}

fn versions() -> ApiVersionsResponse {
    let served = |key: ApiKey| ApiVersion {
        api_key: key.0,
        min_version: 0,
        max_version: 2,
        ..Default::default()
    };
    ApiVersionsResponse {
        api_keys: vec![served(ApiKey::VOTE)],
        ..Default::default()
    }
}

/// A second node with the id of the first asks it for records.
#[test]
fn a_node_with_our_own_id_is_told_of_once() {
    let site = Site::formatted();
    let _running = site.start();
    site.wait_until_it_leads();
    let mut client = Client::connect(site.port).expect("a connection");
    for _ in 0..2 {
        let mut fetch = fetch_request(CLUSTER_ID, Epoch(1), Offset(0), Epoch(0));
        fetch.replica_state.replica_id = NodeId(1);
        let answer = client.call(17, fetch).expect("an answer");
        assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST);
    }
    assert_eq!(
        site.lines("refused a request of another node with our id"),
        [
            "refused a request of another node with our id 1: two nodes have the same node.id. Give the \
             other one an id of its own, and format it anew"
        ]
    );
}
