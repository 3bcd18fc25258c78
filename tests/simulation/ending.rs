//! What must hold at the end, some time after all faults.

use kraftd::protocol::Offset;

use crate::{clients::Client, node::Node, world::World};

/// So much is done in any run, whatever goes wrong; half of them do four times as much.
const MIN_PROMISES: u64 = 100;

impl World {
    /// What every node is just now.
    pub fn roles(&self) -> String {
        let role = |node: &Node| match node.raft() {
            None => format!("\n  {}: down", node.id),
            Some(raft) => format!(
                "\n  {}: {} of epoch {}, end {}, high watermark {:?}, {:?}",
                node.id,
                raft.role().name(),
                raft.epoch(),
                raft.end_offset(),
                raft.high_watermark(),
                raft.quorum_state().standing,
            ),
        };
        self.nodes.values().map(role).collect()
    }

    /// After all faults are over: one leader, everybody has what it has, and what was promised is kept.
    pub fn check_end(&mut self) {
        let roles = self.roles();
        let mut nodes = self.nodes.values();
        assert!(
            nodes.all(|node| node.core.is_some()),
            "all run after healing:{roles}"
        );
        let rafts = || {
            self.nodes
                .values()
                .filter_map(|node| Some((node, node.raft()?)))
        };
        let leaders = rafts().filter(|(_, raft)| raft.is_leader()).count();
        assert_eq!(leaders, 1, "one leader after healing:{roles}");
        let written = self.rested_at.expect("a time without changes");
        for (node, raft) in rafts() {
            let hears_leader = raft.status(node.now(self.now)).hears_leader;
            assert!(hears_leader, "all hear their leader after healing:{roles}");
            let reached = raft.high_watermark();
            assert!(
                reached >= Some(written),
                "all have what was written by {written}:{roles}"
            );
            assert!(
                raft.amnesia().is_none(),
                "all vote again after healing:{roles}"
            );
        }
        if self.plan.controllers {
            self.check_controllers();
        }
    }

    fn check_controllers(&mut self) {
        let latest = self.checker.images.latest().stable();
        self.checker.history.check(latest);
        let kept = self.checker.history.kept;
        assert!(kept >= MIN_PROMISES, "only {kept} promises were made");
        for seat in self.clients.values() {
            if let Client::Broker(broker) = &seat.client
                && !broker.is_twin()
            {
                let known = latest.brokers.get(broker.id);
                let serves = known.is_some_and(|known| known.is_active());
                let epoch = known.map(|known| known.epoch);
                assert!(
                    serves && epoch == broker.epoch(),
                    "broker {} is well, and {known:?}",
                    broker.id
                );
                let online = known
                    .map(|known| &known.directories[..])
                    .unwrap_or_default();
                let failed = broker.failed_directory();
                assert!(
                    failed.is_none_or(|failed| !online.contains(&failed)),
                    "broker {} tells that {failed:?} is lost: {known:?}",
                    broker.id
                );
            }
        }
        let version = latest.metadata_version();
        let registers =
            version.is_some_and(|version| version.is_controller_registration_supported());
        for id in self.node_ids() {
            let registered = self.checker.history.controller_registered_at(id);
            let since = self.nodes[&id].begun_at_heal.then_some(self.healed_at);
            assert!(
                !registers || registered >= since.or(Some(Offset(0))),
                "controller {id} registered at {registered:?}, and not since it was started"
            );
            self.node(id).agreed_at = None;
            self.compare_image(id);
        }
    }
}
