//! Zstandard frames.

use zstd::bulk;

pub(super) const IS_BUILT: bool = true;

/// The fastest of the usual levels: whoever wants small bodies does not want to wait for them either.
const LEVEL: i32 = 1;

pub(super) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    bulk::compress(bytes, LEVEL).ok()
}

/// What the bytes become, at most `len` bytes. They are written where they stay: whatever window a frame asks
/// for, none is allocated.
pub(super) fn decompress(bytes: &[u8], len: usize) -> Result<Vec<u8>, String> {
    let mut unpacked = vec![0; len];
    let written =
        bulk::decompress_to_buffer(bytes, unpacked.as_mut_slice()).map_err(|cause| cause.to_string())?;
    unpacked.truncate(written);
    Ok(unpacked)
}
