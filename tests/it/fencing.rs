//! Fencing a broker that fell silent.

use kraftd::{
    metadata::{Cx, Options, State, heartbeats::fence_stale, sessions::Sessions},
    protocol::{
        BrokerEpoch, NodeId, Offset,
        records::{MetadataRecord, RegisterBrokerRecord},
    },
    time::{Now, Time},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::metadata_support::Cluster;

const BROKER: NodeId = NodeId(1);

/// What comes of a look at the sessions, and whether to look again at once.
fn look(state: &State, sessions: &mut Sessions, time: Time) -> (Vec<MetadataRecord>, bool) {
    let now = Now {
        time,
        ..Default::default()
    };
    let mut cx = Cx {
        now,
        rng: &mut ChaCha8Rng::seed_from_u64(7),
        options: &Options::default(),
        sessions,
        next_offset: Offset(100),
        api_version: 0,
        forwarded: false,
    };
    let outcome = fence_stale(state, &mut cx);
    (outcome.records, outcome.response)
}

/// The controller may refuse the records, and tries again later: until a state says that the broker is fenced, its
/// session is not over.
#[test]
fn a_fencing_that_came_to_nothing_is_tried_again() {
    let mut cluster = Cluster::at(30);
    cluster.replay([MetadataRecord::from(RegisterBrokerRecord {
        broker_id: BROKER,
        broker_epoch: BrokerEpoch(5),
        fenced: false,
        ..Default::default()
    })]);
    let mut sessions = Sessions::activate(&cluster.state, Time(0));
    let half = Time(0).plus_ms(Options::default().session_timeout_ms / 2);
    let over = half.plus_ms(Options::default().session_timeout_ms / 2);
    assert_eq!(
        look(&cluster.state, &mut sessions, half),
        (Vec::new(), false)
    );

    let (refused, _) = look(&cluster.state, &mut sessions, over);
    assert_eq!(refused.len(), 1, "{refused:?}");
    let (taken, again) = look(&cluster.state, &mut sessions, over);
    assert_eq!((taken == refused, again), (true, true));

    cluster.replay(taken);
    assert!(cluster.state.brokers.get(BROKER).expect("there").fenced);
    assert_eq!(
        look(&cluster.state, &mut sessions, over),
        (Vec::new(), false)
    );
}
