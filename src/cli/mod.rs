//! What a person types: one file per command.

mod client;
mod format;
pub mod quickstart;
mod quickstart_kafka;
pub mod server;
pub mod stop;
pub mod storage;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

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
    /// Stop the controllers of this machine (`kafka-server-stop.sh`).
    Stop(stop::Arguments),
    /// Format log directories and look at them (`kafka-storage.sh`).
    #[command(subcommand)]
    Storage(storage::Command),
    /// Format and start three controllers on this machine, to try them out.
    Quickstart(quickstart::Arguments),
}

/// Where `server.properties` is.
#[derive(clap::Args)]
pub struct ConfigFile {
    /// The configuration file of the node.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: PathBuf,
}

/// Does what the arguments ask for.
pub fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Server(arguments) => server::run(arguments),
        Command::Stop(arguments) => stop::run(arguments),
        Command::Storage(command) => storage::run(command),
        Command::Quickstart(arguments) => quickstart::run(arguments),
    }
}

/// Says on standard error what went wrong, and fails as Kafka's tools do.
fn fail(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
