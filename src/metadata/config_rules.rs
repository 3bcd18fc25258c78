//! What configurations may be set to (`ControllerConfigurationValidator`, with the `validate` of
//! `LogConfig`, `GroupConfig` and `ClientMetricsConfigs` of Kafka 4.3.1). Values of brokers are not
//! judged here: the broker that forwards a request has done so.

use std::{collections::BTreeMap, sync::LazyLock};

use fancy_regex::Regex;

use super::{
    ApiError, Options, State,
    broker_keys::BrokerKey,
    config_defs::{
        CLEANUP_POLICY, CLIENT_METRICS_KEYS, ConfigKey, ConfigType, GROUP_KEYS, TOPIC_KEYS, Value,
        find,
    },
    configs::{Alteration, ConfigResource, ResourceType, Values},
    topic_names,
};
use crate::protocol::{ErrorCode, NodeId};

/// Directories that get no new partitions (KIP-1066).
pub const CORDONED_LOG_DIRS: &str = "cordoned.log.dirs";

fn invalid_config<T>(message: String) -> Result<T, ApiError> {
    Err(ApiError::new(ErrorCode::INVALID_CONFIG, message))
}

fn invalid_request<T>(message: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
}

/// Whether APPEND and SUBTRACT make sense: Kafka asks the schemas of topics and brokers only.
pub(super) fn is_splittable(resource_type: ResourceType, name: &str) -> bool {
    let config_type = match resource_type {
        ResourceType::TOPIC => find(TOPIC_KEYS, name).map(|key| key.config_type),
        ResourceType::BROKER => BrokerKey::named(name).map(|known| known.key.config_type),
        ResourceType(_) => None,
    };
    config_type == Some(ConfigType::List)
}

/// Kafka's default of a key of a topic or a broker.
pub(super) fn default_of(resource_type: ResourceType, name: &str) -> Option<&'static str> {
    match resource_type {
        ResourceType::TOPIC => find(TOPIC_KEYS, name)?.default,
        ResourceType::BROKER => BrokerKey::named(name)?.key.default,
        ResourceType(_) => None,
    }
}

/// Judges all values that a resource will have.
pub(super) fn validate(alteration: &Alteration) -> Result<(), ApiError> {
    let name = alteration.resource.name.as_str();
    match alteration.resource.resource_type {
        ResourceType::TOPIC if name.is_empty() => {
            invalid_request("Default topic resources are not allowed.")
        }
        ResourceType::TOPIC => {
            topic_names::validate(name)?;
            validate_topic(alteration, &alteration.new_values())
        }
        ResourceType::BROKER => validate_broker_name(name),
        ResourceType::CLIENT_METRICS if name.is_empty() => {
            invalid_request("Subscription name can't be empty")
        }
        ResourceType::CLIENT_METRICS => {
            validate_client_metrics(alteration, &alteration.new_values())
        }
        ResourceType::GROUP if name.is_empty() => {
            invalid_request("Default group resources are not allowed.")
        }
        ResourceType::GROUP => validate_group(alteration, &alteration.new_values()),
        other => invalid_request(format!("Unknown resource type {other}")),
    }
}

fn validate_broker_name(name: &str) -> Result<(), ApiError> {
    match name.parse::<i32>() {
        _ if name.is_empty() => Ok(()),
        Err(_) => invalid_request("Unable to parse broker name as a base 10 number."),
        Ok(id) if id < 0 => invalid_request("Invalid negative broker ID."),
        Ok(_) => Ok(()),
    }
}

