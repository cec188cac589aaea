//! What the native protocol carries, and what it says of a call.

use std::time::Duration;

use ferrywire::codec::Format;
use ferrywire::protocol::Native;
use ferrywire::transport::{Peer, Stream};
use ferrywire::{Client, Code, Limits, Trace, service};

use crate::desk::{DeskClient, Office, doubled, hold, is_refused, is_usable, twice};
use crate::frames::{Frame, Wire, flag, greeting, hello_body, kind, preface_of, short, summed};
use crate::support::{Args, ProbeClient, drains, in_time, limits, pipe, settle};

/// A client, and the other end of its stream on which a test is the server.
pub(crate) fn served_by_hand(limits: Limits) -> (Client, Wire) {
    let (ours, theirs) = pipe(1 << 20);
    (Client::builder().protocol(Native).limits(limits).over(ours), Wire::over(theirs))
}

// ---- metadata ----

#[tokio::test(start_paused = true)]
async fn metadata_travels_both_ways() {
    let office = Office::new().await;
    let desk = office.desk().await;

    let call = desk.echo().metadata("who", "é, me").metadata("key-bin", [0, 255]).metadata("who", "you");
    let (count, back) = call.with_metadata().await.unwrap();

    let back: Vec<_> = back.iter().collect();
    assert_eq!(count, 3);
    let expected: [(&str, &[u8]); 3] =
        [("re-who", "é, me".as_bytes()), ("re-key-bin", &[0, 255]), ("re-who", b"you")];
    assert_eq!(back, expected);
}

#[tokio::test(start_paused = true)]
async fn metadata_of_one_call_is_not_seen_by_the_next() {
    let desk = Office::new().await.desk().await;

    assert_eq!(desk.echo().metadata("who", "me").await.unwrap(), 1);
    let (count, back) = desk.echo().with_metadata().await.unwrap();

    assert_eq!(count, 0);
    assert!(back.is_empty(), "{back:?}");
}

/// Names and values are as long as the page allows: 8 KiB in 128 entries.
#[tokio::test(start_paused = true)]
async fn as_much_metadata_travels_as_the_page_allows() {
    let desk = Office::new().await.desk().await;
    let value_len = 8 * 1024 - 3 - 3;

    let (count, back) = desk.echo().metadata("big", vec![7; value_len - 3]).with_metadata().await.unwrap();
    assert_eq!((count, back.get("re-big").map(<[u8]>::len)), (1, Some(value_len - 3)));

    let mut call = desk.echo();
    for number in 0..128 {
        call = call.metadata(format!("n{number}"), "");
    }
    assert_eq!(call.await.unwrap(), 128);
}

