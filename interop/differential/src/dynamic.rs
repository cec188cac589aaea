//! Decoding into a type that is known only when the test runs, by the calls that a derived type would
//! make.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::model::{REGISTERED, Type, Val};
use crate::opaque::opaque;

thread_local! {
    /// The type that [`Dynamic`] is of at this moment.
    static TARGET: RefCell<Type> = const { RefCell::new(Type::Bool) };
}

/// A value of the type that [`Dynamic::of`] was told.
#[derive(Debug)]
pub struct Dynamic(pub Val);

impl Dynamic {
    /// Runs `decode`, in which this type means `target`.
    pub fn of<T>(target: &Type, decode: impl FnOnce() -> T) -> T {
        TARGET.with(|cell| cell.replace(target.clone()));
        decode()
    }
}

impl<'de> Deserialize<'de> for Dynamic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let target = TARGET.with(|cell| cell.borrow().clone());
        Of(&target).deserialize(deserializer).map(Self)
    }
}

/// A value of the type.
struct Of<'t>(&'t Type);

impl<'de> DeserializeSeed<'de> for Of<'_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Val, D::Error> {
        match self.0 {
            Type::Bool => bool::deserialize(from).map(Val::Bool),
            Type::Int(1) => i8::deserialize(from).map(i64::from).map(Val::Int),
            Type::Int(2) => i16::deserialize(from).map(i64::from).map(Val::Int),
            Type::Int(4) => i32::deserialize(from).map(i64::from).map(Val::Int),
            Type::Int(_) => i64::deserialize(from).map(Val::Int),
            Type::Uint(1) => u8::deserialize(from).map(u64::from).map(Val::Uint),
            Type::Uint(2) => u16::deserialize(from).map(u64::from).map(Val::Uint),
            Type::Uint(4) => u32::deserialize(from).map(u64::from).map(Val::Uint),
            Type::Uint(_) | Type::Uintptr => u64::deserialize(from).map(Val::Uint),
            Type::Float(4) => f32::deserialize(from).map(f64::from).map(Val::Float),
            Type::Float(_) => f64::deserialize(from).map(Val::Float),
            Type::Bytes => from.deserialize_byte_buf(Bytes).map(Val::Bytes),
            Type::Text | Type::Complex(_) | Type::Time | Type::BigInt | Type::Gobbed | Type::Packed => {
                opaque(self.0, from)
            }
            Type::Any => Ok(Val::Any(from.deserialize_option(Interface)?)),
            Type::Pointer(element) => from.deserialize_option(Behind(element)),
            Type::Slice(element) => from.deserialize_seq(Elements(element)),
            Type::Array(len, element) => from.deserialize_tuple(*len, Elements(element)),
            Type::Map(key, element) => from.deserialize_map(Entries(key, element)),
            Type::Struct(_) | Type::Named(_) => {
                let fields = self.0.fields().unwrap_or_default();
                let names = interned(&fields);
                from.deserialize_struct("Dynamic", names, Fields(&fields, names))
            }
        }
    }
}

/// The names of the fields as a derived type has them: for ever, and equal ones in one place.
fn interned(fields: &[(String, Type)]) -> &'static [&'static str] {
    thread_local! {
        static NAMES: RefCell<HashMap<Vec<String>, &'static [&'static str]>> = RefCell::default();
    }
    NAMES.with(|all| {
        let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
        *all.borrow_mut().entry(names).or_insert_with_key(|names| {
            let names: Vec<&'static str> = names.iter().map(|name| &*name.clone().leak()).collect();
            names.leak()
        })
    })
}

/// Says what is expected, for errors.
macro_rules! expecting {
    ($text:literal) => {
        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str($text)
        }
    };
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;
    expecting!("bytes");

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

struct Behind<'t>(&'t Type);

impl<'de> Visitor<'de> for Behind<'_> {
    type Value = Val;
    expecting!("a pointer");

    fn visit_none<E: Error>(self) -> Result<Val, E> {
        Ok(Val::Pointer(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Val, D::Error> {
        Ok(Val::Pointer(Some(Box::new(Of(self.0).deserialize(from)?))))
    }
}

struct Elements<'t>(&'t Type);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Val;
    expecting!("elements");

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Val, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = elements.next_element_seed(Of(self.0))? {
            all.push(element);
        }
        Ok(Val::List(all))
    }
}

struct Entries<'t>(&'t Type, &'t Type);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Val;
    expecting!("entries");

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Val, A::Error> {
        let mut all = Vec::new();
        while let Some(key) = entries.next_key_seed(Of(self.0))? {
            all.push((key, entries.next_value_seed(Of(self.1))?));
        }
        Ok(Val::Map(all))
    }
}

/// As a struct with `#[serde(default)]`: what the sender's type does not have is zero.
struct Fields<'t>(&'t [(String, Type)], &'static [&'static str]);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Val;
    expecting!("a struct");

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Val, A::Error> {
        let mut all = Vec::new();
        for (_, field) in self.0 {
            all.push(values.next_element_seed(Of(field))?.unwrap_or_else(|| field.zero()));
        }
        Ok(Val::Struct(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Val, A::Error> {
        let mut all: Vec<Option<Val>> = vec![None; self.0.len()];
        while let Some(name) = values.next_key::<String>()? {
            let Some(at) = self.1.iter().position(|known| *known == name) else {
                values.next_value::<serde::de::IgnoredAny>()?;
                continue;
            };
            if all[at].replace(values.next_value_seed(Of(&self.0[at].1))?).is_some() {
                return Err(Error::duplicate_field(self.1[at]));
            }
        }
        let with_zeros =
            all.into_iter().zip(self.0).map(|(value, (_, field))| value.unwrap_or_else(|| field.zero()));
        Ok(Val::Struct(with_zeros.collect()))
    }
}

/// As an `Option` of an enum.
struct Interface;

impl<'de> Visitor<'de> for Interface {
    type Value = Option<(String, Box<Val>)>;
    expecting!("an interface");

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_enum("Interface", &[], Variant).map(Some)
    }
}

struct Variant;

impl<'de> Visitor<'de> for Variant {
    type Value = (String, Box<Val>);
    expecting!("one of the registered types");

    fn visit_enum<A: EnumAccess<'de>>(self, content: A) -> Result<Self::Value, A::Error> {
        let (name, content) = content.variant::<String>()?;
        let Some((_, of)) = REGISTERED.iter().find(|(registered, _)| *registered == name) else {
            return Err(Error::unknown_variant(&name, &["one of the registered types"]));
        };
        Ok((name, Box::new(content.newtype_variant_seed(Of(of))?)))
    }
}
