//! Rust types with derived code, as people write them, and the Go types that they meet.

use std::collections::BTreeMap;

use ferrywire_gob::{BigInt, BinaryMarshaled, Complex, Encoder, GobEncoded, RawString, SliceDecoder, Time};
use serde::{Deserialize, Serialize};

use crate::model::{REGISTERED, Type, Val};
use crate::opaque::{big_int_val, time_val, within};

/// One of the derived types, with what the test does with it.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    /// The Rust type's name.
    pub name: &'static str,
    /// The type that Go has for it.
    pub of: fn() -> Type,
    /// Encodes values made from such values, and says what they then are.
    pub encode: fn(&[Val]) -> Encoded,
    /// Decodes so many values; where one is refused, also says what came before it.
    pub decode: fn(&[u8], usize) -> Decoded,
}

/// A stream, and the values that are in it.
pub type Encoded = Result<(Vec<u8>, Vec<Val>), ferrywire_gob::Error>;

/// The values of a stream; or those before the one that is refused, and why it is.
pub type Decoded = Result<Vec<Val>, (Vec<Val>, ferrywire_gob::Error)>;

/// A Rust type whose values the test can make and look into.
trait Meets: Sized {
    fn go() -> Type;
    fn make(from: &Val) -> Self;
    fn tell(&self) -> Val;
}

fn encode<T: Meets + Serialize + for<'de> Deserialize<'de>>(values: &[Val]) -> Encoded {
    let mut encoder = Encoder::new(Vec::new());
    let mut told = Vec::new();
    for value in values {
        let value = T::make(value);
        encoder.encode(&value)?;
        told.push(value.tell());
    }
    Ok((encoder.into_inner(), told))
}

fn decode<T: Meets + for<'de> Deserialize<'de>>(bytes: &[u8], count: usize) -> Decoded {
    let mut decoder = SliceDecoder::new(bytes);
    let mut values = Vec::new();
    for _ in 0..count {
        match decoder.decode::<T>() {
            Ok(value) => values.push(value.tell()),
            Err(error) => return Err((values, error)),
        }
    }
    Ok(values)
}

/// Numbers, by the variant that holds them.
macro_rules! numbers {
    ($($number:ty, $go:expr, $variant:ident;)*) => {
        $(impl Meets for $number {
            fn go() -> Type { $go }
            fn make(from: &Val) -> Self {
                match from {
                    Val::$variant(value) => *value as Self,
                    other => unreachable!("{other:?} is a number"),
                }
            }
            fn tell(&self) -> Val { Val::$variant(*self as _) }
        })*
    };
}

numbers! {
    i8, Type::Int(1), Int; i16, Type::Int(2), Int; i32, Type::Int(4), Int; i64, Type::Int(0), Int;
    u8, Type::Uint(1), Uint; u16, Type::Uint(2), Uint; u32, Type::Uint(4), Uint; u64, Type::Uint(0), Uint;
    f32, Type::Float(4), Float; f64, Type::Float(8), Float;
}

impl Meets for bool {
    fn go() -> Type {
        Type::Bool
    }
    fn make(from: &Val) -> Self {
        *from == Val::Bool(true)
    }
    fn tell(&self) -> Val {
        Val::Bool(*self)
    }
}

/// Types that are bytes to the test.
macro_rules! texts {
    ($($text:ty, $go:expr, $make:expr, $tell:expr;)*) => {
        $(impl Meets for $text {
            fn go() -> Type { $go }
            fn make(from: &Val) -> Self {
                match from {
                    Val::Bytes(bytes) => $make(bytes),
                    other => unreachable!("{other:?} is bytes"),
                }
            }
            fn tell(&self) -> Val { Val::Bytes($tell(self)) }
        })*
    };
}

texts! {
    String, Type::Text, |bytes: &Vec<u8>| Self::from_utf8_lossy(bytes).into_owned(), |text: &Self| text.as_bytes().to_vec();
    RawString, Type::Text, |bytes: &Vec<u8>| Self(bytes.clone()), |text: &Self| text.0.clone();
    GobEncoded, Type::Gobbed, |bytes: &Vec<u8>| Self([b"<", &bytes[..], b">"].concat()), |text: &Self| within(&text.0, b'<', b'>');
    BinaryMarshaled, Type::Packed, |bytes: &Vec<u8>| Self([b"[", &bytes[..], b"]"].concat()), |text: &Self| within(&text.0, b'[', b']');
    serde_bytes::ByteBuf, Type::Bytes, |bytes: &Vec<u8>| Self::from(bytes.clone()), |bytes: &Self| bytes.to_vec();
}

