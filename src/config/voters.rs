//! `controller.quorum.voters`: who votes, and where each of them listens.

use super::ConfigError;
use crate::protocol::NodeId;

const KEY: &str = "controller.quorum.voters";

/// One of the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    pub id: NodeId,
    pub host: String,
    pub port: u16,
}

/// Reads `id@host:port,...`.
pub fn parse(items: &[&str]) -> Result<Vec<Voter>, ConfigError> {
    let mut voters: Vec<Voter> = Vec::new();
    for item in items {
        let voter = parse_one(item)?;
        if voters.iter().any(|other| other.id == voter.id) {
            return Err(invalid(
                item,
                &format!("the id {} is there twice", voter.id),
            ));
        }
        voters.push(voter);
    }
    Ok(voters)
}

fn parse_one(item: &str) -> Result<Voter, ConfigError> {
    let (id, address) = item
        .split_once('@')
        .ok_or_else(|| invalid(item, "expected id@host:port"))?;
    let (host, port) = address
        .rsplit_once(':')
        .ok_or_else(|| invalid(item, "the port is missing"))?;
    if item.contains(char::is_whitespace) {
        return Err(invalid(item, "there is a blank in it"));
    }
    let id: i32 = id
        .parse()
        .map_err(|_| invalid(item, "the id is no number"))?;
    let port = port
        .parse()
        .map_err(|_| invalid(item, "the port is no number up to 65535"))?;
    if id < 0 || host.is_empty() {
        return Err(invalid(
            item,
            "the id must not be negative, and the host not empty",
        ));
    }
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok(Voter {
        id: NodeId(id),
        host,
        port,
    })
}

fn invalid(item: &str, what: &str) -> ConfigError {
    ConfigError::invalid(format!(
        "Invalid value {item} for configuration {KEY}: {what}"
    ))
}
