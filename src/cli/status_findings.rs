//! What `kraftd status` finds wrong, most important first, and what helps.

use std::path::Path;

use serde::Serialize;

use super::{
    status::{NodeTrouble, Report, VoterReport},
    status_text::{ago, answer_text, ids, span},
};
use crate::{
    protocol::{ErrorCode, NodeId},
    raft::{Recovery, StandingStatus},
    server::{Trouble, status::NodeStatus},
};

/// A saved vote that takes longer means that the disk is in trouble.
const SLOW_DISK_MS: u64 = 1000;
const VOTE: &str = "Vote";
/// The requests that say whom they are for.
const NAMES_RECEIVER: [&str; 2] = [VOTE, "BeginQuorumEpoch"];
/// What was refused longer ago says nothing of now.
const REFUSED_LATELY_MS: i64 = 10_000;
/// A replica that had everything so lately is only busy.
const BEHIND_AFTER_MS: i64 = 5000;

#[derive(Serialize)]
pub struct Finding {
    pub what: String,
    pub remedy: String,
}

fn finding(what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        what: what.into(),
        remedy: remedy.into(),
    }
}

pub fn findings(report: &Report, dir: &Path) -> Vec<Finding> {
    let mut found: Vec<Finding> = no_leader(report).into_iter().collect();
    found.extend(node_trouble(report, dir));
    if let Some(node) = &report.node {
        found.extend(standing(node, report));
        found.extend(disk(node, dir));
    }
    for voter in &report.voters {
        found.extend(trouble(voter, report));
        found.extend(foreign(voter, report));
        found.extend(impostor(voter, report));
        found.extend(old_epoch(voter, report));
        found.extend(refused_vote(voter, report));
        found.extend(lag(voter, report));
    }
    found.extend(no_spare(report));
    found
}

fn no_leader(report: &Report) -> Option<Finding> {
    if report.is_committing() {
        return None;
    }
    let (usable, all, majority) = (report.usable, report.voters.len(), report.majority);
    if usable < majority {
        let usable_ids: Vec<NodeId> = report.usable_voters().map(|voter| voter.id).collect();
        let voters = report.voters.iter().map(|voter| voter.id);
        let missing: Vec<NodeId> = voters.filter(|id| !usable_ids.contains(id)).collect();
        let cannot = match &report.leader {
            Some(leader) => format!("{} cannot lead for long", leader.id),
            None => "Nobody can lead".to_owned(),
        };
        return Some(finding(
            format!(
                "{cannot}: {usable} of {all} voters can be counted on, and {majority} are needed."
            ),
            format!(
                "Bring back {} of: {}. What is wrong with each is said below.",
                majority - usable,
                ids(&missing)
            ),
        ));
    }
    Some(match &report.leader {
        Some(leader) => finding(
            format!(
                "{} was elected, but a majority has not fetched from it yet.",
                leader.id
            ),
            "This takes milliseconds; if it stays so, see how the other voters answer.",
        ),
        None if let Some(finding) = silent_leader(report) => finding,
        None => finding(
            "There is no leader, although enough voters answer.",
            "An election takes a second or two: ask again. If it stays so, see how they answer each other: \
             kraftd status on each.",
        ),
    })
}

/// Others take it for the leader, and it has not told so itself.
fn silent_leader(report: &Report) -> Option<Finding> {
    let newest = report.newest_epoch()?;
    let mut voters = report.voters.iter();
    let told = voters.find(|voter| voter.epoch == Some(newest) && voter.leader_id.is_some())?;
    let leader = told.leader_id?;
    let mut voters = report.voters.iter().filter(|voter| voter.id == leader);
    voters.find(|leader| leader.is_late || leader.trouble.is_some())?;
    Some(finding(
        format!("Node {leader} leads epoch {newest}, say others. It has not answered us in time."),
        "If it is silent to them, too, they elect another in a second or two: ask again. If it is only slow or far \
         away, give it more with --timeout.",
    ))
}

fn node_trouble(report: &Report, dir: &Path) -> Option<Finding> {
    let (id, dir) = (report.node_id?, dir.display());
    let answers = |voter: &VoterReport| voter.id == id && voter.trouble.is_none();
    Some(match report.node_trouble? {
        NodeTrouble::DoesNotRun if report.voters.iter().any(answers) => finding(
            format!("Something answers at the address of node {id}, but no kraftd runs on {dir}."),
            "It is a Java controller, or runs on another machine or directory. Name its own file with -c.",
        ),
        NodeTrouble::DoesNotRun => finding(
            format!("Node {id} does not run: nobody serves {dir}/status.sock."),
            "Start it: bin/kafka-server-start.sh FILE. What stopped it is at the end of its log.",
        ),
        NodeTrouble::HasNoSocket { pid } => finding(
            format!("Process {pid} works on {dir}, and nobody serves status.sock there."),
            "It is a kraftd that still reads its log, or a Java controller. The other voters were asked.",
        ),
        NodeTrouble::NotForYou => finding(
            format!("Node {id} cannot be asked: {dir}/status.sock is not for this user."),
            "Run kraftd status as the user that runs the node; the other voters were asked anyway.",
        ),
        NodeTrouble::DoesNotAnswer => finding(
            format!("Node {id} runs, but does not answer at {dir}/status.sock."),
            "It is still reading its log, or so busy that it takes longer: give it more with --timeout.",
        ),
    })
}

