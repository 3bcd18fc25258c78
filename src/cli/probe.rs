//! What each voter says when it is asked over the wire, all at once and with little patience: whom it follows,
//! whose cluster it is of, and, if it leads, how far everyone has come. Java's controllers answer as well.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{
    client::{self, Client, Unanswered},
    quorum::{self, FETCH_VERSION},
};
use crate::{
    config::Voter,
    protocol::{
        Epoch, ErrorCode, NodeId, OffsetAndEpoch,
        api::{Request, Response},
        messages::{
            describe_cluster::DescribeClusterRequest, describe_quorum::ResponsePartitionData,
            fetch::FetchResponse,
        },
    },
    server::Trouble,
};

/// Served by Kafka 3.9 and later, as by us.
const DESCRIBE_CLUSTER_VERSION: i16 = 1;
/// The `EndpointType` of controllers.
const CONTROLLERS: i8 = 2;

/// A voter that answered.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// Not told by a node that has no metadata yet.
    pub cluster_id: Option<String>,
    /// It says that our cluster is not its own.
    pub is_foreign: bool,
    /// Who leads which epoch, as it knows.
    pub leader: Option<NodeId>,
    pub epoch: Option<Epoch>,
    /// If it leads.
    pub quorum: Option<ResponsePartitionData>,
}

pub type Probed = Result<Probe, Unanswered>;

/// Asks all of them; takes no longer than `patience`.
pub fn all(voters: &[Voter], cluster_id: Option<&str>, patience: Duration) -> Vec<Probed> {
    enum Step {
        Resolved,
        Done(Probed),
    }
    let started = Instant::now();
    let (said, steps) = mpsc::channel();
    for (at, voter) in voters.iter().cloned().enumerate() {
        let (said, cluster_id) = (said.clone(), cluster_id.map(str::to_owned));
        // Left behind when it takes too long: the system's lookup of names has no limit.
        thread::spawn(move || {
            let addresses = client::resolve((&voter.host, voter.port));
            let _waiting = said.send((at, Step::Resolved));
            let probed = addresses
                .and_then(|addresses| Client::connect(&addresses, patience))
                .and_then(|mut client| probe(&mut client, cluster_id));
            let _waiting = said.send((at, Step::Done(probed)));
        });
    }
    let within = format!("within {} ms", patience.as_millis());
    let unresolved = Unanswered {
        slow_lookup: true,
        ..Unanswered::new(
            Trouble::TimedOut,
            format!("its name was not looked up {within}"),
        )
    };
    let mut probed: Vec<Probed> = voters.iter().map(|_| Err(unresolved.clone())).collect();
    let mut waiting = voters.len();
    while waiting > 0 {
        let left = patience.saturating_sub(started.elapsed());
        match steps.recv_timeout(left) {
            Ok((at, Step::Resolved)) => {
                let reason = format!("no answer {within}");
                probed[at] = Err(Unanswered::new(Trouble::TimedOut, reason));
            }
            Ok((at, Step::Done(done))) => {
                probed[at] = done;
                waiting -= 1;
            }
            Err(_late) => break,
        }
    }
    probed
}

/// All questions at once, so that they cost one round trip.
fn probe(client: &mut Client, cluster_id: Option<String>) -> Probed {
    // Nobody ever leads epoch 0, so the answer to a Fetch in it holds nothing but who leads which.
    let who_leads = quorum::fetch_question(Epoch(0), OffsetAndEpoch::default(), cluster_id);
    let questions: [(Request, i16); 3] = [
        (who_leads, FETCH_VERSION),
        (quorum::question(), quorum::VERSION),
        (
            DescribeClusterRequest {
                endpoint_type: CONTROLLERS,
                ..Default::default()
            }
            .into(),
            DESCRIBE_CLUSTER_VERSION,
        ),
    ];
    for (request, version) in &questions {
        client.send(request, *version)?;
    }
    let mut probe = Probe::default();
    for (request, version) in &questions {
        match client.receive(request.api_key(), *version)? {
            Response::Fetch(answer) => probe.take_leader(answer),
            Response::DescribeQuorum(answer) => {
                let mut partitions = answer.topics.into_iter().flat_map(|it| it.partitions);
                probe.quorum = partitions.next().filter(|it| it.error_code.is_ok());
            }
            Response::DescribeCluster(answer) if answer.error_code.is_ok() => {
                probe.cluster_id = Some(answer.cluster_id);
            }
            // Without metadata of a version that registers controllers it is not told.
            _ => {}
        }
    }
    Ok(probe)
}

impl Probe {
    fn take_leader(&mut self, answer: FetchResponse) {
        self.is_foreign = answer.error_code == ErrorCode::INCONSISTENT_CLUSTER_ID;
        let mut partitions = answer.responses.into_iter().flat_map(|it| it.partitions);
        if let Some(partition) = partitions.next() {
            self.leader = partition.current_leader.leader_id.known();
            self.epoch = partition.current_leader.leader_epoch.known();
        }
    }
}