/// Whether there is such a topic or node (`QuorumController.ConfigResourceExistenceChecker`).
pub(super) fn check_existence(
    state: &State,
    options: &Options,
    resource: &ConfigResource,
) -> Result<(), ApiError> {
    let name = &resource.name;
    match resource.resource_type {
        ResourceType::TOPIC if !state.topics.contains(name) => Err(ApiError::new(
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            format!("The topic '{name}' does not exist."),
        )),
        ResourceType::BROKER if !name.is_empty() => {
            let id = name.parse().map(NodeId);
            let id = id.or_else(|_| invalid_request(format!("Invalid broker name {name}")))?;
            let known = state.brokers.contains(id)
                || options.voter_ids.contains(&id)
                || state.controllers.contains(id);
            match known {
                true => Ok(()),
                false => Err(ApiError::new(
                    ErrorCode::BROKER_ID_NOT_REGISTERED,
                    format!("No node with id {id} found."),
                )),
            }
        }
        // Groups and subscriptions come into being by being configured.
        ResourceType(_) => Ok(()),
    }
}

/// Only the broker itself can tell which of its paths exist: a request that did not come through it
/// may free directories, but cordon none.
pub(super) fn check_cordoned_log_dirs(
    alteration: &Alteration,
    value: Option<&str>,
) -> Result<(), ApiError> {
    if alteration.resource.resource_type != ResourceType::BROKER {
        return Ok(());
    }
    let version = alteration.state.metadata_version();
    if !version.is_some_and(|version| version.is_cordoned_log_dirs_supported()) {
        return invalid_config(format!(
            "The {CORDONED_LOG_DIRS} configuration value cannot be set because it requires \
             metadata.version >= 4.3-IV0"
        ));
    }
    let wanted = value.unwrap_or_default().trim();
    if alteration.forwarded || wanted.is_empty() {
        return Ok(());
    }
    let parts = |text: &str| -> Vec<String> {
        text.trim()
            .split(',')
            .map(|part| part.trim().to_owned())
            .collect()
    };
    let current = alteration.existing.get(CORDONED_LOG_DIRS);
    let current = current.map(|text| parts(text)).unwrap_or_default();
    match parts(wanted).iter().all(|part| current.contains(part)) {
        true => Ok(()),
        // Both spaces are Kafka's.
        false => invalid_config(format!(
            "When updating {CORDONED_LOG_DIRS} via controllers,  the new value must be a subset of the \
             current configuration value."
        )),
    }
}

/// The values that are set, read. Keys that some older release left in the log are passed over, as
/// long as the request does not name them.
fn parse_set(
    alteration: &Alteration,
    table: &'static [ConfigKey],
    new: &Values,
    unknown: impl Fn(&str) -> ApiError,
) -> Result<BTreeMap<&'static str, Value>, ApiError> {
    let is_unknown = |name: &&String| {
        find(table, name).is_none()
            && alteration
                .altered
                .iter()
                .any(|record| record.name == **name)
    };
    if let Some(name) = new.keys().find(is_unknown) {
        return Err(unknown(name));
    }
    let mut parsed = BTreeMap::new();
    for (name, value) in new {
        if let Some(key) = find(table, name) {
            let value = key.parse(value).or_else(invalid_config)?;
            parsed.insert(key.name, value);
        }
    }
    Ok(parsed)
}

fn validate_topic(alteration: &Alteration, new: &Values) -> Result<(), ApiError> {
    let mut values = parse_set(alteration, TOPIC_KEYS, new, |name| {
        ApiError::new(
            ErrorCode::INVALID_CONFIG,
            format!("Unknown topic config name: {name}"),
        )
    })?;
    for key in TOPIC_KEYS.iter().filter(|key| new.get(key.name).is_none()) {
        let value = alteration.options.static_topic_config(key);
        values.extend(value.map(|value| (key.name, value)));
    }
    let topic = TopicRules(values);
    let (min_lag, max_lag) = (
        topic.whole("min.compaction.lag.ms"),
        topic.whole("max.compaction.lag.ms"),
    );
    if min_lag > max_lag {
        return invalid_config(format!(
            "conflict topic config setting min.compaction.lag.ms ({min_lag}) > \
             max.compaction.lag.ms ({max_lag})"
        ));
    }
    match topic.flag("remote.storage.enable") {
        true => topic.check_tiered(alteration),
        false => topic.check_tiering_ends(alteration),
    }
}

