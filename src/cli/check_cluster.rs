//! What the files of a cluster's nodes say of each other.

use std::collections::BTreeMap;

use super::{
    check::{Findings, Node, one_line},
    check_names::Names,
};
use crate::{
    config::{
        Voter, anothers_address,
        listeners::is_any,
        two_addresses,
        voters::{self, BOOTSTRAP_SERVERS},
    },
    metadata::broker_keys::{BROKER_KEYS, Usage},
    protocol::NodeId,
};

const VOTERS: &str = "controller.quorum.voters";

type Rule = fn(&[Node], &Names, &mut Findings);

const RULES: &[Rule] = &[
    same_voters,
    odd_voters,
    distinct_voters,
    missing_files,
    own_ids,
    own_addresses,
    controllers_protocol,
    authorizers,
    bootstrap_servers,
    own_ports,
    own_directories,
    heartbeats,
    same_settings,
];

pub fn check(nodes: &[Node], names: &Names, findings: &mut Findings) {
    for rule in RULES {
        rule(nodes, names, findings);
    }
}

fn controllers<'a>(nodes: &'a [Node<'a>]) -> impl Iterator<Item = &'a Node<'a>> {
    nodes.iter().filter(|node| node.is_controller)
}

/// The node whose voters most of the others have, too; of several, the first in the files.
fn reference<'a>(nodes: &'a [Node<'a>]) -> Option<&'a Node<'a>> {
    let with_voters = nodes.iter().filter(|node| !node.voters.is_empty());
    let followers = |node: &&Node| {
        let same = nodes.iter();
        same.filter(|other| sorted(&other.voters) == sorted(&node.voters))
            .count()
    };
    // The last of several is the greatest.
    with_voters.rev().max_by_key(followers)
}

fn sorted(voters: &[Voter]) -> Vec<String> {
    let mut shown: Vec<String> = voters.iter().map(Voter::to_string).collect();
    shown.sort();
    shown
}

fn same_voters(nodes: &[Node], _: &Names, findings: &mut Findings) {
    let Some(reference) = reference(nodes) else {
        return;
    };
    let expected = sorted(&reference.voters);
    for node in nodes.iter().filter(|node| !node.voters.is_empty()) {
        let own = sorted(&node.voters);
        let only = |what: &str, here: &[String], there: &[String]| {
            let only = here.iter().filter(|voter| !there.contains(voter));
            let only: Vec<&str> = only.map(String::as_str).collect();
            (!only.is_empty()).then(|| format!("{what} {}", only.join(", ")))
        };
        let differs = [only("has", &own, &expected), only("lacks", &expected, &own)];
        let differs: Vec<String> = differs.into_iter().flatten().collect();
        if !differs.is_empty() {
            findings.error(
                node.file,
                format!(
                    "{VOTERS} is not that of {}: it {}. It must be the same on every node.",
                    reference.file.display(),
                    differs.join(" and ")
                ),
            );
        }
    }
}

fn odd_voters(nodes: &[Node], _: &Names, findings: &mut Findings) {
    let Some(node) = reference(nodes) else { return };
    let number = node.voters.len();
    if number % 2 == 0 {
        findings.warning(
            node.file,
            format!(
                "{VOTERS} names {number} controllers, of which no more may fail than of {}. Take an odd number.",
                number - 1
            ),
        );
    }
}

fn distinct_voters(nodes: &[Node], names: &Names, findings: &mut Findings) {
    let Some(node) = reference(nodes) else { return };
    for (at, voter) in node.voters.iter().enumerate() {
        let mut others = node.voters[..at].iter();
        let same = others
            .find(|other| other.port == voter.port && names.are_one(&other.host, &voter.host));
        if let Some(other) = same {
            let text = format!("{VOTERS} has {other} and {voter}, which are one address.");
            findings.error(node.file, format!("{text} Each controller has its own."));
        }
    }
}

/// Only where more than one was given: whoever checks one file has but that.
fn missing_files(nodes: &[Node], _: &Names, findings: &mut Findings) {
    let given: Vec<NodeId> = controllers(nodes).filter_map(|node| node.id).collect();
    let Some(node) = reference(nodes).filter(|_| given.len() > 1) else {
        return;
    };
    for voter in &node.voters {
        if !given.contains(&voter.id) {
            let text =
                format!("{VOTERS} has {voter}, of which no file was given: it was not checked.");
            findings.warning(node.file, text);
        }
    }
}

