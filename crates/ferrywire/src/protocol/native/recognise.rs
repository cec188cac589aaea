//! Whether a stream's first bytes are a native preface.

use super::header::MAGIC;
use crate::protocol::recognition::Recognition;

/// Whether `bytes` begin a native stream. Nothing else begins with the first of them.
pub fn recognises(bytes: &[u8]) -> Recognition {
    match bytes.get(..MAGIC.len()) {
        Some(begun) if begun == MAGIC => Recognition::Yes,
        None if MAGIC.starts_with(bytes) => Recognition::Undecided,
        _ => Recognition::No,
    }
}
