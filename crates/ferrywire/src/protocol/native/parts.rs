//! The optional parts between a frame's header and its body.

use std::time::Duration;

use super::header::{Header, flag, malformed};
use crate::codec::Format;
use crate::error::{Code, Error, Phase, Result};
use crate::metadata::{Metadata, Trace};
use crate::protocol::{Compression, Packed};

/// The most bytes of metadata that are read or written.
pub(super) const METADATA_LEN_MAX: usize = 8 * 1024;

/// The most entries that are read or written: each takes more memory than bytes on the wire.
const METADATA_ENTRIES_MAX: usize = 128;

/// Takes numbers and texts off the front of bytes; whatever is missing is an error.
#[derive(Debug)]
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
}

impl<'b> Cursor<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn rest(self) -> &'b [u8] {
        self.bytes
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'b [u8]> {
        let Some((taken, rest)) = self.bytes.split_at_checked(len) else {
            return Err(malformed(format!("{} bytes where a part has {len}", self.bytes.len())));
        };
        self.bytes = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((taken, rest)) = self.bytes.split_first_chunk::<N>() else {
            return Err(malformed(format!("{} bytes where a part has {N}", self.bytes.len())));
        };
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        let [byte] = self.chunk()?;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.chunk()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.chunk()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.chunk()?))
    }

    pub(super) fn short_text(&mut self) -> Result<&'b [u8]> {
        let len = self.u8()?;
        self.take(len.into())
    }
}

/// Appends a length and so many bytes; whoever calls has seen to it that they fit.
pub(super) fn put_short_text(out: &mut Vec<u8>, text: &[u8]) {
    let text = text.get(..text.len().min(255)).unwrap_or_default();
    out.push(text.len() as u8);
    out.extend_from_slice(text);
}

/// What stands between a header and a body.
#[derive(Debug, Default)]
pub(super) struct Parts<'b> {
    pub(super) name: Option<(&'b [u8], u64)>,
    pub(super) codec: u8,
    pub(super) timeout: Option<Duration>,
    pub(super) metadata: Option<Box<Metadata>>,
    /// The algorithm, and the body's length before.
    pub(super) compressed: Option<(u8, u32)>,
    /// The whole length of a body that continues in other frames.
    pub(super) whole_len: Option<u32>,
}

/// The flags that announce parts.
const WITH_PARTS: u16 =
    flag::NAMED | flag::CODEC | flag::DEADLINE | flag::TRACE | flag::METADATA | flag::COMPRESSED | flag::MORE;

impl<'b> Parts<'b> {
    /// The parts that `header` announces, and the body behind them. A frame that continues has none.
    #[inline]
    pub(super) fn read(header: Header, bytes: &'b [u8]) -> Result<(Self, &'b [u8])> {
        if !header.has(WITH_PARTS) || header.has(flag::CONTINUED) {
            return Ok((Self::default(), bytes));
        }
        Self::read_some(header, bytes)
    }

    fn read_some(header: Header, bytes: &'b [u8]) -> Result<(Self, &'b [u8])> {
        let mut cursor = Cursor::new(bytes);
        let mut parts = Self::default();
        if header.has(flag::NAMED) {
            parts.name = Some((cursor.short_text()?, cursor.u64()?));
        }
        if header.has(flag::CODEC) {
            parts.codec = cursor.u8()?;
        }
        if header.has(flag::DEADLINE) {
            parts.timeout = Some(Duration::from_millis(cursor.u32()?.into()));
        }
        if header.has(flag::TRACE) {
            let trace = Trace { trace_id: cursor.chunk()?, parent_id: cursor.chunk()?, flags: cursor.u8()? };
            parts.metadata.get_or_insert_default().set_trace(Some(trace));
        }
        if header.has(flag::METADATA) {
            let len = cursor.u16()?.into();
            if len > METADATA_LEN_MAX {
                return Err(malformed(format!(
                    "{len} bytes of metadata, over the limit of {METADATA_LEN_MAX}"
                )));
            }
            read_metadata(cursor.take(len)?, parts.metadata.get_or_insert_default())?;
        }
        if header.has(flag::COMPRESSED) {
            parts.compressed = Some((cursor.u8()?, cursor.u32()?));
        }
        if header.has(flag::MORE) {
            parts.whole_len = Some(cursor.u32()?);
        }
        Ok((parts, cursor.rest()))
    }

    /// The body's codec.
    ///
    /// # Errors
    ///
    /// If it is none that is known here, which concerns this body alone.
    #[inline]
    pub(super) fn format(&self) -> Result<Format> {
        match Format::from_id(self.codec) {
            Some(format) => Ok(format),
            None => Err(Error::new(Code::InvalidArgument, format!("no codec has the number {}", self.codec))
                .in_phase(Phase::Decode)),
        }
    }

