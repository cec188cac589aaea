//! Pairs of two gob values, a header and a body: how Go programs put calls on a stream.
//!
//! Definitions come before the value that first needs them. A body that does not end where its message ends (Go splits
//! values at interfaces) is found whole by the gob reader before anybody decodes it.

use std::borrow::Cow;

use ferrywire_gob::{Messages, Next};
use serde::Serialize;

use crate::body::Body;
use crate::codec::{Format, Preamble, Shape, Told};
use crate::error::{Code, Error, Phase, Result};
use crate::limits::Limits;
use crate::message::Read;

mod header;

pub(super) use header::{Header, Kind};
use header::{HeaderReader, put_header};

// ---- reading ----

/// Finds pairs in one direction of a connection.
#[derive(Debug)]
pub(super) struct Pairs {
    messages: Messages,
    headers: HeaderReader,
    /// The header whose body has not come yet.
    header: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    method: Vec<u8>,
    seq: u64,
    error: Vec<u8>,
}

/// A header and where its body lies.
pub(super) struct Pair<'b> {
    pub(super) method: Cow<'b, [u8]>,
    pub(super) seq: u64,
    pub(super) error: Cow<'b, [u8]>,
    pub(super) body: Result<(usize, usize)>,
    pub(super) used: usize,
}

impl Pairs {
    pub(super) fn new(kind: Kind, limits: &Limits) -> Self {
        let headers = HeaderReader::new(kind);
        Self { messages: Messages::new(limits.gob()), headers, header: None }
    }

    /// The first pair of `bytes`.
    ///
    /// # Errors
    ///
    /// If the stream cannot be followed any further. A body that is damaged alone is inside the pair.
    pub(super) fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<Read<Pair<'b>>> {
        let mut used = 0;
        let (method, seq, error) = match self.header.take() {
            Some(kept) => (kept.method.into(), kept.seq, kept.error.into()),
            None => {
                self.headers.notice(bytes);
                match self.messages.next(bytes)? {
                    Next::More { used, .. } => return Ok(Read::More { used }),
                    Next::End { .. } => return Ok(Read::End),
                    Next::Damaged { error, .. } => return Err(error.into()),
                    Next::Value { start, end, id } => {
                        let value = bytes.get(start..end).unwrap_or_default();
                        let header = self.headers.read(self.messages.types(), value, id)?;
                        used = end;
                        (header.method.into(), header.seq, header.error.into())
                    }
                    next => return Err(unknown(&next)),
                }
            }
        };
        let rest = bytes.get(used..).unwrap_or_default();
        let (body, taken) = match self.messages.next(rest)? {
            Next::More { used: taken, .. } => {
                let (method, error) = (Vec::from(method), Vec::from(error));
                self.header = Some(Kept { method, seq, error });
                return Ok(Read::More { used: used + taken });
            }
            Next::Value { start, end, .. } => (Ok((used + start, used + end)), end),
            Next::Damaged { end, error } => (Err(error.into()), end),
            // An empty message in a body's place: Go answers this with an error and goes on.
            Next::End { end } => (Err(Error::new(Code::InvalidArgument, "EOF").in_phase(Phase::Decode)), end),
            next => return Err(unknown(&next)),
        };
        Ok(Read::Message {
            message: Pair { method, seq, error, body, used: used + taken },
            used: used + taken,
        })
    }

    /// The body at a [place](Pair::body) of `bytes`.
    pub(super) fn body<'b>(&'b self, bytes: &'b [u8], place: (usize, usize)) -> Body<'b> {
        let bytes = bytes.get(place.0..place.1).unwrap_or_default();
        Body { format: Format::Gob, bytes, types: Some(self.messages.types()), shared: None }
    }

    /// The method that the pair at the front of `bytes` names, if its header is written as Go does; `None` if there
    /// are too few bytes to tell.
    pub(super) fn next_method<'b>(&'b self, bytes: &'b [u8]) -> Option<Option<&'b [u8]>> {
        match &self.header {
            Some(kept) => Some(Some(&kept.method)),
            None => self.headers.peek(bytes),
        }
    }
}

/// The gob reader knows more than this one does.
#[cold]
fn unknown(next: &Next) -> Error {
    Error::new(Code::Internal, format!("{next:?} has no place in a pair of values"))
}

// ---- writing ----

/// Writes pairs in one direction of a connection.
#[derive(Debug)]
pub(super) struct PairWriter {
    kind: Kind,
    told: Told,
    is_defined: bool,
}

impl PairWriter {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, told: Told::new(), is_defined: false }
    }

    /// Appends a header whose body [follows](Self::put_body) in any case.
    #[inline]
    pub(super) fn put_header(&mut self, out: &mut Vec<u8>, header: Header<'_>) {
        self.open(out, header);
        self.is_defined = true;
    }

    /// Appends a header that may be cut off again; its body is [closed](Self::close) otherwise.
    #[inline]
    pub(super) fn open(&self, out: &mut Vec<u8>, header: Header<'_>) {
        if !self.is_defined {
            out.extend_from_slice(self.kind.definition);
        }
        put_header(out, header);
    }

    /// Completes a pair that was opened: puts the definitions that the peer lacks in front of the body at `body_at`.
    #[inline]
    pub(super) fn close(&mut self, out: &mut Vec<u8>, body_at: usize, preamble: Option<&'static Preamble>) {
        self.is_defined = true;
        match preamble {
            Some(plan) if self.told.covers(plan) => {}
            Some(plan) => {
                let body = out.split_off(body_at);
                self.told.tell(plan, out);
                out.extend_from_slice(&body);
            }
            None => self.told.settle(out, body_at),
        }
    }

    /// Appends a body behind its header.
    #[inline]
    pub(super) fn put_body(&mut self, out: &mut Vec<u8>, body: &[u8], preamble: Option<&'static Preamble>) {
        if let Some(plan) = preamble {
            self.told.tell(plan, out);
        }
        let body_at = out.len();
        out.extend_from_slice(body);
        if preamble.is_none() {
            self.told.settle(out, body_at);
        }
    }

    /// Appends a small value of our own as a body.
    pub(super) fn put_value<T: Serialize>(&mut self, out: &mut Vec<u8>, value: &T, shape: &Shape) {
        let plan = shape.plan().expect("our own types have a gob form");
        self.told.tell(plan, out);
        plan.encode(value, out).expect("our own values have a gob form");
    }

    /// Appends the body of an error reply: Go sends an empty struct, which its clients throw away.
    pub(super) fn put_nothing(&mut self, out: &mut Vec<u8>) {
        static NOTHING: Shape = Shape::of::<()>();
        self.put_value(out, &(), &NOTHING);
    }
}
