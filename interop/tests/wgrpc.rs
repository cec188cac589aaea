//! The conversation of WgRPC and GeeRPC with Go programs that speak it by the standard library's gob and JSON: their
//! client puts our server through its cases, and our client puts their server through others.

use std::time::Duration;

use ferrywire::protocol::{GeeRpc, WgRpc};
use ferrywire::{Client, Code, Format, Limits, client};
use ferrywire_interop::harness::{Go, Ours, Outcome, Socket, Tally, Transport, listening, nonces};
use ferrywire_interop::zoo::{Args, ArithClient, Quotient, ZooClient, answer, same, value};
use tokio::process::Child;

static CALLS_US: Tally = Tally::new("the GeeRPC family calls us", 2 * TRANSPORTS);
static WE_CALL: Tally = Tally::new("we call the GeeRPC family", 2 * TRANSPORTS);

/// TCP, unix sockets and CONNECT.
const TRANSPORTS: usize = 3;

/// Families and codecs.
const KINDS: [(&str, Format); 4] =
    [("wgrpc", Format::Gob), ("wgrpc", Format::Json), ("geerpc", Format::Gob), ("geerpc", Format::Json)];

/// How many cases the client in Go had when this was written, in gob and in JSON.
const CASES_MIN: [usize; 2] = [29, 24];

async fn go_calls_us(go: &Go, transport: Transport) {
    let server = Ours::start(transport).await;
    let mut all = Vec::new();

    for (family, format) in KINDS {
        let is_json = format == Format::Json;
        let mut words = vec!["-dial", server.address(), "-family", family];
        words.extend(is_json.then_some("-json"));
        let passed = go.cases("wgrpcclient", &words).await;

        let expected = CASES_MIN[usize::from(is_json)];
        assert!(passed.len() >= expected, "{} cases, expected {expected} or more", passed.len());
        all.extend(passed.into_iter().map(|name| format!("{family}/{}/{name}", format.name())));
    }
    CALLS_US.add(go.run(transport, all));
}

async fn we_call_go(go: &Go, transport: Transport) {
    let mut all = Vec::new();

    for (family, format) in KINDS {
        let server = GoServer::start(go, transport, family).await;
        for (name, outcome) in cases(&server, family, format).await {
            let name = format!("{family}/{}/{name}", format.name());
            assert_eq!(outcome, Ok(()), "{} over {transport}: {name}", go.version);
            all.push(name);
        }
    }
    WE_CALL.add(go.run(transport, all));
}

/// A server in Go; it ends when its input closes.
struct GoServer {
    address: String,
    _child: Child,
    _socket: Socket,
}

impl GoServer {
    async fn start(go: &Go, transport: Transport, family: &str) -> Self {
        let socket = transport.socket();
        let mut command = go.program("wgrpcserver");
        command.args(["-listen", &socket.place(), "-family", family]);
        command.args(transport.is_http().then_some("-http"));
        let (child, place) = listening(command, &format!("{} wgrpcserver", go.version)).await;
        Self { address: transport.over(&place), _child: child, _socket: socket }
    }
}

fn speaking(family: &str, format: Format) -> client::Builder {
    let builder = Client::builder().codec(format);
    if family == "wgrpc" { builder.protocol(WgRpc) } else { builder.protocol(GeeRpc) }
}

