//! The conversation of JSON-RPC 2.0 with public libraries from npm and PyPI, over TCP and in bodies of HTTP: their clients put
//! our server through their cases, and our client puts their servers through others.

use std::time::Duration;

use ferrywire::protocol::{JsonRpc, Post};
use ferrywire::{Client, Code};
use ferrywire_interop::harness::{Ours, Outcome, Peer, Tally, Transport};
use ferrywire_interop::zoo::{Args, ArithClient, Empty, Quotient, ZooClient, answer, same, value};

static CALLS_US: Tally = Tally::new("public JSON-RPC clients call us", 4);
static WE_CALL: Tally = Tally::new("we call public JSON-RPC servers", 4);

/// How many cases their clients had when this was written.
const CASES_MIN: usize = 22;

/// How many of them are calls of Zoo.Pause that nobody waits for.
const NOTIFICATIONS: u64 = 4;

async fn they_call_us(peer: &Peer, scheme: &str) {
    let server = Ours::start(Transport::Tcp).await;
    let address = server.address().replacen("tcp://", &format!("{scheme}://"), 1);

    let passed = peer.cases(&address).await;

    assert!(passed.len() >= CASES_MIN, "{} cases, expected {CASES_MIN} or more", passed.len());
    let noted =
        || server.handle.calls().into_iter().find(|(name, _)| name == "Zoo.Pause").map(|(_, calls)| calls);
    let all_noted = async {
        // What nobody waits for may still be on its way.
        while noted() != Some(NOTIFICATIONS) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), all_noted).await;
    assert!(in_time.is_ok(), "got {:?} notifications, expected {NOTIFICATIONS}", noted());
    CALLS_US.add(peer.run(scheme, passed));
}

async fn we_call_them(peer: &Peer, scheme: &str) {
    let (_server, address) = peer.server(scheme).await;
    let builder = Client::builder();
    let connected = match scheme {
        "http" => builder.protocol(Post(JsonRpc)).connect(address.as_str()).await,
        _ => builder.protocol(JsonRpc).connect(address.as_str()).await,
    };
    let client = connected.unwrap_or_else(|error| panic!("{address}: {error}"));

    let ended = cases(&client).await;

    for (name, outcome) in &ended {
        assert_eq!(*outcome, Ok(()), "{peer:?} over {scheme}: {name}");
    }
    WE_CALL.add(peer.run(scheme, ended.into_iter().map(|(name, _)| name.to_owned()).collect()));
}

/// Runs all cases of our client, and says how each ended.
async fn cases(client: &Client) -> Vec<(&'static str, Outcome)> {
    let (arith, zoo) = (ArithClient::new(client.clone()), ZooClient::new(client.clone()));
    let long = "é".repeat(100 << 10);
    let largest = (1 << 53) - 1;
    let mut ended = vec![
        ("values/named", is(arith.multiply(Args { a: 6, b: 7 }).await, &42)),
        ("values/positional", is(client.call("Arith.Multiply", &(6, 7)).await, &42)),
        ("values/a_struct", is(arith.divide(Args { a: 17, b: 5 }).await, &Quotient { quo: 3, rem: 2 })),
        ("values/nothing", is(client.call("Zoo.Nothing", &()).await, &Empty {})),
        ("values/bool", is(zoo.not(true).await, &false)),
        ("values/list", is(zoo.grid(value::grid()).await, &answer::grid(value::grid()))),
        ("values/unicode", is(zoo.text(&value::text()).await, &answer::text(value::text()))),
        ("values/text_200_kib", is(zoo.text(&long).await, &answer::text(long.clone()))),
        ("values/largest_number", is(zoo.negate(largest).await, &-largest)),
        ("values/smallest_number", is(zoo.negate(-largest).await, &largest)),
        (
            "error/divide_by_zero",
            fails(arith.divide(Args { a: 1, b: 0 }).await, Code::Unknown, "divide by zero"),
        ),
        ("error/unicode", fails(zoo.fail("100%: é 🦀").await, Code::Unknown, "100%: é 🦀")),
        (
            "error/no_such_method",
            fails(client.call::<_, i64>("Arith.Nothing", &(6, 7)).await, Code::Unimplemented, ""),
        ),
        (
            "error/mistyped",
            fails(client.call::<_, i64>("Arith.Multiply", &("six", 7)).await, Code::InvalidArgument, ""),
        ),
    ];
    ended.push(("notification/alone", {
        let noted = client.call::<_, ()>("Zoo.Not", &true).one_way().await;
        let noted = noted.map_err(|error| format!("got {error:?}, expected nothing"));
        noted.and(is(zoo.negate(5).await, &-5))
    }));
    ended.push(("many/100_at_once", {
        let calls: Vec<_> = (0..100).map(|number| (number, client.start("Zoo.Negate", &number))).collect();
        let mut outcome = Ok(());
        for (number, call) in calls {
            outcome = outcome.and(is(call.await, &-number));
        }
        outcome
    }));
    ended.push(("many/a_fast_reply_overtakes_a_slow_one", {
        let mut slow = std::pin::pin!(client.start::<_, i64>("Zoo.Slow", &300));
        let fast = is(zoo.negate(5).await, &-5);
        let overtook = match tokio::time::timeout(Duration::ZERO, &mut slow).await {
            Err(_) => Ok(()),
            Ok(early) => Err(format!("got {early:?} of a slow call first")),
        };
        fast.and(overtook).and(is(slow.await, &300))
    }));
    ended
}

fn is<T: std::fmt::Debug>(got: ferrywire::Result<T>, expected: &T) -> Outcome {
    same(&got.map_err(|error| format!("got {error:?}, expected a reply"))?, expected)
}

/// `words` are what the error must say; the peers' own errors have words of their own.
fn fails<T: std::fmt::Debug>(got: ferrywire::Result<T>, code: Code, words: &str) -> Outcome {
    match got {
        Err(error) if error.is_remote() && error.code() == code && ["", error.message()].contains(&words) => {
            Ok(())
        }
        other => Err(format!("got {other:?}, expected the error {code:?} `{words}`")),
    }
}

macro_rules! tests {
    ($run:ident; $($name:ident: $peer:ident over $scheme:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $run(&Peer::$peer, $scheme).await;
        })*
    };
}

tests! {
    they_call_us;
    jayson_calls_us_over_tcp: NODE over "tcp";
    jayson_calls_us_over_http: NODE over "http";
    aiorpcx_calls_us_over_tcp: PYTHON over "tcp";
    jsonrpclib_calls_us_over_http: PYTHON over "http";
}

tests! {
    we_call_them;
    we_call_jayson_over_tcp: NODE over "tcp";
    we_call_jayson_over_http: NODE over "http";
    we_call_aiorpcx_over_tcp: PYTHON over "tcp";
    we_call_jsonrpclib_over_http: PYTHON over "http";
}
