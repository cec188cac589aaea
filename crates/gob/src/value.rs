//! Values whose type is known only at run time, with that type.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::de::Input;
use crate::error::{Result, shown};
use crate::helper::{Complex, RawString};
use crate::skim::{array_count, out_of_bounds};
use crate::types::{Form, Ty, Types, Wire};
use crate::wire::{float_bits, put_bytes, put_int, put_uint};

/// A value of a type that the sender defined, and that type.
///
/// It can be looked at, written again as gob, and serialized into other formats by the names that its type
/// has: a struct is a map of its fields, without those that were left out.
///
/// A value takes up to 32 bytes for each byte it was decoded from.
#[derive(Clone)]
pub struct Value {
    types: Arc<Types>,
    ty: Ty,
    data: Data,
}

/// What a [`Value`] holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// `bool`
    Bool(bool),
    /// Any signed integer.
    Int(i64),
    /// Any unsigned integer.
    Uint(u64),
    /// `float32` or `float64`
    Float(f64),
    /// `complex64` or `complex128`
    Complex(Box<Complex>),
    /// `[]byte`
    Bytes(Vec<u8>),
    /// `string`, which need not be UTF-8.
    String(RawString),
    /// What a type that writes itself has written.
    Opaque(Vec<u8>),
    /// The elements of a slice or an array.
    List(Vec<Data>),
    /// The entries of a map, in the sender's order.
    Map(Vec<(Data, Data)>),
    /// The fields of a struct that were sent, by their numbers, counted from 0; others are zero.
    Struct(Vec<(u32, Data)>),
    /// What an interface holds, if anything.
    Interface(Option<Box<Held>>),
}

/// What an interface holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The name that its type is registered by at the sender.
    pub name: RawString,
    /// The type's id on the sender's stream.
    pub id: i32,
    /// The value.
    pub data: Data,
}

impl Value {
    pub(crate) fn decode(types: &Arc<Types>, value: &[u8]) -> Result<Self> {
        let mut input = Input::new(types, value);
        let result = input.begin().and_then(|ty| Ok((ty, read(&mut input, ty)?)));
        let (ty, data) = result.map_err(|error| error.at_byte(input.offset()))?;
        Ok(Self { types: Arc::clone(types), ty, data })
    }

    /// What it holds.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Its type's name at the sender, or its syntax: `Point`, `[]int`.
    #[must_use]
    pub fn go_type(&self) -> String {
        self.types.describe(self.ty)
    }

