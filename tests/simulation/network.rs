//! The network between the nodes, and between them and their clients: who can reach whom, and how long a
//! message takes.

use std::collections::{BTreeMap, BTreeSet};

use kraftd::{protocol::NodeId, time::Time};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::plan::Plan;

type Link = (NodeId, NodeId);

/// What travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    Answer,
    /// That a connection is closed.
    Close,
}

#[derive(Default)]
pub struct Network {
    /// Ordered pairs that cannot be crossed, by nothing or by messages of one kind.
    cut: BTreeMap<Link, Option<Kind>>,
    /// The same between clients and nodes.
    clients_cut: BTreeSet<Link>,
    /// What is sent here waits until then, and arrives in a burst.
    clogged: BTreeMap<Link, Time>,
    /// Where the name of a peer leads at some node, if to anybody.
    names: BTreeMap<Link, Option<NodeId>>,
    healed: bool,
}

impl Network {
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// No more faults of any kind.
    pub fn stay_whole(&mut self) {
        *self = Network {
            healed: true,
            ..Network::default()
        };
    }

    /// Cuts the nodes in two, or one of them off, or single links, or all, or all but a ring; for all
    /// messages, for requests, or for answers. Says whether any link is cut.
    pub fn partition(&mut self, plan: &Plan, rng: &mut ChaCha8Rng) -> bool {
        self.cut.clear();
        let nodes = 1..=plan.nodes;
        let shape = rng.random_range(0..5);
        let lost = [None, None, Some(Kind::Request), Some(Kind::Answer)];
        let lost = lost[rng.random_range(0..lost.len())];
        let side: BTreeSet<i32> = nodes.clone().filter(|_| rng.random_bool(0.5)).collect();
        let alone = rng.random_range(nodes.clone());
        for from in nodes.clone() {
            for to in nodes.clone() {
                let distance = (from - to).rem_euclid(plan.nodes);
                let apart = match shape {
                    0 => side.contains(&from) != side.contains(&to),
                    1 => (from == alone) != (to == alone),
                    2 => rng.random_bool(0.3),
                    3 => from != to,
                    // Of three nodes a ring lacks nothing: two of them meet only through the third.
                    _ if plan.nodes == 3 => from != alone && to != alone,
                    _ => distance != 1 && distance != plan.nodes - 1,
                };
                let crosses = plan.one_way_partitions && rng.random_bool(0.5);
                if apart && !crosses {
                    self.cut.insert((NodeId(from), NodeId(to)), lost);
                }
            }
        }
        !self.cut.is_empty()
    }

    /// Cuts one link in one direction, or mends it.
    pub fn set_cut(&mut self, link: Link, cut: bool) {
        match cut && !self.healed {
            true => self.cut.insert(link, None),
            false => self.cut.remove(&link),
        };
    }

    /// At one node the name of another leads there, or nowhere, or is right again.
    pub fn set_name(&mut self, link: Link, leads: Option<Option<NodeId>>) {
        match leads.filter(|_| !self.healed) {
            Some(leads) => self.names.insert(link, leads),
            None => self.names.remove(&link),
        };
    }

    /// Whom a node reaches under the name of another.
    pub fn resolve(&self, (from, to): Link) -> Option<NodeId> {
        self.names.get(&(from, to)).copied().unwrap_or(Some(to))
    }

    pub fn clog(&mut self, link: Link, until: Time) {
        if !self.healed {
            self.clogged.insert(link, until);
        }
    }

    /// Some clients reach some nodes no more, and others do again. Says whether any does not.
    pub fn cut_clients(
        &mut self,
        clients: &[NodeId],
        nodes: &[NodeId],
        rng: &mut ChaCha8Rng,
    ) -> bool {
        self.clients_cut.clear();
        for (client, node) in clients
            .iter()
            .flat_map(|c| nodes.iter().map(move |n| (*c, *n)))
        {
            if rng.random_bool(0.4) {
                self.clients_cut.extend([(client, node), (node, client)]);
            }
        }
        !self.clients_cut.is_empty()
    }

    /// Whether a client and a node reach each other.
    pub fn connects(&self, client: NodeId, node: NodeId) -> bool {
        let mut both_ways = [(client, node), (node, client)].into_iter();
        !both_ways.any(|link| self.clients_cut.contains(&link))
    }

    /// How long a message takes in microseconds, or `None` when it never arrives.
    pub fn delay_us(
        &self,
        now: Time,
        (from, to): Link,
        kind: Kind,
        plan: &Plan,
        rng: &mut ChaCha8Rng,
    ) -> Option<u64> {
        let lost = plan.lose_one_in.is_some_and(|n| rng.random_ratio(1, n)) && !self.healed;
        let cut = self
            .cut
            .get(&(from, to))
            .is_some_and(|lost| lost.is_none_or(|lost| lost == kind));
        let cut = cut || self.clients_cut.contains(&(from, to));
        if lost || cut {
            return None;
        }
        let max_us = if self.healed {
            1_000
        } else {
            plan.max_delay_us
        };
        let held = self.clogged.get(&(from, to));
        let held_us = held.map_or(0, |until| until.0.saturating_sub(now.0));
        Some(held_us + rng.random_range(50..=max_us.max(51)))
    }

    /// Whether a message comes twice.
    pub fn repeats(&self, plan: &Plan, rng: &mut ChaCha8Rng) -> bool {
        plan.repeat_one_in.is_some_and(|n| rng.random_ratio(1, n)) && !self.healed
    }
}
