//! Processes that run together: started in order, watched, and stopped in the other order. They all end when
//! one of them does, or when a signal asks for it.

use std::{
    fs::{self, OpenOptions},
    io::{self, PipeReader, PipeWriter},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::{fail, fail_in_log, quorum, tethered::tethered};
use crate::{config::Voter, server::signals::StopSignals};

/// How often children are looked at.
pub const POLL: Duration = Duration::from_millis(50);
/// How long a node may take to stop before it is ended.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// How long a broker may that a leader can still let go: it waits five minutes for that by itself.
const BROKER_PATIENCE: Duration = Duration::from_secs(6 * 60);
/// How long a controller may take to say whether it leads.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);
/// How often they are asked while a broker takes its time to stop.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The processes that were started.
pub struct Nodes {
    running: Vec<Node>,
    /// The controllers of brokers among them.
    pub voters: Vec<Voter>,
    /// SIGQUIT: they are to say what they do.
    asked: Signals,
    /// Controllers read from it, and end when we and all brokers have ended (`tethered.rs`).
    tether: (PipeReader, PipeWriter),
}

/// What a process is, to those that run with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A `kraftd server --supervised`.
    Controller,
    Broker,
}

struct Node {
    role: Role,
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
    let listening = StopSignals::listen().and_then(|stop| Ok((stop, signal(SignalKind::quit())?)));
    let (mut signals, asked) = match listening {
        Ok(listening) => listening,
        Err(error) => return fail(format!("cannot listen for signals: {error}")),
    };
    let mut nodes = match Nodes::none(asked) {
        Ok(nodes) => nodes,
        Err(error) => return fail(format!("cannot make a pipe: {error}")),
    };
    let outcome = tokio::select! {
        done = work(&mut nodes) => done,
        _ = signals.next() => Ok(()),
    };
    // Said before the others are stopped, which may take a while.
    let code = outcome.map_or_else(fail_in_log, |()| ExitCode::SUCCESS);
    tokio::select! {
        () = nodes.stop() => {}
        () = told_at_a_terminal(&mut signals) => nodes.kill(),
    }
    code
}

/// Returns when somebody at a terminal does not want to wait. Scripts that ask twice mean no harm: a broker that is
/// killed has to look through its logs when it starts again.
async fn told_at_a_terminal(signals: &mut StopSignals) {
    while signals.next().await != SignalKind::interrupt() {}
}

impl Node {
    fn send(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ended = kill_process(pid, signal);
        }
    }
}

impl Nodes {
    fn none(asked: Signals) -> io::Result<Nodes> {
        Ok(Nodes {
            running: Vec::new(),
            voters: Vec::new(),
            asked,
            tether: io::pipe()?,
        })
    }

    /// Starts a process whose output goes to the end of `NAME.log` in the folder.
    pub fn start_logging(
        &mut self,
        role: Role,
        name: &str,
        command: Command,
        dir: &Path,
    ) -> Result<(), String> {
        let log = dir.join(format!("{name}.log"));
        let started = self.spawn(role, name, command, Some(log));
        started.map_err(|error| format!("cannot start {name}: {error}"))
    }

    /// Starts a process whose output goes where ours does.
    pub fn start(&mut self, role: Role, name: &str, command: Command) -> Result<(), String> {
        let started = self.spawn(role, name, command, None);
        started.map_err(|error| format!("cannot start {name}: {error}"))
    }

    fn spawn(
        &mut self,
        role: Role,
        name: &str,
        mut command: Command,
        log: Option<PathBuf>,
    ) -> io::Result<()> {
        let (reader, writer) = &self.tether;
        match role {
            Role::Controller => command.stdin(reader.try_clone()?),
            Role::Broker => {
                command = tethered(&command);
                command.stdin(writer.try_clone()?)
            }
        };
        if let Some(log) = &log {
            let output = OpenOptions::new().create(true).append(true).open(log)?;
            command.stdout(output.try_clone()?).stderr(output);
        }
        // A group of its own: Ctrl-C is for us, and we stop the nodes in order.
        let child = command.process_group(0).spawn()?;
        let name = name.to_owned();
        self.running.push(Node {
            role,
            name,
            child,
            log,
        });
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
            self.check_after(POLL).await?;
        }
    }

    /// The same after a while. Who asks how they are doing meanwhile asks all that run by then.
    pub async fn check_after(&mut self, pause: Duration) -> Result<(), String> {
        let asked = self.asked.recv();
        if tokio::time::timeout(pause, asked).await.is_ok() {
            self.running.iter().for_each(|node| node.send(Signal::QUIT));
        }
        self.check()
    }

    /// Stops them, the newest first: brokers before the controllers they need.
    async fn stop(&mut self) {
        while let Some(node) = self.running.last_mut() {
            // The id of one that has ended may be somebody else's by now.
            if matches!(node.child.try_wait(), Ok(None)) {
                node.send(Signal::TERM);
            }
            let started = Instant::now();
            let mut patience = STOP_PATIENCE;
            while matches!(node.child.try_wait(), Ok(None)) {
                if started.elapsed() > patience {
                    let let_go = node.role == Role::Broker && patience < BROKER_PATIENCE;
                    match let_go && has_leader(self.voters.clone()).await {
                        true => patience = (started.elapsed() + ASK_EVERY).min(BROKER_PATIENCE),
                        false => {
                            let _ended = node.child.kill();
                        }
                    }
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

/// Asks in a thread of its own, so that signals are heard meanwhile.
pub async fn has_leader(voters: Vec<Voter>) -> bool {
    let ask = move || quorum::has_leader(&voters, ANSWER_PATIENCE);
    tokio::task::spawn_blocking(ask).await.unwrap_or(false)
}
