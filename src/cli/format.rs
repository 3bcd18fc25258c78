//! `kafka-storage.sh format`: gives directories an identity, and the cluster its first records
//! (`org.apache.kafka.metadata.storage.Formatter`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    scram,
    storage::{parse_feature, random_uuid, unknown_version},
};
use crate::{
    config::Identity,
    console::{complain, say},
    log::{
        bootstrap, directory,
        ensemble::Ensemble,
        meta_properties::{self, MetaProperties},
    },
    metadata::activation::feature_records,
    protocol::{
        features::{FEATURES, Feature, KRAFT_VERSION, METADATA_VERSION, MetadataVersion},
        records::{FeatureLevelRecord, MetadataRecord, UserScramCredentialRecord},
    },
};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: super::ConfigFile,
    /// The cluster ID to use.
    #[arg(short = 't', long, allow_hyphen_values = true, value_parser = cluster_id)]
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
    #[arg(short, long, group = "quorum")]
    standalone: bool,
    /// Initialize a controller that joins voters kept in the log (KIP-853).
    #[arg(short = 'N', long, group = "quorum")]
    no_initial_controllers: bool,
    /// Initialize voters kept in the log (KIP-853), as id@host:port:directory,...
    #[arg(short = 'I', long, group = "quorum")]
    initial_controllers: Option<String>,
    /// A SCRAM credential for the initial records: SCRAM-SHA-256=[name=alice,password=alice-secret], or
    /// with iterations=, salt= and saltedpassword=. May be given several times.
    #[arg(short = 'S', long)]
    add_scram: Vec<String>,
}

/// An id may begin with a dash (KAFKA-15754); any other word that does is the next option.
fn cluster_id(text: &str) -> Result<String, &'static str> {
    match text.starts_with('-') && text.len() != UUID_LETTERS {
        true => Err("expected one argument"),
        false => Ok(text.to_owned()),
    }
}

const ONE_ID: &str = "kafka-storage.sh random-uuid makes one, once for the whole cluster; all its nodes are \
                      formatted with the same.";

const UUID_LETTERS: usize = 22;

/// What is said of an id that Kafka takes, though hardly anybody means it.
fn doubt(cluster_id: &str) -> Option<String> {
    if cluster_id.contains(['<', '>', '$']) || cluster_id.eq_ignore_ascii_case("CLUSTER_ID") {
        return Some(format!(
            "`{cluster_id}` looks like the place of a cluster id, not like one. {ONE_ID}"
        ));
    }
    // Not whether it is a `Uuid`: the best known of all ids, that of Kafka's documentation, has bits beyond 16 bytes.
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let is_usual = cluster_id.len() == UUID_LETTERS && cluster_id.chars().all(is_letter);
    (!is_usual).then(|| {
        format!(
            "the cluster id `{cluster_id}` is not of the usual form, 22 letters of URL-safe base64. Every node \
             must be given this same one. {ONE_ID}"
        )
    })
}

pub fn run(arguments: Arguments) -> Result<(), String> {
    if arguments.cluster_id.trim().is_empty() {
        // Kafka's sentence for none at all. It formats with an empty one, and cannot read what it wrote.
        return Err(format!(
            "You must specify the cluster id.\nhint: what follows -t is empty: is the variable set? {ONE_ID}"
        ));
    }
    let identity =
        Identity::load(&arguments.config.config, &[]).map_err(|error| error.to_string())?;
    let unstable = identity.values.boolean("unstable.feature.versions.enable");
    let unstable = unstable.map_err(|error| error.to_string())?;
    let release = arguments.release_version.as_deref().map(|text| {
        MetadataVersion::parse(text, unstable).ok_or_else(|| unknown_version(text, unstable))
    });
    let release = release.transpose()?;
    let asked = arguments.feature.iter().map(|text| parse_feature(text));
    let asked = asked.collect::<Result<BTreeMap<&str, i16>, String>>()?;
    check_quorum_flags(&arguments, &identity)?;
    let version = version(release, &asked, unstable)?;
    let levels = levels(version, &asked, unstable)?;
    let mut records = feature_records(levels.iter().map(|(name, level)| (*name, *level)));
    records.extend(credentials(version, &arguments.add_scram)?);
    let unformatted = unformatted(&arguments, &identity)?;
    if unformatted.is_empty() {
        say!("All of the log directories are already formatted.");
        return Ok(());
    }
    if let Some(doubt) = doubt(&arguments.cluster_id) {
        complain!("hint: {doubt}");
    }
    say!("Bootstrap metadata: {}", describe(version, &records));
    for dir in &unformatted {
        let what = match *dir == identity.metadata_log_dir {
            true => "metadata",
            false => "data",
        };
        let shown = dir.display();
        say!("Formatting {what} directory {shown} with metadata.version {version}.");
        format_directory(dir, &arguments.cluster_id, &identity, &records)?;
    }
    Ok(())
}

