//! The two halves of a file with `process.roles=broker,controller`: what kraftd runs, and what Java's Kafka runs
//! beside it. Each half is the file itself, line by line, but for what the halves cannot share.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    config::{ConfigError, Endpoints, Environment, Identity, Problem, Voter, listeners::Listener},
    protocol::{NodeId, properties},
};

/// Both halves. A broker needs an id of its own, since controllers and brokers share one space of ids, and
/// directories of its own, since `meta.properties` names one node.
pub struct Halves {
    pub controller: Half,
    pub broker: Half,
    /// Where the controller's half has its metadata log.
    pub metadata_log_dir: PathBuf,
    pub voters: Vec<Voter>,
}

pub struct Half {
    pub node_id: NodeId,
    pub listeners: Vec<Listener>,
    pub log_dirs: Vec<String>,
    /// The half as a file in Java's encoding, ISO 8859-1.
    pub text: Vec<u8>,
}

/// One key whose value is another one in a half; none: the key is left out.
struct Change {
    key: &'static str,
    value: Option<String>,
    why: String,
}

/// The directory of the broker below one that the file names: on the same disk, in the same hands, and gone
/// with it.
pub const BROKER_DIR: &str = "broker";

const CORDONED: &str = "cordoned.log.dirs";

impl Halves {
    /// Splits a file; `identity` is what was read from it, the environment and the overrides. `made` says in each half how it
    /// came to be.
    pub fn of(
        path: &Path,
        overrides: &[String],
        environment: &Environment,
        identity: &Identity,
        broker_id: Option<i32>,
        made: &str,
    ) -> Result<Halves, ConfigError> {
        let environment = environment.keys()?;
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && !environment.is_empty() => {
                Vec::new()
            }
            read => read.map_err(|error| Problem::unreadable(path, error))?,
        };
        // One char a byte, so that comments in any encoding come through.
        let mut text = properties::latin_1(&bytes);
        let environment = environment
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        for assignment in environment.chain(overrides.iter().cloned()) {
            text = format!(
                // A backslash at the end takes nothing of what comes here.
                "{}\n\n{}\n",
                text.trim_end_matches('\n'),
                properties::escape(assignment.trim_start())
            );
        }
        let (of_controller, of_broker) = listeners(identity)?;
        let (broker_id, why_this_id) = match broker_id {
            Some(id) => (
                chosen(id, &identity.voters)?,
                "as --broker-id says".to_owned(),
            ),
            None => derived(identity)?,
        };
        let controller = controller_changes(identity, &of_controller)?;
        let broker = broker_changes(identity, broker_id, &why_this_id, &of_broker)?;
        let half = |node_id: NodeId, what: &str, changes: &[Change], listeners| Half {
            node_id,
            listeners,
            log_dirs: log_dirs(identity, changes),
            text: rewrite(
                &text,
                &format!(
                    "# {what}. Made from {} {made}.\n# A comment stands above each line that was changed.\n\n",
                    properties::escape(&path.file_name().unwrap_or_default().to_string_lossy())
                ),
                identity,
                changes,
            ),
        };
        let id = identity.node_id;
        Ok(Halves {
            controller: half(
                id,
                &format!("Controller {id}, for kraftd"),
                &controller,
                of_controller,
            ),
            broker: half(
                broker_id,
                &format!("Broker {broker_id}, for Java's Kafka"),
                &broker,
                of_broker,
            ),
            metadata_log_dir: identity.metadata_log_dir.clone(),
            voters: identity.voters.clone(),
        })
    }
}

/// The listeners of the controller, and those of the broker.
fn listeners(identity: &Identity) -> Result<(Vec<Listener>, Vec<Listener>), ConfigError> {
    let endpoints = Endpoints::of(identity)?;
    let all = endpoints.listeners.iter().cloned();
    Ok(all.partition(|listener| endpoints.is_controllers(listener)))
}

