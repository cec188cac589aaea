//! Go's `time.Time`: 15 bytes, or 16 where the zone is off by seconds.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::reserved;

use super::marshaled::{Lent, Newtype, Owned};

/// A moment with the zone it was written in, as Go's `time.Time`; zone names are not sent.
///
/// In formats for people, such as JSON, it is a text of RFC 3339, as in Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time {
    /// Whole seconds since 1970 in UTC.
    pub unix_secs: i64,
    /// Nanoseconds on top of them, below 1,000,000,000.
    pub nanos: u32,
    /// How far local time was ahead of UTC, in seconds; None for UTC itself.
    pub offset_secs: Option<i32>,
}

/// 1970 in seconds since the first of January of year 1, which Go counts from.
const UNIX_EPOCH_SECS: i64 = 62_135_596_800;

/// What stands for UTC where an offset would: no zone is a minute west of it.
const UTC: i16 = -1;

/// What `time.Time`'s zero looks like on the wire: the first second of year 1, in UTC.
pub(crate) const ZERO_TIME: [u8; 15] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

impl Default for Time {
    /// Go's zero time, the first of January of year 1.
    fn default() -> Self {
        Self { unix_secs: -UNIX_EPOCH_SECS, nanos: 0, offset_secs: None }
    }
}

impl From<SystemTime> for Time {
    fn from(moment: SystemTime) -> Self {
        let secs = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let (unix_secs, nanos) = match moment.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (secs(after), after.subsec_nanos()),
            Err(error) => match error.duration() {
                before if before.subsec_nanos() == 0 => (-secs(before), 0),
                before => (-secs(before) - 1, 1_000_000_000 - before.subsec_nanos()),
            },
        };
        Self { unix_secs, nanos, offset_secs: None }
    }
}

impl TryFrom<Time> for SystemTime {
    type Error = OutOfRange;

    fn try_from(time: Time) -> Result<Self, OutOfRange> {
        let secs = Duration::from_secs(time.unix_secs.unsigned_abs());
        let whole = if time.unix_secs < 0 {
            Self::UNIX_EPOCH.checked_sub(secs)
        } else {
            Self::UNIX_EPOCH.checked_add(secs)
        };
        whole
            .and_then(|whole| whole.checked_add(Duration::from_nanos(time.nanos.into())))
            .ok_or(OutOfRange(time))
    }
}

/// A time that `SystemTime` cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange(Time);

impl fmt::Display for OutOfRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} s since 1970 are out of range for SystemTime", self.0.unix_secs)
    }
}

impl std::error::Error for OutOfRange {}

impl Time {
    fn to_bytes(self) -> Result<Vec<u8>, String> {
        let secs = self.unix_secs.checked_add(UNIX_EPOCH_SECS).ok_or("a time too far from now for Go")?;
        let (minutes, rest) = match self.offset_secs {
            None => (UTC, 0),
            Some(offset) => {
                let minutes = i16::try_from(offset / 60).ok().filter(|minutes| *minutes != UTC);
                let minutes = minutes
                    .ok_or_else(|| format!("an offset of {offset} s from UTC, which time.Time cannot say"))?;
                (minutes, offset % 60)
            }
        };
        let mut bytes = Vec::with_capacity(16);
        bytes.push(if rest == 0 { 1 } else { 2 });
        bytes.extend_from_slice(&secs.to_be_bytes());
        bytes.extend_from_slice(&self.nanos.to_be_bytes());
        bytes.extend_from_slice(&minutes.to_be_bytes());
        if rest != 0 {
            bytes.push(rest as i8 as u8);
        }
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let refused = || format!("{} bytes are no time.Time, expected 15 or 16", bytes.len());
        let (version, rest) = bytes.split_first().ok_or_else(refused)?;
        let (secs, rest) = rest.split_first_chunk::<8>().ok_or_else(refused)?;
        let (nanos, rest) = rest.split_first_chunk::<4>().ok_or_else(refused)?;
        let (minutes, rest) = rest.split_first_chunk::<2>().ok_or_else(refused)?;
        let rest_secs = match (version, rest) {
            (1, []) => 0,
            (2, [secs]) => i32::from(*secs as i8),
            (1 | 2, _) => return Err(refused()),
            _ => return Err(format!("a time.Time of version {version}, expected 1 or 2")),
        };
        let nanos = u32::from_be_bytes(*nanos);
        if nanos >= 1_000_000_000 {
            return Err(format!("a time.Time of {nanos} nanoseconds, expected less than a second"));
        }
        let minutes = i16::from_be_bytes(*minutes);
        let secs = i64::from_be_bytes(*secs);
        Ok(Self {
            unix_secs: secs.checked_sub(UNIX_EPOCH_SECS).ok_or("a time.Time out of range")?,
            nanos,
            offset_secs: (minutes != UTC || rest_secs != 0).then(|| i32::from(minutes) * 60 + rest_secs),
        })
    }
}

