//! Real Kafka on this machine: the jars of a release.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The release that brokers, tools and the oracle run, unless a test says otherwise.
pub const RELEASE: &str = "4.3.1";

/// What a JVM has to say of itself, of its memory or of files that it shares with others, it says elsewhere than among what
/// its program prints.
pub const NOTHING_BESIDE: &[&str] = &[
    "-XX:-UsePerfData",
    "-XX:+DisplayVMOutputToStderr",
    "-Xlog:disable",
    "-Xlog:all=warning:stderr",
];

const COPY_DEPENDENCIES: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/// The class path with all jars of a release, downloaded by Maven the first time.
pub fn classpath(release: &str) -> String {
    let jars = target_dir().join("kafka").join(release);
    let _lock = lock("kafka");
    if !jars.is_dir() {
        download(release, &jars);
    }
    format!("{}/*", jars.display())
}

/// Where builds and downloads go.
pub fn target_dir() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("CARGO_TARGET_DIR").map_or(manifest.join("target"), PathBuf::from)
}

/// Runs a program that has to be installed, and says how to get it when it is not.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!(
            "cannot run `{program}`: {error}. The tests against real Kafka need a JDK (17 or newer) \
             and Maven: run scripts/setup.sh --java"
        )
    })
}

fn download(release: &str, jars: &Path) {
    let partial = jars.with_extension("partial");
    let _ = fs::remove_dir_all(&partial);
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/kafka-jars/pom.xml");
    let output = run(
        "mvn",
        &[
            "--quiet",
            "--batch-mode",
            "--file",
            &pom.display().to_string(),
            &format!("-Dkafka.version={release}"),
            COPY_DEPENDENCIES,
            "-DincludeScope=runtime",
            &format!("-DoutputDirectory={}", partial.display()),
        ],
    );
    assert!(
        output.status.success(),
        "Maven could not fetch Kafka {release} (is a Maven repository reachable?):\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    fs::rename(&partial, jars).expect("the jars move to their place");
}

/// Held while something below `target` is made, since several test processes may want it at once.
pub fn lock(name: &str) -> fs::File {
    let folder = target_dir();
    fs::create_dir_all(&folder).expect("the target folder");
    let file = fs::File::create(folder.join(format!("{name}.lock"))).expect("a lock file");
    file.lock().expect("the lock");
    file
}

#[test]
fn the_jars_of_the_release_are_complete() {
    let classpath = classpath(RELEASE);
    let output = run("java", &["-cp", &classpath, "kafka.Kafka", "--version"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains(RELEASE),
        "kafka.Kafka --version printed: {printed}"
    );
}
