//! Serves a connection over which its caller can be called back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::bell::Bell;
use super::connection::Shared;
use super::drive;
use crate::duplex::{self, Duplex, Keeper};
use crate::error::Error;
use crate::protocol::Native;
use crate::transport::Stream;

/// Serves a connection until it ends. `first` are the bytes that have been read already, in which the caller
/// offers services.
pub(crate) async fn serve(stream: Stream, first: Vec<u8>, shared: Arc<Shared>, bell: Arc<Bell>) {
    let terms = shared.terms();
    let (duplex, mut answering, calling) = Duplex::split(stream, &first, &terms, false);
    drop(first);
    let back = duplex.back(calling, &terms);
    answering.peer = Arc::new((*answering.peer).clone().with_back(Arc::new(back)));
    let keeper = Beside { shared: shared.clone(), bell: bell.clone(), held: 0 };
    let serving = drive::serve::<Native>(answering, Vec::new(), shared, bell);
    duplex.run(serving, None, keeper).await;
}

/// Sees to what the answering bank does not see.
struct Beside {
    shared: Arc<Shared>,
    bell: Arc<Bell>,
    /// How many bytes were held when it was last looked at.
    held: usize,
}

impl Keeper for Beside {
    fn look(&mut self, held: usize, is_calling: bool) -> bool {
        if is_calling {
            self.bell.stir();
        }
        let all = &self.shared.held;
        all.fetch_add(held, Ordering::Relaxed);
        all.fetch_sub(std::mem::replace(&mut self.held, held), Ordering::Relaxed);
        if held == 0 {
            return true;
        }
        let most = self.shared.limits.bytes_in_flight_max;
        let share = most / self.shared.serving.load(Ordering::Relaxed).max(1);
        let is_too_much = held > share && all.load(Ordering::Relaxed) > most;
        if is_too_much {
            self.shared.hits.note("bytes_in_flight_max");
        }
        !is_too_much
    }

    /// What it asked before is answered.
    fn peer_ended(&mut self) {}

    /// The caller answers nothing any more, or not as it must.
    fn calling_ended(&mut self, error: &Error) {
        tracing::debug!(%error, "a caller cannot be called back any more");
        self.bell.drain(duplex::blame(error));
    }

    fn stalled(&mut self) {
        self.shared.hits.note("stall_timeout");
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.shared.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}
