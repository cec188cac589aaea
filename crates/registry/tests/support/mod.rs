//! What the tests share: a registry, and peers who ask it, from anywhere.
#![allow(dead_code, reason = "each file of tests uses a part")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use bytes::Bytes;
use ferrywire::server::Pages;
use ferrywire::transport::Peer;
use ferrywire_registry::{Registry, WithRegistry};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

pub(crate) mod fake;

/// Who asks a registry, by its network address, without a network between.
#[derive(Clone)]
pub(crate) struct From<'r> {
    registry: &'r Registry,
    peer: Peer,
    token: Option<&'static str>,
}

/// A program on the registry's own machine.
pub(crate) fn here(registry: &Registry) -> From<'_> {
    from(registry, "127.0.0.1")
}

pub(crate) fn from<'r>(registry: &'r Registry, ip: &str) -> From<'r> {
    let peer = Peer::at("tcp", std::net::SocketAddr::new(ip.parse().unwrap(), 50_000));
    From { registry, peer, token: None }
}

impl From<'_> {
    pub(crate) fn showing(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub(crate) async fn ask(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let request = match self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(self.peer.clone());
        self.registry.answer(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Bytes> {
        self.ask(Request::get(path), "").await
    }

    pub(crate) async fn post(&self, server: Value) -> Response<Bytes> {
        let request = Request::post("/registry/v1/servers").header("content-type", "application/json");
        self.ask(request, server.to_string()).await
    }

    pub(crate) async fn delete(&self, address: &str) -> Response<Bytes> {
        let path = format!("/registry/v1/servers?address={address}");
        self.ask(Request::builder().method(Method::DELETE).uri(path), "").await
    }

    pub(crate) async fn registers(&self, server: Value) {
        let response = self.post(server).await;
        assert_eq!(response.status(), 200, "{response:?}");
    }

    pub(crate) async fn is_refused(&self, server: Value) -> (u16, String) {
        let response = self.post(server.clone()).await;
        assert!(response.status().as_u16() >= 400, "{server} was registered");
        let said = json(&response);
        assert!(said["message"].as_str().is_some_and(|text| !text.is_empty()), "{said}");
        (response.status().as_u16(), said["code"].as_str().unwrap().to_owned())
    }

    /// The list at a path.
    pub(crate) async fn list(&self, query: &str) -> Value {
        let response = self.get(&format!("/registry/v1/servers{query}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        json(&response)
    }

    /// The addresses of the list at a path.
    pub(crate) async fn addresses(&self, query: &str) -> Vec<String> {
        addresses(&self.list(query).await)
    }
}

pub(crate) fn json(response: &Response<Bytes>) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

pub(crate) fn addresses(list: &Value) -> Vec<String> {
    let servers = list["servers"].as_array().unwrap().iter();
    servers.map(|server| server["address"].as_str().unwrap().to_owned()).collect()
}

pub(crate) async fn after(seconds: f64) {
    tokio::time::advance(Duration::from_secs_f64(seconds)).await;
}

/// Waits until `is_so`, where real sockets are at work.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

/// A registry on a port of its own.
pub(crate) struct Stand {
    pub(crate) registry: Registry,
    pub(crate) place: String,
    running: tokio::task::JoinHandle<ferrywire::Result<()>>,
}

impl Stand {
    pub(crate) async fn new(registry: Registry) -> Self {
        Self::at("127.0.0.1:0", registry).await
    }

    pub(crate) async fn at(place: &str, registry: Registry) -> Self {
        let server = ferrywire::Server::builder().with_registry(&registry);
        let server = server.bind(format!("tcp://{place}")).await.unwrap();
        let place = server.address().to_string().replace("tcp://", "");
        Self { registry, place, running: tokio::spawn(server.run()) }
    }

    /// Stops it where it stands. What it knew is lost.
    pub(crate) async fn dies(self) -> String {
        self.running.abort();
        let _ = self.running.await;
        self.place
    }
}
