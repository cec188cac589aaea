//! What must hold of JSON-RPC's readers and writers for any bytes whatever.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use ferrywire::body::{Body, Written};
use ferrywire::codec::Format;
use ferrywire::message::{Asked, Missing, Read, Said};
use ferrywire::protocol::jsonrpc::{Replies, ReplyWriter, RequestWriter, Requests, Tag, Version, Word};
use ferrywire::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies, WriteRequests};
use ferrywire::{Code, Error, Limits};
use serde::de::IgnoredAny;

use super::promises::{Verdict, cuts, in_parts, words};

/// Limits that short inputs reach.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.json_depth_max, limits.json_id_len_max, limits.batch_len_max) = (8, 12, 4);
    limits
}

/// What a body is, read as several things; none of them panics.
fn shown(body: &Body<'_>) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        String::from_utf8_lossy(body.bytes),
        body.decode::<i64>().map_err(words),
        body.decode::<String>().map_err(words),
        body.decode::<(f64, Option<Vec<u8>>)>().map_err(words),
        body.decode::<IgnoredAny>().map_err(words).is_ok(),
    )
}

/// How a server that runs nothing answers: every other request with a number, the rest with some error.
struct Answering {
    writer: ReplyWriter,
    out: Vec<u8>,
    calls: usize,
    awaited: usize,
}

impl Answering {
    fn new() -> Self {
        let writer = ReplyWriter::new(&Terms::new(&limits()));
        Self { writer, out: Vec::new(), calls: 0, awaited: 0 }
    }

    fn call(&mut self, tag: &Tag, method: &[u8]) {
        self.calls += 1;
        self.awaited += usize::from(tag.is_awaited);
        let at = self.out.len();
        match self.calls % 3 {
            0 => self.writer.refuse_missing(&mut self.out, tag, method, Missing::Service),
            1 => {
                self.writer.open(&mut self.out, tag, method, Format::Json);
                let body_at = self.out.len();
                self.out.extend_from_slice(if self.calls & 1 == 0 { b"null" } else { b"[7]" });
                self.writer.close(&mut self.out, at, body_at, tag, Written::default());
            }
            _ => {
                let error = Error::from_bytes(Code::Aborted, method).with_details(method);
                self.writer.refuse(&mut self.out, tag, method, &error);
            }
        }
    }

    /// Every line is JSON, and there are as many replies as somebody waits for.
    fn check(mut self) {
        self.writer.leave(&mut self.out, None, None);
        assert_eq!(self.writer.unsent().kept, 0, "replies are kept back");
        let mut replies = 0;
        for line in self.out.split_inclusive(|byte| *byte == b'\n') {
            assert!(line.ends_with(b"\n"), "half a line");
            match serde_json::from_slice(line).expect("a line of JSON") {
                serde_json::Value::Array(list) => replies += list.len(),
                reply => {
                    assert!(reply.get("id").is_some());
                    replies += 1;
                }
            }
        }
        assert_eq!(replies, self.awaited);
    }
}

fn requests(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let limits = limits();
    let (mut reader, mut asked) = (Requests::new(&Terms::new(&limits)), Vec::new());
    let mut answering = Answering::new();
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message, used }) => {
            match message {
                Asked::Call(ask) => {
                    let Tag { id, version, is_awaited, element } = &ask.tag;
                    assert!(id.as_bytes().len() <= limits.json_id_len_max);
                    assert!(*version == Version::Two || (*is_awaited && element.is_none()));
                    let name = ask.method.name().unwrap();
                    let body = ask.body.as_ref().map(shown).map_err(|error| words(error.clone()));
                    asked.push(format!("{id:?} {version:?} {is_awaited} {element:?} {name:?} {body:?}"));
                    answering.call(&ask.tag, name);
                }
                Asked::Word(word) => {
                    asked.push(format!("{word:?}"));
                    answering.awaited += usize::from(matches!(word, Word::Refused { .. }));
                    if answering.writer.hear(&mut answering.out, word).is_err() {
                        return Err(Verdict::Failed);
                    }
                }
                Asked::Cancel { .. } | Asked::Withdrawn(_) => unreachable!("there is no word for it"),
            }
            assert!(used > 0, "a message of no bytes");
            Ok(used)
        }
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(_) => Err(Verdict::Failed),
    });
    answering.check();
    (asked, verdict)
}

