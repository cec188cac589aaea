//! Types and values as both languages see them, and the text in which they are compared.
//!
//! The Go program `gobpeer` writes and reads the same two notations, in its types.go and describe.go.
//! Equal text means the same value to gob: what gob cannot tell apart is written alike.

use std::fmt::Write;

/// A Go type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int8` to `int64` by their bytes; 0 for `int`.
    Int(u8),
    /// `uint8` to `uint64` by their bytes; 0 for `uint`.
    Uint(u8),
    /// `uintptr`
    Uintptr,
    /// `float32` or `float64` by its bytes.
    Float(u8),
    /// `complex64` or `complex128` by its bytes.
    Complex(u8),
    /// `string`
    Text,
    /// `[]byte`
    Bytes,
    /// `time.Time`
    Time,
    /// `*big.Int`
    BigInt,
    /// A `GobEncoder`: its text between angle brackets.
    Gobbed,
    /// A `BinaryMarshaler`: its text between square brackets.
    Packed,
    /// An interface that may hold one of [`REGISTERED`].
    Any,
    /// `*T`
    Pointer(Box<Type>),
    /// `[]T`
    Slice(Box<Type>),
    /// `[N]T`
    Array(usize, Box<Type>),
    /// `map[K]V`
    Map(Box<Type>, Box<Type>),
    /// A struct without a name.
    Struct(Vec<(String, Type)>),
    /// A type that Go has by this name, because it is registered or holds itself.
    Named(&'static str),
}

/// What an [`Type::Any`] may hold, by registered name.
pub const REGISTERED: [(&str, Type); 19] = [
    ("bool", Type::Bool),
    ("int", Type::Int(0)),
    ("int8", Type::Int(1)),
    ("int16", Type::Int(2)),
    ("int32", Type::Int(4)),
    ("int64", Type::Int(8)),
    ("uint", Type::Uint(0)),
    ("uint8", Type::Uint(1)),
    ("uint16", Type::Uint(2)),
    ("uint32", Type::Uint(4)),
    ("uint64", Type::Uint(8)),
    ("float32", Type::Float(4)),
    ("float64", Type::Float(8)),
    ("string", Type::Text),
    ("[]uint8", Type::Bytes),
    ("point", Type::Named("Point")),
    ("*main.Square", Type::Named("Square")),
    ("crate", Type::Named("Crate")),
    ("halt", Type::Named("Halt")),
];

impl Type {
    /// The fields of a struct, by name or not.
    #[must_use]
    pub fn fields(&self) -> Option<Vec<(String, Self)>> {
        match self {
            Self::Struct(fields) => Some(fields.clone()),
            Self::Named(name) => Some(fields_of(name)),
            _ => None,
        }
    }

    /// Whether the type, or one below it, is an interface.
    #[must_use]
    pub fn has_any(&self) -> bool {
        match self {
            Self::Any | Self::Named("Crate") => true,
            Self::Pointer(element) | Self::Slice(element) | Self::Array(_, element) => element.has_any(),
            Self::Map(key, element) => key.has_any() || element.has_any(),
            Self::Struct(fields) => fields.iter().any(|(_, field)| field.has_any()),
            _ => false,
        }
    }

    /// Whether a name of a field stands in the bytes in other letters of upper and lower case.
    #[must_use]
    pub fn has_other_spelling(&self, bytes: &[u8]) -> bool {
        let mut names = Vec::new();
        self.names(&mut names, 0);
        names.iter().any(|name| {
            bytes
                .windows(name.len())
                .any(|found| found != name.as_bytes() && found.eq_ignore_ascii_case(name.as_bytes()))
        })
    }

    /// Whether a name of a field stands in the bytes more than once, after its length.
    #[must_use]
    pub fn has_name_twice(&self, bytes: &[u8]) -> bool {
        let mut names = Vec::new();
        self.names(&mut names, 0);
        names.iter().any(|name| {
            let told = [&[name.len() as u8], name.as_bytes()].concat();
            bytes.windows(told.len()).filter(|found| **found == told).count() > 1
        })
    }

    fn names(&self, names: &mut Vec<String>, depth: usize) {
        match self {
            Self::Pointer(element) | Self::Slice(element) | Self::Array(_, element) => {
                element.names(names, depth)
            }
            Self::Map(key, element) => {
                key.names(names, depth);
                element.names(names, depth);
            }
            // What an interface holds has names too; two levels of named types are all of them.
            Self::Any => {
                REGISTERED.iter().filter(|_| depth < 3).for_each(|(_, of)| of.names(names, depth + 1))
            }
            _ => {
                for (name, field) in self.fields().filter(|_| depth < 3).unwrap_or_default() {
                    names.push(name);
                    field.names(names, depth + usize::from(matches!(self, Self::Named(_))));
                }
            }
        }
    }

