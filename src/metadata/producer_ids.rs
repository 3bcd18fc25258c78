//! AllocateProducerIds: blocks of ids for idempotent producers (KIP-730, `ProducerIdControlManager`).

use super::{Cx, Outcome, State, heartbeats};
use crate::protocol::{
    BrokerEpoch, ErrorCode, NodeId, messages::allocate_producer_ids::*, records::*,
};

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
) -> Outcome<AllocateProducerIdsResponse> {
    let allocated = allocate(state, request.broker_id, request.broker_epoch);
    match allocated {
        Err(error_code) => Outcome::unchanged(AllocateProducerIdsResponse {
            error_code,
            ..Default::default()
        }),
        Ok((record, producer_id_start)) => {
            let response = AllocateProducerIdsResponse {
                producer_id_start,
                producer_id_len: BLOCK_SIZE,
                ..Default::default()
            };
            Outcome::atomic(vec![record.into()], response)
        }
    }
}

fn allocate(
    state: &State,
    broker_id: NodeId,
    broker_epoch: BrokerEpoch,
) -> Result<(ProducerIdsRecord, i64), ErrorCode> {
    heartbeats::check_epoch(state, broker_id, broker_epoch)?;
    let start = state.producer_ids.next();
    let next_producer_id = start.checked_add(BLOCK_SIZE.into());
    let next_producer_id = next_producer_id.ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
    let record = ProducerIdsRecord {
        broker_id,
        broker_epoch,
        next_producer_id,
        ..Default::default()
    };
    Ok((record, start))
}
