//! Replies: the body alone is written, and how the call has ended is kept beside it.

use std::convert::Infallible;

use crate::body::Written;
use crate::codec::{Format, Told};
use crate::error::{Error, Result};
use crate::message::Missing;
use crate::metadata::Metadata;
use crate::protocol::{Terms, WriteReplies};

/// How a call has ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With a reply, whose body was written.
    Reply {
        /// What it is in.
        format: Format,
        /// What travels beside it.
        metadata: Option<Box<Metadata>>,
    },
    /// With an error. Nothing was written.
    Failed(Error),
    /// There is no such method. Nothing was written.
    Missing(Missing),
}

/// Writes the bodies of replies.
#[derive(Debug, Default)]
pub struct ReplyWriter {
    /// How the latest call has ended, until somebody asks.
    pub(crate) ended: Option<Ended>,
}

impl WriteReplies for ReplyWriter {
    type Tag = Format;
    type Word = Infallible;

    fn new(_terms: &Terms<'_>) -> Self {
        Self::default()
    }

    fn open(&self, _out: &mut Vec<u8>, _tag: &Format, _method: &[u8], _format: Format) {}

    fn close(&mut self, out: &mut Vec<u8>, _at: usize, body_at: usize, tag: &Format, written: Written) {
        if let Some(preamble) = written.preamble {
            // Every body is a stream of its own.
            let body = out.split_off(body_at);
            Told::new().tell(preamble, out);
            out.extend_from_slice(&body);
        }
        self.ended = Some(Ended::Reply { format: *tag, metadata: written.metadata });
    }

    fn refuse(&mut self, _out: &mut Vec<u8>, _tag: &Format, _method: &[u8], error: &Error) {
        self.ended = Some(Ended::Failed(error.clone()));
    }

    fn refuse_missing(&mut self, _out: &mut Vec<u8>, _tag: &Format, _method: &[u8], missing: Missing) {
        self.ended = Some(Ended::Missing(missing));
    }

    // Nothing is withdrawn but by closing the connection.
    fn acknowledge(&mut self, _out: &mut Vec<u8>, _tag: &Format) {}

    fn hear(&mut self, _out: &mut Vec<u8>, word: Infallible) -> Result<bool> {
        match word {}
    }
}
