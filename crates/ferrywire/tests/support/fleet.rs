//! Servers that can be killed and started, and a source that says what it is told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrywire::discovery::{Discover, Endpoint};
use ferrywire::transport::{BoxFuture, Memory};
use ferrywire::{Code, Error, Limits, Result, Server, client, service};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// What every server of the fleet offers.
#[service]
pub(crate) trait Node {
    /// The server's number.
    async fn who(&self) -> u32;
    /// The same, after so many milliseconds.
    async fn slowly(&self, millis: u64) -> u32;
    /// The same, which may run twice.
    #[method(idempotent)]
    async fn again(&self, millis: u64) -> u32;
    /// The same, unless this server fails.
    async fn maybe(&self) -> Result<u32>;
    /// The same, once the server is let go.
    async fn hold(&self) -> u32;
    /// Twice the number.
    async fn double(&self, number: i64) -> i64;
}

pub(crate) struct Host {
    pub(crate) number: u32,
    pub(crate) calls: AtomicU64,
    pub(crate) withdrawn: AtomicU64,
    pub(crate) delay: Mutex<Duration>,
    pub(crate) failing: Mutex<Option<Error>>,
    gate: Notify,
}

impl Host {
    fn called(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn withdrawn(&self) -> u64 {
        self.withdrawn.load(Ordering::SeqCst)
    }

    pub(crate) fn let_go(&self) {
        self.gate.notify_waiters();
    }

    pub(crate) fn is_slow(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    pub(crate) fn fails_with(&self, error: Option<Error>) {
        *self.failing.lock().unwrap() = error;
    }
}

struct Serving(Arc<Host>);

/// Counts a call that did not come to its end.
struct Begun<'h>(&'h Host, bool);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.withdrawn.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Node for Serving {
    async fn who(&self) -> u32 {
        self.0.called();
        let mut begun = Begun(&self.0, false);
        let delay = *self.0.delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        begun.1 = true;
        self.0.number
    }

    async fn slowly(&self, millis: u64) -> u32 {
        self.0.called();
        let mut begun = Begun(&self.0, false);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        begun.1 = true;
        self.0.number
    }

    async fn again(&self, millis: u64) -> u32 {
        self.slowly(millis).await
    }

    async fn maybe(&self) -> Result<u32> {
        self.0.called();
        match self.0.failing.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(self.0.number),
        }
    }

    async fn hold(&self) -> u32 {
        self.0.called();
        self.0.gate.notified().await;
        self.0.number
    }

    async fn double(&self, number: i64) -> i64 {
        self.0.called();
        number * 2
    }
}

/// Servers inside the process, by their numbers.
pub(crate) struct Fleet {
    pub(crate) memory: Memory,
    pub(crate) hosts: BTreeMap<u32, Arc<Host>>,
    running: BTreeMap<u32, JoinHandle<Result<()>>>,
}

impl Fleet {
    pub(crate) async fn of(count: u32) -> Self {
        let mut fleet = Self { memory: Memory::new(), hosts: BTreeMap::new(), running: BTreeMap::new() };
        for number in 0..count {
            fleet.start(number).await;
        }
        fleet
    }

    pub(crate) async fn start(&mut self, number: u32) {
        self.start_with(number, |builder| builder).await;
    }

    pub(crate) async fn start_with(
        &mut self,
        number: u32,
        with: impl FnOnce(ferrywire::server::Builder) -> ferrywire::server::Builder,
    ) {
        let host = self.hosts.entry(number).or_insert_with(|| {
            Arc::new(Host {
                number,
                calls: AtomicU64::new(0),
                withdrawn: AtomicU64::new(0),
                delay: Mutex::default(),
                failing: Mutex::default(),
                gate: Notify::new(),
            })
        });
        let builder = Server::builder().memory(&self.memory).register(NodeServer::new(Serving(host.clone())));
        let server = with(builder).bind(address(number)).await.unwrap();
        self.running.insert(number, tokio::spawn(server.run()));
    }

    /// Ends a server without a word.
    pub(crate) async fn kill(&mut self, number: u32) {
        let running = self.running.remove(&number).unwrap();
        running.abort();
        let _ = running.await;
    }

    pub(crate) fn host(&self, number: u32) -> &Host {
        &self.hosts[&number]
    }

    pub(crate) fn builder(&self) -> client::Builder {
        ferrywire::Client::builder().memory(&self.memory)
    }

    /// All servers that there ever were.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.hosts.keys().map(|number| endpoint(*number)).collect()
    }

    pub(crate) fn calls(&self) -> Vec<u64> {
        self.hosts.values().map(|host| host.calls()).collect()
    }
}

pub(crate) fn address(number: u32) -> String {
    format!("memory://node-{number}")
}

pub(crate) fn endpoint(number: u32) -> Endpoint {
    Endpoint::new(address(number).parse().unwrap())
}

/// A source that says what it is told to.
pub(crate) struct Told(mpsc::Receiver<Result<Vec<Endpoint>>>);

/// Tells a [`Told`].
#[derive(Clone)]
pub(crate) struct Teller(mpsc::Sender<Result<Vec<Endpoint>>>);

pub(crate) fn told() -> (Teller, Told) {
    let (teller, told) = mpsc::channel(16);
    (Teller(teller), Told(told))
}

impl Teller {
    /// Says a list, and waits until a client has had the time to hear it.
    pub(crate) async fn says(&self, endpoints: impl IntoIterator<Item = Endpoint>) {
        self.0.send(Ok(endpoints.into_iter().collect())).await.unwrap();
        // A change is told once a second at most.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }

    pub(crate) async fn fails(&self, text: &'static str) {
        self.0.send(Err(Error::new(Code::Unavailable, text))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Discover for Told {
    fn name(&self) -> String {
        "told".to_owned()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async {
            match self.0.recv().await {
                Some(said) => said,
                None => std::future::pending().await,
            }
        })
    }
}

/// Limits with short times, for a clock that is not paused either.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

impl Teller {
    /// Whether nobody listens any more.
    pub(crate) fn is_unheard(&self) -> bool {
        self.0.is_closed()
    }
}
