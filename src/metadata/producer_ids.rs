//! AllocateProducerIds: blocks of ids for idempotent producers (KIP-730, `ProducerIdControlManager`).

use super::{ApiError, Cx, Outcome, State, heartbeats};
use crate::protocol::{ErrorCode, messages::allocate_producer_ids::*, records::*};

/// Ids a broker gets at once (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
const BLOCK_SIZE: i32 = 1_000;

/// Which producer ids are still free.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerIds {
    last: Option<ProducerIdsRecord>,
}

impl ProducerIds {
    /// The first id that was never given away.
    pub fn next(&self) -> i64 {
        self.last.as_ref().map_or(0, |last| last.next_producer_id)
    }

    pub(super) fn replay(&mut self, record: &ProducerIdsRecord) -> Result<(), String> {
        if record.next_producer_id <= self.next() && self.last.is_some() {
            return Err(format!(
                "next producer id {} after {}",
                record.next_producer_id,
                self.next()
            ));
        }
        self.last = Some(record.clone());
        Ok(())
    }

    /// The record that makes this anew.
    pub(super) fn records(&self) -> impl Iterator<Item = MetadataRecord> + Send + use<> {
        self.last.clone().map(MetadataRecord::from).into_iter()
    }
}

pub fn allocate_producer_ids(
    state: &State,
    _cx: &mut Cx<'_>,
    request: &AllocateProducerIdsRequest,
) -> Result<Outcome<AllocateProducerIdsResponse>, ApiError> {
    let (broker_id, broker_epoch) = (request.broker_id, request.broker_epoch);
    heartbeats::check_epoch(state, broker_id, broker_epoch)?;
    let producer_id_start = state.producer_ids.next();
    let Some(next_producer_id) = producer_id_start.checked_add(BLOCK_SIZE.into()) else {
        let message = "All producer ids have been given away.";
        return Err(ApiError::new(ErrorCode::UNKNOWN_SERVER_ERROR, message));
    };
    let record = ProducerIdsRecord {
        broker_id,
        broker_epoch,
        next_producer_id,
        ..Default::default()
    };
    let response = AllocateProducerIdsResponse {
        producer_id_start,
        producer_id_len: BLOCK_SIZE,
        ..Default::default()
    };
    Ok(Outcome::atomic(vec![record.into()], response))
}
