//! Go's `*big.Int`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::marshaled::GobEncoded;

/// The version that Go writes, above the sign bit.
const VERSION: u8 = 1;

/// A whole number of any size, as Go's `*big.Int`: sign and magnitude.
///
/// For numbers that fit an `i128`, `#[serde(with = "ferrywire_gob::big_int")]` does without it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct BigInt {
    /// Whether it is below zero.
    pub is_negative: bool,
    /// The number without its sign, big end first, without leading zeros.
    pub magnitude: Vec<u8>,
}

impl From<i128> for BigInt {
    fn from(number: i128) -> Self {
        let bytes = number.unsigned_abs().to_be_bytes();
        let magnitude = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        Self { is_negative: number < 0, magnitude }
    }
}

impl TryFrom<&BigInt> for i128 {
    type Error = TooBig;

    fn try_from(number: &BigInt) -> Result<Self, TooBig> {
        let mut sum: u128 = 0;
        for byte in &number.magnitude {
            if sum >> 120 != 0 {
                return Err(TooBig);
            }
            sum = sum << 8 | u128::from(*byte);
        }
        if number.is_negative { 0_i128.checked_sub_unsigned(sum) } else { Self::try_from(sum).ok() }
            .ok_or(TooBig)
    }
}

/// A number that does not fit an `i128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig;

impl std::fmt::Display for TooBig {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a big.Int that does not fit an i128: use BigInt to take it")
    }
}

impl std::error::Error for TooBig {}

impl Serialize for BigInt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.magnitude.len() + 1);
        bytes.push(VERSION << 1 | u8::from(self.is_negative));
        bytes.extend_from_slice(&self.magnitude);
        GobEncoded(bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for BigInt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let GobEncoded(bytes) = GobEncoded::deserialize(deserializer)?;
        let Some((head, magnitude)) = bytes.split_first() else {
            return Ok(Self::default());
        };
        if head >> 1 != VERSION {
            return Err(D::Error::custom(format!("a big.Int of version {}, expected {VERSION}", head >> 1)));
        }
        Ok(Self { is_negative: head & 1 == 1, magnitude: magnitude.to_vec() })
    }
}

/// Writes an `i128` as a `*big.Int`.
///
/// # Errors
///
/// Those of the format.
pub fn serialize<S: Serializer>(number: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    BigInt::from(*number).serialize(serializer)
}

/// Reads a `*big.Int` into an `i128`.
///
/// # Errors
///
/// Where it does not fit, and those of the format.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
    i128::try_from(&BigInt::deserialize(deserializer)?).map_err(D::Error::custom)
}
