//! `controller.quorum.voters`: who votes, and where each of them listens; and
//! `controller.quorum.bootstrap.servers`: where to ask for them (`QuorumConfig`).

use std::fmt;

use super::{
    Problem,
    listeners::{HOST_LETTERS, NON_ROUTABLE, host_port, is_host},
    values::Values,
};
use crate::protocol::NodeId;

const KEY: &str = "controller.quorum.voters";
pub const BOOTSTRAP_SERVERS: &str = "controller.quorum.bootstrap.servers";

/// One of the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    pub id: NodeId,
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Voter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address())
    }
}

impl Voter {
    /// `host:port`
    pub fn address(&self) -> String {
        host_port(&self.host, self.port)
    }
}

/// Reads `id@host:port,...`.
pub fn parse(values: &Values) -> Result<Vec<Voter>, Problem> {
    let mut voters: Vec<Voter> = Vec::new();
    for item in values.list(KEY)? {
        let voter = parse_one(&item).map_err(|problem| values.shown(KEY, problem))?;
        if voters.iter().any(|other| other.id == voter.id) {
            // Kafka would take the last of them.
            let id = voter.id;
            let problem = Problem::new(format!(
                "Invalid value {item} for configuration {KEY}: the id {id} is there twice"
            ));
            return Err(values.shown(KEY, problem));
        }
        voters.push(voter);
    }
    Ok(voters)
}

/// Kafka reads such an address, and starts with none (`QuorumConfig.parseVoterConnections`).
pub fn refuse_unroutable(voters: &[Voter]) -> Result<(), Problem> {
    match voters.iter().find(|voter| voter.host == NON_ROUTABLE) {
        None => Ok(()),
        Some(Voter { id, host, .. }) => Err(Problem::new(format!(
            "Host string ({host}) is not routeable"
        ))
        .hint(format!(
            "{KEY} has it for voter {id}: write the name or the address by which the others reach it"
        ))),
    }
}

fn parse_one(item: &str) -> Result<Voter, Problem> {
    let form = "Each entry should be in the form `{id}@{host}:{port}`.";
    let Some((id, address)) = item.split_once('@').filter(|(_, rest)| !rest.contains('@')) else {
        let message = format!("Invalid configuration value for {KEY}. {form}");
        let problem = Problem::new(message).blank_in(item);
        return Err(problem.or_hint(match item {
            "" => "there is a comma too many".to_owned(),
            item => format!("this one is not: {item}"),
        }));
    };
    let Ok(id @ 0..) = id.parse::<i32>() else {
        let message = format!("Failed to parse voter ID as an integer from {id}");
        let problem = Problem::new(message).blank_in(item);
        return Err(problem.or_hint(format!("write a number from 0 before the @ of {item}")));
    };
    let (host, port) = parse_address(address, item, &format!("entry {item}"), KEY, form)?;
    Ok(Voter {
        id: NodeId(id),
        host,
        port,
    })
}

/// Reads `host:port,...`.
pub fn bootstrap_servers(values: &Values) -> Result<Vec<(String, u16)>, Problem> {
    let form = "Each entry should be in the form \"{host}:{port}\"";
    let parse = |item: &String| parse_address(item, item, item, BOOTSTRAP_SERVERS, form);
    let servers = values.list(BOOTSTRAP_SERVERS)?;
    let parsed: Result<_, _> = servers.iter().map(parse).collect();
    parsed.map_err(|problem| values.shown(BOOTSTRAP_SERVERS, problem))
}

/// Reads `host:port` (IPv6 hosts in brackets), which stands in an item of a key.
fn parse_address(
    address: &str,
    item: &str,
    what: &str,
    key: &str,
    form: &str,
) -> Result<(String, u16), Problem> {
    let unreadable = |hint: &str| {
        let message =
            format!("Failed to parse host name from {what} for the configuration {key}. {form}");
        Problem::new(message).blank_in(item).or_hint(hint)
    };
    let (host, port) = address
        .rsplit_once(':')
        .ok_or_else(|| unreadable("the port is missing"))?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    if host.is_empty() || !is_host(host) {
        return Err(unreadable(HOST_LETTERS));
    }
    let port: u32 = port
        .parse()
        .map_err(|_| unreadable("the port is no number"))?;
    let port = u16::try_from(port).map_err(|_| {
        Problem::new(format!("port out of range:{port}"))
            .hint(format!("{key} has it in {item}; the highest port is 65535"))
    })?;
    Ok((host.to_owned(), port))
}
