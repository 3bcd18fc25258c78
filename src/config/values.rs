//! The keys and values of a node, and how a value becomes a number or a list. Kafka's table says what a
//! value may be (`metadata::broker_keys`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{ConfigError, Environment, Problem, Warning, providers, unknown};
use crate::{
    metadata::{
        broker_keys::{BROKER_KEYS, BrokerKey, REQUIRED},
        config_defs::{ConfigKey, Value, trim},
    },
    protocol::properties,
};

/// Shown for a value that came from a config provider (as by Kafka for a password).
const HIDDEN: &str = "[hidden]";
/// What some editors put before the first letter of a file, as it looks in ISO-8859-1.
const BYTE_ORDER_MARK: &str = "\u{ef}\u{bb}\u{bf}";

/// What is set, by key. What is not has Kafka's default.
#[derive(Clone, Default)]
pub struct Values {
    set: Arc<BTreeMap<String, String>>,
    /// Keys whose values are not to be printed.
    secret: BTreeSet<String>,
    pub warnings: Vec<Warning>,
}

/// Without the values: some are secrets.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.set.keys()).finish()
    }
}

impl Values {
    /// Reads what is set, and asks config providers for what stands for something else.
    pub fn load(
        path: &Path,
        overrides: &[String],
        environment: &Environment,
    ) -> Result<Values, ConfigError> {
        let mut values = Values::read(path, overrides, environment)?;
        let set = Arc::make_mut(&mut values.set);
        values.secret = providers::resolve(set, environment, &mut values.warnings)?;
        Ok(values)
    }

