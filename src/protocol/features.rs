//! The features of a cluster and their levels: what this release knows of them, as tables
//! (`org.apache.kafka.server.common.MetadataVersion` and `Feature` of Kafka 4.3).

use std::fmt;

/// Name of the feature that gates records and the RPCs between nodes.
pub const METADATA_VERSION: &str = "metadata.version";
/// Whether the voters are kept in the log (KIP-853); told by control records, never by
/// FeatureLevel.
pub const KRAFT_VERSION: &str = "kraft.version";
/// Whether partitions keep eligible leader replicas (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// A level of metadata.version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataVersion(pub i16);

/// One row per level: number, name, whether the records changed with it, so that a downgrade past
/// it could lose some.
const METADATA_VERSIONS: &[(MetadataVersion, &str, bool)] = &[
    (MetadataVersion::V3_3_IV3, "3.3-IV3", true),
    (MetadataVersion::V3_4_IV0, "3.4-IV0", true),
    (MetadataVersion(9), "3.5-IV0", false),
    (MetadataVersion(10), "3.5-IV1", false),
    (MetadataVersion::V3_5_IV2, "3.5-IV2", true),
    (MetadataVersion::V3_6_IV0, "3.6-IV0", false),
    (MetadataVersion::V3_6_IV1, "3.6-IV1", true),
    (MetadataVersion::V3_6_IV2, "3.6-IV2", true),
    (MetadataVersion::V3_7_IV0, "3.7-IV0", true),
    (MetadataVersion(16), "3.7-IV1", false),
    (MetadataVersion::V3_7_IV2, "3.7-IV2", true),
    (MetadataVersion(18), "3.7-IV3", false),
    (MetadataVersion(19), "3.7-IV4", false),
    (MetadataVersion(20), "3.8-IV0", false),
    (MetadataVersion::V3_9_IV0, "3.9-IV0", false),
    (MetadataVersion::V4_0_IV0, "4.0-IV0", false),
    (MetadataVersion::V4_0_IV1, "4.0-IV1", true),
    (MetadataVersion::V4_0_IV2, "4.0-IV2", false),
    (MetadataVersion(25), "4.0-IV3", false),
    (MetadataVersion::V4_1_IV0, "4.1-IV0", false),
    (MetadataVersion(27), "4.1-IV1", false),
    (MetadataVersion::V4_2_IV0, "4.2-IV0", false),
    (MetadataVersion::V4_2_IV1, "4.2-IV1", false),
    (MetadataVersion::V4_3_IV0, "4.3-IV0", true),
    (MetadataVersion(31), "4.4-IV0", false),
];

impl MetadataVersion {
    /// The oldest level that a 4.x node works with.
    pub const MINIMUM: MetadataVersion = MetadataVersion::V3_3_IV3;
    /// The newest level that is finished in this release.
    pub const LATEST_PRODUCTION: MetadataVersion = MetadataVersion::V4_3_IV0;
    /// The newest level that is known at all; above the production level only where
    /// `unstable.feature.versions.enable` is set.
    pub const LATEST_TESTING: MetadataVersion = MetadataVersion(31);

    const V3_3_IV3: MetadataVersion = MetadataVersion(7);
    const V3_4_IV0: MetadataVersion = MetadataVersion(8);
    /// Since when SCRAM credentials are kept in the metadata log (KIP-900).
    pub const V3_5_IV2: MetadataVersion = MetadataVersion(11);
    const V3_6_IV0: MetadataVersion = MetadataVersion(12);
    const V3_6_IV1: MetadataVersion = MetadataVersion(13);
    const V3_6_IV2: MetadataVersion = MetadataVersion(14);
    const V3_7_IV0: MetadataVersion = MetadataVersion(15);
    const V3_7_IV2: MetadataVersion = MetadataVersion(17);
    const V3_9_IV0: MetadataVersion = MetadataVersion(21);
    const V4_0_IV0: MetadataVersion = MetadataVersion(22);
    const V4_0_IV1: MetadataVersion = MetadataVersion(23);
    const V4_0_IV2: MetadataVersion = MetadataVersion(24);
    const V4_1_IV0: MetadataVersion = MetadataVersion(26);
    const V4_2_IV0: MetadataVersion = MetadataVersion(28);
    const V4_2_IV1: MetadataVersion = MetadataVersion(29);
    const V4_3_IV0: MetadataVersion = MetadataVersion(30);

