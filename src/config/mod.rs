//! `server.properties`: read, checked, and then never changed.
//!
//! A value is Kafka's default, unless the file sets it, unless in container mode the environment does
//! (`environment`), unless `--override` does. Every key of Kafka's is accepted and its value checked by
//! Kafka's table (`metadata::broker_keys`), so that brokers and controllers can share a file; what this
//! node cannot honour stops the start with a clear message instead of being ignored.
//!
//! Reading goes in two steps: each value by itself, then the rules between them (`rules`). A step finds
//! everything that is wrong and not the first thing only; but rules between values that cannot be read
//! would find nonsense, so they wait. Nothing is logged here: problems and warnings are data, for the
//! start of a server as for `kraftd check`.

mod connections;
mod endpoints;
mod environment;
pub mod listeners;
mod problem;
mod providers;
mod rules;
mod unknown;
pub mod values;
pub mod voters;

use std::path::{Path, PathBuf};

use crate::protocol::NodeId;
pub use connections::ConnectionLimits;
pub use endpoints::Endpoints;
pub use environment::{CONTAINER_SWITCH, Environment};
use listeners::{Listener, is_any};
pub use problem::{ConfigError, Problem};
pub use rules::{anothers_address, java_classes, odd_directories, two_addresses};
pub use unknown::Warning;
use values::Values;
pub use voters::Voter;

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
        let values = Values::load(path, overrides, &Environment::of_process())?;
        Identity::of(values)
    }

    /// Checks what every node must have, broker or controller.
    pub fn of(values: Values) -> Result<Identity, ConfigError> {
        let identity = Identity::read(values)?;
        ConfigError::of(rules::of_every_node(&identity)?)?;
        Ok(identity)
    }

    fn read(values: Values) -> Result<Identity, ConfigError> {
        ConfigError::of(values.check())?;
        let roles = values.list("process.roles")?;
        let is = |role: &str| roles.iter().any(|other| other == role);
        let log_dirs = values.log_dirs()?;
        let first = log_dirs.first().cloned();
        let metadata_log_dir = values.text("metadata.log.dir").map(PathBuf::from);
        let metadata_log_dir = metadata_log_dir.or(first).ok_or_else(|| {
            Problem::new(
                "requirement failed: At least one log directory must be defined via log.dirs or log.dir.",
            )
        })?;
        voters::bootstrap_servers(&values)?;
        Ok(Identity {
            node_id: node_id(&values)?,
            is_broker: is("broker"),
            is_controller: is("controller"),
            voters: voters::parse(&values)?,
            log_dirs,
            metadata_log_dir,
            values,
        })
    }

    /// This node among the voters.
    pub fn own_voter(&self) -> Option<&Voter> {
        self.voters.iter().find(|voter| voter.id == self.node_id)
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
}

fn node_id(values: &Values) -> Result<NodeId, Problem> {
    let key = match values.is_set("node.id") {
        true => "node.id",
        false => "broker.id",
    };
    values.number(key, 0).map(NodeId)
}

/// Everything a controller goes by. Times are milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    pub identity: Identity,
    /// For the log of a server that starts.
    pub warnings: Vec<Warning>,
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
    pub connections: ConnectionLimits,
    pub num_partitions: i32,
    pub default_replication_factor: i16,
    pub delete_topic_enable: bool,
    pub unstable_feature_versions_enable: bool,
}

