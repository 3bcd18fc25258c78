//! Registered brokers: what they said of themselves, and whether they may lead
//! (`org.apache.kafka.metadata.BrokerRegistration`).

use std::sync::Arc;

use imbl::OrdMap;

use super::partitions::{LOST, MIGRATING, UNASSIGNED};
use crate::protocol::{
    BrokerEpoch, NodeId, Offset, Uuid,
    features::{MetadataVersion, VersionRange},
    records::*,
};

/// One registered broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Names this process of the broker.
    pub incarnation_id: Uuid,
    /// Names this registration: the offset where it was written.
    pub epoch: BrokerEpoch,
    /// Where the newest RegisterBroker record stands: a broker that has read so far knows of itself.
    pub registered_at: Offset,
    pub endpoints: Vec<BrokerEndpoint>,
    pub features: Vec<BrokerFeature>,
    pub rack: Option<String>,
    pub fenced: bool,
    pub in_controlled_shutdown: bool,
    /// Online log directories; empty with releases that did not tell.
    pub directories: Vec<Uuid>,
    /// Directories that get no new replicas (KIP-1066); `None` when the broker does not know of that.
    pub cordoned_directories: Option<Vec<Uuid>>,
}

impl Broker {
    /// Whether the broker may take part in an ISR and lead.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether a replica in `directory` can be served (`DirectoryId.isOnline`).
    pub fn has_online(&self, directory: Uuid) -> bool {
        match directory {
            UNASSIGNED | MIGRATING => true,
            LOST => false,
            directory => self.directories.is_empty() || self.directories.contains(&directory),
        }
    }

    /// Whether a new replica may be placed here.
    pub fn has_uncordoned_directory(&self) -> bool {
        let Some(cordoned) = &self.cordoned_directories else {
            return true;
        };
        self.directories.is_empty() || self.directories.iter().any(|id| !cordoned.contains(id))
    }

    /// Where a new replica goes, as far as the controller can tell: brokers with several directories
    /// choose for themselves (`ClusterControlManager.defaultDir`).
    pub fn default_directory(&self) -> Uuid {
        match self.directories[..] {
            [] => MIGRATING,
            [only] => only,
            [_, _, ..] => UNASSIGNED,
        }
    }
}

/// Every registered broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brokers {
    brokers: OrdMap<NodeId, Arc<Broker>>,
    /// Whose a directory is.
    directories: OrdMap<Uuid, NodeId>,
}

impl Brokers {
    pub fn get(&self, id: NodeId) -> Option<&Arc<Broker>> {
        self.brokers.get(&id)
    }

    /// Whether the other is a copy in which nothing has changed: a quick look that may say no in vain.
    pub fn is_same(&self, other: &Brokers) -> bool {
        self.brokers.ptr_eq(&other.brokers) && self.directories.ptr_eq(&other.directories)
    }