/// All values of one topic.
struct TopicRules(BTreeMap<&'static str, Value>);

impl TopicRules {
    fn whole(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Value::Whole(value)) => *value,
            other => unreachable!("{name} is a number, not {other:?}"),
        }
    }

    fn flag(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Boolean(true))
    }

    fn check_tiered(&self, alteration: &Alteration) -> Result<(), ApiError> {
        let system = "remote.log.storage.system.enable";
        let is_on = alteration.options.broker_config(system);
        if !is_on.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return invalid_config(
                "Tiered Storage functionality is disabled in the broker. Topic cannot be configured \
                 with remote log storage."
                    .to_owned(),
            );
        }
        if let Some(Value::List(policies)) = self.0.get(CLEANUP_POLICY)
            && policies.iter().any(|policy| policy != "delete")
        {
            return invalid_config(
                "Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy \
                 being an empty list."
                    .to_owned(),
            );
        }
        let (bytes, ms) = (self.whole("retention.bytes"), self.whole("retention.ms"));
        self.check_local("local.retention.bytes", "retention.bytes", bytes > -1)?;
        self.check_local("local.retention.ms", "retention.ms", ms != -1)?;
        if self.flag("remote.log.copy.disable") {
            self.check_local_is_all("local.retention.bytes", "retention.bytes")?;
            self.check_local_is_all("local.retention.ms", "retention.ms")?;
        }
        Ok(())
    }

    /// A broker keeps no more than there is altogether; -2 means as much.
    fn check_local(&self, name: &str, total: &str, limited: bool) -> Result<(), ApiError> {
        let (local, all) = (self.whole(name), self.whole(total));
        let reason = match local {
            -2 => return Ok(()),
            -1 if limited => format!("Value must not be -1 as {total} value is set as {all}."),
            local if limited && local > all => {
                format!("Value must not be more than {total} property value: {all}")
            }
            _ => return Ok(()),
        };
        invalid_config(format!(
            "Invalid value {local} for configuration {name}: {reason}"
        ))
    }

    fn check_local_is_all(&self, name: &str, total: &str) -> Result<(), ApiError> {
        let local = self.whole(name);
        if local == -2 || local == self.whole(total) {
            return Ok(());
        }
        invalid_config(format!(
            "When `remote.log.copy.disable` is set to true, the `{name}` and `{total}` must be set to \
             the identical value because there will be no more logs copied to the remote storage."
        ))
    }

    fn check_tiering_ends(&self, alteration: &Alteration) -> Result<(), ApiError> {
        let was = alteration.existing.get("remote.storage.enable");
        let was_tiered = was.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if !was_tiered || self.flag("remote.log.delete.on.disable") {
            return Ok(());
        }
        invalid_config(
            "It is invalid to disable remote storage without deleting remote data. If you want to keep \
             the remote data and turn to read only, please set \
             `remote.storage.enable=true,remote.log.copy.disable=true`. If you want to disable remote \
             storage and delete all remote data, please set \
             `remote.storage.enable=false,remote.log.delete.on.disable=true`."
                .to_owned(),
        )
    }
}

