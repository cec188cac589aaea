//! The JSON API: servers say what they are, lists say who is there, and whoever waits hears of a change.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire_registry::Registry;
use http::Request;
use serde_json::{Value, json};
use tokio::time::Instant;

use support::{addresses, after, here};

mod support;

#[tokio::test(start_paused = true)]
async fn a_server_is_listed_with_what_it_says() {
    let registry = Registry::builder().build();
    let here = here(&registry);

    here.registers(json!({
        "address": "tcp@127.0.0.1:4000",
        "services": ["Echo", "Arith", "Echo"],
        "weight": 7,
        "zone": "eu-1",
        "metadata": {"rack": "r4"},
        "ttl_ms": 5000,
        "health": "draining",
        "what is not known": [1],
    }))
    .await;
    here.registers(json!({"address": "tcp://127.0.0.1:4001"})).await;
    after(1.5).await;

    let list = here.list("").await;
    assert_eq!(
        list["servers"],
        json!([
            {
                "address": "tcp://127.0.0.1:4000",
                "services": ["Arith", "Echo"],
                "weight": 7,
                "zone": "eu-1",
                "metadata": {"rack": "r4"},
                "ttl_ms": 5000,
                "health": "draining",
                "age_ms": 1500,
            },
            {
                "address": "tcp://127.0.0.1:4001",
                "services": [],
                "weight": 1,
                "zone": "",
                "metadata": {},
                "ttl_ms": 30000,
                "health": "serving",
                "age_ms": 1500,
            },
        ])
    );
    assert_eq!(here.addresses("?service=Arith").await, ["tcp://127.0.0.1:4000"]);
    assert_eq!(here.addresses("?service=Nobody%27s").await, [""; 0]);
}

