//! The tables: a name, the version of the request, and the request. Later cases build on what earlier
//! ones have made.
//!
//! Left out is what Java 4.3.1 stumbles over: an unknown operation in IncrementalAlterConfigs (its
//! controller gives up leadership), more partitions than one operation may create (UNKNOWN_SERVER_ERROR),
//! FetchSnapshot of a snapshot that is not there (it cannot encode the answer).

mod life;
mod settings;
mod topics;

use kraftd::protocol::{api::Request, ids::BrokerEpoch};

use super::world::World;

pub type Case = (&'static str, i16, fn(&World) -> Request);

/// In this order.
pub const CASES: [&[Case]; 3] = [topics::CASES, settings::CASES, life::CASES];

const ANY: BrokerEpoch = BrokerEpoch::NONE;

/// A metadata offset beyond whatever the log may hold: "I have seen everything".
const CAUGHT_UP: i64 = 1_000_000;
