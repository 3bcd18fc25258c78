//! What happens to partitions when a broker comes, goes or loses a disk: new leaders, smaller ISRs
//! (`ReplicationControlManager.generateLeaderAndIsrUpdates` and the `handleBroker*` methods).

use super::{
    Options, State,
    partition_change::{Election, PartitionChange},
    partitions::Partition,
    topics::TopicIdPartition,
};
use crate::protocol::{
    BrokerEpoch, NodeId, Uuid,
    records::{BrokerRegistrationChangeRecord, MetadataRecord, UnregisterBrokerRecord},
};

/// Fencing and unfencing in a BrokerRegistrationChange record.
const FENCE: i8 = 1;
const UNFENCE: i8 = -1;
const IN_CONTROLLED_SHUTDOWN: i8 = 1;

/// Who is on the move.
#[derive(Clone, Copy, Default)]
struct Movement<'a> {
    /// Leaves all ISRs, and leads no more.
    leaving: Option<NodeId>,
    /// Counts as active already.
    joining: Option<NodeId>,
    /// Where whoever joins can serve nothing.
    failed_directories: &'a [Uuid],
    /// Leaves all ISRs and ELRs: it may have lost messages.
    unclean: Option<NodeId>,
}

impl Movement<'_> {
    fn leaving(id: NodeId) -> Self {
        Movement {
            leaving: Some(id),
            ..Default::default()
        }
    }
}

/// Leader and ISR changes for `partitions`.
fn moves(
    state: &State,
    options: &Options,
    movement: Movement<'_>,
    partitions: impl Iterator<Item = TopicIdPartition>,
    records: &mut Vec<MetadataRecord>,
) {
    let gone = |id: NodeId| movement.leaving == Some(id) || movement.unclean == Some(id);
    let mut rules = TopicRules::new(state, options);
    for key in partitions {
        let Some(partition) = state.topics.partition(key) else {
            continue;
        };
        let failed = |id: NodeId| {
            let directory = partition.directory(id);
            directory.is_some_and(|directory| movement.failed_directories.contains(&directory))
        };
        let joins = move |id: NodeId| movement.joining == Some(id) && !failed(id);
        let active = move |id: NodeId| !gone(id) && (joins(id) || state.brokers.is_active(id));
        let rules = rules.of(key.topic_id);
        let mut change = rules.change(state, key, partition, active);
        change.unclean_shutdown_replica = movement.unclean;
        change.isr.retain(|id| !gone(*id));
        records.extend(change.build().map(MetadataRecord::from));
    }
}

/// What the settings of a topic say of changes to its partitions.
#[derive(Clone, Copy)]
struct Rules {
    min_isr: usize,
    election: Election,
}

impl Rules {
    fn of(state: &State, options: &Options, topic_id: Uuid) -> Rules {
        let topic = state.topics.name(topic_id).map_or("", |name| name);
        let first = TopicIdPartition {
            partition_id: 0,
            topic_id,
        };
        let replicas = state
            .topics
            .partition(first)
            .map_or(0, |first| first.replicas.len());
        let min_isr = state.min_insync_replicas(options, topic).max(0) as usize;
        Rules {
            min_isr: min_isr.min(replicas),
            election: match state.unclean_leader_election_enabled(options, topic) {
                true => Election::Unclean,
                false => Election::Online,
            },
        }
    }

    /// `is_active` says who may lead at all; that the directory is online is asked for here.
    fn change<'a>(
        self,
        state: &'a State,
        key: TopicIdPartition,
        partition: &'a Partition,
        is_active: impl Fn(NodeId) -> bool + 'a,
    ) -> PartitionChange<'a> {
        let is_acceptable = move |id: NodeId| {
            let directory = partition.directory(id);
            let broker = state.brokers.get(id);
            let online = directory
                .zip(broker)
                .is_some_and(|(dir, broker)| broker.has_online(dir));
            is_active(id) && online
        };
        let mut change = PartitionChange::new(state, key, partition, self.min_isr, is_acceptable);
        change.election = self.election;
        change
    }
}

/// The rules of each topic, for who comes topic after topic: its settings are looked up once.
pub(super) struct TopicRules<'a> {
    state: &'a State,
    options: &'a Options,
    last: Option<(Uuid, Rules)>,
}

impl<'a> TopicRules<'a> {
    pub(super) fn new(state: &'a State, options: &'a Options) -> Self {
        TopicRules {
            state,
            options,
            last: None,
        }
    }

    fn of(&mut self, topic_id: Uuid) -> Rules {
        let rules = match self.last {
            Some((last, rules)) if last == topic_id => rules,
            _ => Rules::of(self.state, self.options, topic_id),
        };
        self.last = Some((topic_id, rules));
        rules
    }

    /// Whether a leader that may lack messages is better than none.
    pub(super) fn elect_unclean(&mut self, topic_id: Uuid) -> bool {
        self.of(topic_id).election == Election::Unclean
    }

    /// A change to a partition while no broker is on the move.
    pub(super) fn change(
        &mut self,
        key: TopicIdPartition,
        partition: &'a Partition,
    ) -> PartitionChange<'a> {
        let state = self.state;
        let is_active = |id| state.brokers.is_active(id);
        let rules = self.of(key.topic_id);
        rules.change(state, key, partition, is_active)
    }
}

/// A change to one partition, with the settings of its topic, while no broker is on the move.
pub(super) fn change<'a>(
    state: &'a State,
    options: &'a Options,
    key: TopicIdPartition,
    partition: &'a Partition,
) -> PartitionChange<'a> {
    TopicRules::new(state, options).change(key, partition)
}

