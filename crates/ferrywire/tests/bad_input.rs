//! What a peer may send, and what becomes of it: a clear error or a closed connection, for that peer alone.
//!
//! A bystander on a connection of its own is answered after every attack.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire::protocol::NetRpc;
use ferrywire::transport::Memory;
use ferrywire::{Client, Code, Limits, Phase, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use support::gob::{
    INT, INTERFACE, OWN, STRING, UINT, define_map, define_slice, define_struct, int, text, uint, value,
};
use support::{
    Args, Bench, ProbeClient, ProbeServer, RawClient, RawServer, Rig, in_time, limits, pipe, settle,
};

mod support;

/// Sends bytes on a connection of their own and ends it; returns all that was said until the server closed.
async fn said_to(rig: &Rig, bytes: &[u8]) -> Vec<u8> {
    let mut raw = rig.raw().await;
    let _ = raw.try_send(bytes).await;
    let _ = raw.try_half_close().await;
    raw.is_closed().await
}

/// A request of `Probe.Twice`, as the first on its stream.
fn first_request() -> Vec<u8> {
    RawClient::over(pipe(1).0).request(1, "Probe.Twice", &21_i64)
}

/// How often a method was started.
fn calls_of(rig: &Rig, method: &str) -> u64 {
    rig.handle.calls().into_iter().find(|(name, _)| name == method).expect("the method is served").1
}

// ---- requests that are not understood ----

/// Defect 18, row C1: an unknown service was used unchecked.
#[tokio::test(start_paused = true)]
async fn an_unknown_service_is_an_error_for_its_caller_only() {
    let rig = Rig::new().await;
    let client = rig.builder().connect(&rig.address).await.unwrap();
    let held = client.start::<_, i64>("Probe.Hold", &7_i64);
    rig.bench.begun(1).await;

    for (name, message) in [
        ("Nobody.Knows", "rpc: can't find service Nobody.Knows"),
        ("Probe.Nothing", "rpc: can't find method Probe.Nothing"),
        ("Probe.", "rpc: can't find method Probe."),
        (".Twice", "rpc: can't find service .Twice"),
        ("Twice", "rpc: service/method request ill-formed: Twice"),
        ("", "rpc: service/method request ill-formed: "),
        ("Probe..Twice", "rpc: can't find service Probe..Twice"),
        ("probe.Twice", "rpc: can't find service probe.Twice"),
        ("Probe.Twice\0", "rpc: can't find method Probe.Twice\0"),
    ] {
        let error = client.call::<_, i64>(name, &1_i64).await.unwrap_err();

        assert_eq!((error.code(), error.message()), (Code::Unimplemented, message));
        assert!(error.is_remote() && !error.may_have_run(), "{name}");
    }

    rig.bench.let_go(1);
    assert_eq!(held.await.unwrap(), 7);
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Decoy {
    args: Args,
    bytes: serde_bytes::ByteBuf,
}

/// Defect 2, row C2: the body of an unknown method stayed in the stream.
#[tokio::test(start_paused = true)]
async fn a_thousand_calls_succeed_after_an_unknown_method() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    // Its body brings definitions, and holds bytes that look like a header.
    let argument = Decoy { args: Args { a: 6, b: 7 }, bytes: serde_bytes::ByteBuf::from(first_request()) };
    raw.ask(0, "Nobody.Knows", &argument).await;
    assert_eq!(raw.refusal().await.0, 0);

    for id in 1..=1000 {
        raw.ask(id, "Probe.Multiply", &Args { a: id as i64, b: 3 }).await;

        raw.hears(id, id as i64 * 3).await;
    }
}

/// Defect 23: decode errors were ignored.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_decode_is_an_error() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    let mut raw = rig.raw().await;
    let bodies: [(&str, Vec<u8>); 8] = [
        ("a text for a number", value(STRING, &[vec![0], text("21")].concat())),
        (
            "a struct without one field that is known",
            [define_struct(OWN, "Hat", &[("Size", INT)]), value(OWN, &[1, 4, 0])].concat(),
        ),
        ("a list for a number", [define_slice(OWN + 1, INT), value(OWN + 1, &[0, 1, 4])].concat()),
        ("a map for a number", [define_map(OWN + 2, INT, INT), value(OWN + 2, &[0, 0])].concat()),
        ("an empty message", vec![0]),
        ("an interface that holds nothing", value(INTERFACE, &[0, 0])),
        ("a number that is cut off", value(INT, &[0, 0xfe, 1])),
        ("a type that nobody defined", value(OWN + 3, &[0, 0])),
    ];

    for (what, body) in bodies {
        let request = raw.request_of(7, "Probe.Twice", &body);
        raw.send(&request).await;

        let (id, error) = raw.refusal().await;
        assert_eq!(id, 7, "{what}");
        assert!(!error.message().is_empty() && error.message().is_ascii(), "{what}: {error}");
        raw.ask(8, "Probe.Twice", &21_i64).await;
        raw.hears(8, 42_i64).await;
    }
    bystander.is_unaffected().await;
}