/// A family's registry refused the second server of a service, and failed on an empty list.
#[tokio::test(start_paused = true)]
async fn a_second_server_of_a_service_registers() {
    let registry = Registry::builder().build();
    let here = here(&registry);
    assert_eq!(here.addresses("").await, [""; 0]);

    for port in [2, 1, 3] {
        here.registers(json!({"address": format!("tcp://127.0.0.1:{port}"), "services": ["Arith"]})).await;
    }

    let all = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"];
    assert_eq!(here.addresses("?service=Arith").await, all);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_beating_leaves_the_list() {
    let registry = Registry::builder().build();
    let here = here(&registry);
    let server = json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"]});
    here.registers(server.clone()).await;
    after(29.0).await;
    here.registers(server).await;

    after(29.9).await;
    assert_eq!(registry.len(), 1);
    after(0.2).await;

    assert_eq!(here.addresses("").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_so_is_gone_at_once() {
    let registry = Registry::builder().build();
    let here = here(&registry);
    here.registers(json!({"address": "tcp://127.0.0.1:1"})).await;

    assert_eq!(here.delete("tcp@127.0.0.1:1").await.status(), 200);

    assert!(registry.is_empty());
    assert_eq!(here.delete("tcp://127.0.0.1:1").await.status(), 404);
    assert_eq!(here.delete("nonsense").await.status(), 400);
    assert_eq!(here.ask(Request::delete("/registry/v1/servers"), "").await.status(), 400);
}

async fn seen(registry: &Registry, query: &str) -> String {
    let list = here(registry).list(query).await;
    let (epoch, version) = (list["epoch"].as_str().unwrap(), &list["version"]);
    let sign = if query.is_empty() { "?" } else { "&" };
    format!("{query}{sign}after={version}&epoch={epoch}")
}

/// What a watch of this list tells, and when.
fn watched(registry: &Registry, query: String) -> tokio::task::JoinHandle<(Value, Duration)> {
    let registry = registry.clone();
    tokio::spawn(async move {
        let began = Instant::now();
        let list = here(&registry).list(&query).await;
        (list, began.elapsed())
    })
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_hears_of_a_change_of_the_list_that_is_waited_for() {
    let registry = Registry::builder().build();
    let here = here(&registry);
    here.registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"]})).await;
    let arith = watched(&registry, seen(&registry, "?service=Arith").await + "&wait_ms=30000");
    let echo = watched(&registry, seen(&registry, "?service=Echo").await + "&wait_ms=20000");
    let all = watched(&registry, seen(&registry, "").await);
    tokio::task::yield_now().await;
    assert_eq!(registry.watchers(), 3);

    after(5.0).await;
    // A beat that changes nothing wakes nobody.
    here.registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"]})).await;
    after(5.0).await;
    here.registers(json!({"address": "tcp://127.0.0.1:2", "services": ["Arith"]})).await;

    let both = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"];
    for watch in [arith, all] {
        let (list, time) = watch.await.unwrap();
        assert_eq!((addresses(&list), time.as_secs()), (both.map(str::to_owned).to_vec(), 10));
    }
    let (list, time) = echo.await.unwrap();
    assert_eq!((addresses(&list).len(), time.as_secs()), (0, 20));
    assert_eq!(registry.watchers(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_in_vain_is_told_the_version_that_it_has() {
    let registry = Registry::builder().build();
    here(&registry)
        .registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"], "ttl_ms": 60000}))
        .await;
    let before = here(&registry).list("?service=Arith").await;
    let query = seen(&registry, "?service=Arith").await + "&wait_ms=7000";
    // Other services change meanwhile.
    here(&registry).registers(json!({"address": "tcp://127.0.0.1:2", "services": ["Echo"]})).await;

    let (list, time) = watched(&registry, query).await.unwrap();

    assert_eq!((time.as_secs(), &list["version"], &list["epoch"]), (7, &before["version"], &before["epoch"]));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_hears_that_a_server_is_silent() {
    let registry = Registry::builder().build();
    here(&registry).registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"]})).await;
    let query = seen(&registry, "?service=Arith").await + "&wait_ms=60000";

    let (list, time) = watched(&registry, query).await.unwrap();

    assert_eq!((addresses(&list).len(), time.as_secs()), (0, 30));
}

#[tokio::test(start_paused = true)]
async fn what_is_out_of_date_is_answered_at_once() {
    let registry = Registry::builder().build();
    here(&registry).registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"]})).await;
    let version = here(&registry).list("").await["version"].clone();
    for query in [
        format!("?after={version}&epoch=another"),
        "?after=0".to_owned(),
        "?after=99".to_owned(),
        "?service=Arith&after=0".to_owned(),
        "".to_owned(),
        format!("?after={version}&wait_ms=0"),
    ] {
        let (list, time) = watched(&registry, query.clone()).await.unwrap();

        assert_eq!((addresses(&list).len(), time), (1, Duration::ZERO), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_dropped_leaves_nothing() {
    let registry = Registry::builder().build();
    let watch = watched(&registry, seen(&registry, "?service=Arith").await);
    tokio::task::yield_now().await;
    assert_eq!(registry.watchers(), 1);

    watch.abort();
    assert!(watch.await.unwrap_err().is_cancelled());

    assert_eq!(registry.watchers(), 0);
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_refused_with_words() {
    let registry = Registry::builder().build();
    let here = here(&registry);
    let post = || Request::post("/registry/v1/servers");
    for body in
        ["", "x", "[]", "{}", "null", "{\"address\":1}", "{\"address\":\"tcp://127.0.0.1:1\"", "\u{0}"]
    {
        let response = here.ask(post().header("content-type", "application/json"), body).await;

        assert_eq!(
            (response.status().as_u16(), &support::json(&response)["code"]),
            (400, &"invalid_argument".into())
        );
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let response =
            here.ask(post().header("content-type", kind), "{\"address\":\"tcp://127.0.0.1:1\"}").await;

        assert_eq!(response.status(), 415, "{kind}");
    }
    assert_eq!(here.ask(post(), "{\"address\":\"tcp://127.0.0.1:1\"}").await.status(), 415);
    for server in [
        json!({"address": ""}),
        json!({"address": "127.0.0.1:1"}),
        json!({"address": "tcp://127.0.0.1:0"}),
        json!({"address": "unix:///tmp/a.sock"}),
        json!({"address": "memory://a"}),
        json!({"address": "tcp://127.0.0.1:1,tcp://127.0.0.1:2"}),
        json!({"address": "tcp://127.0.0.1:1\r\n"}),
        json!({"address": "tcp://127.0.0.1:1", "services": [""]}),
        json!({"address": "tcp://127.0.0.1:1", "services": ["a\nb"]}),
        json!({"address": "tcp://127.0.0.1:1", "zone": "a\tb"}),
        json!({"address": "tcp://127.0.0.1:1", "weight": -1}),
        json!({"address": "tcp://127.0.0.1:1", "weight": 1.5}),
        json!({"address": "tcp://127.0.0.1:1", "health": "fine"}),
        json!({"address": "tcp://127.0.0.1:1", "ttl_ms": -1}),
        json!({"address": "tcp://127.0.0.1:1", "metadata": {"a": 1}}),
    ] {
        assert_eq!(here.is_refused(server.clone()).await, (400, "invalid_argument".to_owned()), "{server}");
    }
    assert!(registry.is_empty());
    for path in
        ["/registry/v1", "/registry/v1/", "/registry/v1/servers/", "/registry/v1/x", "/wgrpc/registry/x"]
    {
        assert_eq!(here.get(path).await.status(), 404, "{path}");
    }
    let put = here.ask(Request::put("/registry/v1/servers"), "").await;
    assert_eq!(
        (put.status().as_u16(), &put.headers()["allow"]),
        (405, &"DELETE, GET, POST".parse().unwrap())
    );
}