    /// Writes the type in the notation of `gobpeer`.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Bool => out.push('?'),
            Self::Int(size) => _ = write!(out, "i{size}"),
            Self::Uint(size) => _ = write!(out, "u{size}"),
            Self::Uintptr => out.push_str("up"),
            Self::Float(size) => _ = write!(out, "f{size}"),
            Self::Complex(size) => _ = write!(out, "c{size}"),
            Self::Text => out.push('s'),
            Self::Bytes => out.push('y'),
            Self::Time => out.push('T'),
            Self::BigInt => out.push('N'),
            Self::Gobbed => out.push('G'),
            Self::Packed => out.push('P'),
            Self::Any => out.push('a'),
            Self::Pointer(element) => {
                out.push('*');
                element.write(out);
            }
            Self::Slice(element) => {
                out.push('[');
                element.write(out);
            }
            Self::Array(len, element) => {
                _ = write!(out, "<{len}>");
                element.write(out);
            }
            Self::Map(key, element) => {
                out.push('m');
                key.write(out);
                element.write(out);
            }
            Self::Struct(fields) => {
                out.push('{');
                for (i, (name, field)) in fields.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    out.push_str(name);
                    out.push(' ');
                    field.write(out);
                }
                out.push('}');
            }
            Self::Named(name) => _ = write!(out, "({name})"),
        }
    }

    /// The value that a field of this type has when nothing was sent for it.
    #[must_use]
    pub fn zero(&self) -> Val {
        match self {
            Self::Bool => Val::Bool(false),
            Self::Int(_) => Val::Int(0),
            Self::Uint(_) | Self::Uintptr => Val::Uint(0),
            Self::Float(_) => Val::Float(0.0),
            Self::Complex(_) => Val::Complex(0.0, 0.0),
            Self::Text | Self::Bytes | Self::Gobbed | Self::Packed => Val::Bytes(Vec::new()),
            Self::Time => Val::Time { seconds: YEAR_ONE, nanoseconds: 0, offset: 0 },
            Self::BigInt => Val::BigInt { negative: false, digits: Vec::new() },
            Self::Any => Val::Any(None),
            Self::Pointer(_) => Val::Pointer(None),
            Self::Slice(_) => Val::List(Vec::new()),
            Self::Array(len, element) => Val::List(vec![element.zero(); *len]),
            Self::Map(..) => Val::Map(Vec::new()),
            Self::Struct(_) | Self::Named(_) => {
                Val::Struct(self.fields().unwrap_or_default().iter().map(|(_, field)| field.zero()).collect())
            }
        }
    }
}

/// The first moment of year 1, in seconds from 1970: Go's zero time.
pub const YEAR_ONE: i64 = -62_135_596_800;

fn fields_of(name: &str) -> Vec<(String, Type)> {
    let pointer = |name| Type::Pointer(Box::new(Type::Named(name)));
    let slice = |name| Type::Slice(Box::new(Type::Named(name)));
    let text_map = |element| Type::Map(Box::new(Type::Text), Box::new(element));
    let fields = match name {
        "Point" => vec![("X", Type::Int(0)), ("Y", Type::Int(0))],
        "Square" => vec![("Side", Type::Int(0))],
        "Crate" => vec![("Tag", Type::Text), ("Content", Type::Any)],
        "Halt" => vec![],
        "Node" => vec![("Value", Type::Int(0)), ("Next", pointer("Node"))],
        "Tree" => vec![("Label", Type::Text), ("Branches", slice("Tree"))],
        "Dir" => vec![("Size", Type::Int(8)), ("Sub", text_map(Type::Named("Dir")))],
        "Ping" => vec![("Pong", pointer("Pong")), ("Count", Type::Int(0))],
        "Pong" => vec![("Pings", slice("Ping")), ("Text", Type::Text)],
        "Embedding" => {
            vec![("Point", Type::Named("Point")), ("Square", Type::Named("Square")), ("Own", Type::Int(0))]
        }
        "Named" => vec![
            ("Temperature", Type::Float(4)),
            ("Name", Type::Text),
            ("Blob", Type::Bytes),
            ("Grades", text_map(Type::Float(4))),
            ("Pause", Type::Int(8)),
            ("Small", Type::Slice(Box::new(Type::Text))),
        ],
        _ => unreachable!("a named type is one of those above, not {name}"),
    };
    fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect()
}

