//! The keys of configurations that are kept in the metadata log, as tables: for topics (`LogConfig`
//! of Kafka 4.3.1), groups (`GroupConfig`) and client metrics (`ClientMetricsConfigs`); and what a
//! value of each must look like (`ConfigDef`).

use std::{fmt, sync::LazyLock};

use regex::{Captures, Regex};

/// The type of a value. The numbers are those of `DescribeConfigsResponse.ConfigType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    Class = 8,
    Password = 9,
}

impl ConfigType {
    /// A value of this type is never told to anybody.
    pub fn is_sensitive(self) -> bool {
        self == ConfigType::Password
    }

    /// Kafka's name of the type in messages.
    pub fn name(self) -> &'static str {
        match self {
            ConfigType::Boolean => "BOOLEAN",
            ConfigType::String => "STRING",
            ConfigType::Int => "INT",
            ConfigType::Short => "SHORT",
            ConfigType::Long => "LONG",
            ConfigType::Double => "DOUBLE",
            ConfigType::List => "LIST",
            ConfigType::Class => "CLASS",
            ConfigType::Password => "PASSWORD",
        }
    }

    /// Reads a value as `ConfigDef.parseType` does. The error says why it is none of this type.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let trimmed = trim(text);
        let not_a_number = || format!("Not a number of type {}", self.name());
        let whole = |min: i64, max: i64| match trimmed.parse() {
            Ok(number) if (min..=max).contains(&number) => Ok(Value::Whole(number)),
            Ok(_) | Err(_) => Err(not_a_number()),
        };
        match self {
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("false") => {
                Ok(Value::Boolean(false))
            }
            ConfigType::Boolean => Err("Expected value to be either true or false".to_owned()),
            ConfigType::Short => whole(i16::MIN.into(), i16::MAX.into()),
            ConfigType::Int => whole(i32::MIN.into(), i32::MAX.into()),
            ConfigType::Long => whole(i64::MIN, i64::MAX),
            ConfigType::Double => parse_double(trimmed)
                .ok_or_else(not_a_number)
                .map(Value::Double),
            ConfigType::List if trimmed.is_empty() => Ok(Value::List(Vec::new())),
            ConfigType::List => {
                let parts = trimmed.split(',').map(|part| part.trim_matches(is_blank));
                Ok(Value::List(parts.map(str::to_owned).collect()))
            }
            ConfigType::String | ConfigType::Class | ConfigType::Password => {
                Ok(Value::Text(trimmed.to_owned()))
            }
        }
    }
}

/// Java's `String.trim`: Rust's would also take the blanks of Unicode.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|letter| letter <= ' ')
}

/// `\s` of Java's regular expressions.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// Java's notion of a number with a fraction: Rust's also reads `inf` and `nan`.
fn parse_double(text: &str) -> Option<f64> {
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    match digits.trim_start_matches(['+', '-']) {
        "NaN" | "Infinity" => digits.parse().ok(),
        rest if rest.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
            digits.parse().ok()
        }
        _ => None,
    }
}

/// A value that has been read. Prints as `ConfigDef.convertToString` writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Boolean(bool),
    Whole(i64),
    Double(f64),
    List(Vec<String>),
    Text(String),
}

impl Value {
    /// As a message shows it: Java prints the list, not the text it came from.
    fn shown(&self) -> String {
        match self {
            Value::List(parts) => format!("[{}]", parts.join(", ")),
            Value::Boolean(_) | Value::Whole(_) | Value::Double(_) | Value::Text(_) => {
                self.to_string()
            }
        }
    }

    fn as_number(&self) -> f64 {
        match self {
            Value::Whole(number) => *number as f64,
            Value::Double(number) => *number,
            Value::Boolean(_) | Value::List(_) | Value::Text(_) => f64::NAN,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => value.fmt(f),
            Value::Whole(value) => value.fmt(f),
            Value::Double(value) => fmt_double(*value, f),
            Value::List(parts) => f.write_str(&parts.join(",")),
            Value::Text(value) => f.write_str(value),
        }
    }
}

