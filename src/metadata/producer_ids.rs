//! Blocks of producer ids.

use crate::protocol::records::*;

/// Which producer ids are still free.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerIds {}

impl ProducerIds {
    pub(super) fn replay(&mut self, _record: &ProducerIdsRecord) -> Result<(), String> {
        Ok(())
    }

    /// The record that makes this anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        std::iter::empty()
    }
}
