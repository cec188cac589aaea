//! What generated clients are made of: a client, and the names of one service's methods.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::call::Call;
use super::flight::Argument;
use super::{Client, Pool};
use crate::description::Description;
use crate::error::Result;
use crate::message::Head;
use crate::transport::IntoAddress;

/// A client of one service.
#[derive(Clone, Debug)]
pub struct Stub {
    client: Client,
    description: &'static Description,
    methods: Arc<Methods>,
}

/// What calls say of the methods.
#[derive(Debug)]
struct Methods {
    /// The names, where the service is called otherwise than in its description.
    renamed: Option<Box<[String]>>,
    /// The places that the names have at the client.
    places: Box<[Option<NonZeroU32>]>,
}

impl Stub {
    /// A client of the service as it is described.
    pub fn new(client: impl Into<Client>, description: &'static Description) -> Self {
        Self::over(client.into(), description, None)
    }

    /// A client of the service under another name.
    pub fn named(client: impl Into<Client>, description: &'static Description, service: &str) -> Self {
        let renamed = |method: &crate::description::Method| format!("{service}.{}", method.name);
        let renamed = description.methods.iter().map(renamed).collect();
        Self::over(client.into(), description, Some(renamed))
    }

    fn over(client: Client, description: &'static Description, renamed: Option<Box<[String]>>) -> Self {
        let names = &client.pool.names;
        let places = match &renamed {
            Some(renamed) => renamed.iter().map(|name| names.place(name)).collect(),
            None => description.methods.iter().map(|method| names.place(method.full_name)).collect(),
        };
        Self { client, description, methods: Arc::new(Methods { renamed, places }) }
    }

    /// A client of the service at `address`, connected.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`].
    pub async fn connect(address: impl IntoAddress, description: &'static Description) -> Result<Self> {
        Ok(Self::new(Client::connect(address).await?, description))
    }

    /// The client that calls go through.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A call of the method at this place in the description.
    #[inline]
    pub fn call<'c, A, R>(&'c self, method: usize, argument: A) -> Call<'c, A, R> {
        let described = &self.description.methods[method];
        let name = match &self.methods.renamed {
            Some(names) => names[method].as_str(),
            None => described.full_name,
        };
        let head = Head { described: Some(described), place: self.methods.places[method], ..Head::of(name) };
        let pool: &Arc<Pool> = &self.client.pool;
        Call::new(pool, head, Argument::Typed(argument))
    }
}