/// A value of some [`Type`].
#[derive(Debug, Clone, PartialEq)]
pub enum Val {
    /// Of [`Type::Bool`].
    Bool(bool),
    /// Of [`Type::Int`].
    Int(i64),
    /// Of [`Type::Uint`] and [`Type::Uintptr`].
    Uint(u64),
    /// Of [`Type::Float`]; a `float32` is widened.
    Float(f64),
    /// Of [`Type::Complex`].
    Complex(f64, f64),
    /// Of [`Type::Text`], [`Type::Bytes`], [`Type::Gobbed`] and [`Type::Packed`], without brackets.
    Bytes(Vec<u8>),
    /// Of [`Type::Time`]: seconds from 1970, and the offset from UTC in seconds.
    Time {
        /// Seconds from 1970.
        seconds: i64,
        /// Nanoseconds within the second.
        nanoseconds: u32,
        /// Seconds east of UTC.
        offset: i32,
    },
    /// Of [`Type::BigInt`]: most significant byte first, without zeros in front.
    BigInt {
        /// Whether it is below zero.
        negative: bool,
        /// The bytes of the absolute value.
        digits: Vec<u8>,
    },
    /// Of [`Type::Any`]: registered name and content.
    Any(Option<(String, Box<Val>)>),
    /// Of [`Type::Pointer`].
    Pointer(Option<Box<Val>>),
    /// Of [`Type::Slice`] and [`Type::Array`].
    List(Vec<Val>),
    /// Of [`Type::Map`]; of equal keys the last one counts.
    Map(Vec<(Val, Val)>),
    /// Of [`Type::Struct`] and [`Type::Named`].
    Struct(Vec<Val>),
}

impl Val {
    /// Writes the value in the notation of `gobpeer`.
    pub fn describe(&self, out: &mut String) {
        match self {
            Self::Bool(value) => out.push(if *value { 't' } else { 'f' }),
            Self::Int(value) => _ = write!(out, "{value}"),
            Self::Uint(value) => _ = write!(out, "{value}"),
            Self::Float(value) => describe_float(out, *value),
            Self::Complex(real, imaginary) => {
                describe_float(out, *real);
                describe_float(out, *imaginary);
            }
            Self::Bytes(bytes) => {
                out.push('s');
                out.push_str(&hex(bytes));
            }
            Self::Time { seconds, nanoseconds, offset } => {
                _ = write!(out, "T{seconds}.{nanoseconds}{offset:+}")
            }
            Self::BigInt { negative, digits } => {
                out.push_str(if *negative && !digits.is_empty() { "N-" } else { "N" });
                let all = hex(digits);
                let shown = all.trim_start_matches('0');
                out.push_str(if shown.is_empty() { "0" } else { shown });
            }
            Self::Any(None) => out.push_str("()"),
            Self::Any(Some((name, content))) => {
                _ = write!(out, "({name} ");
                content.describe(out);
                out.push(')');
            }
            Self::Pointer(Some(content)) if !content.is_left_out() => {
                out.push('*');
                content.describe(out);
            }
            Self::Pointer(_) => out.push('-'),
            Self::List(elements) => describe_all(out, '[', elements, ']'),
            Self::Struct(fields) => describe_all(out, '{', fields, '}'),
            Self::Map(entries) => {
                let mut told = std::collections::BTreeMap::new();
                for (key, element) in entries {
                    let (mut key_text, mut element_text) = (String::new(), String::new());
                    key.describe(&mut key_text);
                    element.describe(&mut element_text);
                    told.insert(key_text, element_text);
                }
                let mut entries: Vec<_> =
                    told.into_iter().map(|(key, element)| format!("{key}={element}")).collect();
                entries.sort();
                _ = write!(out, "<{}>", entries.join(" "));
            }
        }
    }

    /// What arrives of the value: a field that is left out arrives as zero, which tells on negative zeros.
    #[must_use]
    pub fn arrived(&self, of: &Type) -> Self {
        match (self, of) {
            (Self::Struct(values), _) => {
                let arrived = |((_, field), value): (&(String, Type), &Self)| {
                    if value.is_left_out() { field.zero() } else { value.arrived(field) }
                };
                Self::Struct(of.fields().unwrap_or_default().iter().zip(values).map(arrived).collect())
            }
            (Self::List(elements), Type::Slice(element) | Type::Array(_, element)) => {
                Self::List(elements.iter().map(|value| value.arrived(element)).collect())
            }
            (Self::Map(entries), Type::Map(key, element)) => Self::Map(
                entries.iter().map(|entry| (entry.0.arrived(key), entry.1.arrived(element))).collect(),
            ),
            (Self::Pointer(Some(content)), Type::Pointer(element)) => {
                Self::Pointer(Some(Box::new(content.arrived(element))))
            }
            (Self::Any(Some((name, content))), _) => {
                let of = REGISTERED.iter().find(|(known, _)| known == name).map_or(&Type::Bool, |(_, of)| of);
                Self::Any(Some((name.clone(), Box::new(content.arrived(of)))))
            }
            _ => self.clone(),
        }
    }

