//! Whatever is sent to a registry, it answers, and its lists stay lists of servers.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use ferrywire::server::Pages;
use ferrywire::transport::{Address, Peer};
use ferrywire_registry::{Registry, Settings};
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response};
use proptest::prelude::*;
use serde_json::Value;

/// A request as nobody would send it on purpose.
fn request() -> impl Strategy<Value = Request<Vec<u8>>> {
    let method = prop::sample::select(vec!["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "X"]);
    let path = prop::sample::select(vec![
        "/registry/v1/servers",
        "/registry/v1",
        "/wgrpc/registry",
        "/_geerpc_/registry",
        "/wgrpc/registry/more",
    ]);
    let query = prop_oneof![
        Just(String::new()),
        "\\?[a-z_=&%0-9]{0,30}",
        "\\?(service|after|epoch|wait_ms|address)=[!-~&&[^#?<>\"{}|\\\\^`]]{0,20}",
        "\\?after=[0-9]{1,25}&wait_ms=0",
    ];
    let letters = prop_oneof![
        "tcp@[a-z0-9.:,\\[\\]]{0,12}:[0-9]{1,6}",
        "(tcp|http|unix)(@|://)[ -~]{0,20}",
        "[ -~\t]{0,40}",
    ];
    let bytes = prop::collection::vec(
        any::<u8>().prop_filter("a header ends there", |b| !b"\r\n\0".contains(b)),
        0..20,
    );
    let header = prop_oneof![letters.prop_map(String::into_bytes), bytes];
    let kind =
        prop::sample::select(vec!["application/json", "application/json; charset=utf-8", "text/plain", ""]);
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        "\\{\"address\":\"(tcp|http)(@|://)[a-z0-9.:,\\[\\]]{0,12}:[0-9]{1,6}\",\"services\":\\[\"[A-Za-z,]{0,5}\"\\]\\}"
            .prop_map(String::into_bytes),
        "\\{\"address\":\"tcp://127.0.0.1:[0-9]{1,5}\",\"(ttl_ms|weight|zone|health|metadata)\":[-0-9a-z\"\\{\\}]{0,12}\\}"
            .prop_map(String::into_bytes),
    ];
    (method, path, query, header, kind, body).prop_filter_map(
        "HTTP would not let it through",
        |(method, path, query, header, kind, body)| {
            let request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?);
            let request = request.uri(format!("{path}{query}")).header("content-type", kind);
            let value = HeaderValue::from_bytes(&header).ok()?;
            let request = request.header("x-wgrpc-server", value.clone()).header("x-geerpc-server", value);
            request.body(body).ok()
        },
    )
}

fn ask(registry: &Registry, ip: &str, request: Request<Vec<u8>>) -> Response<bytes::Bytes> {
    let mut request = request.map(bytes::Bytes::from);
    let peer = Peer::at("tcp", std::net::SocketAddr::new(ip.parse().unwrap(), 1));
    request.extensions_mut().insert(peer);
    // Nothing here waits but what is asked to.
    registry.answer(request).now_or_never().unwrap_or_default()
}

fn get(path: &str) -> Request<Vec<u8>> {
    Request::get(path).body(Vec::new()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_answered_and_lists_stay_lists(requests in prop::collection::vec(request(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let mut settings = Settings::default();
        settings.trusts_network = true;
        let registry = Registry::builder().settings(settings).build();
        for (at, request) in requests.into_iter().enumerate() {
            let ip = if at % 2 == 0 { "127.0.0.1" } else { "10.0.0.9" };
            let response = ask(&registry, ip, request);

            prop_assert!((200..=500).contains(&response.status().as_u16()));
            prop_assert!(!response.body().iter().any(|byte| *byte < b' ' && *byte != b'\n'));
        }
        let list = ask(&registry, "127.0.0.1", get("/registry/v1/servers"));
        let list: Value = serde_json::from_slice(list.body()).unwrap();
        let servers = list["servers"].as_array().unwrap();
        let family = ask(&registry, "127.0.0.1", get("/wgrpc/registry"));
        let family = family.headers()["x-wgrpc-servers"].to_str().unwrap().to_owned();
        let family: Vec<&str> = family.split(',').filter(|address| !address.is_empty()).collect();
        prop_assert_eq!(servers.len(), registry.len());
        prop_assert!(family.len() <= servers.len());
        for address in servers.iter().map(|server| server["address"].as_str().unwrap()).chain(family) {
            prop_assert!(address.parse::<Address>().is_ok(), "{}", address);
        }
    }
}