/// What `--release-version` or `--feature metadata.version=` asks for, else the newest.
fn version(
    release: Option<MetadataVersion>,
    asked: &BTreeMap<&str, i16>,
    unstable: bool,
) -> Result<MetadataVersion, String> {
    match (release, asked.get(METADATA_VERSION)) {
        (Some(_), Some(_)) => Err(format!(
            "Use --release-version instead of --feature {METADATA_VERSION}=X to avoid ambiguity."
        )),
        (Some(release), None) => Ok(release),
        (None, Some(level)) => {
            let version = MetadataVersion(*level);
            let newest = MetadataVersion::LATEST_PRODUCTION;
            match version.name() {
                None => Err(format!(
                    "No MetadataVersion with feature level {level}. Valid feature levels are from {} to \
                     {}.",
                    MetadataVersion::MINIMUM.0,
                    MetadataVersion::LATEST_TESTING.0
                )),
                Some(name) if version > newest && !unstable => {
                    Err(format!("{METADATA_VERSION} {name} is not yet stable."))
                }
                Some(_) => Ok(version),
            }
        }
        (None, None) if unstable => Ok(MetadataVersion::LATEST_TESTING),
        (None, None) => Ok(MetadataVersion::LATEST_PRODUCTION),
    }
}

/// The records of `--add-scram`.
fn credentials(
    version: MetadataVersion,
    arguments: &[String],
) -> Result<Vec<MetadataRecord>, String> {
    let since = MetadataVersion::V3_5_IV2;
    if !arguments.is_empty() && version < since {
        return Err(format!(
            "SCRAM is only supported in {METADATA_VERSION} {since} or later."
        ));
    }
    let records = arguments.iter().map(|text| scram::parse(text));
    records.map(|record| Ok(record?.into())).collect()
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
    let has_no_voters = identity.voters.is_empty() && identity.is_controller;
    if dynamic || arguments.no_initial_controllers && has_no_voters {
        return Err(
            "Voters that are kept in the log (KIP-853) are not supported by this release. Name all \
             controllers in controller.quorum.voters instead, on every node."
                .to_owned(),
        );
    }
    if has_no_voters {
        return Err(
            "Because controller.quorum.voters is not set on this controller, you must specify one of \
             the following: --standalone, --initial-controllers, or --no-initial-controllers."
                .to_owned(),
        );
    }
    Ok(())
}

