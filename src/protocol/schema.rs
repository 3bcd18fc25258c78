//! One declaration per message: [`message!`] turns a table of fields into a struct, its defaults, its
//! codec for every version, and a description of itself that tests hold against Kafka's own schemas.
//!
//! ```ignore
//! message! {
//!     /// Asks for votes.
//!     VoteRequest: 0..=2, flexible 0 {
//!         cluster_id: Option<String> => nullable(0),
//!         voter_id: NodeId = NodeId::NONE => since(1) ignorable(),
//!         topics: Vec<TopicData>,
//!     }
//!     TopicData { topic_name: String, partitions: Vec<PartitionData> }
//! }
//! ```
//!
//! A field is `name: Type`, then `= default` unless it is the type's own, then `=>` and how it
//! depends on the version: the `const fn`s of [`Field`].

use bytes::Bytes;

use super::{
    types::{Type, Wire},
    wire::{Cx, Malformed, Reader, Result, Writer},
};

/// How one field depends on the version of its message.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    /// First and last version that have the field.
    pub since: i16,
    pub until: i16,
    /// First version in which the field may be null.
    pub nullable_since: i16,
    /// The field is sent only when it differs from its default, under this number.
    pub tag: Option<u32>,
    /// A value that the version has no place for may be dropped.
    pub ignorable: bool,
    /// Keeps its classic form in flexible versions.
    pub classic: bool,
    /// The default as it was declared; empty for the type's own.
    pub default: &'static str,
}

impl Field {
    pub const fn new(name: &'static str, default: &'static str) -> Field {
        Field {
            name,
            since: 0,
            until: i16::MAX,
            nullable_since: i16::MAX,
            tag: None,
            ignorable: false,
            classic: false,
            default,
        }
    }

    pub const fn since(self, version: i16) -> Field {
        Field {
            since: version,
            ..self
        }
    }

    pub const fn until(self, version: i16) -> Field {
        Field {
            until: version,
            ..self
        }
    }

    pub const fn nullable(self, since: i16) -> Field {
        Field {
            nullable_since: since,
            ..self
        }
    }

    pub const fn tag(self, tag: u32) -> Field {
        Field {
            tag: Some(tag),
            ..self
        }
    }

    pub const fn ignorable(self) -> Field {
        Field {
            ignorable: true,
            ..self
        }
    }

    pub const fn classic(self) -> Field {
        Field {
            classic: true,
            ..self
        }
    }

    pub const fn in_version(&self, version: i16) -> bool {
        self.since <= version && version <= self.until
    }

    /// What the field's encoding depends on, within a struct that depends on `cx`.
    pub(super) fn cx(&self, cx: Cx) -> Cx {
        Cx {
            flexible: cx.flexible && !self.classic,
            nullable: cx.version >= self.nullable_since,
            ..cx
        }
    }

    /// Reads the field where an untagged field of this version stands.
    pub fn read<T: Wire>(&self, value: &mut T, reader: &mut Reader, cx: Cx) -> Result<()> {
        if self.tag.is_none() && self.in_version(cx.version) {
            *value = self.read_value(reader, cx)?;
        }
        Ok(())
    }

    /// Reads the field if `tag` names it, and says whether it did.
    pub fn read_tagged<T: Wire>(
        &self,
        tag: u32,
        value: &mut T,
        reader: &mut Reader,
        cx: Cx,
    ) -> Result<bool> {
        let named = self.tag == Some(tag) && self.in_version(cx.version);
        if named {
            *value = self.read_value(reader, cx)?;
        }
        Ok(named)
    }

    fn read_value<T: Wire>(&self, reader: &mut Reader, cx: Cx) -> Result<T> {
        T::read(reader, self.cx(cx)).map_err(|error| error.within(self.name))
    }

    /// Writes an untagged field, or lays a tagged one that is set aside for the end of the struct.
    pub fn write<T: Wire + PartialEq>(
        &self,
        value: &T,
        default: T,
        writer: &mut Writer,
        tagged: &mut Vec<(u32, Bytes)>,
        cx: Cx,
    ) -> Result<()> {
        let written = match (self.in_version(cx.version), self.tag) {
            (true, None) => value.write(writer, self.cx(cx)),
            (true, Some(_)) | (false, _) if *value == default => Ok(()),
            (true, Some(tag)) => {
                let mut aside = Writer::new();
                value
                    .write(&mut aside, self.cx(cx))
                    .map(|()| tagged.push((tag, aside.into_bytes())))
            }
            (false, _) if self.ignorable => Ok(()),
            (false, _) => Err(Malformed::not_in_version(cx.version)),
        };
        written.map_err(|error| error.within(self.name))
    }
}

