//! What must hold of HTTP's readers of replies for any bytes whatever.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use ferrywire::body::Body;
use ferrywire::codec::Format;
use ferrywire::message::{Answered, Read, Said};
use ferrywire::protocol::{Http, JsonRpc, Post, Protocol, ReadReplies, Terms};
use ferrywire::{Error, Limits};
use serde::de::IgnoredAny;

use super::promises::{Verdict, cuts, in_parts, words};

/// Limits that short inputs reach.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.frame_len_max, limits.http_head_len_max, limits.http_headers_max) = (200, 300, 6);
    limits
}

/// What a body is, read as several things; none of them panics.
fn shown(body: &Body<'_>) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        body.format,
        String::from_utf8_lossy(body.bytes),
        body.decode::<i64>().map_err(words),
        body.decode::<IgnoredAny>().map_err(words).is_ok(),
    )
}

fn told(error: &Error) -> String {
    assert!(!error.message().is_empty() && error.message().len() < 2000);
    format!("{} {} {:?}", words(error.clone()), error.may_have_run(), error.details())
}

fn answer(answered: Answered<'_>) -> String {
    let outcome = answered.outcome.as_ref().map(shown).map_err(told);
    let metadata = answered.metadata.map(|metadata| format!("{metadata:?}"));
    format!("{} {outcome:?} {metadata:?}", answered.id)
}

fn replies<P: Protocol>(bytes: &[u8], cuts: &[usize], format: Option<Format>) -> (Vec<String>, Verdict) {
    let limits = limits();
    let mut reader = P::ReadReplies::new(&Terms { format, ..Terms::new(&limits) });
    let mut said = Vec::new();
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message: Said::Answer(answered), used }) => {
            assert!(used > 0, "a message of no bytes");
            said.push(answer(answered));
            assert!(said.last().unwrap().starts_with(&format!("{} ", said.len())), "a number was left out");
            Ok(used)
        }
        Ok(Read::Message { message, .. }) => panic!("there is no word for {message:?}"),
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(error) => {
            assert!(!error.is_remote() && error.may_have_run() && !error.message().is_empty());
            Err(Verdict::Failed)
        }
    });
    if verdict == Verdict::Open {
        match reader.end() {
            Some(Said::Answer(answered)) => said.push(answer(answered)),
            Some(other) => panic!("there is no word for {other:?}"),
            None => {}
        }
        assert!(reader.end().is_none(), "a stream ends once");
    }
    (said, verdict)
}

/// A stream of responses is read alike, however it is cut.
pub fn http_replies(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let cuts = cuts(choice, bytes.len());
    for format in [None, Some(Format::MessagePack), Some(Format::Raw)] {
        assert_eq!(replies::<Http>(bytes, &cuts, format), replies::<Http>(bytes, &[], format));
    }
    assert_eq!(replies::<Post<JsonRpc>>(bytes, &cuts, None), replies::<Post<JsonRpc>>(bytes, &[], None));
}