    /// Every level this release knows, oldest first.
    pub fn all() -> impl Iterator<Item = MetadataVersion> {
        METADATA_VERSIONS.iter().map(|(version, _, _)| *version)
    }

    /// The level that a person means: by its name (`4.3-IV0`), or the newest one in production of a release
    /// (`4.3`, `4.3.1`). Names beyond production count only where `unstable` (`MetadataVersion.fromVersionString`).
    pub fn parse(text: &str, unstable: bool) -> Option<MetadataVersion> {
        let newest = match unstable {
            true => Self::LATEST_TESTING,
            false => Self::LATEST_PRODUCTION,
        };
        let release = text.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let is_meant = |(version, name, _): &&(MetadataVersion, &str, bool)| {
            let is_of_release = name
                .strip_prefix(&release)
                .is_some_and(|level| level.starts_with("-IV"));
            *name == release && *version <= newest
                || is_of_release && *version <= Self::LATEST_PRODUCTION
        };
        let found = METADATA_VERSIONS.iter().rev().find(is_meant);
        found.map(|(version, _, _)| *version)
    }

    /// Kafka's name of the level, as in `4.3-IV0`; `None` for a level this release does not know.
    pub fn name(self) -> Option<&'static str> {
        let row = METADATA_VERSIONS
            .iter()
            .find(|(level, ..)| *level == self)?;
        Some(row.1)
    }

    /// Whether the records changed at some level above `older` and up to `newer`, so that the way
    /// back could lose some (`MetadataVersion.checkIfMetadataChanged`).
    pub fn did_metadata_change_between(older: MetadataVersion, newer: MetadataVersion) -> bool {
        let mut rows = METADATA_VERSIONS.iter();
        rows.any(|(level, _, changed)| *changed && older < *level && *level <= newer)
    }

    /// Until here, a leader's epoch rises whenever a replica leaves the in-sync set.
    pub fn is_leader_epoch_bump_required_on_isr_shrink(self) -> bool {
        self < MetadataVersion::V3_6_IV0
    }

    /// Transactions of metadata records (KIP-868).
    pub fn is_metadata_transaction_supported(self) -> bool {
        self >= MetadataVersion::V3_6_IV1
    }

    /// Controllers register (KIP-919).
    pub fn is_controller_registration_supported(self) -> bool {
        self >= MetadataVersion::V3_7_IV0
    }

    /// Replicas are assigned to log directories (KIP-858).
    pub fn is_directory_assignment_supported(self) -> bool {
        self >= MetadataVersion::V3_7_IV2
    }

    /// Records can hold eligible leader replicas (KIP-966).
    pub fn is_elr_supported(self) -> bool {
        self >= MetadataVersion::V4_0_IV1
    }

    /// Log directories can be cordoned (KIP-1066).
    pub fn is_cordoned_log_dirs_supported(self) -> bool {
        self >= MetadataVersion::V4_3_IV0
    }

    /// Version in which RegisterBroker is written.
    pub fn register_broker_record_version(self) -> i16 {
        match self {
            _ if self.is_cordoned_log_dirs_supported() => 4,
            _ if self.is_directory_assignment_supported() => 3,
            _ if self >= MetadataVersion::V3_4_IV0 => 2,
            _ => 1,
        }
    }

    /// Version in which Partition is written.
    pub fn partition_record_version(self) -> i16 {
        match self {
            _ if self.is_elr_supported() => 2,
            _ if self.is_directory_assignment_supported() => 1,
            _ => 0,
        }
    }

    /// Version in which PartitionChange is written.
    pub fn partition_change_record_version(self) -> i16 {
        self.partition_record_version()
    }
}

impl fmt::Display for MetadataVersion {
    /// `4.3-IV0`; the bare number of a level this release does not know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// Lowest and highest level, both included (`org.apache.kafka.metadata.VersionRange`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    /// Of a feature that is not known.
    pub const DISABLED: VersionRange = VersionRange { min: 0, max: 0 };

    pub fn contains(self, level: i16) -> bool {
        (self.min..=self.max).contains(&level)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionRange { min, max } if min == max => write!(f, "{min}"),
            VersionRange { min, max: i16::MAX } => write!(f, "{min}+"),
            VersionRange { min, max } => write!(f, "{min}-{max}"),
        }
    }
}

/// A level of a feature other than metadata.version.
#[derive(Clone, Copy, Debug)]
pub struct FeatureLevel {
    pub level: i16,
    /// Clusters that are formatted at this metadata.version or later get the level by themselves.
    pub bootstrap: MetadataVersion,
    /// Which features must be at which level, or above, for this one.
    pub dependencies: &'static [(&'static str, i16)],
}

