//! Judges an item: makes the model of a service, or says all that keeps it from being one.
//!
//! Every fault is found before any is reported, each points at its token, and each says the way out.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Generics, Ident, ImplItem, ItemImpl, ItemTrait,
    Lifetime, LitStr, Pat, PatType, Path, PathArguments, Receiver, ReceiverKind, ReturnType, Safety,
    Signature, TraitItem, Type, TypeImplTrait, TypeReference, Visibility, parse_quote,
};

use crate::model::{self, Argument, ArgumentKind, Handler, Method, Parameter, Reply, Service, bare, only};
use crate::parse::{Input, MethodKeys, Source};

/// The service that `input` is, without the methods that are at fault; `None` if the item itself is.
///
/// What is wrong goes into `faults`. What is left is written all the same, so that whoever names the server
/// or the client is not told that there is none.
pub(crate) fn check(input: &Input, faults: &mut Vec<Error>) -> Option<Service> {
    let mut check = Check {
        faults,
        handler_is_trait: matches!(input.source, Source::Trait(_)),
        is_hopeless: false,
        declared: Vec::new(),
    };
    let (mut service, mut judged) = match &input.source {
        Source::Trait(item) => check.service_of_trait(item, &input.item_keys),
        Source::Impl(item) => check.service_of_impl(item, &input.item_keys),
    };
    let name_span = input.keys.name.as_ref().map_or_else(|| service.ident.span(), LitStr::span);
    if let Some(name) = &input.keys.name {
        service.name = name.value();
    }
    check.names(&service, name_span, &mut judged);
    service.methods =
        judged.into_iter().filter(|judged| judged.is_sound).map(|judged| judged.method).collect();
    (!check.is_hopeless).then_some(service)
}

/// The longest `Service.Method`, in bytes: more is refused by servers as they come.
const NAME_LEN_MAX: usize = 255;

/// What a client has beside the trait's methods.
const TAKEN_BY_CLIENT: [&str; 4] = ["connect", "new", "named", "description"];

/// What a type gets beside the methods of its `impl` block.
const TAKEN_BY_SERVICE: &str = "description";

/// A method, and whether anything is wrong with it.
struct Judged {
    method: Method,
    is_sound: bool,
}

struct Check<'f> {
    faults: &'f mut Vec<Error>,
    handler_is_trait: bool,
    /// Whether the item could not be served even without its methods.
    is_hopeless: bool,
    /// The lifetimes of the method at hand: they are refused once, not wherever they are used.
    declared: Vec<Lifetime>,
}

