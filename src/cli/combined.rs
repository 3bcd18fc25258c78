//! A start from a file with `process.roles=broker,controller`: two processes, each on its half of the file, under
//! one supervisor. kraftd is the controller; the broker is Java's Kafka.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use super::{
    halves::{BROKER_DIR, Halves},
    in_silence,
    java_kafka::JavaKafka,
    ourselves, split, storage,
    supervisor::{Nodes, Role, has_leader, supervise},
};
use crate::{
    config::{Environment, Identity},
    log::{ensemble::Ensemble, meta_properties},
    server::listener,
};

/// How often the controllers are asked whether there is a leader.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// A quorum that runs has a leader sooner, and so has one of a single voter.
const LEADER_PATIENCE: Duration = Duration::from_secs(2);

/// The halves of the file, in the directory of the metadata log.
const CONTROLLER_FILE: &str = "controller.properties";
pub const BROKER_FILE: &str = "broker.properties";
/// What their first line says of them, and of no others.
pub const MADE: &str = "at each start: change that file instead";

/// What was started, and with what.
pub struct Start<'a> {
    pub file: &'a Path,
    pub overrides: &'a [String],
    pub identity: &'a Identity,
    /// The folder that the command line names.
    pub java_broker: Option<&'a Path>,
}

pub fn run(start: &Start, check: bool) -> Result<ExitCode, String> {
    let site = prepare(start)?;
    match check {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(supervise(async |nodes| site.run(nodes).await)),
    }
}

/// The halves, checked and written down; formatted, too, but for what only a person can decide: the cluster.
struct Site {
    file: PathBuf,
    kafka: JavaKafka,
    halves: Halves,
    controller: PathBuf,
    broker: PathBuf,
}

fn prepare(start: &Start) -> Result<Site, String> {
    let (file, identity) = (start.file, start.identity);
    let kafka = match JavaKafka::find(start.java_broker) {
        Ok(Some(kafka)) => kafka,
        Ok(None) => return Err(refusal(start, "None is named.")),
        Err(error) => return Err(refusal(start, &error)),
    };
    let environment = Environment::of_process();
    let halves = Halves::of(file, start.overrides, &environment, identity, None, MADE);
    let halves = halves.map_err(|error| format!("{}: {error}", file.display()))?;
    refuse_data_of_java(identity, &halves)?;
    let dir = &halves.metadata_log_dir;
    let cluster_id = cluster_id(identity)?;
    let (controller, broker) = (dir.join(CONTROLLER_FILE), dir.join(BROKER_FILE));
    split::write(&controller, &halves.controller)?;
    split::write(&broker, &halves.broker)?;
    let mut check = ourselves(&["server", "--check"])?;
    check.arg(&controller);
    in_silence(check)?;
    for listener in &halves.broker.listeners {
        listener::bind(listener).map_err(|error| format!("the broker's listener: {error}"))?;
    }
    storage::format_in_silence(&cluster_id, &broker)?;
    Ok(Site {
        file: file.to_owned(),
        kafka,
        halves,
        controller,
        broker,
    })
}

fn refusal(start: &Start, why: &str) -> String {
    let file = start.file.display();
    format!(
        "{file} has process.roles={}. kraftd is the controller of such a node; the broker is Java's Kafka. {why}\n\
         Either set KAFKA_HOME to the folder of a Java Kafka, 3.9 or later (or add --with-java-broker DIR): the \
         same command then runs both.\n\
         Or run `kraftd split {file}` once: it writes controller.properties for kraftd and broker.properties for \
         Java's Kafka.",
        start
            .identity
            .values
            .text("process.roles")
            .unwrap_or_default()
    )
}

/// Partitions belong to the id of their broker, and the broker's half has another one, with directories of its own: it
/// would leave them where they are, and their topics offline.
fn refuse_data_of_java(identity: &Identity, halves: &Halves) -> Result<(), String> {
    for dir in identity.all_dirs() {
        let broker_dir = dir.join(BROKER_DIR);
        // From its second start on the broker has what is its own there.
        let is_known = meta_properties::path(&broker_dir).exists();
        if !is_known && let Some(found) = split::data_of_java(&dir) {
            return Err(format!(
                "{found} was written by node {id} as a Java Kafka, and is not taken over: the broker beside kraftd would \
                 be node {broker}, in {broker_dir}, and partitions belong to the id of their broker. Nothing was changed. \
                 Go on running this node with Java's Kafka; or move its replicas to other brokers first \
                 (kafka-reassign-partitions.sh), and start it here with empty log.dirs, formatted with the same cluster \
                 id.",
                found = found.display(),
                id = identity.node_id,
                broker = halves.broker.node_id,
                broker_dir = broker_dir.display(),
            ));
        }
    }
    Ok(())
}

/// The cluster that `format` has made the controller's directory part of; the broker's follows it.
fn cluster_id(identity: &Identity) -> Result<String, String> {
    let ensemble = Ensemble::load(&identity.metadata_log_dir, &[]);
    let found = ensemble.verify(identity.node_id);
    found
        .map(|found| found.cluster_id)
        .map_err(|error| error.to_string())
}

impl Site {
    async fn run(&self, nodes: &mut Nodes) -> Result<(), String> {
        let (controller, broker) = (self.halves.controller.node_id, self.halves.broker.node_id);
        nodes.voters = self.halves.voters.clone();
        let mut command = ourselves(&["server", "--supervised", "--half-of"])?;
        command.arg(&self.file).arg(&self.controller);
        nodes.start(
            Role::Controller,
            &format!("controller {controller}"),
            command,
        )?;
        self.wait_for_leader(nodes).await?;
        let command = self.kafka.broker(&self.broker);
        nodes.start(Role::Broker, &format!("broker {broker}"), command)?;
        nodes.watch().await
    }

    /// A broker gives up after a minute without a leader; hosts are started by hand, one after the other.
    async fn wait_for_leader(&self, nodes: &mut Nodes) -> Result<(), String> {
        let (broker, file) = (self.halves.broker.node_id, self.file.display());
        let started = Instant::now();
        let mut is_told = false;
        while !has_leader(self.halves.voters.clone()).await {
            if !is_told && started.elapsed() >= LEADER_PATIENCE {
                tell(&format!(
                    "broker {broker} is started when the quorum has a leader; it has none yet (see kraftd status \
                     {file})"
                ));
                is_told = true;
            }
            nodes.check_after(ASK_EVERY).await?;
        }
        if is_told {
            tell(&format!(
                "the quorum has a leader: broker {broker} is started"
            ));
        }
        Ok(())
    }
}

/// Nodes run on where nobody reads what they say.
fn tell(line: &str) {
    let _nobody_reads = writeln!(io::stdout(), "{line}");
}
