//! One accepted connection: frames in, answers out, one request at a time as Kafka does it, so that
//! answers come in the order of the requests.

use std::{
    future, io,
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    time::{Instant, timeout},
};
use tracing::{debug, info};

use super::{
    clock::Clock,
    contacts::Contacts,
    inbox::{Answer, Inbox, Input},
};
use crate::{
    controller::{Caller, apis},
    protocol::{
        api::{ApiKey, Request, Response},
        frame,
        header::RequestHeader,
        wire::{Malformed, Reader},
    },
    raft::Token,
};

/// A frame that has begun must be there in full within this time (slow-loris guard).
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// What all connections share.
pub struct Acceptor {
    pub inbox: Arc<Inbox>,
    pub contacts: Arc<Contacts>,
    pub clock: Clock,
    pub listener_name: String,
    /// `socket.request.max.bytes`.
    pub max_frame_bytes: usize,
    /// `connections.max.idle.ms`.
    pub max_idle: Duration,
    /// [`FRAME_TIMEOUT`].
    pub frame_timeout: Duration,
    pub next_token: AtomicU64,
}

/// Why a connection ends.
#[derive(Debug, Error)]
enum End {
    #[error("closed by the other side")]
    Closed,
    #[error("nothing received for {} ms (connections.max.idle.ms)", .0.as_millis())]
    Idle(Duration),
    #[error("a frame was begun but not finished within {} s", .0.as_secs())]
    Stalled(Duration),
    #[error("an answer was not taken within {} ms (connections.max.idle.ms)", .0.as_millis())]
    Unread(Duration),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("it seems to be {0}, not a request of Kafka's protocol")]
    Foreign(&'static str),
    #[error("{} (key {}) is not served here", .0.name(), .0.0)]
    NotServed(ApiKey),
    #[error(
        "{} is served in versions {} to {}, not in {version}: {}", .key.name(), .served.start(),
        .served.end(), age(*.version, .served)
    )]
    Version {
        key: ApiKey,
        version: i16,
        served: RangeInclusive<i16>,
    },
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("this node is shutting down")]
    Shutdown,
}

/// Serves a connection until it ends.
pub async fn serve(acceptor: Arc<Acceptor>, stream: TcpStream, peer: SocketAddr) {
    let mut connection = Connection {
        acceptor,
        stream,
        received: BytesMut::new(),
    };
    match connection.serve_until_it_ends().await {
        end @ (End::Closed | End::Idle(_) | End::Shutdown | End::Io(_)) => {
            debug!("connection from {peer}: {end}");
        }
        end @ (End::Stalled(_)
        | End::Unread(_)
        | End::Malformed(_)
        | End::Foreign(_)
        | End::NotServed(_)
        | End::Version { .. }) => {
            info!("closing the connection from {peer}: {end}");
        }
    }
}

struct Connection {
    acceptor: Arc<Acceptor>,
    stream: TcpStream,
    /// Arrived, not yet split into frames.
    received: BytesMut,
}

impl Connection {
    async fn serve_until_it_ends(&mut self) -> End {
        loop {
            if let Err(end) = self.serve_next().await {
                return end;
            }
        }
    }

    async fn serve_next(&mut self) -> Result<(), End> {
        let frame = self.next_frame().await?;
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::read(&mut reader)?;
        let (key, version) = (header.api_key(), header.request_api_version);
        let (answer, version) = match apis::served_versions(key) {
            None => return Err(End::NotServed(key)),
            Some(served) if served.contains(&version) => {
                let request = Request::decode(key, version, &mut reader)?;
                (self.ask(version, request).await?, version)
            }
            // The one request whose version a client cannot know beforehand (KIP-511).
            Some(_) if key == ApiKey::API_VERSIONS => {
                let response = Response::from(apis::unsupported_api_versions());
                (response.into(), 0)
            }
            Some(served) => {
                return Err(End::Version {
                    key,
                    version,
                    served,
                });
            }
        };
        let Answer { response, share } = answer;
        let parts = response.encode_frame(version, header.correlation_id)?;
        // What is short was copied.
        drop(response);
        for part in parts {
            let max_idle = self.acceptor.max_idle;
            let written = timeout(max_idle, self.stream.write_all(&part)).await;
            written.map_err(|_| End::Unread(max_idle))??;
        }
        drop(share);
        Ok(())
    }

    /// Hands a request to the controller and waits for its answer; what changes nothing is answered here.
    async fn ask(&self, api_version: i16, request: Request) -> Result<Answer, End> {
        let received = self.acceptor.clock.time();
        if let Request::BrokerHeartbeat(heartbeat) = &request
            && let Some(answer) = self.acceptor.contacts.on_heartbeat(heartbeat, received)
        {
            return Ok(Response::from(answer).into());
        }
        let caller = Caller {
            token: Token(self.acceptor.next_token.fetch_add(1, Ordering::Relaxed)),
            api_version,
            listener_name: self.acceptor.listener_name.clone(),
            received,
        };
        let (reply, answer) = oneshot::channel();
        self.acceptor.inbox.push(Input::Request {
            caller,
            request,
            reply,
        });
        tokio::select! {
            answer = answer => answer.map_err(|_| End::Shutdown),
            end = self.hung_up() => Err(end),
        }
    }

