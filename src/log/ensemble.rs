//! All directories of a node, taken together: they must belong to one node of one cluster before anything is
//! written into any of them. Kafka's rules in Kafka's order and words (`MetaPropertiesEnsemble.verify`,
//! `KafkaRaftServer.initializeLogDirs`), with what to do about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use tracing::{info, warn};

use super::{
    LogError, directory,
    meta_properties::{self, MetaProperties},
};
use crate::protocol::{NodeId, Uuid};

/// What `meta.properties` says in each directory; in the order of their names, as Kafka goes through them.
#[derive(Debug, Default)]
pub struct Ensemble {
    metadata_log_dir: PathBuf,
    pub formatted: BTreeMap<PathBuf, MetaProperties>,
    pub unformatted: BTreeSet<PathBuf>,
    pub unreadable: BTreeMap<PathBuf, LogError>,
}

impl Ensemble {
    /// Reads the files. `dirs` may hold `metadata_log_dir` or not.
    pub fn load(metadata_log_dir: &Path, dirs: &[PathBuf]) -> Ensemble {
        let mut ensemble = Ensemble {
            metadata_log_dir: metadata_log_dir.to_owned(),
            ..Default::default()
        };
        let all = dirs.iter().map(PathBuf::as_path).chain([metadata_log_dir]);
        for dir in all.collect::<BTreeSet<_>>() {
            let dir = dir.to_owned();
            match meta_properties::read(&dir) {
                Ok(Some(properties)) => drop(ensemble.formatted.insert(dir, properties)),
                Ok(None) => drop(ensemble.unformatted.insert(dir)),
                Err(error) => drop(ensemble.unreadable.insert(dir, error)),
            }
        }
        ensemble
    }

    /// Whether what is formatted belongs to node `node_id` of one cluster; of `cluster_id`, where that is
    /// known. A directory id names one directory only.
    pub fn verify_identity(
        &self,
        cluster_id: Option<&str>,
        node_id: NodeId,
    ) -> Result<(), LogError> {
        let mut expected = cluster_id;
        let mut owners = BTreeMap::new();
        for (dir, properties) in &self.formatted {
            let file = meta_properties::path(dir);
            let file = file.display();
            let read = properties.cluster_id.as_str();
            let expected = *expected.get_or_insert(read);
            if read != expected {
                return refuse(format!(
                    "Invalid cluster.id in: {file}. Expected {expected}, but read {read}"
                ));
            }
            if properties.node_id != node_id {
                return refuse(format!(
                    "Stored node id {} doesn't match previous node id {node_id} in {file}. If you \
                     moved your data, make sure your configured node id matches. If you intend to \
                     create a new node, you should remove all data in your data directories.",
                    properties.node_id
                ));
            }
            let Some(id) = properties.directory_id else {
                continue;
            };
            if id.is_reserved() {
                return refuse(format!(
                    "Invalid reserved directory ID {id} found in {}. {REFORMAT}",
                    dir.display()
                ));
            }
            if let Some(other) = owners.insert(id, dir) {
                return refuse(format!(
                    "Duplicate directory ID {id} found. It was the ID of {}, but also of {}. One of \
                     them is a copy. {REFORMAT}",
                    other.display(),
                    dir.display()
                ));
            }
        }
        Ok(())
    }

    /// Whether node `node_id` may start on these directories, and what its metadata directory says. A data
    /// directory that cannot be read is none of a controller's business.
    pub fn verify(&self, node_id: NodeId) -> Result<MetaProperties, LogError> {
        let (dir, shown) = (&self.metadata_log_dir, self.metadata_log_dir.display());
        if self.formatted.is_empty() {
            let unreadable = self.unreadable.values().next();
            let why = match (unreadable, directory::refuse_leftovers(dir)) {
                (Some(error), _) => error.to_string(),
                (None, Err(error)) => error.to_string(),
                (None, Ok(())) => format!("{shown} is not formatted: {FORMAT}"),
            };
            return refuse(format!("No readable meta.properties files found. {why}"));
        }
        self.verify_identity(None, node_id)?;
        if let Some(error) = self.unreadable.get(dir) {
            return refuse(format!(
                "Encountered I/O error in metadata log directory {shown}. Cannot continue. {error}"
            ));
        }
        let strays = self.formatted.keys().filter(|other| *other != dir);
        let mut strays = strays.map(|other| other.join(directory::NAME));
        if let Some(stray) = strays.find(|stray| stray.exists()) {
            return refuse(format!(
                "Found unexpected metadata location in data directory `{}` (the configured metadata \
                 directory is {shown}). If the metadata log was moved, metadata.log.dir must say where \
                 to; if it is a leftover, move it away.",
                stray.display()
            ));
        }
        if let Some(empty) = self.unformatted.first() {
            return refuse(format!(
                "No `meta.properties` found in {} (have you run `kafka-storage.sh` to format the \
                 directory?). Run it with --ignore-formatted and the cluster.id of the others, or take \
                 the directory out of log.dirs.",
                empty.display()
            ));
        }
        for (dir, error) in &self.unreadable {
            warn!(
                "the data directory {} cannot be read: {error}",
                dir.display()
            );
        }
        let own = self.formatted.get(dir).cloned();
        Ok(own.expect("a directory is formatted, or unformatted, or unreadable"))
    }

    /// Gives an id to each directory that has none: those formatted before Kafka 3.7. Tells the one of the
    /// metadata directory.
    pub fn name_directories(&mut self, mut new_id: impl FnMut() -> Uuid) -> Result<Uuid, LogError> {
        for (dir, properties) in &mut self.formatted {
            if properties.directory_id.is_none() {
                info!("Rewriting {}", meta_properties::path(dir).display());
                properties.directory_id = Some(new_id());
                meta_properties::write(dir, properties)?;
            }
        }
        let own = self.formatted.get(&self.metadata_log_dir);
        let id = own.and_then(|properties| properties.directory_id);
        Ok(id.expect("the metadata directory was verified"))
    }
}

const FORMAT: &str = "run kafka-storage.sh format -t CLUSTER_ID -c FILE with the id that all nodes of the \
                      cluster share (kafka-storage.sh random-uuid makes a new one).";
const REFORMAT: &str = "Move it away, format an empty directory with the same cluster id, and start while the \
                        other voters are up.";

fn refuse<T>(why: String) -> Result<T, LogError> {
    Err(LogError::Refused(why))
}
