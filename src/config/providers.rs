//! Config providers (KIP-297, KIP-421): `${alias:path:key}` and `${alias:key}` in a value stand for
//! something in the environment, in another file of properties, or in a directory of files.
//!
//! `config.providers=alias,...` names them, `config.providers.ALIAS.class` says which of Kafka's three
//! classes each is (`org.apache.kafka.common.config.provider`), `config.providers.ALIAS.param.NAME` what
//! it may read. A class of somebody else cannot run here and stops the start. As in Kafka, a variable
//! that names nothing stays as it is written; unlike Kafka, that is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use super::{Environment, Problem, Warning};
use crate::{metadata::config_defs::trim, protocol::properties};

const PROVIDERS: &str = "config.providers";
const PACKAGE: &str = "org.apache.kafka.common.config.provider.";

/// Replaces the variables in all values. Returns the keys that have a secret now: their values are not
/// to be printed.
pub fn resolve(
    values: &mut BTreeMap<String, String>,
    environment: &Environment,
    warnings: &mut Vec<Warning>,
) -> Result<BTreeSet<String>, Problem> {
    let mut secret = BTreeSet::new();
    let providers = providers(values, environment)?;
    if providers.is_empty() {
        return Ok(secret);
    }
    let variable = Regex::new(r"\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}");
    let variable = variable.map_err(|error| Problem::new(error.to_string()))?;
    for (key, value) in values.iter_mut() {
        let (mut resolved, mut end) = (String::new(), 0);
        for found in variable.captures_iter(value) {
            let part = |group| found.get(group).map_or("", |part| part.as_str());
            let (all, alias, path, name) = (part(0), part(1), part(2), part(3));
            let looked_up = match providers.get(alias) {
                Some(provider) => provider.look_up(path, name)?,
                None => Err(format!("{PROVIDERS} names no {alias}")),
            };
            match looked_up {
                Ok(text) => {
                    let start = found.get(0).map_or(0, |all| all.start());
                    resolved.push_str(&value[end..start]);
                    resolved.push_str(&text);
                    end = start + all.len();
                }
                Err(why) => warnings.push(Warning {
                    key: key.clone(),
                    text: format!("{key}: {all} stands for nothing and is left as it is: {why}"),
                }),
            }
        }
        if end > 0 {
            resolved.push_str(&value[end..]);
            *value = trim(&resolved).to_owned();
            secret.insert(key.clone());
        }
    }
    Ok(secret)
}

/// Where values come from.
enum Provider<'a> {
    Environment {
        variables: &'a Environment,
        allowed: Option<Regex>,
    },
    File(AllowedPaths),
    Directory(AllowedPaths),
}

fn providers<'a>(
    values: &BTreeMap<String, String>,
    environment: &'a Environment,
) -> Result<BTreeMap<String, Provider<'a>>, Problem> {
    let names = values
        .get(PROVIDERS)
        .map(String::as_str)
        .unwrap_or_default();
    let names = names.split(',').map(trim).filter(|name| !name.is_empty());
    names
        .map(|name| Ok((name.to_owned(), provider(name, values, environment)?)))
        .collect()
}

fn provider<'a>(
    name: &str,
    values: &BTreeMap<String, String>,
    environment: &'a Environment,
) -> Result<Provider<'a>, Problem> {
    let class_key = format!("{PROVIDERS}.{name}.class");
    let class = values.get(&class_key).ok_or_else(|| {
        Problem::new(format!(
            "{PROVIDERS} names {name}, but {class_key} is not set"
        ))
    })?;
    let parameter = |what: &str| values.get(&format!("{PROVIDERS}.{name}.param.{what}"));
    let paths = || AllowedPaths::parse(parameter("allowed.paths").map(String::as_str));
    match class.strip_prefix(PACKAGE) {
        Some("EnvVarConfigProvider") => Ok(Provider::Environment {
            variables: environment,
            allowed: parameter("allowlist.pattern").map(|text| pattern(name, text)).transpose()?,
        }),
        Some("FileConfigProvider") => paths().map(Provider::File),
        Some("DirectoryConfigProvider") => paths().map(Provider::Directory),
        Some(_) | None => Err(Problem::new(format!(
            "Invalid value {class} for configuration {class_key}: Could not load config provider class \
             or one of its dependencies"
        ))
        .hint(format!(
            "kraftd has EnvVarConfigProvider, FileConfigProvider and DirectoryConfigProvider of \
             {PACKAGE}*, and runs no Java. Have another one's values written to a file before the start"
        ))),
    }
}

