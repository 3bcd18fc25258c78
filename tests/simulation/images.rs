//! What the committed log amounts to: the state after every batch, what must hold of it, and the states of
//! the nodes beside it.

use kraftd::{
    metadata::{
        Options, State,
        brokers::Broker,
        configs::{ConfigResource, ResourceType},
        partitions::{LeaderRecoveryState, Partition},
        topics::TopicIdPartition,
    },
    protocol::{
        BrokerEpoch, NodeId, Offset, Uuid, record_batch::RecordBatch, records::MetadataRecord,
    },
};

use crate::{
    coverage::{Coverage, Mark},
    history::History,
};

/// The committed states.
pub struct Images {
    latest: State,
    /// One for each committed batch, and one for the empty log.
    steps: Vec<Step>,
}

/// A committed batch, or the part of one that ends a transaction.
struct Step {
    end: Offset,
    /// What it led to.
    state: State,
    touched: Vec<Touched>,
}

/// What a record may have changed; the small parts of a state are looked at each time.
enum Touched {
    Topic(Uuid),
    Partition(TopicIdPartition),
    Broker(NodeId),
    Config(ConfigResource),
    Everything,
}

impl Default for Images {
    fn default() -> Images {
        let empty = Step {
            end: Offset(0),
            state: State::default(),
            touched: Vec::new(),
        };
        Images {
            latest: State::default(),
            steps: vec![empty],
        }
    }
}

impl Images {
    /// What all committed records amount to.
    pub fn latest(&self) -> &State {
        &self.latest
    }

    /// What someone knows who has read all below `end`.
    pub fn up_to(&self, end: Offset) -> &State {
        let read = self.steps.partition_point(|step| step.end <= end);
        self.steps[read - 1].state.stable()
    }

    pub fn replay(&mut self, batch: &RecordBatch, history: &mut History, coverage: &mut Coverage) {
        let mut touched = Vec::new();
        if !batch.is_control() {
            let records = batch.metadata_records().expect("our own records");
            for (offset, record) in &records {
                coverage.on_committed(&self.latest, record);
                let before = Before::of(&self.latest, record);
                let replayed = self.latest.replay(*offset, record);
                replayed.unwrap_or_else(|error| panic!("committed, but: {error}"));
                before.check(record, &self.latest);
                history.on_committed(&self.latest, *offset, record);
                touched.extend(Touched::by(record));
                // A state is stable here, though no batch ends.
                if let MetadataRecord::AbortTransaction(_) = record {
                    let end = offset.plus(1);
                    let (state, touched) = (self.latest.clone(), std::mem::take(&mut touched));
                    self.steps.push(Step {
                        end,
                        state,
                        touched,
                    });
                }
            }
            check_brokers(&self.latest);
            let before = &self.steps[self.steps.len() - 1].state;
            for touched in &touched {
                if let Touched::Partition(key) = touched
                    && check_directory(before, &self.latest, *key)
                {
                    coverage.reach(Mark::LeaderMovedFromFailedDisk);
                }
            }
        }
        self.steps.push(Step {
            end: batch.end_offset(),
            state: self.latest.clone(),
            touched,
        });
    }

    fn step(&self, end: Offset) -> Option<usize> {
        self.steps.binary_search_by_key(&end, |step| step.end).ok()
    }

    /// Whether `ours`, the state of a node at the offset `at`, is what the log says; `None` where no batch
    /// ends. A state that was equal at `since` can differ only in what was touched from there on.
    pub fn agrees(&self, ours: &State, since: Option<Offset>, at: Offset) -> Option<bool> {
        let index = self.step(at)?;
        let theirs = self.steps[index].state.stable();
        let Some(since) = since.and_then(|since| self.step(since)) else {
            return Some(equal(ours, theirs));
        };
        let mut touched = self.steps[since..=index]
            .iter()
            .flat_map(|step| &step.touched);
        Some(is_small_equal(ours, theirs) && touched.all(|touched| touched.agrees(ours, theirs)))
    }
}

/// Whether all is equal, indexes included.
fn equal(ours: &State, theirs: &State) -> bool {
    let brokers = |state: &State| -> Vec<Broker> {
        let brokers = state.brokers.iter();
        brokers.map(|(_, broker)| as_in_snapshots(broker)).collect()
    };
    ours.topics == theirs.topics
        && ours.configs == theirs.configs
        && brokers(ours) == brokers(theirs)
        && is_small_equal(ours, theirs)
}

