//! Every setting of a registry does what it says, and who may write may.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire_registry::{Registry, Settings};
use serde_json::json;
use tokio::time::Instant;

use support::{after, from, here, json};

mod support;

fn with(change: impl FnOnce(&mut Settings)) -> Registry {
    let mut settings = Settings::default();
    change(&mut settings);
    Registry::builder().settings(settings).token("secret").build()
}

fn server(port: u16) -> serde_json::Value {
    json!({"address": format!("tcp://10.0.0.1:{port}"), "services": ["Arith"]})
}

fn exhausted() -> (u16, String) {
    (429, "resource_exhausted".to_owned())
}

fn invalid() -> (u16, String) {
    (400, "invalid_argument".to_owned())
}

/// Row F7.
#[tokio::test(start_paused = true)]
async fn who_writes_from_elsewhere_shows_the_token() {
    let registry = with(|_| {});
    let elsewhere = from(&registry, "10.0.0.1");

    assert_eq!(elsewhere.is_refused(server(1)).await, (401, "unauthenticated".to_owned()));
    let challenge = elsewhere.post(server(1)).await;
    assert_eq!(challenge.headers()["www-authenticate"], "Bearer");
    assert_eq!(elsewhere.delete("tcp://10.0.0.1:1").await.status(), 401);
    for token in ["", "secre", "secret2", "Secret"] {
        let liar = elsewhere.clone().showing(token);
        assert_eq!(liar.is_refused(server(1)).await, (403, "permission_denied".to_owned()), "{token}");
    }
    assert!(registry.is_empty());

    let known = elsewhere.clone().showing("secret");
    known.registers(server(1)).await;
    known.registers(json!({"address": "tcp://192.0.2.1:1"})).await;
    // Reading is free.
    assert_eq!(elsewhere.addresses("").await, ["tcp://10.0.0.1:1", "tcp://192.0.2.1:1"]);
    assert_eq!(known.delete("tcp://192.0.2.1:1").await.status(), 200);
}

/// Row F7.
#[tokio::test(start_paused = true)]
async fn a_program_here_registers_what_is_here() {
    let registry = with(|_| {});
    let denied = (403, "permission_denied".to_owned());

    for ip in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let here = from(&registry, ip);
        for address in
            ["tcp://127.0.0.1:1", "tcp://[::1]:1", "tcp://localhost:1", "tcp://[::]:1", "tcp://0.0.0.0:1"]
        {
            here.registers(json!({"address": address})).await;
        }
        for address in ["tcp://10.0.0.1:1", "tcp://169.254.169.254:80", "tcp://example.org:1"] {
            assert_eq!(here.is_refused(json!({"address": address})).await, denied, "{address}");
            assert_eq!(here.delete(address).await.status(), 403);
        }
    }
    here(&registry).showing("secret").registers(server(1)).await;
}

