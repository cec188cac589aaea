//! Memory for large bodies, used again: fresh pages cost more than copying what goes into them.
//!
//! A block comes back to the thread that drops the last handle of its bytes, whoever that is: a method, a
//! caller, or the connection that has sent them.

use std::cell::RefCell;

use bytes::Bytes;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A smaller block is cheap to get anew.
const BLOCK_LEN_MIN: usize = 16 * 1024;

/// The most that a thread keeps, in blocks and in bytes.
const BLOCKS_KEPT_MAX: usize = 4;
const BYTES_KEPT_MAX: usize = 4 * 1024 * 1024;

/// An empty block for `len` bytes: one that was used before, or one without memory.
pub(super) fn take(len: usize) -> Vec<u8> {
    let fits = |block: &Vec<u8>| (len..=len.saturating_mul(2)).contains(&block.capacity());
    if len < BLOCK_LEN_MIN {
        return Vec::new();
    }
    // While a thread ends, nothing is kept any more.
    let kept = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        let found = kept.iter().position(fits)?;
        Some(kept.swap_remove(found))
    });
    kept.ok().flatten().unwrap_or_default()
}

/// Hands out what a block holds; the block comes back when the last handle is dropped.
pub(super) fn share(block: Vec<u8>) -> Bytes {
    match block.capacity() {
        BLOCK_LEN_MIN..=BYTES_KEPT_MAX => Bytes::from_owner(Block(block)),
        _ => Bytes::from(block),
    }
}

/// A block that is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Block(pub(super) Vec<u8>);

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut block = std::mem::take(&mut self.0);
        if !(BLOCK_LEN_MIN..=BYTES_KEPT_MAX).contains(&block.capacity()) {
            return;
        }
        block.clear();
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            kept.push(block);
            // The oldest has waited longest for a body of its length.
            while kept.len() > BLOCKS_KEPT_MAX
                || kept.iter().map(Vec::capacity).sum::<usize>() > BYTES_KEPT_MAX
            {
                kept.remove(0);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_once_nobody_reads_it() {
        let mut block = take(100_000);
        block.reserve_exact(100_000);
        block.extend_from_slice(&[7; 100_000]);
        let at = block.as_ptr();
        let bytes = share(block);
        let second = bytes.slice(10..);

        drop(bytes);
        let other = take(100_000);
        assert_ne!(other.as_ptr(), at);
        drop(second);

        let again = take(100_000);
        assert_eq!(again.as_ptr(), at);
        assert!(again.is_empty());
    }

    #[test]
    fn a_thread_keeps_few_blocks_and_little_memory() {
        for len in [BYTES_KEPT_MAX, 1_000_000, 2_000_000, 64_000, 64_000, 64_000, BYTES_KEPT_MAX * 2] {
            drop(share(Vec::with_capacity(len)));
        }

        KEPT.with_borrow(|kept| {
            assert!(kept.len() <= BLOCKS_KEPT_MAX, "{} blocks", kept.len());
            assert!(kept.iter().map(Vec::capacity).sum::<usize>() <= BYTES_KEPT_MAX);
            assert!(!kept.is_empty());
        });
    }
}
