//! DescribeConfigs (32), as `ConfigHelper` of Kafka 4.3.1 answers it on a controller: topics,
//! groups, client metrics subscriptions, and this node itself.

use std::collections::BTreeSet;

use super::{
    ApiError, Options, State,
    broker_keys::{BROKER_KEYS, BrokerKey, UpdateMode},
    config_defs::{CLIENT_METRICS_KEYS, ConfigKey, ConfigType, GROUP_KEYS, TOPIC_KEYS, find},
    configs::{ConfigResource, ResourceType, Values},
    effective_configs::{ConfigSource, Layers, topic_synonyms},
    topic_names,
};
use crate::protocol::{
    ErrorCode, NodeId,
    messages::describe_configs::{
        DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
        DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
    },
};

/// A few bytes ask for hundreds of entries, as often as they are repeated, and the controller does nothing else while it
/// makes them: what is beyond so many, thousands of topics, is to be asked for with another request. Kafka has no limit.
const MOST_ENTRIES: usize = 250_000;

/// Answers from what this node knows; any node does. Who asks for a type that nobody knows is told nothing of the
/// others either.
pub fn describe_configs(
    state: &State,
    options: &Options,
    request: &DescribeConfigsRequest,
) -> Result<DescribeConfigsResponse, ApiError> {
    let types = request.resources.iter().map(|wanted| wanted.resource_type);
    if !types.map(ResourceType).all(is_described) {
        let code = ErrorCode::INVALID_REQUEST;
        return Err(ApiError::new(code, code.message()));
    }
    let describer = Describer {
        state,
        layers: Layers {
            options,
            node: applied(&state.node_values(options), true),
            cluster: applied(&state.cluster_values(), false),
        },
        include_synonyms: request.include_synonyms,
        include_documentation: request.include_documentation,
    };
    let mut room = MOST_ENTRIES;
    let wanted = request.resources.iter();
    let results = wanted.map(|wanted| describer.result(wanted, &mut room));
    Ok(DescribeConfigsResponse {
        results: results.collect(),
        ..Default::default()
    })
}

/// What there is something to tell of.
fn is_described(resource_type: ResourceType) -> bool {
    matches!(
        resource_type,
        ResourceType::TOPIC
            | ResourceType::BROKER
            | ResourceType::BROKER_LOGGER
            | ResourceType::CLIENT_METRICS
            | ResourceType::GROUP
    )
}