/// As `java.lang.Double.toString`: plain from a thousandth up to ten millions, else with an
/// exponent; always with a digit after the point.
fn fmt_double(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = value.abs();
    if value.is_nan() {
        return f.write_str("NaN");
    }
    if value.is_infinite() {
        return f.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return write!(f, "{value:?}");
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    write!(f, "{mantissa}{point}E{exponent}")
}

/// What a value must be, beyond its type (`ConfigDef.Validator`). Prints as Kafka's documentation has it.
#[derive(Clone, Copy, Debug)]
pub enum Valid {
    Anything,
    /// What cannot go wrong in a file: a value that is there.
    NotNull,
    NotEmpty,
    AtLeast(i64),
    Between(i64, i64),
    /// Between two numbers with a fraction.
    Within(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, in capitals or not.
    WordInAnyCase(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// The same, and not empty.
    SomeWords(&'static [&'static str]),
    /// A list without empty parts.
    Parts,
    /// The same, and not empty.
    SomeParts,
    /// Where controllers are; what is wrong with an address is said by who reads it (`config::voters`).
    Addresses,
    /// A compression level of gzip: 1 to 9, or -1 for its default.
    GzipLevel,
    /// `*`, or `partition:broker` pairs.
    ThrottledReplicas,
    /// `earliest`, `latest`, or `by_duration:` and an ISO 8601 duration (KIP-932).
    OffsetReset,
}

impl Valid {
    /// A `ConfigDef.ValidList`: what stands twice in it counts once.
    fn is_list(self) -> bool {
        use Valid::*;
        matches!(self, Words(_) | SomeWords(_) | Parts | SomeParts)
    }
}

impl fmt::Display for Valid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any_case = "(case insensitive) ";
        match self {
            Valid::Anything | Valid::Parts | Valid::SomeParts => Ok(()),
            Valid::NotNull => f.write_str("non-null string"),
            Valid::NotEmpty => f.write_str("non-empty string"),
            Valid::AtLeast(min) => write!(f, "[{min},...]"),
            Valid::Between(min, max) => write!(f, "[{min},...,{max}]"),
            Valid::Within(min, max) => write!(f, "[{min},...,{max}]"),
            Valid::Word(words) | Valid::Words(words) | Valid::SomeWords(words) => {
                write!(f, "[{}]", words.join(", "))
            }
            Valid::WordInAnyCase(words) => write!(f, "{any_case}[{}]", words.join(", ")),
            Valid::Addresses => f.write_str("non-empty list"),
            Valid::GzipLevel => f.write_str("[1,...,9] or -1"),
            Valid::ThrottledReplicas => {
                f.write_str("[partitionId]:[brokerId],[partitionId]:[brokerId],...")
            }
            Valid::OffsetReset => f.write_str("[earliest, latest, by_duration:PnDTnHnMn.nS]"),
        }
    }
}

/// A key: of a topic, a group, a client metrics subscription, or (as part of a `BrokerKey`) of a node.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    pub name: &'static str,
    pub config_type: ConfigType,
    /// `None` where Kafka's default is null.
    pub default: Option<&'static str>,
    pub valid: Valid,
    /// In a line, what the key is for.
    pub documentation: &'static str,
}

impl ConfigKey {
    /// Told only when somebody has set it.
    pub fn is_internal(&self) -> bool {
        self.name == INTERNAL_SEGMENT_BYTES
    }

    /// The default as a value.
    pub fn default_value(&self) -> Option<Value> {
        let default = self.default.map(|text| self.config_type.parse(text));
        default.map(|value| value.expect("a default of the key's own type"))
    }

