//! What the runs have reached. A simulator that stays quiet proves nothing unless every fault fired and
//! every rare branch was taken: after the usual seeds that is asserted.

use std::{cmp::Ordering, collections::BTreeMap};

use kraftd::{
    metadata::{State, topics::TopicIdPartition},
    protocol::{
        ErrorCode, OffsetAndEpoch,
        api::Response,
        records::{MetadataRecord, PartitionChangeRecord},
    },
};

use crate::{images::elected_uncleanly, nemesis::Fault};

/// Something that has to happen sometimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    Elected,
    PreVoteGranted,
    PreVoteRefused,
    PreVoteUnsupported,
    VoteRefused,
    Resigned,
    SucceededByCall,
    Committed,
    Diverged,
    /// The leader never had the epoch of the follower's last record.
    DivergedOverEpochs,
    Truncated,
    LogDropped,
    SnapshotOffered,
    SnapshotInstalled,
    SnapshotGoneMeanwhile,
    /// One was being fetched when another was to be.
    SnapshotAbandoned,
    FencedEpoch,
    UnknownEpoch,
    TornTail,
    CrashedBetweenEffects,
    SyncFailed,
    /// A process stops as soon as it is started, since its disk syncs nothing.
    StartFailedOnWornDisk,
    CommittedBesideWornDisk,
    SentToWrongName,
    WriteFailed,
    DiskFull,
    WrongDiskRefused,
    BlankDisk,
    LogRotted,
    WriteMisdirected,
    TailLost,
    VoterStateLost,
    SnapshotRotted,
    SnapshotLost,
    SnapshotRotRefused,
    ReleaseChanged,
    Amnesiac,
    Recovered,
    StoodStillInSync,
    ImageCompared,
    Activated,
    HugeTopicCreated,
    /// The records of one event took more than a second to work on.
    BusyForASecond,
    BrokerFenced,
    BrokerUnfenced,
    BrokerInControlledShutdown,
    BrokerLeftInOrder,
    /// An administrator has removed it.
    BrokerRemoved,
    DuplicateBrokerRefused,
    /// A second process with the id of a live broker, and where that one was silent for long enough.
    TwinRefused,
    TwinTookOver,
    StaleBrokerEpochRefused,
    NotController,
    StaleIsrChangeRefused,
    /// A broker proposes one that is fenced, or a life of it that is over.
    IneligibleReplicaRefused,
    IsrShrunk,
    IsrExpanded,
    LeaderMoved,
    LeaderMovedFromFailedDisk,
    /// The preferred leader leads again, and the other one could have gone on.
    BackToPreferred,
    /// That came about without an administrator.
    Rebalanced,
    /// Somebody leads who may lack messages.
    UncleanElection,
    /// A leader is gone, and whoever is left may lack messages: nobody is elected.
    UncleanElectionRefused,
    InElr,
    /// All who were eligible in a topic, or in any, are so no more.
    ElrCleared,
    ElectedFromElr,
    ReassignmentEnded,
    TransactionAborted,
    StateLoadedFromSnapshot,
}

impl Mark {
    /// Reached by raft alone, and by controllers, too.
    pub const OF_RAFT: &[Mark] = &[
        Mark::Elected,
        Mark::PreVoteGranted,
        Mark::PreVoteRefused,
        Mark::PreVoteUnsupported,
        Mark::VoteRefused,
        Mark::Resigned,
        Mark::SucceededByCall,
        Mark::Committed,
        Mark::Diverged,
        Mark::DivergedOverEpochs,
        Mark::Truncated,
        Mark::LogDropped,
        Mark::SnapshotOffered,
        Mark::SnapshotInstalled,
        Mark::SnapshotGoneMeanwhile,
        Mark::SnapshotAbandoned,
        Mark::FencedEpoch,
        Mark::UnknownEpoch,
        Mark::TornTail,
        Mark::CrashedBetweenEffects,
        Mark::SyncFailed,
        Mark::StartFailedOnWornDisk,
        Mark::CommittedBesideWornDisk,
        Mark::SentToWrongName,
        Mark::WriteFailed,
        Mark::DiskFull,
        Mark::WrongDiskRefused,
        Mark::BlankDisk,
        Mark::LogRotted,
        Mark::WriteMisdirected,
        Mark::TailLost,
        Mark::VoterStateLost,
        Mark::SnapshotRotted,
        Mark::SnapshotLost,
        Mark::SnapshotRotRefused,
        Mark::ReleaseChanged,
        Mark::Amnesiac,
        Mark::Recovered,
        Mark::StoodStillInSync,
    ];

