//! Bodies in pieces, where one side keeps to nothing: lengths that lie, pieces of nothing, too many at once, credit
//! without end.

use std::time::Duration;

use ferrywire::Code;
use tokio::time::Instant;

use crate::desk::{Office, doubled, hold, is_usable, twice};
use crate::frames::{Frame, flag, kind, short};
use crate::support::{in_time, limits, settle};
use crate::to_client::{ends_its_calls, waiting};

pub(crate) const MORE: u16 = 0x0800;
pub(crate) const CONTINUED: u16 = 0x1000;
const BACK: u16 = 0x4000;

/// The first frame of a request of `Probe.Len`, of a body of so many bytes.
fn begun(id: u64, whole_len: u32, here: &[u8]) -> Frame {
    let name = [&short("Probe.Len")[..], &[0; 8], &whole_len.to_le_bytes()].concat();
    Frame::new(kind::REQUEST | flag::NAMED | MORE, 0, id, [&name, here].concat())
}

fn continued(kind: u16, id: u64, here: &[u8]) -> Frame {
    Frame::new(kind | CONTINUED, 0, id, here)
}

fn more(kind: u16, id: u64, here: &[u8]) -> Frame {
    Frame::new(kind | CONTINUED | MORE, 0, id, here)
}

#[tokio::test(start_paused = true)]
async fn a_request_in_pieces_is_served_between_others() {
    let office = Office::new().await;
    let mut wire = office.wire().await;

    wire.put(&begun(1, 7, &[6, 1])).await;
    is_usable(&mut wire, 2).await;
    wire.put(&begun(3, 3, &[2])).await;
    wire.put(&more(kind::REQUEST, 1, &[2, 3])).await;
    wire.put(&continued(kind::REQUEST, 3, &[8, 9])).await;
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 3, [2]));
    is_usable(&mut wire, 4).await;
    wire.put(&continued(kind::REQUEST, 1, &[4, 5, 6])).await;

    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 1, [6]));
}

/// Row A6: what is announced is kept to.
#[tokio::test(start_paused = true)]
async fn pieces_that_do_not_fit_together_end_their_connection_with_words() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let too_many = (0..257).map(|id| begun(9 + id, 7, &[6])).collect();
    let cases: [(&str, Vec<Frame>, u16); 12] = [
        ("a piece of nothing that has begun", vec![continued(kind::REQUEST, 9, &[1])], 3),
        ("more of nothing that has begun", vec![more(kind::REQUEST, 9, &[1])], 3),
        ("a piece of a call that is answered", vec![continued(kind::REQUEST, 1, &[1])], 3),
        ("more at once than all", vec![begun(9, 2, &[1, 2, 3])], 3),
        ("all at once, and more", vec![begun(9, 2, &[1, 2])], 3),
        ("nothing, and more", vec![begun(9, 0, &[])], 3),
        ("less than all", vec![begun(9, 7, &[6]), continued(kind::REQUEST, 9, &[1])], 3),
        ("more than all", vec![begun(9, 3, &[2]), continued(kind::REQUEST, 9, &[1, 2, 3])], 3),
        ("a piece of no bytes", vec![begun(9, 7, &[6]), more(kind::REQUEST, 9, &[])], 3),
        ("the same id begun twice", vec![begun(9, 7, &[6]), begun(9, 7, &[6])], 3),
        ("a body over the limit", vec![begun(9, 4 * 1024 * 1024 + 1, &[6])], 8),
        ("too many bodies at once", too_many, 8),
    ];

    for (what, frames, code) in cases {
        let mut wire = office.wire().await;
        wire.put(&twice(1, 21)).await;
        for frame in &frames {
            let _ = wire.try_send(&frame.bytes()).await;
        }

        let said = wire.rest().await;
        assert_eq!(said.first(), Some(&doubled(1, 21)), "{what}");
        let farewell = said.last().unwrap();
        assert_eq!((farewell.kind(), farewell.method), (kind::GO_AWAY, code), "{what}: {farewell:?}");
        assert!(!farewell.farewell().is_empty());
    }
    bystander.is_unaffected().await;
}

/// Row A2: pieces have their time, and so has what comes between them.
#[tokio::test(start_paused = true)]
async fn bodies_that_are_begun_and_left_end_their_connection() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    for id in 1..=200 {
        wire.put(&begun(id, 4 * 1024 * 1024, &[6])).await;
    }
    let began = Instant::now();

    let mut id = 1000;
    while wire.try_send(&twice(id, 21).bytes()).await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(began.elapsed() < Duration::from_secs(120), "they may stay for ever");
        id += 1;
    }

    bystander.is_unaffected().await;
    assert_eq!((office.handle.connections(), office.handle.running()), (1, 0));
}