fn own_ids(nodes: &[Node], _: &Names, findings: &mut Findings) {
    let mut owners: BTreeMap<NodeId, (&Node, bool)> = BTreeMap::new();
    for node in nodes {
        // Each id with whether it is a controller's.
        let own = node.id.map(|id| (id, node.is_controller));
        let broker = node.broker_id.map(|id| (id, false));
        for (id, is_controller) in own.into_iter().chain(broker) {
            let Some((other, others)) = owners.get(&id) else {
                owners.insert(id, (node, is_controller));
                continue;
            };
            let what = match node.id == Some(id) {
                true => format!("node.id={id}"),
                false => format!("the broker beside this controller gets node.id={id}, which"),
            };
            let remedy = match is_controller == *others {
                true => "Give each node an id of its own",
                false => {
                    "Brokers and controllers share one space of ids: give the broker another one"
                }
            };
            let role = role(*others);
            let other = other.file.display();
            let text = format!("{what} is that of the {role} in {other}, too. {remedy}.");
            findings.error(node.file, text);
        }
    }
    let Some(reference) = reference(nodes) else {
        return;
    };
    for node in nodes
        .iter()
        .filter(|node| !node.is_controller && node.voters.is_empty())
    {
        let mut voters = reference.voters.iter();
        let taken = voters.find(|voter| Some(voter.id) == node.id);
        if let Some(Voter { id, .. }) = taken.filter(|voter| !owners[&voter.id].1) {
            let other = reference.file.display();
            findings.error(
                node.file,
                format!(
                    "node.id={id} is that of a controller in {VOTERS} of {other}, too. Brokers and controllers \
                     share one space of ids: give the broker another one."
                ),
            );
        }
    }
}

fn role(is_controller: bool) -> &'static str {
    match is_controller {
        true => "controller",
        false => "broker",
    }
}

/// Where a controller listens, against where the others look for it.
fn own_addresses(nodes: &[Node], names: &Names, findings: &mut Findings) {
    for node in controllers(nodes) {
        let (Some(listener), Some(voter)) = (node.controller_listener(), node.own_voter()) else {
            continue;
        };
        if let Some(problem) = anothers_address(voter.id, &node.voters, listener) {
            findings.error(node.file, one_line(&problem));
            continue;
        }
        let elsewhere = !is_any(&listener.host) && names.are_two(&listener.host, &voter.host);
        if listener.port != voter.port || elsewhere {
            findings.error(node.file, two_addresses(listener, voter));
        }
    }
}

/// A broker connects with the security protocol of the first of its `controller.listener.names`.
fn controllers_protocol(nodes: &[Node], _: &Names, findings: &mut Findings) {
    let mut served =
        controllers(nodes).filter_map(|node| Some((node, node.controller_listener()?)));
    let Some((controller, listener)) = served.next() else {
        return;
    };
    for node in nodes.iter().filter(|node| !node.is_controller) {
        let names = node
            .values
            .list("controller.listener.names")
            .unwrap_or_default();
        let protocols = node.protocols.as_ref();
        let own = names
            .first()
            .and_then(|name| protocols?.get(&name.to_uppercase()));
        if let (Some(own), served) = (own, &listener.security_protocol)
            && own != served
        {
            let other = controller.file.display();
            findings.error(
                node.file,
                format!(
                    "listener.security.protocol.map has {own} for the controllers' listener {}, but {other} has \
                     {served}. Have both the same.",
                    names[0]
                ),
            );
        }
    }
}

/// A broker judges what is read and written; changes of topics and configurations it passes on, for the controller to
/// judge (KIP-590), and kraftd judges nobody.
fn authorizers(nodes: &[Node], _: &Names, findings: &mut Findings) {
    const AUTHORIZER: &str = "authorizer.class.name";
    if controllers(nodes).next().is_none() {
        return;
    }
    for node in nodes.iter().filter(|node| !node.is_controller) {
        let class = node.values.text(AUTHORIZER).unwrap_or_default();
        if !class.is_empty() {
            let text = format!(
                "{AUTHORIZER} guards what this broker's clients read and write. Topics and configurations are created, \
                 altered and deleted by the controllers, and kraftd does not look who asks: everybody may."
            );
            findings.warning(node.file, text);
        }
    }
}

fn bootstrap_servers(nodes: &[Node], names: &Names, findings: &mut Findings) {
    let Some(reference) = reference(nodes) else {
        return;
    };
    let is_there = |host: &str, port: u16| {
        let mut voters = reference.voters.iter();
        voters.any(|voter| voter.port == port && names.are_one(&voter.host, host))
    };
    for node in nodes {
        for (host, port) in voters::bootstrap_servers(&node.values).unwrap_or_default() {
            if !is_there(&host, port) {
                let other = reference.file.display();
                findings.error(
                    node.file,
                    format!(
                        "{BOOTSTRAP_SERVERS} has {host}:{port}, which is no controller by {VOTERS} of {other}. Name \
                         one of those, or all."
                    ),
                );
            }
        }
    }
}

