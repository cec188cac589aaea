//! Long byte strings that are not copied: read as a part of the body that they came in, written beside it.
//!
//! Serde knows bytes only as slices. So whoever reads a body says on this thread which storage it lies in, and a
//! [`Shared`] takes its part of that; and a [`Shared`] that is written offers itself on this thread, so that a writer
//! that is handed just that slice can take the storage instead. Short ones are copied and pay for none of this.
//!
//! For fields of the type `bytes::Bytes` the module itself stands in `#[serde(with = "ferrywire::codec::shared")]`.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Codec, Format, Gob, Json, MessagePack, Postcard, Preamble, Proto, Raw, Shape, Types};
use crate::error::Result;

/// Shorter byte strings are copied, in bytes: sharing costs more than a copy, and would keep a whole body for them.
pub const SPLICE_LEN_MIN: usize = 16 << 10;

/// Bytes that belong into a body and were left out of its buffer.
#[derive(Clone, Debug)]
pub struct Splice {
    /// Before which byte of the buffer they belong, counted from where the body begins there; other splices do not
    /// count.
    pub at: usize,
    /// The bytes, at least [`SPLICE_LEN_MIN`] of them.
    pub bytes: Bytes,
}

/// As [`Format::encode`], but long [`Shared`] bytes may be left out of `out` and put into `splices`, in the order of
/// their places, by codecs that have bytes as they are: postcard, MessagePack, protobuf and raw.
///
/// On an error `splices` too are as they were. With `None` nothing is left out.
#[inline]
#[allow(clippy::box_collection, reason = "the list is one word where there is none, as mostly")]
pub fn encode<T: Serialize + ?Sized>(
    format: Format,
    value: &T,
    shape: &Shape,
    out: &mut Vec<u8>,
    splices: Option<&mut Option<Box<Vec<Splice>>>>,
) -> Result<Option<&'static Preamble>> {
    let splices = Splices { start: out.len(), list: splices };
    match format {
        Format::Postcard => Postcard::write(value, out, splices)?,
        Format::MessagePack => MessagePack::write(value, out, splices)?,
        Format::Protobuf => Proto::write(value, out, splices)?,
        Format::Raw => Raw::write(value, out, splices)?,
        Format::Gob => return Gob::encode(value, shape, out),
        Format::Json => return Json::encode(value, shape, out),
    }
    Ok(None)
}

/// As [`Format::decode`], of bytes that lie in `storage`: [`Shared`] bytes in them become parts of it.
pub fn decode<'b, T: Deserialize<'b>>(
    format: Format,
    bytes: &'b [u8],
    types: Option<&Arc<Types>>,
    storage: &Bytes,
) -> Result<T> {
    /// Puts back what was there: a `Deserialize` may read another body, or panic.
    struct Before(Option<Bytes>);

    impl Drop for Before {
        fn drop(&mut self) {
            STORAGE.set(self.0.take());
        }
    }

    let _before = Before(STORAGE.replace(Some(storage.clone())));
    format.decode(bytes, types)
}

thread_local! {
    /// What the body lies in that is being read on this thread.
    static STORAGE: Cell<Option<Bytes>> = const { Cell::new(None) };
    /// What is being handed to a serializer on this thread.
    static OFFER: Cell<Option<Bytes>> = const { Cell::new(None) };
}

/// `part` as a part of the storage of the body that is being read, if it is long enough and lies there.
pub(super) fn part_of_body(part: &[u8]) -> Option<Bytes> {
    if part.len() < SPLICE_LEN_MIN {
        return None;
    }
    let storage = STORAGE.take()?;
    let (whole, inside) = (storage.as_ptr_range(), part.as_ptr_range());
    let shared = (whole.start <= inside.start && inside.end <= whole.end).then(|| storage.slice_ref(part));
    STORAGE.set(Some(storage));
    shared
}

/// Where a writer leaves what it does not copy.
#[derive(Debug)]
#[allow(clippy::box_collection, reason = "as `encode`")]
pub(super) struct Splices<'s> {
    /// Where the body begins in its buffer.
    start: usize,
    list: Option<&'s mut Option<Box<Vec<Splice>>>>,
}

