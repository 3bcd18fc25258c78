//! Registered controllers.

use crate::protocol::{NodeId, features::VersionRange, records::*};

/// Every registered controller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controllers {}

impl Controllers {
    pub(super) fn replay_register(
        &mut self,
        _record: &RegisterControllerRecord,
    ) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_unregister(
        &mut self,
        _record: &UnregisterControllerRecord,
    ) -> Result<(), String> {
        Ok(())
    }

    /// Every controller with the levels of a feature that it works with; 0-0 where it does not know
    /// it.
    pub fn supported(&self, _feature: &str) -> impl Iterator<Item = (NodeId, VersionRange)> {
        std::iter::empty()
    }

    /// Whether that controller has registered.
    pub fn contains(&self, _id: NodeId) -> bool {
        false
    }

    /// The records that make these registrations anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        std::iter::empty()
    }
}
