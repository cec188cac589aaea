//! What callers, a connection's task and a server do at the same time, in every order: see [`model`].

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::connection::Connection;
use super::link::Link;
use super::pool::tests::{pool, within};
use super::speak::{Chosen, More, Speak};
use super::{Client, driver};
use crate::codec::Format;
use crate::error::{Code, Result};
use crate::limits::Limits;
use crate::protocol::tunnel::Tunnel;
use crate::stage::{CALL, CANCEL, Far, LEAVE, MORE, PING, PONG, Plain, REPLY, way, wire};
use crate::sync::{JoinHandle, block_on, model, spawn, stop_exploring, thread};
use crate::transport::{Memory, Stream};

/// Speaks [`Plain`], and shows the connection.
#[derive(Default)]
struct Shown {
    connection: OnceLock<Arc<Connection<Plain>>>,
}

impl Speak for Shown {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn tunnel(&self) -> Option<Tunnel> {
        None
    }

    fn format(&self, _chosen: &Chosen) -> Format {
        Format::Postcard
    }

    fn start(&self, stream: Stream, first: Vec<u8>, chosen: &Chosen, _more: Option<More>) -> Arc<dyn Link> {
        let (connection, task) = driver::start::<Plain>(stream, first, chosen);
        spawn(task.map(drop));
        self.connection.get_or_init(|| connection.clone());
        connection
    }
}

/// A client, and the other end of its stream.
struct Bank {
    client: Client,
    shown: Arc<Shown>,
}

impl Bank {
    fn new(room: usize, limits: Limits) -> (Self, Far) {
        let (near, far) = wire(room);
        (Self::over(near, limits), far)
    }

    fn over(stream: Stream, limits: Limits) -> Self {
        let shown = Arc::new(Shown::default());
        let mut builder = Client::builder().limits(limits);
        builder.speak = shown.clone();
        Self { client: builder.over(stream), shown }
    }

    fn is_clear(&self) {
        self.shown.is_clear();
    }
}

impl Shown {
    fn connection(&self) -> &Arc<Connection<Plain>> {
        self.connection.get().expect("it was made at once")
    }

    /// L12: nothing is left of any call. In which order the rest is torn down is of no interest.
    fn is_clear(&self) {
        stop_exploring();
        let state = self.connection().state();
        assert_eq!((state.pending.len(), state.line.promised()), (0, 0));
        assert!(state.line.is_empty());
    }
}

/// A call on a thread of its own.
fn call(client: &Client, value: u8) -> JoinHandle<Result<u8>> {
    let client = client.clone();
    thread(move || block_on(async { client.call::<u8, u8>("S.M", &value).await }))
}

/// Polls once.
async fn begin<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Answers every call with its argument and one more, once nothing else has come, until the client ends its direction.
/// No more than `calls_max` may wait at once. Returns the arguments.
fn answer_all(far: &mut Far, calls_max: usize) -> Vec<u8> {
    let (mut seen, mut waiting) = (Vec::new(), VecDeque::new());
    block_on(async {
        loop {
            // No message comes in parts here, so that none is lost with the future.
            let come = begin(&mut Box::pin(far.next())).await;
            let message = match (come, waiting.front()) {
                (Poll::Ready(message), _) => message,
                (Poll::Pending, None) => far.next().await,
                (Poll::Pending, Some(&(id, value))) => {
                    waiting.pop_front();
                    far.say([REPLY, id, value + 1]).await;
                    continue;
                }
            };
            match message {
                Some([CALL, id, value]) => {
                    seen.push(value);
                    waiting.push_back((id, value));
                    assert!(waiting.len() <= calls_max, "{waiting:?}");
                }
                Some([CANCEL, id, _]) => waiting.retain(|(other, _)| *other != id),
                Some(message) => panic!("{message:?}"),
                None => break,
            }
        }
    });
    seen
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("the thread has ended")
}

/// More than all messages of a model.
const ROOM: usize = 64;

/// L1, L6: a call is added while a reply arrives; ids are given on two threads.
#[test]
fn two_threads_call_at_once_and_each_gets_its_own_reply() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let calls = [call(&bank.client, 10), call(&bank.client, 20)];

        let mut ids = Vec::new();
        for _ in 0..2 {
            let [kind, id, value] = block_on(far.next()).expect("both calls arrive");
            assert_eq!(kind, CALL);
            ids.push(id);
            assert!(block_on(far.say([REPLY, id, value + 1])));
        }

        assert!(0 < ids[0] && ids[0] < ids[1], "{ids:?}");
        assert_eq!(calls.map(|call| joined(call).expect("it was answered")), [11, 21]);
        bank.is_clear();
    });
}

