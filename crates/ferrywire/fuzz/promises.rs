//! What must hold for any bytes whatever; fuzzing looks for bytes for which it does not.
//!
//! `cargo test` runs the same over the corpora.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use ferrywire::body::Body;
use ferrywire::message::{Asked, Read, Said};
use ferrywire::protocol::Recognition;
#[cfg(feature = "json")]
use ferrywire::protocol::jsonrpc;
use ferrywire::protocol::netrpc::{self, Replies, Requests};
use ferrywire::protocol::opening::{Opening, opening};
use ferrywire::protocol::tunnel::{self, Paths, Wanted};
use ferrywire::protocol::{NetRpc, Protocol, ReadReplies, ReadRequests, Terms};
use ferrywire::transport::Address;
use ferrywire::{Error, Limits};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How reading a stream came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// More bytes could follow.
    Open,
    /// The peer said that nothing follows.
    Ended,
    /// What follows cannot be understood.
    Failed,
}

/// Shows `bytes` to `read` in parts, as a connection would, until they are used up or the stream is over.
///
/// `read` says how many bytes a message took, or how many are done with before one is whole.
pub fn in_parts(
    bytes: &[u8],
    cuts: &[usize],
    mut read: impl FnMut(&[u8]) -> Result<usize, Verdict>,
) -> Verdict {
    let (mut from, mut to) = (0, 0);
    for len in cuts.iter().copied().chain([bytes.len()]) {
        to = bytes.len().min(to + len);
        loop {
            match read(&bytes[from..to]) {
                Ok(0) => break,
                Ok(used) => from += used,
                Err(verdict) => return verdict,
            }
            assert!(from <= to, "more bytes were used than shown");
        }
    }
    Verdict::Open
}

/// Lengths of parts, which a byte of the input chooses: all at once, byte by byte, or unevenly.
pub fn cuts(choice: u8, len: usize) -> Vec<usize> {
    match choice {
        0 => Vec::new(),
        1 => vec![1; len],
        seed => {
            let mut state = u32::from(seed);
            let next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as usize % 23
            };
            std::iter::repeat_with(next).take(len.min(400)).collect()
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Args {
    #[serde(default)]
    a: i64,
    #[serde(default)]
    b: Vec<String>,
}

/// What a body is, read as several things; none of them panics.
fn shown(body: &Body<'_>) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        body.decode::<i64>().map_err(words),
        body.decode::<&str>().map_err(words),
        body.decode::<Args>().map_err(words),
        body.decode::<IgnoredAny>().map_err(words),
    )
}

/// An error's text without the place, which is counted from wherever the bytes were cut.
pub fn words(error: Error) -> String {
    let text = error.message();
    match error.is_remote() {
        true => format!("{:?}", error.message_bytes()),
        false => text.split(" (byte ").next().unwrap_or(text).to_owned(),
    }
}

fn requests(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut asked) = (Requests::new(&Terms::new(&Limits::default())), Vec::new());
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message, used }) => {
            assert!(used > 0, "a message of no bytes");
            asked.push(match message {
                Asked::Call(ask) => {
                    let body = ask.body.as_ref().map(shown).map_err(|error| words(error.clone()));
                    format!("{} {:?} {body:?}", ask.tag, ask.method)
                }
                Asked::Cancel { target, reply_to } => format!("cancel {target} {reply_to:?}"),
                Asked::Withdrawn(_) => unreachable!("a gob request comes as a whole"),
                Asked::Word(word) => match word {},
            });
            Ok(used)
        }
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(_) => Err(Verdict::Failed),
    });
    (asked, verdict)
}

fn replies(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Verdict) {
    let (mut reader, mut said) = (Replies::new(&Terms::new(&Limits::default())), Vec::new());
    let verdict = in_parts(bytes, cuts, |bytes| match reader.read(bytes) {
        Ok(Read::Message { message: Said::Answer(message), used }) => {
            assert!(used > 0, "a message of no bytes");
            let outcome = message.outcome.as_ref().map(shown);
            let outcome = outcome.map_err(|error| (words(error.clone()), error.may_have_run()));
            said.push(format!("{} {outcome:?}", message.id));
            Ok(used)
        }
        Ok(Read::Message { message: Said::Leaving { .. }, .. }) => panic!("net/rpc has no farewell"),
        Ok(Read::More { used }) => Ok(used),
        Ok(Read::End) => Err(Verdict::Ended),
        Err(_) => Err(Verdict::Failed),
    });
    (said, verdict)
}

/// A stream of requests is read alike, however it is cut.
pub fn netrpc_requests(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    assert_eq!(requests(bytes, &cuts(choice, bytes.len())), requests(bytes, &[]));
}

/// A stream of replies is read alike, however it is cut.
pub fn netrpc_replies(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    assert_eq!(replies(bytes, &cuts(choice, bytes.len())), replies(bytes, &[]));
}

/// Only finds messages, in one direction or the other, for who counts what that costs.
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

/// The places where a head can be cut: everywhere in a short one, every so often in a long one.
fn prefixes(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let step = 1 + bytes.len() / 400;
    (0..=bytes.len()).step_by(step).chain([bytes.len()]).map(|len| &bytes[..len])
}

