//! JSON-RPC 2.0 in the body of a `POST`.

use serde_json::{Value, json};

use crate::caller::{Caller, JSON, ask, curl, post};
use crate::support::Rig;

async fn asked(caller: &mut Caller, body: &Value) -> (u16, Value) {
    let response = caller.curl("/", &body.to_string()).await;
    assert_eq!(response.header("content-type"), Some("application/json"));
    (response.status, response.json())
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;

    let request =
        json!({"jsonrpc": "2.0", "method": "Probe.Multiply", "params": {"a": 6, "b": 7}, "id": "x"});
    assert_eq!(asked(&mut caller, &request).await, (200, json!({"jsonrpc": "2.0", "result": 42, "id": "x"})));
    let slow = json!({"jsonrpc": "2.0", "method": "Probe.Say", "params": ["y", 500], "id": 2});
    assert_eq!(asked(&mut caller, &slow).await, (200, json!({"jsonrpc": "2.0", "result": "y", "id": 2})));
    let missing = json!({"jsonrpc": "2.0", "method": "Probe.Nothing", "id": 3});
    let (status, reply) = asked(&mut caller, &missing).await;
    assert_eq!((status, &reply["error"]["code"], &reply["id"]), (200, &json!(-32601), &json!(3)));

    let request = request.to_string();
    for kind in [JSON, "Content-Type: application/json-rpc", "Content-Type: application/json; charset=utf-8"]
    {
        assert_eq!(ask(&rig, &post("/jsonrpc", &[kind], request.as_bytes())).await.json()["result"], 42);
    }
    for kind in ["Content-Type: text/plain", "Content-Type: application/msgpack"] {
        assert_eq!(ask(&rig, &post("/", &[kind], request.as_bytes())).await.status, 415);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_answered_by_a_list() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    let list: Vec<Value> = (0..200)
        .map(|id| json!({"jsonrpc": "2.0", "method": "Probe.Say", "params": ["x", id % 3], "id": id}))
        .collect();

    for _ in 0..2 {
        let (status, replies) = asked(&mut caller, &Value::Array(list.clone())).await;

        assert_eq!((status, replies.as_array().unwrap().len()), (200, 200));
    }
    let mixed = json!([
        {"jsonrpc": "2.0", "method": "Probe.Twice", "params": [21], "id": 1},
        {"jsonrpc": "2.0", "method": "Probe.Twice", "params": [22]},
        1,
    ]);
    let (_, replies) = asked(&mut caller, &mixed).await;
    assert_eq!(replies.as_array().unwrap().len(), 2);
    assert_eq!(replies[0], json!({"jsonrpc": "2.0", "result": 42, "id": 1}));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_is_run_and_not_answered() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    let one = json!({"jsonrpc": "2.0", "method": "Probe.Twice", "params": [21]});

    for body in [one.clone(), json!([one.clone(), one])] {
        let response = caller.curl("/", &body.to_string()).await;

        assert_eq!((response.status, response.body.len()), (204, 0));
    }

    assert_eq!(rig.handle.calls().iter().map(|(_, calls)| calls).sum::<u64>(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_is_told_so() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    for body in [
        "",
        "{",
        "[1,",
        r#"{"jsonrpc":"2.0","method":"Probe.Twice","params":[21],"id":1} {}"#,
        r#"{"jsonrpc":"2.0","method":"Probe.Twice","params":[21],"id":1"#,
        "a=b",
    ] {
        let response = caller.curl("/", body).await;

        let reply = response.json();
        assert_eq!(
            (response.status, &reply["error"]["code"], &reply["id"]),
            (400, &json!(-32700), &Value::Null)
        );
    }
    for (body, code) in [("[]", -32600), (r#"{"jsonrpc":"2.0","id":1}"#, -32600), ("7", -32700)] {
        let response = ask(&rig, &curl("/", body)).await;

        assert_eq!((response.status, &response.json()["error"]["code"]), (200, &json!(code)), "{body}");
    }
    assert!(rig.handle.calls().iter().all(|(_, calls)| *calls == 0));
}

#[tokio::test(start_paused = true)]
async fn a_time_ends_the_requests_of_a_list_that_have_not_ended() {
    let rig = Rig::new().await;
    let list = json!([
        {"jsonrpc": "2.0", "method": "Probe.Twice", "params": [21], "id": 1},
        {"jsonrpc": "2.0", "method": "Probe.Hold", "params": [7], "id": 2},
    ]);

    let response = ask(&rig, &post("/", &[JSON, "Timeout: 1s"], list.to_string().as_bytes())).await;

    let replies = response.json();
    assert_eq!((response.status, &replies[0]["result"]), (200, &json!(42)));
    assert_eq!(replies[1]["error"]["data"]["code"], "deadline exceeded");
    rig.bench.gone(1).await;
}

#[tokio::test(start_paused = true)]
async fn requests_whose_caller_goes_away_are_withdrawn() {
    let rig = Rig::new().await;
    let one = |id: u64| json!({"jsonrpc": "2.0", "method": "Probe.Watched", "params": [7], "id": id});
    let mut caller = Caller::of(&rig).await;
    caller.send(&curl("/", &json!([one(1), one(2)]).to_string())).await;
    rig.bench.begun(2).await;

    drop(caller);

    rig.bench.cancelled(2).await;
    rig.bench.gone(2).await;
}
