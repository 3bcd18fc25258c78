//! Whose file a command reads that is given none: that of the node that runs here, wherever the command is typed. The
//! sample that lies in the folder is the last resort, since it tells of three controllers that nobody may have started.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::processes::{self, Server};

const DEFAULT_FILE: &str = "config/controller.properties";

/// A node's file, and the properties that win over it.
#[derive(Debug, PartialEq, Eq)]
pub struct NodeFile {
    pub path: PathBuf,
    pub overrides: Vec<String>,
}

pub fn find() -> Result<NodeFile, String> {
    // Of a server in a container, or of somebody who hides his directories, the file is not to be found from here.
    let is_here = |server: &Server| server.file.is_absolute() && server.file.is_file();
    let running = processes::kraftd_servers().into_iter().filter(is_here);
    let running = running.map(|server| NodeFile {
        path: server.file,
        overrides: server.overrides,
    });
    choose(running.collect(), Path::new(DEFAULT_FILE))
}

fn choose(mut running: Vec<NodeFile>, default: &Path) -> Result<NodeFile, String> {
    let canonical = |path: &Path| fs::canonicalize(path).ok();
    let is_default = |it: &NodeFile| canonical(&it.path) == canonical(default);
    let of_default = running.iter().position(is_default);
    match (running.len(), of_default) {
        (1, _) => Ok(running.remove(0)),
        (_, Some(at)) => Ok(running.remove(at)),
        (0, None) if default.is_file() => Ok(NodeFile {
            path: default.to_owned(),
            overrides: Vec::new(),
        }),
        (0, None) => Err(format!(
            "name the node's file: no kraftd server is seen to run here, and there is no {}",
            default.display()
        )),
        _ => {
            let files = running.iter().map(|it| it.path.display().to_string());
            let files: Vec<String> = files.collect();
            Err(format!(
                "several kraftd servers run here; name the file of one: {}",
                files.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &Path, overrides: &[&str]) -> NodeFile {
        NodeFile {
            path: path.to_owned(),
            overrides: overrides.iter().map(|it| it.to_string()).collect(),
        }
    }

    #[test]
    fn the_node_that_runs_here_comes_before_the_sample() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, "").expect("writes");
            path
        };
        let (one, two, sample) = (file("one"), file("two"), file("sample"));
        let missing = dir.path().join("missing");
        let run = || node(&one, &["node.id=7"]);
        assert_eq!(choose(vec![run()], &sample), Ok(run()));
        assert_eq!(choose(vec![], &sample), Ok(node(&sample, &[])));
        let said = choose(vec![], &missing).expect_err("no file");
        assert!(said.starts_with("name the node's file: "), "{said}");
        let both = || vec![run(), node(&two, &[])];
        let said = choose(both(), &sample).expect_err("two");
        let files = format!("{}, {}", one.display(), two.display());
        assert!(said.ends_with(&files), "{said}");
        assert_eq!(choose(both(), &two), Ok(node(&two, &[])));
        assert!(choose(both(), &missing).is_err());
    }
}
