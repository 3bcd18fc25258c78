//! Dynamic configurations (`ConfigurationControlManager`).

use imbl::OrdMap;

use crate::protocol::records::{ConfigRecord, MetadataRecord};

/// What a configuration is for: the type of resource and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    pub resource_type: i8,
    pub name: String,
}

/// `ConfigResource.Type.TOPIC`.
pub const TOPIC: i8 = 2;

/// Every dynamic configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configs {
    by_resource: OrdMap<ConfigResource, OrdMap<String, String>>,
}

impl Configs {
    pub(super) fn replay(&mut self, record: &ConfigRecord) -> Result<(), String> {
        let resource = ConfigResource {
            resource_type: record.resource_type,
            name: record.resource_name.clone(),
        };
        let mut values = self.by_resource.get(&resource).cloned().unwrap_or_default();
        match &record.value {
            None => values.remove(&record.name),
            Some(value) => values.insert(record.name.clone(), value.clone()),
        };
        match values.is_empty() {
            true => self.by_resource.remove(&resource),
            false => self.by_resource.insert(resource, values),
        };
        Ok(())
    }

    /// Forgets everything about a topic that is gone.
    pub(super) fn remove_topic(&mut self, name: &str) {
        self.by_resource.remove(&ConfigResource {
            resource_type: TOPIC,
            name: name.to_owned(),
        });
    }

    /// The records that make these configurations anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        self.by_resource
            .clone()
            .into_iter()
            .flat_map(|(resource, values)| {
                values.into_iter().map(move |(name, value)| {
                    MetadataRecord::Config(ConfigRecord {
                        resource_type: resource.resource_type,
                        resource_name: resource.name.clone(),
                        name,
                        value: Some(value),
                        ..Default::default()
                    })
                })
            })
    }
}

/// Records.
pub fn elr_safety_records(_state: &super::State, _options: &super::Options) -> Vec<MetadataRecord> {
    Vec::new()
}
