//! What must hold of the native protocol's readers and writers for any bytes whatever.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::num::NonZeroU32;
use std::time::Duration;

use ferrywire::body::{Body, Written};
use ferrywire::message::{Answered, Ask, Asked, Head, Plain, PlainAnswer, Read, Said, Wanted};
use ferrywire::protocol::native::{Replies, ReplyWriter, RequestWriter, Requests, Tag};
use ferrywire::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies, WriteRequests};
use ferrywire::{Limits, Metadata};

use super::promises::{Verdict, cuts, in_parts, words};

/// Preface and hello of a side whose methods `S.0` to `S.7` have the numbers 0 to 7.
pub fn greeting() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&[0, 0, 64, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, b'S']);
    body.extend_from_slice(&[0; 8]);
    body.extend_from_slice(&[8, 0]);
    for digit in b'0'..b'8' {
        body.extend_from_slice(&[1, digit, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    let mut bytes = b"\xc1FWR\x01\0\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&body);
    bytes
}

/// The bytes of a stream, as a byte of the input chooses: behind a greeting, or from their own beginning.
fn stream(choice: u8, bytes: &[u8]) -> Vec<u8> {
    if choice & 0x80 == 0 { [&greeting(), bytes].concat() } else { bytes.to_vec() }
}

/// A longer body is written in pieces.
const WHOLE_LEN_MAX: usize = 16 * 1024;

/// What stands beside a body.
fn beside(metadata: Option<&Metadata>) -> String {
    let entries = metadata.map(|metadata| metadata.iter().collect::<Vec<_>>()).unwrap_or_default();
    format!("{entries:?} {:?}", metadata.and_then(Metadata::trace))
}

fn shown(body: &Body<'_>) -> String {
    format!("{:?} {:?}", body.format, body.bytes)
}

// ---- requests ----

/// A request in words, whatever its form: zero milliseconds are one, and a number of the greeting is its name.
fn asked(ask: &Ask<'_, Tag>) -> String {
    let method = match ask.method {
        Wanted::Numbered(number @ 0..8) => format!("{:?} 0", format!("S.{number}").as_bytes()),
        Wanted::Numbered(number) => format!("number {number}"),
        Wanted::Named { name, fingerprint } => format!("{name:?} {fingerprint}"),
    };
    let body = ask.body.as_ref().map(shown).map_err(|error| words(error.clone()));
    let timeout = ask.timeout.map(|timeout| timeout.max(Duration::from_millis(1)));
    let Tag { id, is_one_way } = ask.tag;
    format!("{id} {is_one_way} {method} {body:?} {timeout:?} {}", beside(ask.metadata.as_deref()))
}

/// The request as our writer writes it, where it can.
fn written(ask: &Ask<'_, Tag>) -> Option<Vec<u8>> {
    let body = ask.body.as_ref().ok().filter(|body| body.bytes.len() <= WHOLE_LEN_MAX)?;
    let name;
    let method = match ask.method {
        Wanted::Numbered(number @ 0..8) => {
            name = format!("S.{number}");
            &name
        }
        Wanted::Named { name, fingerprint: 0 } => std::str::from_utf8(name).ok()?,
        _ => return None,
    };
    let limits = Limits::default();
    let mut head = Head::of(method);
    (head.metadata, head.is_one_way) = (ask.metadata.clone(), ask.tag.is_one_way);
    let mut writer = RequestWriter::new(&Terms { format: Some(body.format), ..Terms::new(&limits) });
    let greeting = greeting();
    let mut replies = Replies::new(&Terms::new(&limits));
    let Ok(Read::Message { message: Said::Word(hello), .. }) = replies.read(&greeting) else {
        panic!("the greeting is not understood")
    };
    let mut out = Vec::new();
    writer.hear(&mut out, hello).unwrap();
    out.clear();
    head.place = NonZeroU32::new(1);
    let mut bytes = body.bytes.to_vec();
    writer.request(&mut out, ask.tag.id, &head, ask.timeout, &mut Written::default(), &mut bytes);
    let is_plain = ask.timeout.is_none() && ask.metadata.is_none() && !ask.tag.is_one_way;
    let mut shortly = Vec::new();
    if is_plain && writer.plain(&mut shortly, ask.tag.id, &head, body.bytes) {
        assert_eq!(shortly, out);
    }
    Some(out)
}

/// What is written is read as the same, and written as the same bytes again.
fn is_canonical(bytes: &[u8], said: &str) {
    let stream = [&greeting()[..], bytes].concat();
    let mut reader = Requests::new(&Terms::new(&Limits::default()));
    let Ok(Read::Message { used, .. }) = reader.read(&stream) else {
        panic!("the greeting is not understood")
    };
    match reader.read(&stream[used..]) {
        Ok(Read::Message { message: Asked::Call(ask), used }) => {
            assert_eq!(used, bytes.len());
            assert_eq!(asked(&ask), said);
            assert_eq!(written(&ask).as_deref(), Some(bytes));
        }
        other => panic!("{other:?} where {said} was written"),
    }
}

/// The shorter way is tried first where a stream is cut, and never where it is whole: both must say the same.
fn plain_request(reader: &mut Requests, bytes: &[u8]) -> Option<(String, usize)> {
    let Plain { tag, number, format, bytes, used } = reader.plain(bytes)?;
    let body = Ok(Body { format, bytes, types: None, shared: None });
    let (method, timeout) = (Wanted::Numbered(number), reader.usual_timeout());
    Some((asked(&Ask { tag, method, body, packed: None, timeout, metadata: None }), used))
}

fn requests(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut said) = (Requests::new(&Terms::new(&Limits::default())), Vec::new());
    let verdict = in_parts(bytes, cuts, |bytes| {
        if !cuts.is_empty()
            && let Some((plain, used)) = plain_request(&mut reader, bytes)
        {
            said.push(plain);
            return Ok(used);
        }
        match reader.read(bytes) {
            Ok(Read::Message { message, used }) => {
                assert!(used > 0, "a message of no bytes");
                said.push(match message {
                    Asked::Call(ask) => {
                        let said = asked(&ask);
                        if let Some(bytes) = written(&ask) {
                            is_canonical(&bytes, &said);
                        }
                        said
                    }
                    Asked::Cancel { target, .. } => format!("cancel {}", target.id),
                    Asked::Withdrawn(tag) => format!("withdrawn {}", tag.id),
                    Asked::Word(word) => format!("{word:?}"),
                });
                Ok(used)
            }
            Ok(Read::More { used }) => Ok(used),
            Ok(Read::End) => Err(Verdict::Ended),
            Err(_) => Err(Verdict::Failed),
        }
    });
    (said, verdict)
}

/// A stream of requests is read alike, however it is cut; what was read is written as it is read.
pub fn native_requests(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let bytes = stream(choice, bytes);
    assert_eq!(requests(&bytes, &cuts(choice & 0x7f, bytes.len())), requests(&bytes, &[]));
}

// ---- replies ----

fn answered(answer: &Answered<'_>) -> String {
    let outcome = answer.outcome.as_ref().map(shown).map_err(|error| {
        let text = (error.code(), error.message_bytes().to_vec(), error.details().map(<[u8]>::to_vec));
        (text, error.is_remote(), error.may_have_run())
    });
    // Metadata of errors is read and not written.
    let metadata = answer.metadata.as_deref().filter(|_| answer.outcome.is_ok());
    format!("{} {outcome:?} {}", answer.id, beside(metadata))
}

/// The reply as our writer writes it.
fn written_reply(answer: &Answered<'_>) -> Option<Vec<u8>> {
    let mut writer = ReplyWriter::new(&Terms::new(&Limits::default()));
    let (mut out, tag) = (Vec::new(), Tag { id: answer.id, is_one_way: false });
    match &answer.outcome {
        Ok(body) if body.bytes.len() > WHOLE_LEN_MAX => return None,
        Ok(body) => {
            writer.open(&mut out, &tag, b"", body.format);
            let body_at = out.len();
            out.extend_from_slice(body.bytes);
            let mut written = Written::default();
            written.metadata.clone_from(&answer.metadata);
            writer.close(&mut out, 0, body_at, &tag, written);
        }
        Err(error) if error.is_remote() => writer.refuse(&mut out, &tag, b"", error),
        Err(_) => return None,
    }
    Some(out)
}

fn is_canonical_reply(bytes: &[u8], said: &str) {
    let stream = [&greeting()[..], bytes].concat();
    let mut reader = Replies::new(&Terms::new(&Limits::default()));
    let Ok(Read::Message { used, .. }) = reader.read(&stream) else {
        panic!("the greeting is not understood")
    };
    match reader.read(&stream[used..]) {
        Ok(Read::Message { message: Said::Answer(answer), used }) => {
            assert_eq!(used, bytes.len());
            assert_eq!(answered(&answer), said);
            assert_eq!(written_reply(&answer).as_deref(), Some(bytes));
        }
        other => panic!("{other:?} where {said} was written"),
    }
}

/// As [`plain_request`].
fn plain_reply(reader: &mut Replies, bytes: &[u8]) -> Option<(String, usize)> {
    let PlainAnswer { id, format, bytes, used } = reader.plain(bytes)?;
    let outcome = Ok(Body { format, bytes, types: None, shared: None });
    Some((answered(&Answered { id, outcome, packed: None, metadata: None }), used))
}

fn replies(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut said) = (Replies::new(&Terms::new(&Limits::default())), Vec::new());
    let verdict = in_parts(bytes, cuts, |bytes| {
        if !cuts.is_empty()
            && let Some((plain, used)) = plain_reply(&mut reader, bytes)
        {
            said.push(plain);
            return Ok(used);
        }
        match reader.read(bytes) {
            Ok(Read::Message { message, used }) => {
                assert!(used > 0, "a message of no bytes");
                said.push(match message {
                    Said::Answer(answer) => {
                        let said = answered(&answer);
                        if let Some(bytes) = written_reply(&answer) {
                            is_canonical_reply(&bytes, &said);
                        }
                        said
                    }
                    Said::Leaving { last, error } => format!("leaving {last:?} {}", error.message()),
                    Said::Word(word) => format!("{word:?}"),
                });
                Ok(used)
            }
            Ok(Read::More { used }) => Ok(used),
            Ok(Read::End) => Err(Verdict::Ended),
            Err(_) => Err(Verdict::Failed),
        }
    });
    (said, verdict)
}

/// A stream of replies is read alike, however it is cut; what was read is written as it is read.
pub fn native_replies(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let bytes = stream(choice, bytes);
    assert_eq!(replies(&bytes, &cuts(choice & 0x7f, bytes.len())), replies(&bytes, &[]));
}

/// Only finds messages, in both directions, for who counts what each of them costs: `found` gets its length.
pub fn find_messages(bytes: &[u8], mut found: impl FnMut(usize)) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let limits = Limits::default();
    let bytes = stream(choice, bytes);
    found(bytes.len());
    let (mut reader, mut at) = (Requests::new(&Terms::new(&limits)), 0);
    while let Ok(Read::Message { used, .. } | Read::More { used }) = reader.read(&bytes[at..]) {
        at += used;
        found(used);
        if used == 0 {
            break;
        }
    }
    let (mut reader, mut at) = (Replies::new(&Terms::new(&limits)), 0);
    while let Ok(Read::Message { used, .. } | Read::More { used }) = reader.read(&bytes[at..]) {
        at += used;
        found(used);
        if used == 0 {
            break;
        }
    }
    found(0);
}
