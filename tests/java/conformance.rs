//! Our messages against Kafka's: every declared field against the schemas inside the jars, and bytes
//! both ways through Java's own serializers, for three releases.

use std::collections::BTreeMap;

use bytes::Bytes;
use kraftd::protocol::{
    api::{self, Request, Response},
    control_records::*,
    header::{DefaultPrincipalData, RequestHeader, ResponseHeader},
    records::MetadataRecord,
    schema::{Field, Message, Struct},
    types::Type,
    wire::{Malformed, Reader, Writer},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::oracle::Oracle;

const RELEASES: [&str; 3] = ["3.9.2", "4.1.2", "4.3.1"];
/// The release whose versions we declare; older ones are compared where both know a version.
const NEWEST: &str = "4.3.1";

/// Decodes bytes and encodes them again, at one version.
type Again = Box<dyn Fn(Bytes, i16) -> Result<Bytes, Malformed>>;

/// A message of ours and its twin in Java.
struct Subject {
    schema: &'static Struct,
    min_version: i16,
    max_version: i16,
    first_flexible: i16,
    /// Where the schema lies in the jars.
    path: String,
    java_class: String,
    again: Again,
}

impl Subject {
    fn of<M: Message>(folder: &str, name: &str, suffix: &str) -> Subject {
        let package = folder.replace('/', ".");
        Subject {
            schema: M::SCHEMA,
            min_version: M::MIN_VERSION,
            max_version: M::MAX_VERSION,
            first_flexible: M::FIRST_FLEXIBLE,
            path: format!("{folder}/{name}.json"),
            java_class: format!("org.apache.kafka.{package}.{name}{suffix}"),
            again: Box::new(|bytes, version| {
                let mut reader = Reader::new(&bytes);
                let message = M::decode(&mut reader, version)?;
                reader.finish()?;
                let mut writer = Writer::new();
                message.encode(&mut writer, version)?;
                Ok(writer.into_bytes())
            }),
        }
    }
}

/// Everything that we declare.
fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for api in api::APIS {
        let (key, min_version, max_version) = (api.key, api.min_version, api.max_version);
        for (schema, is_request) in [(api.request, true), (api.response, false)] {
            let again: Again = Box::new(move |bytes, version| {
                let (mut reader, mut writer) = (Reader::new(&bytes), Writer::new());
                match is_request {
                    true => {
                        Request::decode(key, version, &mut reader)?.encode(&mut writer, version)
                    }
                    false => {
                        Response::decode(key, version, &mut reader)?.encode(&mut writer, version)
                    }
                }?;
                Ok(writer.into_bytes())
            });
            subjects.push(Subject {
                schema,
                min_version,
                max_version,
                first_flexible: api.first_flexible,
                path: format!("common/message/{}.json", schema.name),
                java_class: format!("org.apache.kafka.common.message.{}Data", schema.name),
                again,
            });
        }
    }
    for kind in MetadataRecord::ALL {
        let frame = |version: i16| {
            let mut frame = Writer::new();
            frame.uvarint(1);
            frame.uvarint(kind.key);
            frame.uvarint(version as u32);
            frame.into_bytes()
        };
        let again: Again = Box::new(move |bytes, version| {
            let frame = frame(version);
            let (record, _) = MetadataRecord::decode([&frame[..], &bytes[..]].concat().into())?;
            Ok(record.encode(version)?.slice(frame.len()..))
        });
        subjects.push(Subject {
            schema: kind.schema,
            min_version: kind.min_version,
            max_version: kind.max_version,
            first_flexible: 0,
            path: format!("common/metadata/{}.json", file_name(kind.schema.name)),
            java_class: format!("org.apache.kafka.common.metadata.{}", kind.schema.name),
            again,
        });
    }
    let message = "common/message";
    subjects.extend([
        Subject::of::<LeaderChangeMessage>(message, "LeaderChangeMessage", ""),
        Subject::of::<SnapshotHeaderRecord>(message, "SnapshotHeaderRecord", ""),
        Subject::of::<SnapshotFooterRecord>(message, "SnapshotFooterRecord", ""),
        Subject::of::<KRaftVersionRecord>(message, "KRaftVersionRecord", ""),
        Subject::of::<VotersRecord>(message, "VotersRecord", ""),
        Subject::of::<RequestHeader>(message, "RequestHeader", "Data"),
        Subject::of::<ResponseHeader>(message, "ResponseHeader", "Data"),
        Subject::of::<DefaultPrincipalData>(message, "DefaultPrincipalData", ""),
    ]);
    subjects
}

