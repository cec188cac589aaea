//! What becomes of clients that keep to nothing. As long as their stream can be followed they are kept: they do not survive the
//! end of their connection.

use std::time::Duration;

use tokio::time::Instant;

use crate::bytes::{GREETING, framed, greeted, header, refused, rig, rig_with, said};
use crate::support::{End, limits};

/// `Func`, so that it is known whether the connection still stands.
async fn is_usable(client: &mut End) {
    client.say(&said("Func", 1, b"\x0a\x02hi")).await;
    client.hears(&said("Func", 1, b"\x0a\x07hi--ret")).await;
}

/// Row A1: a greeting that does not come to its end.
#[tokio::test(start_paused = true)]
async fn half_a_greeting_is_not_waited_for() {
    let rig = rig().await;

    for cut in [1, 15, 20, 32, 33] {
        let mut client = End::to(&rig).await;
        let began = Instant::now();
        client.say(&GREETING[..cut]).await;

        assert!(client.closes_within(Duration::from_secs(6)).await);
        assert_eq!(began.elapsed().as_secs(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_greeting_of_nobodys_is_closed_without_a_word() {
    let rig = rig().await;

    for greeting in [
        "{\"MagicNumber\":21914,\"CodeType\":0}",
        "{\"MagicNumber\":21913,\"CodeType\":x}",
        "{\"MagicNumber\":21913,\"CodeType\":10}",
        "{\"MagicNumber\":21913, \"CodeType\":0}",
        "{\"CodeType\":0,\"MagicNumber\":21913}",
        " {\"MagicNumber\":21913,\"CodeType\":0}",
    ] {
        let mut client = End::to(&rig).await;
        client.say(&[greeting.as_bytes(), &said("Func", 0, b"\x0a\x02hi")].concat()).await;
        client.half_close().await;

        assert!(client.rest().await.is_empty(), "{greeting}");
    }
    assert_eq!(rig.handle.calls().iter().map(|(_, calls)| calls).sum::<u64>(), 0);
}

/// Row A2: what is said to be too long is not waited for.
#[tokio::test(start_paused = true)]
async fn a_length_over_its_limit_ends_its_connection_only() {
    let rig = rig_with(limits(|limits| limits.frame_len_max = 10_000)).await;
    let mut bystander = greeted(&rig).await;

    let header = header("Func", 1, 0, Duration::ZERO);
    let header_len = (header.len() as u32).to_be_bytes();
    for length in [
        &b"\0\0\x10\x01"[..],
        b"\x7f\xff\xff\xff",
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        &[&header_len[..], &header, b"\0\0\x27\x11"].concat(),
        &[&header_len[..], &header, b"\xff\xff\xff\xff"].concat(),
    ] {
        let mut client = greeted(&rig).await;
        client.say(length).await;

        assert!(client.closes_within(Duration::from_millis(10)).await, "{length:?}");
    }
    is_usable(&mut bystander).await;
    // One that is just as long as may be.
    let longest = [&b"\x0a\x8d\x4e"[..], &[b'x'; 9997]].concat();
    assert_eq!(longest.len(), 10_000);
    bystander.say(&said("Carry", 2, &longest)).await;
    bystander.hears(&said("Carry", 2, &longest)).await;
}

/// Row A3: half a message.
#[tokio::test(start_paused = true)]
async fn what_does_not_come_to_its_end_is_not_waited_for() {
    let rig = rig().await;
    let request = said("Func", 0, b"\x0a\x02hi");

    for cut in 1..request.len() {
        let mut client = greeted(&rig).await;
        let began = Instant::now();
        client.say(&request[..cut]).await;

        assert!(client.closes_within(Duration::from_secs(12)).await, "{cut}");
        assert!((10..=11).contains(&began.elapsed().as_secs()), "{cut}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_message_costs_one_call() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;

    for message in [&b"\x0a\x05hi"[..], b"\x0a\x02\xff\xfe", b"\x0a", b"\xff", b"\x08\x01\x00"] {
        for _ in 0..20 {
            client.say(&said("Func", 4, message)).await;
            client.hears(&refused("Func", 4, 103)).await;
        }
    }
    is_usable(&mut client).await;
}

/// What could be read of it says whose the answer is.
#[tokio::test(start_paused = true)]
async fn a_damaged_header_costs_one_call() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;

    for damage in
        [&b"\x28"[..], b"\x32\x05abc", b"\x00", b"\x34", b"\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"]
    {
        for _ in 0..20 {
            let damaged = [&header("Func", 4, 0, Duration::ZERO)[..], damage].concat();
            client.say(&framed(&damaged, b"\x0a\x02hi")).await;
            client.hears(&refused("Func", 4, 203)).await;
        }
    }
    is_usable(&mut client).await;
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_in_use_is_refused_and_the_call_that_has_it_is_not() {
    let rig = rig().await;
    let mut client = greeted(&rig).await;
    client.say(&said("Slow", 5, b"\x0a\x01x")).await;
    rig.bench.begun(1).await;

    for _ in 0..50 {
        client.say(&said("Func", 5, b"\x0a\x02hi")).await;
        client.hears(&refused("Func", 5, 203)).await;
    }
    rig.bench.let_go(1);

    client.hears(&said("Slow", 5, b"\x0a\x01x")).await;
    is_usable(&mut client).await;
}
