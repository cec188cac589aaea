//! The echo over axum and hyper-util: HTTP/1.1, the payload in base64 in JSON both ways.

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use base64_simd::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use peer_support::{Connection, Peer, Result, run};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpSocket};

fn main() -> ExitCode {
    run::<Axum>()
}

/// What goes over the wire; the server does not look into the text.
#[derive(Serialize, Deserialize)]
struct Say {
    payload: String,
}

struct Axum;

impl Peer for Axum {
    type Connection = Client;

    fn new(_: &[&str]) -> Result<Self> {
        Ok(Self)
    }

    async fn serve(&self) -> Result<SocketAddr> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let say = post(async |Json(say): Json<Say>| Json(say));
        let router = Router::new().route("/Speak.Repeat", say).layer(DefaultBodyLimit::max(BODY_LEN_MAX));
        tokio::spawn(async { axum::serve(listener, router).await });
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Client> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        Ok(Client { http, uri: format!("http://{address}/Speak.Repeat").parse()? })
    }
}

/// A thousand clients connect at once, more than a listener of tokio's takes by default.
fn listen() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(socket.listen(4096)?)
}

/// Its default is 2 MB.
const BODY_LEN_MAX: usize = 16 << 20;

/// The pool behind it opens a connection for each call in flight.
#[derive(Clone)]
struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    uri: Uri,
}

impl Connection for Client {
    type Reply = Vec<u8>;

    async fn call(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(&Say { payload: STANDARD.encode_to_string(payload) })?;
        let request = Request::post(&self.uri).header(CONTENT_TYPE, "application/json").body(body.into())?;
        let response = self.http.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("expected 200 OK, the server said {}", response.status()).into());
        }
        let body = response.into_body().collect().await?.to_bytes();
        let Say { payload } = serde_json::from_slice(&body)?;
        Ok(STANDARD.decode_to_vec(payload)?)
    }
}