/// Kafka's file is not always called after the message in it.
fn file_name(message: &str) -> &str {
    match message {
        "ZkMigrationStateRecord" => "ZkMigrationRecord",
        same => same,
    }
}

/// Differences between releases that are Kafka's own, and that we need not share: the release, the
/// message, and what its line in that release's schema says.
const KNOWN_DIFFERENCES: [(&str, &str, &str); 3] = [
    // Renamed when pre-votes came (KIP-996); the bytes stayed.
    ("3.9.2", "VoteRequest ", ".candidate"),
    // 4.0 stopped dropping a client id, and began to drop the results of single features.
    ("3.9.2", "RequestHeader ", ": clientid: "),
    ("3.9.2", "UpdateFeaturesResponse ", ": results: "),
];

fn is_known_difference(release: &str, line: &str) -> bool {
    KNOWN_DIFFERENCES
        .iter()
        .any(|(known_release, message, what)| {
            release == *known_release && line.starts_with(message) && line.contains(what)
        })
}

// ---- our side -----------------------------------------------------------------------------------

fn our_layout(schema: &Struct, version: i16, flexible: bool) -> Vec<String> {
    let mut lines = Vec::new();
    describe_ours(schema, version, flexible, "", &mut lines);
    lines
}

fn describe_ours(
    schema: &Struct,
    version: i16,
    flexible: bool,
    within: &str,
    lines: &mut Vec<String>,
) {
    let present = || {
        schema
            .fields
            .iter()
            .filter(|(field, _)| field.in_version(version))
    };
    let untagged = present().filter(|(field, _)| field.tag.is_none());
    let mut tagged: Vec<_> = present().filter(|(field, _)| field.tag.is_some()).collect();
    tagged.sort_by_key(|(field, _)| field.tag);
    for (field, kind) in untagged.chain(tagged) {
        let name = plain(field.name);
        let (kind, is_option) = match kind {
            Type::Nullable(inner) => (*inner, true),
            other => (other, false),
        };
        let (array, element) = match kind {
            Type::Array(element) => ("[]", *element),
            other => ("", other),
        };
        let element_name = match element {
            Type::Primitive(name) => (*name).to_owned(),
            Type::Struct(_) => "struct".to_owned(),
            Type::Array(_) | Type::Nullable(_) => panic!("{}: an array of arrays", schema.name),
        };
        let nullable = is_option && version >= field.nullable_since;
        let null = if nullable { "?" } else { "" };
        lines.push(line(
            within,
            &name,
            &format!("{array}{element_name}{null}"),
            field.tag,
            flexible && !field.classic,
            field.ignorable,
            &our_default(field, kind, is_option),
        ));
        if let Type::Struct(inner) = element {
            describe_ours(inner, version, flexible, &format!("{within}{name}."), lines);
        }
    }
}

