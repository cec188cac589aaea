//! Runs cases against one Go server, and holds what they have in common.
//!
//! The cases share a connection, so that each meets what the ones before it left there; after a failure the
//! next gets a fresh one.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ferrywire::protocol::{JsonRpc1, NetRpc};
use ferrywire::{Client, Error, client};
use ferrywire_interop::harness::{Go, GoServer, Outcome, Transport};
use ferrywire_interop::zoo::{Args, same};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a case stands on.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// The connection that the cases share.
    pub(crate) client: Client,
    /// The server's address, for a connection of one's own.
    pub(crate) address: String,
    /// The same without CONNECT, for a case that brings its own words.
    pub(crate) place: String,
    pub(crate) transport: Transport,
    pub(crate) go: &'static Go,
}

impl Ground {
    /// A connection of the case's own.
    pub(crate) async fn connect(&self) -> Result<Client, String> {
        speaking(self.transport)
            .connect(&self.address)
            .await
            .map_err(|error| format!("{}: {error}", self.address))
    }
}

/// What makes a client that speaks as the transport says.
pub(crate) fn speaking(transport: Transport) -> client::Builder {
    match transport.is_json() {
        true => Client::builder().protocol(JsonRpc1),
        false => Client::builder().protocol(NetRpc),
    }
}

/// One case: what it is called, and what must go well.
pub(crate) struct Case {
    name: String,
    run: Box<dyn FnOnce(Ground) -> Running>,
}

type Running = Pin<Box<dyn Future<Output = Outcome>>>;

impl Case {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// A case on whatever it stands on.
pub(crate) fn case<F>(name: impl Into<String>, run: impl FnOnce(Ground) -> F + 'static) -> Case
where
    F: Future<Output = Outcome> + 'static,
{
    Case { name: name.into(), run: Box::new(move |ground| Box::pin(run(ground))) }
}

/// A case on the shared connection.
pub(crate) fn on<F>(name: impl Into<String>, run: impl FnOnce(Client) -> F + 'static) -> Case
where
    F: Future<Output = Outcome> + 'static,
{
    case(name, |ground| run(ground.client))
}

/// A case on a connection of its own.
pub(crate) fn alone<F>(name: impl Into<String>, run: impl FnOnce(Client) -> F + 'static) -> Case
where
    F: Future<Output = Outcome> + 'static,
{
    case(name, async |ground| run(ground.connect().await?).await)
}

/// A running server and the connection to it.
pub(crate) struct Suite {
    go: &'static Go,
    transport: Transport,
    server: GoServer,
    shared: Option<Client>,
}

impl Suite {
    pub(crate) async fn start(go: &'static Go, transport: Transport) -> Self {
        let server = GoServer::start(go, transport).await;
        Self { go, transport, server, shared: None }
    }

    /// Runs them all; the names of those that passed, and a line for each that failed.
    pub(crate) async fn run(mut self, cases: Vec<Case>) -> (Vec<String>, Vec<String>) {
        let (mut passed, mut failed) = (Vec::new(), Vec::new());
        for Case { name, run } in cases {
            match self.try_one(run).await {
                Ok(()) => passed.push(name),
                Err(why) => {
                    self.shared = None;
                    failed.push(format!("FAIL {name}: {why}"));
                }
            }
        }
        (passed, failed)
    }

    async fn try_one(&mut self, run: Box<dyn FnOnce(Ground) -> Running>) -> Outcome {
        const CASE_MAX: Duration = Duration::from_secs(60);
        let address = self.server.address();
        let client = match self.shared.take() {
            Some(client) => client,
            None => speaking(self.transport).connect(&address).await.map_err(|error| error.to_string())?,
        };
        self.shared = Some(client.clone());
        let place = self.server.place().to_owned();
        let ground = Ground { client, address, place, transport: self.transport, go: self.go };
        let ended = tokio::time::timeout(CASE_MAX, run(ground)).await;
        ended.unwrap_or_else(|_| Err(format!("not done after {CASE_MAX:?}")))
    }
}

/// Calls, and compares the reply.
pub(crate) async fn expect<A, R>(client: &Client, method: &str, argument: &A, expected: R) -> Outcome
where
    A: Serialize + Deserialize<'static>,
    R: DeserializeOwned + Debug,
{
    let reply = client.call::<A, R>(method, argument).await;
    let reply = reply.map_err(|error| format!("{method}: got the error {error:?}, expected a reply"))?;
    same(&reply, &expected).map_err(|difference| format!("{method}: {difference}"))
}

/// Makes an ordinary call: whatever happened before, the connection is usable.
pub(crate) async fn works(client: &Client) -> Outcome {
    expect(client, "Arith.Multiply", &Args { a: 6, b: 7 }, 42).await
}

/// Calls, and answers the server's error; then the connection must be usable.
pub(crate) async fn refused<A, R>(client: &Client, method: &str, argument: &A) -> Result<Error, String>
where
    A: Serialize + Deserialize<'static>,
    R: DeserializeOwned + Debug,
{
    let error = match client.call::<A, R>(method, argument).await {
        Ok(reply) => return Err(format!("{method}: got the reply {reply:?}, expected an error")),
        Err(error) => error,
    };
    if !error.is_remote() || error.message().is_empty() {
        return Err(format!("{method}: got {error:?}, expected an error that the server answered"));
    }
    works(client).await?;
    Ok(error)
}

/// Fails with what was found unless it holds.
pub(crate) fn holds(holds: bool, found: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(found()) }
}