    /// The field of a struct by the sender's name; None if there is none, or it was left out as zero.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Data> {
        let Data::Struct(fields) = &self.data else { return None };
        let Form::Struct(defined) = &self.types.wire(self.ty)?.definition.form else { return None };
        let number = defined.iter().position(|field| &*field.name == name)?;
        fields.iter().find(|(sent, _)| usize::try_from(*sent) == Ok(number)).map(|(_, data)| data)
    }

    /// Appends the definitions of its types and then the value, by the sender's ids: bytes that stand alone.
    ///
    /// Decoded, they give the same value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut met = HashSet::new();
        let mut open = vec![self.ty];
        self.held_types(&self.data, &mut open);
        open.reverse();
        while let Some(ty) = open.pop() {
            let Some(wire) = self.types.wire(ty).filter(|wire| met.insert(wire.definition.id)) else {
                continue;
            };
            wire.definition.put(out);
            open.extend(wire.parts().iter().rev());
        }
        let mut body = Vec::new();
        put_int(&mut body, self.types.id_of(self.ty).into());
        self.put_top(self.ty, &self.data, &mut body);
        put_bytes(out, &body);
    }

    /// The types that interfaces inside hold.
    fn held_types(&self, data: &Data, held: &mut Vec<Ty>) {
        match data {
            Data::List(elements) => elements.iter().for_each(|element| self.held_types(element, held)),
            Data::Map(entries) => {
                for (key, element) in entries {
                    self.held_types(key, held);
                    self.held_types(element, held);
                }
            }
            Data::Struct(fields) => fields.iter().for_each(|(_, field)| self.held_types(field, held)),
            Data::Interface(Some(inner)) => {
                held.extend(self.types.find(inner.id));
                self.held_types(&inner.data, held);
            }
            _ => {}
        }
    }

    /// A value with the zero that stands before what is not a struct.
    fn put_top(&self, ty: Ty, data: &Data, out: &mut Vec<u8>) {
        if !self.types.is_struct(ty) {
            out.push(0);
        }
        self.put(data, out);
    }

    fn put(&self, data: &Data, out: &mut Vec<u8>) {
        match data {
            Data::Bool(value) => out.push(u8::from(*value)),
            Data::Int(value) => put_int(out, *value),
            Data::Uint(value) => put_uint(out, *value),
            Data::Float(value) => put_uint(out, float_bits(*value)),
            Data::Complex(value) => {
                put_uint(out, float_bits(value.re));
                put_uint(out, float_bits(value.im));
            }
            Data::Bytes(bytes) | Data::Opaque(bytes) | Data::String(RawString(bytes)) => {
                put_bytes(out, bytes)
            }
            Data::List(elements) => {
                put_uint(out, elements.len() as u64);
                elements.iter().for_each(|element| self.put(element, out));
            }
            Data::Map(entries) => {
                put_uint(out, entries.len() as u64);
                for (key, element) in entries {
                    self.put(key, out);
                    self.put(element, out);
                }
            }
            Data::Struct(fields) => {
                let mut last = 0;
                for (number, field) in fields {
                    let next = number.saturating_add(1);
                    put_uint(out, next.saturating_sub(last).into());
                    self.put(field, out);
                    last = next;
                }
                out.push(0);
            }
            Data::Interface(None) => out.push(0),
            Data::Interface(Some(held)) => {
                put_bytes(out, &held.name.0);
                put_int(out, held.id.into());
                let mut content = Vec::new();
                if let Some(ty) = self.types.find(held.id) {
                    self.put_top(ty, &held.data, &mut content);
                }
                put_bytes(out, &content);
            }
        }
    }
}

/// Two values are the same if they are written the same: their types count, and so do the ids of those.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        let written = |value: &Self| {
            let mut out = Vec::new();
            value.encode(&mut out);
            out
        };
        written(self) == written(other)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?}", shown(&self.go_type()), self.data)
    }
}

/// Reads a value of type `ty`; recursion ends with the input's depth.
fn read(input: &mut Input<'_, '_>, ty: Ty) -> Result<Data> {
    let types = input.types;
    let Some(wire) = types.wire(ty) else {
        return Ok(match ty {
            Ty::BOOL => Data::Bool(input.body.uint()? != 0),
            Ty::INT => Data::Int(input.body.int()?),
            Ty::UINT => Data::Uint(input.body.uint()?),
            Ty::FLOAT => Data::Float(input.body.float()?),
            Ty::COMPLEX => {
                Data::Complex(Box::new(Complex { re: input.body.float()?, im: input.body.float()? }))
            }
            Ty::BYTES => Data::Bytes(input.body.bytes()?.to_vec()),
            Ty::STRING => Data::String(RawString(input.body.bytes()?.to_vec())),
            _ => return read_interface(input),
        });
    };
    if let Form::Opaque(_) = wire.definition.form {
        return Ok(Data::Opaque(input.body.bytes()?.to_vec()));
    }
    input.enter()?;
    let data = match (&wire.definition.form, wire.parts()) {
        (Form::Slice(_), [element]) => {
            let count = input.count()?;
            read_list(input, *element, count)?
        }
        (Form::Array(_, len), [element]) => {
            let count = array_count(input.count()?, *len)?;
            read_list(input, *element, count)?
        }
        (Form::Map(..), [key, element]) => {
            let mut entries = Vec::new();
            for _ in 0..input.count()? {
                input.entry()?;
                entries.push((read(input, *key)?, read(input, *element)?));
            }
            Data::Map(entries)
        }
        _ => read_struct(input, wire)?,
    };
    input.leave();
    Ok(data)
}

