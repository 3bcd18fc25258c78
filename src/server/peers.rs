//! Our connections to the other controllers. Each peer has two: one for what may wait long at the other
//! end (Fetch), one for what must not wait behind it (votes and the like). A connection carries one
//! request at a time and is made when it is needed.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    runtime::Handle,
    sync::mpsc,
    time::timeout,
};
use tracing::info;

use super::{
    clock::Clock,
    heard::Heard,
    inbox::{Inbox, Input},
    listener,
    trouble::Trouble,
};
use crate::{
    controller::{RequestId, apis},
    protocol::{
        ErrorCode, NodeId,
        api::{ApiKey, Request, Response},
        frame,
        header::ResponseHeader,
        messages::api_versions::{ApiVersion, ApiVersionsRequest},
        schema::Message,
        wire::{Malformed, Reader},
    },
    raft::SendError,
};

/// Any version a controller of 3.9 to 4.x knows; tells all we ask.
const API_VERSIONS_VERSION: i16 = 3;

/// What peers answer has no limit (`NetworkReceive.UNLIMITED`; socket.request.max.bytes is one of requests): a batch
/// that was refused here could never be committed. Memory is taken for what has arrived only.
const MAX_ANSWER_BYTES: usize = i32::MAX as usize;

/// Where a peer listens.
#[derive(Clone, Debug)]
pub struct PeerAddress {
    pub id: NodeId,
    pub host: String,
    pub port: u16,
}

impl PeerAddress {
    /// Looked up for each connection, so that a change of DNS or /etc/hosts counts at once.
    async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let found = lookup_host((self.host.as_str(), self.port)).await;
        Ok(found.map_err(Failure::UnknownName)?.collect())
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.id, self.host, self.port)
    }
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    /// Fetch and FetchSnapshot. Its end tells that the leader is gone.
    Replication,
    /// Everything else.
    Election,
}

struct Outgoing {
    id: RequestId,
    request: Request,
}

/// What all links share.
pub struct LinkContext {
    pub own_id: NodeId,
    /// `controller.quorum.request.timeout.ms`.
    pub request_timeout: Duration,
    pub clock: Clock,
    pub heard: Arc<Heard>,
    pub inbox: Arc<Inbox>,
}

/// The way out to all peers.
pub struct Peers {
    links: BTreeMap<(NodeId, Purpose), mpsc::UnboundedSender<Outgoing>>,
}

impl Peers {
    /// Starts two tasks per peer.
    pub fn start(runtime: &Handle, addresses: Vec<PeerAddress>, context: LinkContext) -> Peers {
        let context = Arc::new(context);
        let mut links = BTreeMap::new();
        for address in addresses {
            let reachable = Arc::new(AtomicBool::new(true));
            for purpose in [Purpose::Replication, Purpose::Election] {
                let (requests, outgoing) = mpsc::unbounded_channel();
                links.insert((address.id, purpose), requests);
                let link = Link {
                    address: address.clone(),
                    purpose,
                    client_id: format!("raft-client-{}", context.own_id),
                    context: context.clone(),
                    reachable: reachable.clone(),
                };
                runtime.spawn(link.run(outgoing));
            }
        }
        Peers { links }
    }

    pub fn send(&self, to: NodeId, id: RequestId, request: Request) {
        let purpose = match request.api_key() {
            ApiKey::FETCH | ApiKey::FETCH_SNAPSHOT => Purpose::Replication,
            _ => Purpose::Election,
        };
        // The core only names voters, and a link lives as long as the process.
        let link = self
            .links
            .get(&(to, purpose))
            .expect("a link to every other voter");
        let _ending = link.send(Outgoing { id, request });
    }
}

/// The way out to one peer for one purpose.
struct Link {
    address: PeerAddress,
    purpose: Purpose,
    client_id: String,
    context: Arc<LinkContext>,
    /// Whether the peer answered last time, on either link: so that a dead one is logged once.
    reachable: Arc<AtomicBool>,
}

