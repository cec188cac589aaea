//! Types and values at random, the same ones for the same seed.

use fastrand::Rng;

use crate::model::{REGISTERED, Type, Val, YEAR_ONE};

/// How deep types nest at most.
const DEPTH_MAX: usize = 6;

/// A type that Go and Rust both have.
#[must_use]
pub fn random_type(rng: &mut Rng) -> Type {
    // Structs are what people send; everything else comes at the top often enough to be met.
    if rng.u8(..) < 160 { random_struct(rng, 1) } else { type_at(rng, 0, Place::Top) }
}

/// Where a type stands: a nil pointer, for one, can only be sent from a field.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Top,
    Field,
    Element,
    Behind,
}

fn type_at(rng: &mut Rng, depth: usize, place: Place) -> Type {
    if depth + 1 >= DEPTH_MAX || rng.u8(..) < 110 {
        return leaf(rng);
    }
    match rng.u8(..12) {
        0..4 => random_struct(rng, depth + 1),
        4 | 5 => slice_of(type_at(rng, depth + 1, Place::Element)),
        6 => Type::Array(rng.usize(1..4), Box::new(type_at(rng, depth + 1, Place::Element))),
        7 | 8 => Type::Map(Box::new(key(rng)), Box::new(type_at(rng, depth + 1, Place::Element))),
        9 if place == Place::Field => Type::Pointer(Box::new(type_at(rng, depth + 1, Place::Behind))),
        10 => Type::Named(NAMED[rng.usize(..NAMED.len())]),
        _ => Type::Any,
    }
    .behind(place)
}

const NAMED: [&str; 11] =
    ["Point", "Square", "Crate", "Halt", "Node", "Tree", "Dir", "Ping", "Pong", "Embedding", "Named"];

impl Type {
    /// A pointer to an interface is nothing that anybody sends.
    fn behind(self, place: Place) -> Self {
        if place == Place::Behind && self == Self::Any { Self::Text } else { self }
    }
}

fn slice_of(element: Type) -> Type {
    // A slice of bytes is a type of its own.
    if element == Type::Uint(1) { Type::Bytes } else { Type::Slice(Box::new(element)) }
}

fn leaf(rng: &mut Rng) -> Type {
    let sizes = [0, 1, 2, 4, 8];
    match rng.u8(..20) {
        0 | 1 => Type::Bool,
        2..6 => Type::Int(sizes[rng.usize(..5)]),
        6..9 => Type::Uint(sizes[rng.usize(..5)]),
        9 => Type::Uintptr,
        10 | 11 => Type::Float([4, 8][rng.usize(..2)]),
        12 => Type::Complex([8, 16][rng.usize(..2)]),
        13..16 => Type::Text,
        16 => Type::Bytes,
        17 => Type::Time,
        18 => Type::BigInt,
        _ => [Type::Gobbed, Type::Packed][rng.usize(..2)].clone(),
    }
}

fn key(rng: &mut Rng) -> Type {
    match rng.u8(..8) {
        0..4 => Type::Text,
        4 | 5 => Type::Int([0, 1, 2, 4, 8][rng.usize(..5)]),
        6 => Type::Uint([0, 1, 2, 4, 8][rng.usize(..5)]),
        _ => {
            [Type::Bool, Type::Array(2, Box::new(Type::Int(0))), Type::Named("Point")][rng.usize(..3)].clone()
        }
    }
}

const NAMES: [&str; 16] = [
    "A",
    "B",
    "C",
    "X",
    "Y",
    "Name",
    "Count",
    "UserId",
    "ID",
    "Items",
    "Next",
    "Value2",
    "Ünit",
    "LongNameOfAField",
    "T",
    "Zz_9",
];

fn random_struct(rng: &mut Rng, depth: usize) -> Type {
    let mut fields: Vec<(String, Type)> = Vec::new();
    for _ in 0..rng.usize(0..7).max(usize::from(rng.u8(..) > 16)) {
        let name = NAMES[rng.usize(..NAMES.len())];
        if fields.iter().all(|(taken, _)| taken != name) {
            fields.push((name.to_owned(), type_at(rng, depth, Place::Field)));
        }
    }
    Type::Struct(fields)
}