impl Splices<'_> {
    /// Everything is copied.
    #[inline]
    pub(super) fn none() -> Self {
        Self { start: 0, list: None }
    }

    /// Appends `bytes` to `out`, or notes that they belong there.
    #[inline]
    pub(super) fn put(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        // In this order nothing is left of it where there is no list.
        if self.list.is_some() && bytes.len() >= SPLICE_LEN_MIN && self.has_taken(out, bytes) {
            return;
        }
        out.extend_from_slice(bytes);
    }

    #[cold]
    fn has_taken(&mut self, out: &[u8], bytes: &[u8]) -> bool {
        let Some(list) = &mut self.list else { return false };
        let Some(offer) = OFFER.take() else { return false };
        // Who serializes may hand on other bytes than were offered.
        if offer.as_ptr() != bytes.as_ptr() || offer.len() != bytes.len() {
            OFFER.set(Some(offer));
            return false;
        }
        let at = out.len().saturating_sub(self.start);
        list.get_or_insert_default().push(Splice { at, bytes: offer });
        true
    }

    /// How many there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.list.as_ref().and_then(|list| list.as_ref()).map_or(0, |list| list.len())
    }

    /// Forgets all but the first `len`.
    #[cold]
    pub(super) fn truncate(&mut self, len: usize) {
        let Some(list) = &mut self.list else { return };
        if len == 0 {
            **list = None;
        } else if let Some(list) = list {
            list.truncate(len);
        }
    }
}

/// Bytes that reach the other side's method, and the wire, without being copied on the way.
///
/// A drop-in for `bytes::Bytes` in arguments and replies. What is shorter than [`SPLICE_LEN_MIN`] is copied; what is
/// longer keeps the body alive that it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shared(pub Bytes);

impl Deref for Shared {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Shared {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Shared {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Shared> for Bytes {
    fn from(shared: Shared) -> Self {
        shared.0
    }
}

impl Serialize for Shared {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Shared {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

/// Writes `bytes`, as [`Shared`] does.
///
/// # Errors
///
/// Those of the serializer.
#[inline]
pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    if bytes.len() < SPLICE_LEN_MIN {
        return serializer.serialize_bytes(bytes);
    }
    let before = OFFER.replace(Some(bytes.clone()));
    let outcome = serializer.serialize_bytes(bytes);
    OFFER.set(before);
    outcome
}

/// Reads bytes, as [`Shared`] does.
///
/// # Errors
///
/// Those of the deserializer, and where what comes is neither bytes nor text nor a list of `u8`.
#[inline]
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    deserializer.deserialize_byte_buf(AnyBytes)
}

struct AnyBytes;

impl<'de> Visitor<'de> for AnyBytes {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    #[inline]
    fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Bytes, E> {
        Ok(part_of_body(bytes).unwrap_or_else(|| Bytes::copy_from_slice(bytes)))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes::copy_from_slice(bytes))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
        Ok(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::with_capacity(elements.size_hint().unwrap_or_default().min(SPLICE_LEN_MIN));
        while let Some(byte) = elements.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something before, two long parts with a short one between, something behind.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Parcel {
        id: u64,
        first: Shared,
        note: Shared,
        #[serde(with = "super")]
        second: Bytes,
        end: bool,
    }

    static PARCEL: Shape = Shape::of::<Parcel>();
    const SPLICING: [Format; 2] = [Format::Postcard, Format::MessagePack];

    fn long(byte: u8) -> Bytes {
        vec![byte; SPLICE_LEN_MIN].into()
    }

    fn parcel() -> Parcel {
        Parcel {
            id: 300,
            first: long(6).into(),
            note: b"six"[..].to_vec().into(),
            second: long(7),
            end: true,
        }
    }

    /// The body with what was left out back in its place.
    fn whole(body: &[u8], splices: &[Splice]) -> Vec<u8> {
        let (mut whole, mut done) = (Vec::new(), 0);
        for splice in splices {
            whole.extend_from_slice(&body[done..splice.at]);
            whole.extend_from_slice(&splice.bytes);
            done = splice.at;
        }
        whole.extend_from_slice(&body[done..]);
        whole
    }

    #[test]
    fn long_bytes_are_left_out_of_the_buffer_and_belong_where_the_splice_says() {
        for format in SPLICING {
            let mut plain = Vec::new();
            format.encode(&parcel(), &PARCEL, &mut plain).unwrap();
            let (mut out, mut splices) = (b"head".to_vec(), None);
            let parcel = parcel();

            encode(format, &parcel, &PARCEL, &mut out, Some(&mut splices)).unwrap();

            let splices = splices.unwrap();
            assert_eq!(splices.len(), 2, "{format:?}");
            assert!(out.len() < 100, "{format:?}: {} bytes were copied", out.len());
            assert_eq!(splices[0].bytes.as_ptr(), parcel.first.as_ptr());
            assert_eq!(splices[1].bytes.as_ptr(), parcel.second.as_ptr());
            assert_eq!(whole(&out[4..], &splices), plain, "{format:?}");
        }
    }

    #[test]
    fn a_whole_body_can_be_left_out_where_bytes_stand_as_they_are() {
        for format in [Format::Raw, Format::Protobuf] {
            let (mut out, mut splices) = (Vec::new(), None);

            encode(format, &Shared(long(6)), &PARCEL, &mut out, Some(&mut splices)).unwrap();

            let splices = splices.unwrap();
            assert_eq!((out.len(), splices.len(), splices[0].at), (0, 1, 0));
            assert_eq!(splices[0].bytes, long(6));
        }
    }

    #[test]
    fn bytes_are_copied_where_nothing_may_be_left_out_and_by_codecs_that_change_them() {
        for format in Format::ALL {
            let (mut plain, mut out, mut splices) = (Vec::new(), Vec::new(), None);
            let (value, shape) = (Shared(long(6)), Shape::of::<Shared>());
            format.encode(&value, &shape, &mut plain).unwrap();

            encode(format, &value, &shape, &mut out, None).unwrap();
            assert_eq!(out, plain, "{format:?}");

            if matches!(format, Format::Gob | Format::Json) {
                out.clear();
                encode(format, &value, &shape, &mut out, Some(&mut splices)).unwrap();
                assert_eq!(out, plain, "{format:?}");
                assert!(splices.is_none());
            }
        }
    }

    #[test]
    fn an_error_leaves_no_splice_behind() {
        struct Broken;

        impl Serialize for Broken {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("out of order"))
            }
        }

