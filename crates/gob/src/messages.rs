//! A stream of messages, without I/O: bytes come in, definitions are taken out, values are found.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::skim::{Skim, Stop, nonzero_singleton};
use crate::types::Types;
use crate::wire::Cursor;

/// Finds the values in what one peer sends.
///
/// ```
/// # use ferrywire_gob::{Limits, Messages, Next, Plan};
/// # let mut bytes = Vec::new();
/// # Plan::of::<Vec<i64>>()?.encode_with_definitions(&vec![6, 7], &mut bytes)?;
/// let mut messages = Messages::new(Limits::default());
/// let Next::Value { start, end, .. } = messages.next(&bytes)? else { panic!("a whole value came") };
/// let value: Vec<i64> = messages.types().decode(&bytes[start..end])?;
/// assert_eq!(value, [6, 7]);
/// # Ok::<(), ferrywire_gob::Error>(())
/// ```
pub struct Messages {
    types: Arc<Types>,
    /// A value that goes on in a message that is not there yet.
    partial: Option<Partial>,
}

struct Partial {
    skim: Skim,
    /// Where the next message begins, counted from the value's first byte.
    next: usize,
    id: i32,
}

/// What stands at the front of the bytes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Next {
    /// No whole value yet. Present what follows the first `used` bytes again, longer.
    More {
        /// So many bytes at the front were definitions, and are done with.
        used: usize,
        /// At least so many bytes are still to come.
        want: usize,
    },
    /// A whole value, in all its messages: `bytes[start..end]`, which is for [`Types::decode`]. Go on at `end`.
    Value {
        /// Behind the definitions that stood before it.
        start: usize,
        /// Behind its last message.
        end: usize,
        /// Its type.
        id: i32,
    },
    /// A value or a definition that cannot be read. The stream is in step again at `end`.
    Damaged {
        /// Behind the damaged message.
        end: usize,
        /// What is wrong with it.
        error: Error,
    },
    /// An empty message, by which Go says the end of what it sends.
    End {
        /// Behind the empty message.
        end: usize,
    },
}

/// One message among the bytes.
struct Message<'b> {
    body: Cursor<'b>,
    /// Where its body begins and where the next message does.
    start: usize,
    end: usize,
}

