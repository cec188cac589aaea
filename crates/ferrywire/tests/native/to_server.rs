//! What a client may send that the page does not allow, and what becomes of it: words for that client, and nothing
//! for anybody else.

use std::time::Duration;

use tokio::time::Instant;

use crate::desk::{Office, doubled, hold, is_refused, is_usable, twice};
use crate::frames::{
    Frame, Wire, flag, greeting, hello_body, kind, metadata, preface_of, short, summed, with_len,
};
use crate::support::{in_time, limits, settle};

/// The flags that the page lets stand with each kind.
pub(crate) fn allowed(kind: u16) -> u16 {
    let own = match kind {
        kind::REQUEST => 0x3bf0,
        kind::RESPONSE => 0x1b20,
        kind::ERROR => 0x2120,
        kind::CREDIT => 0x4000,
        _ => 0,
    };
    own | flag::CHECKSUM
}

/// Kinds that the page knows, those reserved for streams left out.
pub(crate) const KINDS: [u16; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 10];

/// Frames that break a rule of the page which holds in both directions, and a word of what is said about it.
pub(crate) fn broken_frames() -> Vec<(String, Vec<u8>, &'static str)> {
    let mut broken = Vec::new();
    for kind in (0..16).filter(|kind| !KINDS.contains(kind)) {
        let frame = Frame::new(kind, 0, 9, []);
        broken.push((format!("a frame of kind {kind}"), frame.bytes(), "which is unknown"));
    }
    for kind in KINDS {
        for bit in (4..16).filter(|bit| allowed(kind) & 1 << bit == 0) {
            let frame = Frame::new(kind | 1 << bit, 0, 9, [0; 64]);
            broken.push((format!("bit {bit} on kind {kind}"), frame.bytes(), "flags 0x"));
        }
    }
    for (what, flags) in [("a continued request", kind::REQUEST), ("a continued response", kind::RESPONSE)] {
        for part in [flag::CODEC, flag::METADATA] {
            let frame = Frame::new(flags | part | 0x1000, 0, 9, [0; 64]);
            broken.push((format!("{what} with part {part:#x}"), frame.bytes(), "that continues a body"));
        }
    }
    for kind in KINDS {
        let frame = Frame::new(kind | flag::CHECKSUM, 0, 9, [0; 3]);
        broken.push((format!("kind {kind} and three bytes of checksum"), frame.bytes(), "checksum"));
        let frame = Frame::new(kind | flag::CHECKSUM, 0, 9, [0; 4]);
        broken.push((format!("kind {kind} and a wrong checksum"), frame.bytes(), "checksum"));
    }
    broken.push(("a ping of 65 bytes".into(), Frame::new(kind::PING, 0, 9, [0; 65]).bytes(), "65 bytes"));
    broken.push((
        "a ping of a megabyte".into(),
        Frame::new(kind::PING, 0, 9, vec![0; 1 << 20]).bytes(),
        "1048576 bytes",
    ));
    broken.push((
        "a credit of three bytes".into(),
        Frame::new(kind::CREDIT, 0, 9, [0; 3]).bytes(),
        "3 bytes",
    ));
    broken.push((
        "a second hello".into(),
        Frame::new(kind::HELLO, 0, 0, hello_body(&[])).bytes(),
        "second hello",
    ));
    for (what, part) in broken_metadata() {
        for kind in [kind::REQUEST, kind::RESPONSE, kind::ERROR] {
            let frame = Frame::new(kind | flag::METADATA, 0, 9, part.clone());
            broken.push((format!("{what} on kind {kind}"), frame.bytes(), ""));
        }
    }
    broken
}

