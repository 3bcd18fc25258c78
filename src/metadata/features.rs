//! Finalized features (`FeatureControlManager`): which formats and protocols the whole cluster
//! speaks. KIP-584 and KIP-1022.

use std::collections::BTreeMap;

use imbl::OrdMap;

use super::{ApiError, Cx, Outcome, State, configs};
use crate::protocol::{
    ErrorCode, NodeId,
    features::{
        self, ELIGIBLE_LEADER_REPLICAS_VERSION, Feature, KRAFT_VERSION, METADATA_VERSION,
        MetadataVersion, VersionRange,
    },
    messages::{
        api_versions::{FinalizedFeatureKey, SupportedFeatureKey},
        update_features::{UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse},
    },
    records::{FeatureLevelRecord, MetadataRecord},
};

/// The finalized level of every feature that is above 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    levels: OrdMap<String, i16>,
}

impl Features {
    /// The finalized metadata.version, once there is one.
    pub fn metadata_version(&self) -> Option<MetadataVersion> {
        self.levels
            .get(METADATA_VERSION)
            .map(|level| MetadataVersion(*level))
    }

    /// The finalized level of a feature; 0 when nothing was ever finalized.
    pub fn level(&self, name: &str) -> i16 {
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// Whether partitions keep eligible leader replicas (KIP-966).
    pub fn is_elr_enabled(&self) -> bool {
        self.level(ELIGIBLE_LEADER_REPLICAS_VERSION) >= 1
    }

    /// What an ApiVersions answer says of finalized features.
    pub fn finalized(&self) -> Vec<FinalizedFeatureKey> {
        let levels = self.levels.iter();
        levels
            .map(|(name, level)| FinalizedFeatureKey {
                name: name.clone(),
                max_version_level: *level,
                min_version_level: *level,
                ..Default::default()
            })
            .collect()
    }

    /// A level that this software does not know makes the log unreadable to it, so that it refuses
    /// rather than guess. kraft.version is not kept here: control records tell it, and a
    /// FeatureLevel record of it was a fault (KAFKA-18979).
    pub(super) fn replay(&mut self, record: &FeatureLevelRecord) -> Result<(), String> {
        if record.name == KRAFT_VERSION {
            return Ok(());
        }
        let range = features::supported_range(&record.name, true);
        if !range.contains(record.feature_level) {
            return Err(format!(
                "feature {} has level {}, but this controller only supports versions {range}",
                record.name, record.feature_level
            ));
        }
        match record.feature_level {
            0 => self.levels.remove(&record.name),
            level => self.levels.insert(record.name.clone(), level),
        };
        Ok(())
    }

    /// The records that make this anew: metadata.version first, since it says how to read the rest.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let mut levels = self.levels.clone();
        let first = levels.remove_with_key(METADATA_VERSION);
        first
            .into_iter()
            .chain(levels)
            .map(|(name, level)| level_record(name, level))
    }
}

fn level_record(name: impl Into<String>, feature_level: i16) -> MetadataRecord {
    FeatureLevelRecord {
        name: name.into(),
        feature_level,
        ..Default::default()
    }
    .into()
}

/// What an ApiVersions answer says of supported features. Clients before version 4 of the API take
/// a minimum of 0 for an error (KAFKA-17011), so they are not told of those features.
pub fn supported(unstable: bool, api_versions_version: i16) -> Vec<SupportedFeatureKey> {
    features::supported(unstable)
        .into_iter()
        .filter(|(_, range)| api_versions_version >= 4 || range.min > 0)
        .map(|(name, range)| SupportedFeatureKey {
            name: name.to_owned(),
            min_version: range.min,
            max_version: range.max,
            ..Default::default()
        })
        .collect()
}

/// How a level may move (`FeatureUpdate.UpgradeType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UpgradeType {
    Unknown,
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

/// One feature's share of a request.
struct Update<'a> {
    name: &'a str,
    level: i16,
    upgrade_type: UpgradeType,
}

