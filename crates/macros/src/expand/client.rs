//! Writes the calling side: `ArithClient`, with a method for each method.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse_quote;
use syn::spanned::Spanned;

use super::{Expansion, argument_ident, at, call_lifetime, parameter, place};
use crate::model::{ArgumentKind, Method, only, with_lifetime};

impl Expansion {
    /// `ArithClient`.
    pub(super) fn client_type(&self) -> TokenStream {
        let Self { private, service } = self;
        let vis = self.vis();
        let client = self.beside("Client");
        let doc = format!("Calls the methods of [`{}`] on a server.", service.ident);
        let conditions = self.conditions();
        quote! {
            #conditions
            #[doc = #doc]
            #[derive(::core::clone::Clone, ::core::fmt::Debug)]
            #vis struct #client(#private::Stub);
        }
    }

    /// How a client is made, and its methods.
    pub(super) fn client(&self) -> TokenStream {
        let Self { private, service } = self;
        let vis = self.vis();
        let client = self.beside("Client");
        let description = self.description_fn(&vis);
        let methods =
            service.methods.iter().enumerate().map(|(number, method)| self.client_method(number, method));
        let is_one = |method: &Method| method.arguments().len() == 1;
        let sent = service.methods.iter().any(is_one).then(|| {
            quote! {
                /// Tells at the argument's type, not at every call, that it cannot be sent.
                #[inline]
                fn __sent<__T: #private::serde::Serialize>(__argument: __T) -> __T {
                    __argument
                }
            }
        });
        quote! {
            #sent

            impl #client {
                /// Connects to the server at `address`.
                ///
                /// # Errors
                ///
                /// If there is no connection to be had; the error says how far it came.
                #vis async fn connect(
                    address: impl #private::IntoAddress,
                ) -> ::core::result::Result<Self, #private::Error> {
                    ::core::result::Result::map(#private::Stub::connect(address, &__DESCRIPTION).await, Self)
                }

                /// Calls over `client`.
                #[must_use]
                #vis fn new(client: impl ::core::convert::Into<#private::Client>) -> Self {
                    Self(#private::Stub::new(client, &__DESCRIPTION))
                }

                /// Calls over `client` a service that has another name there.
                #[must_use]
                #vis fn named(client: impl ::core::convert::Into<#private::Client>, service: &str) -> Self {
                    Self(#private::Stub::named(client, &__DESCRIPTION, service))
                }

                #description

                #(#methods)*
            }
        }
    }

    fn client_method(&self, number: usize, method: &Method) -> TokenStream {
        let Self { private, service } = self;
        let carried = only(&method.attributes, &["cfg", "deprecated", "doc"]);
        let is_documented = carried.iter().any(|attribute| attribute.path().is_ident("doc"));
        let doc = (!is_documented).then(|| {
            let doc = format!("Calls `{}.{}`.", service.name, method.name);
            quote!(#[doc = #doc])
        });
        let vis = self.vis();
        let mut ident = method.ident.clone();
        ident.set_span(at(ident.span()));
        let lifetime = call_lifetime();
        let (generics, borrow, of_call) = if method.borrows() {
            (quote!(<#lifetime>), quote!(#lifetime), lifetime.clone())
        } else {
            (TokenStream::new(), TokenStream::new(), parse_quote!('_))
        };
        let arguments = method.arguments();
        let parameters = arguments.iter().map(|argument| {
            let ident = parameter(argument);
            let ty = with_lifetime(&argument.ty, &lifetime);
            quote!(#ident: #ty)
        });
        let mut values = arguments.iter().map(|argument| {
            let ident = parameter(argument);
            match argument.kind {
                ArgumentKind::Bytes => quote!(#private::Bytes::of(#ident)),
                ArgumentKind::Text => quote!(#private::Text::of(#ident)),
                ArgumentKind::Value => quote!(#ident),
            }
        });
        let value = match arguments[..] {
            [] => quote!(()),
            [argument] => {
                let (ty, value) = (self.wire_type(argument, &lifetime), values.next());
                quote_spanned!(at(argument.ty.span())=> __sent::<#ty>(#value))
            }
            _ => {
                let sent = argument_ident(number, method);
                let fields = arguments.iter().map(|argument| parameter(argument));
                quote!(#sent { #(#fields: #values),* })
            }
        };
        let argument_type = self.argument_type(number, method, &lifetime);
        let reply_type = &method.reply.ty;
        let place = place(number);
        quote_spanned! {ident.span()=>
            #doc
            #(#carried)*
            #vis fn #ident #generics(
                &#borrow self,
                #(#parameters,)*
            ) -> #private::Call<#of_call, #argument_type, #reply_type> {
                self.0.call(#place, #value)
            }
        }
    }
}