#[tokio::test(start_paused = true)]
async fn who_listens_everywhere_is_registered_where_it_is() {
    let registry = with(|_| {});

    from(&registry, "10.0.0.1").showing("secret").registers(json!({"address": "tcp://[::]:4000"})).await;
    from(&registry, "fd00::7").showing("secret").registers(json!({"address": "tcp://0.0.0.0:4000"})).await;

    assert_eq!(here(&registry).addresses("").await, ["tcp://10.0.0.1:4000", "tcp://[fd00::7]:4000"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_only_the_own_machine_writes() {
    let registry = Registry::builder().build();

    let elsewhere = from(&registry, "10.0.0.1");
    assert_eq!(elsewhere.is_refused(server(1)).await, (403, "permission_denied".to_owned()));
    let guessing = elsewhere.showing("secret");
    assert_eq!(guessing.is_refused(server(1)).await, (403, "permission_denied".to_owned()));

    here(&registry).registers(json!({"address": "tcp://127.0.0.1:1"})).await;
}

#[tokio::test(start_paused = true)]
async fn on_a_trusted_network_a_machine_registers_itself_and_nobody_else() {
    let registry = with(|settings| settings.trusts_network = true);
    let elsewhere = from(&registry, "10.0.0.1");

    elsewhere.registers(server(1)).await;
    from(&registry, "::ffff:10.0.0.1").registers(server(2)).await;

    let denied = (403, "permission_denied".to_owned());
    for address in ["tcp://10.0.0.2:1", "tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://ten.example.org:1"] {
        assert_eq!(elsewhere.is_refused(json!({"address": address})).await, denied, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_entries_fit() {
    let registry = with(|settings| settings.entries_max = 3);
    let here = here(&registry).showing("secret");
    for port in 1..=3 {
        here.registers(server(port)).await;
    }

    assert_eq!(here.is_refused(server(4)).await, exhausted());

    here.registers(server(2)).await;
    here.delete("tcp://10.0.0.1:1").await;
    here.registers(server(4)).await;
}

#[tokio::test(start_paused = true)]
async fn so_many_entries_of_one_source_fit() {
    let registry = with(|settings| settings.requests_burst = 1000);
    let known = from(&registry, "10.0.0.1").showing("secret");
    for port in 1..=64 {
        known.registers(server(port)).await;
    }

    assert_eq!(known.is_refused(server(65)).await, exhausted());

    known.registers(server(64)).await;
    from(&registry, "10.0.0.2").showing("secret").registers(server(65)).await;
    here(&registry).showing("secret").registers(server(66)).await;
    // What another source beats is that one's from then on.
    here(&registry).showing("secret").registers(server(1)).await;
    known.registers(server(67)).await;
}

#[tokio::test(start_paused = true)]
async fn loopback_is_bounded_if_asked_for() {
    let registry = with(|settings| {
        settings.bounds_loopback = true;
        settings.entries_per_source_max = 1;
        settings.requests_burst = 3;
    });
    let here = here(&registry);
    here.registers(json!({"address": "tcp://127.0.0.1:1"})).await;

    assert_eq!(here.is_refused(json!({"address": "tcp://127.0.0.1:2"})).await, exhausted());
    assert_eq!(here.get("/registry/v1/servers").await.status(), 200);
    assert_eq!(here.get("/registry/v1/servers").await.status(), 429);
}

/// Row F8.
#[tokio::test(start_paused = true)]
async fn so_many_requests_a_second_of_one_source_are_answered() {
    let registry = with(|_| {});
    let elsewhere = from(&registry, "10.0.0.1");
    for _ in 0..50 {
        assert_eq!(elsewhere.get("/registry/v1/servers").await.status(), 200);
    }

    let refused = elsewhere.get("/registry/v1/servers").await;
    assert_eq!((refused.status().as_u16(), &json(&refused)["code"]), (429, &"resource_exhausted".into()));
    assert_eq!(elsewhere.get("/wgrpc/registry").await.status(), 429);

    assert_eq!(from(&registry, "10.0.0.2").get("/registry/v1/servers").await.status(), 200);
    for _ in 0..200 {
        assert_eq!(here(&registry).get("/registry/v1/servers").await.status(), 200);
    }
    after(1.0).await;
    for _ in 0..10 {
        assert_eq!(elsewhere.get("/registry/v1/servers").await.status(), 200);
    }
    assert_eq!(elsewhere.get("/registry/v1/servers").await.status(), 429);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_of_itself_has_its_length() {
    let registry = with(|_| {});
    let here = here(&registry);
    let said = |name: &str, value: serde_json::Value| {
        let mut server = json!({"address": "tcp://127.0.0.1:1"});
        server[name] = value;
        server
    };
    let names = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();

    for (fits, does_not) in [
        (said("services", json!(names(64))), said("services", json!(names(65)))),
        (said("services", json!(["s".repeat(255)])), said("services", json!(["s".repeat(256)]))),
        (
            said("services", json!(names(16).iter().map(|name| name.repeat(16)).collect::<Vec<_>>())),
            said("services", json!((0..17).map(|at| format!("{at:0255}")).collect::<Vec<_>>())),
        ),
        (said("zone", json!("z".repeat(255))), said("zone", json!("z".repeat(256)))),
        (
            said("metadata", json!({"k": "v".repeat(4095)})),
            said("metadata", json!({"k": "v".repeat(4095), "l": ""})),
        ),
        (
            said("address", json!(format!("tcp://{}:1", "127.0.0.1"))),
            said("address", json!(format!("tcp://{}:1", "h".repeat(256)))),
        ),
    ] {
        here.registers(fits).await;

        assert_eq!(here.is_refused(does_not.clone()).await, invalid(), "{does_not}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_gets_the_time_that_it_asks_for_within_bounds() {
    let registry = with(|settings| settings.ttl = Duration::from_secs(40));
    let here = here(&registry);
    for (asked, granted) in [(None, 40_000), (Some(5000), 5000), (Some(0), 1000), (Some(u64::MAX), 3_600_000)]
    {
        let mut server = json!({"address": "tcp://127.0.0.1:1"});
        server["ttl_ms"] = json!(asked);

        let response = here.post(server).await;

        assert_eq!(json(&response)["ttl_ms"], granted, "{asked:?}");
    }
    assert_eq!(Settings::slow().ttl, Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_may_be() {
    let registry = with(|settings| settings.wait_max = Duration::from_secs(10));
    let list = here(&registry).list("").await;
    let began = Instant::now();

    here(&registry).list(&format!("?after={}&wait_ms=3600000", list["version"])).await;

    assert_eq!(began.elapsed().as_secs(), 10);
}