/// Row B8: what a number can be, and what it cannot.
#[tokio::test(start_paused = true)]
async fn a_number_is_read_as_go_reads_it() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    for (bytes, expected) in [
        (&[0x54][..], Some(84)),
        // Longer than needed, which Go accepts.
        (&[0xfe, 0x00, 0x54], Some(84)),
        (&[0xf8, 0, 0, 0, 0, 0, 0, 0, 0x54], Some(84)),
        (&[0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], Some(-2)),
        // Nine bytes are no number, and neither is a length of 128.
        (&[0xf7, 0, 0, 0, 0, 0, 0, 0, 0, 0x54], None),
        (&[0x80], None),
        (&[], None),
    ] {
        let request = raw.request_of(7, "Probe.Twice", &value(INT, &[&[0], bytes].concat()));
        raw.send(&request).await;

        let (id, outcome) = raw.reply::<i64>().await.expect("a reply");
        assert_eq!((id, outcome.ok()), (7, expected), "{bytes:?}");
    }
}

/// Section 2.1: fields are found by name.
#[tokio::test(start_paused = true)]
async fn a_header_with_more_fields_in_another_order_is_read() {
    let rig = Rig::new().await;
    let fields = [("Trace", STRING), ("Seq", UINT), ("ServiceMethod", STRING)];
    let content = [vec![1], text("abc"), vec![1], uint(9), vec![1], text("Probe.Twice"), vec![0]].concat();
    let header = [define_struct(OWN, "Request", &fields), value(OWN, &content)].concat();
    let mut raw = rig.raw().await;

    raw.send(&[header, value(INT, &[0, 42])].concat()).await;

    raw.hears(9, 42_i64).await;
}

/// Row A7: an empty message is Go's end of a stream; what runs is answered.
#[tokio::test(start_paused = true)]
async fn an_empty_message_ends_the_stream_after_the_last_answer() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    raw.ask(1, "Probe.Hold", &7_i64).await;
    rig.bench.begun(1).await;

    let more = raw.request(2, "Probe.Twice", &1_i64);
    raw.send(&[&b"\x00"[..], &more].concat()).await;
    settle().await;
    rig.bench.let_go(1);

    raw.hears(1, 7_i64).await;
    assert_eq!(raw.is_closed().await, b"");
    assert_eq!(calls_of(&rig, "Probe.Twice"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_no_header_closes_its_connection_without_a_reply() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    for (what, header) in [
        ("a number", value(INT, &[0, 4])),
        (
            "a struct without a field of a header",
            [define_struct(OWN, "Hat", &[("Size", INT)]), value(OWN, &[1, 4, 0])].concat(),
        ),
        ("a type that nobody defined", value(OWN + 3, &[0, 0])),
        ("a length of nine bytes", b"\xf7\x01\x02\x03\x04\x05\x06\x07\x08\x09".to_vec()),
        ("the greatest length", b"\xf8\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("a negative length", b"\x80\x00".to_vec()),
    ] {
        let mut raw = rig.raw().await;
        raw.ask(1, "Probe.Twice", &21_i64).await;
        raw.hears(1, 42_i64).await;

        raw.send(&header).await;

        assert_eq!(raw.is_closed().await, b"", "{what}");
    }
    bystander.is_unaffected().await;
}

// ---- types ----

/// Row B5: definitions are bounded in number, in length and in fields.
#[tokio::test(start_paused = true)]
async fn a_flood_of_type_definitions_closes_its_connection() {
    let many: Vec<u8> = (0..2000).flat_map(|number| define_slice(OWN + number, INT)).collect();
    let long: Vec<u8> =
        (0..600).flat_map(|number| define_struct(OWN + number, &"n".repeat(1000), &[("A", INT)])).collect();
    let wide = {
        let names: Vec<String> = (0..2000).map(|number| format!("F{number}")).collect();
        let fields: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), INT)).collect();
        define_struct(OWN, "Wide", &fields)
    };
    for flood in [many, long, wide] {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;
        raw.ask(1, "Probe.Twice", &21_i64).await;
        raw.hears(1, 42_i64).await;

        let _ = raw.try_send(&flood).await;
        let is_over = raw.closes_within(Duration::from_secs(1)).await;

        assert!(is_over, "{} bytes of definitions were taken", flood.len());
        rig.connections(1).await;
        bystander.is_unaffected().await;
    }
}

