//! The servers that run on this machine: kraftd's, and those of Java's Kafka.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use clap::Parser;
use rustix::process::{Pid, geteuid};

use super::{Command, combined};
use crate::{
    config::{ConfigError, Environment, Identity, values::Values},
    protocol::NodeId,
};

pub struct Process {
    pub pid: Pid,
    pub parent: Option<Pid>,
    pub server: Option<Server>,
}

/// What a `kraftd server FILE` or a `java ... kafka.Kafka FILE` runs.
#[derive(Clone)]
pub struct Server {
    pub kind: Kind,
    /// As it was typed where nobody tells us in which folder that was.
    pub file: PathBuf,
    pub overrides: Vec<String>,
    pub node: Result<Node, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Kraftd,
    Java,
}

#[derive(Clone)]
pub struct Node {
    pub id: NodeId,
    pub roles: BTreeSet<String>,
}

/// Every process of the machine.
pub fn all() -> Vec<Process> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let process = |entry: fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let path = entry.path();
        let (_, parent) = stat(pid)?;
        let command = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = command.split_terminator('\0').collect();
        let directory = fs::read_link(path.join("cwd")).ok();
        Some(Process {
            pid,
            parent,
            server: Server::of(pid, &words, directory.as_deref()),
        })
    };
    processes.filter_map(process).collect()
}

/// The `kraftd server` of this machine. Of a node with both halves it is the one that runs them.
pub fn kraftd_servers() -> Vec<Server> {
    let all = all();
    let runs_itself = |process: &&Process| process.is(Kind::Kraftd) && !process.is_supervised(&all);
    let servers = all.iter().filter(runs_itself);
    servers
        .filter_map(|process| process.server.clone())
        .collect()
}

/// The state of a process, and its parent.
fn stat(pid: Pid) -> Option<(char, Option<Pid>)> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // After the name, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?);
    Some((state.chars().next()?, Pid::from_raw(parent.parse().ok()?)))
}

impl Process {
    /// Whether it has not ended; who started it may not have noticed yet.
    pub fn runs(&self) -> bool {
        stat(self.pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
    }

    /// Whether one of these runs it, as it does both halves of a node; and stops them itself, the broker first.
    pub fn is_supervised(&self, all: &[Process]) -> bool {
        let mut servers = all.iter().filter(|other| other.is(Kind::Kraftd));
        servers.any(|other| Some(other.pid) == self.parent)
    }

    pub fn is(&self, kind: Kind) -> bool {
        self.server
            .as_ref()
            .is_some_and(|server| server.kind == kind)
    }

    /// For who wants to know which one it is.
    pub fn describe(&self) -> String {
        let pid = self.pid.as_raw_nonzero();
        let process = match owner(self.pid) {
            Some(owner) => format!("process {pid} of {owner}"),
            None => format!("process {pid}"),
        };
        match &self.server {
            Some(server) => format!("{process} ({})", server.describe()),
            None => process,
        }
    }
}

impl Server {
    fn of(pid: Pid, words: &[&str], directory: Option<&Path>) -> Option<Server> {
        match words.first()?.rsplit('/').next()? {
            "kraftd" => Server::of_kraftd(pid, words, directory),
            "java" => Server::of_java(words, directory),
            _ => None,
        }
    }

    fn of_kraftd(pid: Pid, words: &[&str], directory: Option<&Path>) -> Option<Server> {
        let Command::Server(arguments) = super::Arguments::try_parse_from(words).ok()?.command
        else {
            return None;
        };
        let read = |file: &Path| {
            let values = values_of(pid, file, &arguments.overrides);
            let identity = values.and_then(Identity::of);
            identity.map(Node::of).map_err(|error| error.to_string())
        };
        let file = arguments.file.as_ref()?;
        let node = || Server::new(Kind::Kraftd, file, directory, &arguments.overrides, read);
        (!arguments.check).then(node)
    }

