//! A plain client that speaks our codec over a socket, straight to one controller: what it is told by
//! Java and by kraftd is compared byte for byte where the tests want it.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use kraftd::protocol::{
    api::{ApiKey, Request, Response},
    frame,
    header::ResponseHeader,
    messages::*,
    schema::Message,
    wire::Reader,
};

/// Patience with one answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);

const MAX_FRAME_BYTES: usize = 64 << 20;

/// One connection to a controller.
pub struct Client {
    stream: TcpStream,
    received: BytesMut,
    correlation_id: i32,
}

/// A request, and the type that answers it.
pub trait Call: Into<Request> {
    type Answer;
    fn answer(response: Response) -> Option<Self::Answer>;
}

macro_rules! calls {
    ($($module:ident $Variant:ident $Request:ident $Response:ident;)*) => { $(
        impl Call for $module::$Request {
            type Answer = $module::$Response;

            fn answer(response: Response) -> Option<$module::$Response> {
                match response {
                    Response::$Variant(answer) => Some(answer),
                    _ => None,
                }
            }
        }
    )* };
}

calls! {
    allocate_producer_ids AllocateProducerIds AllocateProducerIdsRequest AllocateProducerIdsResponse;
    api_versions ApiVersions ApiVersionsRequest ApiVersionsResponse;
    broker_heartbeat BrokerHeartbeat BrokerHeartbeatRequest BrokerHeartbeatResponse;
    broker_registration BrokerRegistration BrokerRegistrationRequest BrokerRegistrationResponse;
    create_topics CreateTopics CreateTopicsRequest CreateTopicsResponse;
    describe_configs DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
    describe_quorum DescribeQuorum DescribeQuorumRequest DescribeQuorumResponse;
    fetch Fetch FetchRequest FetchResponse;
    fetch_snapshot FetchSnapshot FetchSnapshotRequest FetchSnapshotResponse;
    incremental_alter_configs IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
}

impl Client {
    pub fn connect(port: u16) -> io::Result<Client> {
        Client::connect_to(([127, 0, 0, 1], port).into(), TIMEOUT)
    }

    /// Neither the connection nor any answer is waited for longer than `patience`.
    pub fn connect_to(address: SocketAddr, patience: Duration) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Client {
            stream,
            received: BytesMut::new(),
            correlation_id: 0,
        })
    }

    /// Sends a request in one version and waits for its answer.
    pub fn call<C: Call>(&mut self, version: i16, request: C) -> io::Result<C::Answer> {
        let response = self.exchange(version, &request.into())?;
        Ok(C::answer(response).expect("the answer of the API that was asked"))
    }

    /// As [`call`](Client::call), for requests that come out of a table.
    pub fn exchange(&mut self, version: i16, request: &Request) -> io::Result<Response> {
        self.send(version, request)?;
        let (_, response) = self.receive(request.api_key(), version)?;
        Ok(response)
    }

    /// Sends without waiting; returns the correlation id.
    pub fn send(&mut self, version: i16, request: &Request) -> io::Result<i32> {
        self.correlation_id += 1;
        let message = request.encode_with_header(version, self.correlation_id, "test");
        let message = message.map_err(io::Error::other)?;
        self.send_frame(&message)?;
        Ok(self.correlation_id)
    }

    /// Sends any bytes as one frame.
    pub fn send_frame(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame::frame(message))
    }

    /// Waits for the next answer and reads it as one of this API and version.
    pub fn receive(&mut self, key: ApiKey, version: i16) -> io::Result<(i32, Response)> {
        let frame = self.receive_frame()?;
        let mut reader = Reader::new(&frame);
        let header = ResponseHeader::decode(&mut reader, key.response_header_version(version));
        let header = header.map_err(io::Error::other)?;
        let response = Response::decode(key, version, &mut reader).map_err(io::Error::other)?;
        Ok((header.correlation_id, response))
    }

    /// Waits for the next frame, whatever it holds.
    pub fn receive_frame(&mut self) -> io::Result<Bytes> {
        let mut chunk = [0; 64 << 10];
        loop {
            let whole = frame::split(&mut self.received, MAX_FRAME_BYTES);
            if let Some(message) = whole.map_err(io::Error::other)? {
                return Ok(message);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                // With a timeout set, the system does not take a read up again after a signal.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
