//! A field whose shape only its own code knows, described by another type.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::reserved;

/// For `#[serde(with = "ferrywire_gob::AsIf::<Twin>")]`: on the wire the field is a `Twin`.
///
/// Flattened, tagged and untagged types and tuples of different types hide their shape. A twin is an ordinary
/// derived type of the same layout, which is never made; formats other than gob do not see it.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Reading {
///     #[serde(with = "ferrywire_gob::AsIf::<Pair>")]
///     pair: (i64, String),
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Pair {
///     number: i64,
///     unit: String,
/// }
///
/// let reading = Reading { pair: (6, "m".into()) };
/// let bytes = ferrywire_gob::to_vec(&reading)?;
/// assert_eq!(ferrywire_gob::from_slice::<Reading>(&bytes)?, reading);
/// # Ok::<(), ferrywire_gob::Error>(())
/// ```
pub struct AsIf<Twin>(PhantomData<Twin>);

impl<Twin> AsIf<Twin> {
    /// Writes `value`, which has the layout of `Twin`.
    ///
    /// # Errors
    ///
    /// Those of the format.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(reserved::AS_IF, value)
    }

    /// Reads a `T` from what has the layout of `Twin`.
    ///
    /// # Errors
    ///
    /// Those of the format.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>
    where
        Twin: Deserialize<'de>,
    {
        deserializer.deserialize_newtype_struct(reserved::AS_IF, Either::<Twin, T>(PhantomData))
    }
}

impl<Twin> fmt::Debug for AsIf<Twin> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AsIf")
    }
}

struct Either<Twin, T>(PhantomData<(Twin, T)>);

impl<'de, Twin: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for Either<Twin, T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a value with the layout of {}", std::any::type_name::<Twin>())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, content: D) -> Result<T, D::Error> {
        T::deserialize(content)
    }

    /// Only a trace comes this way: it learns `Twin`, and gets no `T`.
    fn visit_seq<A: SeqAccess<'de>>(self, mut shape: A) -> Result<T, A::Error> {
        shape.next_element::<Twin>()?;
        Err(A::Error::custom("the value is described, not made"))
    }
}
