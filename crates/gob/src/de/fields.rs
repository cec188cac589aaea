//! The fields of a struct as serde asks for them: in order without names, or by name.

use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{Deserialize, DeserializeSeed, MapAccess, SeqAccess};

use crate::error::{Error, ErrorKind, Result};
use crate::names::rust_name;
use crate::skim::out_of_bounds;
use crate::types::{Fit, Form, Pair, Ty, Wire};
use crate::wire::Cursor;

use super::{Input, Read};

/// The number of the next field that is in the value, counted from 0; none comes after [`NO_FIELD`].
type Number = u64;
const NO_FIELD: Number = Number::MAX;

/// The number of the first field that is in the value.
#[inline]
fn first_field(input: &mut Input<'_, '_>, present: bool) -> Result<Number> {
    if present { Ok(input.body.delta()?.wrapping_sub(1)) } else { Ok(NO_FIELD) }
}

/// The number of the field after `last`.
#[inline(always)]
fn next_field(body: &mut Cursor<'_>, last: Number) -> Result<Number> {
    match body.rest {
        // A type has not so many fields that this could be too many.
        [small @ 1..=127, rest @ ..] => {
            body.rest = rest;
            Ok(last.wrapping_add(Number::from(*small)))
        }
        [0, rest @ ..] => {
            body.rest = rest;
            Ok(NO_FIELD)
        }
        _ => {
            let (next, rest) = far_field(*body, last)?;
            *body = rest;
            Ok(next)
        }
    }
}

/// The number of the field after `last` where the message ends, or where that takes several bytes to say.
#[inline(never)]
fn far_field(mut body: Cursor<'_>, last: Number) -> Result<(Number, Cursor<'_>)> {
    let next = match body.delta()? {
        0 => NO_FIELD,
        delta => last.saturating_add(delta).min(NO_FIELD - 1),
    };
    Ok((next, body))
}

/// Leaves out the fields that are in the value and come before `wanted`.
#[inline(never)]
fn skip_to(input: &mut Input<'_, '_>, wire: &Wire, mut next: Number, wanted: Number) -> Result<Number> {
    while next < wanted {
        let part = usize::try_from(next).ok().and_then(|at| wire.parts().get(at));
        let ty = part.copied().ok_or_else(out_of_bounds)?;
        input.step()?;
        input.skip(ty).map_err(|error| field_error(error, input, wire, next))?;
        next = next_field(&mut input.body, next)?;
    }
    Ok(next)
}

/// Says which field an error happened in.
#[cold]
fn field_error(error: Error, input: &Input<'_, '_>, wire: &Wire, number: Number) -> Error {
    let error = error.at_byte(input.offset());
    let Form::Struct(fields) = &wire.definition.form else {
        return error;
    };
    match usize::try_from(number).ok().and_then(|at| fields.get(at)) {
        Some(field) => error.inside(&crate::error::shown(&field.name)),
        None => error,
    }
}

/// The fields of a struct for a receiver that has all of them in the same order: values without names.
pub(super) struct InOrder<'a, 'f, 't, 'de> {
    input: &'a mut Input<'t, 'de>,
    wire: &'t Wire,
    pairs: std::slice::Iter<'f, Pair>,
    untouched: bool,
    next: Number,
    /// What `input` has, as long as none but this reads: numbers are then read one after the other without a detour
    /// through memory, which is most of what they cost.
    body: Cursor<'de>,
}

impl<'a, 'f, 't, 'de> InOrder<'a, 'f, 't, 'de> {
    #[inline]
    pub(super) fn new(
        input: &'a mut Input<'t, 'de>,
        wire: &'t Wire,
        pairs: &'f [Pair],
        present: bool,
    ) -> Result<Self> {
        let next = first_field(input, present)?;
        let body = input.body;
        Ok(Self { input, wire, pairs: pairs.iter(), untouched: true, next, body })
    }

    /// The receiver made nothing of the fields. If it did not ask for one, it may know them by name only: that is noted,
    /// and the value is to be read once more.
    #[cold]
    pub(super) fn refused(self, fit: &Fit, error: Error) -> Error {
        self.input.body = self.body;
        if self.untouched && error.kind() == ErrorKind::Refused {
            fit.set_by_name_only();
            self.input.must_retry = true;
        }
        error
    }

    /// Says that an error happened in the field of this number, at the byte that was reached.
    #[inline(always)]
    fn inside(&mut self, error: Error, number: Number) -> Error {
        self.input.body = self.body;
        field_error(error, self.input, self.wire, number)
    }

    #[inline]
    pub(super) fn finish(self) -> Result<()> {
        self.input.body = self.body;
        if !self.pairs.as_slice().is_empty() {
            return Err(Error::mismatch("two of the sender's fields go by names of one field"));
        }
        if self.next != NO_FIELD {
            skip_to(self.input, self.wire, self.next, NO_FIELD)?;
        }
        Ok(())
    }
}

impl<'de> SeqAccess<'de> for &mut InOrder<'_, '_, '_, 'de> {
    type Error = Error;

