//! Access control entries (`AclControlManager`, `AclsImage`). Brokers and controllers judge by
//! them; here they are kept.

use imbl::OrdMap;

use crate::protocol::{
    Uuid,
    records::{AccessControlEntryRecord, MetadataRecord, RemoveAccessControlEntryRecord},
};

/// Every access control entry, by its id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acls {
    by_id: OrdMap<Uuid, AccessControlEntryRecord>,
}

impl Acls {
    pub(super) fn replay(&mut self, record: &AccessControlEntryRecord) -> Result<(), String> {
        self.by_id.insert(record.id, record.clone());
        Ok(())
    }

    pub(super) fn replay_remove(
        &mut self,
        record: &RemoveAccessControlEntryRecord,
    ) -> Result<(), String> {
        let removed = self.by_id.remove(&record.id);
        removed
            .map(drop)
            .ok_or_else(|| format!("there is no access control entry {}", record.id))
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The records that make these entries anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        self.by_id
            .clone()
            .into_iter()
            .map(|(_, entry)| MetadataRecord::AccessControlEntry(entry))
    }
}
