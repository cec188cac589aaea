//! What a server answers to the family's clients.

use std::time::Duration;

use ferrywire::Limits;
use tokio::time::Instant;

use crate::bytes::{GO_HEADER, MAGIC, OUR_HEADER, error, first_reply, first_request, option, request};
use crate::support::{End, Rig, limits, settle};

const GOB: &str = "application/gob";

/// A caller whose Option and first request have been answered.
async fn greeted(rig: &Rig, magic: u32, handle_timeout: i64) -> End {
    let mut client = End::to(rig).await;
    client.say(&[option(magic, GOB, handle_timeout), first_request()].concat()).await;
    client.hears(&first_reply()).await;
    client
}

#[tokio::test(start_paused = true)]
async fn one_port_answers_both_families_beside_the_others() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;

    for magic in MAGIC {
        let mut client = greeted(&rig, magic, 0).await;

        client.say(&request("Probe.Twice", 2, 21)).await;
        client.hears(b"\x12\xff\x80\x01\x0bProbe.Twice\x01\x02\x00\x03\x04\x00\x54").await;
    }
    bystander.is_unaffected().await;
}

/// Defect 1: the parser of the options read ahead and swallowed the first header.
#[tokio::test(start_paused = true)]
async fn the_first_request_survives_every_split_from_the_options() {
    let rig = Rig::new().await;
    let option = option(MAGIC[1], GOB, 0);
    let stream = [&option[..], &first_request()].concat();

    for cut in 0..stream.len() {
        let mut client = End::to(&rig).await;
        client.say(&stream[..cut]).await;
        settle().await;
        client.say(&stream[cut..]).await;

        client.hears(&first_reply()).await;
    }
    let mut slowly = End::to(&rig).await;
    for byte in stream {
        slowly.say(&[byte]).await;
        settle().await;
    }
    slowly.hears(&first_reply()).await;
}

