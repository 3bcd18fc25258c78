//! This controller's entry in the metadata: sent to the active controller after every start until the
//! state shows it (KIP-919, `ControllerRegistrationManager`).

use crate::{
    metadata::State,
    protocol::{
        ErrorCode, NodeId, Uuid,
        api::Response,
        features,
        messages::controller_registration::{ControllerRegistrationRequest, Feature, Listener},
    },
    raft::SendError,
    time::{Now, Time},
};

/// First pause after a registration that had no effect, and the longest; they double in between.
const MIN_BACKOFF_MS: u64 = 100;
const MAX_BACKOFF_MS: u64 = 120_000;

/// Where this controller stands with its registration.
pub(super) struct Registration {
    request: ControllerRegistrationRequest,
    /// The request that is under way.
    in_flight: Option<u64>,
    next_id: u64,
    backoff_ms: u64,
    /// Not to be sent before.
    not_before: Time,
}

impl Registration {
    pub(super) fn new(
        node_id: NodeId,
        incarnation_id: Uuid,
        listeners: Vec<Listener>,
        unstable_features: bool,
    ) -> Registration {
        let features = features::supported(unstable_features).into_iter();
        let features = features.map(|(name, range)| Feature {
            name: name.to_owned(),
            min_supported_version: range.min,
            max_supported_version: range.max,
            ..Default::default()
        });
        Registration {
            request: ControllerRegistrationRequest {
                controller_id: node_id,
                incarnation_id,
                listeners,
                features: features.collect(),
                ..Default::default()
            },
            in_flight: None,
            next_id: 0,
            backoff_ms: MIN_BACKOFF_MS,
            not_before: Time(0),
        }
    }

    /// When to try again; `None` while there is nothing to do.
    pub(super) fn deadline(&self, state: &State, leader: Option<NodeId>) -> Option<Time> {
        let wanted = leader.is_some() && self.in_flight.is_none() && self.is_wanted(state);
        wanted.then_some(self.not_before)
    }

    /// Until the state knows this incarnation, if its metadata.version knows registrations at all.
    fn is_wanted(&self, state: &State) -> bool {
        let id = self.request.controller_id;
        let registered = state.controllers.get(id);
        let incarnation_id = registered.map(|registered| registered.incarnation_id);
        incarnation_id != Some(self.request.incarnation_id)
            && state
                .metadata_version()
                .is_some_and(|version| version.is_controller_registration_supported())
    }

    /// The request to send now, with the number to report its answer under.
    pub(super) fn begin(
        &mut self,
        now: Now,
        state: &State,
        leader: Option<NodeId>,
    ) -> Option<(u64, ControllerRegistrationRequest)> {
        let due = self
            .deadline(state, leader)
            .is_some_and(|due| due <= now.time);
        due.then(|| {
            self.next_id += 1;
            self.in_flight = Some(self.next_id);
            (self.next_id, self.request.clone())
        })
    }

    /// The answer, or that there will be none. Success shows in the state; until then, and after
    /// anything else, the next try waits.
    pub(super) fn on_response(
        &mut self,
        now: Now,
        id: u64,
        outcome: Result<Response, SendError>,
    ) -> Option<String> {
        self.in_flight.take_if(|in_flight| *in_flight == id)?;
        self.not_before = now.time.plus_ms(self.backoff_ms);
        self.backoff_ms = (self.backoff_ms * 2).min(MAX_BACKOFF_MS);
        match outcome {
            Ok(Response::ControllerRegistration(response)) if response.error_code.is_ok() => None,
            Ok(Response::ControllerRegistration(response)) => {
                Some(describe(response.error_code, response.error_message))
            }
            Ok(other) => Some(format!("answered with {}", other.api_key().name())),
            Err(error) => Some(format!("{error:?}")),
        }
    }

    /// A new leader is asked at once.
    pub(super) fn on_leader_change(&mut self) {
        self.in_flight = None;
        self.backoff_ms = MIN_BACKOFF_MS;
        self.not_before = Time(0);
    }
}

fn describe(code: ErrorCode, message: Option<String>) -> String {
    message.unwrap_or_else(|| code.message().to_owned())
}
