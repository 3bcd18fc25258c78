//! `kafka-server-stop.sh`: ends the kraftd servers of this machine, with the Java brokers that run beside them,
//! and nothing else.

use std::{
    collections::BTreeSet,
    env, io,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Signal, kill_process};

use super::{
    fail,
    processes::{self, Kind, Process, Server},
    supervisor::POLL,
};
use crate::{
    console::{complain, say},
    protocol::NodeId,
};

/// How many seconds `--wait` waits that says no other number.
const PATIENCE: u64 = 60;
/// What a broker may need to tell its controller that it goes; a controller that knows stays for it.
const HEAD_START: Duration = Duration::from_millis(500);

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
    wait: Option<String>,
    /// Stop the servers of Java's Kafka, too, as Kafka's own script does.
    #[arg(long)]
    java_too: bool,
    #[arg(hide = true)]
    ignored: Vec<String>,
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
        say!(
            "When both node-id and process-role are provided, the value for node-id will take precedence"
        );
    }
    tell_what_is_ignored(arguments);
    let processes = processes::all();
    let servers = processes.iter().filter(|process| {
        let server = process.server.as_ref();
        server.is_some_and(|server| arguments.is_ours(server)) && !process.is_supervised(&processes)
    });
    let wanted: Vec<&Process> = servers
        .filter(|process| arguments.is_wanted(process))
        .collect();
    if wanted.is_empty() {
        // Kafka's script says so on standard output.
        say!("No kafka server to stop");
        return Ok(ExitCode::FAILURE);
    }
    let Outcome {
        signalled,
        mut failures,
    } = signal_all(&wanted, &processes, signal);
    if let Some(wait) = &arguments.wait {
        let patience = Duration::from_secs(wait.parse().unwrap_or(PATIENCE));
        failures.extend(wait_for_end(&signalled, patience).err());
    }
    match failures.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(failures.join("\n")),
    }
}

/// Kafka's script looks for its two options among the words, and goes on without the others; most name the file there.
fn tell_what_is_ignored(arguments: &Arguments) {
    let mut words = arguments.ignored.clone();
    let no_seconds = |word: &&String| word.parse::<u64>().is_err();
    words.extend(arguments.wait.iter().filter(no_seconds).cloned());
    if !words.is_empty() {
        complain!("ignored: {}; --node-id=N stops one node", words.join(" "));
    }
}

/// Who got the signal, and why others did not.
#[derive(Default)]
struct Outcome<'a> {
    signalled: Vec<&'a Process>,
    failures: Vec<String>,
}

/// Java's first: its brokers need leave to go from a controller.
fn signal_all<'a>(wanted: &[&'a Process], processes: &'a [Process], signal: Signal) -> Outcome<'a> {
    // These end a supervisor unheard, so that its nodes have to get them, too.
    let ends = [Signal::KILL, Signal::ABORT].contains(&signal);
    let mut outcome = Outcome::default();
    for kind in [Kind::Java, Kind::Kraftd] {
        let servers: Vec<_> = wanted.iter().filter(|process| process.is(kind)).collect();
        if !servers.is_empty() && !outcome.signalled.is_empty() {
            thread::sleep(HEAD_START);
        }
        for server in servers {
            let is_its_node = |other: &&Process| ends && other.parent == Some(server.pid);
            outcome.signal(server, signal);
            processes
                .iter()
                .filter(is_its_node)
                .for_each(|node| outcome.signal(node, signal));
        }
    }
    outcome
}

impl<'a> Outcome<'a> {
    fn signal(&mut self, process: &'a Process, signal: Signal) {
        match kill_process(process.pid, signal) {
            // It ended by itself meanwhile.
            Ok(()) | Err(rustix::io::Errno::SRCH) => self.signalled.push(process),
            Err(error) => {
                let (process, error) = (process.describe(), io::Error::from(error));
                self.failures
                    .push(format!("cannot stop {process}: {error}"));
            }
        }
    }
}

fn wait_for_end(processes: &[&Process], patience: Duration) -> Result<(), String> {
    let started = Instant::now();
    for process in processes {
        while process.runs() {
            if started.elapsed() >= patience {
                let (process, seconds) = (process.describe(), patience.as_secs());
                return Err(format!(
                    "{process} still runs after {seconds} s; its log says what it waits for. --wait with more \
                     seconds waits longer, SIGNAL=KILL ends it at once."
                ));
            }
            thread::sleep(POLL);
        }
    }
    Ok(())
}

impl Arguments {
    /// Whether it is for us to stop. The broker of a node with both roles is, whose supervisor has been killed.
    fn is_ours(&self, server: &Server) -> bool {
        self.java_too || server.kind == Kind::Kraftd || server.is_half()
    }

    fn is_wanted(&self, process: &Process) -> bool {
        let Some(server) = &process.server else {
            return false;
        };
        if self.process_role.is_none() && self.node_id.is_none() {
            return true;
        }
        let node = match &server.node {
            Ok(node) => node,
            Err(error) => {
                let (pid, file) = (process.pid.as_raw_nonzero(), server.file.display());
                complain!(
                    "process {pid} goes on, since nobody can tell which node it is: {file}: {error}"
                );
                return false;
            }
        };
        if let Some(id) = self.node_id {
            return id == node.id;
        }
        let asked = self.process_role.iter().flat_map(|roles| roles.split(','));
        let asked: BTreeSet<&str> = asked.map(str::trim).collect();
        asked == node.roles.iter().map(String::as_str).collect()
    }
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