/// Row B5: an id is given once, and is not one of Go's own.
#[tokio::test(start_paused = true)]
async fn a_type_that_is_defined_wrongly_is_an_error() {
    for (what, definitions) in [
        ("twice", [define_slice(OWN, INT), define_slice(OWN, STRING)].concat()),
        ("under the id zero", define_slice(0, INT)),
        ("under an id of Go's own", define_slice(16, INT)),
        ("of what nobody defined", [define_slice(OWN, OWN + 1), value(OWN, &[0, 0])].concat()),
        ("of itself, without an end", [define_slice(OWN, OWN), value(OWN, &[0, 1])].concat()),
        ("without a form", support::gob::message(&[int(-OWN), vec![0]].concat())),
        ("with a form twice", support::gob::message(&[int(-OWN), vec![9, 9, 0]].concat())),
    ] {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;

        let request = raw.request_of(1, "Probe.Twice", &[definitions, value(INT, &[0, 42])].concat());
        raw.send(&request).await;
        raw.half_close().await;

        match raw.reply::<i64>().await {
            None => {}
            Some((_, outcome)) => assert!(outcome.is_err(), "{what}: {outcome:?}"),
        }
        bystander.is_unaffected().await;
    }
}

/// Rows B3, B4: types and values nest so deep and no deeper, where they are skipped too.
#[tokio::test(start_paused = true)]
async fn deep_nesting_is_an_error_and_no_overflow() {
    let chain = |depth: i64| -> Vec<u8> {
        (0..depth)
            .flat_map(|level| define_slice(OWN + level, if level == 0 { INT } else { OWN + level - 1 }))
            .collect()
    };
    let deep_type = [chain(500), value(OWN + 499, &[vec![0], vec![1; 500], vec![2]].concat())].concat();
    // type List struct { Next *List }, a hundred thousand deep.
    let list = define_struct(OWN, "List", &[("Next", OWN)]);
    let deep_value = [list, value(OWN, &[vec![1; 100_000], vec![0; 100_001]].concat())].concat();
    // The same in a field that the method does not know.
    let ignored = [
        define_struct(OWN, "Args", &[("A", INT), ("Extra", OWN + 1)]),
        define_struct(OWN + 1, "List", &[("Next", OWN + 1)]),
        value(OWN, &[vec![1, 4, 1], vec![1; 100_000], vec![0; 100_002]].concat()),
    ]
    .concat();
    for (method, body) in [
        ("Probe.Twice", &deep_type),
        ("Probe.Twice", &deep_value),
        ("Probe.Multiply", &ignored),
        ("Nobody.Knows", &deep_value),
    ] {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;

        let request = raw.request_of(1, method, body);
        let _ = raw.try_send(&request).await;
        let _ = raw.try_half_close().await;

        match raw.reply::<i64>().await {
            None => {}
            Some((_, outcome)) => assert!(outcome.is_err(), "{method}: {outcome:?}"),
        }
        bystander.is_unaffected().await;
    }
}

