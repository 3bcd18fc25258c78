//! What `server.properties` may hold (`KafkaConfig` and `DynamicBrokerConfig` of Kafka 4.3.1), and what
//! becomes of it here. The keys themselves are in `broker_key_table.rs`; docs/CONFIGURATION.md is made
//! from it, and a test holds it against Kafka's own table.

pub use super::broker_key_table::BROKER_KEYS;
use super::config_defs::ConfigKey;

/// Whether and where a key can be changed while the node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// In `server.properties` only.
    ReadOnly,
    /// For one node at a time.
    PerBroker,
    /// For one node, or for all.
    ClusterWide,
}

/// Which side goes by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A controller; some of them brokers too.
    Controller,
    /// Brokers alone.
    Broker,
    /// Kafka's own controllers. kraftd has nothing that it could set, or does not serve what it sets.
    JavaController,
    /// Kafka's own controllers, and somebody may count on it: that kraftd does not serve it is told at the
    /// start where it is set.
    Unserved,
    /// It names a Java class that would decide something: any but the default stops the start of a
    /// controller, because to leave the class out would decide otherwise.
    JavaClass,
}

/// A key of `server.properties`.
#[derive(Clone, Copy, Debug)]
pub struct BrokerKey {
    pub key: ConfigKey,
    pub update_mode: UpdateMode,
    pub usage: Usage,
}

impl BrokerKey {
    /// The key of that name.
    pub fn named(name: &str) -> Option<&'static BrokerKey> {
        let at = BROKER_KEYS
            .binary_search_by_key(&name, |key| key.key.name)
            .ok()?;
        Some(&BROKER_KEYS[at])
    }

    /// Kept for tests of Kafka itself: told only when somebody has set it.
    pub fn is_internal(&self) -> bool {
        INTERNAL.contains(&self.key.name)
    }

    /// Kafka has no default for it: every node must set it.
    pub fn is_required(&self) -> bool {
        REQUIRED.contains(&self.key.name)
    }
}

/// The keys that every node must set, in the order in which Kafka misses them.
pub const REQUIRED: &[&str] = &["process.roles", "node.id", "controller.listener.names"];

/// Keys that Kafka defines as internal.
const INTERNAL: &[&str] = &[
    "controller.performance.always.log.threshold.ms",
    "controller.performance.sample.period.ms",
    "group.consumer.regex.refresh.interval.ms",
    "group.share.initialize.retry.interval.ms",
    "group.share.persister.class.name",
    "internal.metadata.delete.delay.millis",
    "internal.metadata.log.segment.bytes",
    "internal.metadata.max.batch.size.in.bytes",
    "log.initial.task.delay.ms",
    "producer.id.expiration.check.interval.ms",
    "remote.log.index.file.cache.ttl.ms",
    "remote.log.manager.task.retry.backoff.max.ms",
    "remote.log.manager.task.retry.backoff.ms",
    "remote.log.manager.task.retry.jitter",
    "server.max.startup.time.ms",
    "share.coordinator.cold.partition.snapshot.interval.ms",
    "share.coordinator.state.topic.prune.interval.ms",
    "unclean.leader.election.interval.ms",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_defaults_fit() {
        assert!(BROKER_KEYS.is_sorted_by_key(|key| key.key.name));
        for BrokerKey { key, .. } in BROKER_KEYS {
            let default = key
                .default
                .map(|text| key.parse(text).map(|value| value.to_string()));
            let expected = key.default.map(|text| Ok(text.to_owned()));
            assert_eq!(default, expected, "{}", key.name);
        }
    }

    #[test]
    fn any_text_is_read_or_refused_in_kafkas_words() {
        let odd = [
            "",
            " ",
            ",",
            "a",
            "a,,b",
            "-1",
            "0",
            "1",
            "0.5",
            "NaN",
            "1e999",
            "-9223372036854775808",
            "9223372036854775807",
            "99999999999999999999",
            "true",
            "\u{e9}",
            "\u{0}",
        ];
        for BrokerKey { key, .. } in BROKER_KEYS {
            for text in odd {
                if let Err(message) = key.parse(text) {
                    let known = ["Invalid value ", "Configuration '"];
                    assert!(
                        known.iter().any(|start| message.starts_with(start)),
                        "{message}"
                    );
                    assert!(message.contains(key.name), "{message}");
                }
            }
        }
    }

    #[test]
    fn what_a_controller_goes_by_is_documented() {
        for key in BROKER_KEYS {
            let documented = !key.key.documentation.is_empty();
            let wanted = !matches!(key.usage, Usage::Broker | Usage::JavaController);
            assert_eq!(documented, wanted, "{}", key.key.name);
        }
        for name in REQUIRED.iter().chain(INTERNAL) {
            assert!(BrokerKey::named(name).is_some(), "{name}");
        }
    }
}