/// The part *metadata*, with something wrong about it and nothing behind it.
fn broken_metadata() -> Vec<(&'static str, Vec<u8>)> {
    let many: Vec<(&[u8], &[u8])> = vec![(b"a", b""); 129];
    vec![
        ("no length of metadata", vec![0]),
        ("metadata beyond the frame", vec![9, 0, 1, b'a', 0, 0]),
        ("a name beyond the metadata", vec![4, 0, 9, b'a', 0, 0]),
        ("a value without a length", vec![2, 0, 1, b'a']),
        ("a value beyond the metadata", vec![5, 0, 1, b'a', 2, 0, 7]),
        ("the longest value", [&[0xff, 0x1f, 1, b'a', 0xff, 0xff][..], &[0; 0x1ffb]].concat()),
        ("more than 8 KiB of metadata", metadata(&[(b"a", &[7; 8192])])),
        ("as much metadata as can be said", [vec![0xff; 2], vec![0; 0xffff]].concat()),
        ("129 entries", metadata(&many)),
        ("a name of no letters", metadata(&[(b"", b"1")])),
        ("a name in capitals", metadata(&[(b"Who", b"1")])),
        ("a name that is no text", metadata(&[(b"\xff\xfe", b"1")])),
        ("a name with a line's end", metadata(&[(b"a\r\nb", b"1")])),
    ]
}

/// Requests whose parts are not as the page says.
fn broken_requests() -> Vec<(String, Vec<u8>, &'static str)> {
    let named = [&short("Desk.Note")[..], &[0; 8]].concat();
    let request = |flags, payload: &[u8]| Frame::new(kind::REQUEST | flags, 0, 9, payload).bytes();
    let mut broken = Vec::new();
    // Every part, cut at every byte.
    let parts: [(&str, u16, Vec<u8>); 7] = [
        ("name", flag::NAMED, named),
        ("codec", flag::CODEC, vec![0]),
        ("deadline", flag::DEADLINE, vec![0; 4]),
        ("trace", flag::TRACE, vec![7; 25]),
        ("metadata", flag::METADATA, metadata(&[(b"who", b"me")])),
        ("compressed", 0x0200, vec![1, 4, 0, 0, 0]),
        ("more", 0x0800, vec![4, 0, 0, 0]),
    ];
    for (what, flags, part) in parts {
        for cut in 0..part.len() {
            broken.push((format!("{what} cut at {cut}"), request(flags, &part[..cut]), "where a part has"));
        }
    }
    for (id, what) in [(0, "zero"), (1, "one that was used"), (3, "one below the latest"), (4, "the latest")]
    {
        let frame = Frame { id, ..twice(0, 21) };
        broken.push((format!("the id {what}"), frame.bytes(), "which is not larger than 4"));
    }
    broken
}

/// Rows A6, B10, C3, C11, C12: whatever is wrong with a frame, what came before it is answered, nothing behind it is
/// read, and the connection ends with words.
#[tokio::test(start_paused = true)]
async fn a_frame_that_breaks_a_rule_ends_its_connection_with_words() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let cases: Vec<_> = broken_frames().into_iter().chain(broken_requests()).collect();
    assert!(cases.len() > 200, "{}", cases.len());

    for (what, bytes, words) in cases {
        let mut wire = office.wire().await;
        let note = Frame::named(10, "Desk.Note", 0, &[], &[14]).bytes();
        let all = [twice(1, 21).bytes(), twice(4, 21).bytes(), bytes, note].concat();
        wire.send(&all).await;

        let said = wire.rest().await;
        assert_eq!(said[..2], [doubled(1, 21), doubled(4, 21)], "{what}");
        let farewell = said.last().unwrap();
        assert_eq!((said.len(), farewell.kind(), farewell.id), (3, kind::GO_AWAY, 4), "{what}: {said:?}");
        assert!([3, 15].contains(&farewell.method), "{what}: {farewell:?}");
        assert!(farewell.farewell().contains(words), "{what}: {}", farewell.farewell());
    }
    assert!(office.clerk.notes().is_empty());
    bystander.is_unaffected().await;
}

