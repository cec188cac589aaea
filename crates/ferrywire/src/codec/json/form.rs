//! What a value is at its outermost, asked of its `Serialize` without writing it.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, Serializer};

use crate::codec::Form;

/// What `value` is.
pub(super) fn of<T: Serialize + ?Sized>(value: &T) -> Form {
    match value.serialize(Asking) {
        Ok(never) => match never {},
        Err(Found(form)) => form,
    }
}

struct Asking;

/// What ends the asking.
#[derive(Debug)]
struct Found(Form);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: fmt::Display>(_text: T) -> Self {
        Self(Form::Other)
    }
}

enum Never {}

type Answer<T = Never> = Result<T, Found>;

macro_rules! others {
    ($($method:ident($($type:ty),*) $(-> $compound:ty)?;)*) => {
        $(
            fn $method(self, $(_: $type),*) -> others!(@ $($compound)?) {
                Err(Found(Form::Other))
            }
        )*
    };
    (@) => { Answer };
    (@ $compound:ty) => { Answer<$compound> };
}

impl Serializer for Asking {
    type Ok = Never;
    type Error = Found;
    type SerializeSeq = Impossible<Never, Found>;
    type SerializeTuple = Impossible<Never, Found>;
    type SerializeTupleStruct = Impossible<Never, Found>;
    type SerializeTupleVariant = Impossible<Never, Found>;
    type SerializeMap = Impossible<Never, Found>;
    type SerializeStruct = Impossible<Never, Found>;
    type SerializeStructVariant = Impossible<Never, Found>;

    others! {
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
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit_variant(&'static str, u32, &'static str);
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_unit(self) -> Answer {
        Err(Found(Form::Nothing))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Answer {
        Err(Found(Form::Nothing))
    }

    fn serialize_tuple(self, len: usize) -> Answer<Self::SerializeTuple> {
        Err(Found(if len > 1 { Form::Tuple } else { Form::Other }))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Answer<Self::SerializeTupleStruct> {
        self.serialize_tuple(len)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Answer {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Answer {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Answer {
        Err(Found(Form::Other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_outermost_counts() {
        #[derive(serde::Serialize)]
        struct Id(u8);

        assert_eq!(of(&()), Form::Nothing);
        assert_eq!(of(&None::<u8>), Form::Other);
        assert_eq!(of(&(1, "two")), Form::Tuple);
        assert_eq!(of(&Some([1, 2])), Form::Tuple);
        for form in [of(&vec![1, 2]), of(&(1,)), of(&Id(1)), of("text"), of(&[[0; 2]; 1])] {
            assert_eq!(form, Form::Other);
        }
    }
}
