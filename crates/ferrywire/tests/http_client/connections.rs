//! The connections that calls have: how many, when again, when not again.

use std::future::IntoFuture;
use std::time::Duration;

use ferrywire::protocol::{Http, JsonRpc, Post};
use ferrywire::{Client, Code, Phase};
use tokio::time::Instant;

use crate::canned::{Canned, ok};
use crate::support::{Rig, in_time, limits, settle};

#[tokio::test(start_paused = true)]
async fn a_connection_serves_one_call_after_the_other() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let first = client.start::<_, i64>("Arith.Twice", &1);
    let mut line = canned.accept().await;
    line.answer(ok("2")).await;
    assert_eq!(first.await.unwrap(), 2);

    for number in 2..5_i64 {
        let call = client.start::<_, i64>("Arith.Twice", &number);
        assert_eq!(line.answer(ok(&(2 * number).to_string())).await.text(), number.to_string());
        assert_eq!(in_time("the call ends", call).await.unwrap(), 2 * number);
    }

    canned.is_left_alone().await;
}

#[tokio::test(start_paused = true)]
async fn calls_at_once_have_a_connection_each() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let first = client.start::<_, i64>("Arith.Twice", &1);
    let mut one = canned.accept().await;
    assert_eq!(one.request().await.text(), "1");
    let second = client.start::<_, i64>("Arith.Twice", &2);
    let mut two = canned.accept().await;

    two.answer(ok("4")).await;
    assert_eq!(in_time("the second ends", second).await.unwrap(), 4);
    one.say(ok("2")).await;

    assert_eq!(in_time("the first ends", first).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ended_while_idle_is_made_again() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    for number in 1..4_i64 {
        let call = client.start::<_, i64>("Arith.Twice", &number);
        let mut line = canned.accept().await;
        line.answer(ok(&(2 * number).to_string())).await;
        assert_eq!(in_time("the call ends", call).await.unwrap(), 2 * number);

        drop(line);
        settle().await;
    }
}

/// A reply to nothing must not be taken for that to the next call.
#[tokio::test(start_paused = true)]
async fn what_a_server_says_unasked_is_not_heard() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let first = client.start::<_, i64>("Arith.Twice", &1);
    let mut line = canned.accept().await;
    line.answer(ok("2")).await;
    assert_eq!(first.await.unwrap(), 2);

    line.say(ok("666")).await;
    settle().await;
    let second = client.start::<_, i64>("Arith.Twice", &2);

    line.is_closed().await;
    let mut line = canned.accept().await;
    // Behind the reply, in the same breath.
    line.answer(ok("4") + &ok("666")).await;
    assert_eq!(in_time("the call ends", second).await.unwrap(), 4);
    let third = client.start::<_, i64>("Arith.Twice", &3);
    line.is_closed().await;
    canned.accept().await.answer(ok("6")).await;
    assert_eq!(in_time("the call ends", third).await.unwrap(), 6);
}

/// Nobody knows whether the server has read it.
#[tokio::test(start_paused = true)]
async fn a_call_is_not_sent_again_once_it_was_sent() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let first = client.start::<_, i64>("Arith.Twice", &1);
    let mut line = canned.accept().await;
    line.answer(ok("2")).await;
    assert_eq!(first.await.unwrap(), 2);

    let second = client.start::<_, i64>("Arith.Twice", &2);
    line.request().await;
    drop(line);

    let error = in_time("the call ends", second).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.may_have_run());
    canned.is_left_alone().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_after_each_reply_is_dialled_for_each_call_at_once() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let began = Instant::now();

    for number in 1..20_i64 {
        let call = client.start::<_, i64>("Arith.Twice", &number);
        let mut line = canned.accept().await;
        let body = (2 * number).to_string();
        line.answer(format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        assert_eq!(in_time("the call ends", call).await.unwrap(), 2 * number);
        line.is_closed().await;
    }

    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_closes_its_connection_and_no_other() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let held = client.start::<_, i64>("Arith.Twice", &1);
    let mut line = canned.accept().await;
    line.request().await;
    let second = client.start::<_, i64>("Arith.Twice", &2);
    let mut other = canned.accept().await;
    other.request().await;

    drop(held);

    line.is_closed().await;
    other.say(ok("4")).await;
    assert_eq!(in_time("the call ends", second).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_closes_the_connection_of_its_call() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let call = async { client.call::<_, i64>("Arith.Twice", &1).timeout(Duration::from_millis(250)).await };
    let (call, mut line) = tokio::join!(call, async {
        let mut line = canned.accept().await;
        line.request().await;
        // Some of the reply has come.
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n").await;
        line
    });

    let error = call.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Wait)));
    assert!(error.may_have_run());
    line.is_closed().await;
}

