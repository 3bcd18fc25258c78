//! `kraftd serves COMMAND ARGUMENTS`: who serves a command line of Kafka's where its scripts and ours share a folder
//! (`install_scripts.rs`). Kafka does if it is about a broker alone, else kraftd.

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgMatches, CommandFactory};

use crate::{
    config::{Environment, values::Values},
    console::say,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// kafka-server-start or kafka-storage.
    command: String,
    /// What follows it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let is_of_broker = named_file(arguments).is_some_and(|(file, overrides)| {
        // What is wrong with a file, kraftd says as it always does.
        let values = Values::read(&file, &overrides, &Environment::of_process());
        values.is_ok_and(|values| is_of_broker(&values))
    });
    say!("{}", if is_of_broker { "kafka" } else { "kraftd" });
    ExitCode::SUCCESS
}

fn is_of_broker(values: &Values) -> bool {
    match values.list("process.roles") {
        Ok(roles) if !roles.is_empty() => roles.iter().all(|role| role == "broker"),
        // Kafka 3.9 runs those still.
        Ok(_) | Err(_) => values.is_set("zookeeper.connect"),
    }
}

/// The file that is named among the arguments, and what overrides it. The rest may be known to Kafka alone.
fn named_file(arguments: &Arguments) -> Option<(PathBuf, Vec<String>)> {
    let ours = match arguments.command.as_str() {
        "kafka-server-start" => "server",
        _ => "storage",
    };
    let words = arguments.arguments.iter().map(String::as_str);
    let words = words.filter(|word| *word != "-daemon");
    let command = super::Arguments::command().ignore_errors(true);
    let matches = command.try_get_matches_from(["kraftd", ours].into_iter().chain(words));
    let mut matches = &matches.ok()?;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    let file = |id| matches.try_get_one::<PathBuf>(id).ok().flatten();
    let file = file("config").or_else(|| file("file"))?;
    Some((file.clone(), overrides(matches)))
}

fn overrides(matches: &ArgMatches) -> Vec<String> {
    let given = matches.try_get_many::<String>("overrides").ok().flatten();
    given.into_iter().flatten().cloned().collect()
}
