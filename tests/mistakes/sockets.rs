//! What connects to a controller by mistake: it is turned away, one line of the log says who it was and what
//! it seems to be, and the controller goes on serving.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::Duration,
};

use kraftd::protocol::{api::Response, messages::api_versions::ApiVersionsRequest};

use super::{
    harness::{client::Client, process::wait_for, requests},
    site::{Site, TIMEOUT},
};

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
        "Fetch is served in versions 4 to 18, not in 99: it is newer than this kraftd, and did not ask for \
         what is served (ApiVersions)",
    ),
    (
        &[0, 0, 0, 10, 0, FETCH, 0, 3, 0, 0, 0, 7, 0xff, 0xff],
        "Fetch is served in versions 4 to 18, not in 3: it is too old. Brokers of Kafka 3.9 and later are \
         served, and clients that Kafka 4 serves (2.1 and later)",
    ),
];

#[test]
fn a_mistake_on_the_socket_is_named_and_survived() {
    let node = Site::formatted();
    let _running = node.start();
    node.wait_until_it_leads();
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
        let lines = node.wait_for_lines(&own);
        assert!(
            matches!(lines.as_slice(), [line] if line.contains(told)),
            "not one line with `{told}`: {lines:?}"
        );
    }
    // ApiVersions, a byte at a time.
    let mut slow = connect(node.port);
    for byte in header(18, 0) {
        slow.write_all(&[byte]).expect("a byte");
        thread::sleep(Duration::from_millis(2));
    }
    slow.read_exact(&mut [0; 64]).expect("an answer");
    let mut client = Client::connect(node.port).expect("a connection");
    let served = client.call(3, ApiVersionsRequest::default());
    let served = served.expect("an answer").api_keys;
    assert!(served.iter().all(|api| api.api_key != i16::from(METADATA)));
    let change = [("log.retention.ms", requests::SET, Some("1"))];
    let change = requests::alter((requests::BROKER, ""), &change, false);
    let Response::IncrementalAlterConfigs(answer) = client.exchange(1, &change).expect("an answer")
    else {
        panic!("another answer");
    };
    assert!(answer.responses[0].error_code.is_ok());
}

/// A process that may open no more files could not write its log on.
#[test]
fn more_connections_than_files_leave_the_log_alone() {
    let node = Site::formatted();
    let server = node.server();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 200; exec \"$0\" \"$@\""]);
    limited.arg(server.get_program()).args(server.get_args());
    let _running = node.run(limited);
    node.wait_for_lines("this process may open 200 files only");
    node.wait_until_it_leads();
    let write = |client: &mut Client, value| {
        let change = [("log.retention.ms", requests::SET, Some(value))];
        let change = requests::alter((requests::BROKER, ""), &change, false);
        client.exchange(1, &change).expect("an answer");
    };
    let mut client = Client::connect(node.port).expect("a connection");
    let crowd: Vec<_> = (0..250).map(|_| connect(node.port)).collect();
    node.wait_for_lines("cannot accept a connection: 136 are open");
    write(&mut client, "1");
    drop(crowd);
    let mut client = Client::connect(node.port).expect("a connection");
    write(&mut client, "2");
}

/// `max.connections.per.ip` and what it may be for single hosts, as Kafka's `ConnectionQuotas` keeps to them.
#[test]
fn an_address_has_as_many_connections_as_it_may() {
    let node = Site::formatted();
    node.set("max.connections.per.ip", "0");
    node.assert_refused(
        "a limit of nothing",
        "{file}: requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
    );
    node.set("max.connections.per.ip.overrides", "localhost:2");
    let _running = node.start();
    let first = Client::connect(node.port).expect("a connection");
    let mut second = Client::connect(node.port).expect("a connection");
    let served = second.call(3, ApiVersionsRequest::default());
    served.expect("the second is served");
    let mut third = connect(node.port);
    let closed = read_byte(&mut third).map_err(|error| error.kind());
    assert!(
        matches!(closed, Ok(0) | Err(ErrorKind::ConnectionReset)),
        "{closed:?}"
    );
    node.wait_for_lines(
        "Rejected connection from 127.0.0.1, address already has the configured maximum of 2 connections.",
    );
    drop((first, second));
    wait_for("a connection", TIMEOUT, || {
        let mut client = Client::connect(node.port).map_err(|error| error.to_string())?;
        let served = client.call(3, ApiVersionsRequest::default());
        served.map_err(|error| error.to_string())
    });
}

/// Who comes when `max.connections` are open waits until one of them ends, as with Kafka.
#[test]
fn connections_beyond_the_limit_wait() {
    let node = Site::formatted();
    node.set("listener.name.controller.max.connections", "1");
    let _running = node.start();
    let first = Client::connect(node.port).expect("a connection");
    let mut second = connect(node.port);
    let short = Duration::from_millis(200);
    second.set_read_timeout(Some(short)).expect("a timeout");
    // ApiVersions.
    second.write_all(&header(18, 0)).expect("a request");
    let waits = read_byte(&mut second);
    assert!(waits.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    drop(first);
    second.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    assert_eq!(read_byte(&mut second).expect("an answer"), 1);
}

/// Goes on where a signal has interrupted it.
fn read_byte(stream: &mut TcpStream) -> io::Result<usize> {
    loop {
        match stream.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let timeout = stream.set_read_timeout(Some(TIMEOUT));
    timeout.expect("a timeout");
    stream
}