/// A declared struct, as data.
#[derive(Debug)]
pub struct Struct {
    pub name: &'static str,
    pub fields: &'static [(Field, Type)],
}

/// Tagged fields that a newer peer sent and we do not know: kept, so that they survive being passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownTaggedFields(Vec<(u32, Bytes)>);

impl UnknownTaggedFields {
    /// Reads the end of a flexible struct. `known` reads a field it knows and says whether it did.
    pub fn read(
        reader: &mut Reader,
        mut known: impl FnMut(u32, &mut Reader) -> Result<bool>,
    ) -> Result<UnknownTaggedFields> {
        let mut unknown = Vec::new();
        let mut next_tag = 0;
        let count = reader.uvarint()? as usize;
        for _ in 0..count {
            let tag = reader.uvarint()?;
            if tag < next_tag {
                return Err(Malformed::new(format!(
                    "tag {tag} comes twice or out of order"
                )));
            }
            next_tag = tag.saturating_add(1);
            let size = reader.uvarint()? as usize;
            let left = reader.bounded(size, |field| match known(tag, field)? {
                true => field.finish().map(|()| None),
                false => Ok(Some(field.rest())),
            })?;
            if let Some(bytes) = left {
                reader.grow(&mut unknown, count)?;
                unknown.push((tag, bytes));
            }
        }
        Ok(UnknownTaggedFields(unknown))
    }

    /// Writes the end of a struct: the known fields that are set, and the unknown ones, by number.
    pub fn write(&self, mut known: Vec<(u32, Bytes)>, writer: &mut Writer, cx: Cx) -> Result<()> {
        if !cx.flexible {
            return match known.is_empty() && self.0.is_empty() {
                true => Ok(()),
                false => Err(Malformed::not_in_version(cx.version)),
            };
        }
        known.extend(self.0.iter().cloned());
        known.sort_by_key(|(tag, _)| *tag);
        writer.uvarint(known.len() as u32);
        for (tag, bytes) in known {
            writer.uvarint(tag);
            writer.uvarint(bytes.len() as u32);
            writer.put(&bytes);
        }
        Ok(())
    }
}

/// A struct with versions of its own: a request, a response, a record.
pub trait Message: Wire + Default + PartialEq {
    const NAME: &'static str;
    const MIN_VERSION: i16;
    const MAX_VERSION: i16;
    /// First flexible version (KIP-482).
    const FIRST_FLEXIBLE: i16;
    const SCHEMA: &'static Struct;

    /// Reads the message; bytes may be left over.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self> {
        Self::read(reader, cx::<Self>(version)?).map_err(|error| error.within(Self::NAME))
    }

    fn encode(&self, writer: &mut Writer, version: i16) -> Result<()> {
        self.write(writer, cx::<Self>(version)?)
            .map_err(|error| error.within(Self::NAME))
    }
}

fn cx<M: Message>(version: i16) -> Result<Cx> {
    if version < M::MIN_VERSION || version > M::MAX_VERSION {
        let error = Malformed::unsupported_version(version, M::MIN_VERSION, M::MAX_VERSION);
        return Err(error.within(M::NAME));
    }
    Ok(Cx {
        version,
        flexible: version >= M::FIRST_FLEXIBLE,
        nullable: false,
    })
}

