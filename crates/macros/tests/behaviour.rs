//! What a generated server answers, asked as a connection asks it: a request into a slot, a reply out of it.

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use ferrywire::body::{Body, Sink};
use ferrywire::codec::{Format, Types};
use ferrywire::service::{CallSlot, Request, Service};
use ferrywire::transport::Peer;
use ferrywire::{Context, Error, Result};
use ferrywire_gob::{Limits, Messages, Next};
use ferrywire_macros::service;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

#[derive(Serialize, Deserialize)]
struct Args {
    a: i64,
    b: i64,
}

#[derive(Debug, PartialEq)]
struct Indivisible(i64);

impl From<Indivisible> for Error {
    fn from(indivisible: Indivisible) -> Self {
        Error::from(format!("{} cannot be divided", indivisible.0))
    }
}

#[service]
trait Arith {
    async fn multiply(&self, args: Args) -> Result<i64>;
    async fn divide(&self, args: Args) -> std::result::Result<i64, Indivisible>;
    async fn join(&self, left: &str, content: &[u8], times: usize) -> String;
    async fn remaining(&self, floor: u64, context: &Context) -> u64;
    async fn wait(&self, name: &str) -> String;
    async fn touch(&self);
    fn peer(&self, context: &Context) -> String;
    fn add(&self, a: i64, b: i64) -> std::result::Result<i64, Indivisible>;
    fn is_lent(&self, content: &[u8]) -> Vec<usize>;

    async fn negate(&self, number: i64) -> Result<i64> {
        self.multiply(Args { a: number, b: -1 }).await
    }
}

#[derive(Default)]
struct Calculator {
    go: Notify,
}

impl Arith for Calculator {
    async fn multiply(&self, args: Args) -> Result<i64> {
        args.a.checked_mul(args.b).ok_or_else(|| "too large".into())
    }

    async fn divide(&self, args: Args) -> std::result::Result<i64, Indivisible> {
        args.a.checked_div(args.b).ok_or(Indivisible(args.a))
    }

    async fn join(&self, left: &str, content: &[u8], times: usize) -> String {
        format!("{left}{}", String::from_utf8_lossy(content).repeat(times))
    }

    async fn remaining(&self, floor: u64, context: &Context) -> u64 {
        context.remaining().as_secs().max(floor)
    }

    async fn wait(&self, name: &str) -> String {
        self.go.notified().await;
        format!("{name} went")
    }

    async fn touch(&self) {}

    fn peer(&self, context: &Context) -> String {
        context.peer().to_string()
    }

    fn add(&self, a: i64, b: i64) -> std::result::Result<i64, Indivisible> {
        a.checked_add(b).ok_or(Indivisible(a))
    }

    fn is_lent(&self, content: &[u8]) -> Vec<usize> {
        vec![content.as_ptr().addr(), content.len()]
    }
}

#[test]
fn an_argument_is_read_and_the_reply_written() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let product: Result<i64> = caller.call("Multiply", &Args { a: 6, b: 7 });

    assert_eq!(product.unwrap(), 42);
}

#[test]
fn an_argument_of_another_type_is_refused_and_nothing_is_written() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));
    let argument = Encoded::of(&"six");
    let mut out = b"before".to_vec();

    for method in ["Multiply", "Add", "Join"] {
        let outcome = caller.start(method, &argument, &mut out);

        assert!(matches!(outcome, Poll::Ready(Err(_))), "{method}: {outcome:?}");
        assert_eq!(out, b"before");
    }
}

#[test]
fn an_error_of_the_users_own_reaches_the_caller_as_text() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let later = caller.call::<_, i64>("Divide", &Args { a: 5, b: 0 }).unwrap_err();
    let at_once = caller.call::<_, i64>("Add", &AddArgs { a: i64::MAX, b: 1 }).unwrap_err();

    assert_eq!(later.message(), "5 cannot be divided");
    assert_eq!(at_once.message(), format!("{} cannot be divided", i64::MAX));
}

#[derive(Serialize, Deserialize)]
struct AddArgs {
    a: i64,
    b: i64,
}

#[derive(Serialize, Deserialize)]
struct JoinArgs {
    times: usize,
    left: String,
    content: Blob,
}

/// Bytes that another crate would send.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Blob(Vec<u8>);

