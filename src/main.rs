//! The `kraftd` binary.

use std::process::ExitCode;

use clap::Parser;
use kraftd::cli;

fn main() -> ExitCode {
    match cli::Arguments::try_parse() {
        Ok(arguments) => cli::run(arguments),
        Err(error) => {
            let _ended = error.print();
            match error.use_stderr() {
                // Kafka's tools know only one way to fail.
                true => ExitCode::FAILURE,
                false => ExitCode::SUCCESS,
            }
        }
    }
}
