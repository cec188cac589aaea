//! The sixteen bytes in front of every frame, and of every stream.

use crate::error::{Code, Error, Phase, Result};

/// How long a frame's header is.
pub(super) const HEADER_LEN: usize = 16;

/// What a frame is: the low bits of its flags.
pub(super) mod kind {
    pub(crate) const REQUEST: u16 = 0;
    pub(crate) const RESPONSE: u16 = 1;
    pub(crate) const ERROR: u16 = 2;
    pub(crate) const CANCEL: u16 = 3;
    pub(crate) const HELLO: u16 = 4;
    pub(crate) const PING: u16 = 5;
    pub(crate) const PONG: u16 = 6;
    pub(crate) const GO_AWAY: u16 = 7;
    pub(crate) const CREDIT: u16 = 10;
    /// The bits that say it.
    pub(crate) const MASK: u16 = 0x000f;
}

/// Which parts a frame has.
pub(super) mod flag {
    pub(crate) const NAMED: u16 = 0x0010;
    pub(crate) const CODEC: u16 = 0x0020;
    pub(crate) const DEADLINE: u16 = 0x0040;
    pub(crate) const TRACE: u16 = 0x0080;
    pub(crate) const METADATA: u16 = 0x0100;
    pub(crate) const COMPRESSED: u16 = 0x0200;
    pub(crate) const CHECKSUM: u16 = 0x0400;
    pub(crate) const MORE: u16 = 0x0800;
    pub(crate) const CONTINUED: u16 = 0x1000;
    pub(crate) const ONE_WAY: u16 = 0x2000;
    pub(crate) const NOT_EXECUTED: u16 = 0x2000;
    pub(crate) const BACK: u16 = 0x4000;
}

/// The flags that stand with each kind, the kind's own bits left out.
fn flags_of(kind: u16) -> Option<u16> {
    let own = match kind {
        kind::REQUEST => {
            flag::NAMED
                | flag::CODEC
                | flag::DEADLINE
                | flag::TRACE
                | flag::METADATA
                | flag::COMPRESSED
                | flag::MORE
                | flag::CONTINUED
                | flag::ONE_WAY
        }
        kind::RESPONSE => flag::CODEC | flag::METADATA | flag::COMPRESSED | flag::MORE | flag::CONTINUED,
        kind::ERROR => flag::CODEC | flag::METADATA | flag::NOT_EXECUTED,
        kind::CANCEL | kind::HELLO | kind::PING | kind::PONG | kind::GO_AWAY => 0,
        kind::CREDIT => flag::BACK,
        _ => return None,
    };
    Some(own | flag::CHECKSUM)
}

/// A frame's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) len: u32,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) id: u64,
}

impl Header {
    #[inline]
    pub(super) fn kind(self) -> u16 {
        self.flags & kind::MASK
    }

    #[inline]
    pub(super) fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The header at the front of `bytes`, and what follows it; `None` if there are too few bytes.
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let [l0, l1, l2, l3, m0, m1, f0, f1, id @ ..] = *header;
        let header = Self {
            len: u32::from_le_bytes([l0, l1, l2, l3]),
            method: u16::from_le_bytes([m0, m1]),
            flags: u16::from_le_bytes([f0, f1]),
            id: u64::from_le_bytes(id),
        };
        Some((header, rest))
    }

    pub(super) fn bytes(self) -> [u8; HEADER_LEN] {
        let (len, method, flags) =
            (self.len.to_le_bytes(), self.method.to_le_bytes(), self.flags.to_le_bytes());
        let id = self.id.to_le_bytes();
        [
            len[0], len[1], len[2], len[3], method[0], method[1], flags[0], flags[1], id[0], id[1], id[2],
            id[3], id[4], id[5], id[6], id[7],
        ]
    }

    /// Whether the flags stand with the kind. The usual ones are seen at a glance.
    #[inline]
    pub(super) fn check(self) -> Result<()> {
        if self.flags <= kind::RESPONSE { Ok(()) } else { self.check_flags() }
    }

    fn check_flags(self) -> Result<()> {
        let Some(allowed) = flags_of(self.kind()) else {
            return Err(malformed(format!("a frame of kind {}, which is unknown", self.kind())));
        };
        let strange = self.flags & !kind::MASK & !allowed;
        if strange != 0 {
            return Err(malformed(format!("flags {strange:#06x} on a frame of kind {}", self.kind())));
        }
        let continued = flag::CONTINUED | flag::MORE | flag::CHECKSUM | kind::MASK;
        if self.has(flag::CONTINUED) && self.flags & !continued != 0 {
            return Err(malformed(format!("parts {:#06x} on a frame that continues a body", self.flags)));
        }
        Ok(())
    }
}

