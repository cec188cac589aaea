//! Codecs: how a value becomes bytes and bytes a value, without knowing what a call is.
//!
//! A codec is a type without a value; which one a body is in is its [`Format`]. The match over formats is
//! the only dispatch, so that a call in a known codec is static code from end to end.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::error::Result;

#[cfg(not(feature = "json"))]
mod absent;
mod cursor;
mod fault;
mod gob;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "protobuf")]
mod message;
mod msgpack;
mod postcard;
mod protobuf;
mod raw;
pub mod schema;
pub mod shared;

#[cfg(not(feature = "json"))]
pub use absent::Json;
pub use gob::Gob;
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "protobuf")]
pub use message::Protobuf;
pub use msgpack::MessagePack;
pub use postcard::Postcard;
pub use protobuf::Proto;
pub use raw::Raw;
pub use shared::Shared;

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

/// How deep values nest in every codec but gob, read or written: a struct, a tuple, a list, a map, a variant with
/// content and a `Some` are a level each. That deep fits a small stack.
const DEPTH_MAX: u32 = 64;

/// Which codec a body is in.
///
/// A program may be built without some; their formats are known all the same, and their bodies an error that
/// names the missing feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The [postcard](https://postcard.jamesmunns.com/wire-format) wire format.
    #[default]
    Postcard,
    /// Go's `encoding/gob`.
    Gob,
    /// JSON.
    Json,
    /// [MessagePack](https://msgpack.org).
    MessagePack,
    /// [Protocol Buffers](https://protobuf.dev).
    Protobuf,
    /// Bytes as they stand.
    Raw,
}

impl Format {
    /// All that there are, in the order of their ids.
    pub const ALL: [Self; 6] =
        [Self::Postcard, Self::Gob, Self::Json, Self::MessagePack, Self::Protobuf, Self::Raw];

    /// The number by which the native protocol knows the codec. It never changes.
    #[inline]
    pub fn id(self) -> u8 {
        match self {
            Format::Postcard => 0,
            Format::Gob => 1,
            Format::Json => 2,
            Format::MessagePack => 3,
            Format::Protobuf => 4,
            Format::Raw => 5,
        }
    }

    /// The codec of that [`id`](Self::id).
    #[inline]
    pub fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Format::Postcard),
            1 => Some(Format::Gob),
            2 => Some(Format::Json),
            3 => Some(Format::MessagePack),
            4 => Some(Format::Protobuf),
            5 => Some(Format::Raw),
            _ => None,
        }
    }

    /// The codec's name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Format::Postcard => Postcard::NAME,
            Format::Gob => Gob::NAME,
            Format::Json => Json::NAME,
            Format::MessagePack => MessagePack::NAME,
            Format::Protobuf => Proto::NAME,
            Format::Raw => Raw::NAME,
        }
    }

    /// The codec of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// What HTTP and others call it.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Postcard => "application/vnd.ferrywire.postcard",
            Format::Gob => "application/vnd.ferrywire.gob",
            Format::Json => "application/json",
            Format::MessagePack => "application/msgpack",
            Format::Protobuf => "application/x-protobuf",
            Format::Raw => "application/octet-stream",
        }
    }

    /// The codec of that content type, by any of the names that are in use, whatever its parameters.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        const OTHERS: [(&str, Format); 4] = [
            ("application/vnd.msgpack", Format::MessagePack),
            ("application/x-msgpack", Format::MessagePack),
            ("application/protobuf", Format::Protobuf),
            ("application/x-gob", Format::Gob),
        ];
        let name = content_type.split(';').next().unwrap_or_default().trim();
        let known = Self::ALL.into_iter().map(|format| (format.content_type(), format)).chain(OTHERS);
        let mut known = known.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        known.next().map(|(_, format)| format)
    }

    /// Whether a body says what it holds, so that reader and writer may differ in the order of fields and in
    /// fields that one of them lacks. Where it does not, their [schemas](Shape::schema_text) must be the same.
    pub fn is_self_describing(self) -> bool {
        match self {
            Format::Gob | Format::Json | Format::MessagePack => true,
            Format::Postcard | Format::Protobuf | Format::Raw => false,
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
        shared::encode(self, value, shape, out, None)
    }

    /// The value that `bytes` holds in this format; see [`Codec::decode`].
    #[inline]
    pub fn decode<'b, T: Deserialize<'b>>(self, bytes: &'b [u8], types: Option<&Arc<Types>>) -> Result<T> {
        match self {
            Format::Postcard => Postcard::decode(bytes, types),
            Format::Gob => Gob::decode(bytes, types),
            Format::Json => Json::decode(bytes, types),
            Format::MessagePack => MessagePack::decode(bytes, types),
            Format::Protobuf => Proto::decode(bytes, types),
            Format::Raw => Raw::decode(bytes, types),
        }
    }
}

/// What a value is at its outermost, where its bytes leave a doubt and some wires lay such values out differently. Told of
/// JSON, whose bytes do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Whatever its bytes say.
    #[default]
    Other,
    /// `()`, or a struct without content: nothing, and not a value that happens to be missing.
    Nothing,
    /// A tuple of two or more: several values, and not one list.
    Tuple,
}

/// What codecs have to know about a Rust type before its first value; learnt once, when first needed.
///
/// One `static` stands for every argument and reply type of a service.
#[derive(Debug)]
pub struct Shape {
    learn: fn() -> ferrywire_gob::Result<&'static ferrywire_gob::Plan>,
    plan: OnceLock<&'static ferrywire_gob::Plan>,
    describe: fn() -> String,
    schema_text: OnceLock<String>,
    fingerprint: OnceLock<u64>,
    rust_name: fn() -> &'static str,
}

impl Shape {
    /// The shape of `T`, not yet learnt.
    pub const fn of<T: Deserialize<'static>>() -> Self {
        Self {
            learn: ferrywire_gob::Plan::of::<T>,
            plan: OnceLock::new(),
            describe: schema::text_of::<T>,
            schema_text: OnceLock::new(),
            fingerprint: OnceLock::new(),
            rust_name: std::any::type_name::<T>,
        }
    }

    /// The type's name in Rust.
    pub fn rust_name(&self) -> &'static str {
        (self.rust_name)()
    }

    /// The type's layout as Go sees it: its kind, and its fields with their types.
    ///
    /// # Errors
    ///
    /// If the type has no layout that can be learnt; the text names the place and the way out.
    pub fn schema(&self) -> Result<ferrywire_gob::Schema> {
        Ok(self.plan()?.schema())
    }

    /// The type's layout as serde sees it, a line for every place, as [`schema`](mod@schema) says; paths begin at
    /// the type itself, so that the first line is `: struct`.
    ///
    /// Learnt at the first call, by running the type's `Deserialize` on trial values.
    pub fn schema_text(&self) -> &str {
        self.schema_text.get_or_init(self.describe)
    }

    /// The fingerprint of [`schema_text`](Self::schema_text); 0 if nothing is known of the type.
    #[inline]
    pub fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| match self.schema_text() {
            ": unknown\n" => 0,
            text => schema::hashed([text]),
        })
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
