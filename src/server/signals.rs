//! The signals that ask a process to stop.

use std::{
    fs,
    future::poll_fn,
    io,
    task::{Context, Poll, Waker},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT and SIGHUP, as with Java's Kafka; without SIGHUP for who was started with `nohup`, which a handler of
/// our own would undo.
pub struct StopSignals(Vec<(SignalKind, Signal)>);

impl StopSignals {
    /// From now on they do not end the process. To be called where tokio runs.
    pub fn listen() -> io::Result<StopSignals> {
        let mut kinds = vec![SignalKind::terminate(), SignalKind::interrupt()];
        if !ignores_hangup() {
            kinds.push(SignalKind::hangup());
        }
        let signals = kinds.into_iter().map(|kind| Ok((kind, signal(kind)?)));
        signals.collect::<io::Result<_>>().map(StopSignals)
    }

    /// What has come by now counts no more.
    pub fn forget(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for (_, signal) in &mut self.0 {
            while signal.poll_recv(&mut context).is_ready() {}
        }
    }

    /// Returns with the next one.
    pub async fn next(&mut self) -> SignalKind {
        poll_fn(|context| {
            for (kind, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*kind);
                }
            }
            Poll::Pending
        })
        .await
    }
}

pub fn name(kind: SignalKind) -> &'static str {
    const NAMES: [(SignalKind, &str); 3] = [
        (SignalKind::terminate(), "SIGTERM"),
        (SignalKind::interrupt(), "SIGINT"),
        (SignalKind::hangup(), "SIGHUP"),
    ];
    let named = NAMES.iter().find(|(other, _)| *other == kind);
    named.map_or("?", |(_, name)| name)
}

fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}
