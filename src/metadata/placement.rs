//! Which brokers get the replicas of new partitions: spread over racks, then over brokers, so that
//! leaders and followers are even (`StripedReplicaPlacer`, KIP-36).

use std::collections::BTreeMap;

use rand::{Rng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{ApiError, State};
use crate::protocol::{ErrorCode, NodeId};

/// Deals out brokers, one partition after the other.
pub(super) struct Placer<'a> {
    rng: &'a mut ChaCha8Rng,
    racks: Vec<Rack>,
    brokers: usize,
    unfenced: usize,
    /// Counts the partitions since the last shuffle.
    round: usize,
    /// The rack that the next partition's leader is looked for in.
    first_rack: usize,
}

#[derive(Default)]
struct Rack {
    unfenced: Ring,
    fenced: Ring,
}

/// Brokers in a circle. For each partition it is walked once, from a start that moves by one.
#[derive(Default)]
struct Ring {
    brokers: Vec<NodeId>,
    start: usize,
    taken: usize,
    round: usize,
}

impl Ring {
    fn next(&mut self, round: usize) -> Option<NodeId> {
        let count = self.brokers.len();
        if self.round != round {
            self.round = round;
            self.taken = 0;
            self.start = (self.start + 1) % count.max(1);
        }
        if self.taken >= count {
            return None;
        }
        self.taken += 1;
        Some(self.brokers[(self.taken - 1 + self.start) % count])
    }
}

impl Rack {
    fn next(&mut self, round: usize) -> Option<NodeId> {
        self.unfenced
            .next(round)
            .or_else(|| self.fenced.next(round))
    }

    fn rings(&mut self) -> [&mut Ring; 2] {
        [&mut self.fenced, &mut self.unfenced]
    }
}

impl<'a> Placer<'a> {
    pub(super) fn new(state: &State, rng: &'a mut ChaCha8Rng) -> Placer<'a> {
        let mut racks: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
        let (mut brokers, mut unfenced) = (0, 0);
        // A broker on its way out takes no replicas; one that is out (fenced) does, as it will be back.
        let usable = |broker: &super::brokers::Broker| {
            (broker.fenced || !broker.in_controlled_shutdown) && broker.has_uncordoned_directory()
        };
        for (id, broker) in state.brokers.iter().filter(|(_, broker)| usable(broker)) {
            let rack = racks.entry(broker.rack.as_deref()).or_default();
            brokers += 1;
            if broker.fenced {
                rack.fenced.brokers.push(id);
            } else {
                unfenced += 1;
                rack.unfenced.brokers.push(id);
            }
        }
        let mut racks: Vec<Rack> = racks.into_values().collect();
        for ring in racks.iter_mut().flat_map(Rack::rings) {
            if !ring.brokers.is_empty() {
                ring.start = rng.random_range(0..ring.brokers.len());
            }
        }
        let first_rack = if racks.is_empty() {
            0
        } else {
            rng.random_range(0..racks.len())
        };
        Placer {
            rng,
            racks,
            brokers,
            unfenced,
            round: 0,
            first_rack,
        }
    }

    /// The replicas of the next partition, the leader to be first.
    pub(super) fn place(&mut self, replication_factor: i16) -> Result<Vec<NodeId>, ApiError> {
        self.check(replication_factor)?;
        if self.round == self.unfenced && self.unfenced > 1 {
            self.shuffle();
            self.round = 0;
        }
        self.first_rack %= self.racks.len();
        let (leader_rack, leader) = self.next_leader();
        let mut replicas = vec![leader];
        let mut skip = Some(leader_rack);
        let mut rack = self.first_rack;
        while replicas.len() < replication_factor as usize {
            // The leader's rack has had its turn in the first walk.
            if skip == Some(rack) {
                skip = None;
            } else {
                replicas.extend(self.racks[rack].next(self.round));
            }
            rack = (rack + 1) % self.racks.len();
        }
        self.round += 1;
        self.first_rack += 1;
        Ok(replicas)
    }

    fn next_leader(&mut self) -> (usize, NodeId) {
        let count = self.racks.len();
        let mut racks = (0..count).map(|step| (self.first_rack + step) % count);
        let round = self.round;
        let found = racks.find_map(|rack| {
            self.racks[rack]
                .unfenced
                .next(round)
                .map(|leader| (rack, leader))
        });
        found.expect("a round is as long as there are unfenced brokers, and there is one")
    }

    fn shuffle(&mut self) {
        self.racks.shuffle(self.rng);
        for ring in self.racks.iter_mut().flat_map(Rack::rings) {
            ring.brokers.shuffle(self.rng);
        }
    }

    fn check(&self, replication_factor: i16) -> Result<(), ApiError> {
        let refuse = |message: String| {
            Err(ApiError::new(
                ErrorCode::INVALID_REPLICATION_FACTOR,
                message,
            ))
        };
        if replication_factor <= 0 {
            return refuse(format!(
                "Invalid replication factor {replication_factor}: the replication factor must be \
                 positive."
            ));
        }
        if self.unfenced == 0 {
            return refuse(
                "All brokers are currently fenced, or have all their log directories cordoned."
                    .to_owned(),
            );
        }
        if replication_factor as usize > self.brokers {
            return refuse(format!(
                "The target replication factor of {replication_factor} cannot be reached because \
                 only {} broker(s) are registered or some brokers have all their log directories \
                 cordoned.",
                self.brokers
            ));
        }
        Ok(())
    }
}
