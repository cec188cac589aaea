//! A conversation of a client and a server in Go, byte for byte.

use std::time::Duration;

use ferrywire::Client;
use ferrywire::codec::Protobuf;
use ferrywire::protocol::GomoRpc;

use crate::bytes::{GREETING, rig};
use crate::support::{End, in_time, pipe, settle};

/// `Func` of `hello`, within a second.
const FIRST: &[u8] =
    b"\0\0\0\x17\x0a\x09MyService\x12\x04Func\x28\x80\x94\xeb\xdc\x03\0\0\0\x07\x0a\x05hello";
const FIRST_REPLY: &[u8] =
    b"\0\0\0\x17\x0a\x09MyService\x12\x04Func\x28\x80\x94\xeb\xdc\x03\0\0\0\x0c\x0a\x0ahello--ret";

/// `Func` of `hi`, for as long as it takes.
const SECOND: &[u8] = b"\0\0\0\x13\x0a\x09MyService\x12\x04Func\x18\x01\0\0\0\x04\x0a\x02hi";
const SECOND_REPLY: &[u8] = b"\0\0\0\x13\x0a\x09MyService\x12\x04Func\x18\x01\0\0\0\x09\x0a\x07hi--ret";

/// `Slow`, within 100 ms; the reply is that they have passed.
const THIRD: &[u8] =
    b"\0\0\0\x18\x0a\x09MyService\x12\x04Slow\x18\x02\x28\x80\xc2\xd7\x2f\0\0\0\x03\x0a\x01x";
const THIRD_REPLY: &[u8] =
    b"\0\0\0\x1a\x0a\x09MyService\x12\x04Slow\x18\x02\x20\x01\x28\x80\xc2\xd7\x2f\0\0\0\0";

const CONVERSATION: [(&[u8], &[u8]); 3] =
    [(FIRST, FIRST_REPLY), (SECOND, SECOND_REPLY), (THIRD, THIRD_REPLY)];

#[tokio::test(start_paused = true)]
async fn gos_requests_have_gos_replies() {
    let rig = rig().await;
    let mut client = End::to(&rig).await;

    client.say(GREETING).await;
    for (request, reply) in CONVERSATION {
        client.say(request).await;
        client.hears(reply).await;
    }
    rig.bench.gone(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_may_be_cut_anywhere() {
    let rig = rig().await;
    let requests = CONVERSATION.map(|(request, _)| request).concat();
    let replies = CONVERSATION.map(|(_, reply)| reply).concat();
    let stream = [GREETING, &requests].concat();

    for cut in 0..=stream.len() {
        let mut client = End::to(&rig).await;
        client.say(&stream[..cut]).await;
        settle().await;
        client.say(&stream[cut..]).await;

        client.hears(&replies).await;
    }
    let mut slowly = End::to(&rig).await;
    for byte in stream {
        slowly.say(&[byte]).await;
        settle().await;
    }
    slowly.hears(&replies).await;
}

#[tokio::test(start_paused = true)]
async fn our_client_says_what_gos_says_and_understands_its_server() {
    let (ours, theirs) = pipe(1 << 20);
    let client = Client::builder().protocol(GomoRpc).over(theirs);
    let mut server = End::over(ours);
    let call = |method, text: &str, timeout| {
        let (client, text) = (client.clone(), Protobuf(text.to_owned()));
        let call = async move { client.call::<_, Protobuf<String>>(method, &text).timeout(timeout).await };
        tokio::spawn(call)
    };

    let first = call("MyService.Func", "hello", Duration::from_secs(1));
    server.hears(GREETING).await;
    server.hears(FIRST).await;
    server.say(FIRST_REPLY).await;
    assert_eq!(in_time("the call ends", first).await.unwrap().unwrap().0, "hello--ret");

    // One without a timeout is none of ours: every call has one.
    let second = call("MyService.Func", "hi", Duration::from_secs(1));
    let timeout = b"\x28\x80\x94\xeb\xdc\x03";
    server.hears(&[b"\0\0\0\x19", &SECOND[4..23], timeout, &SECOND[23..]].concat()).await;
    server.say(SECOND_REPLY).await;
    assert_eq!(in_time("the call ends", second).await.unwrap().unwrap().0, "hi--ret");

    let third = call("MyService.Slow", "x", Duration::from_millis(100));
    server.hears(THIRD).await;
    server.say(THIRD_REPLY).await;
    let error = in_time("the call ends", third).await.unwrap().unwrap_err();
    assert_eq!(error.code(), ferrywire::Code::DeadlineExceeded);
    assert!(error.is_remote());
}
