//! `kafka-storage.sh`: texts and exit codes as Kafka 4.3.1 has them (`kafka.tools.StorageTool`).

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;

use super::{ConfigFile, fail, format, in_silence, ourselves};
use crate::{
    config::Identity,
    console::say,
    log::{
        LogError,
        meta_properties::{self, MetaProperties},
    },
    protocol::{
        Uuid,
        features::{FEATURES, Feature, METADATA_VERSION, MetadataVersion},
    },
};

/// Long options may be shortened, as with Kafka's tool.
#[derive(Subcommand)]
pub enum Command {
    /// Get information about the Kafka log directories on this node.
    #[command(infer_long_args = true)]
    Info(ConfigFile),
    /// Format the Kafka log directories on this node.
    #[command(infer_long_args = true)]
    Format(format::Arguments),
    /// Look up the corresponding features for a given metadata version.
    #[command(infer_long_args = true)]
    VersionMapping {
        /// The release version to look up, for example 4.3 or 4.3-IV0.
        #[arg(short, long)]
        release_version: Option<String>,
    },
    /// Look up dependencies for a given feature version.
    #[command(infer_long_args = true)]
    FeatureDependencies {
        /// A feature and its level, as name=level.
        #[arg(short, long, required = true)]
        feature: Vec<String>,
    },
    /// Print a random UUID.
    RandomUuid,
}

pub fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::Info(ConfigFile { config }) => info(config),
        Command::Format(arguments) => format::run(arguments),
        Command::VersionMapping { release_version } => version_mapping(release_version),
        Command::FeatureDependencies { feature } => feature_dependencies(&feature),
        Command::RandomUuid => {
            say!("{}", random_uuid());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

/// See [`Uuid::random`].
pub fn random_uuid() -> Uuid {
    Uuid::random(|bytes| *bytes = uuid::Uuid::new_v4().into_bytes())
}

/// Formats what is not formatted yet for a node that is about to run beside others.
pub fn format_in_silence(cluster_id: &str, properties: &Path) -> Result<(), String> {
    let format = [
        "storage",
        "format",
        "--ignore-formatted",
        "--cluster-id",
        cluster_id,
    ];
    let mut command = ourselves(&format)?;
    command.arg("--config").arg(properties);
    in_silence(command)
}

fn info(config: PathBuf) -> Result<(), String> {
    let identity = Identity::load(&config, &[]).map_err(|error| error.to_string())?;
    let mut dirs = identity.all_dirs();
    dirs.sort();
    let (mut directories, mut first, mut problems) = (Vec::new(), None, Vec::new());
    for dir in dirs {
        // Without the slashes at its end.
        let dir: PathBuf = dir.components().collect();
        let shown = dir.display();
        if !dir.is_dir() {
            let is = if dir.exists() {
                "is not a directory"
            } else {
                "does not exist"
            };
            problems.push(format!("{shown} {is}"));
            continue;
        }
        directories.push(shown.to_string());
        let properties = match meta_properties::read(&dir) {
            Ok(Some(properties)) => properties,
            Ok(None) => {
                problems.push(format!("{shown} is not formatted."));
                continue;
            }
            Err(LogError::Corrupt { path, reason, .. }) => {
                problems.push(format!("Error loading {}: {reason}.", path.display()));
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let first = first.get_or_insert_with(|| properties.clone());
        if first.cluster_id != properties.cluster_id {
            problems.push("Mismatched cluster IDs between storage directories.".to_owned());
        } else if first.node_id != properties.node_id {
            problems.push("Mismatched node IDs between storage directories.".to_owned());
        }
    }
    print_list("Found log director", "y:", "ies:", &directories);
    if let Some(properties) = first {
        say!("Found metadata: {}\n", describe(&properties));
    }
    print_list("Found problem", ":", "s:", &problems);
    match problems.is_empty() {
        true => Ok(()),
        false => std::process::exit(1),
    }
}

fn print_list(what: &str, one: &str, many: &str, items: &[String]) {
    if !items.is_empty() {
        say!("{what}{}", if items.len() == 1 { one } else { many });
        items.iter().for_each(|item| say!("  {item}"));
        say!("");
    }
}

fn describe(properties: &MetaProperties) -> String {
    let directory = match properties.directory_id {
        Some(id) => format!("directory.id={id}, "),
        None => String::new(),
    };
    let MetaProperties {
        cluster_id,
        node_id,
        ..
    } = properties;
    format!("{{cluster.id={cluster_id}, {directory}node.id={node_id}, version=1}}")
}

fn version_mapping(release: Option<String>) -> Result<(), String> {
    let version = match &release {
        None => MetadataVersion::LATEST_PRODUCTION,
        Some(text) => {
            MetadataVersion::parse(text, true).ok_or_else(|| unknown_version(text, true))?
        }
    };
    let shown = release.unwrap_or_else(|| version.to_string());
    say!("{METADATA_VERSION}={} ({shown})", version.0);
    for feature in FEATURES {
        say!("{}={}", feature.name, feature.default_level(version));
    }
    Ok(())
}

pub(super) fn unknown_version(text: &str, unstable: bool) -> String {
    let newest = match unstable {
        true => MetadataVersion::LATEST_TESTING,
        false => MetadataVersion::LATEST_PRODUCTION,
    };
    let known = MetadataVersion::all().filter(|version| *version <= newest);
    let names: Vec<String> = known.map(|version| version.to_string()).collect();
    format!(
        "Unknown metadata.version '{text}'. Supported metadata.version are: {}",
        names.join(", ")
    )
}

/// Reads `name=level`.
pub(super) fn parse_feature(text: &str) -> Result<(&str, i16), String> {
    let (name, level) = text.split_once('=').ok_or_else(|| {
        format!("Can't parse feature=level string {text}: equals sign not found.")
    })?;
    let level = level.trim().parse().map_err(|_| {
        format!("Can't parse feature=level string {text}: unable to parse {level} as a short.")
    })?;
    Ok((name.trim(), level))
}

fn feature_dependencies(features: &[String]) -> Result<(), String> {
    for text in features {
        let (name, level) = text.split_once('=').ok_or_else(|| {
            format!(
                "Invalid feature format: {text}. Expected format: 'feature=version' (e.g. \
                 'group.version=1')"
            )
        })?;
        let (name, level) = (name.trim(), level.trim());
        let level: i16 = level
            .parse()
            .map_err(|_| format!("Invalid version format: {level} for feature {name}"))?;
        if name == METADATA_VERSION {
            let version = MetadataVersion(level).name();
            let version = version.ok_or_else(|| format!("Unknown metadata.version {level}"))?;
            say!("{METADATA_VERSION}={level} ({version}) has no dependencies.");
            continue;
        }
        let feature = Feature::named(name).ok_or_else(|| format!("Unknown feature: {name}"))?;
        let known = feature.levels.iter().find(|known| known.level == level);
        let dependencies = match (known, level) {
            (Some(known), _) => known.dependencies,
            (None, 0) => &[],
            (None, _) => {
                return Err(format!(
                    "Feature level {level} is not supported for feature {name}"
                ));
            }
        };
        if dependencies.is_empty() {
            say!("{name}={level} has no dependencies.");
        } else {
            say!("{name}={level} requires:");
        }
        for (other, level) in dependencies {
            match *other == METADATA_VERSION {
                true => say!("    {other}={level} ({})", MetadataVersion(*level)),
                false => say!("    {other}={level}"),
            }
        }
    }
    Ok(())
}