/// A type as a later or an earlier program might have it: fields gone, new, in another order, of
/// another width, behind a pointer, or of another kind altogether.
#[must_use]
pub fn evolved(rng: &mut Rng, from: &Type) -> Type {
    match from {
        Type::Struct(fields) => {
            let mut fields: Vec<(String, Type)> = fields.clone();
            fields.retain(|_| rng.u8(..) >= 40);
            for (_, field) in &mut fields {
                if rng.u8(..) < 100 {
                    *field = evolved(rng, field);
                }
            }
            while rng.u8(..) < 64 {
                let name = NAMES[rng.usize(..NAMES.len())];
                if fields.iter().all(|(taken, _)| taken != name) {
                    fields.push((name.to_owned(), type_at(rng, DEPTH_MAX - 2, Place::Field)));
                }
            }
            rng.shuffle(&mut fields);
            Type::Struct(fields)
        }
        Type::Slice(element) => slice_of(evolved(rng, element)),
        Type::Array(len, element) if rng.u8(..) < 240 => Type::Array(*len, Box::new(evolved(rng, element))),
        Type::Map(key, element) => Type::Map(key.clone(), Box::new(evolved(rng, element))),
        Type::Pointer(element) if rng.bool() => (**element).clone(),
        Type::Pointer(element) => Type::Pointer(Box::new(evolved(rng, element).behind(Place::Behind))),
        _ if rng.u8(..) < 24 => leaf(rng),
        Type::Int(_) => Type::Int([0, 1, 2, 4, 8][rng.usize(..5)]),
        Type::Uint(_) | Type::Uintptr => Type::Uint([0, 2, 4, 8][rng.usize(..4)]),
        Type::Float(_) => Type::Float([4, 8][rng.usize(..2)]),
        Type::Complex(_) => Type::Complex([8, 16][rng.usize(..2)]),
        Type::Any | Type::Named("Crate") => from.clone(),
        Type::Named("Point") => {
            Type::Struct(vec![("Y".to_owned(), Type::Int(2)), ("X".to_owned(), Type::Int(0))])
        }
        Type::Named("Embedding") => {
            Type::Struct(vec![("Own".to_owned(), Type::Int(8)), ("Point".to_owned(), Type::Named("Point"))])
        }
        other if rng.u8(..) < 32 => Type::Pointer(Box::new(other.clone())),
        other => other.clone(),
    }
}

/// A value of the type.
#[must_use]
pub fn random_value(rng: &mut Rng, of: &Type) -> Val {
    value_at(rng, of, 0)
}

fn value_at(rng: &mut Rng, of: &Type, depth: usize) -> Val {
    match of {
        Type::Bool => Val::Bool(rng.bool()),
        Type::Int(size) => Val::Int(int(rng, *size)),
        Type::Uint(size) => Val::Uint(uint(rng, *size)),
        Type::Uintptr => Val::Uint(uint(rng, 8)),
        Type::Float(size) => Val::Float(float(rng, *size)),
        Type::Complex(size) => Val::Complex(float(rng, size / 2), float(rng, size / 2)),
        Type::Text => Val::Bytes(text(rng)),
        Type::Bytes => Val::Bytes(bytes(rng)),
        // Brackets would be taken for those that the marshaler puts there.
        Type::Gobbed | Type::Packed => {
            Val::Bytes(text(rng).into_iter().filter(|byte| !b"<>[]".contains(byte)).collect())
        }
        Type::Time => time(rng),
        Type::BigInt => {
            let digits: Vec<u8> = bytes(rng).into_iter().skip_while(|digit| *digit == 0).collect();
            Val::BigInt { negative: rng.bool() && !digits.is_empty(), digits }
        }
        Type::Any => any(rng, depth),
        Type::Pointer(_) if rng.u8(..) < 80 => Val::Pointer(None),
        Type::Pointer(element) => Val::Pointer(Some(Box::new(value_at(rng, element, depth + 1)))),
        Type::Slice(element) => {
            let len = len(rng, depth);
            Val::List((0..len).map(|_| value_at(rng, element, depth + 1)).collect())
        }
        Type::Array(len, element) => {
            Val::List((0..*len).map(|_| value_at(rng, element, depth + 1)).collect())
        }
        Type::Map(key, element) => map(rng, key, element, depth),
        Type::Struct(_) | Type::Named(_) => {
            let fields = of.fields().unwrap_or_default();
            Val::Struct(
                fields
                    .iter()
                    .map(
                        |(_, field)| {
                            if rng.u8(..) < 64 { field.zero() } else { value_at(rng, field, depth + 1) }
                        },
                    )
                    .collect(),
            )
        }
    }
}

