//! Which service answers to a name, and how often it was asked to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Code, Error, Result};
use crate::message::{Missing, split_method};
use crate::protocol::netrpc::page::{Listed, ListedMethod};
use crate::service::Service;

/// All services of a server. Made once; only the counts change.
#[derive(Default)]
pub(crate) struct Router {
    services: Vec<Registered>,
    /// `Service.Method` to its place.
    names: HashMap<Box<[u8]>, Route>,
    methods: Vec<Counted>,
}

struct Registered {
    name: Box<str>,
    service: Arc<dyn Service>,
}

struct Counted {
    full_name: Box<[u8]>,
    calls: AtomicU64,
}

/// The place of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The service's place in the router.
    pub(crate) service: usize,
    /// The method's place in the service's description.
    pub(crate) method: usize,
    /// The method's place among all methods of the server.
    index: usize,
}

impl Router {
    /// Adds a service under its own name or another.
    pub(crate) fn register(&mut self, name: Option<String>, service: Arc<dyn Service>) -> Result<()> {
        let description = service.description();
        let name = name.unwrap_or_else(|| description.name.to_owned());
        if name.is_empty() {
            return Err(Error::new(Code::InvalidArgument, "a service needs a name that is not empty"));
        }
        if self.services.iter().any(|known| *known.name == *name) {
            return Err(Error::new(
                Code::AlreadyExists,
                format!("a service named {name} is registered already: register one of them by another name"),
            ));
        }
        let place = self.services.len();
        for (method, described) in description.methods.iter().enumerate() {
            let full_name: Box<[u8]> = format!("{name}.{}", described.name).into_bytes().into();
            let route = Route { service: place, method, index: self.methods.len() };
            self.names.insert(full_name.clone(), route);
            self.methods.push(Counted { full_name, calls: AtomicU64::new(0) });
        }
        self.services.push(Registered { name: name.into(), service });
        Ok(())
    }

    /// The method that answers to `name`; `last` is tried before the table.
    #[inline]
    pub(crate) fn find(&self, name: &[u8], last: Option<Route>) -> Result<Route, Missing> {
        if let Some(route) = last
            && *self.full_name(route) == *name
        {
            return Ok(route);
        }
        self.names.get(name).copied().ok_or_else(|| self.missing(name))
    }

    #[cold]
    fn missing(&self, name: &[u8]) -> Missing {
        match split_method(name) {
            None => Missing::Dot,
            Some((service, _)) if self.services.iter().any(|it| it.name.as_bytes() == service) => {
                Missing::Method
            }
            Some(_) => Missing::Service,
        }
    }

    /// `Service.Method` of a route.
    #[inline]
    pub(crate) fn full_name(&self, route: Route) -> &[u8] {
        self.methods.get(route.index).map(|method| &*method.full_name).unwrap_or_default()
    }

    /// Counts a call that is started.
    #[inline]
    pub(crate) fn count(&self, route: Route) {
        if let Some(method) = self.methods.get(route.index) {
            method.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The service of a route.
    pub(crate) fn service(&self, route: Route) -> Option<&Arc<dyn Service>> {
        self.services.get(route.service).map(|registered| &registered.service)
    }

    /// How many services there are.
    pub(crate) fn len(&self) -> usize {
        self.services.len()
    }

    /// How often each `Service.Method` has been started.
    pub(crate) fn calls(&self) -> Vec<(String, u64)> {
        let counted = |method: &Counted| {
            let name = String::from_utf8_lossy(&method.full_name).into_owned();
            (name, method.calls.load(Ordering::Relaxed))
        };
        self.methods.iter().map(counted).collect()
    }

    /// Everything that is offered, for a page.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let mut counts = self.methods.iter().map(|method| method.calls.load(Ordering::Relaxed));
        let type_name = |shape: &crate::codec::Shape| match shape.schema() {
            Ok(schema) => schema.to_string(),
            // A type without a gob form cannot be called here; the page says so and goes on.
            Err(_) => shape.rust_name().to_owned(),
        };
        self.services
            .iter()
            .map(|registered| Listed {
                service: registered.name.to_string(),
                methods: (registered.service.description().methods.iter())
                    .map(|method| ListedMethod {
                        name: method.name.to_owned(),
                        argument: type_name(method.argument),
                        reply: type_name(method.reply),
                        calls: counts.next().unwrap_or(0),
                    })
                    .collect(),
            })
            .collect()
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.services.iter().map(|registered| &registered.name)).finish()
    }
}
