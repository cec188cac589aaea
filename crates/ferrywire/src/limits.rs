//! Every bound of the library, in one place: how long, how many, how much.
//!
//! No limit is ever spelled zero or `None`, and nothing means "no limit": who wants more writes a larger
//! number.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The bounds that servers and clients keep to. [`Limits::default`] is safe in the open;
/// [`Limits::trusted_network`] is looser.
///
/// ```
/// let mut limits = ferrywire::Limits::default();
/// limits.frame_len_max = 16 * 1024 * 1024;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message that is read or written, in bytes; 4 MiB unless set.
    ///
    /// A longer request closes its connection at the server, and a longer reply at the client with every
    /// call that waits there, before anything is allocated for it; of HTTP it is the body's length. What a method answers
    /// beyond it becomes an error reply; what a caller sends beyond it fails before it is sent.
    pub frame_len_max: usize,
    /// The longest `Service.Method`, in bytes; 255 unless set. A call with a longer one fails alone.
    pub method_len_max: usize,
    /// The longest head of an HTTP request or reply, in bytes; 8 KiB unless set.
    pub http_head_len_max: usize,
    /// The most header lines in an HTTP head; 64 unless set. Of plain HTTP both count as the head's length.
    pub http_headers_max: usize,
    /// The longest Option by which a WgRPC or GeeRPC client begins, in bytes, space around its parts included; 4 KiB unless
    /// set. A longer one closes its connection.
    pub option_len_max: usize,
    /// The longest header of a gomorpc message, in bytes; 4 KiB unless set. A longer one closes its connection.
    pub mheader_len_max: usize,
    /// How deep a message of JSON-RPC nests, the message itself and what is passed over included; 128 unless set. A
    /// deeper one closes its connection. Arguments and replies nest less deep, as their codec says.
    pub json_depth_max: usize,
    /// The longest id of a JSON-RPC request, in bytes; 64 unless set. A request of 2.0 with a longer one is no request,
    /// and one of 1.0 closes its connection.
    pub json_id_len_max: usize,
    /// The most requests in a list of them, as JSON-RPC 2.0 has; 256 unless set. Nothing of a longer one runs.
    pub batch_len_max: usize,

    /// The time from a connection's first byte until it is known what it speaks, and from the first byte of a request of
    /// plain HTTP until its head has come; 5 s unless set. Progress does not restart it.
    ///
    /// Before its first byte a connection may be silent as long as an idle one: Go's clients dial when they
    /// start and call when they have something to ask.
    pub handshake_timeout: Duration,
    /// The most connections that have not said what they speak; 1,024 unless set. The oldest makes room.
    pub handshakes_max: usize,
    /// The time that a message may take to arrive, beside the time that its length allows by
    /// [`frame_rate_min`](Self::frame_rate_min); 10 s unless set.
    pub frame_timeout: Duration,
    /// The least rate at which a message must arrive, in bytes a second; 64 KiB/s unless set.
    pub frame_rate_min: usize,
    /// The time after which a connection without calls is closed; 2 h unless set, because Go's clients do
    /// not reconnect. It is looked at every 30 s, so that a connection may grow that much older, or twice as
    /// old where the time is shorter. A dead peer is found by TCP keepalive long before.
    pub idle_timeout: Duration,
    /// The same for wires whose clients connect again by themselves, such as the native protocol and HTTP: 5 min unless
    /// set. The shorter of both holds there, but not for a client that offers services: it waits to be called. A
    /// connection that is closed for it is told so: a call that crosses
    /// the farewell has not run.
    pub idle_timeout_reconnecting: Duration,
    /// The most connections of a server; 10,000 unless set. Above it, a new connection is closed at once.
    pub connections_max: usize,
    /// The most connections of one network address; 1,000 unless set.
    pub connections_per_address_max: usize,

    /// The most calls that run at once on one connection; 256 unless set. At the limit the connection is
    /// not read, so that the peer waits and nothing is lost.
    pub calls_per_connection_max: usize,
    /// The most calls that run at once on the whole server; 16,384 unless set. A call beyond is refused
    /// with [`ResourceExhausted`](crate::Code::ResourceExhausted) and has not run. Threads that serve connections look
    /// before each call, so that all together may be over by one each.
    pub calls_max: usize,
    /// The most bytes that all connections together hold of messages, those of running calls included; 256 MiB
    /// unless set. From 95 in a hundred on, new calls are refused with
    /// [`ResourceExhausted`](crate::Code::ResourceExhausted); beyond it, connections that hold more than
    /// their share are closed.
    pub bytes_in_flight_max: usize,
    /// The most bytes of replies that wait to be sent on one connection before it is no longer read; 1 MiB
    /// unless set.
    pub outbound_len_max: usize,
    /// The least that a peer must take of its replies in 30 s while more than
    /// [`outbound_len_max`](Self::outbound_len_max) of them wait, in bytes; 64 KiB unless set.
    pub outbound_progress_min: usize,
    /// The time after which a connection is closed whose peer takes no byte of what is being sent; 10 s
    /// unless set.
    pub stall_timeout: Duration,
    /// The time that a method may run; 30 s unless set. On wires where a client says so once for its connection, as WgRPC's and
    /// GeeRPC's, a client asks for its own.
    pub handler_timeout: Duration,
    /// The longest time that a caller may ask for over the wire; 1 h unless set. The shortest is 1 ms.
    pub handler_timeout_max: Duration,
    /// The least time between reading a request and sending its reply, on wires whose clients die of an earlier one, as
    /// gomorpc's; 1 ms unless set, and nothing waits if it is zero. It has to be shorter than
    /// [`stall_timeout`](Self::stall_timeout).
    pub reply_latency_min: Duration,
    /// The time for which a server that was shut down goes on accepting and serving, once it was taken off the lists of servers, so
    /// that nobody who has an old one meets a closed door; 3 s unless set. A server that nobody
    /// [announces](crate::server::Builder::announce) does not wait.
    pub drain_delay: Duration,
    /// The time that calls have to finish once a server drains; 30 s unless set.
    pub drain_timeout: Duration,

    /// Calls of unknown methods in 10 s after which a connection is closed; 100 unless set. Connections of gomorpc, whose
    /// clients would not survive that, are kept beyond this and the next two.
    pub unknown_methods_max: usize,
    /// Arguments in a row that do not decode after which a connection is closed; 16 unless set.
    pub undecodable_bodies_max: usize,
    /// Requests that take the id of a call in flight, after which a connection is closed; 16 unless set.
    pub duplicate_ids_max: usize,
    /// Replies that nobody waits for after which a client closes its connection; 1,000 unless set.
    pub unknown_replies_max: usize,
    /// Withdrawals in 10 s, of which fewer than one in a hundred calls came to an end by itself, after
    /// which a connection is closed; 1,000 unless set.
    pub cancels_max: usize,
    /// Questions in 10 s whether anybody is there, after which a connection is closed; 10 unless set.
    pub pings_max: usize,

    /// The time that a call may take in all; 10 s unless set, here or for the call.
    pub call_timeout: Duration,
    /// The time that making a connection may take, its handshake included; 3 s unless set.
    pub connect_timeout: Duration,
    /// The time for which a client hears nothing, while calls wait, before it asks whether the server is there; 30 s
    /// unless set. Only on wires that have such a question, as the native protocol has. It is looked at every so
    /// often, so that the silence may have been twice as long.
    ///
    /// It is asked once in this time and [`ping_timeout`](Self::ping_timeout) together at most; see
    /// [`pings_max`](Self::pings_max) before making both very short.
    pub ping_interval: Duration,
    /// The time that a server has to show that it is there once it was asked; 10 s unless set. After it the
    /// connection is lost, and with it the calls that wait: [`Unavailable`](crate::Code::Unavailable), and they
    /// may have run. Whatever comes is an answer.
    pub ping_timeout: Duration,
    /// The most calls that wait for a reply on one connection; 1,024 unless set. Further ones queue within
    /// their deadlines.
    pub calls_pending_max: usize,
    /// The most connections that a client has to its server on wires where a call needs one for itself, as over HTTP;
    /// 8 unless set. Further calls queue within their deadlines.
    pub connections_per_client_max: usize,

    /// How often a call is sent at most that servers have failed; 3 unless set. Only by clients with several servers, and only if it
    /// has not run or is [idempotent](crate::Call::idempotent).
    pub attempts_max: usize,

    /// The bounds of gob itself.
    pub gob: ferrywire_gob::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_len_max: 4 * MIB,
            method_len_max: 255,
            http_head_len_max: 8 * KIB,
            http_headers_max: 64,
            option_len_max: 4 * KIB,
            mheader_len_max: 4 * KIB,
            json_depth_max: 128,
            json_id_len_max: 64,
            batch_len_max: 256,
            handshake_timeout: Duration::from_secs(5),
            handshakes_max: 1024,
            frame_timeout: Duration::from_secs(10),
            frame_rate_min: 64 * KIB,
            idle_timeout: Duration::from_secs(2 * 3600),
            idle_timeout_reconnecting: Duration::from_secs(5 * 60),
            connections_max: 10_000,
            connections_per_address_max: 1000,
            calls_per_connection_max: 256,
            calls_max: 16_384,
            bytes_in_flight_max: 256 * MIB,
            outbound_len_max: MIB,
            outbound_progress_min: 64 * KIB,
            stall_timeout: Duration::from_secs(10),
            handler_timeout: Duration::from_secs(30),
            handler_timeout_max: Duration::from_secs(3600),
            reply_latency_min: Duration::from_millis(1),
            drain_delay: Duration::from_secs(3),
            drain_timeout: Duration::from_secs(30),
            unknown_methods_max: 100,
            undecodable_bodies_max: 16,
            duplicate_ids_max: 16,
            unknown_replies_max: 1000,
            cancels_max: 1000,
            pings_max: 10,
            call_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(10),
            calls_pending_max: 1024,
            connections_per_client_max: 8,
            attempts_max: 3,
            gob: ferrywire_gob::Limits::default(),
        }
    }
}

