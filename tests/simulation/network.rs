//! The network between the nodes: who can reach whom, and how long a message takes.

use std::collections::BTreeSet;

use kraftd::protocol::NodeId;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::plan::Plan;

#[derive(Default)]
pub struct Network {
    /// Ordered pairs that cannot be crossed.
    cut: BTreeSet<(NodeId, NodeId)>,
    healed: bool,
}

impl Network {
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// No more faults of any kind.
    pub fn stay_whole(&mut self) {
        self.heal();
        self.healed = true;
    }

    /// Cuts the nodes in two, or one of them off, or single links.
    pub fn partition(&mut self, plan: &Plan, rng: &mut ChaCha8Rng) {
        self.cut.clear();
        let nodes = 1..=plan.nodes;
        let kind = rng.random_range(0..3);
        let side: BTreeSet<i32> = nodes.clone().filter(|_| rng.random_bool(0.5)).collect();
        let alone = rng.random_range(nodes.clone());
        for from in nodes.clone() {
            for to in nodes.clone() {
                let apart = match kind {
                    0 => side.contains(&from) != side.contains(&to),
                    1 => (from == alone) != (to == alone),
                    _ => rng.random_bool(0.3),
                };
                let crosses = plan.one_way_partitions && rng.random_bool(0.5);
                if apart && !crosses {
                    self.cut.insert((NodeId(from), NodeId(to)));
                }
            }
        }
    }

    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cut.contains(&(from, to))
    }

    /// How long a message takes in microseconds, or `None` when it never arrives.
    pub fn delay_us(
        &self,
        from: NodeId,
        to: NodeId,
        plan: &Plan,
        rng: &mut ChaCha8Rng,
    ) -> Option<u64> {
        let lost = plan.lose_one_in.is_some_and(|n| rng.random_ratio(1, n)) && !self.healed;
        if lost || self.is_cut(from, to) {
            return None;
        }
        let max_us = if self.healed {
            1_000
        } else {
            plan.max_delay_us
        };
        Some(rng.random_range(50..=max_us.max(51)))
    }

    /// Whether a message comes twice.
    pub fn repeats(&self, plan: &Plan, rng: &mut ChaCha8Rng) -> bool {
        plan.repeat_one_in.is_some_and(|n| rng.random_ratio(1, n)) && !self.healed
    }
}
