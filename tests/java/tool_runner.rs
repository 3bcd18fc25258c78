//! Kafka's tools, many runs in one JVM (`tests/java/helpers/Tools.java`).

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::{helpers::classpath_with_helpers, kafka::NOTHING_BESIDE};

pub const METADATA_SHELL: &str = "org.apache.kafka.shell.MetadataShell";

/// What one run of a tool said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A JVM with the tools of one release.
pub struct ToolRunner {
    release: String,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl ToolRunner {
    pub fn start(release: &str) -> ToolRunner {
        let mut child = Command::new("java")
            .args(NOTHING_BESIDE)
            .args([
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
                "-cp",
                &classpath_with_helpers(release),
                "Tools",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("java runs: scripts/setup.sh --java installs it");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        ToolRunner {
            release: release.to_owned(),
            child,
            answers,
        }
    }

    /// Runs the tool with this main class to its end.
    pub fn run<'a>(&mut self, main: &str, arguments: impl IntoIterator<Item = &'a String>) -> Said {
        let mut line = main.to_owned();
        for argument in arguments {
            line = line + "\t" + argument;
        }
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{line}").expect("java reads");
        let mut answer = String::new();
        let answered = self.answers.read_line(&mut answer);
        answered.expect("java answers");
        assert!(!answer.is_empty(), "the JVM of the tools ended in: {line}");
        let mut parts = answer.trim_end_matches('\n').split('\t');
        let mut part = || plain(parts.next().expect("three parts"));
        let (code, stdout, stderr) = (part(), part(), part());
        let code = match code.as_str() {
            "exited" => self.restart(),
            code => code.parse().expect("a number"),
        };
        Said {
            code,
            stdout,
            stderr,
        }
    }

    /// Runs Kafka's metadata shell until it says `expected`, which must come from the snapshot: the shell
    /// answers as soon as it has read that, though it shows it to its commands up to 100 ms later
    /// (`MetadataShell.waitUntilCaughtUp`, `MetadataLoader.initializeNewPublishers`), and now and then it
    /// waits for ever, whoever wrote it.
    pub fn ask_shell(&mut self, arguments: &[String], expected: &str) -> Said {
        const ATTEMPTS: usize = 20;
        let mut said = self.run(METADATA_SHELL, arguments);
        for _ in 1..ATTEMPTS {
            if said.stdout.contains(expected) {
                break;
            }
            said = self.run(METADATA_SHELL, arguments);
        }
        said
    }

    /// Starts another JVM after a tool has ended this one; returns its exit code.
    fn restart(&mut self) -> i32 {
        let status = self.child.wait().expect("the end of the JVM");
        *self = ToolRunner::start(&self.release);
        status.code().expect("an exit code")
    }
}

impl Drop for ToolRunner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Undoes what keeps an answer on one line.
fn plain(text: &str) -> String {
    let text = text.replace("\\n", "\n").replace("\\t", "\t");
    text.replace("\\\\", "\\")
}

impl fmt::Display for Said {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Said {
            code,
            stdout,
            stderr,
        } = self;
        write!(
            to,
            "exit code {code}\n--stdout\n{stdout}\n--stderr\n{stderr}"
        )
    }
}
