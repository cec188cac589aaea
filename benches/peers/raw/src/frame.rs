//! The header, and where frames end.

pub const HEADER_LEN: usize = 16;

/// Reads are larger than what is expected, so that tokio sees from a short one that there is no more.
pub const READ_LEN: usize = 64 * 1024;

/// The header of a payload of so many bytes.
pub fn header(payload_len: usize, id: u64) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..4].copy_from_slice(&(payload_len as u32).to_le_bytes());
    header[8..].copy_from_slice(&id.to_le_bytes());
    header
}

/// How long the frame is with which `bytes` begin, if its header is there.
pub fn frame_len(bytes: &[u8]) -> Option<usize> {
    let len = bytes.first_chunk::<HEADER_LEN>()?.first_chunk::<4>()?;
    Some(HEADER_LEN + u32::from_le_bytes(*len) as usize)
}

/// The first frame of `bytes`, if all of it is there: its id and its payload.
pub fn first(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let frame = bytes.get(..frame_len(bytes)?)?;
    let (header, payload) = frame.split_at(HEADER_LEN);
    let id = u64::from_le_bytes(*header.last_chunk()?);
    Some((id, payload))
}

/// How many of `bytes` are whole frames.
pub fn whole(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some((_, payload)) = first(&bytes[end..]) {
        end += HEADER_LEN + payload.len();
    }
    end
}
