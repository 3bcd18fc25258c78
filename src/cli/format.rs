//! `kafka-storage.sh format`: gives directories an identity, and the cluster its first records
//! (`org.apache.kafka.metadata.storage.Formatter`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::storage::{
    default_levels, parse_feature, random_uuid, settable_features, unknown_version,
};
use crate::{
    config::Identity,
    log::{
        bootstrap,
        meta_properties::{self, MetaProperties},
    },
    protocol::{
        features::{Feature, KRAFT_VERSION, METADATA_VERSION, MetadataVersion},
        records::{FeatureLevelRecord, MetadataRecord},
    },
};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: super::ConfigFile,
    /// The cluster ID to use.
    #[arg(short = 't', long, allow_hyphen_values = true)]
    cluster_id: String,
    /// If this option is passed, directories that are formatted already are left alone.
    #[arg(short = 'g', long)]
    ignore_formatted: bool,
    /// The release version to use for the initial feature settings, for example 4.3 or 4.3-IV0.
    #[arg(short, long)]
    release_version: Option<String>,
    /// The setting to use for a feature level, as name=level. May be given several times.
    #[arg(short, long)]
    feature: Vec<String>,
    /// Initialize a quorum of this controller alone, its voters kept in the log (KIP-853).
    #[arg(short, long)]
    standalone: bool,
    /// Initialize a controller that joins voters kept in the log (KIP-853).
    #[arg(short = 'N', long)]
    no_initial_controllers: bool,
    /// Initialize voters kept in the log (KIP-853), as id@host:port:directory,...
    #[arg(short = 'I', long)]
    initial_controllers: Option<String>,
    /// A SCRAM credential for the initial records.
    #[arg(short = 'S', long)]
    add_scram: Vec<String>,
}

pub fn run(arguments: Arguments) -> Result<(), String> {
    let identity =
        Identity::load(&arguments.config.config, &[]).map_err(|error| error.to_string())?;
    check_quorum_flags(&arguments, &identity)?;
    if !arguments.add_scram.is_empty() {
        return Err(
            "--add-scram is not supported by this release. Format without it, and add the credentials \
             with kafka-configs.sh through a broker once the cluster runs."
                .to_owned(),
        );
    }
    let unstable = identity.values.boolean("unstable.feature.versions.enable");
    let unstable = unstable.map_err(|error| error.to_string())?;
    let version = match &arguments.release_version {
        None => MetadataVersion::LATEST_PRODUCTION,
        Some(text) => {
            MetadataVersion::parse(text, unstable).ok_or_else(|| unknown_version(text, unstable))?
        }
    };
    let levels = levels(version, &arguments.feature, unstable)?;
    let unformatted = unformatted(&arguments, &identity)?;
    if unformatted.is_empty() {
        println!("All of the log directories are already formatted.");
        return Ok(());
    }
    let records = records(version, &levels);
    println!("Bootstrap metadata: {}", describe(version, &levels));
    for dir in &unformatted {
        let what = if *dir == identity.metadata_log_dir {
            "metadata"
        } else {
            "data"
        };
        let shown = dir.display();
        println!("Formatting {what} directory {shown} with metadata.version {version}.");
        format_directory(dir, &arguments.cluster_id, &identity, &records)?;
    }
    Ok(())
}

/// The flags of quorums whose voters are in the log, in Kafka's order of complaints.
fn check_quorum_flags(arguments: &Arguments, identity: &Identity) -> Result<(), String> {
    let dynamic = arguments.standalone || arguments.initial_controllers.is_some();
    if !identity.voters.is_empty() && dynamic {
        return Err(
            "You cannot specify controller.quorum.voters and format the node with \
             --initial-controllers or --standalone. If you want to use dynamic quorum, please remove \
             controller.quorum.voters and specify controller.quorum.bootstrap.servers instead."
                .to_owned(),
        );
    }
    if dynamic || arguments.no_initial_controllers {
        return Err(
            "Voters that are kept in the log (KIP-853) are not supported by this release. Name all \
             controllers in controller.quorum.voters instead, on every node."
                .to_owned(),
        );
    }
    if identity.voters.is_empty() && identity.is_controller {
        return Err(
            "Because controller.quorum.voters is not set on this controller, you must specify one of \
             the following: --standalone, --initial-controllers, or --no-initial-controllers."
                .to_owned(),
        );
    }
    Ok(())
}

