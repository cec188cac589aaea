//! Web pages do not reach a method, by whatever name and with whatever type they come.

use ferrywire::transport::Memory;
use ferrywire::{Limits, Server};

use crate::caller::{Caller, JSON, ask, post};
use crate::support::{Bench, ProbeServer, Rig};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn has_run(rig: &Rig) -> bool {
    rig.handle.calls().iter().any(|(_, calls)| *calls > 0)
}

/// Rows H1, H3.
#[tokio::test(start_paused = true)]
async fn what_only_browsers_send_is_refused() {
    let rig = Rig::new().await;
    for header in [
        "Origin: http://evil.test",
        "Origin: http://127.0.0.1:7001",
        "Origin: null",
        "Referer: http://evil.test/",
        "Cookie: a=b",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Mode: no-cors",
        "Sec-CH-UA: \"Chromium\"",
        "Sec-WebSocket-Key: x",
    ] {
        for kind in [JSON, FORM, "Content-Type: text/plain", "X: y"] {
            for path in ["/Probe.Twice", "/", "/jsonrpc"] {
                let body = br#"{"jsonrpc":"2.0","method":"Probe.Twice","params":[1]}"#;
                let response = ask(&rig, &post(path, &[header, kind], body)).await;

                assert_eq!(response.status, 403, "{path} {header} {kind}");
                assert_eq!(response.header("connection"), Some("close"));
                assert!(!response.head.to_lowercase().contains("access-control"), "{}", response.head);
            }
        }
        let preflight = format!("OPTIONS /Probe.Twice HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n");
        assert_eq!(ask(&rig, preflight.as_bytes()).await.status, 403, "{header}");
    }
    assert!(!has_run(&rig));
}

/// What Node 20's `fetch` sends, as it came from it.
const NODE: [&str; 4] =
    ["accept: */*", "accept-language: *", "sec-fetch-mode: cors", "accept-encoding: gzip, deflate"];

/// Row H3: browsers that know `Sec-Fetch-Mode` send `Sec-Fetch-Site` too, and `Origin` with every `POST`.
#[tokio::test(start_paused = true)]
async fn nodes_fetch_is_no_browser_and_no_browser_is_taken_for_it() {
    let rig = Rig::new().await;
    let asked = |others: &[&str]| post("/Probe.Twice", &[&NODE[..], &[JSON], others].concat(), b"21");

    for others in [
        &["Sec-Fetch-Site: cross-site"][..],
        &["Sec-Fetch-Site: same-origin", "user-agent: node"],
        &["Sec-Fetch-Dest: empty"],
        &["Sec-Fetch-Mode: no-cors"],
        &["Sec-CH-UA: \"Chromium\""],
        &["Origin: null"],
        &["Origin: http://evil.test", "user-agent: node"],
        &["Referer: http://evil.test/"],
        &["Cookie: a=b"],
        &["User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"],
    ] {
        assert_eq!(ask(&rig, &asked(others)).await.status, 403, "{others:?}");
    }
    assert!(!has_run(&rig));

    assert_eq!(ask(&rig, &asked(&["user-agent: node"])).await.said(), (200, "42"));
    assert_eq!(ask(&rig, &asked(&["user-agent: my own"])).await.said(), (200, "42"));
    // What its text is unless it says so itself.
    let text = ["user-agent: node", "Content-Type: text/plain;charset=UTF-8"];
    let unsaid = post("/Probe.Twice", &[&NODE[..], &text].concat(), b"21");
    assert_eq!(ask(&rig, &unsaid).await.status, 415);
}

/// A form of a page is sent without asking anybody; of one, browsers of all ages have said so by their name.
#[tokio::test(start_paused = true)]
async fn a_form_of_an_old_browser_is_refused_by_its_name() {
    let rig = Rig::new().await;
    let agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0";

    for kind in [FORM, "X: y"] {
        assert_eq!(ask(&rig, &post("/Probe.Twice", &[agent, kind], b"1")).await.status, 415);
    }

    assert!(!has_run(&rig));
    assert_eq!(ask(&rig, &post("/Probe.Twice", &[agent, JSON], b"1")).await.said(), (200, "2"));
}