    /// Reached by controllers besides.
    pub const OF_CONTROLLERS: &[Mark] = &[
        Mark::ImageCompared,
        Mark::Activated,
        Mark::HugeTopicCreated,
        Mark::BusyForASecond,
        Mark::BrokerFenced,
        Mark::BrokerUnfenced,
        Mark::BrokerInControlledShutdown,
        Mark::BrokerLeftInOrder,
        Mark::BrokerRemoved,
        Mark::DuplicateBrokerRefused,
        Mark::TwinRefused,
        Mark::TwinTookOver,
        Mark::StaleBrokerEpochRefused,
        Mark::NotController,
        Mark::StaleIsrChangeRefused,
        Mark::IneligibleReplicaRefused,
        Mark::IsrShrunk,
        Mark::IsrExpanded,
        Mark::LeaderMoved,
        Mark::LeaderMovedFromFailedDisk,
        Mark::BackToPreferred,
        Mark::Rebalanced,
        Mark::UncleanElection,
        Mark::UncleanElectionRefused,
        Mark::InElr,
        Mark::ElrCleared,
        Mark::ElectedFromElr,
        Mark::ReassignmentEnded,
        Mark::StateLoadedFromSnapshot,
    ];
}

/// How often each thing happened.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub marks: BTreeMap<Mark, u64>,
    pub faults: BTreeMap<Fault, u64>,
}

impl Coverage {
    pub fn reach(&mut self, mark: Mark) {
        *self.marks.entry(mark).or_default() += 1;
    }

