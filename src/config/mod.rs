//! `server.properties`: read, checked, and then never changed.
//!
//! Every key of Kafka's is accepted, so that brokers and controllers can share a file; what this node
//! cannot honour stops the start with a clear message instead of being ignored.

pub mod listeners;
pub mod values;
pub mod voters;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::protocol::NodeId;
use listeners::Listener;
use values::Values;
pub use voters::Voter;

/// Why a configuration will not do.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{0}")]
    Invalid(String),
}

impl ConfigError {
    pub fn invalid(what: impl Into<String>) -> ConfigError {
        ConfigError::Invalid(what.into())
    }
}

/// What every node says of itself: enough to format its directories.
#[derive(Clone, Debug)]
pub struct Identity {
    pub values: Values,
    pub node_id: NodeId,
    pub is_broker: bool,
    pub is_controller: bool,
    /// In the order of the file; the first one is the metadata log's, unless `metadata.log.dir` says
    /// otherwise.
    pub log_dirs: Vec<PathBuf>,
    pub metadata_log_dir: PathBuf,
    pub voters: Vec<Voter>,
}

impl Identity {
    pub fn load(path: &Path, overrides: &[String]) -> Result<Identity, ConfigError> {
        let values = Values::load(path, overrides)?;
        let roles = roles(&values)?;
        let is = |role: &str| roles.iter().any(|other| other == role);
        let log_dirs = match values.list("log.dirs")[..] {
            [] => values.list("log.dir"),
            _ => values.list("log.dirs"),
        };
        let log_dirs: Vec<PathBuf> = log_dirs.into_iter().map(PathBuf::from).collect();
        let first = || log_dirs.first().cloned();
        let metadata_log_dir = values
            .text("metadata.log.dir")
            .map(PathBuf::from)
            .or_else(first);
        let metadata_log_dir = metadata_log_dir
            .ok_or_else(|| ConfigError::invalid("log.dirs is empty: name a directory in it"))?;
        let identity = Identity {
            node_id: node_id(&values)?,
            is_broker: is("broker"),
            is_controller: is("controller"),
            voters: voters::parse(&values.list("controller.quorum.voters"))?,
            log_dirs,
            metadata_log_dir,
            values,
        };
        identity.check_voters()?;
        Ok(identity)
    }

    /// Every directory that is to be formatted.
    pub fn all_dirs(&self) -> Vec<PathBuf> {
        let mut dirs = vec![self.metadata_log_dir.clone()];
        dirs.extend(
            self.log_dirs
                .iter()
                .filter(|dir| **dir != self.metadata_log_dir)
                .cloned(),
        );
        dirs
    }

    fn check_voters(&self) -> Result<(), ConfigError> {
        let ids: Vec<String> = self
            .voters
            .iter()
            .map(|voter| voter.id.to_string())
            .collect();
        let listed = self.voters.iter().any(|voter| voter.id == self.node_id);
        let set = ids.join(", ");
        let id = self.node_id;
        if self.voters.is_empty() && !self.values.is_set("controller.quorum.bootstrap.servers") {
            return Err(ConfigError::invalid(
                "If using process.roles, either controller.quorum.bootstrap.servers must contain the \
                 set of bootstrap controllers or controller.quorum.voters must contain a parseable set \
                 of controllers.",
            ));
        }
        if self.is_controller && !self.voters.is_empty() && !listed {
            return Err(ConfigError::invalid(format!(
                "requirement failed: If process.roles contains the 'controller' role, the node id {id} \
                 must be included in the set of voters controller.quorum.voters=Set({set})"
            )));
        }
        if self.is_broker && !self.is_controller && listed {
            return Err(ConfigError::invalid(format!(
                "requirement failed: If process.roles contains just the 'broker' role, the node id \
                 {id} must not be included in the set of voters controller.quorum.voters=Set({set})"
            )));
        }
        Ok(())
    }
}

