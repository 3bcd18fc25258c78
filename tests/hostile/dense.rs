//! The messages that cost the most memory for their bytes: made of nothing but the smallest elements
//! that a table allows.

use kraftd::protocol::{schema::Struct, types::Type, wire::Writer};

/// How a dense message is filled.
#[derive(Clone, Copy, Debug)]
pub struct Filling {
    /// Which array of the message has many elements, counted in the order of the table.
    pub array: usize,
    /// How many.
    pub elements: usize,
    /// How many elements the arrays inside of those have.
    pub inner: usize,
    /// How many tagged fields nobody knows stand at the end of each struct.
    pub unknown_tags: u32,
}

/// How many arrays a message has, those within arrays included.
pub fn arrays(schema: &Struct) -> usize {
    schema.fields.iter().map(|(_, kind)| arrays_in(kind)).sum()
}

fn arrays_in(kind: &Type) -> usize {
    match kind {
        Type::Primitive(_) => 0,
        Type::Nullable(inner) => arrays_in(inner),
        Type::Array(element) => 1 + arrays_in(element),
        Type::Struct(inner) => arrays(inner),
    }
}

/// The message, in a flexible version.
pub fn message(schema: &Struct, version: i16, filling: Filling) -> Vec<u8> {
    let mut dense = Dense {
        version,
        filling,
        next_array: 0,
        out: Writer::new(),
    };
    dense.fields(schema, Place::Around);
    dense.out.into_bytes().to_vec()
}

/// Where a value stands relative to the array that is to be long.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Around,
    Inside,
}

struct Dense {
    version: i16,
    filling: Filling,
    next_array: usize,
    out: Writer,
}

impl Dense {
    fn fields(&mut self, schema: &Struct, place: Place) {
        let mut tagged = Vec::new();
        for (field, kind) in schema.fields {
            let holds = self.next_array..self.next_array + arrays_in(kind);
            if !field.in_version(self.version) {
                self.next_array = holds.end;
                continue;
            }
            match field.tag {
                None => self.value(kind, place),
                Some(tag) if place == Place::Around && holds.contains(&self.filling.array) => {
                    let outer = std::mem::take(&mut self.out);
                    self.value(kind, place);
                    let inner = std::mem::replace(&mut self.out, outer);
                    tagged.push((tag, inner.into_bytes()));
                }
                Some(_) => self.next_array = holds.end,
            }
        }
        self.out
            .uvarint(tagged.len() as u32 + self.filling.unknown_tags);
        for (tag, value) in tagged {
            self.out.uvarint(tag);
            self.out.uvarint(value.len() as u32);
            self.out.put(&value);
        }
        for tag in 0..self.filling.unknown_tags {
            self.out.uvarint(60 + tag);
            self.out.uvarint(0);
        }
    }

    fn value(&mut self, kind: &Type, place: Place) {
        match kind {
            Type::Nullable(inner) => self.value(inner, place),
            Type::Struct(inner) => self.fields(inner, place),
            Type::Array(element) => self.array(element, place),
            // The empty ones, in compact form.
            Type::Primitive("string" | "bytes") => self.out.uvarint(1),
            Type::Primitive("bool" | "int8") => self.out.put(&[0]),
            Type::Primitive("int16" | "uint16") => self.out.put(&[0; 2]),
            Type::Primitive("int32") => self.out.put(&[0; 4]),
            Type::Primitive("int64" | "float64") => self.out.put(&[0; 8]),
            Type::Primitive("uuid") => self.out.put(&[0; 16]),
            Type::Primitive(other) => panic!("a primitive called {other}"),
        }
    }

    fn array(&mut self, element: &Type, place: Place) {
        let this = self.next_array;
        let holds = this..this + 1 + arrays_in(element);
        let (count, inside) = match place {
            Place::Inside => (self.filling.inner, Place::Inside),
            Place::Around if this == self.filling.array => (self.filling.elements, Place::Inside),
            Place::Around => (
                usize::from(holds.contains(&self.filling.array)),
                Place::Around,
            ),
        };
        self.out.uvarint(count as u32 + 1);
        for _ in 0..count {
            self.next_array = this + 1;
            self.value(element, inside);
        }
        self.next_array = holds.end;
    }
}