/// The dynamic values that a node takes note of: not those that it cannot read or that can only stand in its
/// file, and for all nodes not those that must be set for each (`DynamicBrokerConfig.fromPersistentProps`).
fn applied(values: &Values, of_one_node: bool) -> Values {
    values
        .iter()
        .filter(
            |(name, value)| match (BrokerKey::named(name), listener_key(name)) {
                (Some(known), _) if known.key.parse(value).is_err() => false,
                (Some(known), _) => match known.update_mode {
                    UpdateMode::ReadOnly => false,
                    UpdateMode::PerBroker => of_one_node && !is_listeners_own(name),
                    UpdateMode::ClusterWide => true,
                },
                (None, Some(base)) => of_one_node || LIMITS_OF_LISTENERS.contains(&base),
                (None, None) => true,
            },
        )
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Keys that may be set for one listener of all nodes.
const LIMITS_OF_LISTENERS: &[&str] = &[
    "max.connections",
    "max.connection.creation.rate",
    "num.network.threads",
];

/// Keys of which Kafka says the type though they are in no file (`DynamicConfig.Broker`).
const REPLICATION_QUOTAS: &[&str] = &[
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
];

/// Key stores and trust stores can be changed for one listener only.
fn is_listeners_own(name: &str) -> bool {
    let stores = ["ssl.keystore.", "ssl.truststore."];
    name == "ssl.key.password" || stores.iter().any(|prefix| name.starts_with(prefix))
}

/// What follows the listener's name in `listener.name.<listener>.<key>`.
fn listener_key(name: &str) -> Option<&str> {
    let (_, key) = name.strip_prefix("listener.name.")?.split_once('.')?;
    Some(key)
}

/// Keys that stand behind a SASL mechanism's name.
const KEYS_OF_MECHANISMS: &[&str] = &[
    "sasl.jaas.config",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
    "sasl.server.callback.handler.class",
    "connections.max.reauth.ms",
];

/// The key that a listener's own one replaces.
fn base_key(name: &str) -> Option<&str> {
    let key = listener_key(name)?;
    let of_mechanism = KEYS_OF_MECHANISMS.iter().find(|base| key.ends_with(*base));
    Some(of_mechanism.copied().unwrap_or(key))
}

/// `KafkaConfig.configType`; `None` for keys nobody knows, which are taken for secrets.
fn broker_type(name: &str) -> Option<ConfigType> {
    if REPLICATION_QUOTAS.contains(&name) {
        return Some(ConfigType::Long);
    }
    let key = BrokerKey::named(name).or_else(|| BrokerKey::named(base_key(name)?));
    key.map(|key| key.key.config_type)
}

/// The keys whose values can stand in for this one's (`DynamicBrokerConfig.brokerConfigSynonyms`).
fn broker_synonyms(name: &str) -> Vec<&str> {
    const GROUPS: &[&[&str]] = &[
        &["log.roll.ms", "log.roll.hours"],
        &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        &[
            "log.retention.ms",
            "log.retention.minutes",
            "log.retention.hours",
        ],
    ];
    if let Some(group) = GROUPS.iter().find(|group| group.contains(&name)) {
        return group.to_vec();
    }
    match base_key(name) {
        _ if name == "log.flush.interval.ms" => vec![name, "log.flush.scheduler.interval.ms"],
        Some(base) => vec![name, base],
        None => vec![name],
    }
}

/// The layers of a broker's configuration, the strongest first.
const LAYERS: &[ConfigSource] = &[
    ConfigSource::DynamicBroker,
    ConfigSource::DynamicDefaultBroker,
    ConfigSource::StaticBroker,
    ConfigSource::Default,
];

/// One entry of an answer before it is put into its wire form.
struct Entry<'a> {
    name: &'a str,
    /// As it was written down, or Kafka's default.
    value: Option<&'a str>,
    config_type: Option<ConfigType>,
    read_only: bool,
    sensitive: bool,
    synonyms: Vec<DescribeConfigsSynonym>,
    documentation: Option<&'a str>,
}

/// What all answers to one request have in common.
struct Describer<'a> {
    state: &'a State,
    layers: Layers<'a>,
    include_synonyms: bool,
    include_documentation: bool,
}