    /// Reads the file; the environment (in container mode) wins over it, and `overrides` (`key=value`)
    /// over both.
    pub fn read(
        path: &Path,
        overrides: &[String],
        environment: &Environment,
    ) -> Result<Values, Problem> {
        let from_environment = environment.keys()?;
        let mut set = match fs::read(path) {
            Ok(bytes) => properties::parse(&properties::latin_1(&bytes)).map_err(|reason| {
                Problem::unreadable(path, reason).hint(
                    "after \\u stand four hexadecimal digits; a backslash itself is written twice",
                )
            })?,
            // A container may do with the environment alone.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && !from_environment.is_empty() =>
            {
                BTreeMap::new()
            }
            Err(error) => return Err(Problem::unreadable(path, error)),
        };
        set.extend(from_environment);
        for text in overrides {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                Problem::new(format!("--override {text}: expected property=value"))
            })?;
            set.insert(trim(key).to_owned(), value.to_owned());
        }
        for value in set.values_mut() {
            *value = trim(value).to_owned();
        }
        Ok(Values {
            warnings: unknown::unknown_keys(&set),
            secret: BTreeSet::new(),
            set: Arc::new(set),
        })
    }

    /// What is set, by key.
    pub fn all_set(&self) -> &Arc<BTreeMap<String, String>> {
        &self.set
    }

    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains_key(key)
    }

    /// Judges every value by itself, by Kafka's table. Of keys that are missing it tells the first, as Kafka does:
    /// a file without process.roles is no node's at all.
    pub fn check(&self) -> Vec<Problem> {
        // `node.id` and `broker.id` are one (`AbstractKafkaConfig.populateSynonyms`).
        let has = |name| self.is_set(name) || name == "node.id" && self.is_set("broker.id");
        let missing = REQUIRED.iter().find(|name| !has(name));
        let missing = missing.map(|name| self.missing(name)).into_iter();
        let wrong = BROKER_KEYS
            .iter()
            .filter_map(|known| self.parse(&known.key).err());
        missing.chain(wrong).collect()
    }

    /// The value of a key, or Kafka's default; `None` where that is null or the value is empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        let set = self.set.get(key).map(String::as_str);
        let default = || BrokerKey::named(key)?.key.default;
        set.or_else(default).filter(|value| !value.is_empty())
    }

    /// A number of at least `min`, also where Kafka asks for less.
    pub fn number<T>(&self, key: &str, min: T) -> Result<T, Problem>
    where
        T: TryFrom<i64> + PartialOrd + fmt::Display + Copy,
    {
        let Some(Value::Whole(found)) = self.value(key)? else {
            return Err(self.missing(key));
        };
        match T::try_from(found) {
            Ok(number) if number >= min => Ok(number),
            Err(_) if found > 0 => Err(self.invalid(key, "the number is too large")),
            Ok(_) | Err(_) => Err(self.invalid(key, &format!("Value must be at least {min}"))),
        }
    }

    /// A number, if the key has a value.
    pub fn optional_number(&self, key: &str) -> Result<Option<i64>, Problem> {
        match self.value(key)? {
            Some(Value::Whole(number)) => Ok(Some(number)),
            Some(_) | None => Ok(None),
        }
    }

    /// A number of milliseconds.
    pub fn ms(&self, key: &str) -> Result<u64, Problem> {
        self.number::<i64>(key, 0).map(|ms| ms as u64)
    }

    pub fn boolean(&self, key: &str) -> Result<bool, Problem> {
        match self.value(key)? {
            Some(Value::Boolean(value)) => Ok(value),
            Some(_) | None => Err(self.missing(key)),
        }
    }

    /// The items of a list; none where it is not set.
    pub fn list(&self, key: &str) -> Result<Vec<String>, Problem> {
        match self.value(key)? {
            Some(Value::List(items)) => Ok(items),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    /// The key that names the log directories: the old one, unless the new one is set.
    pub fn log_dirs_key(&self) -> &'static str {
        match self.is_set("log.dirs") {
            true => "log.dirs",
            false => "log.dir",
        }
    }

    pub fn log_dirs(&self) -> Result<Vec<PathBuf>, Problem> {
        let dirs = self.list(self.log_dirs_key())?;
        Ok(dirs.into_iter().map(PathBuf::from).collect())
    }

    /// The problem with a value as it may be printed: without it, where it is a secret.
    pub fn shown(&self, key: &str, problem: Problem) -> Problem {
        match self.secret.contains(key) {
            false => problem,
            true => Problem::new(format!("Invalid value {HIDDEN} for configuration {key}")).hint(
                "it came from a config provider and is not shown: look at its form where it is kept",
            ),
        }
    }

    /// A value as it may be printed.
    pub fn printed(&self, key: &str, value: impl fmt::Display) -> String {
        match self.secret.contains(key) {
            false => value.to_string(),
            true => HIDDEN.to_owned(),
        }
    }

    fn value(&self, key: &str) -> Result<Option<Value>, Problem> {
        match BrokerKey::named(key) {
            Some(known) => self.parse(&known.key),
            None => Ok(self.text(key).map(|text| Value::Text(text.to_owned()))),
        }
    }

    fn parse(&self, key: &ConfigKey) -> Result<Option<Value>, Problem> {
        let Some(text) = self.set.get(key.name).map(String::as_str).or(key.default) else {
            return Ok(None);
        };
        let parsed = key.parse(text).map_err(|message| {
            let problem = Problem::new(message).blank_in(text);
            self.shown(key.name, problem)
        });
        parsed.map(Some)
    }

    fn missing(&self, key: &str) -> Problem {
        let problem = Problem::new(format!(
            "Missing required configuration \"{key}\" which has no default value."
        ));
        let first = self
            .set
            .keys()
            .find(|first| first.starts_with(BYTE_ORDER_MARK));
        match first {
            Some(_) => problem.hint(
                "the file begins with a byte order mark, which Java takes for a part of the first key: save it \
                 as UTF-8 without one",
            ),
            None if key == "process.roles" && self.is_set("zookeeper.connect") => problem.hint(
                "this is a file for Kafka with ZooKeeper, which Kafka 4 does without: begin with \
                 config/controller.properties",
            ),
            None => problem,
        }
    }

    fn invalid(&self, key: &str, what: &str) -> Problem {
        let value = self.text(key).unwrap_or_default();
        let message = format!("Invalid value {value} for configuration {key}: {what}");
        self.shown(key, Problem::new(message))
    }
}
