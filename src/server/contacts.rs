//! What the connections do with heartbeats before these wait in any queue: they note when each broker was
//! last heard from, so that a busy controller never takes one for dead (Kafka's `BrokerHeartbeatTracker`,
//! KAFKA-15019), and answer those by which nothing changes, so that no broker waits while the controller
//! moves the leaderships of another. A broker whose heartbeat waits counts as heard from until the controller
//! has looked at it: a broker sends one at a time, so it is we who keep it silent.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    metadata::heartbeats::{self, KnownBrokers},
    protocol::{
        BrokerEpoch, NodeId, Offset,
        messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
    },
    time::Time,
};

/// One life of a broker.
pub type Session = (NodeId, BrokerEpoch);

/// A sign of life.
#[derive(Clone, Copy, Debug)]
pub struct Contact {
    /// When it arrived, or was last seen to wait.
    pub at: Time,
    /// How far the broker has read, if the controller will not learn it from the heartbeat itself.
    pub progress: Option<Offset>,
}

/// Shared by the connections and the controller thread.
#[derive(Debug, Default)]
pub struct Contacts {
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Since they were last taken, the newest of each broker's lives.
    stamps: BTreeMap<Session, Contact>,
    /// How many heartbeats of each are on their way to the controller: one a connection at most.
    waiting: BTreeMap<Session, usize>,
    /// As the controller left them when it was last done with something; `None` while it is not active.
    brokers: Option<KnownBrokers>,
    /// When it began with what it does now.
    busy_since: Option<Time>,
}

/// More brokers than any cluster has; a caller that invents broker ids cannot grow the table further.
const MAX_STAMPS: usize = 100_000;

/// A controller that is busy for longer than this may hang, and another one be active meanwhile: then its
/// brokers must not be told that all is well, or they would never look for the other.
const PATIENCE: Duration = Duration::from_secs(1);

impl Contacts {
    /// A heartbeat has arrived. Returns its answer, unless the controller has to give it: then
    /// [`Contacts::on_handled`] is due.
    pub fn on_heartbeat(
        &self,
        heartbeat: &BrokerHeartbeatRequest,
        at: Time,
    ) -> Option<BrokerHeartbeatResponse> {
        let mut shared = self.lock();
        let in_time = shared.busy_since.is_none_or(|since| at - since < PATIENCE);
        let brokers = shared.brokers.as_ref().filter(|_| in_time);
        let answer = brokers.and_then(|brokers| heartbeats::steady(brokers, heartbeat));
        let session = session_of(heartbeat);
        if answer.is_none() {
            *shared.waiting.entry(session).or_default() += 1;
        }
        if shared.stamps.len() < MAX_STAMPS || shared.stamps.contains_key(&session) {
            let progress = answer.as_ref().map(|_| heartbeat.current_metadata_offset);
            shared.stamps.insert(session, Contact { at, progress });
        }
        answer
    }

    /// The controller has looked at a heartbeat that waited for it.
    pub fn on_handled(&self, heartbeat: &BrokerHeartbeatRequest) {
        let mut shared = self.lock();
        if let Entry::Occupied(mut waiting) = shared.waiting.entry(session_of(heartbeat)) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
    }

    /// The controller begins with something at `now`.
    pub fn begin(&self, now: Time) {
        self.lock().busy_since = Some(now);
    }

    /// What was noted since it was last taken, and who waits at `now`.
    pub fn take(&self, now: Time) -> BTreeMap<Session, Contact> {
        let mut shared = self.lock();
        let mut contacts = mem::take(&mut shared.stamps);
        for session in shared.waiting.keys() {
            let contact = contacts.entry(*session).or_insert(Contact {
                at: now,
                progress: None,
            });
            contact.at = now;
        }
        contacts
    }

