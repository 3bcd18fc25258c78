//! `status.sock` in `metadata.log.dir`: who connects is told, in one JSON document, how this node is doing, whether
//! or not there is a leader, the disk answers, or the listener can be reached.
//!
//! The controller thread says it between two inputs. While it stands still, since what it saves must be
//! durable before it goes on, what it left here beforehand is told.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read},
    os::{
        fd::AsRawFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
    runtime::Runtime,
    signal::unix::Signal,
    sync::oneshot,
    time::timeout,
};
use tracing::{debug, info, warn};

use super::{
    clock::Clock,
    heard::{Heard, PeerStatus},
    inbox::{Inbox, Input},
};
use crate::{
    protocol::NodeId,
    raft::{self, StandingStatus},
};

pub const NAME: &str = "status.sock";

/// A controller thread that does not answer so long may stand still.
const STANDS_STILL_AFTER: Duration = Duration::from_millis(10);

/// What a running node tells of itself. Times are milliseconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    pub version: String,
    pub cluster_id: String,
    pub node_id: NodeId,
    pub now_ms: i64,
    pub started_ms: i64,
    /// So long it has waited for its disk to save epoch and vote, or to cut the log. What follows is as it
    /// was before.
    pub waits_for_disk_ms: Option<u64>,
    #[serde(flatten)]
    pub quorum: raft::Status,
    /// The other voters, as they answered this one.
    pub peers: Vec<PeerStatus>,
}

impl NodeStatus {
    /// It may have forgotten what it once promised.
    pub fn must_not_vote(&self) -> bool {
        match self.quorum.standing {
            StandingStatus::Sound | StandingStatus::Blank => false,
            StandingStatus::Amnesiac { .. } => true,
        }
    }
}

/// What it takes to tell the status.
pub struct Source {
    pub cluster_id: String,
    pub node_id: NodeId,
    pub clock: Clock,
    pub started_ms: i64,
    pub inbox: Arc<Inbox>,
    pub heard: Arc<Heard>,
    pub standstill: Arc<Standstill>,
}

/// The controller thread waits for its disk; what it last was, and since when.
#[derive(Default)]
pub struct Standstill(Mutex<Option<(raft::Status, Instant)>>);

impl Standstill {
    pub fn begin(&self, status: raft::Status) {
        *self.lock() = Some((status, Instant::now()));
    }

    pub fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<(raft::Status, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket, as long as this lives.
pub struct Socket {
    listener: StdUnixListener,
    directory: File,
}

impl Socket {
    /// In the place of one that a killed process has left. A node can do without.
    pub fn make(metadata_log_dir: &Path) -> Option<Socket> {
        let made = File::open(metadata_log_dir).and_then(|directory| {
            let path = short_path(&directory);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let listener = StdUnixListener::bind(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            Ok(Socket {
                listener,
                directory,
            })
        });
        made.inspect_err(|error| {
            let directory = metadata_log_dir.display();
            warn!("kraftd status cannot ask this node: no {NAME} in {directory}: {error}");
        })
        .ok()
    }

    /// Tells everyone who connects.
    pub fn serve(&self, runtime: &Runtime, source: Arc<Source>) {
        match self.listener.try_clone() {
            Ok(listener) => drop(runtime.spawn(serve(listener, source))),
            Err(error) => warn!("cannot serve {NAME}: {error}"),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(short_path(&self.directory)) {
            debug!("cannot remove {NAME}: {error}");
        }
    }
}

/// Asks the node that runs on this directory.
pub fn ask(metadata_log_dir: &Path, patience: Duration) -> io::Result<NodeStatus> {
    let directory = File::open(metadata_log_dir)?;
    let mut stream = StdUnixStream::connect(short_path(&directory))?;
    stream.set_read_timeout(Some(patience))?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The path of a socket has 107 bytes at most, that of a directory more: by way of its open file.
fn short_path(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd()))
}

async fn serve(listener: StdUnixListener, source: Arc<Source>) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return warn!("cannot serve {NAME}: {error}"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(tell(source.clone(), stream))),
            Err(error) => {
                debug!("cannot accept a connection at {NAME}: {error}");
                tokio::time::sleep(STANDS_STILL_AFTER).await;
            }
        }
    }
}

