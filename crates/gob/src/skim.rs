//! Walks over a value without making it: to find where it ends, or to leave it out.
//!
//! What is open is kept in a list, not on the stack, so that a walk can stop at the end of a message and go
//! on when the next one is there. It goes by content: a byte count of Go's may cover only the first part of a value.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use crate::error::{Error, Result};
use crate::types::{Form, Ty, Types};
use crate::wire::Cursor;

/// A walk over one value.
#[derive(Debug, Default)]
pub(crate) struct Skim {
    open: Vec<Open>,
    next: Next,
    /// Steps that are left for the whole value.
    pub(crate) steps: u64,
    /// Keys and values of maps without a byte of their own that are left.
    pub(crate) zero_size: usize,
    /// How deep the walk began.
    pub(crate) depth: usize,
}

/// A value that is begun.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// The next field's number, counted from 1, is above `number`.
    Struct {
        ty: Ty,
        number: u64,
    },
    Elements {
        ty: Ty,
        left: usize,
    },
    /// Keys where `left` is even, values where it is odd.
    Entries {
        key: Ty,
        element: Ty,
        left: usize,
    },
    /// An interface's content, which counts as a level.
    Content,
}

#[derive(Debug, Clone, Copy, Default)]
enum Next {
    /// Whatever the innermost open value has next.
    #[default]
    Continue,
    /// A value of this type.
    Value(Ty),
    /// What follows an interface's name: definitions, then a type.
    Concrete,
}

/// Where a walk stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The value is over.
    Done,
    /// The message is over, the value is not.
    NextMessage,
    /// A definition follows, whose negated id was read. [`Skim::defined`] goes on after it.
    Definition(i64),
}

impl Skim {
    /// A walk over a value of type `ty`, what stands before it at the top already read.
    pub(crate) fn new(ty: Ty, steps: u64, zero_size: usize, depth: usize) -> Self {
        Self { open: Vec::new(), next: Next::Value(ty), steps, zero_size, depth }
    }

    /// Walks on until the value is over or something is needed.
    ///
    /// # Errors
    ///
    /// Where the bytes are no such value, or a limit is reached.
    pub(crate) fn advance(&mut self, types: &Types, body: &mut Cursor<'_>) -> Result<Stop> {
        loop {
            match std::mem::take(&mut self.next) {
                Next::Value(ty) => self.value(types, ty, body)?,
                Next::Concrete => {
                    self.next = Next::Concrete;
                    if body.rest.is_empty() {
                        return Ok(Stop::NextMessage);
                    }
                    let id = body.int()?;
                    if id < 0 {
                        return Ok(Stop::Definition(id));
                    }
                    body.uint()?;
                    let ty = types.admit(id)?;
                    if !types.is_struct(ty) && body.uint()? != 0 {
                        return Err(nonzero_singleton());
                    }
                    self.begin(types, Open::Content)?;
                    self.next = Next::Value(ty);
                }
                Next::Continue => match self.open.last_mut() {
                    None => return Ok(Stop::Done),
                    Some(open) => {
                        let is_zero_size = body.rest.is_empty() && matches!(open, Open::Entries { .. });
                        match open.next(types, body)? {
                            Some(ty) => {
                                self.next = Next::Value(ty);
                                self.charge(is_zero_size)?;
                            }
                            None => drop(self.open.pop()),
                        }
                    }
                },
            }
        }
    }

    /// Goes on after a definition: what is left of the message follows a length of its own.
    ///
    /// # Errors
    ///
    /// Where that length is damaged.
    pub(crate) fn defined(&mut self, body: &mut Cursor<'_>) -> Result<()> {
        if !body.rest.is_empty() {
            body.uint()?;
        }
        Ok(())
    }

    fn charge(&mut self, is_zero_size: bool) -> Result<()> {
        self.steps = self.steps.checked_sub(1).ok_or_else(too_many_steps)?;
        if is_zero_size {
            self.zero_size = self.zero_size.checked_sub(1).ok_or_else(too_many_zero_size)?;
        }
        Ok(())
    }

    fn begin(&mut self, types: &Types, open: Open) -> Result<()> {
        if self.depth + self.open.len() >= types.limits.value_depth_max {
            return Err(too_deep(types.limits.value_depth_max));
        }
        self.open.push(open);
        Ok(())
    }

