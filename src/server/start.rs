//! From a configuration to a running node, and down again.

use std::{
    sync::{Arc, atomic::AtomicU64},
    thread,
    time::Duration,
};

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::info;

use super::{
    accept::{ConnectionQuotas, accept},
    clock::Clock,
    connection::{self, Acceptor},
    contacts::Contacts,
    die,
    disk::Disk,
    heard::Heard,
    inbox::{Inbox, Input},
    listener,
    node::Node,
    peers::{LinkContext, PeerAddress, Peers},
    signals::{self, StopSignals},
    status::{self, Socket, Source, Standstill},
};
use crate::{
    config::Config,
    controller::{Controller, Options, PeriodicOptions, Restored, SnapshotOptions},
    log::{
        bootstrap,
        directory::{self, MetadataDirectory},
        engine::EngineLog,
        ensemble::Ensemble,
        meta_properties::MetaProperties,
    },
    metadata,
    protocol::{Uuid, messages::controller_registration, records::MetadataRecord},
    raft,
};

/// Security protocol PLAINTEXT (`SecurityProtocol.id`).
const PLAINTEXT: i16 = 0;

/// Runs a controller until it is told to stop.
pub fn run(config: &Config) -> Result<(), String> {
    let Found {
        ensemble,
        properties,
        bootstrap,
        listener,
        quotas,
    } = look(config)?;
    let reactor = Reactor::build()?;
    let (clock, inbox) = (Clock::start(), Arc::new(Inbox::default()));
    let (directory_id, disk, restored) = start_disk(config, ensemble, &inbox)?;
    let options = options(config, &properties, directory_id, bootstrap);
    let cluster_id = properties.cluster_id;
    let network = start_network(
        config,
        cluster_id.clone(),
        (listener, quotas),
        reactor,
        clock,
        &inbox,
    )?;
    let controller = Controller::new(options, restored, seed()?, clock.now());
    let Network {
        contacts,
        peers,
        standstill,
        status_socket: _until_the_end,
    } = network;
    let node = Node::new(controller, clock, inbox, contacts, disk, peers, standstill);
    let node_id = config.identity.node_id;
    info!("Kafka Server started: controller {node_id} of cluster {cluster_id}");
    node.run();
    info!("shut down completed");
    Ok(())
}

/// What the network thread runs.
struct Reactor {
    runtime: Runtime,
    /// Who wants to know how the node is doing. A signal that nobody listens to would end the process, so this begins
    /// before the log is read, which may take a while.
    asked: Signal,
}

impl Reactor {
    fn build() -> Result<Reactor, String> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(text)?;
        let asked = {
            let _context = runtime.enter();
            signal(SignalKind::quit()).map_err(text)?
        };
        Ok(Reactor { runtime, asked })
    }
}

/// Takes the directory for this process, and reads what is in it.
fn start_disk(
    config: &Config,
    mut ensemble: Ensemble,
    inbox: &Arc<Inbox>,
) -> Result<(Uuid, Disk, Restored), String> {
    let identity = &config.identity;
    let directory = MetadataDirectory::open(&identity.metadata_log_dir).map_err(text)?;
    let new_id = || Uuid::random(|bytes| *bytes = uuid::Uuid::new_v4().into_bytes());
    let directory_id = ensemble.name_directories(new_id).map_err(text)?;
    let (path, node_id) = (directory.path().to_owned(), identity.node_id);
    let open = match identity.voters.len() {
        1 => EngineLog::open_only,
        _ => EngineLog::open,
    };
    let open = move || open(directory, node_id, directory_id);
    let (disk, restored) = Disk::start(path, open, inbox.clone())?;
    Ok((directory_id, disk, restored))
}

/// What the controller thread shares with the network thread, besides the inbox.
struct Network {
    contacts: Arc<Contacts>,
    peers: Peers,
    standstill: Arc<Standstill>,
    /// Gone when this is dropped.
    status_socket: Option<Socket>,
}

