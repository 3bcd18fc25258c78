//! BrokerHeartbeat: a broker says that it lives, how far it has read, and what it wants
//! (`BrokerHeartbeatManager.calculateNextBrokerState`, `ReplicationControlManager`).

use std::{collections::BTreeSet, sync::Arc};

use super::{
    ApiError, Cx, Outcome, State,
    brokers::{Broker, Brokers},
    leadership,
};
use crate::protocol::features::MetadataVersion;
use crate::protocol::{
    BrokerEpoch, ErrorCode, NodeId, Uuid, messages::broker_heartbeat::*, records::MetadataRecord,
};

/// What a broker may do (`BrokerControlState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Fenced,
    Unfenced,
    ControlledShutdown,
    ShutdownNow,
}

/// Whether a request comes from the present life of a broker (`checkBrokerEpoch`).
pub(super) fn check_epoch(
    state: &State,
    id: NodeId,
    epoch: BrokerEpoch,
) -> Result<&Broker, ApiError> {
    let message = match state.brokers.get(id) {
        Some(broker) if broker.epoch == epoch => return Ok(broker),
        Some(broker) => {
            let known = broker.epoch;
            format!("Expected broker epoch {known}, but got broker epoch {epoch}")
        }
        None => format!("No broker registration found for broker id {id}"),
    };
    Err(ApiError::new(ErrorCode::STALE_BROKER_EPOCH, message))
}

/// What is known of brokers: committed, and as the newest records will leave it.
#[derive(Clone, Debug)]
pub struct KnownBrokers {
    pub committed: Brokers,
    pub newest: Brokers,
}

impl KnownBrokers {
    /// Whether the other is a copy in which nothing has changed: a quick look that may say no in vain.
    pub fn is_same(&self, other: &KnownBrokers) -> bool {
        self.committed.is_same(&other.committed) && self.newest.is_same(&other.newest)
    }
}

/// The answer to a heartbeat by which nothing changes, from a broker for which no change is under way; most are
/// such. `None` where the controller has to look at it: it is as [`broker_heartbeat`] would answer.
pub fn steady(
    brokers: &KnownBrokers,
    request: &BrokerHeartbeatRequest,
) -> Option<BrokerHeartbeatResponse> {
    let broker = brokers.committed.get(request.broker_id)?;
    let newest = brokers.newest.get(request.broker_id)?;
    if !Arc::ptr_eq(broker, newest) {
        return None;
    }
    let lives = broker.epoch == request.broker_epoch && broker.is_active();
    let stays = !request.want_fence && !request.want_shut_down;
    let is_caught_up = request.current_metadata_offset >= broker.registered_at;
    let mut online = broker.directories.iter();
    let disks_are_as_known = !online.any(|online| request.offline_log_dirs.contains(online))
        && !cordons_others(broker, request);
    (lives && stays && is_caught_up && disks_are_as_known).then(|| BrokerHeartbeatResponse {
        is_caught_up,
        is_fenced: false,
        ..Default::default()
    })
}

pub fn broker_heartbeat(
    state: &State,
    cx: &mut Cx<'_>,
    request: &BrokerHeartbeatRequest,
) -> Result<Outcome<BrokerHeartbeatResponse>, ApiError> {
    let id = request.broker_id;
    let broker = check_epoch(state, id, request.broker_epoch)?;
    cx.sessions
        .on_contact(id, request.broker_epoch, cx.now.time);
    let is_caught_up = request.current_metadata_offset >= broker.registered_at;
    let current = match () {
        () if cx.sessions.is_shutting_down(id) => Control::ControlledShutdown,
        () if broker.fenced => Control::Fenced,
        () => Control::Unfenced,
    };
    let next = next_control(state, cx, request, current, is_caught_up);
    let mut records = Vec::new();
    if next != current {
        enter(state, cx, request, next, &mut records);
    }
    let is_fenced = matches!(next, Control::Fenced | Control::ShutdownNow);
    cx.sessions
        .on_progress(id, request.current_metadata_offset, is_fenced);
    directories(state, cx, request, &mut records);
    if next == Control::ControlledShutdown {
        let last_offset = cx.next_offset.plus(records.len() as i64 - 1);
        cx.sessions.on_controlled_shutdown(id, last_offset);
    }
    let response = BrokerHeartbeatResponse {
        is_caught_up,
        is_fenced,
        should_shut_down: next == Control::ShutdownNow,
        ..Default::default()
    };
    Ok(Outcome::split(records, response))
}