/// The default of a field as Kafka's schemas would put it.
fn our_default(field: &Field, kind: &Type, is_option: bool) -> String {
    let declared: String = field
        .default
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let number = |text: &str| match text {
        "i32::MAX" => i32::MAX.to_string(),
        "i32::MIN" => i32::MIN.to_string(),
        "i64::MAX" => i64::MAX.to_string(),
        "i64::MIN" => i64::MIN.to_string(),
        text => text.to_owned(),
    };
    match (declared.as_str(), kind) {
        ("", _) if is_option => "null".to_owned(),
        ("", Type::Primitive("bool")) => "false".to_owned(),
        ("", Type::Primitive(name)) if name.contains("int") || *name == "float64" => "0".to_owned(),
        ("" | "Some(String::new())" | "Some(Vec::new())" | "Some(Bytes::new())", _) => {
            "empty".to_owned()
        }
        (newtype, _) if newtype.ends_with("::NONE") => "-1".to_owned(),
        (call, _) if call.ends_with(')') => {
            let inner = call.split_once('(').map_or(call, |(_, inner)| inner);
            number(inner.trim_end_matches(')'))
        }
        (text, _) => number(text),
    }
}

fn plain(name: &str) -> String {
    name.trim_start_matches("r#")
        .replace('_', "")
        .to_lowercase()
}

fn line(
    within: &str,
    name: &str,
    kind: &str,
    tag: Option<u32>,
    compact: bool,
    ignorable: bool,
    default: &str,
) -> String {
    let tag = tag.map_or(String::new(), |tag| format!(" tag {tag}"));
    let form = if compact { "compact" } else { "classic" };
    let loss = if ignorable { " ignorable" } else { "" };
    format!("{within}{name}: {kind}{tag} {form}{loss} = {default}")
}

// ---- Kafka's side -------------------------------------------------------------------------------

/// `3+`, `0-4`, `7` or `none` as a range of versions.
fn versions(text: Option<&str>) -> Option<(i16, i16)> {
    let text = text?;
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("versions {text}"));
    match text.split_once('-') {
        _ if text == "none" => None,
        _ if text.ends_with('+') => Some((number(text.trim_end_matches('+')), i16::MAX)),
        Some((first, last)) => Some((number(first), number(last))),
        None => Some((number(text), number(text))),
    }
}

fn contains(range: Option<(i16, i16)>, version: i16) -> bool {
    range.is_some_and(|(first, last)| first <= version && version <= last)
}

struct Kafka {
    schema: Value,
    /// Structs that several fields share.
    common: BTreeMap<String, Value>,
}

