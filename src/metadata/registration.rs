//! BrokerRegistration, UnregisterBroker: a process of a broker becomes a member of the cluster, and is
//! forgotten (`ClusterControlManager.registerBroker`).

use std::ops::RangeInclusive;

use super::{ApiError, Cx, Outcome, State, leadership};
use crate::protocol::features::MetadataVersion;
use crate::protocol::{
    BrokerEpoch, ErrorCode,
    features::METADATA_VERSION,
    messages::{
        broker_registration::*,
        unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse},
    },
    records::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord},
};

pub fn register_broker(
    state: &State,
    cx: &mut Cx<'_>,
    request: &BrokerRegistrationRequest,
) -> Result<Outcome<BrokerRegistrationResponse>, ApiError> {
    let id = request.broker_id;
    // The answer has no place for the reason.
    check(state, cx, request)
        .inspect_err(|error| tracing::info!("registration of broker {id} refused: {error}"))?;
    let version = state.metadata_version().unwrap_or(MetadataVersion::MINIMUM);
    let existing = state.brokers.get(id);
    let same_life = existing.filter(|known| known.incarnation_id == request.incarnation_id);
    let mut records = Vec::new();
    let broker_epoch = match same_life {
        Some(known) => known.epoch,
        None => {
            let clean = cx.api_version >= 3
                && existing.is_some_and(|known| known.epoch == request.previous_broker_epoch);
            leadership::shutdown(state, cx.options, id, clean, &mut records);
            cx.sessions.begin_anew(id);
            BrokerEpoch(cx.next_offset.0)
        }
    };
    let log_dirs = match version.is_directory_assignment_supported() {
        true => request.log_dirs.clone(),
        false => Vec::new(),
    };
    let record = RegisterBrokerRecord {
        broker_id: id,
        incarnation_id: request.incarnation_id,
        broker_epoch,
        end_points: request.listeners.iter().map(endpoint).collect(),
        features: request.features.iter().map(feature).collect(),
        rack: request.rack.clone(),
        fenced: same_life.is_none_or(|known| known.fenced),
        in_controlled_shutdown: same_life.is_some_and(|known| known.in_controlled_shutdown),
        log_dirs,
        ..Default::default()
    };
    records.push(record.into());
    let response = BrokerRegistrationResponse {
        broker_epoch,
        ..Default::default()
    };
    Ok(Outcome::split(records, response))
}

fn check(state: &State, cx: &Cx<'_>, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
    let id = request.broker_id;
    if request.cluster_id != cx.options.cluster_id {
        return Err(ApiError::new(
            ErrorCode::INCONSISTENT_CLUSTER_ID,
            format!(
                "Expected cluster ID {}, but got cluster ID {}. Either the broker was formatted with a \
                 wrong --cluster-id, or its configuration names this controller by mistake.",
                cx.options.cluster_id, request.cluster_id
            ),
        ));
    }
    let timeout_ms = cx.options.session_timeout_ms;
    let alive_elsewhere = state.brokers.get(id).is_some_and(|known| {
        known.incarnation_id != request.incarnation_id
            && cx
                .sessions
                .is_valid(id, known.epoch, cx.now.time, timeout_ms)
    });
    if alive_elsewhere {
        return Err(ApiError::new(
            ErrorCode::DUPLICATE_BROKER_REGISTRATION,
            "Another broker is registered with that broker id. If the broker was recently restarted \
             this should self-resolve once the heartbeat manager expires the broker's session.",
        ));
    }
    if request.is_migrating_zk_broker {
        return Err(ApiError::new(
            ErrorCode::BROKER_ID_NOT_REGISTERED,
            "Controller does not support registering ZK brokers.",
        ));
    }
    let version = state.metadata_version().unwrap_or(MetadataVersion::MINIMUM);
    if version.is_directory_assignment_supported() {
        check_directories(state, request)?;
    }
    check_features(state, request)?;
    request.listeners.iter().try_for_each(|listener| {
        let Listener { name, host, .. } = listener;
        if name.is_empty() {
            let message = "Broker listeners must be named.";
            return Err(ApiError::new(ErrorCode::INVALID_REGISTRATION, message));
        }
        check_listener(name, host, listener.port, listener.security_protocol)
    })
}

