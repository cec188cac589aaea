//! gomorpc with Go programs that speak it by Google's own protobuf: their client, which dies of whatever the family's client dies
//! of, puts our server through its cases, and our client puts their server through others.

use std::process::Stdio;
use std::time::Duration;

use ferrywire::codec::Protobuf;
use ferrywire::protocol::GomoRpc;
use ferrywire::{Client, Code, Error, Limits, Server, service};
use ferrywire_interop::harness::{Go, Outcome, Tally, Transport};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

static CALLS_US: Tally = Tally::new("gomorpc calls us", 2);
static WE_CALL: Tally = Tally::new("we call gomorpc", 2);

/// How many cases the client in Go had when this was written.
const CASES_MIN: usize = 19;

/// How often the client makes its calls one after another, and how many: without the least time of a reply it would die.
const RUNS: usize = 6;
const ROUNDS: &str = "200";

/// How often a run is made at most that the machine spoils.
const TRIES_MAX: usize = 5;

/// What programs ask each other, as they are in Go too.
#[service]
trait Messages {
    fn double(&self, number: Protobuf<i64>) -> Protobuf<i64>;
    fn text(&self, text: Protobuf<String>) -> Protobuf<String>;
    async fn bytes(&self, bytes: Protobuf<Vec<u8>>) -> Protobuf<Vec<u8>>;
    async fn nothing(&self, nothing: Protobuf<()>) -> Protobuf<()>;
    async fn slow(&self, time: Protobuf<String>) -> Protobuf<String>;
    async fn fail(&self, nothing: Protobuf<()>) -> ferrywire::Result<Protobuf<()>>;
    /// Plain types, which are messages too.
    async fn plain(&self, number: i64) -> i64;
}

#[derive(Debug)]
struct Ours;

impl Messages for Ours {
    fn double(&self, number: Protobuf<i64>) -> Protobuf<i64> {
        Protobuf(2 * number.0)
    }

    fn text(&self, text: Protobuf<String>) -> Protobuf<String> {
        Protobuf(text.0 + "--ret")
    }

    async fn bytes(&self, bytes: Protobuf<Vec<u8>>) -> Protobuf<Vec<u8>> {
        Protobuf(bytes.0.into_iter().rev().collect())
    }

    async fn nothing(&self, nothing: Protobuf<()>) -> Protobuf<()> {
        nothing
    }

    async fn slow(&self, time: Protobuf<String>) -> Protobuf<String> {
        tokio::time::sleep(spoken(&time)).await;
        Protobuf("half".to_owned())
    }

    async fn fail(&self, _nothing: Protobuf<()>) -> ferrywire::Result<Protobuf<()>> {
        Err(Error::new(Code::FailedPrecondition, "a text that the wire has no place for"))
    }

    async fn plain(&self, number: i64) -> i64 {
        -number
    }
}

/// `300ms` or `3s`.
fn spoken(time: &str) -> Duration {
    let number = |unit| time.strip_suffix(unit).and_then(|number| number.parse().ok());
    match (number("ms"), number("s")) {
        (Some(ms), _) => Duration::from_millis(ms),
        (None, Some(seconds)) => Duration::from_secs(seconds),
        (None, None) => Duration::ZERO,
    }
}

/// What the client says of its cases. It notes a call after it has sent it, and dies of a reply that comes before: of one that comes
/// no sooner than it may, only if the machine has kept it from running meanwhile. Such a run is made again.
async fn unspoilt(go: &Go, words: &[&str]) -> Vec<String> {
    let soonest = Limits::default().reply_latency_min;
    let mut spoilt = Vec::new();
    while spoilt.len() < TRIES_MAX {
        match go.try_cases("gomorpcclient", words).await {
            Ok(passed) => return passed,
            Err(why) => {
                let came = why
                    .split_once("a reply came after ")
                    .and_then(|(_, came)| came.split(' ').next()?.parse().ok());
                assert!(
                    came.is_some_and(|came| Duration::from_micros(came) >= soonest),
                    "{}: {why}",
                    go.version
                );
                spoilt.push(why);
            }
        }
    }
    panic!("{TRIES_MAX} runs were spoilt by the machine: {}", spoilt.join("\n"));
}

async fn go_calls_us(go: &Go) {
    let builder = Server::builder().register(MessagesServer::new(Ours));
    let server = builder.bind("tcp://127.0.0.1:0").await.expect("a port is free");
    let address = server.address().to_string();
    let handle = server.handle();
    let running = tokio::spawn(server.run());

    let passed = unspoilt(go, &["-dial", &address]).await;
    assert!(passed.len() >= CASES_MIN, "{} cases, expected {CASES_MIN} or more", passed.len());
    for _ in 0..RUNS {
        let survived = unspoilt(go, &["-dial", &address, "-rounds", ROUNDS]).await;
        assert_eq!(survived, [format!("race/{ROUNDS}_calls_one_after_another")]);
    }

    handle.shutdown();
    running.await.expect("it does not panic").expect("it ends");
    CALLS_US.add(go.run(Transport::Tcp, passed));
}