    /// Walks over a value that holds no others, or begins one that does.
    fn value(&mut self, types: &Types, ty: Ty, body: &mut Cursor<'_>) -> Result<()> {
        let Some(wire) = types.wire(ty) else {
            match ty {
                Ty::BOOL | Ty::INT | Ty::UINT | Ty::FLOAT => drop(body.uint()?),
                Ty::COMPLEX => {
                    body.uint()?;
                    body.uint()?;
                }
                Ty::BYTES | Ty::STRING => drop(body.bytes()?),
                Ty::INTERFACE => {
                    let name = body.bytes()?;
                    check_name_len(types, name)?;
                    if !name.is_empty() {
                        self.next = Next::Concrete;
                    }
                }
                _ => return Err(Error::damaged("a value of an unknown type")),
            }
            return Ok(());
        };
        let open = match (&wire.definition.form, wire.parts()) {
            (Form::Opaque(_), _) => return body.bytes().map(drop),
            (Form::Struct(_), _) => Open::Struct { ty, number: 0 },
            (Form::Slice(_), [element]) => Open::Elements { ty: *element, left: count(types, ty, body)? },
            (Form::Array(_, len), [element]) => {
                Open::Elements { ty: *element, left: array_count(count(types, ty, body)?, *len)? }
            }
            (Form::Map(..), [key, element]) => Open::Entries {
                key: *key,
                element: *element,
                left: count(types, ty, body)?.saturating_mul(2),
            },
            _ => return Err(Error::damaged("a value of a type that was not admitted")),
        };
        self.begin(types, open)
    }
}

impl Open {
    /// The type of the next value inside; None when there is none.
    fn next(&mut self, types: &Types, body: &mut Cursor<'_>) -> Result<Option<Ty>> {
        match self {
            Self::Struct { ty, number } => {
                let delta = body.delta()?;
                if delta == 0 {
                    return Ok(None);
                }
                *number = number.saturating_add(delta);
                let at = usize::try_from(*number - 1).unwrap_or(usize::MAX);
                let part = types.wire(*ty).and_then(|wire| wire.parts().get(at));
                part.copied().map(Some).ok_or_else(out_of_bounds)
            }
            Self::Elements { left, .. } if *left > 0 && body.rest.is_empty() => Err(too_few(*left)),
            Self::Elements { ty, left } => Ok(take_one(left).then_some(*ty)),
            Self::Entries { key, element, left } => {
                let is_key = *left % 2 == 0;
                Ok(take_one(left).then_some(if is_key { *key } else { *element }))
            }
            Self::Content => Ok(None),
        }
    }
}

fn take_one(left: &mut usize) -> bool {
    let is_one = *left > 0;
    *left = left.saturating_sub(1);
    is_one
}

/// A count of elements. Those of a type that can hold an interface may go on in messages that are not there yet: each
/// is still to be found, and nothing is made for the count.
fn count(types: &Types, ty: Ty, body: &mut Cursor<'_>) -> Result<usize> {
    body.count(if types.reaches_interface(ty) { usize::MAX } else { 0 })
}

/// The count that an array carries although its type has it already.
#[inline]
pub(crate) fn array_count(count: usize, len: u64) -> Result<usize> {
    if count as u64 != len {
        return Err(Error::damaged(format!("an array of {len} comes with {count} elements")));
    }
    Ok(count)
}

pub(crate) fn check_name_len(types: &Types, name: &[u8]) -> Result<()> {
    let max = types.limits.name_len_max;
    if name.len() > max {
        return Err(Error::limit(format!(
            "an interface's name of {} bytes is over the limit of {max}",
            name.len()
        )));
    }
    Ok(())
}

#[cold]
pub(crate) fn out_of_bounds() -> Error {
    Error::damaged("field numbers out of bounds")
}

#[cold]
pub(crate) fn nonzero_singleton() -> Error {
    Error::damaged("corrupted data: non-zero delta for singleton")
}

#[cold]
pub(crate) fn too_many_steps() -> Error {
    Error::limit("the value takes more steps than its length allows")
}

#[cold]
pub(crate) fn too_few(left: usize) -> Error {
    Error::damaged(format!("{left} elements more are claimed where the message ends"))
}

#[cold]
pub(crate) fn too_many_zero_size() -> Error {
    Error::limit("the value has more entries without a byte of their own than allowed")
}

#[cold]
pub(crate) fn too_deep(max: usize) -> Error {
    Error::limit(format!("the value nests deeper than {max}"))
}
