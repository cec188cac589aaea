//! From an accepted stream to a served one: the first bytes say what the peer speaks.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep_until};

use super::bell::{Bell, Order};
use super::both;
use super::connection::Shared;
use super::connections::Admitted;
use super::delay;
use super::drive;
use super::http;
use super::spoken::{Speaks, Spoken};
use super::{Door, Inner};
use crate::protocol::Protocol;
use crate::protocol::gomorpc::GomoRpc;
use crate::protocol::jsonrpc;
use crate::protocol::native::{self, Native};
use crate::protocol::netrpc::{self, NetRpc};
use crate::protocol::opening::{Opening, opening};
use crate::protocol::tunnel::{self, Tunnel, Wanted};
use crate::protocol::wgrpc::{self, Family, GeeRpc, WgRpc};
use crate::transport::{Listen, Made, Stream};

/// What a stream turned out to be.
#[derive(Clone, Copy)]
enum Greeting {
    /// Calls in the native protocol.
    Native,
    /// The same, from a caller that offers services.
    BothWays,
    /// Calls in `net/rpc`.
    NetRpc,
    /// Calls in protobuf.
    GomoRpc,
    /// Calls behind an Option of WgRPC.
    WgRpc,
    /// Calls behind an Option of GeeRPC.
    GeeRpc,
    /// Calls in JSON.
    JsonRpc,
    /// Requests of HTTP.
    Http,
    /// Nothing more is to be done with it.
    Done,
}

impl Greeting {
    /// The name of what is spoken.
    fn protocol(self) -> Option<&'static str> {
        match self {
            Greeting::Native | Greeting::BothWays => Some(Native::NAME),
            Greeting::NetRpc => Some(NetRpc::NAME),
            Greeting::GomoRpc => Some(GomoRpc::NAME),
            Greeting::WgRpc => Some(WgRpc::NAME),
            Greeting::GeeRpc => Some(GeeRpc::NAME),
            // Of which version, every request says for itself.
            Greeting::JsonRpc => Some("JSON-RPC"),
            Greeting::Http => Some("HTTP"),
            Greeting::Done => None,
        }
    }
}

/// How long whoever comes has to say what it speaks, counted from when it came, once the server drains: what it has sent
/// by then it sent to a server that was there, and is to hear that nothing of it has run.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Accepts streams until the server drains. No error ends this: each is waited out.
pub(crate) async fn accept(inner: Arc<Inner>, door: Door) {
    let Door { mut listener, spoken } = door;
    let mut patience = Patience::default();
    let mut closing = pin!(closing(&inner));
    while let Some(stream) = unless(closing.as_mut(), pin!(patience.accept(&mut *listener))).await {
        inner.clone().admit(stream, spoken);
    }
}

/// Ready once a door is to be closed.
pub(super) async fn closing(inner: &Inner) {
    /// The runtime hears from the system who has come; until it has, nobody seems to be there.
    const HEARD_WITHIN: Duration = Duration::from_millis(1);
    inner.draining.cancelled().await;
    tokio::time::sleep(HEARD_WITHIN).await;
}

