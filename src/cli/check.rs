//! `kraftd check FILE...`: what contradicts what in the files of all nodes, controllers and brokers, and what
//! stands in their way on this machine. All of it at once, before anything is started, and without changing
//! anything.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{check_cluster, check_machine, check_names::Names, halves::Halves};
use crate::{
    config::{
        Config, Environment, Identity, Problem, Voter, Warning, java_classes,
        listeners::{self, Listener, Protocols, is_any},
        odd_directories,
        values::Values,
        voters,
    },
    console::say,
    protocol::NodeId,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration files of all nodes of a cluster, or of some.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let mut seen = BTreeSet::new();
    let mut is_new =
        |file: &&PathBuf| seen.insert(fs::canonicalize(file).unwrap_or(file.to_path_buf()));
    let files: Vec<&Path> = arguments
        .files
        .iter()
        .filter(|file| is_new(file))
        .map(PathBuf::as_path)
        .collect();
    let mut findings = Findings::default();
    let nodes: Vec<Node> = files
        .iter()
        .filter_map(|file| Node::read(file, &mut findings))
        .collect();
    let names = Names::of(&nodes);
    check_cluster::check(&nodes, &names, &mut findings);
    check_machine::check(&nodes, &names, &mut findings);
    findings.print(&files)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Error,
    Warning,
}

/// What was found, to be told file by file.
#[derive(Default)]
pub struct Findings {
    found: Vec<(PathBuf, Severity, String)>,
}

impl Findings {
    /// What stops a node, or lets it do what was not meant.
    pub fn error(&mut self, file: &Path, text: impl Into<String>) {
        self.add(file, Severity::Error, text.into());
    }

    /// What may be meant, but hardly is.
    pub fn warning(&mut self, file: &Path, text: impl Into<String>) {
        self.add(file, Severity::Warning, text.into());
    }

