//! Frames of 16 bytes and a payload, echoed over tokio: what there is to reach, because RPC adds to it.
//!
//! The header is `len u32 | method u16 | flags u16 | id u64`, little-endian, as cheap as one can be.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use peer_support::{Connection, Done, Peer, Result, Work};
use tokio::net::{TcpListener, TcpStream};

mod client;
mod frame;
mod server;

fn main() -> ExitCode {
    peer_support::run::<Raw>()
}

struct Raw;

impl Peer for Raw {
    type Connection = Line;

    fn new(variant: &[&str]) -> Result<Self> {
        match variant {
            [] => Ok(Self),
            _ => Err("there is only one variant".into()),
        }
    }

    async fn serve(&self) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(server::accept(listener));
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Line> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Line(Arc::new(Mutex::new(Some(stream)))))
    }
}

/// A connection; whoever uses it has it for itself.
#[derive(Clone)]
struct Line(Arc<Mutex<Option<TcpStream>>>);

impl Line {
    fn take(&self) -> TcpStream {
        self.0.lock().expect("nobody panics with it").take().expect("one uses it at a time")
    }

    fn put_back(&self, stream: TcpStream) {
        *self.0.lock().expect("nobody panics with it") = Some(stream);
    }
}

impl Connection for Line {
    type Reply = Vec<u8>;

    async fn call(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let mut stream = self.take();
        let reply = client::call(&mut stream, payload).await?;
        self.put_back(stream);
        Ok(reply)
    }

    async fn drive(self, work: Work) -> Result<Done> {
        let mut stream = self.take();
        let done = match work.depth() {
            1 => client::ping_pong(&mut stream, work).await?,
            _ => client::pipeline(&mut stream, work).await?,
        };
        self.put_back(stream);
        Ok(done)
    }
}