/// Row A6: a length is judged by the header, before a byte of the frame has come.
#[tokio::test(start_paused = true)]
async fn a_frame_over_the_limit_is_refused_by_its_header() {
    let office = Office::with(limits(|limits| limits.frame_len_max = 10_000)).await;
    let bystander = office.bystander().await;
    // Beside the body there is room for parts.
    let most = 10_000 + 8 * 1024 + 1024;

    for len in [most + 1, 1 << 31, u32::MAX] {
        for kind in KINDS {
            let mut wire = office.wire().await;
            wire.send(&with_len(len, &Frame::new(kind, 0, 9, []))).await;

            let farewell = wire.farewell().await;
            assert_eq!(farewell.method, 8, "{len} on kind {kind}");
            assert!(farewell.farewell().contains(&format!("a frame of {len} bytes")), "{farewell:?}");
        }
    }
    bystander.is_unaffected().await;
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_does_not_hold_what_it_says_ends_its_connection() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let full = hello_body(&[("Desk", &["Note", "Wait"])]);
    let long: Vec<String> = (0..65_537).map(|number| format!("{number}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let mut hellos: Vec<_> = (0..full.len()).map(|cut| full[..cut].to_vec()).collect();
    hellos.push([vec![0; 12], vec![0xff; 2]].concat());
    hellos.push([vec![0xff; 12], vec![1, 0, 0], vec![0; 8], vec![0xff; 2]].concat());
    hellos.push(hello_body(&[("A", &long[..40_000]), ("B", &long[40_000..])]));

    for hello in hellos {
        let mut wire = office.silent().await;
        wire.send(&preface_of(1, 1, 0)).await;
        wire.put(&Frame::new(kind::HELLO, 0, 0, hello.clone())).await;

        assert_eq!(wire.farewell().await.method, 3, "a hello of {} bytes", hello.len());
    }
    bystander.is_unaffected().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_precedes_the_hello() {
    let office = Office::new().await;
    for kind in KINDS.into_iter().filter(|kind| ![kind::HELLO, kind::GO_AWAY].contains(kind)) {
        let mut wire = office.silent().await;
        wire.send(&preface_of(1, 1, 0)).await;
        wire.put(&Frame::new(kind, 0, 1, [0; 4])).await;

        let farewell = wire.farewell().await;
        assert_eq!((farewell.method, farewell.id), (3, 0), "kind {kind}");
        assert!(farewell.farewell().contains("in the place of the hello"), "{farewell:?}");
    }
    assert_eq!(office.handle.calls().iter().map(|(_, count)| count).sum::<u64>(), 0);
}

/// Row C1, and the codec's number.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_call_alone_fails_it_alone() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    let mut id = 0;
    let mut next = || {
        id += 1;
        id
    };

    for number in [office.handle.calls().len() as u16, 9999, u16::MAX] {
        let id = next();
        wire.put(&Frame::new(kind::REQUEST, number, id, [42])).await;
        is_refused(&wire.next().await, id, 12);
    }
    for codec in 6..=255 {
        let id = next();
        wire.put(&Frame::named(id, "Probe.Twice", flag::CODEC, &[codec], &[42])).await;
        let error = wire.next().await;
        is_refused(&error, id, 3);
        assert_eq!(error.error().0, format!("no codec has the number {codec}"));
        // Few arguments in a row may be such.
        let id = next();
        is_usable(&mut wire, id).await;
    }
    for name in
        ["", ".", "Desk", "Desk.", ".Note", "desk.Note", "Desk.Note\0", "Desk.Note.", &"N".repeat(255)]
    {
        let id = next();
        wire.put(&Frame::named(id, name, 0, &[], &[14])).await;
        is_refused(&wire.next().await, id, 12);
    }
    let not_text = [&[3, 0xff, 0xfe, b'.'][..], &[0; 8]].concat();
    let id = next();
    wire.put(&Frame::new(kind::REQUEST | flag::NAMED, 0, id, not_text)).await;
    is_refused(&wire.next().await, id, 12);
    let id = next();
    is_usable(&mut wire, id).await;
    assert!(office.clerk.notes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_largest_id_is_an_id() {
    let mut wire = Office::new().await.wire().await;
    is_usable(&mut wire, u64::MAX - 1).await;
    is_usable(&mut wire, u64::MAX).await;

    wire.put(&twice(u64::MAX, 21)).await;

    let farewell = wire.farewell().await;
    assert_eq!((farewell.method, farewell.id), (3, u64::MAX));
}

/// What nobody waits for is ignored: cancels and credits of calls that have ended or never were, a pong, a farewell.
#[tokio::test(start_paused = true)]
async fn what_concerns_no_call_is_ignored() {
    let office = Office::new().await;
    let mut wire = office.wire().await;
    is_usable(&mut wire, 5).await;

    for id in [0, 1, 5, 6, u64::MAX] {
        wire.put(&Frame::new(kind::CANCEL, 0, id, [])).await;
        for back in [0, 0x4000] {
            for amount in [0, 1, u32::MAX] {
                wire.put(&Frame::new(kind::CREDIT | back, 0, id, amount.to_le_bytes())).await;
            }
        }
    }
    wire.put(&Frame::new(kind::PONG, 0, 7, *b"nobody asked")).await;
    for last in [u64::MAX, 0] {
        wire.put(&Frame::new(kind::GO_AWAY, 0, last, *b"so long")).await;
    }

    is_usable(&mut wire, 7).await;
    wire.put(&hold(8)).await;
    office.bench.begun(1).await;
    for _ in 0..2 {
        wire.put(&Frame::new(kind::CANCEL, 0, 8, [])).await;
    }
    let answer = wire.next().await;
    assert_eq!((answer.kind(), answer.method, answer.id), (kind::ERROR, 1, 8));
    is_usable(&mut wire, 9).await;
}

// ---- floods ----

/// Row A7.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_ends_its_connection_with_words() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    for round in 0..3 {
        for id in 0..10 {
            wire.put(&Frame::new(kind::PING, 0, id, [round; 64])).await;
            assert_eq!(wire.next().await.kind(), kind::PONG);
        }
        tokio::time::advance(Duration::from_secs(11)).await;
    }

    let ping = Frame::new(kind::PING, 0, 1, []).bytes();
    wire.send(&ping.repeat(100_000)).await;

    let said = wire.rest().await;
    assert!(said.len() <= 12, "{} frames", said.len());
    let farewell = said.last().unwrap();
    assert_eq!((farewell.kind(), farewell.method), (kind::GO_AWAY, 8), "{farewell:?}");
    assert_eq!(office.handle.limit_hits(), [("pings_max", 1)]);
    bystander.is_unaffected().await;
}

/// Row C8.
#[tokio::test(start_paused = true)]
async fn a_flood_of_cancels_ends_its_connection_with_words() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    let mut bytes = Vec::new();
    for id in 1..=2000 {
        bytes.extend_from_slice(&hold(id).bytes());
        bytes.extend_from_slice(&Frame::new(kind::CANCEL, 0, id, []).bytes());
    }

    let _ = in_time("bytes are taken or refused", wire.try_send(&bytes)).await;

    let farewell = wire.farewell().await;
    assert_eq!((farewell.method, farewell.id), (8, 1001), "{farewell:?}");
    assert_eq!(office.handle.limit_hits(), [("cancels_max", 1)]);
    assert_eq!((office.bench.begun_so_far(), office.handle.running()), (1001, 0));
    bystander.is_unaffected().await;
}

/// Row C1.
#[tokio::test(start_paused = true)]
async fn a_flood_of_numbers_that_nobody_gave_ends_its_connection_with_words() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    let request = |id| Frame::new(kind::REQUEST, 9999, id, [42]).bytes();

    wire.send(&(1..=1000).flat_map(request).collect::<Vec<_>>()).await;

    let said = wire.rest().await;
    assert_eq!(said.iter().filter(|frame| frame.kind() == kind::ERROR).count(), 101);
    assert_eq!(said.last().map(Frame::kind), Some(kind::GO_AWAY));
    bystander.is_unaffected().await;
}

