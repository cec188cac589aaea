//! A list that grows while others read it, without a lock: links are set once and stay.

use std::sync::OnceLock;

/// The most links a chain has: it is walked from the front.
const LINKS_MAX: usize = 64;

/// What was worked out for some of this process's types; there are few for one type of the peer's.
#[derive(Debug)]
pub(crate) struct Chain<T> {
    first: OnceLock<Box<Link<T>>>,
}

#[derive(Debug)]
struct Link<T> {
    value: T,
    next: OnceLock<Box<Link<T>>>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self { first: OnceLock::new() }
    }
}

impl<T> Chain<T> {
    /// The first value that fits.
    #[inline]
    pub(crate) fn find(&self, fits: impl Fn(&T) -> bool) -> Option<&T> {
        let mut slot = &self.first;
        while let Some(link) = slot.get() {
            if fits(&link.value) {
                return Some(&link.value);
            }
            slot = &link.next;
        }
        None
    }

    /// Adds a value at the end; gives it back when the chain is full.
    ///
    /// Two threads may add the same: the second copy is never found and does no harm.
    pub(crate) fn add(&self, value: T) -> Result<&T, T> {
        let mut link = Box::new(Link { value, next: OnceLock::new() });
        let mut slot = &self.first;
        for _ in 0..LINKS_MAX {
            match slot.set(link) {
                Ok(()) => {
                    return match slot.get() {
                        Some(link) => Ok(&link.value),
                        None => unreachable!("the slot was set above"),
                    };
                }
                Err(back) => link = back,
            }
            match slot.get() {
                Some(taken) => slot = &taken.next,
                None => break,
            }
        }
        Err(link.value)
    }
}