/// A voter's id and some hundreds more: the same distance on every host, so that two brokers never get one id,
/// and so large that no broker gets the id of a voter.
fn derived(identity: &Identity) -> Result<(NodeId, String), ConfigError> {
    let is_voter = |id: i32| identity.voters.iter().any(|voter| voter.id.0 == id);
    let leads_to_none = |distance: &i32| {
        let moved = identity
            .voters
            .iter()
            .map(|voter| voter.id.0.checked_add(*distance));
        moved
            .into_iter()
            .all(|id| id.is_some_and(|id| !is_voter(id)))
    };
    let distance = (1..=i32::MAX / 100).map(|hundreds| hundreds * 100);
    // Each pair of voters rules out one distance at most.
    let distance = distance
        .take(identity.voters.len().pow(2) + 1)
        .find(leads_to_none);
    let id = distance.and_then(|distance| identity.node_id.0.checked_add(distance));
    match (id, distance) {
        (Some(id), Some(distance)) => Ok((
            NodeId(id),
            format!(
                "the id of its controller plus {distance}, on every host alike; no voter has it"
            ),
        )),
        _ => Err(ConfigError::invalid(
            "the ids of controller.quorum.voters leave no room for those of the brokers: give this one with \
             --broker-id",
        )),
    }
}

fn chosen(id: i32, voters: &[Voter]) -> Result<NodeId, ConfigError> {
    if id < 0 {
        return Err(ConfigError::invalid(format!(
            "--broker-id {id}: a node.id must not be negative"
        )));
    }
    match voters.iter().any(|voter| voter.id.0 == id) {
        true => Err(ConfigError::invalid(format!(
            "--broker-id {id}: {id} is one of controller.quorum.voters, and a broker must have another id"
        ))),
        false => Ok(NodeId(id)),
    }
}

fn controller_changes(
    identity: &Identity,
    listeners: &[Listener],
) -> Result<Vec<Change>, ConfigError> {
    let first_dir = identity.metadata_log_dir.display().to_string();
    let mut changes = vec![
        set("process.roles", "controller", "kraftd runs this half"),
        set("listeners", &join(listeners), "the controller's alone"),
        advertised(identity, listeners, "the controller's alone")?,
        set(
            identity.values.log_dirs_key(),
            &first_dir,
            "where the metadata log is, as before",
        ),
    ];
    for key in [
        "inter.broker.listener.name",
        "security.inter.broker.protocol",
    ] {
        changes.push(leave_out(key, "only brokers use it"));
    }
    changes.push(leave_out(
        "metadata.log.dir",
        "the same as the only one of log.dirs",
    ));
    changes.push(leave_out(CORDONED, "only brokers use it"));
    changes.extend(early_start(identity, listeners)?);
    Ok(changes)
}

fn broker_changes(
    identity: &Identity,
    id: NodeId,
    why_this_id: &str,
    listeners: &[Listener],
) -> Result<Vec<Change>, ConfigError> {
    let id = id.to_string();
    let below = |dir: &PathBuf| dir.join(BROKER_DIR).display().to_string();
    let dirs: Vec<String> = identity.log_dirs.iter().map(below).collect();
    let mut changes = vec![
        set("process.roles", "broker", "Java's Kafka runs this half"),
        set("listeners", &join(listeners), "the broker's alone"),
        advertised(identity, listeners, "the broker's alone")?,
        set(
            identity.values.log_dirs_key(),
            &dirs.join(","),
            "a directory belongs to one node",
        ),
    ];
    for key in ["node.id", "broker.id"] {
        if identity.values.is_set(key) {
            changes.push(set(key, &id, why_this_id));
        }
    }
    if identity.values.text("metadata.log.dir").is_some() {
        let dir = below(&identity.metadata_log_dir);
        changes.push(set(
            "metadata.log.dir",
            &dir,
            "a directory belongs to one node",
        ));
    }
    let cordoned = identity.values.list(CORDONED)?;
    if !cordoned.is_empty() {
        let below = |dir: &String| match dir.as_str() {
            "*" => dir.clone(),
            dir => below(&PathBuf::from(dir)),
        };
        let dirs: Vec<String> = cordoned.iter().map(below).collect();
        changes.push(set(
            CORDONED,
            &dirs.join(","),
            "a directory belongs to one node",
        ));
    }
    changes.push(leave_out(
        "controller.quorum.auto.join.enable",
        "only controllers join",
    ));
    changes.extend(early_start(identity, listeners)?);
    Ok(changes)
}

