//! What generated clients are made of: a client, and the names of one service's methods.

use std::sync::Arc;

use super::call::{Argument, Call};
use super::{Client, Pool};
use crate::description::Description;
use crate::error::Result;
use crate::transport::IntoAddress;

/// A client of one service.
#[derive(Clone, Debug)]
pub struct Stub {
    client: Client,
    description: &'static Description,
    /// The methods' names where the service is called otherwise than in its description.
    renamed: Option<Arc<[String]>>,
}

impl Stub {
    /// A client of the service as it is described.
    pub fn new(client: impl Into<Client>, description: &'static Description) -> Self {
        Self { client: client.into(), description, renamed: None }
    }

    /// A client of the service under another name.
    pub fn named(client: impl Into<Client>, description: &'static Description, service: &str) -> Self {
        let renamed = |method: &crate::description::Method| format!("{service}.{}", method.name);
        let renamed = Some(description.methods.iter().map(renamed).collect());
        Self { client: client.into(), description, renamed }
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
        let name = match &self.renamed {
            Some(names) => names[method].as_str(),
            None => described.full_name,
        };
        let pool: &Arc<Pool> = &self.client.pool;
        Call::new(pool, name, Argument::Typed(argument, described.argument))
    }
}
