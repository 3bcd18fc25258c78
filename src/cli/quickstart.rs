//! `kraftd quickstart`: three controllers on this machine, to try them out. One terminal, one folder; a
//! second start goes on where the first one stopped.

use std::{
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    fail, ourselves, quickstart_kafka, quorum, storage,
    supervisor::{Nodes, POLL, Role, supervise},
};
use crate::{
    console::{complain, say},
    log::meta_properties,
    protocol::{NodeId, properties},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// The folder that everything is kept in.
    #[arg(long, default_value = "quickstart-data")]
    dir: PathBuf,
    /// The ports of the three controllers, with commas or blanks between them.
    #[arg(
        long,
        value_delimiter = ',',
        num_args = 1..,
        default_values_t = [9093, 9094, 9095],
        value_name = "PORT,PORT,PORT"
    )]
    ports: Vec<u16>,
    /// Get Kafka through Maven, start a broker, and send a message through it.
    #[arg(long)]
    with_kafka: bool,
    /// The port of that broker.
    #[arg(long, default_value_t = 9092)]
    broker_port: u16,
    /// End as soon as everything is up and was shown to work.
    #[arg(long)]
    stop_when_ready: bool,
}

/// How long the controllers may take to elect a leader.
const LEADER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a controller may take to say whether it leads.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

pub fn run(arguments: Arguments) -> ExitCode {
    if arguments.ports.len() != 3 {
        return fail("--ports takes three ports, for example --ports 9093,9094,9095");
    }
    let mut all = arguments.ports.clone();
    all.push(arguments.broker_port);
    all.sort_unstable();
    if let Some(pair) = all.windows(2).find(|pair| pair[0] == pair[1]) {
        return fail(format!(
            "--ports and --broker-port: {} stands twice, and each node needs its own",
            pair[0]
        ));
    }
    supervise(async |nodes| quickstart(&arguments, nodes).await)
}

async fn quickstart(arguments: &Arguments, nodes: &mut Nodes) -> Result<(), String> {
    let site = Site::prepare(arguments)?;
    site.start_controllers(nodes)?;
    let leader = site.wait_for_leader(nodes).await?;
    site.tell(leader);
    if arguments.with_kafka {
        quickstart_kafka::run(&site, nodes).await?;
    }
    if arguments.stop_when_ready {
        return Ok(());
    }
    say!("\nRunning. Ctrl-C stops everything; the same command starts it again.");
    nodes.watch().await
}

/// The folder, and what stands in it.
pub(super) struct Site {
    pub(super) dir: PathBuf,
    ports: Vec<u16>,
    pub(super) broker_port: u16,
    pub(super) cluster_id: String,
}

impl Site {
    /// Writes the configuration files, and formats what is not formatted yet.
    fn prepare(arguments: &Arguments) -> Result<Site, String> {
        let dir = &arguments.dir;
        fs::create_dir_all(dir)
            .map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        let dir = dir.canonicalize().map_err(|error| error.to_string())?;
        let known = meta_properties::read(&dir.join("controller-1"));
        let known = known.map_err(|error| error.to_string())?;
        let cluster_id = known.map_or_else(
            || storage::random_uuid().to_string(),
            |known| known.cluster_id,
        );
        let ports = arguments.ports.clone();
        let site = Site {
            dir,
            ports,
            broker_port: arguments.broker_port,
            cluster_id,
        };
        for id in 1..=3 {
            let properties =
                site.write(&format!("controller-{id}.properties"), &site.controller(id))?;
            site.format(&properties)?;
        }
        site.write("broker.properties", &site.broker())?;
        Ok(site)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.dir.join(name);
        let written = fs::write(&path, text);
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// Formats the directories of a node with the id of this cluster.
    pub(super) fn format(&self, properties: &Path) -> Result<(), String> {
        storage::format_in_silence(&self.cluster_id, properties)
    }

    fn voters(&self) -> String {
        let voter = |(id, port): (usize, &u16)| format!("{id}@localhost:{port}");
        (1..)
            .zip(&self.ports)
            .map(voter)
            .collect::<Vec<_>>()
            .join(",")
    }

    fn controller(&self, id: usize) -> String {
        format!(
            "process.roles=controller\nnode.id={id}\ncontroller.quorum.voters={}\n\
             controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:{}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs={}\n",
            self.voters(),
            self.ports[id - 1],
            self.log_dir(&format!("controller-{id}"))
        )
    }

    fn broker(&self) -> String {
        format!(
            "process.roles=broker\nnode.id=4\ncontroller.quorum.voters={}\n\
             controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://localhost:{}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             inter.broker.listener.name=PLAINTEXT\nlog.dirs={}\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\n",
            self.voters(),
            self.broker_port,
            self.log_dir("broker-4")
        )
    }

    /// A directory of a node as its file has it.
    fn log_dir(&self, name: &str) -> String {
        properties::escape(&self.dir.join(name).to_string_lossy())
    }

    fn start_controllers(&self, nodes: &mut Nodes) -> Result<(), String> {
        for id in 1..=3 {
            let name = format!("controller-{id}");
            let mut command = ourselves(&["server", "--supervised"])?;
            command.arg(self.dir.join(format!("{name}.properties")));
            nodes.start_logging(Role::Controller, &name, command, &self.dir)?;
        }
        Ok(())
    }

    async fn wait_for_leader(&self, nodes: &mut Nodes) -> Result<NodeId, String> {
        let started = Instant::now();
        let progress = spinner("waiting for the controllers to elect a leader");
        while started.elapsed() < LEADER_PATIENCE {
            nodes.check()?;
            if let Some(leader) = leader(self.ports.clone()).await {
                progress.finish_and_clear();
                return Ok(leader);
            }
            tokio::time::sleep(POLL).await;
        }
        Err(format!(
            "no leader was elected within {} s; see the logs in {}",
            LEADER_PATIENCE.as_secs(),
            self.dir.display()
        ))
    }

    fn tell(&self, leader: NodeId) {
        say!(
            "Three controllers of cluster {} run; {leader} leads.",
            self.cluster_id
        );
        for (id, port) in (1..).zip(&self.ports) {
            let log = self.dir.join(format!("controller-{id}.log"));
            say!("  controller {id}  localhost:{port}  log {}", log.display());
        }
        say!("\nBrokers find them with this line in their server.properties:");
        say!("  controller.quorum.voters={}", self.voters());
        let file = self.dir.join("broker.properties");
        let (id, file) = (&self.cluster_id, file.display());
        say!("\nA ready file for a Kafka 3.9 to 4.3 broker is {file}:");
        say!("  bin/kafka-storage.sh format -t {id} -c {file}");
        say!("  KAFKA/bin/kafka-server-start.sh {file}");
        say!("(--with-kafka does that, with a Kafka it gets through Maven.)");
    }
}

/// Who leads, if one of the controllers on these ports does. Asks in a thread of its own, so that signals are heard
/// meanwhile.
async fn leader(ports: Vec<u16>) -> Option<NodeId> {
    let ask = move |port| quorum::committing_leader(("localhost", port), ANSWER_PATIENCE);
    let leader = tokio::task::spawn_blocking(move || ports.into_iter().find_map(ask));
    leader.await.ok().flatten()
}

/// Shows that something is waited for; where nobody watches, a line says so.
pub(super) fn spinner(what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        complain!("{what}");
    }
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
    let progress = ProgressBar::new_spinner().with_message(what);
    progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    progress.enable_steady_tick(Duration::from_millis(100));
    progress
}
