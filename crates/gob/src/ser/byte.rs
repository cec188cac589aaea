//! Serializers that take one plain thing out of a value: a byte, a whole number, a float, a name.

use serde::ser::{Impossible, Serialize, Serializer};

use crate::error::{Error, Result};

/// Takes a `u8`.
pub(super) struct Byte;
/// Takes a `u32` or `u64`.
pub(super) struct Whole;
/// Takes a float.
pub(super) struct Float;
/// Takes a string.
pub(super) struct Name;

macro_rules! only {
    ($taker:ident takes $taken:ty, called $called:literal: $($take:tt)*) => {
        impl Serializer for $taker {
            type Ok = $taken;
            type Error = Error;
            type SerializeSeq = Impossible<$taken, Error>;
            type SerializeTuple = Impossible<$taken, Error>;
            type SerializeTupleStruct = Impossible<$taken, Error>;
            type SerializeTupleVariant = Impossible<$taken, Error>;
            type SerializeMap = Impossible<$taken, Error>;
            type SerializeStruct = Impossible<$taken, Error>;
            type SerializeStructVariant = Impossible<$taken, Error>;

            #[inline]
            fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<$taken> {
                value.serialize(self)
            }

            #[inline]
            fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<$taken> {
                value.serialize(self)
            }

            fn serialize_newtype_variant<T: Serialize + ?Sized>(
                self, _: &'static str, _: u32, _: &'static str, _: &T,
            ) -> Result<$taken> {
                refuse($called)
            }

            $($take)*
        }
    };
}

macro_rules! refused {
    ($called:literal: $($method:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$answer> { refuse($called) })*
    };
}

/// What none of the takers takes.
macro_rules! never {
    ($called:literal $taken:ty) => {
        refused! { $called:
            serialize_bool(bool) -> $taken;
            serialize_i8(i8) -> $taken;
            serialize_i16(i16) -> $taken;
            serialize_i32(i32) -> $taken;
            serialize_i64(i64) -> $taken;
            serialize_u16(u16) -> $taken;
            serialize_char(char) -> $taken;
            serialize_bytes(&[u8]) -> $taken;
            serialize_none() -> $taken;
            serialize_unit() -> $taken;
            serialize_unit_struct(&'static str) -> $taken;
            serialize_unit_variant(&'static str, u32, &'static str) -> $taken;
            serialize_seq(Option<usize>) -> Impossible<$taken, Error>;
            serialize_tuple(usize) -> Impossible<$taken, Error>;
            serialize_tuple_struct(&'static str, usize) -> Impossible<$taken, Error>;
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Impossible<$taken, Error>;
            serialize_map(Option<usize>) -> Impossible<$taken, Error>;
            serialize_struct(&'static str, usize) -> Impossible<$taken, Error>;
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> Impossible<$taken, Error>;
        }
    };
}

only! { Byte takes u8, called "a byte":
    #[inline]
    fn serialize_u8(self, value: u8) -> Result<u8> {
        Ok(value)
    }

    never! { "a byte" u8 }
    refused! { "a byte":
        serialize_u32(u32) -> u8;
        serialize_u64(u64) -> u8;
        serialize_f32(f32) -> u8;
        serialize_f64(f64) -> u8;
        serialize_str(&str) -> u8;
    }
}

only! { Whole takes u64, called "a whole number":
    fn serialize_u32(self, value: u32) -> Result<u64> {
        Ok(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<u64> {
        Ok(value)
    }

    never! { "a whole number" u64 }
    refused! { "a whole number":
        serialize_u8(u8) -> u64;
        serialize_f32(f32) -> u64;
        serialize_f64(f64) -> u64;
        serialize_str(&str) -> u64;
    }
}

only! { Float takes f64, called "a float":
    fn serialize_f32(self, value: f32) -> Result<f64> {
        Ok(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<f64> {
        Ok(value)
    }

    never! { "a float" f64 }
    refused! { "a float":
        serialize_u8(u8) -> f64;
        serialize_u32(u32) -> f64;
        serialize_u64(u64) -> f64;
        serialize_str(&str) -> f64;
    }
}

only! { Name takes String, called "a name":
    fn serialize_str(self, value: &str) -> Result<String> {
        Ok(value.to_owned())
    }

    never! { "a name" String }
    refused! { "a name":
        serialize_u8(u8) -> String;
        serialize_u32(u32) -> String;
        serialize_u64(u64) -> String;
        serialize_f32(f32) -> String;
        serialize_f64(f64) -> String;
    }
}

#[cold]
fn refuse<T>(expected: &str) -> Result<T> {
    Err(Error::mismatch(format!("Serialize gives something else where Deserialize reads {expected}")))
}
