//! Conversations recorded between Go's own programs, held again with one side replaced by ours.
//!
//! The client's bytes go into our server, whose replies must be the recorded server's as values: ids and
//! the grouping of bytes are each program's own. The server's bytes go through our reader. However the bytes
//! are cut, the outcome is the same.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferrywire::codec::Types;
use ferrywire::message::{Asked, Read, Said};
use ferrywire::protocol::netrpc::{Replies, Requests};
use ferrywire::protocol::{NetRpc, Protocol, ReadReplies, ReadRequests, Terms, tunnel};
use ferrywire::transport::Stream;
use ferrywire::{Limits, ServerHandle, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use support::{in_time, pipe, settle};

mod support;

/// The services that the recorded clients call, as the tests against living Go programs serve them.
#[path = "../../../interop/src/zoo/mod.rs"]
#[allow(unreachable_pub, unused_imports, dead_code, missing_docs, clippy::unwrap_used, reason = "lent")]
mod zoo;

/// Both ways of beginning, by two versions of Go.
const FILES: [&str; 4] =
    ["netrpc-tcp-go1.19", "netrpc-tcp-go1.27", "netrpc-connect-go1.19", "netrpc-connect-go1.27"];

// ---- what was recorded ----

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The client sends.
    Client(Vec<u8>),
    /// The server sends.
    Server(Vec<u8>),
    /// The client ends its direction.
    ClientEnd,
    /// One call of `Gate.Wait` is let go.
    Open,
}

#[derive(Debug)]
struct Conversation {
    name: String,
    steps: Vec<Step>,
    /// How many calls the recorded client had ended, with replies or errors.
    ended: usize,
}

impl Conversation {
    fn joined(&self, side: impl Fn(&Step) -> Option<&Vec<u8>>) -> Vec<u8> {
        self.steps.iter().filter_map(side).flatten().copied().collect()
    }

    fn client_bytes(&self) -> Vec<u8> {
        self.joined(|step| if let Step::Client(bytes) = step { Some(bytes) } else { None })
    }

    fn server_bytes(&self) -> Vec<u8> {
        self.joined(|step| if let Step::Server(bytes) = step { Some(bytes) } else { None })
    }
}

fn conversations(file: &str) -> Vec<Conversation> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/wire/{file}.hex"));
    let mut conversations: Vec<Conversation> = Vec::new();
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        if let Some(name) = line.strip_prefix("== ") {
            conversations.push(Conversation { name: name.to_owned(), steps: Vec::new(), ended: 0 });
            continue;
        }
        let Some(conversation) = conversations.last_mut() else { continue };
        match line.split_once(' ') {
            Some(("C->S", "end")) => conversation.steps.push(Step::ClientEnd),
            Some(("C->S", hex)) => conversation.steps.push(Step::Client(unhex(hex))),
            Some(("S->C", "end")) | None => {}
            Some(("S->C", hex)) => conversation.steps.push(Step::Server(unhex(hex))),
            Some((_, text)) if text.ends_with("is let go") => conversation.steps.push(Step::Open),
            Some((_, text)) => conversation.ended += usize::from(text.contains(" -> ")),
        }
    }
    assert_eq!(conversations.len(), 13, "{}", path.display());
    conversations
}