fn next_control(
    state: &State,
    cx: &Cx<'_>,
    request: &BrokerHeartbeatRequest,
    current: Control,
    is_caught_up: bool,
) -> Control {
    let id = request.broker_id;
    let leads = || state.topics.led_by(id).next().is_some();
    match current {
        Control::Fenced if request.want_shut_down => Control::ShutdownNow,
        Control::Fenced if !request.want_fence && is_caught_up => Control::Unfenced,
        Control::Fenced => Control::Fenced,
        Control::Unfenced => match (request.want_fence, request.want_shut_down) {
            (true, true) => Control::ShutdownNow,
            (true, false) => Control::Fenced,
            (false, true) if leads() => Control::ControlledShutdown,
            (false, true) => Control::ShutdownNow,
            (false, false) => Control::Unfenced,
        },
        Control::ControlledShutdown if leads() => Control::ControlledShutdown,
        Control::ControlledShutdown if cx.sessions.all_know_of_shutdown(state, id) => {
            Control::ShutdownNow
        }
        Control::ControlledShutdown => Control::ControlledShutdown,
        Control::ShutdownNow => Control::ShutdownNow,
    }
}

fn enter(
    state: &State,
    cx: &Cx<'_>,
    request: &BrokerHeartbeatRequest,
    next: Control,
    records: &mut Vec<MetadataRecord>,
) {
    let id = request.broker_id;
    match next {
        Control::Fenced | Control::ShutdownNow => {
            leadership::fence(state, cx.options, id, records);
        }
        Control::Unfenced => {
            let offline = &request.offline_log_dirs;
            leadership::unfence(state, cx.options, id, offline, records);
        }
        Control::ControlledShutdown => {
            leadership::controlled_shutdown(state, cx.options, id, records);
        }
    }
}

/// Disks that failed since the last heartbeat, and disks that are to get no more replicas.
fn directories(
    state: &State,
    cx: &Cx<'_>,
    request: &BrokerHeartbeatRequest,
    records: &mut Vec<MetadataRecord>,
) {
    let version = state.metadata_version().unwrap_or(MetadataVersion::MINIMUM);
    let id = request.broker_id;
    if version.is_directory_assignment_supported() {
        leadership::directories_offline(state, cx.options, id, &request.offline_log_dirs, records);
    }
    let broker = state.brokers.get(id);
    let changes = broker.is_some_and(|broker| cordons_others(broker, request));
    if version.is_cordoned_log_dirs_supported() && changes {
        records.push(leadership::registration_change(
            id,
            request.broker_epoch,
            |change| {
                change.cordoned_log_dirs = request.cordoned_log_dirs.clone();
            },
        ));
    }
}

/// Whether the broker names other cordoned directories than are known.
fn cordons_others(broker: &Broker, request: &BrokerHeartbeatRequest) -> bool {
    let set = |directories: &Vec<Uuid>| directories.iter().copied().collect::<BTreeSet<_>>();
    let known = broker.cordoned_directories.as_ref().map(set);
    let named = request.cordoned_log_dirs.as_ref().map(set);
    named.is_some() && named != known
}

/// Fences one broker that was silent for too long. True when there may be more.
pub fn fence_stale(state: &State, cx: &mut Cx<'_>) -> Outcome<bool> {
    let (now, timeout_ms) = (cx.now.time, cx.options.session_timeout_ms);
    while let Some((id, epoch)) = cx.sessions.expired(now, timeout_ms) {
        let broker = state.brokers.get(id);
        if broker.is_some_and(|broker| broker.epoch == epoch && !broker.fenced) {
            let mut records = Vec::new();
            leadership::fence(state, cx.options, id, &mut records);
            cx.sessions.on_fenced(id);
            // These records may be refused. The session goes when the state says that they were not.
            return Outcome::split(records, true);
        }
        cx.sessions.end(id, epoch);
    }
    Outcome::unchanged(false)
}
