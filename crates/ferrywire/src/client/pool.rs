//! Keeps the connection to a server: makes it when it is needed, and again when it was lost.
//!
//! One dial at a time; all callers that need a connection wait for the same one, each within its own
//! deadline. After a failure the next dial waits a random part of a pause that grows.

use std::sync::{Arc, PoisonError};

use futures_util::FutureExt;
use futures_util::future::WeakShared;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::backoff::{self, Backoff};
use super::channel::{Channel, Hub, Settings, Want};
use super::link::Link;
use super::names::Names;
use super::pending::Micros;
use super::speak::{Chosen, More, Speak};
use crate::codec::Format;
use crate::discovery::Discover;
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::protocol::tunnel;
use crate::sync::{Mutex, MutexGuard};
use crate::transport::{Address, BoxFuture, Stream, Transports};

/// The connection to one server.
pub(crate) struct Pool {
    target: Target,
    speak: Arc<dyn Speak>,
    chosen: Chosen,
    /// [`Limits::call_timeout`], as calls have it.
    usual_timeout: Micros,
    pub(crate) names: Names,
    state: Mutex<State>,
}

enum Target {
    Address {
        address: Address,
        transports: Transports,
    },
    /// A single stream, which cannot be made again.
    Stream,
    /// A connection of this name that others have made, and keep.
    Lent(String),
    /// None, for this reason.
    Nowhere(Error),
    /// Many servers, each of which has a pool of its own.
    Channel(Channel),
}

type Dial = BoxFuture<'static, Result<Arc<dyn Link>>>;

#[derive(Default)]
struct State {
    link: Option<Arc<dyn Link>>,
    /// The dial that is under way, which callers share; it lives as long as one of them waits.
    dial: Option<WeakShared<Dial>>,
    backoff: Backoff,
}

impl Pool {
    pub(crate) fn new(
        address: Address,
        transports: Transports,
        speak: Arc<dyn Speak>,
        chosen: Chosen,
    ) -> Arc<Self> {
        let chosen = chosen.at(&address);
        Self::at(Target::Address { address, transports }, None, speak, chosen)
    }

    /// Calls over a stream that exists already.
    pub(crate) fn over(stream: Stream, speak: Arc<dyn Speak>, chosen: Chosen) -> Arc<Self> {
        let link = speak.start(stream, Vec::new(), &chosen, None);
        Self::at(Target::Stream, Some(link), speak, chosen)
    }

    /// Calls over a connection that is made and kept by others.
    pub(crate) fn lent(
        link: Arc<dyn Link>,
        name: String,
        speak: Arc<dyn Speak>,
        chosen: Chosen,
    ) -> Arc<Self> {
        Self::at(Target::Lent(name), Some(link), speak, chosen)
    }

    /// Calls that cannot be made.
    pub(crate) fn nowhere(error: Error, speak: Arc<dyn Speak>, chosen: Chosen) -> Arc<Self> {
        Self::at(Target::Nowhere(error), None, speak, chosen)
    }

    /// Calls that go to one or the other of many servers. Must be called on a runtime.
    pub(super) fn channel(
        source: Box<dyn Discover>,
        settings: Settings,
        transports: Transports,
        speak: Arc<dyn Speak>,
        chosen: Chosen,
    ) -> Arc<Self> {
        let channel = Channel::start(source, settings, transports, speak.clone(), chosen.clone());
        Self::at(Target::Channel(channel), None, speak, chosen)
    }

    fn at(target: Target, link: Option<Arc<dyn Link>>, speak: Arc<dyn Speak>, chosen: Chosen) -> Arc<Self> {
        let usual_timeout = chosen.limits.call_timeout.into();
        let state = Mutex::new(State { link, ..State::default() });
        Arc::new(Self { target, speak, chosen, usual_timeout, names: Names::default(), state })
    }

    /// The format that arguments are written in.
    pub(crate) fn format(&self) -> Format {
        self.speak.format(&self.chosen)
    }

    /// How long a call takes at most that says nothing else.
    #[inline]
    pub(crate) fn usual_timeout(&self) -> Micros {
        self.usual_timeout
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.chosen.limits
    }

