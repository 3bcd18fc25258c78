//! A cluster under test: controllers of either kind, and Java brokers, each with its own folder, ports
//! and log, in one temporary folder that is kept when a test fails.

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kraftd::protocol::{
    api::{Request, Response},
    ids::{BrokerEpoch, Epoch, NodeId, Offset, Uuid},
    messages::{
        describe_cluster::DescribeClusterRequest,
        describe_quorum::{self, DescribeQuorumRequest},
    },
};
use tempfile::TempDir;

use super::{
    client::{self, Client},
    kafka,
    process::{Process, free_port, run_to_end, tail, wait_for},
    requests,
};

/// Enough for a start on a busy machine.
pub const START_TIMEOUT: Duration = Duration::from_secs(300);

/// Enough for an election on a busy machine.
pub const ELECTION_TIMEOUT: Duration = Duration::from_secs(120);

/// Small, quick to start: many of them share two cores.
pub const SMALL_JVM: &[&str] = &["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// Kafka 3.9 logs to nowhere unless it is told where: as the others do then. Those do not read it.
pub const LOG4J: &str = "log4j.rootLogger=INFO, out\n\
    log4j.appender.out=org.apache.log4j.ConsoleAppender\n\
    log4j.appender.out.layout=org.apache.log4j.PatternLayout\n\
    log4j.appender.out.layout.ConversionPattern=[%t] %p %c - %m%n\n";

/// What a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A release of Apache Kafka.
    Java(&'static str),
    Kraftd,
}

/// Where a node listens, and the network namespace it runs in if that is not ours.
#[derive(Clone, Debug)]
pub struct Place {
    pub address: Ipv4Addr,
    pub namespace: Option<PathBuf>,
}

impl Place {
    /// Where all nodes are unless a test says otherwise.
    pub fn loopback(_id: i32) -> Place {
        Place {
            address: Ipv4Addr::LOCALHOST,
            namespace: None,
        }
    }
}

/// What a test wants; the rest is the same for all.
#[derive(Clone, Debug)]
pub struct Settings {
    /// One voter each.
    pub voters: Vec<Kind>,
    /// The release of each broker.
    pub brokers: Vec<&'static str>,
    /// Lines for every controller's properties.
    pub controller_properties: Vec<String>,
    /// Further arguments of `kafka-storage format`.
    pub format_arguments: Vec<String>,
    /// JVM options of Java controllers.
    pub controller_jvm: &'static [&'static str],
    /// The place of the node with an id.
    pub place: fn(i32) -> Place,
    /// In what folder everything lies.
    pub parent: PathBuf,
}

impl Settings {
    pub fn new(kind: Kind, voters: usize, brokers: usize) -> Settings {
        Settings {
            voters: vec![kind; voters],
            brokers: vec![kafka::RELEASE; brokers],
            controller_properties: Vec::new(),
            format_arguments: Vec::new(),
            controller_jvm: SMALL_JVM,
            place: Place::loopback,
            parent: env::temp_dir(),
        }
    }

    pub fn with(mut self, property: &str) -> Settings {
        self.controller_properties.push(property.to_owned());
        self
    }
}

/// One controller or broker: its place, and its process while it runs.
pub struct Node {
    pub id: i32,
    pub port: u16,
    pub kind: Kind,
    pub folder: PathBuf,
    place: Place,
    jvm: &'static [&'static str],
    process: Option<Process>,
}

/// Who leads the quorum.
#[derive(Clone, Copy, Debug)]
pub struct Leader {
    /// Index into [`Cluster::controllers`].
    pub index: usize,
    pub epoch: Epoch,
    pub high_watermark: Offset,
}

pub struct Cluster {
    pub cluster_id: String,
    pub controllers: Vec<Node>,
    pub brokers: Vec<Node>,
    folder: Option<TempDir>,
}

