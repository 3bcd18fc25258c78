//! What a person types: a file for each command, and beside it what several need or one is large enough for.

pub mod check;
mod check_cluster;
mod check_machine;
mod check_names;
mod client;
pub mod cluster;
mod cluster_host;
mod combined;
pub mod dump;
mod dump_record;
mod dump_remote;
mod format;
mod halves;
pub mod install_scripts;
mod java_kafka;
mod logging;
mod node_file;
mod probe;
mod processes;
pub mod quickstart;
mod quickstart_kafka;
mod quorum;
mod scram;
pub mod server;
mod serves;
pub mod split;
pub mod status;
mod status_findings;
mod status_text;
pub mod stop;
pub mod storage;
mod supervisor;
pub mod tethered;
mod usage;

use std::{
    path::PathBuf,
    process::{self, ExitCode},
};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{config::CONTAINER_SWITCH, console::complain};

/// The release of Kafka whose commands these are.
const KAFKA_RELEASE: &str = "4.3.1";

/// A controller for Apache Kafka clusters in KRaft mode.
#[derive(Parser)]
#[command(name = "kraftd", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a controller (`kafka-server-start.sh`).
    Server(server::Arguments),
    /// Tell everything that is wrong with the files of a cluster's nodes, before any is started.
    Check(check::Arguments),
    /// Split a file with process.roles=broker,controller into one for each role.
    Split(split::Arguments),
    /// Print what logs and snapshots hold, also while their node runs.
    Dump(dump::Arguments),
    /// Show how the quorum is doing, and what is wrong with it.
    Status(status::Arguments),
    /// Stop the controllers of this machine (`kafka-server-stop.sh`).
    Stop(stop::Arguments),
    /// Format log directories and look at them (`kafka-storage.sh`).
    #[command(subcommand, args_override_self = true)]
    Storage(storage::Command),
    /// Format, start and stop the controllers of several hosts over ssh.
    Cluster(cluster::Arguments),
    /// Format and start three controllers on this machine, to try them out.
    Quickstart(quickstart::Arguments),
    /// Put kraftd behind the scripts of a Kafka folder: controllers become kraftd's, brokers stay Kafka's.
    InstallScripts(install_scripts::Arguments),
    /// Say whether kraftd or Kafka serves a command line: asked by the scripts of `install-scripts`.
    #[command(hide = true)]
    Serves(serves::Arguments),
    /// Become a command that ends with its parent: what a supervisor starts.
    #[command(hide = true)]
    Tethered(tethered::Arguments),
}

/// Where `server.properties` is.
#[derive(clap::Args)]
pub struct ConfigFile {
    /// The configuration file of the node.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: PathBuf,
}

/// Says what is wrong with the command line, or prints the help that it asks for.
pub fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ended = error.print();
        return ExitCode::SUCCESS;
    }
    let explained = usage::without_passwords(&error.render().to_string());
    complain!("{}", explained.trim_end());
    let command = Arguments::command();
    if let Some(hint) = usage::storage_hint(error, &command) {
        complain!("{hint}");
    }
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == "storage")
        && let Some(storage) = command.find_subcommand("storage")
        && let Some(sentence) = usage::storage_sentence(error, storage)
    {
        complain!("{sentence}");
    }
    // Kafka's tools know only one way to fail.
    ExitCode::FAILURE
}

/// Does what the arguments ask for.
pub fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Server(arguments) => server::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Split(arguments) => split::run(&arguments),
        Command::Dump(arguments) => dump::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Stop(arguments) => stop::run(&arguments),
        Command::Storage(command) => storage::run(command),
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Quickstart(arguments) => quickstart::run(arguments),
        Command::InstallScripts(arguments) => install_scripts::run(&arguments),
        Command::Serves(arguments) => serves::run(&arguments),
        Command::Tethered(arguments) => tethered::run(&arguments),
    }
}

/// A command of this very program. Its file has all the keys: those of the environment are not to be set again.
fn ourselves(words: &[&str]) -> Result<process::Command, String> {
    let kraftd = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = process::Command::new(kraftd);
    command.args(words).env_remove(CONTAINER_SWITCH);
    Ok(command)
}

/// Runs a command to its end; what it says is told only where it fails.
fn in_silence(mut command: process::Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Says on standard error what went wrong, and fails as Kafka's tools do.
fn fail(error: impl std::fmt::Display) -> ExitCode {
    complain!("{error}");
    ExitCode::FAILURE
}

/// The same, also in the log.
fn fail_in_log(reason: String) -> ExitCode {
    crate::server::report(&reason);
    ExitCode::FAILURE
}
