//! What a server may say that the page does not allow: calls that wait end with an error that says whether they may
//! have run, and nothing hangs.

use std::time::Duration;

use ferrywire::protocol::Native;
use ferrywire::{Client, Code, Limits, Phase};

use crate::desk::{DeskClient, Office};
use crate::frames::{Frame, Wire, flag, greeting, hello_body, kind, metadata, preface_of, summed, with_len};
use crate::support::{ProbeClient, in_time, limits, settle};
use crate::to_server::{KINDS, broken_frames};
use crate::truths::served_by_hand;

/// A client with a call under way, the call's id at a server that has introduced itself, and that server.
pub(crate) async fn waiting() -> (Client, ferrywire::client::Started<i64>, u64, Wire) {
    let (client, mut wire) = served_by_hand(Limits::default());
    wire.send(&greeting()).await;
    settle().await;
    let call = client.start::<_, i64>("Desk.Wait", &1_i64);
    let id = wire.next().await.id;
    (client, call, id, wire)
}

/// The call has ended and may have run; the connection has too, and what is called afterwards has not run.
pub(crate) async fn ends_its_calls(
    what: &str,
    client: &Client,
    call: ferrywire::client::Started<i64>,
) -> String {
    let error = in_time(what, call).await.expect_err(what);
    assert_eq!(error.code(), Code::Unavailable, "{what}: {error}");
    assert!(error.may_have_run() && !error.is_remote(), "{what}: {error}");
    let later = in_time(what, client.call::<_, i64>("Desk.Wait", &1_i64)).await.expect_err(what);
    assert!(!later.may_have_run(), "{what}: {later}");
    assert!(error.message().len() < 1000 && !error.message().contains(['\n', '\x1b']), "{what}: {error}");
    error.message().to_owned()
}