/// Row B2: elements that take no byte are counted, whatever the count says.
#[tokio::test(start_paused = true)]
async fn a_count_of_elements_without_bytes_is_refused_at_once() {
    let empty = define_struct(OWN, "Empty", &[]);
    let list = define_slice(OWN + 1, OWN);
    let nested = define_struct(OWN + 2, "Args", &[("A", INT), ("Extra", OWN + 1)]);
    let count = uint(1 << 40);
    let as_argument = [&empty[..], &list, &value(OWN + 1, &[&[0], &count[..]].concat())].concat();
    let in_a_field =
        [&empty[..], &list, &nested, &value(OWN + 2, &[&[1, 4, 1], &count[..], &[0]].concat())].concat();
    let of_a_map =
        [&empty[..], &define_map(OWN + 3, OWN, OWN), &value(OWN + 3, &[&[0], &count[..]].concat())].concat();
    for (method, body) in
        [("Probe.Multiply", as_argument), ("Probe.Multiply", in_a_field), ("Probe.Multiply", of_a_map)]
    {
        let rig = Rig::new().await;
        let bystander = rig.bystander().await;
        let mut raw = rig.raw().await;
        let began = std::time::Instant::now();

        let request = raw.request_of(1, method, &body);
        raw.send(&request).await;
        let refused = raw.refusal().await;

        assert_eq!(refused.0, 1);
        assert!(began.elapsed() < Duration::from_secs(2), "worked on it for {:?}", began.elapsed());
        bystander.is_unaffected().await;
    }
}

/// Row B7, section 11.5: an interface of an unknown name costs its call, and the connection stays.
#[tokio::test(start_paused = true)]
async fn an_interface_of_an_unknown_name_fails_its_call_only() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    let holder = define_struct(OWN, "Holder", &[("Content", INTERFACE)]);
    for name in ["main.Secret", &"n".repeat(200), "\x1b[31m\r\n"] {
        let content = [text(name), int(INT), uint(2), vec![0, 42]].concat();
        let body = value(OWN, &[vec![1], content, vec![0]].concat());
        let definition = if name == "main.Secret" { holder.clone() } else { Vec::new() };

        let request = raw.request_of(1, "Probe.Multiply", &[definition, body].concat());
        raw.send(&request).await;

        let (id, error) = raw.refusal().await;
        assert_eq!(id, 1);
        assert!(error.message().len() < 400 && !error.message().contains('\x1b'), "{error:?}");
        raw.ask(2, "Probe.Twice", &21_i64).await;
        raw.hears(2, 42_i64).await;
    }
}

// ---- streams that break ----

/// Row A5: a connection that ends anywhere leaves nothing behind.
#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_in_the_middle_leaves_nothing() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    let request = RawClient::over(pipe(1).0).request(1, "Probe.Multiply", &Args { a: 6, b: 7 });

    for cut in 0..request.len() {
        let said = said_to(&rig, &request[..cut]).await;
        assert_eq!(said, b"", "cut at {cut}");
        let mut abandoned = rig.raw().await;
        abandoned.send(&request[..cut]).await;
        drop(abandoned);
    }

    rig.connections(1).await;
    assert_eq!(calls_of(&rig, "Probe.Multiply"), 0);
    bystander.is_unaffected().await;
}

/// Row A4: Go's clients and `nc` end their direction before they are answered.
#[tokio::test(start_paused = true)]
async fn a_caller_that_has_ended_its_direction_is_still_answered() {
    let rig = Rig::new().await;
    let mut raw = rig.raw().await;
    raw.ask(1, "Probe.Hold", &7_i64).await;
    raw.ask(2, "Probe.Twice", &21_i64).await;
    raw.half_close().await;
    raw.hears(2, 42_i64).await;
    rig.bench.begun(1).await;

    rig.bench.let_go(1);

    raw.hears(1, 7_i64).await;
    assert_eq!(raw.is_closed().await, b"");
    rig.connections(0).await;
}

/// Row V5: bytes at random after a good beginning.
#[tokio::test(start_paused = true)]
async fn garbage_ends_its_connection_and_nothing_else() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    let mut random = fastrand::Rng::with_seed(20_261_121);

    for round in 0..500 {
        let mut bytes = if round % 2 == 0 { first_request() } else { Vec::new() };
        bytes.extend((0..random.usize(1..300)).map(|_| random.u8(..)));
        in_time("the server closes", said_to(&rig, &bytes)).await;
    }

    rig.connections(1).await;
    bystander.is_unaffected().await;
}

