//! What a client bears of servers that are neither Go's nor ours.

use ferrywire::protocol::{JsonRpc, JsonRpc1};
use ferrywire::{Client, Code};
use serde_json::Value;

use crate::lines::{Lines, value};
use crate::support::in_time;

/// A client whose first call is answered with `answer`, where `ID` stands for its id; and what came of the call.
async fn answered<R>(client: Client, server: &mut Lines, answer: &str) -> ferrywire::Result<R>
where
    R: serde::de::DeserializeOwned + Send + 'static,
{
    let call = client.start::<_, R>("a.b", &1);
    let request = value(&server.hear().await.unwrap());
    server.say(answer.replace("ID", &request["id"].to_string())).await;
    in_time("the call ends", call).await
}

fn both() -> [(Client, Lines); 2] {
    let (first, stream) = Lines::pair();
    let first_client = Client::builder().protocol(JsonRpc1).over(stream);
    let (second, stream) = Lines::pair();
    [(first_client, first), (Client::builder().protocol(JsonRpc).over(stream), second)]
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_one_in_whatever_form() {
    for (client, mut server) in both() {
        for answer in [
            "{\"id\":ID,\"result\":7,\"error\":null}",
            "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":7}\n",
            "{\"RESULT\":7,\"Id\":ID,\"more\":{\"id\":0}}",
            "{\"id\":ID.0,\"result\":7}",
            "{\"id\":\"ID\",\"result\":7}",
            "[{\"id\":ID,\"result\":7}]",
            " \r\n{\"method\":\"noted\",\"params\":[],\"id\":null}{\"id\":null,\"method\":\"echo\",\"params\":[]}{\"id\":ID,\"result\":7}",
            "{\"jsonrpc\":\"2.0\",\"method\":\"noted\",\"params\":{\"id\":1}}[]{}{\"id\":ID,\"result\":7}",
        ] {
            assert_eq!(answered::<i64>(client.clone(), &mut server, answer).await.unwrap(), 7, "{answer}");
        }
    }
}

/// Some servers give up a client that does not say back what they ask it, though it has nothing to ask.
#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_an_echo_hears_one() {
    for (client, mut server) in both() {
        for (asked, heard) in [
            (r#"{"id":"echo","method":"echo","params":[]}"#, r#"{"id":"echo","result":[],"error":null}"#),
            (
                r#"{"params":[1, "a b"], "method":"\u0065cho","id":[7]}"#,
                r#"{"id":[7],"result":[1,"a b"],"error":null}"#,
            ),
            (r#"{"id":1,"method":"echo"}"#, r#"{"id":1,"result":[],"error":null}"#),
            (
                r#"{"jsonrpc":"2.0","id":2,"method":"echo","params":{"a":1}}"#,
                r#"{"jsonrpc":"2.0","id":2,"result":{"a":1}}"#,
            ),
        ] {
            server.say(asked).await;
            assert_eq!(server.hear().await.as_deref(), Some(heard), "{asked}");
        }
        let answer = "{\"id\":ID,\"result\":7}";
        assert_eq!(answered::<i64>(client, &mut server, answer).await.unwrap(), 7);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_more_is_told_that_there_is_nothing() {
    for (client, mut server) in both() {
        let long = format!(r#"{{"id":3,"method":"echo","params":["{}"]}}"#, "x".repeat(4096));
        for (asked, heard) in [
            (
                r#"{"id":1,"method":"update","params":[1]}"#,
                r#"{"id":1,"result":null,"error":"rpc: can't find method update"}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","id":2,"method":"update"}"#,
                r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"the service has no method update""#,
            ),
            (&long, r#"{"id":3,"result":null,"error":"rpc: can't find method echo"}"#),
        ] {
            server.say(asked).await;
            let said = server.hear().await.unwrap();
            assert!(said.starts_with(heard), "{said}");
        }
        let answer = "{\"id\":ID,\"result\":7}";
        assert_eq!(answered::<i64>(client, &mut server, answer).await.unwrap(), 7);
    }
}

/// It would keep its client busy for ever.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_nothing_but_ask_is_left() {
    for (client, mut server) in both() {
        let call = client.start::<_, i64>("a.b", &1);
        server.hear().await.unwrap();

        for _ in 0..1000 {
            server.try_say(r#"{"id":1,"method":"echo","params":[]}"#).await;
        }

        let error = in_time("the call ends", call).await.unwrap_err();
        assert!(error.message().contains("asks too often"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_one_in_whatever_form() {
    for (client, mut server) in both() {
        for (answer, code, message) in [
            ("{\"id\":ID,\"error\":\"boom\"}", Code::Unknown, "boom"),
            ("{\"id\":ID,\"result\":5,\"error\":\"boom\"}", Code::Unknown, "boom"),
            ("{\"id\":ID,\"error\":{\"code\":-32601,\"message\":\"no\"}}", Code::Unimplemented, "no"),
            (
                "{\"id\":ID,\"error\":{\"error\":\"unknown database\"}}",
                Code::Unknown,
                "{\"error\":\"unknown database\"}",
            ),
            ("{\"id\":ID,\"error\":[\"no\",7]}", Code::Unknown, "[\"no\",7]"),
            ("{\"id\":ID,\"error\":\"\"}", Code::Unknown, "unknown error"),
            ("{\"id\":ID,\"error\":\"\\ud83e\\udd80\\ud800\"}", Code::Unknown, "🦀\u{fffd}"),
        ] {
            let error = answered::<i64>(client.clone(), &mut server, answer).await.unwrap_err();

            assert_eq!((error.code(), error.message()), (code, message), "{answer}");
            assert!(error.is_remote());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_result_is_nothing() {
    for (client, mut server) in both() {
        answered::<()>(client.clone(), &mut server, "{\"id\":ID}").await.unwrap();
        answered::<()>(client.clone(), &mut server, "{\"id\":ID,\"result\":null,\"error\":null}")
            .await
            .unwrap();
        assert_eq!(answered::<Option<u8>>(client.clone(), &mut server, "{\"id\":ID}").await.unwrap(), None);
        let error = answered::<i64>(client, &mut server, "{\"id\":ID}").await.unwrap_err();
        assert!(error.message().contains("invalid type: null"), "{error}");
    }
}

/// Nobody's reply is passed over; a server that could not read us has said so in vain otherwise.
#[tokio::test(start_paused = true)]
async fn an_error_of_nobodys_ends_the_connection() {
    for (client, mut server) in both() {
        let answer =
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"parse error\"}}";

        let error = answered::<i64>(client, &mut server, answer).await.unwrap_err();

        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.message().contains("parse error"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_ends_the_connection() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n", "{\"id\":ID,\"result\":7]", "\u{1}", "{\"a\":NaN"] {
        for (client, mut server) in both() {
            let error = answered::<Value>(client, &mut server, answer).await.unwrap_err();

            assert_eq!(error.code(), Code::Unavailable, "{answer}");
            assert!(error.may_have_run() && error.message().contains("cannot be followed"), "{error}");
        }
    }
}
