//! What a service offers, in data: names, words and types, for pages, tools and routers.

use crate::codec::Shape;

/// A service: its name and its methods.
///
/// Written by `#[service]`; the doc comments of the trait are its words.
#[derive(Debug)]
pub struct Description {
    /// The name on the wire, such as `Arith`.
    pub name: &'static str,
    /// The trait's doc comment; empty if there is none.
    pub doc: &'static str,
    /// The methods in the order in which the trait has them.
    pub methods: &'static [Method],
}

/// One method of a service.
#[derive(Debug)]
pub struct Method {
    /// The name on the wire, such as `Multiply`.
    pub name: &'static str,
    /// The service's and the method's name, such as `Arith.Multiply`.
    pub full_name: &'static str,
    /// The name in Rust, such as `multiply`.
    pub rust_name: &'static str,
    /// The method's doc comment; empty if there is none.
    pub doc: &'static str,
    /// The argument's type. A method without argument takes an empty struct; one with several takes a struct
    /// with a field for each.
    pub argument: &'static Shape,
    /// The reply's type.
    pub reply: &'static Shape,
}

/// The first line of the details of an error about types that differ; the callee's schema follows.
pub const SCHEMA_LINE: &str = "ferrywire-schema 1";

impl Description {
    /// A number that stands for the methods' names and types.
    pub fn fingerprint(&self) -> u64 {
        0
    }
}

impl Method {
    /// A number that stands for the types of argument and reply; 0 if they are not known.
    pub fn fingerprint(&self) -> u64 {
        0
    }

    /// The types of argument and reply, a line for every place.
    pub fn schema_text(&self) -> String {
        String::new()
    }
}

/// Where two schemas differ, in words; `None` if they do not.
pub(crate) fn difference(_ours: &str, _theirs: &str) -> Option<String> {
    None
}