/// Pairs of nodes on one host, each pair once.
fn neighbours<'a>(
    nodes: &'a [Node<'a>],
    names: &'a Names,
) -> impl Iterator<Item = (&'a Node<'a>, &'a Node<'a>)> {
    let pairs = nodes.iter().enumerate();
    let pairs = pairs.flat_map(|(at, node)| nodes[..at].iter().map(move |other| (other, node)));
    pairs.filter(|(one, other)| match (one.host(), other.host()) {
        (Some(one), Some(other)) => names.are_one(one, other),
        (_, _) => false,
    })
}

fn own_ports(nodes: &[Node], names: &Names, findings: &mut Findings) {
    for (other, node) in neighbours(nodes, names) {
        for listener in &node.listeners {
            let mut taken = other.listeners.iter();
            let taken = taken.find(|taken| {
                let any = is_any(&taken.host) || is_any(&listener.host);
                let one = any || names.are_one(&taken.host, &listener.host);
                taken.port == listener.port && taken.port != 0 && one
            });
            if taken.is_some() {
                findings.error(
                    node.file,
                    format!(
                        "listeners has port {}, as {} has on the same host. Give each a port of its own.",
                        listener.port,
                        other.file.display()
                    ),
                );
            }
        }
    }
}

fn own_directories(nodes: &[Node], names: &Names, findings: &mut Findings) {
    for (other, node) in neighbours(nodes, names) {
        let taken: Vec<_> = all_dirs(other).collect();
        for dir in all_dirs(node).filter(|dir| dir.is_absolute() && taken.contains(dir)) {
            findings.error(
                node.file,
                format!(
                    "log.dirs has {}, as {} has on the same host. Give each node directories of its own.",
                    dir.display(),
                    other.file.display()
                ),
            );
        }
    }
}

fn all_dirs<'a>(node: &'a Node) -> impl Iterator<Item = &'a std::path::PathBuf> {
    let metadata = node.metadata_log_dir.iter();
    let others = node.log_dirs.iter();
    metadata.chain(others.filter(|dir| Some(*dir) != node.metadata_log_dir.as_ref()))
}

/// The broker's heartbeats against the patience of the controllers (`KafkaConfig.validateValues`, which sees
/// one file only).
fn heartbeats(nodes: &[Node], _: &Names, findings: &mut Findings) {
    let (interval, timeout) = ("broker.heartbeat.interval.ms", "broker.session.timeout.ms");
    let sessions =
        controllers(nodes).filter_map(|node| Some((node.values.ms(timeout).ok()?, node)));
    let Some((session_ms, controller)) = sessions.min_by_key(|(session_ms, _)| *session_ms) else {
        return;
    };
    for node in nodes
        .iter()
        .filter(|node| node.is_broker && !node.is_controller)
    {
        let heartbeat_ms = node.values.ms(interval).unwrap_or_default();
        if heartbeat_ms.saturating_mul(2) > session_ms {
            findings.warning(
                node.file,
                format!(
                    "{interval} ({heartbeat_ms} ms) must be less than or equal to half of the {timeout} \
                     ({session_ms} ms in {}). Decrease the one or increase the other, or brokers are fenced for \
                     one heartbeat that is late.",
                    controller.file.display()
                ),
            );
        }
    }
}

/// Keys that each node has for itself.
const OWN: &[&str] = &[
    "advertised.listeners",
    "broker.id",
    "controller.listener.names",
    "listener.security.protocol.map",
    "listeners",
    "log.dir",
    "log.dirs",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "metadata.log.dir",
    "node.id",
    "process.roles",
    VOTERS,
];

/// What controllers go by should not depend on which of them leads.
fn same_settings(nodes: &[Node], _: &Names, findings: &mut Findings) {
    let mut controllers = controllers(nodes);
    let Some(first) = controllers.next() else {
        return;
    };
    for node in controllers {
        let of_controllers = BROKER_KEYS
            .iter()
            .filter(|known| known.usage == Usage::Controller);
        let keys = of_controllers.map(|known| known.key.name);
        let differing: Vec<&str> = keys
            .filter(|key| !OWN.contains(key) && node.values.text(key) != first.values.text(key))
            .collect();
        if !differing.is_empty() {
            findings.warning(
                node.file,
                format!(
                    "{}: not as in {}, so that what holds changes with the leader. Have the same on all controllers.",
                    differing.join(", "),
                    first.file.display()
                ),
            );
        }
    }
}