fn roles(values: &Values) -> Result<Vec<String>, ConfigError> {
    values.required("process.roles")?;
    let roles: Vec<String> = values
        .list("process.roles")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let known = |role: &&String| ["broker", "controller"].contains(&role.as_str());
    match roles.iter().find(|role| !known(role)) {
        Some(unknown) => Err(ConfigError::invalid(format!(
            "Unknown process role '{unknown}' (only 'broker' and 'controller' are allowed roles)"
        ))),
        None => Ok(roles),
    }
}

fn node_id(values: &Values) -> Result<NodeId, ConfigError> {
    let key = match values.is_set("node.id") {
        true => "node.id",
        false if values.is_set("broker.id") => "broker.id",
        false => "node.id",
    };
    let unset = || {
        ConfigError::invalid(
            "Missing required configuration \"node.id\" which has no default value.",
        )
    };
    if !values.is_set(key) {
        return Err(unset());
    }
    values.number(key, 0).map(NodeId)
}

/// Everything a controller goes by. Times are milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    pub identity: Identity,
    pub listener: Listener,
    /// What other nodes are told to connect to.
    pub advertised: Listener,
    pub election_timeout_ms: u64,
    pub fetch_timeout_ms: u64,
    pub election_backoff_max_ms: u64,
    pub request_timeout_ms: u64,
    pub retry_backoff_ms: u64,
    /// Only where it is set: by default nothing waits for company.
    pub append_linger_ms: Option<u64>,
    pub fetch_max_bytes: usize,
    pub fetch_snapshot_max_bytes: usize,
    pub session_timeout_ms: u64,
    pub heartbeat_interval_ms: u64,
    /// 0: no NoOp records.
    pub max_idle_interval_ms: u64,
    pub leader_imbalance_check_interval_ms: u64,
    pub auto_leader_rebalance: bool,
    pub unclean_election_interval_ms: u64,
    pub max_bytes_between_snapshots: u64,
    /// 0: never because of the time alone.
    pub max_snapshot_interval_ms: u64,
    /// Negative: no limit.
    pub max_retention_bytes: i64,
    /// Negative: no limit.
    pub max_retention_ms: i64,
    pub max_frame_bytes: usize,
    pub max_connection_idle_ms: u64,
    pub num_partitions: i32,
    pub default_replication_factor: i16,
    pub delete_topic_enable: bool,
    pub unstable_feature_versions_enable: bool,
}

/// Keys that name a Java class which would decide something: it cannot be asked, and to leave it out
/// would decide otherwise.
const JAVA_CLASSES: &[&str] = &[
    "authorizer.class.name",
    "create.topic.policy.class.name",
    "alter.config.policy.class.name",
    "client.quota.callback.class",
];

