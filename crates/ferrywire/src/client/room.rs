//! The callers that wait for room on a connection, in the order in which they came.

use std::collections::VecDeque;
use std::task::Waker;

/// Who waits, and how many places have been promised.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: VecDeque<(u64, Waker)>,
    next: u64,
    /// Places that are kept free for callers that have been let in.
    promised: usize,
}

impl Line {
    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many places are kept free.
    #[inline]
    pub(crate) fn promised(&self) -> usize {
        self.promised
    }

    /// Whether the caller with this ticket is let in, if there is `room` for one more. One that is not waits
    /// on, under the ticket that it gets.
    pub(crate) fn enter(&mut self, ticket: &mut Option<u64>, room: bool, waker: &Waker) -> bool {
        let place = self.waiting.iter().position(|(waiting, _)| Some(*waiting) == *ticket);
        let is_next = match place {
            Some(place) => place == 0,
            None => self.waiting.is_empty(),
        };
        if room && is_next {
            if place.is_some() {
                self.waiting.pop_front();
            }
            *ticket = None;
            self.promised += 1;
            return true;
        }
        match place.and_then(|place| self.waiting.get_mut(place)) {
            Some((_, waiting)) => waiting.clone_from(waker),
            None => {
                *ticket = Some(self.next);
                self.waiting.push_back((self.next, waker.clone()));
                self.next += 1;
            }
        }
        false
    }

    /// A caller that waited has gone.
    pub(crate) fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != ticket);
    }

    /// A promised place is taken, or not wanted any more.
    pub(crate) fn keep(&mut self) {
        self.promised = self.promised.saturating_sub(1);
    }

    /// Who is to be woken because there may be room.
    #[inline]
    pub(crate) fn first(&self) -> Option<Waker> {
        self.waiting.front().map(|(_, waker)| waker.clone())
    }

    /// Everybody who waits, because there is nothing to wait for any more.
    pub(crate) fn all(&self) -> Vec<Waker> {
        self.waiting.iter().map(|(_, waker)| waker.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_let_in_in_the_order_in_which_they_came() {
        let mut line = Line::default();
        let (mut first, mut second) = (None, None);
        assert!(!line.enter(&mut first, false, Waker::noop()));
        assert!(!line.enter(&mut second, false, Waker::noop()));

        assert!(!line.enter(&mut second, true, Waker::noop()));
        assert!(line.enter(&mut first, true, Waker::noop()));
        assert!(line.enter(&mut second, true, Waker::noop()));

        assert!(line.is_empty());
        assert_eq!(line.promised(), 2);
    }

    #[test]
    fn one_that_goes_away_holds_nobody_up() {
        let mut line = Line::default();
        let (mut first, mut second) = (None, None);
        line.enter(&mut first, false, Waker::noop());
        line.enter(&mut second, false, Waker::noop());

        line.leave(first.unwrap());

        assert!(line.enter(&mut second, true, Waker::noop()));
    }
}
