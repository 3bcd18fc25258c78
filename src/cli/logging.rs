//! What a server logs, and in which form: Kafka's lines (`[%d] %p %m (%c)%n`), or a JSON object a line. The
//! environment chooses: our own variables, and Kafka's where ours are not set.

use std::{
    collections::BTreeMap,
    env::{self, VarError},
    fmt,
};

use tracing::{Event, Subscriber, level_filters::LevelFilter};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{ChronoLocal, FormatTime},
    },
    registry::LookupSpan,
};

use crate::console;

/// Levels, as `warn` or `info,kraftd.raft=warn`. Wins over both of Kafka's.
const OUR_LEVELS: &str = "KRAFTD_LOG";
const OUR_FORMAT: &str = "KRAFTD_LOG_FORMAT";
/// As Kafka's container images take them: a level, and `logger=LEVEL,...`.
const ROOT_LEVEL: &str = "KAFKA_LOG4J_ROOT_LOGLEVEL";
const LOGGERS: &str = "KAFKA_LOG4J_LOGGERS";

/// raft-engine warns of a "broken batch" after every unclean stop, where the space it had set aside begins.
/// A loss is told by our own log.
const QUIET: &str = "raft_engine=error";

/// The parts of kraftd that a target may name (`lib.rs`); below them it may name what it likes.
const MODULES: &[&str] = &[
    "cli",
    "config",
    "console",
    "controller",
    "log",
    "metadata",
    "protocol",
    "raft",
    "server",
    "time",
];

const TIME: &str = "%Y-%m-%d %H:%M:%S,%3f";

/// Kafka's packages, and who does here what they do there.
const PACKAGES: &[(&str, &[&str])] = &[
    ("kafka", &["kraftd"]),
    ("kafka.network", &["kraftd::server::connection"]),
    ("kafka.raft", &["kraftd::raft", "kraftd::server::peers"]),
    ("kafka.server", &["kraftd::server"]),
    ("org.apache.kafka", &["kraftd"]),
    (
        "org.apache.kafka.controller",
        &["kraftd::controller", "kraftd::metadata"],
    ),
    ("org.apache.kafka.image", &["kraftd::metadata"]),
    ("org.apache.kafka.metadata", &["kraftd::metadata"]),
    (
        "org.apache.kafka.raft",
        &["kraftd::raft", "kraftd::server::peers"],
    ),
    ("org.apache.kafka.snapshot", &["kraftd::log"]),
    ("org.apache.kafka.storage", &["kraftd::log"]),
];

/// What the environment asks for.
pub struct Logging {
    filter: EnvFilter,
    is_json: bool,
}

impl Logging {
    pub fn from_env() -> Result<Logging, String> {
        let variable = |name: &str| match env::var(name) {
            Ok(text) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
        };
        let is_json = match variable(OUR_FORMAT)?.as_deref() {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => return Err(format!("{OUR_FORMAT}={other}: expected text or json")),
        };
        let directives = match variable(OUR_LEVELS)? {
            Some(text) => ours(&text)?,
            None => kafkas(variable(ROOT_LEVEL)?, variable(LOGGERS)?)?,
        };
        let filter = EnvFilter::try_new(&directives)
            .map_err(|error| format!("{OUR_LEVELS}: {error} in {directives}. {OUR_FORM}"))?;
        Ok(Logging { filter, is_json })
    }

    /// Logs to standard output from now on.
    pub fn start(self) {
        let lines = tracing_subscriber::fmt().with_env_filter(self.filter);
        let lines = lines.with_ansi(false).with_writer(|| console::Log);
        // Nor what the library would say of that, with a panic where standard error takes nothing either.
        let lines = lines.log_internal_errors(false);
        match self.is_json {
            true => lines.json().flatten_event(true).init(),
            false => {
                let time = ChronoLocal::new(TIME.to_owned());
                lines.event_format(KafkaLine { time }).init();
            }
        }
    }
}

const OUR_FORM: &str = "Expected a level (off, error, warn, info, debug or trace), or a list with parts of kraftd \
                        that have one of their own: info,kraftd.server=debug";

