//! What must hold of a registry for any requests whatever: it answers, stays within its bounds, and lists servers.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use ferrywire::server::Pages;
use ferrywire::transport::{Address, Peer};
use ferrywire_registry::{Registry, Settings};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use serde_json::Value;

/// How many servers fit.
const ENTRIES_MAX: usize = 4;

/// Whatever comes is answered in time, and lists stay lists of servers.
///
/// Requests stand behind each other with a line of `---` between, each as HTTP writes it, and before each a letter that says who asks.
pub fn registry_requests(bytes: &[u8]) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut settings = Settings::default();
    (settings.entries_max, settings.entries_per_source_max) = (ENTRIES_MAX, 2);
    settings.trusts_network = true;
    let registry = Registry::builder().settings(settings).token("secret").build();
    runtime.block_on(async {
        for request in parts(bytes).take(20) {
            let Some((&who, request)) = request.split_first() else { continue };
            let Some(mut request) = read(request) else { continue };
            if let Some(peer) = peer(who) {
                request.extensions_mut().insert(peer);
            }
            let answered = tokio::time::timeout(Duration::from_secs(61), registry.answer(request)).await;
            is_answer(&answered.expect("no answer is waited for longer than a change"));
            assert!(registry.len() <= ENTRIES_MAX);
            assert_eq!(registry.watchers(), 0);
        }
        lists_agree(&registry).await;
    });
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BETWEEN: &[u8] = b"\n---\n";
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(BETWEEN.len()).position(|it| it == BETWEEN);
        rest = end.map(|end| &bytes[end + BETWEEN.len()..]);
        Some(&bytes[..end.unwrap_or(bytes.len())])
    })
}

/// A request in HTTP's words, if HTTP lets it through.
fn read(bytes: &[u8]) -> Option<Request<Bytes>> {
    let (head, body) = match bytes.windows(2).position(|it| it == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut words = lines.next()?.splitn(2, |byte| *byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let mut request = Request::builder().method(method).uri(words.next()?);
    for line in lines.take(64) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        request = request.header(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}

fn peer(who: u8) -> Option<Peer> {
    let ip: IpAddr = match who {
        b'l' => [127, 0, 0, 1].into(),
        b'm' => "::ffff:127.0.0.1".parse().unwrap(),
        b'n' => return Some(Peer::named("memory")),
        b'o' => return None,
        _ => [10, 0, 0, who % 4].into(),
    };
    Some(Peer::at("tcp", SocketAddr::new(ip, 50_000)))
}

fn is_answer(response: &Response<Bytes>) {
    let status = response.status().as_u16();
    assert!((200..=500).contains(&status), "{status}");
    for value in response.headers().values() {
        assert!(value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)), "{value:?}");
    }
    let kind = response.headers().get("content-type");
    if kind.is_some_and(|kind| kind == "application/json") {
        is_clean(&serde_json::from_slice(response.body()).unwrap());
    } else {
        let text = std::str::from_utf8(response.body()).unwrap();
        assert!(!text.trim_end_matches('\n').contains(char::is_control), "{text:?}");
    }
}

/// No text in it moves a cursor.
fn is_clean(value: &Value) {
    let is_clean_text = |text: &str| assert!(!text.contains(char::is_control), "{text:?}");
    match value {
        Value::String(text) => is_clean_text(text),
        Value::Array(all) => all.iter().for_each(is_clean),
        Value::Object(all) => all.iter().for_each(|(name, value)| {
            is_clean_text(name);
            is_clean(value);
        }),
        _ => {}
    }
}

/// The list in JSON and those of the family say the same servers, which can be dialled.
async fn lists_agree(registry: &Registry) {
    let get = async |path: &str| {
        let mut request = Request::get(path).body(Bytes::new()).unwrap();
        request.extensions_mut().insert(peer(b'l').unwrap());
        registry.answer(request).await
    };
    let list: Value = serde_json::from_slice(get("/registry/v1/servers").await.body()).unwrap();
    let servers = list["servers"].as_array().unwrap();
    assert_eq!(servers.len(), registry.len());
    let addresses = servers.iter().map(|server| server["address"].as_str().unwrap());
    for address in addresses {
        assert_eq!(address.parse::<Address>().unwrap().to_string(), address);
    }
    let serving = servers.iter().filter(|server| server["health"] == "serving").count();
    for (path, name) in [("/wgrpc/registry", "x-wgrpc-servers"), ("/_geerpc_/registry", "x-geerpc-servers")] {
        let family = get(path).await.headers()[name].to_str().unwrap().to_owned();
        let family: Vec<&str> = family.split(',').filter(|address| !address.is_empty()).collect();
        assert_eq!(family.len(), serving, "{family:?}");
        assert!(family.iter().all(|address| address.parse::<Address>().is_ok()), "{family:?}");
    }
}
