//! Rules between the keys (`KafkaConfig.validateValues` of Kafka 4.3.1), and what kraftd cannot do. Those of
//! the listeners are in `endpoints`.
//!
//! Those that Kafka's group coordinator, share coordinator and remote storage have among their own keys
//! are left to the brokers.

use super::{
    ConfigError, Endpoints, Identity, Problem, Voter, Warning, connections,
    listeners::{Listener, own_key},
    problem::{NO_COMMENT, has_comment, requirement},
    values::Values,
};
use crate::{
    metadata::broker_keys::{BROKER_KEYS, Usage},
    protocol::NodeId,
};

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
const VOTERS: &str = "controller.quorum.voters";
const IDLE: &str = "connections.max.idle.ms";
const DELAY: &str = "connection.failed.authentication.delay.ms";
const AUTHORIZER: &str = "authorizer.class.name";

/// What holds for brokers and controllers alike.
pub fn of_every_node(identity: &Identity) -> Result<Vec<Problem>, ConfigError> {
    let values = &identity.values;
    let mut problems = numbers(values)?;
    let (node_id, broker_id) = ("node.id", "broker.id");
    if values.is_set(node_id)
        && values.is_set(broker_id)
        && values.optional_number(node_id)? != values.optional_number(broker_id)?
    {
        problems.push(Problem::new(format!(
            "You must set `{node_id}` to the same value as `{broker_id}`."
        )));
    }
    problems.extend(voters(identity));
    problems.extend(connections::check(values));
    match Endpoints::of(identity) {
        Ok(endpoints) => {
            problems.extend(endpoints.check(identity)?);
            let own = endpoints.controller_listener();
            let own = own.filter(|_| identity.is_controller);
            problems.extend(
                own.and_then(|own| anothers_address(identity.node_id, &identity.voters, own)),
            );
        }
        Err(problem) => problems.push(problem),
    }
    Ok(problems)
}

/// Numbers that depend on each other.
fn numbers(values: &Values) -> Result<Vec<Problem>, ConfigError> {
    let number = |key: &str| values.number::<i64>(key, i64::MIN);
    let scaled = |key: &str, ms: i64| -> Result<Option<i64>, Problem> {
        let value = values.optional_number(key)?;
        Ok(value.map(|value| value.saturating_mul(ms)))
    };
    let first = |keys: &[(&str, i64)]| -> Result<i64, Problem> {
        for (key, ms) in keys {
            if let Some(value) = scaled(key, *ms)? {
                return Ok(value);
            }
        }
        Ok(0)
    };
    let roll = first(&[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)])?;
    let jitter = first(&[
        ("log.roll.jitter.ms", 1),
        ("log.roll.jitter.hours", HOUR_MS),
    ])?;
    let retention = first(&[
        ("log.retention.ms", 1),
        ("log.retention.minutes", MINUTE_MS),
        ("log.retention.hours", HOUR_MS),
    ])?;
    let dedupe = number("log.cleaner.dedupe.buffer.size")?;
    let cleaners = number("log.cleaner.threads")?.max(1);
    let wait = number("replica.fetch.wait.max.ms")?;
    let queued = number("queued.max.request.bytes")?;
    let idle = number(IDLE)?;
    let delay = number(DELAY)?;
    let request = number("socket.request.max.bytes")?;
    let failed_late = format!(
        "{DELAY}={} should always be less than {IDLE}={} to prevent failed authentication responses from \
         timing out",
        values.printed(DELAY, delay),
        values.printed(IDLE, idle)
    );
    let rules = [
        (roll >= 1, "log.roll.ms must be greater than or equal to 1"),
        (
            jitter >= 0,
            "log.roll.jitter.ms must be greater than or equal to 0",
        ),
        (
            retention != 0,
            "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        ),
        (
            dedupe / cleaners > 1 << 20,
            "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
        ),
        (
            wait <= number("replica.socket.timeout.ms")?,
            "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent \
             unnecessary socket timeouts",
        ),
        (
            wait <= number("replica.lag.time.max.ms")?,
            "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to \
             prevent frequent changes in ISR",
        ),
        (
            queued <= 0 || queued >= request,
            "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
        ),
        (idle < 0 || delay < idle, &failed_late),
    ];
    let broken = rules.iter().filter(|(holds, _)| !holds);
    Ok(broken.map(|(_, what)| requirement(what)).collect())
}

/// Who votes, and whether this node is one of them.
fn voters(identity: &Identity) -> Option<Problem> {
    let Identity {
        node_id,
        voters,
        values,
        ..
    } = identity;
    let listed = voters.iter().any(|voter| voter.id == *node_id);
    let ids: Vec<String> = voters.iter().map(|voter| voter.id.to_string()).collect();
    let set = format!("{VOTERS}=Set({})", ids.join(", "));
    if voters.is_empty() && values.text("controller.quorum.bootstrap.servers").is_none() {
        let problem = Problem::new(
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of \
             bootstrap controllers or controller.quorum.voters must contain a parseable set of \
             controllers.",
        );
        return Some(problem.hint(format!(
            "set {VOTERS}=id@host:port,... with all controllers, the same on every node"
        )));
    }
    if identity.is_controller && !voters.is_empty() && !listed {
        return Some(
            requirement(format!(
                "If process.roles contains the 'controller' role, the node id {node_id} must be included \
                 in the set of voters {set}"
            ))
            .hint("give this node one of these ids, or add it to the voters on every node"),
        );
    }
    if identity.is_broker && !identity.is_controller && listed {
        return Some(
            requirement(format!(
                "If process.roles contains just the 'broker' role, the node id {node_id} must not be \
                 included in the set of voters {set}"
            ))
            .hint("brokers and controllers share one space of ids: give the broker another one"),
        );
    }
    None
}

