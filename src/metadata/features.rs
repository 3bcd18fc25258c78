//! Finalized features (`FeatureControlManager`): which versions of formats and protocols the whole
//! cluster speaks.

use std::fmt;

use imbl::OrdMap;

use crate::protocol::records::{FeatureLevelRecord, MetadataRecord};

/// Name of the feature that gates records and RPCs between nodes.
pub const METADATA_VERSION: &str = "metadata.version";

/// A level of metadata.version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataVersion(pub i16);

impl MetadataVersion {
    /// 3.3-IV3: the oldest that any 4.x node works with.
    pub const MINIMUM: MetadataVersion = MetadataVersion(7);
    /// 4.3-IV0.
    pub const LATEST_PRODUCTION: MetadataVersion = MetadataVersion(30);

    /// Version in which RegisterBroker is written.
    pub fn register_broker_record_version(self) -> i16 {
        match self.0 {
            30.. => 4,
            17.. => 3,
            8.. => 2,
            _ => 1,
        }
    }

    /// Version in which Partition is written.
    pub fn partition_record_version(self) -> i16 {
        match self.0 {
            23.. => 2,
            17.. => 1,
            _ => 0,
        }
    }

    /// Version in which PartitionChange is written.
    pub fn partition_change_record_version(self) -> i16 {
        self.partition_record_version()
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
            .copied()
            .map(MetadataVersion)
    }

    pub(super) fn replay(&mut self, record: &FeatureLevelRecord) -> Result<(), String> {
        match record.feature_level {
            0 => self.levels.remove(&record.name),
            level => self.levels.insert(record.name.clone(), level),
        };
        Ok(())
    }

    /// The records that make this anew: metadata.version first, since it says how to read the rest.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let mut levels = self.levels.clone();
        let first = levels
            .remove(METADATA_VERSION)
            .map(|level| (METADATA_VERSION.to_owned(), level));
        first
            .into_iter()
            .chain(levels)
            .map(|(name, feature_level)| {
                MetadataRecord::FeatureLevel(FeatureLevelRecord {
                    name,
                    feature_level,
                    ..Default::default()
                })
            })
    }
}