/// Of the listeners that start early, those of this half.
fn early_start(identity: &Identity, listeners: &[Listener]) -> Result<Option<Change>, ConfigError> {
    const EARLY_START: &str = "early.start.listeners";
    if !identity.values.is_set(EARLY_START) {
        return Ok(None);
    }
    let all = identity.values.list(EARLY_START)?;
    let is_here = |name: &&String| listeners.iter().any(|listener| listener.name == **name);
    let here: Vec<&str> = all.iter().filter(is_here).map(String::as_str).collect();
    let why = "those of this half";
    Ok(Some(match here.is_empty() {
        true => leave_out(EARLY_START, why),
        false => set(EARLY_START, &here.join(","), why),
    }))
}

fn set(key: &'static str, value: &str, why: &str) -> Change {
    Change {
        key,
        value: Some(value.to_owned()),
        why: why.to_owned(),
    }
}

fn leave_out(key: &'static str, why: &str) -> Change {
    Change {
        key,
        value: None,
        why: why.to_owned(),
    }
}

/// Those of `advertised.listeners` that one of these is told of by.
fn advertised(
    identity: &Identity,
    listeners: &[Listener],
    why: &str,
) -> Result<Change, ConfigError> {
    let mut all = Endpoints::of(identity)?.advertised;
    all.retain(|listener| listeners.iter().any(|own| own.name == listener.name));
    Ok(Change {
        key: "advertised.listeners",
        value: (!all.is_empty()).then(|| join(&all)),
        why: why.to_owned(),
    })
}

pub fn join(listeners: &[Listener]) -> String {
    let all: Vec<String> = listeners.iter().map(Listener::to_string).collect();
    all.join(",")
}

fn log_dirs(identity: &Identity, changes: &[Change]) -> Vec<String> {
    let key = identity.values.log_dirs_key();
    let dirs = changes.iter().find(|change| change.key == key);
    let dirs = dirs
        .and_then(|change| change.value.as_deref())
        .unwrap_or_default();
    dirs.split(',').map(str::to_owned).collect()
}

/// The file with other values: the last line of a key counts, so its first one is changed and the others go.
fn rewrite(text: &str, header: &str, identity: &Identity, changes: &[Change]) -> Vec<u8> {
    let values = identity.values.all_set();
    let differs = |change: &&Change| values.get(change.key) != change.value.as_ref();
    let mut pending: Vec<&Change> = changes.iter().filter(differs).collect();
    let changed: Vec<&str> = pending.iter().map(|change| change.key).collect();
    let mut written = header.to_owned();
    for line in logical_lines(text) {
        let key = key(line);
        let Some(key) = key.filter(|key| changed.contains(&key.as_str())) else {
            written.push_str(line);
            continue;
        };
        let Some(at) = pending.iter().position(|change| change.key == key) else {
            continue;
        };
        let Change { value, why, .. } = pending.remove(at);
        let was = values.get(&key).map_or("", String::as_str);
        match value {
            Some(value) => {
                let (was, value) = (properties::escape(was), properties::escape(value));
                written.push_str(&format!("# Was {was}: {why}.\n{key}={value}\n"));
            }
            None => written.push_str(&format!("# Without {key}: {why}.\n")),
        }
    }
    if !written.ends_with('\n') {
        written.push('\n');
    }
    for Change { key, value, why } in pending {
        if let Some(value) = value {
            written.push_str(&format!(
                "# Added: {why}.\n{key}={}\n",
                properties::escape(value)
            ));
        }
    }
    // Each char was a byte, or is ASCII.
    written.chars().map(|char| char as u8).collect()
}

/// The lines of a file in Java's syntax; one that ends with a backslash comes with those it goes on in.
fn logical_lines(text: &str) -> Vec<&str> {
    let (mut lines, mut start, mut end) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        end += line.len();
        let whole = &text[start..end];
        let is_comment = whole.trim_start().starts_with(['#', '!']);
        let content = line.trim_end_matches(['\r', '\n']);
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        if is_comment || backslashes % 2 == 0 {
            lines.push(whole);
            start = end;
        }
    }
    if start < end {
        lines.push(&text[start..end]);
    }
    lines
}

/// The key that a line sets.
fn key(line: &str) -> Option<String> {
    properties::parse(line).ok()?.into_keys().next()
}