    pub fn fired(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    pub fn add(&mut self, other: &Coverage) {
        for (mark, count) in &other.marks {
            *self.marks.entry(*mark).or_default() += count;
        }
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
    }

    /// What was never reached.
    pub fn gaps(&self, marks: &[Mark], faults: &[Fault]) -> Vec<String> {
        let marks = marks.iter().filter(|mark| !self.marks.contains_key(mark));
        let marks = marks.map(|mark| format!("{mark:?}"));
        let faults = faults
            .iter()
            .filter(|fault| !self.faults.contains_key(fault));
        let faults = faults.map(|fault| format!("the fault {fault:?}"));
        marks.chain(faults).collect()
    }

    /// What an answer of a node shows, if to a vote then to a `pre_vote` or a real one, if to a Fetch then
    /// to one from where `fetched` says.
    pub fn on_answer(
        &mut self,
        response: &Response,
        pre_vote: bool,
        fetched: Option<OffsetAndEpoch>,
    ) {
        let (error, mark) = match response {
            Response::Fetch(fetch) => {
                let Some(topic) = fetch.responses.first() else {
                    return;
                };
                let partition = &topic.partitions[0];
                let diverging = partition.diverging_epoch.epoch.known();
                let snapshot = partition.snapshot_id.epoch.known().is_some();
                let same_epoch = fetched.is_none_or(|from| Some(from.epoch) == diverging);
                let mark = match (diverging, snapshot) {
                    (Some(_), _) if same_epoch => Some(Mark::Diverged),
                    (Some(_), _) => Some(Mark::DivergedOverEpochs),
                    (None, true) => Some(Mark::SnapshotOffered),
                    (None, false) => None,
                };
                (partition.error_code, mark)
            }
            Response::FetchSnapshot(chunk) => match chunk.topics.first() {
                Some(topic) => (topic.partitions[0].error_code, None),
                None => return,
            },
            Response::Vote(answer) => {
                let Some(topic) = answer.topics.first() else {
                    return;
                };
                let partition = &topic.partitions[0];
                let mark = match (pre_vote, partition.vote_granted) {
                    (true, true) => Some(Mark::PreVoteGranted),
                    (true, false) => Some(Mark::PreVoteRefused),
                    (false, true) => None,
                    (false, false) => Some(Mark::VoteRefused),
                };
                (partition.error_code, mark)
            }
            Response::EndQuorumEpoch(answer) => {
                let heard = answer.topics.first();
                let heard = heard.is_some_and(|topic| topic.partitions[0].error_code.is_ok());
                (answer.error_code, heard.then_some(Mark::SucceededByCall))
            }
            Response::CreateTopics(answer) => {
                let topic = &answer.topics[0];
                let is_huge = topic.num_partitions >= 1_000 && topic.error_code.is_ok();
                (topic.error_code, is_huge.then_some(Mark::HugeTopicCreated))
            }
            Response::BrokerRegistration(answer) => (answer.error_code, None),
            Response::BrokerHeartbeat(answer) => {
                let mark = answer.should_shut_down.then_some(Mark::BrokerLeftInOrder);
                (answer.error_code, mark)
            }
            Response::AllocateProducerIds(answer) => (answer.error_code, None),
            Response::AlterPartition(answer) => {
                let partition = answer.topics.first().map(|topic| &topic.partitions[0]);
                let error = partition.map_or(answer.error_code, |partition| partition.error_code);
                (error, None)
            }
            _ => return,
        };
        let mark = mark.or(match error {
            ErrorCode::FENCED_LEADER_EPOCH => Some(Mark::FencedEpoch),
            ErrorCode::UNKNOWN_LEADER_EPOCH => Some(Mark::UnknownEpoch),
            ErrorCode::SNAPSHOT_NOT_FOUND => Some(Mark::SnapshotGoneMeanwhile),
            ErrorCode::DUPLICATE_BROKER_REGISTRATION => Some(Mark::DuplicateBrokerRefused),
            ErrorCode::STALE_BROKER_EPOCH => Some(Mark::StaleBrokerEpochRefused),
            ErrorCode::NOT_CONTROLLER => Some(Mark::NotController),
            ErrorCode::INELIGIBLE_REPLICA => Some(Mark::IneligibleReplicaRefused),
            ErrorCode::INVALID_UPDATE_VERSION => Some(Mark::StaleIsrChangeRefused),
            _ => None,
        });
        mark.into_iter().for_each(|mark| self.reach(mark));
    }

    /// What a committed record shows, as it changes the state.
    pub fn on_committed(&mut self, before: &State, record: &MetadataRecord) {
        match record {
            MetadataRecord::BrokerRegistrationChange(change) => {
                match change.fenced {
                    1 => self.reach(Mark::BrokerFenced),
                    -1 => self.reach(Mark::BrokerUnfenced),
                    _ => {}
                }
                if change.in_controlled_shutdown == 1 {
                    self.reach(Mark::BrokerInControlledShutdown);
                }
            }
            MetadataRecord::PartitionChange(change) => self.on_partition_change(before, change),
            MetadataRecord::UnregisterBroker(_) => self.reach(Mark::BrokerRemoved),
            MetadataRecord::ClearElr(_) => self.reach(Mark::ElrCleared),
            MetadataRecord::AbortTransaction(_) => self.reach(Mark::TransactionAborted),
            _ => {}
        }
    }

    fn on_partition_change(&mut self, before: &State, change: &PartitionChangeRecord) {
        let id = TopicIdPartition {
            topic_id: change.topic_id,
            partition_id: change.partition_id,
        };
        let Some(old) = before.topics.partition(id) else {
            return;
        };
        if let Some(isr) = &change.isr {
            match isr.len().cmp(&old.isr.len()) {
                Ordering::Less => self.reach(Mark::IsrShrunk),
                Ordering::Equal => {}
                Ordering::Greater => self.reach(Mark::IsrExpanded),
            }
        }
        let elr = change.eligible_leader_replicas.as_ref();
        if elr.is_some_and(|elr| !elr.is_empty()) {
            self.reach(Mark::InElr);
        }
        let moves = change.replicas.is_some() && old.is_reassigning();
        if moves && change.adding_replicas.as_ref().is_some_and(Vec::is_empty) {
            self.reach(Mark::ReassignmentEnded);
        }
        let keeps_replicas = change.isr.is_none() && change.replicas.is_none();
        let leaves = old
            .leader
            .filter(|leader| old.isr.contains(leader) && *leader != change.leader);
        if keeps_replicas && leaves.is_some() && old.replicas.first() == Some(&change.leader) {
            self.reach(Mark::BackToPreferred);
        }
        let is_unclean = || {
            let new = old.merge(change);
            new.is_ok_and(|new| elected_uncleanly(old, &new).is_some())
        };
        match change.leader.0 {
            -2 => {}
            -1 => self.reach(Mark::UncleanElectionRefused),
            _ if is_unclean() => self.reach(Mark::UncleanElection),
            _ if old.elr.contains(&change.leader) => self.reach(Mark::ElectedFromElr),
            _ => self.reach(Mark::LeaderMoved),
        }
    }
}
