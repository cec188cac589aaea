//! Headers and bodies in JSON.

use ferrywire::protocol::{GeeRpc, WgRpc};
use ferrywire::{Code, Format, Limits, Phase};

use crate::bytes::{MAGIC, option};
use crate::support::{Args, End, ProbeClient, Rig, limits};

const JSON: &str = "application/json";

#[tokio::test(start_paused = true)]
async fn a_conversation_is_lines_of_json() {
    let rig = Rig::new().await;
    let mut client = End::to(&rig).await;

    client.say(&option(MAGIC[1], JSON, 0)).await;
    for (request, reply) in [
        (
            "{\"ServiceMethod\":\"Probe.Multiply\",\"Seq\":1,\"Error\":\"\"}\n{\"A\":6,\"B\":7}\n",
            "{\"ServiceMethod\":\"Probe.Multiply\",\"Seq\":1,\"Error\":\"\"}\n42\n",
        ),
        (
            "{\"seq\":2,\"servicemethod\":\"Probe.Twice\"} 21 ",
            "{\"ServiceMethod\":\"Probe.Twice\",\"Seq\":2,\"Error\":\"\"}\n42\n",
        ),
        (
            "{\"ServiceMethod\":\"Probe.Fail\",\"Seq\":3}\"100%s \\\"bad\\\"\"",
            "{\"ServiceMethod\":\"Probe.Fail\",\"Seq\":3,\"Error\":\"100%s \\\"bad\\\"\"}\n{}\n",
        ),
        (
            "{\"ServiceMethod\":\"Probe.Nothing\",\"Seq\":4}[[{\"x\":\"]\"}]]",
            "{\"ServiceMethod\":\"Probe.Nothing\",\"Seq\":4,\"Error\":\"rpc server: can't find method Nothing\"}\n{}\n",
        ),
    ] {
        client.say(request.as_bytes()).await;
        client.hears(reply.as_bytes()).await;
    }
    // A body that is no number costs one call, and so does one that is no JSON.
    for body in ["\"x\"", "{]", "[1,]"] {
        client.say(format!("{{\"ServiceMethod\":\"Probe.Twice\",\"Seq\":5}}{body}\n").as_bytes()).await;
        client.hears(b"{\"ServiceMethod\":\"Probe.Twice\",\"Seq\":5,\"Error\":\"").await;
        while client.take(1).await != b"\n" {}
        client.hears(b"{}\n").await;
    }
    client.say(b"{\"ServiceMethod\":\"Probe.Twice\",\"Seq\":6}\n4\n").await;
    client.hears(b"{\"ServiceMethod\":\"Probe.Twice\",\"Seq\":6,\"Error\":\"\"}\n8\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_none_ends_its_connection() {
    let rig = Rig::with(limits(|limits| limits.frame_len_max = 10_000)).await;
    let long = format!("{{\"ServiceMethod\":\"{}\"}} 1 ", "x".repeat(20_000));

    for header in
        ["[] 1 ", "7 1 ", "}", "{\"Seq\":-1} 1 ", "{\"Seq\":1.5} 1 ", "{\"Seq\":\"1\"} 1 ", "{]1 ", &long]
    {
        let mut client = End::to(&rig).await;
        client.say(&[&option(MAGIC[0], JSON, 0)[..], header.as_bytes()].concat()).await;

        assert!(client.rest().await.is_empty(), "{header:.40}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_speaks_it_with_either_family() {
    let rig = Rig::new().await;
    let clients = [
        rig.builder().protocol(WgRpc).codec(Format::Json).connect(&rig.address).await.unwrap(),
        rig.builder().protocol(GeeRpc).codec(Format::Json).connect(&rig.address).await.unwrap(),
    ];

    for client in clients {
        let probe = ProbeClient::new(client.clone());
        assert_eq!(probe.multiply(Args { a: -6, b: 7 }).await.unwrap(), -42);
        assert_eq!(probe.say("é 世界 🦀 \0\n\"".to_owned(), 0).await.unwrap(), "é 世界 🦀 \0\n\"");
        for len in [0, 1, 70_000, (3 << 20) - 3] {
            assert_eq!(probe.len(&vec![7; len]).await.unwrap(), len as u64);
            assert_eq!(probe.fill(len as u64).await.unwrap().len(), len);
        }
        let error = probe.fail("100%s \u{2028}\n\\".to_owned()).await.unwrap_err();
        assert_eq!(error.message(), "100%s \u{2028}\n\\");
        let error = client.call::<_, i64>("Probe.Nothing", &1).await.unwrap_err();
        assert_eq!((error.code(), error.may_have_run()), (Code::Unimplemented, false));
        let error = client.call::<_, String>("Probe.Twice", &1).await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Decode));
        assert_eq!(probe.twice(21).await.unwrap(), 42);
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_grows_beyond_the_limit_is_replaced() {
    let rig = Rig::with(limits(|limits| limits.frame_len_max = 10_000)).await;
    let client = rig.builder().protocol(WgRpc).codec(Format::Json).limits(Limits::default());
    let probe = ProbeClient::new(client.connect(&rig.address).await.unwrap());

    let error = probe.fail("\n".repeat(4_900)).await.unwrap_err();
    assert_eq!(error.message().len(), 4_900);
    let error = probe.fail("\n".repeat(4_999)).await.unwrap_err();
    assert!(error.message().contains("is over the limit of 10000"), "{error}");
}