/// UpdateFeatures (57): all updates or none (`FeatureControlManager.updateFeatures`).
pub fn update_features(
    state: &State,
    cx: &mut Cx,
    request: &UpdateFeaturesRequest,
) -> Result<Outcome<UpdateFeaturesResponse>, ApiError> {
    let updates = updates_by_name(request);
    let records = records_for(state, cx, &updates).map_err(|error| {
        let message = format!(
            "The update failed for all features since the following feature had an error: {error}"
        );
        ApiError::new(error.code, message)
    })?;
    let response = success(request, cx.api_version);
    Ok(match request.validate_only {
        true => Outcome::unchanged(response),
        false => Outcome::atomic(records, response),
    })
}

/// The last word about a feature counts. Version 0 can only upgrade: Kafka passes over its `allow_downgrade`
/// (`QuorumController.updateFeatures`).
fn updates_by_name(request: &UpdateFeaturesRequest) -> Vec<Update<'_>> {
    let by_name: BTreeMap<&str, Update> = request
        .feature_updates
        .iter()
        .map(|update| {
            let upgrade_type = match update.upgrade_type {
                1 => UpgradeType::Upgrade,
                2 => UpgradeType::SafeDowngrade,
                3 => UpgradeType::UnsafeDowngrade,
                _ => UpgradeType::Unknown,
            };
            let update = Update {
                name: &update.feature,
                level: update.max_version_level,
                upgrade_type,
            };
            (update.name, update)
        })
        .collect();
    by_name.into_values().collect()
}

fn success(request: &UpdateFeaturesRequest, api_version: i16) -> UpdateFeaturesResponse {
    // Version 2 dropped the results of single features: they were never different (KIP-1022).
    let named: &[_] = match api_version {
        0 | 1 => &request.feature_updates,
        _ => &[],
    };
    let result = |feature: &String| UpdatableFeatureResult {
        feature: feature.clone(),
        error_message: Some(ErrorCode::NONE.message().to_owned()),
        ..Default::default()
    };
    UpdateFeaturesResponse {
        error_message: None,
        results: named.iter().map(|update| result(&update.feature)).collect(),
        ..Default::default()
    }
}

fn records_for(
    state: &State,
    cx: &Cx,
    updates: &[Update],
) -> Result<Vec<MetadataRecord>, ApiError> {
    let Some(metadata_version) = state.metadata_version() else {
        let message = "The metadata version is not known yet.";
        return Err(ApiError::new(ErrorCode::UNKNOWN_SERVER_ERROR, message));
    };
    let mut proposed = state.features.levels.clone();
    for update in updates {
        proposed.insert(update.name.to_owned(), update.level);
    }
    let mut records = Vec::new();
    for update in updates {
        records.extend(check(state, cx, metadata_version, update, &proposed)?);
    }
    let elr = updates
        .iter()
        .find(|update| update.name == ELIGIBLE_LEADER_REPLICAS_VERSION);
    if elr.is_some_and(|update| update.level > 0) {
        let mut first = configs::elr_safety_records(state, cx.options);
        first.append(&mut records);
        records = first;
    }
    Ok(records)
}

/// Kafka's usual command for an upgrade asks for kraft.version too.
const STATIC_VOTERS: &str = "Its voters are those of controller.quorum.voters. Instead of --release-version, give \
                             --feature NAME=LEVEL for each of the others.";

