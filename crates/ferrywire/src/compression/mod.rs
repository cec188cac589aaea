//! Compression: a body made smaller, and made what it was. One file for each algorithm.
//!
//! What comes out is never longer than it was said to be, and that is checked against the limits before memory
//! is taken for it.

// What foreign bytes reach never panics.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use crate::error::{Code, Error, Phase, Result};

#[cfg(not(all(feature = "lz4", feature = "zstd")))]
mod absent;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(not(feature = "lz4"))]
use absent as lz4;
#[cfg(not(feature = "zstd"))]
use absent as zstd;

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// LZ4 blocks, fast; needs the feature `lz4`.
    Lz4,
    /// Zstandard frames, small; needs the feature `zstd`.
    Zstd,
}

/// A shorter body is not compressed: there is little to gain.
pub(crate) const PACKED_LEN_MIN: usize = 1024;

/// How many times longer than its compressed form a body may be.
const RATIO_MAX: usize = 100;

impl Compression {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Lz4, Self::Zstd];

    /// The name that people use, which is that of the feature too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this program was built with it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Lz4 => lz4::IS_BUILT,
            Self::Zstd => zstd::IS_BUILT,
        }
    }

    /// Whether it can be chosen.
    pub(crate) fn check(self) -> Result<()> {
        if self.is_built() {
            return Ok(());
        }
        let name = self.name();
        let text = format!("built without the compression {name}: switch the feature `{name}` on");
        Err(Error::new(Code::Unimplemented, text).not_executed())
    }

    /// The compressed form of `bytes`, if that is shorter and its reader will take it.
    pub(crate) fn pack(self, bytes: &[u8]) -> Option<(Packed, Vec<u8>)> {
        let packed = match self {
            Self::Lz4 => lz4::compress(bytes)?,
            Self::Zstd => zstd::compress(bytes)?,
        };
        let len = u32::try_from(bytes.len()).ok()?;
        let is_worth_it =
            packed.len() + PART_LEN < bytes.len() && bytes.len() <= packed.len().saturating_mul(RATIO_MAX);
        is_worth_it.then_some((Packed { algorithm: self, len }, packed))
    }
}

/// What a compressed body costs beside its bytes.
const PART_LEN: usize = 8;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The algorithm.
    pub algorithm: Compression,
    /// How long the body was before, in bytes.
    pub len: u32,
}

impl Packed {
    /// What the body was before. It may have been `len_max` bytes long.
    ///
    /// # Errors
    ///
    /// - [`Code::ResourceExhausted`] if it says that it was longer than that, or than 100 times what it is now:
    ///   nothing has been allocated.
    /// - [`Code::DataLoss`] if it is damaged, or does not become as long as it says.
    #[cold]
    pub(crate) fn unpack(self, bytes: &[u8], len_max: usize) -> Result<Vec<u8>> {
        let len = self.len as usize;
        let refused = |code, text| Err(Error::new(code, text).in_phase(Phase::Decode));
        if len > len_max {
            let text = format!("a compressed body becomes {len} bytes, over the limit of {len_max}");
            return refused(Code::ResourceExhausted, text);
        }
        if len > bytes.len().saturating_mul(RATIO_MAX) {
            let text =
                format!("{} compressed bytes become {len}, over the limit of {RATIO_MAX} times", bytes.len());
            return refused(Code::ResourceExhausted, text);
        }
        let unpacked = match self.algorithm {
            Compression::Lz4 => lz4::decompress(bytes, len),
            Compression::Zstd => zstd::decompress(bytes, len),
        };
        match unpacked {
            Ok(unpacked) if unpacked.len() == len => Ok(unpacked),
            Ok(unpacked) => refused(
                Code::DataLoss,
                format!("a compressed body becomes {} bytes, where it says {len}", unpacked.len()),
            ),
            Err(why) => {
                let name = self.algorithm.name();
                refused(Code::DataLoss, format!("a body cannot be read as {name} of {len} bytes: {why}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> impl Iterator<Item = Compression> {
        Compression::ALL.into_iter().filter(|algorithm| algorithm.is_built())
    }

    /// Text with as much order as the bodies of calls have.
    fn text(len: usize) -> Vec<u8> {
        let words = (0_u32..)
            .flat_map(|number| format!("{{\"number\":{},", number.wrapping_mul(2_654_435_761)).into_bytes());
        words.take(len).collect()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        for algorithm in built() {
            for len in [PACKED_LEN_MIN, 70_000, 3 << 20] {
                let before = text(len);

                let (packed, bytes) = algorithm.pack(&before).unwrap();

                assert!(bytes.len() < len * 3 / 4, "{algorithm:?}: {len} became {}", bytes.len());
                assert_eq!(packed.unpack(&bytes, len).unwrap(), before, "{algorithm:?}");
            }
        }
    }

    #[test]
    fn what_does_not_become_shorter_stays_as_it_is() {
        let mut noise = vec![0; 5000];
        fastrand::Rng::with_seed(7).fill(&mut noise);

        assert!(built().all(|algorithm| algorithm.pack(&noise).is_none()));
    }

    /// What its reader would take for a bomb is not sent.
    #[test]
    fn what_becomes_a_hundred_times_shorter_stays_as_it_is() {
        assert!(built().all(|algorithm| algorithm.pack(&vec![7; 1 << 20]).is_none()));
    }

    #[test]
    fn a_bomb_is_refused_by_its_length_alone() {
        for algorithm in Compression::ALL {
            let packed = |len| Packed { algorithm, len };

            let long = packed(u32::MAX).unpack(&[7; 1000], 1 << 20).unwrap_err();
            let dense = packed(1000 * 100 + 1).unpack(&[7; 1000], 1 << 20).unwrap_err();

            assert_eq!((long.code(), dense.code()), (Code::ResourceExhausted, Code::ResourceExhausted));
            assert!(long.message().contains("over the limit of 1048576"), "{long}");
            assert!(dense.message().contains("over the limit of 100 times"), "{dense}");
        }
    }

    /// A body that says less than it becomes: it gets no more memory than it said.
    #[test]
    fn a_body_is_as_long_as_it_says() {
        for algorithm in built() {
            let before = text(100_000);
            let (packed, bytes) = algorithm.pack(&before).unwrap();

            for len in [0, 1, packed.len - 1, packed.len + 1] {
                let error = Packed { len, ..packed }.unpack(&bytes, 1 << 20).unwrap_err();
                assert_eq!(error.code(), Code::DataLoss, "{algorithm:?} {len}: {error}");
            }
        }
    }

    #[test]
    fn damage_never_becomes_longer_than_it_says_and_never_panics() {
        let mut random = fastrand::Rng::with_seed(11);
        for algorithm in built() {
            let (packed, bytes) = algorithm.pack(&text(3000)).unwrap();
            for _ in 0..5000 {
                let mut damaged = bytes.clone();
                for _ in 0..=random.usize(..3) {
                    let at = random.usize(..damaged.len());
                    damaged[at] ^= 1 << random.u8(..8);
                }
                damaged.truncate(random.usize(..=damaged.len()));

                match packed.unpack(&damaged, 3000) {
                    Ok(unpacked) => assert_eq!(unpacked.len(), 3000),
                    Err(error) => assert!(
                        matches!(error.code(), Code::DataLoss | Code::ResourceExhausted),
                        "{algorithm:?}: {error}"
                    ),
                }
            }
        }
    }
}
