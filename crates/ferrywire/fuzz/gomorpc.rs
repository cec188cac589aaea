//! What must hold of gomorpc's readers and writers for any bytes whatever.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use ferrywire::body::{Body, Written};
use ferrywire::codec::{Format, Shape};
use ferrywire::message::{Asked, Missing, Read, Said};
use ferrywire::protocol::Recognition;
use ferrywire::protocol::gomorpc::{Echo, Replies, ReplyWriter, Requests, recognises};
use ferrywire::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies};
use ferrywire::{Code, Error, Limits};

use super::promises::{Verdict, cuts, in_parts, words};

/// Limits that short inputs reach.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.mheader_len_max, limits.frame_len_max) = (300, 1000);
    limits
}

/// What a body is, read as several things; none of them panics.
fn shown(body: &Body<'_>) -> String {
    assert_eq!(body.format, Format::Protobuf);
    format!(
        "{:?} {:?} {:?}",
        body.decode::<Vec<u8>>().map_err(words),
        body.decode::<()>().map_err(words),
        body.decode::<i64>().map_err(words),
    )
}

/// A server that runs nothing: it answers every fourth call with a message, and the others with some error.
struct Answering {
    writer: ReplyWriter,
    out: Vec<u8>,
    calls: Vec<Echo>,
}

impl Answering {
    fn new() -> Self {
        Self { writer: ReplyWriter::new(&Terms::new(&limits())), out: Vec::new(), calls: Vec::new() }
    }

    fn call(&mut self, tag: Echo, method: &[u8]) {
        static MESSAGE: Shape = Shape::of::<Vec<u8>>();
        let at = self.out.len();
        match self.calls.len() % 4 {
            0 => {
                self.writer.open(&mut self.out, &tag, method, Format::Protobuf);
                let body_at = self.out.len();
                let message = method.to_vec();
                Format::Protobuf.encode(&message, &MESSAGE, &mut self.out).unwrap();
                self.writer.close(&mut self.out, at, body_at, &tag, Written::default());
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

    /// A client reads as many replies as there were calls, with their numbers.
    fn check(self) {
        let mut limits = Limits::default();
        // A reply says an error beside what it repeats.
        limits.mheader_len_max = 400;
        let (mut reader, mut at) = (Replies::new(&Terms::new(&limits)), 0);
        for (count, call) in self.calls.iter().enumerate() {
            let Read::Message { message: Said::Answer(message), used } =
                reader.read(&self.out[at..]).unwrap()
            else {
                panic!("{count} of {} replies", self.calls.len());
            };
            at += used;
            // Ids count from 1, and one below the first is nobody's.
            assert!(message.id == u64::MAX || message.id as u32 == call.id().wrapping_add(1));
            match count % 4 {
                0 => assert!(message.outcome.is_ok()),
                1 => assert_eq!(message.outcome.unwrap_err().code(), Code::Unimplemented),
                2 => assert_eq!(message.outcome.unwrap_err().code(), Code::DeadlineExceeded),
                _ => assert_eq!(message.outcome.unwrap_err().code(), Code::Aborted),
            }
        }
        assert_eq!(at, self.out.len());
    }
}

fn requests(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut asked) = (Requests::new(&Terms::new(&limits())), Vec::new());
    let mut answering = Answering::new();
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message: Asked::Call(ask), used }) => {
            assert!(used >= 8, "a message of {used} bytes");
            let name = ask.method.name().unwrap().to_vec();
            assert!(name.len() <= limits().mheader_len_max);
            let body = ask.body.as_ref().map(shown).map_err(|error| words(error.clone()));
            asked.push(format!("{:?} {name:?} {:?} {body:?}", ask.tag, ask.timeout));
            let tag = ask.tag;
            answering.call(tag, &name);
            Ok(used)
        }
        Ok(Read::Message { message, .. }) => panic!("there is no word for {message:?}"),
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(_) => Err(Verdict::Failed),
    });
    answering.check();
    (asked, verdict)
}

fn replies(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut said) = (Replies::new(&Terms::new(&limits())), Vec::new());
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message: Said::Answer(message), used }) => {
            assert!(used >= 8, "a message of {used} bytes");
            assert_ne!(message.id, 0, "an id that no call has");
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

/// A stream that begins with a greeting is read alike, however it is cut, and every call has its reply.
pub fn gomorpc_requests(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let (asked, verdict) = requests(bytes, &[]);
    let is_greeted = recognises(bytes) == Recognition::Yes;
    assert!(is_greeted || asked.is_empty(), "a call without a greeting");
    assert_eq!(recognises(bytes) == Recognition::No, !is_greeted && verdict == Verdict::Failed);
    assert_eq!(requests(bytes, &cuts(choice, bytes.len())), (asked, verdict));
}

/// A stream of replies is read alike, however it is cut.
pub fn gomorpc_replies(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    assert_eq!(replies(bytes, &cuts(choice, bytes.len())), replies(bytes, &[]));
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
