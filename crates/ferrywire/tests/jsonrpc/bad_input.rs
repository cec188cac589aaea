//! What a peer may send, and what becomes of it: one call's error or one connection's end.

use ferrywire::Limits;
use serde_json::json;

use crate::ledger::served;
use crate::lines::Lines;
use crate::support::Rig;

#[tokio::test(start_paused = true)]
async fn a_damaged_argument_costs_one_call() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;
    let mut lines = Lines::to(&rig).await;

    for version in ["", "\"jsonrpc\":\"2.0\","] {
        for argument in [
            &b"1e400"[..],
            b"123456789012345678901234567890",
            b"1.5",
            b"{\"a\":1}",
            b"\"\\ud800\"",
            b"\"\xff\xfe\"",
            b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        ] {
            let before = format!("{{{version}\"id\":1,\"method\":\"Probe.Twice\",\"params\":[").into_bytes();
            let answer = lines.ask_value([&before, argument, b"]}\n"].concat()).await;

            assert!(!answer["error"].is_null(), "{answer}");
            let good = format!("{{{version}\"id\":2,\"method\":\"Probe.Twice\",\"params\":[21]}}");
            assert_eq!(lines.ask_value(good).await["result"], json!(42));
        }
        let text = format!(
            "{{{version}\"id\":3,\"method\":\"Probe.Say\",\"params\":[{{\"text\":\"\\ud800\",\"after_ms\":0}}]}}"
        );
        assert!(!lines.ask_value(text).await["error"].is_null());
    }
    bystander.is_unaffected().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_ends_its_connection_only() {
    let rig = Rig::new().await;
    let bystander = rig.bystander().await;

    for bytes in [
        &b"{bad json"[..],
        b"{\"a\":1,}",
        b"{\"method\":\"Probe.Twice\",\"params\":[nonsense],\"id\":1}",
        b"[[1,2]",
        b"[{]}",
        b"{\"id\":\"\x00\"}",
        b"\n\nGET / HTTP/1.1\r\n\r\n{\"method\":\"Probe.Twice\",\"params\":[1],\"id\":1}",
        b"{\"method\":5,\"params\":[1],\"id\":1}{\"method\":\"Probe.Twice\",\"params\":[1],\"id\":1}",
        b"{\"method\":\"Probe.Twice\",\"params\":[1],\"id\":\"\xff\"}",
    ] {
        let mut lines = Lines::to(&rig).await;
        lines.try_say(bytes).await;
        lines.half_close().await;

        let said = lines.rest().await;
        assert!(said.iter().all(|line| line.contains("\"id\":null,\"error\":{")), "{said:?}");
    }
    // Of the last but one nothing was run, nor of what stood behind the HTTP.
    assert_eq!(rig.handle.calls().iter().find(|(name, _)| name == "Probe.Twice").unwrap().1, 1);
    rig.connections(1).await;
    bystander.is_unaffected().await;
}

/// Who has spoken 1.0 is closed without a word, as Go does it.
#[tokio::test(start_paused = true)]
async fn a_caller_of_1_0_is_not_told() {
    let rig = Rig::new().await;
    let mut lines = Lines::to(&rig).await;
    lines.ask(r#"{"method":"Probe.Twice","params":[21],"id":1}"#).await;

    lines.say("{bad json").await;

    assert!(lines.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn requests_are_understood_byte_by_byte_and_all_at_once() {
    let (rig, _) = served(Limits::default()).await;
    let request = |id: usize| {
        let version = if id & 1 == 0 { "\"jsonrpc\":\"2.0\"," } else { "" };
        format!(
            "{{{version}\"method\":\"Probe.Say\",\"params\":[{{\"text\":\"\\u00e9\\\\{id}\",\"after_ms\":0}}],\"id\":{id}}}"
        )
    };
    let all: String = (0..100).map(request).collect();

    let mut lines = Lines::to(&rig).await;
    lines.say(&all).await;
    let mut slowly = Lines::to(&rig).await;
    for byte in all.bytes() {
        slowly.say([byte]).await;
    }

    for lines in [&mut lines, &mut slowly] {
        let mut answers = Vec::new();
        for _ in 0..100 {
            answers.push(crate::lines::value(&lines.hear().await.unwrap()));
        }
        answers.sort_by_key(|answer| answer["id"].as_u64());
        for (id, answer) in answers.iter().enumerate() {
            assert_eq!(
                (answer["id"].as_u64(), answer["result"].as_str()),
                (Some(id as u64), Some(&*format!("é\\{id}")))
            );
        }
    }
}

/// A message of which one byte comes at a time costs one pass, not as many as it has bytes.
#[test]
fn a_long_message_is_looked_at_once() {
    use ferrywire::message::Read;
    use ferrywire::protocol::jsonrpc::Requests;
    use ferrywire::protocol::{ReadRequests, Terms};

    let limits = Limits::default();
    let mut reader = Requests::new(&Terms::new(&limits));
    let text = "x".repeat(2 << 20);
    let message = format!("{{\"method\":\"a.b\",\"params\":[\"{text}\"],\"id\":1}}").into_bytes();
    let began = std::time::Instant::now();

    for end in (1..message.len()).step_by(7) {
        assert!(matches!(reader.read(&message[..end]), Ok(Read::More { used: 0 })));
    }

    // From the start each time it would be 300 GB.
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
    assert!(matches!(reader.read(&message), Ok(Read::Message { used, .. }) if used == message.len()));
}

#[tokio::test(start_paused = true)]
async fn whitespace_without_end_is_not_kept() {
    let rig = Rig::new().await;
    let mut lines = Lines::to(&rig).await;

    for _ in 0..100 {
        lines.say(vec![b' '; 64 << 10]).await;
    }

    assert!(rig.handle.connections() == 1);
    assert_eq!(lines.ask_value(r#"{"method":"Probe.Twice","params":[21],"id":1}"#).await["result"], 42);
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_none_close_their_connection_in_the_end() {
    let rig = Rig::new().await;
    let mut lines = Lines::to(&rig).await;

    for _ in 0..100 {
        lines.try_say(r#"{"jsonrpc":"2.0","id":7}"#).await;
    }

    assert_eq!(lines.rest().await.len(), 17);
}

/// What is escaped is six times as long, and was a message above the caller's limit.
#[test]
fn an_error_that_grows_by_its_escapes_is_replaced() {
    use ferrywire::protocol::jsonrpc::{Id, ReplyWriter, Tag, Version};
    use ferrywire::protocol::{Terms, WriteReplies};
    use ferrywire::{Code, Error};

    let limits = crate::support::limits(|limits| limits.frame_len_max = 10_000);
    let mut writer = ReplyWriter::new(&Terms::new(&limits));
    for version in [Version::One, Version::Two] {
        let tag = Tag { id: Id::new(b"7"), version, is_awaited: true, element: None };
        let mut out = Vec::new();

        writer.refuse(&mut out, &tag, b"", &Error::new(Code::Aborted, "\u{1}".repeat(9000)));

        let answer = crate::lines::value(std::str::from_utf8(&out).unwrap());
        let error = answer["error"].to_string();
        assert!(out.len() < 10_000 && error.contains("bytes is over the limit of 10000"), "{error}");
        assert_eq!(answer["id"], 7);
    }
}
