//! ControllerRegistration: which controllers there are, where they listen, and what they can do (KIP-919,
//! `ClusterControlManager.registerController`).

use std::sync::Arc;

use imbl::OrdMap;

use super::{ApiError, Cx, Outcome, State, registration::check_listener};
use crate::protocol::{
    ErrorCode, NodeId, features::VersionRange, messages::controller_registration::*, records::*,
};

/// Every registered controller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controllers {
    controllers: OrdMap<NodeId, Arc<RegisterControllerRecord>>,
}

impl Controllers {
    pub fn get(&self, id: NodeId) -> Option<&RegisterControllerRecord> {
        self.controllers.get(&id).map(Arc::as_ref)
    }

    pub fn contains(&self, id: NodeId) -> bool {
        self.controllers.contains_key(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &RegisterControllerRecord> {
        self.controllers.values().map(Arc::as_ref)
    }

    /// Every controller with the levels of a feature that it works with; 0-0 where it does not know
    /// it.
    pub fn supported(&self, feature: &str) -> impl Iterator<Item = (NodeId, VersionRange)> {
        self.iter().map(move |controller| {
            let range = controller
                .features
                .iter()
                .find(|known| known.name == feature);
            let range = range.map_or(VersionRange::DISABLED, |known| VersionRange {
                min: known.min_supported_version,
                max: known.max_supported_version,
            });
            (controller.controller_id, range)
        })
    }

    pub(super) fn replay_register(
        &mut self,
        record: &RegisterControllerRecord,
    ) -> Result<(), String> {
        self.controllers
            .insert(record.controller_id, Arc::new(record.clone()));
        Ok(())
    }

    pub(super) fn replay_unregister(
        &mut self,
        record: &UnregisterControllerRecord,
    ) -> Result<(), String> {
        let id = record.controller_id;
        let removed = self.controllers.remove(&id);
        removed
            .map(drop)
            .ok_or_else(|| format!("controller {id} is not registered"))
    }

    /// The records that make these registrations anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        let controllers = self.controllers.clone();
        controllers
            .into_iter()
            .map(|(_, record)| RegisterControllerRecord::clone(&record).into())
    }
}

fn check(state: &State, request: &ControllerRegistrationRequest) -> Result<(), ApiError> {
    let version = state.metadata_version();
    if !version.is_some_and(|version| version.is_controller_registration_supported()) {
        let message = "The current MetadataVersion is too old to support controller registrations.";
        return Err(ApiError::new(ErrorCode::UNSUPPORTED_VERSION, message));
    }
    request.listeners.iter().try_for_each(|listener| {
        let Listener { name, host, .. } = listener;
        check_listener(name, host, listener.port, listener.security_protocol)
    })
}

pub fn register_controller(
    state: &State,
    _cx: &mut Cx<'_>,
    request: &ControllerRegistrationRequest,
) -> Result<Outcome<ControllerRegistrationResponse>, ApiError> {
    check(state, request)?;
    let endpoint = |listener: &Listener| ControllerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
        ..Default::default()
    };
    let feature = |offered: &Feature| ControllerFeature {
        name: offered.name.clone(),
        min_supported_version: offered.min_supported_version,
        max_supported_version: offered.max_supported_version,
        ..Default::default()
    };
    let record = RegisterControllerRecord {
        controller_id: request.controller_id,
        incarnation_id: request.incarnation_id,
        zk_migration_ready: false,
        end_points: request.listeners.iter().map(endpoint).collect(),
        features: request.features.iter().map(feature).collect(),
        ..Default::default()
    };
    let response = ControllerRegistrationResponse {
        error_message: None,
        ..Default::default()
    };
    Ok(Outcome::atomic(vec![record.into()], response))
}