/// The rules for one feature, in Kafka's order; the record that changes it.
fn check(
    state: &State,
    cx: &Cx,
    metadata_version: MetadataVersion,
    update: &Update,
    proposed: &OrdMap<String, i16>,
) -> Result<Option<MetadataRecord>, ApiError> {
    let Update {
        name,
        level,
        upgrade_type,
    } = *update;
    let refuse = |reason: String| {
        let message = format!("Invalid update version {level} for feature {name}. {reason}");
        Err(ApiError::new(ErrorCode::INVALID_UPDATE_VERSION, message))
    };
    if upgrade_type == UpgradeType::Unknown {
        return refuse("The controller does not support the given upgrade type.".to_owned());
    }
    if level < 0 {
        return refuse("A feature version cannot be less than 0.".to_owned());
    }
    if let Some(reason) = reason_not_supported(state, cx, metadata_version, name, level) {
        return refuse(match name {
            KRAFT_VERSION => format!("{reason} {STATIC_VOTERS}"),
            _ => reason,
        });
    }
    let current = state.features.level(name);
    if level < current && upgrade_type == UpgradeType::Upgrade {
        let reason = "Can't downgrade the version of this feature without setting the upgrade type \
                      to either safe or unsafe downgrade.";
        return refuse(reason.to_owned());
    }
    if level > current && upgrade_type != UpgradeType::Upgrade {
        return refuse("Can't downgrade to a newer version.".to_owned());
    }
    match name {
        METADATA_VERSION => check_metadata_version(metadata_version, level, upgrade_type)?,
        // Level 0 is all this controller supports, and where every cluster of it stands.
        KRAFT_VERSION => return Ok(None),
        _ => {
            let Some(feature) = Feature::named(name) else {
                return refuse(format!("Feature {name} not found."));
            };
            let level_of = |other: &str| proposed.get(other).copied().unwrap_or(0);
            let missing = feature.missing_dependency(level, level_of);
            if let Some((dependency, minimum)) = missing {
                return refuse(format!(
                    "{name} could not be set to {level} because it depends on {dependency} level \
                     {minimum}"
                ));
            }
        }
    }
    Ok(Some(level_record(name, level)))
}

/// A downgrade must not pass a level at which the records changed: what later levels wrote would be
/// lost (`FeatureControlManager.updateMetadataVersion`).
fn check_metadata_version(
    current: MetadataVersion,
    level: i16,
    upgrade_type: UpgradeType,
) -> Result<(), ApiError> {
    let new = MetadataVersion(level);
    if new >= current || !MetadataVersion::did_metadata_change_between(new, current) {
        return Ok(());
    }
    let reason = match upgrade_type {
        UpgradeType::UnsafeDowngrade => {
            "Unsafe metadata downgrade is not supported in this version."
        }
        UpgradeType::Unknown | UpgradeType::Upgrade | UpgradeType::SafeDowngrade => {
            "Refusing to perform the requested downgrade because it might delete metadata information."
        }
    };
    let from = current.0;
    let message =
        format!("Unsupported metadata.version downgrade from {from} to {level}. {reason}");
    Err(ApiError::new(ErrorCode::INVALID_UPDATE_VERSION, message))
}

/// Why some node of the cluster could not work at this level; `None` when all can.
fn reason_not_supported(
    state: &State,
    cx: &Cx,
    metadata_version: MetadataVersion,
    name: &str,
    level: i16,
) -> Option<String> {
    let own = features::supported_range(name, cx.options.unstable_feature_versions_enable);
    out_of_range(
        || format!("Local controller {}", cx.options.node_id),
        own,
        level,
    )
    .or_else(|| {
        state
            .brokers
            .supported(name)
            .find_map(|(id, range)| out_of_range(|| format!("Broker {id}"), range, level))
    })
    .or_else(|| {
        // Older levels know no registrations of controllers: they cannot be asked.
        metadata_version
            .is_controller_registration_supported()
            .then(|| reason_of_controllers(state, cx, name, level))
            .flatten()
    })
}

fn reason_of_controllers(state: &State, cx: &Cx, name: &str, level: i16) -> Option<String> {
    let others = |id: &NodeId| *id != cx.options.node_id;
    let mut registered = state
        .controllers
        .supported(name)
        .filter(|(id, _)| others(id));
    registered
        .find_map(|(id, range)| out_of_range(|| format!("Controller {id}"), range, level))
        .or_else(|| {
            let mut voters = cx.options.voter_ids.iter().filter(|id| others(id));
            let absent = voters.find(|id| !state.controllers.contains(**id))?;
            Some(format!(
                "controller {absent} has not registered, and may not support this feature"
            ))
        })
}

/// `QuorumFeatures.reasonNotSupported`.
fn out_of_range(who: impl Fn() -> String, range: VersionRange, level: i16) -> Option<String> {
    match range {
        range if range.contains(level) => None,
        VersionRange { max: 0, .. } => Some(format!("{} does not support this feature.", who())),
        range => Some(format!("{} only supports versions {range}", who())),
    }
}
