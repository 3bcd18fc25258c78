//! Dynamic configurations (`ConfigurationControlManager`): of topics, brokers, groups and client
//! metrics subscriptions. Here is what is kept and how requests change it; `config_defs` and
//! `broker_keys` know the keys, `config_rules` what they may be set to, `effective_configs` which
//! value holds, `describe_configs` tells them.

use std::{collections::BTreeMap, fmt};

use imbl::OrdMap;

use super::{ApiError, Cx, MAX_RECORDS_PER_USER_OP, Options, Outcome, State, config_rules, nested};
use crate::protocol::{
    ErrorCode,
    messages::{alter_configs as legacy, incremental_alter_configs as incremental},
    records::{ClearElrRecord, ConfigRecord, MetadataRecord},
};

pub use super::config_defs::{MIN_INSYNC_REPLICAS, UNCLEAN_LEADER_ELECTION_ENABLE};

/// What a configuration belongs to (`ConfigResource.Type`). Open: the log may hold newer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceType(pub i8);

impl ResourceType {
    pub const TOPIC: ResourceType = ResourceType(2);
    pub const BROKER: ResourceType = ResourceType(4);
    pub const BROKER_LOGGER: ResourceType = ResourceType(8);
    pub const CLIENT_METRICS: ResourceType = ResourceType(16);
    pub const GROUP: ResourceType = ResourceType(32);

    /// Whether this release knows the type.
    pub fn is_known(self) -> bool {
        self.name() != "UNKNOWN"
    }

    fn name(self) -> &'static str {
        match self {
            ResourceType::TOPIC => "TOPIC",
            ResourceType::BROKER => "BROKER",
            ResourceType::BROKER_LOGGER => "BROKER_LOGGER",
            ResourceType::CLIENT_METRICS => "CLIENT_METRICS",
            ResourceType::GROUP => "GROUP",
            ResourceType(_) => "UNKNOWN",
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One configured thing. The name is empty for the default of all brokers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    pub resource_type: ResourceType,
    pub name: String,
}

impl ConfigResource {
    pub fn new(resource_type: ResourceType, name: impl Into<String>) -> Self {
        ConfigResource {
            resource_type,
            name: name.into(),
        }
    }

    /// What holds for all nodes that say nothing else.
    pub fn all_brokers() -> Self {
        ConfigResource::new(ResourceType::BROKER, "")
    }

    fn is_all_brokers(&self) -> bool {
        self.resource_type == ResourceType::BROKER && self.name.is_empty()
    }

    fn is_one_broker(&self) -> bool {
        self.resource_type == ResourceType::BROKER && !self.name.is_empty()
    }

    /// The record that sets a key, or removes it.
    pub(super) fn record(&self, name: &str, value: Option<String>) -> ConfigRecord {
        ConfigRecord {
            resource_type: self.resource_type.0,
            resource_name: self.name.clone(),
            name: name.to_owned(),
            value,
            ..Default::default()
        }
    }
}

/// The values of one resource, by key.
pub type Values = OrdMap<String, String>;

/// Every dynamic configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configs {
    by_resource: OrdMap<ConfigResource, Values>,
}

impl Configs {
    /// Keys that this release does not know are kept all the same: brokers may know them, and a
    /// snapshot must lose nothing.
    pub(super) fn replay(&mut self, record: &ConfigRecord) -> Result<(), String> {
        let resource_type = ResourceType(record.resource_type);
        let resource = ConfigResource::new(resource_type, record.resource_name.clone());
        let value = record.value.clone();
        nested::set(&mut self.by_resource, resource, &record.name, value);
        Ok(())
    }

    /// Forgets everything about a topic that is gone.
    pub(super) fn remove_topic(&mut self, name: &str) {
        self.by_resource
            .remove(&ConfigResource::new(ResourceType::TOPIC, name));
    }

    /// The values of a resource; empty when nothing is set.
    pub fn of(&self, resource: &ConfigResource) -> Values {
        self.by_resource.get(resource).cloned().unwrap_or_default()
    }

    /// The value of one key of a resource.
    pub fn get(&self, resource: &ConfigResource, name: &str) -> Option<&str> {
        self.by_resource
            .get(resource)?
            .get(name)
            .map(String::as_str)
    }

    /// The records that make these configurations anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        self.by_resource
            .clone()
            .into_iter()
            .flat_map(|(resource, values)| {
                values
                    .into_iter()
                    .map(move |(name, value)| resource.record(&name, Some(value)).into())
            })
    }

    /// Every single broker that has a value for this key.
    fn brokers_with<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ConfigResource> {
        self.by_resource
            .range(ConfigResource::all_brokers()..)
            .take_while(|(resource, _)| resource.resource_type == ResourceType::BROKER)
            .filter(|(resource, values)| resource.is_one_broker() && values.contains_key(name))
            .map(|(resource, _)| resource)
    }
}

