//! docs/CONFIGURATION.md is made from the table of keys, and says what is read from the environment.

use std::{fs, path::Path};

use kraftd::metadata::broker_keys::{BROKER_KEYS, BrokerKey, UpdateMode, Usage};

/// The tables in the document, by their marks.
const TABLES: &[(&str, Usage)] = &[
    ("controller", Usage::Controller),
    ("java class", Usage::JavaClass),
    ("unserved", Usage::Unserved),
    ("java controller", Usage::JavaController),
    ("broker", Usage::Broker),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_document_has_the_table_of_keys() {
    let path = root().join("docs/CONFIGURATION.md");
    let document = fs::read_to_string(&path).expect("docs/CONFIGURATION.md");
    let mut expected = document.clone();
    for (mark, usage) in TABLES {
        let mark = format!("<!-- generated: {mark} -->\n");
        let (before, rest) = expected.split_once(&mark).expect("the mark of a table");
        let (_, after) = rest.split_once("<!-- end -->").expect("its end");
        expected = format!("{before}{mark}{}<!-- end -->{after}", table(*usage));
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).expect("writes the document");
    }
    assert!(
        document == expected || std::env::var_os("UPDATE").is_some(),
        "docs/CONFIGURATION.md is not what the table of keys says: UPDATE=1 cargo test --test it \
         config_document writes it anew"
    );
}

fn table(usage: Usage) -> String {
    let keys = BROKER_KEYS.iter().filter(|key| key.usage == usage);
    let documented = !matches!(usage, Usage::Broker | Usage::JavaController);
    let (head, line) = match documented {
        true => (" what it is for |", "---|"),
        false => ("", ""),
    };
    let mut text =
        format!("| key | type | default | valid | changed |{head}\n|---|---|---|---|---|{line}\n");
    for known in keys {
        let BrokerKey { key, .. } = known;
        let changed = match known.update_mode {
            UpdateMode::ReadOnly => "",
            UpdateMode::PerBroker => "one",
            UpdateMode::ClusterWide => "all",
        };
        let default = match key.default {
            _ if known.is_required() => "required".to_owned(),
            None => String::new(),
            Some("") => "empty".to_owned(),
            Some(text) => format!("`{}`", text.replace(',', ", ")),
        };
        let kind = key.config_type.name().to_lowercase();
        let valid = key.valid;
        text += &format!(
            "| `{}` | {kind} | {default} | {valid} | {changed} |",
            key.name
        );
        match documented {
            true => text += &format!(" {} |\n", key.documentation),
            false => text.push('\n'),
        }
    }
    text
}

/// Variables whose names begin otherwise than ours and Kafka's.
const OTHERS: &[&str] = &["LOG_DIR", "SIGNAL"];

/// Whatever is read from the environment, or is no key there, is in the document.
#[test]
fn every_variable_is_documented() {
    let document = fs::read_to_string(root().join("docs/CONFIGURATION.md")).expect("the document");
    let is_variable = |text: &&str| {
        let ours = ["KRAFTD_", "KAFKA_"].iter().any(|prefix| {
            text.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty())
        });
        let is_name = text
            .bytes()
            .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_');
        OTHERS.contains(text) || ours && is_name
    };
    let mut found = 0;
    for source in sources(&root().join("src")) {
        let code = fs::read_to_string(&source).expect("a source file");
        for name in code.split('"').filter(is_variable) {
            let source = source.display();
            assert!(
                document.contains(name),
                "{source} has {name}, which docs/CONFIGURATION.md does not tell"
            );
            found += 1;
        }
    }
    assert!(
        found > 10,
        "only {found} variables were found: are they written otherwise now?"
    );
}

fn sources(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = paths.map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    below.flatten().collect()
}