/// What comes, until `over` is ready and nothing stands at the door any more: the system has let those in who stand
/// there, and closing the door on them would leave them in doubt.
pub(super) async fn unless<T>(
    mut over: Pin<&mut impl Future<Output = ()>>,
    mut next: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    poll_fn(|cx| match next.as_mut().poll(cx) {
        Poll::Ready(came) => Poll::Ready(Some(came)),
        // It was not looked whether anybody stands there: other tasks have a turn first.
        Poll::Pending if !tokio::task::coop::has_budget_remaining() => Poll::Pending,
        Poll::Pending => over.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// How long to wait after an error of accepting, and a descriptor in reserve.
#[derive(Debug, Default)]
pub(super) struct Patience {
    pause: Option<Duration>,
    /// Open so that it can be closed: with no descriptor left, the one that waits is accepted and closed,
    /// instead of being reported again and again.
    reserve: Option<std::fs::File>,
    last_log: Option<Instant>,
}

impl Patience {
    /// The next stream.
    async fn accept(&mut self, listener: &mut dyn Listen) -> Stream {
        loop {
            match listener.accept().await {
                Ok(stream) => {
                    self.reset();
                    return stream;
                }
                Err(cause) => {
                    if let Some(stream) = self.wait_out(listener, &cause).await {
                        return stream;
                    }
                }
            }
        }
    }

    /// The next stream, for another runtime to serve.
    pub(super) async fn accept_elsewhere(&mut self, listener: &mut dyn Listen) -> Made<Stream> {
        loop {
            match listener.accept_elsewhere().await {
                Ok(made) => {
                    self.reset();
                    return made;
                }
                Err(cause) => {
                    if let Some(stream) = self.wait_out(listener, &cause).await {
                        return Box::new(|| Ok(stream));
                    }
                }
            }
        }
    }

    fn reset(&mut self) {
        self.pause = None;
        if self.reserve.is_none() {
            self.reserve = std::fs::File::open("/dev/null").ok();
        }
    }

    /// Waits until accepting may succeed again; a stream that came meanwhile and can be kept is returned.
    async fn wait_out(&mut self, listener: &mut dyn Listen, cause: &io::Error) -> Option<Stream> {
        const PAUSE_MIN: Duration = Duration::from_millis(5);
        const PAUSE_MAX: Duration = Duration::from_secs(1);
        let is_peers = matches!(
            cause.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        );
        if is_peers {
            return None;
        }
        let now = Instant::now();
        if self.last_log.is_none_or(|last| now - last >= Duration::from_secs(1)) {
            self.last_log = Some(now);
            tracing::warn!(%cause, address = %listener.address(), "cannot accept a connection");
        }
        if self.reserve.take().is_some() {
            let next = tokio::time::timeout(PAUSE_MIN, listener.accept()).await;
            self.reserve = std::fs::File::open("/dev/null").ok();
            match next {
                // Descriptors have become free: there is one for the stream and one for the reserve.
                Ok(Ok(stream)) if self.reserve.is_some() => return Some(stream),
                next => drop(next),
            }
            self.reserve = self.reserve.take().or_else(|| std::fs::File::open("/dev/null").ok());
        }
        let pause = self.pause.map_or(PAUSE_MIN, |pause| (pause * 2).min(PAUSE_MAX));
        self.pause = Some(pause);
        tokio::time::sleep(pause).await;
        None
    }
}

/// Finds out what a stream speaks, and serves it if that is `spoken` here.
pub(super) fn serve(
    inner: Arc<Inner>,
    stream: Stream,
    spoken: Spoken,
    admitted: Admitted,
) -> impl Future<Output = ()> + Send {
    // On the heap, and gone once it is known what is spoken: a task never becomes smaller, and most of a
    // connection's life is behind that.
    let greeted = Box::pin(greeted(inner, stream, spoken, admitted));
    // A block and not a function, whose future would have room for its arguments twice.
    async move {
        let Some(Greeted { greeting, began, first, stream, shared, admitted }) = greeted.await else {
            return;
        };
        let bell = admitted.bell.clone();
        match greeting {
            Greeting::Native => drive::serve::<Native>(stream, first, shared, bell).await,
            // On the heap, so that the tasks of all other connections are not larger for it.
            Greeting::BothWays => Box::pin(both::serve(stream, first, shared, bell)).await,
            Greeting::NetRpc => drive::serve::<NetRpc>(stream, first, shared, bell).await,
            // On the heap, as above.
            Greeting::GomoRpc => {
                let stream = delay::replies(stream, shared.limits.reply_latency_min);
                Box::pin(drive::serve::<GomoRpc>(stream, first, shared, bell)).await;
            }
            // On the heap, as above.
            Greeting::WgRpc | Greeting::GeeRpc => {
                Box::pin(drive::serve::<WgRpc>(stream, first, shared, bell)).await;
            }
            Greeting::JsonRpc => {
                Box::pin(drive::serve::<jsonrpc::Served>(stream, first, shared, bell)).await;
            }
            // On the heap, as above.
            Greeting::Http => Box::pin(http::serve(stream, first, began, shared, bell)).await,
            Greeting::Done => {}
        }
    }
}

/// A stream of which it is known what it speaks.
struct Greeted {
    greeting: Greeting,
    /// When its first byte came.
    began: Instant,
    /// What has been read already.
    first: Vec<u8>,
    stream: Stream,
    shared: Arc<Shared>,
    admitted: Admitted,
}

/// Finds out what a stream speaks. `None` if it is lost before, or told to end.
///
/// One that has only just come when the server begins to drain still says it, so that it hears a farewell it understands.
async fn greeted(
    inner: Arc<Inner>,
    mut stream: Stream,
    spoken: Spoken,
    admitted: Admitted,
) -> Option<Greeted> {
    let came_at = Instant::now();
    let mut first = Vec::new();
    let greeting = {
        let greeting = pin!(greeting_in_time(&inner, &mut stream, spoken, &mut first));
        unless_told(&admitted.bell, came_at + FRESH_FOR, greeting).await
    };
    match greeting {
        Some(Ok((greeting, began))) => {
            admitted.has_greeted();
            if let Some(protocol) = greeting.protocol() {
                // Nobody else has it yet, so that nothing is copied.
                Arc::make_mut(&mut stream.peer).speaks(protocol);
            }
            Some(Greeted { greeting, began, first, stream, shared: inner.shared.clone(), admitted })
        }
        Some(Err(cause)) => {
            tracing::debug!(peer = %stream.peer, %cause, "lost before it said what it speaks");
            None
        }
        None => {
            if admitted.bell.ordered() == Order::Stop {
                inner.shared.hits.note("handshakes_max");
            }
            tracing::debug!(peer = %stream.peer, "closed: others wait, and it has not said what it speaks");
            None
        }
    }
}

/// Runs `future` until the connection is told to stop, or to drain and `until` has passed.
fn unless_told<F: Future>(
    bell: &Bell,
    until: Instant,
    mut future: Pin<&mut F>,
) -> impl Future<Output = Option<F::Output>> {
    let mut over = None;
    poll_fn(move |cx| {
        bell.listen(cx.waker());
        let order = bell.ordered();
        if order == Order::Stop || order == Order::Drain && until <= Instant::now() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        match order {
            Order::Drain => {
                over.get_or_insert_with(|| Box::pin(sleep_until(until))).as_mut().poll(cx).map(|()| None)
            }
            Order::Serve | Order::Stop => Poll::Pending,
        }
    })
}

/// Finds out what a stream speaks, within the time for that; and when its first byte came.
///
/// The time begins with the first byte: Go's clients say nothing between dialling and their first call,
/// which may be hours apart. Until then a connection costs little, and makes room when others wait.
async fn greeting_in_time(
    inner: &Inner,
    stream: &mut Stream,
    spoken: Spoken,
    bytes: &mut Vec<u8>,
) -> io::Result<(Greeting, Instant)> {
    let limits = &inner.shared.limits;
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let first = tokio::time::timeout(limits.idle_timeout, read_more(stream, bytes));
    let came = first.await.map_err(late)??;
    let began = Instant::now();
    if came == 0 {
        // A health check, or a peer that changed its mind.
        return Ok((Greeting::Done, began));
    }
    match tokio::time::timeout(limits.handshake_timeout, greet(inner, stream, spoken, bytes)).await {
        Ok(greeted) => Ok((greeted?, began)),
        Err(elapsed) => {
            inner.shared.hits.note("handshake_timeout");
            Err(late(elapsed))
        }
    }
}

/// Reads once, into the end of `bytes`; returns how many came.
async fn read_more(stream: &mut Stream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    poll_fn(|cx| {
        // On the stack of the thread: in a future it would make every connection's task larger.
        let mut chunk = [MaybeUninit::uninit(); 2048];
        let mut room = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut stream.reader).poll_read(cx, &mut room))?;
        bytes.extend_from_slice(room.filled());
        Poll::Ready(Ok(room.filled().len()))
    })
    .await
}

async fn greet(
    inner: &Inner,
    stream: &mut Stream,
    spoken: Spoken,
    bytes: &mut Vec<u8>,
) -> io::Result<Greeting> {
    loop {
        let opening = opening(bytes, &inner.shared.limits);
        let is_tunnel = opening == Opening::Http && tunnel::is_tunnel(bytes);
        if !spoken.admits(opening, is_tunnel) {
            let first = crate::error::shown(bytes.get(..16).unwrap_or(bytes));
            tracing::info!(peer = %stream.peer, first, "closed: it speaks no protocol that is served here");
            return Ok(Greeting::Done);
        }
        match opening {
            Opening::Native => return greet_native(stream, bytes).await,
            Opening::Http if http::IS_SERVED && !is_tunnel => return Ok(Greeting::Http),
            Opening::Http => return greet_http(inner, stream, spoken, bytes).await,
            Opening::NetRpc => return Ok(Greeting::NetRpc),
            Opening::GomoRpc => return Ok(Greeting::GomoRpc),
            Opening::WgRpc => return greet_wgrpc(inner, stream, bytes).await,
            Opening::JsonRpc => return Ok(Greeting::JsonRpc),
            Opening::Undecided => {
                if read_more(stream, bytes).await? == 0 {
                    return Ok(Greeting::Done);
                }
            }
            Opening::Unknown => return Ok(Greeting::Done),
        }
    }
}

/// Looks whether the caller offers services. It does not wait for an answer before it has said so.
async fn greet_native(stream: &mut Stream, bytes: &mut Vec<u8>) -> io::Result<Greeting> {
    loop {
        match native::split::offers(bytes) {
            Some(true) => return Ok(Greeting::BothWays),
            Some(false) => return Ok(Greeting::Native),
            None if read_more(stream, bytes).await? == 0 => return Ok(Greeting::Done),
            None => {}
        }
    }
}

/// Waits for all of the Option: until then it is not known what is spoken.
async fn greet_wgrpc(inner: &Inner, stream: &mut Stream, bytes: &mut Vec<u8>) -> io::Result<Greeting> {
    loop {
        match wgrpc::family(bytes, inner.shared.limits.option_len_max) {
            Some(Family::WgRpc) => return Ok(Greeting::WgRpc),
            Some(Family::GeeRpc) => return Ok(Greeting::GeeRpc),
            None if read_more(stream, bytes).await? == 0 => return Ok(Greeting::Done),
            None => {}
        }
    }
}

async fn greet_http(
    inner: &Inner,
    stream: &mut Stream,
    spoken: Spoken,
    bytes: &mut Vec<u8>,
) -> io::Result<Greeting> {
    let wanted = loop {
        if let Some(wanted) = tunnel::read_request(bytes, &inner.shared.paths, &inner.shared.limits) {
            break wanted;
        }
        if read_more(stream, bytes).await? == 0 {
            return Ok(Greeting::Done);
        }
    };
    let reply = match wanted {
        Wanted::Tunnel { at, used } => {
            let path = inner.shared.paths.tunnels.get(at).map_or("", String::as_str);
            let (tunnel, greeting, speaks) = behind(path);
            if spoken.has(speaks) {
                stream.writer.write_all(&tunnel::reply(&tunnel)).await?;
                stream.writer.flush().await?;
                // What was sent without waiting for our 200 is part of the stream: Go loses it, we do not.
                bytes.drain(..used);
                return Ok(greeting);
            }
            tunnel::refusal(tunnel::NOT_FOUND)
        }
        Wanted::Page { at, is_head } => {
            tunnel::page(&netrpc::page::render(page_title(at), inner.shared.router.list()), is_head)
        }
        Wanted::Refused(status) => tunnel::refusal(status),
        Wanted::Http2 => tunnel::http2_refusal(),
    };
    stream.writer.write_all(&reply).await?;
    Pin::new(&mut stream.writer).shutdown().await?;
    // A peer that is still sending would see a reset, and with it lose the reply.
    while read_more(stream, bytes).await? > 0 {
        bytes.clear();
    }
    Ok(Greeting::Done)
}

/// Where pages are: that of `net/rpc`, and behind it those of the GeeRPC family.
pub(super) const PAGES: [&str; 3] = [netrpc::PAGE_PATH, wgrpc::PAGE_PATHS[0], wgrpc::PAGE_PATHS[1]];

/// What is written above the page at this place among [`PAGES`].
pub(super) fn page_title(at: usize) -> &'static str {
    if at == 0 { netrpc::PAGE_TITLE } else { wgrpc::PAGE_TITLE }
}