/// L2: a call is dropped while the connection's task hands it its reply.
#[test]
fn a_call_that_is_dropped_while_its_reply_arrives_frees_its_slot_once() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let client = bank.client.clone();
        let caller = thread(move || {
            block_on(async {
                let mut dropped = client.call::<u8, u8>("S.M", &10);
                let mut kept = client.call::<u8, u8>("S.M", &20);
                assert!(begin(&mut dropped).await.is_pending());
                assert!(begin(&mut kept).await.is_pending());
                drop(dropped);
                kept.await.expect("it was answered")
            })
        });

        for _ in 0..2 {
            let [kind, id, value] = block_on(far.next()).expect("both calls arrive");
            if kind == CALL {
                block_on(far.say([REPLY, id, value + 1]));
            } else {
                // It overtook the second call, which is sent behind it.
                assert_eq!((kind, id), (CANCEL, 1));
                let [_, id, value] = block_on(far.next()).expect("the other call arrives");
                block_on(far.say([REPLY, id, value + 1]));
            }
        }

        assert_eq!(joined(caller), 21);
        bank.is_clear();
    });
}

/// L3: a call is dropped while the connection is lost.
#[test]
fn a_call_that_is_dropped_while_its_connection_is_lost_leaves_nothing() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let client = bank.client.clone();
        let caller = thread(move || {
            block_on(async {
                let mut dropped = client.call::<u8, u8>("S.M", &10);
                let mut kept = client.call::<u8, u8>("S.M", &20);
                assert!(begin(&mut dropped).await.is_pending());
                let begun = begin(&mut kept).await;
                drop(dropped);
                match begun {
                    Poll::Ready(ended) => ended,
                    Poll::Pending => kept.await,
                }
            })
        });

        block_on(far.next()).expect("the first call arrives");
        drop(far);

        assert_eq!(joined(caller).expect_err("nobody answered").code(), Code::Unavailable);
        bank.is_clear();
    });
}

/// L4: a call is made while the connection is lost. It ends, and says that it has not run only if it has not.
#[test]
fn a_call_that_is_made_while_its_connection_is_lost_ends_and_tells_the_truth() {
    model(|| {
        let (bank, far) = Bank::new(ROOM, Limits::default());
        let caller = call(&bank.client, 10);

        // The server's direction ends, and it goes on reading what it is sent.
        let Far { reader, writer } = far;
        drop(writer);
        let mut far = Far { reader, writer: way(0).0 };
        let mut seen = Vec::new();
        while let Some([kind, _, value]) = block_on(far.next()) {
            assert_eq!(kind, CALL);
            seen.push(value);
        }

        let error = joined(caller).expect_err("nobody answered");
        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.may_have_run() || seen.is_empty(), "{seen:?}");
        bank.is_clear();
    });
}

/// L5: a reply comes twice.
#[test]
fn a_reply_that_comes_twice_reaches_nobody_else() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let client = bank.client.clone();
        let caller = thread(move || {
            block_on(async {
                let first = client.call::<u8, u8>("S.M", &10).await.expect("it was answered");
                let second = client.call::<u8, u8>("S.M", &20).await.expect("it was answered");
                [first, second]
            })
        });

        for _ in 0..2 {
            let [_, id, value] = block_on(far.next()).expect("both calls arrive");
            block_on(far.say([REPLY, id, value + 1]));
            block_on(far.say([REPLY, id, 99]));
        }

        assert_eq!(joined(caller), [11, 21]);
        bank.is_clear();
    });
}

/// L5: a server answers before it is asked.
#[test]
fn a_reply_that_comes_before_its_call_leaves_nobody_waiting() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let caller = call(&bank.client, 10);

        block_on(far.say([REPLY, 1, 50]));
        let [_, id, _] = block_on(far.next()).expect("the call arrives");
        block_on(far.say([REPLY, id, 51]));

        assert!([50, 51].contains(&joined(caller).expect("it was answered")));
        bank.is_clear();
    });
}

/// L7: one caller sends alone, another appends, the task sends the rest, and the stream takes a byte or two.
#[test]
fn all_bytes_go_out_in_order_however_little_the_stream_takes() {
    model(|| {
        let (bank, mut far) = Bank::new(4, Limits::default());
        let client = bank.client.clone();
        let caller = thread(move || {
            block_on(async {
                let mut first = client.call::<u8, u8>("S.M", &10);
                let mut second = client.call::<u8, u8>("S.M", &20);
                assert!(begin(&mut first).await.is_pending());
                assert!(begin(&mut second).await.is_pending());
                [second.await.expect("it was answered"), first.await.expect("it was answered")]
            })
        });

        for value in [10, 20] {
            assert_eq!(block_on(far.next()), Some([CALL, value / 10, value]));
            block_on(far.say([REPLY, value / 10, value + 1]));
        }

        assert_eq!(joined(caller), [21, 11]);
        bank.is_clear();
    });
}

