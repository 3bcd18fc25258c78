//! What stands in the way of nodes on this machine: names, ports, directories. Nothing is changed, and nodes
//! that run already are left alone.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    check::{Findings, Node},
    check_names::Names,
};
use crate::{
    log::{directory, ensemble::Ensemble},
    server::{listener, status},
};

pub fn check(nodes: &[Node], names: &Names, findings: &mut Findings) {
    unknown_names(nodes, names, findings);
    let mut cluster = None;
    let is_here = |node: &&Node| node.host().is_none_or(|host| names.is_here(host));
    for node in nodes.iter().filter(is_here) {
        let running = node.log_dirs.iter().chain(&node.metadata_log_dir);
        let is_running = running
            .into_iter()
            .any(|dir| directory::is_in_use(dir).unwrap_or_default());
        if !is_running {
            ports(node, findings);
        }
        directories(node, is_running, &mut cluster, findings);
    }
}

/// Each name once: the files of all nodes have the same ones.
fn unknown_names(nodes: &[Node], names: &Names, findings: &mut Findings) {
    let mut told = BTreeSet::new();
    for node in nodes {
        for (key, host) in node.hosts() {
            if let Some(why) = names.unknown(&host)
                && told.insert(host.clone())
            {
                findings.error(
                    node.file,
                    format!(
                        "{key} has {host}, which does not resolve here ({why}). Correct it, or add the name to \
                         DNS or /etc/hosts."
                    ),
                );
            }
        }
    }
}

fn ports(node: &Node, findings: &mut Findings) {
    for own in node.listeners.iter().filter(|own| own.port != 0) {
        if let Err(why) = listener::bind(own) {
            findings.error(node.file, why);
        }
    }
}

/// `cluster` is the file and the id of the first node whose directories are formatted.
fn directories<'a>(
    node: &'a Node,
    is_running: bool,
    cluster: &mut Option<(&'a Path, String)>,
    findings: &mut Findings,
) {
    let (Some(id), Some(metadata_log_dir)) = (node.id, &node.metadata_log_dir) else {
        return;
    };
    let ensemble = Ensemble::load(metadata_log_dir, &node.log_dirs);
    let mut leftovers = false;
    for dir in &ensemble.unformatted {
        if let Some(name) = first_entry(dir) {
            leftovers = true;
            findings.error(
                node.file,
                format!(
                    "{} is not formatted, but holds {name}, left from before, or by another node. Move that \
                     away, or name an empty directory.",
                    dir.display()
                ),
            );
        }
    }
    match ensemble.verify(id) {
        Ok(properties) => {
            let found = &properties.cluster_id;
            let (file, first) = cluster.get_or_insert_with(|| (node.file, found.clone()));
            if first != found {
                findings.error(
                    node.file,
                    format!(
                        "{} was formatted for cluster {found}, but {} has cluster {first}. Find out which of them \
                         has the metadata, and format an empty directory of the other with that id.",
                        metadata_log_dir.display(),
                        file.display()
                    ),
                );
            }
            if node.is_controller
                && !is_running
                && let Err(why) =
                    directory::refuse_others(metadata_log_dir, id, properties.directory_id)
            {
                findings.error(node.file, why.to_string());
            }
        }
        Err(_) if leftovers => {}
        Err(_) if ensemble.formatted.is_empty() && ensemble.unreadable.is_empty() => {
            findings.warning(
                node.file,
                format!(
                    "{} is not formatted. Run kafka-storage.sh format -t CLUSTER_ID -c {}, with the id that all \
                     nodes of the cluster share.",
                    metadata_log_dir.display(),
                    node.file.display()
                ),
            );
        }
        Err(why) => findings.error(node.file, why.to_string()),
    }
}

/// Something that was left in a directory, if there is anything that counts; the log first.
fn first_entry(dir: &Path) -> Option<String> {
    // What file systems make, and what each start makes anew, of which `rm -rf DIR/*` leaves `.lock`.
    const NOTHING: [&str; 3] = ["lost+found", directory::LOCK_NAME, status::NAME];
    let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| !NOTHING.contains(&name.as_str()));
    names.min_by_key(|name| (name != directory::NAME, name.clone()))
}