/// A connection, and what the other side serves.
struct Connection {
    stream: TcpStream,
    received: BytesMut,
    next_correlation_id: i32,
    served: Vec<ApiVersion>,
}

/// Why an exchange did not come to an answer.
#[derive(Debug, Error)]
enum Failure {
    #[error(
        "cannot be reached: its name does not resolve ({0}). Correct controller.quorum.voters, or add the name \
         to DNS or /etc/hosts"
    )]
    UnknownName(io::Error),
    #[error("cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("gave no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("sent what we cannot read: {0}")]
    Malformed(#[from] Malformed),
    #[error("serves no version of the API that can say this")]
    UnsupportedVersion,
}

impl Failure {
    fn trouble(&self) -> Trouble {
        match self {
            Failure::UnknownName(_) => Trouble::UnknownName,
            Failure::Io(error) => Trouble::of(error),
            Failure::TimedOut(_) => Trouble::TimedOut,
            Failure::Malformed(_) => Trouble::NotKafka,
            Failure::UnsupportedVersion => Trouble::Other,
        }
    }

    fn told(&self) -> SendError {
        match self {
            Failure::UnknownName(_) | Failure::Io(_) | Failure::Malformed(_) => {
                SendError::Disconnected
            }
            Failure::TimedOut(_) => SendError::TimedOut,
            Failure::UnsupportedVersion => SendError::UnsupportedVersion,
        }
    }
}

/// Whether a newer request of the kind waits: a voter that finds no leader asks oftener than a peer that swallows packets
/// lets the older ones fail, and only the newest is of its present epoch.
fn is_outdated(request: &Request, queue: &VecDeque<Outgoing>) -> bool {
    let mut queue = queue.iter();
    queue.any(|newer| newer.request.api_key() == request.api_key())
}

/// How long the peer may keep a request before it answers.
fn held(request: &Request) -> Duration {
    match request {
        Request::Fetch(fetch) => Duration::from_millis(fetch.max_wait_ms.max(0) as u64),
        _ => Duration::ZERO,
    }
}

impl Link {
    async fn run(self, mut outgoing: mpsc::UnboundedReceiver<Outgoing>) {
        let mut connection: Option<Connection> = None;
        let mut queue = VecDeque::new();
        loop {
            let next = match &mut connection {
                _ if !queue.is_empty() => queue.pop_front(),
                None => outgoing.recv().await,
                Some(open) => tokio::select! {
                    biased;
                    next = outgoing.recv() => next,
                    () = open.closed() => {
                        connection = None;
                        self.disconnected();
                        continue;
                    }
                },
            };
            let Some(Outgoing { id, request }) = next else {
                return;
            };
            queue.extend(std::iter::from_fn(|| outgoing.try_recv().ok()));
            let outcome = match is_outdated(&request, &queue) {
                true => Err(SendError::TimedOut),
                false => self.exchange(&mut connection, &request).await,
            };
            self.context.inbox.push(Input::Response {
                from: self.address.id,
                id,
                outcome,
            });
        }
    }

    /// Tells the core that the peer closed the connection we fetch on.
    fn disconnected(&self) {
        if self.purpose == Purpose::Replication {
            self.context.inbox.push(Input::Disconnected {
                peer: self.address.id,
            });
        }
    }

