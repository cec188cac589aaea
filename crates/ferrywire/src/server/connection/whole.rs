//! Requests that somebody else has found: those of plain HTTP, which come whole.

use std::time::Duration;

use super::Connection;
use crate::message::Ask;
use crate::protocol::Protocol;

impl<P: Protocol> Connection<P> {
    /// Starts what a request asks for. It has been on its way here for so long.
    pub(crate) fn take(&mut self, ask: Ask<'_, P::Tag>, waited: Duration) {
        self.bank.waited = waited;
        self.bank.call(ask);
        self.bank.waited = Duration::ZERO;
        self.bank.shared.router.tell(&mut self.bank.tally);
        self.check_conduct();
    }

    /// Who writes the replies.
    pub(crate) fn writer(&mut self) -> &mut P::WriteReplies {
        &mut self.bank.writer
    }

    /// What was written, which whoever takes it sends.
    pub(crate) fn take_out(&mut self) -> Vec<u8> {
        let out = std::mem::take(&mut self.bank.out);
        self.note_unsent(0);
        out
    }
}