fn unhex(hex: &str) -> Vec<u8> {
    assert_eq!(hex.len() % 2, 0, "{hex}");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

// ---- what it says, as values ----

/// A reply: its id, and its value or the bytes of its error.
type Recorded = (u64, Result<serde_json::Value, Vec<u8>>);

fn shown(types: Option<&Arc<Types>>, bytes: &[u8]) -> serde_json::Value {
    let value = types.expect("gob comes with its types").decode_value(bytes).unwrap();
    serde_json::to_value(value).unwrap()
}

/// Shows `bytes` to `take`, cut into parts that are as long as `parts` says, as a connection would.
fn shown_in_parts(
    bytes: &[u8],
    parts: impl IntoIterator<Item = usize>,
    mut take: impl FnMut(&[u8]) -> Option<usize>,
) {
    let (mut held, mut rest) = (Vec::new(), bytes);
    for len in parts {
        let (part, behind) = rest.split_at(len.min(rest.len()));
        held.extend_from_slice(part);
        rest = behind;
        while let Some(used) = take(&held) {
            held.drain(..used);
        }
    }
    assert!(rest.is_empty() && held.is_empty(), "{} bytes are left over", rest.len() + held.len());
}

/// All replies of a server's direction, read in such parts.
fn replies(bytes: &[u8], parts: impl IntoIterator<Item = usize>) -> Vec<Recorded> {
    let (mut reader, mut said) = (Replies::new(&Terms::new(&Limits::default())), Vec::new());
    shown_in_parts(bytes, parts, |held| match reader.read(held).unwrap() {
        Read::Message { message: Said::Answer(message), used } => {
            let outcome = message.outcome.map(|body| shown(body.types, body.bytes));
            said.push((message.id, outcome.map_err(|error| error.message_bytes().to_vec())));
            Some(used)
        }
        Read::More { used } => (used > 0).then_some(used),
        Read::Message { message: Said::Leaving { .. }, .. } | Read::End => panic!("an end was not recorded"),
    });
    said
}

/// All requests of a client's direction, read in such parts.
fn requests(bytes: &[u8], parts: impl IntoIterator<Item = usize>) -> Vec<String> {
    let (mut reader, mut asked) = (Requests::new(&Terms::new(&Limits::default())), Vec::new());
    shown_in_parts(bytes, parts, |held| match reader.read(held).unwrap() {
        Read::Message { message: Asked::Call(ask), used } => {
            let argument =
                ask.body.map(|body| shown(body.types, body.bytes)).map_err(|error| error.to_string());
            asked.push(format!(
                "{} {} {argument:?}",
                ask.tag,
                String::from_utf8_lossy(ask.method.name().unwrap())
            ));
            Some(used)
        }
        Read::Message { message: Asked::Cancel { target, reply_to }, used } => {
            asked.push(format!("cancel {target} {reply_to:?}"));
            Some(used)
        }
        Read::Message { message: Asked::Withdrawn(id), .. } => panic!("{id} was withdrawn half-way"),
        Read::More { used } => (used > 0).then_some(used),
        Read::End => panic!("an end was not recorded"),
    });
    asked
}

/// The bytes behind the head of a CONNECT, if there is one.
fn behind_the_head(bytes: &[u8]) -> &[u8] {
    match bytes.starts_with(b"CONNECT ") || bytes.starts_with(b"HTTP/") {
        true => &bytes[bytes.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2..],
        false => bytes,
    }
}

// ---- our server in the place of Go's ----

/// What `Gate.Note` takes and answers.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Note {
    before: i64,
    content: Option<zoo::Any>,
    after: i64,
}

#[service]
trait Gate {
    async fn wait(&self, number: i64) -> i64;
    async fn waits(&self, number: i64) -> i64;
    async fn note(&self, note: Note) -> Note;
}

#[derive(Debug)]
struct Keeper {
    opened: Arc<Semaphore>,
    waits: Notify,
}

impl Gate for Keeper {
    async fn wait(&self, number: i64) -> i64 {
        self.waits.notify_one();
        self.opened.acquire().await.unwrap().forget();
        number
    }

    async fn waits(&self, _: i64) -> i64 {
        self.waits.notified().await;
        0
    }

    async fn note(&self, note: Note) -> Note {
        Note { content: zoo::answer::any(note.content), ..note }
    }
}

struct Served {
    stream: Stream,
    gate: Arc<Semaphore>,
    handle: ServerHandle,
}

fn served() -> Served {
    let (ours, theirs) = pipe(1 << 20);
    let gate = Arc::new(Semaphore::new(0));
    let keeper = Keeper { opened: gate.clone(), waits: Notify::new() };
    let server = zoo::server().register(GateServer::new(keeper)).build().unwrap();
    tokio::spawn(server.serve(theirs));
    Served { stream: ours, gate, handle: server.handle() }
}

/// Holds a conversation; every write of the client comes in such parts. Returns what our server said.
async fn held_again(conversation: &Conversation, part: usize) -> Vec<u8> {
    let Served { mut stream, gate, handle } = served();
    let mut said = Vec::new();
    for step in &conversation.steps {
        match step {
            Step::Client(bytes) => {
                for part in bytes.chunks(part) {
                    stream.writer.write_all(part).await.unwrap();
                    // Enough for our server to see the part before the next one comes.
                    for _ in 0..4 {
                        tokio::task::yield_now().await;
                    }
                }
            }
            // How the bytes are grouped is each program's own: whatever comes before all is quiet.
            Step::Server(_) => {
                let mut chunk = vec![0; 65_536];
                while let Ok(read) = timeout(Duration::from_millis(1), stream.reader.read(&mut chunk)).await {
                    match read.unwrap() {
                        0 => break,
                        came => said.extend_from_slice(&chunk[..came]),
                    }
                }
            }
            Step::Open => gate.add_permits(1),
            Step::ClientEnd => stream.writer.shutdown().await.unwrap(),
        }
    }
    in_time("our server closes", stream.reader.read_to_end(&mut said)).await.unwrap();
    drop(stream);
    settle().await;
    assert_eq!((handle.connections(), handle.running()), (0, 0), "{}", conversation.name);
    said
}

