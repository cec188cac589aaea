//! Whether anybody is there: what a server says that has no time to read, and what an idle connection is told.

use std::time::Duration;

use tokio::time::Instant;

use crate::desk::{Office, doubled, hold, is_usable, twice};
use crate::frames::{Frame, flag, kind};
use crate::support::limits;

/// What its peer asks stands behind requests that wait, so that it cannot answer.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_says_that_it_is_there() {
    let office = Office::with(limits(|limits| {
        limits.calls_per_connection_max = 1;
        limits.handler_timeout = Duration::from_secs(3600);
    }))
    .await;
    let mut wire = office.wire().await;
    let began = Instant::now();

    wire.put(&hold(1)).await;
    wire.put(&hold(2)).await;
    wire.put(&Frame::new(kind::PING, 0, 9, *b"there?")).await;
    for number in 1..=50 {
        assert_eq!(wire.next().await, Frame::new(kind::PING, 0, 0, []));
        assert_eq!(began.elapsed().as_secs(), 10 * number);
    }

    // What was asked for is no flood, however much of it comes at once.
    for _ in 1..=50 {
        wire.put(&Frame::new(kind::PONG, 0, 0, [])).await;
    }
    office.bench.let_go(1);
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 1, [10]));
    assert_eq!(wire.next().await, Frame::new(kind::PONG, 0, 9, *b"there?"));
    office.bench.let_go(1);
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 2, [10]));
    is_usable(&mut wire, 3).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    is_usable(&mut wire, 4).await;
    assert_eq!(office.handle.limit_hits(), []);
}

/// The time that an earlier call's reader had to wait was taken off the later one's.
#[tokio::test(start_paused = true)]
async fn a_call_is_not_blamed_for_a_wait_before_it_came() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 1)).await;
    let mut wire = office.wire().await;
    wire.put(&hold(1)).await;
    office.bench.let_go(1);
    wire.next().await;
    tokio::time::sleep(Duration::from_secs(60)).await;

    let mut patient = twice(3, 21);
    patient.flags |= flag::DEADLINE;
    let body_at = patient.payload.len() - 1;
    patient.payload.splice(body_at..body_at, 10_000_u32.to_le_bytes());
    wire.send(&[hold(2).bytes(), patient.bytes()].concat()).await;
    office.bench.begun(2).await;
    office.bench.let_go(1);

    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 2, [10]));
    assert_eq!(wire.next().await, doubled(3, 21));
}

/// What crosses the farewell on the wire has not run.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_with_a_farewell() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    is_usable(&mut wire, 7).await;

    tokio::time::sleep(Duration::from_secs(345)).await;

    let farewell = wire.farewell().await;
    assert_eq!((farewell.method, farewell.id), (14, 7), "{farewell:?}");
}
