//! Client quotas (`ClientQuotaControlManager`, `ClientQuotasImage`): limits per user, client id or
//! address. The brokers enforce them; the controller keeps them.

use std::sync::Arc;

use imbl::OrdMap;

use super::nested;
use crate::protocol::records::{ClientQuotaRecord, EntityData, MetadataRecord};

/// Whom a quota is for: entity type to name, where no name means the default of that type.
pub type Entity = Arc<[(String, Option<String>)]>;

/// Every quota, by entity and then by key (`producer_byte_rate`, ...).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quotas {
    by_entity: OrdMap<Entity, OrdMap<String, f64>>,
}

impl Quotas {
    pub(super) fn replay(&mut self, record: &ClientQuotaRecord) -> Result<(), String> {
        let entity = entity_of(record);
        let value = (!record.remove).then_some(record.value);
        nested::set(&mut self.by_entity, entity, &record.key, value);
        Ok(())
    }

    /// The records that make these quotas anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        self.by_entity
            .clone()
            .into_iter()
            .flat_map(|(entity, values)| {
                values.into_iter().map(move |(key, value)| {
                    MetadataRecord::ClientQuota(ClientQuotaRecord {
                        entity: entity.iter().map(entity_data).collect(),
                        key,
                        value,
                        ..Default::default()
                    })
                })
            })
    }
}

/// Two records name the same entity in whatever order they list its parts.
fn entity_of(record: &ClientQuotaRecord) -> Entity {
    let mut parts: Vec<_> = record
        .entity
        .iter()
        .map(|part| (part.entity_type.clone(), part.entity_name.clone()))
        .collect();
    parts.sort();
    parts.into()
}

fn entity_data((entity_type, entity_name): &(String, Option<String>)) -> EntityData {
    EntityData {
        entity_type: entity_type.clone(),
        entity_name: entity_name.clone(),
        ..Default::default()
    }
}