/// L7: what a stream keeps until it is told to send does not stay there.
#[test]
fn a_stream_that_buffers_is_told_to_send_until_it_has() {
    model(|| {
        let (mut near, mut far) = wire(4);
        let (sender, receiver) = way(2);
        (near.writer, far.reader) = (Box::new(sender.buffering()), receiver);
        let bank = Bank::over(near, Limits::default());
        let caller = call(&bank.client, 10);

        assert_eq!(block_on(far.next()), Some([CALL, 1, 10]));
        block_on(far.say([REPLY, 1, 11]));

        assert_eq!(joined(caller).expect("it was answered"), 11);
        bank.is_clear();
    });
}

/// L7: a call is made while the connection is closed.
#[test]
fn a_call_that_is_made_while_its_connection_is_closed_is_answered_or_told() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let caller = call(&bank.client, 10);
        let connection = bank.shown.connection().clone();
        let closer = thread(move || connection.close());

        let seen = answer_all(&mut far, 1);
        drop(far);

        joined(closer);
        match joined(caller) {
            Ok(reply) => assert_eq!((reply, &seen[..]), (11, &[10][..])),
            Err(error) => assert!(error.may_have_run() || seen.is_empty(), "{error}"),
        }
        bank.is_clear();
    });
}

/// L7b: the caller that reads alone goes away while another call comes.
#[test]
fn a_caller_that_reads_alone_and_goes_leaves_the_others_their_replies() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let client = bank.client.clone();
        let leader = thread(move || {
            block_on(async {
                let mut call = client.call::<u8, u8>("S.M", &10);
                assert!(begin(&mut call).await.is_pending());
            });
        });
        let other = call(&bank.client, 20);

        let mut is_answered = false;
        while !is_answered {
            let [kind, id, value] = block_on(far.next()).expect("the other call arrives");
            if kind == CALL && value == 20 {
                block_on(far.say([REPLY, id, 21]));
                is_answered = true;
            }
        }

        assert_eq!(joined(other).expect("it was answered"), 21);
        joined(leader);
        bank.is_clear();
    });
}

/// L7b: the caller that reads alone is polled by another task from then on.
#[test]
fn a_caller_that_reads_alone_and_moves_is_woken_where_it_is() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let client = bank.client.clone();
        let caller = thread(move || {
            let mut call = client.call::<u8, u8>("S.M", &10);
            let begun = block_on(begin(&mut call));
            match begun {
                Poll::Ready(ended) => ended,
                Poll::Pending => block_on(call),
            }
        });

        let [_, id, value] = block_on(far.next()).expect("the call arrives");
        block_on(far.say([REPLY, id, value + 1]));

        assert_eq!(joined(caller).expect("it was answered"), 11);
        bank.is_clear();
    });
}

/// L7b: the caller that reads alone reads what it has to answer.
#[test]
fn what_the_server_asks_a_caller_that_reads_alone_is_answered() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let caller = call(&bank.client, 10);

        let [_, id, value] = block_on(far.next()).expect("the call arrives");
        block_on(far.say([PING, 0, 0]));
        assert_eq!(block_on(far.next()), Some([PONG, 0, 0]));
        block_on(far.say([REPLY, id, value + 1]));

        assert_eq!(joined(caller).expect("it was answered"), 11);
        bank.is_clear();
    });
}

/// L8, L9: callers wait for room, and one of them goes away.
#[test]
fn callers_that_wait_for_room_are_all_let_in_and_never_too_many() {
    model(|| {
        let limits = Limits { calls_pending_max: 1, ..Limits::default() };
        let (bank, mut far) = Bank::new(ROOM, limits);
        let Bank { client, shown } = bank;
        let callers = thread(move || {
            block_on(async {
                let mut calls = FuturesUnordered::new();
                calls.push(client.call::<u8, u8>("S.M", &10));
                assert!(begin(&mut calls.next()).await.is_pending());
                let mut dropped = client.call::<u8, u8>("S.M", &20);
                assert!(begin(&mut dropped).await.is_pending());
                calls.push(client.call::<u8, u8>("S.M", &30));
                let first = begin(&mut calls.next()).await;
                drop(dropped);
                let first = match first {
                    Poll::Ready(first) => first,
                    Poll::Pending => calls.next().await,
                };
                [first, calls.next().await]
                    .map(|reply| reply.expect("there are two").expect("it was answered"))
            })
        });

        // Until the last clone of the client is gone.
        answer_all(&mut far, 1);
        drop(far);

        assert_eq!(joined(callers), [11, 31]);
        shown.is_clear();
    });
}