/// Row C7, A8: what nobody reads is not written without end, and what is not read is not run.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_not_read_either() {
    // On a busy machine the method runs as tasks, which all begin and then wait for room.
    let office = Office::with(limits(|limits| limits.calls_per_connection_max = 50)).await;
    let bystander = office.bystander().await;
    let mut wire = office.wire().await;
    let fill = |id| Frame::named(id, "Probe.Fill", 0, &[], &[0x80, 0x80, 0x04]).bytes();
    let requests: Vec<u8> = (1..=10_000).flat_map(fill).collect();

    let sent = tokio::time::timeout(Duration::from_secs(5), wire.try_send(&requests)).await;

    assert!(sent.is_err(), "all requests were read");
    let calls = office.handle.calls().into_iter().find(|(name, _)| name == "Probe.Fill").unwrap().1;
    // What fits into the pipe, what may wait to be sent, and as many as run at once: far from all.
    assert!(calls < 300, "{calls} calls were made of 64 KiB each");
    bystander.is_unaffected().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(office.handle.connections(), 1);
    bystander.is_unaffected().await;
}

// ---- cuts ----

/// A conversation with every kind of frame that a client has a use for.
fn conversation() -> Vec<u8> {
    let metadata = metadata(&[(b"who", b"me")]);
    let everything = flag::CODEC | flag::DEADLINE | flag::TRACE | flag::METADATA;
    let parts = [&[2, 0xe8, 3, 0, 0][..], &[7; 25], &metadata].concat();
    [
        greeting(),
        twice(1, 21).bytes(),
        Frame::named(2, "Desk.Echo", everything, &parts, b"null").bytes(),
        Frame::new(kind::PING, 0, 7, *b"ping").bytes(),
        Frame::named(3, "Desk.Note", flag::ONE_WAY, &[], &[14]).bytes(),
        summed(&twice(4, 7)),
        Frame::new(kind::CANCEL, 0, 1, []).bytes(),
        twice(5, 3).bytes(),
    ]
    .concat()
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_comes_a_byte_at_a_time_is_served() {
    let office = Office::new().await;
    let mut whole = office.silent().await;
    whole.send(&conversation()).await;
    whole.half_close().await;
    let said = whole.rest().await;
    assert_eq!(said.len(), 6, "{said:?}");

    let mut wire = office.silent().await;
    for byte in conversation() {
        wire.send(&[byte]).await;
        settle().await;
    }
    wire.half_close().await;

    assert_eq!(wire.rest().await, said);
    assert_eq!(office.clerk.notes(), [7, 7]);
}

/// Row A4: what was whole is answered, what was not is not begun; preface and hello are cut too.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_cut_at_any_byte_is_answered_up_to_there() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let all = conversation();
    let mut answered = 0;
    for cut in 0..all.len() {
        let mut wire = office.silent().await;
        wire.send(&all[..cut]).await;
        wire.half_close().await;

        let said = wire.rest().await;
        assert!(said.len() >= answered && said.len() <= 6, "cut at {cut}: {said:?}");
        assert!(said.iter().all(|frame| frame.kind() != kind::GO_AWAY), "cut at {cut}: {said:?}");
        answered = said.len();
    }
    assert_eq!(answered, 5);
    bystander.is_unaffected().await;
}

