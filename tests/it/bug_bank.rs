//! The bug bank stays whole: its patches fit the source, and docs/BUG-BANK.md has a row for every bug.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The patches by the names of their bugs.
fn patches() -> BTreeMap<String, String> {
    let folder = "tests/simulation/core_bugs";
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let names = entries.expect("the patches").filter_map(|entry| {
        let name = entry.expect("a folder entry").file_name();
        Some(name.to_str()?.strip_suffix(".patch")?.to_owned())
    });
    names
        .map(|name| (name.clone(), read(&format!("{folder}/{name}.patch"))))
        .collect()
}

/// What a hunk of a patch finds, and what it leaves.
fn sides(hunk: &[&str]) -> (String, String) {
    let side = |other: char| {
        let lines = hunk.iter().filter(|line| !line.starts_with(other));
        lines
            .map(|line| format!("{}\n", line.get(1..).unwrap_or_default()))
            .collect::<String>()
    };
    (side('+'), side('-'))
}

/// `scripts/bug-bank.sh` applies them all to one copy.
#[test]
fn every_patch_fits() {
    let mut files = BTreeMap::new();
    let patches = patches();
    assert!(!patches.is_empty());
    for (bug, patch) in &patches {
        let lines: Vec<&str> = patch.lines().collect();
        let is_head = |line: &&str| line.starts_with("--- ") || line.starts_with("+++ ");
        assert!(!is_head(&lines[0]), "{bug} says what it is");
        assert!(
            patch.contains(&format!("crate::has_bug(\"{bug}\")")),
            "{bug} is built in for threads that want it"
        );
        let mut path = "";
        for part in lines.split(|line| line.starts_with("@@ ")) {
            let heads = part.iter().rposition(|line| !is_head(line));
            let (hunk, head) = part.split_at(heads.map_or(0, |last| last + 1));
            if !path.is_empty() {
                let text = files.entry(path).or_insert_with(|| read(path));
                let (before, after) = sides(hunk);
                let places = text.matches(&before).count();
                assert_eq!(
                    places, 1,
                    "{bug} finds in {path} what it changes:\n{before}"
                );
                *text = text.replacen(&before, &after, 1);
            }
            let next = head.iter().find_map(|line| line.strip_prefix("--- a/"));
            path = next.unwrap_or(path);
        }
    }
}

#[test]
fn every_bug_has_its_row() {
    let bugs = read("tests/simulation/bugs.rs");
    let variants = bugs.split("pub enum PlantedBug {\n").nth(1);
    let variants = variants.and_then(|rest| rest.split("\n}").next());
    let variants = variants.expect("the planted bugs").lines();
    let planted = variants.filter_map(|line| line.trim().strip_suffix(','));
    let planted = planted
        .filter(|name| !name.starts_with("//"))
        .map(String::from);
    let built_in: BTreeSet<String> = planted.chain(patches().into_keys()).collect();

    let page = read("docs/BUG-BANK.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let told: BTreeSet<String> = rows.iter().map(|name| name.to_string()).collect();
    assert_eq!(told, built_in);
    assert_eq!(rows.len(), told.len(), "one row for each");

    // And each is looked for.
    let tests = read("tests/simulation/bank.rs") + &read("tests/simulation/core_bank.rs");
    for bug in built_in {
        let names = [format!("PlantedBug::{bug},"), format!("\"{bug}\",")];
        assert!(names.iter().any(|name| tests.contains(name)), "{bug}");
    }
}
