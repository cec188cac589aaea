//! Frames that were put together from the page by hand (`frames.hex`): read, and written back byte by byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use ferrywire::body::{Body, Written};
use ferrywire::codec::Format;
use ferrywire::message::{Asked, Head, Read, Said, Wanted};
use ferrywire::protocol::native::{Replies, ReplyWriter, RequestWriter, Requests, Tag, Word};
use ferrywire::protocol::{ReadReplies, ReadRequests, Terms, WriteReplies, WriteRequests};
use ferrywire::{Code, Error, Limits, Metadata};

use crate::frames::{greeting, hello_body};

/// What a frame says, and its bytes.
struct Recorded {
    says: String,
    bytes: Vec<u8>,
}

fn recorded() -> BTreeMap<String, Recorded> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/native/frames.hex");
    let (mut all, text) = (BTreeMap::new(), std::fs::read_to_string(path).unwrap());
    for entry in text.split("\n== ").skip(1) {
        let (title, rest) = entry.split_once("\nsays ").unwrap();
        let (says, hex) = rest.split_once('\n').unwrap();
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes = digits.chunks(2).map(byte).collect();
        all.insert(title.to_owned(), Recorded { says: says.to_owned(), bytes });
    }
    assert_eq!(all.len(), 13);
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn said_beside(metadata: Option<&Metadata>) -> String {
    let Some(metadata) = metadata else { return String::new() };
    let trace = metadata.trace().map(|trace| format!(", trace {trace}")).unwrap_or_default();
    metadata.iter().fold(trace, |mut said, (name, value)| {
        write!(said, ", {name} {}", hex(value)).unwrap();
        said
    })
}

fn said_of(body: &Body<'_>) -> String {
    format!("{} {}", body.format.name(), hex(body.bytes))
}

fn said_in(word: &Word) -> String {
    match word {
        Word::Hello(_) => "hello".to_owned(),
        Word::Ping { id, body } => format!("ping {id} {}", hex(body)),
        Word::Pong => "pong".to_owned(),
        word => format!("{word:?}"),
    }
}

/// What a server reads behind a greeting.
fn asked(bytes: &[u8]) -> Vec<String> {
    let mut reader = Requests::new(&Terms::new(&Limits::default()));
    let (mut at, mut said) = (0, Vec::new());
    while at < bytes.len() {
        let Read::Message { message, used } = reader.read(&bytes[at..]).unwrap() else {
            panic!("{} bytes are left", bytes.len() - at)
        };
        said.push(match message {
            Asked::Call(ask) => {
                let method = match ask.method {
                    Wanted::Numbered(number) => format!("at {number}"),
                    Wanted::Named { name, fingerprint } => {
                        format!("of {}, fingerprint {fingerprint}", String::from_utf8_lossy(name))
                    }
                };
                let one_way = if ask.tag.is_one_way { ", one way" } else { "" };
                let (within, beside) = (ask.timeout.unwrap(), said_beside(ask.metadata.as_deref()));
                let body = said_of(&ask.body.unwrap());
                format!("call {} {method}{one_way}, within {within:?}{beside}: {body}", ask.tag.id)
            }
            Asked::Cancel { target, .. } => format!("cancel {}", target.id),
            Asked::Withdrawn(tag) => format!("withdrawn {}", tag.id),
            Asked::Word(word) => said_in(&word),
        });
        at += used;
    }
    said
}

/// What a client reads behind a greeting.
fn answered(bytes: &[u8]) -> Vec<String> {
    let mut reader = Replies::new(&Terms::new(&Limits::default()));
    let (mut at, mut said) = (0, Vec::new());
    while at < bytes.len() {
        let Read::Message { message, used } = reader.read(&bytes[at..]).unwrap() else {
            panic!("{} bytes are left", bytes.len() - at)
        };
        said.push(match message {
            Said::Answer(answer) => {
                let outcome = match answer.outcome {
                    Ok(body) => said_of(&body),
                    Err(error) => {
                        let run = if error.may_have_run() { "may have run" } else { "has not run" };
                        let details = hex(error.details().unwrap_or_default());
                        format!("{:?} `{}`, {run}, details {details}", error.code(), error.message())
                    }
                };
                format!("answer {}{}: {outcome}", answer.id, said_beside(answer.metadata.as_deref()))
            }
            Said::Leaving { last, error } => {
                format!("leaving behind {}: {:?} `{}`", last.unwrap(), error.code(), error.message())
            }
            Said::Word(word) => said_in(&word),
        });
        at += used;
    }
    said
}

const ASKED: [&str; 5] = [
    "a request by number",
    "a request with everything that a request can have",
    "a request with a checksum",
    "a cancel",
    "a ping",
];

const ANSWERED: [&str; 7] = [
    "a response in postcard",
    "a response with everything that a response can have",
    "an error",
    "an error that says that nothing has run, with details",
    "a pong",
    "a farewell",
    "a farewell because of what was read",
];