/// Row H2: a name that somebody else owns may point at us.
#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_ours_is_refused() {
    let rig = Rig::new().await;
    let of = |line: &str, hosts: &str| {
        format!("POST {line} HTTP/1.1\r\n{hosts}{JSON}\r\nContent-Length: 1\r\n\r\n1")
    };
    for (request, status) in [
        (of("/Probe.Twice", "Host: evil.test\r\n"), 403),
        (of("/Probe.Twice", "hOsT: localhost.evil.test:80\r\n"), 403),
        (of("http://evil.test/Probe.Twice", "Host: localhost\r\n"), 403),
        (of("/Probe.Twice", ""), 400),
        (of("/Probe.Twice", "Host: localhost\r\nHost: localhost\r\n"), 400),
    ] {
        assert_eq!(ask(&rig, request.as_bytes()).await.status, status, "{request}");
    }
    assert!(!has_run(&rig));
    let nobody = |method: &str, path: &str| format!("{method} {path} HTTP/1.0\r\n\r\n");
    assert_eq!(ask(&rig, nobody("GET", "/").as_bytes()).await.status, 200);
    assert_eq!(ask(&rig, nobody("POST", "/Probe.Caller").as_bytes()).await.status, 400);

    for host in ["localhost", "LOCALHOST:7001", "127.0.0.1", "[::1]:7001", "192.0.2.7:80"] {
        let request = of("/Probe.Twice", &format!("Host: {host}\r\n"));
        assert_eq!(ask(&rig, request.as_bytes()).await.said(), (200, "2"), "{host}");
    }
    let request = of("http://127.0.0.1:7001/Probe.Twice", "Host: localhost\r\n");
    assert_eq!(ask(&rig, request.as_bytes()).await.said(), (200, "2"));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_an_allowed_site_may_call_once_its_browser_has_asked() {
    let (rig, memory) = allowing().await;
    let mut caller = Caller::at(&rig, &memory).await;
    let origin = "Origin: https://app.example.org";
    let fetch = "Sec-Fetch-Mode: cors";

    let preflight =
        format!("OPTIONS /Probe.Twice HTTP/1.1\r\nHost: rpc.example.org\r\n{origin}\r\n{fetch}\r\n\r\n");
    let leave = caller.ask(preflight.as_bytes()).await;
    let called = caller.ask(&post("/Probe.Twice", &[origin, fetch, "Cookie: a=b", JSON], b"21")).await;
    let form = caller.ask(&post("/Probe.Twice", &[origin, fetch, FORM], b"21")).await;

    assert_eq!(leave.status, 204);
    assert!(leave.header("access-control-allow-headers").unwrap().contains("content-type"));
    assert_eq!(called.said(), (200, "42"));
    for response in [&leave, &called, &form] {
        assert_eq!(response.header("access-control-allow-origin"), Some("https://app.example.org"));
        assert_eq!(response.header("vary"), Some("origin"));
    }
    assert_eq!(form.status, 415);
    for others in [
        &["Origin: https://evil.test"][..],
        &["Origin: https://app.example.org.evil.test"],
        &["Origin: http://app.example.org"],
        &[origin, "Origin: https://evil.test"],
        &["Referer: https://app.example.org/"],
    ] {
        let mut caller = Caller::at(&rig, &memory).await;
        let headers = [others, &[JSON]].concat();
        assert_eq!(caller.ask(&post("/Probe.Twice", &headers, b"21")).await.status, 403, "{others:?}");
    }
}

/// A server with a name, and a site whose pages may call it.
async fn allowing() -> (ferrywire::transport::Address, Memory) {
    let memory = Memory::new();
    let server = Server::builder()
        .register(ProbeServer::new(Bench::new()))
        .limits(Limits::default())
        .memory(&memory)
        .allow_host("rpc.example.org")
        .allow_origin("https://app.example.org")
        .bind("memory://allowing")
        .await
        .unwrap();
    let address = server.address();
    tokio::spawn(server.run());
    (address, memory)
}

/// A person may look at what is served; a page may not.
#[tokio::test(start_paused = true)]
async fn a_typed_address_shows_what_is_served() {
    let rig = Rig::new().await;
    for path in ["/", "/debug/rpc"] {
        let of = |header: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Mode: navigate\r\n{header}\r\n\r\n")
        };

        assert_eq!(ask(&rig, of("Sec-Fetch-Site: none").as_bytes()).await.status, 200, "{path}");
        for header in ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: none\r\nReferer: http://evil.test/"] {
            assert_eq!(ask(&rig, of(header).as_bytes()).await.status, 403, "{path} {header}");
        }
    }
}