    /// Reads and checks a value; the error is the message of Kafka's `ConfigException`.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let value = self.config_type.parse(text);
        let mut value = value.map_err(|reason| self.invalid(text, &reason))?;
        if let (true, Value::List(parts)) = (self.valid.is_list(), &mut value) {
            let mut seen = std::collections::BTreeSet::new();
            parts.retain(|part| seen.insert(part.clone()));
        }
        self.check(&value)?;
        Ok(value)
    }

    /// Kafka's sentence for a value that will not do.
    pub fn invalid(&self, shown: &str, reason: &str) -> String {
        format!(
            "Invalid value {shown} for configuration {}: {reason}",
            self.name
        )
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let refuse = |reason: &str| Err(self.invalid(&value.shown(), reason));
        match (self.valid, value) {
            (Valid::Anything, _) => Ok(()),
            (Valid::AtLeast(min) | Valid::Between(min, _), _) if value.as_number() < min as f64 => {
                refuse(&format!("Value must be at least {min}"))
            }
            (Valid::Between(_, max), _) if value.as_number() > max as f64 => {
                refuse(&format!("Value must be no more than {max}"))
            }
            (Valid::AtLeast(_) | Valid::Between(..), _) => Ok(()),
            (Valid::Within(min, _), _) if value.as_number() < min => {
                refuse(&format!("Value must be at least {min}"))
            }
            (Valid::Within(_, max), _) if value.as_number() > max => {
                refuse(&format!("Value must be no more than {max}"))
            }
            (Valid::Within(..) | Valid::NotNull | Valid::Addresses, _) => Ok(()),
            (Valid::NotEmpty, Value::Text(text)) if text.is_empty() => {
                refuse("String must be non-empty")
            }
            (Valid::NotEmpty, _) => Ok(()),
            (Valid::GzipLevel, Value::Whole(-1 | 1..=9)) => Ok(()),
            (Valid::GzipLevel, _) => refuse("Value must be between 1 and 9 or equal to -1"),
            (Valid::Word(words), Value::Text(text)) => self.check_word(words, text),
            (Valid::WordInAnyCase(words), Value::Text(text)) => {
                match words.iter().any(|word| word.eq_ignore_ascii_case(text)) {
                    true => Ok(()),
                    false => refuse(&format!(
                        "String must be one of (case insensitive): {}",
                        words.join(", ")
                    )),
                }
            }
            (Valid::SomeWords(words), Value::List(parts)) if parts.is_empty() => Err(format!(
                "Configuration '{}' must not be empty. Valid values include: [{}]",
                self.name,
                words.join(", ")
            )),
            (Valid::SomeParts, Value::List(parts)) if parts.is_empty() => Err(format!(
                "Configuration '{}' must not be empty. Valid values include: any non-empty value",
                self.name
            )),
            (Valid::Words(words) | Valid::SomeWords(words), Value::List(parts)) => parts
                .iter()
                .try_for_each(|part| self.check_part(part).and(self.check_word(words, part))),
            (Valid::Parts | Valid::SomeParts, Value::List(parts)) => {
                parts.iter().try_for_each(|part| self.check_part(part))
            }
            (Valid::ThrottledReplicas, Value::List(parts)) if are_throttled_replicas(parts) => {
                Ok(())
            }
            (Valid::ThrottledReplicas, _) => refuse(&format!(
                "{} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                self.name
            )),
            (Valid::OffsetReset, Value::Text(text)) if is_offset_reset(text) => Ok(()),
            (Valid::OffsetReset, _) => refuse(&format!(
                "Invalid value `{value}` for configuration {}. The value must be either 'earliest', \
                 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
                self.name
            )),
            (
                Valid::Word(_)
                | Valid::WordInAnyCase(_)
                | Valid::Words(_)
                | Valid::SomeWords(_)
                | Valid::Parts
                | Valid::SomeParts,
                _,
            ) => unreachable!("the table gives {} a check for another type", self.name),
        }
    }

    fn check_part(&self, part: &str) -> Result<(), String> {
        match part {
            "" => Err(format!(
                "Configuration '{}' values must not be empty.",
                self.name
            )),
            _ => Ok(()),
        }
    }

    fn check_word(&self, words: &[&str], word: &str) -> Result<(), String> {
        match words.contains(&word) {
            true => Ok(()),
            false => Err(self.invalid(
                word,
                &format!("String must be one of: {}", words.join(", ")),
            )),
        }
    }
}

fn are_throttled_replicas(parts: &[String]) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let pair = |part: &String| {
        let pair = part.split_once(':');
        part.is_empty() || pair.is_some_and(|(partition, id)| number(partition) && number(id))
    };
    parts.iter().all(pair) || parts.concat() == "*"
}