/// Row E12.
#[tokio::test(start_paused = true)]
async fn a_frame_that_breaks_a_rule_ends_the_calls_of_its_connection() {
    for (what, bytes, words) in broken_frames() {
        let (client, call, _, mut wire) = waiting().await;

        wire.send(&bytes).await;

        let text = ends_its_calls(&what, &client, call).await;
        assert!(text.contains(words), "{what}: {text}");
        in_time("the client closes", wire.rest()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_over_the_limit_is_refused_by_its_header() {
    for len in [Limits::default().frame_len_max as u32 + 9 * 1024 + 1, u32::MAX] {
        for kind in KINDS {
            let (client, call, id, mut wire) = waiting().await;

            wire.send(&with_len(len, &Frame::new(kind, 0, id, []))).await;

            let text = ends_its_calls("too long", &client, call).await;
            assert!(text.contains(&format!("a frame of {len} bytes is over the limit")), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_does_not_hold_its_text_ends_the_calls_of_its_connection() {
    for payload in [&[][..], &[1, 0, 0], &[1, 0, 0, 0], &[0xff, 0xff, 0xff, 0xff, b'n', b'o']] {
        let (client, call, id, mut wire) = waiting().await;

        wire.put(&Frame::new(kind::ERROR, 10, id, payload)).await;

        ends_its_calls(&format!("{payload:?}"), &client, call).await;
    }
}

/// A banner of something else, silence, half a preface: what was sent to no peer of ours has not run.
#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_something_else_has_run_nothing() {
    for banner in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\xc1FWS\x01\0\x01\0\0\0\0\0\0\0\0\0",
        b"\x1f\x7f\x03\x01\x01\x08Response",
        &[0; 64],
    ] {
        let (client, mut wire) = served_by_hand(Limits::default());
        let call = client.start::<_, i64>("Desk.Wait", &1_i64);
        wire.next().await;

        wire.send(banner).await;

        let error = in_time("the call ends", call).await.unwrap_err();
        assert!(error.message().contains("does not speak the native protocol"), "{error}");
        assert!(!error.may_have_run(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_waited_for_until_the_deadline() {
    for said in [&b""[..], b"\xc1FW", &greeting()[..15], &greeting()[..40], &greeting()] {
        let (client, mut wire) =
            served_by_hand(limits(|limits| limits.call_timeout = Duration::from_secs(5)));
        wire.send(said).await;
        let call = client.start::<_, i64>("Desk.Wait", &1_i64);

        let error = in_time("the deadline passes", call).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Wait)), "{said:?}");
        assert!(error.may_have_run());
    }
}

/// What a server says to one call, in every kind of frame that has something to say to it.
fn answers(id: u64) -> Vec<u8> {
    let metadata = metadata(&[(b"re-who", b"me")]);
    [
        greeting(),
        Frame::new(kind::PING, 0, 7, *b"ping").bytes(),
        Frame::new(kind::RESPONSE, 0, 1 << 40, [84]).bytes(),
        Frame::new(kind::ERROR | flag::METADATA, 8, 1 << 41, [&metadata[..], &[0; 4]].concat()).bytes(),
        Frame::new(kind::CREDIT, 0, id, [1, 0, 0, 0]).bytes(),
        summed(&Frame::new(kind::RESPONSE | flag::METADATA, 0, id, [&metadata[..], &[84]].concat())),
    ]
    .concat()
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_a_byte_at_a_time_arrives() {
    let (client, mut wire) = served_by_hand(Limits::default());
    let call = client.start::<_, i64>("Desk.Wait", &1_i64);
    let id = wire.next().await.id;

    for byte in answers(id) {
        assert!(!call.is_done());
        wire.send(&[byte]).await;
        settle().await;
    }

    assert_eq!(in_time("the call is answered", call).await.unwrap(), 42);
}

/// Row C9.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_at_any_byte_ends_its_call() {
    let len = answers(1).len();
    for cut in 0..len {
        let (client, mut wire) = served_by_hand(Limits::default());
        let call = client.start::<_, i64>("Desk.Wait", &1_i64);
        let id = wire.next().await.id;

        wire.send(&answers(id)[..cut]).await;
        wire.half_close().await;

        ends_its_calls(&format!("cut at {cut}"), &client, call).await;
    }
}

/// Damage is noticed, or hits one value: nothing hangs, and no other call gets the answer.
#[tokio::test(start_paused = true)]
async fn an_answer_with_any_bit_flipped_ends_its_call() {
    let len = answers(1).len();
    let mut unnoticed = 0;
    for bit in 0..len * 8 {
        let (client, mut wire) = served_by_hand(Limits::default());
        let call = client.start::<_, i64>("Desk.Wait", &1_i64);
        let id = wire.next().await.id;
        let mut damaged = answers(id);
        damaged[bit / 8] ^= 1 << (bit % 8);

        wire.send(&damaged).await;
        wire.half_close().await;

        match in_time("the call ends", call).await {
            Ok(42) => unnoticed += 1,
            Ok(other) => panic!("bit {bit}: {other} was taken for an answer"),
            Err(error) => assert!(error.message().len() < 1000, "bit {bit}: {error}"),
        }
    }
    assert!(unnoticed < len * 8, "no bit mattered");
}

/// Rows C4, C5, V1: an answer is for its own call, once.
#[tokio::test(start_paused = true)]
async fn answers_to_no_call_are_dropped() {
    let (client, call, id, mut wire) = waiting().await;

    for stranger in [0, id + 1, id + 2, u64::MAX] {
        wire.put(&Frame::new(kind::RESPONSE, 0, stranger, [2])).await;
        wire.put(&Frame::new(kind::ERROR | flag::NOT_EXECUTED, 8, stranger, [0; 4])).await;
    }
    settle().await;
    assert!(!call.is_done());
    wire.put(&Frame::new(kind::RESPONSE, 0, id, [84])).await;
    wire.put(&Frame::new(kind::RESPONSE, 0, id, [86])).await;
    assert_eq!(in_time("the call is answered", call).await.unwrap(), 42);

    let next = client.start::<_, i64>("Desk.Wait", &1_i64);
    let next_id = wire.next().await.id;
    wire.put(&Frame::new(kind::RESPONSE, 0, id, [88])).await;
    settle().await;
    assert!(!next.is_done());
    wire.put(&Frame::new(kind::RESPONSE, 0, next_id, [82])).await;
    assert_eq!(in_time("the next call is answered", next).await.unwrap(), 41);
}

/// Ids are foreseeable. Found by fuzzing: the call was settled while it was sent, and nobody was told.
#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_before_its_request_hangs_nobody() {
    let (client, call, id, mut wire) = waiting().await;
    wire.put(&Frame::new(kind::RESPONSE, 0, id, [84])).await;
    assert_eq!(in_time("the call is answered", call).await.unwrap(), 42);
    settle().await;
    // Begun before the connection's task has a turn to read what has come.
    let next = client.start::<_, i64>("Desk.Wait", &1_i64);

    wire.put(&Frame::new(kind::RESPONSE, 0, id + 1, [84])).await;

    let _ = in_time("the call ends", next).await;
}

#[tokio::test(start_paused = true)]
async fn too_many_answers_to_no_call_end_the_connection() {
    let (client, call, _, mut wire) = waiting().await;

    wire.send(&Frame::new(kind::RESPONSE, 0, 1 << 40, [84]).bytes().repeat(1001)).await;

    let text = ends_its_calls("a thousand and one", &client, call).await;
    assert!(text.contains("too many replies to no call"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_ends_the_connection() {
    let (client, call, _, mut wire) = waiting().await;

    let _ = wire.try_send(&Frame::new(kind::PING, 0, 7, [7; 64]).bytes().repeat(10_000)).await;

    ends_its_calls("ten thousand pings", &client, call).await;
    let pongs = wire.rest().await.into_iter().filter(|frame| frame.kind() == kind::PONG).count();
    assert!(pongs <= 1001, "{pongs}");
}

/// An answer in a codec that nobody knows has been made: its call has run, and others go on.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_understood_fails_its_call_alone() {
    let (client, mut call, mut id, mut wire) = waiting().await;
    for payload in [&[6, 84][..], &[255], &[0], &[2, b'?'], &[0, 0x80], &[0, 84, 84]] {
        wire.put(&Frame::new(kind::RESPONSE | flag::CODEC, 0, id, payload)).await;

        let error = in_time("the call ends", call).await.unwrap_err();
        assert!(error.may_have_run() && error.phase() == Some(Phase::Decode), "{payload:?}: {error}");
        call = client.start::<_, i64>("Desk.Wait", &1_i64);
        id = wire.next().await.id;
    }
    wire.put(&Frame::new(kind::RESPONSE, 0, id, [84])).await;
    assert_eq!(in_time("the call is answered", call).await.unwrap(), 42);
}

// ---- farewells ----

#[tokio::test(start_paused = true)]
async fn a_farewell_that_is_said_twice_is_taken_twice() {
    let (client, first, first_id, mut wire) = waiting().await;
    let second = client.start::<_, i64>("Desk.Wait", &1_i64);
    let second_id = wire.next().await.id;

    wire.put(&Frame::new(kind::GO_AWAY, 0, u64::MAX, *b"soon")).await;
    settle().await;
    assert!(!first.is_done() && !second.is_done());
    wire.put(&Frame::new(kind::GO_AWAY, 0, first_id, *b"now")).await;

    assert!(!in_time("the second call ends", second).await.unwrap_err().may_have_run());
    wire.put(&Frame::new(kind::RESPONSE, 0, second_id, [84])).await;
    wire.put(&Frame::new(kind::RESPONSE, 0, first_id, [84])).await;
    assert_eq!(in_time("the first call is answered", first).await.unwrap(), 42);
    in_time("the client closes", wire.rest()).await;
}

/// A server that found something wrong says so, and its words reach those who wait.
#[tokio::test(start_paused = true)]
async fn a_farewell_with_a_reason_reaches_the_calls_that_may_have_run() {
    let (client, call, id, mut wire) = waiting().await;

    wire.put(&Frame::new(kind::GO_AWAY, 3, id, *b"found flags 0x8000 on a frame of kind 0")).await;
    wire.half_close().await;

    let text = ends_its_calls("a farewell", &client, call).await;
    assert!(text.contains("found flags 0x8000"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_farewell_of_any_bytes_is_shown_in_few_words() {
    for text in [vec![0xff; 1 << 20], b"a\r\n\x1b[2J".repeat(1000), Vec::new()] {
        let (_client, call, id, mut wire) = waiting().await;

        wire.put(&Frame::new(kind::GO_AWAY, u16::MAX, id - 1, text)).await;

        let error = in_time("the call ends", call).await.unwrap_err();
        assert!(!error.may_have_run());
        assert!(error.message().len() < 1000 && !error.message().contains(['\n', '\x1b']), "{error}");
    }
}

/// Error texts are cut to what the caller reads, too.
#[tokio::test(start_paused = true)]
async fn an_error_text_that_is_longer_than_its_caller_reads_is_replaced() {
    let office = Office::new().await;
    let builder = office.builder().limits(limits(|limits| limits.frame_len_max = 40_000));
    let client = builder.connect(&office.address).await.unwrap();
    let wide = ProbeClient::new(office.client().await);
    let long = "no".repeat(25_000);
    assert_eq!(wide.fail(long.clone()).await.unwrap_err().message(), long);

    let error = DeskClient::new(client.clone()).moan(50_000).await.unwrap_err();

    assert_eq!(error.code(), Code::Aborted);
    assert!(error.message().contains("an error text of 50000 bytes is longer than the 40000"), "{error}");
    assert_eq!(DeskClient::new(client).wait(1).await.unwrap(), 1);
}

/// Before its hello a server may only go away.
#[tokio::test(start_paused = true)]
async fn nothing_but_a_farewell_precedes_the_hello() {
    for kind in KINDS.into_iter().filter(|kind| *kind != kind::HELLO) {
        let (client, mut wire) = served_by_hand(Limits::default());
        let call = client.start::<_, i64>("Desk.Wait", &1_i64);
        let id = wire.next().await.id;
        wire.send(&preface_of(1, 1, 0)).await;
        wire.put(&Frame::new(kind, 0, id, [0; 4])).await;

        if kind == kind::GO_AWAY {
            wire.half_close().await;
        }
        ends_its_calls(&format!("kind {kind}"), &client, call).await;
    }
}

// ---- a hello that lies ----

#[tokio::test(start_paused = true)]
async fn a_hello_that_does_not_hold_what_it_says_ends_the_calls() {
    let full = hello_body(&[("Desk", &["Note", "Wait"])]);
    let mut hellos: Vec<_> = (0..full.len()).map(|cut| full[..cut].to_vec()).collect();
    hellos.push([vec![0; 12], vec![0xff; 2]].concat());
    hellos.push([vec![0xff; 12], vec![1, 0, 0], vec![0; 8], vec![0xff; 2]].concat());

    for hello in hellos {
        let (client, mut wire) = served_by_hand(Limits::default());
        let call = client.start::<_, i64>("Desk.Wait", &1_i64);
        wire.next().await;
        wire.send(&preface_of(1, 1, 0)).await;
        wire.put(&Frame::new(kind::HELLO, 0, 0, hello.clone())).await;

        ends_its_calls(&format!("a hello of {} bytes", hello.len()), &client, call).await;
    }
}

/// One that claims to read nothing, to run nothing, and to wait for no time or for ever.
#[tokio::test(start_paused = true)]
async fn a_hello_with_strange_numbers_hangs_nobody() {
    for number in [0, 1, u32::MAX] {
        let (client, mut wire) = served_by_hand(Limits::default());
        let hello = [number.to_le_bytes(); 3].concat();
        wire.send(&preface_of(1, 1, 0)).await;
        wire.put(&Frame::new(kind::HELLO, 0, 0, [&hello[..], &[0, 0]].concat())).await;
        settle().await;

        let calls: Vec<_> = (0..3_i64).map(|_| client.start::<_, i64>("Desk.Wait", &1_i64)).collect();

        for call in calls {
            let error = in_time("the call ends", call).await.unwrap_err();
            assert!([Code::DeadlineExceeded, Code::ResourceExhausted].contains(&error.code()), "{error}");
        }
    }
}

// ---- limits of the other side ----

#[tokio::test(start_paused = true)]
async fn an_argument_that_is_longer_than_the_server_reads_fails_alone() {
    let office = Office::with(limits(|limits| limits.frame_len_max = 10_000)).await;
    let probe = ProbeClient::new(office.client().await);
    assert_eq!(probe.len(&[7; 9000]).await.unwrap(), 9000);
    let held = probe.clone();
    let held = tokio::spawn(async move { held.hold(5).await });
    office.bench.begun(1).await;

    let error = probe.len(&[7; 30_000]).await.unwrap_err();

    assert_eq!((error.code(), error.may_have_run()), (Code::ResourceExhausted, false), "{error}");
    office.bench.let_go(1);
    assert_eq!(in_time("the other call is answered", held).await.unwrap().unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_longer_than_its_caller_reads_fails_alone() {
    let office = Office::new().await;
    let builder = office.builder().limits(limits(|limits| limits.frame_len_max = 10_000));
    let probe = ProbeClient::new(builder.connect(&office.address).await.unwrap());
    let held = probe.clone();
    let held = tokio::spawn(async move { held.hold(5).await });
    office.bench.begun(1).await;

    let error = probe.fill(30_000).await.unwrap_err();

    assert_eq!((error.code(), error.is_remote()), (Code::ResourceExhausted, true), "{error}");
    office.bench.let_go(1);
    assert_eq!(in_time("the other call is answered", held).await.unwrap().unwrap(), 5);
}

/// A cancel that stands behind requests which the server does not read would wait with them.
#[tokio::test(start_paused = true)]
async fn a_client_sends_no_more_calls_than_the_server_runs() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 2)).await;
    let client = office.client().await;
    assert_eq!(DeskClient::new(client.clone()).wait(1).await.unwrap(), 1);
    let calls: Vec<_> = (0..5_i64).map(|number| client.start::<_, i64>("Probe.Watched", &number)).collect();
    office.bench.begun(2).await;
    settle().await;

    drop(calls);

    office.bench.gone(2).await;
    office.bench.cancelled(2).await;
    assert_eq!(office.bench.begun_so_far(), 2);
    assert_eq!(DeskClient::new(client).wait(1).await.unwrap(), 1);
}

/// The page: whoever finds a rule broken says so.
#[tokio::test(start_paused = true)]
async fn a_client_says_why_it_ends_a_connection() {
    let (_client, call, _, mut wire) = waiting().await;

    wire.put(&Frame::new(kind::RESPONSE | 0x8000, 0, 1, [])).await;

    assert!(in_time("the call ends", call).await.is_err());
    let farewell = wire.farewell().await;
    assert_eq!(farewell.method, 3);
    assert!(farewell.farewell().contains("flags 0x8000"), "{farewell:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_names_both_versions_to_a_server_of_another() {
    let (ours, theirs) = crate::support::pipe(1 << 20);
    let client = Client::builder().protocol(Native).over(ours);
    let mut wire = Wire::over(theirs);

    wire.send(&preface_of(9, 7, 0)).await;

    let farewell = wire.farewell().await;
    assert_eq!(farewell.method, 12);
    assert!(farewell.farewell().contains("versions 7 to 9"), "{farewell:?}");
    drop(client);
}
