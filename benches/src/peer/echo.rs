//! A server that gives back what it is told, and a client that checks that it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferrywire::{Server, ServerHandle, service};
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;

use super::{Result, cpu_ns, orders, runtime, say};

/// What both sides of the benchmark offer and call.
#[service]
pub trait Echo {
    /// Answers with its argument.
    async fn say(&self, payload: &[u8]) -> ByteBuf;
}

struct Parrot;

impl Echo for Parrot {
    async fn say(&self, payload: &[u8]) -> ByteBuf {
        ByteBuf::from(payload)
    }
}

/// The process `peer-server THREADS`: prints its address, then its CPU time for every line.
pub fn serve(threads: usize) -> Result<()> {
    let runtime = runtime(threads)?;
    let server = runtime.block_on(server())?;
    say(address_of(&server).as_str())?;
    let handle: ServerHandle = server.handle();
    let asking = std::thread::spawn(move || {
        let asked = orders(|_| Ok(cpu_ns().to_string())).map_err(|error| error.to_string());
        handle.shutdown();
        asked
    });
    runtime.block_on(server.run())?;
    asking.join().expect("answering does not panic")?;
    Ok(())
}

async fn server() -> ferrywire::Result<Server> {
    Server::builder().register(EchoServer::new(Parrot)).bind("tcp://127.0.0.1:0").await
}

/// Where the server listens, as Go writes it.
fn address_of(server: &Server) -> String {
    server.address().to_string().trim_start_matches("tcp://").to_owned()
}

/// The process `peer-client THREADS ADDRESS`: answers `PAYLOAD_LEN DEPTH MILLISECONDS` with
/// `CALLS CPU_NANOSECONDS`.
pub fn call(threads: usize, address: &str) -> Result<()> {
    let runtime = runtime(threads)?;
    let echo = runtime.block_on(EchoClient::connect(format!("tcp://{address}").as_str()))?;
    say("connected")?;
    orders(|words| {
        let [len, depth, milliseconds] = words else {
            return Err(format!("expected three numbers, found {words:?}").into());
        };
        let load = Load { payload_len: len.parse()?, depth: depth.parse()? };
        let length = Duration::from_millis(milliseconds.parse()?);
        let before = cpu_ns();
        let calls = runtime.block_on(load.run_for(&echo, length))?;
        Ok(format!("{calls} {}", cpu_ns() - before))
    })
}

/// How much is sent, and how much of it at once.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub payload_len: usize,
    pub depth: usize,
}

impl Load {
    /// Keeps the calls in flight for so long, and says how many there were.
    async fn run_for(self, echo: &EchoClient, length: Duration) -> Result<u64> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let calls = self.run(echo, move |_| !stopped.load(Ordering::Relaxed));
        let stopping = async {
            tokio::time::sleep(length).await;
            stop.store(true, Ordering::Relaxed);
        };
        tokio::join!(calls, stopping).0
    }

    /// Lets every caller call until `goes_on` denies it, given how many calls it has made.
    async fn run(
        self,
        echo: &EchoClient,
        goes_on: impl Fn(u64) -> bool + Clone + Send + 'static,
    ) -> Result<u64> {
        let mut callers = JoinSet::new();
        for caller in 0..self.depth {
            callers.spawn(one_caller(echo.clone(), caller as u64, self.payload_len, goes_on.clone()));
        }
        let mut calls = 0;
        while let Some(made) = callers.join_next().await {
            calls += made??;
        }
        Ok(calls)
    }

    /// `calls` calls with server and client in this one thread, over TCP: what counters are put around.
    pub fn run_alone(self, calls: u64) -> Result<()> {
        self.run_alone_between(calls, || {})
    }

    /// As [`run_alone`](Self::run_alone); `between` runs after a first hundred calls per caller, and at the end.
    pub fn run_alone_between(self, calls: u64, mut between: impl FnMut()) -> Result<()> {
        let each = calls / self.depth as u64;
        runtime(1)?.block_on(async {
            let server = server().await?;
            let echo = EchoClient::connect(server.address()).await?;
            let serving = tokio::spawn(server.run());
            self.run(&echo, |made| made < 100).await?;
            between();
            let made = self.run(&echo, move |made| made < each).await?;
            between();
            serving.abort();
            match made == each * self.depth as u64 {
                true => Ok(()),
                false => Err(format!("{made} calls were made, not {calls}").into()),
            }
        })
    }
}

async fn one_caller(
    echo: EchoClient,
    caller: u64,
    payload_len: usize,
    goes_on: impl Fn(u64) -> bool,
) -> std::result::Result<u64, ferrywire::Error> {
    let mut random = fastrand::Rng::with_seed(caller);
    let mut payload: Vec<u8> = (0..payload_len).map(|_| random.u8(..)).collect();
    let mut made = 0;
    while goes_on(made) {
        // No two calls in flight carry the same bytes, so that a reply to another call is noticed.
        let mark = (caller << 48 | made).to_le_bytes();
        payload.iter_mut().zip(mark).for_each(|(byte, mark)| *byte = mark);
        let reply = echo.say(&payload).await?;
        assert!(reply == payload, "the reply to call {made} of caller {caller} is not its argument");
        made += 1;
    }
    Ok(made)
}
