//! Writes the answering side: `ArithServer`, and how it runs the method that a request names.
//!
//! All methods share one future, whose type is the union of theirs; the argument is read inside it, so that
//! it may borrow from the request. Methods that need no future have none.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Lifetime, Visibility, parse_quote};

use super::description::reply_shape;
use super::{Expansion, at, parameter, place, variant};
use crate::model::{ArgumentKind, Handler, Method, Parameter};

impl Expansion {
    /// `ArithServer`.
    pub(super) fn server_type(&self) -> TokenStream {
        let trait_ident = &self.service.ident;
        let vis = self.vis();
        let server = self.beside("Server");
        let doc = format!("Serves a handler, which is anything that implements [`{trait_ident}`].");
        let conditions = self.conditions();
        quote! {
            #conditions
            #[doc = #doc]
            #vis struct #server<T>(::std::sync::Arc<T>);
        }
    }

    /// What the server can do, and how it answers.
    pub(super) fn server(&self) -> TokenStream {
        let own = match &self.service.handler {
            Handler::Trait => self.server_methods(),
            Handler::Type(ty) => {
                let description = self.description_fn(&parse_quote!(pub));
                quote! {
                    #[allow(unreachable_pub)]
                    impl #ty { #description }
                }
            }
        };
        let reply = self.reply_type();
        let dispatch = self.dispatch();
        quote!(#own #reply #dispatch)
    }

    fn server_methods(&self) -> TokenStream {
        let trait_ident = &self.service.ident;
        let vis = self.vis();
        let server = self.beside("Server");
        let server_name = server.to_string();
        let description = self.description_fn(&vis);
        quote! {
            // Names the server, and by it the trait: one that is private and only called is in use all the same.
            const _: usize = ::core::mem::size_of::<#server<()>>();

            impl<T: #trait_ident> #server<T> {
                /// Serves `handler`.
                #[must_use]
                #vis fn new(handler: T) -> Self {
                    Self(::std::sync::Arc::new(handler))
                }

                /// Serves a handler that others hold too.
                #[must_use]
                #vis fn shared(handler: ::std::sync::Arc<T>) -> Self {
                    Self(handler)
                }

                #description
            }

