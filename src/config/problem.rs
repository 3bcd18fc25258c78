//! What is wrong with a configuration, as data: `kraftd check` puts many of them together.

use std::{fmt, path::Path};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Kafka's sentence where Kafka has one, because people look for it.
    pub message: String,
    /// What to do about it, where the sentence leaves that open.
    pub hint: Option<String>,
}

impl Problem {
    pub fn new(message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            hint: None,
        }
    }

    /// A file that cannot be read, or not as what it should be.
    pub fn unreadable(path: &Path, reason: impl fmt::Display) -> Problem {
        Problem::new(format!("cannot read {}: {reason}", path.display()))
    }

    pub fn hint(self, hint: impl Into<String>) -> Problem {
        Problem {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same, unless there is a better hint already.
    pub fn or_hint(self, hint: impl Into<String>) -> Problem {
        match self.hint {
            Some(_) => self,
            None => self.hint(hint),
        }
    }

    /// Points at a blank inside an item of a value that has no use for one. What was copied from a page
    /// often has one where a line was broken; a comment behind a value has one, too.
    pub fn blank_in(self, value: &str) -> Problem {
        if has_comment(value) {
            return self.hint(NO_COMMENT);
        }
        let mut items = value.split(',').map(str::trim);
        match items.find(|item| item.contains(char::is_whitespace)) {
            Some(item) => self.hint(format!(
                "take out the blank inside '{item}'; it may have come in where a line was broken"
            )),
            None => self,
        }
    }
}

/// What a file of Java's properties does not have: a comment behind a value.
pub fn has_comment(value: &str) -> bool {
    let mut words = value.split_whitespace();
    words.any(|word| word.starts_with(['#', '!']))
}

pub const NO_COMMENT: &str =
    "a comment needs a line of its own: behind a value it is taken for a part of it";

/// Scala's `require`.
pub fn requirement(what: impl AsRef<str>) -> Problem {
    Problem::new(format!("requirement failed: {}", what.as_ref()))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Why a configuration will not do: everything that is wrong with it, so far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub fn invalid(what: impl Into<String>) -> ConfigError {
        Problem::new(what).into()
    }

    /// An error if there are problems.
    pub fn of(problems: Vec<Problem>) -> Result<(), ConfigError> {
        match problems.is_empty() {
            true => Ok(()),
            false => Err(ConfigError { problems }),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> ConfigError {
        ConfigError {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}
