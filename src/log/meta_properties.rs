//! `meta.properties`: whose a log directory is. Kafka's file in Kafka's format
//! (`org.apache.kafka.metadata.properties.MetaProperties`, version 1).

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufReader, Write},
    path::{Path, PathBuf},
};

use super::{LogError, snapshot_file::sync_directory};
use crate::protocol::{NodeId, Uuid};

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

/// Reads the file of a directory; `None` where there is none.
pub fn read(dir: &Path) -> Result<Option<MetaProperties>, LogError> {
    let path = path(dir);
    if !path.exists() {
        return Ok(None);
    }
    let corrupt = |reason: String| LogError::Corrupt {
        path: path.clone(),
        reason,
        remedy: "It must have version=1, cluster.id, node.id and directory.id, as kafka-storage.sh \
                 format writes them",
    };
    let file = File::open(&path).map_err(LogError::io("cannot read", &path))?;
    let properties: HashMap<String, String> =
        java_properties::read(BufReader::new(file)).map_err(|error| corrupt(error.to_string()))?;
    let value = |key: &str| {
        properties
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    };
    let required = |key: &str| value(key).ok_or_else(|| corrupt(format!("{key} is missing")));
    match required("version")? {
        "0" | "1" => {}
        other => return Err(corrupt(format!("version={other} is unknown"))),
    }
    let node_id = value("node.id").or_else(|| value("broker.id"));
    let node_id = node_id.ok_or_else(|| corrupt("node.id is missing".to_owned()))?;
    let node_id = node_id
        .parse()
        .map_err(|_| corrupt(format!("node.id={node_id}")))?;
    let directory_id = value("directory.id").map(str::parse::<Uuid>).transpose();
    Ok(Some(MetaProperties {
        cluster_id: required("cluster.id")?.to_owned(),
        node_id: NodeId(node_id),
        directory_id: directory_id.map_err(corrupt)?,
    }))
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
    let mut text = format!("#\ncluster.id={cluster_id}\n");
    if let Some(directory_id) = directory_id {
        text.push_str(&format!("directory.id={directory_id}\n"));
    }
    text.push_str(&format!("node.id={node_id}\nversion=1\n"));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    });
    written.map_err(LogError::io("cannot write", &path))?;
    sync_directory(dir)
}
