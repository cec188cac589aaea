//! A serializer in front of another: it counts levels, turns bytes into base64, and refuses infinities.

use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{self, Error as _, Serialize, Serializer};

use super::Depth;

/// A serializer of one value.
pub(super) struct Bounded<'d, S> {
    pub(super) inner: S,
    pub(super) depth: &'d Depth,
}

/// A value that is part of another.
struct Part<'d, 'v, T: ?Sized> {
    value: &'v T,
    depth: &'d Depth,
}

impl<T: Serialize + ?Sized> Serialize for Part<'_, '_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Bounded { inner, depth: self.depth })
    }
}

impl<'d, S: Serializer> Bounded<'d, S> {
    #[inline]
    fn begin<C>(self, begin: impl FnOnce(S) -> Result<C, S::Error>) -> Result<Compound<'d, C>, S::Error> {
        self.depth.enter(S::Error::custom)?;
        Ok(Compound { inner: begin(self.inner)?, depth: self.depth })
    }

    /// The content of an option or a variant, one level down.
    #[inline]
    fn content<T: Serialize + ?Sized>(
        self,
        value: &T,
        write: impl FnOnce(S, &Part<'_, '_, T>) -> Result<S::Ok, S::Error>,
    ) -> Result<S::Ok, S::Error> {
        let (depth, inner) = (self.depth, self.inner);
        depth.below(|| write(inner, &Part { value, depth }), S::Error::custom)
    }
}

macro_rules! plain {
    ($($method:ident($type:ty);)*) => {
        $(
            #[inline]
            fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
                self.inner.$method(value)
            }
        )*
    };
}

impl<'d, S: Serializer> Serializer for Bounded<'d, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Compound<'d, S::SerializeSeq>;
    type SerializeTuple = Compound<'d, S::SerializeTuple>;
    type SerializeTupleStruct = Compound<'d, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Compound<'d, S::SerializeTupleVariant>;
    type SerializeMap = Compound<'d, S::SerializeMap>;
    type SerializeStruct = Compound<'d, S::SerializeStruct>;
    type SerializeStructVariant = Compound<'d, S::SerializeStructVariant>;

    plain! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
    }

    fn serialize_f32(self, number: f32) -> Result<S::Ok, S::Error> {
        if !number.is_finite() {
            return Err(not_finite(number));
        }
        self.inner.serialize_f32(number)
    }

    fn serialize_f64(self, number: f64) -> Result<S::Ok, S::Error> {
        if !number.is_finite() {
            return Err(not_finite(number));
        }
        self.inner.serialize_f64(number)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(&Base64Display::new(bytes, &STANDARD))
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.content(value, |inner, part| inner.serialize_some(part))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Part { value, depth: self.depth })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.content(value, |inner, part| inner.serialize_newtype_variant(name, index, variant, part))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.begin(|inner| inner.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.begin(|inner| inner.serialize_tuple(len))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.begin(|inner| inner.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.begin(|inner| inner.serialize_tuple_variant(name, index, variant, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.begin(|inner| inner.serialize_map(len))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.begin(|inner| inner.serialize_struct(name, len))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.begin(|inner| inner.serialize_struct_variant(name, index, variant, len))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

#[cold]
fn not_finite<E: ser::Error>(number: impl fmt::Display) -> E {
    E::custom(format!("{number} has no JSON form"))
}

/// A level that has been begun.
pub(super) struct Compound<'d, C> {
    inner: C,
    depth: &'d Depth,
}

macro_rules! compound {
    ($($trait:ident: $method:ident($($key:ident)?);)*) => {
        $(
            impl<C: ser::$trait> ser::$trait for Compound<'_, C> {
                type Ok = C::Ok;
                type Error = C::Error;

                #[inline]
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $($key: &'static str,)?
                    value: &T,
                ) -> Result<(), C::Error> {
                    self.inner.$method($($key,)? &Part { value, depth: self.depth })
                }

                $(
                    fn skip_field(&mut self, $key: &'static str) -> Result<(), C::Error> {
                        self.inner.skip_field($key)
                    }
                )?

                #[inline]
                fn end(self) -> Result<C::Ok, C::Error> {
                    self.depth.leave();
                    self.inner.end()
                }
            }
        )*
    };
}

compound! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(key);
    SerializeStructVariant: serialize_field(key);
}

impl<C: ser::SerializeMap> ser::SerializeMap for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_key(&Part { value, depth: self.depth })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_value(&Part { value, depth: self.depth })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.depth.leave();
        self.inner.end()
    }
}
