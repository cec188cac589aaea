//! Large bodies from one bank's writer to the other bank's reader, whole and damaged, however they are cut.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure is the test's own report"
)]

use bytes::Bytes;

use super::header::{Header, flag, kind, put_preface};
use super::{Native, Tag, Word};
use crate::body::{Splice, Written};
use crate::codec::Format;
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::message::{Asked, Head, Read, Said};
use crate::protocol::{Protocol, ReadReplies, ReadRequests, Terms, Whose, WriteReplies, WriteRequests};

type Requests = <Native as Protocol>::ReadRequests;
type Replies = <Native as Protocol>::ReadReplies;
type RequestWriter = <Native as Protocol>::WriteRequests;
type ReplyWriter = <Native as Protocol>::WriteReplies;

const MIB: usize = 1024 * 1024;

fn limits() -> Limits {
    Limits { frame_len_max: 8 * MIB, calls_per_connection_max: 4, ..Limits::default() }
}

/// Bytes of which no two stretches are alike.
fn varied(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

fn frame(flags: u16, method: u16, id: u64, payload: &[u8]) -> Vec<u8> {
    let header = Header { len: payload.len() as u32, method, flags, id };
    [&header.bytes()[..], payload].concat()
}

/// What a client sends first, that has nothing to offer.
fn greeting() -> Vec<u8> {
    let mut out = Vec::new();
    put_preface(&mut out, 0);
    out.extend(frame(kind::HELLO, 0, 0, &[0; 14]));
    out
}

/// What a message was.
#[derive(Debug, PartialEq)]
enum Seen {
    Body(u64, Vec<u8>),
    Refused(u64, Code),
    Cancel(u64),
    Withdrawn(u64),
    Credit(u64, bool, u32),
    Word,
}

/// Shows bytes to a reader as a connection does, `step` at a time, those of large bodies where they belong if
/// `lands`; says what was read.
fn read_requests(reader: &mut Requests, bytes: &[u8], step: usize, lands: bool) -> Result<Vec<Seen>> {
    let (mut seen, mut tail, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let mut came = &bytes[at..bytes.len().min(at + step)];
        at += came.len();
        if lands
            && tail.is_empty()
            && let Some(landing) = reader.landing()
        {
            let missing = landing.until - landing.buffer.len();
            assert!(landing.buffer.capacity() > landing.buffer.len(), "there is room");
            let (here, behind) = came.split_at(missing.min(came.len()));
            landing.buffer.extend_from_slice(here);
            came = behind;
        }
        tail.extend_from_slice(came);
        loop {
            let used = match reader.read(&tail)? {
                Read::Message { message, used } => {
                    seen.push(match message {
                        Asked::Call(ask) => {
                            let body = ask.body?;
                            if let Some(shared) = body.shared {
                                assert_eq!(shared.as_ptr(), body.bytes.as_ptr(), "it lies in its storage");
                            }
                            Seen::Body(ask.tag.id, body.bytes.to_vec())
                        }
                        Asked::Cancel { target, .. } => Seen::Cancel(target.id),
                        Asked::Withdrawn(tag) => Seen::Withdrawn(tag.id),
                        Asked::Word(Word::Credit { id, is_back, amount }) => {
                            Seen::Credit(id, is_back, amount)
                        }
                        Asked::Word(_) => Seen::Word,
                    });
                    used
                }
                Read::More { used } => {
                    tail.drain(..used);
                    break;
                }
                Read::End => panic!("the protocol has no word for that"),
            };
            tail.drain(..used);
        }
    }
    Ok(seen)
}

fn reader_that_knows_its_peer(limits: &Limits) -> Requests {
    let mut reader = Requests::new(&Terms::new(limits));
    assert_eq!(read_requests(&mut reader, &greeting(), usize::MAX, true).unwrap(), [Seen::Word]);
    reader
}

fn whole_len(len: usize) -> [u8; 4] {
    (len as u32).to_le_bytes()
}

/// A body in three frames: the first two end at `cuts`.
fn cut_request(id: u64, body: &[u8], cuts: [usize; 2]) -> Vec<u8> {
    let [first, second] = cuts;
    let beginning = [&whole_len(body.len())[..], &body[..first]].concat();
    [
        frame(kind::REQUEST | flag::MORE, 3, id, &beginning),
        frame(kind::REQUEST | flag::CONTINUED | flag::MORE, 0, id, &body[first..second]),
        frame(kind::REQUEST | flag::CONTINUED, 0, id, &body[second..]),
    ]
    .concat()
}

#[test]
fn a_cut_body_is_whole_wherever_it_was_cut_and_however_it_comes() {
    let limits = limits();
    let body = b"six times seven";

    for first in 0..body.len() - 1 {
        for second in first + 1..body.len() {
            let bytes = cut_request(1, body, [first, second]);
            for step in (1..bytes.len()).chain([usize::MAX]) {
                for lands in [false, true] {
                    let mut reader = reader_that_knows_its_peer(&limits);
                    let seen = read_requests(&mut reader, &bytes, step, lands).unwrap();
                    assert_eq!(seen, [Seen::Body(1, body.to_vec())], "{first}, {second}, step {step}");
                    assert_eq!(reader.partial(), None);
                }
            }
        }
    }
}

#[test]
fn bodies_that_alternate_and_small_frames_between_them_are_told_apart() {
    let limits = limits();
    let mut reader = reader_that_knows_its_peer(&limits);
    let first = |id, byte: u8| frame(kind::REQUEST | flag::MORE, 0, id, &[6, 0, 0, 0, byte, byte]);
    let next = |id, byte: u8, more| frame(kind::REQUEST | flag::CONTINUED | more, 0, id, &[byte, byte]);
    let bytes = [
        first(1, 1),
        first(2, 2),
        next(2, 2, flag::MORE),
        frame(kind::REQUEST, 0, 3, b"small"),
        next(1, 1, flag::MORE),
        frame(kind::CREDIT | flag::BACK, 0, 9, &7_u32.to_le_bytes()),
        next(1, 1, 0),
        next(2, 2, 0),
    ]
    .concat();

    let seen = read_requests(&mut reader, &bytes, 7, true).unwrap();

    let expected = [
        Seen::Body(3, b"small".to_vec()),
        Seen::Credit(9, true, 7),
        Seen::Body(1, vec![1; 6]),
        Seen::Body(2, vec![2; 6]),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_long_body_in_one_frame_is_shared_and_needs_no_credit() {
    let limits = limits();
    let body = varied(3 * MIB);
    let bytes = frame(kind::REQUEST, 0, 1, &body);

    for step in [1000, 64 * 1024, usize::MAX] {
        let mut reader = reader_that_knows_its_peer(&limits);
        let seen = read_requests(&mut reader, &bytes, step, true).unwrap();
        assert!(seen == [Seen::Body(1, body.clone())], "step {step}");
    }
}

#[test]
fn memory_for_a_body_grows_with_what_has_come_of_it() {
    let limits = limits();
    let mut reader = reader_that_knows_its_peer(&limits);
    let bytes = frame(kind::REQUEST, 0, 1, &varied(5 * MIB));

    for (number, chunk) in bytes.chunks(3000).enumerate() {
        read_requests(&mut reader, chunk, usize::MAX, true).unwrap();
        let came = (number + 1) * 3000;
        if let Some(partial) = reader.partial() {
            assert!(partial.held <= 2 * came + 64 * 1024 + 100, "{} bytes for {came}", partial.held);
        }
    }

    assert_eq!(reader.partial(), None);
}

#[test]
fn what_no_sender_says_of_a_body_ends_the_connection() {
    let limits = limits();
    let begin = |id, len: usize, here: &[u8]| {
        frame(kind::REQUEST | flag::MORE, 0, id, &[&whole_len(len)[..], here].concat())
    };
    let go_on = |id, more, here: &[u8]| frame(kind::REQUEST | flag::CONTINUED | more, 0, id, here);
    let cases: [(&str, Vec<Vec<u8>>); 13] = [
        ("continues no body", vec![go_on(1, 0, b"x")]),
        ("continues no body", vec![begin(1, 9, b"x"), go_on(2, 0, b"x")]),
        ("over the limit", vec![begin(1, 8 * MIB + 1, b"x")]),
        ("announced with 9", vec![begin(1, 9, b"123456789")]),
        ("announced with 9", vec![begin(1, 9, b"1234567890")]),
        ("announced with 0", vec![begin(1, 0, b"")]),
        ("announced with 9", vec![begin(1, 9, b"1"), go_on(1, 0, b"2345678")]),
        ("announced with 9", vec![begin(1, 9, b"1"), go_on(1, flag::MORE, b"23456789")]),
        ("by nothing", vec![begin(1, 9, b"1"), go_on(1, flag::MORE, b"")]),
        ("a second body", vec![begin(1, 9, b"1"), begin(1, 9, b"1")]),
        ("not larger", vec![begin(2, 9, b"1"), begin(1, 9, b"1")]),
        ("not larger", vec![begin(2, 9, b"1"), frame(kind::REQUEST, 0, 1, b"")]),
        ("4 bodies at once", (1..=5).map(|id| begin(id, 9, b"1")).collect()),
    ];

    for (expected, frames) in cases {
        for step in [1, usize::MAX] {
            let mut reader = reader_that_knows_its_peer(&limits);
            let error = read_requests(&mut reader, &frames.concat(), step, true).unwrap_err();
            assert!(error.message().contains(expected), "{error}, not {expected}");
        }
    }
}

#[test]
fn more_of_a_body_than_was_granted_ends_the_connection() {
    let limits = limits();
    let mut reader = reader_that_knows_its_peer(&limits);
    let mut bytes = frame(kind::REQUEST | flag::MORE, 0, 1, &whole_len(4 * MIB));
    bytes.extend(frame(kind::REQUEST | flag::CONTINUED | flag::MORE, 0, 1, &varied(2 * MIB)));
    read_requests(&mut reader, &bytes, usize::MAX, true).unwrap();

    let next = frame(kind::REQUEST | flag::CONTINUED | flag::MORE, 0, 1, b"1");
    let error = read_requests(&mut reader, &next, usize::MAX, true).unwrap_err();

    assert!(error.message().contains("of which 2097152 may be sent"), "{error}");
}

#[test]
fn a_cancel_forgets_what_has_come_of_a_request() {
    let limits = limits();
    let mut reader = reader_that_knows_its_peer(&limits);
    let bytes = [
        frame(kind::REQUEST | flag::MORE, 0, 1, &[&whole_len(MIB)[..], &varied(60_000)].concat()),
        frame(kind::CANCEL, 0, 1, b""),
        frame(kind::CANCEL, 0, 1, b""),
    ]
    .concat();

    let seen = read_requests(&mut reader, &bytes, usize::MAX, true).unwrap();

    assert_eq!(seen, [Seen::Withdrawn(1), Seen::Cancel(1)]);
    assert_eq!(reader.partial(), None);
}

#[test]
fn a_damaged_bit_of_a_long_body_is_found_where_frames_have_checksums() {
    let limits = limits();
    let terms = Terms { checksum: true, ..Terms::new(&limits) };
    let mut writer = RequestWriter::new(&terms);
    let mut out = Vec::new();
    writer.greet(&mut out, &terms);
    let greeting_len = out.len();
    let body = Bytes::from(varied(300_000));
    send(&mut writer, &mut out, 1, &body);
    let sent = flattened(&mut writer, &mut out);

    for at in [None, Some(3), Some(20), Some(40), Some(100_000), Some(sent.len() - greeting_len - 3)] {
        let mut bytes = sent.clone();
        if let Some(at) = at {
            bytes[greeting_len + at] ^= 4;
        }
        let mut reader = Requests::new(&terms);
        let seen = read_requests(&mut reader, &bytes, 10_000, true);
        assert_eq!(
            seen.is_ok_and(|seen| seen.contains(&Seen::Body(1, body.to_vec()))),
            at.is_none(),
            "{at:?}"
        );
    }
}

/// Gives a body over to be sent without a copy.
fn send(writer: &mut RequestWriter, out: &mut Vec<u8>, id: u64, body: &Bytes) {
    let splices = Some(Box::new(vec![Splice { at: 0, bytes: body.clone() }]));
    let mut written = Written { splices, ..Written::default() };
    writer.request(out, id, &Head::of("Arith.Multiply"), None, &mut written, &mut Vec::new());
}

/// All bytes that can be sent now.
fn flattened(writer: &mut RequestWriter, out: &mut Vec<u8>) -> Vec<u8> {
    let mut splices = Vec::new();
    while writer.pieces(out, &mut splices, MIB) > 0 {}
    flat(std::mem::take(out), splices)
}

fn flat(out: Vec<u8>, splices: Vec<(usize, Bytes)>) -> Vec<u8> {
    let (mut all, mut from) = (Vec::new(), 0);
    for (at, bytes) in splices {
        all.extend_from_slice(&out[from..at]);
        all.extend_from_slice(&bytes);
        from = at;
    }
    all.extend_from_slice(&out[from..]);
    all
}

#[test]
fn a_body_is_sent_as_far_as_it_has_credit_and_goes_on_with_more() {
    let limits = limits();
    let terms = Terms::new(&limits);
    let (mut writer, mut out) = (RequestWriter::new(&terms), Vec::new());
    writer.greet(&mut out, &terms);
    let body = Bytes::from(varied(7 * MIB));
    let mut reader = Requests::new(&terms);
    send(&mut writer, &mut out, 1, &body);

    let first = flattened(&mut writer, &mut out);
    assert!((2 * MIB..2 * MIB + 1000).contains(&first.len()), "{} bytes went out", first.len());
    assert!(!writer.unsent().can_go_on);
    assert_eq!(writer.unsent().len, 5 * MIB);
    let mut seen = read_requests(&mut reader, &first, 100_000, true).unwrap();
    assert_eq!(reader.partial().unwrap().oldest, 0);
    let mut rounds = 0;
    while let Some(Word::Grant { id, is_back, amount }) = reader.grant(Whose::All) {
        rounds += 1;
        assert!(!writer.hear(&mut out, Word::Credit { id, is_back, amount }).unwrap());
        let bytes = flattened(&mut writer, &mut out);
        seen.extend(read_requests(&mut reader, &bytes, 100_000, true).unwrap());
    }

    assert!(seen == [Seen::Word, Seen::Body(1, body.to_vec())]);
    assert_eq!(rounds, 3);
    assert_eq!(writer.unsent().bodies, 0);
}

#[test]
fn bodies_take_turns_and_what_is_small_waits_for_one_piece_at_most() {
    let limits = limits();
    let terms = Terms::new(&limits);
    let (mut writer, mut out) = (RequestWriter::new(&terms), Vec::new());
    writer.greet(&mut out, &terms);
    out.clear();
    for id in 1..=3 {
        send(&mut writer, &mut out, id, &Bytes::from(vec![id as u8; MIB]));
    }
    out.clear();

    let mut turns = Vec::new();
    loop {
        let mut splices = Vec::new();
        let len = writer.pieces(&mut out, &mut splices, 1);
        // A piece, its header, and the checksum that it has before the peer has said that it wants none.
        assert!(len <= 256 * 1024 + 16 + 4);
        if len == 0 {
            break;
        }
        turns.push(splices[0].1[0]);
    }

    assert_eq!(turns, [1, 2, 3].repeat(4));
}

#[test]
fn credit_beyond_any_length_is_an_error_and_for_no_body_is_ignored() {
    let limits = limits();
    let terms = Terms::new(&limits);
    let (mut writer, mut out) = (RequestWriter::new(&terms), Vec::new());
    send(&mut writer, &mut out, 1, &Bytes::from(varied(4 * MIB)));
    let credit = |id, amount| Word::Credit { id, is_back: false, amount };

    assert!(writer.hear(&mut out, credit(2, u32::MAX)).is_ok());
    assert!(writer.hear(&mut out, Word::Credit { id: 1, is_back: true, amount: u32::MAX }).is_ok());
    assert!(writer.hear(&mut out, credit(1, u32::MAX - 1)).is_ok());
    let error = writer.hear(&mut out, credit(1, 1)).unwrap_err();

    assert!(error.message().contains("more credit than a body is long"), "{error}");
}

#[test]
fn a_withdrawn_request_sends_nothing_more_of_its_body() {
    let limits = limits();
    let terms = Terms::new(&limits);
    let (mut writer, mut out) = (RequestWriter::new(&terms), Vec::new());
    writer.greet(&mut out, &terms);
    send(&mut writer, &mut out, 1, &Bytes::from(varied(MIB)));
    let mut splices = Vec::new();
    writer.pieces(&mut out, &mut splices, 1);

    assert!(writer.holds(1));
    writer.cancel(&mut out, 1);

    assert!(!writer.holds(1));
    assert_eq!(writer.pieces(&mut out, &mut splices, MIB), 0);
    let mut reader = Requests::new(&terms);
    let seen = read_requests(&mut reader, &flat(out, splices), usize::MAX, true).unwrap();
    assert_eq!(seen, [Seen::Word, Seen::Withdrawn(1)]);
}

#[test]
fn a_request_that_was_answered_early_is_withdrawn_unless_nobody_waited() {
    let limits = limits();
    let terms = Terms::new(&limits);
    let (mut writer, mut out) = (RequestWriter::new(&terms), Vec::new());
    for id in [1, 2] {
        send(&mut writer, &mut out, id, &Bytes::from(varied(MIB)));
    }
    let splices = Some(Box::new(vec![Splice { at: 0, bytes: Bytes::from(varied(MIB)) }]));
    let head = Head { is_one_way: true, ..Head::of("Arith.Multiply") };
    writer.request(&mut out, 3, &head, None, &mut Written { splices, ..Written::default() }, &mut Vec::new());

    writer.retain(&mut out, &mut |id| id == 2);

    assert_eq!([1, 2, 3].map(|id| writer.holds(id)), [false, true, true]);
}

/// What a client makes of what its server sends.
fn read_replies(reader: &mut Replies, bytes: &[u8]) -> Result<Vec<Seen>, Error> {
    let (mut seen, mut used) = (Vec::new(), 0);
    loop {
        match reader.read(&bytes[used..])? {
            Read::Message { message, used: taken } => {
                used += taken;
                seen.push(match message {
                    Said::Answer(answered) => match answered.outcome {
                        Ok(body) => Seen::Body(answered.id, body.bytes.to_vec()),
                        Err(error) => Seen::Refused(answered.id, error.code()),
                    },
                    _ => Seen::Word,
                });
            }
            Read::More { .. } => return Ok(seen),
            Read::End => panic!("the protocol has no word for that"),
        }
    }
}

/// Writes a reply whose body is `flat` with `spliced` in front of its last byte.
fn reply(writer: &mut ReplyWriter, out: &mut Vec<u8>, id: u64, flat: &[u8], spliced: Option<&Bytes>) {
    let tag = Tag { id, is_one_way: false };
    let at = out.len();
    writer.open(out, &tag, b"", Format::Raw);
    let body_at = out.len();
    out.extend_from_slice(flat);
    let splices = spliced.map(|bytes| Box::new(vec![Splice { at: flat.len() - 1, bytes: bytes.clone() }]));
    writer.close(out, at, body_at, &tag, Written { splices, ..Written::default() });
}

#[test]
fn a_reply_is_whole_whether_its_long_parts_lay_beside_it_or_in_it() {
    let limits = limits();
    let terms = Terms::new(&limits);
    let long = Bytes::from(varied(100_000));

    for (flat_len, spliced) in
        [(10, None), (65_000, None), (66_000, None), (1, Some(&long)), (10, Some(&long)), (9000, Some(&long))]
    {
        let (mut writer, mut out) = (ReplyWriter::new(&terms), Vec::new());
        writer.greet(&mut out, &terms, &mut std::iter::empty());
        let body = varied(flat_len);
        reply(&mut writer, &mut out, 7, b"first", None);
        reply(&mut writer, &mut out, 8, &body, spliced);
        reply(&mut writer, &mut out, 9, b"last", None);
        let mut splices = Vec::new();
        while writer.pieces(&mut out, &mut splices, MIB) > 0 {}
        let is_flat = splices.is_empty();

        let mut reader = Replies::new(&terms);
        let seen = read_replies(&mut reader, &flat(out, splices)).unwrap();

        let mut expected = body.clone();
        expected.splice(flat_len - 1..flat_len - 1, spliced.into_iter().flatten().copied());
        assert!(seen.contains(&Seen::Body(7, b"first".to_vec())));
        assert!(seen.contains(&Seen::Body(9, b"last".to_vec())));
        assert!(seen.contains(&Seen::Body(8, expected)), "{flat_len} bytes and {}", spliced.is_some());
        assert_eq!(is_flat, spliced.is_none() && flat_len < 66_000);
    }
}

#[test]
fn a_reply_that_is_given_up_ends_with_an_error_and_leaves_nothing() {
    let limits = limits();
    let terms = Terms::new(&limits);
    let (mut writer, mut out) = (ReplyWriter::new(&terms), Vec::new());
    writer.greet(&mut out, &terms, &mut std::iter::empty());
    reply(&mut writer, &mut out, 7, b"x", Some(&Bytes::from(varied(MIB))));
    let mut splices = Vec::new();
    writer.pieces(&mut out, &mut splices, 1);
    let tag = Tag { id: 7, is_one_way: false };

    assert!(writer.abandon(&tag));
    assert!(!writer.abandon(&tag));
    writer.refuse(&mut out, &tag, b"", &Error::new(Code::Cancelled, "nobody waits"));

    let mut reader = Replies::new(&terms);
    let seen = read_replies(&mut reader, &flat(out, splices)).unwrap();
    assert_eq!(seen, [Seen::Word, Seen::Refused(7, Code::Cancelled)]);
    assert_eq!(reader.partial(), None);
}

#[test]
fn where_memory_is_short_the_oldest_body_goes_on_alone() {
    let limits = limits();
    let mut reader = reader_that_knows_its_peer(&limits);
    for id in 1..=2 {
        let mut bytes = frame(kind::REQUEST | flag::MORE, 0, id, &whole_len(4 * MIB));
        bytes.extend(frame(kind::REQUEST | flag::CONTINUED | flag::MORE, 0, id, &varied(3 * MIB / 2)));
        read_requests(&mut reader, &bytes, usize::MAX, true).unwrap();
    }
    let mut granted = |whose| {
        reader.grant(whose).map(|word| match word {
            Word::Grant { id, .. } => id,
            word => panic!("{word:?}"),
        })
    };

    assert_eq!(granted(Whose::Nobodys), None);
    assert_eq!(granted(Whose::Oldest), Some(1));
    assert_eq!(granted(Whose::Oldest), None);
    assert_eq!(granted(Whose::All), Some(2));
    assert_eq!(granted(Whose::All), None);
}
