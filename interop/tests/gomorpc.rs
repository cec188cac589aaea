//! gomorpc with Go programs that speak it by Google's own protobuf: their client, which dies of whatever the family's client dies
//! of, puts our server through its cases, and our client puts their server through others.

use std::process::Stdio;
use std::time::Duration;

use ferrywire::codec::Protobuf;
use ferrywire::protocol::GomoRpc;
use ferrywire::{Client, Code, Error, Limits, Server, ServerHandle, service};
use ferrywire_interop::harness::{Go, Outcome, Tally, Transport};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;

static CALLS_US: Tally = Tally::new("gomorpc calls us", 2);
static WE_CALL: Tally = Tally::new("we call gomorpc", 2);

/// How many cases the client in Go had when this was written.
const CASES_MIN: usize = 19;

/// How often the client makes its calls one after another, and how many: without the least time of a reply it dies in nearly every run.
const RUNS: usize = 8;
const ROUNDS: &str = "200";

/// How many of these runs it may die in all the same: on a machine that has other things to do, it is kept from running for longer than
/// its reply is.
const DEATHS_MAX: usize = 2;

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

/// A server with these limits, and what ends it.
async fn serve(limits: Limits) -> (String, ServerHandle, JoinHandle<ferrywire::Result<()>>) {
    let builder = Server::builder().register(MessagesServer::new(Ours)).limits(limits);
    let server = builder.bind("tcp://127.0.0.1:0").await.expect("a port is free");
    (server.address().to_string(), server.handle(), tokio::spawn(server.run()))
}

async fn go_calls_us(go: &Go) {
    let mut limits = Limits::default();
    // What the client survives is not asked here, but what it gets.
    limits.reply_latency_min = Duration::from_millis(10);
    let (address, handle, running) = serve(limits).await;

    let passed = go.cases("gomorpcclient", &["-dial", &address]).await;
    assert!(passed.len() >= CASES_MIN, "{} cases, expected {CASES_MIN} or more", passed.len());

    handle.shutdown();
    running.await.expect("it does not panic").expect("it ends");
    CALLS_US.add(go.run(Transport::Tcp, passed));
}

async fn go_survives_us(go: &Go) {
    let (address, handle, running) = serve(Limits::default()).await;

    let mut deaths = Vec::new();
    for _ in 0..RUNS {
        match go.try_cases("gomorpcclient", &["-dial", &address, "-rounds", ROUNDS]).await {
            Ok(survived) => assert_eq!(survived, [format!("race/{ROUNDS}_calls_one_after_another")]),
            Err(why) => deaths.push(why),
        }
    }

    assert!(deaths.len() <= DEATHS_MAX, "{} of {RUNS} runs: {}", deaths.len(), deaths.join("\n"));
    handle.shutdown();
    running.await.expect("it does not panic").expect("it ends");
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
async fn old_go_survives_us() {
    go_survives_us(Go::older()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_go_survives_us() {
    go_survives_us(Go::newer()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_old_go() {
    we_call_go(Go::older()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_new_go() {
    we_call_go(Go::newer()).await;
}
