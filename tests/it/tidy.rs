//! The house rules of docs/ARCHITECTURE.md that a machine can check, so that nobody has to remember
//! them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Which of our modules each module may name. Whoever is missing may name none.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("console", &[]),
    ("protocol", &[]),
    ("raft", &["protocol", "time"]),
    ("metadata", &["protocol", "time"]),
    ("controller", &["raft", "metadata", "protocol", "time"]),
    ("log", &["protocol"]),
    ("config", &["metadata", "protocol"]),
    (
        "server",
        &[
            "console",
            "controller",
            "raft",
            "metadata",
            "log",
            "config",
            "protocol",
            "time",
        ],
    ),
    (
        "cli",
        &[
            "console",
            "server",
            "controller",
            "raft",
            "metadata",
            "log",
            "config",
            "protocol",
            "time",
        ],
    ),
    ("main", &["cli", "console", "kraftd"]),
    ("lib", &[]),
];

/// The pure core: same inputs, same outputs, on every run.
const PURE: &[&str] = &["protocol", "raft", "metadata", "controller"];

/// What would let the world, or chance, into the pure core.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "rand::rng",
    "thread_rng",
    "from_os_rng",
];

/// Marks of unfinished work, and short cuts that would become a panic on someone's machine.
const UNFINISHED: &[&str] = &[
    "TODO",
    "FIXME",
    "XXX",
    "todo!",
    "unimplemented!",
    ".unwrap()",
];

/// They panic where standard output takes nothing: `console.rs` has what does not.
const PANICKING_PRINTS: &[&str] = &["println!", "print!(", "dbg!"];

/// A file longer than this is two files.
const MAX_LINES: usize = 800;

struct Source {
    path: PathBuf,
    /// First component below src, without `.rs`.
    module: String,
    /// The code without comments and without its unit tests.
    code: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(
        files.len() > 5,
        "the sources were not found below {}",
        root.display()
    );
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable source file");
            let below = path.strip_prefix(&root).expect("a path below src");
            let first = below.components().next().expect("a file name").as_os_str();
            let module = first.to_string_lossy().trim_end_matches(".rs").to_owned();
            let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code = product
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\n");
            Source {
                path,
                module,
                code,
                text,
            }
        })
        .collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a readable folder") {
        let path = entry.expect("a folder entry").path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|ending| ending == "rs") => files.push(path),
            false => {}
        }
    }
}

/// Asserts with all breaches at once, so that one run shows the whole work.
fn assert_none(rule: &str, breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

/// Every line of the code, and every path that is imported, written out; with the number of the line.
fn named(code: &str) -> Vec<(usize, String)> {
    let (mut found, mut at) = (Vec::new(), 0);
    for (number, line) in (1..).zip(code.lines()) {
        found.push((number, line.to_owned()));
        if let Some((visibility, _)) = line.trim_start().split_once("use ")
            && (visibility.is_empty() || visibility.starts_with("pub"))
        {
            let statement = code[at..].split(';').next().unwrap_or_default();
            let (_, tree) = statement.split_once("use ").expect("on this line");
            let mut paths = Vec::new();
            expand("", tree, &mut paths);
            found.extend(paths.into_iter().map(|path| (number, path)));
        }
        at += line.len() + 1;
    }
    found
}

/// The paths of a tree of imports.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, branches)) = tree.split_once('{') else {
        if !tree.trim().is_empty() {
            paths.push(format!("{prefix}{}", tree.trim()));
        }
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let (branches, _) = branches.rsplit_once('}').expect("a tree that is closed");
    let mut depth = 0;
    let between = |letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    };
    branches
        .split(between)
        .for_each(|branch| expand(&prefix, branch, paths));
}

/// Whether a line or a path goes through a module of ours.
fn names(line: &str, module: &str) -> bool {
    ["crate", "kraftd"].iter().any(|root| {
        let path = format!("{root}::{module}");
        let mut after = line.split(path.as_str()).skip(1);
        after.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
    })
}