#[test]
fn several_arguments_are_the_fields_of_one_struct_in_any_order() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let sent = JoinArgs { times: 3, left: "a".into(), content: Blob(b"bc".to_vec()) };
    let joined: Result<String> = caller.call("Join", &sent);

    assert_eq!(joined.unwrap(), "abcbcbc");
}

#[test]
fn several_arguments_are_described_as_a_struct_of_the_methods_name() {
    let description = ArithServer::<Calculator>::description();
    let join = description.methods.iter().find(|method| method.name == "Join").unwrap();

    let schema = join.argument.schema().unwrap();

    let fields: Vec<_> = schema.fields().map(|(name, field)| (name, field.go_type())).collect();
    assert_eq!(schema.name(), "JoinArgs");
    assert_eq!(
        fields,
        [("Left", "string".into()), ("Content", "[]byte".into()), ("Times", "uint".to_owned())]
    );
}

#[test]
fn an_argument_that_go_leaves_out_is_zero() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let sum: Result<i64> = caller.call("Add", &AddArgs { a: 7, b: 0 });

    assert_eq!(sum.unwrap(), 7);
}

#[test]
fn nothing_is_an_empty_struct_both_ways() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Empty {}
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let nothing: Result<Empty> = caller.call("Touch", &Empty {});

    assert_eq!(nothing.unwrap(), Empty {});
}

#[test]
fn a_context_says_until_when_and_who_calls() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let remaining: Result<u64> = caller.call("Remaining", &5_u64);
    let peer: Result<String> = caller.call("Peer", &());

    assert!((5..=Caller::TIMEOUT.as_secs()).contains(&remaining.unwrap()));
    assert_eq!(peer.unwrap(), "test://peer");
}

#[test]
fn bytes_are_read_where_they_lie_by_methods_without_a_future() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));
    let argument = Encoded::of(&Lent(b"content"));

    let mut out = Vec::new();
    let Poll::Ready(Ok(())) = caller.start("IsLent", &argument, &mut out) else {
        panic!("expected a reply at once")
    };
    let place: Vec<usize> = caller.reply(&out);

    assert!(argument.bytes.as_ptr_range().contains(&std::ptr::without_provenance(place[0])));
    assert_eq!(place[1], 7);
}

/// Bytes as serde has them, without a copy.
#[derive(Deserialize)]
struct Lent<'l>(#[serde(borrow)] &'l [u8]);

impl Serialize for Lent<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[test]
fn a_method_that_waits_keeps_its_argument_until_it_is_done() {
    let calculator = Arc::new(Calculator::default());
    let mut caller = Caller::of(ArithServer::shared(calculator.clone()));
    let mut out = Vec::new();

    let argument = Encoded::of(&"ferry");
    assert!(caller.start("Wait", &argument, &mut out).is_pending());
    drop(argument);
    assert!(caller.poll(&mut out).is_pending());
    calculator.go.notify_one();
    let outcome = caller.poll(&mut out);

    assert!(matches!(outcome, Poll::Ready(Ok(()))), "{outcome:?}");
    assert_eq!(caller.reply::<String>(&out), "ferry went");
}

#[test]
fn a_slot_whose_call_was_withdrawn_runs_the_next() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));
    assert!(caller.start("Wait", &Encoded::of(&"ferry"), &mut Vec::new()).is_pending());

    caller.slot.clear();

    let product: Result<i64> = caller.call("Multiply", &Args { a: 6, b: 7 });
    assert_eq!(product.unwrap(), 42);
}

#[test]
fn a_default_body_calls_what_the_handler_has_written() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let negated: Result<i64> = caller.call("Negate", &5_i64);

    assert_eq!(negated.unwrap(), -5);
}

#[test]
fn a_place_that_is_no_methods_is_answered_with_an_error() {
    let mut caller = Caller::of(ArithServer::new(Calculator::default()));

    let outcome = caller.start_at(usize::MAX, &Encoded::of(&()), &mut Vec::new());

    let Poll::Ready(Err(error)) = outcome else { panic!("expected an error, got {outcome:?}") };
    assert_eq!(error.message(), "the service has no such method");
}

/// Private, and nobody's to implement here.
#[service]
trait Remote {
    async fn ping(&self) -> Result<()>;
}

#[test]
fn a_trait_that_is_only_called_counts_as_used() {
    assert_eq!(RemoteClient::description().methods[0].full_name, "Remote.Ping");
}

struct Counter {
    step: u64,
}

