//! The `kraftd` binary.

use std::process::ExitCode;

use clap::Parser;
use kraftd::{cli, console};

fn main() -> ExitCode {
    console::ended(match cli::Arguments::try_parse() {
        Ok(arguments) => cli::run(arguments),
        Err(error) => cli::explain(&error),
    })
}
