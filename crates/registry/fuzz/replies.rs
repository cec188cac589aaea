//! What must hold of the lists that registries say, for any replies whatever: servers that can be dialled, or an error in few words.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::time::Duration;

use ferrywire::discovery::{Endpoint, Sources};
use ferrywire::transport::Place;
use ferrywire::{Error, Result};
use ferrywire_registry::Scheme;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static STAND: (Runtime, TcpListener) = {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        (runtime, listener)
    };
}

/// A reply is a list of servers, or an error.
///
/// Its first letter says what it is: a body of JSON, a list in a header, or all that is said, in one protocol or the other.
pub fn registry_replies(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let (path, reply) = match choice {
        b'j' => ("/Arith", with_body(bytes)),
        b'w' | b'g' => {
            let (path, name) = match choice {
                b'w' => ("/wgrpc/registry", "X-Wgrpc-Servers"),
                _ => ("/_geerpc_/registry", "X-Geerpc-Servers"),
            };
            (
                path,
                [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", name.as_bytes(), b": ", bytes, b"\r\n\r\n"]
                    .concat(),
            )
        }
        b'f' => ("/wgrpc/registry", bytes.to_vec()),
        _ => ("", bytes.to_vec()),
    };
    match heard(path, &reply) {
        Ok(list) => list.iter().for_each(is_server),
        Err(error) => is_in_few_words(&error),
    }
}

fn with_body(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What a source says whose registry says this.
fn heard(path: &str, reply: &[u8]) -> Result<Vec<Endpoint>> {
    STAND.with(|(runtime, listener)| {
        let place = listener.local_addr().unwrap();
        let sources = Sources::default().with(Scheme);
        let mut source = sources.open(&format!("registry+http://{place}{path}")).unwrap();
        let says = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0, "a request has an end");
            }
            let _ = stream.write_all(reply).await;
            let _ = stream.shutdown().await;
            // Until it has heard: who closes over what was not read says something else.
            let _ = stream.read_buf(&mut request).await;
        };
        runtime.block_on(async {
            let heard = async { futures_util::future::join(source.next(), says).await.0 };
            tokio::time::timeout(Duration::from_secs(8), heard).await.expect("an answer has its time")
        })
    })
}

/// Somewhere to dial, with nothing that moves a cursor.
fn is_server(one: &Endpoint) {
    let Place::Tcp(place) = one.address.place() else { panic!("{one:?} is not reached over a network") };
    let port = place.rsplit_once(':').unwrap().1;
    assert_ne!(port.parse::<u16>().unwrap(), 0);
    let said = one.metadata.iter().flat_map(|(name, value)| [name, value]).chain([&one.zone]);
    let address = one.address.to_string();
    assert!(!said.chain([&address]).any(|text| text.contains(char::is_control)), "{one:?}");
}

fn is_in_few_words(error: &Error) {
    let message = error.message();
    assert!(
        !message.is_empty() && message.len() < 2000 && !message.contains(char::is_control),
        "{message:?}"
    );
    assert!(!error.may_have_run());
}
