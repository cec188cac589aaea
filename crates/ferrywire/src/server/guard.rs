//! Runs methods' code: a panic ends its call and nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::ambient::{self, Ambient};
use crate::error::{Code, Error, Result};
use crate::service::CallSlot;

/// Starts or polls the call in a slot; calls that it makes inherit `ambient`.
#[inline]
pub(crate) fn guarded(
    slot: &mut dyn CallSlot,
    ambient: Ambient,
    run: impl FnOnce(&mut dyn CallSlot) -> Poll<Result<()>>,
) -> Poll<Result<()>> {
    match catch_unwind(AssertUnwindSafe(|| ambient::with(ambient, || run(slot)))) {
        Ok(polled) => polled,
        Err(panic) => {
            clear(slot);
            tracing::error!(panic = %panic_text(&*panic), "a method panicked");
            // The panic's text stays here: it may hold what the caller must not see.
            Poll::Ready(Err(Error::new(Code::Internal, "internal error: the method panicked")))
        }
    }
}

/// Drops a running call; a panic while it is dropped is only logged.
pub(crate) fn clear(slot: &mut dyn CallSlot) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| slot.clear())) {
        tracing::error!(panic = %panic_text(&*panic), "a method panicked while it was dropped");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "a panic without text",
    };
    crate::error::shown(text.as_bytes())
}
