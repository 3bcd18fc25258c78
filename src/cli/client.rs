//! Asks a controller something over the wire and waits for the answer.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use bytes::BytesMut;

use crate::protocol::{
    api::{Request, Response},
    frame,
    header::ResponseHeader,
    schema::Message,
    wire::Reader,
};

/// More than any answer that a tool asks for.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Sends one request at one version over a connection of its own.
pub fn ask(
    address: (&str, u16),
    request: &Request,
    version: i16,
    patience: Duration,
) -> Result<Response, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut stream = connect(address, patience).map_err(|error| text(&error))?;
    stream
        .set_read_timeout(Some(patience))
        .map_err(|error| text(&error))?;
    let message = request
        .encode_with_header(version, 0, "kraftd")
        .map_err(|error| text(&error))?;
    stream
        .write_all(&frame::frame(&message))
        .map_err(|error| text(&error))?;
    let mut received = BytesMut::new();
    loop {
        let whole = frame::split(&mut received, MAX_ANSWER_BYTES).map_err(|error| text(&error))?;
        if let Some(answer) = whole {
            let (key, mut reader) = (request.api_key(), Reader::new(answer));
            let header = ResponseHeader::decode(&mut reader, key.response_header_version(version));
            let answer = header.and_then(|_| Response::decode(key, version, &mut reader));
            return answer.map_err(|error| text(&error));
        }
        let mut piece = [0; 8192];
        match stream.read(&mut piece).map_err(|error| text(&error))? {
            0 => return Err("the connection was closed".to_owned()),
            count => received.extend_from_slice(&piece[..count]),
        }
    }
}

/// Connects to the first address of the name that accepts, with this patience for each.
pub fn connect(address: (&str, u16), patience: Duration) -> io::Result<TcpStream> {
    let mut failure = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
