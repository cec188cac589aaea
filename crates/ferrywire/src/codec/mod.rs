//! Codecs: how a value becomes bytes and bytes a value, without knowing what a call is.
//!
//! A codec is a type without a value; which one a body is in is its [`Format`]. The match over formats is
//! the only dispatch, so that a call in a known codec is static code from end to end.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::error::Result;

mod gob;
mod postcard;

pub use gob::Gob;
pub use postcard::Postcard;

/// The type definitions that a peer has sent on one connection.
pub type Types = ferrywire_gob::Types;
/// Which type definitions one connection's peer has been sent.
pub type Told = ferrywire_gob::Told;
/// What a peer must have been sent before it can read a body: the definitions of the body's types.
pub type Preamble = ferrywire_gob::Plan;

/// How values are written and read.
pub trait Codec {
    /// The name that people and content types use.
    const NAME: &'static str;

    /// Appends `value` to `out`, and says what the peer must have been sent before it can read it.
    ///
    /// On an error `out` is as it was.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`](crate::error::Code::InvalidArgument) if the codec has no form for the value.
    fn encode<T: Serialize + ?Sized>(
        value: &T,
        shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>>;

    /// The value that `bytes` holds; `types` are the definitions that the peer has sent so far, `None` where
    /// a body stands alone and brings its own.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`](crate::error::Code::InvalidArgument), saying what was found and what was
    /// expected, if the bytes are not a `T`.
    fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], types: Option<&Arc<Types>>) -> Result<T>;
}

/// Which codec a body is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The [postcard](https://postcard.jamesmunns.com/wire-format) wire format.
    Postcard,
    /// Go's `encoding/gob`.
    Gob,
}

impl Format {
    /// The codec's name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Postcard => Postcard::NAME,
            Format::Gob => Gob::NAME,
        }
    }

    /// Appends `value` to `out` in this format; see [`Codec::encode`].
    #[inline]
    pub fn encode<T: Serialize + ?Sized>(
        self,
        value: &T,
        shape: &Shape,
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static Preamble>> {
        match self {
            Format::Postcard => Postcard::encode(value, shape, out),
            Format::Gob => Gob::encode(value, shape, out),
        }
    }

    /// The value that `bytes` holds in this format; see [`Codec::decode`].
    #[inline]
    pub fn decode<'b, T: Deserialize<'b>>(self, bytes: &'b [u8], types: Option<&Arc<Types>>) -> Result<T> {
        match self {
            Format::Postcard => Postcard::decode(bytes, types),
            Format::Gob => Gob::decode(bytes, types),
        }
    }
}

/// What codecs have to know about a Rust type before its first value; learnt once, when first needed.
///
/// One `static` stands for every argument and reply type of a service.
#[derive(Debug)]
pub struct Shape {
    learn: fn() -> ferrywire_gob::Result<&'static ferrywire_gob::Plan>,
    plan: OnceLock<&'static ferrywire_gob::Plan>,
    rust_name: fn() -> &'static str,
}

impl Shape {
    /// The shape of `T`, not yet learnt.
    pub const fn of<T: Deserialize<'static>>() -> Self {
        Self {
            learn: ferrywire_gob::Plan::of::<T>,
            plan: OnceLock::new(),
            rust_name: std::any::type_name::<T>,
        }
    }

    /// The type's name in Rust.
    pub fn rust_name(&self) -> &'static str {
        (self.rust_name)()
    }

    /// The type's layout: its kind, and its fields with their types.
    ///
    /// # Errors
    ///
    /// If the type has no layout that can be learnt; the text names the place and the way out.
    pub fn schema(&self) -> Result<ferrywire_gob::Schema> {
        Ok(self.plan()?.schema())
    }

    #[inline]
    pub(crate) fn plan(&self) -> Result<&'static ferrywire_gob::Plan> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let plan = (self.learn)()?;
        Ok(self.plan.get_or_init(|| plan))
    }
}