fn replies(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut said) = (Replies::new(&Terms::new(&limits())), Vec::new());
    let mut writer = RequestWriter::new(&Terms::new(&limits()));
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message: Said::Answer(message), used }) => {
            assert!(used > 0, "a message of no bytes");
            let outcome = message.outcome.as_ref().map(shown).map_err(|error| {
                assert!(error.is_remote() && !error.message().is_empty());
                (words(error.clone()), error.may_have_run(), error.details().map(<[u8]>::to_vec))
            });
            said.push(format!("{} {outcome:?}", message.id));
            Ok(used)
        }
        Ok(Read::Message { message: Said::Word(word), used }) => {
            // The server has asked something, and is answered in a line.
            let mut answer = Vec::new();
            assert!(
                writer.hear(&mut answer, word).unwrap()
                    && answer.iter().filter(|b| **b == b'\n').count() == 1
            );
            assert!(
                serde_json::from_slice::<IgnoredAny>(&answer).is_ok(),
                "{}",
                String::from_utf8_lossy(&answer)
            );
            said.push(format!("asked {answer:?}"));
            Ok(used)
        }
        Ok(Read::Message { message, .. }) => panic!("there is no word for {message:?}"),
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(_) => Err(Verdict::Failed),
    });
    (said, verdict)
}

/// A stream of requests is read alike, however it is cut, and answered in lines of JSON.
pub fn jsonrpc_requests(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    assert_eq!(requests(bytes, &cuts(choice, bytes.len())), requests(bytes, &[]));
}

/// A stream of replies is read alike, however it is cut, and is JSON exactly where it is said to be.
pub fn jsonrpc_replies(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    assert_eq!(replies(bytes, &cuts(choice, bytes.len())), replies(bytes, &[]));
    agrees_with_serde_json(bytes);
}

/// Whether the first message is whole, or none, is what serde_json says of it.
fn agrees_with_serde_json(bytes: &[u8]) {
    let mut limits = Limits::default();
    limits.json_depth_max = 120;
    let mut reader = Requests::new(&Terms::new(&limits));
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let theirs = values.next();
    let end = values.byte_offset();
    let Some(begins) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else { return };
    if !matches!(bytes[begins], b'{' | b'[') {
        return;
    }
    let ours = reader.read(bytes);
    match (theirs, ours) {
        (
            Some(Ok(_)),
            Ok(Read::Message { message: Asked::Word(Word::Refused { is_end: true, text, .. }), .. }),
        ) => {
            assert!(text.contains("nest deeper"), "{text}");
        }
        // The elements of a list come one by one.
        (Some(Ok(_)), Ok(Read::Message { used, .. })) => assert!(used == end || bytes[begins] == b'['),
        // What is no request of 1.0.
        (Some(Ok(_)), Err(_)) => {}
        (Some(Ok(_)), Ok(other)) => panic!("whole, but {other:?}"),
        // Of a number that stops short serde_json says that it is none.
        (Some(Err(error)), Ok(Read::More { .. })) => {
            let stops_short = bytes.last().is_some_and(|last| b"eE.+-".contains(last));
            assert!(error.is_eof() || stops_short, "{error}");
        }
        (Some(Err(error)), Ok(Read::Message { message: Asked::Word(Word::Refused { text, .. }), .. })) => {
            // It waits for four digits where one is none already.
            let is_known = text.contains("nest deeper") || text.contains("hexadecimal digits");
            assert!(!error.is_eof() || is_known, "{error}: {text}");
        }
        (Some(Err(error)), other) => panic!("{error}, but {other:?}"),
        (None, _) => {}
    }
}

/// Only finds messages, for who counts what that costs.
pub fn find_messages(bytes: &[u8]) {
    let Some((_, bytes)) = bytes.split_first() else { return };
    let limits = Limits::default();
    let (mut reader, mut at) = (Requests::new(&Terms::new(&limits)), 0);
    while let Ok(Read::Message { used, .. } | Read::More { used }) = reader.read(&bytes[at..]) {
        at += used;
        if used == 0 {
            break;
        }
    }
}