/// Every path at which a tunnel is opened that nobody asked for.
pub(super) fn tunnels() -> impl Iterator<Item = &'static str> {
    paths_of::<NetRpc>().chain(paths_of::<WgRpc>()).chain(paths_of::<GeeRpc>())
}

fn paths_of<P: Protocol>() -> impl Iterator<Item = &'static str> {
    P::TUNNEL.map(|tunnel| tunnel.path).into_iter().chain(P::TUNNEL_ALSO.iter().copied())
}

/// What is said when the tunnel at a path stands, and what is spoken behind it: `net/rpc` where nobody else is at home.
fn behind(path: &str) -> (Tunnel, Greeting, Speaks) {
    let (tunnel, greeting, speaks) = if paths_of::<WgRpc>().any(|known| known == path) {
        (WgRpc::TUNNEL, Greeting::WgRpc, Speaks::WgRpc)
    } else if paths_of::<GeeRpc>().any(|known| known == path) {
        (GeeRpc::TUNNEL, Greeting::GeeRpc, Speaks::WgRpc)
    } else {
        (NetRpc::TUNNEL, Greeting::NetRpc, Speaks::NetRpc)
    };
    (tunnel.expect("each of the three has a tunnel"), greeting, speaks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::server::Server;

    #[test]
    fn the_task_of_a_connection_has_room_for_what_serves_it_and_no_more() {
        let inner = Server::builder().build().expect("it offers nothing").inner.clone();
        let stream = Stream::new(tokio::io::empty(), tokio::io::sink(), Peer::named("nobody"));
        let admitted = inner.connections.admit(&stream.peer, &inner.shared.limits).expect("there is room");

        let serving = serve(inner, stream, Spoken::ALL, admitted);

        assert!(size_of_val(&serving) <= 1152, "it takes {} bytes", size_of_val(&serving));
    }
}
