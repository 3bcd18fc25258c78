//! Asks a controller something over the wire and waits for the answer.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use bytes::BytesMut;
use thiserror::Error;

use crate::{
    protocol::{
        api::{ApiKey, Request, Response},
        frame,
        header::ResponseHeader,
        schema::Message,
        wire::{Malformed, Reader},
    },
    server::Trouble,
};

/// More than any answer that a tool asks for.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Why there is no answer.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
pub struct Unanswered {
    pub trouble: Trouble,
    pub reason: String,
    /// It was not asked at all: its name was still being looked up.
    pub slow_lookup: bool,
}

impl Unanswered {
    pub fn new(trouble: Trouble, reason: impl ToString) -> Unanswered {
        Unanswered {
            trouble,
            reason: reason.to_string(),
            slow_lookup: false,
        }
    }
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Unanswered {
        let reason = match error.kind() {
            // What the system says of a socket's timeout is of no help.
            io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
            io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
            _ => error.to_string(),
        };
        Unanswered::new(Trouble::of(&error), reason)
    }
}

impl From<Malformed> for Unanswered {
    fn from(error: Malformed) -> Unanswered {
        Unanswered::new(Trouble::NotKafka, error)
    }
}

/// A connection to one controller. Answers come in the order of the requests.
pub struct Client {
    stream: TcpStream,
    received: BytesMut,
}

impl Client {
    /// Connects to the first address that accepts, with this patience for each, and for each answer.
    pub fn connect(addresses: &[SocketAddr], patience: Duration) -> Result<Client, Unanswered> {
        let mut failure = io::Error::other("the name has no address");
        for address in addresses {
            match TcpStream::connect_timeout(address, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(patience))?;
                    let received = BytesMut::new();
                    return Ok(Client { stream, received });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure.into())
    }

    pub fn send(&mut self, request: &Request, version: i16) -> Result<(), Unanswered> {
        let message = request.encode_with_header(version, 0, "kraftd")?;
        Ok(self.stream.write_all(&frame::frame(&message))?)
    }

    /// Waits for the answer to the first request that has none yet.
    pub fn receive(&mut self, key: ApiKey, version: i16) -> Result<Response, Unanswered> {
        loop {
            if let Some(answer) = frame::split(&mut self.received, MAX_ANSWER_BYTES)? {
                let mut reader = Reader::new(&answer);
                ResponseHeader::decode(&mut reader, key.response_header_version(version))?;
                return Ok(Response::decode(key, version, &mut reader)?);
            }
            let mut piece = [0; 8192];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                // A signal, such as that of a window that changes its size, ends no question.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// All addresses of a name.
pub fn resolve(address: (&str, u16)) -> Result<Vec<SocketAddr>, Unanswered> {
    match address.to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(Unanswered::new(Trouble::UnknownName, error)),
    }
}

pub fn connect(address: (&str, u16), patience: Duration) -> Result<Client, Unanswered> {
    Client::connect(&resolve(address)?, patience)
}

/// Sends one request at one version over a connection of its own.
pub fn ask(
    address: (&str, u16),
    request: &Request,
    version: i16,
    patience: Duration,
) -> Result<Response, String> {
    let answer = connect(address, patience).and_then(|mut client| {
        client.send(request, version)?;
        client.receive(request.api_key(), version)
    });
    answer.map_err(|unanswered| unanswered.reason)
}
