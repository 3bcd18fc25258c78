//! What a wrong command line is told. Kafka's storage tool has its own sentences (argparse4j's), which
//! scripts look for; they follow clap's.

use clap::{
    Command,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

/// Where the commands of `kafka-storage` are, for who takes them for our own.
pub fn storage_hint(error: &Error, all: &Command) -> Option<String> {
    let wrong = match error.kind() {
        ErrorKind::InvalidSubcommand => text(error, ContextKind::InvalidSubcommand)?,
        _ => return None,
    };
    let is_there = all.find_subcommand("storage")?.find_subcommand(&wrong);
    is_there
        .map(|_| format!("hint: type `kraftd storage {wrong}`, or bin/kafka-storage.sh {wrong}"))
}

/// Kafka's sentence for a mistake in the arguments of `kafka-storage`.
pub fn storage_sentence(error: &Error, storage: &Command) -> Option<String> {
    let said = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "too few arguments".to_owned()
        }
        ErrorKind::InvalidSubcommand => {
            let known = storage.get_subcommands().map(Command::get_name);
            let known: Vec<String> = known.map(|name| format!("'{name}'")).collect();
            let wrong = text(error, ContextKind::InvalidSubcommand)?;
            format!(
                "invalid choice: '{wrong}' (choose from {})",
                known.join(", ")
            )
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = text(error, ContextKind::InvalidArg)?;
            format!("argument {} is required", both_names(storage, &missing)?)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let argument = text(error, ContextKind::InvalidArg)?;
            format!(
                "argument {}: expected one argument",
                both_names(storage, &argument)?
            )
        }
        ErrorKind::UnknownArgument => {
            format!(
                "unrecognized arguments: '{}'",
                text(error, ContextKind::InvalidArg)?
            )
        }
        ErrorKind::ArgumentConflict => {
            let argument = both_names(storage, &text(error, ContextKind::PriorArg)?)?;
            let other = both_names(storage, &text(error, ContextKind::InvalidArg)?)?;
            format!("argument {argument}: not allowed with argument {other}")
        }
        _ => return None,
    };
    Some(format!("kafka-storage: error: {said}"))
}

/// What clap says of a mistake, without passwords: a SCRAM credential that is not quoted falls into pieces.
pub fn without_passwords(text: &str) -> String {
    const KEY: &str = "password=";
    let mut parts = text.split(KEY);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let end = part.find(['\'', '\n']).unwrap_or(part.len());
        format!("{text}{KEY}[hidden]{}", &part[end..])
    })
}

/// The last of what the error names.
fn text(error: &Error, kind: ContextKind) -> Option<String> {
    let text = match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(texts) => texts.last(),
        _ => None,
    };
    text.map(|text| without_passwords(text))
}

/// `--cluster-id/-t` for `--cluster-id <CLUSTER_ID>`.
fn both_names(storage: &Command, shown: &str) -> Option<String> {
    let name = shown.split_whitespace().next()?;
    let mut arguments = storage.get_subcommands().flat_map(Command::get_arguments);
    let named = arguments.find(|argument| {
        let long = argument.get_long().map(|long| format!("--{long}"));
        let short = argument.get_short().map(|short| format!("-{short}"));
        long.as_deref() == Some(name) || short.as_deref() == Some(name)
    })?;
    Some(format!("--{}/-{}", named.get_long()?, named.get_short()?))
}
