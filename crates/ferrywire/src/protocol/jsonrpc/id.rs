//! What a reply repeats: an id, byte for byte, whatever JSON value it is.

use std::fmt;
use std::sync::Arc;

use super::scan::is_space;
use super::text::compacted;

/// A request's id.
#[derive(Clone)]
pub struct Id(Kept);

#[derive(Clone)]
enum Kept {
    /// As nearly all are: no memory of its own.
    Short {
        len: u8,
        bytes: [u8; SHORT_LEN],
    },
    Long(Arc<[u8]>),
}

const SHORT_LEN: usize = 22;

impl Id {
    /// An id as it came. Space between its parts is left out: a reply is one line.
    pub fn new(value: &[u8]) -> Self {
        if value.iter().any(|byte| is_space(*byte)) {
            return Self::kept(&compacted(value));
        }
        Self::kept(value)
    }

    fn kept(value: &[u8]) -> Self {
        if value.len() > SHORT_LEN {
            return Self(Kept::Long(value.into()));
        }
        let mut bytes = [0; SHORT_LEN];
        bytes.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        Self(Kept::Short { len: value.len() as u8, bytes })
    }

    /// No id.
    pub(super) fn null() -> Self {
        Self::new(b"null")
    }

    /// The value.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kept::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Kept::Long(bytes) => bytes,
        }
    }
}

/// Null is nobody's id, so that many calls may have it.
impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes() && self.as_bytes() != b"null"
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::error::shown(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_byte_for_byte() {
        for value in
            [&b"0"[..], b"1.50", b"\"a b\\\"c\"", b"1234567890123456789012", b"[1,{\"x\":\"and much more\"}]"]
        {
            assert_eq!(Id::new(value).as_bytes(), value);
            assert_eq!(Id::new(value), Id::new(value));
        }
        assert_eq!(Id::new(b"[1,\n {\"x y\": \"a\\\" b\"} ]").as_bytes(), b"[1,{\"x y\":\"a\\\" b\"}]");
    }

    #[test]
    fn null_is_nobodys_duplicate() {
        assert_ne!(Id::null(), Id::null());
        assert_ne!(Id::new(b"1"), Id::new(b"1.0"));
    }
}
