//! Which service answers to a name, and how often it was asked to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::description::Method;
use crate::error::{Code, Error, Result};
use crate::message::{Missing, split_method};
use crate::protocol::Offer;
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
    route: Route,
    calls: AtomicU64,
    /// How many calls from now on run as tasks, because the method was seen to hold up its connection; or
    /// [`SUSPECT`].
    spawns: AtomicU32,
}

/// How a call is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// By its connection.
    Inline,
    /// By its connection, and the time it takes is to be noted.
    Watched,
    /// As a task.
    Spawned,
}

/// A method that runs longer than this at a stretch is run as a task: the calls behind it on its connection
/// would wait, while a task costs a tenth of this.
const STRETCH_MAX: Duration = Duration::from_micros(50);

/// A method that runs longer than this is run as a task at once; below, the first time may have been bad
/// luck: a machine that was busy with something else.
const STRETCH_FORGIVEN: Duration = Duration::from_millis(10);

/// After so many calls that did not, it is run by its connection again.
const SPAWNS: u32 = 64;

/// The method was seen once to take long: its next call is watched.
const SUSPECT: u32 = u32::MAX;

/// The place of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The service's place in the router.
    pub(crate) service: u32,
    /// The method's place in the service's description.
    pub(crate) method: u32,
    /// The method's place among all methods of the server.
    index: u32,
}

/// How often one connection has called a method in a row. Others learn of it now and then: to tell them each time
/// would cost as much as a tenth of a call.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The method's place and one; zero if none has been called.
    place: u32,
    /// All of its calls, as far as this connection knows.
    calls: u64,
    /// Those that others have not been told of.
    untold: u64,
}

impl Router {
    /// Everything that is offered, in the order of its registration.
    pub(crate) fn offers(&self) -> impl Iterator<Item = Offer<'_>> {
        self.services.iter().map(|it| Offer { name: &it.name, description: it.service.description() })
    }

    /// The method at this place among all.
    #[inline]
    pub(crate) fn at(&self, number: u16) -> Option<Route> {
        self.methods.get(usize::from(number)).map(|method| method.route)
    }

    /// What a method is described as.
    pub(crate) fn described(&self, route: Route) -> Option<&Method> {
        let service = &self.services.get(route.service as usize)?.service;
        service.description().methods.get(route.method as usize)
    }

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
        let place = self.services.len() as u32;
        for (method, described) in description.methods.iter().enumerate() {
            learn(described);
            let full_name: Box<[u8]> = format!("{name}.{}", described.name).into_bytes().into();
            let route = Route { service: place, method: method as u32, index: self.methods.len() as u32 };
            self.names.insert(full_name.clone(), route);
            let (calls, spawns) = (AtomicU64::new(0), AtomicU32::new(0));
            self.methods.push(Counted { full_name, route, calls, spawns });
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
        self.methods.get(route.index as usize).map(|method| &*method.full_name).unwrap_or_default()
    }

    /// Counts a call that is started, and says how to run it.
    ///
    /// The first calls of a method are watched, and then one in 64: reading a clock for each would be felt.
    #[inline]
    pub(crate) fn count(&self, tally: &mut Tally, route: Route) -> Run {
        let Some(method) = self.methods.get(route.index as usize) else {
            return Run::Inline;
        };
        if tally.place != route.index + 1 {
            self.begin_tally(tally, method);
        }
        let calls = tally.calls;
        tally.calls += 1;
        tally.untold += 1;
        match method.spawns.load(Ordering::Relaxed) {
            0 if calls >= 8 && !calls.is_multiple_of(64) => Run::Inline,
            0 | SUSPECT => Run::Watched,
            _ => Run::Spawned,
        }
    }

    /// Counts calls of another method than before.
    #[cold]
    fn begin_tally(&self, tally: &mut Tally, method: &Counted) {
        self.tell(tally);
        tally.place = method.route.index + 1;
        tally.calls = method.calls.load(Ordering::Relaxed);
    }

    /// Adds a connection's calls to those of all.
    #[inline]
    pub(crate) fn tell(&self, tally: &mut Tally) {
        if tally.untold > 0
            && let Some(method) = self.methods.get(tally.place.wrapping_sub(1) as usize)
        {
            method.calls.fetch_add(tally.untold, Ordering::Relaxed);
            tally.untold = 0;
        }
    }

    /// A call has run for so long at a stretch, in which it read or wrote so many bytes.
    #[inline]
    pub(crate) fn note_time(&self, route: Route, stretch: Duration, bytes: usize) {
        let Some(method) = self.methods.get(route.index as usize) else {
            return;
        };
        // Bytes take their time wherever they are handled: a microsecond for a KiB is granted.
        let granted = STRETCH_MAX + Duration::from_micros(bytes as u64 / 1024);
        let before = method.spawns.load(Ordering::Relaxed);
        let after = match (stretch > granted, before) {
            (true, 0) if stretch < granted + STRETCH_FORGIVEN => SUSPECT,
            (true, _) => SPAWNS,
            (false, 0) => return,
            (false, SUSPECT) => 0,
            (false, spawns) => spawns - 1,
        };
        // Two connections may note at once; whichever is last is as good.
        method.spawns.store(after, Ordering::Relaxed);
    }

    /// The service of a route.
    pub(crate) fn service(&self, route: Route) -> Option<&Arc<dyn Service>> {
        self.services.get(route.service as usize).map(|registered| &registered.service)
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

/// Learns what codecs have to know of a method's types now, so that no call pays for it.
fn learn(method: &Method) {
    for shape in [method.argument, method.reply] {
        if let Err(error) = shape.schema() {
            // Such a type can still be read by its fields' names, and by other codecs.
            tracing::warn!(method = method.full_name, %error, "a type cannot be written as gob");
        }
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.services.iter().map(|registered| &registered.name)).finish()
    }
}