    /// Once, whichever rules have found it.
    fn add(&mut self, file: &Path, severity: Severity, text: String) {
        let finding = (file.to_owned(), severity, text);
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    fn problems(&mut self, file: &Path, problems: &[Problem]) {
        for problem in problems {
            self.error(file, one_line(problem));
        }
    }

    fn warnings(&mut self, file: &Path, warnings: &[Warning]) {
        for warning in warnings {
            self.warning(file, sentence(&warning.text));
        }
    }

    /// A line for each, errors first, in the order of the files.
    fn print(&self, files: &[&Path]) -> ExitCode {
        for file in files {
            for severity in [Severity::Error, Severity::Warning] {
                let label = match severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                for (at, found, text) in &self.found {
                    if at == file && *found == severity {
                        say!("{}: {label}: {text}", file.display());
                    }
                }
            }
        }
        let count = |severity: Severity| {
            let found = self.found.iter();
            found.filter(|(_, found, _)| *found == severity).count()
        };
        let files = counted(files.len(), "file");
        match (count(Severity::Error), count(Severity::Warning)) {
            (0, 0) => say!("No problems found in {files}."),
            (errors, warnings) => {
                let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
                say!("Found {errors} and {warnings} in {files}.");
            }
        }
        match count(Severity::Error) {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

pub fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// What is wrong, and the remedy, in sentences on a line.
pub fn one_line(problem: &Problem) -> String {
    let message = sentence(&problem.message);
    match &problem.hint {
        None => message,
        Some(hint) => {
            let mut letters = hint.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string());
            let rest = letters.as_str();
            format!(
                "{message} {}",
                sentence(&(first.unwrap_or_default() + rest))
            )
        }
    }
}

fn sentence(text: &str) -> String {
    let text = text.replace('\n', " ");
    match text.ends_with(['.', '?', '!']) {
        true => text,
        false => text + ".",
    }
}

/// What a file says of its node, so far as it can be read: what is wrong at one place does not hide what is
/// wrong at another.
pub struct Node<'a> {
    pub file: &'a Path,
    pub values: Values,
    pub is_broker: bool,
    pub is_controller: bool,
    pub id: Option<NodeId>,
    /// Of the broker that is started beside the controller of the same file.
    pub broker_id: Option<NodeId>,
    pub voters: Vec<Voter>,
    pub protocols: Option<Protocols>,
    pub listeners: Vec<Listener>,
    pub advertised: Vec<Listener>,
    pub log_dirs: Vec<PathBuf>,
    pub metadata_log_dir: Option<PathBuf>,
}

impl<'a> Node<'a> {
    /// Reads a file, and tells what is wrong in it alone.
    fn read(file: &'a Path, findings: &mut Findings) -> Option<Node<'a>> {
        let environment = Environment::of_process();
        let values = match Values::load(file, &[], &environment) {
            Ok(values) => values,
            Err(error) => {
                findings.problems(file, &error.problems);
                // A config provider may have its files on another host.
                Values::read(file, &[], &environment).ok()?
            }
        };
        let roles = values.list("process.roles").unwrap_or_default();
        let is = |role: &str| roles.iter().any(|other| other == role);
        let mut node = Node {
            file,
            is_broker: is("broker"),
            is_controller: is("controller"),
            id: None,
            broker_id: None,
            voters: voters::parse(&values).unwrap_or_default(),
            protocols: Protocols::of(&values).ok(),
            listeners: Vec::new(),
            advertised: Vec::new(),
            log_dirs: values.log_dirs().unwrap_or_default(),
            metadata_log_dir: values.text("metadata.log.dir").map(PathBuf::from),
            values,
        };
        node.metadata_log_dir = node.metadata_log_dir.or(node.log_dirs.first().cloned());
        let values = &node.values;
        let id = ["node.id", "broker.id"].into_iter();
        let id = id
            .filter(|key| values.is_set(key))
            .find_map(|key| values.number(key, 0).ok());
        node.id = id.map(NodeId);
        if let Some(protocols) = &node.protocols {
            let parse = |key: &str, distinct: bool| {
                listeners::parse_list(values, key, protocols, distinct).unwrap_or_default()
            };
            node.listeners = parse("listeners", true);
            node.advertised = parse("advertised.listeners", false);
        }
        node.judge(findings);
        Some(node)
    }

    fn judge(&mut self, findings: &mut Findings) {
        let (file, values) = (self.file, &self.values);
        findings.warnings(file, &values.warnings);
        findings.warnings(file, &odd_directories(values));
        let judged = match self.is_controller && !self.is_broker {
            true => Config::of(values.clone(), file).map(|config| {
                findings.warnings(file, &config.warnings);
                None
            }),
            false => Identity::of(values.clone()).and_then(|identity| {
                let has_halves = identity.is_controller;
                let halves = has_halves.then(|| {
                    Halves::of(file, &[], &Environment::of_process(), &identity, None, "")
                });
                halves.transpose()
            }),
        };
        match judged {
            Ok(halves) => self.broker_id = halves.map(|halves| halves.broker.node_id),
            Err(error) => findings.problems(file, &error.problems),
        }
        // Whatever else is wrong.
        if self.is_controller {
            findings.problems(file, &java_classes(&self.values));
        }
    }

    /// Where other controllers reach this one.
    pub fn own_voter(&self) -> Option<&Voter> {
        let id = self.id.filter(|_| self.is_controller)?;
        self.voters.iter().find(|voter| voter.id == id)
    }

    pub fn is_controllers(&self, listener: &Listener) -> bool {
        let names = self.values.list("controller.listener.names");
        names.unwrap_or_default().contains(&listener.name)
    }

    /// The listener that a controller serves.
    pub fn controller_listener(&self) -> Option<&Listener> {
        let mut all = self.listeners.iter();
        all.find(|listener| self.is_controller && self.is_controllers(listener))
    }

    /// What this node's host is called, if the file says so.
    pub fn host(&self) -> Option<&str> {
        let told = self.advertised.iter().chain(&self.listeners);
        let told = told.map(|listener| listener.host.as_str());
        let voter = self.own_voter().map(|voter| voter.host.as_str());
        voter.into_iter().chain(told).find(|host| !is_any(host))
    }

    /// Every host that the file names, with the key that it stands in.
    pub fn hosts(&self) -> Vec<(&'static str, String)> {
        let voters = self
            .voters
            .iter()
            .map(|voter| ("controller.quorum.voters", &voter.host));
        let listeners = self
            .listeners
            .iter()
            .map(|listener| ("listeners", &listener.host));
        let advertised = self.advertised.iter();
        let advertised = advertised.map(|listener| ("advertised.listeners", &listener.host));
        let named = voters.chain(listeners).chain(advertised);
        let named = named.map(|(key, host)| (key, host.clone()));
        let servers = voters::bootstrap_servers(&self.values).unwrap_or_default();
        let servers = servers
            .into_iter()
            .map(|(host, _)| (voters::BOOTSTRAP_SERVERS, host));
        named
            .chain(servers)
            .filter(|(_, host)| !is_any(host))
            .collect()
    }
}
