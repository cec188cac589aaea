//! Streams with something wrong in them.

use fastrand::Rng;

/// Bytes that mean something in gob: zero, the ends of the one-byte range, and the lengths of longer
/// numbers.
const TELLING: [u8; 12] = [0, 1, 2, 3, 0x40, 0x7e, 0x7f, 0x80, 0xf7, 0xf8, 0xfe, 0xff];

/// Changes a stream in one to three places. `other` is a stream to take pieces from.
#[must_use]
pub fn mutated(rng: &mut Rng, stream: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = stream.to_vec();
    for _ in 0..rng.usize(1..4) {
        change(rng, &mut bytes, other);
    }
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    if bytes.is_empty() {
        bytes.push(rng.u8(..));
        return;
    }
    let at = rng.usize(..bytes.len());
    match rng.u8(..12) {
        0..3 => bytes[at] ^= 1 << rng.u8(..8),
        3 | 4 => bytes[at] = TELLING[rng.usize(..TELLING.len())],
        5 => bytes[at] = bytes[at].wrapping_add(1),
        6 => bytes[at] = bytes[at].wrapping_sub(1),
        7 => bytes.truncate(at),
        8 => bytes.insert(at, TELLING[rng.usize(..TELLING.len())]),
        9 => _ = bytes.drain(at..(at + rng.usize(1..6)).min(bytes.len())),
        10 if !other.is_empty() => {
            let from = rng.usize(..other.len());
            let to = (from + rng.usize(1..24)).min(other.len());
            let end = if rng.bool() { at } else { (at + to - from).min(bytes.len()) };
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => whole_message(rng, bytes),
    }
}

/// Leaves out a message, sends one twice, changes the order of two, or makes one longer or shorter.
fn whole_message(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let mut messages = messages_of(bytes);
    let at = rng.usize(..messages.len());
    match rng.u8(..4) {
        0 => _ = messages.remove(at),
        1 => messages.insert(at, messages[at].clone()),
        2 => {
            let other = rng.usize(..messages.len());
            messages.swap(at, other);
        }
        _ => {
            // The first byte is the length where it is below 128.
            let first = messages[at].first().copied().unwrap_or(0);
            if first < 0x7f {
                messages[at][0] = if rng.bool() { first + 1 } else { first.saturating_sub(1) };
            }
        }
    }
    *bytes = messages.concat();
}

/// Cuts a stream at its messages; what cannot be cut stays whole.
fn messages_of(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut rest = stream;
    while let Some(&first) = rest.first() {
        let width = if first < 0x80 { 0 } else { usize::from(first.wrapping_neg()) };
        let len = match width {
            0 => usize::from(first),
            1..=4 => rest.iter().skip(1).take(width).fold(0, |len, byte| len << 8 | usize::from(*byte)),
            _ => rest.len(),
        };
        let (message, behind) = rest.split_at((1 + width + len).min(rest.len()));
        messages.push(message.to_vec());
        rest = behind;
    }
    messages
}
