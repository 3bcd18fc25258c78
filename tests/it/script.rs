//! Golden scripts: scenarios as text, in folders below `tests/it/scripts`. A line that begins at the margin
//! is a command; what came of it stands under it, indented. Lines that begin with `#` are prose.
//!
//! ```text
//! # A broker is fenced when its session has ended.
//! register 1 rack=a
//!     broker epoch 4
//! advance 9000ms
//!     fenced 1
//! ```
//!
//! `UPDATE=1 cargo test --test it scripts` writes the outcomes anew: read the difference before you
//! commit it.

use std::{collections::BTreeSet, env, fmt::Display, fs, path::Path, str::FromStr};

const INDENT: &str = "    ";

/// A line of a script: a name, then words and `key=value` settings. Whoever plays it takes out what it
/// understands; what is left over then is a mistake in the script.
pub struct Command {
    pub name: String,
    rest: Vec<String>,
}

impl Command {
    pub fn parse(line: &str) -> Command {
        let mut words = line.split_whitespace().map(str::to_owned);
        Command {
            name: words.next().unwrap_or_default(),
            rest: words.collect(),
        }
    }

    /// The next word without a `=`.
    pub fn word<T: FromStr<Err: Display>>(&mut self) -> Result<T, String> {
        let at = self.rest.iter().position(|word| !word.contains('='));
        let at = at.ok_or_else(|| format!("{} needs another word", self.name))?;
        parse(&self.rest.remove(at))
    }

    /// All words without a `=` that are left.
    pub fn words<T: FromStr<Err: Display>>(&mut self) -> Result<Vec<T>, String> {
        let mut words = Vec::new();
        while self.rest.iter().any(|word| !word.contains('=')) {
            words.push(self.word()?);
        }
        Ok(words)
    }

    /// Whether this word is there.
    pub fn flag(&mut self, wanted: &str) -> bool {
        let before = self.rest.len();
        self.rest.retain(|word| word != wanted);
        self.rest.len() < before
    }

    /// The value of `key=value`.
    pub fn value<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Option<T>, String> {
        let is_it = |word: &String| word.split_once('=').is_some_and(|(name, _)| name == key);
        match self.rest.iter().position(is_it) {
            Some(at) => parse(&self.rest.remove(at)[key.len() + 1..]).map(Some),
            None => Ok(None),
        }
    }

    /// The values of `key=value,value`; `key=` is an empty list.
    pub fn list<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Option<Vec<T>>, String> {
        let text: Option<String> = self.value(key)?;
        text.map(|text| list(&text)).transpose()
    }

    /// All settings that are left, in the script's order.
    pub fn settings(&mut self) -> Vec<(String, String)> {
        let (settings, words) = self.rest.drain(..).partition(|word| word.contains('='));
        self.rest = words;
        let split = |word: String| {
            let (key, value) = word.split_once('=').unwrap_or_default();
            (key.to_owned(), value.to_owned())
        };
        Vec::into_iter(settings).map(split).collect()
    }
}

/// What stands between commas.
pub fn list<T: FromStr<Err: Display>>(text: &str) -> Result<Vec<T>, String> {
    let items = text.split(',').filter(|item| !item.is_empty());
    items.map(parse).collect()
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

/// Plays every script of a folder, each to a fresh `World`, and holds what comes of it against what is
/// written there. `play` says what came of a command, in lines; an error is a mistake in the script.
pub fn check<World>(
    folder: &str,
    begin: impl Fn() -> World,
    play: impl Fn(&mut World, &mut Command) -> Result<String, String>,
) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scripts");
    let entries = fs::read_dir(root.join(folder)).expect("the folder of the scripts");
    let paths: BTreeSet<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    assert!(!paths.is_empty(), "there are scripts");
    let update = env::var_os("UPDATE").is_some();
    let mut differences = String::new();
    for path in paths {
        let name = path.display();
        let script = fs::read_to_string(&path).expect("a readable script");
        let mut world = begin();
        let played = replay(&script, |command| play(&mut world, command));
        let played = played.unwrap_or_else(|error| panic!("{name}:{error}"));
        if played != script && update {
            fs::write(&path, played).expect("a script that can be written");
        } else if played != script {
            differences += &format!("{name}:{}", difference(&script, &played));
        }
    }
    assert!(
        differences.is_empty(),
        "{differences}(UPDATE=1 writes what comes now into the scripts)"
    );
}

/// The script with the outcomes that its commands have now.
fn replay(
    script: &str,
    mut play: impl FnMut(&mut Command) -> Result<String, String>,
) -> Result<String, String> {
    let mut played = String::new();
    for (number, line) in (1..).zip(script.lines()) {
        if line.starts_with(char::is_whitespace) {
            continue;
        }
        played += &format!("{line}\n");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut command = Command::parse(line);
        let outcome = play(&mut command).map_err(|error| format!("{number}: {error}"))?;
        if !command.rest.is_empty() {
            return Err(format!("{number}: what is {}?", command.rest.join(" ")));
        }
        for line in outcome.lines() {
            played += &format!("{INDENT}{line}\n");
        }
    }
    Ok(played)
}

/// The first lines that are not the same, with their number.
fn difference(script: &str, played: &str) -> String {
    let (mut expected, mut actual) = (script.lines(), played.lines());
    for number in 1.. {
        match (expected.next(), actual.next()) {
            (None, None) => break,
            (expected, actual) if expected == actual => {}
            (expected, actual) => {
                let [expected, actual] = [expected, actual].map(|line| line.unwrap_or("(the end)"));
                return format!("{number}:\n  expected: {expected}\n       now: {actual}\n");
            }
        }
    }
    "the ends of lines differ\n".to_owned()
}

#[test]
fn outcomes_stand_under_their_commands_and_prose_stays() {
    let script = "# Sums.\n\nadd 1 2 to=3\n    7\n    old\n# More.\nadd to=-1\n";
    let sum = |command: &mut Command| {
        let words: Vec<i32> = command.words()?;
        let to: i32 = command.value("to")?.unwrap_or(0);
        Ok((words.iter().sum::<i32>() + to).to_string())
    };
    let played = replay(script, sum);
    let expected = "# Sums.\n\nadd 1 2 to=3\n    6\n# More.\nadd to=-1\n    -1\n";
    assert_eq!(played.as_deref(), Ok(expected));
    assert_eq!(
        difference(script, expected),
        "4:\n  expected:     7\n       now:     6\n"
    );
    let unknown = replay("# Sums.\nadd from=1\n", sum);
    assert_eq!(unknown, Err("2: what is from=1?".to_owned()));
}