/// A cancel of what has come in part forgets it; the call has not begun, and its rest is no body's.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_cancelled_half_way_is_forgotten() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    wire.put(&begun(1, 7, &[6])).await;
    wire.put(&Frame::new(kind::CANCEL, 0, 1, [])).await;

    let answer = wire.next().await;

    assert_eq!((answer.kind(), answer.method, answer.id), (kind::ERROR, 1, 1));
    is_usable(&mut wire, 2).await;
    wire.put(&continued(kind::REQUEST, 1, &[1, 2, 3, 4, 5, 6])).await;
    assert_eq!(wire.farewell().await.method, 3);
    assert!(office.handle.calls().iter().all(|(name, count)| name != "Probe.Len" || *count == 0));
}

/// Credit: none is needed for what is short, what is granted is sent, what is granted beyond any length ends the
/// connection.
#[tokio::test(start_paused = true)]
async fn a_reply_is_sent_as_far_as_it_has_credit() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let fill_3_mib = |id| Frame::named(id, "Probe.Fill", 0, &[], &[0x80, 0x80, 0xc0, 0x01]);
    let mut wire = office.wire().await;
    wire.put(&fill_3_mib(1)).await;

    let mut came = 0;
    while came < 2 * 1024 * 1024 {
        let frame = wire.next().await;
        assert_eq!((frame.kind(), frame.id), (kind::RESPONSE, 1));
        came += frame.payload.len();
    }
    assert!(came < 2 * 1024 * 1024 + 100, "{came} bytes came without credit");
    is_usable(&mut wire, 2).await;
    wire.put(&Frame::new(kind::CREDIT | BACK, 0, 1, 4096_u32.to_le_bytes())).await;
    assert_eq!(wire.next().await.payload.len(), 4096);
    // Not for this body, or for none.
    wire.put(&Frame::new(kind::CREDIT, 0, 1, 4096_u32.to_le_bytes())).await;
    wire.put(&Frame::new(kind::CREDIT | BACK, 0, 2, 4096_u32.to_le_bytes())).await;
    is_usable(&mut wire, 3).await;
    for _ in 0..2 {
        wire.put(&Frame::new(kind::CREDIT | BACK, 0, 1, u32::MAX.to_le_bytes())).await;
    }

    // What is under way still goes out.
    let said = wire.rest().await;
    let farewell =
        said.iter().find(|frame| frame.kind() == kind::GO_AWAY).expect("the server says why it closes");
    assert_eq!((farewell.method, farewell.id), (3, 3));
    assert!(farewell.farewell().contains("credit"), "{}", farewell.farewell());
    bystander.is_unaffected().await;
}

/// A caller that grants nothing holds up its own reply only, and not for ever.
#[tokio::test(start_paused = true)]
async fn a_reply_that_gets_no_credit_ends() {
    let office = Office::with(limits(|limits| limits.idle_timeout = Duration::from_secs(60))).await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    wire.put(&Frame::named(1, "Probe.Fill", 0, &[], &[0x80, 0x80, 0xc0, 0x01])).await;
    wire.put(&hold(2)).await;
    office.bench.begun(1).await;
    office.bench.let_go(1);
    settle().await;

    let (mut came, mut others) = (0, Vec::new());
    while came < 2 * 1024 * 1024 || others.is_empty() {
        match wire.next().await {
            frame if frame.id == 1 => came += frame.payload.len(),
            frame => others.push(frame),
        }
    }
    assert_eq!(others, [Frame::new(kind::RESPONSE, 0, 2, [10])]);
    tokio::time::sleep(Duration::from_secs(600)).await;

    assert!(wire.rest().await.iter().all(|frame| frame.kind() == kind::GO_AWAY));
    bystander.is_unaffected().await;
}

/// The same from a server: calls end, and say that they may have run.
#[tokio::test(start_paused = true)]
async fn replies_whose_pieces_do_not_fit_together_end_the_calls() {
    let begun = |id, whole_len: u32, here: &[u8]| {
        Frame::new(kind::RESPONSE | MORE, 0, id, [&whole_len.to_le_bytes()[..], here].concat())
    };
    for flags in [CONTINUED, CONTINUED | MORE] {
        let (client, call, id, mut wire) = waiting().await;
        wire.put(&Frame::new(kind::RESPONSE | flags, 0, id, [1])).await;
        ends_its_calls("a piece of nothing that has begun", &client, call).await;
    }
    for (what, whole_len, first, rest) in [
        ("more at once than all", 2, &[1, 2, 3][..], None),
        ("less than all", 7, &[6], Some(&[1][..])),
        ("more than all", 3, &[6], Some(&[1, 2, 3])),
        ("a piece of no bytes", 3, &[6], Some(&[])),
        ("a body over the limit", 4 * 1024 * 1024 + 1, &[6], None),
    ] {
        let (client, call, id, mut wire) = waiting().await;
        wire.put(&begun(id, whole_len, first)).await;
        if let Some(rest) = rest {
            let _ = wire.try_send(&continued(kind::RESPONSE, id, rest).bytes()).await;
        }
        ends_its_calls(what, &client, call).await;
    }
}

