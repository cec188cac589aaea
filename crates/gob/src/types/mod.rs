//! The types that a peer defined on one stream, and what is worked out from them once.
//!
//! Definitions are only ever added, and nothing that was worked out changes: decoding reads them from
//! several threads without a lock.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod admit;
mod chain;
mod definition;
mod fit;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use crate::de;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::names::Marshaler;
use crate::value::Value;
use crate::wire::Cursor;

pub(crate) use chain::Chain;
pub(crate) use definition::{Definition, FieldDefinition, Form};
pub(crate) use fit::{Fit, Fits, Pair};

/// The types that a peer defined on one stream, with the limits that they and its values keep to.
///
/// [`Messages`](crate::Messages) fills it; decoding shares it as an `Arc`, from as many threads as there are.
#[derive(Clone)]
pub struct Types {
    pub(crate) limits: Limits,
    wires: Vec<Arc<Wire>>,
    /// Where in `wires` the ids below [`NEAR_END`] are, counted from 1: Go gives ids one after the other.
    near: Vec<u16>,
    far: HashMap<i32, Ty>,
    definitions_len: usize,
}

/// A type as the decoder passes it around: predefined, or one of [`Types`] by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ty(u32);

impl Ty {
    pub(crate) const BOOL: Self = Self(1);
    pub(crate) const INT: Self = Self(2);
    pub(crate) const UINT: Self = Self(3);
    pub(crate) const FLOAT: Self = Self(4);
    pub(crate) const BYTES: Self = Self(5);
    pub(crate) const STRING: Self = Self(6);
    pub(crate) const COMPLEX: Self = Self(7);
    pub(crate) const INTERFACE: Self = Self(8);
    const FIRST_DEFINED: u32 = 64;

    fn defined(at: usize) -> Self {
        Self(Self::FIRST_DEFINED + at as u32)
    }

    /// A bool, an integer or a float: one unsigned integer on the wire.
    #[inline]
    pub(crate) fn is_number(self) -> bool {
        (Self::BOOL.0..=Self::FLOAT.0).contains(&self.0)
    }

    #[inline]
    fn place(self) -> Option<usize> {
        self.0.checked_sub(Self::FIRST_DEFINED).map(|at| at as usize)
    }
}

/// Ids below this are found without a hash, for at most 8 KiB.
const NEAR_END: usize = 64 + 4096;

/// One type that the peer defined.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) definition: Definition,
    /// The types it is made of, in the order of its fields; set once all of them are defined.
    parts: OnceLock<Box<[Ty]>>,
    /// What holds of the type as a whole; set once all that is reachable from it is defined.
    admitted: OnceLock<Admitted>,
    /// How many types there were when this one was last found to lack some: no need to look again before there are more.
    refused_at: AtomicUsize,
    pub(crate) fits: Fits,
    pub(crate) element_sizes: Chain<(std::any::TypeId, usize)>,
}

#[derive(Debug, Clone, Copy)]
struct Admitted {
    depth: usize,
    reaches_interface: bool,
}

impl Wire {
    fn new(definition: Definition) -> Self {
        Self {
            definition,
            parts: OnceLock::new(),
            admitted: OnceLock::new(),
            refused_at: AtomicUsize::new(0),
            fits: Fits::default(),
            element_sizes: Chain::default(),
        }
    }

    /// The types it is made of; empty until it was admitted.
    #[inline]
    pub(crate) fn parts(&self) -> &[Ty] {
        self.parts.get().map(|parts| &**parts).unwrap_or_default()
    }

    pub(crate) fn is_struct(&self) -> bool {
        matches!(self.definition.form, Form::Struct(_))
    }

    pub(crate) fn marshaler(&self) -> Option<Marshaler> {
        match self.definition.form {
            Form::Opaque(marshaler) => Some(marshaler),
            _ => None,
        }
    }
}

