//! `kraftd split FILE`: a file with `process.roles=broker,controller` becomes one for kraftd and one for Java's
//! Kafka.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    fail,
    halves::{Half, Halves, join},
};
use crate::{
    config::{Environment, Identity},
    console::say,
    log::{directory, meta_properties},
};

/// The mode of a file that only its owner reads and writes.
const OWNER_ONLY: u32 = 0o600;

#[derive(clap::Args)]
pub struct Arguments {
    /// The file of a node with both roles.
    file: PathBuf,
    /// Where controller.properties and broker.properties go, if not beside it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The broker's node.id, if not the controller's plus 100, or the next hundred that leads to no voter.
    #[arg(long, value_name = "ID")]
    broker_id: Option<i32>,
    /// Replace files that are there and say something else.
    #[arg(long)]
    overwrite: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match split(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

fn split(arguments: &Arguments) -> Result<(), String> {
    let file = &arguments.file;
    let identity = Identity::load(file, &[]).map_err(|error| error.to_string())?;
    if !(identity.is_broker && identity.is_controller) {
        return Err(format!(
            "{}: process.roles={} is one role already; only a file with process.roles=broker,controller \
             can be split",
            file.display(),
            identity.values.text("process.roles").unwrap_or_default()
        ));
    }
    let made = "by `kraftd split`";
    let environment = Environment::of_process();
    let halves = Halves::of(
        file,
        &[],
        &environment,
        &identity,
        arguments.broker_id,
        made,
    );
    let halves = halves.map_err(|error| format!("{}: {error}", file.display()))?;
    let dir = arguments.out.as_deref();
    let dir = dir.unwrap_or_else(|| file.parent().unwrap_or(Path::new("")));
    let (controller, broker) = (
        dir.join("controller.properties"),
        dir.join("broker.properties"),
    );
    let written = [(&controller, &halves.controller), (&broker, &halves.broker)];
    if !arguments.overwrite {
        written
            .iter()
            .try_for_each(|(path, half)| refuse_to_replace(path, half))?;
    }
    fs::create_dir_all(dir).map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
    for (path, half) in written {
        write(path, half)?;
    }
    say!(
        "{}: process.roles=controller, {}",
        controller.display(),
        describe(&halves.controller)
    );
    say!(
        "{}: process.roles=broker, {}",
        broker.display(),
        describe(&halves.broker)
    );
    tell_of_data(file, &identity)?;
    let (controller, broker) = (controller.display(), broker.display());
    say!(
        "\nFormat both with the cluster id that all nodes share, and start them:\n\
         \x20 bin/kafka-storage.sh format -g -t CLUSTER_ID -c {controller}\n\
         \x20 bin/kafka-storage.sh format -g -t CLUSTER_ID -c {broker}\n\
         \x20 bin/kafka-server-start.sh -daemon {controller}\n\
         \x20 KAFKA/bin/kafka-server-start.sh -daemon {broker}\n\
         KAFKA is the folder of Java's Kafka, 3.9 or later."
    );
    Ok(())
}

/// What somebody has written is not ours to replace, unless it is the same.
fn refuse_to_replace(path: &Path, half: &Half) -> Result<(), String> {
    match fs::read(path) {
        Ok(found) if found != half.text => Err(format!(
            "{} exists already, and nothing was written. --out names another directory, --overwrite replaces \
             it.",
            path.display()
        )),
        _ => Ok(()),
    }
}

/// Writes a half, which may have passwords in it, so that nobody else can read it.
pub fn write(path: &Path, half: &Half) -> Result<(), String> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNER_ONLY)
        .open(path);
    let written = file.and_then(|mut file| {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        file.write_all(&half.text)
    });
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn describe(half: &Half) -> String {
    format!(
        "node.id={}, listeners={}, log.dirs={}",
        half.node_id,
        join(&half.listeners),
        half.log_dirs.join(",")
    )
}

/// Says what the split does not move.
fn tell_of_data(file: &Path, identity: &Identity) -> Result<(), String> {
    for dir in identity.all_dirs() {
        let found = meta_properties::read(&dir).map_err(|error| error.to_string())?;
        let Some(found) = found else { continue };
        say!(
            "\n{} is formatted for cluster {}: the broker's half needs the same id.",
            dir.display(),
            found.cluster_id
        );
        if data_of_java(&dir).is_some() {
            say!(
                "It holds data of node {id} of a Java Kafka, which the halves do not take over: partitions belong to\n\
                 the id of their broker, and the metadata log to Java's controllers. Nothing in it was changed. To\n\
                 keep the data, go on running this node from {file} with Java's Kafka, give the halves other\n\
                 log.dirs as nodes of a new cluster, and have Kafka's MirrorMaker copy the topics there.",
                id = found.node_id,
                file = file.display()
            );
        }
    }
    Ok(())
}

/// A partition (`TOPIC-N`), or a segment of a metadata log that Java has written.
pub fn data_of_java(dir: &Path) -> Option<PathBuf> {
    let is_segment = |path: &PathBuf| directory::is_java_segment(path);
    let is_partition = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.rsplit_once('-').map(|(_, number)| number);
        let is_named =
            name != directory::NAME && number.is_some_and(|it| it.parse::<u32>().is_ok());
        is_named && paths(path).any(|path| is_segment(&path))
    };
    let metadata = dir.join(directory::NAME);
    let segment = || paths(&metadata).find(is_segment);
    paths(dir).find(is_partition).or_else(segment)
}

fn paths(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}