/// The filter that our variable amounts to. What it does not name says as much as without it.
fn ours(text: &str) -> Result<String, String> {
    let (mut root, mut levels) = (LevelFilter::INFO, BTreeMap::new());
    for item in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let Some((target, name)) = item.split_once('=') else {
            root = our_level(item)?;
            continue;
        };
        let target = target.trim().replace('.', "::");
        if !is_ours(&target) {
            return Err(format!(
                "{OUR_LEVELS}: there is no `{}`: parts are kraftd, raft_engine and kraftd.{}. {OUR_FORM}",
                target.replace("::", "."),
                MODULES.join(", kraftd.")
            ));
        }
        levels.insert(target, our_level(name)?);
    }
    Ok(directives(root, &levels))
}

fn our_level(name: &str) -> Result<LevelFilter, String> {
    let name = name.trim();
    level(OUR_LEVELS, name).map_err(|_| format!("{OUR_LEVELS}: `{name}` is no level. {OUR_FORM}"))
}

/// Whether a target can be one of those that log here.
fn is_ours(target: &str) -> bool {
    let mut parts = target.split("::");
    match (parts.next(), parts.next()) {
        (Some("kraftd"), Some(module)) => MODULES.contains(&module),
        (Some(name), _) => ["kraftd", "raft_engine"].contains(&name),
        (None, _) => false,
    }
}

fn directives(root: LevelFilter, levels: &BTreeMap<String, LevelFilter>) -> String {
    let levels = levels
        .iter()
        .map(|(target, level)| format!(",{target}={level}"));
    format!("{root},{QUIET}{}", levels.collect::<String>())
}

/// The filter that Kafka's variables amount to.
fn kafkas(root: Option<String>, loggers: Option<String>) -> Result<String, String> {
    let root = root.map(|name| level(ROOT_LEVEL, &name)).transpose()?;
    let root = root.unwrap_or(LevelFilter::INFO);
    let mut levels: BTreeMap<String, LevelFilter> = BTreeMap::new();
    let items = loggers.iter().flat_map(|loggers| loggers.split(','));
    for item in items.map(str::trim).filter(|item| !item.is_empty()) {
        let (logger, name) = item
            .split_once('=')
            .ok_or_else(|| format!("{LOGGERS}: `{item}`: expected logger=LEVEL"))?;
        let level = level(LOGGERS, name)?;
        for target in targets(logger.trim(), level > root) {
            let known = levels.entry(target).or_insert(level);
            // Who asks for more shall see it.
            *known = level.max(*known);
        }
    }
    Ok(directives(root, &levels))
}

/// Which parts of kraftd a logger of Kafka's stands for; none where it stands for what is not done here. A
/// class is less than any part, so that it can make one say more (`loud`), but not less.
fn targets(logger: &str, loud: bool) -> Vec<String> {
    if logger == "kraftd" || logger.starts_with("kraftd.") {
        return vec![logger.replace('.', "::")];
    }
    let package = match logger.rsplit_once('.') {
        Some((package, class)) if class.starts_with(char::is_uppercase) && loud => package,
        _ => logger,
    };
    let row = PACKAGES.iter().find(|(name, _)| *name == package);
    let targets = row.map_or(&[][..], |(_, targets)| targets);
    targets.iter().map(|target| (*target).to_owned()).collect()
}

/// Log4j's levels. Two of them have no equal here.
fn level(variable: &str, name: &str) -> Result<LevelFilter, String> {
    match name.trim().to_ascii_uppercase().as_str() {
        "OFF" => Ok(LevelFilter::OFF),
        "FATAL" | "ERROR" => Ok(LevelFilter::ERROR),
        "WARN" | "WARNING" => Ok(LevelFilter::WARN),
        "INFO" => Ok(LevelFilter::INFO),
        "DEBUG" => Ok(LevelFilter::DEBUG),
        "TRACE" | "ALL" => Ok(LevelFilter::TRACE),
        _ => Err(format!(
            "{variable}: `{name}` is no level: expected OFF, FATAL, ERROR, WARN, INFO, DEBUG, TRACE or ALL"
        )),
    }
}

/// Log4j's pattern `[%d] %p %m (%c)%n`, which Kafka's own configuration has.
struct KafkaLine {
    time: ChronoLocal,
}

