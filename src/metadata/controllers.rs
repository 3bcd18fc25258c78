//! Registered controllers.

use crate::protocol::records::*;

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

    /// The records that make these registrations anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        std::iter::empty()
    }
}