/// What must be written before eligible leader replicas are kept (KIP-966): one min.insync.replicas
/// for the whole cluster, and none for single brokers.
pub(super) fn elr_safety_records(state: &State, options: &Options) -> Vec<MetadataRecord> {
    let all = ConfigResource::all_brokers();
    let mut records = Vec::new();
    if state.configs.get(&all, MIN_INSYNC_REPLICAS).is_none() {
        let value = options.static_min_insync_replicas().to_string();
        records.push(all.record(MIN_INSYNC_REPLICAS, Some(value)).into());
    }
    let single = state.configs.brokers_with(MIN_INSYNC_REPLICAS);
    records.extend(single.map(|broker| broker.record(MIN_INSYNC_REPLICAS, None).into()));
    records
}

/// The configurations of a topic that is being created, with what their change brings about; or why
/// they cannot be (`ConfigurationControlManager.incrementalAlterConfig` of a new resource).
pub fn validate_topic_configs(
    state: &State,
    options: &Options,
    topic: &str,
    configs: &BTreeMap<String, String>,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let resource = ConfigResource::new(ResourceType::TOPIC, topic);
    let mut alteration = Alteration {
        state,
        options,
        forwarded: false,
        newly_created: true,
        existing: Values::new(),
        resource,
        altered: Vec::new(),
        deleted: Vec::new(),
    };
    for (name, value) in configs {
        alteration.set(name, Some(value.clone()));
    }
    alteration.check()?;
    Ok(with_clear_elr(state, alteration.into_records()))
}

/// How IncrementalAlterConfigs changes one key (`AlterConfigOp.OpType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpType {
    Set,
    Delete,
    Append,
    Subtract,
}

impl OpType {
    fn for_id(id: i8) -> Option<OpType> {
        match id {
            0 => Some(OpType::Set),
            1 => Some(OpType::Delete),
            2 => Some(OpType::Append),
            3 => Some(OpType::Subtract),
            _ => None,
        }
    }
}

/// IncrementalAlterConfigs (44): each resource succeeds or fails for itself, all records go
/// together.
pub fn incremental_alter_configs(
    state: &State,
    cx: &mut Cx,
    request: &incremental::IncrementalAlterConfigsRequest,
) -> Result<Outcome<incremental::IncrementalAlterConfigsResponse>, ApiError> {
    let resources = request.resources.iter();
    let wanted = resources.map(|wanted| (wanted.resource_type, wanted.resource_name.as_str()));
    let loggers_too = true;
    let (records, results) = alter(
        state,
        cx,
        wanted,
        loggers_too,
        request.validate_only,
        |at, change| change.apply_ops(&request.resources[at].configs),
    )?;
    let responses = results.into_iter().map(|(resource, error)| {
        let (error_code, error_message) = wire(error);
        incremental::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type.0,
            resource_name: resource.name,
            ..Default::default()
        }
    });
    let response = incremental::IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    };
    Ok(Outcome::atomic(records, response))
}

/// AlterConfigs (33), the older way: what a request does not name is removed.
pub fn alter_configs(
    state: &State,
    cx: &mut Cx,
    request: &legacy::AlterConfigsRequest,
) -> Result<Outcome<legacy::AlterConfigsResponse>, ApiError> {
    let resources = request.resources.iter();
    let wanted = resources.map(|wanted| (wanted.resource_type, wanted.resource_name.as_str()));
    let loggers_too = false;
    let (records, results) = alter(
        state,
        cx,
        wanted,
        loggers_too,
        request.validate_only,
        |at, change| {
            change.replace_all(&request.resources[at].configs);
            Ok(())
        },
    )?;
    let responses = results.into_iter().map(|(resource, error)| {
        let (error_code, error_message) = wire(error);
        legacy::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type.0,
            resource_name: resource.name,
            ..Default::default()
        }
    });
    let response = legacy::AlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    };
    Ok(Outcome::atomic(records, response))
}

fn wire(result: Result<(), ApiError>) -> (ErrorCode, Option<String>) {
    match result {
        Ok(()) => (ErrorCode::NONE, None),
        Err(error) => (error.code, Some(error.message)),
    }
}

type Results = Vec<(ConfigResource, Result<(), ApiError>)>;