/// Every bit of a conversation, flipped: something is answered or said, nobody hangs, nobody else notices.
#[tokio::test(start_paused = true)]
async fn a_conversation_with_any_bit_flipped_comes_to_an_end() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let all = conversation();
    for bit in 0..all.len() * 8 {
        let mut damaged = all.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let mut wire = Wire::over(crate::support::raw::dial(&office.address, &office.memory).await);
        let _ = wire.try_send(&damaged).await;
        wire.half_close().await;
        // Without the first byte it is another protocol, or none.
        if bit >= 8 * 4 {
            let said = wire.rest().await;
            assert!(said.len() <= 8, "bit {bit}: {said:?}");
        }
    }
    settle().await;
    bystander.is_unaffected().await;
    assert_eq!(office.handle.running(), 0);
}

/// Rows A1, A2: a preface, a hello, a frame that begins has so long to arrive, however slowly it comes.
#[tokio::test(start_paused = true)]
async fn what_comes_too_slowly_ends_its_connection() {
    let office = Office::new().await;
    let bystander = office.bystander().await;
    let greeting = greeting();
    let request = Frame::new(kind::REQUEST, 0, 1, [0; 1000]).bytes();
    for (what, first, slow) in [
        ("a preface", &b""[..], &greeting[..]),
        ("a hello", &greeting[..16], &greeting[16..]),
        ("a request", &greeting[..], &request[..]),
    ] {
        let mut wire = office.silent().await;
        wire.send(first).await;
        let began = Instant::now();
        for byte in slow {
            if wire.try_send(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(16), "{what} may take {took:?}");
    }
    bystander.is_unaffected().await;
    assert_eq!(office.handle.connections(), 1);
}