async fn we_call_go(go: &Go) {
    let mut server = GoServer::start(go).await;
    let client = Client::builder().protocol(GomoRpc).connect(&server.address).await.expect("it listens");
    let messages = MessagesClient::new(client.clone());
    let bytes: Vec<u8> = (0..1 << 20).map(|at: u32| at.wrapping_mul(7) as u8).collect();

    let mut ended = vec![
        ("call/number", is(messages.double(Protobuf(-21)).await, &-42)),
        ("call/zero", is(messages.double(Protobuf(0)).await, &0)),
        (
            "call/text",
            is(messages.text(Protobuf("é 世界 🦀".to_owned())).await, &"é 世界 🦀--ret".to_owned()),
        ),
        (
            "call/bytes_1_mib",
            is(messages.bytes(Protobuf(bytes.clone())).await, &bytes.into_iter().rev().collect()),
        ),
        ("call/nothing", is(messages.nothing(Protobuf(())).await, &())),
    ];
    ended.push(("call/500_at_once", {
        let begin = |number: i64| client.start::<_, Protobuf<i64>>("Messages.Double", &Protobuf(number));
        let begun: Vec<_> = (0..500).map(begin).collect();
        let mut outcome = Ok(());
        for (call, number) in begun.into_iter().zip(0..) {
            outcome = outcome.and(is(call.await, &(2 * number)));
        }
        outcome
    }));
    ended.push(("order/a_slow_call_holds_nobody_up", {
        let slow = client.start::<_, Protobuf<String>>("Messages.Slow", &Protobuf("300ms".to_owned()));
        let quick = is(messages.double(Protobuf(21)).await, &42);
        let overtaken = if slow.is_done() { Err("a call of 300 ms has ended".to_owned()) } else { Ok(()) };
        quick.and(overtaken).and(is(slow.await, &"half".to_owned()))
    }));
    ended.push(("time/the_caller_ends_a_call", {
        let call = messages.slow(Protobuf("3s".to_owned())).timeout(Duration::from_millis(50));
        late(call.await)
    }));
    // Its late reply, which has half of a message, is nobody's.
    ended.push(("time/and_goes_on", is(messages.double(Protobuf(21)).await, &42)));
    // It ends, and says nothing.
    let missing = client.call::<_, Protobuf<i64>>("Messages.Missing", &Protobuf(21_i64)).await;
    ended.push((
        "unknown/a_server_that_dies_of_it",
        match missing {
            Err(error) if error.code() == Code::Unavailable && error.may_have_run() => Ok(()),
            other => Err(format!("got {other:?}, expected that the server is gone")),
        },
    ));
    let status = tokio::time::timeout(Duration::from_secs(10), server.child.wait()).await;
    assert!(!status.expect("it has ended").expect("it is our child").success());

    let names = ended.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, outcome) in ended {
        assert_eq!(outcome, Ok(()), "{}: {name}", go.version);
    }
    WE_CALL.add(go.run(Transport::Tcp, names));
}

/// A server in Go; it ends when its input closes.
struct GoServer {
    address: String,
    child: Child,
}

impl GoServer {
    async fn start(go: &Go) -> Self {
        let mut child = go
            .program("gomorpcserver")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What it says when it dies, as it must once.
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|cause| panic!("{} gomorpcserver: {cause}", go.version));
        let said = child.stdout.take().expect("a piped output is there");
        let mut lines = BufReader::new(said).lines();
        let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await;
        let line = line.ok().and_then(Result::ok).flatten().unwrap_or_default();
        match line.strip_prefix("listening on ") {
            Some(address) => Self { address: address.to_owned(), child },
            None => panic!("{} gomorpcserver said `{line}`, expected `listening on ADDRESS`", go.version),
        }
    }
}

fn is<T: PartialEq + std::fmt::Debug>(got: ferrywire::Result<Protobuf<T>>, expected: &T) -> Outcome {
    match got {
        Ok(got) if got.0 == *expected => Ok(()),
        Ok(_) => Err("another reply came than expected".to_owned()),
        Err(error) => Err(format!("got {error:?}, expected a reply")),
    }
}

fn late<T: std::fmt::Debug>(got: ferrywire::Result<T>) -> Outcome {
    match got {
        Err(error) if error.code() == Code::DeadlineExceeded && error.may_have_run() => Ok(()),
        other => Err(format!("got {other:?}, expected that the time has passed")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_go_calls_us() {
    go_calls_us(Go::older()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_go_calls_us() {
    go_calls_us(Go::newer()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_old_go() {
    we_call_go(Go::older()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_new_go() {
    we_call_go(Go::newer()).await;
}
