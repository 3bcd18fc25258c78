//! [`State`], the whole metadata of a cluster, and the one way it changes.

use std::sync::Arc;

use super::{
    acls::Acls, brokers::Brokers, configs::Configs, controllers::Controllers, features::Features,
    producer_ids::ProducerIds, quotas::Quotas, scram::Scram, tokens::Tokens, topics::Topics,
};
use crate::protocol::{
    Offset,
    features::MetadataVersion,
    records::{BrokerRegistrationChangeRecord, MetadataRecord},
};

/// A record that cannot be applied to the state it met: the log, or the controller that wrote it,
/// is broken. Fatal for a controller, as in Kafka.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot replay the {record} record at offset {offset}: {reason}. The log and the controllers' \
     software disagree; run one release on all controllers, or restore this node's log from another"
)]
pub struct ReplayError {
    pub offset: Offset,
    /// Name of the record's type.
    pub record: &'static str,
    pub reason: String,
}

/// A metadata transaction (KIP-868) that has begun and not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// Offset of its BeginTransaction record.
    pub start: Offset,
    /// The state as it was before, to which an abort returns.
    before: Arc<State>,
}

/// The metadata of a cluster at one offset of the log. Made of persistent containers: a clone costs
/// the same however much is in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub features: Features,
    pub brokers: Brokers,
    pub controllers: Controllers,
    pub topics: Topics,
    pub configs: Configs,
    pub quotas: Quotas,
    pub producer_ids: ProducerIds,
    pub acls: Acls,
    pub scram: Scram,
    pub tokens: Tokens,
    transaction: Option<Transaction>,
}

impl State {
    /// The metadata transaction that is open at this point of the log.
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// The newest state outside a transaction: what may be read, published and put in snapshots
    /// (`OffsetControlManager.lastStableOffset`).
    pub fn stable(&self) -> &State {
        match &self.transaction {
            Some(transaction) => &transaction.before,
            None => self,
        }
    }

    /// The finalized metadata.version; `None` before the first activation, when the log says
    /// nothing.
    pub fn metadata_version(&self) -> Option<MetadataVersion> {
        self.features.metadata_version()
    }

    /// Applies the record that stands at `offset` of the log. On an error the state is as before,
    /// and unfit for anything that comes after.
    pub fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), ReplayError> {
        self.apply(offset, record).map_err(|reason| ReplayError {
            offset,
            record: record.name(),
            reason,
        })
    }

    fn apply(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), String> {
        use MetadataRecord::*;
        match record {
            RegisterBroker(record) => self.brokers.replay_register(offset, record),
            UnregisterBroker(record) => self.brokers.replay_unregister(record),
            BrokerRegistrationChange(record) => self.brokers.replay_registration_change(record),
            FenceBroker(record) => self.brokers.replay_fence(record),
            UnfenceBroker(record) => self.brokers.replay_unfence(record),
            RegisterController(record) => self.controllers.replay_register(record),
            UnregisterController(record) => self.controllers.replay_unregister(record),
            Topic(record) => self.topics.replay_topic(record),
            Partition(record) => self.topics.replay_partition(record),
            PartitionChange(record) => self.topics.replay_partition_change(record),
            ClearElr(record) => self.topics.replay_clear_elr(record),
            RemoveTopic(record) => {
                let name = self.topics.replay_remove(record)?;
                self.configs.remove_topic(&name);
                Ok(())
            }
            Config(record) => self.configs.replay(record),
            FeatureLevel(record) => self.features.replay(record),
            ClientQuota(record) => self.quotas.replay(record),
            ProducerIds(record) => self.producer_ids.replay(record),
            AccessControlEntry(record) => self.acls.replay(record),
            RemoveAccessControlEntry(record) => self.acls.replay_remove(record),
            UserScramCredential(record) => self.scram.replay(record),
            RemoveUserScramCredential(record) => self.scram.replay_remove(record),
            DelegationToken(record) => self.tokens.replay(record),
            RemoveDelegationToken(record) => self.tokens.replay_remove(record),
            BeginTransaction(_) => self.begin(offset),
            EndTransaction(_) => self.end(),
            AbortTransaction(_) => self.abort(),
            // Offsets move; ZooKeeper is gone (KIP-866 ended with 4.0).
            NoOp(_) | ZkMigrationState(_) => Ok(()),
        }
    }

    fn begin(&mut self, offset: Offset) -> Result<(), String> {
        if let Some(open) = &self.transaction {
            return Err(format!(
                "the transaction at {} was never closed",
                open.start
            ));
        }
        let before = Arc::new(self.clone());
        self.transaction = Some(Transaction {
            start: offset,
            before,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let open = self.transaction.take();
        open.map(drop)
            .ok_or_else(|| "there is no open transaction".to_owned())
    }

    fn abort(&mut self) -> Result<(), String> {
        let open = self.transaction.take();
        let open = open.ok_or_else(|| "there is no open transaction".to_owned())?;
        *self = Arc::unwrap_or_clone(open.before);
        Ok(())
    }

    /// The version in which a record is written while the finalized metadata.version is what it is:
    /// every node of the cluster must be able to read it (`MetadataVersion.*RecordVersion`).
    pub fn record_version(&self, record: &MetadataRecord) -> i16 {
        // Bootstrap records come before any metadata.version, and exist in version 0 only.
        let version = self.metadata_version().unwrap_or(MetadataVersion::MINIMUM);
        match record {
            MetadataRecord::RegisterBroker(_) => version.register_broker_record_version(),
            MetadataRecord::BrokerRegistrationChange(record) => registration_change_version(record),
            MetadataRecord::Partition(_) => version.partition_record_version(),
            MetadataRecord::PartitionChange(_) => version.partition_change_record_version(),
            MetadataRecord::UnregisterBroker(_)
            | MetadataRecord::Topic(_)
            | MetadataRecord::Config(_)
            | MetadataRecord::FenceBroker(_)
            | MetadataRecord::UnfenceBroker(_)
            | MetadataRecord::RemoveTopic(_)
            | MetadataRecord::DelegationToken(_)
            | MetadataRecord::UserScramCredential(_)
            | MetadataRecord::FeatureLevel(_)
            | MetadataRecord::ClientQuota(_)
            | MetadataRecord::ProducerIds(_)
            | MetadataRecord::AccessControlEntry(_)
            | MetadataRecord::RemoveAccessControlEntry(_)
            | MetadataRecord::NoOp(_)
            | MetadataRecord::ZkMigrationState(_)
            | MetadataRecord::RemoveUserScramCredential(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_)
            | MetadataRecord::RemoveDelegationToken(_)
            | MetadataRecord::RegisterController(_)
            | MetadataRecord::UnregisterController(_)
            | MetadataRecord::ClearElr(_) => 0,
        }
    }
}

/// The lowest version that can say what the record says: what Kafka writes, and what the
/// metadata.version that allowed the change allows too.
fn registration_change_version(record: &BrokerRegistrationChangeRecord) -> i16 {
    match record {
        _ if record.cordoned_log_dirs.is_some() => 3,
        _ if !record.log_dirs.is_empty() => 2,
        _ if record.in_controlled_shutdown != 0 => 1,
        _ => 0,
    }
}
