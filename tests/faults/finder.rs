//! How clients find the active controller: they ask one after the other, beginning with the last one known.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use kraftd::protocol::ids::NodeId;

use super::harness::{
    client::Client,
    cluster::{Node, describe_quorum},
};

/// With a connection, and with each answer.
const PATIENCE: Duration = Duration::from_millis(500);

pub struct Finder {
    controllers: Vec<(NodeId, SocketAddr)>,
    /// Index of the controller that was active last.
    last: AtomicUsize,
}

impl Finder {
    pub fn new<'a>(controllers: impl IntoIterator<Item = &'a Node>) -> Finder {
        let place = |node: &Node| (NodeId(node.id), node.address());
        Finder {
            controllers: controllers.into_iter().map(place).collect(),
            last: AtomicUsize::new(0),
        }
    }

    /// A connection to whoever takes itself for the active controller, and its index.
    pub fn find(&self) -> Option<(usize, Client)> {
        let count = self.controllers.len();
        let last = self.last.load(Ordering::Relaxed);
        (0..count).find_map(|step| {
            let index = (last + step) % count;
            let (id, address) = self.controllers[index];
            let mut client = Client::connect_to(address, PATIENCE).ok()?;
            describe_quorum(&mut client, id)?;
            self.last.store(index, Ordering::Relaxed);
            Some((index, client))
        })
    }
}
