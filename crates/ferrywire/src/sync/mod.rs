//! What threads meet at: locks, flags, counts, tasks, and the clock that measures methods. The concurrency models
//! put loom's in their place.
//!
//! `Arc` is the standard library's in both: what it points to is modelled, its counting is not.

#[cfg(all(test, ferrywire_loom))]
mod modelled;

#[cfg(all(test, ferrywire_loom))]
pub(crate) use modelled::*;
#[cfg(not(all(test, ferrywire_loom)))]
pub(crate) use real::*;

#[cfg(not(all(test, ferrywire_loom)))]
mod real;