/// A voter that may have forgotten what it acknowledged (docs/ARCHITECTURE.md).
fn standing(node: &NodeStatus, report: &Report) -> Option<Finding> {
    let id = node.node_id;
    match &node.quorum.standing {
        StandingStatus::Sound => None,
        StandingStatus::Blank if report.leader.is_some() => None,
        StandingStatus::Blank => Some(finding(
            format!(
                "The disk of node {id} is blank. It votes only for candidates that are as blank: either the \
                 quorum is new, or this disk."
            ),
            "If the quorum is new, start the other voters. If only this disk is, start them all the same: one \
             that has the records must lead, and this node copies them.",
        )),
        StandingStatus::Amnesiac { why, recovery } => Some(finding(
            format!(
                "Node {id} must not vote, since it may have forgotten what it once acknowledged: {why}. It waits {}.",
                waits_for(recovery, node)
            ),
            remedy_of_amnesia(recovery, report),
        )),
    }
}

fn waits_for(recovery: &Recovery, node: &NodeStatus) -> String {
    let unheard = match recovery.has_heard_enough {
        true => String::new(),
        false => format!("to hear from {}, and then ", ids(&recovery.unheard)),
    };
    let epoch = recovery.newest_epoch.unwrap_or(node.quorum.epoch);
    let end = node.quorum.durable_end_offset;
    format!(
        "{unheard}to copy all that a leader of epoch {epoch} or later, elected without it, has committed (it has \
         up to offset {end})"
    )
}

fn remedy_of_amnesia(recovery: &Recovery, report: &Report) -> String {
    let away: Vec<NodeId> = report
        .voters
        .iter()
        .filter(|voter| recovery.unheard.contains(&voter.id) && voter.trouble.is_some())
        .map(|voter| voter.id)
        .collect();
    match away.as_slice() {
        [] => "It goes on by itself once it has copied everything.".to_owned(),
        away => format!(
            "Start {}, which may have the only copy of acknowledged records. Do not format it, and do not \
             replace its disk.",
            ids(away)
        ),
    }
}

fn disk(node: &NodeStatus, dir: &Path) -> Option<Finding> {
    let waited_ms = node.waits_for_disk_ms.filter(|ms| *ms >= SLOW_DISK_MS)?;
    Some(finding(
        format!(
            "Node {} has waited for its disk for {}.",
            node.node_id,
            span(waited_ms as i64)
        ),
        format!(
            "Look at the disk of {} (dmesg, iostat): until it answers, this node neither votes nor leads.",
            dir.display()
        ),
    ))
}

fn trouble(voter: &VoterReport, report: &Report) -> Option<Finding> {
    let trouble = voter.trouble?;
    let (id, address) = (voter.id, voter.address());
    let reason = voter.trouble_reason.as_deref().unwrap_or_default();
    if report.node_id == Some(id) && report.node.is_some() {
        return Some(finding(
            format!(
                "Node {id} runs, but cannot be reached at its own address {address}: {reason}."
            ),
            match trouble {
                Trouble::TimedOut => {
                    "Give it more with --timeout. If it stays so, compare listeners with controller.quorum.voters, \
                     which all other nodes go by."
                }
                _ => {
                    "Compare listeners with controller.quorum.voters, which all other nodes go by."
                }
            },
        ));
    }
    if report.node_id == Some(id) && report.node_trouble == Some(NodeTrouble::DoesNotRun) {
        return None;
    }
    if voter.slow_lookup {
        return Some(finding(
            format!("Controller {id} ({address}) was not asked: {reason}."),
            "See why the lookup takes so long (/etc/resolv.conf, getent hosts NAME), write the name into \
             /etc/hosts, or give it more with --timeout.",
        ));
    }
    let remedy = match trouble {
        Trouble::Refused => {
            "Its host is up, but nobody listens: start it there, or correct its address in \
             controller.quorum.voters."
        }
        Trouble::Unreachable => {
            "Its host is down, or there is no way to it: check power and network."
        }
        Trouble::UnknownName => {
            "Make the name resolve here (DNS, /etc/hosts), or correct it in controller.quorum.voters. Nodes \
             that run look it up again each time."
        }
        Trouble::TimedOut => {
            "Its host is down, a firewall drops what is sent, or its process hangs. If it is only far away, \
             give it more with --timeout."
        }
        Trouble::Closed => {
            "It is just stopping, or something else listens there (TLS?): see its log."
        }
        Trouble::NotKafka => {
            "Something else listens there: correct its address in controller.quorum.voters."
        }
        Trouble::Other => "See the reason.",
    };
    // The system's words, where they say more than ours.
    let reason = match trouble {
        Trouble::Refused | Trouble::Closed => String::new(),
        _ => format!(" ({reason})"),
    };
    Some(finding(
        format!("Controller {id} ({address}) does not answer: {trouble}{reason}."),
        remedy,
    ))
}

