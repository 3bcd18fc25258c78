//! Kafka's own code, asked line by line: its serializers, and its reading of configurations.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::kafka;

/// A running program (`tests/java/oracles/*.java`), with the jars of one release.
pub struct Oracle {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    /// The serializers: oracles/Oracle.java.
    pub fn start(release: &str) -> Oracle {
        Oracle::running("Oracle", release)
    }

    /// The configurations: oracles/Configs.java.
    pub fn of_configs(release: &str) -> Oracle {
        Oracle::running("Configs", release)
    }

    fn running(name: &str, release: &str) -> Oracle {
        let oracles = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/java/oracles");
        let source = format!("{oracles}/{name}.java");
        let mut process = Command::new("java")
            .args(kafka::NOTHING_BESIDE)
            .args([
                "-Dfile.encoding=UTF-8",
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-cp",
                &kafka::classpath(release),
                &source,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("java runs: scripts/setup.sh --java installs it");
        let input = process.stdin.take().expect("a pipe");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        Oracle {
            process,
            input,
            output,
        }
    }

    /// Asks many questions at once; the answers come in the same order.
    pub fn ask(&mut self, questions: &[String]) -> Vec<String> {
        let Oracle { input, output, .. } = self;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut all = questions.join("\n");
                all.push('\n');
                input.write_all(all.as_bytes()).expect("the oracle listens");
                input.flush().expect("the oracle listens");
            });
            let mut answers = output.lines().take(questions.len());
            let answers: Vec<String> = answers
                .by_ref()
                .map(|line| line.expect("the oracle speaks"))
                .collect();
            assert_eq!(answers.len(), questions.len(), "the oracle ended early");
            answers
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}