impl Kafka {
    fn parse(text: &str) -> Kafka {
        let schema: Value = serde_json::from_str(text).expect("Kafka's schema is JSON");
        let common = schema["commonStructs"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
        let common = common
            .into_iter()
            .map(|value| (name(&value), value["fields"].clone()));
        Kafka {
            common: common.collect(),
            schema,
        }
    }

    fn valid_versions(&self) -> Option<(i16, i16)> {
        versions(self.schema["validVersions"].as_str())
    }

    fn is_flexible(&self, version: i16) -> bool {
        contains(versions(self.schema["flexibleVersions"].as_str()), version)
    }

    fn layout(&self, version: i16) -> Vec<String> {
        let mut lines = Vec::new();
        self.describe(&self.schema["fields"], version, "", &mut lines);
        lines
    }

    fn describe(&self, fields: &Value, version: i16, within: &str, lines: &mut Vec<String>) {
        let fields = fields.as_array().expect("a list of fields");
        let present = || {
            fields
                .iter()
                .filter(|f| contains(versions(f["versions"].as_str()), version))
        };
        let is_tagged = |f: &&Value| contains(versions(f["taggedVersions"].as_str()), version);
        let untagged = present().filter(|f| !is_tagged(f));
        let mut tagged: Vec<&Value> = present().filter(is_tagged).collect();
        tagged.sort_by_key(|field| tag(field));
        for field in untagged.chain(tagged) {
            let name = plain(field["name"].as_str().expect("a name"));
            let kind = field["type"].as_str().expect("a type");
            let (array, element) = match kind.strip_prefix("[]") {
                Some(element) => ("[]", element),
                None => ("", kind),
            };
            let is_struct = element.starts_with(char::is_uppercase);
            let element_name = match element {
                // Kafka's way to say that the bytes are record batches.
                "records" => "bytes",
                _ if is_struct => "struct",
                primitive => primitive,
            };
            let nullable_versions = versions(field["nullableVersions"].as_str());
            let null = match contains(nullable_versions, version) {
                true => "?",
                false => "",
            };
            let classic = field["flexibleVersions"].as_str() == Some("none");
            lines.push(line(
                within,
                &name,
                &format!("{array}{element_name}{null}"),
                tag(field).filter(|_| is_tagged(&field)),
                self.is_flexible(version) && !classic,
                field["ignorable"] == true,
                &kafka_default(field, array, element_name, nullable_versions.is_some()),
            ));
            if is_struct {
                let inner = match field.get("fields") {
                    Some(inner) => inner,
                    None => &self.common[element],
                };
                self.describe(inner, version, &format!("{within}{name}."), lines);
            }
        }
    }
}

/// Older schemas write the number as a string.
fn tag(field: &Value) -> Option<u32> {
    let text = field["tag"].as_str().map(str::to_owned);
    text.unwrap_or_else(|| field["tag"].to_string())
        .parse()
        .ok()
}

fn kafka_default(field: &Value, array: &str, kind: &str, nullable: bool) -> String {
    let declared = match &field["default"] {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    match (declared.as_deref(), kind) {
        (Some("null"), _) => "null".to_owned(),
        (None, _) if field["type"] == "records" && nullable => "null".to_owned(),
        (None | Some(""), _) if !array.is_empty() => "empty".to_owned(),
        (None | Some(""), "bool") => "false".to_owned(),
        (None | Some(""), kind) if kind.contains("int") || kind == "float64" => "0".to_owned(),
        (None | Some(""), _) => "empty".to_owned(),
        (Some(text), kind) if kind.contains("int") => match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).expect("a number").to_string(),
            None => text.to_owned(),
        },
        (Some(text), _) => text.to_lowercase(),
    }
}

// ---- tests --------------------------------------------------------------------------------------