    /// Nobody waits for the answer any more. For ever, if the other side has sent something more meanwhile.
    async fn hung_up(&self) -> End {
        match self.stream.peek(&mut [0]).await {
            Ok(0) => End::Closed,
            Ok(_) => future::pending().await,
            Err(error) => error.into(),
        }
    }

    async fn next_frame(&mut self) -> Result<Bytes, End> {
        let Acceptor {
            max_idle,
            frame_timeout,
            ..
        } = *self.acceptor;
        let mut begun: Option<Instant> = None;
        loop {
            match frame::split(&mut self.received, self.acceptor.max_frame_bytes) {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) => return Err(foreign(&self.received).unwrap_or(error.into())),
            }
            let (patience, end) = match self.received.is_empty() {
                true => (max_idle, End::Idle(max_idle)),
                false => {
                    let begun = *begun.get_or_insert_with(Instant::now);
                    let left = frame_timeout.saturating_sub(begun.elapsed());
                    (left, End::Stalled(frame_timeout))
                }
            };
            // Grows with what arrives, never with what a length field promises.
            let read = timeout(patience, self.stream.read_buf(&mut self.received)).await;
            if read.map_err(|_| end)?? == 0 {
                return Err(End::Closed);
            }
        }
    }
}

/// Who asks in a version that is not served.
fn age(version: i16, served: &RangeInclusive<i16>) -> &'static str {
    match version < *served.start() {
        true => {
            "it is too old. Brokers of Kafka 3.9 and later are served, and clients that Kafka 4 serves (2.1 \
             and later)"
        }
        false => "it is newer than this kraftd, and did not ask for what is served (ApiVersions)",
    }
}

/// What others say first, where Kafka's protocol has the length of a frame.
const FOREIGN: &[(&[u8], &str)] = &[
    (
        b"\x16\x03",
        "a TLS handshake (this listener speaks PLAINTEXT)",
    ),
    (b"GET ", "an HTTP request"),
    (b"HEAD", "an HTTP request"),
    (b"POST", "an HTTP request"),
    (b"PUT ", "an HTTP request"),
    (b"SSH-", "an SSH client"),
];

fn foreign(received: &[u8]) -> Option<End> {
    let known = FOREIGN
        .iter()
        .find(|(first, _)| received.starts_with(first));
    known.map(|(_, what)| End::Foreign(what))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, thread};

    use tokio::{net::TcpListener, runtime};

    use super::*;

    fn a_runtime() -> runtime::Runtime {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime")
    }

    fn an_acceptor() -> Arc<Acceptor> {
        Arc::new(Acceptor {
            inbox: Arc::default(),
            contacts: Arc::default(),
            clock: Clock::start(),
            listener_name: "CONTROLLER".to_owned(),
            max_frame_bytes: 1 << 20,
            max_idle: Duration::from_millis(100),
            frame_timeout: Duration::from_millis(50),
            next_token: AtomicU64::new(0),
        })
    }

    /// Where to connect, and what there is then.
    async fn a_port() -> (SocketAddr, impl Future<Output = Connection>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let accept = async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            Connection {
                acceptor: an_acceptor(),
                stream,
                received: BytesMut::new(),
            }
        };
        (address, accept)
    }

    #[test]
    fn who_hangs_up_is_not_answered() {
        let runtime = a_runtime();
        let (address, connection) = runtime.block_on(a_port());
        let mut client = std::net::TcpStream::connect(address).expect("connects");
        // DescribeCluster, which nobody takes out of the inbox.
        let request = frame::frame(&[0, 60, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 2, 0]);
        client.write_all(&request).expect("sends");
        let mut connection = runtime.block_on(connection);
        let inbox = connection.acceptor.inbox.clone();
        runtime.block_on(async {
            let hang_up = async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                drop(client);
            };
            let (end, ()) = tokio::join!(connection.serve_until_it_ends(), hang_up);
            assert!(matches!(end, End::Closed), "{end}");
        });
        assert!(inbox.next(Some(Duration::ZERO)).is_some(), "it was asked");
    }

    /// Nothing at all, and half a request.
    #[test]
    fn who_says_nothing_more_is_left_alone() {
        for (said, expected) in [
            (&[][..], "nothing received"),
            (&[0, 0, 0, 10, 0], "not finished"),
        ] {
            let runtime = a_runtime();
            let (address, connection) = runtime.block_on(a_port());
            let mut client = std::net::TcpStream::connect(address).expect("connects");
            client.write_all(said).expect("sends");
            let mut connection = runtime.block_on(connection);
            let end = runtime.block_on(connection.serve_until_it_ends());
            assert!(end.to_string().contains(expected), "{end}");
        }
    }

    #[test]
    fn who_takes_no_answers_is_left_alone() {
        let runtime = a_runtime();
        let (address, connection) = runtime.block_on(a_port());
        let client = thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).expect("connects");
            // ApiVersions of a version that nobody serves, which the connection answers by itself.
            let request =
                frame::frame(&[0, 18, 0x7f, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0]).repeat(1_000);
            while stream.write_all(&request).is_ok() {}
        });
        let mut connection = runtime.block_on(connection);
        let end = runtime.block_on(connection.serve_until_it_ends());
        assert!(matches!(end, End::Unread(_)), "{end}");
        drop(connection);
        client.join().expect("the connection was closed");
    }
}
