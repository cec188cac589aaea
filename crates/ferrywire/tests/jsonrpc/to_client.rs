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
            " \r\n{\"method\":\"noted\",\"params\":[],\"id\":null}{\"id\":\"echo\",\"method\":\"echo\",\"params\":[]}{\"id\":ID,\"result\":7}",
            "{\"jsonrpc\":\"2.0\",\"method\":\"noted\",\"params\":{\"id\":1}}[]{}{\"id\":ID,\"result\":7}",
        ] {
            assert_eq!(answered::<i64>(client.clone(), &mut server, answer).await.unwrap(), 7, "{answer}");
        }
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