impl Check<'_> {
    fn fault(&mut self, at: Span, text: impl std::fmt::Display) {
        self.faults.push(Error::new(at, text));
    }

    /// A fault of everything from the first to the last token of `at`.
    fn fault_over(&mut self, at: impl ToTokens, text: impl std::fmt::Display) {
        self.faults.push(Error::new_spanned(at, text));
    }

    fn service_of_trait(
        &mut self,
        item: &ItemTrait,
        item_keys: &[Option<MethodKeys>],
    ) -> (Service, Vec<Judged>) {
        let known = self.faults.len();
        if let Some(token) = item.unsafety {
            self.fault(token.span, "a service is a plain trait: leave out `unsafe`");
        }
        if let Some(token) = item.modifiers.auto_token {
            self.fault(token.span, "a service is a plain trait: leave out `auto`");
        }
        self.no_generics(&item.generics);
        self.is_hopeless = self.faults.len() > known;
        let mut methods = Vec::new();
        for (item, keys) in item.items.iter().zip(item_keys) {
            match item {
                TraitItem::Fn(method) => {
                    methods.extend(self.method(&method.sig, &method.attrs, keys.as_ref()));
                }
                TraitItem::Type(other) => self.only_methods(&other.ident),
                TraitItem::Const(other) => self.only_methods(&other.ident),
                other => self
                    .fault_over(other, "what a macro would write here cannot be seen: write the methods out"),
            }
        }
        let service = Service {
            handler: Handler::Trait,
            ident: item.ident.clone(),
            vis: item.vis.clone(),
            name: item.ident.unraw().to_string(),
            attributes: item.attrs.clone(),
            methods: Vec::new(),
        };
        (service, methods)
    }

    fn only_methods(&mut self, ident: &Ident) {
        self.fault(
            ident.span(),
            format!("a service has methods only: move `{ident}` to a trait that this one extends"),
        );
    }

    fn service_of_impl(
        &mut self,
        item: &ItemImpl,
        item_keys: &[Option<MethodKeys>],
    ) -> (Service, Vec<Judged>) {
        let known = self.faults.len();
        if let Some((path, _)) = &item.trait_ {
            self.fault_over(
                path,
                "`#[service]` stands on the trait itself, not on what implements it: move it there",
            );
        }
        self.no_generics(&item.generics);
        let ident = match bare(&item.self_ty) {
            Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.clone()),
            _ => None,
        };
        let ident = ident.unwrap_or_else(|| {
            self.fault_over(&item.self_ty, "a service is a type that has a name: wrap this one in a struct");
            Ident::new("Unnamed", item.self_ty.span())
        });
        self.is_hopeless = self.faults.len() > known;
        let mut methods = Vec::new();
        for (item, keys) in item.items.iter().zip(item_keys) {
            let ImplItem::Fn(method) = item else { continue };
            // Offered or not, there cannot be two.
            if method.sig.ident == TAKEN_BY_SERVICE {
                self.taken("service", &method.sig.ident, "Description");
                self.is_hopeless = true;
                continue;
            }
            let is_offered = matches!(method.vis, Visibility::Public(_)) && method.sig.receiver().is_some();
            if is_offered {
                methods.extend(self.method(&method.sig, &method.attrs, keys.as_ref()));
            } else if let Some(keys) = keys {
                self.fault(
                    keys.span,
                    format!(
                        "`{}` is not offered, so that it has no name on the wire: make it a `pub` method with `&self`, \
                         or leave out `#[method]`",
                        method.sig.ident
                    ),
                );
            }
        }
        let service = Service {
            handler: Handler::Type(item.self_ty.clone()),
            name: ident.unraw().to_string(),
            ident,
            vis: Visibility::Inherited,
            attributes: item.attrs.clone(),
            methods: Vec::new(),
        };
        (service, methods)
    }

    fn no_generics(&mut self, generics: &Generics) {
        if !generics.params.is_empty() {
            self.fault_over(
                &generics.params,
                "a service has no generics, because its name stands for one set of types: write the types \
                 themselves",
            );
        }
    }

    /// The method, unless so little of it is right that nothing more can be said.
    fn method(
        &mut self,
        signature: &Signature,
        attributes: &[Attribute],
        keys: Option<&MethodKeys>,
    ) -> Option<Judged> {
        let known = self.faults.len();
        self.plain_fn(signature);
        self.declared = signature.generics.lifetimes().map(|declared| declared.lifetime.clone()).collect();
        match signature.receiver() {
            None => {
                let ident = &signature.ident;
                self.fault(
                    ident.span(),
                    format!(
                        "`{ident}` has no `&self`: a method takes `&self`, because calls share one service"
                    ),
                );
            }
            Some(receiver) => self.receiver(receiver),
        }
        let mut parameters = Vec::new();
        let mut has_context = false;
        for input in &signature.inputs {
            let FnArg::Typed(input) = input else { continue };
            if is_context(&input.ty) {
                if has_context {
                    self.fault_over(input, "a call has one context: leave out the second");
                }
                has_context = true;
                parameters.push(Parameter::Context);
            } else {
                parameters.extend(self.argument(input).map(Box::new).map(Parameter::Argument));
            }
        }
        self.fields(&parameters);
        let reply = self.reply(&signature.output)?;
        let given = keys.and_then(|keys| keys.keys.name.as_ref());
        let method = Method {
            ident: signature.ident.clone(),
            name: given.map_or_else(|| model::wire_name(&signature.ident), LitStr::value),
            name_span: given.map_or_else(|| signature.ident.span(), LitStr::span),
            attributes: attributes.to_vec(),
            is_async: signature.asyncness.is_some(),
            is_idempotent: keys.is_some_and(|keys| keys.keys.is_idempotent),
            parameters,
            reply,
        };
        Some(Judged { method, is_sound: self.faults.len() == known })
    }

    fn plain_fn(&mut self, signature: &Signature) {
        let qualifiers: [(Option<TokenStream>, &str); 3] = [
            (signature.constness.map(ToTokens::into_token_stream), "const"),
            (
                matches!(signature.safety, Safety::Unsafe(_)).then(|| signature.safety.to_token_stream()),
                "unsafe",
            ),
            (signature.abi.as_ref().map(ToTokens::to_token_stream), "extern"),
        ];
        for (token, word) in qualifiers {
            if let Some(token) = token {
                self.fault_over(token, format!("a method is a plain `fn` or `async fn`: leave out `{word}`"));
            }
        }
        for parameter in &signature.generics.params {
            let text = match parameter {
                GenericParam::Lifetime(_) => {
                    "an argument lives as long as its call, so that a method has no lifetimes: leave them out, or \
                     write `'_`"
                }
                _ => {
                    "a method has no generics, because what crosses the wire has one type: write the type itself"
                }
            };
            self.fault_over(parameter, text);
        }
    }

    fn receiver(&mut self, receiver: &Receiver) {
        match &receiver.kind {
            // A lifetime of its own is refused where it is declared.
            ReceiverKind::Reference(_, _, None) => {}
            ReceiverKind::Reference(_, _, Some(_)) => self.fault_over(
                receiver,
                "a method takes `&self`, because calls share one service: keep what changes in a `Mutex`",
            ),
            _ => self.fault_over(receiver, "a method takes `&self`, because calls share one service"),
        }
    }

    fn argument(&mut self, input: &PatType) -> Option<Argument> {
        for attribute in only(&input.attrs, &["cfg"]) {
            self.fault_over(attribute, "an argument is always there: put `#[cfg]` on the whole method");
        }
        let ty = bare(&input.ty);
        let kind = match ty {
            Type::Reference(reference) if reference.mutability.is_none() => match bare(&reference.elem) {
                Type::Path(path) if path.path.is_ident("str") => Some(ArgumentKind::Text),
                Type::Slice(slice) if is_u8(&slice.elem) => Some(ArgumentKind::Bytes),
                _ => None,
            },
            Type::Reference(_) => None,
            _ => Some(ArgumentKind::Value),
        };
        if names_context(ty) {
            self.fault_over(ty, "a context is lent to be read, not to be changed: write `&Context`");
        } else if kind.is_none() {
            self.fault_over(ty, "arguments are owned, or `&str` or `&[u8]`: leave out the reference");
        } else {
            self.wire_type(ty, Place::Argument);
        }
        let ident = match &*input.pat {
            Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Some(name.ident.clone()),
            other => {
                self.fault_over(
                    other,
                    "a parameter is a plain name, because clients and the wire go by it: write `name: Type` and \
                     take it apart in the body",
                );
                None
            }
        };
        Some(Argument { ident: ident?, kind: kind?, ty: ty.clone() })
    }

    /// Several arguments are the fields of a struct, which Go tells apart by their names with a capital.
    fn fields(&mut self, parameters: &[Parameter]) {
        let mut known: Vec<(String, &Ident)> = Vec::new();
        for parameter in parameters {
            let Parameter::Argument(argument) = parameter else { continue };
            let (name, ident) = (model::wire_name(&argument.ident), &argument.ident);
            if let Some((_, other)) = known.iter().find(|(taken, _)| *taken == name) {
                self.fault(
                    ident.span(),
                    format!(
                        "to Go `{ident}` and `{other}` are one field, `{name}`: call one of them otherwise"
                    ),
                );
            }
            known.push((name, ident));
        }
    }

    fn reply(&mut self, output: &ReturnType) -> Option<Reply> {
        let ReturnType::Type(_, ty) = output else {
            return Some(Reply { ty: parse_quote!(()), is_result: false, span: output.span() });
        };
        let ty = bare(ty);
        let span = ty.span();
        if let Type::ImplTrait(future) = ty {
            self.fault_over(future, "a reply has one type: write it, and `async fn` where it comes later");
            return None;
        }
        let Some(result) = last_segment(ty).filter(|segment| segment.ident == "Result") else {
            self.wire_type(ty, Place::Reply);
            return Some(Reply { ty: ty.clone(), is_result: false, span });
        };
        let held = match &result.arguments {
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::Type(ty) => Some(bare(ty)),
                    _ => None,
                })
            }
            _ => None,
        };
        let Some(held) = held else {
            self.fault_over(
                ty,
                "this `Result` does not say what it holds: write `Result<T>`, or `Result<()>`",
            );
            return None;
        };
        self.wire_type(held, Place::Reply);
        Some(Reply { ty: held.clone(), is_result: true, span })
    }

    /// A type that crosses the wire: both ends have to know it by this name.
    fn wire_type(&mut self, ty: &Type, place: Place) {
        WireType { check: self, place }.visit_type(ty);
    }

    fn names(&mut self, service: &Service, name_span: Span, judged: &mut [Judged]) {
        let name_len = service.name.len();
        if name_len == 0 {
            self.fault(name_span, "the name of a service is empty: give it one, or leave out `name`");
        } else if name_len > NAME_LEN_MAX {
            self.fault(
                name_span,
                format!("a name of {name_len} bytes is over the limit of {NAME_LEN_MAX}: find a shorter one"),
            );
        }
        for number in 0..judged.len() {
            let known = self.faults.len();
            let (before, rest) = judged.split_at_mut(number);
            let Some(Judged { method, is_sound }) = rest.first_mut() else { break };
            self.wire_name(service, method);
            self.name_is_free(before.iter().map(|judged| &judged.method), method);
            *is_sound &= self.faults.len() == known;
        }
    }

    fn wire_name(&mut self, service: &Service, method: &Method) {
        let Method { name, name_span, .. } = method;
        if name.is_empty() {
            self.fault(*name_span, "the name of a method is empty: give it one by `#[method(name = \"…\")]`");
            return;
        }
        if name.contains('.') {
            self.fault(
                *name_span,
                format!("`{name}` has a dot, which on the wire ends the name of the service: leave it out"),
            );
            return;
        }
        let full_len = service.name.len() + 1 + name.len();
        if full_len > NAME_LEN_MAX && service.name.len() <= NAME_LEN_MAX {
            self.fault(
                *name_span,
                format!(
                    "with the name of the service and a dot, this one has {full_len} bytes, over the limit of \
                     {NAME_LEN_MAX}: find a shorter one"
                ),
            );
        }
    }

    fn name_is_free<'m>(&mut self, mut before: impl Iterator<Item = &'m Method>, method: &Method) {
        let Method { ident, name, name_span, .. } = method;
        // Of two methods that are there under conditions, only one may ever be.
        let is_conditional = |method: &Method| !method.conditions().is_empty();
        let twin = before.find(|other| {
            !name.is_empty() && other.name == *name && !(is_conditional(other) && is_conditional(method))
        });
        if let Some(twin) = twin {
            self.fault(
                *name_span,
                format!(
                    "`{name}` is the name of `{}` already: give one of them another by `#[method(name = \"…\")]`",
                    twin.ident
                ),
            );
        }
        if self.handler_is_trait && TAKEN_BY_CLIENT.iter().any(|taken| ident.unraw() == taken) {
            self.taken("client", ident, name);
        }
    }

    fn taken(&mut self, whose: &str, ident: &Ident, name: &str) {
        self.fault(
            ident.span(),
            format!(
                "every {whose} has a `{ident}` of its own: call the method otherwise, and keep its name on the \
                 wire by `#[method(name = \"{name}\")]`"
            ),
        );
    }
}

