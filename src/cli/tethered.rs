//! What a supervisor starts ends after it, also if it is killed and can stop nobody: else nobody knew of the broker
//! that goes on. The broker is started by `kraftd tethered PARENT COMMAND...`, which becomes the command; the kernel
//! asks it to stop when its parent has ended. The controller must stay until the broker is gone, so it reads from a pipe
//! whose other end both the supervisor and the broker hold.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    process::{self, Command, ExitCode},
    thread,
};

use rustix::process::{Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

use super::fail;

/// This very program, also after another file has taken its place.
const OURSELVES: &str = "/proc/self/exe";

#[derive(clap::Args)]
pub struct Arguments {
    parent: i32,
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// The same command on a tether. The kernel lets go when the thread ends that starts it: let that be the main thread.
pub fn tethered(command: &Command) -> Command {
    let mut tethered = Command::new(OURSELVES);
    tethered.args(["tethered", &process::id().to_string(), "--"]);
    tethered.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tethered.env(name, value),
            None => tethered.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        tethered.current_dir(dir);
    }
    tethered
}

pub fn run(arguments: &Arguments) -> ExitCode {
    fail(become_command(arguments))
}

/// Returns only if it fails, saying why.
fn become_command(arguments: &Arguments) -> String {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return format!("cannot ask for the end of the parent to be told: {error}");
    }
    // It may have ended before we asked.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get());
    if parent != Some(arguments.parent) {
        return format!(
            "process {}, which started this, has ended",
            arguments.parent
        );
    }
    let (program, words) = arguments.command.split_first().expect("clap requires one");
    let error = Command::new(program).args(words).exec();
    format!("cannot run {}: {error}", program.display())
}

/// Asks this very process to stop when nobody holds the other end of its input any more.
pub fn stop_at_end_of_input() {
    thread::spawn(|| {
        let _ended = io::copy(&mut io::stdin(), &mut io::sink());
        let _we_run = kill_process(getpid(), Signal::TERM);
    });
}