/// Declares messages and the structs in them; see the head of this file.
macro_rules! message {
    ($(
        $(#[$doc:meta])*
        $Name:ident $(: $min:literal ..= $max:literal $(, flexible $flexible:literal)?)? {
            $(
                $(#[$field_doc:meta])*
                $field:ident : $Type:ty
                    $(= $default:expr)?
                    $(=> $($option:ident ( $($argument:expr)? ))+)?
            ),* $(,)?
        }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name {
            $( $(#[$field_doc])* pub $field: $Type, )*
            /// What a newer peer sent beyond the fields above.
            pub unknown_tagged_fields: $crate::protocol::schema::UnknownTaggedFields,
        }

        impl Default for $Name {
            fn default() -> Self {
                Self {
                    $( $field: $crate::protocol::schema::message!(@default $($default)?), )*
                    unknown_tagged_fields: Default::default(),
                }
            }
        }

        impl $Name {
            /// What this struct looks like on the wire, field by field.
            pub const SCHEMA: $crate::protocol::schema::Struct = $crate::protocol::schema::Struct {
                name: stringify!($Name),
                fields: &[ $( (
                    $crate::protocol::schema::Field::new(
                        stringify!($field),
                        stringify!($($default)?),
                    )
                        $( $( .$option($($argument)?) )+ )?,
                    <$Type as $crate::protocol::types::Wire>::TYPE,
                ) ),* ],
            };
        }

        impl $crate::protocol::types::Wire for $Name {
            const TYPE: $crate::protocol::types::Type =
                $crate::protocol::types::Type::Struct(&$Name::SCHEMA);

            #[allow(unused_mut, unused_variables, unused_assignments)]
            fn read(
                reader: &mut $crate::protocol::wire::Reader,
                cx: $crate::protocol::wire::Cx,
            ) -> $crate::protocol::wire::Result<Self> {
                let mut message = Self::default();
                let mut fields = Self::SCHEMA.fields.iter();
                $( if let Some((field, _)) = fields.next() {
                    field.read(&mut message.$field, reader, cx)?;
                } )*
                if cx.flexible {
                    let unknown = $crate::protocol::schema::UnknownTaggedFields::read(
                        reader,
                        |tag, reader| {
                            let mut fields = Self::SCHEMA.fields.iter();
                            let mut known = false;
                            $( if let Some((field, _)) = fields.next() {
                                known |= field.read_tagged(tag, &mut message.$field, reader, cx)?;
                            } )*
                            Ok(known)
                        },
                    )?;
                    message.unknown_tagged_fields = unknown;
                }
                Ok(message)
            }

            #[allow(unused_mut, unused_variables)]
            fn write(
                &self,
                writer: &mut $crate::protocol::wire::Writer,
                cx: $crate::protocol::wire::Cx,
            ) -> $crate::protocol::wire::Result<()> {
                let mut tagged = Vec::new();
                let mut fields = Self::SCHEMA.fields.iter();
                $( if let Some((field, _)) = fields.next() {
                    let default = $crate::protocol::schema::message!(@default $($default)?);
                    field.write(&self.$field, default, writer, &mut tagged, cx)?;
                } )*
                self.unknown_tagged_fields.write(tagged, writer, cx)
            }
        }

        $crate::protocol::schema::message!(@message $Name $($min $max $($flexible)?)?);
    )* };

    (@default) => { Default::default() };
    (@default $default:expr) => { $default };

    (@message $Name:ident) => {};
    (@message $Name:ident $min:literal $max:literal) => {
        $crate::protocol::schema::message!(@message $Name $min $max 0x7fff);
    };
    (@message $Name:ident $min:literal $max:literal $flexible:literal) => {
        impl $crate::protocol::schema::Message for $Name {
            const NAME: &'static str = stringify!($Name);
            const MIN_VERSION: i16 = $min;
            const MAX_VERSION: i16 = $max;
            const FIRST_FLEXIBLE: i16 = $flexible;
            const SCHEMA: &'static $crate::protocol::schema::Struct = &$Name::SCHEMA;
        }
    };
}
pub(crate) use message;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ids::NodeId;

    message! {
        /// Has one of everything.
        Sample: 0..=2, flexible 1 {
            name: String,
            id: NodeId = NodeId::NONE => since(1) ignorable(),
            parts: Option<Vec<Part>> => nullable(0),
            extra: i64 = 7 => since(2) tag(0),
        }
        Part { index: i32 }
    }

    #[test]
    fn round_trips_at_every_version() {
        let sample = Sample {
            name: "a".into(),
            parts: Some(vec![Part {
                index: 3,
                ..Default::default()
            }]),
            ..Default::default()
        };
        for version in 0..=2 {
            let mut writer = Writer::new();
            sample.encode(&mut writer, version).expect("encodes");
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            assert_eq!(
                Sample::decode(&mut reader, version).expect("decodes"),
                sample
            );
            reader.finish().expect("nothing left over");
        }
    }

    #[test]
    fn a_value_without_a_place_is_refused_unless_ignorable() {
        let mut writer = Writer::new();
        let sample = Sample {
            id: NodeId(1),
            extra: 8,
            ..Default::default()
        };
        let error = sample
            .encode(&mut writer, 1)
            .expect_err("extra is new in version 2");
        assert!(error.is_unsupported_version());
        assert!(
            error.to_string().starts_with("Sample.extra: has a value"),
            "{error}"
        );
        Sample { extra: 7, ..sample }
            .encode(&mut Writer::new(), 0)
            .expect("id is ignorable");
    }
}