#[service(name = "counting.Counter")]
impl Counter {
    /// One step on.
    pub async fn next(&self, from: u64) -> u64 {
        self.after(from, 1)
    }

    #[method(name = "Steps")]
    pub fn after_steps(&self, from: u64, steps: u64) -> Result<u64> {
        Ok(self.after(from, steps))
    }

    fn after(&self, from: u64, steps: u64) -> u64 {
        from + self.step * steps
    }
}

#[test]
fn an_impl_block_serves_its_public_methods() {
    #[derive(Serialize, Deserialize)]
    struct StepsArgs {
        from: u64,
        steps: u64,
    }
    let mut caller = Caller::of(Counter { step: 3 });

    let next: Result<u64> = caller.call("Next", &4_u64);
    let after: Result<u64> = caller.call("Steps", &StepsArgs { from: 4, steps: 5 });

    assert_eq!((next.unwrap(), after.unwrap()), (7, 19));
    assert_eq!(Counter::description().methods.len(), 2);
    assert_eq!(Counter::description().methods[0].doc, "One step on.");
}

/// Asks one service in one slot, as a connection does for one call after another.
struct Caller {
    service: Arc<dyn Service>,
    slot: Box<dyn CallSlot>,
    preamble: Option<&'static ferrywire::codec::Preamble>,
}

impl Caller {
    const TIMEOUT: Duration = Duration::from_secs(60);

    fn of(service: impl Service) -> Self {
        let service: Arc<dyn Service> = Arc::new(service);
        let slot = service.clone().new_slot(&Arc::new(Peer::named("test://peer")));
        Self { service, slot, preamble: None }
    }

    /// Calls a method that does not wait.
    fn call<'de, A: Serialize + Deserialize<'de>, R: for<'r> Deserialize<'r>>(
        &mut self,
        method: &str,
        argument: &A,
    ) -> Result<R> {
        let mut out = Vec::new();
        match self.start(method, &Encoded::of(argument), &mut out) {
            Poll::Ready(outcome) => outcome.map(|()| self.reply(&out)),
            Poll::Pending => panic!("`{method}` waits"),
        }
    }

    fn start(&mut self, method: &str, argument: &Encoded, out: &mut Vec<u8>) -> Poll<Result<()>> {
        let methods = self.service.description().methods;
        let place = methods.iter().position(|described| described.name == method);
        self.start_at(place.expect("the service has the method"), argument, out)
    }

    fn start_at(&mut self, method: usize, argument: &Encoded, out: &mut Vec<u8>) -> Poll<Result<()>> {
        let body =
            Body { format: Format::Gob, bytes: &argument.bytes, types: Some(&argument.types), shared: None };
        let mut request = Request { method, body, timeout: Self::TIMEOUT, metadata: None };
        let mut sink = Sink::new(Format::Gob, out);
        let polled = self.slot.start(&mut request, &mut TaskContext::from_waker(Waker::noop()), &mut sink);
        self.preamble = sink.written.preamble;
        polled
    }

    fn poll(&mut self, out: &mut Vec<u8>) -> Poll<Result<()>> {
        let mut sink = Sink::new(Format::Gob, out);
        let polled = self.slot.poll(&mut TaskContext::from_waker(Waker::noop()), &mut sink);
        self.preamble = sink.written.preamble;
        polled
    }

    /// The reply, behind the definitions that its peer would have been sent.
    fn reply<R: for<'r> Deserialize<'r>>(&self, out: &[u8]) -> R {
        let mut stream = Vec::new();
        self.preamble.expect("a reply in gob has a plan").put_definitions(&mut stream);
        stream.extend_from_slice(out);
        ferrywire_gob::from_slice(&stream).expect("a reply is of the described type")
    }
}

/// An argument as a frame reader hands it on: the value's bytes, and the types that are known by then.
struct Encoded {
    bytes: Vec<u8>,
    types: Arc<Types>,
}

impl Encoded {
    fn of<'de, A: Serialize + Deserialize<'de>>(argument: &A) -> Self {
        let stream = ferrywire_gob::to_vec(argument).expect("an argument has a form in gob");
        let mut messages = Messages::new(Limits::default());
        let Ok(Next::Value { start, end, .. }) = messages.next(&stream) else {
            panic!("expected one value in {stream:?}")
        };
        Self { bytes: stream[start..end].to_vec(), types: messages.types().clone() }
    }
}
