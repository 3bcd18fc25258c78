//! Delegation tokens (`DelegationTokenControlManager`, `DelegationTokenImage`; metadata.version
//! 3.6-IV2 and later).

use imbl::OrdMap;

use crate::protocol::records::{
    DelegationTokenRecord, MetadataRecord, RemoveDelegationTokenRecord,
};

/// Every delegation token, by its id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokens {
    by_id: OrdMap<String, DelegationTokenRecord>,
}

impl Tokens {
    pub(super) fn replay(&mut self, record: &DelegationTokenRecord) -> Result<(), String> {
        self.by_id.insert(record.token_id.clone(), record.clone());
        Ok(())
    }

    /// Removing a token that is not there is no fault: Kafka's manager only logs these records.
    pub(super) fn replay_remove(
        &mut self,
        record: &RemoveDelegationTokenRecord,
    ) -> Result<(), String> {
        self.by_id.remove(&record.token_id);
        Ok(())
    }

    /// The records that make these tokens anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        self.by_id
            .clone()
            .into_iter()
            .map(|(_, token)| MetadataRecord::DelegationToken(token))
    }
}
