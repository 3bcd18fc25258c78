//! Registered brokers.

use crate::protocol::{
    NodeId, Offset,
    features::{MetadataVersion, VersionRange},
    records::*,
};

/// Every registered broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brokers {}

impl Brokers {
    pub(super) fn replay_register(
        &mut self,
        _offset: Offset,
        _record: &RegisterBrokerRecord,
    ) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_unregister(
        &mut self,
        _record: &UnregisterBrokerRecord,
    ) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_registration_change(
        &mut self,
        _record: &BrokerRegistrationChangeRecord,
    ) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_fence(&mut self, _record: &FenceBrokerRecord) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_unfence(&mut self, _record: &UnfenceBrokerRecord) -> Result<(), String> {
        Ok(())
    }

    /// Whether that broker is registered.
    pub fn contains(&self, _id: NodeId) -> bool {
        false
    }

    /// Every broker with the levels of a feature that it works with; 0-0 where it does not know it.
    pub fn supported(&self, _feature: &str) -> impl Iterator<Item = (NodeId, VersionRange)> {
        std::iter::empty()
    }

    /// The records that make these registrations anew, written for `version`.
    pub(super) fn records(
        &self,
        _version: MetadataVersion,
    ) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        std::iter::empty()
    }
}
