//! SCRAM credentials (`ScramControlManager`, `ScramImage`; metadata.version 3.5-IV2 and later).

use imbl::OrdMap;

use crate::protocol::records::{
    MetadataRecord, RemoveUserScramCredentialRecord, UserScramCredentialRecord,
};

/// Every credential, by mechanism (1 SCRAM-SHA-256, 2 SCRAM-SHA-512) and user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scram {
    credentials: OrdMap<(i8, String), UserScramCredentialRecord>,
}

impl Scram {
    pub(super) fn replay(&mut self, record: &UserScramCredentialRecord) -> Result<(), String> {
        let key = (record.mechanism, record.name.clone());
        self.credentials.insert(key, record.clone());
        Ok(())
    }

    pub(super) fn replay_remove(
        &mut self,
        record: &RemoveUserScramCredentialRecord,
    ) -> Result<(), String> {
        let removed = self
            .credentials
            .remove(&(record.mechanism, record.name.clone()));
        removed.map(drop).ok_or_else(|| {
            format!(
                "user {} has no credential of mechanism {}",
                record.name, record.mechanism
            )
        })
    }

    /// The records that make these credentials anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let credentials = self.credentials.clone().into_iter();
        credentials.map(|(_, credential)| MetadataRecord::UserScramCredential(credential))
    }
}