    /// Where the server is.
    pub(crate) fn name(&self) -> String {
        match &self.target {
            Target::Address { address, .. } => address.to_string(),
            Target::Stream => "a stream".to_owned(),
            Target::Lent(name) => name.clone(),
            Target::Nowhere(_) => "nowhere".to_owned(),
            Target::Channel(channel) => channel.hub().name().to_string(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole values are put in and taken out; a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers among which there is a choice, if there is one.
    #[inline]
    pub(super) fn hub(&self) -> Option<&Arc<Hub>> {
        match &self.target {
            Target::Channel(channel) => Some(channel.hub()),
            _ => None,
        }
    }

    /// The connection, if there is one that calls can be sent on.
    #[inline]
    pub(crate) fn current(&self) -> Option<Arc<dyn Link>> {
        self.state().link.as_ref().filter(|link| link.is_open()).cloned()
    }

    /// Whether whoever asks for a connection has to wait before there is even a dial.
    pub(super) fn is_pausing(&self) -> bool {
        let mut state = self.state();
        state.open_link().is_none() && state.backoff.not_before.is_some_and(|moment| moment > Instant::now())
    }

    /// Why there is no other connection than the one that was given.
    #[cold]
    fn cannot_dial(&self) -> Error {
        let text = match &self.target {
            Target::Nowhere(error) => return error.clone(),
            Target::Lent(_) => "the connection has ended, and only its caller can make it again",
            _ => "the stream has ended and cannot be made again",
        };
        let error = Error::new(Code::Unavailable, text).in_phase(Phase::Connect);
        error.at_peer(self.name()).not_executed()
    }

    /// The connection, once there is one.
    ///
    /// # Cancel safety
    ///
    /// A dial that nobody waits for any more is dropped, and with it its socket.
    pub(crate) async fn link(self: &Arc<Self>) -> Result<Arc<dyn Link>> {
        if let Some(hub) = self.hub() {
            // Pools of a channel lie in one another, and futures do not.
            return Box::pin(hub.link(Want::default())).await;
        }
        let dial = {
            let mut state = self.state();
            if let Some(link) = state.open_link() {
                return Ok(link);
            }
            if !matches!(self.target, Target::Address { .. }) {
                return Err(self.cannot_dial());
            }
            let under_way = state.dial.as_ref().and_then(WeakShared::upgrade);
            match under_way.filter(|dial| dial.peek().is_none()) {
                Some(dial) => dial,
                None => {
                    let dial = dial(self.clone(), state.backoff.not_before).boxed().shared();
                    state.dial = dial.downgrade();
                    dial
                }
            }
        };
        dial.await
    }
}

impl State {
    /// The connection; if it was lost, that is noted.
    fn open_link(&mut self) -> Option<Arc<dyn Link>> {
        let link = self.link.as_ref()?;
        if link.is_open() {
            return Some(link.clone());
        }
        self.link = None;
        self.backoff.lost();
        None
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if !matches!(self.target, Target::Lent(_))
            && let Some(link) = self.state().link.take()
        {
            link.close();
        }
    }
}

/// Makes a connection and keeps it in the pool.
async fn dial(pool: Arc<Pool>, not_before: Option<Instant>) -> Result<Arc<dyn Link>> {
    let timeout = pool.limits().connect_timeout;
    let made = backoff::dialled(not_before, timeout, make(&pool), || pool.name()).await;
    let mut state = pool.state();
    state.dial = None;
    match &made {
        Ok(link) => {
            state.backoff.made();
            state.link = Some(link.clone());
        }
        Err(_) => state.backoff.failed(),
    }
    made
}

async fn make(pool: &Pool) -> Result<Arc<dyn Link>> {
    let Target::Address { address, transports } = &pool.target else {
        return Err(pool.cannot_dial());
    };
    let mut stream = transports.dial(address).await?;
    let first = match address.tunnel().filter(|_| !pool.speak.asks_for_paths()) {
        None => Vec::new(),
        Some(path) => open_tunnel(pool, path, &mut stream)
            .await
            .map_err(|error| error.in_phase(Phase::Connect).at_peer(address.to_string()).not_executed())?,
    };
    let (address, transports) = (address.clone(), transports.clone());
    let more: More = Arc::new(move || {
        let (address, transports) = (address.clone(), transports.clone());
        Box::pin(async move { transports.dial(&address).await })
    });
    Ok(pool.speak.start(stream, first, &pool.chosen, Some(more)))
}

/// Opens a tunnel; returns the bytes that came behind the server's reply, which belong to the protocol.
async fn open_tunnel(pool: &Pool, path: &str, stream: &mut Stream) -> Result<Vec<u8>> {
    let Some(tunnel) = pool.speak.tunnel() else {
        let text = format!("{} is not spoken behind an HTTP CONNECT", pool.speak.name());
        return Err(Error::new(Code::InvalidArgument, text));
    };
    let lost = |cause: std::io::Error| {
        Error::new(Code::Unavailable, format!("the connection was lost: {cause}")).caused_by(cause)
    };
    let path = if path.is_empty() { tunnel.path } else { path };
    stream.writer.write_all(&tunnel::request(path)).await.map_err(lost)?;
    stream.writer.flush().await.map_err(lost)?;
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let came = stream.reader.read(&mut chunk).await.map_err(lost)?;
        if came == 0 {
            let text = format!("expected `{}`, the peer closed the connection", tunnel.status);
            return Err(Error::new(Code::Unavailable, text));
        }
        bytes.extend_from_slice(chunk.get(..came).unwrap_or_default());
        if let Some(used) = tunnel::read_reply(&bytes, &tunnel, pool.limits())? {
            return Ok(bytes.split_off(used));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll};
    use std::time::Duration;

    use super::super::link::{Outgoing, Room, Sent, Settle};
    use super::*;
    use crate::protocol::tunnel::Tunnel;
    use crate::transport::Memory;

    /// A connection that does nothing but be open or not.
    #[derive(Default)]
    pub(in super::super) struct Door {
        is_shut: AtomicBool,
    }

    impl Link for Door {
        fn send(&self, _: &Outgoing<'_>, _: bool, _: &mut Context<'_>) -> Result<Sent> {
            unreachable!("no call is made")
        }

        fn poll(&self, _: u64, _: &mut Context<'_>, _: &mut Settle<'_>) -> Poll<()> {
            unreachable!("no call is made")
        }

        fn withdraw(&self, _: u64) {}

        fn room(self: Arc<Self>) -> BoxFuture<'static, Room> {
            unreachable!("no call is made")
        }

        fn give_up_room(&self) {}

        fn admit(&self, _: usize) {}

        fn is_open(&self) -> bool {
            !self.is_shut.load(Ordering::SeqCst)
        }

        fn close(&self) {
            self.is_shut.store(true, Ordering::SeqCst);
        }
    }

    /// Makes doors, of which one at most is open.
    #[derive(Default)]
    pub(in super::super) struct Doors(std::sync::Mutex<Vec<Arc<Door>>>);

    impl Doors {
        pub(in super::super) fn count(&self) -> usize {
            self.0.lock().expect("nobody panicked").len()
        }
    }

    impl Speak for Doors {
        fn name(&self) -> &'static str {
            "doors"
        }

        fn tunnel(&self) -> Option<Tunnel> {
            None
        }

        fn format(&self, _: &Chosen) -> Format {
            Format::Postcard
        }

        fn start(&self, _: Stream, _: Vec<u8>, _: &Chosen, _: Option<More>) -> Arc<dyn Link> {
            let door = Arc::new(Door::default());
            let mut doors = self.0.lock().expect("nobody panicked");
            assert!(doors.iter().all(|door| !door.is_open()), "a second connection was made");
            doors.push(door.clone());
            door
        }
    }

    pub(in super::super) fn within(memory: &Memory) -> Transports {
        let mut transports = Transports::default();
        transports.add(memory.clone());
        transports
    }

    pub(in super::super) fn pool(memory: &Memory) -> (Arc<Pool>, Arc<Doors>) {
        let (doors, address) = (Arc::new(Doors::default()), "memory://place".parse().expect("an address"));
        (Pool::new(address, within(memory), doors.clone(), Chosen::default()), doors)
    }

    /// L11, at random: there is never a second connection, and whoever waits for one gets it or an error, whether
    /// dials succeed, fail or are given up, and connections are lost.
    #[tokio::test(start_paused = true)]
    async fn all_who_wait_share_one_dial_whatever_becomes_of_it() {
        let place = "memory://place".parse().expect("an address");
        let (mut dials, mut made, mut failed, mut given_up) = (0, 0, 0, 0);
        for seed in 0..500 {
            let mut random = fastrand::Rng::with_seed(seed);
            let memory = Memory::new();
            let (pool, doors) = pool(&memory);
            let mut listener = None;
            for _ in 0..10 {
                match random.u8(0..4) {
                    0 => listener = None,
                    1 if listener.is_none() => {
                        listener = Some(within(&memory).listen(&place).await.expect("the place is free"));
                    }
                    2 => doors.0.lock().expect("nobody panicked").iter().for_each(|door| door.close()),
                    _ => {}
                }
                let callers: Vec<_> = (0..random.usize(1..5))
                    .map(|_| {
                        let (pool, patience) = (pool.clone(), Duration::from_millis(random.u64(0..300)));
                        let is_patient = random.bool();
                        tokio::spawn(async move {
                            let patience = if is_patient { Duration::from_secs(3600) } else { patience };
                            tokio::time::timeout(patience, pool.link()).await
                        })
                    })
                    .collect();
                for caller in callers {
                    match caller.await.expect("no caller panicked") {
                        Ok(Ok(link)) => made += usize::from(link.is_open()),
                        Ok(Err(error)) => failed += usize::from(!error.may_have_run()),
                        Err(_) => given_up += 1,
                    }
                }
            }
            dials += doors.count();
        }
        assert!(made > dials && dials > 500, "{made} {dials}");
        assert!(made > 1000 && failed > 1000 && given_up > 100, "{made} {failed} {given_up}");
    }
}