    /// What the value is in another version of its type whose fields are some of the same, in any
    /// order, and others; none where more than that has changed.
    #[must_use]
    pub fn in_version(&self, of: &Type, other: &Type) -> Option<Self> {
        if of == other {
            return Some(self.clone());
        }
        match (self, of, other) {
            (Self::Struct(_) | Self::List(_) | Self::Map(_), _, Type::Pointer(other)) => {
                Some(Self::Pointer(Some(Box::new(self.in_version(of, other)?))))
            }
            (Self::Struct(values), ..) => {
                let (fields, others) = (of.fields()?, other.fields()?);
                let found =
                    |(name, other): &(String, Type)| match fields.iter().position(|(known, _)| known == name)
                    {
                        Some(at) if matches!(other, Type::Pointer(_)) && values[at].is_left_out() => {
                            Some(Self::Pointer(None))
                        }
                        Some(at) => values[at].in_version(&fields[at].1, other),
                        None => Some(other.zero()),
                    };
                others.iter().map(found).collect::<Option<_>>().map(Self::Struct)
            }
            (Self::List(elements), Type::Slice(of), Type::Slice(other)) => elements
                .iter()
                .map(|value| value.in_version(of, other))
                .collect::<Option<_>>()
                .map(Self::List),
            (Self::List(elements), Type::Array(len, of), Type::Array(other_len, other))
                if len == other_len =>
            {
                elements
                    .iter()
                    .map(|value| value.in_version(of, other))
                    .collect::<Option<_>>()
                    .map(Self::List)
            }
            (Self::Map(entries), Type::Map(key, of), Type::Map(other_key, other)) if key == other_key => {
                let entry = |(key, value): &(Self, Self)| Some((key.clone(), value.in_version(of, other)?));
                entries.iter().map(entry).collect::<Option<_>>().map(Self::Map)
            }
            (Self::Pointer(content), Type::Pointer(of), Type::Pointer(other)) => {
                Some(Self::Pointer(match content {
                    Some(content) => Some(Box::new(content.in_version(of, other)?)),
                    None => None,
                }))
            }
            (Self::Pointer(content), Type::Pointer(of), _) => match content {
                Some(content) => content.in_version(of, other),
                None => Some(other.zero()),
            },
            (_, _, Type::Pointer(other)) => Some(Self::Pointer(Some(Box::new(self.in_version(of, other)?)))),
            (Self::Int(value), Type::Int(_), Type::Int(size)) => {
                let bits = if *size == 0 { 64 } else { u32::from(*size) * 8 };
                (*value >> (bits - 1) == *value >> 63).then(|| self.clone())
            }
            (Self::Uint(value), _, Type::Uint(size)) => {
                let bits = if *size == 0 { 64 } else { u32::from(*size) * 8 };
                (bits == 64 || value >> bits == 0).then(|| self.clone())
            }
            (Self::Float(_), _, Type::Float(8)) | (Self::Complex(..), _, Type::Complex(16)) => {
                Some(self.clone())
            }
            (Self::Float(value), _, Type::Float(_)) => narrow(*value).map(Self::Float),
            (Self::Complex(real, imaginary), _, Type::Complex(_)) => {
                Some(Self::Complex(narrow(*real)?, narrow(*imaginary)?))
            }
            _ => None,
        }
    }

    /// Whether gob leaves the value out of a struct, or would if it were nil and not empty.
    #[must_use]
    pub fn is_left_out(&self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Float(value) => *value == 0.0,
            Self::Complex(real, imaginary) => *real == 0.0 && *imaginary == 0.0,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Time { seconds, nanoseconds, offset } => {
                (*seconds, *nanoseconds, *offset) == (YEAR_ONE, 0, 0)
            }
            Self::BigInt { digits, .. } => digits.iter().all(|digit| *digit == 0),
            Self::Any(content) => content.is_none(),
            Self::Pointer(content) => content.as_ref().is_none_or(|content| content.is_left_out()),
            Self::List(elements) => elements.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            Self::Struct(_) => false,
        }
    }
}

fn describe_all(out: &mut String, open: char, values: &[Val], close: char) {
    out.push(open);
    for (i, value) in values.iter().enumerate() {
        out.push_str(if i > 0 { " " } else { "" });
        value.describe(out);
    }
    out.push(close);
}

fn describe_float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("xNaN");
    } else {
        _ = write!(out, "x{:x}", value.to_bits());
    }
}

/// The number as a `float32` holds it, if it is in its range.
fn narrow(value: f64) -> Option<f64> {
    (!value.is_finite() || value.abs() <= f64::from(f32::MAX)).then_some(f64::from(value as f32))
}

/// Two digits for every byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
