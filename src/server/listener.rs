//! Binds the listener, or says what is in its way and what to do about it; and how connections are set up.

use std::{
    io,
    net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

use crate::config::listeners::Listener;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Binds the first address of the host that can be bound. An empty host, and 0.0.0.0, is every address of the machine,
/// IPv4 and IPv6, as Java takes it.
pub fn bind(listener: &Listener) -> Result<TcpListener, String> {
    let Listener { host, port, .. } = listener;
    let failed = |why: &dyn std::fmt::Display, remedy: &str| {
        format!("Socket server failed to bind to {host}:{port}: {why}. {remedy}")
    };
    let addresses = addresses(host, *port).map_err(|error| failed(&error, NOT_RESOLVED))?;
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match bind_address(address) {
            Ok(bound) => return Ok(bound),
            Err(error) => failure = error,
        }
    }
    Err(failed(&failure, remedy(&failure)))
}

const NOT_RESOLVED: &str = "Write a name or an address of this machine into listeners, or nothing before the \
                            colon for all its addresses; or add the name to DNS or /etc/hosts.";

fn remedy(failure: &io::Error) -> &'static str {
    match failure.kind() {
        io::ErrorKind::AddrInUse => {
            "Stop whoever uses the port, or change it in listeners here and in controller.quorum.voters on \
             every node."
        }
        io::ErrorKind::AddrNotAvailable => {
            "No interface of this machine has that address. Correct the host in listeners, or what DNS or \
             /etc/hosts say of it."
        }
        io::ErrorKind::PermissionDenied => {
            "Ports below 1024 are for root alone. Take a higher one in listeners here and in \
             controller.quorum.voters on every node."
        }
        _ => "Correct listeners.",
    }
}

fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host {
        "" | "0.0.0.0" => Ok(vec![
            (Ipv6Addr::UNSPECIFIED, port).into(),
            ([0, 0, 0, 0], port).into(),
        ]),
        // As in Java, where IPv4 comes first.
        host => {
            let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
            addresses.sort_by_key(SocketAddr::is_ipv6);
            Ok(addresses)
        }
    }
}

fn bind_address(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Small messages leave at once, and an idle connection is asked whether it still is one: nothing else tells of a host
/// that died, and what stands between forgets connections (Kafka's `Selector` and `SocketServer` set both).
pub fn set_up(stream: &TcpStream) -> io::Result<()> {
    const IDLE: Duration = Duration::from_secs(60);
    const INTERVAL: Duration = Duration::from_secs(10);
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL);
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}
