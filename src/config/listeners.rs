//! `listeners`, `advertised.listeners` and the map from their names to security protocols.

use super::{ConfigError, values::Values};

/// Where a node listens, or tells others to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub name: String,
    /// Empty: every address of the machine.
    pub host: String,
    pub port: u16,
}

/// Reads `NAME://host:port` (IPv6 hosts in brackets).
pub fn parse(key: &str, text: &str) -> Result<Listener, ConfigError> {
    let invalid = |what: &str| {
        ConfigError::invalid(format!(
            "Invalid value {text} for configuration {key}: {what}"
        ))
    };
    let (name, address) = text
        .split_once("://")
        .ok_or_else(|| invalid("expected NAME://host:port"))?;
    let (host, port) = address
        .rsplit_once(':')
        .ok_or_else(|| invalid("the port is missing after the host"))?;
    let port = port
        .parse()
        .map_err(|_| invalid("the port is no number from 0 to 65535"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if name.contains(char::is_whitespace) || host.contains(char::is_whitespace) {
        return Err(invalid("there is a blank in it"));
    }
    Ok(Listener {
        name: name.to_owned(),
        host: host.to_owned(),
        port,
    })
}

/// All listeners of a key.
pub fn parse_list(values: &Values, key: &str) -> Result<Vec<Listener>, ConfigError> {
    values
        .list(key)
        .into_iter()
        .map(|text| parse(key, text))
        .collect()
}

/// The security protocol of a listener (`KafkaConfig.effectiveListenerSecurityProtocolMap`): by the map;
/// a controller's listener that an unset map does not name is PLAINTEXT.
pub fn security_protocol(values: &Values, name: &str) -> Result<String, ConfigError> {
    const KEY: &str = "listener.security.protocol.map";
    let entries = values.list(KEY);
    let protocol = entries.iter().find_map(|entry| {
        let (listener, protocol) = entry.split_once(':')?;
        listener
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| protocol.trim().to_owned())
    });
    match protocol {
        Some(protocol) => Ok(protocol),
        None if !values.is_set(KEY) => Ok("PLAINTEXT".to_owned()),
        None => Err(ConfigError::invalid(format!(
            "No security protocol defined for listener {name}: add it to {KEY}, for example \
             {name}:PLAINTEXT"
        ))),
    }
}
