//! How deep the value nests that is being written on this thread.
//!
//! Without a bound a long list of boxes would overflow the stack; and what is deeper no reader with our limits
//! takes. The depth is not handed from value to value: most values are numbers, which would pay for it.

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::limits::VALUE_DEPTH_MAX;
use crate::skim::too_deep;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Writes a whole value with `write`. An error may leave levels behind; they end here.
#[inline]
pub(crate) fn from_the_top<R>(write: impl FnOnce() -> R) -> R {
    /// Puts back what was there: a `Serialize` may write another value, or panic.
    struct Before(usize);

    impl Drop for Before {
        fn drop(&mut self) {
            DEPTH.set(self.0);
        }
    }

    let _before = Before(DEPTH.replace(0));
    write()
}

/// Goes a level down: into a struct, slice, array, map or interface.
#[inline]
pub(super) fn enter() -> Result<()> {
    let depth = DEPTH.get();
    if depth >= VALUE_DEPTH_MAX {
        return Err(beyond());
    }
    DEPTH.set(depth + 1);
    Ok(())
}

#[cold]
fn beyond() -> Error {
    too_deep(VALUE_DEPTH_MAX)
}

/// Comes a level up.
#[inline]
pub(super) fn leave() {
    DEPTH.set(DEPTH.get().saturating_sub(1));
}
