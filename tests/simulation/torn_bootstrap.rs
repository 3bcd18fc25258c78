//! A new cluster whose first records take several batches, and whose leaders fall among them: the next one aborts what
//! was begun, and begins anew.

use kraftd::protocol::features::MetadataVersion;

use crate::{coverage::Mark, for_each_seed, nemesis::Fault, plan::Plan, world::run};

const SEEDS: u64 = 20;
/// More than two batches of them.
const MANY: usize = 25_000;

fn plan(seed: u64) -> Plan {
    let plan = Plan {
        nodes: 3,
        more_bootstrap: MANY,
        metadata_version: MetadataVersion::LATEST_PRODUCTION,
        snapshot_bytes: 20 << 20,
        fetch_max_bytes: 1 << 20,
        max_delay_us: 20_000,
        lose_one_in: None,
        crash_one_in: Some(15),
        record_us: 0,
        faults: Default::default(),
        faults_until_ms: 10_000,
        ends_at_ms: 25_000,
        ..Plan::with_controllers(seed)
    };
    plan.with(Fault::Kill, 500)
}

#[test]
fn a_bootstrap_that_is_torn_is_aborted_and_begun_anew() {
    let outcomes = for_each_seed(0..SEEDS, |seed| run(plan(seed)));
    let mut marks = outcomes.iter().map(|outcome| &outcome.coverage.marks);
    assert!(
        marks.any(|marks| marks.contains_key(&Mark::TransactionAborted)),
        "no leader fell among them"
    );
}
