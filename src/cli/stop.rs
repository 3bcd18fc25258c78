//! `kafka-server-stop.sh`: ends the kraftd servers of this machine, with the Java brokers that run beside them,
//! and nothing else.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use rustix::process::{Pid, Signal, kill_process};

use super::{Command, fail, supervisor::POLL};
use crate::{config::Identity, protocol::NodeId};

#[derive(clap::Args)]
pub struct Arguments {
    /// Stop only nodes with exactly these roles.
    #[arg(long, value_name = "ROLES")]
    process_role: Option<String>,
    /// Stop only the node with this id.
    #[arg(long, value_name = "ID", value_parser = node_id)]
    node_id: Option<NodeId>,
    /// Return only when what was stopped has ended, or fail after so many seconds (60, if none are given). A
    /// controller stays up to ten seconds for brokers that are shutting down.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u64>,
}

fn node_id(text: &str) -> Result<NodeId, &'static str> {
    let id = text.parse().ok().filter(|id| *id >= 0);
    id.map(NodeId)
        .ok_or("no node.id: expected a number from 0 on")
}

/// The signals that `SIGNAL` may name, with and without SIG or by number.
const SIGNALS: &[(&str, Signal)] = &[
    ("TERM", Signal::TERM),
    ("INT", Signal::INT),
    ("KILL", Signal::KILL),
    ("HUP", Signal::HUP),
    ("QUIT", Signal::QUIT),
    ("ABRT", Signal::ABORT),
];

pub fn run(arguments: &Arguments) -> ExitCode {
    match stop(arguments) {
        Ok(code) => code,
        Err(error) => fail(error),
    }
}