/// The head of a request is judged once, whatever more of it comes.
pub fn tunnel_request(bytes: &[u8]) {
    let limits = Limits::default();
    let tunnels = vec!["/_goRPC_".to_owned()];
    let paths = Paths { tunnels, pages: vec![netrpc::PAGE_PATH], ..Paths::default() };
    let mut verdict: Option<Wanted> = None;
    for prefix in prefixes(bytes) {
        let now = tunnel::read_request(prefix, &paths, &limits);
        match (&verdict, &now) {
            (None, _) => verdict = now.clone(),
            // A head that is too long may be found to be malformed as well.
            (Some(Wanted::Refused(_)), Some(Wanted::Refused(_))) => {}
            (Some(before), now) => assert_eq!(now.as_ref(), Some(before)),
        }
        match now {
            Some(Wanted::Tunnel { used, .. }) => {
                assert!(used <= limits.http_head_len_max && prefix[..used].ends_with(b"\n"));
                assert!(prefix[..used].windows(9).any(|path| path == b"/_goRPC_ "));
            }
            Some(Wanted::Refused(status)) => assert!(tunnel::refusal(status).starts_with(b"HTTP/1.1 4")),
            Some(Wanted::Http2) => assert!(prefix.starts_with(b"PRI * HTTP/2")),
            Some(Wanted::Page { .. }) => {}
            None => assert!(prefix.len() <= limits.http_head_len_max),
        }
    }
}

/// The head of a reply is judged once, whatever more of it comes.
pub fn tunnel_reply(bytes: &[u8]) {
    let limits = Limits::default();
    let tunnel = NetRpc::TUNNEL.expect("net/rpc has a tunnel");
    let mut verdict: Option<Option<usize>> = None;
    for prefix in prefixes(bytes) {
        let now = match tunnel::read_reply(prefix, &tunnel, &limits) {
            Ok(None) => None,
            Ok(Some(used)) => Some(Some(used)),
            Err(error) => {
                assert!(error.message().len() < 1000 && !error.message().contains(['\n', '\x1b']));
                Some(None)
            }
        };
        match verdict {
            None => verdict = now,
            Some(before) => assert_eq!(now, Some(before)),
        }
        match now {
            Some(Some(used)) => {
                assert!(used <= limits.http_head_len_max && prefix[..used].ends_with(b"\n"));
                assert!(prefix[..used].windows(tunnel.status.len()).any(|it| it == tunnel.status.as_bytes()));
            }
            Some(None) => {}
            None => assert!(prefix.len() <= limits.http_head_len_max),
        }
    }
}

/// What a stream speaks is found once, and it is one thing at most.
pub fn recognise(bytes: &[u8]) {
    #[cfg(feature = "json")]
    let json = jsonrpc::recognises;
    #[cfg(not(feature = "json"))]
    let json = |_: &[u8]| Recognition::No;
    let (mut http, mut gob) = (Recognition::Undecided, Recognition::Undecided);
    let mut known = None::<Recognition>;
    for len in 0..=bytes.len().min(64) {
        let prefix = &bytes[..len];
        let (http_now, gob_now) = (tunnel::recognises(prefix), netrpc::recognises(prefix));
        assert!(
            http == Recognition::Undecided || http == http_now,
            "HTTP is known by {len} bytes, and then not"
        );
        assert!(gob == Recognition::Undecided || gob == gob_now, "gob is known by {len} bytes, and then not");
        assert!(http_now != Recognition::Yes || gob_now == Recognition::No, "HTTP may be gob");
        let json_now = json(prefix);
        assert!(known.is_none_or(|known| known == json_now), "JSON is known by {len} bytes, and then not");
        if json_now == Recognition::Yes {
            let is_else = [http_now, gob_now] != [Recognition::No; 2];
            assert!(!is_else, "JSON may be something else");
        }
        assert!(len < 2 || json_now != Recognition::Undecided, "2 bytes do not tell JSON");
        known = Some(json_now).filter(|verdict| *verdict != Recognition::Undecided);
        (http, gob) = (http_now, gob_now);
    }
    one_row_decides(bytes);
    assert!(bytes.len() < 16 || ![http, gob].contains(&Recognition::Undecided), "16 bytes do not tell");
}

/// The table of all says one thing, and goes on saying it.
fn one_row_decides(bytes: &[u8]) {
    let mut said = Opening::Undecided;
    for len in 0..=bytes.len().min(64) {
        let now = opening(&bytes[..len], &Limits::default());
        assert!(said == Opening::Undecided || said == now, "{said:?}, and {now:?} by {len} bytes");
        said = now;
    }
}

/// An address is written as it is read; a text that is none is refused in few words.
pub fn address(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<Address>() {
        Ok(address) => assert_eq!(address.to_string().parse::<Address>().unwrap(), address),
        Err(error) => {
            assert!(error.message().contains("is not an address: expected"));
            assert!(error.message().len() < 1000 && !error.message().contains(['\n', '\x1b']));
        }
    }
}