/// What a method wanted to send beside its reply and could not was left out, and nobody knew.
#[tokio::test(start_paused = true)]
async fn a_reply_with_metadata_that_cannot_be_sent_is_an_error_that_names_it() {
    let office = Office::new().await;
    let desk = office.desk().await;
    let cannot = [
        (("no blanks", 1, 0), "no metadata can be called `no blanks0`"),
        (("é", 1, 0), "no metadata can be called `é0`"),
        (("n", 129, 0), "in 129 entries is over the limit of 8192 bytes and 128 entries, from `n128` on"),
        (("big", 3, 4000), "12021 bytes in 3 entries is over the limit"),
        (("big", 3, 4000), "from `big2` on"),
        (("huge", 1, 70_000), "from `huge0` on"),
        ((&*"n".repeat(255), 1, 0), "no metadata can be called `nnnn"),
    ];

    for ((name, entries, len), why) in cannot {
        let error = desk.adorn(name.to_owned(), entries, len).await.unwrap_err();
        assert_eq!((error.code(), error.is_remote(), error.may_have_run()), (Code::Internal, true, true));
        assert!(error.message().contains(why), "{error}");
        // The connection is in step, and the next reply is as it should be.
        let (_, back) = desk.adorn("Nice-".to_owned(), 1, 1).with_metadata().await.unwrap();
        assert_eq!(back.get("nice-0"), Some(&[7][..]));
    }
    assert_eq!((office.handle.connections(), office.handle.limit_hits()), (1, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_trace_reaches_the_method() {
    let desk = Office::new().await.desk().await;
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    let trace: Trace = text.parse().unwrap();

    assert_eq!(desk.trace().trace(trace).await.unwrap(), text);
    assert_eq!(desk.trace().trace(trace).metadata("beside", "it").await.unwrap(), text);
    assert_eq!(desk.trace().await.unwrap(), "");
}

// ---- errors ----

#[tokio::test(start_paused = true)]
async fn an_error_arrives_with_its_code_and_details() {
    let desk = Office::new().await.desk().await;

    let error = desk.refuse("100 %s é\n".to_owned()).await.unwrap_err();

    assert_eq!((error.code(), error.message()), (Code::FailedPrecondition, "100 %s é\n"));
    assert_eq!(error.details(), Some(&b"[\"because\", 42]"[..]));
    assert!(error.is_remote() && error.may_have_run());
}

/// Every code of the page, and one that is not on it.
#[tokio::test(start_paused = true)]
async fn every_code_is_read() {
    let (client, mut wire) = served_by_hand(Limits::default());
    wire.send(&greeting()).await;

    for code in (0..=17).chain([u16::MAX]) {
        let call = client.start::<_, i64>("Desk.Wait", &1_i64);
        let request = wire.next().await;
        let payload = [&2_u32.to_le_bytes()[..], b"no"].concat();
        wire.put(&Frame::new(kind::ERROR, code, request.id, payload)).await;

        let error = in_time("the error arrives", call).await.unwrap_err();
        assert_eq!(error.code(), Code::from_number(code).unwrap_or(Code::Unknown));
        assert!(error.is_remote() && error.may_have_run() && error.details().is_none(), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_says_whether_the_call_has_run() {
    let (client, mut wire) = served_by_hand(Limits::default());
    wire.send(&greeting()).await;
    let call = client.start::<_, i64>("Desk.Wait", &1_i64);
    let request = wire.next().await;

    let payload = [&4_u32.to_le_bytes()[..], b"busy", b"details"].concat();
    wire.put(&Frame::new(kind::ERROR | flag::NOT_EXECUTED, 8, request.id, payload)).await;

    let error = in_time("the error arrives", call).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::ResourceExhausted, "busy"));
    assert_eq!(error.details(), Some(&b"details"[..]));
    assert!(!error.may_have_run());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_marked_as_not_executed() {
    let office = Office::with(limits(|limits| limits.calls_max = 1)).await;
    let mut wire = office.wire().await;
    wire.put(&hold(1)).await;
    office.bench.begun(1).await;

    wire.put(&twice(2, 21)).await;
    is_refused(&wire.next().await, 2, 8);
    office.bench.let_go(1);
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 1, [10]));

    wire.put(&Frame::new(kind::REQUEST, 9999, 3, [1])).await;
    is_refused(&wire.next().await, 3, 12);
    wire.put(&Frame::named(4, "Desk.Nothing", 0, &[], &[])).await;
    is_refused(&wire.next().await, 4, 12);
    // This one has run.
    wire.put(&Frame::named(5, "Probe.Fail", 0, &[], b"\x02no")).await;
    let error = wire.next().await;
    assert_eq!((error.flags, error.method, error.error()), (kind::ERROR, 10, ("no".to_owned(), Vec::new())));
}

/// An error is no longer than a message may be, its details included.
#[tokio::test(start_paused = true)]
async fn an_error_with_long_details_hurts_its_call_alone() {
    let office = Office::new().await;
    let desk = office.desk().await;
    let long = Limits::default().frame_len_max as u64 + 100_000;

    let error = in_time("the call ends", desk.explain(long)).await.unwrap_err();

    assert_eq!((error.code(), error.is_remote()), (Code::FailedPrecondition, true), "{error}");
    assert_eq!(error.details(), None);
    assert_eq!(desk.explain(7).await.unwrap_err().details(), Some(&[7; 7][..]));
    assert_eq!(office.handle.connections(), 1);
}

// ---- calls without an answer ----

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_runs_and_is_not_answered() {
    let office = Office::new().await;
    let mut wire = office.wire().await;

    for (id, name, body) in [
        (1, "Desk.Note", &[14][..]),
        (2, "Desk.Nothing", &[]),
        (3, "Desk.Note", &[0xff; 12]),
        (4, "Probe.Fail", b"\x02no"),
        (5, "Probe.PanicLater", b"\x02no"),
    ] {
        wire.put(&Frame::named(id, name, flag::ONE_WAY, &[], body)).await;
    }
    is_usable(&mut wire, 6).await;
    settle().await;

    assert_eq!(office.clerk.notes(), [7]);
    is_usable(&mut wire, 7).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_hands_over_what_it_does_not_wait_for() {
    let office = Office::new().await;
    let desk = office.desk().await;

    desk.note(7).one_way().await.unwrap();
    desk.refuse("no".to_owned()).one_way().await.unwrap();
    desk.note(8).one_way().await.unwrap();

    assert_eq!(desk.total(vec![40], -2).await.unwrap(), 42);
    assert_eq!(office.clerk.notes(), [7, 8]);
}

// ---- the end of a connection ----

/// Row C13: what crosses the farewell has not run, and is called again on a new connection.
#[tokio::test(start_paused = true)]
async fn calls_behind_the_last_id_of_a_farewell_have_not_run() {
    let (client, mut wire) = served_by_hand(Limits::default());
    wire.send(&greeting()).await;
    let first = client.start::<_, i64>("Desk.Wait", &1_i64);
    let first_id = wire.next().await.id;
    let second = client.start::<_, i64>("Desk.Wait", &2_i64);
    let second_id = wire.next().await.id;
    assert!(second_id > first_id);

    wire.put(&Frame::new(kind::GO_AWAY, 0, first_id, *b"so long")).await;

    let error = in_time("the second call ends", second).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(!error.may_have_run() && error.message().contains("so long"), "{error}");
    // What was accepted is still answered.
    wire.put(&Frame::new(kind::RESPONSE, 0, first_id, [84])).await;
    assert_eq!(in_time("the first call ends", first).await.unwrap(), 42);
    assert!(wire.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_shut_down_says_what_it_has_accepted() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    wire.put(&twice(4, 21)).await;
    assert_eq!(wire.next().await, doubled(4, 21));
    wire.put(&hold(7)).await;
    office.bench.begun(1).await;

    office.handle.shutdown();
    let farewell = wire.next().await;
    assert_eq!((farewell.kind(), farewell.method, farewell.id), (kind::GO_AWAY, 0, 7));
    // This one crosses the farewell.
    wire.put(&twice(8, 21)).await;
    office.bench.let_go(1);

    assert_eq!(wire.rest().await, [Frame::new(kind::RESPONSE, 0, 7, [10])]);
    in_time("the server ends", office.running).await.unwrap().unwrap();
}

/// A connection that the system had let in, and whose call was on its way: it was closed without a word, and its caller
/// could not know that nothing had run.
#[tokio::test(start_paused = true)]
async fn who_came_just_before_the_shutdown_hears_that_nothing_has_run() {
    let office = Office::new().await;
    let mut early = office.silent().await;
    settle().await;
    let mut at_the_door = office.silent().await;

    office.handle.shutdown();
    for wire in [&mut early, &mut at_the_door] {
        drains().await;
        wire.send(&greeting()).await;
        wire.put(&twice(4, 21)).await;
    }

    for wire in [&mut early, &mut at_the_door] {
        let farewell = wire.next().await;
        assert_eq!((farewell.kind(), farewell.method, farewell.id), (kind::GO_AWAY, 0, 0));
        assert!(wire.rest().await.is_empty());
    }
    in_time("the server ends", office.running).await.unwrap().unwrap();
    assert_eq!(office.handle.calls().into_iter().map(|(_, calls)| calls).sum::<u64>(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_holds_a_shutdown_for_its_first_second_only() {
    for (said_nothing_for, most) in [(5_000, 100), (900, 200), (0, 1_100)] {
        let office = Office::new().await;
        let silent = office.silent().await;
        settle().await;
        tokio::time::sleep(Duration::from_millis(said_nothing_for)).await;
        let began = tokio::time::Instant::now();

        office.handle.shutdown();

        in_time("the server ends", office.running).await.unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_millis(most), "{said_nothing_for}: {:?}", began.elapsed());
        drop(silent);
    }
}

/// A client on a stream that can be broken in one direction: what it says, what it hears.
async fn half_deaf() -> (Client, Wire, Wire) {
    let (client_reads, says) = tokio::io::duplex(1 << 16);
    let (client_writes, hears) = tokio::io::duplex(1 << 16);
    let stream = Stream::new(client_reads, client_writes, Peer::named("test:client"));
    let client = Client::builder().protocol(Native).over(stream);
    let hearing = Wire::over(Stream::new(hears, tokio::io::sink(), Peer::named("test:server")));
    let mut saying = Wire::over(Stream::new(tokio::io::empty(), says, Peer::named("test:server")));
    saying.send(&greeting()).await;
    settle().await;
    (client, hearing, saying)
}

/// It ended the connection when it could not send, whatever the server had said by then.
#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_send_hears_what_the_server_said_last() {
    let (client, mut hearing, mut saying) = half_deaf().await;
    let [answered, lost] = [1_i64, 2].map(|argument| client.start::<_, i64>("Desk.Wait", &argument));
    let ids = [hearing.next().await.id, hearing.next().await.id];
    drop(hearing);
    let unsent = client.start::<_, i64>("Desk.Wait", &3_i64);
    settle().await;
    assert!(!answered.is_done() && !lost.is_done());

    saying.put(&Frame::new(kind::GO_AWAY, 0, ids[0], *b"so long")).await;
    saying.put(&Frame::new(kind::RESPONSE, 0, ids[0], [84])).await;

    assert_eq!(in_time("the first call is answered", answered).await.unwrap(), 42);
    for call in [lost, unsent] {
        let error = in_time("the call ends", call).await.unwrap_err();
        assert!(error.code() == Code::Unavailable && !error.may_have_run(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_send_does_not_wait_for_long() {
    let (client, mut hearing, _saying) = half_deaf().await;
    let sent = client.start::<_, i64>("Desk.Wait", &1_i64);
    let _ = hearing.next().await;
    drop(hearing);
    let began = tokio::time::Instant::now();
    let unsent = client.start::<_, i64>("Desk.Wait", &3_i64);

    let error = in_time("the first call ends", sent).await.unwrap_err();
    assert!(error.may_have_run() && error.message().contains("lost"), "{error}");
    assert!(!in_time("the second call ends", unsent).await.unwrap_err().may_have_run());
    assert!(began.elapsed() < Duration::from_millis(1_100), "{:?}", began.elapsed());
}

/// Withdrawals were not read any more, and neither was the question whether anybody is there.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_shut_down_still_hears_who_waits() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    wire.put(&hold(1)).await;
    wire.put(&hold(2)).await;
    office.bench.begun(2).await;
    office.handle.shutdown();
    assert_eq!(wire.next().await.kind(), kind::GO_AWAY);

    wire.put(&twice(3, 21)).await;
    wire.put(&Frame::new(kind::PING, 0, 9, *b"there?")).await;
    wire.put(&Frame::new(kind::CANCEL, 0, 1, [])).await;

    assert_eq!(wire.next().await, Frame::new(kind::PONG, 0, 9, *b"there?"));
    let withdrawn = wire.next().await;
    assert_eq!((withdrawn.kind(), withdrawn.id, withdrawn.method), (kind::ERROR, 1, 1));
    office.bench.let_go(1);
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 2, [10]));
    assert_eq!(wire.hear().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_dials_anew_after_a_farewell() {
    let first = Office::new().await;
    let probe = ProbeClient::new(first.client().await);
    let other = probe.clone();
    let held = tokio::spawn(async move { other.hold(5).await });
    first.bench.begun(1).await;

    first.handle.shutdown();
    drains().await;
    let second = Office::again("memory://office", Limits::default(), first.memory.clone()).await;

    // The new connection serves while the old one still owes an answer.
    assert_eq!(in_time("the new server answers", probe.twice(21)).await.unwrap(), 42);
    first.bench.let_go(1);
    assert_eq!(in_time("the old one answers too", held).await.unwrap().unwrap(), 5);
    assert_eq!(second.handle.connections(), 1);
}

// ---- versions and features ----

/// Row C12.
#[tokio::test(start_paused = true)]
async fn a_server_names_both_versions_to_a_client_of_another() {
    for (newest, oldest) in [(9, 7), (0, 0), (u16::MAX, 2), (1, 5)] {
        let office = Office::new().await;
        let mut wire = office.silent().await;

        wire.send(&preface_of(newest, oldest, 0)).await;

        let farewell = wire.farewell().await;
        assert_eq!((farewell.method, farewell.id), (12, 0));
        let text = farewell.farewell();
        assert!(text.contains(&format!("versions {oldest} to {newest}")), "{text}");
        assert!(text.contains("speaks version 1"), "{text}");
    }
}

/// Row C12.
#[tokio::test(start_paused = true)]
async fn a_client_names_both_versions_of_a_server_of_another() {
    let (client, mut wire) = served_by_hand(Limits::default());
    let call = client.start::<_, i64>("Desk.Wait", &1_i64);
    settle().await;

    wire.send(&preface_of(9, 7, 0)).await;

    let error = in_time("the call ends", call).await.unwrap_err();
    assert!(error.message().contains("versions 7 to 9"), "{error}");
    assert!(error.message().contains("speaks version 1"), "{error}");
    assert!(!error.may_have_run(), "no peer of another version runs what it cannot read");
}

#[tokio::test(start_paused = true)]
async fn a_newer_peer_that_still_speaks_our_version_is_served() {
    let office = Office::new().await;
    let mut wire = office.silent().await;

    wire.send(&preface_of(9, 1, 0)).await;
    wire.send(&greeting()[16..]).await;

    is_usable(&mut wire, 1).await;
}

#[tokio::test(start_paused = true)]
async fn features_that_are_not_known_and_more_hello_are_ignored() {
    let office = Office::new().await;
    let mut wire = office.silent().await;
    let mut preface = preface_of(1, 1, 0xffff_fff0);
    preface[12..].fill(0xff);
    let hello = [hello_body(&[]), vec![0x5a; 100]].concat();

    wire.send(&preface).await;
    wire.put(&Frame::new(kind::HELLO, 0, 0, hello)).await;

    is_usable(&mut wire, 1).await;
}

#[tokio::test(start_paused = true)]
async fn calls_are_sent_before_the_server_has_said_anything() {
    let (client, mut wire) = served_by_hand(Limits::default());

    let call = client.start::<_, i64>("Desk.Wait", &21_i64);
    let request = wire.next().await;
    assert_eq!(
        (request.kind(), request.flags & flag::NAMED, request.method),
        (kind::REQUEST, flag::NAMED, 0)
    );
    assert!(request.payload.starts_with(&short("Desk.Wait")), "{request:?}");
    wire.send(&greeting()).await;
    wire.put(&Frame::new(kind::RESPONSE, 0, request.id, [84])).await;

    assert_eq!(in_time("the call is answered", call).await.unwrap(), 42);
}

/// Numbers are places across all services, as many as there can be.
#[tokio::test(start_paused = true)]
async fn a_method_is_called_by_the_number_that_the_hello_gives_it() {
    let (client, mut wire) = served_by_hand(Limits::default());
    let names: Vec<String> = (0..30_000).map(|number| format!("M{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let offered: [(&str, &[&str]); 4] =
        [("A", &names), ("Empty", &[]), ("B.C", &names), ("Desk", &["Total", "Wait"])];
    wire.send(&preface_of(1, 1, 0)).await;
    wire.put(&Frame::new(kind::HELLO, 0, 0, hello_body(&offered))).await;
    settle().await;

    for (name, number) in
        [("A.M0", 0), ("A.M29999", 29_999), ("B.C.M7", 30_007), ("Desk.Wait", 60_001), ("Desk.Total", 60_000)]
    {
        let call = client.start::<_, i64>(name, &21_i64);
        let request = wire.next().await;
        assert_eq!((request.flags, request.method), (kind::REQUEST, number), "{name}");
        wire.put(&Frame::new(kind::RESPONSE, 0, request.id, [84])).await;
        assert_eq!(in_time("the call is answered", call).await.unwrap(), 42);
    }
    let _call = client.start::<_, i64>("Desk.Nothing", &21_i64);
    assert_eq!(wire.next().await.flags & flag::NAMED, flag::NAMED);
}

#[tokio::test(start_paused = true)]
async fn the_server_runs_what_is_called_by_number() {
    let office = Office::new().await;
    let mut wire = office.silent().await;
    wire.send(&greeting()).await;
    let hello = wire.hear().await.unwrap();

    // Behind the three numbers, the count and the service's name and fingerprint: `Probe` has been registered first.
    assert_eq!(hello.payload[12..14], [2, 0]);
    assert_eq!(hello.payload[14..20], short("Probe"));
    assert_eq!(hello.payload[30..36], short("Twice"));
    wire.put(&Frame::new(kind::REQUEST, 0, 1, [42])).await;

    assert_eq!(wire.next().await, doubled(1, 21));
}

// ---- checksums ----

#[tokio::test(start_paused = true)]
async fn a_client_may_demand_checksums() {
    let office = Office::new().await;
    let client = office.builder().checksum().connect(&office.address).await.unwrap();
    let desk = DeskClient::new(client);

    assert_eq!(in_time("the call is answered", desk.total(vec![6, 50], 14)).await.unwrap(), 42);
    let (count, _) = desk.echo().metadata("who", "me").with_metadata().await.unwrap();
    assert_eq!(count, 1);
    assert_eq!(desk.refuse("no".to_owned()).await.unwrap_err().code(), Code::FailedPrecondition);
}

/// Every frame with a checksum is checked, whether it was demanded or not.
#[tokio::test(start_paused = true)]
async fn a_bit_that_is_flipped_on_the_way_is_noticed_by_the_server() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let request = summed(&Frame::named(1, "Desk.Note", 0, &[], &[14]));
    let mut wire = office.wire().await;
    wire.send(&request).await;
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 1, [14]));

    for bit in 32..request.len() * 8 {
        // Without the flag that announces it, a checksum is a part of the body.
        if bit == 6 * 8 + 10 {
            continue;
        }
        let mut damaged = request.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let mut wire = office.wire().await;
        wire.send(&damaged).await;
        let farewell = wire.farewell().await;
        assert!([3, 15].contains(&farewell.method), "bit {bit}: {farewell:?}");
    }
    assert_eq!(office.clerk.notes(), [7]);
    bystander.is_unaffected().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_out_the_checksum_is_not_believed() {
    let (ours, theirs) = pipe(1 << 20);
    let client = Client::builder().protocol(Native).checksum().over(ours);
    let mut wire = Wire::over(theirs);
    let call = client.start::<_, i64>("Desk.Wait", &21_i64);
    assert_eq!(wire.next().await.kind(), kind::REQUEST);
    assert_eq!(wire.summed, 2);

    wire.send(&greeting()).await;

    let error = in_time("the call ends", call).await.unwrap_err();
    assert!(error.message().contains("checksum"), "{error}");
}

// ---- codecs ----

#[tokio::test(start_paused = true)]
async fn every_codec_of_values_is_spoken() {
    let office = Office::new().await;
    for format in [Format::Postcard, Format::Gob, Format::Json, Format::MessagePack] {
        let client = office.builder().codec(format).connect(&office.address).await.unwrap();
        let (desk, probe) = (DeskClient::new(client.clone()), ProbeClient::new(client));

        assert_eq!(desk.total(vec![6, 50], 14).await.unwrap(), 42, "{format:?}");
        assert_eq!(probe.multiply(Args { a: -6, b: 7 }).await.unwrap(), -42, "{format:?}");
        assert_eq!(probe.say("é \0 \"\n".to_owned(), 0).await.unwrap(), "é \0 \"\n", "{format:?}");
        let bytes = serde_bytes::ByteBuf::from(vec![0, 255, 10]);
        assert_eq!(desk.mirror(bytes.clone()).await.unwrap(), bytes, "{format:?}");
        let (count, back) = desk.echo().metadata("who", "me").with_metadata().await.unwrap();
        assert_eq!((count, back.get_text("re-who")), (1, Some("me")), "{format:?}");
        let error = desk.refuse("no".to_owned()).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::FailedPrecondition, "no"), "{format:?}");
        // Nothing is told once and needed twice: each body stands alone.
        assert_eq!(probe.multiply(Args { a: 6, b: 7 }).await.unwrap(), 42, "{format:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn raw_bytes_are_spoken() {
    let office = Office::new().await;
    let desk = DeskClient::new(office.builder().codec(Format::Raw).connect(&office.address).await.unwrap());

    let bytes = serde_bytes::ByteBuf::from(vec![0, 255, 10]);

    assert_eq!(desk.mirror(bytes.clone()).await.unwrap(), bytes);
}

/// Each request says its codec: callers of one connection need not agree.
#[tokio::test(start_paused = true)]
async fn codecs_may_change_from_call_to_call() {
    let office = Office::new().await;
    let mut wire = office.wire().await;

    wire.put(&Frame::named(1, "Probe.Twice", flag::CODEC, &[2], b"21")).await;
    wire.put(&Frame::named(2, "Probe.Twice", flag::CODEC, &[3], &[21])).await;
    wire.put(&twice(3, 21)).await;

    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE | flag::CODEC, 0, 1, *b"\x0242"));
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE | flag::CODEC, 0, 2, [3, 42]));
    assert_eq!(wire.next().await, doubled(3, 21));
}

// ---- deadlines ----

#[tokio::test(start_paused = true)]
async fn the_time_that_is_left_travels() {
    let (client, mut wire) = served_by_hand(Limits::default());
    wire.send(&greeting()).await;
    let desk = DeskClient::new(client);
    let deadline = tokio::time::Instant::now() + Duration::from_millis(700);
    tokio::time::advance(Duration::from_millis(200)).await;

    let call = tokio::spawn(async move { desk.wait(1).deadline(deadline.into_std()).await });
    let request = wire.next().await;

    assert_eq!(request.flags & flag::DEADLINE, flag::DEADLINE);
    let at = short("Desk.Wait").len() + 8;
    assert_eq!(request.payload[at..at + 4], 500_u32.to_le_bytes());
    let error = in_time("the call ends", call).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
}

/// Row B15: what is asked for is granted within bounds, and kept to.
#[tokio::test(start_paused = true)]
async fn a_deadline_on_the_wire_is_enforced_by_the_server() {
    let office = Office::new().await;
    let mut wire = office.wire().await;

    for (id, asked_ms, granted_ms) in [(1, 700, 700), (2, 0, 1), (3, u32::MAX, 3_600_000)] {
        let began = tokio::time::Instant::now();
        let asked = Frame::named(id, "Probe.Hold", flag::DEADLINE, &asked_ms.to_le_bytes(), &[10]);
        wire.put(&asked).await;
        office.bench.begun(id as usize).await;
        tokio::time::sleep(Duration::from_millis(granted_ms - 1)).await;
        assert_eq!(office.handle.running(), 1, "{asked_ms} ms");

        let error = wire.next().await;
        assert_eq!((error.kind(), error.method, error.id), (kind::ERROR, 4, id));
        assert_eq!(error.flags & flag::NOT_EXECUTED, 0);
        let late = began.elapsed() - Duration::from_millis(granted_ms);
        assert!(late < Duration::from_millis(50), "{late:?} behind {granted_ms} ms");
        office.bench.gone(id as usize).await;
    }
    is_usable(&mut wire, 9).await;
}

/// The hello says how long its sender waits; a request without a time of its own has that.
#[tokio::test(start_paused = true)]
async fn a_time_in_the_hello_holds_for_every_request() {
    let office = Office::new().await;
    let mut wire = office.silent().await;
    let mut hello = hello_body(&[]);
    hello[8..12].copy_from_slice(&700_u32.to_le_bytes());
    wire.send(&preface_of(1, 1, 0)).await;
    wire.put(&Frame::new(kind::HELLO, 0, 0, hello)).await;
    let began = tokio::time::Instant::now();

    wire.put(&hold(1)).await;

    assert_eq!(wire.next().await.method, 4);
    assert!((700..750).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

/// A request that had to wait for its turn until its deadline is not begun.
#[tokio::test(start_paused = true)]
async fn work_that_comes_too_late_is_not_begun() {
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 1)).await;
    let mut wire = office.wire().await;
    // Both at once, so that the second waits at the server and not in a socket.
    let late = Frame::named(2, "Desk.Note", flag::DEADLINE, &20_u32.to_le_bytes(), &[14]);
    wire.send(&[hold(1).bytes(), late.bytes()].concat()).await;
    office.bench.begun(1).await;

    tokio::time::sleep(Duration::from_millis(50)).await;
    office.bench.let_go(1);

    assert_eq!(wire.next().await.id, 1);
    let error = wire.next().await;
    assert_eq!((error.kind(), error.method, error.id), (kind::ERROR, 4, 2), "{error:?}");
    assert!(office.clerk.notes().is_empty());
}

// ---- is anybody there? ----

#[tokio::test(start_paused = true)]
async fn a_server_answers_a_ping_with_what_it_holds() {
    let office = Office::new().await;
    let mut wire = office.wire().await;

    for (id, body) in [(0, &b""[..]), (7, b"anybody there?"), (u64::MAX, &[0xff; 64])] {
        wire.put(&Frame::new(kind::PING, 0, id, body)).await;

        assert_eq!(wire.next().await, Frame::new(kind::PONG, 0, id, body));
    }
    is_usable(&mut wire, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_answers_a_ping_while_it_waits() {
    let (client, mut wire) = served_by_hand(Limits::default());
    wire.send(&greeting()).await;
    let call = client.start::<_, i64>("Desk.Wait", &1_i64);
    let request = wire.next().await;

    wire.put(&Frame::new(kind::PING, 0, 7, *b"anybody there?")).await;
    assert_eq!(wire.next().await, Frame::new(kind::PONG, 0, 7, *b"anybody there?"));
    wire.put(&Frame::new(kind::RESPONSE, 0, request.id, [84])).await;

    assert_eq!(in_time("the call is answered", call).await.unwrap(), 42);
}

/// A server that asks twice a minute for a day is not taken for one that keeps its client busy.
#[tokio::test(start_paused = true)]
async fn a_client_answers_pings_for_days() {
    let (client, mut wire) = served_by_hand(Limits::default());
    wire.send(&greeting()).await;

    for id in 0..2880 {
        tokio::time::advance(Duration::from_secs(30)).await;
        wire.put(&Frame::new(kind::PING, 0, id, *b"")).await;
        assert_eq!(wire.next().await, Frame::new(kind::PONG, 0, id, *b""));
    }
    drop(client);
}

// ---- types that differ ----

mod other {
    use super::service;

    /// Another version's idea of `Desk`: a discount was a text, and a wait had no length.
    #[service]
    pub(crate) trait Desk {
        /// See the one that is served.
        async fn total(&self, prices: Vec<i64>, discount: String) -> i64;
        /// See the one that is served.
        async fn wait(&self, for_ms: u64) -> u64;
    }
}

/// By name, before the hello has come, and by number behind it.
#[tokio::test(start_paused = true)]
async fn types_that_differ_are_named_with_their_method_and_place() {
    let office = Office::new().await;
    for knows_hello in [false, true] {
        let client = office.client().await;
        if knows_hello {
            assert_eq!(DeskClient::new(client.clone()).wait(1).await.unwrap(), 1);
        }
        let desk = other::DeskClient::new(client);

        let error = desk.total(vec![1], "2".to_owned()).await.unwrap_err();

        assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
        assert!(!error.may_have_run() && error.is_remote());
        assert!(error.message().contains("Desk.Total") && error.message().contains("discount"), "{error}");
        // What has not changed is served.
        assert_eq!(desk.wait(1).await.unwrap(), 1);
    }
}

/// A codec that says what it holds needs no fingerprint: Go's rules and JSON's decide.
#[tokio::test(start_paused = true)]
async fn types_that_differ_do_not_matter_to_codecs_that_describe_themselves() {
    let office = Office::new().await;
    let client = office.builder().codec(Format::Json).connect(&office.address).await.unwrap();
    let desk = other::DeskClient::new(client);

    let error = desk.total(vec![1], "2".to_owned()).await.unwrap_err();

    assert_eq!((error.code(), error.may_have_run()), (Code::InvalidArgument, true), "{error}");
}
