//! One who calls, waits for the reply, and calls again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;

use crate::{Latencies, Payload, Result, Shape};

/// Of many calls in flight on a connection, one in so many is timed: the clock costs as much as a tenth of a fast call.
const TIMED_EVERY: u64 = 16;

/// What is to be done on one connection.
#[derive(Clone, Debug)]
pub struct Work {
    payload_len: usize,
    depth: usize,
    caller_first: u64,
    until: Until,
}

#[derive(Clone, Debug)]
enum Until {
    Stopped(Arc<AtomicBool>),
    /// Each caller has made so many calls; nothing is timed.
    Made(u64),
}

/// What has been done.
#[derive(Debug, Default)]
pub struct Done {
    /// Calls made.
    pub calls: u64,
    /// Of those that were timed.
    pub latencies: Latencies,
}

impl Done {
    /// Adds what others have done.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.latencies.append(other.latencies);
    }
}

impl Work {
    /// One share for each connection of `shape`; all goes on until `stopped` is set.
    pub fn until_stopped(shape: Shape, stopped: &Arc<AtomicBool>) -> impl Iterator<Item = Self> {
        Self::shares(shape, Until::Stopped(stopped.clone()))
    }

    /// One share for each connection of `shape`; `calls` calls in all.
    pub fn until_made(shape: Shape, calls: u64) -> impl Iterator<Item = Self> {
        Self::shares(shape, Until::Made(calls / shape.callers() as u64))
    }

    fn shares(shape: Shape, until: Until) -> impl Iterator<Item = Self> {
        (0..shape.connections).map(move |connection| Self {
            payload_len: shape.payload_len,
            depth: shape.depth,
            caller_first: (connection * shape.depth) as u64,
            until: until.clone(),
        })
    }

    /// How many calls are kept in flight.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The callers that keep them there.
    pub fn callers(self) -> impl Iterator<Item = Caller> {
        (0..self.depth).map(move |caller| Caller {
            payload: Payload::new(self.payload_len, self.caller_first + caller as u64),
            until: self.until.clone(),
            timed_every: if self.depth == 1 { 1 } else { TIMED_EVERY },
            started: None,
            latencies: Latencies::default(),
        })
    }
}

/// One call in flight: [`advance`](Self::advance), send, receive, [`verify`](Self::verify), and again.
#[derive(Debug)]
pub struct Caller {
    payload: Payload,
    until: Until,
    timed_every: u64,
    started: Option<Instant>,
    latencies: Latencies,
}

impl Caller {
    /// What to send next: nothing once all is done.
    pub fn advance(&mut self) -> Option<&[u8]> {
        let made = self.payload.made();
        match &self.until {
            Until::Stopped(stopped) if stopped.load(Ordering::Relaxed) => return None,
            Until::Stopped(_) => self.started = made.is_multiple_of(self.timed_every).then(Instant::now),
            Until::Made(calls) if made >= *calls => return None,
            Until::Made(_) => {}
        }
        Some(self.payload.advance())
    }

    /// What was to be sent last.
    pub fn sent(&self) -> &[u8] {
        self.payload.bytes()
    }

    /// The same, if it is long, in a form that can be shared.
    pub fn shared(&self) -> Option<&Bytes> {
        self.payload.shared()
    }

    /// Takes the reply to what was sent.
    pub fn verify(&mut self, reply: &[u8]) -> Result<()> {
        if let Some(started) = self.started {
            self.latencies.add_since(started);
        }
        self.payload.verify(reply)
    }

    /// What this caller has done.
    pub fn done(self) -> Done {
        Done { calls: self.payload.made(), latencies: self.latencies }
    }
}