/// Rows V5, B8, B9: each byte of a conversation is damaged in its turn.
#[tokio::test(start_paused = true)]
async fn a_damaged_byte_ends_in_an_answer_or_a_close() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    let mut writer = RawClient::over(pipe(1).0);
    let whole = [
        writer.request(1, "Probe.Multiply", &Args { a: 6, b: 7 }),
        writer.request(2, "Probe.Len", &serde_bytes::ByteBuf::from(vec![7; 20])),
    ]
    .concat();

    for at in 0..whole.len() {
        for flip in [0x01, 0x02, 0x10, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            in_time("the server closes", said_to(&rig, &damaged)).await;
        }
    }

    rig.connections(1).await;
    assert_eq!(rig.handle.running(), 0);
    bystander.is_unaffected().await;
}

/// Defect 22, row A8: one reply lock for the whole server.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_delays_nobody_else() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    let mut greedy = Vec::new();
    for _ in 0..10 {
        let mut raw = rig.raw().await;
        for id in 0..20 {
            raw.ask(id, "Probe.Fill", &200_000_u64).await;
        }
        greedy.push(raw);
    }
    settle().await;
    let began = Instant::now();

    for _ in 0..100 {
        bystander.is_unaffected().await;
    }

    assert!(began.elapsed() < Duration::from_millis(100), "waited for {:?}", began.elapsed());
    drop(greedy);
    rig.connections(1).await;
}

// ---- replies that cannot be ----

/// A reply that has no form on the wire.
#[derive(Debug, serde::Deserialize)]
struct Unsayable(i64);

impl serde::Serialize for Unsayable {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("thirteen is not said")),
            14 => panic!("fourteen"),
            number => serializer.serialize_newtype_struct("Unsayable", &number),
        }
    }
}

#[ferrywire::service]
trait Oracle {
    async fn say(&self, number: i64) -> Unsayable;
    fn say_at_once(&self, number: i64) -> Unsayable;
}

struct Sphinx;

impl Oracle for Sphinx {
    async fn say(&self, number: i64) -> Unsayable {
        Unsayable(number)
    }

    fn say_at_once(&self, number: i64) -> Unsayable {
        Unsayable(number)
    }
}

/// Row D4: header and body never go out by half.
#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_encode_is_an_error_and_leaves_the_stream_in_step() {
    let memory = Memory::new();
    let server = Server::builder().memory(&memory).register(OracleServer::new(Sphinx));
    let server = server.bind("memory://oracle").await.unwrap();
    let handle = server.handle();
    tokio::spawn(server.run());
    let client = Client::builder().protocol(NetRpc).memory(&memory).connect("memory://oracle").await.unwrap();
    let oracle = OracleClient::new(client);

    for number in [13, 14] {
        for error in [oracle.say(number).await.unwrap_err(), oracle.say_at_once(number).await.unwrap_err()] {
            assert!(error.is_remote(), "{number}: {error:?}");
            assert!(!error.message().contains("fourteen"), "a panic's text crossed the wire");
        }
        assert_eq!(oracle.say(15).await.unwrap().0, 15);
    }
    assert_eq!((handle.connections(), handle.running()), (1, 0));
}

/// Row D6: a reply whose caller is gone is dropped.
#[tokio::test(start_paused = true)]
async fn a_reply_that_races_with_the_end_of_its_connection_is_dropped() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    for number in 1..=20 {
        let mut raw = rig.raw().await;
        raw.ask(1, "Probe.Hold", &7_i64).await;
        rig.bench.begun(number).await;

        drop(raw);
        rig.bench.let_go(1);
        rig.bench.gone(number).await;
    }

    rig.connections(1).await;
    assert_eq!(rig.handle.running(), 0);
    bystander.is_unaffected().await;
}

