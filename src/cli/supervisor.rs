//! Processes that run together: started in order, watched, and stopped in the other order. They all end when
//! one of them does, or when a signal asks for it.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use super::{fail, quorum};
use crate::config::Voter;

/// How often children are looked at.
pub const POLL: Duration = Duration::from_millis(50);
/// How long a node may take to stop before it is ended.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// How long a broker may that a leader can still let go: it waits five minutes for that by itself.
const BROKER_PATIENCE: Duration = Duration::from_secs(6 * 60);
/// How long a controller may take to say whether it leads.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

/// The processes that were started.
#[derive(Default)]
pub struct Nodes {
    running: Vec<Node>,
    /// The controllers of brokers among them.
    pub voters: Vec<Voter>,
}

struct Node {
    name: String,
    child: Child,
    /// Where its output goes, if not where ours does.
    log: Option<PathBuf>,
}

/// Does the work until it is done, fails, or a signal says that it is enough; then stops every node.
pub fn supervise(work: impl AsyncFnOnce(&mut Nodes) -> Result<(), String>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(error),
    };
    let mut nodes = Nodes::default();
    let outcome = runtime.block_on(until_told_to_stop(work(&mut nodes)));
    // Said before the others are stopped, which may take a while.
    let code = outcome.map_or_else(fail, |()| ExitCode::SUCCESS);
    nodes.stop();
    code
}

async fn until_told_to_stop(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let closed = async {
        match ignores_hangup() {
            true => std::future::pending().await,
            // The terminal is gone, and our nodes do not notice: they are in groups of their own.
            false => signal(SignalKind::hangup()).ok()?.recv().await,
        }
    };
    tokio::select! {
        done = work => done,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        Some(()) = closed => Ok(()),
    }
}

/// Whether we were started with `nohup`, which a handler of our own would undo.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

impl Nodes {
    /// Starts a process whose output goes to the end of `NAME.log` in the folder.
    pub fn start_logging(
        &mut self,
        name: &str,
        command: Command,
        dir: &Path,
    ) -> Result<(), String> {
        self.spawn(name, command, Some(dir.join(format!("{name}.log"))))
    }

    /// Starts a process whose output goes where ours does.
    pub fn start(&mut self, name: &str, command: Command) -> Result<(), String> {
        self.spawn(name, command, None)
    }

    fn spawn(
        &mut self,
        name: &str,
        mut command: Command,
        log: Option<PathBuf>,
    ) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot start {name}: {error}");
        if let Some(log) = &log {
            let output = OpenOptions::new().create(true).append(true).open(log);
            let output = output.map_err(failed)?;
            let errors = output.try_clone().map_err(failed)?;
            command.stdout(output).stderr(errors);
        }
        // A group of its own: Ctrl-C is for us, and we stop the nodes in order.
        command.stdin(Stdio::null()).process_group(0);
        let child = command.spawn().map_err(failed)?;
        let name = name.to_owned();
        self.running.push(Node { name, child, log });
        Ok(())
    }

    /// Fails if one of them has ended.
    pub fn check(&mut self) -> Result<(), String> {
        for node in &mut self.running {
            let Ok(Some(status)) = node.child.try_wait() else {
                continue;
            };
            let why = match &node.log {
                Some(log) => {
                    let text = fs::read_to_string(log).unwrap_or_default();
                    text.lines().last().unwrap_or_default().to_owned()
                }
                None => "its last words are above, and what ran with it is stopped".to_owned(),
            };
            return Err(format!("{} ended ({status}): {why}", node.name));
        }
        Ok(())
    }

    /// Returns when one of them has ended, saying which.
    pub async fn watch(&mut self) -> Result<(), String> {
        loop {
            self.check()?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Stops them, the newest first: brokers before the controllers they need.
    fn stop(&mut self) {
        for mut node in self.running.drain(..).rev() {
            if let Some(pid) = Pid::from_raw(node.child.id() as i32) {
                let _ended = kill_process(pid, Signal::TERM);
            }
            let started = Instant::now();
            while matches!(node.child.try_wait(), Ok(None)) {
                let spent = started.elapsed();
                if spent > STOP_PATIENCE
                    && (spent > BROKER_PATIENCE
                        || !quorum::has_leader(&self.voters, ANSWER_PATIENCE))
                {
                    let _ended = node.child.kill();
                }
                std::thread::sleep(POLL);
            }
        }
    }
}
