//! Types that have helpers of our own: what the helper found, as a [`Val`], and back.

use ferrywire_gob::{BigInt, BinaryMarshaled, Complex, GobEncoded, RawString, Time};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::model::{Type, Val};

/// Decodes a value of one of these types.
pub(crate) fn opaque<'de, D: Deserializer<'de>>(of: &Type, from: D) -> Result<Val, D::Error> {
    Ok(match of {
        Type::Text => Val::Bytes(RawString::deserialize(from)?.0),
        Type::Complex(size) => {
            let Complex { re, im } = Complex::deserialize(from)?;
            // Which of the two complex types is meant, only the receiver knows.
            let narrow = |part: f64| match size {
                8 if part.is_finite() && part.abs() > f64::from(f32::MAX) => {
                    Err(D::Error::custom("out of range"))
                }
                8 => Ok(f64::from(part as f32)),
                _ => Ok(part),
            };
            Val::Complex(narrow(re)?, narrow(im)?)
        }
        Type::Time => time_val(Time::deserialize(from)?),
        Type::BigInt => big_int_val(BigInt::deserialize(from)?),
        Type::Gobbed => Val::Bytes(within(&GobEncoded::deserialize(from)?.0, b'<', b'>')),
        _ => Val::Bytes(within(&BinaryMarshaled::deserialize(from)?.0, b'[', b']')),
    })
}

pub(crate) fn time_val(time: Time) -> Val {
    Val::Time { seconds: time.unix_secs, nanoseconds: time.nanos, offset: time.offset_secs.unwrap_or(0) }
}

pub(crate) fn big_int_val(number: BigInt) -> Val {
    Val::BigInt { negative: number.is_negative, digits: number.magnitude }
}

/// What is between the two signs; either may be missing.
pub(crate) fn within(bytes: &[u8], open: u8, close: u8) -> Vec<u8> {
    let bytes = bytes.strip_prefix(&[open]).unwrap_or(bytes);
    bytes.strip_suffix(&[close]).unwrap_or(bytes).to_vec()
}
