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
use tokio::signal::unix::{self, SignalKind, signal};

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
    match runtime {
        Ok(runtime) => runtime.block_on(until_all_have_ended(work)),
        Err(error) => fail(error),
    }
}

async fn until_all_have_ended(
    work: impl AsyncFnOnce(&mut Nodes) -> Result<(), String>,
) -> ExitCode {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail(format!("cannot listen for signals: {error}")),
    };
    let mut nodes = Nodes::default();
    let outcome = tokio::select! {
        done = work(&mut nodes) => done,
        () = signals.stop() => Ok(()),
    };
    // Said before the others are stopped, which may take a while.
    let code = outcome.map_or_else(fail, |()| ExitCode::SUCCESS);
    tokio::select! {
        () = nodes.stop() => {}
        () = signals.insist() => nodes.kill(),
    }
    code
}

/// Those that ask us to stop.
struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    /// The terminal is gone, and our nodes do not notice: they are in groups of their own.
    hangup: Option<unix::Signal>,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: hangup.transpose()?,
        })
    }

    /// Returns with the next one.
    async fn stop(&mut self) {
        let closed = async {
            match &mut self.hangup {
                None => std::future::pending().await,
                Some(hangup) => hangup.recv().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = closed => {}
        }
    }

    /// Returns when somebody at a terminal does not want to wait. Scripts that ask twice mean no harm: a broker that is
    /// killed has to look through its logs when it starts again.
    async fn insist(&mut self) {
        self.interrupt.recv().await;
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
    async fn stop(&mut self) {
        while let Some(node) = self.running.last_mut() {
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
                tokio::time::sleep(POLL).await;
            }
            self.running.pop();
        }
    }

    /// Ends at once those that still run.
    fn kill(&mut self) {
        for mut node in self.running.drain(..) {
            let _ended = node.child.kill();
        }
    }
}