impl Messages {
    /// Of a stream on which nothing has come.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { types: Arc::new(Types::new(limits)), partial: None }
    }

    /// What the peer has defined so far. It does not change while it is shared: later definitions go into a copy.
    #[must_use]
    pub fn types(&self) -> &Arc<Types> {
        &self.types
    }

    /// Looks for the next value at the front of `bytes`.
    ///
    /// A value whose type cannot hold an interface ends with its message, and is not looked into. Others are walked
    /// over, each byte once, however they arrive.
    ///
    /// # Errors
    ///
    /// Where the length of a message is no number or over [`Limits::message_len_max`], and where the peer defines more
    /// than [`Limits`] allow: nothing that follows can be understood.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Next, Error> {
        let mut used = 0;
        loop {
            let from = used + self.partial.as_ref().map_or(0, |partial| partial.next);
            let message = match self.message(bytes, from)? {
                Ok(message) => message,
                Err(want) => return Ok(Next::More { used, want }),
            };
            if message.body.rest.is_empty() {
                return Ok(match self.partial.take() {
                    None => Next::End { end: message.end },
                    Some(_) => Next::Damaged { end: message.end, error: Error::eof().at_byte(message.end) },
                });
            }
            let end = message.end;
            match self.take(message, used) {
                Ok(Taken::Definition) => used = end,
                Ok(Taken::Part) => {}
                Ok(Taken::Value { id }) => {
                    return Ok(Next::Value { start: used, end, id });
                }
                Err(Fault::OfValue(error)) => return Ok(Next::Damaged { end, error }),
                Err(Fault::OfStream(error)) => return Err(error),
            }
        }
    }

    /// The message that begins at `from`, or how many bytes of it are missing at least.
    fn message<'b>(&self, bytes: &'b [u8], from: usize) -> Result<Result<Message<'b>, usize>, Error> {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(first) = rest.first() else {
            return Ok(Err(1 + from.saturating_sub(bytes.len())));
        };
        let prefix_len = if *first < 128 { 1 } else { 1 + usize::from(first.wrapping_neg()) };
        if rest.len() < prefix_len && prefix_len <= 9 {
            return Ok(Err(prefix_len - rest.len()));
        }
        let mut cursor = Cursor { rest };
        let len = cursor.uint()?;
        let max = self.types.limits.message_len_max;
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= max) else {
            return Err(Error::limit(format!("a message of {len} bytes is over the limit of {max}")));
        };
        match cursor.rest.get(..len) {
            Some(body) => {
                let start = from + prefix_len;
                Ok(Ok(Message { body: Cursor { rest: body }, start, end: start + len }))
            }
            None => Ok(Err(len - cursor.rest.len())),
        }
    }

    /// Takes in one whole message; the value, if one is begun, starts at `used`.
    fn take(&mut self, message: Message<'_>, used: usize) -> Result<Taken, Fault> {
        let Message { mut body, start, end } = message;
        let whole = body.rest.len();
        let result = match self.partial.take() {
            Some(mut partial) => {
                let steps = self.types.limits.steps_per_byte.saturating_mul(whole as u64);
                partial.skim.steps = partial.skim.steps.saturating_add(steps);
                self.walk(partial, &mut body, end - used)
            }
            None => self.begin(&mut body, end - used),
        };
        let offset = start + (whole - body.rest.len());
        result.map_err(|fault| match fault {
            Fault::OfValue(error) => Fault::OfValue(error.at_byte(offset)),
            Fault::OfStream(error) => Fault::OfStream(error.at_byte(offset)),
        })
    }

    fn begin(&mut self, body: &mut Cursor<'_>, next: usize) -> Result<Taken, Fault> {
        let steps = self.types.limits.steps(body.rest.len());
        let id = body.int()?;
        if id < 0 {
            self.define(id, body)?;
            return match body.rest.len() {
                0 => Ok(Taken::Definition),
                left => {
                    Err(Error::damaged(format!("extra data in buffer: {left} bytes behind a definition"))
                        .into())
                }
            };
        }
        let ty = self.types.admit(id)?;
        let id = i32::try_from(id).unwrap_or_default();
        if !self.types.reaches_interface(ty) {
            return Ok(Taken::Value { id });
        }
        if !self.types.is_struct(ty) && body.uint()? != 0 {
            return Err(nonzero_singleton().into());
        }
        let skim = Skim::new(ty, steps, self.types.limits.zero_size_elements_max, 0);
        self.walk(Partial { skim, next, id }, body, next)
    }

    /// Walks on over a value, in a message behind which the next begins at `next`.
    fn walk(&mut self, mut partial: Partial, body: &mut Cursor<'_>, next: usize) -> Result<Taken, Fault> {
        loop {
            match partial.skim.advance(&self.types, body)? {
                Stop::Done => return Ok(Taken::Value { id: partial.id }),
                Stop::NextMessage => {
                    partial.next = next;
                    self.partial = Some(partial);
                    return Ok(Taken::Part);
                }
                Stop::Definition(id) => {
                    self.define(id, body)?;
                    partial.skim.defined(body)?;
                }
            }
        }
    }

    /// A limit that one value reaches is about that value; one that the definitions reach is about all that follow.
    fn define(&mut self, id: i64, body: &mut Cursor<'_>) -> Result<(), Fault> {
        Arc::make_mut(&mut self.types).define(id, body).map_err(|error| match error.kind() {
            ErrorKind::Limit => Fault::OfStream(error),
            _ => Fault::OfValue(error),
        })
    }
}

/// Why a message was not taken in.
enum Fault {
    /// The stream is in step at the next message.
    OfValue(Error),
    /// Nothing that follows can be understood.
    OfStream(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::OfValue(error)
    }
}

enum Taken {
    /// It defined a type.
    Definition,
    /// A value was begun or went on, and is not over.
    Part,
    /// A value is over.
    Value { id: i32 },
}

impl fmt::Debug for Messages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = self.partial.is_some();
        out.debug_struct("Messages").field("types", &self.types).field("inside_a_value", &inside).finish()
    }
}