/// Of what is looked at each time.
fn is_small_equal(ours: &State, theirs: &State) -> bool {
    ours.features == theirs.features
        && ours.controllers == theirs.controllers
        && ours.producer_ids == theirs.producer_ids
        && ours.quotas == theirs.quotas
        && ours.acls == theirs.acls
        && ours.scram == theirs.scram
        && ours.tokens == theirs.tokens
}

/// A state read from a snapshot does not know where each record stood.
fn as_in_snapshots(broker: &Broker) -> Broker {
    Broker {
        registered_at: Offset(0),
        ..broker.clone()
    }
}

impl Touched {
    fn by(record: &MetadataRecord) -> Option<Touched> {
        use MetadataRecord::*;
        let partition = |topic_id, partition_id| {
            Touched::Partition(TopicIdPartition {
                topic_id,
                partition_id,
            })
        };
        Some(match record {
            Topic(record) => Touched::Topic(record.topic_id),
            RemoveTopic(record) => Touched::Topic(record.topic_id),
            Partition(record) => partition(record.topic_id, record.partition_id),
            PartitionChange(record) => partition(record.topic_id, record.partition_id),
            RegisterBroker(record) => Touched::Broker(record.broker_id),
            UnregisterBroker(record) => Touched::Broker(record.broker_id),
            BrokerRegistrationChange(record) => Touched::Broker(record.broker_id),
            Config(record) => {
                let resource_type = ResourceType(record.resource_type);
                Touched::Config(ConfigResource::new(resource_type, &*record.resource_name))
            }
            ClearElr(_) => Touched::Everything,
            _ => return None,
        })
    }

    fn agrees(&self, ours: &State, theirs: &State) -> bool {
        match self {
            Touched::Topic(id) => {
                let name = theirs.topics.name(*id);
                ours.topics.name(*id) == name
                    && ours.topics.partition_count(*id) == theirs.topics.partition_count(*id)
                    && name.is_none_or(|name| ours.topics.id(name) == Some(*id))
            }
            Touched::Partition(key) => ours.topics.partition(*key) == theirs.topics.partition(*key),
            Touched::Broker(id) => {
                let registered = |state: &State| Some(as_in_snapshots(state.brokers.get(*id)?));
                registered(ours) == registered(theirs)
            }
            Touched::Everything => equal(ours, theirs),
            Touched::Config(resource) => ours.configs.of(resource) == theirs.configs.of(resource),
        }
    }
}

/// What a record is about, as it was before.
struct Before {
    partition: Option<(TopicIdPartition, Option<Partition>)>,
    broker: Option<(Uuid, BrokerEpoch)>,
    /// Whose directories may change, and those it has.
    directories: Option<(NodeId, Vec<Uuid>)>,
    next_producer_id: i64,
}

impl Before {
    fn of(state: &State, record: &MetadataRecord) -> Before {
        let id = match record {
            MetadataRecord::Partition(record) => Some((record.topic_id, record.partition_id)),
            MetadataRecord::PartitionChange(record) => Some((record.topic_id, record.partition_id)),
            _ => None,
        };
        let id = id.map(|(topic_id, partition_id)| TopicIdPartition {
            topic_id,
            partition_id,
        });
        let broker = match record {
            MetadataRecord::RegisterBroker(record) => state.brokers.get(record.broker_id),
            _ => None,
        };
        let disks_of = match record {
            MetadataRecord::RegisterBroker(record) => Some(record.broker_id),
            MetadataRecord::BrokerRegistrationChange(record) => Some(record.broker_id),
            _ => None,
        };
        let directories = |id| Some((id, state.brokers.get(id)?.directories.clone()));
        Before {
            partition: id.map(|id| (id, state.topics.partition(id).cloned())),
            broker: broker.map(|broker| (broker.incarnation_id, broker.epoch)),
            directories: disks_of.and_then(directories),
            next_producer_id: state.producer_ids.next(),
        }
    }

    /// What the record may do, and what it has made of it.
    fn check(self, record: &MetadataRecord, after: &State) {
        if let Some((id, old)) = self.partition {
            check_partition(id, old, after);
        }
        if let Some((id, directories)) = self.directories {
            check_lost_directories(id, &directories, after);
        }
        match record {
            MetadataRecord::RegisterBroker(record) => {
                let Some((incarnation_id, epoch)) = self.broker else {
                    return;
                };
                assert!(
                    match incarnation_id == record.incarnation_id {
                        true => epoch == record.broker_epoch,
                        false => epoch < record.broker_epoch,
                    },
                    "broker {} had the epoch {epoch}: {record:?}",
                    record.broker_id,
                );
            }
            MetadataRecord::ProducerIds(record) => {
                let taken = self.next_producer_id;
                assert!(taken < record.next_producer_id, "{taken}: {record:?}");
            }
            _ => {}
        }
    }
}