/// Bytes that no peer of version 1 sends.
#[cold]
pub(super) fn malformed(what: impl std::fmt::Display) -> Error {
    Error::new(Code::InvalidArgument, format!("found {what}")).in_phase(Phase::Decode)
}

/// The version that is spoken here, which is also the oldest.
pub(super) const VERSION: u16 = 1;

/// The first bytes of both directions.
pub(super) const MAGIC: [u8; 4] = *b"\xc1FWR";

/// How long a preface is.
pub(super) const PREFACE_LEN: usize = 16;

/// What a side has and wants.
pub(super) mod feature {
    pub(crate) const CHECKSUM: u32 = 1;
    pub(crate) const LZ4: u32 = 2;
    pub(crate) const ZSTD: u32 = 4;
}

/// The beginning of a direction: the features of its side.
pub(super) fn put_preface(out: &mut Vec<u8>, features: u32) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&features.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
}

/// What the preface of a peer said, or why nothing can be said to it.
#[derive(Debug)]
pub(super) enum Preface {
    /// It has these features.
    Features(u32),
    /// It speaks other versions.
    Stranger(Error),
}

/// The preface at the front of `bytes`; `None` if there are too few.
pub(super) fn read_preface(bytes: &[u8]) -> Result<Option<Preface>> {
    let begun = bytes.get(..MAGIC.len()).unwrap_or(bytes);
    if !MAGIC.starts_with(begun) {
        let text = format!(
            "the peer does not speak the native protocol: expected {}, found {}",
            MAGIC.escape_ascii(),
            begun.escape_ascii()
        );
        return Err(Error::new(Code::Unimplemented, text).in_phase(Phase::Connect).not_executed());
    }
    let Some([_, _, _, _, newest0, newest1, oldest0, oldest1, f0, f1, f2, f3, ..]) =
        bytes.first_chunk::<PREFACE_LEN>().copied()
    else {
        return Ok(None);
    };
    let (newest, oldest) = (u16::from_le_bytes([newest0, newest1]), u16::from_le_bytes([oldest0, oldest1]));
    if newest < VERSION || oldest > VERSION {
        let text = format!(
            "the peer speaks versions {oldest} to {newest} of the native protocol, this side speaks version {VERSION}"
        );
        // Whoever speaks no version of ours has run nothing of ours.
        let error = Error::new(Code::Unimplemented, text).in_phase(Phase::Connect).not_executed();
        return Ok(Some(Preface::Stranger(error)));
    }
    Ok(Some(Preface::Features(u32::from_le_bytes([f0, f1, f2, f3]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_what_was_written() {
        let header = Header { len: 0x01020304, method: 7, flags: flag::CODEC, id: 0x0a0b0c0d0e0f };

        let bytes = header.bytes();

        assert_eq!(bytes, *b"\x04\x03\x02\x01\x07\x00\x20\x00\x0f\x0e\x0d\x0c\x0b\x0a\x00\x00");
        assert_eq!(Header::read(&bytes), Some((header, &b""[..])));
    }

    #[test]
    fn a_flag_stands_only_with_its_kinds() {
        let header = |flags| Header { flags, ..Header::default() };

        assert!(header(kind::RESPONSE | flag::CODEC).check().is_ok());
        assert!(header(kind::RESPONSE | flag::DEADLINE).check().is_err());
        assert!(header(kind::REQUEST | 0x8000).check().is_err());
        assert!(header(15).check().is_err());
        assert!(header(kind::REQUEST | flag::CONTINUED | flag::MORE).check().is_ok());
        assert!(header(kind::REQUEST | flag::CONTINUED | flag::DEADLINE).check().is_err());
    }

    #[test]
    fn another_version_is_named_beside_ours() {
        let mut preface = Vec::new();
        put_preface(&mut preface, 0);
        preface[4..8].copy_from_slice(&[9, 0, 7, 0]);

        let Ok(Some(Preface::Stranger(error))) = read_preface(&preface) else { panic!("it was understood") };

        assert!(error.message().contains("versions 7 to 9"), "{error}");
        assert!(error.message().contains("speaks version 1"), "{error}");
    }
}