/// How many elements: fewer the deeper, so that recursive types end.
fn len(rng: &mut Rng, depth: usize) -> usize {
    match depth {
        0..2 if rng.u8(..) < 4 => rng.usize(..300),
        0..4 => rng.usize(..5),
        4..8 => rng.usize(..2),
        _ => 0,
    }
}

fn map(rng: &mut Rng, key: &Type, element: &Type, depth: usize) -> Val {
    let mut entries: Vec<(Val, Val)> = Vec::new();
    for _ in 0..len(rng, depth).min(8) {
        let key = value_at(rng, key, depth + 1);
        if entries.iter().all(|(taken, _)| *taken != key) {
            entries.push((key, value_at(rng, element, depth + 1)));
        }
    }
    Val::Map(entries)
}

fn any(rng: &mut Rng, depth: usize) -> Val {
    if rng.u8(..) < 48 || depth > 12 {
        return Val::Any(None);
    }
    let (name, of) = &REGISTERED[rng.usize(..REGISTERED.len())];
    Val::Any(Some(((*name).to_owned(), Box::new(value_at(rng, of, depth + 1)))))
}

fn int(rng: &mut Rng, size: u8) -> i64 {
    let bits = if size == 0 { 64 } else { u32::from(size) * 8 };
    let wide = match rng.u8(..6) {
        0 => 0,
        1 => rng.i64(-2..3),
        2 => rng.i64(-130..130),
        3 => i64::MIN,
        4 => i64::MAX,
        _ => rng.i64(..) >> rng.u32(..63),
    };
    if fits(wide, bits) { wide } else { wide >> (64 - bits) }
}

fn fits(wide: i64, bits: u32) -> bool {
    (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&i128::from(wide))
}

fn uint(rng: &mut Rng, size: u8) -> u64 {
    let bits = if size == 0 { 64 } else { u32::from(size) * 8 };
    let wide = match rng.u8(..5) {
        0 => 0,
        1 => rng.u64(..3),
        2 => rng.u64(120..140),
        3 => u64::MAX,
        _ => rng.u64(..) >> rng.u32(..63),
    };
    if bits < 64 && wide >> bits != 0 { wide >> (64 - bits) } else { wide }
}

fn float(rng: &mut Rng, size: u8) -> f64 {
    let wide = match rng.u8(..12) {
        0 => 0.0,
        1 => -0.0,
        2 => f64::INFINITY,
        3 => f64::NEG_INFINITY,
        4 => f64::NAN,
        5 => 17.0,
        6 => f64::from_bits(1),
        7 => f64::MAX,
        8 => f64::from(rng.i32(-1000..1000)) / 8.0,
        _ => f64::from_bits(rng.u64(..)),
    };
    if size == 4 { f64::from(wide as f32) } else { wide }
}

fn text(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..8) {
        0 => Vec::new(),
        1 => "héllo 世界 🦀".as_bytes().to_vec(),
        2 => bytes(rng),
        3 => b"a\xffb\xc3(".to_vec(),
        4 => vec![b'x'; rng.usize(120..140)],
        _ => (0..rng.usize(1..12)).map(|_| rng.u8(b' '..b'~')).collect(),
    }
}

fn bytes(rng: &mut Rng) -> Vec<u8> {
    let len = if rng.u8(..) < 6 { rng.usize(..1000) } else { rng.usize(..20) };
    (0..len).map(|_| rng.u8(..)).collect()
}

fn time(rng: &mut Rng) -> Val {
    let seconds = match rng.u8(..4) {
        0 => return Type::Time.zero(),
        1 => rng.i64(-10..10),
        2 => rng.i64(YEAR_ONE..253_402_300_800),
        _ => 1_700_000_000 + rng.i64(..1_000_000),
    };
    let nanoseconds = if rng.bool() { 0 } else { rng.u32(..1_000_000_000) };
    // Only eastern offsets have seconds: Go reads those of western ones wrongly. One minute west of
    // UTC is how UTC is written.
    let offset = match rng.u8(..4) {
        0 => 0,
        1 => rng.i32(2..12 * 60) * 60,
        2 => -rng.i32(2..12 * 60) * 60,
        _ => rng.i32(1..12 * 3600),
    };
    Val::Time { seconds, nanoseconds, offset }
}
