//! `kraftd cluster`: the controllers of several hosts, and the Java brokers beside them, formatted with one id,
//! started, watched and stopped over the user's own ssh.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use super::{
    client,
    cluster_host::{Access, Broker, Host},
    fail, quickstart, quorum, status_text, storage,
};
use crate::{
    config::{Voter, listeners::host_port},
    protocol::NodeId,
};

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
    /// The node's file on each host, from there.
    #[arg(
        long,
        default_value = "config/controller.properties",
        value_name = "PATH"
    )]
    config: String,
    /// The folder of Java's Kafka on each host, whose brokers run beside the controllers where the file has
    /// process.roles=broker,controller. KAFKA_HOME of the host, unless it is given.
    #[arg(long, value_name = "DIR")]
    with_java_broker: Option<String>,
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
        java_broker: arguments.with_java_broker.as_deref(),
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
            "two of these hosts have the same node.id: {}. Give each its own, in its file there.",
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
        match host.voter().is_some_and(answers) {
            true => println!("{}: node {} runs already", host.name, host.node_id()),
            false => {
                host.start()?;
                println!("{}: node {} started", host.name, host.node_id());
            }
        }
    }
    let logs = || hosts.iter().map(Host::log).collect::<Vec<_>>().join(", ");
    let seconds = patience.as_secs();
    let led = || leader(hosts).is_some();
    if !wait(
        "waiting for the controllers to elect a leader",
        patience,
        led,
    ) {
        let _no_leader = status(hosts);
        return Err(format!(
            "no leader was elected within {seconds} s; see {}, and what `kraftd status` says on a host",
            logs()
        ));
    }
    let brokers = hosts.iter().filter_map(|host| host.broker.as_ref());
    let brokers: Vec<&Broker> = brokers.collect();
    let serve = || brokers.iter().all(|broker| serves(broker).is_ok());
    let all_serve = brokers.is_empty() || wait("waiting for the brokers", patience, serve);
    status(hosts)?;
    match all_serve {
        true => Ok(()),
        false => Err(format!(
            "not all brokers serve after {seconds} s; see {}. --timeout gives them longer",
            logs()
        )),
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
    for host in hosts {
        match host.stop()? {
            true => println!("{}: node {} stops", host.name, host.node_id()),
            false => println!("{}: node {} does not run", host.name, host.node_id()),
        }
    }
    // A controller ends after the broker beside it.
    let runs = |host: &&Host| host.voter().is_some_and(answers);
    let ended = || !hosts.iter().any(|host| runs(&host));
    if wait("waiting for the nodes to end", patience, ended) {
        return Ok(());
    }
    let running = hosts.iter().filter(runs).map(Host::log);
    Err(format!(
        "still running after {} s; see {}. --timeout gives them longer",
        patience.as_secs(),
        running.collect::<Vec<_>>().join(", ")
    ))
}

/// A line for each voter, from the leader's point of view where there is one, and for each broker beside one.
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
    let unknown = || "-".to_owned();
    let titles = ["NODE", "ADDRESS", "STATE", "LOG END", "LAG"];
    let mut rows = vec![titles.map(str::to_owned)];
    for voter in voters(hosts) {
        let (its_end, leaders) = (end(voter.id), leader.and_then(|leader| end(leader.id)));
        let lag = its_end
            .zip(leaders)
            .map(|(end, leaders)| (leaders.0 - end.0).max(0));
        let state = match quorum::describe((&voter.host, voter.port), ANSWER_PATIENCE) {
            Ok(_) if leader.is_some_and(|leader| leader.id == voter.id) => "leader".to_owned(),
            Ok(_) => "follower".to_owned(),
            Err(error) => format!("does not answer: {error}"),
        };
        rows.push([
            voter.id.to_string(),
            voter.address(),
            state,
            its_end.map_or_else(unknown, |end| end.to_string()),
            lag.map_or_else(unknown, |lag| lag.to_string()),
        ]);
    }
    for broker in hosts.iter().filter_map(|host| host.broker.as_ref()) {
        let state = match serves(broker) {
            Ok(()) => "broker".to_owned(),
            Err(error) => format!("does not answer: {error}"),
        };
        rows.push([
            broker.id.to_string(),
            host_port(&broker.host, broker.port),
            state,
            unknown(),
            unknown(),
        ]);
    }
    print!("{}", status_text::columns(&rows));
    match described {
        Some(quorum) => {
            let (epoch, watermark) = (quorum.leader_epoch, quorum.high_watermark);
            println!(
                "Leader {} of epoch {epoch}, high watermark {watermark}",
                quorum.leader_id
            );
            Ok(())
        }
        None => Err(
            "No leader. Start the hosts that do not answer; `kraftd status` on one that does says what is wrong"
                .to_owned(),
        ),
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

fn answers(voter: &Voter) -> bool {
    quorum::describe((&voter.host, voter.port), ANSWER_PATIENCE).is_ok()
}

/// A Java broker listens once a controller has let it in.
fn serves(broker: &Broker) -> Result<(), String> {
    let connected = client::connect((&broker.host, broker.port), ANSWER_PATIENCE);
    connected.map(drop).map_err(|error| error.to_string())
}

/// Waits, showing what for; whether it came in time.
fn wait(what: &'static str, patience: Duration, mut until: impl FnMut() -> bool) -> bool {
    let progress = quickstart::spinner(what);
    let started = Instant::now();
    let mut done = until();
    while !done && started.elapsed() < patience {
        thread::sleep(POLL);
        done = until();
    }
    progress.finish_and_clear();
    done
}
