//! Keys that nobody knows. Kafka's server says nothing of them, so a key with a slip in its name is lost
//! in silence there. Here it is told once, with the key that was meant perhaps; it never stops a start,
//! because files are shared with plugins and with other releases.

use std::{collections::BTreeMap, fmt};

use crate::metadata::broker_keys::{BROKER_KEYS, BrokerKey};

/// Something that will surprise, but stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key that it is about.
    pub key: String,
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Beginnings of keys that belong to a listener, to a plugin, or to another program that shares the file.
const FOREIGN: &[&str] = &[
    "client.quota.callback.",
    "config.providers.",
    "confluent.",
    "cruise.control.",
    "kafka.rest.",
    "ldap.",
    "listener.name.",
    "metrics.jmx.",
    "oauth.",
    "opa.authorizer.",
    "prometheus.metrics.reporter.",
    "ranger.",
    "rlmm.config.",
    "rsm.config.",
    "strimzi.",
];

/// Keys of Kafka's that its own table does not have: read by its authorizer, or set over the wire only.
const OUTSIDE_THE_TABLE: &[&str] = &[
    "allow.everyone.if.no.acl.found",
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
    "super.users",
];

/// Keys that older releases had.
const REMOVED: &[&str] = &[
    "advertised.host.name",
    "advertised.port",
    "auto.include.jmx.reporter",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "controlled.shutdown.max.retries",
    "controlled.shutdown.retry.backoff.ms",
    "delegation.token.master.key",
    "host.name",
    "inter.broker.protocol.version",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "port",
    "quota.consumer.default",
    "quota.producer.default",
    "reserved.broker.max.id",
];
const REMOVED_PREFIXES: &[&str] = &["zookeeper.", "password.encoder."];

/// A warning for each key that has no effect in any program.
pub fn unknown_keys(values: &BTreeMap<String, String>) -> Vec<Warning> {
    let plugins = [
        "remote.log.metadata.manager.impl.prefix",
        "remote.log.storage.manager.impl.prefix",
    ];
    let plugins = plugins.iter().filter_map(|key| values.get(*key));
    let foreign: Vec<&str> = FOREIGN
        .iter()
        .copied()
        .chain(plugins.map(String::as_str))
        .collect();
    let is_known = |key: &str| {
        BrokerKey::named(key).is_some()
            || OUTSIDE_THE_TABLE.contains(&key)
            || foreign
                .iter()
                .any(|prefix| !prefix.is_empty() && key.starts_with(prefix))
    };
    let unknown = values.keys().filter(|key| !is_known(key));
    unknown.map(|key| warning(key)).collect()
}

fn warning(key: &str) -> Warning {
    let removed = REMOVED.contains(&key)
        || REMOVED_PREFIXES
            .iter()
            .any(|prefix| key.starts_with(prefix));
    let text = match nearest(key) {
        _ if removed => format!("{key} has no effect: Kafka 4 does not have it any more"),
        Some(known) => format!("{key} is unknown and has no effect: did you mean {known}?"),
        None => format!("{key} is unknown and has no effect"),
    };
    Warning {
        key: key.to_owned(),
        text,
    }
}

/// The known key that looks most like this one, if it looks much like it.
fn nearest(key: &str) -> Option<&'static str> {
    /// A slip or two in a key of usual length.
    const ALIKE: f64 = 0.85;
    let key = key.to_lowercase();
    let length = key.chars().count();
    // What differs by its length alone need not be compared, which takes long for the names that fuzzing makes.
    let is_as_long = |name: &&str| {
        let (shorter, longer) = (name.len().min(length), name.len().max(length));
        shorter as f64 >= ALIKE * longer as f64
    };
    let known = BROKER_KEYS.iter().map(|known| known.key.name);
    let known = known.filter(is_as_long);
    let likeness = |name| strsim::normalized_damerau_levenshtein(&key, name);
    let (name, likeness) = known
        .map(|name| (name, likeness(name)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    (likeness >= ALIKE).then_some(name)
}
