//! What a server answers.

use std::time::Duration;

use ferrywire::Code;
use tokio::time::Instant;

use crate::bytes::{GREETING, framed, greeted, header, refused, rig, said};
use crate::support::{End, settle};

const NO_TIMEOUT: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn whatever_codec_a_client_names_is_protobuf() {
    let rig = rig().await;

    for codec in b'0'..=b'9' {
        let mut greeting = GREETING.to_vec();
        greeting[32] = codec;
        let mut client = End::to(&rig).await;
        client.say(&[greeting, said("Func", 0, b"\x0a\x02hi")].concat()).await;

        client.hears(&said("Func", 0, b"\x0a\x07hi--ret")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_repeats_what_its_request_said_of_itself() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;
    let known = header("Func", 7, 0, Duration::from_secs(1));
    let unknown = b"\x32\x03abc\x38\x80\x00\x43\x08\x01\x44\x0d\x01\x02\x03\x04\xfa\x01\x00";

    // In any order, some of them twice, and with an error that no request has.
    let mixed = [&b"\x18\x09"[..], &unknown[..5], b"\x20\x05", &known, &unknown[5..]].concat();
    client.say(&framed(&mixed, b"\x0a\x02hi")).await;

    client.hears(&framed(&[&known[..], unknown].concat(), b"\x0a\x07hi--ret")).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_at_all_is_a_message() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;

    client.say(&said("Func", 1, b"")).await;
    client.hears(&said("Func", 1, b"\x0a\x05--ret")).await;
    client.say(&said("Nothing", 2, b"")).await;
    client.hears(&said("Nothing", 2, b"")).await;
    client.say(&said("Carry", 3, b"\x32\x03any")).await;
    client.hears(&said("Carry", 3, b"\x32\x03any")).await;
    // A call of nothing, with nothing.
    client.say(&framed(b"", b"")).await;
    client.hears(&framed(b"\x20\x02", b"")).await;
}

#[tokio::test(start_paused = true)]
async fn replies_come_in_the_order_in_which_calls_end() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;

    client.say(&[said("Slow", 0, b"\x0a\x01x"), said("Func", 1, b"\x0a\x02hi")].concat()).await;
    client.hears(&said("Func", 1, b"\x0a\x07hi--ret")).await;
    rig.bench.let_go(1);

    client.hears(&said("Slow", 0, b"\x0a\x01x")).await;
}

/// A Go client dies of a reply that comes before it has noted that it waits, which it does after it has sent.
#[tokio::test(start_paused = true)]
async fn no_reply_comes_within_a_millisecond() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;

    for round in 0..10 {
        // Whether it is read along with others or not.
        let began = Instant::now();
        for id in 0..round {
            client.say(&said("Func", id, b"\x0a\x02hi")).await;
        }
        client.say(&said("Missing", 100, b"")).await;
        for id in 0..round {
            client.hears(&said("Func", id, b"\x0a\x07hi--ret")).await;
        }
        client.hears(&refused("Missing", 100, 3)).await;

        assert_eq!(began.elapsed(), Duration::from_millis(1));
    }
}

/// The wait is for those who ask too early, and not for those who have waited.
#[tokio::test(start_paused = true)]
async fn what_took_its_time_is_not_held_up() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;
    client.say(&said("Slow", 0, b"\x0a\x01x")).await;
    rig.bench.begun(1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;

    let began = Instant::now();
    rig.bench.let_go(1);
    client.hears(&said("Slow", 0, b"\x0a\x01x")).await;

    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_headers_timeout_ends_a_method_with_the_error_1() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;
    let ms = Duration::from_millis;

    for (count, (asked, granted)) in [
        (ms(100), ms(100)),
        (Duration::from_nanos(1), ms(1)),
        (Duration::from_micros(2500), ms(3)),
        (NO_TIMEOUT, ms(30_000)),
        (Duration::from_nanos(i64::MAX as u64), ms(3_600_000)),
    ]
    .into_iter()
    .enumerate()
    {
        let began = Instant::now();
        client.say(&framed(&header("Slow", 1, 0, asked), b"\x0a\x01x")).await;

        let expected = framed(&header("Slow", 1, 1, asked), b"");
        assert_eq!(client.take_within(ms(3_700_000), expected.len()).await, expected);
        assert_eq!(began.elapsed(), granted);
        rig.bench.gone(count + 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_methods_error_is_its_codes_number() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;

    for code in 1..=16 {
        client.say(&said("Fail", code, &[8, code])).await;

        let late = Code::from_number(code.into()) == Some(Code::DeadlineExceeded);
        client.hears(&refused("Fail", code, if late { 1 } else { 100 + code })).await;
    }
}

/// The seed of the family dies of it.
#[tokio::test(start_paused = true)]
async fn what_is_not_there_costs_nothing_but_its_own_call() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;
    let elsewhere = |method: &str, error: u8| {
        let text = header(method, 9, error, NO_TIMEOUT);
        [b"\x0a\x07Nowhere", &text[11..]].concat()
    };

    for _ in 0..300 {
        client.say(&framed(&elsewhere("Func", 0), b"\x0a\x02hi")).await;
        client.hears(&framed(&elsewhere("Func", 2), b"")).await;
        client.say(&said("Missing", 3, b"\x0a\x02hi")).await;
        client.hears(&refused("Missing", 3, 3)).await;
    }
    client.say(&said("Func", 1, b"\x0a\x02hi")).await;
    client.hears(&said("Func", 1, b"\x0a\x07hi--ret")).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_no_message_is_said_by_a_number() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;

    for _ in 0..50 {
        client.say(&said("TakeNumber", 1, b"\x08\x07")).await;
        client.hears(&refused("TakeNumber", 1, 103)).await;
        client.say(&said("GiveNumber", 2, b"\x0a\x02hi")).await;
        client.hears(&refused("GiveNumber", 2, 103)).await;
    }
    client.say(&said("Func", 3, b"\x0a\x02hi")).await;
    client.hears(&said("Func", 3, b"\x0a\x07hi--ret")).await;
}

/// Row A4: what was read is answered.
#[tokio::test(start_paused = true)]
async fn who_half_closes_is_answered_to_the_end() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;
    client.say(&[said("Slow", 0, b"\x0a\x01x"), said("Func", 1, b"\x0a\x02hi")].concat()).await;
    rig.bench.begun(1).await;

    client.half_close().await;
    settle().await;
    rig.bench.let_go(1);

    let replies = [said("Func", 1, b"\x0a\x07hi--ret"), said("Slow", 0, b"\x0a\x01x")].concat();
    assert_eq!(client.rest().await, replies);
}
