//! The caller of a method, as somebody who can be called.

use std::sync::Arc;
use std::task::{Context as TaskContext, Waker};

use super::driver;
use super::speak::Chosen;
use super::{Client, Link};
use crate::context::Context;
use crate::duplex::{Back, Beside, Calling, Way};
use crate::protocol::Native;
use crate::transport::Stream;

impl Context {
    /// A client of whoever calls, over the connection that the call came by; `None` if the caller offers no
    /// services, as most do.
    ///
    /// A caller offers services by [`client::Builder::register`](crate::client::Builder::register). Calls that the
    /// method makes with the client inherit its deadline and end with it, as all calls do. The client can be kept
    /// and used after the method has returned; it does not keep the connection. Once that is gone, its calls fail
    /// with [`Code::Unavailable`](crate::Code::Unavailable).
    ///
    /// ```
    /// # use ferrywire::{Context, Error, Result, Code, service};
    /// #[service]
    /// trait Progress {
    ///     async fn reached(&self, percent: u8);
    /// }
    ///
    /// # struct Builder;
    /// #[service]
    /// impl Builder {
    ///     pub async fn build(&self, context: &Context) -> Result<()> {
    ///         if let Some(caller) = context.caller() {
    ///             ProgressClient::new(caller).reached(50).await?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn caller(&self) -> Option<Client> {
        self.peer().back()?.downcast_ref::<Back>()?.client(open)
    }
}

/// A calling bank on its share of a connection.
pub(crate) fn calling(stream: Stream, chosen: &Chosen) -> (Arc<dyn Link>, Calling) {
    let (link, calling) = driver::start::<Native>(stream, Vec::new(), chosen);
    (link, Box::pin(calling))
}

/// Begins to call back: the bank runs in the connection's task, beside the answering one.
fn open(way: Way, beside: Beside) -> Client {
    let Way { stream, limits, checksum, compression, .. } = way;
    let chosen = Chosen { limits: Arc::new(limits), checksum, compression, ..Chosen::default() };
    let name = stream.peer.as_str().to_owned();
    let (link, mut calling) = calling(stream, &chosen);
    // The caller's hello is here: it is heard before the first call goes out.
    let polled = calling.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
    if polled.is_pending() {
        beside.run(calling);
    }
    Client::lent(link, name, chosen)
}
