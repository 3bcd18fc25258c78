//! One host of `kraftd cluster`, reached over the user's own ssh.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{cluster::ANSWER_PATIENCE, halves::Halves, quorum};
use crate::{
    config::{ConfigError, Environment, Identity, listeners::is_any, values::Values},
    log::meta_properties,
    protocol::NodeId,
};

/// How hosts are reached, and where kraftd lies on them.
pub struct Access<'a> {
    /// `ssh`, perhaps with options; takes a host and a command line.
    pub ssh: &'a str,
    pub dir: &'a str,
    pub config: &'a str,
    /// The folder of the Java Kafka on each host, if `KAFKA_HOME` does not tell it there.
    pub java_broker: Option<&'a str>,
}

/// A host with a controller on it.
pub struct Host<'a> {
    access: &'a Access<'a>,
    pub name: &'a str,
    /// What its configuration file says.
    pub identity: Identity,
    /// The Java broker beside the controller, where the file asks for both.
    pub broker: Option<Broker>,
    /// The cluster that it was formatted for.
    pub cluster_id: Option<String>,
}

pub struct Broker {
    pub id: NodeId,
    pub host: String,
    pub port: u16,
}

pub const HOW_TO_REACH: &str = "hint: --dir says where kraftd lies on each host (the directory with bin in it, from \
                            where ssh begins), --config which file there, and --ssh how to get there";

/// The exit code of ssh when it is ssh itself that failed, and not the command there.
const SSH_FAILED: i32 = 255;

impl<'a> Host<'a> {
    /// Reads the configuration and, if there is one, the identity of its directory.
    pub fn read(access: &'a Access<'a>, name: &'a str) -> Result<Host<'a>, String> {
        let text = run(access, name, &format!("cat {}", quote(access.config)))?;
        let copy = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        fs::write(copy.path(), text).map_err(|error| error.to_string())?;
        // Neither what our environment says nor what providers would read here is meant there.
        let environment = Environment::default();
        let values = Values::read(copy.path(), &[], &environment).map_err(ConfigError::from);
        let identity = values.and_then(Identity::of);
        let wrong = |error: &dyn std::fmt::Display| format!("{name}: {}: {error}", access.config);
        let identity = identity.map_err(|error| wrong(&error))?;
        if !identity.is_controller {
            return Err(wrong(
                &"no controller's file: process.roles must be controller, or broker,controller",
            ));
        }
        let halves = identity
            .is_broker
            .then(|| Halves::of(copy.path(), &[], &environment, &identity, None, ""));
        let halves = halves.transpose().map_err(|error| wrong(&error))?;
        let file = identity.metadata_log_dir.join("meta.properties");
        let file = quote(&file.to_string_lossy());
        let found = run(
            access,
            name,
            &format!("if [ -e {file} ]; then cat {file}; fi"),
        )?;
        let formatted = (!found.is_empty()).then(|| meta_properties::parse(found.as_bytes()));
        let formatted = formatted
            .transpose()
            .map_err(|reason| format!("{name}: {file}: {reason}"))?;
        Ok(Host {
            access,
            name,
            cluster_id: formatted.map(|properties| properties.cluster_id),
            broker: halves.and_then(|halves| broker(&halves, &identity)),
            identity,
        })
    }

    pub fn node_id(&self) -> NodeId {
        self.identity.node_id
    }

    pub fn format(&self, cluster_id: &str) -> Result<(), String> {
        let config = quote(self.access.config);
        let id = quote(cluster_id);
        self.run(&format!(
            "bin/kafka-storage.sh format -g -t {id} -c {config}"
        ))
    }

    pub fn start(&self) -> Result<(), String> {
        let config = quote(self.access.config);
        let java_broker = self.access.java_broker.filter(|_| self.broker.is_some());
        let java_broker = java_broker.map(|dir| format!(" --with-java-broker {}", quote(dir)));
        self.run(&format!(
            "bin/kafka-server-start.sh -daemon {config}{}",
            java_broker.unwrap_or_default()
        ))
    }

    /// Tells this node to stop, and no other kraftd of the host; whether it ran.
    pub fn stop(&self) -> Result<bool, String> {
        let stopped = self.run(&format!(
            "bin/kafka-server-stop.sh --node-id={}",
            self.node_id()
        ));
        match stopped {
            Err(error) if error.contains("No kafka server to stop") => Ok(false),
            stopped => stopped.map(|()| true),
        }
    }

    /// Whether its controller does.
    pub fn answers(&self) -> bool {
        self.identity.own_voter().is_some_and(|voter| {
            quorum::describe((&voter.host, voter.port), ANSWER_PATIENCE).is_ok()
        })
    }

    /// Where the output of the node goes, for those who look for the reason of something.
    pub fn log(&self) -> String {
        let log = PathBuf::from(self.access.dir).join("logs/kafkaServer.out");
        format!("{}:{}", self.name, log.display())
    }

    fn run(&self, command: &str) -> Result<(), String> {
        run(self.access, self.name, command).map(drop)
    }
}

/// Where the broker of a host is asked whether it runs: on the host's name, unless it listens on one of its own.
fn broker(halves: &Halves, identity: &Identity) -> Option<Broker> {
    let listener = halves.broker.listeners.first()?;
    let host = match is_any(&listener.host) {
        true => &identity.own_voter()?.host,
        false => &listener.host,
    };
    Some(Broker {
        id: halves.broker.node_id,
        host: host.to_owned(),
        port: listener.port,
    })
}

/// Runs a command line in kraftd's directory on a host, and tells what it printed.
fn run(access: &Access, host: &str, command: &str) -> Result<String, String> {
    let mut words = access.ssh.split_whitespace();
    let ssh = words.next().ok_or("--ssh names no command")?;
    let output = Command::new(ssh)
        .args(words)
        .arg(host)
        .arg(format!("cd {} && {command}", quote(access.dir)))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{host}: cannot run {ssh}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(match output.status.code() {
        Some(SSH_FAILED) => format!("{host}: not reached over ssh: {said}"),
        _ => format!("{host}: `{command}` failed ({}): {said}", output.status),
    })
}

/// One word for the shell of the host, whatever is in it.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
