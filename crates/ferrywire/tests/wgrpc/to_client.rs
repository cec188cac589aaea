//! What a client says to the family's servers, and what it bears of them.

use ferrywire::protocol::{GeeRpc, Protocol, WgRpc};
use ferrywire::{Client, Code, Format};

use crate::bytes::{GO_HEADER, MAGIC, OUR_HEADER, error};
use crate::support::{End, in_time, limits, pipe};

fn pair<P: Protocol>(protocol: P) -> (Client, End) {
    let (ours, theirs) = pipe(1 << 20);
    (Client::builder().protocol(protocol).over(theirs), End::over(ours))
}

/// `Foo.Sum` of 21 with this number, as our client sends it.
fn request(seq: u8) -> Vec<u8> {
    [&b"\x0e\xff\x80\x01\x07Foo.Sum\x01"[..], &[seq], b"\x00\x03\x04\x00\x2a"].concat()
}

fn reply(seq: u8, number: u8) -> Vec<u8> {
    [&b"\x0e\xff\x82\x01\x07Foo.Sum\x01"[..], &[seq], b"\x00\x03\x04\x00", &[number * 2]].concat()
}

/// The family's servers read 512 bytes ahead: that is just the Option.
#[tokio::test(start_paused = true)]
async fn the_option_is_as_long_as_servers_read_ahead() {
    for (is_wgrpc, magic) in [(true, MAGIC[0]), (false, MAGIC[1])] {
        let (client, mut server) = if is_wgrpc { pair(WgRpc) } else { pair(GeeRpc) };
        let call = client.start::<_, i64>("Foo.Sum", &21_i64);

        let option = String::from_utf8(server.take(512).await).unwrap();
        let said = format!(
            "{{\"MagicNumber\":{magic},\"CodecType\":\"application/gob\",\"ConnectTimeout\":3000000000,\"HandleTimeout\":30000000000"
        );
        assert_eq!(option.strip_suffix('}').unwrap().trim_end(), said);
        server.hears(OUR_HEADER).await;
        server.hears(&request(1)).await;
        server.say(&[GO_HEADER, &reply(1, 42)].concat()).await;
        assert_eq!(in_time("the call ends", call).await.unwrap(), 42);
    }
}

#[tokio::test(start_paused = true)]
async fn the_limits_say_what_the_option_asks_for() {
    let (ours, theirs) = pipe(1 << 20);
    let limits = limits(|limits| {
        limits.handler_timeout = std::time::Duration::from_micros(1500);
        limits.connect_timeout = std::time::Duration::MAX;
    });
    let _client = Client::builder().protocol(GeeRpc).limits(limits).over(theirs);

    let option = String::from_utf8(End::over(ours).take(512).await).unwrap();

    assert!(option.contains("\"ConnectTimeout\":9223372036854775807,\"HandleTimeout\":1500000 "), "{option}");
}

/// A server that has lost its step answers what nobody asked, with the number 0.
#[tokio::test(start_paused = true)]
async fn a_reply_of_nobodys_harms_nobody() {
    let (client, mut server) = pair(WgRpc);
    let call = client.start::<_, i64>("Foo.Sum", &21_i64);
    server.take(512 + OUR_HEADER.len()).await;
    server.hears(&request(1)).await;

    let nobodys = b"\x06\xff\x82\x03\x01e\x00\x0a\xff\x83\x03\x01\x02\xff\x84\x00\x00\x00\x03\xff\x84\x00";
    server.say(&[GO_HEADER, nobodys, &reply(9, 1), &reply(1, 42)].concat()).await;

    assert_eq!(in_time("the call ends", call).await.unwrap(), 42);
}

#[tokio::test(start_paused = true)]
async fn errors_are_known_by_the_words_of_either_family() {
    for (text, code, may_have_run) in [
        ("rpc server: can't find service Foo", Code::Unimplemented, false),
        ("server.findService: can't find method: Sum", Code::Unimplemented, false),
        ("rpc server: can't find method Other", Code::Unknown, true),
        ("rpc server: request handle timeout: expect within 50ms", Code::DeadlineExceeded, true),
        ("server.handleRequest: request handle timeout: expect within 1s", Code::DeadlineExceeded, true),
        ("100%s bad", Code::Unknown, true),
    ] {
        let (client, mut server) = pair(GeeRpc);
        let call = client.start::<_, i64>("Foo.Sum", &21_i64);
        server.take(512).await;

        let empty = b"\x0a\xff\x83\x03\x01\x02\xff\x84\x00\x00\x00\x03\xff\x84\x00";
        server.say(&[OUR_HEADER, &error("Foo.Sum", 1, text), empty].concat()).await;

        let error = in_time("the call ends", call).await.unwrap_err();
        assert_eq!((error.code(), error.may_have_run(), error.message()), (code, may_have_run, text));
        assert!(error.is_remote());
    }
}

/// Go's servers take a method that is not there for the end of the stream.
#[tokio::test(start_paused = true)]
async fn a_server_that_closes_ends_the_calls_that_wait() {
    let (client, mut server) = pair(WgRpc);
    let call = client.start::<_, i64>("Foo.Sum", &21_i64);
    server.take(512).await;

    drop(server);

    let error = in_time("the call ends", call).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.may_have_run());
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_the_family_has_not_is_refused() {
    let address = "tcp://127.0.0.1:1";

    let error = Client::builder().protocol(WgRpc).codec(Format::MessagePack).lazy(address).unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("WgRPC carries gob, not msgpack"), "{error}");
}
