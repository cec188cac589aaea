//! What a client says, and what it bears of servers.

use std::time::Duration;

use ferrywire::codec::Protobuf;
use ferrywire::protocol::GomoRpc;
use ferrywire::{Client, Code, Format, Phase, Started};

use crate::bytes::{GREETING, framed, header, said};
use crate::support::{End, in_time, pipe};

/// A client, and the server's end, which has heard the greeting.
async fn pair() -> (Client, End) {
    let (ours, theirs) = pipe(1 << 20);
    let client = Client::builder().protocol(GomoRpc).over(theirs);
    let mut server = End::over(ours);
    server.hears(GREETING).await;
    (client, server)
}

fn func(client: &Client) -> Started<Protobuf<String>> {
    client.start("MyService.Func", &Protobuf("hi".to_owned()))
}

/// `Func` as our client asks for it, which waits for 10 s unless told otherwise.
fn request(id: u8) -> Vec<u8> {
    framed(&header("Func", id, 0, Duration::from_secs(10)), b"\x0a\x02hi")
}

#[tokio::test(start_paused = true)]
async fn calls_are_numbered_from_0() {
    let (client, mut server) = pair().await;

    for id in 0..5 {
        let call = func(&client);
        server.hears(&request(id)).await;
        server.say(&said("Func", id, b"\x0a\x07hi--ret")).await;

        assert_eq!(in_time("the call ends", call).await.unwrap().0, "hi--ret");
    }
}

/// A name without a dot is a method of no service.
#[tokio::test(start_paused = true)]
async fn names_are_said_in_two_parts() {
    let (client, mut server) = pair().await;

    for (id, (name, parts)) in
        [("S.M", &b"\x0a\x01S\x12\x01M"[..]), ("a.b.M", b"\x0a\x03a.b\x12\x01M"), ("M", b"\x12\x01M")]
            .into_iter()
            .enumerate()
    {
        let _call = client.start::<_, Protobuf<()>>(name, &Protobuf(()));
        let id = if id == 0 { vec![] } else { vec![0x18, id as u8] };
        let timeout = b"\x28\x80\xc8\xaf\xa0\x25";

        server.hears(&framed(&[parts, &id, timeout].concat(), b"")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_number_is_an_error_that_says_what_is_known() {
    for (number, code, may_have_run, words) in [
        (1, Code::DeadlineExceeded, true, "deadline exceeded"),
        (2, Code::Unimplemented, false, "no service answers MyService.Func"),
        (3, Code::Unimplemented, false, "the service has no method MyService.Func"),
        (7, Code::Unknown, true, "the server answered with the error 7"),
        (99, Code::Unknown, true, "the server answered with the error 99"),
        (103, Code::InvalidArgument, true, "the number 103"),
        (110, Code::Aborted, true, "aborted, said by the number 110"),
        (208, Code::ResourceExhausted, false, "resource exhausted, said by the number 208"),
        (255, Code::Unknown, true, "the server answered with the error 255"),
    ] {
        let (client, mut server) = pair().await;
        let call = func(&client);
        server.hears(&request(0)).await;

        // What a method had put together by then may come along.
        server.say(&framed(&header("Func", 0, number, Duration::ZERO), b"\x0a\x07partial")).await;

        let error = in_time("the call ends", call).await.unwrap_err();
        assert_eq!((error.code(), error.may_have_run()), (code, may_have_run), "{number}");
        assert!(error.is_remote() && error.message().contains(words), "{error}");
    }
}

/// The seed of the family dies of it.
#[tokio::test(start_paused = true)]
async fn a_reply_of_nobodys_harms_nobody() {
    let (client, mut server) = pair().await;
    let call = func(&client);
    server.hears(&request(0)).await;

    for id in [1, 7, 200] {
        server.say(&said("Func", id, b"\x0a\x07nobodys")).await;
    }
    let far = framed(b"\x18\xff\xff\xff\xff\x0f", b"\x0a\x07nobodys");
    server.say(&[far, said("Func", 0, b"\x0a\x07hi--ret")].concat()).await;

    assert_eq!(in_time("the call ends", call).await.unwrap().0, "hi--ret");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_comes_too_late_is_thrown_away() {
    let (client, mut server) = pair().await;
    let text = Protobuf("hi".to_owned());
    let call = client.call::<_, Protobuf<String>>("MyService.Func", &text);
    let error = call.timeout(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!((error.code(), error.is_remote()), (Code::DeadlineExceeded, false));
    server.hears(&framed(&header("Func", 0, 0, Duration::from_millis(20)), b"\x0a\x02hi")).await;

    let call = func(&client);
    server.hears(&request(1)).await;
    server.say(&said("Func", 0, b"\x0a\x04late")).await;
    server.say(&said("Func", 1, b"\x0a\x07hi--ret")).await;

    assert_eq!(in_time("the call ends", call).await.unwrap().0, "hi--ret");
}

#[tokio::test(start_paused = true)]
async fn replies_may_be_cut_anywhere() {
    let reply = said("Func", 0, b"\x0a\x07hi--ret");

    for cut in 0..reply.len() {
        let (client, mut server) = pair().await;
        let call = func(&client);
        server.hears(&request(0)).await;
        server.say(&reply[..cut]).await;
        crate::support::settle().await;
        server.say(&reply[cut..]).await;

        assert_eq!(in_time("the call ends", call).await.unwrap().0, "hi--ret");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_message_costs_one_call() {
    let (client, mut server) = pair().await;
    let damaged = func(&client);
    server.hears(&request(0)).await;
    server.say(&said("Func", 0, b"\x0a\x07hi")).await;

    let error = in_time("the call ends", damaged).await.unwrap_err();
    assert_eq!((error.phase(), error.is_remote()), (Some(Phase::Decode), false));
    let call = func(&client);
    server.hears(&request(1)).await;
    server.say(&said("Func", 1, b"\x0a\x07hi--ret")).await;
    assert_eq!(in_time("the call ends", call).await.unwrap().0, "hi--ret");
}

/// Whose a damaged header is cannot be known.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_followed_ends_the_calls_that_wait() {
    for bytes in [&b"\0\0\0\x01\x18\0\0\0\0"[..], b"\0\0\x10\x01", b"\0\0\0\0\x7f\xff\xff\xff"] {
        let (client, mut server) = pair().await;
        let call = func(&client);
        server.hears(&request(0)).await;

        server.say(bytes).await;

        let error = in_time("the call ends", call).await.unwrap_err();
        assert_eq!((error.code(), error.phase()), (Code::Unavailable, Some(Phase::Decode)));
        assert!(error.may_have_run());
    }
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_the_wire_has_not_is_refused() {
    let address = "tcp://127.0.0.1:1";

    let error = Client::builder().protocol(GomoRpc).codec(Format::Json).lazy(address).unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("gomorpc carries protobuf, not json"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_message_is_not_sent() {
    let (client, mut server) = pair().await;

    let error = client.call::<_, Protobuf<String>>("MyService.Func", &(u128::MAX,)).await.unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("has no protobuf form") && !error.may_have_run(), "{error}");
    let call = func(&client);
    server.hears(&request(0)).await;
    server.say(&said("Func", 0, b"\x0a\x07hi--ret")).await;
    assert_eq!(in_time("the call ends", call).await.unwrap().0, "hi--ret");
}