/// What both APIs share (`ControllerApis.handle*AlterConfigs`): one result for each resource, and
/// the records of those that succeed. `change` says what the request wants of the resource at that
/// place.
fn alter<'a>(
    state: &State,
    cx: &Cx,
    wanted: impl Iterator<Item = (i8, &'a str)> + Clone,
    loggers_too: bool,
    validate_only: bool,
    change: impl Fn(usize, &mut Alteration) -> Result<(), ApiError>,
) -> Result<(Vec<MetadataRecord>, Results), ApiError> {
    let all: Vec<_> = wanted
        .map(|(resource_type, name)| ConfigResource::new(ResourceType(resource_type), name))
        .collect();
    let (mut results, once) = sort_out(&all, loggers_too);
    let mut records = Vec::new();
    for at in once {
        let mut alteration = Alteration {
            state,
            options: cx.options,
            forwarded: cx.forwarded,
            newly_created: false,
            existing: state.configs.of(&all[at]),
            resource: all[at].clone(),
            altered: Vec::new(),
            deleted: Vec::new(),
        };
        let result = change(at, &mut alteration).and_then(|()| alteration.check());
        if result.is_ok() {
            records.extend(alteration.into_records());
        }
        results.push((all[at].clone(), result));
    }
    let records = with_clear_elr(state, records);
    if records.len() > MAX_RECORDS_PER_USER_OP {
        return Err(ApiError::excessive());
    }
    Ok(match validate_only {
        true => (Vec::new(), results),
        false => (records, results),
    })
}

/// The results of resources that cannot be changed at all, and the places of the others.
fn sort_out(all: &[ConfigResource], loggers_too: bool) -> (Results, Vec<usize>) {
    let mut results = Vec::new();
    let mut refuse = |resource: &ConfigResource, code, message: String| {
        results.push((resource.clone(), Err(ApiError::new(code, message))));
    };
    let mut places: BTreeMap<&ConfigResource, Vec<usize>> = BTreeMap::new();
    for (at, resource) in all.iter().enumerate() {
        let resource_type = resource.resource_type;
        match resource_type {
            ResourceType::BROKER_LOGGER if loggers_too => {
                let message =
                    "This controller has no Java loggers. Choose what it logs when it starts.";
                refuse(resource, ErrorCode::INVALID_REQUEST, message.to_owned());
            }
            ResourceType::BROKER_LOGGER => {
                let message = format!("Unexpected resource type {resource_type}.");
                refuse(resource, ErrorCode::INVALID_REQUEST, message);
            }
            ResourceType(id) if !resource_type.is_known() => {
                let message = format!("Unknown resource type {id}.");
                refuse(resource, ErrorCode::UNSUPPORTED_VERSION, message);
            }
            ResourceType(_) => {
                let known = places.entry(resource).or_default();
                known.push(at);
                if known.len() == 2 {
                    let message = "Duplicate resource.".to_owned();
                    refuse(resource, ErrorCode::INVALID_REQUEST, message);
                }
            }
        }
    }
    let mut once: Vec<_> = places
        .values()
        .filter(|known| known.len() == 1)
        .map(|known| known[0])
        .collect();
    once.sort_unstable();
    (results, once)
}

/// While eligible leader replicas are kept, a change of how many must be in sync makes those that
/// were chosen before unsafe.
fn with_clear_elr(state: &State, mut records: Vec<MetadataRecord>) -> Vec<MetadataRecord> {
    if !state.features.is_elr_enabled() {
        return records;
    }
    let mut clear = Vec::new();
    for record in &records {
        let MetadataRecord::Config(record) = record else {
            continue;
        };
        if record.name == MIN_INSYNC_REPLICAS {
            let of_topic = ResourceType(record.resource_type) == ResourceType::TOPIC;
            let topic_name = if of_topic {
                record.resource_name.clone()
            } else {
                String::new()
            };
            clear.push(MetadataRecord::ClearElr(ClearElrRecord {
                topic_name,
                ..Default::default()
            }));
        }
    }
    records.append(&mut clear);
    records
}

/// What a request is about to do to one resource.
pub(super) struct Alteration<'a> {
    pub state: &'a State,
    pub options: &'a Options,
    /// A broker has looked at the request already.
    pub forwarded: bool,
    /// The resource comes into being with the same records.
    pub newly_created: bool,
    pub resource: ConfigResource,
    pub existing: Values,
    /// Keys the request names.
    pub altered: Vec<ConfigRecord>,
    /// Keys that go because an AlterConfigs request does not name them.
    pub deleted: Vec<ConfigRecord>,
}

