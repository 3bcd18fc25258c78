//! How many connections may be open: `max.connections` and its relatives, as Kafka's `ConnectionQuotas` reads them.

use super::{
    Problem,
    listeners::{is_host, map_entries, own_key},
    problem::requirement,
    values::Values,
};
use crate::metadata::{broker_keys::BrokerKey, config_defs::Value};

const ALL: &str = "max.connections";
const PER_IP: &str = "max.connections.per.ip";
const OVERRIDES: &str = "max.connections.per.ip.overrides";

/// The limits of one listener. Zero means nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// From everywhere together: `max.connections`, or what the listener has of its own if that is less.
    pub all: usize,
    /// From one address.
    pub per_ip: usize,
    /// The same for single hosts, by name or address.
    pub overrides: Vec<(String, usize)>,
}

impl ConnectionLimits {
    pub fn of(values: &Values, listener: &str) -> Result<ConnectionLimits, Problem> {
        let number = |key| values.number::<i32>(key, 0).map(|limit| limit as usize);
        let all = number(ALL)?;
        let own = of_listener(values, listener)?.unwrap_or(all);
        Ok(ConnectionLimits {
            all: own.min(all),
            per_ip: number(PER_IP)?,
            overrides: overrides(values)?,
        })
    }
}

/// A key of one listener stands in no table: it is read as the key that it replaces.
fn of_listener(values: &Values, listener: &str) -> Result<Option<usize>, Problem> {
    let key = own_key(listener, ALL);
    let (Some(text), Some(base)) = (values.text(&key), BrokerKey::named(ALL)) else {
        return Ok(None);
    };
    match base.key.parse(text) {
        Ok(Value::Whole(limit)) => Ok(Some(limit as usize)),
        _ => {
            let shown = values.printed(&key, text);
            Err(
                Problem::new(format!("Invalid value {shown} for configuration {key}"))
                    .hint("it must be a number of connections, 0 or more"),
            )
        }
    }
}

/// What is wrong with the limits of single addresses.
pub fn check(values: &Values) -> Option<Problem> {
    overrides(values).err()
}

fn overrides(values: &Values) -> Result<Vec<(String, usize)>, Problem> {
    let text = values.text(OVERRIDES).unwrap_or_default();
    let parsed: Result<Vec<_>, Problem> = map_entries(text).map(parse_entry).collect();
    let parsed = parsed.map_err(|problem| values.shown(OVERRIDES, problem))?;
    let per_ip = values.number::<i32>(PER_IP, 0)?;
    if per_ip == 0 && parsed.is_empty() {
        return Err(requirement(format!(
            "{PER_IP} can be set to zero only if {OVERRIDES} property is set."
        )));
    }
    let wrong: Vec<&str> = parsed
        .iter()
        .map(|(host, _)| host.as_str())
        .filter(|host| !is_host(host))
        .collect();
    match wrong.is_empty() {
        true => Ok(parsed),
        false => Err(values.shown(
            OVERRIDES,
            Problem::new(format!(
                "{OVERRIDES} contains invalid addresses : {}",
                wrong.join(",")
            )),
        )),
    }
}

/// `host:number`; the host may be an IPv6 address (`Csv.parseCsvMap`). Less than none is none.
fn parse_entry(entry: &str) -> Result<(String, usize), Problem> {
    const FORM: &str =
        "write host:number, several with commas between them: 10.0.0.5:20,kafka-4:100";
    let Some((host, number)) = entry.rsplit_once(':') else {
        let message = format!("Error parsing configuration property '{OVERRIDES}': {entry}");
        return Err(Problem::new(message).hint(FORM));
    };
    let number = number.trim();
    match number.parse::<i32>() {
        Ok(limit) => Ok((host.trim().to_owned(), limit.max(0) as usize)),
        Err(_) => {
            let problem = Problem::new(format!("For input string: \"{number}\""));
            Err(problem.hint(format!("{OVERRIDES}: {FORM}")))
        }
    }
}
