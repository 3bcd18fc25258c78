//! A record of the metadata log as `kraftd dump` shows it: type, version and fields as JSON, in the form
//! of `kafka-dump-log.sh --cluster-metadata-decoder`, but for what nobody should read over a shoulder.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    metadata::{broker_keys::BrokerKey, configs::ResourceType},
    protocol::{
        control_records::ControlRecord,
        json,
        records::MetadataRecord,
        wire::{Malformed, Reader, Result},
    },
};

/// Instead of a value that is a secret, as Kafka's own logs have it.
const HIDDEN: &str = "[hidden]";

/// Fields that are secrets, by the type of the record (KIP-554).
const SECRETS: &[(&str, &[&str])] = &[(
    "USER_SCRAM_CREDENTIAL_RECORD",
    &["salt", "storedKey", "serverKey"],
)];

/// Describes the value of a metadata record.
pub fn metadata(value: &Bytes) -> Result<Value> {
    let mut reader = Reader::new(value);
    let (_frame_version, key) = (reader.uvarint()?, reader.uvarint()?);
    let version = i16::try_from(reader.uvarint()?)
        .map_err(|_| Malformed::new("record version beyond 16 bits"))?;
    let kind = MetadataRecord::ALL.iter().find(|kind| kind.key == key);
    let kind =
        kind.ok_or_else(|| Malformed::new(format!("no metadata record has the key {key}")))?;
    if !(kind.min_version..=kind.max_version).contains(&version) {
        let (min, max) = (kind.min_version, kind.max_version);
        return Err(Malformed::unsupported_version(version, min, max).within(kind.schema.name));
    }
    let mut data = json::record(kind.schema, &mut reader, version)?;
    reader.finish()?;
    let name = json::type_name(kind.schema.name);
    hide(&name, &mut data);
    Ok(json!({"type": name, "version": version, "data": data}))
}

/// Describes a record of a control batch.
pub fn control(key: &Bytes, value: &Bytes) -> Result<Value> {
    let mut key = Reader::new(key);
    let (_version, number) = (key.i16()?, key.i16()?);
    let kind = ControlRecord::ALL
        .iter()
        .find(|(kind, _, _)| *kind == number);
    let (_, name, schema) =
        kind.ok_or_else(|| Malformed::new(format!("no control record has the type {number}")))?;
    let mut reader = Reader::new(value);
    let version = reader.clone().i16()?;
    let data = json::record(schema, &mut reader, version)?;
    reader.finish()?;
    Ok(json!({"type": json::type_name(name), "version": version, "data": data}))
}

fn hide(name: &str, data: &mut Value) {
    let secrets = SECRETS.iter().find(|(secret, _)| *secret == name);
    for field in secrets.map_or(&[][..], |(_, fields)| fields) {
        data[field] = HIDDEN.into();
    }
    // What we do not know of a broker's keys may be a password, as DescribeConfigs has it too.
    let of_a_broker = data["resourceType"] == ResourceType::BROKER.0 && !data["value"].is_null();
    if name == "CONFIG_RECORD" && of_a_broker {
        let known = data["name"].as_str().and_then(BrokerKey::named);
        if known.is_none_or(|known| known.key.config_type.is_sensitive()) {
            data["value"] = HIDDEN.into();
        }
    }
}
