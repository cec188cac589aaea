//! What a service offers, in data: names, words and types, for pages, tools and routers.

pub(crate) use crate::codec::schema::difference;
use crate::codec::{Shape, schema};

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
    /// Whether running it twice does what running it once does, as `#[method(idempotent)]` says; false unless said.
    ///
    /// A client with several servers calls it again when nobody knows whether it has run; see
    /// [`Call::idempotent`](crate::Call::idempotent).
    pub is_idempotent: bool,
}

/// The first line of the details of an error about types that differ; the callee's schema follows.
pub const SCHEMA_LINE: &str = "ferrywire-schema 1";

impl Description {
    /// A number that stands for the methods' names and types, whatever their order; see [`schema`].
    pub fn fingerprint(&self) -> u64 {
        let mut methods: Vec<&Method> = self.methods.iter().collect();
        methods.sort_unstable_by_key(|method| method.name);
        schema::hashed(methods.into_iter().flat_map(|method| {
            [method.name.as_bytes().to_vec(), vec![0], method.fingerprint().to_le_bytes().to_vec()]
        }))
    }
}

impl Method {
    /// A number that stands for the types of argument and reply; 0 if nothing is known of them. See [`schema`].
    ///
    /// Cheap, but for the first call.
    #[inline]
    pub fn fingerprint(&self) -> u64 {
        match (self.argument.fingerprint(), self.reply.fingerprint()) {
            (0, 0) => 0,
            (argument, reply) => schema::hashed([argument.to_le_bytes(), reply.to_le_bytes()]),
        }
    }

    /// The types of argument and reply, a line for every place; see [`schema`].
    pub fn schema_text(&self) -> String {
        let mut text = String::new();
        for (word, shape) in [("argument", self.argument), ("reply", self.reply)] {
            for line in shape.schema_text().lines() {
                text.extend([word, line, "\n"]);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NUMBER: Shape = Shape::of::<i64>();
    static PAIR: Shape = Shape::of::<(u8, Option<String>)>();

    const fn method(name: &'static str, argument: &'static Shape, reply: &'static Shape) -> Method {
        Method { name, full_name: name, rust_name: name, doc: "", argument, reply, is_idempotent: false }
    }

    static METHODS: [Method; 2] = [method("Swap", &PAIR, &NUMBER), method("Add", &NUMBER, &NUMBER)];
    static TURNED: [Method; 2] = [method("Add", &NUMBER, &NUMBER), method("Swap", &PAIR, &NUMBER)];

    #[test]
    fn a_methods_schema_names_its_places() {
        let expected = "argument: tuple\nargument.0: u8\nargument.1: option\nargument.1?: str\nreply: i64\n";

        assert_eq!(METHODS[0].schema_text(), expected);
    }

    #[test]
    fn a_methods_fingerprint_is_that_of_the_page() {
        let number = schema::hashed([": i64\n"]);
        let expected = schema::hashed([number.to_le_bytes(), number.to_le_bytes()]);

        assert_eq!(METHODS[1].fingerprint(), expected);
        assert_ne!(METHODS[0].fingerprint(), expected);
    }

    #[test]
    fn the_order_of_methods_does_not_count() {
        let [there, turned] =
            [&METHODS, &TURNED].map(|methods| Description { name: "Pairs", doc: "", methods });

        assert_eq!(there.fingerprint(), turned.fingerprint());
        assert_ne!(
            there.fingerprint(),
            Description { name: "Pairs", doc: "", methods: &METHODS[..1] }.fingerprint()
        );
    }
}