impl Config {
    /// Loads and checks the configuration of a controller.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Config, ConfigError> {
        let values = Values::load(path, overrides, &Environment::of_process())?;
        Config::of(values, path)
    }

    /// Checks what a controller must have; `path` is named where the file as a whole will not do.
    pub fn of(values: Values, path: &Path) -> Result<Config, ConfigError> {
        let identity = Identity::read(values)?;
        let values = identity.values.clone();
        let mut problems = rules::of_every_node(&identity)?;
        if identity.is_controller {
            problems.extend(rules::java_classes(&values));
        }
        ConfigError::of(problems)?;
        check_role(&identity, path)?;
        let own = identity.own_voter().ok_or_else(no_static_voters)?;
        voters::refuse_unroutable(&identity.voters)?;
        let (listener, advertised) = controller_listener(Endpoints::of(&identity)?, own)?;
        let seconds = values.number::<i64>("leader.imbalance.check.interval.seconds", 1)? as u64;
        let bytes = |key| values.number::<i64>(key, 1).map(|bytes| bytes as u64);
        let size = |key| values.number::<i32>(key, 1).map(|bytes| bytes as usize);
        // Kafka takes 0 too, and then holds elections, or asks a dead peer, without end.
        let timeout = |key| values.number::<i64>(key, 1).map(|ms| ms as u64);
        let linger = "controller.quorum.append.linger.ms";
        Ok(Config {
            warnings: rules::warnings(&values, &listener.name)?,
            connections: ConnectionLimits::of(&values, &listener.name)?,
            listener,
            advertised,
            election_timeout_ms: timeout("controller.quorum.election.timeout.ms")?,
            fetch_timeout_ms: timeout("controller.quorum.fetch.timeout.ms")?,
            election_backoff_max_ms: values.ms("controller.quorum.election.backoff.max.ms")?,
            request_timeout_ms: timeout("controller.quorum.request.timeout.ms")?,
            retry_backoff_ms: timeout("controller.quorum.retry.backoff.ms")?,
            append_linger_ms: values
                .is_set(linger)
                .then(|| values.ms(linger))
                .transpose()?,
            fetch_max_bytes: size("controller.quorum.fetch.max.bytes")?,
            fetch_snapshot_max_bytes: size("controller.quorum.fetch.snapshot.max.bytes")?,
            session_timeout_ms: values.ms("broker.session.timeout.ms")?,
            heartbeat_interval_ms: values.ms("broker.heartbeat.interval.ms")?,
            max_idle_interval_ms: values.ms("metadata.max.idle.interval.ms")?,
            leader_imbalance_check_interval_ms: seconds.saturating_mul(1000),
            auto_leader_rebalance: values.boolean("auto.leader.rebalance.enable")?,
            unclean_election_interval_ms: values.ms("unclean.leader.election.interval.ms")?,
            max_bytes_between_snapshots: bytes("metadata.log.max.record.bytes.between.snapshots")?,
            max_snapshot_interval_ms: values.ms("metadata.log.max.snapshot.interval.ms")?,
            max_retention_bytes: values.number("metadata.max.retention.bytes", i64::MIN)?,
            max_retention_ms: values.number("metadata.max.retention.ms", i64::MIN)?,
            max_frame_bytes: size("socket.request.max.bytes")?,
            max_connection_idle_ms: match values.number("connections.max.idle.ms", i64::MIN)? {
                never if never < 0 => u64::MAX,
                ms => ms as u64,
            },
            num_partitions: values.number("num.partitions", 1)?,
            default_replication_factor: values.number("default.replication.factor", 1)?,
            delete_topic_enable: values.boolean("delete.topic.enable")?,
            unstable_feature_versions_enable: values.boolean("unstable.feature.versions.enable")?,
            identity,
        })
    }

    /// What else is to be said at a start: a port that others do not look at may be meant, behind a proxy.
    pub fn other_port(&self) -> Option<Warning> {
        let own = self.identity.own_voter()?;
        (own.port != self.listener.port).then(|| Warning {
            key: "listeners".to_owned(),
            text: two_addresses(&self.listener, own),
        })
    }
}

fn check_role(identity: &Identity, path: &Path) -> Result<(), Problem> {
    if identity.is_broker {
        return Err(Problem::new(format!(
            "{}: process.roles asks for a broker, and kraftd is a controller. Set \
             process.roles=controller here, and start a Kafka broker with a file of its own \
             (process.roles=broker, another node.id, the same controller.quorum.voters).",
            path.display()
        )));
    }
    Ok(())
}

fn no_static_voters() -> Problem {
    Problem::new(
        "controller.quorum.bootstrap.servers alone means voters that are kept in the log (KIP-853), \
         which this release cannot do yet.",
    )
    .hint("set controller.quorum.voters=id@host:port,... with all controllers, on every node")
}

/// The listener that is served, and what others are told of it: where nothing else is said, the address
/// of this voter (`KafkaConfig.effectiveAdvertisedControllerListeners`).
fn controller_listener(endpoints: Endpoints, own: &Voter) -> Result<(Listener, Listener), Problem> {
    let (listeners, advertised) = (endpoints.listeners, endpoints.advertised);
    let [listener] = &listeners[..] else {
        return Err(Problem::new(
            "listeners names several controller listeners; kraftd serves one",
        )
        .hint("keep the first of controller.listener.names"));
    };
    let Listener {
        name,
        host,
        security_protocol,
        ..
    } = listener;
    if security_protocol != "PLAINTEXT" {
        return Err(Problem::new(format!(
            "listener.security.protocol.map gives the listener {name} the security protocol \
             {security_protocol}; this release serves PLAINTEXT only"
        ))
        .hint(format!(
            "write {name}:PLAINTEXT there, on every node of the cluster, and let only its hosts reach the port; \
             keep the controllers in Java if they need {security_protocol}"
        )));
    }
    let told = advertised.into_iter().find(|other| other.name == *name);
    let (host, port) = match &told {
        Some(told) if told.host.is_empty() => (&own.host, told.port),
        Some(told) => (&told.host, told.port),
        None if is_any(host) => (&own.host, own.port),
        None => (host, listener.port),
    };
    let advertised = Listener {
        host: host.clone(),
        port,
        ..listener.clone()
    };
    Ok((listener.clone(), advertised))
}