#[test]
fn every_field_is_declared_as_in_kafkas_schemas() {
    let subjects = subjects();
    let mut differences = Vec::new();
    let mut compared = 0;
    for release in RELEASES {
        let questions: Vec<String> = subjects
            .iter()
            .map(|subject| format!("schema {}", subject.path))
            .collect();
        let schemas = Oracle::start(release).ask(&questions);
        for (subject, schema) in subjects.iter().zip(schemas) {
            if schema == "none" {
                // 4.0 brought the one, 4.4 the other.
                let newer = ["ClearElrRecord", "UnregisterControllerRecord"];
                if !newer.contains(&subject.schema.name) {
                    differences.push(format!("{release}: no schema {}", subject.path));
                }
                continue;
            }
            compared += compare(release, subject, &Kafka::parse(&schema), &mut differences);
        }
    }
    assert!(compared > 500, "only {compared} layouts were compared");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Compares every version that both know, and says how many.
fn compare(
    release: &str,
    subject: &Subject,
    kafka: &Kafka,
    differences: &mut Vec<String>,
) -> usize {
    let name = subject.schema.name;
    let Some((first, last)) = kafka.valid_versions() else {
        return 0;
    };
    let ours = (subject.min_version, subject.max_version);
    if release == NEWEST && ours != (first, last) {
        differences.push(format!(
            "{name}: versions {ours:?} instead of {:?}",
            (first, last)
        ));
    }
    let both = first.max(ours.0)..=last.min(ours.1);
    let count = both.clone().count();
    for version in both {
        let flexible = version >= subject.first_flexible;
        let (ours, theirs) = (
            our_layout(subject.schema, version, flexible),
            kafka.layout(version),
        );
        if flexible != kafka.is_flexible(version) {
            differences.push(format!("{name} {version}: flexible is {flexible}"));
        }
        for (index, theirs) in theirs.iter().enumerate() {
            let line = format!("{name} {version}: {theirs}");
            if ours.get(index) != Some(theirs) && !is_known_difference(release, &line) {
                differences.push(format!("{release} {line} / ours: {:?}", ours.get(index)));
            }
        }
        if ours.len() > theirs.len() {
            differences.push(format!("{release} {name} {version}: we have more fields"));
        }
    }
    count
}

#[test]
fn bytes_mean_the_same_to_java_and_to_us() {
    /// Random messages for each version of each message.
    const ROUNDS: usize = 6;
    let subjects = subjects();
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    for release in RELEASES {
        let mut oracle = Oracle::start(release);
        let schemas: Vec<String> = subjects
            .iter()
            .map(|subject| format!("schema {}", subject.path))
            .collect();
        let schemas = oracle.ask(&schemas);
        let (mut questions, mut cases) = (Vec::new(), Vec::new());
        for (subject, schema) in subjects.iter().zip(schemas).filter(|(_, s)| s != "none") {
            let known = Kafka::parse(&schema).valid_versions();
            let ours = subject.min_version..=subject.max_version;
            for version in ours.filter(|version| contains(known, *version)) {
                questions.push(format!("default {} {version}", subject.java_class));
                cases.push((subject, version, None));
                for _ in 0..ROUNDS {
                    let bytes = random_message(subject, version, &mut rng);
                    let hex = to_hex(&bytes);
                    questions.push(format!("again {} {version} {hex}", subject.java_class));
                    cases.push((subject, version, Some(bytes)));
                }
            }
        }
        let answers = oracle.ask(&questions);
        let mut compared = 0;
        for ((subject, version, bytes), answer) in cases.into_iter().zip(answers) {
            let what = format!("{release} {} {version}", subject.schema.name);
            assert!(
                !answer.starts_with("error"),
                "{what}: {answer} from {bytes:?}"
            );
            compared += 1;
            let original = bytes.unwrap_or_else(|| from_hex(&answer));
            let ours = (subject.again)(original.clone(), version)
                .unwrap_or_else(|error| panic!("{what}: {error}\n{}", to_hex(&original)));
            assert_eq!(to_hex(&ours), answer, "{what}, from {}", to_hex(&original));
            // What Java wrote means the same to us.
            let back = (subject.again)(from_hex(&answer), version).expect("decodes");
            assert_eq!(to_hex(&back), answer, "{what}");
        }
        assert!(
            compared > 1_000,
            "{release}: only {compared} messages were compared"
        );
    }
}

#[test]
fn record_frames_mean_the_same_to_java_and_to_us() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut questions = Vec::new();
    for kind in MetadataRecord::ALL.iter().filter(|kind| kind.key != 29) {
        for version in kind.min_version..=kind.max_version {
            let mut frame = Writer::new();
            frame.uvarint(1);
            frame.uvarint(kind.key);
            frame.uvarint(version as u32);
            random_struct(kind.schema, version, true, &mut rng, &mut frame);
            questions.push(frame.into_bytes());
        }
    }
    let asked: Vec<String> = questions
        .iter()
        .map(|bytes| format!("record {}", to_hex(bytes)))
        .collect();
    for (bytes, answer) in questions.into_iter().zip(Oracle::start(NEWEST).ask(&asked)) {
        let (record, version) = MetadataRecord::decode(bytes).expect("decodes");
        assert_eq!(
            to_hex(&record.encode(version).expect("encodes")),
            answer,
            "{record:?}"
        );
    }
}

// ---- random messages ----------------------------------------------------------------------------

fn random_message(subject: &Subject, version: i16, rng: &mut ChaCha8Rng) -> Bytes {
    let mut writer = Writer::new();
    let flexible = version >= subject.first_flexible;
    let is_control = subject
        .schema
        .fields
        .first()
        .is_some_and(|(field, _)| field.name == "version");
    random_struct(subject.schema, version, flexible, rng, &mut writer);
    let mut bytes = writer.into_bytes().to_vec();
    if is_control {
        // The version that a control record tells of itself is the one it is written in.
        bytes[..2].copy_from_slice(&version.to_be_bytes());
    }
    bytes.into()
}

