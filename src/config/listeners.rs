//! `listeners`, `advertised.listeners` and the map from their names to security protocols
//! (`SocketServerConfigs`, `AbstractKafkaConfig`).

use std::{collections::BTreeMap, fmt, net::IpAddr};

use super::{Problem, values::Values};

const MAP: &str = "listener.security.protocol.map";
const PROTOCOLS: &[&str] = &["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// Where a node listens, or tells others to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// In capitals, whatever the file has.
    pub name: String,
    /// Empty: every address of the machine.
    pub host: String,
    pub port: u16,
    pub security_protocol: String,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, host_port(&self.host, self.port))
    }
}

/// Nobody can be told to come there (`QuorumConfig.NON_ROUTABLE_HOST`).
pub const NON_ROUTABLE: &str = "0.0.0.0";

/// Whether a host stands for all addresses of its machine.
pub fn is_any(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.is_empty() || address.is_ok_and(|address| address.is_unspecified())
}

/// A host and a port as people write them: an IPv6 address in brackets.
pub fn host_port(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// The entries of a value that Kafka takes apart as a map (`Csv.parseCsvMap`), each with a colon between key and value
/// if it is one.
pub fn map_entries(text: &str) -> impl Iterator<Item = &str> {
    // Commas at the end are nothing to Java, one in the middle is.
    let entries = text.trim_end_matches([',', ' ']).split(',').map(str::trim);
    entries.filter(|_| !text.is_empty())
}

/// The key that one listener has in the place of another.
pub fn own_key(listener: &str, key: &str) -> String {
    format!("listener.name.{}.{key}", listener.to_lowercase())
}

/// Security protocols by the names of listeners.
pub struct Protocols(BTreeMap<String, String>);

impl Protocols {
    /// Reads the map; where it is not set, the listeners of controllers are PLAINTEXT
    /// (`effectiveListenerSecurityProtocolMap`).
    pub fn of(values: &Values) -> Result<Protocols, Problem> {
        let mut map = BTreeMap::new();
        let text = values.text(MAP).unwrap_or_default();
        for entry in map_entries(text) {
            let parsed = parse_entry(entry, text);
            let (name, protocol) = parsed.map_err(|problem| values.shown(MAP, problem))?;
            map.insert(name, protocol);
        }
        let controllers = values.list("controller.listener.names")?;
        let listeners = values.list("listeners")?;
        let names = listeners.iter().filter_map(|text| text.split(':').next());
        let mut names = names.chain(controllers.iter().map(String::as_str));
        let is_secure =
            |name: &str| name != "PLAINTEXT" && PROTOCOLS.contains(&name.to_uppercase().as_str());
        if !values.is_set(MAP) && !names.any(is_secure) {
            map.extend(
                controllers
                    .into_iter()
                    .map(|name| (name, "PLAINTEXT".to_owned())),
            );
        }
        Ok(Protocols(map))
    }

    pub fn get(&self, listener: &str) -> Option<&str> {
        self.0.get(listener).map(String::as_str)
    }
}

fn parse_entry(entry: &str, all: &str) -> Result<(String, String), Problem> {
    let Some((name, protocol)) = entry.rsplit_once(':') else {
        let message = format!("Error parsing configuration property '{MAP}': {all}");
        return Err(Problem::new(message).hint(format!(
            "'{entry}' is not of the form NAME:PROTOCOL, for example CONTROLLER:PLAINTEXT"
        )));
    };
    let (name, protocol) = (name.trim(), protocol.trim());
    let known = protocol.to_uppercase();
    if !PROTOCOLS.contains(&known.as_str()) {
        let message = format!("Invalid security protocol `{protocol}` defined in {MAP}");
        let problem = Problem::new(message).blank_in(protocol);
        return Err(problem.or_hint(format!("it must be one of {}", PROTOCOLS.join(", "))));
    }
    if name.is_empty() {
        return Err(
            Problem::new("The provided listener name is null or empty string")
                .hint(format!("{MAP} has an entry without a name: '{entry}'")),
        );
    }
    Ok((name.to_uppercase(), known))
}

/// All listeners of a key. Two may have one port where others are told to connect to (behind a proxy),
/// but not where this node listens.
pub fn parse_list(
    values: &Values,
    key: &str,
    protocols: &Protocols,
    distinct_ports: bool,
) -> Result<Vec<Listener>, Problem> {
    let texts = values.list(key)?;
    let in_list = |what: Problem| {
        let all = texts.join(", ");
        let message = format!(
            "Error creating broker listeners from '[{all}]': {}",
            what.message
        );
        values.shown(key, Problem { message, ..what })
    };
    let parsed = texts.iter().map(|text| parse(text, protocols));
    let all: Vec<Listener> = parsed.collect::<Result<_, _>>().map_err(in_list)?;
    for (at, one) in all.iter().enumerate() {
        let listed = texts.join(", ");
        for other in &all[..at] {
            let what = match () {
                () if one.name == other.name => "name",
                () if distinct_ports
                    && one.port != 0
                    && one.port == other.port
                    && !apart(one, other) =>
                {
                    "port"
                }
                () => continue,
            };
            let message =
                format!("Each listener must have a different {what}, listeners: [{listed}]");
            return Err(in_list(Problem::new(message)));
        }
    }
    Ok(all)
}

/// IPv4 and IPv6 have their own ports.
fn apart(one: &Listener, other: &Listener) -> bool {
    let is_v6 = |listener: &Listener| listener.host.parse().ok().map(|ip: IpAddr| ip.is_ipv6());
    matches!((is_v6(one), is_v6(other)), (Some(one), Some(other)) if one != other)
}

/// Reads `NAME://host:port` (IPv6 hosts in brackets).
fn parse(text: &str, protocols: &Protocols) -> Result<Listener, Problem> {
    let problem = |hint: &str| {
        let message = format!("Unable to parse {text} to a broker endpoint");
        Problem::new(message).blank_in(text).or_hint(hint)
    };
    let (name, address) = text
        .split_once("://")
        .ok_or_else(|| problem("write NAME://host:port"))?;
    let (host, port) = address
        .rsplit_once(':')
        .ok_or_else(|| problem("the port is missing after the host"))?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    if !is_host(host) {
        return Err(problem(HOST_LETTERS));
    }
    let port = port
        .parse()
        .map_err(|_| problem("the port is no number from 0 to 65535"))?;
    let name = name.to_uppercase();
    let security_protocol = protocols.get(&name).map(str::to_owned).ok_or_else(|| {
        let message = format!("No security protocol defined for listener {name}");
        let problem = Problem::new(message).blank_in(&name);
        problem.or_hint(format!("add it to {MAP}, for example {name}:PLAINTEXT"))
    })?;
    Ok(Listener {
        name,
        host: host.to_owned(),
        port,
        security_protocol,
    })
}

pub const HOST_LETTERS: &str = "a host has letters, digits, '-', '.', '_' and ':' only";

/// `Utils.validHostPattern`.
pub fn is_host(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "-%._:".contains(letter))
}
