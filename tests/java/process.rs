//! One process under test: started with its output in a file, signalled by its own id, ended with us.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How many lines of a log a failure shows.
const TAIL_LINES: usize = 30;

/// A running process. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with both outputs appended to `log`; its standard input stays ours.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Process {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let err = out.try_clone().expect("the log file twice");
        let child = command
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        Process {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// SIGKILL, and the process is gone when this returns.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, then waits for the end.
    pub fn terminate(&mut self, timeout: Duration) -> ExitStatus {
        self.signal_to_end();
        self.wait_for_end(timeout)
    }

    /// SIGTERM.
    pub fn signal_to_end(&self) {
        self.signal(Signal::TERM);
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process id");
        kill_process(pid, signal).expect("a signal to our child");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child's state")
    }

    pub fn wait_for_end(&mut self, timeout: Duration) -> ExitStatus {
        let name = self.name.clone();
        let log = self.log.clone();
        wait_for(&format!("the end of {name}"), timeout, || {
            match self.ended() {
                Some(status) => Ok(status),
                None => Err(format!("it still runs; its log ends with:\n{}", tail(&log))),
            }
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    format!("--- {}\n{}", log.display(), lines[from..].join("\n"))
}

/// Asks again and again until the probe succeeds; panics with its last complaint when time is up.
#[track_caller]
pub fn wait_for<T>(
    what: &str,
    timeout: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(complaint) if start.elapsed() > timeout => {
                panic!("waited {timeout:?} in vain for {what}: {complaint}")
            }
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Runs a command to its end and returns what it printed; panics unless it succeeded.
#[track_caller]
pub fn run_to_end(what: &str, mut command: Command) -> String {
    let output = command.output();
    let output =
        output.unwrap_or_else(|error| panic!("cannot start {what} ({command:?}): {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{what} ended with {}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
        output.status
    );
    stdout
}

/// A loopback port that nobody listens on. Taken from below the range that the system gives to outgoing
/// connections, so that a server that is down for a moment finds its port free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 100) as u16 * 100;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