/// Java's `matches` asks for the whole name.
fn pattern(name: &str, text: &str) -> Result<Regex, Problem> {
    Regex::new(&format!("^(?:{text})$")).map_err(|_| {
        Problem::new(format!(
            "Invalid value {text} for configuration {PROVIDERS}.{name}.param.allowlist.pattern: not a \
             regular expression that kraftd can read"
        ))
    })
}

/// A value, or why there is none.
type Found = Result<String, String>;

impl Provider<'_> {
    fn look_up(&self, path: &str, name: &str) -> Result<Found, Problem> {
        match self {
            Provider::Environment { .. } if !path.is_empty() => Err(Problem::new(format!(
                "Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
            ))),
            Provider::Environment { variables, allowed } => {
                let is_allowed = allowed
                    .as_ref()
                    .is_none_or(|allowed| allowed.is_match(name));
                let value = variables.0.get(name).filter(|_| is_allowed).cloned();
                Ok(value.ok_or_else(|| match is_allowed {
                    true => format!("the environment has no {name}"),
                    false => format!("allowlist.pattern does not allow {name}"),
                }))
            }
            Provider::File(allowed) => match allowed.real_path(path) {
                Ok(path) => from_file(&path, name),
                Err(why) => Ok(Err(why)),
            },
            Provider::Directory(allowed) => match allowed.real_path(path) {
                Ok(path) => from_directory(&path, name),
                Err(why) => Ok(Err(why)),
            },
        }
    }
}

/// Unlike `server.properties`, this file is UTF-8.
fn from_file(path: &Path, name: &str) -> Result<Found, Problem> {
    let cannot = |why: String| {
        let message = format!("Could not read properties from file {}", path.display());
        Problem::new(message).hint(why)
    };
    let text = fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    let mut found = properties::parse(&text).map_err(cannot)?;
    let value = found.remove(name);
    Ok(value.ok_or_else(|| format!("{} has no {name}", path.display())))
}

fn from_directory(path: &Path, name: &str) -> Result<Found, Problem> {
    let file = path.join(name);
    // The name of a file in it, and no way out of it.
    if Path::new(name).file_name() != Some(name.as_ref()) || !file.is_file() {
        return Ok(Err(format!("{} has no file {name}", path.display())));
    }
    let text = fs::read_to_string(&file).map_err(|error| {
        let file = file.display();
        Problem::new(format!("Could not read file {file} for property {name}"))
            .hint(error.to_string())
    })?;
    Ok(Ok(text))
}

/// Where a provider may look (`org.apache.kafka.common.config.internals.AllowedPaths`).
struct AllowedPaths(Option<Vec<PathBuf>>);

impl AllowedPaths {
    fn parse(text: Option<&str>) -> Result<AllowedPaths, Problem> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(AllowedPaths(None));
        };
        let real = |text: &str| {
            let path = Path::new(text);
            match path.is_absolute() {
                false => Err(Problem::new(format!("Path {text} is not absolute"))),
                true => path
                    .canonicalize()
                    .map_err(|_| Problem::new(format!("Path {text} does not exist"))),
            }
        };
        let paths = text.split(',').map(trim).map(real);
        Ok(AllowedPaths(Some(paths.collect::<Result<_, _>>()?)))
    }

    /// Where a path leads, if that is allowed.
    fn real_path(&self, path: &str) -> Result<PathBuf, String> {
        if path.is_empty() {
            return Err("it has no path".to_owned());
        }
        let Some(allowed) = &self.0 else {
            return Ok(PathBuf::from(path));
        };
        let real = Path::new(path).canonicalize();
        let real = real.map_err(|error| format!("{path}: {error}"))?;
        match allowed.iter().any(|allowed| real.starts_with(allowed)) {
            true => Ok(real),
            false => Err(format!("allowed.paths does not allow {path}")),
        }
    }
}