/// A voter that listens where another one should: a file was copied, and not everything in it changed. Kafka
/// starts such a node, and then two have one id.
pub fn anothers_address(id: NodeId, voters: &[Voter], own: &Listener) -> Option<Problem> {
    let is_here =
        |voter: &&Voter| voter.port == own.port && voter.host.eq_ignore_ascii_case(&own.host);
    let other = voters.iter().find(is_here)?.id;
    let voter = voters.iter().find(|voter| voter.id == id)?;
    let Listener {
        name, host, port, ..
    } = own;
    (!is_here(&voter)).then(|| {
        Problem::new(format!(
            "node.id={id}, but listeners={name}://{host}:{port} is where {VOTERS} has node {other}"
        ))
        .hint("was this file copied from another node? Correct node.id, or listeners")
    })
}

/// A listener that is not where the others look for it.
pub fn two_addresses(listener: &Listener, voter: &Voter) -> String {
    format!("listeners has {listener}, but {VOTERS} has {voter}. One of the two is wrong.")
}

/// What would have to be left out although it decides something.
pub fn java_classes(values: &Values) -> Vec<Problem> {
    let mut problems = Vec::new();
    let deciding = BROKER_KEYS
        .iter()
        .filter(|known| known.usage == Usage::JavaClass);
    for known in deciding.map(|known| &known.key) {
        let overridden = values.all_set().keys().filter(|key| {
            let of_listener = key.strip_prefix("listener.name.");
            let of_listener = of_listener.and_then(|rest| rest.split_once('.'));
            *key == known.name || of_listener.is_some_and(|(_, base)| base == known.name)
        });
        for key in overridden {
            let class = values.text(key).unwrap_or_default();
            if !class.is_empty() && Some(class) != known.default {
                problems.push(values.shown(key, java_class(known.name, key, class)));
            }
        }
    }
    problems
}

fn java_class(name: &str, key: &str, class: &str) -> Problem {
    let problem = Problem::new(format!(
        "{key}={class} names a Java class, which kraftd cannot run"
    ));
    let standard = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    problem.hint(match name == AUTHORIZER && class == standard {
        true => "kraftd does not serve ACLs yet: without the key, everybody may do everything; keep the \
                 cluster's controllers in Java if it needs them",
        false => "to leave it out would decide otherwise than it does: remove the key if the cluster can do \
                  without it",
    })
}

/// What works, but hardly as it was meant.
pub fn warnings(values: &Values, listener: &str) -> Result<Vec<Warning>, Problem> {
    let (heartbeat, session) = ("broker.heartbeat.interval.ms", "broker.session.timeout.ms");
    let (interval, timeout) = (values.ms(heartbeat)?, values.ms(session)?);
    let mut warnings = values.warnings.clone();
    if interval.saturating_mul(2) > timeout {
        warnings.push(Warning {
            key: session.to_owned(),
            text: format!(
                "{heartbeat} ({} ms) must be less than or equal to half of the {session} ({} ms), or brokers \
                 are fenced for a single heartbeat that is late",
                values.printed(heartbeat, interval),
                values.printed(session, timeout)
            ),
        });
    }
    for known in BROKER_KEYS
        .iter()
        .filter(|known| known.usage == Usage::Unserved)
    {
        let of_listener = own_key(listener, known.key.name);
        for key in [known.key.name, &of_listener] {
            if values.is_set(key) && values.text(key) != known.key.default {
                warnings.push(Warning {
                    key: key.to_owned(),
                    text: format!("{key} has no effect: kraftd does not serve it yet"),
                });
            }
        }
    }
    Ok(warnings)
}

/// Names of directories that Kafka takes as they are, and makes, although hardly anybody means them.
pub fn odd_directories(values: &Values) -> Vec<Warning> {
    let dirs = values.list(values.log_dirs_key()).unwrap_or_default();
    let of_key = |key: &'static str, dirs: Vec<String>| dirs.into_iter().map(move |dir| (key, dir));
    let metadata = "metadata.log.dir";
    let metadata_dir = values
        .text(metadata)
        .map(str::to_owned)
        .into_iter()
        .collect();
    let all = of_key(values.log_dirs_key(), dirs).chain(of_key(metadata, metadata_dir));
    let warning = |(key, dir): (&str, String)| {
        let why = odd(&dir)?;
        let shown = values.printed(key, &dir);
        Some(Warning {
            key: key.to_owned(),
            text: format!("{key} has the directory {shown}: {why}"),
        })
    };
    all.filter_map(warning).collect()
}

fn odd(dir: &str) -> Option<&'static str> {
    match dir {
        dir if has_comment(dir) => Some(NO_COMMENT),
        dir if dir.contains(['"', '\'']) => {
            Some("the quotes are a part of its name; take them out")
        }
        dir if !dir.starts_with('/') => {
            Some("it is looked for where each command is started; write it from / on")
        }
        _ => None,
    }
}