/// Starts the network thread: connections to the peers, the status socket and the listener.
fn start_network(
    config: &Config,
    cluster_id: String,
    listening: (std::net::TcpListener, ConnectionQuotas),
    Reactor { runtime, asked }: Reactor,
    clock: Clock,
    inbox: &Arc<Inbox>,
) -> Result<Network, String> {
    let identity = &config.identity;
    let addresses = peer_addresses(config);
    let heard = Arc::new(Heard::new(&addresses));
    let context = LinkContext {
        own_id: identity.node_id,
        request_timeout: Duration::from_millis(config.request_timeout_ms),
        clock,
        heard: heard.clone(),
        inbox: inbox.clone(),
    };
    let peers = Peers::start(runtime.handle(), addresses, context);
    let standstill = Arc::new(Standstill::default());
    let source = Arc::new(Source {
        cluster_id,
        node_id: identity.node_id,
        clock,
        started_ms: clock.now().wall_clock_ms,
        inbox: inbox.clone(),
        heard,
        standstill: standstill.clone(),
    });
    let status_socket = Socket::make(&identity.metadata_log_dir);
    if let Some(socket) = &status_socket {
        socket.serve(&runtime, source.clone());
    }
    runtime.spawn(status::log_when_asked(asked, source));
    let contacts = Arc::new(Contacts::default());
    let acceptor = Acceptor {
        inbox: inbox.clone(),
        contacts: contacts.clone(),
        clock,
        listener_name: config.listener.name.clone(),
        max_frame_bytes: config.max_frame_bytes,
        max_idle: Duration::from_millis(config.max_connection_idle_ms),
        frame_timeout: connection::FRAME_TIMEOUT,
        next_token: AtomicU64::new(0),
    };
    serve(runtime, listening, Arc::new(acceptor))?;
    Ok(Network {
        contacts,
        peers,
        standstill,
        status_socket,
    })
}

/// Whether a controller could start now. What is wrong shows before it goes to the background.
pub fn check(config: &Config) -> Result<(), String> {
    look(config).map(drop)
}

/// What a start finds before it writes anything.
struct Found {
    ensemble: Ensemble,
    properties: MetaProperties,
    bootstrap: Vec<MetadataRecord>,
    listener: std::net::TcpListener,
    quotas: ConnectionQuotas,
}

