//! What each Rust type looks like on the wire, once per process: every distinct type has one node and one id.
//!
//! Nodes are leaked and never change after they are linked, so plans share them without counting.
//! There are as many as the program has types; nothing that a peer sends makes one.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::names::Marshaler;
use crate::schema::Kind;
use crate::types::{Definition, FieldDefinition, Form};

/// One type, as values of it are written.
pub(crate) struct Node {
    /// The id that the wire knows it by.
    pub(crate) id: i32,
    /// What the shape is of, at a glance.
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    /// The message that defines it, made when a plan first needs it.
    definition: OnceLock<Box<[u8]>>,
}

/// A reference that is set once its target exists: types may contain themselves.
pub(crate) type Link = OnceLock<&'static Node>;

/// What a type is made of.
pub(crate) enum Shape {
    Bool,
    Int,
    /// An unsigned integer; `byte` where it is a `u8`, whose slices are bytes.
    Uint {
        byte: bool,
    },
    Float,
    Complex,
    String,
    /// An enum of nothing but names, which Go sees as a string.
    Name,
    Bytes,
    /// A `std::time::Duration`, which Go sees as an int of nanoseconds.
    Duration,
    Opaque {
        marshaler: Marshaler,
        name: &'static str,
    },
    Slice(Link),
    Array(Link, usize),
    Map(Link, Link),
    Struct {
        name: String,
        fields: OnceLock<Box<[Field]>>,
    },
    Interface {
        name: String,
        variants: OnceLock<Box<[Variant]>>,
    },
}

/// A field of a struct, in the order of its numbers.
pub(crate) struct Field {
    pub(crate) rust: &'static str,
    pub(crate) go: String,
    pub(crate) node: &'static Node,
}

/// A type that an interface can hold.
pub(crate) struct Variant {
    /// The name it is registered by, which is the variant's.
    pub(crate) name: &'static str,
    pub(crate) node: &'static Node,
}

/// The first id for our own types: Go itself begins at 64 or 65, and both must be read.
pub(crate) const FIRST_ID: i32 = 65;

static NEXT_ID: AtomicI32 = AtomicI32::new(FIRST_ID);

impl Node {
    fn leak(id: i32, shape: Shape) -> &'static Self {
        Box::leak(Box::new(Self { id, kind: Kind::of(&shape), shape, definition: OnceLock::new() }))
    }

    fn defined(shape: Shape) -> &'static Self {
        Self::leak(NEXT_ID.fetch_add(1, Ordering::Relaxed), shape)
    }

    /// Whether the wire must be told about it.
    pub(crate) fn needs_definition(&self) -> bool {
        self.id >= FIRST_ID
    }

    /// What struct values begin with at once, and all others after a zero byte.
    pub(crate) fn is_struct(&self) -> bool {
        matches!(self.shape, Shape::Struct { .. })
    }

    /// The types that it is directly made of, in Go's order.
    pub(crate) fn parts(&self) -> Vec<&'static Node> {
        match &self.shape {
            Shape::Slice(element) | Shape::Array(element, _) => vec![linked(element)],
            Shape::Map(key, element) => vec![linked(key), linked(element)],
            Shape::Struct { fields, .. } => {
                fields.get().into_iter().flatten().map(|field| field.node).collect()
            }
            Shape::Interface { variants, .. } => {
                variants.get().into_iter().flatten().map(|variant| variant.node).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The whole message that tells a peer what this type is.
    pub(crate) fn definition(&self) -> &[u8] {
        self.definition.get_or_init(|| {
            let mut message = Vec::new();
            if let Some(form) = self.form() {
                Definition { id: self.id, name: self.name().into(), form }.put(&mut message);
            }
            message.into()
        })
    }

    /// The name of a struct, an interface or a marshaler; empty for others.
    pub(crate) fn name(&self) -> &str {
        match &self.shape {
            Shape::Struct { name, .. } | Shape::Interface { name, .. } => name,
            Shape::Opaque { name, .. } => name,
            _ => "",
        }
    }

    fn form(&self) -> Option<Form> {
        Some(match &self.shape {
            Shape::Array(element, len) => Form::Array(linked(element).id, *len as u64),
            Shape::Slice(element) => Form::Slice(linked(element).id),
            Shape::Map(key, element) => Form::Map(linked(key).id, linked(element).id),
            Shape::Struct { fields, .. } => {
                let fields = fields.get().into_iter().flatten();
                Form::Struct(
                    fields
                        .map(|field| FieldDefinition { name: field.go.as_str().into(), id: field.node.id })
                        .collect(),
                )
            }
            Shape::Opaque { marshaler, .. } => Form::Opaque(*marshaler),
            _ => return None,
        })
    }
}

// A type may contain itself, so only its name is shown.
impl fmt::Debug for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (id {})", self.name(), self.id)
    }
}