/// Row E12: what a hostile server may say to a client ends in an error that says what it was.
#[tokio::test(start_paused = true)]
async fn a_hostile_reply_is_an_error_for_its_call() {
    let huge_count = [define_slice(OWN, INT), value(OWN, &[&[0], &uint(1 << 40)[..]].concat())].concat();
    let deep = [define_struct(OWN, "L", &[("N", OWN)]), value(OWN, &[vec![1; 2000], vec![0; 2001]].concat())]
        .concat();
    for body in [huge_count, deep, value(INT, &[0]), value(OWN + 9, &[0, 0]), vec![0]] {
        let (ours, theirs) = pipe(8192);
        let client = ProbeClient::new(Client::builder().protocol(NetRpc).over(ours));
        let mut server = RawServer::over(theirs);

        let (error, ()) = tokio::join!(client.twice(1), async {
            let id = server.hear_call().await;
            let mut reply = server.reply(id, "Probe.Twice", &0_i64);
            reply.truncate(reply.len() - b"\x03\x04\x00\x00".len());
            server.send(&[reply, body].concat()).await;
        });

        assert_eq!(error.unwrap_err().phase(), Some(Phase::Decode));
        let (doubled, ()) = tokio::join!(client.twice(21), async {
            let id = server.hear_call().await;
            server.answer(id, "Probe.Twice", &42_i64).await;
        });
        assert_eq!(doubled.unwrap(), 42);
    }
}

// ---- what is not net/rpc at all ----

/// Row H4: what speaks something else is closed without a word, whatever the cut.
#[tokio::test(start_paused = true)]
async fn another_protocol_is_closed_without_a_word() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    let strangers: [&[u8]; 9] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO example.org\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\"{\\\"method\\\":\\\"Probe.Twice\\\"}\"\n",
        b"\x08\x00\x00\x30\x00\x00\x00\x00",
        b"GETAWAY\r\n",
        b"PONG /_goRPC_ HTTP/1.0\n\n",
        b"\x00\x00\x00\x00",
    ];

    for stranger in strangers {
        assert_eq!(said_to(&rig, stranger).await, b"", "{stranger:?}");
        let mut slow = rig.raw().await;
        for byte in stranger.chunks(1) {
            let _ = slow.try_send(byte).await;
            settle().await;
        }
        assert_eq!(slow.is_closed().await, b"", "{stranger:?}, byte by byte");
    }
    bystander.is_unaffected().await;
}

/// Row H1: what looks like HTTP is HTTP and nothing else; nothing in a body is ever run.
#[tokio::test(start_paused = true)]
async fn a_call_in_the_body_of_a_post_is_never_run() {
    let rig = Rig::new().await;
    for path in ["/", "/_goRPC_", "/debug/rpc"] {
        let body = first_request();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", body.len());

        let said = said_to(&rig, &[head.as_bytes(), &body].concat()).await;

        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with("HTTP/1.1 4"), "{path}: {said}");
    }
    assert_eq!(calls_of(&rig, "Probe.Twice"), 0);
}

/// Rows H2, H3: a web page in a browser is no caller, by whatever name it comes.
#[tokio::test(start_paused = true)]
async fn a_browser_is_refused() {
    let rig = Rig::new().await;
    for header in [
        "Origin: http://evil.test",
        "Origin: null",
        "Referer: http://evil.test/",
        "Cookie: a=b",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "Host: evil.test",
        "Host: 127.0.0.1.evil.test",
        "hOsT: localhost.evil.test:80",
    ] {
        let head = format!("CONNECT /_goRPC_ HTTP/1.1\r\n{header}\r\n\r\n");

        let said = said_to(&rig, &[head.as_bytes(), &first_request()].concat()).await;

        assert!(said.starts_with(b"HTTP/1.1 403 "), "{header}: {}", String::from_utf8_lossy(&said));
        let page = format!("GET /debug/rpc HTTP/1.1\r\n{header}\r\n\r\n");
        let said = said_to(&rig, page.as_bytes()).await;
        assert!(said.starts_with(b"HTTP/1.1 403 "), "{header}: {}", String::from_utf8_lossy(&said));
    }
    assert_eq!(calls_of(&rig, "Probe.Twice"), 0);
}

