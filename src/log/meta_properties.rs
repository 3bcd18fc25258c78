//! `meta.properties`: whose a log directory is. Kafka's file in Kafka's format
//! (`org.apache.kafka.metadata.properties.MetaProperties`, version 1).

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{LogError, durable};
use crate::protocol::{NodeId, Uuid, properties};

const FILE_NAME: &str = "meta.properties";

/// What `format` wrote into a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    pub cluster_id: String,
    pub node_id: NodeId,
    /// Missing in directories that were formatted before Kafka 3.7.
    pub directory_id: Option<Uuid>,
}

pub fn path(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

/// Reads the file of a directory; `None` where there is none. Version 0 is of the time of ZooKeeper, and what
/// a file without a version has.
pub fn read(dir: &Path) -> Result<Option<MetaProperties>, LogError> {
    let path = path(dir);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(LogError::io("cannot read", &path))?,
    };
    parse(&bytes)
        .map(Some)
        .map_err(|reason| corrupt(&path, reason))
}

/// Reads what stands in a file.
pub fn parse(bytes: &[u8]) -> Result<MetaProperties, String> {
    let properties = properties::parse(&properties::latin_1(bytes))?;
    let value = |key: &str| {
        let value = properties.get(key).map(|value| value.trim());
        value.filter(|value| !value.is_empty())
    };
    let required = |key: &str| value(key).ok_or_else(|| format!("{key} is missing"));
    let id_key = match value("version") {
        None if value("broker.id").is_none() => return Err("version is missing".to_owned()),
        None | Some("0") => "broker.id",
        Some("1") => "node.id",
        Some(other) => return Err(format!("Unknown meta.properties version number {other}")),
    };
    let id = required(id_key)?;
    let node_id = id
        .parse()
        .map_err(|_| format!("{id_key}={id} is no number"))?;
    let directory_id = value("directory.id").map(str::parse::<Uuid>).transpose();
    Ok(MetaProperties {
        cluster_id: required("cluster.id")?.to_owned(),
        node_id: NodeId(node_id),
        directory_id: directory_id.map_err(|error| format!("directory.id: {error}"))?,
    })
}

fn corrupt(path: &Path, reason: String) -> LogError {
    LogError::Corrupt {
        path: path.to_owned(),
        reason,
        remedy: "Bring back what kafka-storage.sh format wrote (version=1, cluster.id, node.id and \
                 directory.id); or move the directory away, format an empty one with the same cluster id, \
                 and start while the other voters are up",
    }
}

/// Writes the file, durably.
pub fn write(dir: &Path, properties: &MetaProperties) -> Result<(), LogError> {
    let path = path(dir);
    let temporary = dir.join(format!("{FILE_NAME}.tmp"));
    let MetaProperties {
        cluster_id,
        node_id,
        directory_id,
    } = properties;
    let mut text = format!("#\ncluster.id={}\n", properties::escape(cluster_id));
    if let Some(directory_id) = directory_id {
        text.push_str(&format!("directory.id={directory_id}\n"));
    }
    text.push_str(&format!("node.id={node_id}\nversion=1\n"));
    durable::write(&temporary, &path, |file| file.write_all(text.as_bytes())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cluster_id_is_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        for cluster_id in [
            "MkU3OEVBNTcwNTJENDM2Qg",
            r"a\b",
            "größe",
            "two words",
            "a\nversion=7",
        ] {
            let properties = MetaProperties {
                cluster_id: cluster_id.to_owned(),
                node_id: NodeId(1),
                directory_id: Some(Uuid([7; 16])),
            };
            write(dir.path(), &properties).expect("writes");
            let read = read(dir.path()).expect("reads").expect("a file");
            assert_eq!(read, properties);
        }
    }
}
