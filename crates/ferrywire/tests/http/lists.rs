//! What is served, for who asks.

use ferrywire::Server;
use ferrywire::transport::Memory;
use serde_json::json;

use crate::caller::{Caller, ask};
use crate::support::{Bench, ProbeServer, Rig};

fn get(method: &str, path: &str, accept: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn what_is_served_stands_at_the_root() {
    let rig = Rig::new().await;

    let text = ask(&rig, &get("GET", "/", "*/*")).await;
    let json = ask(&rig, &get("GET", "/", "text/html;q=0.1, application/json")).await;

    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(text.text().contains("Probe.Multiply(Args) int\n"), "{}", text.text());
    assert_eq!(json.header("content-type"), Some("application/json"));
    let services = json.json();
    assert_eq!(services["services"][0]["service"], "Probe");
    let methods = services["services"][0]["methods"].as_array().unwrap().clone();
    let multiply = methods.iter().find(|method| method["name"] == "Multiply").unwrap();
    assert_eq!(*multiply, json!({"name": "Multiply", "argument": "Args", "reply": "int", "calls": 0}));
}

#[tokio::test(start_paused = true)]
async fn a_head_is_answered_without_a_body() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    for path in ["/", "/debug/rpc"] {
        caller.send(&get("HEAD", path, "*/*")).await;

        let head = caller.head().await;
        assert_eq!(head.status, 200);
        assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 100);
    }
    // The connection is in step.
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}

#[tokio::test(start_paused = true)]
async fn gos_page_is_shown_on_a_connection_that_is_kept() {
    let rig = Rig::new().await;
    let mut caller = Caller::of(&rig).await;
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));

    let page = caller.ask(&get("GET", "/debug/rpc", "*/*")).await;

    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(
        page.text().contains("Twice(int, *int) error</td>\n\t\t\t<td align=center>1</td>"),
        "{}",
        page.text()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_hidden_is_named_nowhere() {
    let memory = Memory::new();
    let hidden = Server::builder().memory(&memory).register(ProbeServer::new(Bench::new()));
    let server = hidden.without_debug_page().bind("memory://hidden").await.unwrap();
    let address = server.address();
    tokio::spawn(server.run());
    let mut caller = Caller::at(&address, &memory).await;

    assert_eq!(caller.ask(&get("GET", "/", "*/*")).await.status, 405);
    let page = caller.ask(&get("GET", "/debug/rpc", "*/*")).await;
    let missing = caller.curl("/Probe.Nothing", "").await;

    assert_eq!((page.status, missing.status), (404, 404));
    assert!(!page.text().contains("Probe") && !missing.text().contains("Twice"));
    assert_eq!(caller.curl("/Probe.Twice", "21").await.said(), (200, "42"));
}