/// A call is brought forward by whoever waits for it, and that may change.
#[tokio::test(start_paused = true)]
async fn a_call_that_goes_to_another_task_is_answered_there_and_ends_in_time() {
    let mut canned = Canned::new().await;
    let client: &'static Client = Box::leak(Box::new(canned.client(Http)));
    let mut calls = Vec::new();
    for number in 1..3_i64 {
        let timeout = Duration::from_millis(100);
        let mut call = client.call::<_, i64>("Arith.Twice", &number).timeout(timeout).into_future();
        assert!(futures_util::poll!(&mut call).is_pending());
        calls.push(tokio::spawn(call));
    }
    let (mut one, mut two) = (canned.accept().await, canned.accept().await);
    one.answer(ok("2")).await;
    two.request().await;

    let mut ended = Vec::new();
    for call in calls {
        ended.push(in_time("the call ends", call).await.unwrap());
    }

    assert_eq!(*ended[0].as_ref().unwrap(), 2);
    assert_eq!(ended[1].as_ref().unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_was_there_in_time_is_taken_however_late() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let mut call = client.call::<_, i64>("Arith.Twice", &1).timeout(Duration::from_millis(100)).into_future();
    assert!(futures_util::poll!(&mut call).is_pending());
    canned.accept().await.answer(ok("2")).await;

    tokio::time::advance(Duration::from_millis(200)).await;

    assert_eq!(call.await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn connections_that_have_ended_are_given_up_when_another_is_used() {
    let mut canned = Canned::new().await;
    let other = canned.client(Http);
    let calls = [1, 2].map(|number| other.start::<_, i64>("Arith.Twice", &number));
    let (mut one, mut two) = (canned.accept().await, canned.accept().await);
    one.answer(ok("2")).await;
    two.answer(ok("4")).await;
    for call in calls {
        call.await.unwrap();
    }

    // The server ends one direction of the connection that was used first, and sees the other end.
    one.end().await;
    let third = other.start::<_, i64>("Arith.Twice", &3);
    two.answer(ok("6")).await;

    assert_eq!(in_time("the call ends", third).await.unwrap(), 6);
    one.is_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_for_a_connection_too_long_has_not_run() {
    let mut canned = Canned::new().await;
    let client = canned.client_with(Http, limits(|limits| limits.connections_per_client_max = 1));
    let held = client.start::<_, i64>("Arith.Twice", &1);
    let mut line = canned.accept().await;
    line.request().await;

    let error =
        client.call::<_, i64>("Arith.Twice", &2).timeout(Duration::from_millis(50)).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), (Code::DeadlineExceeded, Some(Phase::Queue)));
    assert!(!error.may_have_run());
    line.say(ok("2")).await;
    assert_eq!(held.await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_given_up_goes_to_the_next() {
    let mut canned = Canned::new().await;
    let client = canned.client_with(Http, limits(|limits| limits.connections_per_client_max = 1));
    let held = client.start::<_, i64>("Arith.Twice", &1);
    let mut line = canned.accept().await;
    line.request().await;
    let (second, third) =
        (client.start::<_, i64>("Arith.Twice", &2), client.start::<_, i64>("Arith.Twice", &3));
    settle().await;

    drop(second);
    drop(held);

    line.is_closed().await;
    let mut line = canned.accept().await;
    assert_eq!(line.answer(ok("6")).await.text(), "3");
    assert_eq!(in_time("the call ends", third).await.unwrap(), 6);
}

/// A server that does not want the rest answers, and does not read on.
#[tokio::test(start_paused = true)]
async fn a_reply_that_comes_before_its_request_is_out_is_the_reply() {
    let mut canned = Canned::new().await;
    let client = canned.client(Http);
    let call = client.start::<_, i64>("Arith.Len", &"x".repeat(1 << 20));
    let mut line = canned.accept().await;
    assert!(line.read_some().await > 0);

    line.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n").await;

    let error = in_time("the call ends", call).await.unwrap_err();
    assert_eq!((error.code(), error.is_remote()), (Code::ResourceExhausted, true));
    while line.read_some().await > 0 {}
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_dialled_at_leisure() {
    let canned = Canned::new().await;
    let client = canned.client(Http);
    drop(canned);

    for _ in 0..3 {
        let error = client.call::<_, i64>("Arith.Twice", &1).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Connect)));
        assert!(!error.may_have_run());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_is_handed_over_when_it_is_out() {
    let mut canned = Canned::new().await;
    let client = canned.client(Post(JsonRpc));
    let noted = client.call::<_, ()>("Log.Note", &[7]).one_way();
    let (noted, mut line) = tokio::join!(noted, async {
        let mut line = canned.accept().await;
        let request = line.request().await;
        assert_eq!(request.text().trim_end(), r#"{"jsonrpc":"2.0","method":"Log.Note","params":[[7]]}"#);
        line
    });
    noted.unwrap();

    // Its connection has not been answered on: another call has another.
    let call = client.start::<_, i64>("Arith.Twice", &1);
    canned.accept().await.answer(ok(r#"{"jsonrpc":"2.0","id":2,"result":2}"#)).await;
    assert_eq!(in_time("the call ends", call).await.unwrap(), 2);
    line.say("HTTP/1.1 204 No Content\r\n\r\n").await;
    settle().await;
    let call = client.start::<_, i64>("Arith.Twice", &2);
    line.answer(ok(r#"{"jsonrpc":"2.0","id":3,"result":4}"#)).await;
    assert_eq!(in_time("the call ends", call).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_closes_its_connections() {
    let rig = Rig::new().await;
    let client = rig.builder().protocol(Http).connect(&rig.address).await.unwrap();
    assert_eq!(client.call::<_, i64>("Probe.Twice", &21).await.unwrap(), 42);
    rig.connections(1).await;

    drop(client);

    rig.connections(0).await;
}