impl Config {
    /// Loads and checks the configuration of a controller.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Config, ConfigError> {
        let identity = Identity::load(path, overrides)?;
        check_role(&identity, path)?;
        let values = identity.values.clone();
        for key in JAVA_CLASSES {
            if let Some(class) = values.text(key) {
                return Err(ConfigError::invalid(format!(
                    "{key}={class} names a Java class, which kraftd cannot run. Remove the key if the \
                     cluster can do without it."
                )));
            }
        }
        let (listener, advertised) = controller_listener(&values)?;
        let seconds = values.number::<i64>("leader.imbalance.check.interval.seconds", 1)? as u64;
        let bytes = |key| values.number::<i64>(key, 1).map(|bytes| bytes as u64);
        let size = |key| values.number::<i32>(key, 1).map(|bytes| bytes as usize);
        let linger = "controller.quorum.append.linger.ms";
        Ok(Config {
            listener,
            advertised,
            election_timeout_ms: values.ms("controller.quorum.election.timeout.ms")?,
            fetch_timeout_ms: values.ms("controller.quorum.fetch.timeout.ms")?,
            election_backoff_max_ms: values.ms("controller.quorum.election.backoff.max.ms")?,
            request_timeout_ms: values.ms("controller.quorum.request.timeout.ms")?,
            retry_backoff_ms: values.ms("controller.quorum.retry.backoff.ms")?,
            append_linger_ms: values
                .is_set(linger)
                .then(|| values.ms(linger))
                .transpose()?,
            fetch_max_bytes: size("controller.quorum.fetch.max.bytes")?,
            fetch_snapshot_max_bytes: size("controller.quorum.fetch.snapshot.max.bytes")?,
            session_timeout_ms: values.ms("broker.session.timeout.ms")?,
            heartbeat_interval_ms: values.ms("broker.heartbeat.interval.ms")?,
            max_idle_interval_ms: values.ms("metadata.max.idle.interval.ms")?,
            leader_imbalance_check_interval_ms: seconds * 1000,
            auto_leader_rebalance: values.boolean("auto.leader.rebalance.enable")?,
            unclean_election_interval_ms: values.ms("unclean.leader.election.interval.ms")?,
            max_bytes_between_snapshots: bytes("metadata.log.max.record.bytes.between.snapshots")?,
            max_snapshot_interval_ms: values.ms("metadata.log.max.snapshot.interval.ms")?,
            max_retention_bytes: values.number("metadata.max.retention.bytes", i64::MIN)?,
            max_retention_ms: values.number("metadata.max.retention.ms", i64::MIN)?,
            max_frame_bytes: size("socket.request.max.bytes")?,
            max_connection_idle_ms: values.ms("connections.max.idle.ms")?,
            num_partitions: values.number("num.partitions", 1)?,
            default_replication_factor: values.number("default.replication.factor", 1)?,
            delete_topic_enable: values.boolean("delete.topic.enable")?,
            unstable_feature_versions_enable: values.boolean("unstable.feature.versions.enable")?,
            identity,
        })
    }
}

fn check_role(identity: &Identity, path: &Path) -> Result<(), ConfigError> {
    if identity.is_broker {
        return Err(ConfigError::invalid(format!(
            "{}: process.roles asks for a broker, and kraftd is a controller. Set \
             process.roles=controller here, and start a Kafka broker with a file of its own \
             (process.roles=broker, another node.id, the same controller.quorum.voters).",
            path.display()
        )));
    }
    if identity.voters.is_empty() {
        return Err(ConfigError::invalid(
            "controller.quorum.bootstrap.servers alone means voters that are kept in the log (KIP-853), \
             which this release cannot do yet. Set controller.quorum.voters=id@host:port,... with all \
             controllers, on every node.",
        ));
    }
    Ok(())
}

fn controller_listener(values: &Values) -> Result<(Listener, Listener), ConfigError> {
    let names = values.list("controller.listener.names");
    let Some(name) = names.first() else {
        return Err(ConfigError::invalid(
            "requirement failed: controller.listener.names must contain at least one value when running \
             KRaft with just the controller role",
        ));
    };
    let all = listeners::parse_list(values, "listeners")?;
    if all
        .iter()
        .any(|listener| !names.contains(&listener.name.as_str()))
    {
        return Err(ConfigError::invalid(
            "requirement failed: The listeners config must only contain KRaft controller listeners from \
             controller.listener.names when process.roles=controller",
        ));
    }
    let listener = match &all[..] {
        [only] => only.clone(),
        [] => {
            return Err(ConfigError::invalid(format!(
                "listeners has no listener named {name}"
            )));
        }
        [_, _, ..] => {
            return Err(ConfigError::invalid(
                "listeners names several controller listeners; kraftd serves one. Keep the first of \
                 controller.listener.names.",
            ));
        }
    };
    let protocol = listeners::security_protocol(values, &listener.name)?;
    if protocol != "PLAINTEXT" {
        return Err(ConfigError::invalid(format!(
            "listener {} has the security protocol {protocol}; this release serves PLAINTEXT only",
            listener.name
        )));
    }
    let advertised = listeners::parse_list(values, "advertised.listeners")?;
    let advertised = advertised
        .into_iter()
        .find(|other| other.name == listener.name);
    Ok((listener.clone(), advertised.unwrap_or(listener)))
}
