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
    cluster_host::{Access, Broker, HOW_TO_REACH, Host},
    fail,
    probe::{self, Probe, Probed},
    quickstart, status_text, storage,
};
use crate::{
    config::{Voter, listeners::host_port},
    console::{complain, say},
    protocol::{NodeId, messages::describe_quorum::ResponsePartitionData},
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
    /// How long to wait for a leader and every controller, or for the nodes to end, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    timeout: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Action {
    /// Format what is not formatted, start the nodes, and wait until all answer and one leads.
    Start,
    /// Stop the nodes, and wait for their end.
    Stop,
    /// Show who leads and who is behind; fails if nobody leads, or a host cannot be reached.
    Status,
}

/// How long a node may take to say something.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);

pub fn run(arguments: &Arguments) -> ExitCode {
    let access = Access {
        ssh: &arguments.ssh,
        dir: &arguments.dir,
        config: &arguments.config,
        java_broker: arguments.with_java_broker.as_deref(),
    };
    let patience = Duration::from_secs(arguments.timeout);
    let mut failed = Failed::default();
    let names = arguments.hosts.iter().map(String::as_str);
    let read = |name| failed.note(name, Host::read(&access, name));
    let hosts: Vec<Host> = names.filter_map(read).collect();
    if !failed.0.is_empty() {
        complain!("{HOW_TO_REACH}");
    }
    let done = match arguments.action {
        _ if hosts.is_empty() => Ok(()),
        Action::Start => check(&hosts).and_then(|()| start(hosts, &mut failed, patience)),
        Action::Stop => stop(hosts, &mut failed, patience),
        Action::Status => status(&hosts).and_then(|()| check(&hosts)),
    };
    match done.and_then(|()| failed.told()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

/// The hosts where something did not work. It is said at once, and the others get what they were to get.
#[derive(Default)]
struct Failed<'a>(Vec<&'a str>);

impl<'a> Failed<'a> {
    fn note<T>(&mut self, host: &'a str, done: Result<T, String>) -> Option<T> {
        let note = |error| {
            complain!("{error}");
            self.0.push(host);
        };
        done.map_err(note).ok()
    }

    /// An error, if there are any.
    fn told(&self) -> Result<(), String> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(format!("failed for {}, as said above", self.0.join(", "))),
        }
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

fn start<'a>(
    mut hosts: Vec<Host<'a>>,
    failed: &mut Failed<'a>,
    patience: Duration,
) -> Result<(), String> {
    let cluster_id = cluster_id(&hosts, failed)?;
    hosts.retain(|host| {
        let started = start_one(host, &cluster_id);
        failed.note(host.name, started).is_some()
    });
    if hosts.is_empty() {
        return Ok(());
    }
    wait_for_controllers(&hosts, patience)?;
    let brokers = hosts.iter().filter_map(|host| host.broker.as_ref());
    let brokers: Vec<&Broker> = brokers.collect();
    let serve = || brokers.iter().all(|broker| serves(broker).is_ok());
    let all_serve = brokers.is_empty() || wait("waiting for the brokers", patience, serve);
    status(&hosts)?;
    match all_serve {
        true => Ok(()),
        false => Err(format!(
            "not all brokers serve after {} s; see {}. --timeout gives them longer",
            patience.as_secs(),
            logs(&hosts)
        )),
    }
}

fn start_one(host: &Host, cluster_id: &str) -> Result<(), String> {
    if host.cluster_id.is_none() {
        host.format(cluster_id)?;
        say!("{}: formatted for cluster {cluster_id}", host.name);
    }
    let did = match host.answers() {
        true => "runs already",
        false => {
            host.start()?;
            "started"
        }
    };
    say!("{}: node {} {did}", host.name, host.node_id());
    Ok(())
}

/// Until one leads, and each of these has shown that it lives.
fn wait_for_controllers(hosts: &[Host], patience: Duration) -> Result<(), String> {
    let silent = || hosts.iter().filter(|host| !host.answers());
    let ready = || Quorum::ask(hosts).led().is_some() && silent().next().is_none();
    let what = "waiting for the controllers to elect a leader";
    if wait(what, patience, ready) {
        return Ok(());
    }
    let (seconds, silent) = (patience.as_secs(), logs(silent()));
    match status(hosts) {
        // At the last moment.
        Ok(()) if silent.is_empty() => Ok(()),
        Ok(()) => Err(format!(
            "not answering after {seconds} s; see {silent}. --timeout gives them longer"
        )),
        Err(_no_leader) => Err(format!(
            "no leader was elected within {seconds} s; see {}, and what `kraftd status` says on a host",
            logs(hosts)
        )),
    }
}

fn logs<'a, 'b: 'a>(hosts: impl IntoIterator<Item = &'a Host<'b>>) -> String {
    let logs: Vec<String> = hosts.into_iter().map(Host::log).collect();
    logs.join(", ")
}