fn foreign(voter: &VoterReport, report: &Report) -> Option<Finding> {
    if !voter.is_foreign {
        return None;
    }
    let ours = report.cluster_id.as_deref().unwrap_or("another");
    // A node without metadata does not tell its cluster, but may have asked ours in the name of it.
    let mut asked = report.node.iter().flat_map(|it| &it.quorum.foreign_nodes);
    let asked = asked.find(|node| node.id == voter.id);
    let asked = asked.map(|node| &node.cluster_id);
    let theirs = voter.cluster_id.as_ref().or(asked);
    let theirs = theirs.map_or("one that it does not name", String::as_str);
    Some(finding(
        format!(
            "Controller {} ({}) belongs to another cluster: to {theirs}, and this is {ours}.",
            voter.id,
            voter.address()
        ),
        "Either controller.quorum.voters names a wrong address, or one of the two was formatted with a wrong \
         --cluster-id: find out which has the metadata, and format the other again.",
    ))
}

/// It says that it is not who we take it for.
fn is_impostor(voter: &VoterReport) -> bool {
    let heard = voter.heard.iter();
    let answers = heard.flat_map(|heard| NAMES_RECEIVER.map(|api| heard.last_answers.get(api)));
    let newest = answers.flatten().max_by_key(|answer| answer.at_ms);
    let is_told = newest.is_some_and(|it| it.error == ErrorCode::INVALID_VOTER_KEY.name());
    voter.impostor.is_some() || is_told
}

fn impostor(voter: &VoterReport, report: &Report) -> Option<Finding> {
    if !is_impostor(voter) {
        return None;
    }
    let other = match voter.impostor {
        Some(other) => format!("node {other}"),
        None => "another voter".to_owned(),
    };
    let (id, address) = (voter.id, voter.address());
    Some(finding(
        format!("At the address of controller {id} ({address}) {other} answers."),
        format!(
            "Correct controller.quorum.voters in {}, and start its node again if that has it, too.",
            report.file
        ),
    ))
}

fn old_epoch(voter: &VoterReport, report: &Report) -> Option<Finding> {
    let (epoch, newest) = (voter.epoch?, report.newest_epoch()?);
    if voter.is_foreign || epoch >= newest || report.leader.is_none() {
        return None;
    }
    Some(finding(
        format!(
            "Controller {} is still in epoch {epoch}, the quorum in epoch {newest}.",
            voter.id
        ),
        "It hears nothing from the leader: check the network between them, in both directions.",
    ))
}

fn refused_vote(voter: &VoterReport, report: &Report) -> Option<Finding> {
    let node = report.node.as_ref()?;
    let answer = voter.heard.as_ref()?.last_answers.get(VOTE)?;
    let is_old = report.now_ms - answer.at_ms > REFUSED_LATELY_MS
        || answer.leader_epoch < Some(node.quorum.epoch);
    let is_told_otherwise = voter.is_foreign || is_impostor(voter);
    if report.leader.is_some() || answer.vote_granted != Some(false) || is_old || is_told_otherwise
    {
        return None;
    }
    Some(finding(
        format!(
            "Controller {} gave node {} no vote: {}, {}.",
            voter.id,
            node.node_id,
            answer_text(VOTE, answer),
            ago(report.now_ms, answer.at_ms)
        ),
        "Its log has more, it has voted for another, or it has forgotten something and must not vote: kraftd \
         status there says which.",
    ))
}

fn lag(voter: &VoterReport, report: &Report) -> Option<Finding> {
    let lag = voter.replica.lag.filter(|lag| *lag > 0)?;
    let caught_up = voter.replica.last_caught_up_ms;
    if voter.trouble.is_some() || caught_up.is_some_and(|at| report.now_ms - at < BEHIND_AFTER_MS) {
        return None;
    }
    let since = match caught_up {
        Some(at) => format!("last had everything {}", ago(report.now_ms, at)),
        None => "never had everything under this leader".to_owned(),
    };
    Some(finding(
        format!(
            "Controller {} is {lag} records behind and {since}.",
            voter.id
        ),
        "It is copying, or its disk or network is slow: ask again, and see its log.",
    ))
}

fn no_spare(report: &Report) -> Option<Finding> {
    let all = report.voters.len();
    if !report.is_committing() || report.usable != report.majority || all == report.majority {
        return None;
    }
    Some(finding(
        format!(
            "There is none to spare: with one voter less than these {}, nothing can be written.",
            report.usable
        ),
        match all - report.usable {
            1 => "Bring back the other soon.",
            _ => "Bring back the others soon.",
        },
    ))
}
