//! What connects to a controller by mistake: it is turned away, one line of the log says who it was and what
//! it seems to be, and the controller goes on serving.
//!
//! No Java runs here, but a real process does, and this is where the means for that are.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use kraftd::protocol::messages::api_versions::ApiVersionsRequest;

use super::{
    client::Client,
    cluster::{Cluster, Kind, Settings, kraftd, turn},
    process::{run_to_end, wait_for},
};

const TIMEOUT: Duration = Duration::from_secs(10);
const SEVERAL_ELECTIONS: Duration = Duration::from_secs(5);
const OTHER_CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// A request header: key, version, correlation id, and no client id.
const fn header(key: u8, version: u8) -> [u8; 14] {
    [0, 0, 0, 10, 0, key, 0, version, 0, 0, 0, 7, 0xff, 0xff]
}

const METADATA: u8 = 3;
const FETCH: u8 = 1;

/// What is sent, and what the log must say of it.
const MISTAKES: &[(&[u8], &str)] = &[
    (b"\xde\xad\xbe\xef garbage", "bytes was announced, 0 to "),
    (&[0x7f, 0xff, 0xff, 0xff], "2147483647 bytes was announced"),
    (&[0x80, 0, 0, 0], "-2147483648 bytes was announced"),
    (
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "seems to be an HTTP request",
    ),
    (
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc],
        "seems to be a TLS handshake",
    ),
    (
        &[0, 0, 0, 2, 0, 18],
        "RequestHeader: needs 2 bytes, 0 are left",
    ),
    (
        &header(METADATA, 9),
        "an unknown API (key 3) is not served here",
    ),
    (
        &[0, 0, 0, 11, 0, FETCH, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0],
        "Fetch: version 99",
    ),
];

#[test]
fn a_mistake_on_the_socket_is_named_and_survived() {
    let _turn = turn();
    let cluster = Cluster::start(&Settings::new(Kind::Kraftd, 1, 0));
    let node = &cluster.controllers[0];
    // Half a frame of one that is gone then, and of one that stays.
    let half = &header(METADATA, 9)[..9];
    let mut gone = connect(node.port);
    gone.write_all(half).expect("half a frame");
    drop(gone);
    let mut stays = connect(node.port);
    stays.write_all(half).expect("half a frame");
    for (bytes, told) in MISTAKES {
        let mut stream = connect(node.port);
        stream.write_all(bytes).expect("bytes on their way");
        let mut answer = Vec::new();
        // A reset says the same as an end.
        let _closed = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "an answer to {bytes:?}: {answer:?}");
        let own = stream.local_addr().expect("an address").to_string();
        let lines = wait_for("a line of the log", TIMEOUT, || {
            let log = node.log_text();
            let lines: Vec<String> = log
                .lines()
                .filter(|line| line.contains(&own))
                .map(str::to_owned)
                .collect();
            if lines.is_empty() {
                Err(log)
            } else {
                Ok(lines)
            }
        });
        assert!(
            matches!(lines.as_slice(), [line] if line.contains(told)),
            "not one line with `{told}`: {lines:?}"
        );
    }
    let mut client = Client::connect(node.port).expect("a connection");
    let served = client.call(3, ApiVersionsRequest::default());
    let served = served.expect("an answer").api_keys;
    assert!(served.iter().all(|api| api.api_key != i16::from(METADATA)));
    cluster.write("log.retention.ms", "1");
}

#[test]
fn a_voter_of_another_cluster_is_told_of_once_by_each() {
    let _turn = turn();
    let mut cluster = Cluster::format(&Settings::new(Kind::Kraftd, 2, 0));
    fs::remove_dir_all(cluster.controllers[1].folder.join("data")).expect("takes the disk away");
    let mut format = kraftd("storage");
    format.args(["format", "--cluster-id", OTHER_CLUSTER, "--config"]);
    format.arg(cluster.controllers[1].properties());
    run_to_end("kraftd storage format", format);
    for node in &mut cluster.controllers {
        node.start();
    }
    let ids = [cluster.cluster_id.as_str(), OTHER_CLUSTER];
    let refused = |index: usize| {
        let (own, other) = (ids[index], ids[1 - index]);
        format!("refused a request for cluster {other}: this is cluster {own}")
    };
    let count =
        |index: usize, line: &str| cluster.controllers[index].log_text().matches(line).count();
    wait_for("both to tell", TIMEOUT, || {
        match [0, 1]
            .iter()
            .all(|index| count(*index, &refused(*index)) > 0)
        {
            true => Ok(()),
            false => Err(cluster.controller_tails()),
        }
    });
    thread::sleep(SEVERAL_ELECTIONS);
    for (index, other) in [(0, 2), (1, 1)] {
        assert_eq!(count(index, &refused(index)), 1);
        let line = format!("controller {other} is not of our cluster {}", ids[index]);
        assert_eq!(count(index, &line), 1, "{}", cluster.controller_tails());
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let timeout = stream.set_read_timeout(Some(TIMEOUT));
    timeout.expect("a timeout");
    stream
}
