//! `kraftd cluster`: the controllers of several hosts, formatted with one id, started, watched and
//! stopped over the user's own ssh.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use super::{
    cluster_host::{Access, Host},
    fail, quickstart, quorum, storage,
};
use crate::{config::Voter, protocol::NodeId};

#[derive(clap::Args)]
pub struct Arguments {
    action: Action,
    /// The hosts of the controllers.
    #[arg(long, value_delimiter = ',', required = true, value_name = "HOST,...")]
    hosts: Vec<String>,
    /// How to reach them: gets a host and a command line.
    #[arg(long, default_value = "ssh", value_name = "COMMAND")]
    ssh: String,
    /// Where kraftd lies on each host: the directory with bin in it.
    #[arg(long, default_value = "kraftd")]
    dir: String,
    /// The controller's file on each host, from there.
    #[arg(
        long,
        default_value = "config/controller.properties",
        value_name = "PATH"
    )]
    config: String,
    /// How long to wait for a leader, or for the nodes to end, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    timeout: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Action {
    /// Format what is not formatted, start the nodes, and wait for a leader.
    Start,
    /// Stop the nodes, and wait for their end.
    Stop,
    /// Show who leads and who is behind; fails if nobody leads.
    Status,
}

/// How long a node may take to say something.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);

pub fn run(arguments: &Arguments) -> ExitCode {
    let access = Access {
        ssh: &arguments.ssh,
        dir: &arguments.dir,
        config: &arguments.config,
    };
    let patience = Duration::from_secs(arguments.timeout);
    let names = arguments.hosts.iter();
    let hosts: Result<Vec<Host>, String> = names.map(|name| Host::read(&access, name)).collect();
    let done = hosts.and_then(|hosts| match arguments.action {
        Action::Start => check(&hosts).and_then(|()| start(&hosts, patience)),
        Action::Stop => stop(&hosts, patience),
        Action::Status => status(&hosts).and_then(|()| check(&hosts)),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

/// Refuses hosts that do not belong together.
fn check(hosts: &[Host]) -> Result<(), String> {
    let nodes: BTreeSet<NodeId> = hosts.iter().map(Host::node_id).collect();
    if nodes.len() < hosts.len() {
        return Err(format!(
            "two of these hosts have the same node.id: {}",
            list(hosts, |host| host.node_id().to_string())
        ));
    }
    let clusters: BTreeSet<&String> = hosts
        .iter()
        .filter_map(|it| it.cluster_id.as_ref())
        .collect();
    if clusters.len() > 1 {
        return Err(format!(
            "these hosts were formatted for different clusters: {}. Find out which of them has the \
             metadata, and format the directories of the others again with its id.",
            list(hosts, |host| host
                .cluster_id
                .clone()
                .unwrap_or("none".to_owned()))
        ));
    }
    Ok(())
}

fn list(hosts: &[Host], what: impl Fn(&Host) -> String) -> String {
    let each = hosts
        .iter()
        .map(|host| format!("{} {}", host.name, what(host)));
    each.collect::<Vec<_>>().join(", ")
}

fn start(hosts: &[Host], patience: Duration) -> Result<(), String> {
    let cluster_id = cluster_id(hosts)?;
    for host in hosts.iter().filter(|host| host.cluster_id.is_none()) {
        host.format(&cluster_id)?;
        println!("{}: formatted for cluster {cluster_id}", host.name);
    }
    for host in hosts {
        match host_voter(host).is_some_and(answers) {
            true => println!("{}: {} runs already", host.name, host.node_id()),
            false => {
                host.start()?;
                println!("{}: {} started", host.name, host.node_id());
            }
        }
    }
    let progress = quickstart::spinner("waiting for the controllers to elect a leader");
    let led = wait(patience, || leader(hosts).is_some());
    progress.finish_and_clear();
    match led {
        true => status(hosts),
        false => {
            let _no_leader = status(hosts);
            Err(format!(
                "no leader was elected within {} s; see {}",
                patience.as_secs(),
                hosts.iter().map(Host::log).collect::<Vec<_>>().join(", ")
            ))
        }
    }
}

/// The id that all hosts have or get. A new one is made up only if nobody can have another already.
fn cluster_id(hosts: &[Host]) -> Result<String, String> {
    if let Some(known) = hosts.iter().find_map(|host| host.cluster_id.clone()) {
        return Ok(known);
    }
    let named = |voter: &&Voter| hosts.iter().any(|host| host.node_id() == voter.id);
    let missing = voters(hosts).iter().filter(|voter| !named(voter));
    let missing: Vec<String> = missing.map(|voter| voter.id.to_string()).collect();
    match missing.is_empty() {
        true => Ok(storage::random_uuid().to_string()),
        false => Err(format!(
            "none of these hosts is formatted, and controller.quorum.voters names others, which may \
             have a cluster id: {}. Name all hosts with --hosts.",
            missing.join(", ")
        )),
    }
}

fn stop(hosts: &[Host], patience: Duration) -> Result<(), String> {
    let running = |host: &&Host| host_voter(host).is_some_and(answers);
    for host in hosts {
        match running(&host) {
            true => host.stop()?,
            false => println!("{}: {} does not run", host.name, host.node_id()),
        }
    }
    let progress = quickstart::spinner("waiting for the controllers to end");
    let ended = wait(patience, || !hosts.iter().any(|host| running(&host)));
    progress.finish_and_clear();
    match ended {
        true => Ok(()),
        false => Err(format!(
            "still running after {} s: {}",
            patience.as_secs(),
            hosts
                .iter()
                .filter(running)
                .map(Host::log)
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

/// A line for each voter, from the leader's point of view where there is one.
fn status(hosts: &[Host]) -> Result<(), String> {
    let leader = leader(hosts);
    let described =
        leader.and_then(|voter| quorum::describe((&voter.host, voter.port), ANSWER_PATIENCE).ok());
    let end = |id: NodeId| {
        let replica = described
            .as_ref()?
            .current_voters
            .iter()
            .find(|it| it.replica_id == id)?;
        replica.log_end_offset.known()
    };
    println!(
        "{:<8}{:<32}{:<12}{:<12}LAG",
        "NODE", "ADDRESS", "STATE", "LOGEND"
    );
    for voter in voters(hosts) {
        let (its_end, leaders) = (end(voter.id), leader.and_then(|leader| end(leader.id)));
        let lag = its_end
            .zip(leaders)
            .map(|(end, leaders)| (leaders.0 - end.0).max(0));
        let state = match quorum::describe((&voter.host, voter.port), ANSWER_PATIENCE) {
            Ok(_) if leader.is_some_and(|leader| leader.id == voter.id) => "leader".to_owned(),
            Ok(_) => "standby".to_owned(),
            Err(error) => format!("does not answer: {error}"),
        };
        println!(
            "{:<8}{:<32}{state:<12}{:<12}{}",
            voter.id.to_string(),
            format!("{}:{}", voter.host, voter.port),
            its_end.map_or("-".to_owned(), |end| end.to_string()),
            lag.map_or("-".to_owned(), |lag| lag.to_string())
        );
    }
    match described {
        Some(quorum) => {
            let (epoch, watermark) = (quorum.leader_epoch, quorum.high_watermark);
            println!(
                "Leader {} of epoch {epoch}, high watermark {watermark}",
                quorum.leader_id
            );
            Ok(())
        }
        None => Err("No leader".to_owned()),
    }
}

fn leader<'a>(hosts: &'a [Host]) -> Option<&'a Voter> {
    voters(hosts).iter().find(|voter| {
        let address = (&*voter.host, voter.port);
        quorum::committing_leader(address, ANSWER_PATIENCE) == Some(voter.id)
    })
}

/// As the first host has them; the nodes themselves compare their sets.
fn voters<'a>(hosts: &'a [Host]) -> &'a [Voter] {
    hosts.first().map_or(&[], |host| &host.identity.voters)
}

fn host_voter<'a>(host: &'a Host) -> Option<&'a Voter> {
    let mut voters = host.identity.voters.iter();
    voters.find(|voter| voter.id == host.node_id())
}

fn answers(voter: &Voter) -> bool {
    quorum::describe((&voter.host, voter.port), ANSWER_PATIENCE).is_ok()
}

fn wait(patience: Duration, mut until: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !until() {
        if started.elapsed() > patience {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}