impl<S, N> FormatEvent<S, N> for KafkaLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Events of the crate `log` bear the name of their place aside.
        let of_log = event.normalized_metadata();
        let metadata = of_log.as_ref().unwrap_or_else(|| event.metadata());
        write!(line, "[")?;
        self.time.format_time(&mut line)?;
        write!(line, "] {} ", metadata.level())?;
        context.format_fields(line.by_ref(), event)?;
        writeln!(line, " ({})", metadata.target().replace("::", "."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(root: Option<&str>, loggers: Option<&str>) -> Result<String, String> {
        kafkas(root.map(str::to_owned), loggers.map(str::to_owned))
    }

    #[test]
    fn kafkas_loggers_are_those_of_the_parts_that_do_their_work() {
        for (root, loggers, expected) in [
            (None, None, "info,raft_engine=error"),
            (Some("debug"), None, "debug,raft_engine=error"),
            (Some("FATAL"), Some(""), "error,raft_engine=error"),
            (
                None,
                Some("kafka=WARN, org.apache.kafka.raft=ALL"),
                "info,raft_engine=error,kraftd=warn,kraftd::raft=trace,kraftd::server::peers=trace",
            ),
            (
                None,
                Some("org.apache.kafka.controller.QuorumController=DEBUG"),
                "info,raft_engine=error,kraftd::controller=debug,kraftd::metadata=debug",
            ),
            (
                None,
                Some("org.apache.kafka.snapshot=WARN,org.apache.kafka.storage=DEBUG"),
                "info,raft_engine=error,kraftd::log=debug",
            ),
            // One class of many, and what a controller has no part in.
            (
                None,
                Some(
                    "kafka.network.RequestChannel$=WARN,kafka.log.LogCleaner=DEBUG,state.change.logger=TRACE",
                ),
                "info,raft_engine=error",
            ),
            (
                None,
                Some("kraftd.server.node=TRACE"),
                "info,raft_engine=error,kraftd::server::node=trace",
            ),
        ] {
            let filter = filter(root, loggers).expect("levels");
            assert_eq!(filter, expected, "{root:?} {loggers:?}");
            EnvFilter::try_new(&filter).expect("a filter");
        }
    }

    #[test]
    fn our_own_levels_are_read_in_any_case() {
        for (text, expected) in [
            ("WARNING", "warn,raft_engine=error"),
            (
                "info, kraftd.raft=Debug",
                "info,raft_engine=error,kraftd::raft=debug",
            ),
            (
                "kraftd::server::connection=trace",
                "info,raft_engine=error,kraftd::server::connection=trace",
            ),
            (
                "off,raft_engine=info",
                "off,raft_engine=error,raft_engine=info",
            ),
        ] {
            assert_eq!(ours(text).as_deref(), Ok(expected));
            EnvFilter::try_new(expected).expect("a filter");
        }
        for (text, named) in [
            ("verbose", "KRAFTD_LOG: `verbose` is no level"),
            (
                "info,kraftd.rft=debug",
                "KRAFTD_LOG: there is no `kraftd.rft`",
            ),
            ("info,raft=debug", "KRAFTD_LOG: there is no `raft`"),
            ("kraftd.raft", "KRAFTD_LOG: `kraftd.raft` is no level"),
            ("kraftd=loud", "KRAFTD_LOG: `loud` is no level"),
        ] {
            let error = ours(text).expect_err("an error");
            assert!(error.starts_with(named), "{error}");
        }
    }

    #[test]
    fn every_module_can_be_named() {
        let library = include_str!("../lib.rs").lines();
        let modules = library.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        let modules: std::collections::BTreeSet<&str> = modules.collect();
        assert_eq!(modules.into_iter().collect::<Vec<_>>(), MODULES);
    }

    #[test]
    fn a_wrong_level_is_named() {
        let wrong = |root, loggers| filter(root, loggers).expect_err("an error");
        assert!(wrong(Some("LOUD"), None).starts_with("KAFKA_LOG4J_ROOT_LOGLEVEL: `LOUD` is no"));
        assert!(wrong(None, Some("kafka=")).starts_with("KAFKA_LOG4J_LOGGERS: `` is no level"));
        assert!(wrong(None, Some("kafka")).contains("expected logger=LEVEL"));
    }
}