/// A feature other than metadata.version.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    pub name: &'static str,
    /// The levels above 0, which every feature has, needs nothing and is where old clusters stand.
    pub levels: &'static [FeatureLevel],
    /// The newest level that is finished in this release.
    pub latest_production: i16,
}

const fn level(level: i16, bootstrap: MetadataVersion) -> FeatureLevel {
    FeatureLevel {
        level,
        bootstrap,
        dependencies: &[],
    }
}

/// Every feature but metadata.version, in the order in which Kafka declares them.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: KRAFT_VERSION,
        levels: &[level(1, MetadataVersion::V3_9_IV0)],
        latest_production: 1,
    },
    Feature {
        name: "transaction.version",
        levels: &[
            level(1, MetadataVersion::V4_0_IV2),
            level(2, MetadataVersion::V4_0_IV2),
        ],
        latest_production: 2,
    },
    Feature {
        name: "group.version",
        levels: &[level(1, MetadataVersion::V4_0_IV0)],
        latest_production: 1,
    },
    Feature {
        name: ELIGIBLE_LEADER_REPLICAS_VERSION,
        levels: &[FeatureLevel {
            level: 1,
            bootstrap: MetadataVersion::V4_1_IV0,
            dependencies: &[(METADATA_VERSION, MetadataVersion::V4_0_IV1.0)],
        }],
        latest_production: 1,
    },
    Feature {
        name: "share.version",
        levels: &[level(1, MetadataVersion::V4_2_IV0)],
        latest_production: 1,
    },
    Feature {
        name: "streams.version",
        levels: &[level(1, MetadataVersion::V4_2_IV1)],
        latest_production: 1,
    },
];

impl Feature {
    /// The feature of that name.
    pub fn named(name: &str) -> Option<&'static Feature> {
        FEATURES.iter().find(|feature| feature.name == name)
    }

    /// The level that a cluster formatted at `version` gets (`Feature.defaultLevel`).
    pub fn default_level(&self, version: MetadataVersion) -> i16 {
        let reached = self
            .levels
            .iter()
            .rev()
            .find(|level| level.bootstrap <= version);
        reached.map_or(0, |level| level.level)
    }

    /// The levels that may be asked for; those beyond production only where `unstable`.
    pub fn range(&self, unstable: bool) -> VersionRange {
        let known = self.levels.last().map_or(0, |level| level.level);
        let max = if unstable {
            known
        } else {
            self.latest_production
        };
        VersionRange { min: 0, max }
    }

    /// What `level` needs and `level_of` does not give: the other feature, and the level it lacks
    /// (`Feature.validateVersion`).
    pub fn missing_dependency(
        &self,
        level: i16,
        level_of: impl Fn(&str) -> i16,
    ) -> Option<(&'static str, i16)> {
        let wanted = self.levels.iter().find(|known| known.level == level)?;
        let mut dependencies = wanted.dependencies.iter().copied();
        dependencies.find(|(name, minimum)| level_of(name) < *minimum)
    }
}

/// What this node offers of every feature (`QuorumFeatures.defaultSupportedFeatureMap`), by name;
/// levels beyond production only where `unstable`. kraft.version is not among them: our voters are
/// those of `controller.quorum.voters`, and to claim level 1 would let a Java leader of a mixed
/// quorum move it to where we cannot follow.
pub fn supported(unstable: bool) -> Vec<(&'static str, VersionRange)> {
    let max = match unstable {
        true => MetadataVersion::LATEST_TESTING,
        false => MetadataVersion::LATEST_PRODUCTION,
    };
    let metadata_version = VersionRange {
        min: MetadataVersion::MINIMUM.0,
        max: max.0,
    };
    let mut all: Vec<_> = FEATURES
        .iter()
        .filter(|feature| feature.name != KRAFT_VERSION)
        .map(|feature| (feature.name, feature.range(unstable)))
        .filter(|(_, range)| range.max > 0)
        .chain([(METADATA_VERSION, metadata_version)])
        .collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

/// What this node offers of one feature; [`VersionRange::DISABLED`] of one it does not know.
pub fn supported_range(name: &str, unstable: bool) -> VersionRange {
    let mut all = supported(unstable).into_iter();
    all.find(|(known, _)| *known == name)
        .map_or(VersionRange::DISABLED, |(_, range)| range)
}
