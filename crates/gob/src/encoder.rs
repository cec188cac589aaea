//! A stream of values to a writer, each type defined once.

use std::any::TypeId;
use std::fmt;
use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::plan::Plan;
use crate::told::Told;

/// Writes values one after the other, as Go's `gob.Encoder` does; a `Vec<u8>` is a writer too.
///
/// ```
/// # use ferrywire_gob::{Encoder, SliceDecoder};
/// let mut encoder = Encoder::new(Vec::new());
/// encoder.encode(&6_i64)?;
/// encoder.encode(&"seven")?;
/// let bytes = encoder.into_inner();
///
/// let mut decoder = SliceDecoder::new(&bytes);
/// assert_eq!(decoder.decode::<i64>()?, 6);
/// assert_eq!(decoder.decode::<&str>()?, "seven");
/// # Ok::<(), ferrywire_gob::Error>(())
/// ```
pub struct Encoder<W> {
    writer: W,
    told: Told,
    /// The last type and its plan: streams mostly carry few types.
    last: Option<(TypeId, &'static Plan)>,
    buffer: Vec<u8>,
}

/// The most that stays allocated for the next value, in bytes.
const BUFFER_KEPT_MAX: usize = 64 << 10;

impl<W: Write> Encoder<W> {
    /// Of a stream on which nothing has been sent.
    pub fn new(writer: W) -> Self {
        Self { writer, told: Told::new(), last: None, buffer: Vec::new() }
    }

    /// Writes `value`, and before it the definitions that the stream has not had.
    ///
    /// # Errors
    ///
    /// Where the type or the value has no gob encoding: nothing is written then. Where the writer fails:
    /// how much was written is unknown, and the stream is of no use.
    pub fn encode<'de, T: Serialize + Deserialize<'de>>(&mut self, value: &T) -> Result<()> {
        let key = typeid::of::<T>();
        let plan = match self.last {
            Some((last, plan)) if last == key => plan,
            _ => Plan::of::<T>()?,
        };
        self.last = Some((key, plan));
        self.encode_with(plan, value)
    }

    /// Writes `value` by a plan in hand, which may be another type's of the same layout.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_with<V: Serialize + ?Sized>(&mut self, plan: &Plan, value: &V) -> Result<()> {
        self.buffer.clear();
        plan.encode(value, &mut self.buffer)?;
        if !self.told.covers(plan) {
            let mut definitions = Vec::new();
            self.told.tell(plan, &mut definitions);
            self.writer.write_all(&definitions)?;
        }
        self.writer.write_all(&self.buffer)?;
        self.buffer.shrink_to(BUFFER_KEPT_MAX);
        Ok(())
    }

    /// Writes the empty message by which Go's decoder sees the end of the stream.
    ///
    /// # Errors
    ///
    /// Where the writer fails.
    pub fn end(&mut self) -> Result<()> {
        Ok(self.writer.write_all(&[0])?)
    }

    /// The writer below.
    pub fn get_ref(&self) -> &W {
        &self.writer
    }

    /// The writer below; what is written to it directly must be whole messages.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

impl<W> fmt::Debug for Encoder<W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Encoder").field("told", &self.told).finish_non_exhaustive()
    }
}