/// Who is in sync is a replica, a leader is in sync, nobody is both in sync and eligible; and epochs rise.
/// Eligible may be who is no replica any more, as with Kafka: only replicas are elected.
fn check_partition(id: TopicIdPartition, old: Option<Partition>, after: &State) {
    let partition = after.topics.partition(id).expect("it was just written");
    let is_replica = |broker: &NodeId| partition.replicas.contains(broker);
    let holds = partition.isr.iter().all(is_replica)
        && !partition
            .elr
            .iter()
            .any(|broker| partition.isr.contains(broker))
        && partition
            .leader
            .is_none_or(|leader| partition.isr.contains(&leader));
    assert!(holds, "{id:?} becomes {partition:?}");
    if let Some(old) = old {
        let rises = partition.partition_epoch == old.partition_epoch + 1
            && match partition.leader == old.leader {
                true => partition.leader_epoch >= old.leader_epoch,
                false => partition.leader_epoch > old.leader_epoch,
            };
        assert!(rises, "{id:?} was {old:?}, and becomes {partition:?}");
        let is_new = partition.leader_recovery_state != old.leader_recovery_state;
        // Where the feature has been turned off, who was eligible once may lack messages.
        // And Kafka looks at the eligible only where the ISR is empty: who is in it, on a disk that has failed, is in
        // their way.
        let knows_elr = after.features.is_elr_enabled();
        let counts_elr = knows_elr && old.isr.iter().all(|id| Some(*id) == old.leader);
        let complete =
            |leader| old.isr.contains(&leader) || counts_elr && old.elr.contains(&leader);
        assert!(
            !is_new
                || partition.leader_recovery_state == LeaderRecoveryState::Recovered
                || !partition.leader.is_some_and(complete),
            "{id:?} was {old:?}, and its leader is to recover: {partition:?}"
        );
        if let Some(leader) = elected_uncleanly(&old, partition) {
            let (name, options) = (after.topics.name(id.topic_id), Options::default());
            let name = name.expect("its topic");
            let may = after.unclean_leader_election_enabled(&options, name)
                || old.last_known_elr[..] == [leader];
            assert!(
                may && partition.leader_recovery_state == LeaderRecoveryState::Recovering,
                "{id:?} of {name} was {old:?}, and is led by one that may lack messages: {partition:?}"
            );
        }
    }
}

/// A new leader that was neither in sync nor eligible.
pub fn elected_uncleanly(old: &Partition, new: &Partition) -> Option<NodeId> {
    let leader = new.leader.filter(|leader| Some(*leader) != old.leader)?;
    let is_complete = old.isr.contains(&leader) || old.elr.contains(&leader);
    let is_alone = new.isr[..] == [leader] && new.replicas == old.replicas;
    (!is_complete && is_alone).then_some(leader)
}

/// Nobody leads from a directory that is lost.
fn check_lost_directories(id: NodeId, before: &[Uuid], after: &State) {
    let online = &after
        .brokers
        .get(id)
        .expect("it was just written")
        .directories;
    for lost in before.iter().filter(|lost| !online.contains(lost)) {
        let leads = |key: &TopicIdPartition| {
            after.topics.partition(*key).and_then(|one| one.leader) == Some(id)
        };
        let led = after.topics.in_directory(id, *lost).find(leads);
        assert_eq!(
            led, None,
            "broker {id} has lost {lost}, and leads from there"
        );
    }
}

/// Who leads can serve its replica where it lies. Says whether another did that cannot any more, although it
/// is well.
fn check_directory(before: &State, after: &State, key: TopicIdPartition) -> bool {
    let leader = |state: &State| state.topics.partition(key)?.leader;
    let serves = |id: NodeId| {
        let (broker, partition) = (after.brokers.get(id)?, after.topics.partition(key)?);
        let is_online = broker.has_online(partition.directory(id)?);
        Some(broker.is_active() && is_online).filter(|_| broker.is_active())
    };
    let (old, new) = (leader(before), leader(after));
    assert!(
        new.is_none_or(|id| serves(id) == Some(true)),
        "{key:?} cannot be served by its leader: {:?}, {:?}",
        after.topics.partition(key),
        new.and_then(|id| after.brokers.get(id))
    );
    old != new && old.and_then(serves) == Some(false)
}

/// Nobody leads who is fenced.
fn check_brokers(state: &State) {
    let fenced = state.brokers.iter().filter(|(_, broker)| broker.fenced);
    for (id, _) in fenced {
        let led = state.topics.led_by(id).next();
        assert_eq!(led, None, "broker {id} is fenced, and leads");
    }
}
