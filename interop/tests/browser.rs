//! A page in a real browser does not reach a method, whatever it tries; the pages of a site that may, do.
//!
//! What the page tries stands in `browser/page.html`. What it sends goes through a tap, so that it is known to have come.

use std::collections::BTreeMap;

use ferrywire::protocol::{JsonRpc, Native, NetRpc, Protocol, WgRpc};
use ferrywire::server::Builder;
use ferrywire::transport::{Peer, Stream};
use ferrywire::{Client, ServerHandle};
use ferrywire_interop::harness::{Browser, Site, until_quiet};
use ferrywire_interop::zoo::{self, Args};

const PAGE: &str = include_str!("browser/page.html");
const ALLOWED_PAGE: &str = include_str!("browser/allowed.html");

/// How many ways the page had when this was written.
const ATTEMPTS_MIN: usize = 70;

/// A server of Arith and Zoo at a port of this machine: where, and its handle.
async fn serving(builder: Builder) -> (String, ServerHandle) {
    let server = builder.bind("tcp://127.0.0.1:0").await.expect("there is a free port");
    let (address, handle) = (server.address().to_string(), server.handle());
    tokio::spawn(server.run());
    (address.trim_start_matches("tcp://").to_owned(), handle)
}

fn calls(handle: &ServerHandle) -> u64 {
    handle.calls().iter().map(|(_, calls)| calls).sum()
}

/// What our client sends for a call, in the words of a protocol that is none of a browser's.
async fn recorded(protocol: impl Protocol) -> Vec<u8> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(ours);
    let client =
        Client::builder().protocol(protocol).over(Stream::new(reader, writer, Peer::named("recorder")));
    let _call = client.start::<_, i64>("Arith.Multiply", &Args { a: 6, b: 7 });
    let bytes = until_quiet(theirs).await;
    assert!(!bytes.is_empty());
    bytes
}

fn filled(page: &str, target: &str, report: &Site, recorded: &[(&str, Vec<u8>)]) -> String {
    let lists: Vec<_> = recorded.iter().map(|(name, bytes)| format!("\"{name}\":{bytes:?}")).collect();
    page.replace("TARGET", &format!("\"http://{target}\""))
        .replace("REPORT", &format!("\"http://{}/report\"", report.address))
        .replace("RECORDED", &format!("{{{}}}", lists.join(",")))
}

fn parsed(report: &str) -> BTreeMap<String, String> {
    serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"))
}

/// Shows the page at `page_at`, whose requests go to `target`, the same tap by whatever name; says what the page says.
async fn tried(tap: &Site, site: &mut Site, page_at: &str, target: &str) -> BTreeMap<String, String> {
    let bodies = [
        ("net/rpc", recorded(NetRpc).await),
        ("native", recorded(Native).await),
        ("WgRPC", recorded(WgRpc).await),
        ("JSON-RPC", recorded(JsonRpc).await),
    ];
    for of in [tap, site] {
        of.set_page(filled(PAGE, target, site, &bodies));
    }
    let browser = Browser::show(&format!("http://{page_at}/page"));

    let report = parsed(&site.report().await);

    // It has come, and not been held back by the browser.
    for sent in [
        "POST / HTTP",
        "POST /Arith.Multiply HTTP",
        "\r\n\r\n{\"A\":6,\"B\":7}",
        "\r\n\r\n{\"A\":6,\"B\":7,\"C\":\"=\"}",
        "GET /Arith.Multiply?A=6&B=7 HTTP",
        "GET /debug/rpc HTTP",
        "Upgrade: websocket",
    ] {
        tap.heard(sent.as_bytes()).await;
    }
    for (_, bytes) in &bodies {
        tap.heard(bytes).await;
    }
    assert!(report.len() >= ATTEMPTS_MIN, "{} attempts, expected {ATTEMPTS_MIN} or more", report.len());
    drop(browser);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_reaches_no_method_and_reads_nothing() {
    let (address, handle) = serving(zoo::server()).await;
    let (tap, mut site) = (Site::start(Some(&address)).await, Site::start(None).await);
    let (page_at, target) = (site.address.to_string(), tap.address.to_string());

    let report = tried(&tap, &mut site, &page_at, &target).await;

    for sent in [
        "OPTIONS /Arith.Multiply HTTP",
        "Sec-Fetch-Dest: image",
        "Sec-Fetch-Dest: iframe",
        "Sec-Fetch-Dest: script",
        "Sec-Fetch-Dest: document",
    ] {
        tap.heard(sent.as_bytes()).await;
    }
    for (attempt, got) in &report {
        let (kind, _) = got.split_once(' ').unwrap_or((got, ""));
        let is_harmless =
            ["failed:", "sent", "load", "error", "nothing"].contains(&kind) || got == "opaque 0 ";
        assert!(is_harmless, "{attempt}: the page got `{got}`");
    }
    assert_eq!(calls(&handle), 0, "{:?}", handle.calls());
}

/// A site may point a name of its own at this machine: its page and the server are then of one origin for the browser. A
/// `GET` has nothing that only browsers send, where the name is not one of those that they trust.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_name_was_pointed_at_us_reaches_no_method() {
    let (address, handle) = serving(zoo::server()).await;
    let (tap, mut site) = (Site::start(Some(&address)).await, Site::start(None).await);
    let name = format!("evil.example:{}", tap.address.port());

    let report = tried(&tap, &mut site, &name, &name).await;

    tap.heard(format!("Host: {name}").as_bytes()).await;
    assert!(report.values().any(|got| got.starts_with("basic 403 ")), "{report:?}");
    for (attempt, got) in &report {
        let is_refused = !got.starts_with("basic 2") && !got.contains("Arith") && got != "open";
        assert!(is_refused, "{attempt}: the page got `{got}`");
    }
    assert_eq!(calls(&handle), 0, "{:?}", handle.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_site_calls_and_one_of_another_does_not() {
    let mut site = Site::start(None).await;
    let port = site.address.port();
    let (address, handle) = serving(zoo::server().allow_origin(format!("http://app.example:{port}"))).await;
    site.set_page(filled(ALLOWED_PAGE, &address, &site, &[]));

    let stranger = Browser::show(&format!("http://evil.example:{port}/page"));
    let refused = parsed(&site.report().await);
    drop(stranger);
    assert_eq!(calls(&handle), 0, "{refused:?}");

    let _allowed = Browser::show(&format!("http://app.example:{port}/page"));
    let called = parsed(&site.report().await);

    assert!(refused.values().all(|got| got.starts_with("failed: ")), "{refused:?}");
    assert_eq!(called["application/json"].trim_end(), "cors 200 42");
    assert!(called["text/plain"].starts_with("cors 415 "), "{called:?}");
    assert_eq!(calls(&handle), 1);
}
