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