/// Bounds that the configuration of the brokers sets to those of groups: the group's key, the
/// broker's keys of the least and the greatest value, in the order in which Kafka looks at them.
const GROUP_BOUNDS: &[(&str, Option<&str>, Option<&str>)] = &[
    (
        "consumer.heartbeat.interval.ms",
        Some("group.consumer.min.heartbeat.interval.ms"),
        Some("group.consumer.max.heartbeat.interval.ms"),
    ),
    (
        "consumer.session.timeout.ms",
        Some("group.consumer.min.session.timeout.ms"),
        Some("group.consumer.max.session.timeout.ms"),
    ),
    (
        "consumer.assignment.interval.ms",
        Some("group.consumer.min.assignment.interval.ms"),
        Some("group.consumer.max.assignment.interval.ms"),
    ),
    (
        "share.heartbeat.interval.ms",
        Some("group.share.min.heartbeat.interval.ms"),
        Some("group.share.max.heartbeat.interval.ms"),
    ),
    (
        "share.session.timeout.ms",
        Some("group.share.min.session.timeout.ms"),
        Some("group.share.max.session.timeout.ms"),
    ),
    (
        "share.record.lock.duration.ms",
        Some("group.share.min.record.lock.duration.ms"),
        Some("group.share.max.record.lock.duration.ms"),
    ),
    (
        "share.delivery.count.limit",
        Some("group.share.min.delivery.count.limit"),
        Some("group.share.max.delivery.count.limit"),
    ),
    (
        "share.partition.max.record.locks",
        Some("group.share.min.partition.max.record.locks"),
        Some("group.share.max.partition.max.record.locks"),
    ),
    (
        "share.assignment.interval.ms",
        Some("group.share.min.assignment.interval.ms"),
        Some("group.share.max.assignment.interval.ms"),
    ),
    (
        "streams.heartbeat.interval.ms",
        Some("group.streams.min.heartbeat.interval.ms"),
        Some("group.streams.max.heartbeat.interval.ms"),
    ),
    (
        "streams.session.timeout.ms",
        Some("group.streams.min.session.timeout.ms"),
        Some("group.streams.max.session.timeout.ms"),
    ),
    (
        "streams.num.standby.replicas",
        None,
        Some("group.streams.max.standby.replicas"),
    ),
    (
        "streams.assignment.interval.ms",
        Some("group.streams.min.assignment.interval.ms"),
        Some("group.streams.max.assignment.interval.ms"),
    ),
];

