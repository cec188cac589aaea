//! What a peer does that is legal but of no use, and when there has been enough of it.

use crate::limits::Limits;
use crate::window::Window;

/// One peer's conduct on one connection.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    undecodable_bodies: usize,
    /// Calls that ended by themselves since the cancels' window began.
    completed: usize,
    /// The limit that was passed.
    passed: Option<&'static str>,
    /// Made when the first of them is counted: most peers never do any of this.
    oddities: Option<Box<Oddities>>,
}

#[derive(Debug, Default)]
struct Oddities {
    unknown_methods: Window,
    duplicate_ids: usize,
    cancels: Window,
    pings: Window,
}

impl Conduct {
    fn oddities(&mut self) -> &mut Oddities {
        self.oddities.get_or_insert_default()
    }

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
        if self.oddities().unknown_methods.add().0 > limits.unknown_methods_max {
            self.passed = Some("unknown_methods_max");
        }
    }

    /// The id of a call in flight was used again.
    pub(crate) fn duplicate_id(&mut self, limits: &Limits) {
        let oddities = self.oddities();
        oddities.duplicate_ids += 1;
        if oddities.duplicate_ids >= limits.duplicate_ids_max {
            self.passed = Some("duplicate_ids_max");
        }
    }

    /// Something was said that only keeps us busy.
    pub(crate) fn ping(&mut self, limits: &Limits) {
        if self.oddities().pings.add().0 > limits.pings_max {
            self.passed = Some("pings_max");
        }
    }

    /// A call was withdrawn.
    pub(crate) fn cancel(&mut self, limits: &Limits) {
        let (cancels, is_new) = self.oddities().cancels.add();
        if is_new {
            self.completed = 0;
        }
        if cancels > limits.cancels_max && self.completed.saturating_mul(100) < cancels {
            self.passed = Some("cancels_max");
        }
    }
}
