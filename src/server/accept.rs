//! Takes connections, as many as may be open: those that the log leaves files for, and those that the configuration
//! allows (`ConnectionQuotas` of Kafka's `SocketServer`).

use std::{
    collections::HashMap,
    net::{IpAddr, ToSocketAddrs},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tracing::{info, warn};

use super::{
    connection::{self, Acceptor},
    listener, open_files,
};
use crate::config::ConnectionLimits;

/// Serves whoever connects, for ever.
pub async fn accept(listener: TcpListener, acceptor: Arc<Acceptor>, quotas: ConnectionQuotas) {
    /// Time for others to give file descriptors back.
    const PAUSE: Duration = Duration::from_millis(100);
    /// Who is turned away comes again at once, and for long.
    const TELL_EVERY: Duration = Duration::from_secs(60);
    let most = open_files::make_room_for_connections();
    let room = Arc::new(Semaphore::new(most));
    let quotas = Arc::new(quotas);
    let (mut refused, mut told) = (0_u64, None);
    loop {
        let slot = quotas.slot().await;
        let accepted = listener.accept().await.map_err(|error| error.to_string());
        let admitted = accepted.and_then(|(stream, peer)| {
            listener::set_up(&stream).map_err(|error| error.to_string())?;
            let full = |_| format!("{most} are open, and the files of the log need the rest");
            let place = room.clone().try_acquire_owned().map_err(full)?;
            Ok((stream, peer, place))
        });
        match admitted {
            Ok((stream, peer, place)) => {
                if let Some(counted) = quotas.count(peer.ip()) {
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        connection::serve(acceptor, stream, peer).await;
                        drop((slot, place, counted));
                    });
                }
            }
            Err(reason) => {
                refused += 1;
                if told.is_none_or(|told: Instant| told.elapsed() > TELL_EVERY) {
                    warn!("cannot accept a connection: {reason} ({refused} so far)");
                    told = Some(Instant::now());
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// How many connections are open, in all and from each address, and how many may be.
pub struct ConnectionQuotas {
    all: Arc<Semaphore>,
    per_ip: usize,
    overrides: HashMap<IpAddr, usize>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl ConnectionQuotas {
    /// Looks up the hosts that have limits of their own; one that has no address stops the start, as in Kafka.
    pub fn of(limits: &ConnectionLimits) -> Result<ConnectionQuotas, String> {
        let mut overrides = HashMap::new();
        for (host, limit) in &limits.overrides {
            let addresses = (host.as_str(), 0).to_socket_addrs().map_err(|error| {
                format!(
                    "max.connections.per.ip.overrides names {host}, which has no address: {error}. Correct the name, \
                     or add it to DNS or /etc/hosts."
                )
            })?;
            overrides.extend(addresses.map(|address| (address.ip().to_canonical(), *limit)));
        }
        Ok(ConnectionQuotas {
            all: Arc::new(Semaphore::new(limits.all.min(Semaphore::MAX_PERMITS))),
            per_ip: limits.per_ip,
            overrides,
            open: Mutex::default(),
        })
    }

    /// One of `max.connections`. Kafka's acceptor waits for one too: who comes meanwhile is kept by the system.
    async fn slot(&self) -> OwnedSemaphorePermit {
        let slot = self.all.clone().acquire_owned().await;
        slot.expect("nobody closes it")
    }

    /// Counts a connection until what is returned is dropped; `None` if there are as many from its address as may be.
    fn count(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        // What a listener of both kinds calls an IPv4 address.
        let address = address.to_canonical();
        let limit = self.overrides.get(&address).copied();
        let limit = limit.unwrap_or(self.per_ip);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= limit {
            if *count == 0 {
                open.remove(&address);
            }
            info!(
                "Rejected connection from {address}, address already has the configured maximum of {limit} connections."
            );
            return None;
        }
        *count += 1;
        Some(Counted {
            quotas: self.clone(),
            address,
        })
    }
}

/// A connection from an address, as long as it is open.
struct Counted {
    quotas: Arc<ConnectionQuotas>,
    address: IpAddr,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self
            .quotas
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(per_ip: usize, overrides: &[(&str, usize)]) -> Arc<ConnectionQuotas> {
        let overrides = overrides.iter();
        let limits = ConnectionLimits {
            all: 10,
            per_ip,
            overrides: overrides
                .map(|(host, limit)| ((*host).to_owned(), *limit))
                .collect(),
        };
        Arc::new(ConnectionQuotas::of(&limits).expect("addresses"))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_its_own_limit() {
        let quotas = quotas(1, &[("10.0.0.5", 2), ("::1", 0)]);
        let first = quotas.count(address("10.0.0.4"));
        assert!(first.is_some());
        assert!(quotas.count(address("10.0.0.4")).is_none());
        assert!(
            quotas.count(address("::ffff:10.0.0.4")).is_none(),
            "the same one"
        );
        let others = [0; 2].map(|_| quotas.count(address("10.0.0.5")));
        assert!(others.iter().all(Option::is_some));
        assert!(quotas.count(address("10.0.0.5")).is_none());
        assert!(quotas.count(address("::1")).is_none());
        drop(first);
        assert!(quotas.count(address("10.0.0.4")).is_some());
        drop(others);
        assert!(quotas.open.lock().expect("a lock").is_empty());
    }

    #[test]
    fn a_host_without_an_address_is_told() {
        let limits = ConnectionLimits {
            all: 1,
            per_ip: 1,
            overrides: vec![("no-such-host.invalid".to_owned(), 1)],
        };
        let refused = ConnectionQuotas::of(&limits).err().expect("it has none");
        assert!(refused.contains("no-such-host.invalid"), "{refused}");
    }
}
