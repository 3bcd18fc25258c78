//! The keys and values of a `server.properties`, and how a value becomes a number or a list.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::BufReader,
    path::Path,
    str::FromStr,
    sync::Arc,
};

use super::ConfigError;
use crate::metadata::broker_keys::BrokerKey;

/// What a file and the overrides after it set, by key. Defaults are Kafka's own.
#[derive(Clone, Debug, Default)]
pub struct Values {
    set: Arc<BTreeMap<String, String>>,
}

impl Values {
    /// Reads Java's `.properties` syntax; `overrides` (`key=value`) win.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Values, ConfigError> {
        let unreadable = |reason: String| ConfigError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let parsed: HashMap<String, String> = java_properties::read(BufReader::new(file))
            .map_err(|error| unreadable(error.to_string()))?;
        let mut set: BTreeMap<String, String> = parsed
            .into_iter()
            .map(|(key, value)| (key, value.trim().to_owned()))
            .collect();
        for text in overrides {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                ConfigError::invalid(format!("--override {text}: expected key=value"))
            })?;
            set.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        Ok(Values { set: Arc::new(set) })
    }

    /// What was set, as it was written.
    pub fn all_set(&self) -> &Arc<BTreeMap<String, String>> {
        &self.set
    }

    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains_key(key)
    }

    /// The value of a key, or Kafka's default; `None` where that is null or the value is empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        let set = self.set.get(key).map(String::as_str);
        let default = || BrokerKey::named(key)?.default;
        set.or_else(default).filter(|value| !value.is_empty())
    }

    /// A key without a default must be set.
    pub fn required(&self, key: &str) -> Result<&str, ConfigError> {
        self.text(key).ok_or_else(|| {
            ConfigError::invalid(format!(
                "Missing required configuration \"{key}\" which has no default value."
            ))
        })
    }

    /// A number of at least `min`.
    pub fn number<T>(&self, key: &str, min: T) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let text = self.required(key)?;
        let bits = 8 * size_of::<T>();
        let name = match bits {
            16 => "SHORT",
            32 => "INT",
            _ => "LONG",
        };
        let invalid = |what: String| {
            ConfigError::invalid(format!(
                "Invalid value {text} for configuration {key}: {what}"
            ))
        };
        let value: T = text
            .parse()
            .map_err(|_| invalid(format!("Not a number of type {name}")))?;
        match value < min {
            true => Err(invalid(format!("Value must be at least {min}"))),
            false => Ok(value),
        }
    }

    /// A number of milliseconds.
    pub fn ms(&self, key: &str) -> Result<u64, ConfigError> {
        self.number::<i64>(key, 0).map(|ms| ms as u64)
    }

    pub fn boolean(&self, key: &str) -> Result<bool, ConfigError> {
        let text = self.required(key)?;
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(ConfigError::invalid(format!(
                "Invalid value {text} for configuration {key}: Expected value to be either true or \
                 false"
            ))),
        }
    }

    /// The items between the commas.
    pub fn list(&self, key: &str) -> Vec<&str> {
        let text = self.text(key).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect()
    }
}
