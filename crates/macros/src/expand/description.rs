//! Writes what is offered: one static description, and a static shape for each argument and reply.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Ident, Lifetime};

use super::Expansion;
use crate::model;

impl Expansion {
    /// `__DESCRIPTION`, and the shapes that it and the server name.
    pub(super) fn description(&self) -> TokenStream {
        let Self { private, service } = self;
        let name = &service.name;
        let doc = model::doc(&service.attributes);
        let forever = Lifetime::new("'static", Span::call_site());
        let mut shapes = TokenStream::new();
        let mut methods = Vec::new();
        for (number, method) in service.methods.iter().enumerate() {
            let conditions = method.conditions();
            let (argument, reply) = (argument_shape(number), reply_shape(number));
            let argument_type = self.argument_type(number, method, &forever);
            let reply_type = &method.reply.ty;
            shapes.extend(quote! {
                #(#conditions)*
                static #argument: #private::Shape = #private::Shape::of::<#argument_type>();
                #(#conditions)*
                static #reply: #private::Shape = #private::Shape::of::<#reply_type>();
            });
            let method_name = &method.name;
            let full_name = format!("{name}.{method_name}");
            let rust_name = method.ident.unraw().to_string();
            let doc = model::doc(&method.attributes);
            let is_idempotent = method.is_idempotent;
            methods.push(quote! {
                #(#conditions)*
                #private::Method {
                    name: #method_name,
                    full_name: #full_name,
                    rust_name: #rust_name,
                    doc: #doc,
                    argument: &#argument,
                    reply: &#reply,
                    is_idempotent: #is_idempotent,
                }
            });
        }
        quote! {
            #shapes
            static __DESCRIPTION: #private::Description = #private::Description {
                name: #name,
                doc: #doc,
                methods: &[#(#methods),*],
            };
        }
    }

    /// `description()`, which clients and servers have alike.
    pub(super) fn description_fn(&self, vis: &syn::Visibility) -> TokenStream {
        let Self { private, .. } = self;
        quote! {
            /// What is offered: the names, the words and the types of the service.
            #[must_use]
            #vis fn description() -> &'static #private::Description {
                &__DESCRIPTION
            }
        }
    }
}

fn argument_shape(number: usize) -> Ident {
    format_ident!("__ARGUMENT_{number}")
}

pub(super) fn reply_shape(number: usize) -> Ident {
    format_ident!("__REPLY_{number}")
}