async fn tell(source: Arc<Source>, mut stream: UnixStream) {
    let Some(status) = source.status().await else {
        return;
    };
    let told = match serde_json::to_vec(&status) {
        Ok(text) => stream.write_all(&text).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = told {
        debug!("cannot tell the status: {error}");
    }
}

/// SIGQUIT, at which Java prints what its threads do: ours says how the node is doing, and the node goes on.
pub async fn log_when_asked(mut asked: Signal, source: Arc<Source>) {
    const PATIENCE: Duration = Duration::from_secs(1);
    while asked.recv().await.is_some() {
        let status = timeout(PATIENCE, source.status()).await;
        match status.map(|status| serde_json::to_string(&status)) {
            Ok(Ok(status)) => info!("SIGQUIT: status {status}"),
            Ok(Err(error)) => warn!("SIGQUIT: {error}"),
            Err(_elapsed) => {
                info!("SIGQUIT: the controller thread is busy, for {PATIENCE:?} at least")
            }
        }
    }
}

impl Source {
    /// `None` once the node has ended.
    async fn status(&self) -> Option<NodeStatus> {
        let (quorum, waits_for_disk_ms) = self.quorum().await?;
        Some(NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster_id: self.cluster_id.clone(),
            node_id: self.node_id,
            now_ms: self.clock.now().wall_clock_ms,
            started_ms: self.started_ms,
            waits_for_disk_ms,
            quorum,
            peers: self.heard.all(),
        })
    }

    async fn quorum(&self) -> Option<(raft::Status, Option<u64>)> {
        let (reply, mut answer) = oneshot::channel();
        self.inbox.push(Input::Status(reply));
        loop {
            if let Ok(answer) = timeout(STANDS_STILL_AFTER, &mut answer).await {
                return Some((answer.ok()?, None));
            }
            if let Some((status, since)) = &*self.standstill.lock() {
                let waited_ms = since.elapsed().as_millis() as u64;
                return Some((status.clone(), Some(waited_ms)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::{
        protocol::{Epoch, Offset},
        raft::StandingStatus,
    };

    fn quorum(epoch: i32) -> raft::Status {
        raft::Status {
            role: "candidate".to_owned(),
            epoch: Epoch(epoch),
            leader_id: None,
            hears_leader: false,
            voted_id: Some(NodeId(1)),
            log_start_offset: Offset(0),
            log_end_offset: Offset(7),
            log_end_epoch: Epoch(1),
            durable_end_offset: Offset(7),
            high_watermark: None,
            standing: StandingStatus::Sound,
            granted: vec![NodeId(1)],
            refused: Vec::new(),
            foreign_nodes: Vec::new(),
            voters: Vec::new(),
            observers: Vec::new(),
        }
    }

    /// Below a path that is too long for a socket's.
    #[test]
    fn a_node_that_waits_for_its_disk_tells_what_it_was_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path().join("long".repeat(50));
        fs::create_dir_all(&dir).expect("a folder");
        let standstill = Arc::new(Standstill::default());
        let source = Source {
            cluster_id: "cluster".to_owned(),
            node_id: NodeId(1),
            clock: Clock::start(),
            started_ms: 0,
            // Nobody reads what comes in.
            inbox: Arc::new(Inbox::default()),
            heard: Arc::new(Heard::new(&[])),
            standstill: standstill.clone(),
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let socket = Socket::make(&dir).expect("a socket");
        socket.serve(&runtime, Arc::new(source));
        standstill.begin(quorum(3));
        let asked = dir.clone();
        let asking = move || ask(&asked, Duration::from_secs(10));
        let told = runtime.block_on(async { tokio::task::spawn_blocking(asking).await });
        let told = told.expect("no panic").expect("a status");
        assert_eq!(told.quorum, quorum(3));
        assert!(told.waits_for_disk_ms.is_some());
        drop(socket);
        let gone = ask(&dir, Duration::from_secs(1)).expect_err("no socket");
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
