//! What a peer does that is legal but of no use, and when there has been enough of it.

use crate::limits::Limits;
use crate::window::Window;

/// One peer's conduct on one connection.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    unknown_methods: Window,
    undecodable_bodies: usize,
    duplicate_ids: usize,
    cancels: Window,
    pings: Window,
    /// Calls that ended by themselves since the cancels' window began.
    completed: usize,
    /// The limit that was passed.
    passed: Option<&'static str>,
}

impl Conduct {
    /// The name of the limit that was passed, once there has been enough.
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        self.passed
    }

    /// A call has ended by itself.
    #[inline]
    pub(crate) fn completed(&mut self) {
        self.completed += 1;
    }

    /// A call has ended with success, so that its argument was one that its method takes.
    #[inline]
    pub(crate) fn answered(&mut self) {
        self.completed += 1;
        self.undecodable_bodies = 0;
    }

    /// An argument did not decode.
    pub(crate) fn undecodable_body(&mut self, limits: &Limits) {
        self.undecodable_bodies += 1;
        if self.undecodable_bodies >= limits.undecodable_bodies_max {
            self.passed = Some("undecodable_bodies_max");
        }
    }

    /// A method was called that does not exist.
    pub(crate) fn unknown_method(&mut self, limits: &Limits) {
        if self.unknown_methods.add().0 > limits.unknown_methods_max {
            self.passed = Some("unknown_methods_max");
        }
    }

    /// The id of a call in flight was used again.
    pub(crate) fn duplicate_id(&mut self, limits: &Limits) {
        self.duplicate_ids += 1;
        if self.duplicate_ids >= limits.duplicate_ids_max {
            self.passed = Some("duplicate_ids_max");
        }
    }

    /// Something was said that only keeps us busy.
    pub(crate) fn ping(&mut self, limits: &Limits) {
        if self.pings.add().0 > limits.pings_max {
            self.passed = Some("pings_max");
        }
    }

    /// A call was withdrawn.
    pub(crate) fn cancel(&mut self, limits: &Limits) {
        let (cancels, is_new) = self.cancels.add();
        if is_new {
            self.completed = 0;
        }
        if cancels > limits.cancels_max && self.completed.saturating_mul(100) < cancels {
            self.passed = Some("cancels_max");
        }
    }
}