    pub fn contains(&self, id: NodeId) -> bool {
        self.brokers.contains_key(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Arc<Broker>)> {
        self.brokers.iter().map(|(id, broker)| (*id, broker))
    }

    pub fn is_active(&self, id: NodeId) -> bool {
        self.get(id).is_some_and(|broker| broker.is_active())
    }

    /// The broker that a directory is registered for.
    pub fn owner(&self, directory: Uuid) -> Option<NodeId> {
        self.directories.get(&directory).copied()
    }

    /// See [`Broker::default_directory`]; that of a broker nobody knows is yet to be told.
    pub fn default_directory(&self, id: NodeId) -> Uuid {
        self.get(id)
            .map_or(UNASSIGNED, |broker| broker.default_directory())
    }

    /// Every broker with the levels of a feature that it works with; 0-0 where it does not know it.
    pub fn supported(&self, feature: &str) -> impl Iterator<Item = (NodeId, VersionRange)> {
        self.brokers.iter().map(move |(id, broker)| {
            let range = broker.features.iter().find(|known| known.name == feature);
            let range = range.map_or(VersionRange::DISABLED, |known| VersionRange {
                min: known.min_supported_version,
                max: known.max_supported_version,
            });
            (*id, range)
        })
    }

    pub(super) fn replay_register(
        &mut self,
        offset: Offset,
        record: &RegisterBrokerRecord,
    ) -> Result<(), String> {
        let broker = Broker {
            incarnation_id: record.incarnation_id,
            epoch: record.broker_epoch,
            registered_at: offset,
            endpoints: record.end_points.clone(),
            features: record.features.clone(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            directories: record.log_dirs.clone(),
            cordoned_directories: record.cordoned_log_dirs.clone(),
        };
        self.put(record.broker_id, broker);
        Ok(())
    }

    pub(super) fn replay_unregister(
        &mut self,
        record: &UnregisterBrokerRecord,
    ) -> Result<(), String> {
        self.must_be(record.broker_id, record.broker_epoch)?;
        if let Some(broker) = self.brokers.remove(&record.broker_id) {
            self.forget_directories(record.broker_id, &broker);
        }
        Ok(())
    }

    pub(super) fn replay_registration_change(
        &mut self,
        record: &BrokerRegistrationChangeRecord,
    ) -> Result<(), String> {
        let mut broker = Broker::clone(self.must_be(record.broker_id, record.broker_epoch)?);
        match record.fenced {
            0 => {}
            1 => broker.fenced = true,
            -1 => broker.fenced = false,
            other => return Err(format!("fencing change {other}")),
        }
        match record.in_controlled_shutdown {
            0 => {}
            1 => broker.in_controlled_shutdown = true,
            other => return Err(format!("controlled shutdown change {other}")),
        }
        if !record.log_dirs.is_empty() {
            broker.directories.clone_from(&record.log_dirs);
        }
        if record.cordoned_log_dirs.is_some() {
            broker
                .cordoned_directories
                .clone_from(&record.cordoned_log_dirs);
        }
        self.put(record.broker_id, broker);
        Ok(())
    }

    pub(super) fn replay_fence(&mut self, record: &FenceBrokerRecord) -> Result<(), String> {
        self.set_fenced(record.id, record.epoch, true)
    }

    pub(super) fn replay_unfence(&mut self, record: &UnfenceBrokerRecord) -> Result<(), String> {
        self.set_fenced(record.id, record.epoch, false)
    }

    fn set_fenced(&mut self, id: NodeId, epoch: BrokerEpoch, fenced: bool) -> Result<(), String> {
        let broker = Broker::clone(self.must_be(id, epoch)?);
        self.put(id, Broker { fenced, ..broker });
        Ok(())
    }

    fn must_be(&self, id: NodeId, epoch: BrokerEpoch) -> Result<&Arc<Broker>, String> {
        let broker = self
            .get(id)
            .ok_or_else(|| format!("broker {id} is not registered"))?;
        match broker.epoch == epoch {
            true => Ok(broker),
            false => Err(format!(
                "broker {id} has the epoch {}, not {epoch}",
                broker.epoch
            )),
        }
    }

    fn put(&mut self, id: NodeId, broker: Broker) {
        if let Some(previous) = self.brokers.get(&id).cloned() {
            self.forget_directories(id, &previous);
        }
        self.directories
            .extend(broker.directories.iter().map(|directory| (*directory, id)));
        self.brokers.insert(id, Arc::new(broker));
    }

    fn forget_directories(&mut self, id: NodeId, broker: &Broker) {
        for directory in &broker.directories {
            if self.owner(*directory) == Some(id) {
                self.directories.remove(directory);
            }
        }
    }

    /// The records that make these registrations anew, written for `version`.
    pub(super) fn records(
        &self,
        version: MetadataVersion,
    ) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let directories = version.is_directory_assignment_supported();
        let cordoned = version.is_cordoned_log_dirs_supported();
        self.brokers
            .clone()
            .into_iter()
            .map(move |(broker_id, broker)| {
                RegisterBrokerRecord {
                    broker_id,
                    incarnation_id: broker.incarnation_id,
                    broker_epoch: broker.epoch,
                    end_points: broker.endpoints.clone(),
                    features: broker.features.clone(),
                    rack: broker.rack.clone(),
                    fenced: broker.fenced,
                    in_controlled_shutdown: broker.in_controlled_shutdown,
                    log_dirs: if directories {
                        broker.directories.clone()
                    } else {
                        Vec::new()
                    },
                    cordoned_log_dirs: broker.cordoned_directories.clone().filter(|_| cordoned),
                    ..Default::default()
                }
                .into()
            })
    }
}