/// A broker chooses a directory for its replica. This gives it no leadership in one that is not online: Kafka
/// judges by the directory that the replica leaves, and nothing takes such a leadership away again.
pub(super) fn assignment<'a>(
    state: &'a State,
    options: &Options,
    key: TopicIdPartition,
    partition: &'a Partition,
    (id, directory): (NodeId, Uuid),
) -> PartitionChange<'a> {
    let broker = state.brokers.get(id);
    let is_online = broker.is_some_and(|broker| broker.has_online(directory));
    // One that it has is moved in order, by the records that follow.
    let may_lead = is_online || partition.leader == Some(id);
    let is_active = move |other| state.brokers.is_active(other) && (other != id || may_lead);
    let rules = Rules::of(state, options, key.topic_id);
    let mut change = rules.change(state, key, partition, is_active);
    // A choice of directory elects nobody uncleanly.
    change.election = Election::Online;
    change.directory = Some((id, directory));
    change
}

/// A broker is fenced, or ends: it leaves all ISRs.
pub(super) fn fence(
    state: &State,
    options: &Options,
    id: NodeId,
    records: &mut Vec<MetadataRecord>,
) {
    let Some(broker) = state.brokers.get(id) else {
        return;
    };
    let movement = Movement::leaving(id);
    moves(
        state,
        options,
        movement,
        state.topics.with_isr_member(id),
        records,
    );
    records.push(registration_change(id, broker.epoch, |change| {
        change.fenced = FENCE
    }));
}

/// A broker is unfenced: partitions that have no leader may get one. Not in the directories that it
/// tells are lost: Kafka gives it leaderships there, and nothing takes them away again.
pub(super) fn unfence(
    state: &State,
    options: &Options,
    id: NodeId,
    offline: &[Uuid],
    records: &mut Vec<MetadataRecord>,
) {
    let Some(broker) = state.brokers.get(id) else {
        return;
    };
    records.push(registration_change(id, broker.epoch, |change| {
        change.fenced = UNFENCE
    }));
    let movement = Movement {
        joining: Some(id),
        failed_directories: offline,
        ..Default::default()
    };
    moves(
        state,
        options,
        movement,
        state.topics.without_leader(),
        records,
    );
}

/// A broker wants to end: its leaderships are moved away first.
pub(super) fn controlled_shutdown(
    state: &State,
    options: &Options,
    id: NodeId,
    records: &mut Vec<MetadataRecord>,
) {
    let Some(broker) = state.brokers.get(id) else {
        return;
    };
    if !broker.in_controlled_shutdown {
        records.push(registration_change(id, broker.epoch, |change| {
            change.in_controlled_shutdown = IN_CONTROLLED_SHUTDOWN;
        }));
    }
    let movement = Movement::leaving(id);
    moves(
        state,
        options,
        movement,
        state.topics.with_isr_member(id),
        records,
    );
}

/// A new life of a broker begins: what its former one left is cleaned up. After an unclean stop it may
/// lack acknowledged messages (KIP-966).
pub(super) fn shutdown(
    state: &State,
    options: &Options,
    id: NodeId,
    clean: bool,
    records: &mut Vec<MetadataRecord>,
) {
    let topics = &state.topics;
    if state.features.is_elr_enabled() && !clean {
        let movement = Movement {
            unclean: Some(id),
            ..Default::default()
        };
        moves(
            state,
            options,
            movement,
            topics.with_isr_member(id),
            records,
        );
        moves(
            state,
            options,
            movement,
            topics.with_elr_member(id),
            records,
        );
    } else {
        let movement = Movement::leaving(id);
        moves(
            state,
            options,
            movement,
            topics.with_isr_member(id),
            records,
        );
    }
}

/// A broker is forgotten.
pub(super) fn unregister(
    state: &State,
    options: &Options,
    id: NodeId,
    records: &mut Vec<MetadataRecord>,
) {
    let Some(broker) = state.brokers.get(id) else {
        return;
    };
    let movement = Movement::leaving(id);
    moves(
        state,
        options,
        movement,
        state.topics.with_isr_member(id),
        records,
    );
    moves(
        state,
        options,
        movement,
        state.topics.with_elr_member(id),
        records,
    );
    let record = UnregisterBrokerRecord {
        broker_id: id,
        broker_epoch: broker.epoch,
        ..Default::default()
    };
    records.push(record.into());
}

/// Disks of a broker failed: replicas there are out of the ISR, and the broker has fewer directories.
pub(super) fn directories_offline(
    state: &State,
    options: &Options,
    id: NodeId,
    offline: &[Uuid],
    records: &mut Vec<MetadataRecord>,
) {
    let Some(broker) = state.brokers.get(id) else {
        return;
    };
    let (newly_offline, online): (Vec<Uuid>, Vec<Uuid>) = broker
        .directories
        .iter()
        .partition(|directory| offline.contains(directory));
    if newly_offline.is_empty() {
        return;
    }
    let movement = Movement::leaving(id);
    for directory in newly_offline {
        moves(
            state,
            options,
            movement,
            state.topics.in_directory(id, directory),
            records,
        );
    }
    records.push(registration_change(id, broker.epoch, |change| {
        change.log_dirs = online
    }));
}

/// Replicas were put into a directory that is not online.
pub(super) fn assigned_offline(
    state: &State,
    options: &Options,
    id: NodeId,
    partitions: impl Iterator<Item = TopicIdPartition>,
    records: &mut Vec<MetadataRecord>,
) {
    let movement = Movement::leaving(id);
    moves(state, options, movement, partitions, records);
}

pub(super) fn registration_change(
    broker_id: NodeId,
    broker_epoch: BrokerEpoch,
    set: impl FnOnce(&mut BrokerRegistrationChangeRecord),
) -> MetadataRecord {
    let mut change = BrokerRegistrationChangeRecord {
        broker_id,
        broker_epoch,
        ..Default::default()
    };
    set(&mut change);
    change.into()
}