/// All that may refuse a start and can be seen without the log: what is refused leaves the disk as it was.
fn look(config: &Config) -> Result<Found, String> {
    let identity = &config.identity;
    let metadata_log_dir = &identity.metadata_log_dir;
    let ensemble = Ensemble::load(metadata_log_dir, &identity.log_dirs);
    let properties = ensemble.verify(identity.node_id).map_err(text)?;
    let bootstrap = bootstrap::read(metadata_log_dir).map_err(text)?;
    let directory_id = properties.directory_id;
    directory::refuse_others(metadata_log_dir, identity.node_id, directory_id).map_err(text)?;
    let quotas = ConnectionQuotas::of(&config.connections)?;
    // Last: a node that runs already has its port, and its directory says so more clearly.
    let listener = listener::bind(&config.listener)?;
    Ok(Found {
        ensemble,
        properties,
        bootstrap: bootstrap.unwrap_or_default(),
        listener,
        quotas,
    })
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

fn options(
    config: &Config,
    properties: &MetaProperties,
    directory_id: Uuid,
    bootstrap: Vec<MetadataRecord>,
) -> Options {
    let identity = &config.identity;
    let voters = identity.voters.iter().map(|voter| {
        let endpoint = raft::Endpoint {
            listener_name: config.listener.name.clone(),
            host: voter.host.clone(),
            port: voter.port,
        };
        (voter.id, endpoint)
    });
    Options {
        raft: raft::Options {
            node_id: identity.node_id,
            directory_id,
            cluster_id: properties.cluster_id.clone(),
            advertised: raft::Endpoint {
                listener_name: config.listener.name.clone(),
                host: config.advertised.host.clone(),
                port: config.advertised.port,
            },
            election_timeout_ms: config.election_timeout_ms,
            fetch_timeout_ms: config.fetch_timeout_ms,
            election_backoff_max_ms: config.election_backoff_max_ms,
            retry_backoff_ms: config.retry_backoff_ms,
            fetch_max_bytes: config.fetch_max_bytes,
            fetch_snapshot_max_bytes: config.fetch_snapshot_max_bytes,
        },
        voters: raft::VoterSet::new(voters.collect()),
        metadata: metadata::Options {
            node_id: identity.node_id,
            cluster_id: properties.cluster_id.clone(),
            voter_ids: identity.voters.iter().map(|voter| voter.id).collect(),
            session_timeout_ms: config.session_timeout_ms,
            num_partitions: config.num_partitions,
            default_replication_factor: config.default_replication_factor,
            delete_topic_enable: config.delete_topic_enable,
            unstable_feature_versions_enable: config.unstable_feature_versions_enable,
            static_configs: identity.values.all_set().clone(),
            bootstrap: Arc::new(bootstrap),
        },
        listeners: vec![controller_registration::Listener {
            name: config.listener.name.clone(),
            host: config.advertised.host.clone(),
            port: config.advertised.port,
            security_protocol: PLAINTEXT,
            ..Default::default()
        }],
        periodic: PeriodicOptions {
            max_idle_interval_ms: config.max_idle_interval_ms,
            leader_imbalance_check_interval_ms: config.leader_imbalance_check_interval_ms,
            auto_leader_rebalance_enable: config.auto_leader_rebalance,
            unclean_leader_election_interval_ms: config.unclean_election_interval_ms,
        },
        snapshots: SnapshotOptions {
            max_bytes_between_snapshots: config.max_bytes_between_snapshots,
            max_snapshot_interval_ms: config.max_snapshot_interval_ms,
            max_retention_bytes: config.max_retention_bytes,
            max_retention_ms: config.max_retention_ms,
        },
        append_linger_ms: config.append_linger_ms,
        broker_heartbeat_interval_ms: config.heartbeat_interval_ms,
    }
}

/// Chance from the operating system, once.
fn seed() -> Result<u64, String> {
    let mut rng = ChaCha8Rng::try_from_os_rng().map_err(text)?;
    Ok(rng.next_u64())
}

/// The other voters.
fn peer_addresses(config: &Config) -> Vec<PeerAddress> {
    let identity = &config.identity;
    let others = identity
        .voters
        .iter()
        .filter(|voter| voter.id != identity.node_id);
    others
        .map(|voter| PeerAddress {
            id: voter.id,
            host: voter.host.clone(),
            port: voter.port,
        })
        .collect()
}

/// Starts the network thread.
fn serve(
    runtime: Runtime,
    (listener, quotas): (std::net::TcpListener, ConnectionQuotas),
    acceptor: Arc<Acceptor>,
) -> Result<(), String> {
    let inbox = acceptor.inbox.clone();
    // From here on, and not when the thread gets to it: people may have seen by then that the node has started.
    let stop = {
        let _context = runtime.enter();
        StopSignals::listen().map_err(|error| format!("cannot listen for signals: {error}"))?
    };
    let run = move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap_or_else(|error| {
                die(&format!("cannot serve the listener: {error}"));
            });
            tokio::spawn(stop_on_signal(stop, inbox));
            accept(listener, acceptor, quotas).await;
        });
    };
    thread::Builder::new()
        .name("net".to_owned())
        .spawn(run)
        .map(drop)
        .map_err(text)
}

/// A signal stops the node in good order; a second one at once.
async fn stop_on_signal(mut stop: StopSignals, inbox: Arc<Inbox>) {
    /// `timeout` and terminals send a signal to a process and to its group: that is one signal.
    const SAME_SIGNAL: Duration = Duration::from_secs(1);
    // Kafka's sentence (`LoggingSignalHandler`).
    let signal = signals::name(stop.next().await);
    info!("Terminating process due to signal {signal}");
    inbox.push(Input::Shutdown);
    tokio::time::sleep(SAME_SIGNAL).await;
    stop.forget();
    stop.next().await;
    die("stopped by a second signal");
}
