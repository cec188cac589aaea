//! 2.0 as a server and a client speak it.

use std::error::Error as _;

use ferrywire::protocol::JsonRpc;
use ferrywire::protocol::jsonrpc::ErrorCode;
use ferrywire::{Client, Code, Limits};
use serde_json::{Value, json};

use crate::ledger::{Account, LedgerClient, served};
use crate::lines::{Lines, value};
use crate::support::{Rig, until};

fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

async fn client_of(rig: &Rig) -> Client {
    rig.builder().protocol(JsonRpc).connect(&rig.address).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn parameters_are_named_or_in_their_order() {
    let (rig, _) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;

    for (method, params, result) in [
        ("Subtract", json!({"minuend": 42, "subtrahend": 23}), json!(19)),
        ("Subtract", json!({"Subtrahend": 23, "MINUEND": 42, "more": []}), json!(19)),
        ("Subtract", json!([42, 23]), json!(19)),
        ("Subtract", json!([{"minuend": 42, "subtrahend": 23}]), json!(19)),
        ("Sum", json!([[1, 2, 3]]), json!(6)),
        ("Sum", json!([1, 2, 3]), json!(6)),
        ("Sum", json!([]), json!(0)),
        ("Pair", json!([1, "a"]), json!([2, "a!"])),
        ("Pair", json!([[1, "a"]]), json!([2, "a!"])),
        ("Account", json!({"userName": "Ada"}), json!({"user_name": "Ada", "age": 1})),
        ("Account", json!(["Ada", 35]), json!({"user_name": "Ada", "age": 36})),
        ("Maybe", json!([7]), json!(7)),
        ("Maybe", json!([null]), json!(null)),
        ("Rest", json!({}), json!(null)),
        ("Rest", json!([]), json!(null)),
        ("Rest", json!(null), json!(null)),
    ] {
        let request =
            json!({"jsonrpc": "2.0", "method": format!("Ledger.{method}"), "params": params, "id": 1});

        let answer = lines.ask_value(request.to_string()).await;

        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "result": result}), "{method} {params}");
    }
    let answer = lines.ask(r#"{"jsonrpc":"2.0","method":"Ledger.Rest","id":"x"}"#).await;
    assert_eq!(answer, r#"{"jsonrpc":"2.0","id":"x","result":null}"#);
}

#[tokio::test(start_paused = true)]
async fn every_type_of_argument_arrives_from_our_client() {
    let (rig, clerk) = served(Limits::default()).await;
    let client = client_of(&rig).await;
    let ledger = LedgerClient::new(client.clone());

    ledger.rest().await.unwrap();
    assert_eq!(ledger.subtract(42, 23).await.unwrap(), 19);
    for numbers in [vec![], vec![5], vec![1, 2, 3]] {
        assert_eq!(ledger.sum(numbers.clone()).await.unwrap(), numbers.iter().sum::<i64>());
        assert_eq!(client.call::<_, i64>("Ledger.Sum", &numbers).await.unwrap(), numbers.iter().sum::<i64>());
    }
    assert_eq!(ledger.pair((1, "a".to_owned())).await.unwrap(), (2, "a!".to_owned()));
    let account = Account { user_name: "Ada".to_owned(), age: 35 };
    assert_eq!(ledger.account(account).await.unwrap().age, 36);
    assert_eq!(ledger.maybe(None).await.unwrap(), None);
    assert_eq!(ledger.maybe(Some(7)).await.unwrap(), Some(7));
    client.call::<_, ()>("Ledger.Rest", &()).await.unwrap();
    ledger.note(7).one_way().await.unwrap();
    until("the note is there", || clerk.notes() == [7]).await;
}

#[tokio::test(start_paused = true)]
async fn our_clients_requests_are_these() {
    let (mut server, stream) = Lines::pair();
    let client = Client::builder().protocol(JsonRpc).over(stream);

    for (call, expected) in [
        (client.start::<_, ()>("a.b", &()), r#"{"jsonrpc":"2.0","method":"a.b","id":1}"#),
        (
            client.start("eth_call", &("0x\"", 7)),
            r#"{"jsonrpc":"2.0","method":"eth_call","params":["0x\"",7],"id":2}"#,
        ),
        (client.start("a", &"x"), r#"{"jsonrpc":"2.0","method":"a","params":["x"],"id":3}"#),
        (client.start("a", &vec![1, 2]), r#"{"jsonrpc":"2.0","method":"a","params":[[1,2]],"id":4}"#),
        (
            client.start("a", &Account { user_name: "Ada".into(), age: 1 }),
            r#"{"jsonrpc":"2.0","method":"a","params":{"user_name":"Ada","age":1},"id":5}"#,
        ),
        (client.start("a", &None::<u8>), r#"{"jsonrpc":"2.0","method":"a","params":[null],"id":6}"#),
    ] {
        server.hears(expected).await;
        drop(call);
    }
    client.call::<_, ()>("a", &1).one_way().await.unwrap();
    server.hears(r#"{"jsonrpc":"2.0","method":"a","params":[1]}"#).await;
}

#[tokio::test(start_paused = true)]
async fn a_notification_runs_and_is_not_answered() {
    let (rig, clerk) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;

    lines.say(r#"{"jsonrpc":"2.0","method":"Ledger.Note","params":[7]}"#).await;
    lines.say(r#"{"jsonrpc":"2.0","method":"Ledger.Nobody","params":[8]}"#).await;
    lines.say(r#"{"jsonrpc":"2.0","method":"Ledger.Note","params":["no number"]}"#).await;
    lines.say(r#"{"jsonrpc":"2.0","method":"Probe.PanicLater","params":["secret"]}"#).await;

    let answer = lines.ask(r#"{"jsonrpc":"2.0","method":"Ledger.Note","params":[9],"id":1}"#).await;
    assert_eq!(answer, r#"{"jsonrpc":"2.0","id":1,"result":null}"#);
    assert_eq!(clerk.notes(), [7, 9]);
}

/// Section 11.4: some clients hang up right behind a notification.
#[tokio::test(start_paused = true)]
async fn a_notification_runs_though_its_caller_has_gone() {
    let (rig, clerk) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;

    lines.say(r#"{"jsonrpc":"2.0","method":"Ledger.Note","params":[7]}"#).await;
    lines.half_close().await;

    assert!(lines.rest().await.is_empty());
    assert_eq!(clerk.notes(), [7]);
}

#[tokio::test(start_paused = true)]
async fn errors_have_the_numbers_of_the_specification() {
    let (rig, _) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;
    let null = Value::Null;

    for (request, expected) in [
        (
            r#"{"jsonrpc":"2.0","method":"foobar","id":"1"}"#,
            error(&json!("1"), -32601, "`foobar` names no method: expected Service.Method"),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"Ledger.Nobody","id":2.50}"#,
            error(&json!(2.5), -32601, "the service has no method Ledger.Nobody"),
        ),
        (
            r#"{"jsonrpc":"2.0","method":1,"params":"bar"}"#,
            error(&null, -32600, "parameters are an object or a list"),
        ),
        (r#"{"jsonrpc":"2.0","method":1,"id":7}"#, error(&json!(7), -32600, "a method is named by a text")),
        (r#"{"jsonrpc":"2.0","id":7}"#, error(&json!(7), -32600, "a method is named by a text")),
        (
            r#"{"jsonrpc":"2.0","method":"Ledger.Rest","id":[1]}"#,
            error(&null, -32600, "an id is a text, a number or null"),
        ),
        ("[]", error(&null, -32600, "a list without requests")),
    ] {
        assert_eq!(lines.ask_value(request).await, expected, "{request}");
    }
    for params in
        [r#"["text",1]"#, r#"{"minuend":1}"#, "[]", "[1]", r#"{"minuend":1,"minuend":2,"subtrahend":3}"#]
    {
        let request = format!(r#"{{"jsonrpc":"2.0","method":"Ledger.Subtract","params":{params},"id":1}}"#);

        let answer = lines.ask_value(request).await;

        assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
    }
    assert_eq!(rig.handle.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_is_answered_and_ends_the_connection() {
    let (rig, _) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;
    lines.say(r#"{"jsonrpc":"2.0","method":"Probe.Hold","params":[5],"id":1}"#).await;
    rig.bench.begun(1).await;

    let answer =
        lines.ask_value(r#"{"jsonrpc":"2.0","method":"foobar","params":"bar","baz]"#.to_owned() + "\n").await;
    rig.bench.let_go(1);

    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32700)));
    assert_eq!(lines.rest().await, [r#"{"jsonrpc":"2.0","id":1,"result":5}"#]);
}

#[tokio::test(start_paused = true)]
async fn codes_details_and_numbers_arrive() {
    let (rig, _) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;
    let ledger = LedgerClient::new(client_of(&rig).await);

    for (kind, expected) in [
        ("plain", json!({"code": -32000, "message": "plain"})),
        (
            "detailed",
            json!({"code": -32009, "message": "because", "data": {"code": "failed precondition", "data": [42]}}),
        ),
        ("numbered", json!({"code": 1001, "message": "overdrawn", "data": {"missing": 7}})),
    ] {
        let request = format!(r#"{{"jsonrpc":"2.0","method":"Ledger.Fail","params":["{kind}"],"id":1}}"#);
        assert_eq!(lines.ask_value(request).await["error"], expected);
    }
    let plain = ledger.fail("plain".to_owned()).await.unwrap_err();
    assert_eq!((plain.code(), plain.message()), (Code::Unknown, "plain"));
    let detailed = ledger.fail("detailed".to_owned()).await.unwrap_err();
    assert_eq!((detailed.code(), detailed.details()), (Code::FailedPrecondition, Some(&b"[42]"[..])));
    let numbered = ledger.fail("numbered".to_owned()).await.unwrap_err();
    assert_eq!(numbered.source().and_then(|source| source.downcast_ref()), Some(&ErrorCode(1001)));
    assert_eq!((numbered.code(), numbered.details()), (Code::Unknown, Some(&b"{\"missing\":7}"[..])));
}

// ---- lists of requests ----

/// What a list is answered by, in the order of ids.
fn sorted(answer: &str) -> Vec<Value> {
    let Value::Array(mut replies) = value(answer) else { panic!("{answer} is no list") };
    replies.sort_by_key(|reply| reply["id"].to_string());
    replies
}

#[tokio::test(start_paused = true)]
async fn a_list_is_answered_by_one_list() {
    let (rig, clerk) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;

    let answer = lines
        .ask(
            r#"[
            {"jsonrpc":"2.0","method":"Ledger.Sum","params":[1,2,4],"id":"1"},
            {"jsonrpc":"2.0","method":"Ledger.Note","params":[7]},
            {"jsonrpc":"2.0","method":"Ledger.Subtract","params":[42,23],"id":"2"},
            {"foo":"boo"},
            {"jsonrpc":"2.0","method":"foo.get","params":{"name":"myself"},"id":"5"},
            1 ] "#,
        )
        .await;

    let replies = sorted(&answer);
    assert_eq!(replies.len(), 5, "{answer}");
    assert_eq!(replies[0], json!({"jsonrpc": "2.0", "id": "1", "result": 7}));
    assert_eq!(replies[1], json!({"jsonrpc": "2.0", "id": "2", "result": 19}));
    assert_eq!((&replies[2]["id"], &replies[2]["error"]["code"]), (&json!("5"), &json!(-32601)));
    assert!(replies[3..].iter().all(|reply| reply["id"].is_null() && reply["error"]["code"] == -32600));
    assert_eq!(clerk.notes(), [7]);
}

#[tokio::test(start_paused = true)]
async fn a_list_waits_for_all_of_its_calls_and_nothing_waits_for_it() {
    let (rig, _) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;
    lines
        .say(
            r#"[{"jsonrpc":"2.0","method":"Probe.Hold","params":[5],"id":1},{"jsonrpc":"2.0","method":"Probe.Twice","params":[21],"id":2}]"#,
        )
        .await;
    rig.bench.begun(1).await;

    assert_eq!(
        lines.ask(r#"{"jsonrpc":"2.0","method":"Probe.Twice","params":[4],"id":3}"#).await,
        r#"{"jsonrpc":"2.0","id":3,"result":8}"#
    );
    rig.bench.let_go(1);

    // In the order of the requests, though the second has ended first: there are clients that go by it.
    lines.hears(r#"[{"jsonrpc":"2.0","id":1,"result":5},{"jsonrpc":"2.0","id":2,"result":42}]"#).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_notifications_is_not_answered() {
    let (rig, clerk) = served(Limits::default()).await;
    let mut lines = Lines::to(&rig).await;

    lines
        .say(
            r#"[{"jsonrpc":"2.0","method":"Ledger.Note","params":[7]},{"jsonrpc":"2.0","method":"Ledger.Note","params":[8]}]"#,
        )
        .await;

    let answer = lines.ask("[1]").await;
    assert_eq!(value(&answer), json!([error(&Value::Null, -32600, "expected an object")]));
    assert_eq!(clerk.notes(), [7, 8]);
}

#[tokio::test(start_paused = true)]
async fn the_replies_of_a_list_are_bounded_together() {
    let limits = crate::support::limits(|limits| limits.frame_len_max = 5000);
    let (rig, _) = served(limits).await;
    let mut lines = Lines::to(&rig).await;
    let fill = |id: u64| format!(r#"{{"jsonrpc":"2.0","method":"Probe.Fill","params":[3000],"id":{id}}}"#);

    let answer = lines.ask(format!("[{},{}]", fill(1), fill(2))).await;

    let replies = sorted(&answer);
    assert_eq!(replies[0]["result"].as_str().unwrap().len(), 4000);
    assert_eq!(replies[1]["error"]["message"], "the replies of a list are over the limit of 5000 bytes");
}

/// Promise 7: what was read is answered, also while the server shuts down.
#[tokio::test(start_paused = true)]
async fn a_shutdown_answers_what_was_read_of_a_list() {
    let limits = crate::support::limits(|limits| limits.calls_per_connection_max = 2);
    let (rig, _) = served(limits).await;
    let mut lines = Lines::to(&rig).await;
    let hold = |id: u64| format!(r#"{{"jsonrpc":"2.0","method":"Probe.Hold","params":[5],"id":{id}}}"#);
    lines.say(format!("[{},{},{}]", hold(1), hold(2), hold(3))).await;
    rig.bench.begun(2).await;

    rig.handle.shutdown();
    crate::support::drains().await;
    rig.bench.let_go(2);

    let answer = lines.hear().await.unwrap();
    assert_eq!(sorted(&answer).len(), 2, "{answer}");
    assert!(lines.rest().await.is_empty());
}
