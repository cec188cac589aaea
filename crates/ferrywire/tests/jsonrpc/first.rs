//! 1.0 as a server speaks it.

use ferrywire::protocol::JsonRpc1;
use ferrywire::{Code, Limits};

use crate::ledger::served;
use crate::lines::Lines;
use crate::support::{Rig, settle};

#[tokio::test(start_paused = true)]
async fn one_port_answers_every_protocol() {
    let rig = Rig::new().await;
    let mut lines = Lines::to(&rig).await;
    let gob = rig.client().await;

    assert_eq!(gob.twice(21).await.unwrap(), 42);
    assert_eq!(
        lines.ask(r#"{"method":"Probe.Twice","params":[21],"id":"a"}"#).await,
        r#"{"id":"a","result":42,"error":null}"#
    );
    assert_eq!(
        lines.ask(r#"{"jsonrpc":"2.0","method":"Probe.Twice","params":[21],"id":"b"}"#).await,
        r#"{"jsonrpc":"2.0","id":"b","result":42}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_nothing_is_no_null() {
    let (rig, _) = served(Limits::default()).await;
    let client = rig.builder().protocol(JsonRpc1).connect(&rig.address).await.unwrap();
    let mut lines = Lines::to(&rig).await;

    assert_eq!(
        lines.ask(r#"{"method":"Ledger.Rest","params":[],"id":1}"#).await,
        r#"{"id":1,"result":{},"error":null}"#
    );
    client.call::<_, ()>("Ledger.Rest", &()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_id_is_answered_too() {
    let rig = Rig::new().await;
    let mut lines = Lines::to(&rig).await;

    for request in
        [r#"{"method":"Probe.Twice","params":[21]}"#, r#"{"method":"Probe.Twice","params":[21],"id":null}"#]
    {
        assert_eq!(lines.ask(request).await, r#"{"id":null,"result":42,"error":null}"#);
    }
}

/// Row C3: the first call goes on.
#[tokio::test(start_paused = true)]
async fn an_id_that_is_taken_is_refused_and_null_is_nobodys() {
    let rig = Rig::new().await;
    let mut lines = Lines::to(&rig).await;
    let hold = |id: &str| format!("{{\"method\":\"Probe.Hold\",\"params\":[5],\"id\":{id}}}");
    lines.say(hold("7") + &hold("null") + &hold("null")).await;
    rig.bench.begun(3).await;

    assert_eq!(
        lines.ask(hold("7")).await,
        r#"{"id":7,"result":null,"error":"the id 7 belongs to a call that has not finished"}"#
    );

    rig.bench.let_go(3);
    let mut answers = [lines.hear().await, lines.hear().await, lines.hear().await].map(Option::unwrap);
    answers.sort();
    assert_eq!(answers[0], r#"{"id":7,"result":5,"error":null}"#);
    assert_eq!(answers[2], r#"{"id":null,"result":5,"error":null}"#);
}

#[tokio::test(start_paused = true)]
async fn who_half_closes_is_answered_to_the_end() {
    let rig = Rig::new().await;
    let mut lines = Lines::to(&rig).await;
    lines.say(r#"{"method":"Probe.Hold","params":[5],"id":1}"#).await;
    rig.bench.begun(1).await;

    lines.half_close().await;
    settle().await;
    rig.bench.let_go(1);

    assert_eq!(lines.rest().await, [r#"{"id":1,"result":5,"error":null}"#]);
}

/// The name in the text is that of the call, so that it has not run; another's name says nothing.
#[tokio::test(start_paused = true)]
async fn only_its_own_missing_method_has_not_run() {
    let rig = Rig::new().await;
    let client = rig.builder().protocol(JsonRpc1).connect(&rig.address).await.unwrap();

    for (text, code, may_have_run) in [
        ("rpc: can't find method Probe.Fail", Code::Unimplemented, false),
        ("rpc: can't find method Other.Thing", Code::Unknown, true),
    ] {
        let error = client.call::<_, i64>("Probe.Fail", &text.to_owned()).await.unwrap_err();

        assert_eq!((error.code(), error.may_have_run()), (code, may_have_run), "{text}");
        assert_eq!(error.message(), text);
    }
}