/// The id that all hosts have or get. A new one is made up only if nobody can have another already.
fn cluster_id(hosts: &[Host], failed: &Failed) -> Result<String, String> {
    if let Some(known) = hosts.iter().find_map(|host| host.cluster_id.clone()) {
        return Ok(known);
    }
    if !failed.0.is_empty() {
        return Err(format!(
            "none of the other hosts is formatted, and {} may have a cluster id: nothing is formatted or started \
             until that is known",
            failed.0.join(", ")
        ));
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

fn stop<'a>(
    mut hosts: Vec<Host<'a>>,
    failed: &mut Failed<'a>,
    patience: Duration,
) -> Result<(), String> {
    hosts.retain(|host| {
        let did = match failed.note(host.name, host.stop()) {
            Some(true) => "stops",
            Some(false) => "does not run",
            None => return false,
        };
        say!("{}: node {} {did}", host.name, host.node_id());
        true
    });
    // A controller ends after the broker beside it.
    let running = || hosts.iter().filter(|host| host.answers());
    let ended = || running().next().is_none();
    if wait("waiting for the nodes to end", patience, ended) {
        return Ok(());
    }
    Err(format!(
        "still running after {} s; see {}. --timeout gives them longer",
        patience.as_secs(),
        logs(running())
    ))
}

/// A line for each voter, from the leader's point of view where there is one, and for each broker beside one.
fn status(hosts: &[Host]) -> Result<(), String> {
    let quorum = Quorum::ask(hosts);
    let titles = ["NODE", "ADDRESS", "STATE", "LOG END", "LAG"];
    let mut rows = vec![titles.map(str::to_owned)];
    let voters = quorum.answers.iter();
    rows.extend(voters.map(|(voter, answer)| quorum.row(voter, answer)));
    let brokers = hosts.iter().filter_map(|host| host.broker.as_ref());
    rows.extend(brokers.map(broker_row));
    say!("{}", status_text::columns(&rows).trim_end());
    let Some(led) = quorum.led() else {
        return Err(
            "No leader. Start the hosts that do not answer; `kraftd status` on one that does says what is wrong"
                .to_owned(),
        );
    };
    let (id, epoch, watermark) = (led.leader_id, led.leader_epoch, led.high_watermark);
    say!("Leader {id} of epoch {epoch}, high watermark {watermark}");
    Ok(())
}

fn broker_row(broker: &Broker) -> [String; 5] {
    let state = match serves(broker) {
        Ok(()) => "broker".to_owned(),
        Err(error) => format!("does not answer: {error}"),
    };
    let address = host_port(&broker.host, broker.port);
    [&broker.id.to_string(), &address, &state, "-", "-"].map(str::to_owned)
}

/// What each voter says of the quorum, or why it says nothing.
struct Quorum<'a> {
    answers: Vec<(&'a Voter, Probed)>,
}

impl<'a> Quorum<'a> {
    fn ask(hosts: &'a [Host]) -> Quorum<'a> {
        let cluster_id = hosts.iter().find_map(|host| host.cluster_id.as_deref());
        let voters = voters(hosts);
        let answers = probe::all(voters, cluster_id, ANSWER_PATIENCE);
        Quorum {
            answers: voters.iter().zip(answers).collect(),
        }
    }

    /// What the leader says, if a majority follows it.
    fn led(&self) -> Option<&ResponsePartitionData> {
        let leaders = self.answers.iter().filter_map(|(voter, answer)| {
            let quorum = answer.as_ref().ok()?.quorum.as_ref()?;
            let leads = quorum.leader_id == voter.id && quorum.high_watermark.known().is_some();
            leads.then_some(quorum)
        });
        leaders.max_by_key(|quorum| quorum.leader_epoch)
    }

    fn row(&self, voter: &Voter, answer: &Probed) -> [String; 5] {
        let state = match answer {
            Ok(probe) => self.state(voter, probe),
            Err(unanswered) => format!("does not answer: {}", unanswered.reason),
        };
        let leader = self.led().map(|led| led.leader_id);
        let end = self.log_end(voter.id);
        let leaders = leader.and_then(|leader| self.log_end(leader));
        let lag = end
            .zip(leaders)
            .map(|(end, leaders)| (leaders - end).max(0));
        let shown =
            |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        [
            voter.id.to_string(),
            voter.address(),
            state,
            shown(end),
            shown(lag),
        ]
    }

    fn state(&self, voter: &Voter, probe: &Probe) -> String {
        let leads = self.led().map(|led| led.leader_id);
        match probe.leader {
            _ if probe.is_foreign => "of another cluster".to_owned(),
            None => "knows no leader".to_owned(),
            Some(leader) if Some(leader) != leads => format!("waits for leader {leader}"),
            Some(leader) if leader == voter.id => "leader".to_owned(),
            Some(_) => "follower".to_owned(),
        }
    }

    /// How much of the log a voter has, as the leader knows.
    fn log_end(&self, id: NodeId) -> Option<i64> {
        let mut replicas = self.led()?.current_voters.iter();
        let replica = replicas.find(|replica| replica.replica_id == id)?;
        replica.log_end_offset.known().map(|end| end.0)
    }
}

/// As the first host has them; the nodes themselves compare their sets.
fn voters<'a>(hosts: &'a [Host]) -> &'a [Voter] {
    hosts.first().map_or(&[], |host| &host.identity.voters)
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
