//! Topics and their partitions.

use crate::protocol::records::*;

/// Every topic with its partitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics {}

impl Topics {
    pub(super) fn replay_topic(&mut self, _record: &TopicRecord) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_partition(&mut self, _record: &PartitionRecord) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_partition_change(
        &mut self,
        _record: &PartitionChangeRecord,
    ) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn replay_clear_elr(&mut self, _record: &ClearElrRecord) -> Result<(), String> {
        Ok(())
    }

    /// Returns the name of the topic that is gone.
    pub(super) fn replay_remove(&mut self, _record: &RemoveTopicRecord) -> Result<String, String> {
        Ok(String::new())
    }

    /// Whether a topic of this name exists.
    pub fn contains(&self, _name: &str) -> bool {
        false
    }

    /// The records that make these topics anew, written for `version`.
    pub(super) fn records(
        &self,
        _version: crate::protocol::features::MetadataVersion,
    ) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        std::iter::empty()
    }
}