/// Where a type crosses the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Argument,
    Reply,
}

/// Looks for what has no meaning on the other side of a wire.
struct WireType<'c, 'f> {
    check: &'c mut Check<'f>,
    place: Place,
}

impl<'ast> Visit<'ast> for WireType<'_, '_> {
    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        let what = match self.place {
            Place::Argument => "an argument",
            Place::Reply => "a reply",
        };
        self.check.fault_over(ty, format!("{what} has one type on the wire: write it instead of `impl …`"));
    }

    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if self.place == Place::Reply {
            self.check.fault_over(
                reference,
                "a reply is owned, because it leaves after its method has ended: write `String` for `&str`, `Vec` \
                 for a slice",
            );
        } else {
            visit::visit_type_reference(self, reference);
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if self.check.declared.contains(lifetime) {
            return;
        }
        match self.place {
            Place::Argument if lifetime.ident != "_" => self.check.fault(
                lifetime.span(),
                format!("an argument lives as long as its call: leave out `{lifetime}`, or write `'_`"),
            ),
            Place::Reply if lifetime.ident != "static" => self.check.fault(
                lifetime.span(),
                "a reply is owned, because it leaves after its method has ended: borrow nothing in it",
            ),
            _ => {}
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(first) = path.segments.first()
            && first.ident == "Self"
        {
            self.check.fault(
                first.ident.span(),
                "what `Self` is cannot be seen from the other end of the wire: write the type's name",
            );
        }
        visit::visit_path(self, path);
    }
}

fn is_context(ty: &Type) -> bool {
    names_context(ty) && matches!(bare(ty), Type::Reference(reference) if reference.mutability.is_none())
}

/// Whether it is a reference to a `Context`, of either kind.
fn names_context(ty: &Type) -> bool {
    match bare(ty) {
        Type::Reference(reference) => {
            last_segment(bare(&reference.elem)).is_some_and(|segment| segment.ident == "Context")
        }
        _ => false,
    }
}

fn is_u8(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.is_ident("u8"))
}

fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}
