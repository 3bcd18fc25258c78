//! A state as the records of a snapshot (`MetadataImage.write`).

use super::state::State;
use crate::protocol::records::MetadataRecord;

impl State {
    /// The records that make the [stable](State::stable) state anew on an empty one, in the order
    /// in which Kafka writes them: whatever is referred to comes first, metadata.version before
    /// all.
    ///
    /// Made one by one from a clone of the state, so that another thread can write them while this
    /// state goes on changing.
    pub fn snapshot_records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let state = self.stable();
        let version = state
            .metadata_version()
            .unwrap_or(crate::protocol::features::MetadataVersion::MINIMUM);
        state
            .features
            .records()
            .chain(state.brokers.records(version))
            .chain(state.controllers.records())
            .chain(state.topics.records(version))
            .chain(state.configs.records())
            .chain(state.quotas.records())
            .chain(state.producer_ids.records())
            .chain(state.acls.records())
            .chain(state.scram.records())
            .chain(state.tokens.records())
    }
}