/// What Java's nodes can read of a listener (`ListenerInfo`). A record with anything else would stop them, at every
/// start again; a Java controller that is asked to write one gives up its office.
pub(super) fn check_listener(
    name: &str,
    host: &str,
    port: u16,
    protocol: i16,
) -> Result<(), ApiError> {
    /// PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL (`SecurityProtocol`).
    const PROTOCOLS: RangeInclusive<i16> = 0..=3;
    let what = if !PROTOCOLS.contains(&protocol) {
        format!("Unknown security protocol {protocol} in listener {name}")
    } else if port == 0 || host.trim().is_empty() {
        format!("Listener {name} has no host or no port: {host:?}, port {port}")
    } else {
        return Ok(());
    };
    Err(ApiError::new(ErrorCode::INVALID_REGISTRATION, what))
}

fn check_directories(state: &State, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::INVALID_REGISTRATION, message));
    let directories = &request.log_dirs;
    if directories.is_empty() {
        return invalid("No directories specified in request".to_owned());
    }
    if directories.iter().any(|directory| directory.is_reserved()) {
        return invalid("Reserved directory ID in request".to_owned());
    }
    let mut sorted = directories.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return invalid("Duplicate directory ID in request".to_owned());
    }
    let taken = directories.iter().find_map(|directory| {
        let owner = state.brokers.owner(*directory)?;
        (owner != request.broker_id).then_some((owner, directory))
    });
    match taken {
        None => Ok(()),
        Some((owner, directory)) => invalid(format!(
            "Broker {owner} is already registered with directory {directory}"
        )),
    }
}

/// A broker must be able to work with every finalized feature, and with the absence of those it offers.
fn check_features(state: &State, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
    let unsupported = |name: &str, level: i16, min: i16, max: i16| {
        let remedy = match level > max {
            true => {
                "It is older than the features of this cluster: upgrade it, or lower the feature with \
                 kafka-features.sh downgrade."
            }
            false => {
                "It is newer than the features of this cluster: raise the feature with kafka-features.sh \
                 upgrade once all nodes can, or start an older release of the broker."
            }
        };
        let message = format!(
            "Unable to register because the broker does not support finalized version {level} of \
             {name}. The broker wants a version between {min} and {max}, inclusive. {remedy}"
        );
        Err(ApiError::new(ErrorCode::UNSUPPORTED_VERSION, message))
    };
    for offered in &request.features {
        let level = state.features.level(&offered.name);
        let (min, max) = (offered.min_supported_version, offered.max_supported_version);
        if level < min || level > max {
            return unsupported(&offered.name, level, min, max);
        }
    }
    let offers = |name: &str| request.features.iter().any(|offered| offered.name == name);
    if !offers(METADATA_VERSION) {
        return Err(ApiError::new(
            ErrorCode::INVALID_REGISTRATION,
            "Request features do not contain 'metadata.version'",
        ));
    }
    for finalized in state.features.finalized() {
        if !offers(&finalized.name) && finalized.max_version_level != 0 {
            return unsupported(&finalized.name, finalized.max_version_level, 0, 0);
        }
    }
    Ok(())
}

fn endpoint(listener: &Listener) -> BrokerEndpoint {
    BrokerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
        ..Default::default()
    }
}

fn feature(offered: &Feature) -> BrokerFeature {
    BrokerFeature {
        name: offered.name.clone(),
        min_supported_version: offered.min_supported_version,
        max_supported_version: offered.max_supported_version,
        ..Default::default()
    }
}

pub fn unregister_broker(
    state: &State,
    cx: &mut Cx<'_>,
    request: &UnregisterBrokerRequest,
) -> Result<Outcome<UnregisterBrokerResponse>, ApiError> {
    let id = request.broker_id;
    if !state.brokers.contains(id) {
        let message = format!("Broker ID {id} is not currently registered");
        return Err(ApiError::new(ErrorCode::BROKER_ID_NOT_REGISTERED, message));
    }
    let mut records = Vec::new();
    leadership::unregister(state, cx.options, id, &mut records);
    cx.sessions.begin_anew(id);
    let response = UnregisterBrokerResponse::default();
    Ok(Outcome::split(records, response))
}