fn validate_group(alteration: &Alteration, new: &Values) -> Result<(), ApiError> {
    let values = parse_set(alteration, GROUP_KEYS, new, |name| {
        ApiError::new(
            ErrorCode::INVALID_CONFIG,
            format!("Unknown group config name: {name}"),
        )
    })?;
    let whole = |name: &str| match values.get(name) {
        Some(Value::Whole(value)) => Some(*value),
        Some(Value::Boolean(_) | Value::Double(_) | Value::List(_) | Value::Text(_)) | None => None,
    };
    let of_broker = |name: &str| -> Option<i64> {
        let value = alteration.options.broker_config(name)?;
        value.trim().parse().ok()
    };
    for (name, min, max) in GROUP_BOUNDS {
        let Some(value) = whole(name) else {
            continue;
        };
        if let Some(min) = min.filter(|min| of_broker(min).is_some_and(|least| value < least)) {
            return invalid_config(format!("{name} must be greater than or equal to {min}"));
        }
        if let Some(max) = max.filter(|max| of_broker(max).is_some_and(|most| value > most)) {
            return invalid_config(format!("{name} must be less than or equal to {max}"));
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let session_name = format!("{kind}.session.timeout.ms");
        let heartbeat_name = format!("{kind}.heartbeat.interval.ms");
        let (session, heartbeat) = (whole(&session_name), whole(&heartbeat_name));
        if session.is_none() && heartbeat.is_none() {
            continue;
        }
        let session = session.or_else(|| of_broker(&format!("group.{session_name}")));
        let heartbeat = heartbeat.or_else(|| of_broker(&format!("group.{heartbeat_name}")));
        if session <= heartbeat {
            return invalid_config(format!(
                "{session_name} must be greater than {heartbeat_name}"
            ));
        }
    }
    Ok(())
}

/// What a subscription may match clients by (KIP-714).
const MATCH_PARAMETERS: &[&str] = &[
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

fn validate_client_metrics(alteration: &Alteration, new: &Values) -> Result<(), ApiError> {
    let values = parse_set(alteration, CLIENT_METRICS_KEYS, new, |name| {
        let message = format!("Unknown client metrics configuration: {name}");
        ApiError::new(ErrorCode::INVALID_REQUEST, message)
    })?;
    if let Some(Value::Whole(interval)) = values.get("interval.ms")
        && !(100..=3_600_000).contains(interval)
    {
        return invalid_request(format!(
            "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
        ));
    }
    let Some(Value::List(patterns)) = values.get("match") else {
        return Ok(());
    };
    match patterns.iter().find(|pattern| !is_match_pattern(pattern)) {
        None => Ok(()),
        Some(bad) => invalid_config(format!("Illegal client matching pattern: {bad}")),
    }
}

/// `name=pattern`, as Java splits it: signs at the end do not count.
fn is_match_pattern(text: &str) -> bool {
    let Some((name, pattern)) = text.trim_end_matches('=').split_once('=') else {
        return false;
    };
    let is_known = MATCH_PARAMETERS.contains(&name.trim());
    is_known && !pattern.contains('=') && is_java_pattern(pattern.trim())
}

/// Whether Java will make a regular expression of it. Brokers do so when they have read the subscription, so that
/// nobody would hear of one that is none. What only one of Java's dialect and this crate's has (`\Q` there,
/// `(?P<name>)` here) is refused.
fn is_java_pattern(pattern: &str) -> bool {
    static JAVA: LazyLock<Regex> = LazyLock::new(|| {
        let escape = r"\\(?: [dDhHsSvVwWbBAGZzRXtnrfae1-9] | [^a-zA-Z0-9] | x[0-9a-fA-F]{2} | x\{[0-9a-fA-F]+\}
            | u[0-9a-fA-F]{4} | k<[a-zA-Z][a-zA-Z0-9]*> | [pP](?: [LMNPSZC] | \{(?: [LMNPSZC][a-z]?
            | Lower | Upper | ASCII | Alpha | Digit | Alnum | Punct | Graph | Print | Blank | Cntrl | Space )\} ))";
        let group = r"\((?: \?(?: [:=!>] | <[=!] | <[a-zA-Z][a-zA-Z0-9]*> | [imsuxU]*(?:-[imsux]+)?[:)] ) | (?!\?) )";
        let class = format!(r"\[ \^? \]? (?> {escape} | [^\]\\] )* \]");
        let times = r"\{ \d+ (?: ,\d* )? \} [+?]?";
        let pattern = format!(
            r"(?x)^(?> {group} | \| | {times} | (?: {escape} | {class} | [^\\\[({{*+?|] ) (?: [*+?] [+?]? )? )*+$"
        );
        Regex::new(&pattern).expect("a pattern of ours")
    });
    Regex::new(pattern).is_ok() && JAVA.is_match(pattern).is_ok_and(|is_java| is_java)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was given to `java.util.regex.Pattern`.
    #[test]
    fn patterns_are_those_that_java_reads() {
        let good = [
            r"app-.*",
            r"^(a|b)+$",
            r"[a-z0-9]{3,}?",
            r"(?i:x)(?<name>y)\k<name>",
            r"\d+\.\w*\p{L}\p{Lu}\p{Alnum}",
            r"[]a^-]++",
            r"(?=a)b(?!c)(?<!d)e(?>f)",
            r"\x41[\d.]",
            "",
        ];
        for pattern in good {
            assert!(is_java_pattern(pattern), "{pattern}");
        }
        let bad = [
            r"(?P<x>a)",
            r"\p{Greek}",
            r"\p{Letter}",
            r"(?<a_b>x)",
            r"a\Kb",
            r"(?#c)a",
            r"(?~a)",
            r"(?(1)a|b)",
            r"(?R:a)",
            r"\N",
            r"\O",
            r"a{x}",
            r"a**",
            r"a{2}*",
            r"*a",
            r"(a",
            r"[a",
            r"a)",
        ];
        for pattern in bad {
            assert!(!is_java_pattern(pattern), "{pattern}");
        }
    }
}
