//! Writes the item out again, and behind it what serves and calls it.
//!
//! What users name is written beside the item; all else stands in a block without a name, where its own
//! names, which begin with two underscores, meet nobody's; only parameters that users read about have plain
//! ones. Every path is absolute. Generated tokens have the item's places but not its origin, so that errors
//! point at the item and lints leave them alone.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Error, Ident, ItemTrait, Lifetime, ReturnType, TraitItem, Visibility, parse_quote, parse2};

use crate::check::check;
use crate::model::{self, ArgumentKind, Handler, Method, Service};
use crate::parse::{self, Source};

mod client;
mod description;
mod server;

/// What `#[service(keys)]` makes of `item`.
pub(crate) fn service(keys: TokenStream, item: TokenStream) -> TokenStream {
    let mut faults = Vec::new();
    let input = match parse::read(keys, item.clone(), &mut faults) {
        Ok(input) => input,
        Err(fault) => {
            faults.push(fault);
            return with_faults(item, faults);
        }
    };
    let service = check(&input, &mut faults);
    let item = match input.source {
        Source::Trait(item) => as_futures(item).into_token_stream(),
        // To be `pub` means to be offered here, whoever else may reach the type.
        Source::Impl(item) => quote!(#[allow(unreachable_pub)] #item),
    };
    let written = service.map(|service| Expansion { private: private(), service }.write());
    with_faults(quote!(#item #written), faults)
}

fn with_faults(item: TokenStream, faults: Vec<Error>) -> TokenStream {
    let faults = faults.iter().map(Error::to_compile_error);
    quote!(#item #(#faults)*)
}

/// The trait with futures that can be sent between threads, and a handler that calls can share.
fn as_futures(mut item: ItemTrait) -> ItemTrait {
    item.colon_token.get_or_insert_default();
    item.supertraits.push(parse_quote!(::core::marker::Send));
    item.supertraits.push(parse_quote!(::core::marker::Sync));
    item.supertraits.push(parse_quote!('static));
    for method in &mut item.items {
        let TraitItem::Fn(method) = method else {
            continue;
        };
        if method.sig.asyncness.take().is_none() {
            continue;
        }
        let output = match &method.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => ty.to_token_stream(),
        };
        method.sig.output =
            parse_quote!(-> impl ::core::future::Future<Output = #output> + ::core::marker::Send);
        if let Some(body) = &method.default {
            method.default = Some(parse_quote!({ async move #body }));
        }
    }
    item
}

/// Where generated code finds what it names.
fn private() -> TokenStream {
    match crate_name("ferrywire") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            quote!(::#name::private)
        }
        // The library's own tests and examples know it by its name; whoever has it by a third crate must too.
        Ok(FoundCrate::Itself) | Err(_) => quote!(::ferrywire::private),
    }
}

/// The place of `span`, but written by us: paths are looked up, and lints judged, as of generated code.
fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// A service on its way to text.
struct Expansion {
    /// The path of what generated code may name.
    private: TokenStream,
    service: Service,
}

impl Expansion {
    fn write(&self) -> TokenStream {
        let conditions = self.conditions();
        // Who calls what is deprecated is told; what passes the call on is not.
        let allowed = self.is_deprecated().then(|| quote!(#[allow(deprecated)]));
        let (places, argument_types, description) =
            (self.places(), self.argument_types(), self.description());
        let server = self.server();
        let (server_type, client_type, client) = match self.service.handler {
            Handler::Trait => (self.server_type(), self.client_type(), self.client()),
            Handler::Type(_) => Default::default(),
        };
        quote! {
            #server_type
            #client_type

            #conditions
            #allowed
            const _: () = {
                #places
                #argument_types
                #description
                #server
                #client
            };
        }
    }

    /// The `#[cfg]`s of the item, which stand before all that is written for it.
    fn conditions(&self) -> TokenStream {
        let conditions = model::only(&self.service.attributes, &["cfg"]);
        quote!(#(#conditions)*)
    }

    fn is_deprecated(&self) -> bool {
        let methods = self.service.methods.iter().map(|method| &method.attributes);
        methods
            .chain([&self.service.attributes])
            .any(|attributes| !model::only(attributes, &["deprecated"]).is_empty())
    }

    /// The visibility of a type or function that is used as the trait is.
    fn vis(&self) -> Visibility {
        match &self.service.vis {
            Visibility::Public(token) => Visibility::Public(syn::Token![pub](at(token.span))),
            other => other.clone(),
        }
    }

    /// A name beside the trait's own, such as `ArithServer`.
    fn beside(&self, suffix: &str) -> Ident {
        let ident = &self.service.ident;
        format_ident!("{ident}{suffix}", span = at(ident.span()))
    }

    /// `__PLACE_0` and so on: each method's place in the description, which `#[cfg]` may shift.
    fn places(&self) -> TokenStream {
        if self.service.methods.is_empty() {
            return TokenStream::new();
        }
        let conditions: Vec<_> = self.service.methods.iter().map(Method::conditions).collect();
        let variants: Vec<_> = (0..conditions.len()).map(variant).collect();
        let places = (0..conditions.len()).map(place);
        quote! {
            enum __Place { #(#(#conditions)* #variants,)* }
            #(#(#conditions)* const #places: usize = __Place::#variants as usize;)*
        }
    }

    /// The structs in which several arguments travel.
    fn argument_types(&self) -> TokenStream {
        let methods = self.service.methods.iter().enumerate();
        methods
            .filter(|(_, method)| method.arguments().len() > 1)
            .map(|(number, method)| self.argument_struct(number, method))
            .collect()
    }

    fn argument_struct(&self, number: usize, method: &Method) -> TokenStream {
        let Self { private, .. } = self;
        let conditions = method.conditions();
        let vis = self.vis();
        let ident = argument_ident(number, method);
        let name = format!("{}Args", method.name);
        let serde = quote!(#private::serde).to_string().replace(' ', "");
        let lifetime = call_lifetime();
        let lifetimes = method.borrows().then(|| quote!(<#lifetime>));
        let fields = method.arguments().into_iter().map(|argument| {
            let ident = parameter(argument);
            let ty = self.wire_type(argument, &lifetime);
            let borrow = argument.borrows().then(|| quote!(#[serde(borrow)]));
            let unraw = syn::ext::IdentExt::unraw(&ident).to_string();
            // Go leaves out what does not begin with a letter.
            let plain = unraw.trim_start_matches('_');
            let rename = (plain != unraw && !plain.is_empty()).then(|| quote!(#[serde(rename = #plain)]));
            quote!(#borrow #rename #ident: #ty)
        });
        quote! {
            #(#conditions)*
            #[doc(hidden)]
            #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
            #[serde(crate = #serde, rename = #name)]
            #vis struct #ident #lifetimes { #(#fields),* }
        }
    }

    /// The type that crosses the wire to the method.
    fn argument_type(&self, number: usize, method: &Method, lifetime: &Lifetime) -> TokenStream {
        match method.arguments()[..] {
            [] => quote!(()),
            [argument] => self.wire_type(argument, lifetime),
            _ => {
                let ident = argument_ident(number, method);
                let lifetimes = method.borrows().then(|| quote!(<#lifetime>));
                quote!(#ident #lifetimes)
            }
        }
    }

    fn wire_type(&self, argument: &model::Argument, lifetime: &Lifetime) -> TokenStream {
        match argument.kind {
            ArgumentKind::Bytes | ArgumentKind::Text => {
                let Self { private, .. } = self;
                let ty = match argument.kind {
                    ArgumentKind::Bytes => quote!(Bytes),
                    _ => quote!(Text),
                };
                quote!(#private::#ty<#lifetime>)
            }
            ArgumentKind::Value => model::with_lifetime(&argument.ty, lifetime).into_token_stream(),
        }
    }
}

fn variant(number: usize) -> Ident {
    format_ident!("M{number}")
}

fn place(number: usize) -> Ident {
    format_ident!("__PLACE_{number}")
}

/// `__MulArgs`, or a number where the name on the wire is none in Rust.
fn argument_ident(number: usize, method: &Method) -> Ident {
    let named = format!("__{}Args", method.name);
    parse2(named.parse().unwrap_or_default()).unwrap_or_else(|_| format_ident!("__{number}Args"))
}

/// The name of an argument, as ours: that `_name` is used here is no fault of its author.
fn parameter(argument: &model::Argument) -> Ident {
    let mut ident = argument.ident.clone();
    ident.set_span(at(ident.span()));
    ident
}

/// No method has a lifetime of its own that this could meet.
fn call_lifetime() -> Lifetime {
    Lifetime::new("'call", Span::call_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items that are written for `item`, by kind and name.
    fn written_for(item: &str) -> Vec<String> {
        let item = item.parse().unwrap();
        let file: syn::File = syn::parse2(service(TokenStream::new(), item)).unwrap();
        let name = |item: &syn::Item| match item {
            syn::Item::Trait(item) => format!("trait {}", item.ident),
            syn::Item::Struct(item) => format!("struct {}", item.ident),
            syn::Item::Impl(item) => format!("impl {}", item.self_ty.to_token_stream()),
            syn::Item::Const(item) => format!("const {}", item.ident),
            syn::Item::Macro(item) => format!("{}!", item.mac.path.segments.last().unwrap().ident),
            other => panic!("nothing else is written, but {other:?}"),
        };
        file.items.iter().map(name).collect()
    }

    #[test]
    fn a_trait_is_followed_by_two_types_and_a_block_without_a_name() {
        let written = written_for("pub trait Arith { async fn mul(&self, a: i64, b: i64) -> i64; }");

        assert_eq!(written, ["trait Arith", "struct ArithServer", "struct ArithClient", "const _"]);
    }

    #[test]
    fn an_impl_block_is_followed_by_a_block_without_a_name() {
        let written = written_for("impl Calculator { pub fn mul(&self, a: i64, b: i64) -> i64 { a * b } }");

        assert_eq!(written, ["impl Calculator", "const _"]);
    }

    #[test]
    fn a_faulty_trait_has_its_types_all_the_same_and_an_error_for_each_fault() {
        let written = written_for("trait Arith { async fn mul(&mut self, a: &i64) -> &i64; type Number; }");

        assert_eq!(written[..4], ["trait Arith", "struct ArithServer", "struct ArithClient", "const _"]);
        assert_eq!(written[4..], ["compile_error!"; 4]);
    }

    #[test]
    fn a_trait_that_cannot_be_served_at_all_is_given_back_alone() {
        let written = written_for("trait Store<K> { async fn put(&self, key: u8) -> u8; }");

        assert_eq!(written, ["trait Store", "compile_error!"]);
    }

    #[test]
    fn futures_of_a_trait_can_be_sent_and_its_handlers_shared() {
        let item: ItemTrait = parse_quote!(
            trait Arith: Named {
                async fn one(&self) -> u8 {
                    1
                }
                fn two(&self) -> u8;
            }
        );

        let expected: ItemTrait = parse_quote! {
            trait Arith: Named + ::core::marker::Send + ::core::marker::Sync + 'static {
                fn one(&self) -> impl ::core::future::Future<Output = u8> + ::core::marker::Send {
                    async move { 1 }
                }
                fn two(&self) -> u8;
            }
        };
        assert_eq!(as_futures(item), expected);
    }
}
