//! Whether a stream's first bytes are a native preface.

use super::header::MAGIC;

/// Whether `bytes` begin a native stream; `None` if more bytes will tell. Nothing else begins with the first
/// of them.
pub fn recognises(bytes: &[u8]) -> Option<bool> {
    match bytes.get(..MAGIC.len()) {
        Some(begun) => Some(begun == MAGIC),
        None if MAGIC.starts_with(bytes) => None,
        None => Some(false),
    }
}
