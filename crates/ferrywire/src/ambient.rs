//! What a running method hands on to the calls that it makes: the moment at which it must be done, and how often it has been
//! tried before.
//!
//! It is set around every poll of a method, on the thread that polls, and asked when a call is first
//! polled. Nobody passes anything; a task that the method spawns inherits nothing.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::timer;

/// Until when the method that is being polled may run, and whether it was tried before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ambient {
    /// No method is being polled.
    Free,
    /// It has just begun; the clock is read only if somebody asks.
    Within(Duration),
    /// It began earlier.
    Until(Instant),
    /// Its call has been tried so often before.
    Again(Instant, u32),
}

impl Ambient {
    /// Of a method that has just begun.
    #[inline]
    pub(crate) fn within(timeout: Duration, previous_attempts: u32) -> Self {
        match previous_attempts {
            0 => Self::Within(timeout),
            _ => Self::Again(timer::after(timeout), previous_attempts),
        }
    }

    /// Of one that began earlier.
    #[inline]
    pub(crate) fn until(deadline: Instant, previous_attempts: u32) -> Self {
        match previous_attempts {
            0 => Self::Until(deadline),
            _ => Self::Again(deadline, previous_attempts),
        }
    }
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
        Ambient::Until(inherited) | Ambient::Again(inherited, _) => Some(inherited),
    }
}

/// How often the call of the method that is being polled was tried before, if one is.
pub(crate) fn previous_attempts() -> u32 {
    match CURRENT.get() {
        Ambient::Again(_, attempts) => attempts,
        _ => 0,
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

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_tried_before_hands_on_how_often_and_its_deadline() {
        let near = timer::after(Duration::from_secs(1));
        let inherited = || (deadline(), previous_attempts());

        assert_eq!(with(Ambient::within(Duration::from_secs(1), 2), inherited), (Some(near), 2));
        assert_eq!(with(Ambient::until(near, 1), inherited), (Some(near), 1));
        assert_eq!(with(Ambient::until(near, 0), inherited), (Some(near), 0));
        assert_eq!(inherited(), (None, 0));
    }
}