impl Alteration<'_> {
    /// An equal value is no change; but brokers read their files again when it is theirs
    /// (KAFKA-14136).
    fn set(&mut self, name: &str, value: Option<String>) {
        let unchanged = self.existing.get(name) == value.as_ref();
        if !unchanged || self.resource.resource_type == ResourceType::BROKER {
            self.altered.push(self.resource.record(name, value));
        }
    }

    fn apply_ops(&mut self, ops: &[incremental::AlterableConfig]) -> Result<(), ApiError> {
        // The last word about a key counts.
        let ops: BTreeMap<&str, _> = ops.iter().map(|op| (op.name.as_str(), op)).collect();
        for (name, op) in ops {
            let id = op.config_operation;
            let op_type = OpType::for_id(id).ok_or_else(|| {
                let message = format!("Unknown operation type {id} for key {name}.");
                ApiError::new(ErrorCode::INVALID_REQUEST, message)
            })?;
            let value = match op_type {
                OpType::Set => op.value.clone(),
                OpType::Delete => None,
                OpType::Append | OpType::Subtract => {
                    Some(self.edit_list(name, op_type, op.value.as_deref())?)
                }
            };
            self.set(name, value);
        }
        Ok(())
    }

    fn edit_list(&self, name: &str, op_type: OpType, by: Option<&str>) -> Result<String, ApiError> {
        let invalid = |message: String| Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
        if !config_rules::is_splittable(self.resource.resource_type, name) {
            let op = match op_type {
                OpType::Append => "APPEND",
                OpType::Subtract | OpType::Set | OpType::Delete => "SUBTRACT",
            };
            return invalid(format!(
                "Can't {op} to key {name} because its type is not LIST."
            ));
        }
        let Some(by) = by else {
            return invalid(format!("Null value not supported for key {name}."));
        };
        let current = self.existing.get(name).map(String::as_str);
        let default = || config_rules::default_of(self.resource.resource_type, name);
        let text = current.or_else(default).unwrap_or_default();
        let mut parts: Vec<&str> = text.split(',').filter(|part| !part.is_empty()).collect();
        for part in java_split(by) {
            let at = parts.iter().position(|known| *known == part);
            match (op_type, at) {
                (OpType::Append, None) => parts.push(part),
                (OpType::Subtract, Some(at)) => drop(parts.remove(at)),
                (OpType::Append, Some(_)) | (OpType::Subtract, None) => {}
                (OpType::Set | OpType::Delete, _) => {}
            }
        }
        Ok(parts.join(","))
    }

    fn replace_all(&mut self, configs: &[legacy::AlterableConfig]) {
        let new: BTreeMap<&str, _> = configs
            .iter()
            .map(|config| (config.name.as_str(), &config.value))
            .collect();
        for (name, value) in &new {
            self.set(name, (*value).clone());
        }
        let gone = self
            .existing
            .keys()
            .filter(|name| !new.contains_key(name.as_str()));
        self.deleted = gone.map(|name| self.resource.record(name, None)).collect();
    }

    fn check(&self) -> Result<(), ApiError> {
        for record in self.altered.iter().chain(&self.deleted) {
            self.check_record(record)?;
        }
        config_rules::validate(self)?;
        match self.newly_created {
            true => Ok(()),
            false => config_rules::check_existence(self.state, self.options, &self.resource),
        }
    }

    /// All values that the resource will have.
    pub(super) fn new_values(&self) -> Values {
        let mut values = self.existing.clone();
        for record in self.altered.iter().chain(&self.deleted) {
            match &record.value {
                None => values.remove(&record.name),
                Some(value) => values.insert(record.name.clone(), value.clone()),
            };
        }
        values
    }

    /// The rules about single keys that are the controller's own
    /// (`ConfigurationControlManager.validateAlterConfig`).
    fn check_record(&self, record: &ConfigRecord) -> Result<(), ApiError> {
        let invalid = |message: &str| Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
        let elr = self.state.features.is_elr_enabled();
        if record.name == MIN_INSYNC_REPLICAS && elr && self.resource.is_one_broker() {
            return invalid(
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
            );
        }
        let removed = record.value.is_none();
        if record.name == MIN_INSYNC_REPLICAS && elr && self.resource.is_all_brokers() && removed {
            return invalid(
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
            );
        }
        if record.name == config_rules::CORDONED_LOG_DIRS {
            config_rules::check_cordoned_log_dirs(self, record.value.as_deref())?;
        }
        let length = record
            .value
            .as_deref()
            .map_or(0, |value| value.encode_utf16().count());
        if length > MAX_VALUE_LENGTH {
            return invalid(
                "The configuration value cannot be added because it exceeds the maximum value size of \
                 32767 bytes.",
            );
        }
        Ok(())
    }

    fn into_records(self) -> Vec<MetadataRecord> {
        self.altered
            .into_iter()
            .chain(self.deleted)
            .map(MetadataRecord::Config)
            .collect()
    }
}

/// Longest value, in UTF-16 units as Java counts them.
const MAX_VALUE_LENGTH: usize = 32_767;

/// `String.split(",")`: empty parts at the end do not count; nothing at all is one empty part.
fn java_split(text: &str) -> impl Iterator<Item = &str> {
    let parts: Vec<_> = text.split(',').collect();
    let end = parts
        .iter()
        .rposition(|part| !part.is_empty())
        .map_or(0, |last| last + 1);
    let end = if text.is_empty() { 1 } else { end };
    parts.into_iter().take(end)
}