fn is_offset_reset(text: &str) -> bool {
    match text.strip_prefix("by_duration:") {
        None => matches!(text, "earliest" | "latest"),
        Some(duration) => is_duration(duration),
    }
}

/// Whether `java.time.Duration` reads it, and it is not negative.
fn is_duration(text: &str) -> bool {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        let form = r"(?xi-u)^ ([-+]?) P (?: ([-+]?[0-9]+) D )?
            (T (?: ([-+]?[0-9]+) H )? (?: ([-+]?[0-9]+) M )? (?: ([-+]?[0-9]+) (?: [.,] ([0-9]{0,9}) )? S )? )? $";
        Regex::new(form).expect("a pattern of ours")
    });
    let Some(parts) = FORM.captures(text) else {
        return false;
    };
    duration_ns(&parts).is_some_and(|nanoseconds| nanoseconds >= 0)
}

/// `None` where nothing is named, or it is beyond what a `Duration` holds.
fn duration_ns(parts: &Captures) -> Option<i128> {
    const UNITS: [(usize, i64); 4] = [(2, 86_400), (4, 3_600), (5, 60), (6, 1)];
    let part = |index| parts.get(index).map(|part| part.as_str());
    let mut seconds: Option<i64> = None;
    for (index, unit) in UNITS {
        if let Some(count) = part(index) {
            let more = count.parse::<i64>().ok()?.checked_mul(unit)?;
            seconds = Some(seconds.unwrap_or(0).checked_add(more)?);
        }
    }
    let nothing_follows = part(3).is_some_and(|time| time.len() == 1);
    let seconds = seconds.filter(|_| !nothing_follows)?;
    let fraction = format!("{:0<9}", part(7).unwrap_or_default());
    let fraction: i128 = fraction.parse().ok()?;
    let below_zero = part(6).is_some_and(|seconds| seconds.starts_with('-'));
    let total = i128::from(seconds) * 1_000_000_000 + if below_zero { -fraction } else { fraction };
    Some(if part(1) == Some("-") { -total } else { total })
}

pub const CLEANUP_POLICY: &str = "cleanup.policy";
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
pub const UNCLEAN_LEADER_ELECTION_ENABLE: &str = "unclean.leader.election.enable";
const INTERNAL_SEGMENT_BYTES: &str = "internal.segment.bytes";