/// L9: a place that is promised is nobody else's.
#[test]
fn a_promised_place_is_kept_until_it_is_given_up() {
    model(|| {
        let limits = Limits { calls_pending_max: 1, ..Limits::default() };
        let (bank, mut far) = Bank::new(ROOM, limits);
        let room = block_on(bank.shown.connection().clone().room());
        let caller = call(&bank.client, 10);

        assert_eq!(bank.shown.connection().state().pending.len(), 0);
        drop(room);
        assert_eq!(block_on(far.next()), Some([CALL, 1, 10]));
        block_on(far.say([REPLY, 1, 11]));

        assert_eq!(joined(caller).expect("it was answered"), 11);
        bank.is_clear();
    });
}

/// L8: callers wait for room, and the server says that it runs more calls than was thought.
#[test]
fn callers_that_wait_for_room_are_let_in_when_the_server_runs_more() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let (client, connection) = (bank.client.clone(), bank.shown.connection().clone());
        connection.admit(1);
        let callers = thread(move || {
            block_on(async {
                let mut sent = client.call::<u8, u8>("S.M", &10);
                assert!(begin(&mut sent).await.is_pending());
                let waiting: FuturesUnordered<_> =
                    [(); 2].map(|()| connection.clone().room()).into_iter().collect();
                assert_eq!(waiting.map(drop).collect::<Vec<_>>().await.len(), 2);
            });
        });

        block_on(far.next()).expect("the call arrives");
        block_on(far.say([MORE, 0, 0]));

        joined(callers);
        bank.is_clear();
    });
}

/// L8, L10: callers wait for room on a connection that its server leaves. The call that is in everybody's way is never
/// answered.
#[test]
fn callers_that_wait_for_room_go_elsewhere_when_the_server_leaves() {
    model(|| {
        let limits = Limits { calls_pending_max: 1, ..Limits::default() };
        let (bank, mut far) = Bank::new(ROOM, limits);
        let (client, connection) = (bank.client.clone(), bank.shown.connection().clone());
        let callers = thread(move || {
            block_on(async {
                let mut sent = client.call::<u8, u8>("S.M", &10);
                assert!(begin(&mut sent).await.is_pending());
                let waiting: FuturesUnordered<_> =
                    [(); 2].map(|()| connection.clone().room()).into_iter().collect();
                assert_eq!(waiting.map(drop).collect::<Vec<_>>().await.len(), 2);
            });
        });

        let [_, id, _] = block_on(far.next()).expect("the call arrives");
        block_on(far.say([LEAVE, id, 0]));
        while block_on(far.next()).is_some() {}

        joined(callers);
        bank.is_clear();
    });
}

/// L10: the server leaves, answers what it took, and waits for the client's end.
#[test]
fn a_connection_that_its_server_leaves_ends_with_its_last_call() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let caller = call(&bank.client, 10);

        let [_, id, value] = block_on(far.next()).expect("the call arrives");
        block_on(far.say([LEAVE, id, 0]));
        block_on(far.say([REPLY, id, value + 1]));
        assert_eq!(block_on(far.next()), None);

        assert_eq!(joined(caller).expect("it was answered"), 11);
        bank.is_clear();
    });
}

/// L10: a call crosses the server's go-away.
#[test]
fn a_call_that_crosses_the_servers_leave_is_answered_or_has_not_run() {
    model(|| {
        let (bank, mut far) = Bank::new(ROOM, Limits::default());
        let client = bank.client.clone();
        let calls = thread(move || {
            let called = |value: u8| client.call::<u8, u8>("S.M", &value).map(move |reply| (value, reply));
            block_on([10, 20].map(called).into_iter().collect::<FuturesUnordered<_>>().collect::<Vec<_>>())
        });

        let [_, last, taken] = block_on(far.next()).expect("one call arrives");
        block_on(far.say([LEAVE, last, 0]));
        block_on(far.say([REPLY, last, taken + 1]));
        while block_on(far.next()).is_some() {}
        drop(far);

        for (value, reply) in joined(calls) {
            match reply {
                Ok(reply) => assert_eq!((reply, value), (taken + 1, taken)),
                Err(error) => assert!(value != taken && !error.may_have_run(), "{value}: {error}"),
            }
        }
        bank.is_clear();
    });
}

/// L11: a connection is wanted on two threads, and on a third that does not wait. What `Shared` does inside is not
/// modelled: see the random test of the pool.
#[test]
fn callers_on_several_threads_share_one_connection() {
    model(|| {
        let (memory, place) = (Memory::new(), "memory://place".parse().expect("an address"));
        let _listener = block_on(within(&memory).listen(&place)).expect("the place is free");
        let (pool, doors) = pool(&memory);
        let callers = [(); 2].map(|()| {
            let pool = pool.clone();
            thread(move || block_on(pool.link()).map(|link| link.is_open()))
        });
        let hasty = pool.clone();
        let hasty = thread(move || drop(block_on(begin(&mut Box::pin(hasty.link())))));

        for caller in callers {
            assert!(joined(caller).expect("somebody listens"));
        }
        joined(hasty);
        assert_eq!(doors.count(), 1);
    });
}