/// The level of every feature: the defaults of the version, then what was asked for.
fn levels(
    version: MetadataVersion,
    asked: &[String],
    unstable: bool,
) -> Result<BTreeMap<&'static str, i16>, String> {
    let mut levels: BTreeMap<&'static str, i16> = default_levels(version)
        .into_iter()
        .filter(|(name, _)| *name != KRAFT_VERSION)
        .collect();
    for text in asked {
        let (name, level) = parse_feature(text)?;
        if name == METADATA_VERSION {
            return Err(
                "Use --release-version instead of --feature metadata.version=X to avoid ambiguity."
                    .to_owned(),
            );
        }
        if name == KRAFT_VERSION && level != 0 {
            return Err(
                "Cannot set kraft.version to 1 unless one of the flags --standalone, \
                 --initial-controllers, or --no-initial-controllers is used. For dynamic controllers \
                 support, try using one of --standalone, --initial-controllers, or \
                 --no-initial-controllers."
                    .to_owned(),
            );
        }
        let Some(feature) = settable_features().find(|feature| feature.name == name) else {
            if name == KRAFT_VERSION {
                continue;
            }
            let known: Vec<&str> = settable_features().map(|feature| feature.name).collect();
            let known = known.join(", ");
            return Err(format!(
                "Unsupported feature: {name}. Supported features are: {known}"
            ));
        };
        if !feature.range(unstable).contains(level) {
            return Err(format!("No feature:{name} with feature level {level}"));
        }
        levels.insert(feature.name, level);
    }
    check_dependencies(version, &levels)?;
    Ok(levels)
}

fn check_dependencies(
    version: MetadataVersion,
    levels: &BTreeMap<&'static str, i16>,
) -> Result<(), String> {
    let level_of = |name: &str| match name == METADATA_VERSION {
        true => version.0,
        false => levels.get(name).copied().unwrap_or_default(),
    };
    for (name, level) in levels {
        let missing =
            Feature::named(name).and_then(|feature| feature.missing_dependency(*level, level_of));
        if let Some((other, minimum)) = missing {
            return Err(format!(
                "{name} could not be set to {level} because it depends on {other} level {minimum}"
            ));
        }
    }
    Ok(())
}

/// The directories that have yet to be formatted; refuses those that belong to someone else.
fn unformatted(arguments: &Arguments, identity: &Identity) -> Result<Vec<PathBuf>, String> {
    let mut unformatted = Vec::new();
    for dir in identity.all_dirs() {
        let Some(found) = meta_properties::read(&dir).map_err(|error| error.to_string())? else {
            unformatted.push(dir);
            continue;
        };
        let shown = dir.display();
        if !arguments.ignore_formatted {
            return Err(format!(
                "Log directory {shown} is already formatted. Use --ignore-formatted to ignore this \
                 directory and format the others."
            ));
        }
        if found.cluster_id != arguments.cluster_id {
            return Err(format!(
                "Invalid cluster.id in: {}. Expected {}, but read {}",
                meta_properties::path(&dir).display(),
                arguments.cluster_id,
                found.cluster_id
            ));
        }
        if found.node_id != identity.node_id {
            return Err(format!(
                "Stored node id {} doesn't match previous node id {} in {shown}. If you moved your \
                 data, make sure your configured node id matches. If you intend to create a new node, \
                 you should remove all data in your data directories.",
                found.node_id, identity.node_id
            ));
        }
    }
    Ok(unformatted)
}

fn records(version: MetadataVersion, levels: &BTreeMap<&'static str, i16>) -> Vec<MetadataRecord> {
    let record = |name: &str, feature_level: i16| {
        FeatureLevelRecord {
            name: name.to_owned(),
            feature_level,
            ..Default::default()
        }
        .into()
    };
    let others = levels.iter().filter(|(_, level)| **level > 0);
    [record(METADATA_VERSION, version.0)]
        .into_iter()
        .chain(others.map(|(name, level)| record(name, *level)))
        .collect()
}

fn describe(version: MetadataVersion, levels: &BTreeMap<&'static str, i16>) -> String {
    let all = [(&METADATA_VERSION, &version.0)].into_iter();
    let all = all.chain(levels.iter().filter(|(_, level)| **level > 0));
    let records: Vec<String> = all
        .map(|(name, level)| {
            format!(
                "ApiMessageAndVersion(FeatureLevelRecord(name='{name}', featureLevel={level}) at \
                 version 0)"
            )
        })
        .collect();
    format!(
        "BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)",
        records.join(", "),
        version.0
    )
}

fn format_directory(
    dir: &Path,
    cluster_id: &str,
    identity: &Identity,
    records: &[MetadataRecord],
) -> Result<(), String> {
    let failed = |error: String| {
        format!(
            "Error while writing meta.properties file {}: {error}",
            dir.display()
        )
    };
    fs::create_dir_all(dir).map_err(|error| failed(error.to_string()))?;
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    bootstrap::write(dir, records, since_epoch.as_millis() as i64)
        .map_err(|error| failed(error.to_string()))?;
    // Last: a directory without it counts as unformatted, whatever else is in it.
    let properties = MetaProperties {
        cluster_id: cluster_id.to_owned(),
        node_id: identity.node_id,
        directory_id: Some(random_uuid()),
    };
    meta_properties::write(dir, &properties).map_err(|error| failed(error.to_string()))
}