/// Tests that start servers take their turn: two cores are not enough for two clusters.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// Formats every node; nothing runs yet.
    pub fn format(settings: &Settings) -> Cluster {
        let folder = tempfile::Builder::new()
            .prefix("kraftd-test-")
            .tempdir_in(&settings.parent);
        let folder = folder.expect("a temporary folder");
        let controllers: Vec<Node> = settings
            .voters
            .iter()
            .zip(1..)
            .map(|(kind, id)| {
                Node::new(folder.path(), id, *kind, settings, settings.controller_jvm)
            })
            .collect();
        let brokers: Vec<Node> = (101..)
            .zip(&settings.brokers)
            .map(|(id, release)| {
                Node::new(folder.path(), id, Kind::Java(release), settings, SMALL_JVM)
            })
            .collect();
        let voters: Vec<String> = controllers
            .iter()
            .map(|node| format!("{}@{}", node.id, node.address()))
            .collect();
        let voters = voters.join(",");
        let cluster_id = random_id();
        for node in &controllers {
            let own = &settings.controller_properties;
            node.format(
                &cluster_id,
                &controller_properties(node, &voters, own),
                settings,
            );
        }
        for node in &brokers {
            node.format(&cluster_id, &broker_properties(node, &voters), settings);
        }
        Cluster {
            cluster_id,
            controllers,
            brokers,
            folder: Some(folder),
        }
    }

    /// Formats and starts every node; returns when there is a leader and all brokers are unfenced.
    pub fn start(settings: &Settings) -> Cluster {
        let mut cluster = Cluster::format(settings);
        cluster.start_nodes();
        cluster
    }

    /// Starts every node; returns when there is a leader with which all controllers have registered, and all
    /// brokers are unfenced.
    pub fn start_nodes(&mut self) {
        for node in &mut self.controllers {
            node.start();
        }
        self.wait_for_leader(START_TIMEOUT);
        self.wait_until_registered();
        for node in &mut self.brokers {
            node.start();
        }
        for node in &self.brokers {
            node.wait_until_started(1);
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("kept until the end").path()
    }

    /// Asks every running controller who leads; the leader itself answers.
    pub fn leader(&self) -> Option<Leader> {
        let running = self.controllers.iter().enumerate();
        let running = running.filter(|(_, node)| node.process.is_some());
        running
            .filter_map(|(index, node)| {
                let known = node.leads()?;
                Some(Leader {
                    index,
                    epoch: known.leader_epoch,
                    high_watermark: known.high_watermark,
                })
            })
            .max_by_key(|leader| leader.epoch)
    }

    /// Waits for a leader that has committed something in its own epoch.
    #[track_caller]
    pub fn wait_for_leader(&self, timeout: Duration) -> Leader {
        wait_for("a leader of the quorum", timeout, || {
            let leader = self.leader().filter(|leader| leader.high_watermark.0 > 0);
            leader.ok_or_else(|| self.controller_tails())
        })
    }

    /// How far a voter's log reaches, as the leader knows it.
    pub fn voter_end(&self, id: i32) -> Option<Offset> {
        let leader = self.leader()?;
        let known = self.controllers[leader.index].leads()?;
        let voter = known
            .current_voters
            .iter()
            .find(|voter| voter.replica_id == NodeId(id))?;
        voter.log_end_offset.known()
    }

    /// Waits until a restarted controller holds what is committed: before that, it is no help at the next
    /// failure.
    #[track_caller]
    pub fn wait_until_caught_up(&self, index: usize) {
        let id = self.controllers[index].id;
        let target = self.wait_for_leader(ELECTION_TIMEOUT).high_watermark;
        wait_for(
            "the restarted controller to catch up",
            START_TIMEOUT,
            || {
                let end = self.voter_end(id);
                match end.is_some_and(|end| end >= target) {
                    true => Ok(()),
                    false => Err(format!("{end:?} of {target}; {}", self.controller_tails())),
                }
            },
        );
    }

    /// Waits until every controller and every broker has read what is committed now.
    #[track_caller]
    pub fn wait_until_all_have_read(&self) {
        let target = self.wait_for_leader(ELECTION_TIMEOUT).high_watermark;
        wait_for("everybody to have read it", ELECTION_TIMEOUT, || {
            let leader = self.leader().ok_or("there is no leader")?;
            let known = self.controllers[leader.index].leads();
            let known = known.ok_or("it leads no more")?;
            let mut replicas = known.current_voters.iter().chain(&known.observers);
            match replicas.find(|replica| replica.log_end_offset < target) {
                None => Ok(()),
                Some(behind) => Err(format!("{} of {target}", behind.replica_id)),
            }
        });
    }

    /// Asks whoever leads, again after each loss of leadership or connection, until `done` likes the
    /// answer. What a request that got no answer has done is anybody's guess: it may be done twice.
    #[track_caller]
    pub fn ask_leader(
        &self,
        version: i16,
        request: &Request,
        mut done: impl FnMut(&Response) -> bool,
    ) -> Response {
        wait_for(
            "an answer of the active controller",
            ELECTION_TIMEOUT,
            || {
                let leader = self.leader().ok_or("there is none")?;
                let answer = self.controllers[leader.index]
                    .connect()
                    .and_then(|mut client| client.exchange(version, request))
                    .map_err(|error| error.to_string())?;
                if done(&answer) {
                    Ok(answer)
                } else {
                    Err(format!("{answer:?}"))
                }
            },
        )
    }

    /// Java's controllers register a while after one of them leads.
    fn wait_until_registered(&self) {
        const CONTROLLER_ENDPOINTS: i8 = 2;
        let request = DescribeClusterRequest {
            endpoint_type: CONTROLLER_ENDPOINTS,
            ..Default::default()
        };
        self.ask_leader(1, &request.into(), |answer| match answer {
            Response::DescribeCluster(answer) => {
                answer.controller_id != NodeId::NONE
                    && answer.brokers.len() == self.controllers.len()
            }
            _ => false,
        });
    }

    /// Registers a broker that is none, and has it unfenced.
    pub fn fake_broker(&self, id: i32) -> BrokerEpoch {
        let request = requests::registration(&self.cluster_id, id, 1).into();
        let mut epoch = BrokerEpoch::NONE;
        self.ask_leader(4, &request, |answer| match answer {
            Response::BrokerRegistration(answer) if answer.error_code.is_ok() => {
                epoch = answer.broker_epoch;
                true
            }
            _ => false,
        });
        let request = requests::heartbeat((id, epoch), i64::MAX, false, false).into();
        self.ask_leader(1, &request, |answer| match answer {
            Response::BrokerHeartbeat(answer) => answer.error_code.is_ok() && !answer.is_fenced,
            _ => false,
        });
        epoch
    }

    /// Commits one small write: a dynamic config of all brokers.
    pub fn write(&self, key: &str, value: &str) {
        let change = [(key, requests::SET, Some(value))];
        let request = requests::alter((requests::BROKER, ""), &change, false);
        self.ask_leader(1, &request, |answer| match answer {
            Response::IncrementalAlterConfigs(answer) => answer.responses[0].error_code.is_ok(),
            _ => false,
        });
    }

    pub fn bootstrap_servers(&self) -> String {
        let addresses = self.brokers.iter().map(|node| node.address().to_string());
        addresses.collect::<Vec<_>>().join(",")
    }

    pub fn controller_tails(&self) -> String {
        let tails = self.controllers.iter().map(|node| tail(&node.log()));
        format!(
            "the logs end with:\n{}",
            tails.collect::<Vec<_>>().join("\n")
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.brokers.iter_mut().chain(&mut self.controllers) {
            node.kill_if_running();
        }
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("the cluster's folder is kept: {}", folder.keep().display());
        }
    }
}

