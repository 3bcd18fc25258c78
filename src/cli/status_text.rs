//! The text of `kraftd status`: who leads, a line for each voter and each broker, what this node says of itself, and
//! what is wrong.

use std::fmt::Write;

use super::{
    check::counted,
    status::{ReplicaReport, Report, VoterReport},
};
use crate::{
    protocol::NodeId,
    raft::StandingStatus,
    server::{PeerAnswer, PeerStatus, status::NodeStatus},
};

pub fn text(report: &Report) -> String {
    let mut text = headline(report) + "\n\n";
    text += &table(report);
    if let Some(node) = &report.node {
        let _ = write!(text, "\n{}", of_itself(node));
    }
    for finding in &report.findings {
        let _ = write!(text, "\n! {}\n  {}\n", finding.what, finding.remedy);
    }
    text
}

fn headline(report: &Report) -> String {
    let cluster = match &report.cluster_id {
        Some(id) => format!("Cluster {id}"),
        None => "This cluster".to_owned(),
    };
    let led = match &report.leader {
        Some(leader) => {
            let (id, epoch) = (leader.id, leader.epoch);
            let committed = match leader.high_watermark {
                Some(high_watermark) => format!("high watermark {high_watermark}"),
                None => "nothing is committed in it yet".to_owned(),
            };
            format!("{id} leads epoch {epoch}, {committed}")
        }
        None => "no leader".to_owned(),
    };
    let (usable, all, majority) = (report.usable, report.voters.len(), report.majority);
    let voters = counted(all, "voter");
    let needed = if majority == 1 {
        "is needed"
    } else {
        "are needed"
    };
    format!(
        "{cluster}: {led}; {usable} of {voters} can be counted on, {majority} {needed}.\n\
         The voters are those in {}.",
        report.file
    )
}

fn table(report: &Report) -> String {
    let heard_by = match &report.node {
        Some(node) => format!("LAST ANSWER TO NODE {}", node.node_id),
        None => String::new(),
    };
    let titles = [
        "NODE", "ADDRESS", "STATE", "EPOCH", "LEADER", "LOG END", "LAG", &heard_by,
    ];
    let mut rows = vec![titles.map(str::to_owned)];
    let voters = report.voters.iter();
    rows.extend(voters.map(|voter| voter_row(voter, report)));
    let observers = report.observers.iter();
    rows.extend(observers.map(|observer| observer_row(observer, report.now_ms)));
    columns(&rows)
}

/// Each column as wide as its longest cell.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|it| width(it).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        text += line.trim_end();
        text += "\n";
    }
    text
}

fn voter_row(voter: &VoterReport, report: &Report) -> [String; 8] {
    let is_here = report
        .node
        .as_ref()
        .is_some_and(|it| it.node_id == voter.id);
    [
        voter.id.to_string(),
        voter.address(),
        voter.state.clone(),
        or_dash(voter.epoch),
        or_dash(voter.leader_id),
        or_dash(voter.replica.log_end_offset),
        or_dash(voter.replica.lag),
        match &voter.heard {
            Some(heard) if let Some(at_ms) = fetched_since(voter, heard, report) => {
                format!("fetched {}", ago(report.now_ms, at_ms))
            }
            Some(heard) => heard_text(heard, report.now_ms),
            None if is_here => "(it runs here)".to_owned(),
            None => String::new(),
        },
    ]
}

/// When it fetched from the leader here, if it has not been asked since.
fn fetched_since(voter: &VoterReport, heard: &PeerStatus, report: &Report) -> Option<i64> {
    let leader = report.leader.as_ref().map(|leader| leader.id);
    report
        .node
        .as_ref()
        .filter(|node| Some(node.node_id) == leader)?;
    let answered = heard.last_answer().map(|(_, answer)| answer.at_ms);
    let failed = heard.last_failure.as_ref().map(|failure| failure.at_ms);
    let fetched = voter.replica.last_fetch_ms;
    fetched.filter(|_| fetched >= answered.max(failed))
}

