//! LZ4 blocks, without a frame around them.

pub(super) const IS_BUILT: bool = true;

pub(super) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(lz4_flex::block::compress(bytes))
}

/// What the bytes become, at most `len` bytes.
pub(super) fn decompress(bytes: &[u8], len: usize) -> Result<Vec<u8>, String> {
    let mut unpacked = vec![0; len];
    let written =
        lz4_flex::block::decompress_into(bytes, &mut unpacked).map_err(|cause| cause.to_string())?;
    unpacked.truncate(written);
    Ok(unpacked)
}
