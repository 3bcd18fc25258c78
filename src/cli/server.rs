//! `kafka-server-start.sh FILE`: runs a controller, and beside it the Java broker that the file may ask for.

use std::{
    panic,
    path::{Path, PathBuf},
    process::{self, ExitCode},
};

use tracing::{info, warn};

use super::{
    KAFKA_RELEASE, combined, fail_in_log, logging::Logging, tethered::stop_at_end_of_input,
};
use crate::{
    config::{Config, ConfigError, Identity, Warning},
    console::{complain, say},
    log::engine,
    server,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration file of the node.
    #[arg(required = true)]
    pub(super) file: Option<PathBuf>,
    /// A property that wins over the file's; may be given several times.
    #[arg(long = "override", value_name = "PROPERTY=VALUE")]
    pub(super) overrides: Vec<String>,
    /// The folder of the Java Kafka that runs the broker of process.roles=broker,controller. KAFKA_HOME, unless
    /// it is given.
    #[arg(long, value_name = "DIR")]
    with_java_broker: Option<PathBuf>,
    /// Check the configuration and the directories, and end. Of a file with both roles, its two halves are made.
    #[arg(long)]
    pub(super) check: bool,
    /// Print the release of Kafka that this stands for, and our own, and end.
    #[arg(long, exclusive = true)]
    version: bool,
    /// The file with both roles that this one was made from.
    #[arg(long, hide = true)]
    half_of: Option<PathBuf>,
    /// End with our input.
    #[arg(long, hide = true)]
    supervised: bool,
    #[arg(hide = true)]
    words: Vec<String>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    start(arguments).unwrap_or_else(fail_in_log)
}

fn start(arguments: &Arguments) -> Result<ExitCode, String> {
    let Arguments {
        file: Some(file),
        overrides,
        check,
        ..
    } = arguments
    else {
        say!("{KAFKA_RELEASE} (kraftd {})", env!("CARGO_PKG_VERSION"));
        return Ok(ExitCode::SUCCESS);
    };
    if !arguments.words.is_empty() {
        // Kafka's words for it.
        let words = arguments.words.join(",");
        return Err(format!("Found non argument parameters: {words}"));
    }
    let identity = Identity::load(file, overrides).map_err(|error| {
        // What a controller must have besides is told at the same time.
        let more = Config::load(file, overrides).err();
        of_file(file, more.unwrap_or(error))
    })?;
    let logging = Logging::from_env()?;
    // Later they are in a log only.
    let tell = |warnings: &[Warning]| {
        for warning in warnings.iter().filter(|_| *check) {
            complain!("{}: {warning}", file.display());
        }
    };
    if identity.is_broker && identity.is_controller {
        let start = combined::Start {
            file,
            overrides,
            identity: &identity,
            java_broker: arguments.with_java_broker.as_deref(),
        };
        tell(&identity.values.warnings);
        if !*check {
            logging.start();
        }
        return combined::run(&start, *check);
    }
    if arguments.with_java_broker.is_some() {
        let file = file.display();
        return Err(format!("--with-java-broker: {file} asks for no broker"));
    }
    let mut config = Config::load(file, overrides).map_err(|error| of_file(file, error))?;
    let other_port = config.other_port();
    config.warnings.extend(other_port);
    tell(&config.warnings);
    if *check {
        return server::check(&config).map(|()| ExitCode::SUCCESS);
    }
    logging.start();
    let source = match &arguments.half_of {
        Some(whole) => format!("{} (its half is {})", whole.display(), file.display()),
        None => file.display().to_string(),
    };
    info!("{}", describe(&config, &source, overrides));
    for warning in &config.warnings {
        warn!("{}: {warning}", file.display());
    }
    if arguments.supervised {
        stop_at_end_of_input();
    }
    stop_on_panic(config.identity.metadata_log_dir.clone());
    server::run(&config).map(|()| ExitCode::SUCCESS)
}

/// Each problem behind the name of the file, unless it names that itself.
fn of_file(file: &Path, error: ConfigError) -> String {
    let file = file.display().to_string();
    let problems = error.problems.iter().map(|problem| {
        let problem = problem.to_string();
        match problem.contains(&file) {
            true => problem,
            false => format!("{file}: {problem}"),
        }
    });
    problems.collect::<Vec<_>>().join("\n")
}

/// What runs, for who reads the log later. Of what was overridden the keys: a value may be a password.
fn describe(config: &Config, source: &str, overrides: &[String]) -> String {
    let identity = &config.identity;
    let keys = overrides.iter().filter_map(|text| text.split_once('='));
    let keys: Vec<&str> = keys.map(|(key, _)| key.trim()).collect();
    let overridden = match keys.is_empty() {
        true => String::new(),
        false => format!(" (overridden: {})", keys.join(", ")),
    };
    let voters: Vec<String> = identity.voters.iter().map(ToString::to_string).collect();
    format!(
        "kraftd {} starts controller {} from {source}{overridden}: metadata in {}, listens on {}, voters {}",
        env!("CARGO_PKG_VERSION"),
        identity.node_id,
        identity.metadata_log_dir.display(),
        config.listener,
        voters.join(",")
    )
}

/// A thread that ended by a panic leaves the others with half a node: end all of it.
fn stop_on_panic(metadata_log_dir: PathBuf) {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if let Some(error) = engine::failed_sync(panic, &metadata_log_dir) {
            server::die(&error.to_string());
        }
        report(panic);
        process::abort();
    }));
}
