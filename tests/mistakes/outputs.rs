//! Where standard output and standard error lead to a disk that is full, or to nobody: no command panics, one that could
//! not say what it was to say fails, and a controller goes on.

use std::{
    ffi::OsStr,
    fs::File,
    os::unix::ffi::OsStrExt,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::site::{Site, kraftd};

/// Ends with the test, whatever comes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Takes nothing, as a file on a full disk.
fn full() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    full.expect("Linux has /dev/full").into()
}

/// Nobody reads, as after `| head` has seen enough.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Commands that say something and change nothing.
fn commands(site: &Site) -> Vec<Command> {
    let (file, data) = (site.file(), site.data());
    let (file, data) = (file.to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));
    let lines: [&[&str]; 8] = [
        &["check", file],
        &["dump", data],
        &["status", "--timeout", "30000", file],
        &["status", "--timeout", "30000", "--json", file],
        &["storage", "random-uuid"],
        &["storage", "info", "-c", file],
        &["storage", "version-mapping"],
        &[
            "storage",
            "feature-dependencies",
            "-f",
            "metadata.version=20",
        ],
    ];
    lines.map(kraftd).into()
}

/// Each of them beside a node that runs: how it ended, and what it said on standard error.
fn run_all(output: fn() -> Stdio) -> Vec<(String, Option<i32>, String)> {
    let site = Site::formatted();
    let _running = site.start();
    site.wait_until_it_leads();
    let run = |mut command: Command| {
        let done = command.stdout(output()).output().expect("runs");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        (format!("{command:?}"), done.status.code(), said)
    };
    commands(&site).into_iter().map(run).collect()
}

#[test]
fn a_log_that_cannot_be_written_ends_no_controller() {
    for output in [full, unread] {
        let site = Site::formatted();
        let mut server = site.server();
        server.stdout(output()).stderr(output());
        let mut server = Running(server.spawn().expect("starts"));
        site.wait_until_it_leads();
        kill_process(Pid::from_child(&server.0), Signal::TERM).expect("it runs");
        let ended = server.0.wait().expect("a child's state");
        assert_eq!(ended.code(), Some(0));
    }
}

#[test]
fn who_cannot_say_what_there_is_to_say_fails() {
    for (command, code, said) in run_all(full) {
        assert_eq!(code, Some(1), "{command}: {said}");
        assert_eq!(
            said.matches("No space left on device").count(),
            1,
            "{command}: {said}"
        );
    }
}

#[test]
fn who_is_read_no_further_has_said_enough() {
    for (command, code, said) in run_all(unread) {
        assert_eq!((code, said.as_str()), (Some(0), ""), "{command}");
    }
}

#[test]
fn errors_that_cannot_be_told_are_errors_all_the_same() {
    let no_text = OsStr::from_bytes(b"\xff");
    for words in [
        [OsStr::new("check"), OsStr::new("nowhere")],
        [OsStr::new("dump"), OsStr::new("nowhere")],
        [OsStr::new("storage"), OsStr::new("nothing")],
        [no_text, no_text],
    ] {
        let mut command = kraftd(&[]);
        command.args(words);
        let done = command
            .stderr(full())
            .stdout(unread())
            .status()
            .expect("runs");
        assert_eq!(done.code(), Some(1), "{command:?}");
    }
}
