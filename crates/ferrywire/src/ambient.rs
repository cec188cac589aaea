//! What a running method hands on to the calls that it makes: the moment at which it must be done.
//!
//! It is set around every poll of a method, on the thread that polls, and asked when a call is first
//! polled. Nobody passes anything; a task that the method spawns inherits nothing.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::timer;

/// Until when the method that is being polled may run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ambient {
    /// No method is being polled.
    Free,
    /// It has just begun; the clock is read only if somebody asks.
    Within(Duration),
    /// It began earlier.
    Until(Instant),
}

thread_local! {
    static CURRENT: Cell<Ambient> = const { Cell::new(Ambient::Free) };
}

/// Runs `poll`, in which calls that are made inherit `ambient`.
#[inline]
pub(crate) fn with<R>(ambient: Ambient, poll: impl FnOnce() -> R) -> R {
    /// Puts back what was there, also when a method panics.
    struct Before(Ambient);

    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }

    let _before = Before(CURRENT.replace(ambient));
    poll()
}

/// When the method that is being polled must be done, if one is.
#[inline]
pub(crate) fn deadline() -> Option<Instant> {
    match CURRENT.get() {
        Ambient::Free => None,
        Ambient::Within(timeout) => Some(timer::after(timeout)),
        Ambient::Until(inherited) => Some(inherited),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_inherited_inside_its_method_only() {
        let near = timer::after(Duration::from_secs(1));

        let inside = with(Ambient::Until(near), || (deadline(), with(Ambient::Free, deadline)));
        let at_start = with(Ambient::Within(Duration::from_secs(1)), deadline);

        assert_eq!(inside, (Some(near), None));
        assert_eq!(at_start, Some(near));
        assert_eq!(deadline(), None);
    }
}
