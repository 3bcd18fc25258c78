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
                 Kafka, and name its folder."
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

    /// The broker of this configuration, in the foreground: Kafka's scripts leave no shell behind.
    pub fn broker(&self, properties: &Path) -> Command {
        let mut command = Command::new(self.home.join("bin/kafka-server-start.sh"));
        command.arg(properties);
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
