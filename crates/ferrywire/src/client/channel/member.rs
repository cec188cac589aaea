//! One server of a channel: its connection, counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use super::record::{Dialling, Record, is_loss, is_servers_fault};
use crate::client::link::{Link, Outgoing, Room, Sent, Settle};
use crate::client::pool::Pool;
use crate::error::{Code, Error, Phase, Result};
use crate::transport::{Address, BoxFuture};

/// A server in the list.
pub(in crate::client) struct Member {
    pub(in crate::client) address: Address,
    pub(super) record: Arc<Record>,
    pool: Arc<Pool>,
    counted: Mutex<Option<Arc<Counted>>>,
}

impl Member {
    pub(super) fn new(address: Address, record: Record, pool: Arc<Pool>) -> Self {
        Self { address, record: Arc::new(record), pool, counted: Mutex::default() }
    }

    /// Its connection, if there is one that calls can be sent on.
    #[inline]
    pub(in crate::client) fn current(&self) -> Option<Arc<dyn Link>> {
        // Only whole values are put in.
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counted) = counted.as_ref().filter(|counted| counted.is_open()) {
            return Some(counted.clone());
        }
        let inner = self.pool.current()?;
        let serial = counted.as_ref().map_or(0, |counted| counted.serial + 1);
        let made = Arc::new(Counted { inner, pool: self.pool.clone(), record: self.record.clone(), serial });
        *counted = Some(made.clone());
        Some(made)
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Its connection, once there is one.
    pub(in crate::client) async fn link(&self) -> Result<Arc<dyn Link>> {
        if let Some(link) = self.current() {
            return Ok(link);
        }
        let _dialling = Dialling::begin(&self.record);
        match self.pool.link().await {
            Ok(_) => {
                self.record.came_up();
                self.current().ok_or_else(|| {
                    let error = Error::new(Code::Unavailable, "the connection ended as soon as it was made");
                    error.in_phase(Phase::Connect).at_peer(self.pool.name()).not_executed()
                })
            }
            Err(error) => {
                self.record.went_down(&error);
                Err(error)
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.record.leaves();
    }
}

/// A connection whose calls are counted. It keeps its pool, so that calls under way are finished when the server has left the list.
struct Counted {
    inner: Arc<dyn Link>,
    pool: Arc<Pool>,
    record: Arc<Record>,
    /// Which of the server's connections it is.
    serial: u64,
}

impl Counted {
    /// Another for each call of the server.
    fn ticket(&self, id: u64) -> u64 {
        id ^ self.serial << 48
    }

    fn nanos(&self) -> u64 {
        self.record.tally.nanos()
    }
}

impl Link for Counted {
    fn send(&self, outgoing: &Outgoing<'_>, is_promised: bool, cx: &mut Context<'_>) -> Result<Sent> {
        let sent = self.inner.send(outgoing, is_promised, cx);
        if let Ok(Sent::As(id)) = sent {
            self.record.load.sent(self.ticket(id), || self.nanos());
        }
        sent
    }

    fn poll(&self, id: u64, cx: &mut Context<'_>, settle: &mut Settle<'_>) -> Poll<()> {
        let (mut is_answered, mut is_fault, mut is_lost, mut alone) = (true, false, false, None);
        ready!(self.inner.poll(id, cx, &mut |outcome, metadata| {
            if let Err(error) = &outcome {
                is_fault = is_servers_fault(error);
                is_lost = is_loss(error);
                is_answered = error.is_remote();
                alone = error.retry_after();
            }
            settle(outcome, metadata);
        }));
        if is_lost {
            self.record.load.forget();
        }
        self.record.load.ended(self.ticket(id), is_answered && !is_fault, || self.nanos());
        match is_fault {
            true => self.record.failed(),
            false => self.record.answered(),
        }
        if let Some(time) = alone {
            self.record.pushed_back(time);
        }
        Poll::Ready(())
    }

    fn withdraw(&self, id: u64) {
        self.inner.withdraw(id);
        self.record.load.ended(self.ticket(id), false, || self.nanos());
    }

    fn room(self: Arc<Self>) -> BoxFuture<'static, Room> {
        self.inner.clone().room()
    }

    fn give_up_room(&self) {
        self.inner.give_up_room();
    }

    fn admit(&self, calls: usize) {
        self.inner.admit(calls);
    }

    #[inline]
    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn server(&self) -> Option<u64> {
        Some(self.record.id)
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").field("server", &self.pool.name()).finish_non_exhaustive()
    }
}