    async fn exchange(
        &self,
        connection: &mut Option<Connection>,
        request: &Request,
    ) -> Result<Response, SendError> {
        let was_connected = connection.is_some();
        let LinkContext { clock, heard, .. } = &*self.context;
        let patience = self.context.request_timeout + held(request);
        let attempt = timeout(patience, self.attempt(connection, request)).await;
        let (peer, now_ms) = (self.address.id, clock.now().wall_clock_ms);
        let failure = match attempt.unwrap_or(Err(Failure::TimedOut(patience))) {
            Ok(response) => {
                heard.answered(peer, now_ms, request, &response);
                return Ok(response);
            }
            Err(failure) => failure,
        };
        heard.failed(
            peer,
            now_ms,
            request,
            failure.trouble(),
            failure.to_string(),
        );
        if let Failure::UnsupportedVersion = failure {
            return Err(failure.told());
        }
        *connection = None;
        if let (Failure::Io(_), true) = (&failure, was_connected) {
            self.disconnected();
        }
        if self.reachable.swap(false, Ordering::Relaxed) {
            info!("controller {} {failure}", self.address);
        }
        Err(failure.told())
    }

    async fn attempt(
        &self,
        connection: &mut Option<Connection>,
        request: &Request,
    ) -> Result<Response, Failure> {
        let connection = match connection {
            Some(connection) => connection,
            None => {
                let fresh = self.connect().await?;
                if !self.reachable.swap(true, Ordering::Relaxed) {
                    info!("controller {} is reached", self.address);
                }
                connection.insert(fresh)
            }
        };
        let version = connection
            .version_for(request)
            .ok_or(Failure::UnsupportedVersion)?;
        connection.call(request, version, &self.client_id).await
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let stream = self.connect_any(&self.address.resolve().await?).await?;
        listener::set_up(&stream)?;
        let mut connection = Connection {
            stream,
            received: BytesMut::new(),
            next_correlation_id: 0,
            served: Vec::new(),
        };
        let hello = Request::from(ApiVersionsRequest {
            client_software_name: "kraftd".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..Default::default()
        });
        let version = API_VERSIONS_VERSION;
        let answer = connection.call(&hello, version, &self.client_id);
        match answer.await? {
            Response::ApiVersions(versions) if versions.error_code == ErrorCode::NONE => {
                connection.served = versions.api_keys;
                Ok(connection)
            }
            other => Err(Malformed::new(format!("answered ApiVersions with {other:?}")).into()),
        }
    }

    /// To the first address that takes us. One that swallows what is sent to it leaves the others their time.
    async fn connect_any(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
        let share = self.context.request_timeout / (addresses.len().max(1) as u32);
        let mut failure = Failure::TimedOut(share);
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error.into(),
                Err(_elapsed) => {}
            }
        }
        Err(failure)
    }
}

impl Connection {
    /// Returns when the other side closed the connection, or sent what nobody asked for.
    async fn closed(&self) {
        // Readiness may be left over from what was read already.
        let mut byte = [0];
        while let Ok(()) = self.stream.readable().await {
            match self.stream.try_read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// The newest version that both sides know and that can carry the request.
    fn version_for(&self, request: &Request) -> Option<i16> {
        let key = request.api_key();
        let ours = apis::served_versions(key)?;
        let theirs = self.served.iter().find(|served| served.api_key == key.0)?;
        let version = theirs.max_version.min(*ours.end());
        (version >= theirs.min_version && version >= *ours.start()).then_some(version)
    }

    async fn call(
        &mut self,
        request: &Request,
        version: i16,
        client_id: &str,
    ) -> Result<Response, Failure> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let message = match request.encode_with_header(version, correlation_id, client_id) {
            Err(error) if error.is_unsupported_version() => {
                return Err(Failure::UnsupportedVersion);
            }
            encoded => encoded?,
        };
        self.stream.write_all(&frame::frame(&message)).await?;
        let frame = self.next_frame().await?;
        let mut reader = Reader::new(&frame);
        let key = request.api_key();
        let header = ResponseHeader::decode(&mut reader, key.response_header_version(version))?;
        if header.correlation_id != correlation_id {
            let what = format!(
                "correlation id {} for {correlation_id}",
                header.correlation_id
            );
            return Err(Malformed::new(what).into());
        }
        Ok(Response::decode(key, version, &mut reader)?)
    }

    async fn next_frame(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(frame) = frame::split(&mut self.received, MAX_ANSWER_BYTES)? {
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}
