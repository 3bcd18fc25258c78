//! The types that fields have: integers, strings, bytes, arrays and ids, each as [`wire`](super::wire) reads and
//! writes it.

use bytes::Bytes;

use super::{
    ids::{BrokerEpoch, Epoch, NodeId, Offset, Uuid},
    wire::{Cx, Malformed, Reader, Result, Writer},
};

/// Strings are at most this long in every version (Kafka's `Short.MAX_VALUE`).
const MAX_STRING_BYTES: usize = i16::MAX as usize;

/// What a field's type is called in Kafka's schemas: for comparing our tables with theirs.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    Primitive(&'static str),
    Array(&'static Type),
    Nullable(&'static Type),
    Struct(&'static super::schema::Struct),
}

/// A type with a wire form.
pub trait Wire: Sized {
    const TYPE: Type;
    fn read(reader: &mut Reader, cx: Cx) -> Result<Self>;
    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<()>;
}

/// A type that can be null, and spells that its own way.
pub trait Nullable: Wire {
    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>>;
    fn write_nullable(value: Option<&Self>, writer: &mut Writer, cx: Cx) -> Result<()>;
}

macro_rules! integers {
    ($($int:ident $name:literal $read:expr;)*) => { $(
        impl Wire for $int {
            const TYPE: Type = Type::Primitive($name);

            fn read(reader: &mut Reader, _cx: Cx) -> Result<Self> {
                $read(reader)
            }

            fn write(&self, writer: &mut Writer, _cx: Cx) -> Result<()> {
                writer.put(&self.to_be_bytes());
                Ok(())
            }
        }
    )* };
}

integers! {
    i8 "int8" Reader::i8;
    i16 "int16" Reader::i16;
    u16 "uint16" |reader: &mut Reader| Ok(reader.i16()? as u16);
    i32 "int32" Reader::i32;
    i64 "int64" Reader::i64;
    f64 "float64" |reader: &mut Reader| Ok(f64::from_bits(reader.i64()? as u64));
}

macro_rules! newtypes {
    ($($Name:ident: $int:ident)*) => { $(
        impl Wire for $Name {
            const TYPE: Type = <$int as Wire>::TYPE;

            fn read(reader: &mut Reader, cx: Cx) -> Result<Self> {
                $int::read(reader, cx).map($Name)
            }

            fn write(&self, writer: &mut Writer, cx: Cx) -> Result<()> {
                self.0.write(writer, cx)
            }
        }
    )* };
}

newtypes! { NodeId: i32 Epoch: i32 Offset: i64 BrokerEpoch: i64 }

impl Wire for bool {
    const TYPE: Type = Type::Primitive("bool");

    fn read(reader: &mut Reader, _cx: Cx) -> Result<Self> {
        Ok(reader.i8()? != 0)
    }

    fn write(&self, writer: &mut Writer, _cx: Cx) -> Result<()> {
        writer.put(&[u8::from(*self)]);
        Ok(())
    }
}

impl Wire for Uuid {
    const TYPE: Type = Type::Primitive("uuid");

    fn read(reader: &mut Reader, _cx: Cx) -> Result<Self> {
        reader.take_array().map(Uuid)
    }

    fn write(&self, writer: &mut Writer, _cx: Cx) -> Result<()> {
        writer.put(&self.0);
        Ok(())
    }
}

impl Wire for String {
    const TYPE: Type = Type::Primitive("string");

    fn read(reader: &mut Reader, cx: Cx) -> Result<Self> {
        not_null(reader, cx)
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<()> {
        String::write_nullable(Some(self), writer, cx)
    }
}

impl Nullable for String {
    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>> {
        let Some(length) = reader.length(cx, |reader| reader.i16().map(i32::from))? else {
            return Ok(None);
        };
        if length > MAX_STRING_BYTES {
            return Err(Malformed::new(format!("string of {length} bytes")));
        }
        match std::str::from_utf8(reader.take(length)?) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Malformed::new("is not UTF-8")),
        }
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, cx: Cx) -> Result<()> {
        let length = value.map(String::len);
        if let Some(length) = length.filter(|length| *length > MAX_STRING_BYTES) {
            return Err(Malformed::new(format!("string of {length} bytes")));
        }
        let classic = |writer: &mut Writer, length: i32| writer.put(&(length as i16).to_be_bytes());
        writer.length(length, cx, classic)?;
        writer.put(value.map(String::as_bytes).unwrap_or_default());
        Ok(())
    }
}

impl Wire for Bytes {
    const TYPE: Type = Type::Primitive("bytes");

    fn read(reader: &mut Reader, cx: Cx) -> Result<Self> {
        not_null(reader, cx)
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<()> {
        Bytes::write_nullable(Some(self), writer, cx)
    }
}

impl Nullable for Bytes {
    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>> {
        let length = reader.length(cx, Reader::i32)?;
        let bytes = length.map(|length| reader.part(length)).transpose()?;
        Ok(bytes.map(|mut bytes| bytes.rest()))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, cx: Cx) -> Result<()> {
        writer.length(value.map(Bytes::len), cx, put_i32)?;
        value.into_iter().for_each(|bytes| writer.put_shared(bytes));
        Ok(())
    }
}

impl<T: Wire> Wire for Vec<T> {
    const TYPE: Type = Type::Array(&T::TYPE);

    fn read(reader: &mut Reader, cx: Cx) -> Result<Self> {
        not_null(reader, cx)
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<()> {
        Vec::write_nullable(Some(self), writer, cx)
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>> {
        // Every element takes a byte at least, so `length` has checked the count too.
        let Some(count) = reader.array_length(cx)? else {
            return Ok(None);
        };
        let mut elements = Vec::new();
        for _ in 0..count {
            reader.grow(&mut elements, count)?;
            elements.push(T::read(
                reader,
                Cx {
                    nullable: false,
                    ..cx
                },
            )?);
        }
        Ok(Some(elements))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, cx: Cx) -> Result<()> {
        writer.length(value.map(Vec::len), cx, put_i32)?;
        let mut elements = value.into_iter().flatten();
        elements.try_for_each(|element| {
            element.write(
                writer,
                Cx {
                    nullable: false,
                    ..cx
                },
            )
        })
    }
}

impl<T: Nullable> Wire for Option<T> {
    const TYPE: Type = Type::Nullable(&T::TYPE);

    fn read(reader: &mut Reader, cx: Cx) -> Result<Self> {
        T::read_nullable(reader, cx)
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<()> {
        T::write_nullable(self.as_ref(), writer, cx)
    }
}

fn put_i32(writer: &mut Writer, value: i32) {
    writer.put(&value.to_be_bytes());
}

fn not_null<T: Nullable>(reader: &mut Reader, cx: Cx) -> Result<T> {
    let value = T::read_nullable(
        reader,
        Cx {
            nullable: false,
            ..cx
        },
    )?;
    value.ok_or_else(|| Malformed::new("must not be null"))
}
