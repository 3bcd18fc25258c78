//! Our own Java programs (`tests/java/helpers/*.java`), compiled against the jars of a release.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::kafka::{classpath, lock, run, target_dir};

/// The class path of a release with our helper programs (`tests/java/helpers/*.java`) in front.
pub fn classpath_with_helpers(release: &str) -> String {
    let jars = classpath(release);
    let classes = target_dir().join("java-helpers").join(release);
    let _lock = lock("java-helpers");
    let sources = sources();
    if newest(&sources) > newest(&[classes.join("compiled")]) {
        compile(&sources, &jars, &classes);
    }
    format!("{}:{jars}", classes.display())
}

fn compile(sources: &[PathBuf], jars: &str, classes: &Path) {
    let _ = fs::remove_dir_all(classes);
    let mut arguments = vec!["-nowarn", "-proc:none", "-cp", jars, "-d"];
    let directory = classes.display().to_string();
    arguments.push(&directory);
    let names: Vec<String> = sources
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    arguments.extend(names.iter().map(String::as_str));
    let output = run("javac", &arguments);
    assert!(
        output.status.success(),
        "javac refused a helper program:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(classes.join("compiled"), "").expect("a mark beside the classes");
}

fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/helpers");
    let mut sources: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("tests/java/helpers")
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "java"))
        .collect();
    sources.sort();
    sources
}

/// When the youngest of these files was written; files that are not there are older than all.
fn newest(files: &[PathBuf]) -> SystemTime {
    let written = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    files
        .iter()
        .filter_map(written)
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
