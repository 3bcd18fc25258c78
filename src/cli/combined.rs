//! A start from a file with `process.roles=broker,controller`: two processes, each on its half of the file, under
//! one supervisor. kraftd is the controller; the broker is Java's Kafka.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use super::{
    halves::Halves,
    in_silence,
    java_kafka::JavaKafka,
    ourselves, quorum, split, storage,
    supervisor::{Nodes, supervise},
};
use crate::{
    config::{Identity, Voter},
    log::ensemble::Ensemble,
    server::listener,
};

/// How long a controller may take to say whether there is a leader.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

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
    let made = "at each start: change that file instead";
    let halves = Halves::of(file, start.overrides, identity, None, made);
    let halves = halves.map_err(|error| format!("{}: {error}", file.display()))?;
    let dir = &halves.metadata_log_dir;
    let cluster_id = cluster_id(identity)?;
    let (controller, broker) = (
        dir.join("controller.properties"),
        dir.join("broker.properties"),
    );
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
        let mut command = ourselves(&["server"])?;
        command.arg(&self.controller);
        nodes.start(&format!("controller {controller}"), command)?;
        // A broker gives up after a minute without a leader; hosts are started by hand, one after the other.
        while !has_leader(self.halves.voters.clone()).await {
            nodes.check()?;
            tokio::time::sleep(ANSWER_PATIENCE / 4).await;
        }
        nodes.start(&format!("broker {broker}"), self.kafka.broker(&self.broker))?;
        nodes.watch().await
    }
}

/// Asks in a thread of its own, so that signals are heard meanwhile.
async fn has_leader(voters: Vec<Voter>) -> bool {
    let ask = move || quorum::has_leader(&voters, ANSWER_PATIENCE);
    tokio::task::spawn_blocking(ask).await.unwrap_or(false)
}
