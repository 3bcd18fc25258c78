//! `kafka-server-start.sh FILE`: runs a controller.

use std::{path::PathBuf, process::ExitCode};

use tracing_subscriber::EnvFilter;

use super::fail;
use crate::{config::Config, server};

/// raft-engine warns of a "broken batch" after every unclean stop, where the space it had set aside begins.
/// A loss is told by our own log.
const DEFAULT_LOG_FILTER: &str = "info,raft_engine=error";

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration file of the node.
    file: PathBuf,
    /// A property that wins over the file's; may be given several times.
    #[arg(long = "override", value_name = "PROPERTY=VALUE")]
    overrides: Vec<String>,
    /// Check the configuration, and end.
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: Arguments) -> ExitCode {
    let config = match Config::load(&arguments.file, &arguments.overrides) {
        Ok(config) => config,
        Err(error) => return fail(error),
    };
    if arguments.check {
        return ExitCode::SUCCESS;
    }
    log_to_stdout();
    stop_on_panic();
    match server::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

/// `KRAFTD_LOG` sets the levels, `info` unless it says otherwise.
fn log_to_stdout() {
    let filter = EnvFilter::try_from_env("KRAFTD_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG_FILTER));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .init();
}

/// A thread that ended by a panic leaves the others with half a node: end all of it.
fn stop_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}
