//! What must hold of WgRPC's and GeeRPC's readers and writers for any bytes whatever.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use ferrywire::body::{Body, Written};
use ferrywire::codec::{Format, Shape};
use ferrywire::message::{Asked, Missing, Read, Said};
use ferrywire::protocol::wgrpc::{Greeting, Replies, ReplyWriter, Requests, family};
use ferrywire::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies};
use ferrywire::{Code, Error, Limits};
use serde::de::IgnoredAny;

use super::promises::{Verdict, cuts, in_parts, words};

/// Limits that short inputs reach.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.option_len_max = 600;
    limits
}

/// What a body is, read as several things; none of them panics.
fn shown(body: &Body<'_>) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        body.format,
        body.decode::<i64>().map_err(words),
        body.decode::<String>().map_err(words),
        body.decode::<IgnoredAny>().map_err(words).is_ok(),
    )
}

/// A server that runs nothing: it answers every third call with a number, and the others with some error.
struct Answering {
    writer: ReplyWriter,
    greeting: Option<Greeting>,
    out: Vec<u8>,
    /// The numbers of the calls.
    calls: Vec<u64>,
}

impl Answering {
    fn new() -> Self {
        let writer = ReplyWriter::new(&Terms::new(&limits()));
        Self { writer, greeting: None, out: Vec::new(), calls: Vec::new() }
    }

    fn call(&mut self, tag: u64, method: &[u8]) {
        static NUMBER: Shape = Shape::of::<i64>();
        let (at, format) = (self.out.len(), self.greeting.expect("an Option comes first").format);
        match self.calls.len() % 4 {
            0 => {
                self.writer.open(&mut self.out, &tag, method, format);
                let body_at = self.out.len();
                let preamble = format.encode(&7_i64, &NUMBER, &mut self.out).unwrap_or_default();
                let written = Written { preamble, ..Written::default() };
                self.writer.close(&mut self.out, at, body_at, &tag, written);
            }
            1 => self.writer.refuse_missing(&mut self.out, &tag, method, Missing::Method),
            2 => {
                let late = Error::new(Code::DeadlineExceeded, "late");
                self.writer.refuse_late(&mut self.out, &tag, method, &late);
            }
            _ => self.writer.refuse(&mut self.out, &tag, method, &Error::from_bytes(Code::Aborted, method)),
        }
        self.calls.push(tag);
    }

    /// A client of the same codec reads as many replies as there were calls, with their numbers.
    fn check(self) {
        let limits = Limits::trusted_network();
        let format = self.greeting.map(|greeting| greeting.format);
        let (mut reader, mut at) = (Replies::new(&Terms { format, ..Terms::new(&limits) }), 0);
        for (count, call) in self.calls.iter().enumerate() {
            let message = loop {
                match reader.read(&self.out[at..]).expect("our own reply is read") {
                    Read::Message { message: Said::Answer(message), used } => {
                        at += used;
                        break message;
                    }
                    Read::More { used } if used > 0 => at += used,
                    other => panic!("{} of {} replies, then {other:?}", count, self.calls.len()),
                }
            };
            assert_eq!(message.id, *call);
            assert_eq!(message.outcome.is_ok(), count % 4 == 0);
        }
    }
}

fn requests(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut asked) = (Requests::new(&Terms::new(&limits())), Vec::new());
    let mut answering = Answering::new();
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message, used }) => {
            assert!(used > 0, "a message of no bytes");
            match message {
                Asked::Word(greeting) => {
                    assert!(asked.is_empty(), "a second Option");
                    assert!(used <= limits().option_len_max && bytes[..used].ends_with(b"}"));
                    asked.push(format!("{greeting:?}"));
                    answering.greeting = Some(greeting);
                    assert!(!answering.writer.hear(&mut answering.out, greeting).unwrap());
                }
                Asked::Call(ask) => {
                    let name = ask.method.name().unwrap().to_vec();
                    let body = ask.body.as_ref().map(shown).map_err(|error| words(error.clone()));
                    asked.push(format!("{} {name:?} {:?} {body:?}", ask.tag, ask.timeout));
                    let tag = ask.tag;
                    answering.call(tag, &name);
                }
                Asked::Cancel { .. } | Asked::Withdrawn(_) => unreachable!("there is no word for it"),
            }
            Ok(used)
        }
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(_) => Err(Verdict::Failed),
    });
    answering.check();
    (asked, verdict)
}

fn replies(bytes: &[u8], cuts: &[usize], format: Format) -> (Vec<String>, Verdict) {
    let limits = limits();
    let mut reader = Replies::new(&Terms { format: Some(format), ..Terms::new(&limits) });
    let mut said = Vec::new();
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message: Said::Answer(message), used }) => {
            assert!(used > 0, "a message of no bytes");
            let outcome = message.outcome.as_ref().map(shown);
            let outcome = outcome.map_err(|error| (words(error.clone()), error.may_have_run()));
            said.push(format!("{} {outcome:?}", message.id));
            Ok(used)
        }
        Ok(Read::Message { message, .. }) => panic!("there is no word for {message:?}"),
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(_) => Err(Verdict::Failed),
    });
    (said, verdict)
}

/// A stream that begins with an Option is read alike, however it is cut, and every call has its reply.
pub fn wgrpc_requests(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let (asked, verdict) = requests(bytes, &[]);
    assert_eq!(requests(bytes, &cuts(choice, bytes.len())), (asked.clone(), verdict));
    // Who waits for the Option waits until it is read or refused, and no longer.
    let waits = family(bytes, limits().option_len_max).is_none();
    assert_eq!(waits, asked.is_empty() && requests(bytes, &[]).1 == Verdict::Open);
}

/// A stream of replies is read alike, however it is cut.
pub fn wgrpc_replies(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    for format in [Format::Gob, Format::Json] {
        assert_eq!(replies(bytes, &cuts(choice, bytes.len()), format), replies(bytes, &[], format));
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