fn read_list(input: &mut Input<'_, '_>, element: Ty, count: usize) -> Result<Data> {
    let mut elements = Vec::new();
    for left in (1..=count).rev() {
        input.element(left)?;
        elements.push(read(input, element)?);
    }
    Ok(Data::List(elements))
}

fn read_struct(input: &mut Input<'_, '_>, wire: &Wire) -> Result<Data> {
    let mut fields = Vec::new();
    let mut number: u64 = 0;
    loop {
        let delta = input.body.delta()?;
        if delta == 0 {
            return Ok(Data::Struct(fields));
        }
        number = number.saturating_add(delta);
        let at = u32::try_from(number - 1).map_err(|_| out_of_bounds())?;
        let ty = wire.parts().get(at as usize).copied().ok_or_else(out_of_bounds)?;
        input.step()?;
        fields.push((at, read(input, ty)?));
    }
}

fn read_interface(input: &mut Input<'_, '_>) -> Result<Data> {
    let name = input.interface_name()?;
    if name.is_empty() {
        return Ok(Data::Interface(None));
    }
    let ty = input.concrete()?;
    input.enter()?;
    let held = Held { name: RawString(name.to_vec()), id: input.types.id_of(ty), data: read(input, ty)? };
    input.leave();
    Ok(Data::Interface(Some(Box::new(held))))
}

impl Serialize for Value {
    /// For formats that describe themselves; write gob by [`encode`](Self::encode).
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Named { types: &self.types, ty: self.ty, data: &self.data }.serialize(serializer)
    }
}

/// Data with the names that its type has for it.
struct Named<'v> {
    types: &'v Types,
    ty: Ty,
    data: &'v Data,
}

impl<'v> Named<'v> {
    fn part(&self, at: usize, data: &'v Data) -> Self {
        let parts = self.types.wire(self.ty).map(Wire::parts).unwrap_or_default();
        Self { types: self.types, ty: parts.get(at).copied().unwrap_or(Ty::BOOL), data }
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.data {
            Data::Bool(value) => serializer.serialize_bool(*value),
            Data::Int(value) => serializer.serialize_i64(*value),
            Data::Uint(value) => serializer.serialize_u64(*value),
            Data::Float(value) => serializer.serialize_f64(*value),
            Data::Complex(value) => value.serialize(serializer),
            Data::Bytes(bytes) | Data::Opaque(bytes) => serializer.serialize_bytes(bytes),
            Data::String(text) => serializer.serialize_str(&text.to_string_lossy()),
            Data::List(elements) => {
                let mut list = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    list.serialize_element(&self.part(0, element))?;
                }
                list.end()
            }
            Data::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, element) in entries {
                    map.serialize_entry(&self.part(0, key), &self.part(1, element))?;
                }
                map.end()
            }
            Data::Struct(fields) => {
                let Some(Form::Struct(defined)) = self.types.wire(self.ty).map(|wire| &wire.definition.form)
                else {
                    return Err(S::Error::custom("fields of a type that is not a struct"));
                };
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (number, field) in fields {
                    let at = *number as usize;
                    let name = defined.get(at).map_or("", |field| &field.name);
                    map.serialize_entry(name, &self.part(at, field))?;
                }
                map.end()
            }
            Data::Interface(None) => serializer.serialize_none(),
            Data::Interface(Some(held)) => {
                let ty =
                    self.types.find(held.id).ok_or_else(|| S::Error::custom("a type that is not defined"))?;
                Named { types: self.types, ty, data: &held.data }.serialize(serializer)
            }
        }
    }
}