impl Meets for Time {
    fn go() -> Type {
        Type::Time
    }
    fn make(from: &Val) -> Self {
        match *from {
            Val::Time { seconds, nanoseconds, offset } => {
                Self { unix_secs: seconds, nanos: nanoseconds, offset_secs: (offset != 0).then_some(offset) }
            }
            ref other => unreachable!("{other:?} is a time"),
        }
    }
    fn tell(&self) -> Val {
        time_val(*self)
    }
}

impl Meets for BigInt {
    fn go() -> Type {
        Type::BigInt
    }
    fn make(from: &Val) -> Self {
        match from {
            Val::BigInt { negative, digits } => Self { is_negative: *negative, magnitude: digits.clone() },
            other => unreachable!("{other:?} is a big integer"),
        }
    }
    fn tell(&self) -> Val {
        big_int_val(self.clone())
    }
}

impl Meets for Complex {
    fn go() -> Type {
        Type::Complex(16)
    }
    fn make(from: &Val) -> Self {
        match *from {
            Val::Complex(re, im) => Self { re, im },
            ref other => unreachable!("{other:?} is a complex number"),
        }
    }
    fn tell(&self) -> Val {
        Val::Complex(self.re, self.im)
    }
}

impl<T: Meets> Meets for Vec<T> {
    fn go() -> Type {
        match T::go() {
            Type::Uint(1) => Type::Bytes,
            element => Type::Slice(Box::new(element)),
        }
    }
    fn make(from: &Val) -> Self {
        match from {
            Val::List(elements) => elements.iter().map(T::make).collect(),
            Val::Bytes(bytes) => bytes.iter().map(|byte| T::make(&Val::Uint(u64::from(*byte)))).collect(),
            other => unreachable!("{other:?} is a list"),
        }
    }
    fn tell(&self) -> Val {
        let elements: Vec<Val> = self.iter().map(T::tell).collect();
        if T::go() != Type::Uint(1) {
            return Val::List(elements);
        }
        let byte = |element| if let Val::Uint(byte) = element { byte as u8 } else { 0 };
        Val::Bytes(elements.into_iter().map(byte).collect())
    }
}

impl<T: Meets, const N: usize> Meets for [T; N] {
    fn go() -> Type {
        Type::Array(N, Box::new(T::go()))
    }
    fn make(from: &Val) -> Self {
        match from {
            Val::List(elements) => std::array::from_fn(|at| T::make(&elements[at])),
            other => unreachable!("{other:?} is an array"),
        }
    }
    fn tell(&self) -> Val {
        Val::List(self.iter().map(T::tell).collect())
    }
}

impl<K: Meets + Ord, V: Meets> Meets for BTreeMap<K, V> {
    fn go() -> Type {
        Type::Map(Box::new(K::go()), Box::new(V::go()))
    }
    fn make(from: &Val) -> Self {
        match from {
            Val::Map(entries) => {
                entries.iter().map(|(key, element)| (K::make(key), V::make(element))).collect()
            }
            other => unreachable!("{other:?} is a map"),
        }
    }
    fn tell(&self) -> Val {
        Val::Map(self.iter().map(|(key, element)| (key.tell(), element.tell())).collect())
    }
}

impl<T: Meets> Meets for Option<T> {
    fn go() -> Type {
        Type::Pointer(Box::new(T::go()))
    }
    fn make(from: &Val) -> Self {
        match from {
            Val::Pointer(content) => content.as_ref().map(|content| T::make(content)),
            other => unreachable!("{other:?} is a pointer"),
        }
    }
    fn tell(&self) -> Val {
        Val::Pointer(self.as_ref().map(|content| Box::new(content.tell())))
    }
}

impl<T: Meets> Meets for Box<T> {
    fn go() -> Type {
        T::go()
    }
    fn make(from: &Val) -> Self {
        Self::new(T::make(from))
    }
    fn tell(&self) -> Val {
        (**self).tell()
    }
}