/// RFC 3339, as Go's `encoding/json` writes it.
impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset_secs.unwrap_or(0);
        let local = self.unix_secs.saturating_add(offset.into());
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = date_of(days);
        write!(
            out,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )?;
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            write!(out, ".{}", digits.trim_end_matches('0'))?;
        }
        match offset {
            0 => out.write_str("Z"),
            _ => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs() / 60;
                write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| {
            format!(
                "`{}` is not a time: expected RFC 3339, such as 2024-01-02T03:04:05Z",
                crate::error::shown(text)
            )
        })
    }
}

fn parse(text: &str) -> Option<Time> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten()
    };
    let stands = |at: usize, letters: &str| text.get(at..=at).is_some_and(|found| letters.contains(found));
    if !(stands(4, "-") && stands(7, "-") && stands(10, "Tt ") && stands(13, ":") && stands(16, ":")) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if stands(at, ".") {
        let digits = text.get(at + 1..)?.bytes().take_while(u8::is_ascii_digit).count();
        let fraction = number(at + 1..at + 1 + digits.min(9))?;
        nanos = u32::try_from(fraction).ok()? * 10_u32.pow(u32::try_from(9 - digits.min(9)).ok()?);
        at += 1 + digits;
    }
    let offset_secs = if stands(at, "Zz") && text.len() == at + 1 {
        None
    } else if stands(at, "+-") && stands(at + 3, ":") && text.len() == at + 6 {
        let ahead = number(at + 1..at + 3)? * 3600 + number(at + 4..at + 6)? * 60;
        let ahead = i32::try_from(ahead).ok()?;
        Some(if stands(at, "-") { -ahead } else { ahead })
    } else {
        return None;
    };
    let local = days_of(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Time { unix_secs: local - i64::from(offset_secs.unwrap_or(0)), nanos, offset_secs })
}

/// Year, month and day of a day counted from 1970, by the calendar of today carried back and forth.
///
/// Years begin in March here, so that the leap day is the last of its year.
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day counted from 1970 of a year, month and day: what [`date_of`] undoes.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The content of the newtype: bytes for gob, a text for people.
struct Content(Time);

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(&self.0);
        }
        let bytes = self.0.to_bytes().map_err(serde::ser::Error::custom)?;
        Lent(&bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a time of RFC 3339")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }
        }

        if deserializer.is_human_readable() {
            return deserializer.deserialize_str(Text).map(Self);
        }
        let Owned(bytes) = Owned::deserialize(deserializer)?;
        Time::from_bytes(&bytes).map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(reserved::TIME, &Content(*self))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Content(time) = deserializer.deserialize_newtype_struct(reserved::TIME, Newtype::new())?;
        Ok(time)
    }
}

/// Writes a `SystemTime` as a `time.Time` in UTC.
///
/// # Errors
///
/// Those of the format.
pub fn serialize<S: Serializer>(moment: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    Time::from(*moment).serialize(serializer)
}

/// Reads a `time.Time` into a `SystemTime`; its zone is lost.
///
/// # Errors
///
/// Where `SystemTime` cannot hold it, and those of the format.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    SystemTime::try_from(Time::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_go_writes_it_for_people() {
        let time = Time { unix_secs: 1_704_164_645, nanos: 60, offset_secs: Some(3600) };

        assert_eq!(time.to_string(), "2024-01-02T04:04:05.00000006+01:00");
        assert_eq!(time.to_string().parse(), Ok(time));
        assert_eq!(Time::default().to_string(), "0001-01-01T00:00:00Z");
        assert_eq!("0001-01-01T00:00:00Z".parse(), Ok(Time::default()));
        assert!("2024-13-02T04:04:05Z".parse::<Time>().is_err());
    }

    #[test]
    fn an_offset_that_would_read_as_utc_is_not_written() {
        let zoned = |secs| Time { offset_secs: Some(secs), ..Time::default() };

        for time in [-120, -59, 0, 60].map(zoned) {
            assert_eq!(time.to_bytes().and_then(|bytes| Time::from_bytes(&bytes)), Ok(time));
        }
        for secs in [-119, -61, -60] {
            let refused = format!("an offset of {secs} s from UTC, which time.Time cannot say");
            assert_eq!(zoned(secs).to_bytes(), Err(refused));
        }
    }

    #[test]
    fn every_day_has_one_date() {
        for days in (-800_000..800_000).step_by(37) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days);
        }
    }

    #[test]
    fn a_moment_before_1970_keeps_its_nanoseconds() {
        let moment = SystemTime::UNIX_EPOCH - Duration::from_nanos(1_500_000_001);

        let time = Time::from(moment);

        assert_eq!((time.unix_secs, time.nanos), (-2, 499_999_999));
        assert_eq!(SystemTime::try_from(time), Ok(moment));
    }
}