impl Types {
    /// Of a stream on which nothing has come.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, wires: Vec::new(), near: Vec::new(), far: HashMap::new(), definitions_len: 0 }
    }

    /// The limits that definitions and values keep to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many types are defined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wires.len()
    }

    /// Whether no type is defined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wires.is_empty()
    }

    /// Decodes one value.
    ///
    /// `value` is what [`Messages::next`](crate::Messages::next) found: one message, or several where definitions
    /// stand inside the value. Those are known by then, and stepped over. `&str` and `&[u8]` of `T` borrow from `value`.
    ///
    /// # Errors
    ///
    /// Where the bytes are no value of a type that was defined, or do not fit `T`, with the field's path and the
    /// byte in `value`. A failed decode changes nothing: the next value is decoded as if this one had not been.
    pub fn decode<'de, T: Deserialize<'de>>(&self, value: &'de [u8]) -> Result<T> {
        de::decode(self, value)
    }

    /// Decodes one value without a Rust type for it. `value` is as for [`decode`](Self::decode).
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_value(self: &Arc<Self>, value: &[u8]) -> Result<Value> {
        Value::decode(self, value)
    }

    /// Adds the type that the rest of a message defines, after its negated id; leaves `body` behind it.
    ///
    /// # Errors
    ///
    /// Where an id is taken or reserved, the definition is damaged, or a limit is reached; nothing is added then.
    pub(crate) fn define(&mut self, id: i64, body: &mut Cursor<'_>) -> Result<()> {
        let id = user_id(id)?;
        if self.find(id).is_some() {
            return Err(Error::damaged(format!("duplicate type received: id {id}")));
        }
        if self.wires.len() >= self.limits.types_max {
            return Err(Error::limit(format!(
                "a stream may define {} types, here is one more",
                self.limits.types_max
            )));
        }
        let before = body.rest.len();
        let definition = Definition::read(id, body, &self.limits)?;
        let len = self.definitions_len.saturating_add(before - body.rest.len());
        if len > self.limits.definitions_len_max {
            return Err(Error::limit(format!(
                "definitions of {len} bytes are over the limit of {}",
                self.limits.definitions_len_max
            )));
        }
        self.definitions_len = len;
        self.wires.push(Arc::new(Wire::new(definition)));
        self.remember(id, self.wires.len() - 1);
        Ok(())
    }

    fn remember(&mut self, id: i32, at: usize) {
        let near = usize::try_from(id).unwrap_or(usize::MAX);
        match u16::try_from(at + 1) {
            Ok(count) if near < NEAR_END => {
                if self.near.len() <= near {
                    self.near.resize(near + 1, 0);
                }
                if let Some(slot) = self.near.get_mut(near) {
                    *slot = count;
                }
            }
            _ => {
                self.far.insert(id, Ty::defined(at));
            }
        }
    }

    /// The type of an id, if it is defined.
    #[inline]
    pub(crate) fn find(&self, id: i32) -> Option<Ty> {
        let near = usize::try_from(id).ok()?;
        match self.near.get(near) {
            Some(0) | None if (1..=8).contains(&id) => Some(Ty(id.unsigned_abs())),
            Some(0) | None => self.far.get(&id).copied(),
            Some(count) => Some(Ty::defined(usize::from(*count) - 1)),
        }
    }

    /// The id that the peer knows a type by.
    pub(crate) fn id_of(&self, ty: Ty) -> i32 {
        self.wire(ty).map_or(ty.0 as i32, |wire| wire.definition.id)
    }

    /// What the peer defined; None for predefined types.
    #[inline]
    pub(crate) fn wire(&self, ty: Ty) -> Option<&Wire> {
        self.wires.get(ty.place()?).map(|wire| &**wire)
    }

    /// Whether values of this type begin with fields at once, not with a zero byte.
    #[inline]
    pub(crate) fn is_struct(&self, ty: Ty) -> bool {
        self.wire(ty).is_some_and(Wire::is_struct)
    }

    /// The type in Go's words, for errors: by its name, else by its syntax.
    pub(crate) fn describe(&self, ty: Ty) -> String {
        let mut text = String::new();
        self.describe_into(ty, &mut text, 0);
        text
    }

    fn describe_into(&self, ty: Ty, text: &mut String, depth: usize) {
        let Some(wire) = self.wire(ty) else {
            return text.push_str(match ty {
                Ty::BOOL => "bool",
                Ty::INT => "int",
                Ty::UINT => "uint",
                Ty::FLOAT => "float",
                Ty::BYTES => "[]byte",
                Ty::STRING => "string",
                Ty::COMPLEX => "complex",
                Ty::INTERFACE => "interface",
                _ => "unknown type",
            });
        };
        let name = &wire.definition.name;
        let part = |at: usize, text: &mut String| match wire.parts().get(at) {
            Some(part) if depth < 4 => self.describe_into(*part, text, depth + 1),
            _ => text.push('…'),
        };
        match &wire.definition.form {
            Form::Slice(_) => {
                text.push_str("[]");
                part(0, text);
            }
            Form::Array(_, len) => {
                text.push_str(&format!("[{len}]"));
                part(0, text);
            }
            Form::Map(..) => {
                text.push_str("map[");
                part(0, text);
                text.push(']');
                part(1, text);
            }
            Form::Struct(_) if name.is_empty() => text.push_str("struct"),
            Form::Struct(_) => text.push_str(&crate::error::shown(name)),
            Form::Opaque(marshaler) => {
                text.push_str(marshaler.go_name());
                text.push(' ');
                text.push_str(&crate::error::shown(name));
            }
        }
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let definitions = self.wires.iter().map(|wire| &wire.definition);
        out.debug_list().entries(definitions).finish()
    }
}

/// The id that `-id` defines; those below 64 are Go's own.
pub(crate) fn user_id(negated: i64) -> Result<i32> {
    let id = negated.checked_neg().and_then(|id| i32::try_from(id).ok());
    match id {
        Some(id) if id >= 64 => Ok(id),
        Some(id) => {
            Err(Error::damaged(format!("duplicate type received: id {id}, and ids below 64 are predefined")))
        }
        None => Err(Error::damaged(format!("type id {negated} is out of range"))),
    }
}
