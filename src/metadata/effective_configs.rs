//! Which value of a configuration holds (`KafkaConfigSchema`): that of the topic; else this node's
//! dynamic one, the dynamic one of all nodes, the file's; else Kafka's default.

use std::collections::BTreeMap;

use super::{
    Options, State,
    broker_keys::{BrokerKey, UpdateMode},
    config_defs::{ConfigKey, TOPIC_KEYS, Value, find},
    configs::{
        ConfigResource, MIN_INSYNC_REPLICAS, ResourceType, UNCLEAN_LEADER_ELECTION_ENABLE, Values,
    },
};

/// Where a value comes from (`DescribeConfigsResponse.ConfigSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    DynamicTopic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
    ClientMetrics = 7,
    Group = 8,
}

/// The value that holds for a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveConfig {
    pub name: &'static str,
    /// `None` where Kafka's default is null.
    pub value: Option<String>,
    pub source: ConfigSource,
}

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// The keys of brokers that stand for a topic's key, the strongest first, and how many milliseconds
/// one of their units has (`ServerTopicConfigSynonyms`).
pub(super) fn topic_synonyms(name: &str) -> &'static [(&'static str, i64)] {
    match name {
        "cleanup.policy" => &[("log.cleanup.policy", 1)],
        "compression.gzip.level" => &[("compression.gzip.level", 1)],
        "compression.lz4.level" => &[("compression.lz4.level", 1)],
        "compression.type" => &[("compression.type", 1)],
        "compression.zstd.level" => &[("compression.zstd.level", 1)],
        "delete.retention.ms" => &[("log.cleaner.delete.retention.ms", 1)],
        "file.delete.delay.ms" => &[("log.segment.delete.delay.ms", 1)],
        "flush.messages" => &[("log.flush.interval.messages", 1)],
        "flush.ms" => &[
            ("log.flush.interval.ms", 1),
            ("log.flush.scheduler.interval.ms", 1),
        ],
        "index.interval.bytes" => &[("log.index.interval.bytes", 1)],
        "local.retention.bytes" => &[("log.local.retention.bytes", 1)],
        "local.retention.ms" => &[("log.local.retention.ms", 1)],
        "max.compaction.lag.ms" => &[("log.cleaner.max.compaction.lag.ms", 1)],
        "max.message.bytes" => &[("message.max.bytes", 1)],
        "message.timestamp.after.max.ms" => &[("log.message.timestamp.after.max.ms", 1)],
        "message.timestamp.before.max.ms" => &[("log.message.timestamp.before.max.ms", 1)],
        "message.timestamp.type" => &[("log.message.timestamp.type", 1)],
        "min.cleanable.dirty.ratio" => &[("log.cleaner.min.cleanable.ratio", 1)],
        "min.compaction.lag.ms" => &[("log.cleaner.min.compaction.lag.ms", 1)],
        "min.insync.replicas" => &[("min.insync.replicas", 1)],
        "preallocate" => &[("log.preallocate", 1)],
        "retention.bytes" => &[("log.retention.bytes", 1)],
        "retention.ms" => &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", MINUTE_MS),
            ("log.retention.hours", HOUR_MS),
        ],
        "segment.bytes" => &[("log.segment.bytes", 1)],
        "segment.index.bytes" => &[("log.index.size.max.bytes", 1)],
        "segment.jitter.ms" => &[
            ("log.roll.jitter.ms", 1),
            ("log.roll.jitter.hours", HOUR_MS),
        ],
        "segment.ms" => &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)],
        "unclean.leader.election.enable" => &[("unclean.leader.election.enable", 1)],
        _ => &[],
    }
}

impl Options {
    /// What the file says of a key; `node.id` and `broker.id` are one.
    pub fn static_config(&self, name: &str) -> Option<&str> {
        let direct = self.static_configs.get(name);
        let other = match name {
            "broker.id" => self.static_configs.get("node.id"),
            "node.id" => self.static_configs.get("broker.id"),
            _ => None,
        };
        direct.or(other).map(String::as_str)
    }

    /// The value of a broker's key in the file, or Kafka's default.
    pub(super) fn broker_config(&self, name: &str) -> Option<&str> {
        let default = || BrokerKey::named(name)?.key.default;
        self.static_config(name).or_else(default)
    }

    /// What the file says for topics that say nothing of a key.
    fn file_value(&self, key: &ConfigKey) -> Option<String> {
        let mut synonyms = topic_synonyms(key.name).iter();
        synonyms.find_map(|(name, unit)| {
            let value = self.static_config(name)?;
            Some(in_milliseconds(value.to_owned(), *unit))
        })
    }

    /// What a topic that says nothing of a key is judged by: the file, or Kafka's default. Dynamic values are
    /// not asked, as they are not by a Java controller without a broker in its process
    /// (`ControllerConfigurationValidator`): nobody has judged them.
    pub(super) fn static_topic_config(&self, key: &ConfigKey) -> Option<Value> {
        let file = self.file_value(key);
        let parse = |text: &str| key.config_type.parse(text).ok();
        let of_file = file.and_then(|text| parse(&text));
        of_file.or_else(|| key.default.and_then(parse))
    }