/// Pieces for nobody: a call that was given up, one that never was.
#[tokio::test(start_paused = true)]
async fn pieces_of_replies_to_nobody_are_dropped() {
    let (client, call, id, mut wire) = waiting().await;
    for stranger in [0, id + 1, u64::MAX] {
        let first = [&3_u32.to_le_bytes()[..], &[1]].concat();
        wire.put(&Frame::new(kind::RESPONSE | MORE, 0, stranger, first)).await;
        wire.put(&continued(kind::RESPONSE, stranger, &[2, 3])).await;
    }
    wire.put(&Frame::new(kind::RESPONSE | MORE, 0, id, [&2_u32.to_le_bytes()[..], &[0x80]].concat())).await;
    wire.put(&Frame::new(kind::RESPONSE, 0, u64::MAX - 1, [84])).await;
    wire.put(&continued(kind::RESPONSE, id, &[1])).await;

    assert_eq!(in_time("the call is answered", call).await.unwrap(), 64);

    let given_up = client.start::<_, i64>("Desk.Wait", &1_i64);
    let id = wire.next().await.id;
    wire.put(&Frame::new(kind::RESPONSE | MORE, 0, id, [&2_u32.to_le_bytes()[..], &[0x80]].concat())).await;
    settle().await;
    drop(given_up);
    settle().await;
    wire.put(&continued(kind::RESPONSE, id, &[1])).await;
    assert_eq!(wire.next().await.kind(), kind::CANCEL);
    let next = client.start::<_, i64>("Desk.Wait", &1_i64);
    let id = wire.next().await.id;
    wire.put(&Frame::new(kind::RESPONSE, 0, id, [84])).await;
    assert_eq!(in_time("the next call is answered", next).await.unwrap(), 42);
}

/// A reply that began and stops ends with its call's deadline, or with the time that a message has.
#[tokio::test(start_paused = true)]
async fn a_reply_that_is_left_half_way_ends_its_call() {
    let (_client, call, id, mut wire) = waiting().await;
    wire.put(&Frame::new(kind::RESPONSE | MORE, 0, id, [&2_u32.to_le_bytes()[..], &[0x80]].concat())).await;

    let error = in_time("the call ends", call).await.unwrap_err();

    assert!([Code::DeadlineExceeded, Code::Unavailable].contains(&error.code()), "{error}");
    assert!(error.may_have_run());
}

/// The rest of a large request comes behind later ones: the farewell named it, as if those had not been accepted, and
/// their caller could have sent them again though they ran.
#[tokio::test(start_paused = true)]
async fn a_farewell_names_the_largest_id_whatever_became_whole_last() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    wire.put(&begun(1, 3, &[2])).await;
    wire.put(&hold(2)).await;
    office.bench.begun(1).await;
    wire.put(&continued(kind::REQUEST, 1, &[2, 3])).await;
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 1, [2]));

    office.handle.shutdown();

    let farewell = wire.next().await;
    assert_eq!((farewell.kind(), farewell.id), (kind::GO_AWAY, 2), "{farewell:?}");
    office.bench.let_go(1);
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 2, [10]));
}

/// It was below the id that the farewell named, and nobody answered it.
#[tokio::test(start_paused = true)]
async fn a_large_request_whose_rest_comes_behind_the_farewell_is_refused() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    wire.put(&begun(1, 3, &[2])).await;
    wire.put(&hold(2)).await;
    office.bench.begun(1).await;
    office.handle.shutdown();
    let farewell = wire.next().await;
    assert_eq!((farewell.kind(), farewell.id), (kind::GO_AWAY, 2), "{farewell:?}");

    wire.put(&continued(kind::REQUEST, 1, &[2, 3])).await;

    crate::desk::is_refused(&wire.next().await, 1, 14);
    office.bench.let_go(1);
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 2, [10]));
    assert_eq!(wire.hear().await, None);
}

/// A request of `Probe.Fill`, whose reply is a little longer than what may be sent without credit.
fn fill_too_much(id: u64) -> Frame {
    // 2 MiB less the four bytes of the length, and eight more.
    Frame::named(id, "Probe.Fill", 0, &[], &[0x84, 0x80, 0x80, 0x01])
}

/// Reads all that comes of such a reply without credit.
async fn takes_the_window(wire: &mut crate::frames::Wire, id: u64) {
    let mut came = 0;
    while came < 2 << 20 {
        let frame = wire.next().await;
        assert_eq!((frame.kind(), frame.id), (kind::RESPONSE, id));
        came += frame.payload.len();
    }
}

/// The connection's task said farewell again and again, without end and without a rest.
#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_a_reply_and_falls_silent_is_idle() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    wire.put(&fill_too_much(1)).await;
    takes_the_window(&mut wire, 1).await;

    for _ in 0..400 {
        tokio::time::advance(Duration::from_secs(1)).await;
        settle().await;
    }

    assert_eq!(office.handle.limit_hits(), [("idle_timeout", 1)]);
    assert_eq!(office.handle.connections(), 0);
    assert_eq!((wire.next().await.kind(), wire.hear().await), (kind::GO_AWAY, None));
}