/// What must come of a conversation: the recorded replies, but where ours are meant to be others.
fn expected_of(conversation: &Conversation) -> Vec<Recorded> {
    let bytes = conversation.server_bytes();
    let bytes = behind_the_head(&bytes);
    let mut expected = replies(bytes, [bytes.len()]);
    if conversation.name.starts_with("_goRPC_.Cancel") {
        // A stock server knows no withdrawal; ours ends the call and says that it did.
        expected.retain(|(id, _)| *id != 1 && *id != 3);
        expected.push((1, Err(b"the caller has withdrawn the call".to_vec())));
        expected.push((3, Ok(true.into())));
    }
    if conversation.name == "wrong types" {
        expected.iter_mut().for_each(|(_, outcome)| blur(outcome));
    }
    expected
}

/// What an argument of a wrong type answers is left to each side.
fn blur(outcome: &mut Result<serde_json::Value, Vec<u8>>) {
    if let Err(text) = outcome {
        *text = b"some error".to_vec();
    }
}

fn compared(conversation: &Conversation, said: &[u8]) {
    let expected = expected_of(conversation);
    let head_len = said.len() - behind_the_head(said).len();
    assert_eq!(said[..head_len], conversation.server_bytes()[..head_len], "{}", conversation.name);
    let bytes = behind_the_head(said);
    let mut said = replies(bytes, [bytes.len()]);
    if conversation.name == "wrong types" {
        said.iter_mut().for_each(|(_, outcome)| blur(outcome));
    }
    assert_eq!(said, expected, "{}", conversation.name);
}

fn in_order_of_ids(said: &[u8]) -> Vec<Recorded> {
    let bytes = behind_the_head(said);
    let mut said = replies(bytes, [bytes.len()]);
    said.sort_by_key(|(id, _)| *id);
    said
}

#[tokio::test(start_paused = true)]
async fn our_server_answers_recorded_clients_as_go_did() {
    for file in FILES {
        for conversation in conversations(file) {
            let said = held_again(&conversation, usize::MAX).await;

            compared(&conversation, &said);
        }
    }
}