impl Node {
    fn new(
        cluster: &Path,
        id: i32,
        kind: Kind,
        settings: &Settings,
        jvm: &'static [&'static str],
    ) -> Node {
        let folder = cluster.join(format!("node-{id}"));
        fs::create_dir(&folder).expect("the node's folder");
        Node {
            id,
            port: free_port(),
            kind,
            folder,
            place: (settings.place)(id),
            jvm,
            process: None,
        }
    }

    pub fn address(&self) -> SocketAddr {
        (self.place.address, self.port).into()
    }

    pub fn connect(&self) -> io::Result<Client> {
        Client::connect_to(self.address(), client::TIMEOUT)
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    pub fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    /// Where the metadata log lies.
    pub fn metadata_folder(&self) -> PathBuf {
        self.folder.join("data/__cluster_metadata-0")
    }

    pub fn process(&mut self) -> &mut Process {
        let id = self.id;
        self.process
            .as_mut()
            .unwrap_or_else(|| panic!("node {id} does not run"))
    }

    fn format(&self, cluster_id: &str, properties: &str, settings: &Settings) {
        fs::write(self.properties(), properties).expect("the node's properties");
        let mut command = match self.kind {
            Kind::Java(release) => java(
                release,
                &["-XX:TieredStopAtLevel=1"],
                "kafka.tools.StorageTool",
            ),
            Kind::Kraftd => kraftd("storage"),
        };
        command.args(["format", "--cluster-id", cluster_id, "--config"]);
        command
            .arg(self.properties())
            .args(&settings.format_arguments);
        run_to_end(
            &format!("kafka-storage format of node {}", self.id),
            command,
        );
    }

    /// Another disk under the same id: empty, and formatted. Nothing may run.
    pub fn replace_disk(&self, cluster_id: &str) {
        assert!(self.process.is_none(), "node {} runs", self.id);
        for entry in fs::read_dir(self.folder.join("data")).expect("the disk") {
            let path = entry.expect("a folder entry").path();
            let taken_away = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            taken_away.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let mut format = kraftd("storage");
        format.args(["format", "--cluster-id", cluster_id, "--config"]);
        format.arg(self.properties());
        run_to_end("kraftd storage format", format);
    }

    pub fn start(&mut self) {
        assert!(self.process.is_none(), "node {} runs already", self.id);
        let mut command = match self.kind {
            Kind::Java(release) => {
                let log4j = self.folder.join("log4j.properties");
                fs::write(&log4j, LOG4J).expect("the node's log4j.properties");
                let log4j = format!("-Dlog4j.configuration=file:{}", log4j.display());
                let mut options = self.jvm.to_vec();
                options.push(&log4j);
                java(release, &options, "kafka.Kafka")
            }
            Kind::Kraftd => kraftd("server"),
        };
        if let Some(namespace) = &self.place.namespace {
            command = within(namespace, &command);
        }
        command.arg(self.properties()).current_dir(&self.folder);
        let name = format!("node {}", self.id);
        self.process = Some(Process::start(&name, command, &self.log()));
    }

    /// kill -9, if there is something to kill.
    pub fn kill_if_running(&mut self) {
        self.process = None;
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process().kill();
        self.process = None;
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn stop(&mut self, timeout: Duration) -> ExitStatus {
        let status = self.process().terminate(timeout);
        self.process = None;
        status
    }

    /// Waits until a broker's log says for the `times`th time that it serves, which it does once it is
    /// unfenced.
    #[track_caller]
    pub fn wait_until_started(&self, times: usize) {
        let what = format!("start {times} of node {}", self.id);
        wait_for(&what, START_TIMEOUT, || {
            let seen = self.log_text().matches("Kafka Server started").count();
            if seen >= times {
                Ok(())
            } else {
                Err(tail(&self.log()))
            }
        });
    }

    /// What this node knows of the quorum, if it leads.
    fn leads(&self) -> Option<describe_quorum::ResponsePartitionData> {
        describe_quorum(&mut self.connect().ok()?, NodeId(self.id))
    }
}

/// What the node at the other end knows of the quorum, if it has this id and leads.
pub fn describe_quorum(
    client: &mut Client,
    id: NodeId,
) -> Option<describe_quorum::ResponsePartitionData> {
    let request = DescribeQuorumRequest {
        topics: vec![describe_quorum::RequestTopicData {
            topic_name: "__cluster_metadata".to_owned(),
            partitions: vec![describe_quorum::RequestPartitionData::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = client.call(2, request).ok()?;
    let partition = answer
        .topics
        .into_iter()
        .next()?
        .partitions
        .into_iter()
        .next()?;
    (partition.error_code.is_ok() && partition.leader_id == id).then_some(partition)
}

/// The same command, run in a network namespace.
fn within(namespace: &Path, command: &Command) -> Command {
    let mut within = Command::new("nsenter");
    within.arg(format!("--net={}", namespace.display()));
    within.arg(command.get_program()).args(command.get_args());
    within
}

/// A JVM with the release's jars, about to run `main`.
pub fn java(release: &str, options: &[&str], main: &str) -> Command {
    let mut command = Command::new("java");
    command.args(kafka::NOTHING_BESIDE).args(options).args([
        "-cp",
        &kafka::classpath(release),
        main,
    ]);
    command
}

/// A command of this build's binary.
pub fn kraftd(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    command.arg(name);
    command
}

/// A cluster id as `kafka-storage random-uuid` makes them: never with a leading dash.
fn random_id() -> String {
    loop {
        let id = Uuid(*uuid::Uuid::new_v4().as_bytes()).to_string();
        if !id.starts_with('-') {
            return id;
        }
    }
}

fn controller_properties(node: &Node, voters: &str, own: &[String]) -> String {
    format!(
        "process.roles=controller\n\
         node.id={}\n\
         controller.quorum.voters={voters}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=CONTROLLER://{}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT\n\
         log.dirs={}\n\
         {}\n",
        node.id,
        node.address(),
        node.folder.join("data").display(),
        own.join("\n"),
    )
}

fn broker_properties(node: &Node, voters: &str) -> String {
    format!(
        "process.roles=broker\n\
         node.id={}\n\
         controller.quorum.voters={voters}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://{}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=2\n\
         offsets.topic.num.partitions=4\n\
         group.initial.rebalance.delay.ms=0\n",
        node.id,
        node.address(),
        node.folder.join("data").display(),
    )
}