/// Defect 14, row H5: bytes already buffered behind a CONNECT were thrown away.
#[tokio::test(start_paused = true)]
async fn a_request_sent_right_behind_connect_is_answered() {
    let rig = Rig::new().await;
    let conversation = [b"CONNECT /_goRPC_ HTTP/1.0\n\n", &first_request()[..]].concat();
    let mut whole = rig.raw().await;
    whole.send(&conversation).await;
    whole.half_close().await;
    let expected = whole.is_closed().await;
    assert!(expected.starts_with(b"HTTP/1.0 200 Connected to Go RPC\n\n\x39\x7f"), "{expected:?}");

    // Row H7: nor does the cut matter, byte by byte or at any place.
    for cut in 1..conversation.len() {
        let mut raw = rig.raw().await;
        raw.send(&conversation[..cut]).await;
        settle().await;
        raw.send(&conversation[cut..]).await;
        raw.half_close().await;

        assert_eq!(raw.is_closed().await, expected, "cut at {cut}");
    }
    let mut slow = rig.raw().await;
    for byte in conversation.chunks(1) {
        slow.send(byte).await;
        settle().await;
    }
    slow.half_close().await;
    assert_eq!(slow.is_closed().await, expected);
}

/// Rows H5, H6: a head that may mean two things is refused in fixed words, and nothing behind it is run.
#[tokio::test(start_paused = true)]
async fn an_ambiguous_head_is_refused_in_fixed_words() {
    let rig = Rig::new().await;
    for head in [
        "CONNECT /_goRPC_ HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
        "CONNECT /_goRPC_ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "CONNECT /_goRPC_ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "CONNECT /_goRPC_ HTTP/1.1\r\nHost: localhost\r\nHost: 127.0.0.1\r\n\r\n",
        "CONNECT /_goRPC_ HTTP/1.1\r\nX : y\r\n\r\n",
        "CONNECT /_goRPC_ HTTP/1.1\r\nX: y\r\n folded\r\n\r\n",
        "CONNECT /_goRPC_/ HTTP/1.1\r\n\r\n",
        "CONNECT /_GORPC_ HTTP/1.1\r\n\r\n",
        "CONNECT /_goRPC_?<script> HTTP/1.1\r\n\r\n",
        "CONNECT //_goRPC_ HTTP/1.1\r\n\r\n",
        "CONNECT http://127.0.0.1/_goRPC_ HTTP/1.1\r\n\r\n",
        "CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n",
        "CONNECT /_goRPC_ HTTP/3.0\r\n\r\n",
        "CONNECT  /_goRPC_ HTTP/1.1\r\n\r\n",
        "GET /_goRPC_ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ] {
        let said = said_to(&rig, &[head.as_bytes(), &first_request()].concat()).await;

        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with("HTTP/1.1 4"), "{head:?}: {said:?}");
        assert!(!said.contains("script") && !said.contains("evil"), "{head:?} comes back: {said}");
    }
    assert_eq!(calls_of(&rig, "Probe.Twice"), 0);
}

/// HTTP/2 is not spoken here, and who takes it for granted is told so in its own frames.
#[tokio::test(start_paused = true)]
async fn a_client_of_http_2_is_told_that_http_1_is_required() {
    let rig = Rig::new().await;
    rig.bystander().await.is_unaffected().await;

    let said = said_to(&rig, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;

    assert!(said.starts_with(b"\0\0\0\x04\0\0\0\0\0"), "{said:?}");
    assert!(said.ends_with(b"\0\0\0\0\0\0\0\x0dHTTP/2 is not spoken here, HTTP/1.1 is"), "{said:?}");
}

/// Row H6 and the operations page: what is registered is shown, in a page that nothing can be put into.
#[tokio::test(start_paused = true)]
async fn the_page_of_services_is_shown_to_curl_unless_it_is_hidden() {
    let rig = Rig::new().await;
    rig.bystander().await.is_unaffected().await;

    let said = said_to(&rig, b"GET /debug/rpc HTTP/1.1\r\nHost: 127.0.0.1:7001\r\n\r\n").await;

    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    assert!(said.contains("Content-Security-Policy: default-src 'none'"), "{said}");
    assert!(said.contains("Multiply(Args, *int) error"), "{said}");
    let memory = Memory::new();
    let hidden = Server::builder().memory(&memory).register(ProbeServer::new(Bench::new()));
    let server = hidden.without_debug_page().bind("memory://hidden").await.unwrap();
    let address = server.address();
    tokio::spawn(server.run());
    let mut raw = RawClient::dial(&address, &memory).await;
    raw.send(b"GET /debug/rpc HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    raw.half_close().await;
    assert!(raw.is_closed().await.starts_with(b"HTTP/1.1 404 "));
}

// ---- a server that opens no tunnel ----

/// A server that answers a CONNECT with these bytes, and the address to find it at.
async fn answering(reply: &'static [u8]) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut said = vec![0; b"CONNECT /_goRPC_ HTTP/1.0\n\n".len()];
        socket.read_exact(&mut said).await.unwrap();
        socket.write_all(reply).await.unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
        rest
    });
    (address, serving)
}