            #[automatically_derived]
            impl<T> ::core::clone::Clone for #server<T> {
                fn clone(&self) -> Self {
                    Self(::std::sync::Arc::clone(&self.0))
                }
            }

            #[automatically_derived]
            impl<T> ::core::fmt::Debug for #server<T> {
                fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::DebugTuple::finish_non_exhaustive(&mut ::core::fmt::Formatter::debug_tuple(
                        __f,
                        #server_name,
                    ))
                }
            }
        }
    }

    /// `__Reply`, with a place for what each method answers.
    fn reply_type(&self) -> TokenStream {
        let Self { private, service } = self;
        let (vis, allowed): (Visibility, _) = match service.handler {
            Handler::Trait => (self.vis(), None),
            // Whether the type is public cannot be seen from its `impl` block.
            Handler::Type(_) => {
                (parse_quote!(pub), Some(quote!(#[allow(unreachable_pub, private_interfaces)])))
            }
        };
        let variants = self.with_future().map(|(number, method)| {
            let conditions = method.conditions();
            let variant = variant(number);
            let ty = &method.reply.ty;
            quote!(#(#conditions)* #variant(::core::result::Result<#ty, #private::Error>))
        });
        quote! {
            /// What the method that ran has answered.
            #[doc(hidden)]
            #allowed
            #vis enum __Reply {
                #(#variants,)*
                /// The request named none of the methods.
                Nothing,
            }
        }
    }

    fn with_future(&self) -> impl Iterator<Item = (usize, &Method)> {
        self.service.methods.iter().enumerate().filter(|(_, method)| !method.is_immediate())
    }

    fn dispatch(&self) -> TokenStream {
        let Self { private, service } = self;
        let (generics, ty, handler) = match &service.handler {
            Handler::Trait => {
                let (trait_ident, server) = (&service.ident, self.beside("Server"));
                (quote!(<__T: #trait_ident>), quote!(#server<__T>), quote!(&*__kit.service.0))
            }
            Handler::Type(ty) => (TokenStream::new(), quote!(#ty), quote!(&*__kit.service)),
        };
        let runs = self.with_future().map(|(number, method)| {
            let conditions = method.conditions();
            let (place, variant) = (place(number), variant(number));
            let run = self.run(number, method, &quote!(__handler), &quote!(__kit.body()));
            quote!(#(#conditions)* #place => __Reply::#variant(#run))
        });
        let run = if self.with_future().next().is_some() {
            quote! {
                let __handler = #handler;
                let __reply = match __kit.method {
                    #(#runs,)*
                    _ => __Reply::Nothing,
                };
                (__kit, __reply)
            }
        } else {
            quote!((__kit, __Reply::Nothing))
        };
        let written = self.with_future().map(|(number, method)| {
            let conditions = method.conditions();
            let variant = variant(number);
            let put = self.put(number, method, &quote!(__reply));
            quote!(#(#conditions)* __Reply::#variant(__reply) => #put)
        });
        let now = self.now();
        quote! {
            #[automatically_derived]
            impl #generics #private::Dispatch for #ty {
                type Reply = __Reply;

                fn description(&self) -> &'static #private::Description {
                    &__DESCRIPTION
                }

                async fn dispatch(
                    __kit: ::std::boxed::Box<#private::Kit<Self>>,
                ) -> (::std::boxed::Box<#private::Kit<Self>>, __Reply) {
                    #run
                }

                #[inline]
                fn encode(
                    __reply: __Reply,
                    __sink: &mut #private::Sink<'_>,
                ) -> ::core::result::Result<(), #private::Error> {
                    match __reply {
                        #(#written,)*
                        __Reply::Nothing => {
                            ::core::result::Result::Err(#private::Error::new(
                                #private::Code::Unimplemented,
                                "the service has no such method",
                            ))
                        }
                    }
                }

                #now
            }
        }
    }

    /// The methods that are answered where the request lies.
    fn now(&self) -> TokenStream {
        let Self { private, service } = self;
        let immediate: Vec<_> =
            service.methods.iter().enumerate().filter(|(_, method)| method.is_immediate()).collect();
        if immediate.is_empty() {
            return TokenStream::new();
        }
        let handler = match service.handler {
            Handler::Trait => quote!(&*self.0),
            Handler::Type(_) => quote!(self),
        };
        let runs = immediate.into_iter().map(|(number, method)| {
            let conditions = method.conditions();
            let place = place(number);
            let run = self.run(number, method, &quote!(__handler), &quote!(__request.body));
            let put = self.put(number, method, &quote!(__reply));
            quote! {
                #(#conditions)*
                #place => {
                    let __reply: ::core::result::Result<_, #private::Error> = #run;
                    ::core::option::Option::Some(#put)
                }
            }
        });
        quote! {
            #[inline]
            fn now(
                &self,
                __request: &#private::Request<'_>,
                __sink: &mut #private::Sink<'_>,
            ) -> ::core::option::Option<::core::result::Result<(), #private::Error>> {
                let __handler = #handler;
                match __request.method {
                    #(#runs,)*
                    _ => ::core::option::Option::None,
                }
            }
        }
    }

    /// Reads the argument from `body` and runs the method: a `Result` of the reply.
    fn run(&self, number: usize, method: &Method, handler: &TokenStream, body: &TokenStream) -> TokenStream {
        let arguments = method.arguments();
        if arguments.is_empty() {
            return self.call(method, handler, &[]);
        }
        let elided: Lifetime = parse_quote!('_);
        let ty = self.argument_type(number, method, &elided);
        let span = at(arguments[0].ty.span());
        // The body is gone before the method begins, and takes no room in its future.
        let decoded = quote_spanned!(span=> { let __body = #body; __body.decode::<#ty>() });
        let values: Vec<_> = match arguments[..] {
            [argument] => vec![unwrapped(argument.kind, quote!(__argument))],
            _ => {
                let field = |ident: &Ident| quote!(__argument.#ident);
                arguments
                    .iter()
                    .map(|argument| unwrapped(argument.kind, field(&parameter(argument))))
                    .collect()
            }
        };
        let call = self.call(method, handler, &values);
        quote! {
            match #decoded {
                ::core::result::Result::Ok(__argument) => #call,
                ::core::result::Result::Err(__error) => ::core::result::Result::Err(__error),
            }
        }
    }

    fn call(&self, method: &Method, handler: &TokenStream, values: &[TokenStream]) -> TokenStream {
        let ident = &method.ident;
        let path = match &self.service.handler {
            Handler::Trait => {
                let trait_ident = &self.service.ident;
                quote!(<__T as #trait_ident>::#ident)
            }
            Handler::Type(ty) => quote!(<#ty>::#ident),
        };
        let mut values = values.iter();
        let given = method.parameters.iter().map(|parameter| match parameter {
            Parameter::Context => quote!(&__kit.context),
            Parameter::Argument(_) => values.next().cloned().unwrap_or_default(),
        });
        let awaited = method.is_async.then(|| quote!(.await));
        let called = quote!(#path(#handler, #(#given),*)#awaited);
        if method.reply.is_result {
            quote_spanned! {at(method.reply.span)=>
                ::core::result::Result::map_err(#called, ::core::convert::Into::into)
            }
        } else {
            quote!(::core::result::Result::Ok(#called))
        }
    }

    /// Writes `reply`, a `Result`, into the sink.
    fn put(&self, number: usize, method: &Method, reply: &TokenStream) -> TokenStream {
        let shape = reply_shape(number);
        let ty = &method.reply.ty;
        let put = quote_spanned!(at(ty.span())=> __sink.put::<#ty>(&__value, &#shape));
        quote! {
            match #reply {
                ::core::result::Result::Ok(__value) => #put,
                ::core::result::Result::Err(__error) => ::core::result::Result::Err(__error),
            }
        }
    }
}

fn unwrapped(kind: ArgumentKind, value: TokenStream) -> TokenStream {
    match kind {
        ArgumentKind::Bytes | ArgumentKind::Text => quote!(&*#value.0),
        ArgumentKind::Value => value,
    }
}
