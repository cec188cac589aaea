//! A connection is any pair of byte streams: we are a Go program's child, and a Go program is ours.
#![allow(clippy::unwrap_used, reason = "in a test, a failure is the report")]

use std::process::Stdio;
use std::time::Duration;

use ferrywire::protocol::NetRpc;
use ferrywire::transport::{Peer, Stream};
use ferrywire::{Client, Code};
use ferrywire_interop::harness::{Go, Outcome, Tally, nonces};
use ferrywire_interop::zoo::{Any, Args, ArithClient, ZooClient, answer, same, value};
use tokio::process::Child;

static TALLY: Tally = Tally::new("parent and child", 4);

async fn a_go_program_starts_us(go: &Go) {
    let passed = go.cases("parent", &[env!("CARGO_BIN_EXE_zoo-stdio")]).await;

    assert!(passed.len() >= 12, "{} cases, expected 12 or more", passed.len());
    TALLY.add(go.run("stdio", passed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_go_program_starts_us() {
    a_go_program_starts_us(Go::older()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_go_program_starts_us() {
    a_go_program_starts_us(Go::newer()).await;
}

async fn we_start_a_go_program(go: &Go) {
    let mut server = go.program("server");
    server.arg("-stdio").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = server.spawn().unwrap();
    let (output, input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let client = Client::builder().protocol(NetRpc).over(Stream::new(output, input, Peer::named("a child")));

    let mut passed = Vec::new();
    let mut note = |name: &str, ended: Outcome| {
        assert_eq!(ended, Ok(()), "{} stdio/{name}", go.version);
        passed.push(format!("stdio/to_a_child/{name}"));
    };
    note("types_of_every_kind", types_of_every_kind(&client).await);
    note("an_error", an_error(&client).await);
    note("3_mib", large(&client).await);
    note("8_tasks_of_nonces", nonces(&client, 8, 100).await);
    note("nothing_after_its_end", nothing_after_its_end(&client, &mut child).await);
    TALLY.add(go.run("stdio", passed));
}

#[tokio::test(flavor = "multi_thread")]
async fn we_start_an_old_go_program() {
    we_start_a_go_program(Go::older()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_start_a_new_go_program() {
    we_start_a_go_program(Go::newer()).await;
}

async fn types_of_every_kind(client: &Client) -> Outcome {
    let zoo = ZooClient::new(client.clone());
    let failed = |error: ferrywire::Error| error.to_string();
    same(&zoo.scalars(value::scalars()).await.map_err(failed)?, &answer::scalars(value::scalars()))?;
    same(&zoo.shapes(value::shapes()).await.map_err(failed)?, &answer::shapes(value::shapes()))?;
    same(&zoo.times(value::times()).await.map_err(failed)?, &answer::times(value::times()))?;
    same(&zoo.any(None).await.map_err(failed)?, &None::<Any>)
}

async fn an_error(client: &Client) -> Outcome {
    let arith = ArithClient::new(client.clone());
    let divided = arith.divide(Args { a: 1, b: 0 }).await.map_err(|error| error.message().to_owned());
    same(&divided.map(drop), &Err("divide by zero".to_owned()))?;
    same(&arith.multiply(Args { a: 6, b: 7 }).await.map_err(|error| error.to_string())?, &42)
}

async fn large(client: &Client) -> Outcome {
    let reply = ZooClient::new(client.clone()).fill(3 << 20).await;
    same(&reply.map_err(|error| error.to_string())?, &answer::filled(3 << 20))
}

/// A child that was killed cannot be reached again: calls fail instead of waiting for one.
async fn nothing_after_its_end(client: &Client, child: &mut Child) -> Outcome {
    let waiting = client.start::<_, i64>("Zoo.Slow", &60_000_i64);
    let zoo = ZooClient::new(client.clone());
    while zoo.running(0).await.map_err(|error| error.to_string())? == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    child.kill().await.map_err(|cause| cause.to_string())?;

    let waited = waiting.await.map_err(|error| (error.code(), error.may_have_run()));
    same(&waited, &Err((Code::Unavailable, true)))?;
    let later = zoo.running(0).timeout(Duration::from_secs(5)).await;
    same(&later.map_err(|error| (error.code(), error.may_have_run())), &Err((Code::Unavailable, false)))
}
