//! `kraftd quickstart --with-kafka`: a real Kafka broker on our controllers, and a message through it.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    KAFKA_RELEASE,
    quickstart::{Site, spinner},
    supervisor::{Nodes, Role},
};

use crate::console::say;

const MESSAGE: &str = "hello from a Kafka broker on kraftd controllers";
const TOPIC: &str = "quickstart";
/// A broker takes some ten seconds to start.
const BROKER_PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(site: &Site, nodes: &mut Nodes) -> Result<(), String> {
    let jars = fetch(&site.dir)?;
    let properties = site.dir.join("broker.properties");
    site.format(&properties)?;
    let mut broker = java(&jars);
    broker.arg("kafka.Kafka").arg(&properties);
    nodes.start_logging(Role::Broker, "broker-4", broker, &site.dir)?;
    wait_for_broker(site, nodes).await?;
    let bootstrap = format!("localhost:{}", site.broker_port);
    say!("\nA Kafka {KAFKA_RELEASE} broker runs at {bootstrap}.");
    produce(&jars, &bootstrap)?;
    say!("Sent to topic {TOPIC}:   {MESSAGE}");
    let received = consume(&jars, &bootstrap)?;
    say!("Read back from it:       {received}");
    match received == MESSAGE {
        true => Ok(()),
        false => Err(format!("the message came back as `{received}`")),
    }
}

/// Gets Kafka's jars, once.
fn fetch(dir: &Path) -> Result<PathBuf, String> {
    let jars = dir.join("kafka").join(KAFKA_RELEASE);
    if jars.join("complete").exists() {
        return Ok(jars);
    }
    let progress = spinner("getting Kafka through Maven");
    fs::create_dir_all(&jars).map_err(|error| error.to_string())?;
    let pom = jars.join("pom.xml");
    fs::write(&pom, POM.replace("VERSION", KAFKA_RELEASE)).map_err(|error| error.to_string())?;
    let output = Command::new("mvn")
        .args([
            "-q",
            "-B",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
        ])
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .arg("-f")
        .arg(&pom)
        .output()
        .map_err(|error| {
            format!("cannot run mvn: {error}. Install Maven and a JDK of 17 or later.")
        })?;
    progress.finish_and_clear();
    if !output.status.success() {
        return Err(format!(
            "mvn failed:\n{}",
            String::from_utf8_lossy(&output.stdout)
        ));
    }
    fs::write(jars.join("complete"), "").map_err(|error| error.to_string())?;
    Ok(jars)
}

const POM: &str = "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
<modelVersion>4.0.0</modelVersion>
<groupId>kraftd</groupId><artifactId>quickstart</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>VERSION</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>VERSION</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies>
</project>
";

fn java(jars: &Path) -> Command {
    let mut command = Command::new("java");
    command.args([
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
    ]);
    command.arg(jars.join("*"));
    command
}

async fn wait_for_broker(site: &Site, nodes: &mut Nodes) -> Result<(), String> {
    let progress = spinner("waiting for the broker");
    let started = std::time::Instant::now();
    // It opens its listener when a controller has unfenced it.
    while TcpStream::connect(("localhost", site.broker_port)).is_err() {
        nodes.check()?;
        if started.elapsed() > BROKER_PATIENCE {
            let log = site.dir.join("broker-4.log");
            return Err(format!("the broker did not start; see {}", log.display()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    progress.finish_and_clear();
    Ok(())
}

fn produce(jars: &Path, bootstrap: &str) -> Result<(), String> {
    let mut command = java(jars);
    command.arg("org.apache.kafka.tools.ConsoleProducer");
    command.args(["--bootstrap-server", bootstrap, "--topic", TOPIC]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "{MESSAGE}").map_err(|error| error.to_string())?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("the console producer failed ({status})")),
    }
}

/// The first message of the topic; every start sends the same one.
fn consume(jars: &Path, bootstrap: &str) -> Result<String, String> {
    let mut command = java(jars);
    command.arg("org.apache.kafka.tools.consumer.ConsoleConsumer");
    command.args([
        "--bootstrap-server",
        bootstrap,
        "--topic",
        TOPIC,
        "--from-beginning",
    ]);
    command.args(["--max-messages", "1", "--timeout-ms", "60000"]);
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next_back().map(str::to_owned).ok_or_else(|| {
        format!(
            "nothing came back from topic {TOPIC}: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