#[test]
fn recorded_frames_are_read() {
    let recorded = recorded();
    let hello = &recorded["a greeting of a side that offers nothing"];
    for (titles, read) in [
        (&ASKED[..], asked as fn(&[u8]) -> Vec<String>),
        (&ANSWERED[..], answered as fn(&[u8]) -> Vec<String>),
    ] {
        let (mut bytes, mut says) = (hello.bytes.clone(), vec![hello.says.clone()]);
        for title in titles {
            bytes.extend_from_slice(&recorded[*title].bytes);
            says.push(recorded[*title].says.clone());
        }

        assert_eq!(read(&bytes), says);
    }
}

#[test]
fn requests_are_written_as_they_were_recorded() {
    let (recorded, limits) = (recorded(), Limits::default());
    let bytes_of = |title: &str| hex(&recorded[title].bytes);
    let mut writer = RequestWriter::new(&Terms::new(&limits));

    let mut out = Vec::new();
    writer.greet(&mut out, &Terms::new(&limits));
    assert_eq!(hex(&out), bytes_of("a greeting of a side that offers nothing"));

    // The hello of a server gives the fourth of its methods the number 3.
    let mut greeting = greeting()[..16].to_vec();
    let body = hello_body(&[("A", &["B", "C"]), ("Desk", &["Refuse", "Total"])]);
    greeting.extend_from_slice(&crate::frames::Frame::new(4, 0, 0, body).bytes());
    let mut replies = Replies::new(&Terms::new(&limits));
    let Ok(Read::Message { message: Said::Word(word), .. }) = replies.read(&greeting) else {
        panic!("no hello")
    };
    writer.hear(&mut out, word).unwrap();
    out.clear();
    writer.request(
        &mut out,
        1,
        &Head::of("Desk.Total"),
        None,
        &mut Written::default(),
        &mut b"\x2a".to_vec(),
    );
    assert_eq!(hex(&out), bytes_of("a request by number"));

    let mut metadata = Metadata::new();
    metadata.set_trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().ok());
    metadata.insert("Who", "me");
    metadata.insert("key-bin", [0, 255]);
    let mut head = Head::of("Desk.Total");
    head.metadata = Some(Box::new(metadata));
    head.is_one_way = true;
    let terms = Terms { format: Some(Format::Json), ..Terms::new(&limits) };
    out.clear();
    RequestWriter::new(&terms).request(
        &mut out,
        2,
        &head,
        Some(Duration::from_millis(1500)),
        &mut Written::default(),
        &mut b"42".to_vec(),
    );
    assert_eq!(hex(&out), bytes_of("a request with everything that a request can have"));

    let terms = Terms { checksum: true, ..Terms::new(&limits) };
    out.clear();
    RequestWriter::new(&terms).request(
        &mut out,
        3,
        &Head::of("Desk.Wait"),
        None,
        &mut Written::default(),
        &mut b"\x02".to_vec(),
    );
    assert_eq!(hex(&out), bytes_of("a request with a checksum"));

    out.clear();
    writer.cancel(&mut out, 3);
    assert_eq!(hex(&out), bytes_of("a cancel"));
    out.clear();
    assert!(writer.ping(&mut out));
    assert_eq!(hex(&out), bytes_of("a ping"));
}

#[test]
fn replies_are_written_as_they_were_recorded() {
    let (recorded, limits) = (recorded(), Limits::default());
    let bytes_of = |title: &str| hex(&recorded[title].bytes);
    let mut writer = ReplyWriter::new(&Terms::new(&limits));
    let tag = |id| Tag { id, is_one_way: false };
    let mut reply = |id, format, body: &[u8], metadata: Option<Metadata>| {
        let mut out = Vec::new();
        writer.open(&mut out, &tag(id), b"Desk.Total", format);
        let body_at = out.len();
        out.extend_from_slice(body);
        let written = Written { metadata: metadata.map(Box::new), ..Written::default() };
        writer.close(&mut out, 0, body_at, &tag(id), written);
        hex(&out)
    };

    assert_eq!(reply(1, Format::Postcard, b"\x54", None), bytes_of("a response in postcard"));
    let mut metadata = Metadata::new();
    metadata.insert("re-who", "me");
    let everything = reply(2, Format::Json, b"42", Some(metadata));
    assert_eq!(everything, bytes_of("a response with everything that a response can have"));

    let refused = |error: Error, id| {
        let mut out = Vec::new();
        ReplyWriter::new(&Terms::new(&limits)).refuse(&mut out, &tag(id), b"", &error);
        hex(&out)
    };
    assert_eq!(refused(Error::new(Code::Aborted, "no"), 3), bytes_of("an error"));
    let busy = Error::new(Code::ResourceExhausted, "busy").not_executed().with_details([1, 2]);
    assert_eq!(refused(busy, 4), bytes_of("an error that says that nothing has run, with details"));

    let mut out = Vec::new();
    assert!(writer.hear(&mut out, Word::Ping { id: 7, body: b"anybody there?".to_vec() }).unwrap());
    assert_eq!(hex(&out), bytes_of("a pong"));
    out.clear();
    writer.leave(&mut out, Some(&tag(4)), None);
    assert_eq!(hex(&out), bytes_of("a farewell"));
    out.clear();
    writer.leave(&mut out, None, Some(&Error::new(Code::InvalidArgument, "found a second hello")));
    assert_eq!(hex(&out), bytes_of("a farewell because of what was read"));
}