    /// How the body is compressed, if it is. Whether such bodies are read here, this side's preface has said.
    ///
    /// # Errors
    ///
    /// If such are not read, which concerns this body alone.
    #[inline]
    pub(super) fn packed(&self, unpacks: bool) -> Result<Option<Packed>> {
        match self.compressed {
            None => Ok(None),
            Some((number, len)) => packed(number, len, unpacks).map(Some),
        }
    }
}

#[cold]
fn packed(number: u8, len: u32, unpacks: bool) -> Result<Packed> {
    let refused = |code, text: String| Err(Error::new(code, text).in_phase(Phase::Decode));
    match Compression::ALL.into_iter().find(|algorithm| number_of(*algorithm) == number) {
        Some(algorithm) if unpacks && algorithm.is_built() => Ok(Packed { algorithm, len }),
        Some(algorithm) => {
            let text = format!("a body compressed with {}, which is not read here", algorithm.name());
            refused(Code::Unimplemented, text)
        }
        None => refused(Code::InvalidArgument, format!("no compression has the number {number}")),
    }
}

/// The number of an algorithm.
fn number_of(algorithm: Compression) -> u8 {
    match algorithm {
        Compression::Lz4 => 1,
        Compression::Zstd => 2,
    }
}

/// Appends the part of a compressed body.
pub(super) fn put_packed(out: &mut Vec<u8>, packed: Packed) -> u16 {
    out.push(number_of(packed.algorithm));
    out.extend_from_slice(&packed.len.to_le_bytes());
    flag::COMPRESSED
}

fn read_metadata(block: &[u8], metadata: &mut Metadata) -> Result<()> {
    let mut cursor = Cursor::new(block);
    let mut entries = 0;
    while !cursor.bytes.is_empty() {
        entries += 1;
        if entries > METADATA_ENTRIES_MAX {
            return Err(malformed(format!("more than {METADATA_ENTRIES_MAX} entries of metadata")));
        }
        let name = cursor.short_text()?;
        let len = cursor.u16()?.into();
        let value = cursor.take(len)?;
        match std::str::from_utf8(name) {
            Ok(name) if is_name(name) => metadata.insert(name, value),
            _ => return Err(malformed(format!("metadata named `{}`", name.escape_ascii()))),
        }
    }
    Ok(())
}

/// Whether metadata may be called so on the wire.
pub(super) fn is_name(name: &str) -> bool {
    let is_letter = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 255 && name.bytes().all(is_letter)
}

/// Whether metadata can be sent as it is.
///
/// # Errors
///
/// Which entry cannot, and why.
pub(super) fn check_metadata(metadata: &Metadata) -> Result<()> {
    let refused = |text: String| Err(Error::new(Code::InvalidArgument, text));
    let (mut len, mut entries, mut first_beyond) = (0, 0, None);
    for (name, value) in metadata.iter() {
        if !is_name(&name.to_ascii_lowercase()) {
            let name = crate::error::shown(name.as_bytes());
            let letters = "1 to 255 ASCII letters, digits, `-`, `_` and `.`";
            return refused(format!("no metadata can be called `{name}`: expected {letters}"));
        }
        len += 3 + name.len() + value.len();
        entries += 1;
        if len > METADATA_LEN_MAX || entries > METADATA_ENTRIES_MAX {
            first_beyond.get_or_insert(name);
        }
    }
    let Some(name) = first_beyond else {
        return Ok(());
    };
    let limits = format!("{METADATA_LEN_MAX} bytes and {METADATA_ENTRIES_MAX} entries");
    refused(format!(
        "metadata of {len} bytes in {entries} entries is over the limit of {limits}, from `{name}` on"
    ))
}

/// Appends the parts of metadata; returns the flags that announce them.
///
/// Whoever calls has seen to it that it can be sent, see [`check_metadata`].
pub(super) fn put_metadata(out: &mut Vec<u8>, metadata: &Metadata) -> u16 {
    let mut flags = 0;
    if let Some(trace) = metadata.trace() {
        out.extend_from_slice(&trace.trace_id);
        out.extend_from_slice(&trace.parent_id);
        out.push(trace.flags);
        flags |= flag::TRACE;
    }
    if metadata.is_empty() {
        return flags;
    }
    let len_at = out.len();
    out.extend_from_slice(&[0; 2]);
    for (name, value) in metadata.iter() {
        put_short_text(out, name.to_ascii_lowercase().as_bytes());
        out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        out.extend_from_slice(value);
    }
    let len = (out.len() - len_at - 2) as u16;
    if let Some(place) = out.get_mut(len_at..len_at + 2) {
        place.copy_from_slice(&len.to_le_bytes());
    }
    flags | flag::METADATA
}
