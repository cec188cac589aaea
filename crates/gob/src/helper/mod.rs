//! Go types that have no Rust type of their own.

/// What `time.Time`'s zero looks like on the wire: the first second of year 1, in UTC.
pub(crate) const ZERO_TIME: [u8; 15] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
