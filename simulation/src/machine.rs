//! What runs on the machines of a world: servers that can be switched off, and clients that go on calling.

use std::time::Duration;

use ferrywire::discovery::Discover;
use ferrywire::{Client, Limits, Result, Server, service};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::ledger::Ledger;
use crate::net::Simulated;

/// What every server of a world offers.
#[service]
pub trait Node {
    /// Works on a call for so many milliseconds, and answers it.
    async fn work(&self, nonce: u64, millis: u64) -> Answer;
}

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The server's number.
    pub server: u32,
    /// What the nonce comes to.
    pub number: u64,
}

/// The number that is the answer to a nonce, and to no other.
pub fn answer_to(nonce: u64) -> u64 {
    nonce.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1
}

struct Working {
    server: u32,
    ledger: Ledger,
}

impl Node for Working {
    async fn work(&self, nonce: u64, millis: u64) -> Answer {
        self.ledger.run(self.server, nonce);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Answer { server: self.server, number: answer_to(nonce) }
    }
}

/// The port of every server.
pub(crate) const PORT: u16 = 7001;

/// What a server's machine runs: the server while it is switched on, and nothing else while it is not. Switched off, the server shuts down
/// as one does that is told to.
pub(crate) async fn serve(
    number: u32,
    mut power: watch::Receiver<bool>,
    ledger: Ledger,
    limits: Limits,
) -> turmoil::Result {
    loop {
        power.wait_for(|is_on| *is_on).await?;
        let arrivals = ledger.clone();
        let server = Server::builder()
            .transport(Simulated::noting(move || arrivals.arrive(number)))
            .limits(limits.clone())
            .register(NodeServer::new(Working { server: number, ledger: ledger.clone() }))
            .bind(format!("tcp://0.0.0.0:{PORT}"))
            .await?;
        let mut off = power.clone();
        server.run_until(async move { drop(off.wait_for(|is_on| !is_on).await) }).await?;
    }
}

/// How a client calls.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long it pauses between two calls: at random, up to this.
    pub pause: Duration,
    /// How long a method works: at random, up to this, in whole milliseconds.
    pub work: Duration,
    /// The time that a call may take.
    pub timeout: Duration,
    /// When it makes no further call, by the clock of the run.
    pub until: Duration,
    /// The client's limits.
    pub limits: Limits,
}

/// A client that notes its calls.
#[derive(Clone, Debug)]
pub struct Caller {
    number: usize,
    node: NodeClient,
    client: Client,
    ledger: Ledger,
}

impl Caller {
    /// A client of the servers that `source` tells.
    ///
    /// # Errors
    ///
    /// As [`discover_from`](ferrywire::client::Builder::discover_from).
    pub async fn of(number: usize, source: impl Discover, limits: Limits, ledger: Ledger) -> Result<Self> {
        let builder = Client::builder().transport(Simulated::default()).limits(limits);
        let client = builder.discover_from(source).await?;
        Ok(Self { number, node: NodeClient::new(client.clone()), client, ledger })
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes a call, and notes what came of it.
    pub async fn call(&self, work: Duration, timeout: Duration) {
        let nonce = self.ledger.begin(self.number, timeout);
        let result = self.node.work(nonce, work.as_millis() as u64).timeout(timeout).await;
        self.ledger.end(nonce, result);
    }

    /// Goes on calling, as planned.
    pub async fn go_on(&self, plan: &Plan) {
        let mut random = fastrand::Rng::new();
        let mut up_to = move |longest: Duration| longest.mul_f64(random.f64());
        while turmoil::sim_elapsed().is_some_and(|now| now < plan.until) {
            tokio::time::sleep(up_to(plan.pause)).await;
            self.call(up_to(plan.work), plan.timeout).await;
        }
    }
}