    /// The file's min.insync.replicas, or Kafka's default.
    pub fn static_min_insync_replicas(&self) -> i32 {
        let value = self.static_config(MIN_INSYNC_REPLICAS);
        value.and_then(|text| text.trim().parse().ok()).unwrap_or(1)
    }
}

impl State {
    /// What is set dynamically for this node alone.
    pub(super) fn node_values(&self, options: &Options) -> Values {
        let name = options.node_id.to_string();
        self.configs
            .of(&ConfigResource::new(ResourceType::BROKER, name))
    }

    /// What is set dynamically for all nodes.
    pub(super) fn cluster_values(&self) -> Values {
        self.configs.of(&ConfigResource::all_brokers())
    }

    /// The value of a broker's key on this node, as it was written down.
    pub(super) fn broker_config(&self, options: &Options, name: &str) -> Option<String> {
        let mode = BrokerKey::named(name).map_or(UpdateMode::ClusterWide, |key| key.update_mode);
        let dynamic = match mode {
            UpdateMode::ReadOnly => None,
            UpdateMode::PerBroker => self.node_values(options).get(name).cloned(),
            UpdateMode::ClusterWide => {
                let of_node = self.node_values(options).get(name).cloned();
                of_node.or_else(|| self.cluster_values().get(name).cloned())
            }
        };
        dynamic.or_else(|| options.broker_config(name).map(str::to_owned))
    }

    /// What holds for topics that say nothing of a key.
    pub(super) fn inherited_topic_config(
        &self,
        options: &Options,
        key: &ConfigKey,
    ) -> Option<String> {
        self.effective_config(options, key, None).value
    }

    /// The value that holds, given what the topic itself says.
    fn effective_config(
        &self,
        options: &Options,
        key: &ConfigKey,
        own: Option<&str>,
    ) -> EffectiveConfig {
        let found = |value: String, source| EffectiveConfig {
            name: key.name,
            value: Some(value),
            source,
        };
        if let Some(own) = own {
            return found(own.to_owned(), ConfigSource::DynamicTopic);
        }
        let synonyms = topic_synonyms(key.name);
        let (node, cluster) = (self.node_values(options), self.cluster_values());
        let first = |lookup: &dyn Fn(&str) -> Option<String>| {
            let mut values = synonyms.iter();
            values.find_map(|(name, unit)| Some(in_milliseconds(lookup(name)?, *unit)))
        };
        if let Some(value) = first(&|name| node.get(name).cloned()) {
            return found(value, ConfigSource::DynamicBroker);
        }
        if let Some(value) = first(&|name| cluster.get(name).cloned()) {
            return found(value, ConfigSource::DynamicDefaultBroker);
        }
        if let Some(value) = options.file_value(key) {
            return found(value, ConfigSource::StaticBroker);
        }
        EffectiveConfig {
            name: key.name,
            value: key.default.map(str::to_owned),
            source: ConfigSource::Default,
        }
    }

    /// One key of a topic that exists or not.
    fn topic_config(&self, options: &Options, topic: &str, name: &str) -> Option<String> {
        let key = find(TOPIC_KEYS, name)?;
        let resource = ConfigResource::new(ResourceType::TOPIC, topic);
        self.effective_config(options, key, self.configs.get(&resource, name))
            .value
    }

    /// How many replicas must be in sync for a write to the topic to count
    /// (`ReplicationControlManager.getTopicEffectiveMinIsr`).
    pub fn min_insync_replicas(&self, options: &Options, topic: &str) -> i32 {
        let value = self.topic_config(options, topic, MIN_INSYNC_REPLICAS);
        value.and_then(|text| text.trim().parse().ok()).unwrap_or(1)
    }

    /// Whether a replica that is not in sync may lead a partition of the topic
    /// (`ConfigurationControlManager.uncleanLeaderElectionEnabledForTopic`).
    pub fn unclean_leader_election_enabled(&self, options: &Options, topic: &str) -> bool {
        let value = self.topic_config(options, topic, UNCLEAN_LEADER_ELECTION_ENABLE);
        value.is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Every value that holds for a topic with these configurations, by name: what a CreateTopics
    /// answer tells (`KafkaConfigSchema.resolveEffectiveTopicConfigs`).
    pub fn effective_topic_configs(
        &self,
        options: &Options,
        configs: &BTreeMap<String, String>,
    ) -> Vec<EffectiveConfig> {
        TOPIC_KEYS
            .iter()
            .filter(|key| !key.is_internal() || configs.contains_key(key.name))
            .map(|key| {
                let own = configs.get(key.name).map(String::as_str);
                self.effective_config(options, key, own)
            })
            .collect()
    }
}

/// Hours or minutes as milliseconds; what is no number stays as it is.
fn in_milliseconds(value: String, unit_ms: i64) -> String {
    match value.trim().parse::<i64>() {
        Ok(count) if unit_ms != 1 => count.saturating_mul(unit_ms).to_string(),
        Ok(_) | Err(_) => value,
    }
}
