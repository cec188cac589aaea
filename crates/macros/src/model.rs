//! A service in our own words: what is left of a trait once it is known to be right.
//!
//! What is written from it needs no second look at the item, and asks no question of it.

use std::fmt::Write;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Expr, ExprLit, Ident, Lifetime, Lit, Meta, Token, Type, TypeReference, Visibility, parse_quote,
};

/// A service: what serves it, its name, its methods.
pub(crate) struct Service {
    pub(crate) handler: Handler,
    /// The name of the trait or of the type.
    pub(crate) ident: Ident,
    /// Who may use the trait, and with it what is written for it.
    pub(crate) vis: Visibility,
    /// The name on the wire.
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute>,
    /// The methods with which nothing is wrong.
    pub(crate) methods: Vec<Method>,
}

/// What the methods run on.
pub(crate) enum Handler {
    /// Whatever implements the trait.
    Trait,
    /// This one type.
    Type(Box<Type>),
}

/// A method that is offered.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    /// The name on the wire.
    pub(crate) name: String,
    /// Where that name is given.
    pub(crate) name_span: Span,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) is_async: bool,
    /// Whether running it twice does what running it once does.
    pub(crate) is_idempotent: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) reply: Reply,
}

/// What a method takes after `&self`.
pub(crate) enum Parameter {
    Context,
    Argument(Box<Argument>),
}

/// A part of what crosses the wire to the method.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) kind: ArgumentKind,
    /// The type as it is written in the method.
    pub(crate) ty: Type,
}

/// How an argument is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArgumentKind {
    /// By its type; it borrows if the type has a lifetime.
    Value,
    /// `&[u8]`, which serde alone would take for a list of numbers.
    Bytes,
    /// `&str`, which serde alone could not read from a codec that writes some letters otherwise.
    Text,
}

/// What crosses the wire back.
pub(crate) struct Reply {
    /// `T`, also of a `Result<T>`.
    pub(crate) ty: Type,
    /// Whether the method returns a `Result`.
    pub(crate) is_result: bool,
    pub(crate) span: Span,
}

impl Method {
    /// The arguments, without the context.
    pub(crate) fn arguments(&self) -> Vec<&Argument> {
        let mut arguments = Vec::new();
        for parameter in &self.parameters {
            if let Parameter::Argument(argument) = parameter {
                arguments.push(&**argument);
            }
        }
        arguments
    }

    /// Whether it is answered without a future.
    pub(crate) fn is_immediate(&self) -> bool {
        !self.is_async && self.arguments().len() == self.parameters.len()
    }

    /// Whether one of the arguments has a lifetime.
    pub(crate) fn borrows(&self) -> bool {
        self.arguments().into_iter().any(Argument::borrows)
    }

    /// The `#[cfg]`s, which stand before all that is written for the method.
    pub(crate) fn conditions(&self) -> Vec<Attribute> {
        only(&self.attributes, &["cfg"])
    }
}

impl Argument {
    /// Whether its type has a lifetime.
    pub(crate) fn borrows(&self) -> bool {
        with_lifetime(&self.ty, &parse_quote!('borrowed)) != self.ty
    }
}

/// The name on the wire of a method that is given none: `user_count` is `UserCount`.
pub(crate) fn wire_name(ident: &Ident) -> String {
    let mut name = String::new();
    for word in ident.unraw().to_string().split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.push_str(letters.as_str());
    }
    name
}

/// The type with `lifetime` wherever it leaves one out.
pub(crate) fn with_lifetime(ty: &Type, lifetime: &Lifetime) -> Type {
    struct Give<'l>(&'l Lifetime);

    impl VisitMut for Give<'_> {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            reference.lifetime.get_or_insert_with(|| self.0.clone());
            visit_mut::visit_type_reference_mut(self, reference);
        }

        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident == "_" {
                *lifetime = self.0.clone();
            }
        }
    }

    let mut ty = ty.clone();
    Give(lifetime).visit_type_mut(&mut ty);
    ty
}