#[tokio::test(start_paused = true)]
async fn options_of_other_programs_are_taken() {
    let rig = Rig::new().await;
    let padded = format!("{{{:480}\"MagicNumber\":3927900,\"CodecType\":\"application/gob\"}}", "");

    for option in [
        "{\"MagicNum\":3927900,\"CodecFormat\":\"application/gob\",\"HandleTimeout\":0}",
        "{\"CodecType\":\"application/gob\",\"MagicNumber\":3927900}",
        " {\"MagicNumber\": 57775718, \"CodeType\": \"application\\/gob\"}\n",
        "{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\",\"Token\":{\"a\":[\"}\"]}}",
        &padded,
    ] {
        let mut client = End::to(&rig).await;
        client.say(&[option.as_bytes(), &first_request()].concat()).await;

        client.hears(&first_reply()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_option_of_nobodys_is_closed_without_a_word() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;

    for option in [
        "{\"MagicNumber\":1,\"CodecType\":\"application/gob\"}\n",
        "{\"CodecType\":\"application/gob\"}\n",
        "{\"MagicNumber\":3927900,\"CodecType\":\"application/xml\"}\n",
        "{\"MagicNumber\":3927900}\n",
        "{\"MagicNumber\":3927900,}\n",
        "{\"MagicNumber\":3927900.5,\"CodecType\":\"application/gob\"}\n",
        "{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\",\"HandleTimeout\":\"1s\"}\n",
    ] {
        let mut client = End::to(&rig).await;
        client.say(&[option.as_bytes(), &first_request()].concat()).await;

        assert!(client.rest().await.is_empty(), "{option}");
    }
    assert_eq!(rig.handle.calls().iter().find(|(name, _)| name == "Probe.Multiply").unwrap().1, 0);
    rig.connections(1).await;
    bystander.is_unaffected().await;
}

/// Row A1: an Option that does not come to its end.
#[tokio::test(start_paused = true)]
async fn half_an_option_is_not_waited_for() {
    let rig = Rig::new().await;
    let mut client = End::to(&rig).await;
    let began = Instant::now();

    client.say(b"{\"MagicNumber\":3927900,").await;

    assert!(client.closes_within(Duration::from_secs(6)).await);
    assert_eq!(began.elapsed().as_secs(), 5);
}

/// Row C2: the family's own servers leave the body of an unknown method in the stream.
#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_said_in_the_familys_words() {
    let rig = Rig::new().await;
    let words = [
        [
            "server.findService: can't find service: Nobody",
            "server.findService: can't find method: Nothing",
            "server.Register: service/method request ill-formed: Twice",
        ],
        [
            "rpc server: can't find service Nobody",
            "rpc server: can't find method Nothing",
            "rpc server: service/method request ill-formed: Twice",
        ],
    ];

    for (magic, words) in MAGIC.into_iter().zip(words) {
        let mut client = greeted(&rig, magic, 0).await;
        for (seq, (method, words)) in
            ["Nobody.Twice", "Probe.Nothing", "Twice"].into_iter().zip(words).enumerate()
        {
            let seq = 2 + seq as u8;
            client.say(&request(method, seq, 1)).await;

            client.hears(&error(method, seq, words)).await;
            // An empty struct, whose type is defined before the first.
            if seq == 2 {
                let definition = client.take(1).await;
                client.take(definition[0].into()).await;
            }
            let body = client.take(1).await;
            client.take(body[0].into()).await;
        }
        for seq in 10..110 {
            client.say(&request("Probe.Twice", seq, 21)).await;
            client.take(19 + 4).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_options_time_ends_a_method_and_is_named() {
    let rig = Rig::new().await;
    let words = [
        "server.handleRequest: request handle timeout: expect within ",
        "rpc server: request handle timeout: expect within ",
    ];
    let ms = 1_000_000;

    for (magic, words) in MAGIC.into_iter().zip(words) {
        for (asked, granted_ms, named) in [
            (50 * ms, 50, "50ms"),
            (1_500_000, 2, "1.5ms"),
            (100 * ms, 100, "100ms"),
            (1000 * ms, 1000, "1s"),
            (1, 1, "1ns"),
            (-1, 1, "-1ns"),
            // Nothing asked for is what the server grants.
            (0, 30_000, "30s"),
            (7200 * 1000 * ms, 3_600_000, "1h0m0s"),
        ] {
            let mut client = greeted(&rig, magic, asked).await;
            let began = Instant::now();
            client.say(&request("Probe.Hold", 2, 5)).await;

            let expected = error("Probe.Hold", 2, &format!("{words}{named}"));
            assert_eq!(client.take_within(Duration::from_secs(4000), expected.len()).await, expected);
            let took = began.elapsed().as_millis();
            assert!((granted_ms..granted_ms + 1100).contains(&took), "{named}: {took} ms");
        }
    }
    rig.bench.gone(16).await;
}

/// A method's own error with the same code is not ours to word.
#[tokio::test(start_paused = true)]
async fn a_methods_error_has_its_own_text() {
    let rig = Rig::new().await;
    let mut client = greeted(&rig, MAGIC[1], 0).await;

    let fail = b"\x11\xff\x82\x01\x0aProbe.Fail\x01\x02\x00\x0c\x0c\x00\x09100%s bad";
    client.say(fail).await;

    client.hears(b"\x1c\xff\x80\x01\x0aProbe.Fail\x01\x02\x01\x09100%s bad\x00").await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_argument_costs_one_call() {
    let rig = Rig::new().await;
    let mut client = greeted(&rig, MAGIC[0], 0).await;

    // A text where a number belongs.
    client.say(b"\x12\xff\x82\x01\x0bProbe.Twice\x01\x02\x00\x06\x0c\x00\x03abc").await;
    client.say(&request("Probe.Twice", 3, 21)).await;
    client.half_close().await;

    let said = client.rest().await;
    assert!(said.ends_with(b"\x12\xff\x80\x01\x0bProbe.Twice\x01\x03\x00\x03\x04\x00\x54"));
    assert!(said.windows(9).any(|words| words == b"mismatch " || words == b"expected "), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_ends_its_connection_only() {
    let rig = Rig::with(limits(|limits| limits.frame_len_max = 10_000)).await;
    let bystander = rig.bystander().await;

    for garbage in [
        &b"\x00"[..],
        b"\n\n\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"{\"MagicNumber\":3927900,\"CodecType\":\"application/gob\"}",
        b"\x03\x04\x00\x02",
        b"\xfd\x7f\xff\xff",
        b"\xf8\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut client = End::to(&rig).await;
        client
            .say(&[&option(MAGIC[0], GOB, 0), garbage, GO_HEADER, &request("Probe.Twice", 1, 21)].concat())
            .await;

        assert!(client.closes_within(Duration::from_secs(15)).await, "{garbage:?}");
    }
    assert_eq!(rig.handle.calls().iter().find(|(name, _)| name == "Probe.Twice").unwrap().1, 1);
    bystander.is_unaffected().await;
}

/// Row A4: what was read is answered.
#[tokio::test(start_paused = true)]
async fn who_half_closes_is_answered_to_the_end() {
    let rig = Rig::with(Limits::default()).await;
    let mut client = End::to(&rig).await;
    client.say(&[&option(MAGIC[0], GOB, 0)[..], GO_HEADER, &request("Probe.Hold", 1, 5)].concat()).await;
    rig.bench.begun(1).await;

    client.half_close().await;
    settle().await;
    rig.bench.let_go(1);

    let expected = [OUR_HEADER, b"\x11\xff\x80\x01\x0aProbe.Hold\x01\x01\x00\x03\x04\x00\x0a"].concat();
    assert_eq!(client.rest().await, expected);
}