    /// Runs for most fields of most structs, where a call would cost as much as what it does.
    #[inline(always)]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>> {
        self.next_element_seed(PhantomData)
    }

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.untouched = false;
        let Some(pair) = self.pairs.next() else {
            return Ok(None);
        };
        let number = Number::from(pair.number);
        if self.next < number {
            self.input.body = self.body;
            let next = skip_to(self.input, self.wire, self.next, number);
            self.body = self.input.body;
            self.next = next?;
        }
        let present = self.next == number;
        let is_number = pair.ty.is_number();
        let mut bits = 0;
        if !is_number {
            self.input.body = self.body;
        } else if present {
            bits = self.body.uint().map_err(|error| self.inside(error, number))?;
        }
        let value = seed.deserialize(Read::with_bits(self.input, pair.ty, present, bits));
        if !is_number {
            self.body = self.input.body;
        }
        let value = value.map_err(|error| self.inside(error, number))?;
        if present {
            self.next = next_field(&mut self.body, number)?;
        }
        Ok(Some(value))
    }
}

/// Which fields are handed out, and by what names.
pub(super) trait Named<'t> {
    /// The number and type of the field that is handed out next.
    fn current(&self) -> Option<(u32, Ty)>;
    fn key<'de, S: DeserializeSeed<'de>>(&self, seed: S) -> Result<S::Value>;
    fn advance(&mut self);
}

/// The fields that both sides have, by the receiver's names.
pub(super) struct ByName<'f> {
    pairs: &'f [Pair],
}

impl<'f> ByName<'f> {
    pub(super) fn new(pairs: &'f [Pair]) -> Self {
        Self { pairs }
    }
}

impl Named<'_> for ByName<'_> {
    fn current(&self) -> Option<(u32, Ty)> {
        self.pairs.first().map(|pair| (pair.number, pair.ty))
    }

    fn key<'de, S: DeserializeSeed<'de>>(&self, seed: S) -> Result<S::Value> {
        let name = self.pairs.first().map_or("", |pair| pair.name);
        seed.deserialize(BorrowedStrDeserializer::new(name))
    }

    fn advance(&mut self) {
        self.pairs = self.pairs.get(1..).unwrap_or_default();
    }
}

/// All of the sender's fields, in Rust's spelling, for receivers that learn names from the input.
pub(super) struct All<'t> {
    wire: &'t Wire,
    at: usize,
}

impl<'t> All<'t> {
    pub(super) fn new(wire: &'t Wire) -> Self {
        Self { wire, at: 0 }
    }
}

impl<'t> Named<'t> for All<'t> {
    fn current(&self) -> Option<(u32, Ty)> {
        let ty = self.wire.parts().get(self.at)?;
        Some((u32::try_from(self.at).ok()?, *ty))
    }

    fn key<'de, S: DeserializeSeed<'de>>(&self, seed: S) -> Result<S::Value> {
        let name = match &self.wire.definition.form {
            Form::Struct(fields) => fields.get(self.at).map_or("", |field| &field.name),
            _ => "",
        };
        seed.deserialize(StringDeserializer::new(rust_name(name)))
    }

    fn advance(&mut self) {
        self.at += 1;
    }
}

/// The fields of a struct: those that the sender's type has and this value has not are handed out as zeros.
pub(super) struct Fields<'a, 't, 'de, N> {
    input: &'a mut Input<'t, 'de>,
    wire: &'t Wire,
    names: N,
    next: Number,
}

impl<'a, 't, 'de, N: Named<'t>> Fields<'a, 't, 'de, N> {
    pub(super) fn new(
        input: &'a mut Input<'t, 'de>,
        wire: &'t Wire,
        names: N,
        present: bool,
    ) -> Result<Self> {
        let next = first_field(input, present)?;
        Ok(Self { input, wire, names, next })
    }

    /// Leaves out what the visitor did not ask for.
    pub(super) fn finish(self) -> Result<()> {
        skip_to(self.input, self.wire, self.next, NO_FIELD).map(drop)
    }

    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let Some((number, ty)) = self.names.current() else {
            return Err(out_of_bounds());
        };
        let number = Number::from(number);
        self.next = skip_to(self.input, self.wire, self.next, number)?;
        let present = self.next == number;
        self.names.advance();
        let value = match Read::inner(self.input, ty, present).and_then(|field| seed.deserialize(field)) {
            Ok(value) => value,
            Err(error) => return Err(field_error(error, self.input, self.wire, number)),
        };
        if present {
            self.next = next_field(&mut self.input.body, number)?;
        }
        Ok(value)
    }
}

impl<'t, 'de, N: Named<'t>> MapAccess<'de> for &mut Fields<'_, 't, 'de, N> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.names.current() {
            Some(_) => {
                self.input.step()?;
                self.names.key(seed).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.value(seed)
    }
}

impl<'t, 'de, N: Named<'t>> SeqAccess<'de> for &mut Fields<'_, 't, 'de, N> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.names.current() {
            Some(_) => self.value(seed).map(Some),
            None => Ok(None),
        }
    }
}
