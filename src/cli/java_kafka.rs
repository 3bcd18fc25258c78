//! A folder with Java's Kafka in it, whose broker runs beside our controller.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the folder is named, if not on the command line.
const VARIABLE: &str = "KAFKA_HOME";
/// The oldest release whose brokers we serve; older ones know another KRaft.
const OLDEST: (u32, u32) = (3, 9);

pub struct JavaKafka {
    home: PathBuf,
}

impl JavaKafka {
    /// The folder of `--with-java-broker`, else the one that `KAFKA_HOME` names. `None`: nobody named one.
    pub fn find(named: Option<&Path>) -> Result<Option<JavaKafka>, String> {
        let home = named.map(Path::to_owned).or_else(|| {
            let home = env::var_os(VARIABLE).filter(|home| !home.is_empty());
            home.map(PathBuf::from)
        });
        let Some(home) = home else { return Ok(None) };
        let source = match named {
            Some(_) => "--with-java-broker",
            None => VARIABLE,
        };
        let shown = home.display();
        let version = version(&home).ok_or_else(|| {
            format!(
                "{source}: {shown} is no folder of Java's Kafka: there is no libs/kafka_*.jar in it. Unpack \
                 Kafka, name that folder."
            )
        })?;
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), Some(minor)) if (major, minor) < OLDEST => Err(format!(
                "{source}: {shown} is Kafka {version}, whose brokers cannot work with this controller. Take \
                 Kafka {}.{} or later.",
                OLDEST.0, OLDEST.1
            )),
            _ => Ok(Some(JavaKafka { home })),
        }
    }

    /// The broker of this configuration, in the foreground.
    pub fn broker(&self, properties: &Path) -> Command {
        let bin = self.home.join("bin");
        let own = bin.join("kafka-server-start.sh");
        let is_javas = |script: &Path| {
            fs::read_to_string(script).is_ok_and(|text| text.contains("kafka-run-class"))
        };
        if is_javas(&own) {
            let mut command = Command::new(own);
            command.arg(properties);
            return command;
        }
        // Our scripts were laid over Kafka's: what its own would do.
        let mut command = Command::new(bin.join("kafka-run-class.sh"));
        command
            .args(["-name", "kafkaServer", "-loggc", "kafka.Kafka"])
            .arg(properties);
        if env::var_os("KAFKA_HEAP_OPTS").is_none() {
            command.env("KAFKA_HEAP_OPTS", "-Xmx1G -Xms1G");
        }
        let log4j = [
            ("config/log4j2.yaml", "-Dlog4j2.configurationFile="),
            ("config/log4j.properties", "-Dlog4j.configuration=file:"),
        ];
        let mut log4j = log4j
            .iter()
            .map(|(file, option)| (self.home.join(file), option));
        if env::var_os("KAFKA_LOG4J_OPTS").is_none()
            && let Some((file, option)) = log4j.find(|(file, _)| file.exists())
        {
            command.env("KAFKA_LOG4J_OPTS", format!("{option}{}", file.display()));
        }
        command
    }
}

/// The release in the folder: `4.3.1` for `libs/kafka_2.13-4.3.1.jar`.
fn version(home: &Path) -> Option<String> {
    let files = fs::read_dir(home.join("libs")).ok()?;
    let names = files
        .flatten()
        .filter_map(|file| file.file_name().into_string().ok());
    let mut versions = names.filter_map(|name| {
        let (_scala, version) = name.strip_prefix("kafka_")?.split_once('-')?;
        let version = version.strip_suffix(".jar")?;
        version
            .starts_with(|char: char| char.is_ascii_digit())
            .then(|| version.to_owned())
    });
    versions.next()
}