#[test]
fn trees_of_imports_are_written_out() {
    let code = "use std::fmt;\nuse crate::{\n    log::{Log, engine::{self, EngineLog}}, raft,\n};\nfn f() {}";
    let paths: Vec<_> = named(code)
        .into_iter()
        .filter(|(_, path)| !code.lines().any(|line| line == path))
        .collect();
    let at = |number, path: &str| (number, path.to_owned());
    assert_eq!(
        paths,
        [
            at(1, "std::fmt"),
            at(2, "crate::log::Log"),
            at(2, "crate::log::engine::self"),
            at(2, "crate::log::engine::EngineLog"),
            at(2, "crate::raft"),
        ]
    );
    assert!(names("crate::raft", "raft") && names("x(crate::log::Log)", "log"));
    assert!(!names("crate::raft_log::Log", "raft") && !names("crate::raft", "log"));
}

#[test]
fn imports_point_one_way() {
    let modules: Vec<&str> = MAY_IMPORT.iter().map(|(module, _)| *module).collect();
    let mut breaches = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = MAY_IMPORT
            .iter()
            .find(|(module, _)| *module == source.module)
        else {
            breaches.push(format!(
                "{}: module not in the table",
                source.path.display()
            ));
            continue;
        };
        for (number, line) in named(&source.code) {
            for other in modules.iter().filter(|other| **other != source.module) {
                if names(&line, other) && !allowed.contains(other) && !allowed.contains(&"kraftd") {
                    let at = format!("{}:{number}", source.path.display());
                    breaches.push(format!("{at}: {} must not name {other}", source.module));
                }
            }
        }
    }
    assert_none(
        "dependencies point one way (docs/ARCHITECTURE.md)",
        breaches,
    );
}

#[test]
fn nothing_panics_for_want_of_a_reader() {
    let mut breaches = Vec::new();
    for source in sources() {
        for (number, line) in (1..).zip(source.code.lines()) {
            for word in PANICKING_PRINTS.iter().filter(|word| line.contains(**word)) {
                breaches.push(format!("{}:{number}: {word}", source.path.display()));
            }
        }
    }
    assert_none("what is said goes by way of console.rs", breaches);
}

#[test]
fn the_core_is_pure() {
    let mut breaches = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| PURE.contains(&source.module.as_str()))
    {
        for (number, line) in named(&source.code) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                breaches.push(format!("{}:{number}: {word}", source.path.display()));
            }
        }
    }
    assert_none(
        "no IO, clock, chance or unordered map in the core",
        breaches,
    );
}

#[test]
fn nothing_is_left_unfinished() {
    let mut breaches = Vec::new();
    for source in sources() {
        for (number, line) in source.code.lines().enumerate() {
            for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
                breaches.push(format!("{}:{}: {word}", source.path.display(), number + 1));
            }
        }
    }
    assert_none("no unfinished or panicking code outside tests", breaches);
}

#[test]
fn files_say_what_they_are_for_and_end() {
    let mut breaches = Vec::new();
    for source in sources() {
        let name = source.path.display();
        if !source.text.starts_with("//!") {
            breaches.push(format!("{name}: does not open with its purpose (//!)"));
        }
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            breaches.push(format!("{name}: {lines} lines, at most {MAX_LINES}"));
        }
    }
    assert_none("files a reader can finish", breaches);
}

/// Every file that a page of ours points to is there.
#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("docs");
    let mut pages: Vec<PathBuf> = docs
        .map(|entry| entry.expect("a folder entry").path())
        .collect();
    pages.extend(["README.md", "CHANGELOG.md"].map(|name| root.join(name)));
    let mut breaches = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).expect("a readable page");
        let folder = page.parent().expect("a folder");
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let is_ours = !target.is_empty() && !target.contains("://");
            if is_ours && !folder.join(target).exists() {
                breaches.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_none("links lead somewhere", breaches);
}