impl Describer<'_> {
    /// One resource's part of the answer, which takes its entries from what there is room for.
    fn result(&self, wanted: &DescribeConfigsResource, room: &mut usize) -> DescribeConfigsResult {
        let mut result = DescribeConfigsResult {
            resource_type: wanted.resource_type,
            resource_name: wanted.resource_name.clone(),
            ..Default::default()
        };
        let configs = match *room {
            0 => Err(ApiError::new(
                ErrorCode::INVALID_REQUEST,
                format!(
                    "one request may ask for {MOST_ENTRIES} configurations: ask for fewer resources at once"
                ),
            )),
            _ => self.configs(ResourceType(wanted.resource_type), &wanted.resource_name),
        };
        match configs {
            Ok(mut configs) => {
                *room = room.saturating_sub(configs.len());
                let keys: BTreeSet<&String> = wanted.configuration_keys.iter().flatten().collect();
                configs.retain(|config| keys.is_empty() || keys.contains(&config.name));
                result.configs = configs;
            }
            Err(error) => {
                result.error_code = error.code;
                result.error_message = Some(error.message);
            }
        }
        result
    }

    fn configs(
        &self,
        resource_type: ResourceType,
        name: &str,
    ) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
        let refuse = |message: &str| Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
        match resource_type {
            ResourceType::TOPIC => {
                topic_names::validate(name)?;
                match self.state.topics.contains(name) {
                    true => Ok(self.topic(name)),
                    false => Err(ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "")),
                }
            }
            ResourceType::BROKER if name.is_empty() => Ok(self.all_brokers()),
            ResourceType::BROKER => self
                .check_own_id(name, " or empty string,")
                .map(|()| self.own()),
            ResourceType::BROKER_LOGGER if name.is_empty() => refuse("Broker id must not be empty"),
            // There are no Java loggers here.
            ResourceType::BROKER_LOGGER => self.check_own_id(name, "").map(|()| Vec::new()),
            ResourceType::CLIENT_METRICS if name.is_empty() => {
                refuse("Client metrics subscription name must not be empty")
            }
            ResourceType::CLIENT_METRICS => Ok(self.client_metrics(name)),
            ResourceType::GROUP if name.is_empty() => refuse("Group name must not be empty"),
            ResourceType::GROUP => Ok(self.group(name)),
            other => unreachable!("{other} is not described"),
        }
    }

    /// A node tells of itself only.
    fn check_own_id(&self, name: &str, or_what: &str) -> Result<(), ApiError> {
        let own = self.layers.options.node_id;
        let message = match name.parse() {
            Ok(id) if NodeId(id) == own => return Ok(()),
            Ok(_) => {
                format!("Unexpected broker id, expected {own}{or_what} but received {name}")
            }
            Err(_) => format!("Broker id must be an integer, but it is: {name}"),
        };
        Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
    }

    fn topic(&self, name: &str) -> Vec<DescribeConfigsResourceResult> {
        let own = self
            .state
            .configs
            .of(&ConfigResource::new(ResourceType::TOPIC, name));
        let inherited = |key: &ConfigKey| {
            let value = self.layers.inherited(key);
            let synonyms = topic_synonyms(key.name).first();
            (
                value,
                synonyms
                    .map(|(broker_key, _)| self.synonyms(broker_key))
                    .unwrap_or_default(),
            )
        };
        self.keyed(TOPIC_KEYS, &own, ConfigSource::DynamicTopic, inherited)
    }

    fn group(&self, name: &str) -> Vec<DescribeConfigsResourceResult> {
        let own = self
            .state
            .configs
            .of(&ConfigResource::new(ResourceType::GROUP, name));
        let inherited = |key: &ConfigKey| {
            let broker_key = format!("group.{}", key.name);
            match BrokerKey::named(&broker_key) {
                Some(_) => {
                    let value = self.of_broker(&broker_key).map(str::to_owned);
                    (value, self.synonyms(&broker_key))
                }
                None => {
                    let default = key.default.map(str::to_owned);
                    let synonym = synonym(key.name, default.clone(), ConfigSource::Default);
                    (default, vec![synonym])
                }
            }
        };
        self.keyed(GROUP_KEYS, &own, ConfigSource::Group, inherited)
    }

    fn client_metrics(&self, name: &str) -> Vec<DescribeConfigsResourceResult> {
        let resource = ConfigResource::new(ResourceType::CLIENT_METRICS, name);
        let own = self.state.configs.of(&resource);
        let inherited = |key: &ConfigKey| (key.default.map(str::to_owned), Vec::new());
        self.keyed(
            CLIENT_METRICS_KEYS,
            &own,
            ConfigSource::ClientMetrics,
            inherited,
        )
    }

    /// Every key of a table, and whatever else is set; `inherited` says what holds where nothing
    /// is, and which values that comes from.
    fn keyed(
        &self,
        table: &'static [ConfigKey],
        own: &Values,
        source: ConfigSource,
        inherited: impl Fn(&ConfigKey) -> (Option<String>, Vec<DescribeConfigsSynonym>),
    ) -> Vec<DescribeConfigsResourceResult> {
        let known = table
            .iter()
            .filter(|key| !key.is_internal())
            .map(|key| key.name);
        let names: BTreeSet<&str> = known.chain(own.keys().map(String::as_str)).collect();
        let entry = |name: &&str| {
            let key = find(table, name);
            let (below, mut synonyms) = key.map(&inherited).unwrap_or_default();
            let own = own.get(*name);
            let value = own.or(below.as_ref());
            let config_type = key.map(|key| key.config_type);
            let sensitive = key.is_none() && source != ConfigSource::ClientMetrics;
            if let Some(value) = own {
                let shown = (!sensitive).then(|| printed(value, config_type));
                synonyms.insert(0, synonym(name, shown, source));
            }
            self.wire(Entry {
                name,
                value: value.map(String::as_str),
                config_type,
                read_only: false,
                sensitive,
                synonyms,
                documentation: key.map(|key| key.documentation),
            })
        };
        names.iter().map(entry).collect()
    }

    /// What is set for all nodes.
    fn all_brokers(&self) -> Vec<DescribeConfigsResourceResult> {
        let entry = |(name, value): (&String, &String)| {
            let mut synonyms = self.synonyms(name);
            synonyms.retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker as i8);
            self.broker_entry(name, Some(value), synonyms)
        };
        self.layers.cluster.iter().map(entry).collect()
    }

    /// This node: every key there is, and whatever else its file or the log sets.
    fn own(&self) -> Vec<DescribeConfigsResourceResult> {
        let known = BROKER_KEYS
            .iter()
            .filter(|known| !known.is_internal())
            .map(|known| known.key.name);
        let set = self
            .layers
            .options
            .static_configs
            .keys()
            .chain(self.layers.cluster.keys());
        let set = set.chain(self.layers.node.keys()).map(String::as_str);
        let names: BTreeSet<&str> = known.chain(set).collect();
        let entry =
            |name: &&str| self.broker_entry(name, self.of_broker(name), self.synonyms(name));
        names.iter().map(entry).collect()
    }

    fn broker_entry(
        &self,
        name: &str,
        value: Option<&str>,
        synonyms: Vec<DescribeConfigsSynonym>,
    ) -> DescribeConfigsResourceResult {
        let config_type = broker_type(name);
        let known = BrokerKey::named(name);
        let mode = known.map_or(UpdateMode::ReadOnly, |known| known.update_mode);
        let documentation = known.map(|known| known.key.documentation);
        let is_quota = REPLICATION_QUOTAS.contains(&name);
        self.wire(Entry {
            name,
            value,
            config_type,
            read_only: mode == UpdateMode::ReadOnly && !is_quota,
            sensitive: config_type.is_none_or(ConfigType::is_sensitive),
            synonyms,
            documentation: documentation.filter(|text| !text.is_empty()),
        })
    }

    /// The values that stand behind a broker's key, the strongest first. The key's own must be the
    /// first of them: what only stands in for it is not told.
    fn synonyms(&self, name: &str) -> Vec<DescribeConfigsSynonym> {
        let sensitive = broker_type(name).is_none_or(ConfigType::is_sensitive);
        let names = broker_synonyms(name);
        let mut found = Vec::new();
        for source in LAYERS {
            for name in &names {
                if let Some(value) = self.broker_value(*source, name) {
                    let value = (!sensitive).then(|| value.to_owned());
                    found.push(synonym(name, value, *source));
                }
            }
        }
        found
            .into_iter()
            .skip_while(|synonym| synonym.name != name)
            .collect()
    }

    /// What holds of a broker's key, as it was written down.
    fn of_broker(&self, name: &str) -> Option<&str> {
        let mut layers = LAYERS.iter();
        layers.find_map(|source| self.broker_value(*source, name))
    }

    /// What one layer says of a broker's key.
    fn broker_value(&self, source: ConfigSource, name: &str) -> Option<&str> {
        match source {
            ConfigSource::DynamicBroker => self.layers.node.get(name).map(String::as_str),
            ConfigSource::DynamicDefaultBroker => self.layers.cluster.get(name).map(String::as_str),
            ConfigSource::StaticBroker => self.layers.options.static_config(name),
            ConfigSource::Default => BrokerKey::named(name)?.key.default,
            ConfigSource::DynamicTopic | ConfigSource::ClientMetrics | ConfigSource::Group => None,
        }
    }

    fn wire(&self, entry: Entry) -> DescribeConfigsResourceResult {
        let Entry {
            name,
            value,
            config_type,
            read_only,
            sensitive,
            synonyms,
            documentation,
        } = entry;
        let shown = value
            .filter(|_| !sensitive)
            .map(|value| printed(value, config_type));
        let config_source = synonyms
            .first()
            .map_or(ConfigSource::Default as i8, |first| first.source);
        let documentation = documentation.filter(|_| self.include_documentation);
        DescribeConfigsResourceResult {
            name: name.to_owned(),
            value: shown,
            read_only,
            config_source,
            is_sensitive: sensitive,
            synonyms: if self.include_synonyms {
                synonyms
            } else {
                Vec::new()
            },
            config_type: config_type.map_or(0, |config_type| config_type as i8),
            documentation: documentation.map(str::to_owned),
            ..Default::default()
        }
    }
}

fn synonym(name: &str, value: Option<String>, source: ConfigSource) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: name.to_owned(),
        value,
        source: source as i8,
        ..Default::default()
    }
}

/// As Java prints the value it has read; what cannot be read is told as it was written down.
fn printed(value: &str, config_type: Option<ConfigType>) -> String {
    let read = config_type.and_then(|config_type| config_type.parse(value).ok());
    read.map_or_else(|| value.to_owned(), |read| read.to_string())
}
