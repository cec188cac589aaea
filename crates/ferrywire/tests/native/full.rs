//! A connection that runs as many calls as it may: what is no request is heard, and the first request waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::bodies::{CONTINUED, MORE};
use crate::desk::{Office, doubled, hold, is_refused, is_usable, twice};
use crate::frames::{Frame, Wire, flag, kind};
use crate::support::{ProbeClient, in_time, limits, settle};

fn cancel(id: u64) -> Frame {
    Frame::new(kind::CANCEL, 0, id, [])
}

fn ping(id: u64) -> Frame {
    Frame::new(kind::PING, 0, id, [])
}

fn pong(id: u64) -> Frame {
    Frame::new(kind::PONG, 0, id, [])
}

async fn is_withdrawn(wire: &mut Wire, id: u64) {
    let frame = wire.next().await;
    assert_eq!((frame.kind(), frame.id, frame.method), (kind::ERROR, id, 1), "{frame:?}");
}

/// Whoever dropped as many calls as a connection runs could not use it before their deadlines: their withdrawals
/// were not read.
#[tokio::test(start_paused = true)]
async fn a_connection_whose_calls_are_all_withdrawn_is_usable_at_once() {
    let office = Office::new().await;
    let client = office.client().await;
    let probe = ProbeClient::new(client.clone());
    assert_eq!(probe.twice(1).await.unwrap(), 2);
    let stuck: Vec<_> = (0..256).map(|number| client.start::<_, i64>("Probe.Hold", &number)).collect();
    office.bench.begun(256).await;
    let began = Instant::now();

    drop(stuck);

    assert_eq!(in_time("a call is answered", probe.twice(21)).await.unwrap(), 42);
    assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
    office.bench.gone(256).await;
    assert_eq!((office.handle.running(), office.handle.connections()), (0, 1));
}

/// A server that had all that it runs counted as one that does not read, and was never asked.
#[tokio::test(start_paused = true)]
async fn a_client_with_all_the_calls_that_its_server_runs_asks_whether_it_is_there() {
    let (client, mut wire) = crate::truths::served_by_hand(limits(|limits| {
        limits.call_timeout = Duration::from_secs(3600);
    }));
    let mut greeting = crate::frames::greeting();
    // How many requests are run at once.
    greeting[36..40].copy_from_slice(&1_u32.to_le_bytes());
    wire.send(&greeting).await;
    let call = client.start::<i64, i64>("Probe.Hold", &1);
    while wire.next().await.kind() != kind::REQUEST {}

    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(wire.next().await, ping(0));

    assert!(in_time("the server is given up", call).await.unwrap_err().may_have_run());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_heard_while_every_seat_is_taken() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 2)).await;
    let mut wire = office.wire().await;
    wire.put(&hold(1)).await;
    wire.put(&hold(2)).await;
    office.bench.begun(2).await;

    for frame in [ping(9), Frame::new(kind::CREDIT, 0, 1, [1, 0, 0, 0]), cancel(77), pong(0), cancel(2)] {
        // However it is cut.
        for byte in frame.bytes() {
            wire.send(&[byte]).await;
            settle().await;
        }
    }

    assert_eq!(wire.next().await, pong(9));
    is_withdrawn(&mut wire, 2).await;
    is_usable(&mut wire, 3).await;
    assert_eq!(office.handle.limit_hits(), []);
}

/// A client that keeps to the server's number is heard; one that does not keeps itself from being heard.
#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_request_too_many_waits_with_it() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 2)).await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    let frames = [hold(1), hold(2), cancel(1), twice(3, 21), hold(4), twice(5, 8), cancel(2), ping(9)];
    wire.send(&frames.iter().flat_map(Frame::bytes).collect::<Vec<_>>()).await;

    is_withdrawn(&mut wire, 1).await;
    assert_eq!(wire.next().await, doubled(3, 21));
    settle().await;
    assert_eq!(office.bench.begun_so_far(), 3);
    assert!(tokio::time::timeout(Duration::from_secs(5), wire.hear()).await.is_err(), "it was read");
    bystander.is_unaffected().await;
    office.bench.let_go(1);

    let mut ended = vec![wire.next().await.id, wire.next().await.id, wire.next().await.id];
    ended.sort_unstable();
    assert_eq!(ended, [2, 5, 9], "the first call ends, the fifth runs, and what follows is read");
    bystander.is_unaffected().await;
}

/// Nor is what it sends kept: no more than one read of it.
#[tokio::test(start_paused = true)]
async fn a_flood_behind_a_request_too_many_is_not_read() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 1)).await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    wire.put(&hold(1)).await;
    office.bench.begun(1).await;
    let flood: Vec<u8> =
        hold(2).bytes().into_iter().chain((0..1 << 20).flat_map(|_| cancel(1).bytes())).collect();

    let sent = tokio::time::timeout(Duration::from_secs(5), wire.try_send(&flood)).await;

    assert!(sent.is_err(), "everything was read");
    assert_eq!((office.bench.begun_so_far(), office.handle.running()), (1, 1));
    bystander.is_unaffected().await;
}

#[tokio::test(start_paused = true)]
async fn a_large_request_waits_for_a_seat_and_runs_when_there_is_one() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 1)).await;
    let mut wire = office.wire().await;
    let body = [&[0xe0, 0xa7, 0x12][..], &[7; 300_000]].concat();
    let len = Frame::named(2, "Probe.Len", 0, &[], &body);
    let bytes = len.bytes();
    // Its beginning comes before the seat is taken, its rest afterwards.
    let more = Frame::named(2, "Probe.Len", MORE, &300_003_u32.to_le_bytes(), &body[..1000]);
    let rest = |range: std::ops::Range<usize>, more| {
        Frame::new(kind::REQUEST | CONTINUED | more, 0, 2, &body[range])
    };
    wire.put(&more).await;
    wire.put(&hold(3)).await;
    office.bench.begun(1).await;
    wire.put(&rest(1000..50_000, MORE)).await;
    let last = rest(50_000..300_003, 0);
    let (sent, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(3), wire.put(&last)), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        office.bench.let_go(1);
    });

    sent.unwrap();
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 3, [10]));
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 2, body[..3].to_vec()));

    // And one that comes as a whole.
    wire.put(&hold(4)).await;
    office.bench.begun(2).await;
    let again = [&bytes[..8], &5_u64.to_le_bytes(), &bytes[16..]].concat();
    let ((), ()) = tokio::join!(wire.send(&again), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        office.bench.let_go(1);
    });
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 4, [10]));
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 5, body[..3].to_vec()));
}

/// The time that its caller gave it goes on while a request waits.
#[tokio::test(start_paused = true)]
async fn a_request_too_many_is_not_begun_when_its_time_has_passed() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 1)).await;
    let mut wire = office.wire().await;
    wire.put(&hold(1)).await;
    office.bench.begun(1).await;
    wire.put(&Frame::named(2, "Probe.Hold", flag::DEADLINE, &1000_u32.to_le_bytes(), &[10])).await;

    tokio::time::sleep(Duration::from_secs(2)).await;
    office.bench.let_go(1);

    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 1, [10]));
    is_refused(&wire.next().await, 2, 4);
}