fn stop(arguments: &Arguments) -> Result<ExitCode, String> {
    let signal = signal()?;
    if arguments.node_id.is_some() && arguments.process_role.is_some() {
        println!(
            "When both node-id and process-role are provided, the value for node-id will take precedence"
        );
    }
    let processes: Vec<Process> = processes().collect();
    let servers = processes.iter().filter(|process| process.server.is_some());
    // Who runs both halves of a node stops its controller itself, after the broker.
    let has_own_parent = |process: &&Process| {
        let mut servers = processes.iter().filter(|other| other.server.is_some());
        servers.any(|other| Some(other.pid) == process.parent)
    };
    let wanted = servers.filter(|process| !has_own_parent(process));
    let wanted: Vec<&Process> = wanted
        .filter(|process| process.is_wanted(arguments))
        .collect();
    if wanted.is_empty() {
        // Kafka's script says so on standard output.
        println!("No kafka server to stop");
        return Ok(ExitCode::FAILURE);
    }
    for process in &wanted {
        // These end it unheard, so that its nodes have to get them, too.
        let ends = [Signal::KILL, Signal::ABORT].contains(&signal);
        let nodes = processes
            .iter()
            .filter(|other| other.parent == Some(process.pid));
        let nodes = nodes.filter(|_| ends).map(|other| other.pid);
        for pid in [process.pid].into_iter().chain(nodes) {
            match kill_process(pid, signal) {
                // It ended by itself meanwhile.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => {
                    let pid = pid.as_raw_nonzero();
                    return Err(format!(
                        "cannot stop process {pid}: {}",
                        io::Error::from(error)
                    ));
                }
            }
        }
    }
    if let Some(seconds) = arguments.wait {
        wait_for_end(&wanted, Duration::from_secs(seconds))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn wait_for_end(processes: &[&Process], patience: Duration) -> Result<(), String> {
    let started = Instant::now();
    for process in processes {
        while process.runs() {
            if started.elapsed() >= patience {
                let (pid, seconds) = (process.pid.as_raw_nonzero(), patience.as_secs());
                return Err(format!(
                    "process {pid} still runs after {seconds} s; its log says what it waits for. --wait with more \
                     seconds waits longer, SIGNAL=KILL ends it at once."
                ));
            }
            thread::sleep(POLL);
        }
    }
    Ok(())
}

/// What `SIGNAL` says; a request to stop unless it says otherwise.
fn signal() -> Result<Signal, String> {
    let text = env::var("SIGNAL").unwrap_or_default();
    let text = text.trim().to_ascii_uppercase();
    let name = text.strip_prefix("SIG").unwrap_or(&text);
    let is_meant = |row: &&(&str, Signal)| row.0 == name || row.1.as_raw().to_string() == name;
    match (name, SIGNALS.iter().find(is_meant)) {
        ("", _) => Ok(Signal::TERM),
        (_, Some((_, signal))) => Ok(*signal),
        (_, None) => {
            let known: Vec<&str> = SIGNALS.iter().map(|(name, _)| *name).collect();
            Err(format!(
                "SIGNAL={text}: expected one of {}",
                known.join(", ")
            ))
        }
    }
}

struct Process {
    pid: Pid,
    parent: Option<Pid>,
    server: Option<Server>,
}

/// What a `kraftd server FILE` runs.
pub struct Server {
    pub file: PathBuf,
    pub overrides: Vec<String>,
    identity: Result<Identity, String>,
}

/// The servers of this machine. Of a node with both halves it is the one that runs them.
pub fn servers() -> Vec<Server> {
    let mut processes: Vec<Process> = processes().filter(|it| it.server.is_some()).collect();
    let all: Vec<Option<Pid>> = processes.iter().map(|it| Some(it.pid)).collect();
    processes.retain(|process| !all.contains(&process.parent));
    processes.into_iter().filter_map(|it| it.server).collect()
}

impl Process {
    /// Whether it has not ended; who started it may not have noticed yet.
    fn runs(&self) -> bool {
        let pid = self.pid.as_raw_nonzero();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.trim_start().chars().next());
        !matches!(state.flatten(), None | Some('Z' | 'X'))
    }

    fn is_wanted(&self, arguments: &Arguments) -> bool {
        let Some(server) = &self.server else {
            return false;
        };
        let Arguments {
            process_role,
            node_id,
            ..
        } = arguments;
        if process_role.is_none() && node_id.is_none() {
            return true;
        }
        let identity = match &server.identity {
            Ok(identity) => identity,
            Err(error) => {
                let (pid, file) = (self.pid.as_raw_nonzero(), server.file.display());
                eprintln!(
                    "process {pid} goes on, since nobody can tell which node it is: {file}: {error}"
                );
                return false;
            }
        };
        if let Some(id) = node_id {
            return *id == identity.node_id;
        }
        let roles = [
            ("broker", identity.is_broker),
            ("controller", identity.is_controller),
        ];
        let roles = roles
            .into_iter()
            .filter(|(_, has)| *has)
            .map(|(role, _)| role);
        let asked = process_role
            .iter()
            .flat_map(|roles| roles.split(','))
            .map(str::trim);
        roles.collect::<BTreeSet<_>>() == asked.collect()
    }
}

fn processes() -> impl Iterator<Item = Process> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let path = process.path();
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        // After the name, which may hold anything: state, parent.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
        let command = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        let directory = fs::read_link(path.join("cwd")).unwrap_or_default();
        Some(Process {
            pid: Pid::from_raw(pid)?,
            parent: Pid::from_raw(parent.parse().ok()?),
            server: server(&command, &directory),
        })
    })
}

fn server(command: &str, directory: &std::path::Path) -> Option<Server> {
    let words: Vec<&str> = command.split_terminator('\0').collect();
    if words.first()?.rsplit('/').next() != Some("kraftd") {
        return None;
    }
    let Command::Server(arguments) = super::Arguments::try_parse_from(words).ok()?.command else {
        return None;
    };
    let file = directory.join(arguments.file.as_ref()?);
    let identity = Identity::load(&file, &arguments.overrides).map_err(|error| error.to_string());
    let overrides = arguments.overrides;
    (!arguments.check).then_some(Server {
        file,
        overrides,
        identity,
    })
}