/// Rows E12, H8: the exact status, or an error that names it, before a byte of a request is sent.
#[tokio::test]
async fn a_server_that_opens_no_tunnel_is_named_by_its_status() {
    for (reply, shown) in [
        (&b"HTTP/1.1 301 Moved Permanently\r\nLocation: /\r\n\r\n"[..], "301 Moved Permanently"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502 Bad Gateway"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 OK"),
        (b"HTTP/1.0 200 connected to go rpc\n\n", "200 connected to go rpc"),
        (b"HTTP/1.0 200 Connected to Gob RPC\n\n", "200 Connected to Gob RPC"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2\\r\\n"),
        (b"\x39\x7f\x03\x01\x01\x08Response", "9\\u{7f}\\u{3}"),
        (b"HTTP/1.0 500 \x1b[31mred\n\n", "\\u{1b}[31mred"),
    ] {
        let (address, serving) = answering(reply).await;

        let error = in_time("the dial ends", Client::builder().protocol(NetRpc).connect(address.as_str()))
            .await
            .unwrap_err();

        assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Connect)), "{shown}");
        assert!(error.message().contains(shown), "{shown}: {error}");
        assert!(!error.may_have_run());
        assert_eq!(serving.await.unwrap(), b"", "{shown}: something was sent");
    }
}

/// Row E12: what comes behind the head belongs to the stream.
#[tokio::test]
async fn bytes_behind_a_servers_head_are_kept() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let reply = RawServer::over(pipe(1).0).reply(1, "Probe.Twice", &42_i64);
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut said = vec![0; b"CONNECT /_goRPC_ HTTP/1.0\n\n".len()];
        socket.read_exact(&mut said).await.unwrap();
        // The definition of what is still to come stands behind the blank line already.
        socket
            .write_all(&[b"HTTP/1.1 200 Connected to Go RPC\r\nDate: today\r\n\r\n", &reply[..60]].concat())
            .await
            .unwrap();
        let mut first = [0; 1];
        socket.read_exact(&mut first).await.unwrap();
        socket.write_all(&reply[60..]).await.unwrap();
        socket
    });

    let client =
        ProbeClient::new(Client::builder().protocol(NetRpc).connect(address.as_str()).await.unwrap());
    let doubled = in_time("the call is answered", client.twice(21)).await;

    assert_eq!(doubled.unwrap(), 42);
    drop(serving.await.unwrap());
}

/// Row A8 on the calling bank: a server that reads nothing is given so much and no more.
#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_does_not_make_its_caller_grow() {
    let (ours, _theirs) = pipe(64);
    let client = ProbeClient::new(
        Client::builder()
            .protocol(NetRpc)
            .limits(limits(|limits| limits.outbound_len_max = 50_000))
            .over(ours),
    );

    for _ in 0..1000 {
        let call = client.len(&[7; 10_000]);
        assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
    }

    // Each of them was withdrawn; what had begun to be sent is all that is left of them.
    let error = client.twice(1).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Queue)));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_silent_connections_delay_nobody() {
    let rig = Rig::with(Limits::default()).await;
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(rig.raw().await);
    }

    let began = Instant::now();
    rig.bystander().await.is_unaffected().await;

    assert!(began.elapsed() < Duration::from_millis(100), "waited for {:?}", began.elapsed());
    assert_eq!(rig.handle.connections(), 1001);
}
