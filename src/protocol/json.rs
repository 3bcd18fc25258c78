//! Records as JSON, straight from their bytes: a version's fields in the order of their table, with the
//! names and the forms that Kafka's generated `*JsonConverter` classes give them, so that what is
//! written for `kafka-dump-log.sh` reads ours too. A tagged field that is not there is left out.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    ids::Uuid,
    schema::{Struct, UnknownTaggedFields},
    types::{Nullable, Type, Wire},
    wire::{Cx, Malformed, Reader, Result},
};

/// Under which fields that we have no names for are shown, by number, in Base64.
const UNKNOWN: &str = "unknownTaggedFields";

/// The fields of a record, all of which are in flexible versions.
pub fn record(schema: &Struct, reader: &mut Reader, version: i16) -> Result<Value> {
    let cx = Cx {
        version,
        flexible: true,
        nullable: false,
    };
    object(schema, reader, cx).map_err(|error| error.within(schema.name))
}

fn object(schema: &Struct, reader: &mut Reader, cx: Cx) -> Result<Value> {
    let mut members = Map::new();
    for (field, kind) in schema.fields {
        if field.tag.is_none() && field.in_version(cx.version) {
            let value = value(kind, reader, field.cx(cx));
            members.insert(
                camel_case(field.name),
                value.map_err(|error| error.within(field.name))?,
            );
        }
    }
    let mut unknown = Map::new();
    UnknownTaggedFields::read(reader, |tag, reader| {
        let named =
            |field: &super::schema::Field| field.tag == Some(tag) && field.in_version(cx.version);
        match schema.fields.iter().find(|(field, _)| named(field)) {
            Some((field, kind)) => {
                let value = value(kind, reader, field.cx(cx))?;
                members.insert(camel_case(field.name), value);
            }
            None => {
                unknown.insert(tag.to_string(), base64(&reader.rest()));
            }
        }
        Ok(true)
    })?;
    if !unknown.is_empty() {
        members.insert(UNKNOWN.to_owned(), unknown.into());
    }
    Ok(members.into())
}

fn value(kind: &Type, reader: &mut Reader, cx: Cx) -> Result<Value> {
    match kind {
        Type::Nullable(kind) => value(kind, reader, cx),
        Type::Struct(schema) => object(schema, reader, cx),
        Type::Array(element) => {
            let Some(count) = reader.array_length(cx)? else {
                return Ok(Value::Null);
            };
            let cx = Cx {
                nullable: false,
                ..cx
            };
            let elements = (0..count).map(|_| value(element, reader, cx));
            elements.collect::<Result<Vec<Value>>>().map(Value::Array)
        }
        Type::Primitive(name) => primitive(name, reader, cx),
    }
}

fn primitive(name: &str, reader: &mut Reader, cx: Cx) -> Result<Value> {
    Ok(match name {
        "bool" => bool::read(reader, cx)?.into(),
        "int8" => reader.i8()?.into(),
        "int16" => reader.i16()?.into(),
        "uint16" => u16::read(reader, cx)?.into(),
        "int32" => reader.i32()?.into(),
        "int64" => reader.i64()?.into(),
        "float64" => f64::read(reader, cx)?.into(),
        "uuid" => Uuid::read(reader, cx)?.to_string().into(),
        "string" => String::read_nullable(reader, cx)?.into(),
        "bytes" => Bytes::read_nullable(reader, cx)?.map_or(Value::Null, |bytes| base64(&bytes)),
        other => return Err(Malformed::new(format!("has the type {other}"))),
    })
}

fn base64(bytes: &[u8]) -> Value {
    BASE64_STANDARD.encode(bytes).into()
}

/// `broker_id` is `brokerId` in Kafka's JSON.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut whole, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        whole.push_str(&initial.to_ascii_uppercase());
        whole.push_str(rest);
        whole
    })
}

/// `RegisterBrokerRecord` is `REGISTER_BROKER_RECORD` there.
pub fn type_name(name: &str) -> String {
    let mut whole = String::new();
    let mut after_small = false;
    for letter in name.chars() {
        if after_small && letter.is_ascii_uppercase() {
            whole.push('_');
        }
        after_small = letter.is_ascii_lowercase();
        whole.push(letter.to_ascii_uppercase());
    }
    whole
}