fn observer_row(observer: &ReplicaReport, now_ms: i64) -> [String; 8] {
    let fetched = observer.last_fetch_ms.map(|at| ago(now_ms, at));
    [
        observer.id.to_string(),
        "-".to_owned(),
        "observer".to_owned(),
        "-".to_owned(),
        "-".to_owned(),
        or_dash(observer.log_end_offset),
        or_dash(observer.lag),
        fetched.map_or(String::new(), |ago| format!("fetched {ago}")),
    ]
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

fn heard_text(heard: &PeerStatus, now_ms: i64) -> String {
    let answer = heard.last_answer();
    let answer =
        answer.map(|(api, it)| format!("{}, {}", answer_text(api, it), ago(now_ms, it.at_ms)));
    let failure = heard.last_failure.as_ref().map(|failure| {
        let (trouble, attempts) = (failure.trouble, failure.attempts);
        let since = span(now_ms - failure.since_ms);
        let times = match attempts {
            1 => "once".to_owned(),
            attempts => format!("{attempts} times"),
        };
        format!("{trouble} for {since} (asked {times})")
    });
    match (answer, failure) {
        (None, None) => "not asked yet".to_owned(),
        (Some(text), None) | (None, Some(text)) => text,
        (Some(answer), Some(failure)) => format!("{answer}; {failure}"),
    }
}

/// An answer in a few words.
pub fn answer_text(api: &str, answer: &PeerAnswer) -> String {
    let api = match answer.pre_vote {
        Some(true) => "pre-vote",
        Some(false) => "vote",
        None => api,
    };
    let said = match (answer.error.as_str(), answer.vote_granted) {
        ("NONE", Some(true)) => "granted",
        ("NONE", Some(false)) => "not granted",
        ("NONE", None) => "done",
        (error, _) => error,
    };
    let leads = match (answer.leader_id, answer.leader_epoch) {
        (Some(leader), Some(epoch)) => format!(" ({leader} leads epoch {epoch})"),
        (None, Some(epoch)) => format!(" (no leader in epoch {epoch})"),
        (_, None) => String::new(),
    };
    format!("{api}: {said}{leads}")
}

fn of_itself(node: &NodeStatus) -> String {
    let quorum = &node.quorum;
    let up = span(node.now_ms - node.started_ms);
    let voted = match quorum.voted_id {
        Some(id) => format!("voted for {id}"),
        None => "gave no vote".to_owned(),
    };
    let mut text = format!(
        "Node {}, kraftd {}, up {up}: {} in epoch {}, {voted}.\n",
        node.node_id, node.version, quorum.role, quorum.epoch
    );
    let (start, end) = (quorum.log_start_offset, quorum.log_end_offset);
    let known = quorum
        .high_watermark
        .map_or("not known".to_owned(), |it| it.to_string());
    let _ = writeln!(
        text,
        "Its log reaches from {start} to {end} (epoch {}), on disk to {}; high watermark {known}.",
        quorum.log_end_epoch, quorum.durable_end_offset
    );
    if !quorum.granted.is_empty() {
        let (granted, refused) = (ids(&quorum.granted), ids(&quorum.refused));
        let _ = writeln!(text, "Votes for it: {granted}; against it: {refused}.");
    }
    match &quorum.standing {
        StandingStatus::Sound => {}
        StandingStatus::Blank => text += "Its disk is blank: it votes among the equally blank.\n",
        StandingStatus::Amnesiac { why, .. } => {
            let _ = writeln!(text, "It does not vote: {why}.");
        }
    }
    text
}

/// `1, 2`
pub fn ids(ids: &[NodeId]) -> String {
    match ids {
        [] => "nobody".to_owned(),
        ids => {
            let ids: Vec<String> = ids.iter().map(NodeId::to_string).collect();
            ids.join(", ")
        }
    }
}

pub fn ago(now_ms: i64, then_ms: i64) -> String {
    format!("{} ago", span(now_ms - then_ms))
}

/// A time in the unit that people would say it in.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0 => format!("{} ms", ms.max(0)),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
