//! `kafka-server-stop.sh`: ends the kraftd servers of this machine, and nothing else.

use std::{fs, process::ExitCode};

use rustix::process::{Pid, Signal, kill_process};

#[derive(clap::Args)]
pub struct Arguments {
    /// Stop only nodes with this role; kraftd nodes are controllers.
    #[arg(long)]
    process_role: Option<String>,
    /// Stop only the node with this id.
    #[arg(long)]
    node_id: Option<String>,
}

pub fn run(arguments: Arguments) -> ExitCode {
    let is_controller = arguments
        .process_role
        .as_deref()
        .is_none_or(|role| role == "controller");
    let wanted =
        |server: &Server| arguments.node_id.is_none() || arguments.node_id == server.node_id;
    let servers: Vec<Server> = match is_controller {
        true => servers().filter(wanted).collect(),
        false => Vec::new(),
    };
    if servers.is_empty() {
        // Kafka's script says so on standard output.
        println!("No kafka server to stop");
        return ExitCode::FAILURE;
    }
    let stopped = servers
        .iter()
        .map(|server| kill_process(server.pid, Signal::TERM));
    match stopped.filter_map(Result::err).next() {
        None => ExitCode::SUCCESS,
        Some(error) => super::fail(format!("cannot stop a server: {error}")),
    }
}

/// A running `kraftd server FILE`.
struct Server {
    pid: Pid,
    node_id: Option<String>,
}

fn servers() -> impl Iterator<Item = Server> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let command = fs::read_to_string(process.path().join("cmdline")).ok()?;
        let words: Vec<&str> = command.split('\0').collect();
        let is_server =
            words.first()?.rsplit('/').next() == Some("kraftd") && words.get(1) == Some(&"server");
        let directory = fs::read_link(process.path().join("cwd")).ok()?;
        let node_id = || {
            let file = directory.join(words[2..].iter().find(|word| !word.starts_with("--"))?);
            let overrides = words.windows(2).filter(|pair| pair[0] == "--override");
            let overrides: Vec<String> = overrides.map(|pair| pair[1].to_owned()).collect();
            let identity = crate::config::Identity::load(&file, &overrides).ok()?;
            Some(identity.node_id.to_string())
        };
        is_server.then(|| {
            Some(Server {
                pid: Pid::from_raw(pid)?,
                node_id: node_id(),
            })
        })?
    })
}
