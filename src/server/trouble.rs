//! Why another node cannot be talked to, in the kinds that want different remedies.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// The host is there, and nobody listens.
    Refused,
    Unreachable,
    UnknownName,
    TimedOut,
    /// It hung up instead of answering.
    Closed,
    NotKafka,
    Other,
}

impl Trouble {
    pub fn of(error: &io::Error) -> Trouble {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused => Trouble::Refused,
            Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::AddrNotAvailable => Trouble::Unreachable,
            // What a socket with a timeout says.
            Kind::TimedOut | Kind::WouldBlock => Trouble::TimedOut,
            Kind::UnexpectedEof
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe => Trouble::Closed,
            _ => Trouble::Other,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Refused => "connection refused",
            Trouble::Unreachable => "unreachable",
            Trouble::UnknownName => "name does not resolve",
            Trouble::TimedOut => "no answer in time",
            Trouble::Closed => "closes the connection",
            Trouble::NotKafka => "does not speak Kafka's protocol",
            Trouble::Other => "cannot be reached",
        })
    }
}