/// Writes a value for every field that the version has, by the table alone.
fn random_struct(
    schema: &Struct,
    version: i16,
    flexible: bool,
    rng: &mut ChaCha8Rng,
    out: &mut Writer,
) {
    let mut tagged: Vec<(u32, Vec<u8>)> = Vec::new();
    for (field, kind) in schema
        .fields
        .iter()
        .filter(|(field, _)| field.in_version(version))
    {
        let mut value = Writer::new();
        let nullable = version >= field.nullable_since;
        random_value(
            kind,
            version,
            flexible && !field.classic,
            nullable,
            rng,
            &mut value,
        );
        let value = value.into_bytes().to_vec();
        match field.tag {
            None => out.put(&value),
            Some(tag) if rng.random_bool(0.5) => tagged.push((tag, value)),
            Some(_) => {}
        }
    }
    if !flexible {
        return;
    }
    if rng.random_bool(0.2) {
        // From a release that is still to come.
        tagged.push((
            rng.random_range(20..10_000),
            vec![7; rng.random_range(0..5)],
        ));
    }
    tagged.sort();
    out.uvarint(tagged.len() as u32);
    for (tag, value) in tagged {
        out.uvarint(tag);
        out.uvarint(value.len() as u32);
        out.put(&value);
    }
}

fn random_value(
    kind: &Type,
    version: i16,
    flexible: bool,
    nullable: bool,
    rng: &mut ChaCha8Rng,
    out: &mut Writer,
) {
    let kind = match kind {
        Type::Nullable(inner) => *inner,
        other => other,
    };
    let is_null = nullable && rng.random_bool(0.2);
    let length = |out: &mut Writer, length: Option<usize>, width: usize| match (flexible, length) {
        (true, length) => out.uvarint(length.map_or(0, |length| length as u32 + 1)),
        (false, length) => {
            let length = length.map_or(-1, |length| length as i32).to_be_bytes();
            out.put(&length[4 - width..]);
        }
    };
    match kind {
        Type::Array(_) if is_null => length(out, None, 4),
        Type::Array(element) => {
            let count = rng.random_range(0..3);
            length(out, Some(count), 4);
            for _ in 0..count {
                random_value(element, version, flexible, false, rng, out);
            }
        }
        Type::Struct(inner) => random_struct(inner, version, flexible, rng, out),
        Type::Primitive("string") if is_null => length(out, None, 2),
        Type::Primitive("string") => {
            let text: String = (0..rng.random_range(0..6))
                .map(|_| rng.random_range('a'..='é'))
                .collect();
            length(out, Some(text.len()), 2);
            out.put(text.as_bytes());
        }
        Type::Primitive("bytes") if is_null => length(out, None, 4),
        Type::Primitive("bytes") => {
            let bytes: Vec<u8> = (0..rng.random_range(0..6)).map(|_| rng.random()).collect();
            length(out, Some(bytes.len()), 4);
            out.put(&bytes);
        }
        Type::Primitive("bool") => out.put(&[u8::from(rng.random_bool(0.5))]),
        Type::Primitive("float64") => out.put(&rng.random_range(-1e9..1e9f64).to_be_bytes()),
        Type::Primitive(name) => {
            let width = match *name {
                "int8" => 1,
                "int16" | "uint16" => 2,
                "int32" => 4,
                "int64" => 8,
                "uuid" => 16,
                other => panic!("a primitive called {other}"),
            };
            let small = rng.random_bool(0.5);
            let mut bytes: Vec<u8> = (0..width)
                .map(|_| if small { 0 } else { rng.random() })
                .collect();
            bytes[width - 1] = rng.random();
            out.put(&bytes);
        }
        Type::Nullable(_) => panic!("an option in an option"),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(hex: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len())
        .step_by(2)
        .map(digit)
        .collect::<Vec<u8>>()
        .into()
}