    fn of_java(words: &[&str], directory: Option<&Path>) -> Option<Server> {
        let class = words.iter().position(|word| *word == "kafka.Kafka")?;
        let (file, options) = words.get(class + 1..)?.split_first()?;
        let overrides = options.windows(2).filter(|pair| pair[0] == "--override");
        let overrides: Vec<String> = overrides.map(|pair| pair[1].to_owned()).collect();
        let read = |file: &Path| {
            let values = Values::read(file, &overrides, &Environment::default());
            values
                .and_then(|values| Node::of_java(&values))
                .map_err(|problem| problem.to_string())
        };
        let file = Path::new(file);
        Some(Server::new(Kind::Java, file, directory, &overrides, read))
    }

    fn new(
        kind: Kind,
        file: &Path,
        directory: Option<&Path>,
        overrides: &[String],
        read: impl FnOnce(&Path) -> Result<Node, String>,
    ) -> Server {
        let whole = directory.map(|directory| directory.join(file));
        let whole = whole.or_else(|| file.is_absolute().then(|| file.to_owned()));
        let node = match &whole {
            // Anybody may call a process so, and name what never ends.
            Some(file) if !file.is_file() => Err(format!("{} is no file", file.display())),
            Some(file) => read(file),
            None => Err("this user may not see in which folder it runs".to_owned()),
        };
        let file = whole.unwrap_or_else(|| file.to_owned());
        Server {
            kind,
            file,
            overrides: overrides.to_vec(),
            node,
        }
    }

    /// Whether it is the broker of a node with both roles, whose controller is kraftd's.
    pub fn is_half(&self) -> bool {
        let first = || {
            let mut line = Vec::new();
            let file = File::open(&self.file).ok()?;
            BufReader::new(file).read_until(b'\n', &mut line).ok()?;
            Some(String::from_utf8_lossy(&line).into_owned())
        };
        let is_made = || first().is_some_and(|line| line.contains(combined::MADE));
        self.kind == Kind::Java && self.file.ends_with(combined::BROKER_FILE) && is_made()
    }

    fn describe(&self) -> String {
        let file = self.file.display();
        match &self.node {
            Ok(node) => format!("node {}, {file}", node.id),
            Err(_) => file.to_string(),
        }
    }
}

impl Node {
    fn of(identity: Identity) -> Node {
        let roles = [
            ("broker", identity.is_broker),
            ("controller", identity.is_controller),
        ];
        let roles = roles.into_iter().filter(|(_, has)| *has);
        Node {
            id: identity.node_id,
            roles: roles.map(|(role, _)| role.to_owned()).collect(),
        }
    }

    /// Java judges the rest of its file.
    fn of_java(values: &Values) -> Result<Node, crate::config::Problem> {
        Ok(Node {
            id: NodeId(values.number("node.id", 0)?),
            roles: values.list("process.roles")?.into_iter().collect(),
        })
    }
}

/// What a process has read, with its environment if we may see that. What others name in their files is not read for them.
fn values_of(pid: Pid, file: &Path, overrides: &[String]) -> Result<Values, ConfigError> {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero()));
    let environment = environment.unwrap_or_default();
    let variables = environment.split(|byte| *byte == 0).filter_map(|variable| {
        let variable = String::from_utf8_lossy(variable);
        let (name, value) = variable.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let environment = Environment(variables.collect());
    match uid(pid) == Some(geteuid().as_raw()) {
        true => Values::load(file, overrides, &environment),
        false => Ok(Values::read(file, overrides, &environment)?),
    }
}

fn uid(pid: Pid) -> Option<u32> {
    let process = fs::metadata(format!("/proc/{}", pid.as_raw_nonzero()));
    process.ok().map(|process| process.uid())
}

/// The user whom a process belongs to, or the number where the user has no name here.
fn owner(pid: Pid) -> Option<String> {
    let uid = uid(pid)?.to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|user| {
        let mut fields = user.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| format!("user {uid}")))
}
