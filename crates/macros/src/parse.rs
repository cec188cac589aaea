//! Reads the attribute's keys and the item below it, and takes our own attributes off its methods.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{
    Attribute, Error, Ident, ImplItem, Item, ItemImpl, ItemTrait, LitStr, Meta, Result, Token, TraitItem,
};

/// What stands below `#[service]`.
pub(crate) enum Source {
    Trait(ItemTrait),
    Impl(ItemImpl),
}

impl ToTokens for Source {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Source::Trait(item) => item.to_tokens(tokens),
            Source::Impl(item) => item.to_tokens(tokens),
        }
    }
}

/// What an attribute says: `name = "…"`, of a method `idempotent`, or nothing.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) name: Option<LitStr>,
    pub(crate) is_idempotent: bool,
}

/// The item, without our attributes, and what those said.
pub(crate) struct Input {
    pub(crate) source: Source,
    pub(crate) keys: Keys,
    /// One for each item of the trait or block, in order; `None` where there was no `#[method]`.
    pub(crate) item_keys: Vec<Option<MethodKeys>>,
}

/// What `#[method(…)]` said, and where it stood.
pub(crate) struct MethodKeys {
    pub(crate) span: Span,
    pub(crate) keys: Keys,
}

/// Reads the item; what is wrong with the attributes goes into `faults`.
///
/// # Errors
///
/// If the item is neither a trait nor an `impl` block.
pub(crate) fn read(keys: TokenStream, item: TokenStream, faults: &mut Vec<Error>) -> Result<Input> {
    let keys = read_keys("service").parse2(keys).unwrap_or_else(|fault| {
        faults.push(fault);
        Keys::default()
    });
    let mut source = match syn::parse2(item)? {
        Item::Trait(item) => Source::Trait(item),
        Item::Impl(item) => Source::Impl(item),
        other => return Err(misplaced(&other)),
    };
    let item_keys = match &mut source {
        Source::Trait(item) => {
            item.items.iter_mut().map(|item| take_keys(attributes_of_trait(item), faults)).collect()
        }
        Source::Impl(item) => {
            item.items.iter_mut().map(|item| take_keys(attributes_of_impl(item), faults)).collect()
        }
    };
    Ok(Input { source, keys, item_keys })
}

fn misplaced(item: &Item) -> Error {
    let (what, at) = match item {
        Item::Struct(item) => ("a struct", item.ident.span()),
        Item::Enum(item) => ("an enum", item.ident.span()),
        Item::Union(item) => ("a union", item.ident.span()),
        Item::Fn(item) => ("a function", item.sig.ident.span()),
        Item::Mod(item) => ("a module", item.ident.span()),
        _ => ("this item", Span::call_site()),
    };
    Error::new(
        at,
        format!(
            "`#[service]` stands on a trait or on an `impl` block, not on {what}; a method's name is given by \
             `#[method(name = \"…\")]`"
        ),
    )
}

fn attributes_of_trait(item: &mut TraitItem) -> Option<&mut Vec<Attribute>> {
    match item {
        TraitItem::Fn(item) => Some(&mut item.attrs),
        _ => None,
    }
}

fn attributes_of_impl(item: &mut ImplItem) -> Option<&mut Vec<Attribute>> {
    match item {
        ImplItem::Fn(item) => Some(&mut item.attrs),
        _ => None,
    }
}

fn take_keys(attributes: Option<&mut Vec<Attribute>>, faults: &mut Vec<Error>) -> Option<MethodKeys> {
    let mut taken: Option<MethodKeys> = None;
    attributes?.retain(|attribute| {
        if !attribute.path().is_ident("method") {
            return true;
        }
        let span = attribute.path().get_ident().map_or_else(Span::call_site, Ident::span);
        if taken.is_some() {
            faults.push(Error::new(span, "a method has one `#[method]`: put both into one"));
            return false;
        }
        let Meta::List(list) = &attribute.meta else {
            faults.push(Error::new(span, "expected `#[method(name = \"…\")]`"));
            return false;
        };
        let keys = list.parse_args_with(read_keys("method")).unwrap_or_else(|fault| {
            faults.push(fault);
            Keys::default()
        });
        taken = Some(MethodKeys { span, keys });
        false
    });
    taken
}

/// Reads the keys of an attribute, in any order, with or without a comma behind the last, or nothing.
fn read_keys(attribute: &'static str) -> impl FnOnce(ParseStream<'_>) -> Result<Keys> {
    move |input| {
        let is_method = attribute == "method";
        let mut keys = Keys::default();
        while !input.is_empty() {
            let Ok(key) = input.call(Ident::parse_any) else {
                let or_idempotent = if is_method { " or `idempotent`" } else { "" };
                return Err(input.error(format!("expected `name = \"…\"`{or_idempotent}")));
            };
            if is_method && key == "idempotent" {
                read_flag(input, &key, &mut keys.is_idempotent)?;
                continue;
            }
            if key != "name" {
                let known = match is_method {
                    true => "those it knows are `name = \"…\"` and `idempotent`",
                    false => "the one it knows is `name = \"…\"`",
                };
                let text = format!("`{key}` is no key of `#[{attribute}]`: {known}");
                return Err(Error::new(key.span(), text));
            }
            if keys.name.is_some() {
                return Err(Error::new(key.span(), "`name` stands here twice: one name is enough"));
            }
            if !input.peek(Token![=]) || !input.peek2(LitStr) {
                return Err(Error::new(key.span(), "expected `name = \"…\"`, with the name in quotes"));
            }
            input.parse::<Token![=]>()?;
            keys.name = Some(input.parse()?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(keys)
    }
}

/// Reads what stands behind a key that has no value.
fn read_flag(input: ParseStream<'_>, key: &Ident, flag: &mut bool) -> Result<()> {
    if std::mem::replace(flag, true) {
        return Err(Error::new(key.span(), format!("`{key}` stands here twice: once is enough")));
    }
    if input.is_empty() {
        return Ok(());
    }
    if !input.peek(Token![,]) {
        return Err(Error::new(key.span(), format!("`{key}` has no value: leave out what follows it")));
    }
    input.parse::<Token![,]>().map(drop)
}