    /// What heartbeats are answered from now on.
    pub fn publish(&self, brokers: Option<KnownBrokers>) {
        let mut shared = self.lock();
        let same = match (&shared.brokers, &brokers) {
            (Some(known), Some(brokers)) => known.is_same(brokers),
            (known, brokers) => known.is_none() && brokers.is_none(),
        };
        if !same {
            shared.brokers = brokers;
        }
    }

    /// The controller is done.
    pub fn end(&self) {
        self.lock().busy_since = None;
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn session_of(heartbeat: &BrokerHeartbeatRequest) -> Session {
    (heartbeat.broker_id, heartbeat.broker_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metadata::State,
        protocol::records::{MetadataRecord, RegisterBrokerRecord},
    };

    fn beat() -> BrokerHeartbeatRequest {
        BrokerHeartbeatRequest {
            broker_id: NodeId(1),
            broker_epoch: BrokerEpoch(7),
            current_metadata_offset: Offset(9),
            ..Default::default()
        }
    }

    /// Broker 1 in its life 7, not fenced.
    fn brokers() -> Option<KnownBrokers> {
        let mut state = State::default();
        let registration = MetadataRecord::from(RegisterBrokerRecord {
            broker_id: NodeId(1),
            broker_epoch: BrokerEpoch(7),
            fenced: false,
            ..Default::default()
        });
        state
            .replay(Offset(7), &registration)
            .expect("a registration");
        Some(KnownBrokers {
            committed: state.brokers.clone(),
            newest: state.brokers,
        })
    }

    #[test]
    fn what_changes_nothing_is_answered_while_the_controller_works() {
        let contacts = Contacts::default();
        assert!(
            contacts.on_heartbeat(&beat(), Time(0)).is_none(),
            "nobody is active"
        );
        contacts.publish(brokers());
        contacts.begin(Time(5));
        let answer = contacts.on_heartbeat(&beat(), Time(6)).expect("an answer");
        assert!(answer.is_caught_up && !answer.is_fenced);
        let leaves = BrokerHeartbeatRequest {
            want_shut_down: true,
            ..beat()
        };
        assert!(contacts.on_heartbeat(&leaves, Time(6)).is_none());
        let of_old = BrokerHeartbeatRequest {
            broker_epoch: BrokerEpoch(6),
            ..beat()
        };
        assert!(contacts.on_heartbeat(&of_old, Time(6)).is_none());

        contacts.on_heartbeat(&beat(), Time(8));
        let noted = contacts.take(Time(9));
        let contact = noted[&(NodeId(1), BrokerEpoch(7))];
        assert_eq!((contact.at, contact.progress), (Time(9), Some(Offset(9))));
    }

    #[test]
    fn who_waits_for_the_controller_is_heard_until_it_has_looked() {
        let contacts = Contacts::default();
        let session = (NodeId(1), BrokerEpoch(7));
        assert!(
            contacts.on_heartbeat(&beat(), Time(1)).is_none(),
            "nobody is active"
        );
        assert_eq!(contacts.take(Time(2))[&session].at, Time(2));
        contacts.publish(brokers());
        contacts.on_heartbeat(&beat(), Time(3));
        let both = contacts.take(Time(4))[&session];
        assert_eq!((both.at, both.progress), (Time(4), Some(Offset(9))));

        contacts.on_heartbeat(&beat(), Time(5));
        contacts.on_handled(&beat());
        assert_eq!(contacts.take(Time(6))[&session].at, Time(5));
        assert!(contacts.take(Time(7)).is_empty());
    }

    #[test]
    fn nobody_is_told_that_all_is_well_by_a_controller_that_hangs() {
        let contacts = Contacts::default();
        contacts.publish(brokers());
        contacts.begin(Time(0));
        let limit = Time(0) + PATIENCE;
        assert!(contacts.on_heartbeat(&beat(), limit).is_none());
        contacts.end();
        assert!(contacts.on_heartbeat(&beat(), limit).is_some(), "it rests");
        contacts.publish(None);
        assert!(
            contacts.on_heartbeat(&beat(), limit).is_none(),
            "another is active"
        );
    }
}