impl Limits {
    /// Looser bounds for peers that are known: 64 MiB messages, 1,000 connections per address become
    /// 10,000, 4,096 calls per connection.
    pub fn trusted_network() -> Self {
        Self {
            frame_len_max: 64 * MIB,
            connections_per_address_max: 10_000,
            calls_per_connection_max: 4096,
            calls_max: 65_536,
            outbound_len_max: 16 * MIB,
            unknown_methods_max: 10_000,
            undecodable_bodies_max: 1000,
            calls_pending_max: 16_384,
            connections_per_client_max: 64,
            ..Self::default()
        }
    }

    /// Gob's bounds, with the message's length that holds for every wire.
    pub(crate) fn gob(&self) -> ferrywire_gob::Limits {
        let mut limits = self.gob.clone();
        limits.message_len_max = self.frame_len_max;
        limits
    }

    /// A time that a caller asked for, within what the server grants: from 1 ms to
    /// [`handler_timeout_max`](Self::handler_timeout_max).
    pub(crate) fn granted(&self, asked: Option<Duration>) -> Duration {
        match asked {
            Some(asked) => asked.clamp(Duration::from_millis(1), self.handler_timeout_max),
            None => self.handler_timeout,
        }
    }
}

/// How often each limit was reached, by its name. Only touched when one is.
#[derive(Debug, Default)]
pub(crate) struct Hits(Mutex<BTreeMap<&'static str, u64>>);

impl Hits {
    /// The limit was reached once more.
    #[cold]
    pub(crate) fn note(&self, limit: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(limit).or_default() += 1;
    }

    /// All limits that have been reached.
    pub(crate) fn all(&self) -> Vec<(&'static str, u64)> {
        let hits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hits.iter().map(|(limit, count)| (*limit, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_timeout_of_zero_is_clamped() {
        let limits = Limits::default();

        assert_eq!(limits.granted(Some(Duration::ZERO)), Duration::from_millis(1));
        assert_eq!(limits.granted(Some(Duration::MAX)), Duration::from_secs(3600));
        assert_eq!(limits.granted(None), Duration::from_secs(30));
    }
}