/// The level of every feature, metadata.version included: the defaults of the version, then what was
/// asked for (`Formatter.calculateEffectiveFeatureLevels`).
fn levels(
    version: MetadataVersion,
    asked: &BTreeMap<&str, i16>,
    unstable: bool,
) -> Result<BTreeMap<&'static str, i16>, String> {
    let mut names: Vec<&str> = FEATURES.iter().map(|feature| feature.name).collect();
    names.sort_unstable();
    let known = |name: &str| name == METADATA_VERSION || names.contains(&name);
    if let Some(name) = asked.keys().find(|name| !known(name)) {
        return Err(format!(
            "Unsupported feature: {name}. Supported features are: {}",
            names.join(", ")
        ));
    }
    let mut levels = BTreeMap::from([(METADATA_VERSION, version.0)]);
    for feature in FEATURES {
        let level = match (asked.get(feature.name), feature.name == KRAFT_VERSION) {
            (Some(level), true) if *level != 0 => {
                return Err(format!(
                    "Cannot set {KRAFT_VERSION} to {level} unless controller.quorum.voters is empty \
                     and one of the flags --standalone, --initial-controllers, or \
                     --no-initial-controllers is used. For dynamic controllers support, try using one \
                     of --standalone, --initial-controllers, or --no-initial-controllers and removing \
                     controller.quorum.voters."
                ));
            }
            (_, true) => 0,
            (Some(level), false) => *level,
            (None, false) => feature.default_level(version),
        };
        levels.insert(feature.name, level);
    }
    for feature in FEATURES {
        let level = levels[feature.name];
        if !feature.range(unstable).contains(level) {
            let name = feature.name;
            return Err(format!("No feature:{name} with feature level {level}"));
        }
    }
    check_dependencies(&levels)?;
    Ok(levels)
}

fn check_dependencies(levels: &BTreeMap<&'static str, i16>) -> Result<(), String> {
    let level_of = |name: &str| levels.get(name).copied().unwrap_or_default();
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
    let mut ensemble = Ensemble::load(&identity.metadata_log_dir, &identity.log_dirs);
    if let Some(error) = ensemble.unreadable.values().next() {
        return Err(error.to_string());
    }
    ensemble
        .verify_identity(Some(&arguments.cluster_id), identity.node_id)
        .map_err(|error| format!("{error}{}", of_another_cluster(&ensemble, arguments)))?;
    match ensemble.formatted.keys().next() {
        Some(dir) if !arguments.ignore_formatted => Err(format!(
            "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory \
             and format the others.",
            dir.display()
        )),
        _ => {
            let mut all = identity.all_dirs();
            all.retain(|dir| ensemble.unformatted.remove(dir));
            refuse_leftovers(&all, identity)?;
            Ok(all)
        }
    }
}

/// Kafka's tool formats around the log of a former life, and its controllers go on with it. Ours cannot: what a voter must
/// not forget belongs to the directory that was formatted then.
fn refuse_leftovers(unformatted: &[PathBuf], identity: &Identity) -> Result<(), String> {
    let mut dirs = unformatted.iter().filter(|_| identity.is_controller);
    let refused = dirs.try_for_each(|dir| directory::refuse_leftovers(dir));
    refused.map_err(|error| error.to_string())
}

/// The remedy, if the directories were formatted with another id than this time.
fn of_another_cluster(ensemble: &Ensemble, arguments: &Arguments) -> String {
    let mut found = ensemble.formatted.values();
    match found.find(|found| found.cluster_id != arguments.cluster_id) {
        Some(found) => format!(
            "\nhint: if this node belongs to cluster {id}, format with -t {id}; if it shall begin anew in \
             another, name an empty directory in log.dirs, or move what is there away",
            id = found.cluster_id
        ),
        None => String::new(),
    }
}

/// In the words of Kafka's `BootstrapMetadata`, but for secrets.
fn describe(version: MetadataVersion, records: &[MetadataRecord]) -> String {
    let describe = |record: &MetadataRecord| match record {
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name,
            feature_level,
            ..
        }) => format!("FeatureLevelRecord(name='{name}', featureLevel={feature_level})"),
        MetadataRecord::UserScramCredential(UserScramCredentialRecord {
            name,
            mechanism,
            iterations,
            ..
        }) => format!(
            "UserScramCredentialRecord(name='{name}', mechanism={mechanism}, salt=[hidden], \
             storedKey=[hidden], serverKey=[hidden], iterations={iterations})"
        ),
        other => panic!("no bootstrap record: {other:?}"),
    };
    let records = records.iter().map(describe);
    let records = records.map(|record| format!("ApiMessageAndVersion({record} at version 0)"));
    format!(
        "BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)",
        records.collect::<Vec<_>>().join(", "),
        version.0
    )
}

/// Gives the directory its identity, and the first records of the cluster: every directory gets them, as
/// with Kafka 4.3.
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