        for format in SPLICING {
            let (mut out, mut splices) = (b"head".to_vec(), None);
            encode(format, &parcel(), &PARCEL, &mut out, Some(&mut splices)).unwrap();
            let before = out.clone();

            encode(format, &(Shared(long(8)), Broken), &PARCEL, &mut out, Some(&mut splices)).unwrap_err();

            assert_eq!(out, before);
            assert_eq!(splices.unwrap().len(), 2);
        }
    }

    #[test]
    fn bytes_that_only_look_the_same_are_copied() {
        /// Hands a copy of what it was offered to the serializer.
        struct Copied(Bytes);

        impl Serialize for Copied {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let _before = OFFER.replace(Some(self.0.clone()));
                let copy = Vec::from(&self.0[..]);
                serializer.serialize_bytes(&copy)
            }
        }
        let (mut out, mut splices) = (Vec::new(), None);

        encode(Format::Raw, &Copied(long(6)), &PARCEL, &mut out, Some(&mut splices)).unwrap();

        assert_eq!(out, long(6));
        assert!(splices.is_none());
        OFFER.set(None);
    }

    #[test]
    fn long_bytes_are_read_as_parts_of_the_body() {
        for format in SPLICING {
            let mut body = Vec::new();
            format.encode(&parcel(), &PARCEL, &mut body).unwrap();
            let storage = Bytes::from(body);

            let read: Parcel = decode(format, &storage, None, &storage).unwrap();

            assert_eq!(read, parcel());
            for part in [&read.first.0, &read.second] {
                assert!(storage.as_ptr_range().contains(&part.as_ptr()), "{format:?}: copied");
            }
            assert!(
                !storage.as_ptr_range().contains(&read.note.as_ptr()),
                "{format:?}: a short one keeps all"
            );
        }
    }

    #[test]
    fn bytes_of_another_storage_are_copied() {
        let (body, storage) = (long(6), long(6));

        let read: Shared = decode(Format::Raw, &body, None, &storage).unwrap();

        assert_eq!(read.0, body);
        assert!(![&body, &storage].iter().any(|other| other.as_ptr() == read.as_ptr()));
    }

    #[test]
    fn a_body_that_is_read_inside_another_leaves_its_storage_to_it() {
        struct Nested(Shared);

        impl<'de> Deserialize<'de> for Nested {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let inner = long(9);
                decode::<Shared>(Format::Raw, &inner, None, &inner).unwrap();
                Shared::deserialize(deserializer).map(Self)
            }
        }
        let storage = long(6);

        let read: Nested = decode(Format::Raw, &storage, None, &storage).unwrap();

        assert_eq!(read.0.as_ptr(), storage.as_ptr());
        assert!(part_of_body(&storage).is_none(), "the storage is forgotten when its body has been read");
    }
}
