//! Which value of a configuration holds (`KafkaConfigSchema`): that of the topic; else this node's
//! dynamic one, the dynamic one of all nodes, the file's; else Kafka's default.

use std::collections::BTreeMap;

use super::{
    Options, State,
    broker_keys::BrokerKey,
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
        let file = self.file_value(key).map(|value| of_log_config(key, value));
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

/// Where topics that say nothing of a key have its value from.
pub(super) struct Layers<'a> {
    pub options: &'a Options,
    /// Dynamic values of this node, and of all nodes.
    pub node: Values,
    pub cluster: Values,
}

impl Layers<'_> {
    /// The value that holds, as it was written down.
    fn below(&self, key: &ConfigKey) -> EffectiveConfig {
        let dynamic = |values: &Values| {
            let mut synonyms = topic_synonyms(key.name).iter();
            synonyms.find_map(|(name, unit)| {
                let value = values.get(*name)?;
                Some(in_milliseconds(value.clone(), *unit))
            })
        };
        let layers = [
            (dynamic(&self.node), ConfigSource::DynamicBroker),
            (dynamic(&self.cluster), ConfigSource::DynamicDefaultBroker),
            (self.options.file_value(key), ConfigSource::StaticBroker),
        ];
        let set = layers.into_iter().find(|(value, _)| value.is_some());
        let default = || (key.default.map(str::to_owned), ConfigSource::Default);
        let (value, source) = set.unwrap_or_else(default);
        EffectiveConfig {
            name: key.name,
            value,
            source,
        }
    }

    /// The value that brokers go by.
    pub(super) fn inherited(&self, key: &ConfigKey) -> Option<String> {
        let value = self.below(key).value?;
        Some(of_log_config(key, value))
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

    /// All values that are set, whether or not a node can make anything of them.
    fn layers<'a>(&self, options: &'a Options) -> Layers<'a> {
        Layers {
            options,
            node: self.node_values(options),
            cluster: self.cluster_values(),
        }
    }

    /// One key of a topic that exists or not.
    fn topic_config(&self, options: &Options, topic: &str, name: &str) -> Option<String> {
        let key = find(TOPIC_KEYS, name)?;
        let resource = ConfigResource::new(ResourceType::TOPIC, topic);
        if let Some(own) = self.configs.get(&resource, name) {
            return Some(own.to_owned());
        }
        self.layers(options).below(key).value
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
        let layers = self.layers(options);
        TOPIC_KEYS
            .iter()
            .filter(|key| !key.is_internal() || configs.contains_key(key.name))
            .map(|key| match configs.get(key.name) {
                Some(own) => EffectiveConfig {
                    name: key.name,
                    value: Some(own.clone()),
                    source: ConfigSource::DynamicTopic,
                },
                None => layers.below(key),
            })
            .collect()
    }
}

/// What brokers make of a value: to keep messages for less than no time is to keep them for ever
/// (`KafkaConfig.logRetentionTimeMillis`).
fn of_log_config(key: &ConfigKey, value: String) -> String {
    let is_negative = || value.trim().parse::<i64>().is_ok_and(|count| count < 0);
    match key.name == "retention.ms" && is_negative() {
        true => "-1".to_owned(),
        false => value,
    }
}

/// Hours or minutes as milliseconds; what is no number stays as it is.
fn in_milliseconds(value: String, unit_ms: i64) -> String {
    match value.trim().parse::<i64>() {
        Ok(count) if unit_ms != 1 => count.saturating_mul(unit_ms).to_string(),
        Ok(_) | Err(_) => value,
    }
}
