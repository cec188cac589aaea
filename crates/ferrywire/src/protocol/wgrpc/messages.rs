//! Messages of either codec: a header and a body, read from one direction of a connection.

use std::borrow::Cow;

use super::HEADER;
use super::json::{JsonPair, JsonPairs};
use crate::body::Body;
use crate::codec::Format;
use crate::error::Result;
use crate::limits::Limits;
use crate::message::Read;
use crate::protocol::pairs::Pairs;

/// Finds messages in one direction of a connection.
#[derive(Debug)]
pub(super) enum Messages {
    Gob(Pairs),
    Json(JsonPairs),
}

/// One message.
pub(super) struct Message<'b> {
    pub(super) method: Cow<'b, [u8]>,
    pub(super) seq: u64,
    pub(super) error: Cow<'b, [u8]>,
    pub(super) body: Result<Body<'b>>,
}

impl Messages {
    pub(super) fn new(format: Format, limits: &Limits) -> Self {
        match format {
            Format::Json => Self::Json(JsonPairs::new(limits.frame_len_max)),
            _ => Self::Gob(Pairs::new(HEADER, limits)),
        }
    }

    /// The first message of `bytes`.
    ///
    /// # Errors
    ///
    /// If the stream cannot be followed any further. A body that is damaged alone is inside the message.
    pub(super) fn read<'b>(&'b mut self, bytes: &'b [u8]) -> Result<Read<Message<'b>>> {
        match self {
            Self::Gob(pairs) => match pairs.read(bytes)? {
                Read::Message { message, used } => {
                    let pairs: &'b Pairs = pairs;
                    let body = message.body.map(|place| pairs.body(bytes, place));
                    let (method, seq, error) = (message.method, message.seq, message.error);
                    Ok(Read::Message { message: Message { method, seq, error, body }, used })
                }
                Read::More { used } => Ok(Read::More { used }),
                Read::End => Ok(Read::End),
            },
            Self::Json(pairs) => match pairs.read(bytes)? {
                Read::Message { message: JsonPair { header, body }, used } => {
                    let body = Ok(Body { format: Format::Json, bytes: body, types: None, shared: None });
                    let (method, error) = (in_bytes(header.method), in_bytes(header.error));
                    Ok(Read::Message { message: Message { method, seq: header.seq, error, body }, used })
                }
                Read::More { used } => Ok(Read::More { used }),
                Read::End => Ok(Read::End),
            },
        }
    }
}

fn in_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
