//! `kraftd status`: how the quorum is doing, from any of its nodes and without a leader. Asks the node that runs
//! on this machine through its `status.sock`, and all voters over the wire, everybody at once; says who does
//! not answer and why, and what to do.

use std::{
    collections::BTreeMap,
    io,
    path::{self, Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{
    fail,
    node_file::{self, NodeFile},
    probe::{self, Probe, Probed},
    status_findings::{self, Finding},
    status_text,
};
use crate::{
    config::{Identity, Voter, listeners::host_port},
    console::say,
    log::{directory, meta_properties},
    protocol::{Epoch, ErrorCode, NodeId, Offset, messages::describe_quorum::ReplicaState},
    raft::{self, ReplicaProgress},
    server::{
        PeerStatus, Trouble,
        status::{self, NodeStatus},
    },
};

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration file of a node. If none is named, it is that of the `kraftd server` that runs here, or
    /// config/controller.properties.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same, as kafka-storage.sh takes it.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A property that wins over the file's, as at the start of the node.
    #[arg(long = "override", value_name = "PROPERTY=VALUE")]
    overrides: Vec<String>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// How long everybody has to answer, in milliseconds: more for hosts that are far apart, or names that are looked
    /// up slowly.
    #[arg(long, default_value_t = 30, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// The node that runs here answers without a network between us, and knows much of the others.
const PATIENCE_WITH_NODE: Duration = Duration::from_millis(250);
/// An answer to the node here that is not older counts, although the voter has not answered us in time.
const LATELY_MS: i64 = 1000;

/// Everything that was found out. Times are milliseconds since 1970.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub now_ms: i64,
    /// The configuration file that names the voters.
    pub file: String,
    pub cluster_id: Option<String>,
    pub leader: Option<Leader>,
    /// How many voters decide.
    pub majority: usize,
    /// How many can be counted on: they answer, and none that we know of must not vote.
    pub usable: usize,
    pub voters: Vec<VoterReport>,
    /// Brokers, as the leader knows them.
    pub observers: Vec<ReplicaReport>,
    /// The voter that the configuration file is of.
    pub node_id: Option<NodeId>,
    /// What it says, if it runs here.
    pub node: Option<NodeStatus>,
    /// Why it says nothing.
    pub node_trouble: Option<NodeTrouble>,
    pub findings: Vec<Finding>,
}

/// Who leads, as it says itself.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leader {
    pub id: NodeId,
    pub epoch: Epoch,
    /// `None`: elected, but nothing is committed in its epoch yet.
    pub high_watermark: Option<Offset>,
    pub log_end_offset: Offset,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VoterReport {
    pub id: NodeId,
    pub host: String,
    pub port: u16,
    /// Its role, as far as can be told, or its trouble.
    pub state: String,
    pub trouble: Option<Trouble>,
    pub trouble_reason: Option<String>,
    /// It was not asked: looking up its name takes longer than we wait.
    pub slow_lookup: bool,
    /// It has not answered in time; what is told here, the node that runs here knows.
    pub is_late: bool,
    /// Another voter answers at its address.
    pub impostor: Option<NodeId>,
    pub cluster_id: Option<String>,
    pub is_foreign: bool,
    pub epoch: Option<Epoch>,
    pub leader_id: Option<NodeId>,
    #[serde(flatten)]
    pub replica: ReplicaReport,
    /// How it answered the node that runs here.
    pub heard: Option<PeerStatus>,
}

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaReport {
    #[serde(rename = "replicaId")]
    pub id: NodeId,
    pub log_end_offset: Option<Offset>,
    /// Records that the leader has and it has not.
    pub lag: Option<i64>,
    pub last_fetch_ms: Option<i64>,
    pub last_caught_up_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum NodeTrouble {
    DoesNotRun,
    /// A process works on its directory, and has no socket there.
    HasNoSocket {
        pid: i32,
    },
    NotForYou,
    DoesNotAnswer,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let (file, identity) = match node(arguments) {
        Ok(node) => node,
        Err(error) => return fail(error),
    };
    let report = Report::gather(&file, &identity, Duration::from_millis(arguments.timeout));
    let text = match arguments.json {
        false => Ok(status_text::text(&report)),
        true => serde_json::to_string_pretty(&report),
    };
    match text {
        Err(error) => return fail(error),
        Ok(text) => say!("{}", text.trim_end()),
    }
    match report.is_committing() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Which node is meant, and its file.
fn node(arguments: &Arguments) -> Result<(PathBuf, Identity), String> {
    let named = arguments.file.as_ref().or(arguments.config.as_ref());
    let NodeFile {
        path,
        mut overrides,
    } = match named {
        Some(path) => NodeFile {
            path: path.clone(),
            overrides: Vec::new(),
        },
        None => node_file::find()?,
    };
    overrides.extend_from_slice(&arguments.overrides);
    let identity = Identity::load(&path, &overrides).map_err(|error| error.to_string())?;
    Ok((path::absolute(&path).unwrap_or(path), identity))
}

impl Report {
    fn gather(file: &Path, identity: &Identity, patience: Duration) -> Report {
        let (dir, voters) = (&identity.metadata_log_dir, &identity.voters);
        let formatted = meta_properties::read(dir).ok().flatten();
        let formatted_id = formatted.map(|properties| properties.cluster_id);
        let node_id = Some(identity.node_id).filter(|_| identity.is_controller);
        let (node, probes) = thread::scope(|scope| {
            let of_node = patience.max(PATIENCE_WITH_NODE);
            let node = scope.spawn(move || node_id.map(|_| status::ask(dir, of_node)));
            let probes = probe::all(voters, formatted_id.as_deref(), patience);
            (node.join().unwrap_or_default(), probes)
        });
        let (node, node_trouble) = match node {
            Some(Ok(node)) => (Some(node), None),
            Some(Err(error)) => (None, Some(node_trouble(&error, dir))),
            None => (None, None),
        };
        let led = led(voters, &probes).or(node.as_ref().and_then(led_here));
        let (leader, replicas, observers) = match led {
            Some(Led {
                leader,
                voters,
                observers,
            }) => (Some(leader), voters, observers),
            None => Default::default(),
        };
        let cluster_id = node.as_ref().map(|node| node.cluster_id.clone());
        let cluster_id = cluster_id.or(formatted_id);
        let foreign = |probe: &Probe| {
            let theirs = probe.cluster_id.as_ref();
            probe.is_foreign || theirs.zip(cluster_id.as_ref()).is_some_and(|(a, b)| a != b)
        };
        let leader_id = leader.as_ref().map(|leader| leader.id);
        let reports = voters.iter().zip(probes).map(|(voter, probed)| {
            let is_foreign = probed.as_ref().is_ok_and(&foreign);
            let mut report = VoterReport::new(voter, probed, is_foreign, leader_id);
            if let Some(replica) = replicas.get(&voter.id) {
                report.replica = replica.clone();
            }
            if let Some(node) = &node {
                report.take_node(node);
            }
            report
        });
        let mut report = Report {
            now_ms: now_ms(),
            file: file.display().to_string(),
            leader,
            majority: raft::majority(voters.len()),
            usable: 0,
            voters: reports.collect(),
            observers,
            cluster_id,
            node_id,
            node,
            node_trouble,
            findings: Vec::new(),
        };
        report.usable = report.usable_voters().count();
        report.findings = status_findings::findings(&report, dir);
        report
    }

    pub fn usable_voters(&self) -> impl Iterator<Item = &VoterReport> {
        let forgetful = self.node.as_ref().filter(|node| node.must_not_vote());
        let forgetful = forgetful.map(|node| node.node_id);
        let here = self.node.as_ref().map(|node| node.node_id);
        let usable = move |voter: &&VoterReport| {
            // Who answers here need not do so in time by way of its address.
            let is_here = Some(voter.id) == here && voter.trouble == Some(Trouble::TimedOut);
            let answers = voter.trouble.is_none() || is_here;
            answers && !voter.is_foreign && Some(voter.id) != forgetful
        };
        self.voters.iter().filter(usable)
    }

    /// Whether what is written now is kept.
    pub fn is_committing(&self) -> bool {
        let led = self
            .leader
            .as_ref()
            .is_some_and(|it| it.high_watermark.is_some());
        led && self.usable >= self.majority
    }

    /// The newest epoch that anybody of the cluster knows.
    pub fn newest_epoch(&self) -> Option<Epoch> {
        let ours = self.voters.iter().filter(|voter| !voter.is_foreign);
        ours.filter_map(|voter| voter.epoch).max()
    }
}

/// The state of a node that should not be among the voters.
const FOREIGN: &str = "of another cluster";

/// What a leader knows.
struct Led {
    leader: Leader,
    voters: BTreeMap<NodeId, ReplicaReport>,
    observers: Vec<ReplicaReport>,
}

impl Led {
    fn new(
        leader: Leader,
        voters: impl Iterator<Item = ReplicaProgress>,
        observers: impl Iterator<Item = ReplicaProgress>,
    ) -> Led {
        let end = leader.log_end_offset;
        let report = |replica| ReplicaReport::new(replica, end);
        let voters = voters.map(report).map(|voter| (voter.id, voter));
        Led {
            leader,
            voters: voters.collect(),
            observers: observers.map(report).collect(),
        }
    }
}

/// Who leads the newest epoch, as it says itself.
fn led(voters: &[Voter], probes: &[Probed]) -> Option<Led> {
    let answers = voters.iter().zip(probes);
    let answers = answers.filter_map(|(voter, probed)| {
        let probe = probed.as_ref().ok().filter(|probe| !probe.is_foreign)?;
        let quorum = probe.quorum.as_ref();
        quorum.filter(|quorum| quorum.leader_id == voter.id)
    });
    let quorum = answers.max_by_key(|quorum| quorum.leader_epoch)?;
    let mut all = quorum.current_voters.iter();
    let own = all.find(|replica| replica.replica_id == quorum.leader_id);
    let leader = Leader {
        id: quorum.leader_id,
        epoch: quorum.leader_epoch,
        high_watermark: quorum.high_watermark.known(),
        log_end_offset: own.map_or(Offset::NONE, |own| own.log_end_offset),
    };
    let known = |ms: i64| Some(ms).filter(|ms| *ms >= 0);
    let progress = |replica: &ReplicaState| ReplicaProgress {
        id: replica.replica_id,
        log_end_offset: replica.log_end_offset.known(),
        last_fetch_ms: known(replica.last_fetch_timestamp),
        last_caught_up_ms: known(replica.last_caught_up_timestamp),
    };
    let voters = quorum.current_voters.iter().map(progress);
    Some(Led::new(
        leader,
        voters,
        quorum.observers.iter().map(progress),
    ))
}

/// The same of the node that runs here, if nobody reaches it over the wire.
fn led_here(node: &NodeStatus) -> Option<Led> {
    let quorum = &node.quorum;
    let leader = Leader {
        id: quorum.leader_id.filter(|leader| *leader == node.node_id)?,
        epoch: quorum.epoch,
        high_watermark: quorum.high_watermark,
        log_end_offset: quorum.log_end_offset,
    };
    let (voters, observers) = (quorum.voters.iter(), quorum.observers.iter());
    Some(Led::new(leader, voters.cloned(), observers.cloned()))
}

impl ReplicaReport {
    fn new(progress: ReplicaProgress, leaders_end: Offset) -> ReplicaReport {
        let lag = |end: Offset| (leaders_end.0 - end.0).max(0);
        ReplicaReport {
            id: progress.id,
            log_end_offset: progress.log_end_offset,
            lag: progress.log_end_offset.map(lag),
            last_fetch_ms: progress.last_fetch_ms,
            last_caught_up_ms: progress.last_caught_up_ms,
        }
    }
}

impl VoterReport {
    fn new(voter: &Voter, probed: Probed, is_foreign: bool, leads: Option<NodeId>) -> VoterReport {
        let (probe, unanswered) = match probed {
            Ok(probe) => (probe, None),
            Err(unanswered) => (Probe::default(), Some(unanswered)),
        };
        let leads_there = probe.quorum.as_ref().map(|quorum| quorum.leader_id);
        let impostor = leads_there.filter(|leader| *leader != voter.id);
        let state = match (&unanswered, probe.leader) {
            (Some(unanswered), _) if unanswered.slow_lookup => "slow name lookup".to_owned(),
            (Some(unanswered), _) => unanswered.trouble.to_string(),
            (None, _) if is_foreign => FOREIGN.to_owned(),
            (None, _) if let Some(other) = impostor => format!("is node {other}"),
            (None, None) => "knows no leader".to_owned(),
            (None, Some(leader)) if leader == voter.id && leads != Some(leader) => {
                "resigned".to_owned()
            }
            (None, Some(leader)) if leads != Some(leader) => format!("waits for leader {leader}"),
            (None, Some(leader)) if leader == voter.id => "leader".to_owned(),
            (None, Some(_)) => "follower".to_owned(),
        };
        VoterReport {
            id: voter.id,
            host: voter.host.clone(),
            port: voter.port,
            state,
            trouble: unanswered.as_ref().map(|it| it.trouble),
            slow_lookup: unanswered.as_ref().is_some_and(|it| it.slow_lookup),
            is_late: false,
            impostor,
            trouble_reason: unanswered.map(|it| it.reason),
            cluster_id: probe.cluster_id,
            is_foreign,
            epoch: probe.epoch,
            leader_id: probe.leader,
            replica: ReplicaReport {
                id: voter.id,
                ..Default::default()
            },
            heard: None,
        }
    }

    /// What the node that runs here knows of itself, or of this other one.
    fn take_node(&mut self, node: &NodeStatus) {
        if node.node_id == self.id {
            self.state = match node.quorum.leader_id {
                Some(leader) if leader != self.id && !node.quorum.hears_leader => {
                    format!("waits for leader {leader}")
                }
                _ => node.quorum.role.clone(),
            };
            self.epoch = Some(node.quorum.epoch);
            self.leader_id = node.quorum.leader_id;
            self.cluster_id = Some(node.cluster_id.clone());
            let end = node.quorum.log_end_offset;
            self.replica.log_end_offset.get_or_insert(end);
        } else {
            let peer = node.peers.iter().find(|peer| peer.id == self.id);
            self.heard = peer.cloned();
            if self.trouble == Some(Trouble::TimedOut) {
                self.take_fetched(node);
                self.take_heard(node.now_ms);
            }
        }
    }

    /// Who fetches from the leader here need not answer us in time.
    fn take_fetched(&mut self, leader: &NodeStatus) {
        let quorum = &leader.quorum;
        let replica = quorum.voters.iter().find(|replica| replica.id == self.id);
        let fetched_ms = replica.and_then(|replica| replica.last_fetch_ms);
        if fetched_ms.is_some_and(|at_ms| leader.now_ms - at_ms <= LATELY_MS) {
            (self.epoch, self.leader_id) = (Some(quorum.epoch), quorum.leader_id);
            self.be_late();
        }
    }

    fn be_late(&mut self) {
        self.state = "answers, but slowly".to_owned();
        (self.trouble, self.trouble_reason) = (None, None);
        (self.slow_lookup, self.is_late) = (false, true);
    }

    /// Who answers the node here is no further away than it takes to miss our patience.
    fn take_heard(&mut self, now_ms: i64) {
        let heard = self.heard.as_ref();
        let heard = heard.filter(|heard| heard.last_failure.is_none());
        let Some((_, answer)) = heard.and_then(PeerStatus::last_answer) else {
            return;
        };
        if now_ms - answer.at_ms > LATELY_MS {
            return;
        }
        (self.epoch, self.leader_id) = (answer.leader_epoch, answer.leader_id);
        self.is_foreign = answer.error == ErrorCode::INCONSISTENT_CLUSTER_ID.name();
        self.be_late();
        if self.is_foreign {
            self.state = FOREIGN.to_owned();
        }
    }

    pub fn address(&self) -> String {
        host_port(&self.host, self.port)
    }
}

fn node_trouble(error: &io::Error, dir: &Path) -> NodeTrouble {
    match error.kind() {
        io::ErrorKind::PermissionDenied => NodeTrouble::NotForYou,
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            match directory::holder(dir) {
                Some(pid) => NodeTrouble::HasNoSocket { pid },
                None => NodeTrouble::DoesNotRun,
            }
        }
        _ => NodeTrouble::DoesNotAnswer,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::client::Unanswered, server::PeerAnswer};

    const NOW_MS: i64 = 1_000_000;

    /// A voter that has not answered us, and what it answered the node here, and when.
    fn late(slow_lookup: bool, error: ErrorCode, at_ms: i64) -> VoterReport {
        let voter = Voter {
            id: NodeId(2),
            host: "::1".to_owned(),
            port: 9093,
        };
        let unanswered = Unanswered {
            slow_lookup,
            ..Unanswered::new(Trouble::TimedOut, "late")
        };
        let mut report = VoterReport::new(&voter, Err(unanswered), false, None);
        let answer = PeerAnswer {
            at_ms,
            error: error.name().to_owned(),
            leader_epoch: Some(Epoch(7)),
            ..PeerAnswer::default()
        };
        report.heard = Some(PeerStatus {
            id: voter.id,
            host: voter.host,
            port: voter.port,
            last_answers: BTreeMap::from([("Fetch".to_owned(), answer)]),
            last_failure: None,
        });
        report.take_heard(NOW_MS);
        report
    }

    #[test]
    fn what_the_node_here_heard_lately_wins_over_a_missed_patience() {
        let foreign = late(false, ErrorCode::INCONSISTENT_CLUSTER_ID, NOW_MS - 12);
        assert!(foreign.is_foreign && foreign.trouble.is_none());
        assert_eq!(foreign.state, FOREIGN);
        let slow = late(true, ErrorCode::NONE, NOW_MS - 12);
        assert_eq!((slow.trouble, slow.epoch), (None, Some(Epoch(7))));
        assert_eq!(slow.state, "answers, but slowly");
        let gone = late(false, ErrorCode::NONE, NOW_MS - LATELY_MS - 1);
        assert_eq!(gone.trouble, Some(Trouble::TimedOut));
        assert_eq!(gone.state, "no answer in time");
    }

    #[test]
    fn a_slow_lookup_is_no_unknown_name() {
        let report = late(true, ErrorCode::NONE, 0);
        assert_eq!(report.state, "slow name lookup");
        assert_eq!(report.address(), "[::1]:9093");
    }
}
