//! What a peer has to bring: a server, a connection, a call.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{Caller, Done, Result, Shape, Work};

/// A framework, in one of the ways in which it can be used.
pub trait Peer: Sized + 'static {
    /// What its calls go through.
    type Connection: Connection;

    /// Of the words that stand before the command: `arguments` in `peer.json`.
    fn new(variant: &[&str]) -> Result<Self>;

    /// Serves on the runtime that it is called on, from tasks of its own, until the process ends; and says where.
    fn serve(&self) -> impl Future<Output = Result<SocketAddr>>;

    /// A connection of its own, made.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = Result<Self::Connection>>;

    /// Why this shape is beyond it, if it is.
    fn unsupported(&self, _shape: Shape) -> Option<String> {
        None
    }
}

/// A connection; its clones share it.
pub trait Connection: Clone + Send + Sync + 'static {
    /// What a call is answered with.
    type Reply: AsRef<[u8]> + Send;

    /// Sends the bytes and waits until they are back.
    fn call(&self, payload: &[u8]) -> impl Future<Output = Result<Self::Reply>> + Send;

    /// As [`call`](Self::call), for long payloads: a framework that takes shared bytes need not copy them.
    fn call_shared(&self, payload: &Bytes) -> impl Future<Output = Result<Self::Reply>> + Send {
        self.call(payload)
    }

    /// Keeps the calls of one connection in flight: a task for each caller, unless the peer knows better.
    fn drive(self, work: Work) -> impl Future<Output = Result<Done>> + Send {
        drive(self, work)
    }
}

/// A task for each caller; with one caller, this one.
pub async fn drive<C: Connection>(connection: C, work: Work) -> Result<Done> {
    let mut callers = work.callers();
    let first = callers.next().ok_or("a depth of at least 1 was expected")?;
    let mut tasks = JoinSet::new();
    for caller in callers {
        tasks.spawn(call_on(connection.clone(), caller));
    }
    let mut done = call_on(connection, first).await?;
    while let Some(others) = tasks.join_next().await {
        done.add(others??);
    }
    Ok(done)
}

async fn call_on<C: Connection>(connection: C, mut caller: Caller) -> Result<Done> {
    while caller.advance().is_some() {
        let reply = match caller.shared() {
            Some(payload) => connection.call_shared(payload).await?,
            None => connection.call(caller.sent()).await?,
        };
        caller.verify(reply.as_ref())?;
    }
    Ok(caller.done())
}