/// Row B13, V1: byte by byte is as good as all at once.
#[tokio::test(start_paused = true)]
async fn our_server_answers_alike_however_slowly_it_is_asked() {
    for file in ["netrpc-tcp-go1.19", "netrpc-connect-go1.27"] {
        for conversation in conversations(file) {
            let said = held_again(&conversation, 1).await;

            compared(&conversation, &said);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn our_server_answers_alike_wherever_the_bytes_are_cut() {
    for file in FILES {
        let conversation = conversations(file).swap_remove(0);
        assert_eq!(conversation.name, "first and later calls");
        let whole = conversation.client_bytes();

        for cut in 0..=whole.len() {
            let parts = vec![whole[..cut].to_vec(), whole[cut..].to_vec()];
            let steps = parts.into_iter().map(Step::Client).chain([Step::ClientEnd]).collect();
            let asked = Conversation { name: conversation.name.clone(), steps, ended: 0 };
            let said = held_again(&asked, usize::MAX).await;

            // Asked all at once, a method that takes its time may be answered behind the next one.
            assert_eq!(in_order_of_ids(&said), expected_of(&conversation), "cut at {cut}");
        }
    }
}

/// Row V5: a conversation that breaks off anywhere was answered up to there, and nothing is left of it.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_breaks_off_was_answered_up_to_there() {
    for file in ["netrpc-tcp-go1.19", "netrpc-tcp-go1.27"] {
        let conversation = conversations(file).swap_remove(0);
        let (whole, expected) = (conversation.client_bytes(), expected_of(&conversation));

        for cut in 0..whole.len() {
            let steps = vec![Step::Client(whole[..cut].to_vec()), Step::ClientEnd];
            let asked = Conversation { name: format!("cut at {cut}"), steps, ended: 0 };
            let said = held_again(&asked, usize::MAX).await;

            let said = in_order_of_ids(&said);
            assert!(said.len() < expected.len() && expected.starts_with(&said), "cut at {cut}: {said:?}");
        }
    }
}

// ---- our reader in the place of Go's client ----

/// Without a CONNECT: behind it the same is said.
const PLAIN: [&str; 2] = [FILES[0], FILES[1]];

/// Where a conversation is cut in two: everywhere in a short one, in every seventh place of a long one.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    (1..bytes.len()).step_by(if bytes.len() < 1000 { 1 } else { 7 })
}

#[test]
fn recorded_replies_are_read_alike_wherever_they_are_cut() {
    for file in PLAIN {
        for conversation in conversations(file) {
            let bytes = conversation.server_bytes();
            let bytes = behind_the_head(&bytes);
            let whole = replies(bytes, [bytes.len()]);
            let ended = if conversation.name.starts_with("a half-close") { 1 } else { conversation.ended };

            assert_eq!(whole.len(), ended, "{file}: {}", conversation.name);
            assert_eq!(replies(bytes, vec![1; bytes.len()]), whole, "{}, byte by byte", conversation.name);
            for cut in cuts(bytes) {
                assert_eq!(replies(bytes, [cut, bytes.len()]), whole, "{}, cut at {cut}", conversation.name);
            }
        }
    }
}

#[test]
fn recorded_requests_are_read_alike_wherever_they_are_cut() {
    for file in PLAIN {
        for conversation in conversations(file) {
            let bytes = conversation.client_bytes();
            let bytes = behind_the_head(&bytes);
            let whole = requests(bytes, [bytes.len()]);

            assert!(!whole.is_empty());
            assert_eq!(requests(bytes, vec![1; bytes.len()]), whole, "{}, byte by byte", conversation.name);
            for cut in cuts(bytes) {
                assert_eq!(requests(bytes, [cut, bytes.len()]), whole, "{}, cut at {cut}", conversation.name);
            }
        }
    }
}

#[test]
fn both_versions_of_go_said_the_same() {
    for way in ["tcp", "connect"] {
        let [old, new] = ["1.19", "1.27"].map(|version| conversations(&format!("netrpc-{way}-go{version}")));

        for (old, new) in old.iter().zip(&new) {
            assert_eq!(expected_of(old), expected_of(new), "{}", old.name);
        }
    }
}

#[test]
fn the_texts_and_values_of_go_are_what_its_client_got() {
    let conversations: BTreeMap<String, Conversation> =
        conversations("netrpc-tcp-go1.27").into_iter().map(|it| (it.name.clone(), it)).collect();
    let said = |name: &str| -> Vec<_> {
        expected_of(&conversations[name]).into_iter().map(|(_, outcome)| outcome).collect()
    };
    let error = |text: &[u8]| Err(text.to_vec());
    let value = |value: serde_json::Value| Ok(value);

    let quotient = serde_json::json!({"Quo": 3, "Rem": 2});
    let text = "<&> \u{2028} é 世界 🦀 \u{1}\r\n!";
    let plain =
        [56.into(), 0.into(), quotient.clone(), text.into(), serde_json::json!([]), serde_json::json!({})];
    assert_eq!(said("first and later calls"), plain.map(value));
    assert_eq!(
        said("error replies"),
        [
            error(b"divide by zero"),
            error(b"divide by zero"),
            error(b"first line\nsecond line, 100%"),
            error(b"byte \xff and \xc3( are not UTF-8"),
            value(99.into()),
            value(quotient),
        ]
    );
    assert_eq!(
        said("unknown names"),
        [
            error(b"rpc: can't find service Nope.Divide"),
            error(b"rpc: can't find method Arith.Nope"),
            error(b"rpc: service/method request ill-formed: nodot"),
            value(85.into()),
        ]
    );
}

#[test]
fn a_recorded_connect_opens_our_tunnel_and_a_recorded_reply_is_one() {
    let tunnel = NetRpc::TUNNEL.expect("net/rpc has a tunnel");
    for file in ["netrpc-connect-go1.19", "netrpc-connect-go1.27"] {
        for conversation in conversations(file) {
            let [client, server] = [conversation.client_bytes(), conversation.server_bytes()];
            let head_len = client.len() - behind_the_head(&client).len();

            assert_eq!(client[..head_len], tunnel::request(tunnel.path));
            let used = tunnel::read_reply(&server, &tunnel, &Limits::default()).unwrap();
            assert_eq!(used, Some(server.len() - behind_the_head(&server).len()));
            assert_eq!(server[..used.unwrap()], tunnel::reply(&tunnel));
        }
    }
}
