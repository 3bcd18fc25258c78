//! The variables of the environment, and container mode: keys that `KAFKA_...` variables set, as the
//! apache/kafka image has it (`kafka.docker.KafkaDockerWrapper` and its script `configure`).
//!
//! Only with `KRAFTD_CONTAINER=1`: the environment of a machine on which Kafka is at home has variables
//! of such names that mean no keys. A variable and no option, because in an image every command must
//! agree: the one that formats, the one that starts.

use std::collections::BTreeMap;

use super::Problem;
use crate::protocol::properties;

pub const CONTAINER_SWITCH: &str = "KRAFTD_CONTAINER";
const ADVERTISED: &str = "KAFKA_ADVERTISED_LISTENERS";

/// Variables that mean something else.
const NO_KEYS: &[&str] = &[
    "KAFKA_VERSION",
    "KAFKA_HEAP_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_JMX_HOSTNAME",
    // Not in the image's list, which has no use for it.
    "KAFKA_HOME",
];

/// Variables and their values.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    pub fn of_process() -> Environment {
        let variables = std::env::vars_os().map(|(name, value)| {
            let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
            (text(name), text(value))
        });
        Environment(variables.collect())
    }

    /// The keys that variables set in container mode; none in any other.
    pub fn keys(&self) -> Result<BTreeMap<String, String>, Problem> {
        let mut keys = BTreeMap::new();
        if !self.is_container()? {
            return Ok(keys);
        }
        for (name, value) in &self.0 {
            let Some(key) = key(name) else { continue };
            if name == ADVERTISED && value.is_empty() {
                continue;
            }
            // The image appends `key=value` to a file, so escapes count in a value too.
            let line = properties::latin_1(format!("{key}={value}").as_bytes());
            let set = properties::parse(&line);
            keys.extend(set.map_err(|what| Problem::new(format!("{name}: {what}")))?);
        }
        self.check_advertised()?;
        Ok(keys)
    }

    fn is_container(&self) -> Result<bool, Problem> {
        match self.0.get(CONTAINER_SWITCH).map(String::as_str) {
            None | Some("" | "0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(other) => Err(Problem::new(format!(
                "{CONTAINER_SWITCH}={other}: expected 1 (KAFKA_... variables set keys) or 0"
            ))),
        }
    }

    fn check_advertised(&self) -> Result<(), Problem> {
        let value = |name: &str| self.0.get(name).map(String::as_str).unwrap_or_default();
        if value("KAFKA_PROCESS_ROLES") == "controller" && !value(ADVERTISED).is_empty() {
            let message = format!("{ADVERTISED} is not supported on a KRaft controller.");
            return Err(Problem::new(message).hint(
                "unset it: others connect to the address in KAFKA_CONTROLLER_QUORUM_VOTERS",
            ));
        }
        Ok(())
    }
}

/// `KAFKA_LOG_DIRS` is `log.dirs`; two underscores are one in the key, three are a dash.
fn key(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix("KAFKA_")?;
    let dotted = rest.to_lowercase().replace('_', ".");
    let key = dotted.replace("...", "-").replace("..", "_");
    (!NO_KEYS.contains(&variable)).then_some(key)
}