macro_rules! config_keys {
    (
        $(#[$meta:meta])* $TABLE:ident
        $($name:literal $config_type:ident $default:expr, $valid:expr, $documentation:literal;)*
    ) => {
        $(#[$meta])*
        pub const $TABLE: &[ConfigKey] = &[ $( ConfigKey {
            name: $name,
            config_type: ConfigType::$config_type,
            default: $default,
            valid: { use Valid::*; $valid },
            documentation: $documentation,
        }, )* ];
    };
}

config_keys! {
    /// The keys of a topic, in the order of the names.
    TOPIC_KEYS
    "cleanup.policy" List Some("delete"), Words(&["compact", "delete"]),
        "What becomes of old data: delete it, compact it to the newest of each key, both, or neither.";
    "compression.gzip.level" Int Some("-1"), GzipLevel,
        "How hard gzip works, where the compression type is gzip.";
    "compression.lz4.level" Int Some("9"), Between(1, 17),
        "How hard lz4 works, where the compression type is lz4.";
    "compression.type" String Some("producer"),
        Word(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "How batches are stored; producer keeps each as it was sent.";
    "compression.zstd.level" Int Some("3"), Between(-131_072, 22),
        "How hard zstd works, where the compression type is zstd.";
    "delete.retention.ms" Long Some("86400000"), AtLeast(0),
        "How long a compacted topic keeps the marks of deleted keys.";
    "file.delete.delay.ms" Long Some("60000"), AtLeast(0),
        "How long the file of a deleted segment stays.";
    "flush.messages" Long Some("9223372036854775807"), AtLeast(1),
        "After how many records the log is forced to disk.";
    "flush.ms" Long Some("9223372036854775807"), AtLeast(0),
        "After what time the log is forced to disk.";
    "follower.replication.throttled.replicas" List Some(""), ThrottledReplicas,
        "Which followers fetch no faster than their brokers' throttled rate.";
    "index.interval.bytes" Int Some("4096"), AtLeast(0),
        "How much data lies between two entries of the offset index.";
    "internal.segment.bytes" Int None, Anything,
        "The size of a segment file, for tests.";
    "leader.replication.throttled.replicas" List Some(""), ThrottledReplicas,
        "Which leaders serve followers no faster than their brokers' throttled rate.";
    "local.retention.bytes" Long Some("-2"), AtLeast(-2),
        "How much of a tiered partition stays on the broker's disk; -2 is retention.bytes.";
    "local.retention.ms" Long Some("-2"), AtLeast(-2),
        "How long data of a tiered partition stays on the broker's disk; -2 is retention.ms.";
    "max.compaction.lag.ms" Long Some("9223372036854775807"), AtLeast(1),
        "After what time a record must have been considered for compaction.";
    "max.message.bytes" Int Some("1048588"), AtLeast(0),
        "The largest batch of records that is taken.";
    "message.timestamp.after.max.ms" Long Some("3600000"), AtLeast(0),
        "How far a record's timestamp may lie ahead of the broker's clock.";
    "message.timestamp.before.max.ms" Long Some("9223372036854775807"), AtLeast(0),
        "How far a record's timestamp may lie behind the broker's clock.";
    "message.timestamp.type" String Some("CreateTime"), Word(&["CreateTime", "LogAppendTime"]),
        "Whose clock a record's timestamp is: the producer's or the broker's.";
    "min.cleanable.dirty.ratio" Double Some("0.5"), Between(0, 1),
        "Which share of a log must be new before it is compacted again.";
    "min.compaction.lag.ms" Long Some("0"), AtLeast(0),
        "How long a record is safe from compaction.";
    "min.insync.replicas" Int Some("1"), AtLeast(1),
        "How many in-sync replicas a write with acks=all needs.";
    "preallocate" Boolean Some("false"), Anything,
        "Whether a segment file gets its full size at once.";
    "remote.log.copy.disable" Boolean Some("false"), Anything,
        "Whether a tiered topic stops copying to remote storage, which stays readable.";
    "remote.log.delete.on.disable" Boolean Some("false"), Anything,
        "Whether remote data is deleted when remote.storage.enable is turned off.";
    "remote.storage.enable" Boolean Some("false"), Anything,
        "Whether the topic is tiered: old segments go to remote storage.";
    "retention.bytes" Long Some("-1"), Anything,
        "How large a partition may grow before old segments are deleted; -1 is no limit.";
    "retention.ms" Long Some("604800000"), AtLeast(-1),
        "How long data is kept before it is deleted; -1 is for ever.";
    "segment.bytes" Int Some("1073741824"), AtLeast(1_048_576),
        "The size of a segment file.";
    "segment.index.bytes" Int Some("10485760"), AtLeast(4),
        "The size of an offset index.";
    "segment.jitter.ms" Long Some("0"), AtLeast(0),
        "By how much segment.ms is shortened at random, so that segments do not roll all at once.";
    "segment.ms" Long Some("604800000"), AtLeast(1),
        "After what time a new segment is begun even if the old one is not full.";
    "unclean.leader.election.enable" Boolean Some("false"), Anything,
        "Whether a replica that is not in sync may become leader, at the price of lost data.";
}

config_keys! {
    /// The keys of a group, in the order of the names.
    GROUP_KEYS
    "consumer.assignment.interval.ms" Int Some("1000"), AtLeast(0),
        "The shortest time between two assignments of a consumer group.";
    "consumer.heartbeat.interval.ms" Int Some("5000"), AtLeast(1),
        "How often the members of a consumer group send heartbeats.";
    "consumer.session.timeout.ms" Int Some("45000"), AtLeast(1),
        "After what silence a member is removed from a consumer group.";
    "share.assignment.interval.ms" Int Some("1000"), AtLeast(0),
        "The shortest time between two assignments of a share group.";
    "share.auto.offset.reset" String Some("latest"), OffsetReset,
        "Where a share group begins: at the earliest or the latest record, or so long ago.";
    "share.delivery.count.limit" Int Some("5"), AtLeast(2),
        "How often a record is delivered to a share group before it is given up.";
    "share.heartbeat.interval.ms" Int Some("5000"), AtLeast(1),
        "How often the members of a share group send heartbeats.";
    "share.isolation.level" String Some("read_uncommitted"),
        Word(&["read_committed", "read_uncommitted"]),
        "Whether a share group sees records of transactions that are not committed.";
    "share.partition.max.record.locks" Int Some("2000"), AtLeast(100),
        "How many records of a partition a share group may hold at once.";
    "share.record.lock.duration.ms" Int Some("30000"), AtLeast(1_000),
        "How long a member of a share group may hold a record.";
    "share.renew.acknowledge.enable" Boolean Some("true"), Anything,
        "Whether a member of a share group may prolong its hold on a record.";
    "share.session.timeout.ms" Int Some("45000"), AtLeast(1),
        "After what silence a member is removed from a share group.";
    "streams.assignment.interval.ms" Int Some("1000"), AtLeast(0),
        "The shortest time between two assignments of a streams group.";
    "streams.heartbeat.interval.ms" Int Some("5000"), AtLeast(1),
        "How often the members of a streams group send heartbeats.";
    "streams.initial.rebalance.delay.ms" Int Some("3000"), AtLeast(0),
        "How long the first assignment of a streams group waits for more members.";
    "streams.num.standby.replicas" Int Some("0"), AtLeast(0),
        "How many standby tasks a streams group keeps for each task.";
    "streams.session.timeout.ms" Int Some("45000"), AtLeast(1),
        "After what silence a member is removed from a streams group.";
}

config_keys! {
    /// The keys of a client metrics subscription (KIP-714), in the order of the names.
    CLIENT_METRICS_KEYS
    "interval.ms" Int Some("300000"), Anything,
        "How often clients push their metrics.";
    "match" List Some(""), Parts,
        "Which clients are meant: name=pattern pairs; none means all.";
    "metrics" List Some(""), Parts,
        "Which metrics are meant: prefixes of their names; * means all.";
}

/// The key of that name in one of the tables.
pub fn find(table: &'static [ConfigKey], name: &str) -> Option<&'static ConfigKey> {
    let at = table.binary_search_by_key(&name, |key| key.name).ok()?;
    Some(&table[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_their_defaults_fit() {
        for table in [TOPIC_KEYS, GROUP_KEYS, CLIENT_METRICS_KEYS] {
            assert!(table.is_sorted_by_key(|key| key.name));
            for key in table {
                let default = key
                    .default
                    .map(|text| key.parse(text).map(|value| value.to_string()));
                assert_eq!(
                    default,
                    key.default.map(|text| Ok(text.to_owned())),
                    "{}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn doubles_print_as_java_prints_them() {
        let cases = [
            ("0.10", "0.1"),
            ("1", "1.0"),
            ("1e-5", "1.0E-5"),
            ("12345678.9", "1.23456789E7"),
            ("1.7976931348623157E308", "1.7976931348623157E308"),
            ("0", "0.0"),
            ("1e3f", "1000.0"),
        ];
        for (text, printed) in cases {
            let value = ConfigType::Double.parse(text).expect(text);
            assert_eq!(value.to_string(), printed);
        }
        for text in ["inf", "nan", "", "1.2.3", "0x"] {
            assert!(ConfigType::Double.parse(text).is_err(), "{text}");
        }
    }

    /// As `Duration.parse` of a JDK reads them.
    #[test]
    fn durations() {
        for text in [
            "PT1H",
            "P1D",
            "P1DT2H3M4.5S",
            "pt0.5s",
            "-PT-1S",
            "PT-1H+2H",
            "PT0S",
            "PT1M-60S",
            "PT0,5S",
            "PT1.S",
            "PT+1S",
            "P106751991167300D",
        ] {
            assert_eq!(is_duration(text), text != "PT-1H+2H", "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "x",
            "-PT1H",
            "PT-0.1S",
            "P1H",
            "PT1.5H",
            "1D",
            "P1DT",
            "PT0.1234567891S",
            "PT99999999999999999999S",
            "P106751991167301D",
            "PT2562047788015216H",
        ] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