pub(crate) fn linked(link: &Link) -> &'static Node {
    link.get().expect("a node is linked before its plan is handed out")
}

/// The nodes that exist, by what makes two of them the same type.
#[derive(Default)]
pub(crate) struct Registry {
    /// Structs, enums and newtypes that contain themselves: by the type of their visitor.
    by_visitor: HashMap<TypeId, &'static Node>,
    structural: HashMap<Structural, &'static Node>,
}

/// Where a node stands: it is leaked, so nothing else will ever stand there.
type Address = usize;

fn address(node: &'static Node) -> Address {
    std::ptr::from_ref(node).addr()
}

/// What identifies a type that has no visitor of its own.
#[derive(PartialEq, Eq, Hash)]
enum Structural {
    Predefined(Predefined),
    Opaque(Marshaler, &'static str),
    /// A struct without fields: unit structs and unit variants.
    Empty(String),
    Slice(Address),
    Array(Address, usize),
    Map(Address, Address),
}

/// The types that every peer knows, and what Rust adds to tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Predefined {
    Bool,
    Int,
    Uint,
    Byte,
    Float,
    Complex,
    String,
    Name,
    Bytes,
    Duration,
}

impl Predefined {
    fn id_and_shape(self) -> (i32, Shape) {
        match self {
            Self::Bool => (1, Shape::Bool),
            Self::Int => (2, Shape::Int),
            Self::Duration => (2, Shape::Duration),
            Self::Uint => (3, Shape::Uint { byte: false }),
            Self::Byte => (3, Shape::Uint { byte: true }),
            Self::Float => (4, Shape::Float),
            Self::Bytes => (5, Shape::Bytes),
            Self::String => (6, Shape::String),
            Self::Name => (6, Shape::Name),
            Self::Complex => (7, Shape::Complex),
        }
    }
}

impl Registry {
    pub(crate) fn visited(&self, visitor: TypeId) -> Option<&'static Node> {
        self.by_visitor.get(&visitor).copied()
    }

    /// Makes the node of a type that has a visitor of its own; its links are set afterwards.
    pub(crate) fn insert_visited(&mut self, visitor: TypeId, shape: Shape) -> &'static Node {
        let node = match shape {
            Shape::Interface { .. } => Node::leak(8, shape),
            shape => Node::defined(shape),
        };
        self.by_visitor.insert(visitor, node);
        node
    }

    pub(crate) fn predefined(&mut self, predefined: Predefined) -> &'static Node {
        self.structural(Structural::Predefined(predefined), || {
            let (id, shape) = predefined.id_and_shape();
            Node::leak(id, shape)
        })
    }

    pub(crate) fn opaque(&mut self, marshaler: Marshaler, name: &'static str) -> &'static Node {
        self.structural(Structural::Opaque(marshaler, name), || {
            Node::defined(Shape::Opaque { marshaler, name })
        })
    }

    pub(crate) fn empty_struct(&mut self, name: &str) -> &'static Node {
        self.structural(Structural::Empty(name.to_owned()), || {
            Node::defined(Shape::Struct { name: name.to_owned(), fields: OnceLock::from(Box::default()) })
        })
    }

    pub(crate) fn slice(&mut self, element: &'static Node) -> &'static Node {
        let make = || Node::defined(Shape::Slice(Link::from(element)));
        self.structural(Structural::Slice(address(element)), make)
    }

    pub(crate) fn array(&mut self, element: &'static Node, len: usize) -> &'static Node {
        let make = || Node::defined(Shape::Array(Link::from(element), len));
        self.structural(Structural::Array(address(element), len), make)
    }

    pub(crate) fn map(&mut self, key: &'static Node, element: &'static Node) -> &'static Node {
        let make = || Node::defined(Shape::Map(Link::from(key), Link::from(element)));
        self.structural(Structural::Map(address(key), address(element)), make)
    }

    fn structural(&mut self, key: Structural, make: impl FnOnce() -> &'static Node) -> &'static Node {
        self.structural.entry(key).or_insert_with(make)
    }
}