/// The type itself, where it came through another macro or stands in brackets.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// The attributes that have one of `names`, those under a `cfg_attr` included.
pub(crate) fn only(attributes: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    let named = |meta: &Meta| names.iter().any(|name| meta.path().is_ident(name));
    attributes
        .iter()
        .filter_map(|attribute| {
            if named(&attribute.meta) {
                return Some(attribute.clone());
            }
            if !attribute.path().is_ident("cfg_attr") {
                return None;
            }
            let parts: Punctuated<Meta, Token![,]> =
                attribute.parse_args_with(Punctuated::parse_terminated).ok()?;
            let mut parts = parts.into_iter();
            let predicate = parts.next()?;
            let kept: Vec<Meta> = parts.filter(named).collect();
            (!kept.is_empty()).then(|| parse_quote!(#[cfg_attr(#predicate, #(#kept),*)]))
        })
        .collect()
}

/// The doc comment as an expression of type `&'static str`, empty if there is none.
pub(crate) fn doc(attributes: &[Attribute]) -> TokenStream {
    let mut text = String::new();
    let mut pieces = Vec::new();
    let mut is_first = true;
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        if !pair.path.is_ident("doc") {
            continue;
        }
        if !is_first {
            text.push('\n');
        }
        is_first = false;
        match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => add_doc(&mut text, &line.value()),
            // Such as `#[doc = include_str!("…")]`.
            other => {
                pieces.push(std::mem::take(&mut text).into_token_stream());
                pieces.push(other.to_token_stream());
            }
        }
    }
    if pieces.is_empty() {
        return text.trim().into_token_stream();
    }
    pieces.push(text.into_token_stream());
    quote!(::core::concat!(#(#pieces),*))
}

fn add_doc(text: &mut String, comment: &str) {
    if !comment.contains('\n') {
        text.push_str(comment.strip_prefix(' ').unwrap_or(comment).trim_end());
        return;
    }
    for (number, line) in comment.trim().lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("* ").or_else(|| line.strip_prefix('*')).unwrap_or(line);
        let _ = write!(text, "{}{line}", if number == 0 { "" } else { "\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes_of(item: &str) -> Vec<Attribute> {
        syn::parse_str::<syn::ItemStruct>(item).unwrap().attrs
    }

    fn doc_of(item: &str) -> String {
        let literal: syn::LitStr = syn::parse2(doc(&attributes_of(item))).unwrap();
        literal.value()
    }

    #[test]
    fn words_of_a_method_begin_with_capitals_on_the_wire() {
        let of = |name: &str| wire_name(&syn::parse_str::<Ident>(name).unwrap());

        assert_eq!(of("multiply"), "Multiply");
        assert_eq!(of("user_count"), "UserCount");
        assert_eq!(of("r#type"), "Type");
        assert_eq!(of("_hidden__twice"), "HiddenTwice");
        assert_eq!(of("userCount"), "UserCount");
        assert_eq!(of("ab2_3c"), "Ab23c");
    }

    #[test]
    fn a_lifetime_is_given_wherever_one_was_left_out() {
        let ty: Type = syn::parse_str("(&str, View<'_>, Option<&[u8]>, Cow<'static, str>)").unwrap();

        let given = with_lifetime(&ty, &parse_quote!('call));

        let expected: Type = parse_quote!((&'call str, View<'call>, Option<&'call [u8]>, Cow<'static, str>));
        assert_eq!(given, expected);
    }

    #[test]
    fn of_conditional_attributes_only_the_asked_ones_are_kept() {
        let attributes =
            attributes_of("#[cfg_attr(test, cfg(unix), inline, doc = \"x\")] #[must_use] struct S;");

        let kept = only(&attributes, &["cfg"]);

        let expected: Attribute = parse_quote!(#[cfg_attr(test, cfg(unix))]);
        assert_eq!(kept, [expected]);
    }

    #[test]
    fn a_doc_comment_loses_its_marks_and_keeps_its_indents() {
        assert_eq!(doc_of("/// One.\n///\n///   - two\nstruct S;"), "One.\n\n  - two");
        assert_eq!(doc_of("/**\n * One.\n *\n * Two.\n */\nstruct S;"), "One.\n\nTwo.");
        assert_eq!(doc_of("struct S;"), "");
    }
}