/// Structs, with the name that Go has for those that hold themselves or are registered.
///
/// Go takes a value whose sender has fewer fields; `serde(default)` is how Rust says that.
macro_rules! structs {
    ($($(#[$about:meta])* struct $name:ident $(as $go:literal)? { $($(#[$field_about:meta])* $field:ident $wire:literal : $of:ty,)* })*) => {
        $(
            #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
            #[serde(default)]
            $(#[$about])*
            struct $name { $($(#[$field_about])* $field: $of,)* }

            impl Meets for $name {
                #[allow(unreachable_code)]
                fn go() -> Type {
                    $(return Type::Named($go);)?
                    Type::Struct(vec![$(($wire.to_owned(), <$of>::go()),)*])
                }
                #[allow(unused_variables, unused_mut)]
                fn make(from: &Val) -> Self {
                    let Val::Struct(fields) = from else { unreachable!("{from:?} is a struct") };
                    let mut fields = fields.iter();
                    Self { $($field: <$of>::make(fields.next().expect("as many fields as the type has")),)* }
                }
                fn tell(&self) -> Val {
                    Val::Struct(vec![$(self.$field.tell(),)*])
                }
            }
        )*
    };
}

structs! {
    struct Point as "Point" { x "X": i64, y "Y": i64, }
    struct Square as "Square" { side "Side": i64, }
    struct Crate as "Crate" { tag "Tag": RawString, content "Content": Interface, }
    struct Halt as "Halt" {}
    struct Node as "Node" { value "Value": i64, next "Next": Option<Box<Node>>, }
    struct Tree as "Tree" { label "Label": RawString, branches "Branches": Vec<Tree>, }
    struct Dir as "Dir" { size "Size": i64, sub "Sub": BTreeMap<RawString, Dir>, }
    struct Ping as "Ping" { pong "Pong": Option<Box<Pong>>, count "Count": i64, }
    struct Pong as "Pong" { pings "Pings": Vec<Ping>, text "Text": RawString, }
    struct Embedding as "Embedding" { point "Point": Point, square "Square": Square, own "Own": i64, }
    struct Named as "Named" {
        temperature "Temperature": f32, name "Name": RawString, #[serde(with = "serde_bytes")] blob "Blob": Vec<u8>,
        grades "Grades": BTreeMap<RawString, f32>, pause "Pause": i64, small "Small": Vec<RawString>,
    }
    struct Args { a "A": i64, b "B": i64, }
    struct Narrow { a "A": i8, b "B": i16, c "C": i32, }
    struct Unsigned { a "A": u8, b "B": u16, c "C": u32, count "Count": u64, }
    struct Floats { a "A": f32, b "B": f64, c "C": Complex, }
    struct Texts { name "Name": String, raw "Raw": RawString, data "Data": Vec<u8>, #[serde(with = "serde_bytes")] more "More": Vec<u8>, }
    struct Flags { a "A": bool, b "B": Vec<bool>, c "C": [bool; 3], }
    struct Outer { name "Name": String, centre "Centre": Point, corners "Corners": Vec<Point>, inner "Inner": Inner, }
    struct Inner { depth "Depth": u8, core "Core": Core, tags "Tags": Vec<String>, }
    struct Core { weight "Weight": f64, ids "Ids": [i32; 3], }
    struct Optional { a "A": Option<i64>, b "B": Option<String>, c "C": Option<Point>, d "D": Option<Vec<u8>>, e "E": Option<Vec<i16>>, }
    struct Maps {
        by_name "ByName": BTreeMap<String, i64>, by_number "ByNumber": BTreeMap<i32, Point>, by_flag "ByFlag": BTreeMap<bool, u8>,
        nested "Nested": BTreeMap<u16, BTreeMap<String, Vec<u8>>>,
    }
    struct Grids { rows "Rows": Vec<Vec<i64>>, cubes "Cubes": Vec<[Vec<u16>; 2]>, words "Words": [Vec<String>; 1], }
    struct Arrays { bytes "Bytes": [u8; 4], points "Points": [Point; 2], texts "Texts": [String; 3], nested "Nested": [[f64; 2]; 2], }
    struct Times { a "A": i64, begun "Begun": Time, ended "Ended": Option<Time>, all "All": Vec<Time>, b "B": i64, }
    struct Numbers { a "A": BigInt, all "All": Vec<BigInt>, by_name "ByName": BTreeMap<String, BigInt>, }
    struct Marshalers { gob "Gob": GobEncoded, binary "Binary": BinaryMarshaled, all "All": Vec<GobEncoded>, maybe "Maybe": Option<BinaryMarshaled>, }
    struct Interfaces { before "Before": i64, content "Content": Interface, after "After": i64, }
    struct Shapes { all "All": Vec<Interface>, by_name "ByName": BTreeMap<String, Interface>, last "Last": Crate, }
    #[serde(rename_all = "PascalCase")]
    struct Renamed { user_id "UserId": i64, http_server "HttpServer": String, #[serde(rename = "ID")] id "ID": u64, }
    struct Wide {
        a "A": i8, b "B": i64, c "C": u8, d "D": u64, e "E": f32, f "F": f64, g "G": bool, h "H": String, i "I": Vec<u8>, j "J": Vec<i64>,
        k "K": Option<u32>, l "L": BTreeMap<String, String>, m "M": Point, n "N": [u8; 2], o "O": Vec<Point>, p "P": Option<Box<Node>>,
    }
    struct OlderOuter { inner "Inner": OlderInner, name "Name": String, }
    struct OlderInner { tags "Tags": Vec<String>, depth "Depth": u64, }
    struct NewerPoint { z "Z": i64, y "Y": i32, x "X": i64, label "Label": String, }
    struct OptionalPoint { x "X": Option<i64>, y "Y": Option<i8>, }
    struct NewerArgs { note "Note": Option<String>, b "B": i32, a "A": i64, extra "Extra": Vec<Interface>, }
}

/// An interface value, or nil.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Interface(Option<Content>);

/// What an interface may hold, and its variant of [`Content`].
macro_rules! contents {
    ($($variant:ident $registered:literal $of:ty,)*) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        enum Content { $(#[serde(rename = $registered)] $variant($of),)* }

        impl Meets for Interface {
            fn go() -> Type {
                debug_assert_eq!([$($registered),*], REGISTERED.map(|(name, _)| name));
                Type::Any
            }
            fn make(from: &Val) -> Self {
                match from {
                    Val::Any(None) => Self(None),
                    $(Val::Any(Some((name, content))) if name == $registered => Self(Some(Content::$variant(<$of>::make(content)))),)*
                    other => unreachable!("{other:?} is an interface value"),
                }
            }
            fn tell(&self) -> Val {
                match &self.0 {
                    None => Val::Any(None),
                    $(Some(Content::$variant(content)) => Val::Any(Some(($registered.to_owned(), Box::new(content.tell())))),)*
                }
            }
        }
    };
}

contents! {
    Bool "bool" bool, Int "int" i64, Int8 "int8" i8, Int16 "int16" i16, Int32 "int32" i32, Int64 "int64" i64,
    Uint "uint" u64, Uint8 "uint8" u8, Uint16 "uint16" u16, Uint32 "uint32" u32, Uint64 "uint64" u64,
    Float32 "float32" f32, Float64 "float64" f64, Text "string" RawString, Bytes "[]uint8" serde_bytes::ByteBuf,
    Point "point" Point, Square "*main.Square" Square, Crate "crate" Box<Crate>, Halt "halt" Halt,
}

macro_rules! all {
    ($($of:ty,)*) => {
        /// Every derived type.
        pub const ALL: &[Fixed] = &[$(Fixed { name: stringify!($of), of: <$of>::go, encode: encode::<$of>, decode: decode::<$of> },)*];
    };
}

all! {
    Point, Square, Crate, Halt, Node, Tree, Dir, Ping, Pong, Embedding, Named, Args, Narrow, Unsigned, Floats, Texts, Flags, Outer, Inner, Core,
    Optional, Maps, Grids, Arrays, Times, Numbers, Marshalers, Interfaces, Shapes, Renamed, Wide, OlderOuter, OlderInner, NewerPoint,
    OptionalPoint, NewerArgs, i64, u64, bool, f64, String, Vec<u8>, Vec<Point>, BTreeMap<String, Vec<i64>>, [u8; 4], Vec<Vec<String>>, Interface,
    Time, BigInt, Complex,
}
