//! The names in the files, looked up once each, all at the same time: a name that nobody knows takes seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, TcpListener, ToSocketAddrs},
    thread,
};

use super::check::Node;

/// What each host in the files stands for.
pub struct Names {
    found: BTreeMap<String, Result<BTreeSet<IpAddr>, String>>,
}

impl Names {
    pub fn of(nodes: &[Node]) -> Names {
        let hosts: BTreeSet<String> = nodes
            .iter()
            .flat_map(|node| node.hosts())
            .map(|(_, host)| host)
            .collect();
        let found = thread::scope(|scope| {
            let lookups: Vec<_> = hosts
                .into_iter()
                .map(|host| scope.spawn(|| (look_up(&host), host)))
                .collect();
            let finished = lookups.into_iter().filter_map(|lookup| lookup.join().ok());
            finished.map(|(found, host)| (host, found)).collect()
        });
        Names { found }
    }

    /// Why a host has no address.
    pub fn unknown(&self, host: &str) -> Option<&str> {
        self.found.get(host)?.as_ref().err().map(String::as_str)
    }

    fn addresses(&self, host: &str) -> Option<&BTreeSet<IpAddr>> {
        self.found.get(host)?.as_ref().ok()
    }

    /// Whether two hosts are one, as far as names and addresses tell.
    pub fn are_one(&self, one: &str, other: &str) -> bool {
        let addresses = (self.addresses(one), self.addresses(other));
        one.eq_ignore_ascii_case(other)
            || matches!(addresses, (Some(one), Some(other)) if !one.is_disjoint(other))
    }

    /// Whether two hosts are known to be two.
    pub fn are_two(&self, one: &str, other: &str) -> bool {
        let known = [one, other].map(|host| self.addresses(host).is_some());
        known == [true, true] && !self.are_one(one, other)
    }

    /// Whether a host is this machine.
    pub fn is_here(&self, host: &str) -> bool {
        let addresses = self.addresses(host).into_iter().flatten();
        let mut addresses = addresses.copied();
        addresses.any(|address| TcpListener::bind((address, 0)).is_ok())
    }
}

fn look_up(host: &str) -> Result<BTreeSet<IpAddr>, String> {
    let found = (host, 0).to_socket_addrs();
    let addresses = found.map_err(|error| error.to_string())?;
    Ok(addresses.map(|address| address.ip()).collect())
}
