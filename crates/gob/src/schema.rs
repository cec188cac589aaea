//! What a Rust type looks like in Go, for people and tools.

use std::fmt;

use crate::shape::{Field, Node, Shape, Variant, linked};

/// What a type looks like in Go: its name, its kind, and what it is made of.
///
/// A schema is a view of something that lives as long as the process: copying it costs nothing, and types
/// that contain themselves are no trouble until somebody walks them without end.
#[derive(Clone, Copy)]
pub struct Schema {
    node: &'static Node,
}

/// What sort of Go type a [`Schema`] is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `bool`
    Bool,
    /// Any signed integer.
    Int,
    /// Any unsigned integer.
    Uint,
    /// `float32` or `float64`
    Float,
    /// `complex64` or `complex128`
    Complex,
    /// `string`
    String,
    /// `[]byte`
    Bytes,
    /// `time.Duration`, an int of nanoseconds.
    Duration,
    /// A type that writes itself, such as `time.Time`.
    Opaque,
    /// `[]T`
    Slice,
    /// `[N]T`
    Array,
    /// `map[K]V`
    Map,
    /// `struct`
    Struct,
    /// An interface that holds one of some registered types.
    Interface,
}

impl Kind {
    pub(crate) fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Bool => Self::Bool,
            Shape::Int => Self::Int,
            Shape::Uint { .. } => Self::Uint,
            Shape::Float => Self::Float,
            Shape::Complex => Self::Complex,
            Shape::String | Shape::Name => Self::String,
            Shape::Bytes => Self::Bytes,
            Shape::Duration => Self::Duration,
            Shape::Opaque { .. } => Self::Opaque,
            Shape::Slice(_) => Self::Slice,
            Shape::Array(..) => Self::Array,
            Shape::Map(..) => Self::Map,
            Shape::Struct { .. } => Self::Struct,
            Shape::Interface { .. } => Self::Interface,
        }
    }
}

impl Schema {
    pub(crate) fn of(node: &'static Node) -> Self {
        Self { node }
    }

    /// The name of a struct, an interface or a marshaler; empty for others.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.node.name()
    }

    /// The type in Go's syntax, without packages: `Args`, `[]int`, `map[string]Point`.
    #[must_use]
    pub fn go_type(&self) -> String {
        self.to_string()
    }

    /// What sort of type it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node.kind
    }

    /// The id that the wire knows the type by: the same in the whole process, another in the next.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.node.id
    }

    /// The fields of a struct, in the order of their numbers: Go name and type.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Self)> + use<> {
        let fields: &'static [Field] = match &self.node.shape {
            Shape::Struct { fields, .. } => fields.get().map(|fields| &**fields).unwrap_or_default(),
            _ => &[],
        };
        fields.iter().map(|field| (field.go.as_str(), Self::of(field.node)))
    }

    /// The types that an interface can hold: registered name and type.
    pub fn variants(&self) -> impl Iterator<Item = (&'static str, Self)> + use<> {
        let variants: &'static [Variant] = match &self.node.shape {
            Shape::Interface { variants, .. } => {
                variants.get().map(|variants| &**variants).unwrap_or_default()
            }
            _ => &[],
        };
        variants.iter().map(|variant| (variant.name, Self::of(variant.node)))
    }

    /// The elements of a slice or an array, or the values of a map.
    #[must_use]
    pub fn element(&self) -> Option<Self> {
        match &self.node.shape {
            Shape::Slice(element) | Shape::Array(element, _) | Shape::Map(_, element) => {
                Some(Self::of(linked(element)))
            }
            _ => None,
        }
    }

    /// The keys of a map.
    #[must_use]
    pub fn key(&self) -> Option<Self> {
        match &self.node.shape {
            Shape::Map(key, _) => Some(Self::of(linked(key))),
            _ => None,
        }
    }

    /// How many elements an array has.
    #[must_use]
    pub fn array_len(&self) -> Option<usize> {
        match self.node.shape {
            Shape::Array(_, len) => Some(len),
            _ => None,
        }
    }

    fn write(self, out: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        // A slice can be its own element; a name such as Go's `type T []T` is lost in Rust's newtypes.
        if depth == DEPTH_SHOWN {
            return out.write_str("…");
        }
        match &self.node.shape {
            Shape::Bool => out.write_str("bool"),
            Shape::Int => out.write_str("int"),
            Shape::Uint { byte: false } => out.write_str("uint"),
            Shape::Uint { byte: true } => out.write_str("uint8"),
            Shape::Float => out.write_str("float64"),
            Shape::Complex => out.write_str("complex128"),
            Shape::String | Shape::Name => out.write_str("string"),
            Shape::Bytes => out.write_str("[]byte"),
            Shape::Duration => out.write_str("time.Duration"),
            Shape::Opaque { name: "Time", .. } => out.write_str("time.Time"),
            Shape::Opaque { marshaler, .. } => out.write_str(marshaler.go_name()),
            Shape::Slice(element) => {
                out.write_str("[]")?;
                Self::of(linked(element)).write(out, depth + 1)
            }
            Shape::Array(element, len) => {
                write!(out, "[{len}]")?;
                Self::of(linked(element)).write(out, depth + 1)
            }
            Shape::Map(key, element) => {
                out.write_str("map[")?;
                Self::of(linked(key)).write(out, depth + 1)?;
                out.write_str("]")?;
                Self::of(linked(element)).write(out, depth + 1)
            }
            Shape::Struct { name, .. } if name.is_empty() => out.write_str("struct {}"),
            Shape::Struct { name, .. } => out.write_str(name),
            Shape::Interface { .. } => out.write_str("any"),
        }
    }
}

/// How many slices inside slices are shown.
const DEPTH_SHOWN: usize = 16;

impl fmt::Display for Schema {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out, 0)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Schema({self})")
    }
}