/// Runs all cases, and says how each ended.
async fn cases(server: &GoServer, family: &str, format: Format) -> Vec<(&'static str, Outcome)> {
    let connect =
        async |limits: Limits| speaking(family, format).limits(limits).connect(&server.address).await;
    let client = connect(Limits::default()).await.unwrap_or_else(|error| panic!("{error}"));
    let (arith, zoo) = (ArithClient::new(client.clone()), ZooClient::new(client.clone()));
    let mut ended = vec![
        ("multiply", is(arith.multiply(Args { a: 6, b: 7 }).await, &42)),
        ("divide", is(arith.divide(Args { a: 17, b: 5 }).await, &Quotient { quo: 3, rem: 2 })),
        ("text", is(zoo.text(&value::text()).await, &answer::text(value::text()))),
        (
            "bytes_1_mib",
            is(zoo.bytes(&answer::filled(1 << 20)).await, &answer::bytes(answer::filled(1 << 20))),
        ),
        ("nested", is(zoo.nested(value::nested()).await, &answer::nested(value::nested()))),
        ("tree", is(zoo.tree(value::tree()).await, &answer::tree(value::tree()))),
        ("nonces", nonces(&client, 8, 100).await),
        (
            "error/divide_by_zero",
            fails(arith.divide(Args { a: 1, b: 0 }).await, Code::Unknown, "divide by zero"),
        ),
        ("error/percent_signs", fails(zoo.fail("100%s of %d").await, Code::Unknown, "100%s of %d")),
    ];
    if format == Format::Gob {
        ended.extend([
            ("maps", is(zoo.maps(value::maps()).await, &answer::maps(value::maps()))),
            ("shapes", is(zoo.shapes(value::shapes()).await, &answer::shapes(value::shapes()))),
            ("times", is(zoo.times(value::times()).await, &answer::times(value::times()))),
        ]);
    }
    // They read ahead, and forget what they do not need; the first request comes with the Option in one segment.
    ended.push(("option/40_first_requests_with_the_option", {
        let mut outcome = Ok(());
        for _ in 0..40 {
            let fresh = connect(Limits::default()).await.unwrap_or_else(|error| panic!("{error}"));
            let answered = ArithClient::new(fresh).multiply(Args { a: 6, b: 7 }).await;
            outcome = outcome.and(is(answered, &42));
        }
        outcome
    }));
    let mut hasty = Limits::default();
    hasty.handler_timeout = Duration::from_millis(50);
    let fresh = connect(hasty).await.unwrap_or_else(|error| panic!("{error}"));
    let words = match family {
        "wgrpc" => "server.handleRequest: request handle timeout: expect within 50ms",
        _ => "rpc server: request handle timeout: expect within 50ms",
    };
    ended.push((
        "time/a_slow_method",
        fails(ZooClient::new(fresh).slow(3000).await, Code::DeadlineExceeded, words),
    ));
    // A server of the family closes behind this; the next call goes over a connection that is made anew.
    let missing = client.call::<_, i64>("Arith.Nothing", &Args { a: 1, b: 2 }).await;
    let missing = match missing {
        Err(error) if error.code() == Code::Unimplemented && !error.may_have_run() => Ok(()),
        other => Err(format!("got {other:?}, expected an error of a method that is not there")),
    };
    ended.push(("unknown/method", missing));
    ended.push(("unknown/the_server_is_found_again", {
        let again = async {
            while arith.multiply(Args { a: 6, b: 7 }).await.ok() != Some(42) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), again).await;
        found.map_err(|_| "no call was answered".to_owned())
    }));
    ended
}

fn is<T: std::fmt::Debug>(got: ferrywire::Result<T>, expected: &T) -> Outcome {
    same(&got.map_err(|error| format!("got {error:?}, expected a reply"))?, expected)
}

fn fails<T: std::fmt::Debug>(got: ferrywire::Result<T>, code: Code, words: &str) -> Outcome {
    match got {
        Err(error) if error.is_remote() && (error.code(), error.message()) == (code, words) => Ok(()),
        other => Err(format!("got {other:?}, expected the error {code:?} `{words}`")),
    }
}

macro_rules! tests {
    ($run:ident; $($name:ident: $go:ident over $transport:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $run(Go::$go(), Transport::$transport).await;
        })*
    };
}

tests! {
    go_calls_us;
    old_go_calls_us_over_tcp: older over Tcp;
    old_go_calls_us_over_unix: older over Unix;
    old_go_calls_us_over_connect: older over Connect;
    new_go_calls_us_over_tcp: newer over Tcp;
    new_go_calls_us_over_unix: newer over Unix;
    new_go_calls_us_over_connect: newer over Connect;
}

tests! {
    we_call_go;
    we_call_old_go_over_tcp: older over Tcp;
    we_call_old_go_over_unix: older over Unix;
    we_call_old_go_over_connect: older over Connect;
    we_call_new_go_over_tcp: newer over Tcp;
    we_call_new_go_over_unix: newer over Unix;
    we_call_new_go_over_connect: newer over Connect;
}
