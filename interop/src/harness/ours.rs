//! Our own server of the zoo, running.

use ferrywire::ServerHandle;
use tokio::task::JoinHandle;

use super::{Socket, Transport};
use crate::zoo;

/// A server of Arith and Zoo with default limits: what Go programs do must be within them.
#[derive(Debug)]
pub struct Ours {
    /// The server, from outside.
    pub handle: ServerHandle,
    address: String,
    running: JoinHandle<ferrywire::Result<()>>,
    _socket: Socket,
}

impl Ours {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub async fn start(transport: Transport) -> Self {
        let socket = transport.socket();
        let asked = match transport {
            // Both sides spell Go's own path by leaving it out, and our server listens there in any case.
            Transport::ConnectUnix => socket.place(),
            transport => transport.over(&socket.place()),
        };
        let server = zoo::server().bind(asked).await.expect("a free place can be listened at");
        let address = transport.over(&server.address().to_string());
        let handle = server.handle();
        Self { handle, address, running: tokio::spawn(server.run()), _socket: socket }
    }

    /// The address for a client.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.running.abort();
    }
}
